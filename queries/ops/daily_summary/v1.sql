/*
summary: Each day of a month, per airport
owner: ops-analytics
parameters:
  month: {type: date, description: any day of the month}
cache: {ttl: 15m, stale_while_revalidate: 6h, stale_if_error: 1d}
examples:
  - {month: 2013-02-01}
*/
SELECT
  CAST(time_hour AS DATE) AS date,
  origin,
  count(*) AS flights,
  count(*) FILTER (WHERE dep_time IS NULL) AS cancelled,
  avg(dep_delay) AS mean_delay,
  CAST(sum(distance) AS BIGINT) AS miles
FROM flights
WHERE date_trunc('month', time_hour) = date_trunc('month', $month)
GROUP BY ALL
ORDER BY date, origin

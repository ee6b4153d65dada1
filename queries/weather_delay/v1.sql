/*
summary: How rain, wind and poor sight go with delay
description: >
  Each flight beside the weather of its hour at its airport. The range of days is given for flights only; the join
  carries it to the weather.
owner: ops-analytics
parameters:
  start: {type: timestamp, bucket: 1h, zone: America/New_York, epoch: ms, description: "first hour, by the clocks of New York"}
  end: {type: timestamp, bucket: 1h, zone: America/New_York, epoch: ms, description: first hour left out}
cache: {ttl: 15m, stale_while_revalidate: 6h, stale_if_error: 1d}
examples:
  - {start: 2013-02-04, end: 2013-02-11}
*/
SELECT
  CASE
    WHEN w.visib < 1 THEN '1 sight under a mile'
    WHEN w.precip > 0 THEN '2 rain or snow'
    WHEN w.wind_speed >= 20 THEN '3 wind of 20 mph or more'
    ELSE '4 fair'
  END AS weather,
  count(*) AS flights,
  count(*) FILTER (WHERE f.dep_time IS NULL) AS cancelled,
  round(avg(f.dep_delay), 1) AS mean_delay,
  round(avg(w.visib), 1) AS miles_of_sight
FROM flights AS f
JOIN weather AS w ON w.origin = f.origin AND w.time_hour = f.time_hour
WHERE f.time_hour >= $start AND f.time_hour < $end
GROUP BY ALL
ORDER BY weather

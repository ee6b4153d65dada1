/*
summary: Mean delay by day, smoothed over a week
description: The first six days of the range are smoothed over the days before them that are in the range.
owner: ops-analytics
parameters:
  start: {type: date, zone: America/New_York, epoch: ms, description: first day}
  end: {type: date, zone: America/New_York, epoch: ms, description: first day left out}
cache: {ttl: 15m, stale_while_revalidate: 6h, stale_if_error: 1d}
examples:
  - {start: 2013-06-01, end: 2013-07-01}
*/
WITH days AS (
  SELECT CAST(time_hour AS DATE) AS date, sum(dep_delay) AS minutes, count(dep_delay) AS flights
  FROM flights
  WHERE time_hour >= $start AND time_hour < $end
  GROUP BY ALL
)
SELECT
  date,
  minutes / flights AS mean_delay,
  sum(minutes) OVER week / sum(flights) OVER week AS weekly_delay
FROM days
WINDOW week AS (ORDER BY date RANGE BETWEEN INTERVAL 6 DAYS PRECEDING AND CURRENT ROW)
ORDER BY date

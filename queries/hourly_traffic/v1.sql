/*
summary: Departures by hour of one day
description: For a wall display. One row an hour that has departures.
owner: ops-analytics
parameters:
  day: {type: date, description: a day of 2013}
  origin: {type: varchar, optional: true, choices: [EWR, JFK, LGA], description: only departures from this airport}
cache: {ttl: 1m, stale_while_revalidate: 10m, stale_if_error: 1d}
examples:
  - {day: 2013-11-27}
  - {day: 2013-11-27, origin: JFK}
*/
SELECT
  time_hour AS hour,
  count(*) AS scheduled,
  count(dep_time) AS departed,
  count(*) FILTER (WHERE dep_delay > 15) AS late,
  max(dep_delay) AS worst_delay
FROM flights
WHERE time_hour >= $day AND time_hour < $day + INTERVAL 1 DAY
  AND ($origin IS NULL OR origin = $origin)
GROUP BY time_hour
ORDER BY time_hour

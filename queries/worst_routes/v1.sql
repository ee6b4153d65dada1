/*
summary: The routes that arrive latest, from each airport
description: Routes with few flights are left out, because one bad day would decide their place.
owner: network-planning
parameters:
  start: {type: date, description: first day}
  end: {type: date, description: first day left out}
  top: {type: integer, default: 5, min: 1, max: 50, description: routes per airport}
  min_flights: {type: integer, default: 30, min: 1, max: 10000, description: flights that a route must have}
cache: {ttl: 15m, stale_while_revalidate: 6h, stale_if_error: 1d}
examples:
  - {start: 2013-07-01, end: 2013-08-01}
  - {start: 2013-01-01, end: 2013-02-01, top: 3, min_flights: 100}
*/
WITH routes AS (
  SELECT origin, dest, count(*) AS flights, avg(arr_delay) AS mean_arrival_delay
  FROM flights
  WHERE time_hour >= $start AND time_hour < $end
  GROUP BY origin, dest
  HAVING count(*) >= $min_flights
)
SELECT
  origin,
  row_number() OVER (PARTITION BY origin ORDER BY mean_arrival_delay DESC, dest) AS place,
  dest,
  airports.name AS destination,
  flights,
  mean_arrival_delay
FROM routes
LEFT JOIN airports ON airports.faa = routes.dest
WHERE mean_arrival_delay IS NOT NULL
QUALIFY place <= $top
ORDER BY origin, place

/*
summary: Departure delays per airline, with the slow tail
description: >
  Adds to version 1 the airline's name, the median and the 90th percentile (a mean hides both), the cancelled flights,
  and a choice of airport.
owner: ops-analytics
parameters:
  start: {type: timestamp, bucket: 1h, zone: America/New_York, epoch: ms, description: "first hour, by the clocks of New York"}
  end: {type: timestamp, bucket: 1h, zone: America/New_York, epoch: ms, description: first hour left out}
  carriers: {type: "list[varchar]", optional: true, max_items: 16, description: "only these carriers, e.g. UA"}
  origin: {type: varchar, optional: true, choices: [EWR, JFK, LGA], description: only departures from this airport}
cache: {ttl: 5m, stale_while_revalidate: 1h, stale_if_error: 1d}
examples:
  - {start: 2013-01-01, end: 2013-01-08}
  - {start: 2013-07-01, end: 2013-08-01, carriers: [UA, DL], origin: EWR}
*/
SELECT
  f.carrier,
  a.name AS airline,
  count(*) AS flights,
  count(*) FILTER (WHERE f.dep_time IS NULL) AS cancelled,
  round(avg(f.dep_delay), 1) AS mean_delay,
  median(f.dep_delay) AS median_delay,
  round(quantile_cont(f.dep_delay, 0.9), 1) AS p90_delay
FROM flights AS f
LEFT JOIN airlines AS a ON a.carrier = f.carrier
WHERE f.time_hour >= $start AND f.time_hour < $end
  AND ($carriers IS NULL OR f.carrier IN $carriers)
  AND ($origin IS NULL OR f.origin = $origin)
GROUP BY f.carrier, a.name
ORDER BY mean_delay DESC, f.carrier

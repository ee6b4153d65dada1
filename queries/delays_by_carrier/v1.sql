/*
summary: Mean departure delay per carrier
description: Carriers by their two-letter code. Cancelled flights count as flights, but have no delay.
owner: ops-analytics
parameters:
  start: {type: timestamp, bucket: 1h, description: "first hour, by the clocks of New York"}
  end: {type: timestamp, bucket: 1h, description: first hour left out}
  carriers: {type: "list[varchar]", optional: true, max_items: 16, description: "only these carriers, e.g. UA"}
cache: {ttl: 5m, stale_while_revalidate: 1h, stale_if_error: 1d}
examples:
  - {start: 2013-01-01, end: 2013-01-08}
  - {start: 2013-07-01, end: 2013-08-01, carriers: [UA, DL]}
deprecated: 2026-11-01
successor: v2
*/
SELECT carrier, avg(dep_delay) AS mean_delay, count(*) AS flights
FROM flights
WHERE time_hour >= $start AND time_hour < $end
  AND ($carriers IS NULL OR carrier IN $carriers)
GROUP BY carrier
ORDER BY mean_delay DESC, carrier

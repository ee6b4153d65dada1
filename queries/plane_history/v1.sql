/*
summary: Where one plane went
description: Every departure of a plane from New York, newest first, with what is known of the plane.
owner: fleet
parameters:
  tailnum: {type: varchar, pattern: "N[0-9A-Z]{1,5}", description: "registration, e.g. N328AA"}
  start: {type: date, optional: true, description: first day}
  end: {type: date, optional: true, description: first day left out}
cache: {ttl: 1h, stale_while_revalidate: 1d, stale_if_error: 7d}
examples:
  - {tailnum: N328AA, start: 2013-12-25}
  - {tailnum: N725MQ, start: 2013-01-01, end: 2013-01-08}
*/
SELECT
  f.time_hour AS scheduled_hour,
  f.carrier,
  f.flight,
  f.origin,
  f.dest,
  f.dep_delay,
  f.arr_delay,
  p.manufacturer,
  p.model,
  p.year AS built,
  p.seats
FROM flights AS f
LEFT JOIN planes AS p ON p.tailnum = f.tailnum
WHERE f.tailnum = $tailnum
  AND ($start IS NULL OR f.time_hour >= $start)
  AND ($end IS NULL OR f.time_hour < $end)
ORDER BY f.time_hour DESC, f.flight

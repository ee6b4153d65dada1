/*
summary: Airlines that leave for the same place in the same hour
description: >
  Pairs of airlines by how often both have a departure to one destination within one hour, and how much later the
  one leaves than the other. The table is read twice; one filter prunes both.
owner: network-planning
parameters:
  start: {type: timestamp, bucket: 1h, description: "first hour, inclusive"}
  end: {type: timestamp, bucket: 1h, description: first hour left out}
  top: {type: integer, default: 20, min: 1, max: 500, description: rows to answer with}
cache: {ttl: 5m, stale_while_revalidate: 1h, stale_if_error: 1d}
examples:
  - {start: 2013-02-04, end: 2013-02-11}
  - {start: 2013-07-01, end: 2013-07-08, top: 5}
*/
SELECT one.carrier,
       other.carrier AS rival,
       count(*) AS meetings,
       count(DISTINCT one.dest) AS destinations,
       round(avg(one.dep_delay - other.dep_delay), 1) AS later_by
FROM flights AS one
JOIN flights AS other
  ON other.time_hour = one.time_hour AND other.dest = one.dest AND other.carrier > one.carrier
WHERE one.time_hour >= $start AND one.time_hour < $end
GROUP BY one.carrier, other.carrier
ORDER BY meetings DESC, one.carrier, rival
LIMIT $top

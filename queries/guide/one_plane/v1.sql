/*
summary: Where one plane flew to, from a table that is cut by day
owner: fleet
parameters:
  tailnum: {type: varchar, pattern: "N[0-9A-Z]{1,5}", description: "registration, e.g. N328AA"}
  start: {type: date, default: 2013-01-01, description: first day}
  end: {type: date, default: 2014-01-01, description: first day left out}
cache: {ttl: 1h, stale_while_revalidate: 1d, stale_if_error: 7d}
examples:
  - {tailnum: N328AA}
*/
SELECT dest, count(*) AS flights, sum(distance) AS miles
FROM flights
WHERE tailnum = $tailnum AND time_hour >= $start AND time_hour < $end
GROUP BY dest
ORDER BY flights DESC, dest

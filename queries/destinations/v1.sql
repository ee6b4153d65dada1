/*
summary: Where one can fly to from an airport in a week
owner: network-planning
parameters:
  origin: {type: varchar, choices: [EWR, JFK, LGA], description: airport of departure}
  week: {type: date, description: first day of the seven}
cache: {ttl: 1h, stale_while_revalidate: 1d, stale_if_error: 7d}
examples:
  - {origin: LGA, week: 2013-03-04}
*/
SELECT DISTINCT f.dest, a.name AS airport, a.tzone, f.distance AS miles
FROM flights AS f
LEFT JOIN airports AS a ON a.faa = f.dest
WHERE f.origin = $origin
  AND CAST(f.time_hour AS DATE) BETWEEN $week AND $week + INTERVAL 6 DAY
ORDER BY miles, f.dest

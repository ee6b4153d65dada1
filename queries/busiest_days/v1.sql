/*
summary: The days with the most departures
owner: network-planning
parameters:
  start: {type: date, default: 2013-01-01, description: first day}
  end: {type: date, default: 2014-01-01, description: first day left out}
  origins: {type: "list[varchar]", optional: true, max_items: 3, choices: [EWR, JFK, LGA], description: only these airports}
  top: {type: integer, default: 10, min: 1, max: 366, description: days}
cache: {ttl: 1h, stale_while_revalidate: 1d, stale_if_error: 7d}
examples:
  - {}
  - {start: 2013-06-01, end: 2013-07-01, origins: [LGA], top: 3}
*/
SELECT
  CAST(time_hour AS DATE) AS date,
  dayname(time_hour) AS weekday,
  count(*) AS departures,
  count(DISTINCT carrier) AS carriers,
  count(DISTINCT dest) AS destinations
FROM flights
WHERE time_hour >= $start AND time_hour < $end
  AND ($origins IS NULL OR origin IN $origins)
GROUP BY ALL
ORDER BY departures DESC, date
LIMIT $top

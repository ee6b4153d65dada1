/*
summary: The departures of some days as they are, to train a model with
owner: ops-analytics
parameters:
  start: {type: date, description: first day}
  end: {type: date, description: first day left out}
  origin: {type: varchar, optional: true, choices: [EWR, JFK, LGA], description: only departures from this airport}
cache: {ttl: 1h, stale_while_revalidate: 1d, stale_if_error: 7d}
examples:
  - {start: 2013-02-04, end: 2013-02-11}
*/
SELECT time_hour, origin, dest, carrier, distance, dep_delay
FROM flights
WHERE time_hour >= $start AND time_hour < $end
  AND ($origin IS NULL OR origin = $origin)

/*
summary: Departures by the clock, whatever the timetable said; reads the whole year
owner: ops-analytics
parameters:
  start: {type: timestamp, bucket: 1h, description: "first moment, by the clocks of New York"}
  end: {type: timestamp, bucket: 1h, description: first moment left out}
cache: {ttl: 15m, stale_while_revalidate: 6h, stale_if_error: 1d}
examples:
  - {start: 2013-02-09, end: 2013-02-10}
*/
SELECT origin, count(*) AS departures, max(dep_delay) AS worst_delay
FROM flights
WHERE time_hour + to_minutes(sched_dep_time % 100 + dep_delay) >= $start
  AND time_hour + to_minutes(sched_dep_time % 100 + dep_delay) < $end
GROUP BY origin
ORDER BY origin

/*
summary: Orders and revenue of each day
owner: shop
parameters:
  start: {type: date, description: first day}
  end: {type: date, description: first day left out}
  country: {type: varchar, optional: true, description: only orders from this country}
cache: {ttl: 5m}
examples:
  - {start: 2026-01-01, end: 2026-01-03}
*/
SELECT
  day,
  count(*) AS orders,
  sum(amount) AS revenue
FROM orders
WHERE ordered_at >= $start AND ordered_at < $end
  AND ($country IS NULL OR country = $country)
GROUP BY day
ORDER BY day

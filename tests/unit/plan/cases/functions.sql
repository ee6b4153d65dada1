-- Functions that keep order stay on the column.
SELECT k FROM a WHERE date_trunc('month', ts) = DATE '2024-02-01';
--> a: date_trunc(ts, month) = 2024-02-01 00:00:00

SELECT k FROM a WHERE ts::DATE = '2024-01-31';
--> a: cast(ts, DATE) = 2024-01-31

SELECT k FROM a WHERE CAST(d AS TIMESTAMP) < TIMESTAMP '2024-01-31 12:00:00';
--> a: cast(d, TIMESTAMP) < 2024-01-31 12:00:00

SELECT k FROM a WHERE year(ts) = 2024 AND extract('month' FROM ts) = 2 AND date_part('day', d) = 1;
--> a: year(ts) = 2024 AND month(ts) = 2 AND day(d) = 1

SELECT k FROM a WHERE strftime(ts, '%Y-%m') = '2024-02';
--> a: strftime(ts, %Y-%m) = 2024-02

-- A shift by a fixed length stays on the column.
SELECT k FROM a WHERE d + 1 = DATE '2024-02-01';
--> a: add(d, 1) = 2024-02-01

SELECT k FROM a WHERE ts - INTERVAL 1 DAY >= TIMESTAMP '2024-01-30';
--> a: add(ts, -86400000000) >= 2024-01-30 00:00:00

-- A month has no fixed length.
SELECT k FROM a WHERE ts + INTERVAL 1 MONTH >= TIMESTAMP '2024-02-28';
--> a: add_months_to_time(ts, 1) >= 2024-02-28 00:00:00

-- DuckDB 1.5.5 folds a truncated column that differs from a constant off the boundary to TRUE, for NULL too.
SELECT k FROM a WHERE date_trunc('month', ts) <> DATE '2024-01-30';
--> a: date_trunc(ts, month) <> 2024-01-30 00:00:00 OR ts IS NULL

SELECT k FROM a WHERE monthname(ts) = 'January';
--> a: ts where {day/hour: MONTHNAME(__lo) = 'January'; range: DATE_TRUNC('MONTH', __lo) IS DISTINCT FROM DATE_TRUNC('MONTH', __hi) OR MONTHNAME(__lo) = 'January'}

-- The unit of a truncation may be a column or a parameter, whatever its name.
SELECT k FROM (SELECT k, ts, CASE s WHEN 'ab' THEN 'year' ELSE 'day' END AS month FROM a) AS x
WHERE date_trunc(month, ts) = DATE '2024-02-01';
--> a: TRUE
--! a: DATE_TRUNC((month), ts) = CAST('2024-02-01' AS DATE) | date_trunc to an expression

SELECT k FROM (SELECT k, ts, CASE s WHEN 'ab' THEN 'year' ELSE 'day' END AS month FROM a) AS x
WHERE date_trunc(x.month, ts) = DATE '2024-02-01';
--> a: TRUE
--! a: DATE_TRUNC(x.month, ts) = CAST('2024-02-01' AS DATE) | date_trunc to an expression

-- A filter on a group key may go below the grouping; HAVING on a key too.
SELECT * FROM (SELECT k, count(*) AS n FROM a GROUP BY k) t WHERE k = 1 AND n > 0;
--> a: k = 1

SELECT k, count(*) FROM a GROUP BY k HAVING k = 1 AND count(*) > 0;
--> a: k = 1

-- Not on what is no key.
SELECT * FROM (SELECT k, min(d) AS d FROM a GROUP BY k) t WHERE d = DATE '2024-01-30';
--> a: TRUE

-- A key that is a function.
SELECT date_trunc('month', ts) AS month, count(*) FROM a GROUP BY 1 HAVING month = DATE '2024-02-01';
--> a: date_trunc(ts, month) = 2024-02-01 00:00:00

SELECT * FROM (SELECT ts::DATE AS day, count(*) FROM a GROUP BY ALL) t WHERE day = DATE '2024-02-01';
--> a: cast(ts, DATE) = 2024-02-01

-- A key under an alias that hides a column is not followed.
SELECT k + 1 AS k, count(*) FROM a GROUP BY 1 HAVING k = 2;
--> a: TRUE

-- ROLLUP gives rows without its keys.
SELECT * FROM (SELECT k, s, count(*) AS n FROM a GROUP BY s, ROLLUP (k)) t WHERE (k = 1 OR k IS NULL) AND s = 'a';
--> a: s = a
--! a: k = 1 OR k IS NULL | blocked by GROUP BY

-- Without GROUP BY there is always one row.
SELECT * FROM (SELECT count(*) AS n, max(k) AS k FROM a) t WHERE k IS NULL;
--> a: TRUE

SELECT count(*) FROM a HAVING 1 = 1;
--> a: TRUE

-- Windows: only whole partitions of every window may go.
SELECT * FROM (SELECT k, s, count(*) OVER (PARTITION BY k) AS n FROM a) t WHERE k = 1 AND s = 'a';
--> a: k = 1
--! a: s = 'a' | blocked by a window

SELECT * FROM (SELECT k, count(*) OVER (PARTITION BY k) AS n, count(*) OVER () AS o FROM a) t WHERE k = 1;
--> a: TRUE
--! a: k = 1 | blocked by a window

SELECT k, d FROM a WINDOW w AS (PARTITION BY k ORDER BY d) QUALIFY rank() OVER w = 1 AND k = 1 AND d IS NOT NULL;
--> a: k = 1
--! a: NOT d IS NULL | blocked by a window

-- DISTINCT is transparent, DISTINCT ON only for its keys.
SELECT * FROM (SELECT DISTINCT k, s FROM a) t WHERE k = 1;
--> a: k = 1

SELECT * FROM (SELECT DISTINCT ON (k) k, s FROM a ORDER BY k, s) t WHERE k IS NOT NULL AND s = 'b';
--> a: k IS NOT NULL
--! a: s = 'b' | blocked by DISTINCT ON

-- LIMIT chooses among all rows; what is below it stays.
SELECT * FROM (SELECT k FROM a WHERE k > 0 ORDER BY ALL LIMIT 2) t WHERE k = 2;
--> a: k > 0
--! a: k = 2 | blocked by LIMIT

SELECT * FROM (SELECT k FROM a ORDER BY ALL OFFSET 1) t WHERE k = 2;
--> a: TRUE
--! a: k = 2 | blocked by LIMIT

-- A derived table passes what is asked of its bare columns.
SELECT * FROM (SELECT k AS x, d FROM a WHERE s = 'a') t WHERE x = 1 AND d IS NOT NULL;
--> a: s = a AND k = 1 AND d IS NOT NULL

-- And of a known function of one.
SELECT * FROM (SELECT date_trunc('month', ts) AS month, k FROM a) t WHERE month = DATE '2024-02-01';
--> a: date_trunc(ts, month) = 2024-02-01 00:00:00

SELECT * FROM (SELECT k + k AS x FROM a) t WHERE x = 1;
--> a: TRUE

-- Stars are expanded.
SELECT * FROM (SELECT * EXCLUDE (s) REPLACE (k + k AS k) RENAME (d AS day) FROM a) t WHERE k = 2 AND day = DATE '2024-01-31' AND f;
--> a: d = 2024-01-31 AND f = True

-- A derived table tells its neighbours what it guarantees.
SELECT count(*) FROM (SELECT k FROM a WHERE k = 1) t JOIN b ON t.k = b.k;
--> a: k = 1 AND k IS NOT NULL
--> b: k IS NOT NULL AND k = 1

-- A CTE used once.
WITH t AS (SELECT * FROM a) SELECT count(*) FROM t WHERE k = 1;
--> a: k = 1

-- A CTE used twice keeps what either use needs.
WITH t AS (SELECT * FROM a) SELECT count(*) FROM t x, t y WHERE x.k = 1 AND y.k = 2;
--> a: k = 1 OR k = 2

WITH t AS (SELECT * FROM a) SELECT count(*) FROM t x, t y WHERE x.k = 1;
--> a: TRUE
--! a: (x.k = 1) OR (TRUE) | another reference needs all

-- A CTE that has the name of its table hides it outside of itself only.
WITH a AS (SELECT * FROM a WHERE k = 1) SELECT count(*) FROM a WHERE s = 'a';
--> a: k = 1 AND s = a

-- Recursive: each arm by itself.
WITH RECURSIVE t(k) AS (SELECT k FROM a WHERE k = 1 UNION SELECT b.k FROM b, t WHERE b.d = DATE '2024-01-31' AND b.k = t.k + 1)
SELECT count(*) FROM t WHERE k = 2;
--> a: k = 1
--> b: d = 2024-01-31
--! b: b.k = t.k + 1 | compared with no constant

-- PIVOT sees all.
SELECT * FROM (PIVOT a ON f USING count(*) GROUP BY k) WHERE k = 1;
--> a: TRUE

SELECT * FROM (SELECT f, s, k FROM a) PIVOT (max(k) FOR f IN (TRUE AS k) GROUP BY s) WHERE k = 2;
--> a: TRUE

-- FROM first
FROM a SELECT k WHERE k = 1;
--> a: k = 1

FROM a;
--> a: TRUE

-- A block that always yields a row says nothing outside: neither what is known of its rows nor a constant.
SELECT count(*) FROM a LEFT JOIN b ON a.d = b.d AND a.d > DATE '2024-01-30'
CROSS JOIN (SELECT count(*) AS n FROM c WHERE FALSE) q;
--> a: TRUE
--> b: d IS NOT NULL AND d > 2024-01-30
--> c: TRUE
--! a: a.d = b.d | preserved side of LEFT JOIN
--! a: a.d > CAST('2024-01-30' AS DATE) | preserved side of LEFT JOIN

SELECT count(*) FROM a WHERE EXISTS (SELECT count(*) FROM b WHERE a.d > DATE '2024-01-30' GROUP BY ());
--> a: TRUE
--> b: TRUE

-- But GROUP BY ALL with a key does not.
SELECT count(*) FROM a WHERE EXISTS (SELECT k, count(*) FROM b WHERE b.d = a.d AND b.d > DATE '2024-01-30' GROUP BY ALL);
--> a: d IS NOT NULL AND d > 2024-01-30
--> b: d IS NOT NULL AND d > 2024-01-30

SELECT count(*) FROM a WHERE EXISTS (SELECT count(*) FROM b WHERE a.d > DATE '2024-01-30' GROUP BY ROLLUP (k));
--> a: TRUE
--> b: TRUE

-- Rows that no aggregate looks at are not needed.
SELECT count(*) FILTER (WHERE d >= DATE '2024-02-01') AS n, sum(k) FILTER (WHERE d = $pd AND s = 'a') FROM a;
--> a: (d = $pd AND s = a) OR d >= 2024-02-01

SELECT count(CASE WHEN d >= DATE '2024-02-01' THEN 1 END), max(CASE WHEN k = 1 THEN ts ELSE NULL END) FROM a WHERE f;
--> a: f = True AND (k = 1 OR d >= 2024-02-01)

SELECT sum(CASE WHEN k = 1 THEN m WHEN k = 2 THEN 2 * m END) / count(DISTINCT CASE WHEN k = 1 THEN s END) FROM a;
--> a: k = 1 OR k = 2

SELECT list(s ORDER BY s) FILTER (WHERE k > 2), avg(if(k > 2, m, NULL)) FROM a;
--> a: k > 2

-- Zeros for the others: one row has to be left, or the sum is NULL.
SELECT sum(CASE WHEN k >= 2 THEN m ELSE 0 END), count(*) FILTER (WHERE k = 3) FROM a;
--> a: k = 3 OR k >= 2 OR [$__witness_0 IS NULL]

SELECT sum(CASE WHEN k = 7 THEN 1 ELSE 0 END) FROM a;
--> a: k = 7 OR [$__witness_0 IS NULL]

SELECT count_if(d = $pd) FROM a WHERE s = 'a';
--> a: s = a AND (d = $pd OR [$__witness_0 IS NULL])

SELECT sum(if(k = $pk, 1, 0)) FROM a HAVING sum(if(k = $pk, 1, 0)) > 1;
--> a: TRUE
--! a: SUM(CASE WHEN k = $pk THEN 1 ELSE 0 END) > 1 | function not monotone: sum

-- Joined rows, as a WHERE would filter them
SELECT count(*) FILTER (WHERE a.k = 1 AND b.d = DATE '2024-01-31') FROM a LEFT JOIN b ON a.k = b.k;
--> a: k = 1 AND k IS NOT NULL AND k IN <b.k where d = 2024-01-31 AND k IS NOT NULL AND k = 1>
--> b: d = 2024-01-31 AND k IS NOT NULL AND k = 1

SELECT sum(CASE WHEN a.k = 1 THEN 1 ELSE 0 END) FROM a JOIN b ON a.k = b.k;
--> a: k IS NOT NULL
--> b: k IS NOT NULL

-- Other aggregates look at all rows, and a group is there without any that counts.
SELECT count(*), count(*) FILTER (WHERE k = 1) FROM a;
--> a: TRUE

SELECT s, count(*) FILTER (WHERE k = 1) FROM a GROUP BY s;
--> a: TRUE

SELECT avg(CASE WHEN k = 1 THEN k ELSE 0 END) FROM a;
--> a: TRUE

SELECT sum(CASE WHEN k = 1 THEN k ELSE 1 END) FROM a;
--> a: TRUE

SELECT max(CASE WHEN k = 7 THEN k ELSE 0 END) FROM a;
--> a: TRUE

SELECT list(CASE WHEN k = 1 THEN k END ORDER BY k) FROM a;
--> a: TRUE

SELECT len(list(CASE WHEN k = 1 THEN k END)) FROM a;
--> a: TRUE

SELECT sum(CASE WHEN k = 1 THEN k::DOUBLE ELSE 0 END) FROM a;
--> a: TRUE

SELECT sum(CASE k WHEN 1 THEN 1 END) FROM a;
--> a: TRUE

SELECT count(*) FILTER (WHERE k = 1) OVER () FROM a WHERE k < 3;
--> a: k < 3

SELECT sum((k = 1)::INTEGER) FROM a;
--> a: k = 1 OR [$__witness_0 IS NULL]

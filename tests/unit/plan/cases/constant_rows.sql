-- A row of constants is as good as the constants.
WITH p AS (SELECT DATE '2024-01-31' AS a, $pd AS b) SELECT count(*) FROM a, p WHERE a.ts >= p.a AND a.d < p.b;
--> a: ts IS NOT NULL AND ts >= 2024-01-31 00:00:00 AND d IS NOT NULL AND d < $pd

SELECT count(*) FROM a JOIN (SELECT $pk AS lo, lo + 1 AS hi) p ON a.k BETWEEN p.lo AND p.hi;
--> a: k IS NOT NULL AND k >= $pk AND k <= {CAST(($pk) + 1 AS HUGEINT)}

-- Also in sums, below functions, and through queries over it.
WITH p AS (SELECT DATE '2024-01-31' AS x, $pj AS n), q AS (SELECT x - n AS lo, x AS hi FROM p) SELECT count(*) FROM a CROSS JOIN q WHERE a.ts::DATE >= lo AND a.d <= hi;
--> a: ts IS NOT NULL AND cast(ts, DATE) >= {CAST((CAST('2024-01-31' AS DATE)) - ($pj) AS DATE)} AND d IS NOT NULL AND d <= 2024-01-31

-- A string in a row is a VARCHAR.
SELECT count(*) FROM a, (SELECT 'ab' AS x) p WHERE a.s = p.x;
--> a: s IS NOT NULL AND s = {CAST(CAST('ab' AS TEXT) AS VARCHAR)} AND (s IN ({CAST(CAST('ab' AS TEXT) AS VARCHAR)}) OR s IS NULL)

-- Of several rows any may match; all conjuncts speak of one row.
SELECT count(*) FROM a JOIN (VALUES (DATE '2024-01-30', DATE '2024-01-31'), (DATE '2024-02-02', DATE '2024-02-03')) AS v(lo, hi) ON a.d >= lo AND a.d < hi;
--> a: d IS NOT NULL AND (d >= 2024-01-30 OR d >= 2024-02-02) AND (d < 2024-01-31 OR d < 2024-02-03) AND ((d >= 2024-01-30 AND d < 2024-01-31) OR (d >= 2024-02-02 AND d < 2024-02-03))

SELECT count(*) FROM a, (VALUES (1), (3)) v WHERE a.k = v.col0;
--> a: k IS NOT NULL AND (k = 1 OR k = 3) AND k IN (1, 3)

WITH p AS (SELECT $pd AS x UNION ALL SELECT DATE '2024-02-01') SELECT count(*) FROM a WHERE EXISTS (SELECT 1 FROM p WHERE a.d = p.x);
--> a: d IS NOT NULL AND (d = $pd OR d = 2024-02-01) AND (d IN ($pd, 2024-02-01) OR d IS NULL) AND (d IN ($pd) OR d IS NULL OR d IN (2024-02-01))

-- IN and USING
SELECT count(*) FROM a WHERE d IN (SELECT x FROM (VALUES (DATE '2024-01-31'), (DATE '2024-02-01')) v(x));
--> a: d IS NOT NULL AND d IN (2024-01-31, 2024-02-01)

SELECT count(*) FROM a JOIN (VALUES ($pk), (3)) v(k) USING (k);
--> a: k IS NOT NULL AND (k IN ($pk, 3) OR k IS NULL)

-- A parameter may be NULL.
SELECT count(*) FROM a, (SELECT $pd AS x) p WHERE p.x IS NULL OR a.d >= p.x;
--> a: [$pd IS NULL] OR d >= $pd

-- Where an outer join may put NULL in the place of the row, it says nothing.
SELECT count(*) FROM a LEFT JOIN (SELECT DATE '2024-01-31' AS x) p ON a.d = p.x WHERE a.ts >= p.x OR p.x IS NULL;
--> a: TRUE
--! a: a.ts >= p.x OR p.x IS NULL | compared with no constant
--! a: a.d = p.x | preserved side of LEFT JOIN

SELECT count(*) FROM (SELECT DATE '2024-01-31' AS x) p LEFT JOIN a ON a.d >= p.x;
--> a: d IS NOT NULL AND d >= 2024-01-31

SELECT count(*) FROM (SELECT DATE '2024-01-31' AS x) p RIGHT JOIN a ON a.d >= p.x WHERE a.d < p.x OR p.x IS NULL;
--> a: TRUE
--! a: a.d < p.x OR p.x IS NULL | compared with no constant
--! a: a.d >= p.x | preserved side of RIGHT JOIN

-- ROLLUP makes a NULL of a constant; a row that a WHERE leaves out does no harm.
SELECT count(*) FROM a, (SELECT x FROM (VALUES (DATE '2024-01-31')) v(x) GROUP BY ROLLUP (x)) p WHERE a.d >= p.x OR p.x IS NULL;
--> a: TRUE
--! a: a.d >= p.x OR p.x IS NULL | compared with no constant

SELECT count(*) FROM a, (SELECT x FROM (VALUES (1), (2)) v(x) WHERE x > $pj) p WHERE a.k >= p.x;
--> a: k IS NOT NULL AND (k >= 1 OR k >= 2)

-- A scalar subquery is a constant where it has exactly one row.
SELECT count(*) FROM a WHERE d >= (SELECT DATE '2024-01-31') - 1;
--> a: d >= {CAST((CAST('2024-01-31' AS DATE)) - 1 AS DATE)}

SELECT count(*) FROM a WHERE d >= (SELECT DATE '2024-01-31' WHERE $pj = 1) OR (SELECT DATE '2024-01-31' WHERE $pj = 1) IS NULL;
--> a: TRUE
--! a: d >= (SELECT CAST('2024-01-31' AS DATE) WHERE $pj = 1) OR (SELECT CAST('2024-01-31' AS DATE) WHERE $pj = 1) IS NULL | subquery

-- A column wins over an alias of the same name in WHERE; both mean the column.
SELECT s AS d FROM a WHERE d > DATE '2024-01-30';
--> a: d > 2024-01-30

-- An alias is meant where no column has the name.
SELECT d AS x FROM a WHERE x > DATE '2024-01-30';
--> a: d > 2024-01-30

-- One that is given twice is not followed.
SELECT d AS x, ts::DATE AS x FROM a WHERE x > DATE '2024-01-30';
--> a: TRUE

-- In HAVING a name that is both is not followed.
SELECT d, max(d) AS d FROM a GROUP BY a.d HAVING d > DATE '2024-01-30';
--> a: TRUE

-- An alias of an earlier item is meant in the SELECT list, not a column of the block around.
SELECT count(*) FROM (SELECT d AS x FROM a) o WHERE EXISTS (SELECT b.d AS x, x AS y FROM b WHERE y = DATE '2024-01-30');
--> a: TRUE
--> b: d = 2024-01-30

-- Keys of DISTINCT ON: the alias alone, a column in an expression, a position.
SELECT * FROM (SELECT DISTINCT ON (d) s AS d, d AS raw FROM a ORDER BY ALL) q WHERE raw > DATE '2024-01-30';
--> a: TRUE
--! a: raw > CAST('2024-01-30' AS DATE) | blocked by DISTINCT ON

SELECT * FROM (SELECT DISTINCT ON (d) s AS d, d AS raw FROM a ORDER BY ALL) q WHERE q.d = 'a';
--> a: s = a

SELECT * FROM (SELECT DISTINCT ON (2) s, d FROM a ORDER BY ALL) q WHERE d > DATE '2024-01-30';
--> a: d > 2024-01-30

-- Keys of GROUP BY: the alias alone; in an expression it is not seen.
SELECT * FROM (SELECT d AS x, count(*) AS n FROM a GROUP BY x) q WHERE x > DATE '2024-01-30';
--> a: d > 2024-01-30

-- A number in a window is not a position.
SELECT * FROM (SELECT d, count(*) OVER (PARTITION BY 1) AS n FROM a) q WHERE d > DATE '2024-01-30';
--> a: TRUE
--! a: d > CAST('2024-01-30' AS DATE) | blocked by a window

-- A source is not seen by an ON before it, nor the right side of a SEMI JOIN behind it.
SELECT count(*) FROM (SELECT d AS w FROM a) o
WHERE EXISTS (SELECT 1 FROM b JOIN b AS e ON w = DATE '2024-01-30' JOIN (SELECT d AS w FROM c) z ON TRUE);
--> a: d = 2024-01-30
--> b: TRUE
--> b: TRUE
--> c: TRUE

SELECT count(*) FROM a AS y WHERE EXISTS (SELECT 1 FROM b AS x SEMI JOIN c AS y ON TRUE WHERE y.d = DATE '2024-01-30');
--> a: TRUE
--> b: TRUE
--> c: TRUE

-- Two USING of one name do not join their sides to each other.
SELECT count(*) FROM a AS p JOIN b AS q USING (d), a AS r JOIN c AS t USING (d) WHERE p.d = DATE '2024-01-30';
--> a: d = 2024-01-30 AND d IS NOT NULL
--> b: d IS NOT NULL AND d = 2024-01-30
--> a: d IS NOT NULL
--> c: d IS NOT NULL

-- A column in parentheses keeps its name.
SELECT count(*) FROM (SELECT (d) FROM a) q WHERE d = DATE '2024-01-30';
--> a: d = 2024-01-30

-- A column of VALUES beyond those named has a name of DuckDB's.
SELECT count(*) FROM (SELECT k AS col1 FROM a) o WHERE EXISTS (SELECT 1 FROM (VALUES (1, 2)) v(n) WHERE col1 = 2);
--> a: TRUE

-- Distinct values are a grain of the partials, over which the other aggregates are merged as over any groups.
SELECT k, count(DISTINCT j) AS n, sum(i) AS s, avg(i) AS a FROM facts AS t GROUP BY k;
--> partial: SELECT k AS "k0", j AS "k1", sum(i) AS "s0", count(i) AS "s1" FROM facts AS t GROUP BY 1, 2
--> finish: SELECT "k0" AS "k", count(DISTINCT "k1") AS n, sum("s0") AS s, (CAST(sum("s0") AS DOUBLE) / sum("s1")) AS a FROM "partials" GROUP BY "k0" ORDER BY 1
--> whole: SELECT k AS "k", count(DISTINCT j) AS n, sum(i) AS s, (CAST(sum(i) AS DOUBLE) / count(i)) AS a FROM facts AS t GROUP BY k ORDER BY 1

SELECT count(DISTINCT upper(k)) AS n, count(DISTINCT k) FILTER (WHERE i > 1) AS m, sum(DISTINCT i) AS s, count(*) AS c FROM facts AS t;
--> partial: SELECT upper(k) AS "k0", CASE WHEN i > 1 THEN k END AS "k1", i AS "k2", count(*) AS "s0" FROM facts AS t GROUP BY 1, 2, 3
--> finish: SELECT count(DISTINCT "k0") AS n, count(DISTINCT "k1") AS m, sum(DISTINCT "k2") AS s, CAST(coalesce(sum("s0"), 0) AS BIGINT) AS c FROM "partials"

SELECT count(distinct k) + count(DISTINCT k) AS n, max(DISTINCT i) AS m FROM facts AS t WHERE i > 100;
--> partial: SELECT k AS "k0", max(DISTINCT i) AS "s0" FROM facts AS t WHERE i > 100 GROUP BY 1
--> finish: SELECT count(DISTINCT "k0") + count(DISTINCT "k0") AS n, max("s0") AS m FROM "partials"
--> fails: SELECT 1 FROM "facts" AS "t" WHERE NOT (i > 100) OR (i) IS NULL

SELECT k, count(DISTINCT j) AS n FROM facts AS t GROUP BY ROLLUP (k);
--> partial: SELECT k AS "k0", j AS "k1" FROM facts AS t GROUP BY 1, 2
--> finish: SELECT "k0" AS "k", count(DISTINCT "k1") AS n FROM "partials" GROUP BY ROLLUP ("k0") ORDER BY 1, GROUPING("k0")
--> whole: SELECT k AS "k", count(DISTINCT j) AS n FROM facts AS t GROUP BY ROLLUP (k) ORDER BY 1, GROUPING("t".k)

-- Of others, and of values that are equal and differ in bytes, it does not go.
SELECT count(DISTINCT (k, j)) AS n FROM facts AS t;
--! a key STRUCT(VARCHAR, INTEGER)

SELECT sum(DISTINCT f) AS n FROM facts AS t;
--! a key DOUBLE

SELECT avg(DISTINCT i) AS n FROM facts AS t;
--! avg(DISTINCT …) cannot be merged

-- SELECT DISTINCT keeps each row once.
SELECT DISTINCT k FROM facts AS t;
--> partial: SELECT k AS "k0" FROM facts AS t GROUP BY 1
--> finish: SELECT DISTINCT "k0" AS "k" FROM "partials" ORDER BY 1
--> whole: SELECT DISTINCT k AS "k" FROM facts AS t ORDER BY 1

SELECT DISTINCT upper(k) AS u, 'x' AS x, j FROM facts AS t WHERE i > 1 ORDER BY j DESC LIMIT 2;
--> partial: SELECT upper(k) AS "k0", j AS "k1" FROM facts AS t WHERE i > 1 GROUP BY 1, 2
--> finish: SELECT DISTINCT "k0" AS u, 'x' AS x, "k1" AS "j" FROM "partials" ORDER BY "k1" DESC, 1, 2, 3 LIMIT 2
--> whole: SELECT DISTINCT upper(k) AS u, 'x' AS x, j AS "j" FROM facts AS t WHERE i > 1 ORDER BY j DESC, 1, 2, 3 LIMIT 2
--> fails: SELECT 1 FROM "facts" AS "t" WHERE NOT (i > 1) OR (i) IS NULL

SELECT DISTINCT row_number() OVER (ORDER BY i) AS r FROM facts AS t;
--! it groups by what is no expression of columns

SELECT DISTINCT f FROM facts AS t;
--! its DISTINCT is of values that are equal and may differ in bytes

SELECT DISTINCT 1 AS one FROM facts AS t;
--! it uses no column

-- What a filter leaves out is not evaluated for partials: an expression could fail for it.
SELECT sum(DISTINCT i * 2) FILTER (WHERE j < 1) AS s FROM facts AS t;
--! it has a FILTER beside DISTINCT of an expression | a derived table with the expression

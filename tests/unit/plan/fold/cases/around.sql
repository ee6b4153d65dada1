-- A query over the aggregation is part of the finish, and ends in the order of all columns.
SELECT k, n * 2 AS twice FROM (SELECT k, count(*) AS n FROM facts AS t GROUP BY k) WHERE n > 1 ORDER BY twice DESC LIMIT 2;
--> partial: SELECT k AS "k0", count(*) AS "s0" FROM facts AS t GROUP BY 1
--> finish: SELECT k, n * 2 AS twice FROM (SELECT "k0" AS "k", CAST(coalesce(sum("s0"), 0) AS BIGINT) AS n FROM "partials" GROUP BY "k0" ORDER BY 1 ) WHERE n > 1 ORDER BY twice DESC, 1, 2 LIMIT 2
--> whole: SELECT k, n * 2 AS twice FROM (SELECT k AS "k", count(*) AS n FROM facts AS t GROUP BY k ORDER BY 1 ) WHERE n > 1 ORDER BY twice DESC, 1, 2 LIMIT 2

WITH a AS (SELECT k, j, sum(i) AS s FROM facts AS t WHERE i > 1 GROUP BY k, j) SELECT k, max(s) AS most, count(*) AS n, sum(s) AS total, sum(DISTINCT j) AS js FROM a GROUP BY k HAVING count(*) > 0;
--> partial: SELECT k AS "k0", j AS "k1", sum(i) AS "s0" FROM facts AS t WHERE i > 1 GROUP BY 1, 2
--> finish: WITH a AS (SELECT "k0" AS "k", "k1" AS "j", sum("s0") AS s FROM "partials" GROUP BY "k0", "k1" ORDER BY 1, 2 ) SELECT k, max(s) AS most, count(*) AS n, sum(s) AS total, sum(DISTINCT j) AS js FROM a GROUP BY k HAVING count(*) > 0 ORDER BY 1, 2, 3, 4, 5
--> whole: WITH a AS (SELECT k AS "k", j AS "j", sum(i) AS s FROM facts AS t WHERE i > 1 GROUP BY k, j ORDER BY 1, 2 ) SELECT k, max(s) AS most, count(*) AS n, sum(s) AS total, sum(DISTINCT j) AS js FROM a GROUP BY k HAVING count(*) > 0 ORDER BY 1, 2, 3, 4, 5
--> fails: SELECT 1 FROM "facts" AS "t" WHERE NOT (i > 1) OR (i) IS NULL

WITH a AS (SELECT k, avg(i) AS mean FROM facts AS t GROUP BY k), b AS (SELECT k, mean, rank() OVER (ORDER BY mean DESC) AS r FROM a) SELECT *, -mean AS negative FROM b WHERE r <= 2;
--> partial: SELECT k AS "k0", sum(i) AS "s0", count(i) AS "s1" FROM facts AS t GROUP BY 1
--> finish: WITH a AS (SELECT "k0" AS "k", (CAST(sum("s0") AS DOUBLE) / sum("s1")) AS mean FROM "partials" GROUP BY "k0" ORDER BY 1 ), b AS (SELECT k, mean, rank() OVER (ORDER BY mean DESC) AS r FROM a) SELECT *, -mean AS negative FROM b WHERE r <= 2 ORDER BY 1, ("mean") + 0, signbit("mean"), 3, ("negative") + 0, signbit("negative")
--> whole: WITH a AS (SELECT k AS "k", (CAST(sum(i) AS DOUBLE) / count(i)) AS mean FROM facts AS t GROUP BY k ORDER BY 1 ), b AS (SELECT k, mean, rank() OVER (ORDER BY mean DESC) AS r FROM a) SELECT *, -mean AS negative FROM b WHERE r <= 2 ORDER BY 1, ("mean") + 0, signbit("mean"), 3, ("negative") + 0, signbit("negative")

WITH a AS (SELECT k, avg(i) AS mean FROM facts AS t GROUP BY k) SELECT k, -mean AS negative FROM a;
--> partial: SELECT k AS "k0", sum(i) AS "s0", count(i) AS "s1" FROM facts AS t GROUP BY 1
--> finish: WITH a AS (SELECT "k0" AS "k", (CAST(sum("s0") AS DOUBLE) / sum("s1")) AS mean FROM "partials" GROUP BY "k0" ORDER BY 1 ) SELECT k, -mean AS negative FROM a ORDER BY 1, (-mean) + 0, signbit(-mean)
--> whole: WITH a AS (SELECT k AS "k", (CAST(sum(i) AS DOUBLE) / count(i)) AS mean FROM facts AS t GROUP BY k ORDER BY 1 ) SELECT k, -mean AS negative FROM a ORDER BY 1, (-mean) + 0, signbit(-mean)

SELECT k, max(n) AS most
FROM (
  SELECT k, count(*) AS n
  FROM (
    SELECT k, j FROM facts AS t
  ) AS x
  GROUP BY k, j
) AS y
GROUP BY k;
--> partial: SELECT k AS "k0", j AS "k1", count(*) AS "s0" FROM ( SELECT k, j FROM facts AS t ) AS x GROUP BY 1, 2
--> finish: SELECT k, max(n) AS most FROM ( SELECT "k0" AS "k", CAST(coalesce(sum("s0"), 0) AS BIGINT) AS n FROM "partials" GROUP BY "k0", "k1" ORDER BY 1, "k1" ) AS y GROUP BY k ORDER BY 1, 2
--> whole: SELECT k, max(n) AS most FROM ( SELECT k AS "k", count(*) AS n FROM ( SELECT k, j FROM facts AS t ) AS x GROUP BY k, j ORDER BY 1, "x".j ) AS y GROUP BY k ORDER BY 1, 2

-- Both sides of a join may be the aggregation.
WITH a AS (SELECT k, count(*) AS n FROM facts AS t GROUP BY k) SELECT a.k, a.n, b.n AS other FROM a LEFT JOIN a AS b ON a.n < b.n;
--> partial: SELECT k AS "k0", count(*) AS "s0" FROM facts AS t GROUP BY 1
--> finish: WITH a AS (SELECT "k0" AS "k", CAST(coalesce(sum("s0"), 0) AS BIGINT) AS n FROM "partials" GROUP BY "k0" ORDER BY 1 ) SELECT a.k, a.n, b.n AS other FROM a LEFT JOIN a AS b ON a.n < b.n ORDER BY 1, 2, 3
--> whole: WITH a AS (SELECT k AS "k", count(*) AS n FROM facts AS t GROUP BY k ORDER BY 1 ) SELECT a.k, a.n, b.n AS other FROM a LEFT JOIN a AS b ON a.n < b.n ORDER BY 1, 2, 3

WITH a AS (SELECT k, count(*) AS n FROM facts AS t GROUP BY k) SELECT k, n, n / (SELECT sum(n) FROM a) AS share FROM a;
--> partial: SELECT k AS "k0", count(*) AS "s0" FROM facts AS t GROUP BY 1
--> finish: WITH a AS (SELECT "k0" AS "k", CAST(coalesce(sum("s0"), 0) AS BIGINT) AS n FROM "partials" GROUP BY "k0" ORDER BY 1 ) SELECT k, n, n / (SELECT sum(n) FROM a) AS share FROM a ORDER BY 1, 2, (n / (SELECT sum(n) FROM a)) + 0, signbit(n / (SELECT sum(n) FROM a))
--> whole: WITH a AS (SELECT k AS "k", count(*) AS n FROM facts AS t GROUP BY k ORDER BY 1 ) SELECT k, n, n / (SELECT sum(n) FROM a) AS share FROM a ORDER BY 1, 2, (n / (SELECT sum(n) FROM a)) + 0, signbit(n / (SELECT sum(n) FROM a))

-- Windows tell rows apart by all columns; so does a LIMIT inside.
SELECT k, row_number() OVER (ORDER BY n) AS r, lag(n) OVER () AS l FROM (SELECT k, count(*) AS n, avg(i) AS m FROM facts AS t GROUP BY k) AS x;
--> partial: SELECT k AS "k0", count(*) AS "s0", sum(i) AS "s1", count(i) AS "s2" FROM facts AS t GROUP BY 1
--> finish: SELECT k, row_number() OVER (ORDER BY n, "x"."k", "x"."n", ("x"."m") + 0, signbit("x"."m") ) AS r, lag(n) OVER ( ORDER BY "x"."k", "x"."n", ("x"."m") + 0, signbit("x"."m") ) AS l FROM (SELECT "k0" AS "k", CAST(coalesce(sum("s0"), 0) AS BIGINT) AS n, (CAST(sum("s1") AS DOUBLE) / sum("s2")) AS m FROM "partials" GROUP BY "k0" ORDER BY 1 ) AS x ORDER BY 1, 2, 3
--> whole: SELECT k, row_number() OVER (ORDER BY n, "x"."k", "x"."n", ("x"."m") + 0, signbit("x"."m") ) AS r, lag(n) OVER ( ORDER BY "x"."k", "x"."n", ("x"."m") + 0, signbit("x"."m") ) AS l FROM (SELECT k AS "k", count(*) AS n, (CAST(sum(i) AS DOUBLE) / count(i)) AS m FROM facts AS t GROUP BY k ORDER BY 1 ) AS x ORDER BY 1, 2, 3

SELECT count(*) AS n, sum(n) AS s FROM (SELECT k, n FROM (SELECT k, count(*) AS n FROM facts AS t GROUP BY k) WHERE n > 0 ORDER BY n DESC LIMIT 2);
--> partial: SELECT k AS "k0", count(*) AS "s0" FROM facts AS t GROUP BY 1
--> finish: SELECT count(*) AS n, sum(n) AS s FROM (SELECT k, n FROM (SELECT "k0" AS "k", CAST(coalesce(sum("s0"), 0) AS BIGINT) AS n FROM "partials" GROUP BY "k0" ORDER BY 1 ) WHERE n > 0 ORDER BY n DESC, 1, 2 LIMIT 2) ORDER BY 1, 2
--> whole: SELECT count(*) AS n, sum(n) AS s FROM (SELECT k, n FROM (SELECT k AS "k", count(*) AS n FROM facts AS t GROUP BY k ORDER BY 1 ) WHERE n > 0 ORDER BY n DESC, 1, 2 LIMIT 2) ORDER BY 1, 2

SELECT count(*) AS n FROM (SELECT DISTINCT k FROM facts AS t WHERE i > 1);
--> partial: SELECT k AS "k0" FROM facts AS t WHERE i > 1 GROUP BY 1
--> finish: SELECT count(*) AS n FROM (SELECT DISTINCT "k0" AS "k" FROM "partials" ORDER BY 1 ) ORDER BY 1
--> whole: SELECT count(*) AS n FROM (SELECT DISTINCT k AS "k" FROM facts AS t WHERE i > 1 ORDER BY 1 ) ORDER BY 1
--> fails: SELECT 1 FROM "facts" AS "t" WHERE NOT (i > 1) OR (i) IS NULL

SELECT DISTINCT n FROM (SELECT k, count(*) AS n FROM facts AS t GROUP BY k ORDER BY n LIMIT 2) ORDER BY ALL;
--> partial: SELECT k AS "k0", count(*) AS "s0" FROM facts AS t GROUP BY 1
--> finish: SELECT DISTINCT n FROM (SELECT "k0" AS "k", CAST(coalesce(sum("s0"), 0) AS BIGINT) AS n FROM "partials" GROUP BY "k0" ORDER BY n, 1 LIMIT 2) ORDER BY ALL
--> whole: SELECT DISTINCT n FROM (SELECT k AS "k", count(*) AS n FROM facts AS t GROUP BY k ORDER BY n, 1 LIMIT 2) ORDER BY ALL

-- What depends on the order of the rows, or on the bytes of equal values.
SELECT sum(mean) AS s FROM (SELECT k, avg(i) AS mean FROM facts AS t GROUP BY k);
--! what is around its aggregation aggregates or groups by a DOUBLE | CAST it AS DECIMAL(18, 6), or what fits, in the aggregation

SELECT mean, count(*) AS n FROM (SELECT k, avg(i) AS mean FROM facts AS t GROUP BY k) GROUP BY mean;
--! what is around its aggregation aggregates or groups by a DOUBLE | CAST it AS DECIMAL(18, 6), or what fits, in the aggregation

SELECT DISTINCT mean FROM (SELECT k, avg(i) AS mean FROM facts AS t GROUP BY k);
--! what is around its aggregation aggregates or groups by a DOUBLE | CAST it AS DECIMAL(18, 6), or what fits, in the aggregation

SELECT list(n) AS l FROM (SELECT k, count(*) AS n FROM facts AS t GROUP BY k);
--! array_agg() around its aggregation depends on the order of the rows

SELECT first(n) AS l FROM (SELECT k, count(*) AS n FROM facts AS t GROUP BY k);
--! first() around its aggregation depends on the order of the rows

SELECT [n] AS l FROM (SELECT k, count(*) AS n FROM facts AS t GROUP BY k);
--! it has a BIGINT[] around its aggregation, whose equal values may differ in bytes

SELECT * FROM (SELECT k, avg(i) AS mean FROM facts AS t GROUP BY k) ORDER BY ALL;
--! its ORDER BY ALL is of floating-point numbers | ORDER BY its keys

SELECT a.n FROM (SELECT k, count(*) AS n FROM facts AS t GROUP BY k) AS a POSITIONAL JOIN (SELECT 1 AS one);
--! its POSITIONAL JOIN is not folded

-- Other tables around it.
SELECT a.k, label FROM (SELECT k, count(*) AS n FROM facts AS t GROUP BY k) AS a JOIN dims ON dk = k;
--! it reads dims around its aggregation | JOIN dims in the aggregation

SELECT k, count(*) AS n FROM facts AS t GROUP BY k UNION ALL SELECT dk, 1 FROM dims;
--! an arm of its set operation reads dims and does not aggregate

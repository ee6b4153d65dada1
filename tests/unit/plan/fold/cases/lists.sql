-- Partials keep each value with what it is ordered by, and how many rows have both. Where rows tie, the values decide.
SELECT k, list(i ORDER BY ts DESC NULLS FIRST) AS l FROM facts AS t GROUP BY k;
--> partial: SELECT k AS "k0", i AS "k1", ts AS "k2", count(*) AS "s0" FROM facts AS t GROUP BY 1, 2, 3
--> finish: SELECT "k0" AS "k", flatten(list(repeat(["k1"], "s0") ORDER BY "k2" DESC NULLS FIRST, "k1")) AS l FROM "partials" GROUP BY "k0" ORDER BY 1
--> whole: SELECT k AS "k", list(i ORDER BY ts DESC NULLS FIRST, i) AS l FROM facts AS t GROUP BY k ORDER BY 1

SELECT string_agg(k, ', ' ORDER BY i) AS a, count(*) AS n, sum(f) AS s FROM facts AS t;
--> partial: SELECT k AS "k0", i AS "k1", count(*) AS "s0", digit0(f) AS "s1", digit1(f) AS "s2", digit2(f) AS "s3", digit3(f) AS "s4", digit4(f) AS "s5", digit5(f) AS "s6" FROM facts AS t GROUP BY 1, 2
--> finish: SELECT string_agg(CAST("k0" AS VARCHAR) || repeat(', ' || CAST("k0" AS VARCHAR), "s0" - 1), ', ' ORDER BY "k1", "k0") AS a, CAST(coalesce(sum("s0"), 0) AS BIGINT) AS n, exact("s1", "s2", "s3", "s4", "s5", "s6") AS s FROM "partials"
--> whole: SELECT string_agg(k, ', ' ORDER BY i, k) AS a, count(*) AS n, exact(digit0(f), digit1(f), digit2(f), digit3(f), digit4(f), digit5(f)) AS s FROM facts AS t

-- A value that is among the terms is told apart already.
SELECT array_agg(i ORDER BY k, t.i DESC) AS a FROM facts AS t;
--> partial: SELECT i AS "k0", k AS "k1", t.i AS "k2", count(*) AS "s0" FROM facts AS t GROUP BY 1, 2, 3
--> finish: SELECT flatten(list(repeat(["k0"], "s0") ORDER BY "k1", "k2" DESC)) AS a FROM "partials"

SELECT string_agg(upper(k) ORDER BY upper(k)) AS a FROM facts AS t;
--> partial: SELECT upper(k) AS "k0", count(*) AS "s0" FROM facts AS t GROUP BY 1
--> finish: SELECT string_agg(CAST("k0" AS VARCHAR) || repeat(',' || CAST("k0" AS VARCHAR), "s0" - 1), ',' ORDER BY "k0") AS a FROM "partials"

-- Distinct values are not counted.
SELECT list(DISTINCT k ORDER BY k DESC)[:2] AS l, count(DISTINCT j) AS n FROM facts AS t;
--> partial: SELECT k AS "k0", j AS "k1" FROM facts AS t GROUP BY 1, 2
--> finish: SELECT list(DISTINCT "k0" ORDER BY "k0" DESC)[:2] AS l, count(DISTINCT "k1") AS n FROM "partials"

SELECT listagg(DISTINCT k, '-' ORDER BY k) AS l FROM facts AS t;
--> partial: SELECT k AS "k0" FROM facts AS t GROUP BY 1
--> finish: SELECT listagg(DISTINCT "k0", '-' ORDER BY "k0") AS l FROM "partials"

-- A FILTER is a grain of its own: NULL may be a value. Only columns are left out by it, for others may fail.
SELECT list(k ORDER BY j * 2) FILTER (WHERE i > 1) AS l FROM facts AS t;
--> partial: SELECT CASE WHEN i > 1 THEN k END AS "k0", j * 2 AS "k1", (i > 1) IS TRUE AS "k2", count(*) AS "s0" FROM facts AS t GROUP BY 1, 2, 3
--> finish: SELECT flatten(list(repeat(["k0"], "s0") ORDER BY "k1", "k0") FILTER (WHERE "k2")) AS l FROM "partials"
--> whole: SELECT list(k ORDER BY j * 2, k) FILTER (WHERE i > 1) AS l FROM facts AS t

SELECT group_concat(k, ' ' ORDER BY j) AS a, list(k ORDER BY j) AS b FROM facts AS t GROUP BY ROLLUP (t);
--> partial: SELECT t AS "k0", k AS "k1", j AS "k2", count(*) AS "s0" FROM facts AS t GROUP BY 1, 2, 3
--> finish: SELECT string_agg(CAST("k1" AS VARCHAR) || repeat(' ' || CAST("k1" AS VARCHAR), "s0" - 1), ' ' ORDER BY "k2", "k1") AS a, flatten(list(repeat(["k1"], "s0") ORDER BY "k2", "k1")) AS b FROM "partials" GROUP BY ROLLUP ("k0") ORDER BY "k0", GROUPING("k0")
--> whole: SELECT group_concat(k, ' ' ORDER BY j, k) AS a, list(k ORDER BY j, k) AS b FROM facts AS t GROUP BY ROLLUP (t) ORDER BY "t".t, GROUPING("t".t)

-- What depends on the order of the rows, or on the bytes of equal values.
SELECT list(k) AS l FROM facts AS t;
--! list() without ORDER BY depends on the order of the rows | list(k ORDER BY …)

SELECT string_agg(DISTINCT k, ',') AS l FROM facts AS t;
--! string_agg() without ORDER BY depends on the order of the rows | string_agg(DISTINCT k, ',' ORDER BY …)

SELECT list(k ORDER BY 1) AS l FROM facts AS t;
--! list() of several arguments, or ordered by a constant, cannot be merged

SELECT listagg(k, ',') WITHIN GROUP (ORDER BY i) AS l FROM facts AS t;
--! LISTAGG(k, ',' ORDER BY i) cannot be merged

SELECT list(f ORDER BY i) AS l FROM facts AS t;
--! a key DOUBLE

SELECT list(k ORDER BY f) AS l FROM facts AS t;
--! a key DOUBLE

SELECT list([k] ORDER BY i) AS l FROM facts AS t;
--! a key VARCHAR[]

-- A key by position, by alias, as an expression; what it is called in the result stays.
SELECT ts::DATE AS day, count(*) AS n FROM facts AS t GROUP BY 1;
--> partial: SELECT ts::DATE AS "k0", count(*) AS "s0" FROM facts AS t GROUP BY 1
--> finish: SELECT "k0" AS day, CAST(coalesce(sum("s0"), 0) AS BIGINT) AS n FROM "partials" GROUP BY "k0" ORDER BY 1
--> whole: SELECT ts::DATE AS day, count(*) AS n FROM facts AS t GROUP BY 1 ORDER BY 1

SELECT ts::DATE AS day, count(*) AS n FROM facts AS t GROUP BY day;
--> partial: SELECT ts::DATE AS "k0", count(*) AS "s0" FROM facts AS t GROUP BY 1
--> finish: SELECT "k0" AS day, CAST(coalesce(sum("s0"), 0) AS BIGINT) AS n FROM "partials" GROUP BY "k0" ORDER BY 1
--> whole: SELECT ts::DATE AS day, count(*) AS n FROM facts AS t GROUP BY day ORDER BY 1

SELECT K, count(*) FROM facts AS t GROUP BY k;
--> partial: SELECT k AS "k0", count(*) AS "s0" FROM facts AS t GROUP BY 1
--> finish: SELECT "k0" AS "k", CAST(coalesce(sum("s0"), 0) AS BIGINT) AS "count_star()" FROM "partials" GROUP BY "k0" ORDER BY 1
--> whole: SELECT K AS "k", count(*) AS "count_star()" FROM facts AS t GROUP BY k ORDER BY 1

SELECT upper(k) AS u, j, count(*) AS n FROM facts AS t GROUP BY ALL;
--> partial: SELECT upper(k) AS "k0", j AS "k1", count(*) AS "s0" FROM facts AS t GROUP BY 1, 2
--> finish: SELECT "k0" AS u, "k1" AS "j", CAST(coalesce(sum("s0"), 0) AS BIGINT) AS n FROM "partials" GROUP BY "k0", "k1" ORDER BY 1, 2
--> whole: SELECT upper(k) AS u, j AS "j", count(*) AS n FROM facts AS t GROUP BY ALL ORDER BY 1, 2

-- A key that is not in the result is ordered by nevertheless, under a name that can mean nothing else.
SELECT count(*) AS j FROM facts AS t GROUP BY j;
--> partial: SELECT j AS "k0", count(*) AS "s0" FROM facts AS t GROUP BY 1
--> finish: SELECT CAST(coalesce(sum("s0"), 0) AS BIGINT) AS j FROM "partials" GROUP BY "k0" ORDER BY "k0"
--> whole: SELECT count(*) AS j FROM facts AS t GROUP BY j ORDER BY "t".j

-- A key inside of another expression.
SELECT coalesce(k, 'none') AS name, count(*) AS n FROM facts AS t GROUP BY k;
--> partial: SELECT k AS "k0", count(*) AS "s0" FROM facts AS t GROUP BY 1
--> finish: SELECT coalesce("k0", 'none') AS name, CAST(coalesce(sum("s0"), 0) AS BIGINT) AS n FROM "partials" GROUP BY "k0" ORDER BY "k0"
--> whole: SELECT coalesce(k, 'none') AS name, count(*) AS n FROM facts AS t GROUP BY k ORDER BY "t".k

SELECT date_trunc('day', ts) + INTERVAL 1 DAY AS next, count(*) AS n FROM facts AS t GROUP BY date_trunc('day', ts);
--> partial: SELECT date_trunc('day', ts) AS "k0", count(*) AS "s0" FROM facts AS t GROUP BY 1
--> finish: SELECT "k0" + INTERVAL 1 DAY AS next, CAST(coalesce(sum("s0"), 0) AS BIGINT) AS n FROM "partials" GROUP BY "k0" ORDER BY "k0"
--> whole: SELECT date_trunc('day', ts) + INTERVAL 1 DAY AS next, count(*) AS n FROM facts AS t GROUP BY date_trunc('day', ts) ORDER BY date_trunc('day', "t".ts)

-- Equal values that differ in bytes: which of them stands in the result depends on the order of the rows.
SELECT f, count(*) AS n FROM facts AS t GROUP BY f;
--! a key DOUBLE

SELECT k COLLATE NOCASE AS k, count(*) AS n FROM facts AS t GROUP BY 1;
--! it has a COLLATE | upper() or lower() of the column

-- A column that is no key.
SELECT k, i FROM facts AS t GROUP BY k;
--! i stands outside of the aggregates and of GROUP BY

-- A constant, a window, several sets of keys.
SELECT 1 AS one, count(*) AS n FROM facts AS t GROUP BY 'x';
--! it groups by what is no expression of columns

SELECT k, j, count(*) AS n FROM facts AS t GROUP BY ROLLUP (k, j);
--> partial: SELECT k AS "k0", j AS "k1", count(*) AS "s0" FROM facts AS t GROUP BY 1, 2
--> finish: SELECT "k0" AS "k", "k1" AS "j", CAST(coalesce(sum("s0"), 0) AS BIGINT) AS n FROM "partials" GROUP BY ROLLUP ("k0", "k1") ORDER BY 1, 2, GROUPING("k0", "k1")
--> whole: SELECT k AS "k", j AS "j", count(*) AS n FROM facts AS t GROUP BY ROLLUP (k, j) ORDER BY 1, 2, GROUPING("t".k, "t".j)

-- What would mean something else over partials than over rows.
SELECT k, list_transform([1, 2], k -> k + 1) AS l, count(*) AS n FROM facts AS t GROUP BY k;
--! it has a lambda, whose names may be those of columns

SELECT k, [k + 1 FOR k IN [1, 2]] AS l, count(*) AS n FROM facts AS t GROUP BY k;
--! it has a list comprehension, whose names may be those of columns

SELECT #1 AS k, count(*) AS n FROM facts AS t GROUP BY ALL;
--! it has a column by its number | the name of the column

SELECT count(*) AS "__gateway_s1", sum(i) AS s FROM facts AS t;
--! it has a name that begins with __gateway_ | another name

-- Keys that differ in the case of a text are two.
SELECT replace(k, 'A', 'x') AS a, replace(k, 'a', 'x') AS b, count(*) AS n FROM facts AS t GROUP BY 2, 1;
--> partial: SELECT replace(k, 'a', 'x') AS "k0", replace(k, 'A', 'x') AS "k1", count(*) AS "s0" FROM facts AS t GROUP BY 1, 2
--> finish: SELECT "k1" AS a, "k0" AS b, CAST(coalesce(sum("s0"), 0) AS BIGINT) AS n FROM "partials" GROUP BY "k0", "k1" ORDER BY 2, 1
--> whole: SELECT replace(k, 'A', 'x') AS a, replace(k, 'a', 'x') AS b, count(*) AS n FROM facts AS t GROUP BY 2, 1 ORDER BY 2, 1

-- A name is a column in GROUP BY and in the list, and a result in ORDER BY.
SELECT upper(k) AS k, count(*) AS n FROM facts AS t GROUP BY k ORDER BY k;
--> partial: SELECT k AS "k0", count(*) AS "s0" FROM facts AS t GROUP BY 1
--> finish: SELECT upper("k0") AS k, CAST(coalesce(sum("s0"), 0) AS BIGINT) AS n FROM "partials" GROUP BY "k0" ORDER BY k, "k0"
--> whole: SELECT upper(k) AS k, count(*) AS n FROM facts AS t GROUP BY k ORDER BY k, "t".k

SELECT j AS i, i AS j, count(*) AS n FROM facts AS t GROUP BY i, j ORDER BY i;
--> partial: SELECT i AS "k0", j AS "k1", count(*) AS "s0" FROM facts AS t GROUP BY 1, 2
--> finish: SELECT "k1" AS i, "k0" AS j, CAST(coalesce(sum("s0"), 0) AS BIGINT) AS n FROM "partials" GROUP BY "k0", "k1" ORDER BY i, 2, 1
--> whole: SELECT j AS i, i AS j, count(*) AS n FROM facts AS t GROUP BY i, j ORDER BY i, 2, 1

SELECT sum(j) AS i, i + 1 AS q FROM facts AS t GROUP BY i;
--> partial: SELECT i AS "k0", sum(j) AS "s0" FROM facts AS t GROUP BY 1
--> finish: SELECT sum("s0") AS i, "k0" + 1 AS q FROM "partials" GROUP BY "k0" ORDER BY "k0"
--> whole: SELECT sum(j) AS i, i + 1 AS q FROM facts AS t GROUP BY i ORDER BY "t".i

SELECT k AS j, count(*) AS n FROM facts AS t GROUP BY k, j HAVING j > 1;
--! j is the name of a column and of a result | give the result another name

-- A result by its name in another one, and in HAVING.
SELECT sum(i) AS s, s + 1 AS q FROM facts AS t GROUP BY k HAVING s > 1;
--> partial: SELECT k AS "k0", sum(i) AS "s0" FROM facts AS t GROUP BY 1
--> finish: SELECT sum("s0") AS s, s + 1 AS q FROM "partials" GROUP BY "k0" HAVING s > 1 ORDER BY "k0"
--> whole: SELECT sum(i) AS s, s + 1 AS q FROM facts AS t GROUP BY k HAVING s > 1 ORDER BY "t".k

SELECT j AS i, sum(i) AS s FROM facts AS t GROUP BY j;
--> partial: SELECT j AS "k0", sum(i) AS "s0" FROM facts AS t GROUP BY 1
--> finish: SELECT "k0" AS i, sum("s0") AS s FROM "partials" GROUP BY "k0" ORDER BY 1
--> whole: SELECT j AS i, sum(i) AS s FROM facts AS t GROUP BY j ORDER BY 1

SELECT j AS i, count(*) AS n FROM facts AS t GROUP BY j ORDER BY sum(i) DESC;
--> partial: SELECT j AS "k0", count(*) AS "s0", sum(i) AS "s1" FROM facts AS t GROUP BY 1
--> finish: SELECT "k0" AS i, CAST(coalesce(sum("s0"), 0) AS BIGINT) AS n FROM "partials" GROUP BY "k0" ORDER BY sum("s1") DESC, 1
--> whole: SELECT j AS i, count(*) AS n FROM facts AS t GROUP BY j ORDER BY sum(i) DESC, 1

SELECT j AS i, count(*) AS n FROM facts AS t GROUP BY j HAVING sum(i) > 30;
--> partial: SELECT j AS "k0", count(*) AS "s0", sum(i) AS "s1" FROM facts AS t GROUP BY 1
--> finish: SELECT "k0" AS i, CAST(coalesce(sum("s0"), 0) AS BIGINT) AS n FROM "partials" GROUP BY "k0" HAVING sum("s1") > 30 ORDER BY 1
--> whole: SELECT j AS i, count(*) AS n FROM facts AS t GROUP BY j HAVING sum(i) > 30 ORDER BY 1

SELECT -i AS i, count(*) AS n FROM facts AS t GROUP BY t.i ORDER BY abs(i);
--! i is the name of a column and of a result | give the result another name

SELECT k, sum(i) AS i FROM facts AS t GROUP BY k HAVING sum(i) > 1 ORDER BY sum(i) DESC;
--> partial: SELECT k AS "k0", sum(i) AS "s0" FROM facts AS t GROUP BY 1
--> finish: SELECT "k0" AS "k", sum("s0") AS i FROM "partials" GROUP BY "k0" HAVING sum("s0") > 1 ORDER BY sum("s0") DESC, 1
--> whole: SELECT k AS "k", sum(i) AS i FROM facts AS t GROUP BY k HAVING sum(i) > 1 ORDER BY sum(i) DESC, 1

-- GROUP BY ALL groups by the columns of a key that HAVING names, too.
SELECT j % 2 AS p, count(*) AS n FROM facts AS t GROUP BY ALL HAVING p = 1;
--! its HAVING adds a key to GROUP BY ALL | the keys in GROUP BY by their names

SELECT j % 2 AS p, count(*) AS n FROM facts AS t GROUP BY ALL HAVING j % 2 = 1 AND count(*) > 1;
--! its HAVING adds a key to GROUP BY ALL | the keys in GROUP BY by their names

SELECT k AS p, count(*) AS n FROM facts AS t GROUP BY ALL HAVING p <> 'b' AND k <> 'c' AND max(i) > 0;
--> partial: SELECT k AS "k0", count(*) AS "s0", max(i) AS "s1" FROM facts AS t GROUP BY 1
--> finish: SELECT "k0" AS p, CAST(coalesce(sum("s0"), 0) AS BIGINT) AS n FROM "partials" GROUP BY "k0" HAVING p <> 'b' AND "k0" <> 'c' AND max("s1") > 0 ORDER BY 1
--> whole: SELECT k AS p, count(*) AS n FROM facts AS t GROUP BY ALL HAVING p <> 'b' AND k <> 'c' AND max(i) > 0 ORDER BY 1

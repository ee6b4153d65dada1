-- No ORDER BY: the keys. LIMIT then chooses the same rows everywhere.
SELECT k, count(*) AS n FROM facts AS t GROUP BY k LIMIT 2;
--> partial: SELECT k AS "k0", count(*) AS "s0" FROM facts AS t GROUP BY 1
--> finish: SELECT "k0" AS "k", CAST(coalesce(sum("s0"), 0) AS BIGINT) AS n FROM "partials" GROUP BY "k0" ORDER BY 1 LIMIT 2
--> whole: SELECT k AS "k", count(*) AS n FROM facts AS t GROUP BY k ORDER BY 1 LIMIT 2

-- Ties are broken by the keys.
SELECT k, j, count(*) AS n FROM facts AS t GROUP BY k, j ORDER BY n DESC LIMIT 3;
--> partial: SELECT k AS "k0", j AS "k1", count(*) AS "s0" FROM facts AS t GROUP BY 1, 2
--> finish: SELECT "k0" AS "k", "k1" AS "j", CAST(coalesce(sum("s0"), 0) AS BIGINT) AS n FROM "partials" GROUP BY "k0", "k1" ORDER BY n DESC, 1, 2 LIMIT 3
--> whole: SELECT k AS "k", j AS "j", count(*) AS n FROM facts AS t GROUP BY k, j ORDER BY n DESC, 1, 2 LIMIT 3

-- By an aggregate, by position, by an expression.
SELECT k, sum(i) AS n FROM facts AS t GROUP BY k ORDER BY sum(i) + 1 DESC NULLS LAST, 1 OFFSET 1;
--> partial: SELECT k AS "k0", sum(i) AS "s0" FROM facts AS t GROUP BY 1
--> finish: SELECT "k0" AS "k", sum("s0") AS n FROM "partials" GROUP BY "k0" ORDER BY sum("s0") + 1 DESC NULLS LAST, 1, 1 OFFSET 1
--> whole: SELECT k AS "k", sum(i) AS n FROM facts AS t GROUP BY k ORDER BY sum(i) + 1 DESC NULLS LAST, 1, 1 OFFSET 1

-- ORDER BY ALL is all results, in its direction; a key that is none of them comes after.
SELECT count(*) AS n, max(i) AS m FROM facts AS t GROUP BY k ORDER BY ALL DESC NULLS FIRST;
--> partial: SELECT k AS "k0", count(*) AS "s0", max(i) AS "s1" FROM facts AS t GROUP BY 1
--> finish: SELECT CAST(coalesce(sum("s0"), 0) AS BIGINT) AS n, max("s1") AS m FROM "partials" GROUP BY "k0" ORDER BY 1 DESC NULLS FIRST, 2 DESC NULLS FIRST, "k0"
--> whole: SELECT count(*) AS n, max(i) AS m FROM facts AS t GROUP BY k ORDER BY 1 DESC NULLS FIRST, 2 DESC NULLS FIRST, "t".k

-- A result that has the name of a column is what ORDER BY means by it, alone; inside of an expression it may be either.
SELECT date_trunc('day', ts) AS ts, count(*) AS n FROM facts AS t GROUP BY 1 ORDER BY ts DESC;
--> partial: SELECT date_trunc('day', ts) AS "k0", count(*) AS "s0" FROM facts AS t GROUP BY 1
--> finish: SELECT "k0" AS ts, CAST(coalesce(sum("s0"), 0) AS BIGINT) AS n FROM "partials" GROUP BY "k0" ORDER BY ts DESC, 1
--> whole: SELECT date_trunc('day', ts) AS ts, count(*) AS n FROM facts AS t GROUP BY 1 ORDER BY ts DESC, 1

SELECT sum(i) AS i, k FROM facts AS t GROUP BY k ORDER BY i + 1;
--! i is the name of a column and of a result | give the result another name

-- DISTINCT orders by results only.
SELECT DISTINCT count(*) AS n, min(j) AS j FROM facts AS t GROUP BY k ORDER BY n LIMIT 2;
--> partial: SELECT k AS "k0", count(*) AS "s0", min(j) AS "s1" FROM facts AS t GROUP BY 1
--> finish: SELECT DISTINCT CAST(coalesce(sum("s0"), 0) AS BIGINT) AS n, min("s1") AS j FROM "partials" GROUP BY "k0" ORDER BY n, 1, 2 LIMIT 2
--> whole: SELECT DISTINCT count(*) AS n, min(j) AS j FROM facts AS t GROUP BY k ORDER BY n, 1, 2 LIMIT 2

SELECT DISTINCT ON (k) k, j, count(*) AS n FROM facts AS t GROUP BY k, j;
--! its DISTINCT ON is not folded

SELECT DISTINCT avg(i) AS a FROM facts AS t GROUP BY k;
--! its DISTINCT is of values that are equal and may differ in bytes

-- HAVING with and without GROUP BY.
SELECT k, count(*) AS n FROM facts AS t GROUP BY k HAVING n > 1 AND max(i) > 0 AND k <> 'b';
--> partial: SELECT k AS "k0", count(*) AS "s0", max(i) AS "s1" FROM facts AS t GROUP BY 1
--> finish: SELECT "k0" AS "k", CAST(coalesce(sum("s0"), 0) AS BIGINT) AS n FROM "partials" GROUP BY "k0" HAVING n > 1 AND max("s1") > 0 AND "k0" <> 'b' ORDER BY 1
--> whole: SELECT k AS "k", count(*) AS n FROM facts AS t GROUP BY k HAVING n > 1 AND max(i) > 0 AND k <> 'b' ORDER BY 1

SELECT count(*) AS n FROM facts AS t HAVING count(*) > 100;
--> partial: SELECT count(*) AS "s0" FROM facts AS t
--> finish: SELECT CAST(coalesce(sum("s0"), 0) AS BIGINT) AS n FROM "partials" HAVING CAST(coalesce(sum("s0"), 0) AS BIGINT) > 100

-- A result that has the name of the table: what is written after a dot is a column.
SELECT count(*) AS t FROM facts AS t GROUP BY k;
--> partial: SELECT k AS "k0", count(*) AS "s0" FROM facts AS t GROUP BY 1
--> finish: SELECT CAST(coalesce(sum("s0"), 0) AS BIGINT) AS t FROM "partials" GROUP BY "k0" ORDER BY "k0"
--> whole: SELECT count(*) AS t FROM facts AS t GROUP BY k ORDER BY "t".k

-- Rows of one group that nothing tells apart.
SELECT k, unnest([2, 1]) AS u, count(*) AS n FROM facts AS t GROUP BY k LIMIT 3;
--! unnest() makes several rows of one, which nothing tells apart

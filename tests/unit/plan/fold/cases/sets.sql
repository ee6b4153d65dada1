-- Several sets of keys: partials group by all keys, the finish by the sets. NULL for a key may mean two things.
SELECT k, j, count(*) AS n FROM facts AS t GROUP BY ROLLUP (k, j);
--> partial: SELECT k AS "k0", j AS "k1", count(*) AS "s0" FROM facts AS t GROUP BY 1, 2
--> finish: SELECT "k0" AS "k", "k1" AS "j", CAST(coalesce(sum("s0"), 0) AS BIGINT) AS n FROM "partials" GROUP BY ROLLUP ("k0", "k1") ORDER BY 1, 2, GROUPING("k0", "k1")
--> whole: SELECT k AS "k", j AS "j", count(*) AS n FROM facts AS t GROUP BY ROLLUP (k, j) ORDER BY 1, 2, GROUPING("t".k, "t".j)

SELECT ts::DATE AS day, k, avg(i) AS a, grouping(k) AS g FROM facts AS t GROUP BY CUBE (day, k) HAVING grouping(k) = 0 ORDER BY a DESC LIMIT 3;
--> partial: SELECT ts::DATE AS "k0", k AS "k1", sum(i) AS "s0", count(i) AS "s1" FROM facts AS t GROUP BY 1, 2
--> finish: SELECT "k0" AS day, "k1" AS "k", (CAST(sum("s0") AS DOUBLE) / sum("s1")) AS a, grouping("k1") AS g FROM "partials" GROUP BY CUBE ("k0", "k1") HAVING grouping("k1") = 0 ORDER BY a DESC, 1, 2, GROUPING("k0", "k1") LIMIT 3
--> whole: SELECT ts::DATE AS day, k AS "k", (CAST(sum(i) AS DOUBLE) / count(i)) AS a, grouping(k) AS g FROM facts AS t GROUP BY CUBE (day, k) HAVING grouping(k) = 0 ORDER BY a DESC, 1, 2, GROUPING("t".ts::DATE, "t".k) LIMIT 3

SELECT k, sum(i) AS s FROM facts AS t GROUP BY GROUPING SETS ((k, j), (k), ()) ORDER BY ALL;
--> partial: SELECT k AS "k0", j AS "k1", sum(i) AS "s0" FROM facts AS t GROUP BY 1, 2
--> finish: SELECT "k0" AS "k", sum("s0") AS s FROM "partials" GROUP BY GROUPING SETS (("k0", "k1"), ("k0"), ()) ORDER BY 1, 2, 1, "k1", GROUPING("k0", "k1")
--> whole: SELECT k AS "k", sum(i) AS s FROM facts AS t GROUP BY GROUPING SETS ((k, j), (k), ()) ORDER BY 1, 2, 1, "t".j, GROUPING("t".k, "t".j)

SELECT j, k, row_number() OVER (ORDER BY count(*)) AS r FROM facts AS t GROUP BY j, ROLLUP (k);
--> partial: SELECT j AS "k0", k AS "k1", count(*) AS "s0" FROM facts AS t GROUP BY 1, 2
--> finish: SELECT "k0" AS "j", "k1" AS "k", row_number() OVER (ORDER BY CAST(coalesce(sum("s0"), 0) AS BIGINT), "k0", "k1", GROUPING("k0", "k1") ) AS r FROM "partials" GROUP BY "k0", ROLLUP ("k1") ORDER BY 1, 2, GROUPING("k0", "k1")
--> whole: SELECT j AS "j", k AS "k", row_number() OVER (ORDER BY count(*), "t".j, "t".k, GROUPING("t".j, "t".k) ) AS r FROM facts AS t GROUP BY j, ROLLUP (k) ORDER BY 1, 2, GROUPING("t".j, "t".k)

SELECT coalesce(k, 'all') AS k, count(*) AS n FROM facts AS t WHERE i > 100 GROUP BY ROLLUP (t.k);
--> partial: SELECT t.k AS "k0", count(*) AS "s0" FROM facts AS t WHERE i > 100 GROUP BY 1
--> finish: SELECT coalesce("k0", 'all') AS k, CAST(coalesce(sum("s0"), 0) AS BIGINT) AS n FROM "partials" GROUP BY ROLLUP ("k0") ORDER BY "k0", GROUPING("k0")
--> whole: SELECT coalesce(k, 'all') AS k, count(*) AS n FROM facts AS t WHERE i > 100 GROUP BY ROLLUP (t.k) ORDER BY t.k, GROUPING(t.k)
--> fails: SELECT 1 FROM "facts" AS "t" WHERE NOT (i > 100) OR (i) IS NULL

-- A key by its position, or of several words, whose end is not known.
SELECT k, count(*) AS n FROM facts AS t GROUP BY ROLLUP (1);
--! 1 is a key inside of another expression | name it: 1 AS key … GROUP BY key

SELECT count(*) AS n FROM facts AS t GROUP BY ROLLUP (i + 1);
--! i + 1 is a key inside of another expression | name it: i + 1 AS key … GROUP BY key

SELECT count(*) AS n FROM facts AS t GROUP BY ();
--! it groups by what is no expression of columns

-- A key in two spellings, and in one.
SELECT k AS a, t.k AS b FROM facts AS t GROUP BY ROLLUP (k, t.k);
--! its sets have t.k in two spellings | one of them

SELECT ts::DATE AS day, count(*) AS n FROM facts AS t GROUP BY GROUPING SETS ((day), (ts::DATE, k));
--! its sets have CAST(ts AS DATE) in two spellings | one of them

SELECT k, count(*) AS n FROM facts AS t GROUP BY CUBE (k, k);
--> partial: SELECT k AS "k0", count(*) AS "s0" FROM facts AS t GROUP BY 1
--> finish: SELECT "k0" AS "k", CAST(coalesce(sum("s0"), 0) AS BIGINT) AS n FROM "partials" GROUP BY CUBE ("k0", "k0") ORDER BY 1, GROUPING("k0")
--> whole: SELECT k AS "k", count(*) AS n FROM facts AS t GROUP BY CUBE (k, k) ORDER BY 1, GROUPING("t".k)

-- Sets without keys have no groups that partials could be merged by.
SELECT count(*) AS n FROM facts AS t GROUP BY GROUPING SETS ((), ());
--! its sets have no key

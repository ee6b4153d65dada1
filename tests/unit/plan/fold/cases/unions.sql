-- Each arm is an aggregation with partials of its own, and the answer ends in the order of all columns.
SELECT 'all' AS of, count(*) AS n FROM facts AS t UNION ALL SELECT k, sum(i) FROM facts AS t WHERE i > 1 GROUP BY k;
--> partial: SELECT count(*) AS "s0" FROM facts AS t
--> partial: SELECT k AS "k0", sum(i) AS "s0" FROM facts AS t WHERE i > 1 GROUP BY 1
--> finish: SELECT * FROM ((SELECT 'all' AS of, CAST(coalesce(sum("s0"), 0) AS BIGINT) AS n FROM "partials") UNION ALL (SELECT "k0" AS "k", sum("s0") AS "sum(i)" FROM "partials_1" GROUP BY "k0" ORDER BY 1 )) AS "union" ORDER BY 1, 2
--> whole: SELECT * FROM ((SELECT 'all' AS of, count(*) AS n FROM facts AS t) UNION ALL (SELECT k AS "k", sum(i) AS "sum(i)" FROM facts AS t WHERE i > 1 GROUP BY k ORDER BY 1 )) AS "union" ORDER BY 1, 2
--> fails: SELECT 1 FROM "facts" AS "t" WHERE NOT (i > 1) OR (i) IS NULL

SELECT k, count(*) AS n FROM facts AS t GROUP BY k UNION ALL (SELECT k, max(j) FROM facts AS t GROUP BY k ORDER BY 2 LIMIT 1) ORDER BY n DESC, k LIMIT 3 OFFSET 1;
--> partial: SELECT k AS "k0", count(*) AS "s0" FROM facts AS t GROUP BY 1
--> partial: SELECT k AS "k0", max(j) AS "s0" FROM facts AS t GROUP BY 1
--> finish: SELECT * FROM ((SELECT "k0" AS "k", CAST(coalesce(sum("s0"), 0) AS BIGINT) AS n FROM "partials" GROUP BY "k0" ORDER BY 1 ) UNION ALL (SELECT "k0" AS "k", max("s0") AS "max(j)" FROM "partials_1" GROUP BY "k0" ORDER BY 2, 1 LIMIT 1)) AS "union" ORDER BY n DESC, k, 1, 2 LIMIT 3 OFFSET 1
--> whole: SELECT * FROM ((SELECT k AS "k", count(*) AS n FROM facts AS t GROUP BY k ORDER BY 1 ) UNION ALL (SELECT k AS "k", max(j) AS "max(j)" FROM facts AS t GROUP BY k ORDER BY 2, 1 LIMIT 1)) AS "union" ORDER BY n DESC, k, 1, 2 LIMIT 3 OFFSET 1

-- What is equal may differ in bytes: an ORDER BY that tells is put around it.
SELECT k, avg(i) AS a FROM facts AS t GROUP BY k UNION ALL SELECT k, -avg(j) FROM facts AS t GROUP BY k;
--> partial: SELECT k AS "k0", sum(i) AS "s0", count(i) AS "s1" FROM facts AS t GROUP BY 1
--> partial: SELECT k AS "k0", sum(j) AS "s0", count(j) AS "s1" FROM facts AS t GROUP BY 1
--> finish: SELECT * FROM ((SELECT "k0" AS "k", (CAST(sum("s0") AS DOUBLE) / sum("s1")) AS a FROM "partials" GROUP BY "k0" ORDER BY 1 ) UNION ALL (SELECT "k0" AS "k", -(CAST(sum("s0") AS DOUBLE) / sum("s1")) AS "-(avg(j))" FROM "partials_1" GROUP BY "k0" ORDER BY 1 )) AS "union" ORDER BY 1, ("a") + 0, signbit("a")
--> whole: SELECT * FROM ((SELECT k AS "k", (CAST(sum(i) AS DOUBLE) / count(i)) AS a FROM facts AS t GROUP BY k ORDER BY 1 ) UNION ALL (SELECT k AS "k", -(CAST(sum(j) AS DOUBLE) / count(j)) AS "-(avg(j))" FROM facts AS t GROUP BY k ORDER BY 1 )) AS "union" ORDER BY 1, ("a") + 0, signbit("a")

-- Below others, in FROM and in WITH; an arm may be computed over an aggregation.
SELECT k, sum(n) AS s FROM (SELECT k, count(*) AS n FROM facts AS t GROUP BY k UNION ALL SELECT upper(k), count(*) FROM facts AS t GROUP BY 1) AS u GROUP BY k;
--> partial: SELECT k AS "k0", count(*) AS "s0" FROM facts AS t GROUP BY 1
--> partial: SELECT upper(k) AS "k0", count(*) AS "s0" FROM facts AS t GROUP BY 1
--> finish: SELECT k, sum(n) AS s FROM ((SELECT "k0" AS "k", CAST(coalesce(sum("s0"), 0) AS BIGINT) AS n FROM "partials" GROUP BY "k0" ORDER BY 1 ) UNION ALL (SELECT "k0" AS "upper(k)", CAST(coalesce(sum("s0"), 0) AS BIGINT) AS "count_star()" FROM "partials_1" GROUP BY "k0" ORDER BY 1 )) AS u GROUP BY k ORDER BY 1, 2
--> whole: SELECT k, sum(n) AS s FROM ((SELECT k AS "k", count(*) AS n FROM facts AS t GROUP BY k ORDER BY 1 ) UNION ALL (SELECT upper(k) AS "upper(k)", count(*) AS "count_star()" FROM facts AS t GROUP BY 1 ORDER BY 1 )) AS u GROUP BY k ORDER BY 1, 2

WITH a AS (SELECT k, count(*) AS n FROM facts AS t GROUP BY k), u AS (SELECT k, n FROM a WHERE n > 1 UNION ALL SELECT 'all', sum(n) FROM a) SELECT k, n, row_number() OVER (ORDER BY n) AS r FROM u LIMIT 4;
--> partial: SELECT k AS "k0", count(*) AS "s0" FROM facts AS t GROUP BY 1
--> finish: WITH a AS (SELECT "k0" AS "k", CAST(coalesce(sum("s0"), 0) AS BIGINT) AS n FROM "partials" GROUP BY "k0" ORDER BY 1 ), u AS (SELECT k, n FROM a WHERE n > 1 UNION ALL SELECT 'all', sum(n) FROM a) SELECT k, n, row_number() OVER (ORDER BY n, "u"."k", "u"."n" ) AS r FROM u ORDER BY 1, 2, 3 LIMIT 4
--> whole: WITH a AS (SELECT k AS "k", count(*) AS n FROM facts AS t GROUP BY k ORDER BY 1 ), u AS (SELECT k, n FROM a WHERE n > 1 UNION ALL SELECT 'all', sum(n) FROM a) SELECT k, n, row_number() OVER (ORDER BY n, "u"."k", "u"."n" ) AS r FROM u ORDER BY 1, 2, 3 LIMIT 4

-- What several arms read is part of the partials of each.
WITH late AS (SELECT * FROM facts AS t WHERE i > 1) SELECT count(*) AS n FROM late UNION ALL SELECT max(j) FROM late WHERE t;
--> partial: WITH late AS (SELECT * FROM facts AS t WHERE i > 1) SELECT count(*) AS "s0" FROM late
--> partial: WITH late AS (SELECT * FROM facts AS t WHERE i > 1) SELECT max(j) AS "s0" FROM late WHERE t
--> finish: SELECT * FROM ((SELECT CAST(coalesce(sum("s0"), 0) AS BIGINT) AS n FROM "partials") UNION ALL (SELECT max("s0") AS "max(j)" FROM "partials_1" )) AS "union" ORDER BY 1
--> whole: WITH late AS (SELECT * FROM facts AS t WHERE i > 1) SELECT * FROM ((SELECT count(*) AS n FROM late) UNION ALL (SELECT max(j) AS "max(j)" FROM late WHERE t)) AS "union" ORDER BY 1
--> fails: SELECT 1 FROM "facts" AS "t" WHERE NOT (i > 1) OR (i) IS NULL
--> fails: SELECT 1 FROM "facts" AS "t" WHERE NOT (i > 1) OR (i) IS NULL

-- Constants, and a small table, which is a partition of its own.
(SELECT 'none' AS k, 0 AS n) UNION ALL SELECT k, count(*) FROM facts AS t GROUP BY k UNION ALL SELECT dk, max(dj) FROM dims GROUP BY dk;
--> partial: SELECT k AS "k0", count(*) AS "s0" FROM facts AS t GROUP BY 1
--> partial: SELECT dk AS "k0", max(dj) AS "s0" FROM dims GROUP BY 1
--> finish: SELECT * FROM ((SELECT 'none' AS k, 0 AS n) UNION ALL (SELECT "k0" AS "k", CAST(coalesce(sum("s0"), 0) AS BIGINT) AS "count_star()" FROM "partials" GROUP BY "k0" ORDER BY 1 ) UNION ALL (SELECT "k0" AS "dk", max("s0") AS "max(dj)" FROM "partials_1" GROUP BY "k0" ORDER BY 1 )) AS "union" ORDER BY 1, 2
--> whole: SELECT * FROM ((SELECT 'none' AS k, 0 AS n) UNION ALL (SELECT k AS "k", count(*) AS "count_star()" FROM facts AS t GROUP BY k ORDER BY 1 ) UNION ALL (SELECT dk AS "dk", max(dj) AS "max(dj)" FROM dims GROUP BY dk ORDER BY 1 )) AS "union" ORDER BY 1, 2

-- Other set operations compare rows: equal ones must be the same bytes.
SELECT k FROM facts AS t WHERE i > 1 GROUP BY k EXCEPT SELECT k FROM facts AS t WHERE i = 3 GROUP BY k UNION SELECT k FROM facts AS t WHERE j = 1 GROUP BY k;
--> partial: SELECT k AS "k0" FROM facts AS t WHERE i > 1 GROUP BY 1
--> partial: SELECT k AS "k0" FROM facts AS t WHERE i = 3 GROUP BY 1
--> partial: SELECT k AS "k0" FROM facts AS t WHERE j = 1 GROUP BY 1
--> finish: SELECT * FROM ((SELECT "k0" AS "k" FROM "partials" GROUP BY "k0" ORDER BY 1 ) EXCEPT (SELECT "k0" AS "k" FROM "partials_1" GROUP BY "k0" ORDER BY 1 ) UNION (SELECT "k0" AS "k" FROM "partials_2" GROUP BY "k0" ORDER BY 1 )) AS "union" ORDER BY 1
--> whole: SELECT * FROM ((SELECT k AS "k" FROM facts AS t WHERE i > 1 GROUP BY k ORDER BY 1 ) EXCEPT (SELECT k AS "k" FROM facts AS t WHERE i = 3 GROUP BY k ORDER BY 1 ) UNION (SELECT k AS "k" FROM facts AS t WHERE j = 1 GROUP BY k ORDER BY 1 )) AS "union" ORDER BY 1
--> fails: SELECT 1 FROM "facts" AS "t" WHERE NOT (i > 1) OR (i) IS NULL
--> fails: SELECT 1 FROM "facts" AS "t" WHERE NOT (i = 3) OR (i) IS NULL
--> fails: SELECT 1 FROM "facts" AS "t" WHERE NOT (j = 1) OR (j) IS NULL

SELECT DISTINCT k, j FROM facts AS t INTERSECT ALL SELECT DISTINCT k, i FROM facts AS t ORDER BY ALL DESC;
--> partial: SELECT k AS "k0", j AS "k1" FROM facts AS t GROUP BY 1, 2
--> partial: SELECT k AS "k0", i AS "k1" FROM facts AS t GROUP BY 1, 2
--> finish: SELECT * FROM ((SELECT DISTINCT "k0" AS "k", "k1" AS "j" FROM "partials" ORDER BY 1, 2 ) INTERSECT ALL (SELECT DISTINCT "k0" AS "k", "k1" AS "i" FROM "partials_1" ORDER BY 1, 2 )) AS "union" ORDER BY ALL DESC
--> whole: SELECT * FROM ((SELECT DISTINCT k AS "k", j AS "j" FROM facts AS t ORDER BY 1, 2 ) INTERSECT ALL (SELECT DISTINCT k AS "k", i AS "i" FROM facts AS t ORDER BY 1, 2 )) AS "union" ORDER BY ALL DESC

-- Several aggregations that are joined, and one in an expression.
SELECT a.k, a.n, b.m FROM (SELECT k, count(*) AS n FROM facts AS t GROUP BY k) AS a LEFT JOIN (SELECT k, max(i) AS m FROM facts AS t WHERE t GROUP BY k) AS b ON a.k = b.k;
--> partial: SELECT k AS "k0", count(*) AS "s0" FROM facts AS t GROUP BY 1
--> partial: SELECT k AS "k0", max(i) AS "s0" FROM facts AS t WHERE t GROUP BY 1
--> finish: SELECT a.k, a.n, b.m FROM (SELECT "k0" AS "k", CAST(coalesce(sum("s0"), 0) AS BIGINT) AS n FROM "partials" GROUP BY "k0" ORDER BY 1 ) AS a LEFT JOIN (SELECT "k0" AS "k", max("s0") AS m FROM "partials_1" GROUP BY "k0" ORDER BY 1 ) AS b ON a.k = b.k ORDER BY 1, 2, 3
--> whole: SELECT a.k, a.n, b.m FROM (SELECT k AS "k", count(*) AS n FROM facts AS t GROUP BY k ORDER BY 1 ) AS a LEFT JOIN (SELECT k AS "k", max(i) AS m FROM facts AS t WHERE t GROUP BY k ORDER BY 1 ) AS b ON a.k = b.k ORDER BY 1, 2, 3
--> fails: SELECT 1 FROM "facts" AS "t" WHERE NOT (t) OR (t) IS NULL

SELECT k, n * 1000 // (SELECT count(*) FROM facts AS t) AS share FROM (SELECT k, count(*) AS n FROM facts AS t GROUP BY k) AS a;
--> partial: SELECT k AS "k0", count(*) AS "s0" FROM facts AS t GROUP BY 1
--> partial: SELECT count(*) AS "s0" FROM facts AS t
--> finish: SELECT k, n * 1000 // (SELECT CAST(coalesce(sum("s0"), 0) AS BIGINT) AS "count_star()" FROM "partials_1") AS share FROM (SELECT "k0" AS "k", CAST(coalesce(sum("s0"), 0) AS BIGINT) AS n FROM "partials" GROUP BY "k0" ORDER BY 1 ) AS a ORDER BY 1, 2
--> whole: SELECT k, n * 1000 // (SELECT count(*) AS "count_star()" FROM facts AS t) AS share FROM (SELECT k AS "k", count(*) AS n FROM facts AS t GROUP BY k ORDER BY 1 ) AS a ORDER BY 1, 2

-- A set operation with a LIMIT inside of others.
SELECT max(n) AS n FROM ((SELECT k, count(*) AS n FROM facts AS t GROUP BY k) UNION ALL (SELECT 'x', 2) ORDER BY n DESC LIMIT 2);
--> partial: SELECT k AS "k0", count(*) AS "s0" FROM facts AS t GROUP BY 1
--> finish: SELECT max(n) AS n FROM (SELECT * FROM ((SELECT "k0" AS "k", CAST(coalesce(sum("s0"), 0) AS BIGINT) AS n FROM "partials" GROUP BY "k0" ORDER BY 1 ) UNION ALL (SELECT 'x', 2)) AS "union" ORDER BY n DESC, 1, 2 LIMIT 2) ORDER BY 1
--> whole: SELECT max(n) AS n FROM (SELECT * FROM ((SELECT k AS "k", count(*) AS n FROM facts AS t GROUP BY k ORDER BY 1 ) UNION ALL (SELECT 'x', 2)) AS "union" ORDER BY n DESC, 1, 2 LIMIT 2) ORDER BY 1

-- Not folded.
SELECT k FROM facts AS t GROUP BY k UNION ALL SELECT avg(i) FROM facts AS t INTERSECT SELECT avg(j) FROM facts AS t;
--! what is around its aggregation aggregates or groups by a DOUBLE | CAST it AS DECIMAL(18, 6), or what fits, in the aggregation

SELECT k, n / (SELECT count(*) FROM facts AS t) AS share FROM (SELECT k, count(*) AS n FROM facts AS t GROUP BY k) AS a;
--! a result of it is a DOUBLE made of an aggregation in a subquery | FROM …, (SELECT count(*) AS total FROM …) AS whole

SELECT avg(i) AS a FROM facts AS t UNION SELECT avg(j) FROM facts AS t;
--! what is around its aggregation aggregates or groups by a DOUBLE | CAST it AS DECIMAL(18, 6), or what fits, in the aggregation

SELECT k, avg(i) AS a FROM facts AS t GROUP BY k UNION ALL SELECT k, avg(j) FROM facts AS t GROUP BY k ORDER BY ALL;
--! its ORDER BY ALL is of floating-point numbers | ORDER BY its keys

SELECT k, count(*) AS n FROM facts AS t GROUP BY k UNION ALL BY NAME SELECT count(*) AS n, k FROM facts AS t GROUP BY k;
--! it has a set operation around its aggregation that is not understood

SELECT k, count(*) AS n FROM facts AS t GROUP BY k UNION ALL SELECT k AS other, max(i) AS more FROM facts AS t GROUP BY k ORDER BY more;
--! the ORDER BY of its set operation names no result of its first SELECT | such a name

SELECT k, count(*) AS n FROM facts AS t GROUP BY k UNION ALL SELECT k, i FROM facts AS t;
--! an arm of its set operation reads facts and does not aggregate

SELECT k, median(i) AS n FROM facts AS t GROUP BY k UNION ALL SELECT k, max(i) FROM facts AS t GROUP BY k;
--! median() cannot be merged | avg(), where that is what is asked

(SELECT k, count(*) AS n FROM facts AS t GROUP BY k UNION ALL SELECT 'x', 2) ORDER BY n LIMIT 1;
--! its text cannot be cut

SELECT count(*) AS n, count(*) AS n FROM facts AS t UNION ALL SELECT 1, 2;
--! two of its results have one name | give each a name of its own

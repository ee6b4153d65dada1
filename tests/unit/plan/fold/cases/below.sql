-- What keeps rows below the aggregation is part of the partial; its filters can be left out too.
WITH late AS (SELECT k, i + 1 AS more, ts FROM facts AS t WHERE ts >= $start AND i > 1) SELECT k, sum(more) AS s FROM late GROUP BY k;
--> partial: WITH late AS (SELECT k, i + 1 AS more, ts FROM facts AS t WHERE ts >= $start AND i > 1) SELECT k AS "k0", sum(more) AS "s0" FROM late GROUP BY 1
--> finish: SELECT "k0" AS "k", sum("s0") AS s FROM "partials" GROUP BY "k0" ORDER BY 1
--> whole: WITH late AS (SELECT k, i + 1 AS more, ts FROM facts AS t WHERE ts >= $start AND i > 1) SELECT k AS "k", sum(more) AS s FROM late GROUP BY k ORDER BY 1
--> fails: SELECT 1 FROM "facts" AS "t" WHERE NOT (ts >= $start) OR (ts) IS NULL
--> fails: SELECT 1 FROM "facts" AS "t" WHERE NOT (i > 1) OR (i) IS NULL

SELECT k, sum(more) AS s FROM (SELECT *, i + 1 AS more FROM facts AS t WHERE i > 1) AS x WHERE more > 2 GROUP BY k;
--> partial: SELECT k AS "k0", sum(more) AS "s0" FROM (SELECT *, i + 1 AS more FROM facts AS t WHERE i > 1) AS x WHERE more > 2 GROUP BY 1
--> finish: SELECT "k0" AS "k", sum("s0") AS s FROM "partials" GROUP BY "k0" ORDER BY 1
--> whole: SELECT k AS "k", sum(more) AS s FROM (SELECT *, i + 1 AS more FROM facts AS t WHERE i > 1) AS x WHERE more > 2 GROUP BY k ORDER BY 1
--> fails: SELECT 1 FROM "facts" AS "t" WHERE NOT (i > 1) OR (i) IS NULL

-- Comments are no part of it.
/* of late ones */
WITH late AS ( -- rows
  SELECT k /* the key */, i FROM facts AS t -- all
  WHERE i > 1 -- late
) SELECT k, -- a key
  sum(i) AS s FROM late /* those */ GROUP BY k -- by key
;
--> partial: WITH late AS ( -- rows SELECT k /* the key */, i FROM facts AS t -- all WHERE i > 1 -- late ) SELECT k AS "k0", sum(i) AS "s0" FROM late GROUP BY 1
--> finish: SELECT "k0" AS "k", -- a key sum("s0") AS s FROM "partials" /* those */ GROUP BY "k0" ORDER BY 1
--> whole: /* of late ones */ WITH late AS ( -- rows SELECT k /* the key */, i FROM facts AS t -- all WHERE i > 1 -- late ) SELECT k AS "k", -- a key sum(i) AS s FROM late /* those */ GROUP BY k ORDER BY 1 -- by key
--> fails: SELECT 1 FROM "facts" AS "t" WHERE NOT (i > 1) OR (i) IS NULL

WITH a AS (SELECT * FROM facts AS t WHERE i > 1), b AS (SELECT upper(k) AS u, a.i, a.* FROM a WHERE k <> 'b'), unused AS (SELECT 1 AS one) SELECT u, count(*) AS n FROM b GROUP BY u;
--> partial: WITH a AS (SELECT * FROM facts AS t WHERE i > 1), b AS (SELECT upper(k) AS u, a.i, a.* FROM a WHERE k <> 'b') SELECT u AS "k0", count(*) AS "s0" FROM b GROUP BY 1
--> finish: SELECT "k0" AS "u", CAST(coalesce(sum("s0"), 0) AS BIGINT) AS n FROM "partials" GROUP BY "k0" ORDER BY 1
--> whole: WITH a AS (SELECT * FROM facts AS t WHERE i > 1), b AS (SELECT upper(k) AS u, a.i, a.* FROM a WHERE k <> 'b'), unused AS (SELECT 1 AS one) SELECT u AS "u", count(*) AS n FROM b GROUP BY u ORDER BY 1
--> fails: SELECT 1 FROM "facts" AS "t" WHERE NOT (i > 1) OR (i) IS NULL

WITH d AS (SELECT dj, label FROM dims WHERE rate > 0), f AS (SELECT t.j, i, label FROM facts AS t JOIN d ON dj = j) SELECT label, sum(i) AS s FROM f JOIN kinds ON f.j = kinds.j GROUP BY label;
--> partial: WITH d AS (SELECT dj, label FROM dims WHERE rate > 0), f AS (SELECT t.j, i, label FROM facts AS t JOIN d ON dj = j) SELECT label AS "k0", sum(i) AS "s0" FROM f JOIN kinds ON f.j = kinds.j GROUP BY 1
--> finish: SELECT "k0" AS "label", sum("s0") AS s FROM "partials" GROUP BY "k0" ORDER BY 1
--> whole: WITH d AS (SELECT dj, label FROM dims WHERE rate > 0), f AS (SELECT t.j, i, label FROM facts AS t JOIN d ON dj = j) SELECT label AS "label", sum(i) AS s FROM f JOIN kinds ON f.j = kinds.j GROUP BY label ORDER BY 1

WITH x(a, b) AS (SELECT k, i FROM facts AS t) SELECT a, max(b) AS m FROM x GROUP BY a;
--> partial: WITH x(a, b) AS (SELECT k, i FROM facts AS t) SELECT a AS "k0", max(b) AS "s0" FROM x GROUP BY 1
--> finish: SELECT "k0" AS "a", max("s0") AS m FROM "partials" GROUP BY "k0" ORDER BY 1
--> whole: WITH x(a, b) AS (SELECT k, i FROM facts AS t) SELECT a AS "a", max(b) AS m FROM x GROUP BY a ORDER BY 1

SELECT DISTINCT u FROM (SELECT upper(k) AS u FROM facts AS t WHERE i > 1);
--> partial: SELECT u AS "k0" FROM (SELECT upper(k) AS u FROM facts AS t WHERE i > 1) GROUP BY 1
--> finish: SELECT DISTINCT "k0" AS "u" FROM "partials" ORDER BY 1
--> whole: SELECT DISTINCT u AS "u" FROM (SELECT upper(k) AS u FROM facts AS t WHERE i > 1) ORDER BY 1
--> fails: SELECT 1 FROM "facts" AS "t" WHERE NOT (i > 1) OR (i) IS NULL

-- What does not keep rows.
SELECT sum(i) AS s FROM (SELECT i FROM facts AS t LIMIT 3);
--! a query below its aggregation has a LIMIT or a window, or groups | the aggregation there

SELECT sum(r) AS s FROM (SELECT row_number() OVER () AS r FROM facts AS t);
--! a query below its aggregation has a LIMIT or a window, or groups | the aggregation there

WITH x AS (SELECT k, i FROM facts AS t) SELECT x.k, count(*) AS n FROM x JOIN x AS y ON x.k = y.k GROUP BY x.k;
--! it reads x at two places

WITH RECURSIVE x AS (SELECT i FROM facts AS t UNION ALL SELECT i - 1 FROM x WHERE i > 0) SELECT count(*) AS n FROM x;
--! its WITH is RECURSIVE

SELECT count(*) AS n FROM (SELECT i FROM facts AS t UNION ALL SELECT dj FROM dims);
--! it aggregates the rows of a set operation | UNION ALL of an aggregation of each

SELECT count(*) AS n FROM (SELECT * FROM facts AS t) AS x(a, b);
--! a query below its aggregation has a star and other names for its columns | name its columns

SELECT count(*) AS n FROM facts AS t(a, b) WHERE a > 'a';
--! its table has other names for its columns

-- A partial may have a column more.
SELECT count(*) AS n FROM facts AS t JOIN dims AS d ON dk = k WHERE length(to_json(d)) > 100;
--! it uses a row as a value | its columns

SELECT count(*) AS n FROM facts AS t WHERE COLUMNS(*) IS NOT NULL;
--! it has a star in an expression | its columns

SELECT count(*) AS n FROM (SELECT {'a': t.*} AS s FROM facts AS t);
--! it reads something other than tables

-- Rows of the one that is folded meet the same rows of others, whatever the partition.
SELECT label, count(*) AS n FROM facts AS t JOIN dims AS d ON d.dj = t.j WHERE i > 1 AND rate > 0 GROUP BY label;
--> partial: SELECT label AS "k0", count(*) AS "s0" FROM facts AS t JOIN dims AS d ON d.dj = t.j WHERE i > 1 AND rate > 0 GROUP BY 1
--> finish: SELECT "k0" AS "label", CAST(coalesce(sum("s0"), 0) AS BIGINT) AS n FROM "partials" GROUP BY "k0" ORDER BY 1
--> whole: SELECT label AS "label", count(*) AS n FROM facts AS t JOIN dims AS d ON d.dj = t.j WHERE i > 1 AND rate > 0 GROUP BY label ORDER BY 1
--> fails: SELECT 1 FROM "facts" AS "t" WHERE NOT (i > 1) OR (i) IS NULL
--> fails: SELECT 1 FROM "dims" AS "d" WHERE NOT (rate > 0) OR (rate) IS NULL

SELECT d.label, t.k, sum(i * rate) AS s FROM dims AS d, facts AS t WHERE d.dk = t.k GROUP BY 1, 2 ORDER BY s DESC LIMIT 3;
--> partial: SELECT d.label AS "k0", t.k AS "k1", sum(i * rate) AS "s0" FROM dims AS d, facts AS t WHERE d.dk = t.k GROUP BY 1, 2
--> finish: SELECT "k0" AS "label", "k1" AS "k", sum("s0") AS s FROM "partials" GROUP BY "k0", "k1" ORDER BY s DESC, 1, 2 LIMIT 3
--> whole: SELECT d.label AS "label", t.k AS "k", sum(i * rate) AS s FROM dims AS d, facts AS t WHERE d.dk = t.k GROUP BY 1, 2 ORDER BY s DESC, 1, 2 LIMIT 3

SELECT D.label AS l, avg(rate) AS a FROM facts AS t LEFT JOIN dims AS d ON dj = j AND rate > i GROUP BY d.LABEL HAVING count(rate) > 0;
--> partial: SELECT d.LABEL AS "k0", sum(rate) AS "s0", count(rate) AS "s1" FROM facts AS t LEFT JOIN dims AS d ON dj = j AND rate > i GROUP BY 1
--> finish: SELECT "k0" AS l, (CAST(sum("s0") AS DOUBLE) / sum("s1")) AS a FROM "partials" GROUP BY "k0" HAVING CAST(coalesce(sum("s1"), 0) AS BIGINT) > 0 ORDER BY 1
--> whole: SELECT D.label AS l, (CAST(sum(rate) AS DOUBLE) / count(rate)) AS a FROM facts AS t LEFT JOIN dims AS d ON dj = j AND rate > i GROUP BY d.LABEL HAVING count(rate) > 0 ORDER BY 1

SELECT count(*) AS n FROM dims AS d RIGHT JOIN facts AS t ON dk = k;
--> partial: SELECT count(*) AS "s0" FROM dims AS d RIGHT JOIN facts AS t ON dk = k
--> finish: SELECT CAST(coalesce(sum("s0"), 0) AS BIGINT) AS n FROM "partials"

SELECT kind, count(*) AS n FROM facts AS t CROSS JOIN (SELECT DISTINCT kind FROM kinds) GROUP BY kind;
--> partial: SELECT kind AS "k0", count(*) AS "s0" FROM facts AS t CROSS JOIN (SELECT DISTINCT kind FROM kinds) GROUP BY 1
--> finish: SELECT "k0" AS "kind", CAST(coalesce(sum("s0"), 0) AS BIGINT) AS n FROM "partials" GROUP BY "k0" ORDER BY 1
--> whole: SELECT kind AS "kind", count(*) AS n FROM facts AS t CROSS JOIN (SELECT DISTINCT kind FROM kinds) GROUP BY kind ORDER BY 1

SELECT label, other.kind, count(*) AS n FROM facts AS t JOIN (dims AS d JOIN kinds AS other ON other.j = d.dj) ON d.dj = t.j GROUP BY ALL;
--> partial: SELECT label AS "k0", other.kind AS "k1", count(*) AS "s0" FROM facts AS t JOIN (dims AS d JOIN kinds AS other ON other.j = d.dj) ON d.dj = t.j GROUP BY 1, 2
--> finish: SELECT "k0" AS "label", "k1" AS "kind", CAST(coalesce(sum("s0"), 0) AS BIGINT) AS n FROM "partials" GROUP BY "k0", "k1" ORDER BY 1, 2
--> whole: SELECT label AS "label", other.kind AS "kind", count(*) AS n FROM facts AS t JOIN (dims AS d JOIN kinds AS other ON other.j = d.dj) ON d.dj = t.j GROUP BY ALL ORDER BY 1, 2

SELECT v.name, count(*) AS n FROM facts AS t JOIN (VALUES (1, 'one'), (2, 'two')) AS v(j, name) ON v.j = t.j GROUP BY v.name;
--> partial: SELECT v.name AS "k0", count(*) AS "s0" FROM facts AS t JOIN (VALUES (1, 'one'), (2, 'two')) AS v(j, name) ON v.j = t.j GROUP BY 1
--> finish: SELECT "k0" AS "name", CAST(coalesce(sum("s0"), 0) AS BIGINT) AS n FROM "partials" GROUP BY "k0" ORDER BY 1
--> whole: SELECT v.name AS "name", count(*) AS n FROM facts AS t JOIN (VALUES (1, 'one'), (2, 'two')) AS v(j, name) ON v.j = t.j GROUP BY v.name ORDER BY 1

-- A name in USING means the column of the left side.
SELECT j, max(kind) AS m FROM facts AS t LEFT JOIN kinds USING (j) GROUP BY j;
--> partial: SELECT j AS "k0", max(kind) AS "s0" FROM facts AS t LEFT JOIN kinds USING (j) GROUP BY 1
--> finish: SELECT "k0" AS "j", max("s0") AS m FROM "partials" GROUP BY "k0" ORDER BY 1
--> whole: SELECT j AS "j", max(kind) AS m FROM facts AS t LEFT JOIN kinds USING (j) GROUP BY j ORDER BY 1

SELECT count(*) AS n FROM kinds RIGHT JOIN facts AS t USING (j) GROUP BY j;
--! j is not certainly a column of the tables that it reads

SELECT count(*) AS n FROM facts AS t JOIN kinds USING (j) GROUP BY ROLLUP (j, t.j);
--! its sets have t.j in two spellings | one of them

SELECT j, kinds.j AS other, count(*) AS n FROM facts AS t JOIN kinds USING (j) GROUP BY CUBE (t.j, kinds.j);
--> partial: SELECT t.j AS "k0", kinds.j AS "k1", count(*) AS "s0" FROM facts AS t JOIN kinds USING (j) GROUP BY 1, 2
--> finish: SELECT "k0" AS "j", "k1" AS other, CAST(coalesce(sum("s0"), 0) AS BIGINT) AS n FROM "partials" GROUP BY CUBE ("k0", "k1") ORDER BY 1, 2, GROUPING("k0", "k1")
--> whole: SELECT j AS "j", kinds.j AS other, count(*) AS n FROM facts AS t JOIN kinds USING (j) GROUP BY CUBE (t.j, kinds.j) ORDER BY 1, 2, GROUPING(t.j, kinds.j)

-- A row is kept or not by what is in other tables.
SELECT k, sum(i) AS s FROM facts AS t SEMI JOIN dims ON dims.dk = t.k GROUP BY k;
--> partial: SELECT k AS "k0", sum(i) AS "s0" FROM facts AS t SEMI JOIN dims ON dims.dk = t.k GROUP BY 1
--> finish: SELECT "k0" AS "k", sum("s0") AS s FROM "partials" GROUP BY "k0" ORDER BY 1
--> whole: SELECT k AS "k", sum(i) AS s FROM facts AS t SEMI JOIN dims ON dims.dk = t.k GROUP BY k ORDER BY 1

SELECT k, sum(i) AS s FROM facts AS t ANTI JOIN kinds USING (j) GROUP BY k;
--> partial: SELECT k AS "k0", sum(i) AS "s0" FROM facts AS t ANTI JOIN kinds USING (j) GROUP BY 1
--> finish: SELECT "k0" AS "k", sum("s0") AS s FROM "partials" GROUP BY "k0" ORDER BY 1
--> whole: SELECT k AS "k", sum(i) AS s FROM facts AS t ANTI JOIN kinds USING (j) GROUP BY k ORDER BY 1

SELECT count(*) AS n FROM facts AS t WHERE i > 1 AND j IN (SELECT dj FROM dims WHERE rate > 1) AND NOT EXISTS (SELECT 1 FROM kinds WHERE kinds.j = t.i);
--> partial: SELECT count(*) AS "s0" FROM facts AS t WHERE i > 1 AND j IN (SELECT dj FROM dims WHERE rate > 1) AND NOT EXISTS (SELECT 1 FROM kinds WHERE kinds.j = t.i)
--> finish: SELECT CAST(coalesce(sum("s0"), 0) AS BIGINT) AS n FROM "partials"
--> fails: SELECT 1 FROM "facts" AS "t" WHERE NOT (i > 1) OR (i) IS NULL

SELECT sum(m) AS s FROM facts AS t WHERE i > (SELECT count(*) FROM dims WHERE dims.dk = t.k);
--> partial: SELECT sum(m) AS "s0" FROM facts AS t WHERE i > (SELECT count(*) FROM dims WHERE dims.dk = t.k)
--> finish: SELECT sum("s0") AS s FROM "partials"

SELECT sum(m) AS s FROM facts AS t WHERE i > (SELECT 1);
--> partial: SELECT sum(m) AS "s0" FROM facts AS t WHERE i > (SELECT 1)
--> finish: SELECT sum("s0") AS s FROM "partials"

-- Rows of others that are kept for want of a match in a partition may have one in another.
SELECT label, count(i) AS n FROM dims AS d LEFT JOIN facts AS t ON dk = k GROUP BY label;
--! its LEFT JOIN goes by the rows of another table than the fact | FROM the fact LEFT JOIN …, or an inner JOIN

SELECT label, count(i) AS n FROM facts AS t FULL JOIN dims AS d ON dk = k GROUP BY label;
--! its FULL JOIN goes by the rows of another table than the fact | FROM the fact LEFT JOIN …, or an inner JOIN

SELECT label, count(i) AS n FROM facts AS t RIGHT JOIN dims AS d ON dk = k GROUP BY label;
--! its RIGHT JOIN goes by the rows of another table than the fact | FROM the fact LEFT JOIN …, or an inner JOIN

SELECT count(*) AS n FROM dims AS d SEMI JOIN facts AS t ON dk = k;
--! its SEMI JOIN goes by the rows of another table than the fact | FROM the fact LEFT JOIN …, or an inner JOIN

SELECT count(*) AS n FROM dims WHERE dk IN (SELECT k FROM facts AS t);
--! it reads the fact in a subquery of an expression | a JOIN

SELECT count(*) AS n FROM facts AS t POSITIONAL JOIN dims;
--! its POSITIONAL JOIN is not folded

SELECT count(*) AS n FROM facts AS t ASOF JOIN dims AS d ON t.ts >= d.day;
--! its ASOF JOIN is not folded

-- What may be chosen in another way each time.
SELECT count(*) AS n FROM facts AS t WHERE j IN (SELECT dj FROM dims LIMIT 1);
--! it has a subquery with a LIMIT or a window, which may choose other rows each time

SELECT count(*) AS n FROM facts AS t WHERE k IN (SELECT first(dk) FROM dims);
--! it has a subquery whose aggregates are not folded

SELECT count(*) AS n FROM facts AS t JOIN (SELECT dj, row_number() OVER () AS r FROM dims) AS d ON r = j;
--! it has a subquery with a LIMIT or a window, which may choose other rows each time

SELECT r, count(*) AS n FROM facts AS t JOIN (SELECT DISTINCT rate * 0.5::DOUBLE AS r FROM dims) ON r > j GROUP BY r;
--! it has a subquery that keeps one of equal values, which may differ in bytes

SELECT count(*) AS n FROM facts AS t WHERE j IN (WITH c AS (SELECT dj FROM dims) SELECT dj FROM c);
--! its subquery has a WITH

-- Columns of a name that several have, or none.
SELECT rate, count(*) AS n FROM facts AS t JOIN dims AS d ON d.dj = j JOIN dims AS e ON e.dj = j GROUP BY rate;
--! rate is not certainly a column of the tables that it reads

SELECT count(*) AS n, (SELECT max(rate) FROM dims) AS m FROM facts AS t GROUP BY k;
--! it has a subquery outside of WHERE | a JOIN

SELECT count(*) AS n FROM facts AS t, range(3);
--! it reads something other than tables

SELECT count(*) AS n FROM facts AS t JOIN facts AS u USING (k);
--! it reads facts at two places

-- A result may have the name of a table.
SELECT label, count(*) AS dims FROM dims JOIN facts AS t ON dj = j GROUP BY label ORDER BY dims;
--> partial: SELECT label AS "k0", count(*) AS "s0" FROM dims JOIN facts AS t ON dj = j GROUP BY 1
--> finish: SELECT "k0" AS "label", CAST(coalesce(sum("s0"), 0) AS BIGINT) AS dims FROM "partials" GROUP BY "k0" ORDER BY dims, 1
--> whole: SELECT label AS "label", count(*) AS dims FROM dims JOIN facts AS t ON dj = j GROUP BY label ORDER BY dims, 1

-- A filter on a table of which every joined row has one can be known to hold, and none on one that may be missing.
SELECT label, count(*) AS n FROM facts AS t LEFT JOIN dims AS d ON d.dj = t.j WHERE rate > 0 AND i > 1 GROUP BY label;
--> partial: SELECT label AS "k0", count(*) AS "s0" FROM facts AS t LEFT JOIN dims AS d ON d.dj = t.j WHERE rate > 0 AND i > 1 GROUP BY 1
--> finish: SELECT "k0" AS "label", CAST(coalesce(sum("s0"), 0) AS BIGINT) AS n FROM "partials" GROUP BY "k0" ORDER BY 1
--> whole: SELECT label AS "label", count(*) AS n FROM facts AS t LEFT JOIN dims AS d ON d.dj = t.j WHERE rate > 0 AND i > 1 GROUP BY label ORDER BY 1
--> fails: SELECT 1 FROM "facts" AS "t" WHERE NOT (i > 1) OR (i) IS NULL

SELECT d.label AS name, count(*) AS n FROM facts AS t JOIN dims AS d ON d.dj = t.j LEFT JOIN kinds AS e ON e.j = t.j WHERE d.rate > 0 AND e.kind = 'x' AND d.rate > t.i GROUP BY d.label;
--> partial: SELECT d.label AS "k0", count(*) AS "s0" FROM facts AS t JOIN dims AS d ON d.dj = t.j LEFT JOIN kinds AS e ON e.j = t.j WHERE d.rate > 0 AND e.kind = 'x' AND d.rate > t.i GROUP BY 1
--> finish: SELECT "k0" AS name, CAST(coalesce(sum("s0"), 0) AS BIGINT) AS n FROM "partials" GROUP BY "k0" ORDER BY 1
--> whole: SELECT d.label AS name, count(*) AS n FROM facts AS t JOIN dims AS d ON d.dj = t.j LEFT JOIN kinds AS e ON e.j = t.j WHERE d.rate > 0 AND e.kind = 'x' AND d.rate > t.i GROUP BY d.label ORDER BY 1
--> fails: SELECT 1 FROM "dims" AS "d" WHERE NOT (d.rate > 0) OR (d.rate) IS NULL

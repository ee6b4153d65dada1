-- Ranks are the same for all groups that are equal in the order of the window.
SELECT k, rank() OVER (ORDER BY count(*) DESC) AS r FROM facts AS t GROUP BY k;
--> partial: SELECT k AS "k0", count(*) AS "s0" FROM facts AS t GROUP BY 1
--> finish: SELECT "k0" AS "k", rank() OVER (ORDER BY CAST(coalesce(sum("s0"), 0) AS BIGINT) DESC) AS r FROM "partials" GROUP BY "k0" ORDER BY 1
--> whole: SELECT k AS "k", rank() OVER (ORDER BY count(*) DESC) AS r FROM facts AS t GROUP BY k ORDER BY 1

-- What tells them apart goes by the keys in the end.
SELECT k, row_number() OVER (ORDER BY count(*) DESC) AS r FROM facts AS t GROUP BY k;
--> partial: SELECT k AS "k0", count(*) AS "s0" FROM facts AS t GROUP BY 1
--> finish: SELECT "k0" AS "k", row_number() OVER (ORDER BY CAST(coalesce(sum("s0"), 0) AS BIGINT) DESC, "k0" ) AS r FROM "partials" GROUP BY "k0" ORDER BY 1
--> whole: SELECT k AS "k", row_number() OVER (ORDER BY count(*) DESC, "t".k ) AS r FROM facts AS t GROUP BY k ORDER BY 1

SELECT k, row_number() OVER () AS r, lag(count(*)) OVER (PARTITION BY j) AS n FROM facts AS t GROUP BY k, j;
--> partial: SELECT k AS "k0", j AS "k1", count(*) AS "s0" FROM facts AS t GROUP BY 1, 2
--> finish: SELECT "k0" AS "k", row_number() OVER ( ORDER BY "k0", "k1" ) AS r, lag(CAST(coalesce(sum("s0"), 0) AS BIGINT)) OVER (PARTITION BY "k1" ORDER BY "k0", "k1" ) AS n FROM "partials" GROUP BY "k0", "k1" ORDER BY 1, "k1"
--> whole: SELECT k AS "k", row_number() OVER ( ORDER BY "t".k, "t".j ) AS r, lag(count(*)) OVER (PARTITION BY j ORDER BY "t".k, "t".j ) AS n FROM facts AS t GROUP BY k, j ORDER BY 1, "t".j

SELECT k, sum(count(*)) OVER (ORDER BY count(*) ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS s FROM facts AS t GROUP BY k;
--> partial: SELECT k AS "k0", count(*) AS "s0" FROM facts AS t GROUP BY 1
--> finish: SELECT "k0" AS "k", sum(CAST(coalesce(sum("s0"), 0) AS BIGINT)) OVER (ORDER BY CAST(coalesce(sum("s0"), 0) AS BIGINT), "k0" ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS s FROM "partials" GROUP BY "k0" ORDER BY 1
--> whole: SELECT k AS "k", sum(count(*)) OVER (ORDER BY count(*), "t".k ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS s FROM facts AS t GROUP BY k ORDER BY 1

SELECT k, count(*) AS n FROM facts AS t GROUP BY k QUALIFY row_number() OVER (ORDER BY count(*) DESC) <= 2;
--> partial: SELECT k AS "k0", count(*) AS "s0" FROM facts AS t GROUP BY 1
--> finish: SELECT "k0" AS "k", CAST(coalesce(sum("s0"), 0) AS BIGINT) AS n FROM "partials" GROUP BY "k0" QUALIFY row_number() OVER (ORDER BY CAST(coalesce(sum("s0"), 0) AS BIGINT) DESC, "k0" ) <= 2 ORDER BY 1
--> whole: SELECT k AS "k", count(*) AS n FROM facts AS t GROUP BY k QUALIFY row_number() OVER (ORDER BY count(*) DESC, "t".k ) <= 2 ORDER BY 1

-- A moving sum, in the order of a key.
SELECT j, sum(sum(i)) OVER (ORDER BY j ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) AS moving FROM facts AS t GROUP BY j;
--> partial: SELECT j AS "k0", sum(i) AS "s0" FROM facts AS t GROUP BY 1
--> finish: SELECT "k0" AS "j", sum(sum("s0")) OVER (ORDER BY "k0", "k0" ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) AS moving FROM "partials" GROUP BY "k0" ORDER BY 1
--> whole: SELECT j AS "j", sum(sum(i)) OVER (ORDER BY j, "t".j ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) AS moving FROM facts AS t GROUP BY j ORDER BY 1

-- A share of the whole.
SELECT k, count(*) / sum(count(*)) OVER () AS share FROM facts AS t GROUP BY k;
--> partial: SELECT k AS "k0", count(*) AS "s0" FROM facts AS t GROUP BY 1
--> finish: SELECT "k0" AS "k", CAST(coalesce(sum("s0"), 0) AS BIGINT) / sum(CAST(coalesce(sum("s0"), 0) AS BIGINT)) OVER () AS share FROM "partials" GROUP BY "k0" ORDER BY 1
--> whole: SELECT k AS "k", count(*) / sum(count(*)) OVER () AS share FROM facts AS t GROUP BY k ORDER BY 1

-- A frame by value ends with the last of its equals.
SELECT k, sum(count(*)) OVER (ORDER BY max(i)) AS s FROM facts AS t GROUP BY k;
--> partial: SELECT k AS "k0", count(*) AS "s0", max(i) AS "s1" FROM facts AS t GROUP BY 1
--> finish: SELECT "k0" AS "k", sum(CAST(coalesce(sum("s0"), 0) AS BIGINT)) OVER (ORDER BY max("s1")) AS s FROM "partials" GROUP BY "k0" ORDER BY 1
--> whole: SELECT k AS "k", sum(count(*)) OVER (ORDER BY max(i)) AS s FROM facts AS t GROUP BY k ORDER BY 1

SELECT k, last_value(max(i)) OVER (ORDER BY count(*)) AS s FROM facts AS t GROUP BY k;
--! last_value() depends on the order of equal groups | last_value(…) OVER (… ROWS BETWEEN … AND …)

-- A sum of DOUBLE as a window goes by the order of the groups.
SELECT k, sum(avg(i)) OVER () AS s FROM facts AS t GROUP BY k;
--! a window over DOUBLE

SELECT k, string_agg(k, ',') OVER () AS s FROM facts AS t GROUP BY k;
--! string_agg() as a window depends on the order of the groups

SELECT k, rank() OVER w AS r FROM facts AS t GROUP BY k WINDOW w AS (ORDER BY count(*));
--! its WINDOW is not folded

SELECT k, first_value(k) OVER (ORDER BY k ROWS BETWEEN 1 PRECEDING AND CURRENT ROW EXCLUDE CURRENT ROW) AS s FROM facts AS t GROUP BY k;
--! it has a window with EXCLUDE

-- A count is added up; over no partition at all it is 0, which a sum is not.
SELECT count(*) AS n, count(i) AS m FROM facts AS t;
--> partial: SELECT count(*) AS "s0", count(i) AS "s1" FROM facts AS t
--> finish: SELECT CAST(coalesce(sum("s0"), 0) AS BIGINT) AS n, CAST(coalesce(sum("s1"), 0) AS BIGINT) AS m FROM "partials"

SELECT count_star() AS n FROM facts AS t;
--> partial: SELECT count_star() AS "s0" FROM facts AS t
--> finish: SELECT CAST(coalesce(sum("s0"), 0) AS BIGINT) AS n FROM "partials"

-- min, max, bool_and, bool_or and the bitwise ones are their own merge.
SELECT min(k) AS a, max(i) AS b, bool_and(t) AS c, bit_xor(i) AS d FROM facts AS t;
--> partial: SELECT min(k) AS "s0", max(i) AS "s1", bool_and(t) AS "s2", bit_xor(i) AS "s3" FROM facts AS t
--> finish: SELECT min("s0") AS a, max("s1") AS b, bool_and("s2") AS c, bit_xor("s3") AS d FROM "partials"

SELECT bool_or(t) AS a, bit_and(i) AS b, bit_or(i) AS c, countif(i > 1) AS d, max(f) AS e FROM facts AS t;
--> partial: SELECT bool_or(t) AS "s0", bit_and(i) AS "s1", bit_or(i) AS "s2", countif(i > 1) AS "s3", max(f) AS "s4" FROM facts AS t
--> finish: SELECT bool_or("s0") AS a, bit_and("s1") AS b, bit_or("s2") AS c, sum("s3") AS d, (CASE WHEN isnan(max("s4")) THEN 'nan' ELSE max("s4") + 0 END) AS e FROM "partials"
--> whole: SELECT bool_or(t) AS a, bit_and(i) AS b, bit_or(i) AS c, countif(i > 1) AS d, (CASE WHEN isnan(max(f)) THEN 'nan' ELSE max(f) + 0 END) AS e FROM facts AS t

-- A sum of integers is a HUGEINT, and that of decimals a DECIMAL(38); the sum of those has the same type.
SELECT sum(i) AS a, sum(m) AS b, count_if(t) AS c FROM facts AS t;
--> partial: SELECT sum(i) AS "s0", sum(m) AS "s1", count_if(t) AS "s2" FROM facts AS t
--> finish: SELECT sum("s0") AS a, sum("s1") AS b, sum("s2") AS c FROM "partials"

-- A mean is one division of one sum by one count, in the fold and over all rows.
SELECT avg(m) AS a, mean(i) FILTER (WHERE t) AS b FROM facts AS t;
--> partial: SELECT sum(m) AS "s0", count(m) AS "s1", sum(i) FILTER (WHERE t) AS "s2", count(i) FILTER (WHERE t) AS "s3" FROM facts AS t
--> finish: SELECT (CAST(sum("s0") AS DOUBLE) / sum("s1")) AS a, (CAST(sum("s2") AS DOUBLE) / sum("s3")) AS b FROM "partials"
--> whole: SELECT (CAST(sum(m) AS DOUBLE) / count(m)) AS a, (CAST(sum(i) FILTER (WHERE t) AS DOUBLE) / count(i) FILTER (WHERE t)) AS b FROM facts AS t

-- An aggregate that stands twice is kept once.
SELECT sum(i) + sum(i) AS a, count(i) AS b, avg(i) AS c FROM facts AS t;
--> partial: SELECT sum(i) AS "s0", count(i) AS "s1" FROM facts AS t
--> finish: SELECT sum("s0") + sum("s0") AS a, CAST(coalesce(sum("s1"), 0) AS BIGINT) AS b, (CAST(sum("s0") AS DOUBLE) / sum("s1")) AS c FROM "partials"
--> whole: SELECT sum(i) + sum(i) AS a, count(i) AS b, (CAST(sum(i) AS DOUBLE) / count(i)) AS c FROM facts AS t

-- FILTER stays with the call; DISTINCT does where it changes nothing.
SELECT count(*) FILTER (WHERE i > 1) AS a, min(DISTINCT k) AS b FROM facts AS t;
--> partial: SELECT count(*) FILTER (WHERE i > 1) AS "s0", min(DISTINCT k) AS "s1" FROM facts AS t
--> finish: SELECT CAST(coalesce(sum("s0"), 0) AS BIGINT) AS a, min("s1") AS b FROM "partials"

-- Other DISTINCT would count a value once for each partition.
SELECT count(DISTINCT k) AS n FROM facts AS t;
--> partial: SELECT k AS "k0" FROM facts AS t GROUP BY 1
--> finish: SELECT count(DISTINCT "k0") AS n FROM "partials"

-- A sum of DOUBLE is made of digits that are added up exactly, and rounded once; a mean is one division of it.
SELECT sum(i / 2) AS a FROM facts AS t;
--> partial: SELECT digit0(i / 2) AS "s0", digit1(i / 2) AS "s1", digit2(i / 2) AS "s2", digit3(i / 2) AS "s3", digit4(i / 2) AS "s4", digit5(i / 2) AS "s5" FROM facts AS t
--> finish: SELECT exact("s0", "s1", "s2", "s3", "s4", "s5") AS a FROM "partials"
--> whole: SELECT exact(digit0(i / 2), digit1(i / 2), digit2(i / 2), digit3(i / 2), digit4(i / 2), digit5(i / 2)) AS a FROM facts AS t

SELECT avg(f) FILTER (WHERE t) AS a, sum(f) FILTER (WHERE t) AS b, mean(f) AS c FROM facts AS t;
--> partial: SELECT digit0(f) FILTER (WHERE t) AS "s0", digit1(f) FILTER (WHERE t) AS "s1", digit2(f) FILTER (WHERE t) AS "s2", digit3(f) FILTER (WHERE t) AS "s3", digit4(f) FILTER (WHERE t) AS "s4", digit5(f) FILTER (WHERE t) AS "s5", count(f) FILTER (WHERE t) AS "s6", digit0(f) AS "s7", digit1(f) AS "s8", digit2(f) AS "s9", digit3(f) AS "s10", digit4(f) AS "s11", digit5(f) AS "s12", count(f) AS "s13" FROM facts AS t
--> finish: SELECT (exact("s0", "s1", "s2", "s3", "s4", "s5") / sum("s6")) AS a, exact("s0", "s1", "s2", "s3", "s4", "s5") AS b, (exact("s7", "s8", "s9", "s10", "s11", "s12") / sum("s13")) AS c FROM "partials"
--> whole: SELECT (exact(digit0(f) FILTER (WHERE t), digit1(f) FILTER (WHERE t), digit2(f) FILTER (WHERE t), digit3(f) FILTER (WHERE t), digit4(f) FILTER (WHERE t), digit5(f) FILTER (WHERE t)) / count(f) FILTER (WHERE t)) AS a, exact(digit0(f) FILTER (WHERE t), digit1(f) FILTER (WHERE t), digit2(f) FILTER (WHERE t), digit3(f) FILTER (WHERE t), digit4(f) FILTER (WHERE t), digit5(f) FILTER (WHERE t)) AS b, (exact(digit0(f), digit1(f), digit2(f), digit3(f), digit4(f), digit5(f)) / count(f)) AS c FROM facts AS t

-- Of numbers that are equal and differ in bytes, one is chosen.
SELECT min(f) AS a FROM facts AS t;
--> partial: SELECT min(f) AS "s0" FROM facts AS t
--> finish: SELECT (CASE WHEN isnan(min("s0")) THEN 'nan' ELSE min("s0") + 0 END) AS a FROM "partials"
--> whole: SELECT (CASE WHEN isnan(min(f)) THEN 'nan' ELSE min(f) + 0 END) AS a FROM facts AS t

-- What is no algebra, with the spelling that is where there is one.
SELECT median(i) AS a FROM facts AS t;
--! median() cannot be merged | avg(), where that is what is asked

SELECT any_value(k) AS a FROM facts AS t;
--! any_value() cannot be merged | min() or max() of it, where all values of a group are equal

SELECT arg_min(k, i) AS a FROM facts AS t;
--> partial: SELECT arg_min(k, row(i, k)) FILTER (WHERE (k) IS NOT NULL AND (i) IS NOT NULL) AS "s0", min(i) FILTER (WHERE (k) IS NOT NULL) AS "s1" FROM facts AS t
--> finish: SELECT arg_min("s0", row("s1", "s0")) FILTER (WHERE "s0" IS NOT NULL) AS a FROM "partials"
--> whole: SELECT arg_min(k, row(i, k)) FILTER (WHERE (k) IS NOT NULL AND (i) IS NOT NULL) AS a FROM facts AS t

-- A value that is another one at each call.
SELECT count(*) FILTER (WHERE random() < 0.5) AS a FROM facts AS t;
--! random() has another value at each call

-- Of values beside one greatest value the greatest is chosen, whether folded or not.
SELECT k, arg_max(m, i) AS a, min_by(ts, j + 1) FILTER (WHERE i > 1) AS b FROM facts AS t GROUP BY k;
--> partial: SELECT k AS "k0", arg_max(m, row(i, m)) FILTER (WHERE (m) IS NOT NULL AND (i) IS NOT NULL) AS "s0", max(i) FILTER (WHERE (m) IS NOT NULL) AS "s1", arg_min(ts, row(j + 1, ts)) FILTER (WHERE (ts) IS NOT NULL AND (j + 1) IS NOT NULL AND (i > 1)) AS "s2", min(j + 1) FILTER (WHERE (ts) IS NOT NULL AND (i > 1)) AS "s3" FROM facts AS t GROUP BY 1
--> finish: SELECT "k0" AS "k", arg_max("s0", row("s1", "s0")) FILTER (WHERE "s0" IS NOT NULL) AS a, arg_min("s2", row("s3", "s2")) FILTER (WHERE "s2" IS NOT NULL) AS b FROM "partials" GROUP BY "k0" ORDER BY 1
--> whole: SELECT k AS "k", arg_max(m, row(i, m)) FILTER (WHERE (m) IS NOT NULL AND (i) IS NOT NULL) AS a, arg_min(ts, row(j + 1, ts)) FILTER (WHERE (ts) IS NOT NULL AND (j + 1) IS NOT NULL AND (i > 1)) AS b FROM facts AS t GROUP BY k ORDER BY 1

SELECT arg_max(m, f) AS a FROM facts AS t;
--! a state of DOUBLE

SELECT arg_max(m, i, 2) AS a FROM facts AS t;
--! arg_max() of several values cannot be merged

-- The variance of DOUBLE depends on the order of the rows.
SELECT k, stddev(f) AS a FROM facts AS t GROUP BY k;
--! stddev() cannot be merged | sqrt((sum(x * x) - sum(x) * avg(x)) / (count(x) - 1)), where x varies by no less than a millionth of itself

SELECT k, kahan_sum(f) AS a FROM facts AS t GROUP BY k;
--! kahan_sum() cannot be merged | sum(), which is exact where it is folded

SELECT corr(f, i) AS a FROM facts AS t;
--! corr() cannot be merged

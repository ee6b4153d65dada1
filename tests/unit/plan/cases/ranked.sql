-- The greatest value of a scan is read first: it is a constant, and the scan needs no row before it.
SELECT count(*) FROM a WHERE d = (SELECT max(d) FROM a);
--> a: d = $__ranked_0
--> a: d >= $__ranked_0

SELECT count(*) FROM a WHERE d >= (SELECT max(d) FROM b WHERE k > 1) - INTERVAL 1 DAY AND s = 'a';
--> a: cast(d, TIMESTAMP) >= {CAST(($__ranked_0) - INTERVAL '1' DAY AS TIMESTAMP)} AND s = a
--> b: k > 1 AND d >= $__ranked_0

SELECT count(*) FROM a WHERE ts::DATE = (SELECT max(ts)::DATE FROM a WHERE d < $pd);
--> a: cast(ts, DATE) = {CAST(CAST($__ranked_0 AS DATE) AS DATE)}
--> a: d < $pd AND ts >= $__ranked_0

SELECT count(*) FROM a WHERE NOT (d < (SELECT coalesce(max(d), DATE '2024-01-31') FROM b WHERE k > $pk));
--> a: d >= coalesce($__ranked_0, 2024-01-31)
--> b: k > $pk AND d >= $__ranked_0

SELECT count(*) FROM a JOIN b ON a.k = b.k AND a.d >= (SELECT min(d) FROM c WHERE s = 'ab');
--> a: k IS NOT NULL AND d >= $__ranked_0
--> b: k IS NOT NULL AND k IN <a.k where k IS NOT NULL AND d >= $__ranked_0>
--> c: s = ab AND d <= $__ranked_0

-- By a name of its own
WITH m AS (SELECT max(d) AS d FROM a) SELECT count(*) FROM a JOIN m USING (d);
--> a: d >= $__ranked_0
--> a: d IS NOT NULL AND (d IN ($__ranked_0) OR d IS NULL)

WITH m AS (SELECT max(d) AS d, min(k) AS k FROM b) SELECT count(*) FROM a WHERE a.d = (SELECT d FROM m) OR a.d IS NULL;
--> b: k <= $__ranked_0 OR d >= $__ranked_1
--> a: d = $__ranked_1 OR d IS NULL

SELECT count(*) FROM a, (SELECT max(ts) AS t FROM b) m WHERE a.ts > m.t - INTERVAL 12 HOUR;
--> a: ts IS NOT NULL AND ts > {CAST(($__ranked_0) - INTERVAL '12' HOUR AS TIMESTAMP)}
--> b: ts >= $__ranked_0

-- A scalar subquery has one row, or none: its value is the greatest. Of more rows it is an error, which is the engine's to make.
SELECT count(*) FROM a WHERE d > (SELECT d FROM b WHERE ts = TIMESTAMP '2024-01-30 06:00:00' AND s = 'ab');
--> a: d > $__ranked_0
--> b: ts = 2024-01-30 06:00:00 AND s = ab

SELECT count(*) FROM a WHERE d >= (SELECT d FROM b WHERE k = 7) OR s = 'a';
--> a: d >= $__ranked_0 OR s = a
--> b: k = 7

SELECT count(*) FROM a WHERE d >= (SELECT d FROM b WHERE k = 7) - INTERVAL 1 DAY OR (SELECT d FROM b WHERE k = 7) IS NULL;
--> a: cast(d, TIMESTAMP) >= {CAST(($__ranked_1) - INTERVAL '1' DAY AS TIMESTAMP)} OR [$__ranked_0 IS NULL]
--> b: k = 7
--> b: k = 7

-- As the whole question
SELECT max(ts), min(ts)::DATE FROM a WHERE k = 1;
--> a: k = 1 AND (ts <= $__ranked_0 OR ts >= $__ranked_1)

SELECT max(m), max(ts::DATE) FROM a;
--> a: cast(ts, DATE) >= $__ranked_0 OR m >= $__ranked_1

-- Where other rows matter too, or a filter cannot be evaluated apart from the rest, it is not read first.
SELECT max(d), count(*) FROM a;
--> a: TRUE

SELECT k, max(d) FROM a GROUP BY k;
--> a: TRUE

SELECT max(d) FILTER (WHERE k = 1) FROM a;
--> a: k = 1

SELECT max(max(d)) OVER () FROM a;
--> a: TRUE

SELECT max(d) FROM a HAVING max(d) > DATE '2024-02-01';
--> a: TRUE
--! a: MAX(d) > CAST('2024-02-01' AS DATE) | function not monotone: max

SELECT count(*) FROM a WHERE d <= (SELECT max(d) FROM b WHERE b.k = a.k);
--> a: TRUE
--> b: k IS NOT NULL
--! a: d <= (SELECT MAX(d) FROM b WHERE b.k = a.k) | subquery

SELECT count(*) FROM a WHERE d <= (SELECT max(d) FROM b WHERE k + random() > 1.5);
--> a: TRUE
--> b: TRUE
--! a: d <= (SELECT MAX(d) FROM b WHERE k + RANDOM() > 1.5) | subquery
--! b: k + RANDOM() > 1.5 | arithmetic on the column

SELECT count(*) FROM a WHERE d = (SELECT max(b.d) FROM b JOIN c ON b.k = c.k);
--> a: d = (SELECT MAX(b.d) FROM b JOIN c ON b.k = c.k)
--> b: k IS NOT NULL
--> c: k IS NOT NULL

SELECT count(*) FROM a WHERE EXISTS (SELECT max(d) FROM b WHERE k = 7);
--> a: TRUE
--> b: k = 7 AND d >= $__ranked_0

SELECT count(*) FROM a WHERE d NOT IN (SELECT max(d) FROM b);
--> a: TRUE
--> b: d >= $__ranked_0
--! a: NOT d IN (SELECT MAX(d) FROM b) | subquery

SELECT max(k, 2) FROM a;
--> a: TRUE

SELECT max(x) FROM a AS t(x, y);
--> a: TRUE

-- LIMIT after ORDER BY: no row before the last of those that it takes.
SELECT k, ts, s, d FROM a ORDER BY ts DESC, k, s, d LIMIT 3 OFFSET 2;
--> a: ts >= $__ranked_0

SELECT k, ts AS x, s, d FROM a WHERE k > 0 ORDER BY x, k, s, d LIMIT $pj;
--> a: k > 0 AND ts <= $__ranked_0

SELECT d, count(*) FROM (SELECT d FROM a ORDER BY d, k LIMIT 4) GROUP BY d;
--> a: d <= $__ranked_0

-- NULL comes last, or first where that is asked for.
SELECT k, d FROM a ORDER BY d DESC NULLS FIRST, k LIMIT 3;
--> a: d >= $__ranked_0 OR d IS NULL

SELECT k, d FROM a WHERE k = 1 ORDER BY d NULLS LAST, k LIMIT 20;
--> a: k = 1 AND d <= $__ranked_0

-- The next page by its keys
SELECT k, d, s FROM a WHERE (d, k) > ($pd, $pk) ORDER BY 2, 1, 3 LIMIT 5;
--> a: (d > $pd OR d IS NULL OR ((d = $pd OR ([$pd IS NULL] AND d IS NULL)) AND (k >= $pk OR k IS NULL))) AND d <= $__ranked_0

-- All rows matter to a window, a grouping, DISTINCT, and to an order by what is computed.
SELECT k, ts, count(*) OVER () AS n FROM a ORDER BY ts, k, n LIMIT 3;
--> a: TRUE

SELECT k, d, s FROM a ORDER BY d DESC, lag(k) OVER (ORDER BY d DESC, k, ts, s), k, s LIMIT 3;
--> a: TRUE

SELECT ts, count(*) FROM a GROUP BY ts ORDER BY ts LIMIT 3;
--> a: ts <= $__ranked_0

SELECT DISTINCT d FROM a ORDER BY d LIMIT 3;
--> a: d <= $__ranked_0

SELECT k, s, ts AS k2 FROM a ORDER BY k + 1 DESC, s, ts LIMIT 3;
--> a: add(k, 1) >= $__ranked_0

SELECT max(d) AS d FROM a ORDER BY d LIMIT 1;
--> a: TRUE

SELECT -k AS d, s FROM a ORDER BY d, s LIMIT 3;
--> a: TRUE

SELECT unnest([d, d + 1]) AS u, d FROM a WHERE k = 1 ORDER BY d, u LIMIT 3;
--> a: k = 1

-- An order by an expression: the value that is found bounds the expression, whatever partitions it is found in.
SELECT k FROM a ORDER BY epoch(ts) DESC, k LIMIT 3;
--> a: ts where {day/hour/range: EPOCH(__hi) >= $__ranked_0}

SELECT k, strftime(ts, '%d/%m') AS day FROM a WHERE k > 1 ORDER BY day, k LIMIT 2;
--> a: k > 1 AND ts where {day/hour: (STRFTIME(__lo, '%d/%m')) <= $__ranked_0}

SELECT k FROM a ORDER BY -year(d), k LIMIT $pj;
--> a: d where {value: (-YEAR(__lo)) <= $__ranked_0; range: -YEAR(__hi) <= $__ranked_0}

-- NULL first, or an expression that may make a value of NULL.
SELECT k FROM a ORDER BY epoch(ts) DESC NULLS FIRST, k LIMIT 3;
--> a: TRUE

SELECT k FROM a ORDER BY coalesce(epoch(ts), 0) DESC, k LIMIT 3;
--> a: TRUE

-- The newest groups, and the newest distinct rows: as many values as groups are taken.
SELECT ts::DATE AS day, count(*) FROM a GROUP BY day ORDER BY day DESC LIMIT 3;
--> a: cast(ts, DATE) >= $__ranked_0

SELECT date_trunc('day', ts), s, sum(k) FROM a WHERE k > 1 GROUP BY 1, 2 ORDER BY 1 DESC, 2 LIMIT 2;
--> a: k > 1 AND date_trunc(ts, day) >= $__ranked_0

SELECT DISTINCT d FROM a ORDER BY d DESC LIMIT 1;
--> a: d >= $__ranked_0

SELECT d, count(*) FROM a GROUP BY ALL ORDER BY d LIMIT 1;
--> a: d <= $__ranked_0

-- Not where groups are left out afterwards, are made of several sets of keys, or are ordered by what is no key.
SELECT d, count(*) FROM a GROUP BY d HAVING count(*) > 2 ORDER BY d DESC LIMIT 1;
--> a: TRUE

SELECT d, count(*) FROM a GROUP BY ROLLUP (d) ORDER BY d DESC LIMIT 1;
--> a: TRUE

SELECT d, max(ts) FROM a GROUP BY d ORDER BY max(ts) DESC LIMIT 1;
--> a: TRUE

SELECT DISTINCT k FROM a ORDER BY k LIMIT 1 OFFSET 1;
--> a: k <= $__ranked_0

-- A value that is among what a subquery gives is not NULL.
SELECT count(*) FROM a WHERE ts::DATE IN (SELECT max(ts::DATE) FROM a);
--> a: ts IS NOT NULL AND cast(ts, DATE) IN ($__ranked_0)
--> a: cast(ts, DATE) >= $__ranked_0

-- The first row in an order is a greatest or a least value, where the order is that of what is selected.
SELECT count(*) FROM a WHERE d = (SELECT d FROM b ORDER BY d DESC LIMIT 1);
--> a: d = $__ranked_0
--> b: d >= $__ranked_0

SELECT count(*) FROM a WHERE d > (SELECT d::DATE FROM b WHERE k = 1 ORDER BY d, k LIMIT 1);
--> a: d > $__ranked_0
--> b: k = 1 AND d <= $__ranked_0

SELECT count(*) FROM a WHERE ts::DATE = (SELECT ts::DATE FROM b ORDER BY ts DESC LIMIT 1);
--> a: cast(ts, DATE) = $__ranked_0
--> b: ts >= $__ranked_1

SELECT count(*) FROM a WHERE d = (SELECT DISTINCT d FROM b ORDER BY d DESC LIMIT 1 OFFSET 1);
--> a: d = $__ranked_0
--> b: d >= $__ranked_0

SELECT count(*) FROM a WHERE d = (SELECT d FROM b GROUP BY d ORDER BY 1 DESC LIMIT 1);
--> a: d = $__ranked_0
--> b: d >= $__ranked_0

-- Not in another order, where NULL comes first, or of several rows.
SELECT count(*) FROM a WHERE d = (SELECT d FROM b ORDER BY k, d LIMIT 1);
--> a: TRUE
--> b: k <= $__ranked_0
--! a: d = (SELECT d FROM b ORDER BY k, d LIMIT 1) | subquery

SELECT count(*) FROM a WHERE d = (SELECT d FROM b ORDER BY d DESC NULLS FIRST, k LIMIT 1);
--> a: TRUE
--> b: d >= $__ranked_0 OR d IS NULL
--! a: d = (SELECT d FROM b ORDER BY d DESC NULLS FIRST, k LIMIT 1) | subquery

SELECT count(*) FROM a WHERE d IN (SELECT d FROM b ORDER BY d DESC LIMIT 2);
--> a: d IS NOT NULL AND d IN <b.d where TRUE>
--> b: d >= $__ranked_0
--! b: d IN (SELECT d FROM b ORDER BY d DESC LIMIT 2) | blocked by LIMIT

WITH newest AS (SELECT d FROM b ORDER BY d DESC LIMIT 1) SELECT count(*) FROM a JOIN newest ON a.d = newest.d;
--> b: d >= $__ranked_0
--> a: d IS NOT NULL AND d = $__ranked_0 AND (d IN ($__ranked_0) OR d IS NULL)
--! b: a.d = newest.d | blocked by LIMIT
--! b: a.d = newest.d | foreign column

-- So has one of distinct values, which may be that of several rows.
SELECT count(*) FROM a WHERE d = (SELECT DISTINCT d FROM b WHERE k = 7 OR (d = '2024-01-31' AND k = 1));
--> a: d = $__ranked_0
--> b: k = 7 OR (d = 2024-01-31 AND k = 1)

SELECT count(*) FROM a WHERE k = (SELECT DISTINCT k + 1 FROM b WHERE k = 2);
--> a: k = $__ranked_0
--> b: k = 2

SELECT count(*) FROM a WHERE d = (SELECT DISTINCT ON (k) d FROM b WHERE k = 7);
--> a: TRUE
--> b: k = 7
--! a: d = (SELECT DISTINCT ON (k) d FROM b WHERE k = 7) | subquery

-- A dimension that is filtered by one is read after it.
SELECT count(*) FROM a JOIN b ON a.d = b.d WHERE b.k = (SELECT k FROM c WHERE k = 2 AND s = 'no');
--> a: d IS NOT NULL AND d IN <b.d where k = $__ranked_0 AND d IS NOT NULL>
--> b: k = $__ranked_0 AND d IS NOT NULL
--> c: k = 2 AND s = no

-- The row of a greatest value is among those that have what is asked of it.
SELECT arg_max(k, ts), arg_min(s, d) FROM a WHERE f;
--> a: f = True AND (d <= $__ranked_0 OR ts >= $__ranked_1)

SELECT max_by(m, ts), max(ts) FROM a;
--> a: ts >= $__ranked_0 OR ts >= $__ranked_1

SELECT arg_max(k, ts::DATE)::VARCHAR || 'x' FROM a AS t;
--> a: cast(ts, DATE) >= $__ranked_0

SELECT arg_max(k, ts, 2) FROM a;
--> a: TRUE

SELECT arg_max(k, ts), count(*) FROM a;
--> a: TRUE

SELECT arg_max(k, ts) FILTER (WHERE s = 'a') FROM a;
--> a: s = a

SELECT arg_max_null(k, ts) FROM a;
--> a: TRUE

SELECT count(*) FROM b WHERE k = (SELECT arg_max(k, ts) FROM a);
--> b: TRUE
--> a: ts >= $__ranked_0
--! b: k = (SELECT ARG_MAX(k, ts) FROM a) | subquery

-- The last of the first rows is the least of them, if there are so many.
SELECT count(*) FROM a WHERE d >= (SELECT min(d) FROM (SELECT d FROM b ORDER BY d DESC LIMIT 10));
--> a: d >= $__ranked_0
--> b: d >= $__ranked_0

WITH w AS (SELECT DISTINCT ts::DATE AS day FROM b WHERE k > 1 ORDER BY day DESC LIMIT $pj OFFSET 1) SELECT count(*) FROM a WHERE d >= (SELECT min(day) FROM w);
--> b: k > 1 AND cast(ts, DATE) >= $__ranked_0
--> a: TRUE
--! a: d >= (SELECT MIN(day) FROM w) | subquery

WITH w AS (SELECT d FROM b ORDER BY d LIMIT $pj) SELECT count(*) FROM a WHERE d <= (SELECT max(d) FROM w);
--> b: d <= $__ranked_0
--> a: d <= $__ranked_0

SELECT count(*) FROM a WHERE d >= (SELECT min(d) FROM (SELECT d FROM b ORDER BY d DESC LIMIT 0 OFFSET 3));
--> a: TRUE
--> b: d >= $__ranked_0
--! a: d >= (SELECT MIN(d) FROM (SELECT d FROM b ORDER BY d DESC LIMIT 0 OFFSET 3)) | subquery

SELECT count(*) FROM a WHERE d >= (SELECT min(d) FROM (SELECT d FROM b ORDER BY d DESC LIMIT 40));
--> a: d >= $__ranked_0
--> b: d >= $__ranked_0

SELECT count(*) FROM a WHERE d <= (SELECT max(d) FROM (SELECT d FROM b ORDER BY d DESC LIMIT 3));
--> a: TRUE
--> b: d >= $__ranked_0
--! a: d <= (SELECT MAX(d) FROM (SELECT d FROM b ORDER BY d DESC LIMIT 3)) | subquery

SELECT count(*) FROM a WHERE d <= (SELECT min(d) FROM (SELECT d FROM b ORDER BY d DESC LIMIT 3) WHERE d < '2024-02-01');
--> a: TRUE
--> b: d >= $__ranked_0
--! a: d <= (SELECT MIN(d) FROM (SELECT d FROM b ORDER BY d DESC LIMIT 3) WHERE d < '2024-02-01') | subquery
--! b: d < '2024-02-01' | blocked by LIMIT

-- A day that is put together of its parts is in the greatest year.
SELECT count(*) FROM a WHERE make_date(k + 2000, k, k) = (SELECT max(make_date(k + 2000, k, k)) FROM b);
--> a: k where {value: MAKE_DATE(__lo + 2000, __lo, __lo) = ($__ranked_0)}
--> b: k where {value: MAKE_DATE(__lo + 2000, __lo, __lo) >= $__ranked_0}

SELECT count(*) FROM a WHERE make_date(k, k, 1) >= (SELECT max(make_date(k, k, 1)) FROM b);
--> a: TRUE
--> b: TRUE
--! a: MAKE_DATE(k, k, 1) >= (SELECT MAX(MAKE_DATE(k, k, 1)) FROM b) | function not monotone: date_from_parts

SELECT min(make_date(k + 2000, k, k)) FROM a WHERE s = 'a';
--> a: s = a AND k where {value: MAKE_DATE(__lo + 2000, __lo, __lo) <= $__ranked_0}

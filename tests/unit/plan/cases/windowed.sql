-- No row matters that comes after the last one that is asked for.
SELECT k, d, s FROM (SELECT *, rank() OVER (ORDER BY d DESC) AS r FROM a) WHERE r = 1;
--> a: d >= $__ranked_0

SELECT k, d, s FROM a WHERE k > 0 QUALIFY row_number() OVER (ORDER BY ts, k, d, s, f, m) <= 3;
--> a: k > 0 AND ts <= $__ranked_0
--! a: ROW_NUMBER() OVER (ORDER BY ts, k, d, s, f, m) <= 3 | not understood: window

SELECT k, ts, dense_rank() OVER (ORDER BY ts::DATE DESC, k) AS r, rank() OVER (ORDER BY ts::DATE DESC) FROM a QUALIFY $pj >= r;
--> a: cast(ts, DATE) >= $__ranked_0

SELECT count(*) FROM (SELECT rank() OVER (ORDER BY d DESC) AS r, * FROM a) WHERE r < 3 AND k = 1;
--> a: d >= $__ranked_0
--! a: k = 1 | blocked by a window

SELECT d, k FROM (SELECT d, k, rank() OVER (ORDER BY d DESC NULLS FIRST) AS r FROM a) WHERE r BETWEEN 2 AND 5;
--> a: d >= $__ranked_0 OR d IS NULL

-- The greatest value of all rows is read first.
SELECT k, d, s FROM a QUALIFY d = max(d) OVER ();
--> a: d = $__ranked_0 OR d >= $__ranked_0
--! a: d = MAX(d) OVER () | compared with no constant

SELECT k, ts, max(ts) OVER () FROM a WHERE k > 0 QUALIFY ts >= max(ts) OVER () - INTERVAL 12 HOUR OR k = min(k) OVER ();
--> a: k > 0 AND (ts >= {CAST($__ranked_1 - INTERVAL '12' HOUR AS TIMESTAMP)} OR k = $__ranked_0 OR k <= $__ranked_0 OR ts >= $__ranked_1)
--! a: ts >= MAX(ts) OVER () - INTERVAL '12' HOUR OR k = MIN(k) OVER () | compared with no constant

SELECT k, d FROM a QUALIFY d IS NOT DISTINCT FROM max(d) OVER () AND s = 'ab';
--> a: ((d = $__ranked_0 OR ([$__ranked_0 IS NULL] AND d IS NULL)) AND s = ab) OR d >= $__ranked_0
--! a: d IS NOT DISTINCT FROM MAX(d) OVER () | compared with no constant
--! a: s = 'ab' | blocked by a window

SELECT k, d FROM a QUALIFY d <> max(d) OVER () AND k = 1;
--> a: (d <> $__ranked_0 AND k = 1) OR d >= $__ranked_0
--! a: d <> MAX(d) OVER () | compared with no constant
--! a: k = 1 | blocked by a window

-- Where a window looks at other rows, or more is done with the rows, all of them matter.
SELECT k, d FROM a QUALIFY rank() OVER (ORDER BY d DESC) = 1 OR k = 1;
--> a: TRUE
--! a: RANK() OVER (ORDER BY d DESC) = 1 OR k = 1 | not understood: window

SELECT k, d, count(*) OVER () FROM a QUALIFY rank() OVER (ORDER BY d DESC) = 1;
--> a: TRUE
--! a: RANK() OVER (ORDER BY d DESC) = 1 | not understood: window

SELECT k, d, sum(k) OVER () FROM a QUALIFY d = max(d) OVER ();
--> a: TRUE
--! a: d = MAX(d) OVER () | compared with no constant

SELECT k, d FROM a QUALIFY rank() OVER (ORDER BY d DESC) >= 2;
--> a: TRUE
--! a: RANK() OVER (ORDER BY d DESC) >= 2 | not understood: window

SELECT k, d FROM a QUALIFY rank() OVER (PARTITION BY k ORDER BY d DESC) = 1;
--> a: TRUE
--! a: RANK() OVER (PARTITION BY k ORDER BY d DESC) = 1 | not understood: window

SELECT k, d FROM a QUALIFY rank() OVER (ORDER BY d DESC) = 1 AND rank() OVER (ORDER BY d) <= 20;
--> a: TRUE
--! a: RANK() OVER (ORDER BY d DESC) = 1 | not understood: window
--! a: RANK() OVER (ORDER BY d) <= 20 | not understood: window

SELECT k, d FROM a QUALIFY d = max(d) OVER (ORDER BY k ROWS UNBOUNDED PRECEDING);
--> a: TRUE
--! a: d = MAX(d) OVER (ORDER BY k ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) | compared with no constant

SELECT d, max(k) FROM a GROUP BY d QUALIFY rank() OVER (ORDER BY d DESC) = 1;
--> a: TRUE
--! a: RANK() OVER (ORDER BY d DESC) = 1 | not understood: window

SELECT DISTINCT k, d FROM a QUALIFY rank() OVER (ORDER BY d DESC) = 1;
--> a: TRUE
--! a: RANK() OVER (ORDER BY d DESC) = 1 | not understood: window

SELECT k, d AS ts FROM a QUALIFY rank() OVER (ORDER BY ts DESC) = 1;
--> a: TRUE

SELECT k, d FROM (SELECT k, d, rank() OVER (ORDER BY d DESC) AS r FROM a LIMIT 20) WHERE r = 1 AND k IS NULL AND k IS NOT NULL;
--> a: TRUE
--! a: k IS NULL | blocked by LIMIT
--! a: NOT k IS NULL | blocked by LIMIT

SELECT count(*) FROM a QUALIFY rank() OVER (ORDER BY count(*)) = 1;
--> a: TRUE

SELECT a.k, a.d FROM a JOIN b ON a.k = b.k QUALIFY rank() OVER (ORDER BY a.d DESC) = 1;
--> a: k IS NOT NULL
--> b: k IS NOT NULL
--! a: RANK() OVER (ORDER BY a.d DESC) = 1 | not understood: window

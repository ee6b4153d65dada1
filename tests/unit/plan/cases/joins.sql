-- INNER: conjuncts of ON are as good as those of WHERE, and equal columns share what is known.
SELECT count(*) FROM a JOIN b ON a.k = b.k AND b.d = DATE '2024-01-31' WHERE a.k > 1;
--> a: k > 1 AND k IS NOT NULL AND k IN <b.k where k IS NOT NULL AND d = 2024-01-31 AND k > 1>
--> b: k IS NOT NULL AND d = 2024-01-31 AND k > 1

-- USING
SELECT count(*) FROM a JOIN b USING (k) WHERE k = 1;
--> a: k = 1 AND k IS NOT NULL
--> b: k IS NOT NULL AND k = 1

-- Equality is carried over several tables.
SELECT count(*) FROM a, b, c WHERE a.k = b.k AND b.k = c.k AND c.k = 2;
--> a: k IS NOT NULL AND k = 2
--> b: k IS NOT NULL AND k = 2
--> c: k IS NOT NULL AND k = 2

-- Not across types.
SELECT count(*) FROM a JOIN b ON a.k = b.m WHERE b.m = 1;
--> a: TRUE
--> b: m = 1
--! a: a.k = b.m | compared with no constant
--! b: a.k = b.m | compared with no constant

-- Bounds are carried along an order.
SELECT count(*) FROM a JOIN b ON a.d < b.d WHERE b.d <= DATE '2024-01-31' AND a.d >= DATE '2024-01-30';
--> a: d >= 2024-01-30 AND d IS NOT NULL AND d < 2024-01-31
--> b: d <= 2024-01-31 AND d IS NOT NULL AND d > 2024-01-30

-- But not through a function that repeats.
SELECT count(*) FROM a JOIN b ON a.d < b.d WHERE day(b.d) <= 2;
--> a: d IS NOT NULL
--> b: day(d) <= 2 AND d IS NOT NULL

-- Through a function: the column that equals it gives its range to the function.
SELECT count(*) FROM a JOIN b ON a.d = b.ts::DATE WHERE a.d = DATE '2024-01-31';
--> a: d = 2024-01-31 AND d IS NOT NULL
--> b: ts IS NOT NULL AND cast(ts, DATE) = 2024-01-31

-- LEFT JOIN: ON says nothing of the left side.
SELECT count(*) FROM a LEFT JOIN b ON a.k = b.k AND a.d = DATE '2024-01-31' AND b.s = 'a' WHERE a.k = 1;
--> a: k = 1
--> b: k IS NOT NULL AND s = a AND k = 1 AND k IN <a.k where k = 1 AND k IS NOT NULL AND d = 2024-01-31>
--! a: a.k = b.k | preserved side of LEFT JOIN
--! a: a.d = CAST('2024-01-31' AS DATE) | preserved side of LEFT JOIN

-- LEFT JOIN: WHERE says nothing of the right side if NULL may pass.
SELECT count(*) FROM a LEFT JOIN b ON a.k = b.k WHERE b.s IS NULL OR b.s = 'a';
--> a: TRUE
--> b: k IS NOT NULL
--! a: a.k = b.k | preserved side of LEFT JOIN
--! b: b.s IS NULL OR b.s = 'a' | null-supplying side of LEFT JOIN

SELECT count(*) FROM a LEFT JOIN b ON a.k = b.k WHERE coalesce(b.s, 'a') = 'a';
--> a: TRUE
--> b: k IS NOT NULL
--! a: a.k = b.k | preserved side of LEFT JOIN
--! b: COALESCE(b.s, 'a') = 'a' | null-supplying side of LEFT JOIN

-- LEFT JOIN is INNER where WHERE rejects NULL, and then for the joins below too.
SELECT count(*) FROM a LEFT JOIN b ON a.k = b.k AND a.d = DATE '2024-01-31' LEFT JOIN c ON b.s = c.s WHERE c.k = 1;
--> a: k IS NOT NULL AND d = 2024-01-31
--> b: s IS NOT NULL AND k IS NOT NULL AND s IN <c.s where k = 1 AND s IS NOT NULL> AND k IN <a.k where k IS NOT NULL AND d = 2024-01-31>
--> c: k = 1 AND s IS NOT NULL

-- OR with the left side does not reject NULL.
SELECT count(*) FROM a LEFT JOIN b ON a.k = b.k WHERE a.k = 1 OR b.k = 1;
--> a: TRUE
--> b: k IS NOT NULL
--! a: a.k = 1 OR b.k = 1 | foreign column
--! a: a.k = b.k | preserved side of LEFT JOIN
--! b: a.k = 1 OR b.k = 1 | null-supplying side of LEFT JOIN

-- RIGHT JOIN mirrors LEFT.
SELECT count(*) FROM a RIGHT JOIN b ON a.k = b.k AND b.s = 'a' AND a.s = 'b' WHERE b.k = 1;
--> a: k IS NOT NULL AND s = b AND k = 1 AND k IN <b.k where k = 1 AND k IS NOT NULL AND s = a>
--> b: k = 1
--! b: a.k = b.k | preserved side of RIGHT JOIN
--! b: b.s = 'a' | preserved side of RIGHT JOIN

-- FULL JOIN: nothing, unless NULL is rejected on a side.
SELECT count(*) FROM a FULL JOIN b ON a.k = b.k AND a.s = 'a';
--> a: TRUE
--> b: TRUE
--! a: a.k = b.k | FULL JOIN
--! a: a.s = 'a' | FULL JOIN
--! b: a.k = b.k | FULL JOIN

SELECT count(*) FROM a FULL JOIN b ON a.k = b.k AND b.s = 'a' WHERE a.k = 1;
--> a: k = 1
--> b: k IS NOT NULL AND s = a AND k = 1
--! a: a.k = b.k | preserved side of LEFT JOIN

-- SEMI JOIN: both ways along the equality.
SELECT count(*) FROM a SEMI JOIN b ON a.k = b.k AND b.k > 1 WHERE a.k < 3;
--> a: k < 3 AND k IS NOT NULL AND k > 1
--> b: k IS NOT NULL AND k > 1 AND k < 3

-- ANTI JOIN: only into the right side.
SELECT count(*) FROM a ANTI JOIN b ON a.k = b.k AND b.s = 'a' WHERE a.k = 1;
--> a: k = 1
--> b: k IS NOT NULL AND s = a AND k = 1
--! a: a.k = b.k | ANTI JOIN

-- ASOF: only whole keys may go from the right side, for the nearest row of a key is wanted.
SELECT x.k, y.d FROM a x ASOF JOIN (SELECT k, ts, min(d) AS d FROM b GROUP BY k, ts) y ON x.k = y.k AND x.ts >= y.ts
WHERE x.k = 1 AND x.ts > TIMESTAMP '2024-01-30' AND y.d = DATE '2024-01-31';
--> a: k = 1 AND ts > 2024-01-30 00:00:00
--> b: k = 1
--! b: x.ts >= y.ts | ASOF JOIN

-- A filter on the right side would promote an older match.
SELECT x.k, x.ts, y.ts FROM a x ASOF JOIN (SELECT DISTINCT k, ts FROM b) y ON x.k = y.k AND x.ts >= y.ts
WHERE y.ts <= TIMESTAMP '2024-01-31 12:00:00';
--> a: TRUE
--> b: TRUE
--! b: y.ts <= CAST('2024-01-31 12:00:00' AS TIMESTAMP) | ASOF JOIN
--! b: x.ts >= y.ts | ASOF JOIN

-- POSITIONAL: rows meet by number.
SELECT x.k FROM a x POSITIONAL JOIN b y WHERE y.k = 1 AND x.k = 1;
--> a: TRUE
--> b: TRUE
--! a: x.k = 1 | POSITIONAL JOIN
--! b: y.k = 1 | POSITIONAL JOIN

-- A comma binds less tightly than RIGHT JOIN.
SELECT count(*) FROM a, b RIGHT JOIN c ON b.k = c.k AND b.s = 'a' WHERE a.k = 1;
--> a: k = 1
--> b: k IS NOT NULL AND s = a
--> c: TRUE
--! c: b.k = c.k | preserved side of RIGHT JOIN

-- Parentheses
SELECT count(*) FROM a LEFT JOIN (b JOIN c ON b.k = c.k AND c.s = 'a') ON a.d = b.d WHERE a.d = DATE '2024-01-31';
--> a: d = 2024-01-31
--> b: d IS NOT NULL AND k IS NOT NULL AND d = 2024-01-31 AND k IN <c.k where k IS NOT NULL AND s = a>
--> c: k IS NOT NULL AND s = a AND k IN <b.k where d IS NOT NULL AND k IS NOT NULL AND d = 2024-01-31>
--! a: a.d = b.d | preserved side of LEFT JOIN

-- A table sampled is read whole.
SELECT count(*) > 0 FROM a TABLESAMPLE 100% WHERE k = 1;
--> a: TRUE
--! a: k = 1 | SAMPLE

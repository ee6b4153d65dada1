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
--> a: k IS NOT NULL AND k where {value: EXISTS (SELECT 1 FROM (SELECT unnest(<b.m where m = 1 AND m IS NOT NULL>) AS __member) WHERE __lo = __member); range: EXISTS (SELECT 1 FROM (SELECT unnest(<b.m where m = 1 AND m IS NOT NULL>) AS __member) WHERE __lo <= __member AND __hi >= __member)}
--> b: m = 1 AND m IS NOT NULL

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
--> a: k IS NOT NULL AND d = 2024-01-31 AND k IN <b.k where s IS NOT NULL AND k IS NOT NULL AND s IN <c.s where k = 1 AND s IS NOT NULL>>
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
--> a: k = 1 AND (k IS NULL OR k NOT IN (SELECT b.k FROM b WHERE b.s = 'a'))
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

-- Functions on both sides: what is known of one column is known of its function, with the function of the constant.
SELECT count(*) FROM a JOIN b ON date_trunc('month', a.ts) = date_trunc('month', b.d) WHERE b.d = DATE '2024-01-31';
--> a: ts IS NOT NULL AND date_trunc(ts, month) >= date_trunc(2024-01-31, month) down AND date_trunc(ts, month) <= date_trunc(2024-01-31, month) up
--> b: d = 2024-01-31 AND d IS NOT NULL

SELECT count(*) FROM a JOIN b ON date_trunc('month', a.ts) = date_trunc('month', b.d) WHERE b.d < DATE '2024-02-01';
--> a: ts IS NOT NULL AND date_trunc(ts, month) <= date_trunc(2024-02-01-, month) up
--> b: d < 2024-02-01 AND d IS NOT NULL

SELECT count(*) FROM a JOIN b ON month(a.ts) = month(b.d) AND strftime(a.ts, '%Y') = strftime(b.d, '%Y') WHERE b.d IN (DATE '2024-01-31', $pd);
--> a: ts IS NOT NULL AND month(ts) IN (month(2024-01-31), month($pd)) AND strftime(ts, %Y) IN (strftime(2024-01-31, %Y), strftime($pd, %Y))
--> b: d IN (2024-01-31, $pd) AND d IS NOT NULL

-- A number that repeats says nothing of a range.
SELECT count(*) FROM a JOIN b ON month(a.d) = month(b.d) WHERE b.d > DATE '2024-01-30';
--> a: d IS NOT NULL
--> b: d > 2024-01-30 AND d IS NOT NULL

-- The day of a time and a date, either way round, and a day later.
SELECT count(*) FROM a JOIN b ON a.ts::DATE = b.ts::DATE + 1 WHERE b.ts >= TIMESTAMP '2024-01-31 09:00:00';
--> a: ts IS NOT NULL AND cast(ts, DATE) >= add(cast(2024-01-31 09:00:00, DATE), 1) down
--> b: ts >= 2024-01-31 09:00:00 AND ts IS NOT NULL

SELECT count(*) FROM a JOIN b ON a.d = b.d - INTERVAL 1 MONTH WHERE b.d >= DATE '2024-03-31';
--> a: d IS NOT NULL AND cast(d, TIMESTAMP) >= add_months(2024-03-31, -1) down
--> b: d >= 2024-03-31 AND d IS NOT NULL

-- A range: both of its ends, the strictness of the comparison kept.
SELECT count(*) FROM a JOIN b ON a.ts >= b.d AND a.ts < b.d + INTERVAL 7 DAY WHERE b.d = DATE '2024-01-31';
--> a: ts IS NOT NULL AND ts >= cast(2024-01-31, TIMESTAMP) down AND ts < add(cast(2024-01-31, TIMESTAMP), 604800000000) up
--> b: d = 2024-01-31 AND d IS NOT NULL

SELECT count(*) FROM a JOIN b ON b.ts BETWEEN a.ts AND a.ts + INTERVAL 2 HOUR WHERE a.ts::DATE = DATE '2024-01-31';
--> a: cast(ts, DATE) = 2024-01-31 AND ts IS NOT NULL AND ts IS NOT NULL
--> b: ts IS NOT NULL AND cast(ts, DATE) >= 2024-01-31 AND ts <= add(add(cast(2024-01-31, TIMESTAMP), 86400000000) up-, 7200000000) up

-- Not where a month is added to a time: it keeps the order of days only.
SELECT count(*) FROM a JOIN b ON a.ts < b.ts + INTERVAL 1 MONTH WHERE b.ts < TIMESTAMP '2024-01-31 09:00:00';
--> a: ts IS NOT NULL AND ts < add_months_to_time(2024-01-31 09:00:00-, 1) up
--> b: ts < 2024-01-31 09:00:00 AND ts IS NOT NULL

-- A range between two columns of a table that is filtered by others.
SELECT count(*) FROM a JOIN b ON a.ts BETWEEN b.d AND b.ts WHERE b.s = 'a';
--> a: ts IS NOT NULL
--> b: s = a AND d IS NOT NULL AND ts IS NOT NULL

-- A day of a table that is filtered by others.
SELECT count(*) FROM a JOIN b ON a.d = b.ts::DATE WHERE b.s = 'a';
--> a: d IS NOT NULL AND d IN <b.ts where s = a AND ts IS NOT NULL>
--> b: s = a AND ts IS NOT NULL

-- A dimension of a dimension.
SELECT count(*) FROM a JOIN b ON a.k = b.k JOIN c ON b.d = c.d WHERE c.s = 'a';
--> a: k IS NOT NULL AND k IN <b.k where d IS NOT NULL AND k IS NOT NULL AND d IN <c.d where s = a AND d IS NOT NULL>>
--> b: d IS NOT NULL AND k IS NOT NULL AND d IN <c.d where s = a AND d IS NOT NULL>
--> c: s = a AND d IS NOT NULL

SELECT count(*) FROM a WHERE k IN (SELECT k FROM b WHERE d IN (SELECT d FROM c WHERE s = 'a'));
--> a: k IS NOT NULL AND k IN <b.k where d IS NOT NULL AND d IN <c.d where s = a>>
--> b: d IS NOT NULL AND d IN <c.d where s = a> AND k IS NOT NULL
--> c: s = a AND d IS NOT NULL

-- A column that a subquery computes.
SELECT count(*) FROM a JOIN (SELECT date_trunc('month', d) AS month FROM b WHERE d >= DATE '2024-01-31' GROUP BY 1) AS o ON date_trunc('month', a.ts) = o.month;
--> a: ts IS NOT NULL AND date_trunc(ts, month) >= date_trunc(2024-01-31, month) down
--> b: d >= 2024-01-31 AND date_trunc(d, month) IS NOT NULL

-- A difference of two columns is a comparison between them.
SELECT count(*) FROM a JOIN b ON a.ts::DATE - b.d BETWEEN 0 AND 2 WHERE b.d = '2024-01-30';
--> a: ts IS NOT NULL AND cast(ts, DATE) >= 2024-01-30 AND cast(ts, DATE) <= add(2024-01-30, 2) up
--> b: d = 2024-01-30 AND d IS NOT NULL AND d IS NOT NULL

SELECT count(*) FROM a, b WHERE date_diff('month', b.d, a.ts) = 1 AND b.d = '2024-01-31';
--> a: ts IS NOT NULL AND date_trunc(ts, month) >= add_months_to_time(date_trunc(2024-01-31, month), 1) down AND date_trunc(ts, month) <= add_months_to_time(date_trunc(2024-01-31, month), 1) up
--> b: d IS NOT NULL AND d = 2024-01-31

SELECT count(*) FROM a, b WHERE a.ts - b.ts < INTERVAL 9 HOUR AND b.ts < '2024-01-31';
--> a: ts IS NOT NULL AND ts < add(2024-01-31 00:00:00-, 32400000000) up
--> b: ts IS NOT NULL AND ts < 2024-01-31 00:00:00

SELECT count(*) FROM a, b WHERE abs(date_diff('day', a.d, b.d)) < 2 AND b.d = '2024-01-31';
--> a: d IS NOT NULL AND add(d, 2) > 2024-01-31 AND add(d, -2) < 2024-01-31
--> b: d IS NOT NULL AND d = 2024-01-31

SELECT count(*) FROM a LEFT JOIN b ON a.k = b.k AND 1 >= a.k - b.k AND b.d - a.d > -1 WHERE a.d >= '2024-02-01';
--> a: d >= 2024-02-01
--> b: k IS NOT NULL AND k IS NOT NULL AND d IS NOT NULL AND d > add(2024-02-01, -1) down AND k IN <a.k where d >= 2024-02-01 AND k IS NOT NULL AND d IS NOT NULL AND k IS NOT NULL>
--! a: a.k = b.k | preserved side of LEFT JOIN
--! a: 1 >= a.k - b.k | preserved side of LEFT JOIN
--! a: b.d - a.d > -1 | preserved side of LEFT JOIN

-- That with a parameter, which is no part of a term, is asked of the values of the other column.
SELECT count(*) FROM a, b WHERE a.d - b.d < $pk AND b.d = '2024-01-31';
--> a: d IS NOT NULL AND d where {value: EXISTS (SELECT 1 FROM (SELECT unnest(<b.d where d IS NOT NULL AND d = 2024-01-31>) AS __member) WHERE __lo - __member < $pk); range: EXISTS (SELECT 1 FROM (SELECT unnest(<b.d where d IS NOT NULL AND d = 2024-01-31>) AS __member) WHERE (__lo - __member) < $pk)}
--> b: d IS NOT NULL AND d = 2024-01-31

-- Columns of one table that are compared with each other are looked at together too.
SELECT count(*) FROM a WHERE ts::DATE = d AND d - ts::DATE < 3;
--> a: ts IS NOT NULL AND d IS NOT NULL AND (d, ts) where {value/day/value/hour: CAST(__lo1 AS DATE) = __lo; value/range: CAST(__lo1 AS DATE) <= __lo AND CAST(__hi1 AS DATE) >= __lo; range/day/range/hour: __lo <= CAST(__lo1 AS DATE) AND __hi >= CAST(__lo1 AS DATE)} AND (d, ts) where {value/day/value/hour: __lo - CAST(__lo1 AS DATE) < 3; value/range: (__lo - CAST(__hi1 AS DATE)) < 3} AND cast(ts, DATE) IS NOT NULL

-- IN: both ways along the equality.
SELECT count(*) FROM a WHERE k IN (SELECT k FROM b WHERE k > 1) AND k < 3;
--> a: k IS NOT NULL AND k IN <b.k where k > 1> AND k > 1 AND k < 3
--> b: k > 1 AND k IS NOT NULL AND k < 3

-- NOT IN: the subquery's own filters only, for one NULL in it makes the test UNKNOWN.
SELECT count(*) FROM a WHERE k NOT IN (SELECT k FROM b WHERE s = 'a') AND k = 1;
--> a: k = 1 AND (k IS NULL OR k NOT IN (SELECT k FROM b WHERE s = 'a'))
--> b: s = a

-- EXISTS: both ways along the correlation.
SELECT count(*) FROM a WHERE EXISTS (SELECT 1 FROM b WHERE b.k = a.k AND b.k > 1) AND a.k < 3;
--> a: k IS NOT NULL AND k > 1 AND k < 3
--> b: k IS NOT NULL AND k > 1 AND k < 3

-- An aggregate without GROUP BY always has a row.
SELECT count(*) FROM a WHERE EXISTS (SELECT count(*) FROM b WHERE b.k = a.k AND b.k > 1) AND a.k < 3;
--> a: k < 3
--> b: k IS NOT NULL AND k > 1 AND k < 3

-- NOT EXISTS: inwards only.
SELECT count(*) FROM a WHERE NOT EXISTS (SELECT 1 FROM b WHERE b.k = a.k AND b.s = 'a') AND a.k = 1;
--> a: k = 1 AND (k IS NULL OR k NOT IN (SELECT b.k FROM b WHERE b.s = 'a'))
--> b: k IS NOT NULL AND s = a AND k = 1

SELECT count(*) FROM a WHERE NOT EXISTS (SELECT 1 FROM b WHERE b.k = a.k AND b.k > 1);
--> a: k IS NULL OR k NOT IN (SELECT b.k FROM b WHERE b.k > 1)
--> b: k IS NOT NULL AND k > 1

SELECT count(*) FROM a WHERE k NOT IN (SELECT k FROM b WHERE k > 1);
--> a: k IS NULL OR k NOT IN (SELECT k FROM b WHERE k > 1)
--> b: k > 1

-- Under OR a subquery says nothing of the rows around it.
SELECT count(*) FROM a WHERE (k = 1 OR k IN (SELECT k FROM b WHERE k = 2)) AND s = 'a';
--> a: s = a
--> b: k = 2
--! a: k = 1 OR k IN (SELECT k FROM b WHERE k = 2) | subquery

-- A correlated scalar subquery is asked for useful rows only.
SELECT (SELECT max(d) FROM b WHERE b.k = a.k) FROM a WHERE a.k = 1;
--> b: k IS NOT NULL AND k = 1
--> a: k = 1

-- But not for the facts of the conjunct that it stands in.
SELECT count(*) FROM a WHERE (SELECT count(*) FROM b WHERE b.k = a.k) = a.k AND a.d = DATE '2024-01-31';
--> a: d = 2024-01-31
--> b: k IS NOT NULL AND k IN <a.k where d = 2024-01-31 AND k IS NOT NULL>
--! a: (SELECT COUNT(*) FROM b WHERE b.k = a.k) = a.k | subquery

-- Nor for those of the ON of an outer join.
SELECT (SELECT count(*) FROM c WHERE c.k = a.k) FROM a LEFT JOIN b ON a.d = b.d AND a.k = 1;
--> c: k IS NOT NULL
--> a: TRUE
--> b: d IS NOT NULL AND d IN <a.d where d IS NOT NULL AND k = 1>
--! a: a.d = b.d | preserved side of LEFT JOIN
--! a: a.k = 1 | preserved side of LEFT JOIN

-- LATERAL
SELECT count(*) FROM a, LATERAL (SELECT b.d FROM b WHERE b.k = a.k ORDER BY ALL LIMIT 1) t WHERE a.k = 1;
--> a: k = 1
--> b: k IS NOT NULL AND k = 1

-- Pairs
SELECT count(*) FROM a WHERE (k, s) IN (SELECT k, s FROM b WHERE s = 'a') AND k = 1;
--> a: k IS NOT NULL AND k IN <b.k where s = a> AND s IS NOT NULL AND s IN <b.s where s = a> AND s = a AND k = 1
--> b: s = a AND k IS NOT NULL AND s IS NOT NULL AND k = 1

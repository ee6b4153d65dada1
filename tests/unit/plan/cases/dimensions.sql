-- A join with a filtered table: its key is among those that the filter leaves.
SELECT count(*) FROM a JOIN b ON a.k = b.k WHERE b.s = 'a';
--> a: k IS NOT NULL AND k IN <b.k where s = a AND k IS NOT NULL>
--> b: s = a AND k IS NOT NULL

-- A table that is filtered by its key alone tells nothing new.
SELECT count(*) FROM a JOIN b ON a.k = b.k WHERE b.k > 1;
--> a: k IS NOT NULL AND k > 1
--> b: k > 1 AND k IS NOT NULL

-- Only an equality says so.
SELECT count(*) FROM a JOIN b ON a.k < b.k WHERE b.s = 'a';
--> a: k IS NOT NULL
--> b: s = a AND k IS NOT NULL

-- Through a derived table or a CTE.
WITH t AS (SELECT k FROM b WHERE s = 'a') SELECT count(*) FROM a JOIN t USING (k);
--> b: s = a AND k IS NOT NULL
--> a: k IS NOT NULL AND k IN <b.k where s = a>

SELECT count(*) FROM a JOIN (SELECT k, count(*) AS n FROM b WHERE s = 'a' GROUP BY k) t ON a.k = t.k;
--> a: k IS NOT NULL AND k IN <b.k where s = a>
--> b: s = a AND k IS NOT NULL

-- Not through a key that is computed, unless it is one that is read first itself.
SELECT count(*) FROM a JOIN (SELECT max(k) + count(*) AS k FROM b WHERE s = 'a') t ON a.k = t.k;
--> a: TRUE
--> b: s = a
--! a: a.k = t.k | compared with no constant

-- The column may stand under a function on the side that is pruned.
SELECT count(*) FROM a JOIN b ON a.ts::DATE = b.d AND b.s = 'a';
--> a: ts IS NOT NULL AND cast(ts, DATE) IN <b.d where d IS NOT NULL AND s = a>
--> b: d IS NOT NULL AND s = a

-- IN and EXISTS
SELECT count(*) FROM a WHERE d IN (SELECT d FROM b WHERE s = 'a');
--> a: d IS NOT NULL AND d IN <b.d where s = a>
--> b: s = a AND d IS NOT NULL

SELECT count(*) FROM a WHERE EXISTS (SELECT 1 FROM b WHERE b.k = a.k AND b.s = 'a');
--> a: k IS NOT NULL AND k IN <b.k where k IS NOT NULL AND s = a>
--> b: k IS NOT NULL AND s = a

-- Never from the null-supplying side, nor from what is excluded.
SELECT count(*) FROM a LEFT JOIN b ON a.k = b.k AND b.s = 'a';
--> a: TRUE
--> b: k IS NOT NULL AND s = a
--! a: a.k = b.k | preserved side of LEFT JOIN

SELECT count(*) FROM a WHERE k NOT IN (SELECT k FROM b WHERE s = 'a');
--> a: TRUE
--> b: s = a
--! a: NOT k IN (SELECT k FROM b WHERE s = 'a') | subquery

SELECT count(*) FROM a ANTI JOIN b ON a.k = b.k AND b.s = 'a' WHERE a.d IS NULL;
--> a: d IS NULL
--> b: k IS NOT NULL AND s = a AND k IN <a.k where d IS NULL AND k IS NOT NULL>
--! a: a.k = b.k | ANTI JOIN

-- Tables may be joined by expressions of their columns: their values are read from the filtered side, and the engine says which ranges of the other one make one of them.
SELECT count(*) FROM a JOIN b ON a.s = lower(b.s) WHERE b.k = 1;
--> a: s IS NOT NULL AND s IN <b.s where k = 1 AND s IS NOT NULL>
--> b: k = 1 AND s IS NOT NULL

SELECT count(*) FROM a JOIN b ON lower(a.s) = b.s || 'b' WHERE b.k = 1;
--> a: s IS NOT NULL AND s where {value: (LOWER(__lo)) IN (SELECT unnest(<b.s where k = 1 AND s IS NOT NULL>))}
--> b: k = 1 AND s IS NOT NULL

SELECT count(*) FROM a JOIN b ON strftime(a.ts, '%Y%m%d')::INTEGER = b.k WHERE b.d = '2024-01-31';
--> a: ts IS NOT NULL AND ts where {day/hour: (CAST(CAST(STRFTIME(__lo, '%Y%m%d') AS INT) AS BIGINT)) IN (SELECT unnest(<b.k where d = 2024-01-31 AND k IS NOT NULL>))}
--> b: d = 2024-01-31 AND k IS NOT NULL

SELECT count(*) FROM a WHERE s IN (SELECT 'k' || k FROM b WHERE d = '2024-01-31');
--> a: s IS NOT NULL AND s IN <b.k where d = 2024-01-31>
--> b: d = 2024-01-31

SELECT count(*) FROM a WHERE upper(s) IN (SELECT upper(s) FROM b WHERE d = '2024-01-31' AND k = 1);
--> a: s IS NOT NULL AND s where {value: (UPPER(__lo)) IN (SELECT unnest(<b.s where d = 2024-01-31 AND k = 1>))}
--> b: d = 2024-01-31 AND k = 1

SELECT count(*) FROM a JOIN (SELECT reverse(s) AS r FROM b WHERE k = 1) AS x ON a.s = x.r;
--> a: s IS NOT NULL AND s IN <b.s where k = 1>
--> b: k = 1

SELECT count(*) FROM a JOIN (SELECT unnest(['ab', 'b']) AS c) AS v ON upper(a.s) = v.c;
--> a: s IS NOT NULL AND s where {value: (UPPER(__lo)) IN (SELECT unnest({['ab', 'b']}))}

-- Not of an expression that has a value where its column has none, or of several columns; with a parameter, or without an equality, as a condition of both columns.
SELECT count(*) FROM a JOIN b ON a.s = concat(b.s, 'b') WHERE b.k = 1;
--> a: TRUE
--> b: k = 1
--! a: a.s = CONCAT(b.s, 'b') | compared with no constant
--! b: a.s = CONCAT(b.s, 'b') | compared with no constant

SELECT count(*) FROM a JOIN b ON a.s = b.s || b.k WHERE b.k = 1;
--> a: TRUE
--> b: k = 1
--! a: a.s = b.s || b.k | compared with no constant
--! b: a.s = b.s || b.k | compared with no constant

SELECT count(*) FROM a JOIN b ON a.s = b.s || $ps WHERE b.k = 1;
--> a: s IS NOT NULL AND s where {value: EXISTS (SELECT 1 FROM (SELECT unnest(<b.s where k = 1 AND s IS NOT NULL>) AS __member) WHERE __lo = __member || $ps)}
--> b: k = 1 AND s IS NOT NULL

SELECT count(*) FROM a JOIN b ON lower(a.s) < lower(b.s) WHERE b.k = 1;
--> a: s IS NOT NULL AND s where {value: EXISTS (SELECT 1 FROM (SELECT unnest(<b.s where k = 1 AND s IS NOT NULL>) AS __member) WHERE LOWER(__lo) < LOWER(__member))}
--> b: k = 1 AND s IS NOT NULL

-- The side that an outer join keeps is not pruned.
SELECT count(*) FROM a LEFT JOIN b ON lower(a.s) = lower(b.s) WHERE a.k = 1;
--> a: k = 1
--> b: s IS NOT NULL AND s where {value: (LOWER(__lo)) IN (SELECT unnest(<a.s where k = 1 AND s IS NOT NULL>))}
--! a: LOWER(a.s) = LOWER(b.s) | preserved side of LEFT JOIN

SELECT count(*) FROM a LEFT JOIN b ON lower(a.s) = lower(b.s) AND b.k = 1;
--> a: TRUE
--> b: s IS NOT NULL AND k = 1
--! a: LOWER(a.s) = LOWER(b.s) | preserved side of LEFT JOIN

-- Any other condition of two columns that NULL does not satisfy is asked of the values of the filtered one.
SELECT count(*) FROM a JOIN b ON a.ts::DATE - b.d BETWEEN 0 AND $pk WHERE b.d = '2024-01-31';
--> a: ts IS NOT NULL AND ts IS NOT NULL AND cast(ts, DATE) >= 2024-01-31 AND ts where {day/hour: EXISTS (SELECT 1 FROM (SELECT unnest(<b.d where d = 2024-01-31 AND d IS NOT NULL>) AS __member) WHERE CAST(__lo AS DATE) - __member <= $pk); range: EXISTS (SELECT 1 FROM (SELECT unnest(<b.d where d = 2024-01-31 AND d IS NOT NULL>) AS __member) WHERE (CAST(__lo AS DATE) - __member) <= $pk)}
--> b: d = 2024-01-31 AND d IS NOT NULL AND d where {value: EXISTS (SELECT 1 FROM (SELECT unnest(<a.ts where ts IS NOT NULL AND ts IS NOT NULL AND cast(ts, DATE) >= 2024-01-31>) AS __member) WHERE CAST(__member AS DATE) - __lo <= $pk); range: EXISTS (SELECT 1 FROM (SELECT unnest(<a.ts where ts IS NOT NULL AND ts IS NOT NULL AND cast(ts, DATE) >= 2024-01-31>) AS __member) WHERE (CAST(__member AS DATE) - __hi) <= $pk)}

SELECT count(*) FROM a JOIN b ON epoch(a.ts) - epoch(b.d) < 86400 WHERE b.s = 'ab';
--> a: ts IS NOT NULL AND ts where {day/hour/range: EXISTS (SELECT 1 FROM (SELECT unnest(<b.d where s = ab AND d IS NOT NULL>) AS __member) WHERE (EPOCH(__lo) - EPOCH(__member)) < 86400)}
--> b: s = ab AND d IS NOT NULL

SELECT count(*) FROM a, b WHERE a.ts BETWEEN b.d AND b.d + INTERVAL ($pk) DAY AND b.k = 1;
--> a: ts IS NOT NULL AND ts where {day/hour/range: EXISTS (SELECT 1 FROM (SELECT unnest(<b.d where d IS NOT NULL AND d IS NOT NULL AND k = 1>) AS __member) WHERE __lo <= (__member + INTERVAL ($pk) DAY))}
--> b: d IS NOT NULL AND d IS NOT NULL AND k = 1

SELECT count(*) FROM a LEFT JOIN b ON year(a.d) * 100 + month(a.d) = year(b.d) * 100 + month(b.d) AND b.k = 1 WHERE a.k = 1;
--> a: k = 1
--> b: d IS NOT NULL AND k = 1 AND d where {value: (CAST(YEAR(__lo) * 100 + MONTH(__lo) AS BIGINT)) IN (SELECT unnest(<a.d where k = 1 AND d IS NOT NULL>)); range: DATE_TRUNC('MONTH', __lo) IS DISTINCT FROM DATE_TRUNC('MONTH', __hi) OR (CAST(YEAR(__lo) * 100 + MONTH(__lo) AS BIGINT)) IN (SELECT unnest(<a.d where k = 1 AND d IS NOT NULL>))}
--! a: YEAR(a.d) * 100 + MONTH(a.d) = YEAR(b.d) * 100 + MONTH(b.d) | preserved side of LEFT JOIN

SELECT count(*) FROM a, b WHERE coalesce(a.k, 0) > coalesce(b.k, 0) + $pk AND b.s = 'ab';
--> a: TRUE
--> b: s = ab
--! a: COALESCE(a.k, 0) > COALESCE(b.k, 0) + $pk | function not monotone: coalesce
--! b: COALESCE(a.k, 0) > COALESCE(b.k, 0) + $pk | function not monotone: coalesce

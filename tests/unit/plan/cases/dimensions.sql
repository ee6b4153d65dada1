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
--> a: k IS NULL OR k NOT IN (SELECT k FROM b WHERE s = 'a')
--> b: s = a

SELECT count(*) FROM a ANTI JOIN b ON a.k = b.k AND b.s = 'a' WHERE a.d IS NULL;
--> a: d IS NULL AND (k IS NULL OR k NOT IN (SELECT b.k FROM b WHERE b.s = 'a'))
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

-- Of one that has a value where its column has none, and of several columns.
SELECT count(*) FROM a JOIN b ON a.s = concat(b.s, 'b') WHERE b.k = 1;
--> a: s IS NOT NULL AND s IN <b.s where k = 1>
--> b: k = 1
--! b: a.s = CONCAT(b.s, 'b') | foreign column

SELECT count(*) FROM a JOIN b ON a.s = b.s || b.k WHERE b.k = 1;
--> a: s IS NOT NULL AND s IN <b.s where k = 1 AND s IS NOT NULL>
--> b: k = 1 AND s IS NOT NULL

-- With a parameter, or without an equality, as a condition of both columns.
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

-- One of several values of the other table.
SELECT count(*) FROM a, b WHERE a.ts::DATE IN (b.d, b.d + 1) AND b.s = 'ab';
--> a: ts IS NOT NULL AND ts where {day/hour: EXISTS (SELECT 1 FROM (SELECT unnest(<b.d where d IS NOT NULL AND s = ab>) AS __member) WHERE (CAST(__lo AS DATE)) = __member OR (CAST(__lo AS DATE)) = __member + 1); range: EXISTS (SELECT 1 FROM (SELECT unnest(<b.d where d IS NOT NULL AND s = ab>) AS __member) WHERE (CAST(__lo AS DATE) <= __member AND CAST(__hi AS DATE) >= __member) OR (CAST(__lo AS DATE) <= (__member + 1) AND CAST(__hi AS DATE) >= (__member + 1)))}
--> b: d IS NOT NULL AND s = ab

SELECT count(*) FROM a JOIN b ON a.d IN (b.d + 1, b.d - 1, b.d) WHERE b.k = 2;
--> a: d IS NOT NULL AND d where {value: EXISTS (SELECT 1 FROM (SELECT unnest(<b.d where k = 2 AND d IS NOT NULL>) AS __member) WHERE ((__lo) = __member + 1 OR (__lo) = __member - 1) OR (__lo) = __member); range: EXISTS (SELECT 1 FROM (SELECT unnest(<b.d where k = 2 AND d IS NOT NULL>) AS __member) WHERE ((__lo <= (__member + 1) AND __hi >= (__member + 1)) OR (__lo <= (__member - 1) AND __hi >= (__member - 1))) OR (__lo <= __member AND __hi >= __member))}
--> b: k = 2 AND d IS NOT NULL

SELECT count(*) FROM a JOIN b ON a.d IN (b.d, b.ts::DATE, DATE '2024-01-31') WHERE b.k = 2;
--> a: TRUE
--> b: k = 2
--! a: a.d IN (b.d, CAST(b.ts AS DATE), CAST('2024-01-31' AS DATE)) | compared with no constant
--! b: a.d IN (b.d, CAST(b.ts AS DATE), CAST('2024-01-31' AS DATE)) | compared with no constant

SELECT count(*) FROM a JOIN b ON a.d IN (b.d, DATE '2024-01-31') WHERE b.k = 2;
--> a: TRUE
--> b: k = 2
--! a: a.d IN (b.d, CAST('2024-01-31' AS DATE)) | compared with no constant
--! b: a.d IN (b.d, CAST('2024-01-31' AS DATE)) | compared with no constant

SELECT count(*) FROM a JOIN b ON a.d NOT IN (b.d, b.d + 1) WHERE b.k = 2;
--> a: TRUE
--> b: k = 2
--! a: NOT a.d IN (b.d, b.d + 1) | compared with no constant
--! b: NOT a.d IN (b.d, b.d + 1) | compared with no constant

-- What filters a dimension may be any deterministic condition on its columns: its rows are asked it as it is.
SELECT count(*) FROM a JOIN b ON a.k = b.k WHERE upper(b.s) = 'AB';
--> a: k IS NOT NULL AND k IN <b.k where s where {value: UPPER(__lo) = 'AB'; prefix: CASE WHEN __whole THEN UPPER(__lo) = 'AB' ELSE (STARTS_WITH(UPPER(__lo), 'AB') OR STARTS_WITH('AB', UPPER(__lo))) END} AND k IS NOT NULL>
--> b: s where {value: UPPER(__lo) = 'AB'; prefix: CASE WHEN __whole THEN UPPER(__lo) = 'AB' ELSE (STARTS_WITH(UPPER(__lo), 'AB') OR STARTS_WITH('AB', UPPER(__lo))) END} AND k IS NOT NULL

SELECT count(*) FROM a JOIN b ON a.k = b.k WHERE b.k * 10 + day(b.d) = 31;
--> a: k IS NOT NULL AND k IN <b.k where (k, d) where {value/value: __lo * 10 + DAY(__lo1) = 31; range/value: (__lo * 10 + DAY(__lo1)) <= 31 AND (__hi * 10 + DAY(__lo1)) >= 31} AND k IS NOT NULL>
--> b: (k, d) where {value/value: __lo * 10 + DAY(__lo1) = 31; range/value: (__lo * 10 + DAY(__lo1)) <= 31 AND (__hi * 10 + DAY(__lo1)) >= 31} AND k IS NOT NULL

SELECT count(*) FROM a JOIN b ON a.k = b.k WHERE dayname(b.ts) = 'Tuesday' AND length(b.s) >= $pj;
--> a: k IS NOT NULL AND k IN <b.k where ts where {day/hour: DAYNAME(__lo) = 'Tuesday'} AND s where {value: LENGTH(__lo) >= $pj} AND k IS NOT NULL>
--> b: ts where {day/hour: DAYNAME(__lo) = 'Tuesday'} AND s where {value: LENGTH(__lo) >= $pj} AND k IS NOT NULL

SELECT count(*) FROM a JOIN b ON a.d = b.d WHERE b.s || b.ts = 'a2024-01-30 06:00:00' OR length(b.s) = 3;
--> a: d IS NOT NULL
--> b: d IS NOT NULL
--! b: b.s || b.ts = 'a2024-01-30 06:00:00' OR LENGTH(b.s) = 3 | arithmetic on the column

-- Not one that is about values that are read first.
SELECT count(*) FROM a JOIN b ON a.k = b.k WHERE upper(b.s) IN (SELECT upper(s) FROM c WHERE d = $pd);
--> a: k IS NOT NULL
--> b: s IS NOT NULL AND s where {value: (UPPER(__lo)) IN (SELECT unnest(<c.s where d = $pd>))} AND k IS NOT NULL
--> c: d = $pd

-- An expression of several columns of one source is read with the rows of the dimension.
SELECT count(*) FROM a JOIN b ON a.d = make_date(2023 + b.k, month(b.d), 1 + day(b.d) % 2) WHERE b.s = 'a';
--> a: d IS NOT NULL AND d IN <b.k where s = a AND k IS NOT NULL>
--> b: s = a AND k IS NOT NULL

SELECT count(*) FROM a JOIN b ON a.ts >= make_date(2023 + b.k, month(b.d), 1 + day(b.d) % 2) AND a.ts < b.d + b.k WHERE b.s = 'a';
--> a: ts IS NOT NULL
--> b: s = a AND k IS NOT NULL AND d IS NOT NULL

SELECT count(*) FROM a JOIN (SELECT make_date(2023 + k, month(d), 1 + day(d) % 2) AS first FROM b WHERE s = 'a') t ON a.d = t.first;
--> a: d IS NOT NULL AND d IN <b.k where s = a>
--> b: s = a

WITH t AS (SELECT k AS m, d FROM b WHERE s = 'a') SELECT count(*) FROM a WHERE a.d IN (SELECT make_date(2023 + m, month(d), 1 + day(d) % 2) FROM t);
--> b: s = a
--> a: d IS NOT NULL AND d IN <b.k where s = a>

-- Columns of two sources are none.
SELECT count(*) FROM a, b, c WHERE a.d = make_date(2023 + b.k, 2, 1 + day(c.d) % 2) AND b.s = 'a' AND c.s = 'a';
--> a: TRUE
--> b: s = a
--> c: s = a
--! a: a.d = MAKE_DATE(2023 + b.k, 2, 1 + DAY(c.d) % 2) | compared with no constant
--! b: a.d = MAKE_DATE(2023 + b.k, 2, 1 + DAY(c.d) % 2) | compared with no constant
--! c: a.d = MAKE_DATE(2023 + b.k, 2, 1 + DAY(c.d) % 2) | compared with no constant

-- Nothing is known of it where it is compared with a constant too.
SELECT count(*) FROM a JOIN b ON a.k = b.k + day(b.d) WHERE b.s = 'a' AND a.k = 31;
--> a: k = 31 AND k IS NOT NULL AND cast(k, BIGINT) IN <b.k where s = a AND k IS NOT NULL AND expression(k, CAST("__column" + DAY("__column1") AS BIGINT), d) >= cast(31, BIGINT) down AND expression(k, CAST("__column" + DAY("__column1") AS BIGINT), d) <= cast(31, BIGINT) up>
--> b: s = a AND k IS NOT NULL
--! b: a.k = 31 AND a.k = b.k + DAY(b.d) | column does not prune

-- One that is a value where a column is NULL: also of rows that have no match, where there may be some.
SELECT count(*) FROM a JOIN b ON a.s = concat('a', b.s) WHERE b.k = 1;
--> a: s IS NOT NULL AND s IN <b.s where k = 1>
--> b: k = 1
--! b: a.s = CONCAT('a', b.s) | foreign column

SELECT count(*) FROM a JOIN b ON coalesce(b.s, 'a') = a.s WHERE b.k = 1;
--> a: s IS NOT NULL AND s IN <b.s where k = 1>
--> b: k = 1
--! b: COALESCE(b.s, 'a') = a.s | foreign column

SELECT count(*) FROM a LEFT JOIN b ON a.k = b.k WHERE a.s = coalesce(b.s, 'ab') AND (b.d = $pd OR b.d IS NULL);
--> a: s IS NOT NULL AND ((s IN <b.s where d = $pd OR d IS NULL>) OR s = {CAST(CAST(COALESCE(CAST(NULL AS TEXT), 'ab') AS TEXT) AS VARCHAR)})
--> b: k IS NOT NULL
--! a: a.k = b.k | preserved side of LEFT JOIN
--! b: a.s = COALESCE(b.s, 'ab') | null-supplying side of LEFT JOIN
--! b: b.d = $pd OR b.d IS NULL | null-supplying side of LEFT JOIN

SELECT count(*) FROM a WHERE EXISTS (SELECT 1 FROM c LEFT JOIN b ON b.k = c.k WHERE a.s = coalesce(b.s, 'ab') AND (b.d = $pd OR b.d IS NULL));
--> a: s IS NOT NULL AND ((s IN <b.s where d = $pd OR d IS NULL>) OR s = {CAST(CAST(COALESCE(CAST(NULL AS TEXT), 'ab') AS TEXT) AS VARCHAR)})
--> c: TRUE
--> b: k IS NOT NULL
--! c: b.k = c.k | preserved side of LEFT JOIN
--! b: a.s = COALESCE(b.s, 'ab') | null-supplying side of LEFT JOIN
--! b: b.d = $pd OR b.d IS NULL | null-supplying side of LEFT JOIN

SELECT count(*) FROM a RIGHT JOIN b ON a.s = CASE WHEN b.k = 1 THEN 'a' ELSE 'ab' END WHERE b.d = $pd;
--> a: s IS NOT NULL AND s IN <b.k where d = $pd>
--> b: d = $pd
--! b: a.s = CASE WHEN b.k = 1 THEN 'a' ELSE 'ab' END | preserved side of RIGHT JOIN

SELECT count(*) FROM a JOIN b ON a.k <= coalesce(b.k, 1) WHERE b.s = 'a';
--> a: k IS NOT NULL
--> b: s = a
--! b: a.k <= COALESCE(b.k, 1) | foreign column

-- Nothing that may be NULL column by column.
SELECT count(*) FROM a JOIN (SELECT k, s FROM b WHERE d = $pd GROUP BY ROLLUP (k, s)) t ON a.s = concat('a', t.s);
--> a: s IS NOT NULL
--> b: d = $pd
--! b: a.s = CONCAT('a', t.s) | foreign column

-- Both sides may be values for NULL.
SELECT count(*) FROM a JOIN b ON concat(year(a.d), '-', day(a.d)) = concat(2023 + b.k, '-', day(b.d)) WHERE b.s = 'a';
--> a: d where {value: (CONCAT(YEAR(__lo), '-', DAY(__lo))) IN (SELECT unnest(<b.k where s = a>))} OR d IS NULL
--> b: s = a

SELECT count(*) FROM a LEFT JOIN b ON a.k = b.k WHERE concat('x', a.s) = concat('x', b.s) AND (b.d = $pd OR b.d IS NULL);
--> a: s where {value: (CONCAT('x', __lo)) IN (SELECT unnest(<b.s where d = $pd OR d IS NULL>)) OR (CONCAT('x', __lo)) = CAST(CONCAT('x', CAST(NULL AS TEXT)) AS TEXT)} OR s IS NULL
--> b: k IS NOT NULL
--! a: a.k = b.k | preserved side of LEFT JOIN
--! b: CONCAT('x', a.s) = CONCAT('x', b.s) | null-supplying side of LEFT JOIN
--! b: b.d = $pd OR b.d IS NULL | null-supplying side of LEFT JOIN

-- Sides that are equal under a function that no two values have one value of are equal.
SELECT count(*) FROM a JOIN b ON 'u' || a.k = 'u' || b.k WHERE b.k = 1;
--> a: k IS NOT NULL AND k = 1
--> b: k = 1 AND k IS NOT NULL

SELECT count(*) FROM a JOIN b ON a.d + 1 = b.d + 1 AND a.k * 2 = b.k * 2 WHERE b.d = $pd AND b.k > 1;
--> a: d IS NOT NULL AND k IS NOT NULL AND d = $pd AND k > 1 AND d IN <b.d where d = $pd AND k > 1 AND d IS NOT NULL AND k IS NOT NULL> AND k IN <b.k where d = $pd AND k > 1 AND d IS NOT NULL AND k IS NOT NULL>
--> b: d = $pd AND k > 1 AND d IS NOT NULL AND k IS NOT NULL AND d IN <a.d where d IS NOT NULL AND k IS NOT NULL AND d = $pd AND k > 1> AND k IN <a.k where d IS NOT NULL AND k IS NOT NULL AND d = $pd AND k > 1>

SELECT count(*) FROM a WHERE 'u' || k IN (SELECT 'u' || k FROM b WHERE s = 'a');
--> a: k IS NOT NULL AND k IN <b.k where s = a>
--> b: s = a

SELECT count(*) FROM a JOIN b ON a.d::VARCHAR = b.d::VARCHAR AND a.s || '-' = b.s || '-' WHERE b.d = $pd AND b.s = 'a';
--> a: d IS NOT NULL AND s IS NOT NULL AND d = $pd AND s = a AND d IN <b.d where d = $pd AND s = a AND d IS NOT NULL AND s IS NOT NULL> AND s IN <b.s where d = $pd AND s = a AND d IS NOT NULL AND s IS NOT NULL>
--> b: d = $pd AND s = a AND d IS NOT NULL AND s IS NOT NULL AND d IN <a.d where d IS NOT NULL AND s IS NOT NULL AND d = $pd AND s = a> AND s IN <a.s where d IS NOT NULL AND s IS NOT NULL AND d = $pd AND s = a>

-- Not others, nor of values of other types.
SELECT count(*) FROM a JOIN b ON a.k * 0 = b.k * 0 WHERE b.k = 1;
--> a: k IS NOT NULL AND k where {value: (CAST(__lo * 0 AS BIGINT)) IN (SELECT unnest(<b.k where k = 1 AND k IS NOT NULL>))}
--> b: k = 1 AND k IS NOT NULL

SELECT count(*) FROM a JOIN b ON '1' || a.s = '1' || b.k WHERE b.k = 1;
--> a: s IS NOT NULL AND s where {value: ('1' || __lo) IN (SELECT unnest(<b.k where k = 1 AND k IS NOT NULL>))}
--> b: k = 1 AND k IS NOT NULL

SELECT count(*) FROM a JOIN b ON left('u' || a.k, 1) = left('u' || b.k, 1) WHERE b.k = 1;
--> a: k IS NOT NULL AND k where {value: (LEFT('u' || __lo, 1)) IN (SELECT unnest(<b.k where k = 1 AND k IS NOT NULL>))}
--> b: k = 1 AND k IS NOT NULL

-- = ANY (subquery) is IN.
SELECT count(*) FROM a WHERE k = ANY (SELECT k FROM b WHERE s = 'a');
--> a: k IS NOT NULL AND k IN <b.k where s = a>
--> b: s = a AND k IS NOT NULL

SELECT count(*) FROM a WHERE NOT k = ANY (SELECT k FROM b WHERE s = 'a');
--> a: k IS NULL OR k NOT IN (SELECT k FROM b WHERE s = 'a')
--> b: s = a

SELECT count(*) FROM a WHERE k = ANY (SELECT k FROM b WHERE s = 'a' ORDER BY k LIMIT 1) OR f;
--> a: TRUE
--> b: s = a AND k <= $__ranked_0
--! a: k = ANY (SELECT k FROM b WHERE s = 'a' ORDER BY k LIMIT 1) OR f | subquery

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

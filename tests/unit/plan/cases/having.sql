-- Where HAVING leaves out the groups in which no aggregate looks at a row, these rows are all that matters.
SELECT s, sum(k) FILTER (WHERE d >= '2024-01-31') FROM a GROUP BY s HAVING count(*) FILTER (WHERE d >= '2024-01-31') > 0;
--> a: d >= 2024-01-31
--! a: COUNT(*) FILTER(WHERE d >= '2024-01-31') > 0 | not understood: filter

SELECT s, sum(CASE WHEN d = '2024-01-31' THEN 1 ELSE 0 END) AS n FROM a GROUP BY ALL HAVING n >= 1;
--> a: d = 2024-01-31

SELECT s, max(k) FILTER (WHERE d >= '2024-01-31') AS top FROM a GROUP BY s HAVING top IS NOT NULL AND 1 <= top;
--> a: d >= 2024-01-31

SELECT s, count_if(d = '2024-01-31') AS n FROM a GROUP BY s HAVING n > $pk;
--> a: d = 2024-01-31 OR [{CAST(0 > ($pk) AS BOOLEAN)}]

-- One that HAVING may keep has to be there.
SELECT s, count(*) FILTER (WHERE d >= '2024-01-31') AS n FROM a GROUP BY s HAVING n <> 1;
--> a: TRUE

SELECT s, count(*) FILTER (WHERE d >= '2024-01-31') AS n FROM a GROUP BY s;
--> a: TRUE

SELECT s, count(*) FILTER (WHERE d >= '2024-01-31') AS n, count(*) FROM a GROUP BY s HAVING n > 0;
--> a: TRUE

SELECT s, count(*) FILTER (WHERE d >= '2024-01-31') AS n FROM a GROUP BY ROLLUP (s) HAVING n > 0;
--> a: TRUE

-- Of NULLs alone the sum is 0 with the zeros and NULL without; but for the sum that HAVING looks at itself.
SELECT s, sum(CASE WHEN d = '2024-01-31' THEN k ELSE 0 END) AS n FROM a GROUP BY s HAVING count(*) FILTER (WHERE d = '2024-01-31') > 0;
--> a: TRUE
--! a: COUNT(*) FILTER(WHERE d = '2024-01-31') > 0 | not understood: filter

SELECT s, sum(CASE WHEN d = '2024-01-31' THEN k ELSE 0 END) AS n FROM a GROUP BY s HAVING n <> 0;
--> a: d = 2024-01-31

-- The greatest value of a group is that of its rows that are as great as HAVING asks.
SELECT s FROM a GROUP BY s HAVING max(d) >= '2024-01-31';
--> a: d >= 2024-01-31
--! a: MAX(d) >= '2024-01-31' | function not monotone: max

SELECT s, min(k), max(d) FILTER (WHERE f) FROM a GROUP BY s HAVING min(k) < 2;
--> a: k <= 2 OR f = True
--! a: MIN(k) < 2 | function not monotone: min

SELECT s, max(d) FROM a GROUP BY s HAVING max(d) <= '2024-01-31';
--> a: TRUE
--! a: MAX(d) <= '2024-01-31' | function not monotone: max

SELECT s, max(d), count(*) FROM a GROUP BY s HAVING max(d) >= '2024-01-31';
--> a: TRUE
--! a: MAX(d) >= '2024-01-31' | function not monotone: max

-- So may a query around the groups leave them out, but not behind a LIMIT or DISTINCT.
SELECT * FROM (SELECT s, count(*) FILTER (WHERE d >= '2024-01-31') AS n FROM a GROUP BY s) AS x WHERE n > 0;
--> a: d >= 2024-01-31

WITH r AS (SELECT s, max(ts) AS newest FROM a GROUP BY s) SELECT count(*) FROM r WHERE newest >= '2024-01-31' AND s = 'ab';
--> a: s = ab AND ts >= 2024-01-31 00:00:00

SELECT * FROM (SELECT s, count(*) FILTER (WHERE d >= '2024-01-31') AS n FROM a GROUP BY s ORDER BY s LIMIT 2) AS x WHERE n > 0;
--> a: s <= $__ranked_0

SELECT * FROM (SELECT s, count(*) FILTER (WHERE d >= '2024-01-31') AS n FROM a GROUP BY s) AS x WHERE n < $pk;
--> a: TRUE

SELECT * FROM (SELECT s, max(d) AS newest, count(*) AS n FROM a GROUP BY s) AS x WHERE newest >= '2024-01-31';
--> a: TRUE

-- A group passes by one row for which the condition is TRUE; the others say no more.
SELECT s, bool_or(d >= '2024-01-31') AS late FROM a GROUP BY s HAVING bool_or(d >= '2024-01-31');
--> a: d >= 2024-01-31
--! a: BOOL_OR(CAST(d >= '2024-01-31' AS BOOLEAN)) | not understood: logicalor

SELECT s, bool_or(d = '2024-01-31') AS one, max(k) FILTER (WHERE k > 1) FROM a GROUP BY s HAVING one = TRUE;
--> a: k > 1 OR d = 2024-01-31

SELECT s FROM (SELECT s, bool_or(d >= '2024-01-31') AS late FROM a GROUP BY s) WHERE late;
--> a: TRUE

-- What it is of the other groups, or beside other aggregates, depends on rows for which it is not.
SELECT s FROM a GROUP BY s HAVING NOT bool_or(d >= '2024-01-31');
--> a: TRUE
--! a: NOT BOOL_OR(CAST(d >= '2024-01-31' AS BOOLEAN)) | not understood: logicalor

SELECT s, bool_or(d >= '2030-01-01') FROM a GROUP BY s HAVING bool_or(k = 1);
--> a: TRUE
--! a: BOOL_OR(CAST(k = 1 AS BOOLEAN)) | not understood: logicalor

SELECT s FROM a GROUP BY s HAVING bool_or(d >= '2024-01-31') = $pf;
--> a: TRUE
--! a: BOOL_OR(CAST(d >= '2024-01-31' AS BOOLEAN)) = $pf | function not monotone: logical_or

SELECT s FROM a GROUP BY s HAVING bool_or(d >= '2024-01-31') OR count(*) FILTER (WHERE k = 1) > 2;
--> a: TRUE
--! a: BOOL_OR(CAST(d >= '2024-01-31' AS BOOLEAN)) OR COUNT(*) FILTER(WHERE k = 1) > 2 | not understood: logicalor

SELECT bool_or(d >= '2024-01-31') FROM a HAVING bool_or(d >= '2024-01-31') IS NULL;
--> a: TRUE
--! a: BOOL_OR(CAST(d >= '2024-01-31' AS BOOLEAN)) IS NULL | function not monotone: logical_or

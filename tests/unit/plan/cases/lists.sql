-- Rows that are the members of a list are one of them, wherever they are compared.
SELECT count(*) FROM a JOIN (SELECT unnest($pl) AS x) AS v ON a.k = v.x;
--> a: k IS NOT NULL AND k IN $pl

SELECT count(*) FROM a JOIN unnest($pl) AS v(x) ON a.k = v.x;
--> a: k IS NOT NULL AND k IN $pl

SELECT count(*) FROM unnest($pl) AS v(x) LEFT JOIN a ON a.k = v.x AND a.d = $pd;
--> a: k IS NOT NULL AND d = $pd AND k IN $pl

SELECT count(*) FROM a SEMI JOIN (SELECT unnest($pl) AS x) AS v ON a.k = v.x;
--> a: k IS NOT NULL AND k IN $pl

WITH v AS (SELECT unnest($pl) AS x) SELECT count(*) FROM a WHERE k IN (SELECT x FROM v);
--> a: k IS NOT NULL AND k IN $pl

-- Not one side of an outer join that stays without a match.
SELECT count(*) FROM a LEFT JOIN unnest($pl) AS v(x) ON a.k = v.x;
--> a: TRUE
--! a: a.k = v.x | preserved side of LEFT JOIN

-- Below all members, or above all.
SELECT count(*) FROM a JOIN unnest($pl) AS v(x) ON a.k >= v.x;
--> a: k IS NOT NULL AND k >= {CAST(LIST_MIN($pl) AS HUGEINT)}

-- Of a series the ends are known, under functions too; what a range leaves out is left out.
SELECT s.x, count(*) FROM generate_series(DATE '2024-01-30', $pd, INTERVAL 1 DAY) AS s(x) LEFT JOIN a ON a.d = s.x GROUP BY 1;
--> a: d IS NOT NULL AND cast(d, TIMESTAMP) >= {CAST(CASE WHEN CAST('2024-01-30' AS DATE) IS NULL OR $pd IS NULL THEN NULL ELSE LEAST(CAST('2024-01-30' AS DATE), $pd) END AS TIMESTAMP)} AND cast(d, TIMESTAMP) <= {CAST(CAST((SELECT CASE WHEN COUNT(*) <= 100000 THEN MAX(n) ELSE CASE WHEN CAST('2024-01-30' AS DATE) IS NULL OR $pd IS NULL THEN NULL ELSE GREATEST(CAST('2024-01-30' AS DATE), $pd) END END FROM (SELECT r.n FROM GENERATE_SERIES(CAST('2024-01-30' AS DATE), $pd, INTERVAL '1' DAY) AS r(n) LIMIT 100001) AS s) AS TIMESTAMP) AS TIMESTAMP)}

SELECT s.x, count(*) FROM range(DATE '2024-01-30', $pd, INTERVAL 1 DAY) AS s(x) LEFT JOIN a ON a.ts >= s.x AND a.ts < s.x + INTERVAL 1 DAY GROUP BY 1;
--> a: ts IS NOT NULL AND ts >= {CAST(CASE WHEN CAST('2024-01-30' AS DATE) IS NULL OR $pd IS NULL THEN NULL ELSE LEAST(CAST('2024-01-30' AS DATE), $pd) END AS TIMESTAMP)} AND ts < add({CAST(CAST((SELECT CASE WHEN COUNT(*) <= 100000 THEN MAX(n) ELSE CASE WHEN CAST('2024-01-30' AS DATE) IS NULL OR $pd IS NULL THEN NULL ELSE GREATEST(CAST('2024-01-30' AS DATE), $pd) END END FROM (SELECT r.n FROM RANGE(CAST('2024-01-30' AS DATE), $pd, INTERVAL '1' DAY) AS r(n) LIMIT 100001) AS s) AS TIMESTAMP) AS TIMESTAMP)}, 86400000000) up

SELECT count(*) FROM a WHERE ts::DATE IN (SELECT unnest(generate_series(DATE '2024-01-30', $pd, INTERVAL 1 DAY))::DATE);
--> a: ts IS NOT NULL AND cast(ts, DATE) >= cast({CAST(CASE WHEN CAST('2024-01-30' AS DATE) IS NULL OR $pd IS NULL THEN NULL ELSE LEAST(CAST('2024-01-30' AS DATE), $pd) END AS TIMESTAMP)}, DATE) down AND cast(ts, DATE) <= cast({CAST(CAST((SELECT CASE WHEN COUNT(*) <= 100000 THEN MAX(n) ELSE CASE WHEN CAST('2024-01-30' AS DATE) IS NULL OR $pd IS NULL THEN NULL ELSE GREATEST(CAST('2024-01-30' AS DATE), $pd) END END FROM (SELECT r.n FROM GENERATE_SERIES(CAST('2024-01-30' AS DATE), $pd, INTERVAL '1' DAY) AS r(n) LIMIT 100001) AS s) AS TIMESTAMP) AS TIMESTAMP)}, DATE) up

SELECT count(*) FROM a JOIN range(3) AS s(x) ON a.k = s.x;
--> a: k IS NOT NULL AND cast(k, BIGINT) >= {CAST(CASE WHEN 0 IS NULL OR 3 IS NULL THEN NULL ELSE LEAST(0, 3) END AS HUGEINT)} AND cast(k, BIGINT) <= {CAST(CASE WHEN 0 IS NULL OR 3 IS NULL THEN NULL ELSE GREATEST(0, 3) END AS HUGEINT)}- up

-- Not where the ends are of two kinds, or read a column.
SELECT count(*) FROM a, generate_series(a.d, a.ts, INTERVAL 1 DAY) AS s(x) WHERE a.ts = s.x;
--> a: TRUE
--! a: a.ts = s.x | compared with no constant

-- A list of lists gives lists, and two lists of several lengths give NULL.
SELECT count(*) FROM a JOIN (SELECT unnest($pl) AS x, unnest(range(2)) AS y) AS v ON a.k = v.x;
--> a: k IS NOT NULL AND k IN $pl

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

SELECT k FROM a WHERE list_contains(list_transform(['u1', 'u3'], x -> x[2:]::INTEGER), k);
--> a: k IN {LIST_TRANSFORM(['u1', 'u3'], LAMBDA x : CAST(x[2:] AS INT))}

SELECT k FROM a WHERE list_contains(list_transform([1, 3], x -> x + 1), k) OR list_contains(list_transform($pl, x -> (x + 0 * random())::INTEGER), k);
--> a: TRUE
--! a: ARRAY_CONTAINS(LIST_TRANSFORM([1, 3], LAMBDA x : x + 1), k) OR ARRAY_CONTAINS(LIST_TRANSFORM($pl, LAMBDA x : CAST((x + 0 * RANDOM()) AS INT)), k) | compared with no constant

SELECT k FROM a WHERE NOT list_contains(list_transform($pl, x -> (x * 2)::BIGINT), k);
--> a: k NOT IN {CAST(LIST_TRANSFORM($pl, LAMBDA x : CAST((x * 2) AS BIGINT)) AS BIGINT[])}

-- Whole numbers of two widths are compared in the wider one; wider ones are not.
SELECT k FROM a WHERE list_contains(list_transform($pl, x -> (x * 3000000000)::BIGINT), k);
--> a: k IN {CAST(LIST_TRANSFORM($pl, LAMBDA x : CAST((x * 3000000000) AS BIGINT)) AS BIGINT[])}

SELECT k FROM a WHERE list_contains(list_transform($pl, x -> (x * 2)::HUGEINT), k);
--> a: TRUE
--! a: ARRAY_CONTAINS(LIST_TRANSFORM($pl, LAMBDA x : CAST((x * 2) AS INT128)), k) | type

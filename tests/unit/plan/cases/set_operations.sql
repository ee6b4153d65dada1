-- Into both arms, by position.
SELECT * FROM (SELECT k AS x, s FROM a UNION ALL SELECT k, s FROM b) t WHERE x = 1;
--> a: k = 1
--> b: k = 1

SELECT * FROM (SELECT k FROM a EXCEPT SELECT k FROM b WHERE s = 'a') t WHERE k = 1;
--> a: k = 1
--> b: s = a AND k = 1

SELECT * FROM (SELECT k FROM a WHERE d IS NULL INTERSECT SELECT k FROM b) t WHERE k = 1;
--> a: d IS NULL AND k = 1
--> b: k = 1

-- Not where the arms differ in type.
SELECT * FROM (SELECT k FROM a UNION ALL SELECT m FROM b) t WHERE k = 1;
--> a: TRUE
--> b: TRUE

SELECT * FROM (SELECT d AS x FROM a UNION ALL SELECT ts FROM b) t WHERE x = '2024-01-31 09:00:00';
--> a: TRUE
--> b: TRUE

-- Nor by name, nor through LIMIT.
SELECT * FROM (SELECT k, s FROM a UNION ALL BY NAME SELECT s, k FROM b) t WHERE k = 1;
--> a: TRUE
--> b: TRUE

SELECT * FROM ((SELECT k FROM a) UNION ALL (SELECT k FROM b) ORDER BY ALL LIMIT 2) t WHERE k = 1;
--> a: TRUE
--> b: TRUE
--! a: k = 1 | blocked by LIMIT
--! b: k = 1 | blocked by LIMIT

SELECT * FROM ((SELECT k FROM a ORDER BY ALL LIMIT 2) UNION ALL SELECT k FROM b) t WHERE k = 1;
--> a: TRUE
--> b: k = 1
--! a: k = 1 | blocked by LIMIT

-- What both arms of a union guarantee is known outside.
SELECT count(*) FROM (SELECT k FROM a WHERE k = 1 UNION ALL SELECT k FROM b WHERE k = 2) t JOIN c ON t.k = c.k;
--> a: k = 1 AND k IS NOT NULL
--> b: k = 2 AND k IS NOT NULL
--> c: k IS NOT NULL AND (k = 1 OR k = 2) AND k IN (SELECT k FROM a WHERE k = 1 UNION ALL SELECT k FROM b WHERE k = 2)

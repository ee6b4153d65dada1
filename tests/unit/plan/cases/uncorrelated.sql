-- A subquery that depends on nothing around it is read first: what it computes is a constant.
SELECT count(*) FROM a WHERE d >= (SELECT DISTINCT make_date(2024, k, 31) FROM b WHERE k = 1);
--> a: d >= (SELECT DISTINCT MAKE_DATE(2024, k, 31) FROM b WHERE k = 1)
--> b: k = 1

SELECT count(*) FROM a WHERE k IN (SELECT CASE WHEN s = 'a' THEN k ELSE -1 END FROM b);
--> a: k IS NOT NULL AND k IN (SELECT CASE WHEN s = 'a' THEN k ELSE -1 END FROM b)
--> b: TRUE

SELECT count(*) FROM a WHERE (k, s) IN (SELECT k, 'a' FROM b WHERE f);
--> a: k IS NOT NULL AND k IN <b.k where f = True> AND s IS NOT NULL AND s IN (SELECT k, 'a' FROM b WHERE f)
--> b: f = True AND k IS NOT NULL

SELECT count(*) FROM a WHERE k > (SELECT count(*) FROM b WHERE f);
--> a: k > (SELECT COUNT(*) FROM b WHERE f)
--> b: f = True

SELECT count(*) FROM a WHERE k IN (SELECT k FROM b WHERE f UNION SELECT k + 1 FROM c WHERE s = 'a');
--> a: k IS NOT NULL AND k IN (SELECT k FROM b WHERE f UNION SELECT k + 1 FROM c WHERE s = 'a')
--> b: f = True AND k IS NOT NULL
--> c: s = a AND add(k, 1) IS NOT NULL

-- With the common table expressions that it reads, in one WITH of their own.
WITH x AS (SELECT k, s, d FROM b WHERE f), y AS (SELECT k, d FROM x WHERE s = 'a') SELECT count(*) FROM a WHERE k IN (SELECT CASE WHEN d IS NULL THEN 1 ELSE k END FROM y);
--> b: f = True AND s = a
--> a: k IS NOT NULL AND k IN (SELECT CASE WHEN d IS NULL THEN 1 ELSE k END FROM y)

-- Two that have one name are not told apart.
WITH x AS (SELECT k FROM b WHERE f) SELECT count(*) FROM a WHERE k IN (WITH y AS (WITH x AS (SELECT 2 AS k) SELECT k FROM x) SELECT CASE WHEN y.k = 2 THEN x.k END FROM x, y);
--> b: f = True
--> a: k IS NOT NULL

-- A recursive one.
WITH RECURSIVE t(d) AS (SELECT DATE '2024-01-30' UNION ALL SELECT d + 1 FROM t WHERE d < DATE '2024-02-01') SELECT count(*) FROM a JOIN t ON a.ts::DATE = t.d;
--> a: ts IS NOT NULL AND cast(ts, DATE) IN (SELECT * FROM "t")

WITH RECURSIVE t AS (SELECT 1 AS k UNION ALL SELECT k + 1 FROM t WHERE k < $pj) SELECT count(*) FROM a JOIN t ON a.k <= t.k;
--> a: k IS NOT NULL AND k <= {CAST(LIST_MAX((SELECT * FROM "t")) AS HUGEINT)}

WITH RECURSIVE t(k) AS (SELECT 1 UNION SELECT b.k + t.k FROM t, b WHERE b.k = t.k) SELECT count(*) FROM a LEFT JOIN t ON a.k = t.k;
--> b: TRUE
--> a: TRUE
--! b: b.k = t.k | compared with no constant
--! a: a.k = t.k | preserved side of LEFT JOIN

-- Not what depends on a row around it, whatever it is called.
SELECT count(*) FROM a WHERE k = (SELECT sum(b.k) FROM b WHERE b.s = a.s);
--> a: TRUE
--> b: s IS NOT NULL
--! a: k = (SELECT SUM(b.k) FROM b WHERE b.s = a.s) | subquery

SELECT count(*) FROM a AS o WHERE k = (SELECT max(b.k) + min(b.k) FROM b WHERE b.s = o.s);
--> a: TRUE
--> b: s IS NOT NULL
--! a: k = (SELECT MAX(b.k) + MIN(b.k) FROM b WHERE b.s = o.s) | subquery

-- Not what may be another value each time, nor of several equal values any one.
SELECT count(*) FROM a WHERE k IN (SELECT k + 1 FROM b WHERE f LIMIT 2);
--> a: k IS NOT NULL AND k IN <b.k where f = True>
--> b: f = True
--! b: k IN (SELECT k + 1 FROM b WHERE f LIMIT 2) | blocked by LIMIT

SELECT count(*) FROM a WHERE k IN ((SELECT k * 2 FROM b WHERE f) LIMIT 2);
--> a: k IS NOT NULL
--> b: TRUE
--! b: f | blocked by LIMIT

SELECT count(*) FROM a WHERE k IN (SELECT k + random() FROM b);
--> a: k IS NOT NULL
--> b: TRUE

SELECT count(*) FROM a WHERE k IN (SELECT row_number() OVER (ORDER BY s) FROM b WHERE f);
--> a: k IS NOT NULL
--> b: f = True

SELECT count(*) FROM a WHERE k IN (SELECT any_value(k) FROM b GROUP BY s);
--> a: k IS NOT NULL
--> b: TRUE

SELECT count(*) FROM a WHERE s IN (SELECT (m::DOUBLE)::VARCHAR FROM b GROUP BY m::DOUBLE);
--> a: s IS NOT NULL
--> b: TRUE

SELECT count(*) FROM a WHERE s IN (SELECT s COLLATE NOCASE FROM b WHERE f);
--> a: s IS NOT NULL
--> b: f = True

-- Rows that are kept for want of a match: not those with a value that is among the keys. NULL is among none.
SELECT count(*) FROM a WHERE k NOT IN (SELECT k FROM b WHERE s = 'a');
--> a: k IS NULL OR k NOT IN (SELECT k FROM b WHERE s = 'a')
--> b: s = a

SELECT count(*) FROM a WHERE k <> ALL (SELECT k FROM b WHERE s = 'a');
--> a: k IS NULL OR k NOT IN (SELECT k FROM b WHERE s = 'a')
--> b: s = a

SELECT count(*) FROM a WHERE NOT EXISTS (SELECT 1 FROM b WHERE b.k = a.k AND b.s = 'a' AND b.f);
--> a: k IS NULL OR k NOT IN (SELECT b.k FROM b WHERE b.s = 'a' AND b.f)
--> b: k IS NOT NULL AND s = a AND f = True

SELECT count(*) FROM a ANTI JOIN b ON a.d = b.d AND b.f;
--> a: d IS NULL OR d NOT IN (SELECT b.d FROM b WHERE b.f)
--> b: d IS NOT NULL AND f = True
--! a: a.d = b.d | ANTI JOIN

SELECT count(*) FROM a LEFT JOIN (SELECT k FROM b WHERE s = 'a') x ON a.k = x.k WHERE x.k IS NULL;
--> a: k IS NULL OR k NOT IN (SELECT x.k FROM (SELECT k FROM b WHERE s = 'a') AS x)
--> b: s = a AND k IS NOT NULL
--! b: x.k IS NULL | null-supplying side of LEFT JOIN

SELECT count(*) FROM a WHERE upper(s) NOT IN (SELECT s FROM b WHERE f);
--> a: s where {value: (UPPER(__lo)) IS NULL} OR ([NULL: (UPPER("__lo")) IS NULL] AND s IS NULL) OR s where {value: NOT (UPPER(__lo)) IN (SELECT s FROM b WHERE f)}
--> b: f = True

SELECT count(*) FROM a WHERE ts::DATE NOT IN (SELECT d FROM b WHERE f);
--> a: ts where {day/hour: (CAST(__lo AS DATE)) IS NULL} OR ([NULL: (CAST("__lo" AS DATE)) IS NULL] AND ts IS NULL) OR cast(ts, DATE) NOT IN (SELECT d FROM b WHERE f) OR ts IS NULL
--> b: f = True

-- Two such conditions do not speak of what the other one matches with.
SELECT count(*) FROM a WHERE NOT EXISTS (SELECT 1 FROM b WHERE b.k = a.k AND b.s = 'a') AND NOT EXISTS (SELECT 1 FROM c WHERE c.k = a.k AND c.s = 'ab');
--> a: (k IS NULL OR k NOT IN (SELECT b.k FROM b WHERE b.s = 'a')) AND (k IS NULL OR k NOT IN (SELECT c.k FROM c WHERE c.s = 'ab'))
--> b: k IS NOT NULL AND s = a
--> c: k IS NOT NULL AND s = ab

SELECT count(*) FROM a WHERE k NOT IN (SELECT k FROM b WHERE f) AND EXISTS (SELECT 1 FROM c WHERE c.k = a.k);
--> a: k IS NOT NULL AND (k IS NULL OR k NOT IN (SELECT k FROM b WHERE f))
--> b: f = True
--> c: k IS NOT NULL

SELECT count(*) FROM a ANTI JOIN b ON a.k = b.k AND b.s = 'a' ANTI JOIN c ON a.k = c.k AND c.s = 'ab';
--> a: (k IS NULL OR k NOT IN (SELECT c.k FROM c WHERE c.s = 'ab')) AND (k IS NULL OR k NOT IN (SELECT b.k FROM b WHERE b.s = 'a'))
--> b: k IS NOT NULL AND s = a AND (k IS NULL OR k NOT IN (SELECT c.k FROM c WHERE c.s = 'ab'))
--> c: k IS NOT NULL AND s = ab
--! a: a.k = c.k | ANTI JOIN
--! a: a.k = b.k | ANTI JOIN

SELECT count(*) FROM (SELECT k FROM a WHERE k NOT IN (SELECT k FROM b WHERE f)) x WHERE NOT EXISTS (SELECT 1 FROM c WHERE c.k = x.k AND c.f);
--> a: (k IS NULL OR k NOT IN (SELECT c.k FROM c WHERE c.f)) AND (k IS NULL OR k NOT IN (SELECT k FROM b WHERE f))
--> b: f = True
--> c: k IS NOT NULL AND f = True

-- What more is asked of a match than the key and its own row leaves it open whether there is one.
SELECT count(*) FROM a WHERE NOT EXISTS (SELECT 1 FROM b WHERE b.k = a.k AND b.s > a.s);
--> a: TRUE
--> b: k IS NOT NULL AND s IS NOT NULL
--! a: NOT EXISTS(SELECT 1 FROM b WHERE b.k = a.k AND b.s > a.s) | subquery

SELECT count(*) FROM a WHERE NOT EXISTS (SELECT 1 FROM b WHERE b.k = a.k AND b.d = a.d);
--> a: TRUE
--> b: k IS NOT NULL AND d IS NOT NULL
--! a: NOT EXISTS(SELECT 1 FROM b WHERE b.k = a.k AND b.d = a.d) | subquery

SELECT count(*) FROM a ANTI JOIN b ON a.k = b.k AND a.f;
--> a: TRUE
--> b: k IS NOT NULL AND k IN <a.k where k IS NOT NULL AND f = True>
--! a: a.k = b.k | ANTI JOIN
--! a: a.f | ANTI JOIN

SELECT count(*) FROM a WHERE NOT EXISTS (SELECT max(b.d) FROM b WHERE b.k = a.k AND b.f);
--> a: TRUE
--> b: k IS NOT NULL AND f = True
--! a: NOT EXISTS(SELECT MAX(b.d) FROM b WHERE b.k = a.k AND b.f) | subquery

SELECT count(*) FROM a WHERE NOT EXISTS (SELECT unnest([]::INTEGER[]) FROM b WHERE b.k = a.k AND b.f);
--> a: TRUE
--> b: k IS NOT NULL AND f = True
--! a: NOT EXISTS(SELECT UNNEST(CAST([] AS INT[])) FROM b WHERE b.k = a.k AND b.f) | subquery

-- A row without a match may be asked for by its NULL alone, of the key that it is matched by.
SELECT count(*) FROM a LEFT JOIN b ON a.k = b.k AND b.f WHERE b.s IS NULL;
--> a: TRUE
--> b: k IS NOT NULL AND f = True
--! a: a.k = b.k | preserved side of LEFT JOIN
--! b: b.s IS NULL | null-supplying side of LEFT JOIN

SELECT count(*) FROM a LEFT JOIN b ON a.k = b.k AND b.f WHERE b.k IS NULL OR a.d IS NULL;
--> a: TRUE
--> b: k IS NOT NULL AND f = True
--! a: b.k IS NULL OR a.d IS NULL | foreign column
--! a: a.k = b.k | preserved side of LEFT JOIN
--! b: b.k IS NULL OR a.d IS NULL | null-supplying side of LEFT JOIN

SELECT count(*) FROM a RIGHT JOIN b ON a.k = b.k AND b.f WHERE b.k IS NULL;
--> a: k IS NOT NULL AND k IS NULL AND k IN <b.k where k IS NULL AND k IS NOT NULL AND f = True>
--> b: k IS NULL
--! b: a.k = b.k | preserved side of RIGHT JOIN
--! b: b.f | preserved side of RIGHT JOIN

-- Of other types than the key no value is known to be equal.
SELECT count(*) FROM a WHERE m NOT IN (SELECT k FROM b WHERE f);
--> a: TRUE
--> b: f = True
--! a: NOT m IN (SELECT k FROM b WHERE f) | subquery

-- A recursion that may have no end is looked at as its rows come: not what is made of all of them, nor one over tables.
WITH RECURSIVE t(k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM t WHERE k < 3) SELECT count(*) FROM a WHERE k = (SELECT DISTINCT k + 0 FROM t WHERE k = 3);
--> a: TRUE
--! a: k = (SELECT DISTINCT k + 0 FROM t WHERE k = 3) | subquery

WITH RECURSIVE t(k) AS (SELECT 1 UNION SELECT b.k + 1 FROM t JOIN b ON b.k = t.k) SELECT count(*) FROM a JOIN t ON a.k = t.k;
--> b: TRUE
--> a: k IS NOT NULL
--! b: b.k = t.k | compared with no constant

-- Nor are all pairs of the rows of two tables made.
SELECT count(*) FROM a WHERE k IN (SELECT CASE WHEN b.f THEN b.k END FROM b, c WHERE c.f);
--> a: k IS NOT NULL
--> b: TRUE
--> c: f = True

-- The constant may stand on the left.
SELECT k FROM a WHERE 1 < k;
--> a: k > 1

-- BETWEEN, and its negation.
SELECT k FROM a WHERE k BETWEEN 1 AND 2;
--> a: k >= 1 AND k <= 2

SELECT k FROM a WHERE k NOT BETWEEN 1 AND 2;
--> a: k < 1 OR k > 2

-- A constant between two columns.
SELECT k FROM a WHERE DATE '2024-01-31' BETWEEN d AND d;
--> a: d <= 2024-01-31 AND d >= 2024-01-31

-- IN ignores NULL, NOT IN with NULL never holds.
SELECT k FROM a WHERE k IN (1, NULL, 2);
--> a: k IN (1, 2)

SELECT k FROM a WHERE k NOT IN (1, NULL);
--> a: FALSE

SELECT k FROM a WHERE k NOT IN (1, 2);
--> a: k NOT IN (1, 2)

-- Lists as parameters, in all their spellings.
SELECT k FROM a WHERE k IN $pl;
--> a: k IN $pl

SELECT k FROM a WHERE k = ANY($pl);
--> a: k IN $pl

SELECT k FROM a WHERE list_contains($pl, k);
--> a: k IN $pl

SELECT k FROM a WHERE k IN (SELECT unnest($pl));
--> a: k IN $pl

-- A list asked as a value ignores its NULLs; a set of rows does not.
SELECT k FROM a WHERE k NOT IN $pl;
--> a: k NOT IN $pl

SELECT k FROM a WHERE k NOT IN (SELECT unnest($pl));
--> a: TRUE
--! a: NOT k IN (SELECT UNNEST($pl)) | NOT IN a set of rows

-- NULL
SELECT k FROM a WHERE k IS NULL;
--> a: k IS NULL

SELECT k FROM a WHERE NOT k IS NULL;
--> a: k IS NOT NULL

-- A function may be NULL where its argument is not (the year of infinity).
SELECT k FROM a WHERE year(d) IS NULL;
--> a: d where {value: YEAR(__lo) IS NULL; range: DATE_TRUNC('YEAR', __lo) IS DISTINCT FROM DATE_TRUNC('YEAR', __hi) OR YEAR(__lo) IS NULL} OR ([NULL: YEAR("__lo") IS NULL] AND d IS NULL)

SELECT k FROM a WHERE year(d) IS NOT NULL;
--> a: d IS NOT NULL

-- IS DISTINCT FROM
SELECT k FROM a WHERE k IS NOT DISTINCT FROM 1;
--> a: k = 1

SELECT k FROM a WHERE k IS DISTINCT FROM 1;
--> a: k <> 1 OR k IS NULL

SELECT k FROM a WHERE k IS NOT DISTINCT FROM NULL;
--> a: k IS NULL

SELECT k FROM a WHERE k IS NOT DISTINCT FROM $pk;
--> a: k = $pk OR ([$pk IS NULL] AND k IS NULL)

-- BOOLEAN columns
SELECT k FROM a WHERE f;
--> a: f = True

SELECT k FROM a WHERE NOT f;
--> a: f = False

SELECT k FROM a WHERE f IS NOT TRUE;
--> a: f = False OR f IS NULL

-- Prefixes
SELECT k FROM a WHERE s LIKE 'ab%';
--> a: s starts with ab

SELECT k FROM a WHERE s LIKE 'a_c%' AND s NOT LIKE 'b%';
--> a: s starts with a AND s not starts with b

-- Only a pattern that is a prefix and nothing else can be negated.
SELECT k FROM a WHERE s NOT LIKE 'a_c%';
--> a: s where {value: __lo NOT LIKE 'a_c%'}

SELECT k FROM a WHERE s LIKE 'a!%b%' ESCAPE '!';
--> a: s starts with a

SELECT k FROM a WHERE starts_with(s, 'a') AND s ^@ 'ab';
--> a: s starts with a AND s starts with ab

SELECT k FROM a WHERE s LIKE 'ab';
--> a: s = ab

SELECT k FROM a WHERE s ILIKE 'ab%';
--> a: s where {value: __lo ILIKE 'ab%'; prefix: CASE WHEN __whole THEN __lo ILIKE 'ab%' ELSE LEFT(__lo, LENGTH('ab')) ILIKE LEFT('ab', LENGTH(__lo)) END}

SELECT k FROM a WHERE s COLLATE NOCASE = 'A';
--> a: s where {value: __lo COLLATE NOCASE = 'A'; prefix: CASE WHEN __whole THEN __lo COLLATE NOCASE = 'A' ELSE (STARTS_WITH(LOWER(__lo), LOWER('A')) OR STARTS_WITH(LOWER('A'), LOWER(__lo))) END}

-- Rows compare NULLs as equal.
SELECT k FROM a WHERE (k, s) IN ((1, 'a'), (2, 'b'));
--> a: (k = 1 AND s = a) OR (k = 2 AND s = b)

SELECT k FROM a WHERE (k, s) = ($pk, 'a');
--> a: (k = $pk OR ([$pk IS NULL] AND k IS NULL)) AND s = a

SELECT k FROM a WHERE (k, s) <> (1, 'a');
--> a: TRUE
--! a: (k, s) <> (1, 'a') | row value

-- The next page of a keyset; NULL is greater than any value in a row.
SELECT k FROM a WHERE (k, s) > (1, 'ab');
--> a: k > 1 OR k IS NULL OR (k = 1 AND (s >= ab OR s IS NULL))

SELECT k FROM a WHERE ($pk, 'ab') >= (k, s);
--> a: k < $pk OR [$pk IS NULL] OR ((k = $pk OR ([$pk IS NULL] AND k IS NULL)) AND s <= ab)

SELECT k FROM a WHERE (ts, k) < ($pt, 2);
--> a: ts < $pt OR [$pt IS NULL] OR ((ts = $pt OR ([$pt IS NULL] AND ts IS NULL)) AND k <= 2)

SELECT k FROM a WHERE NOT (k, s) > (1, 'ab');
--> a: TRUE
--! a: NOT (k, s) > (1, 'ab') | row value

-- Parameters that turn a filter off.
SELECT k FROM a WHERE k = coalesce($pk, k);
--> a: k = $pk OR ([$pk IS NULL] AND k IS NOT NULL)

SELECT k FROM a WHERE coalesce($pk, $pj, k) = k AND s = ifnull($ps, s);
--> a: (k = coalesce($pk, $pj) OR ([{CAST((COALESCE($pk, $pj)) IS NULL AS BOOLEAN)}] AND k IS NOT NULL)) AND (s = $ps OR ([$ps IS NULL] AND s IS NOT NULL))

-- Not where they are of another type than the column.
SELECT k FROM a WHERE m = coalesce($pk, m);
--> a: TRUE
--! a: m = COALESCE($pk, m) | compared with no constant

SELECT k FROM a WHERE $pk IN (k, -1) AND $ps IN (s, 'all');
--> a: (k = $pk OR [{CAST($pk = -1 AS BOOLEAN)}]) AND (s = $ps OR [{CAST($ps = 'all' AS BOOLEAN)}])

SELECT k FROM a WHERE len($pl) = 0 OR k IN $pl;
--> a: [{CAST(LENGTH($pl) = 0 AS BOOLEAN)}] OR k IN $pl

SELECT k FROM a WHERE list_contains($pl, 1) OR list_has($pl, k);
--> a: [{CAST(ARRAY_CONTAINS($pl, 1) AS BOOLEAN)}] OR k IN $pl

-- Parameters that choose a branch.
SELECT k FROM a WHERE CASE WHEN $pk IS NULL THEN TRUE WHEN $pk = 1 THEN k = $pk ELSE d = $pd END;
--> a: [$pk IS NULL] OR ([{CAST(NOT (($pk IS NULL) IS TRUE) AS BOOLEAN)}] AND [{CAST($pk = 1 AS BOOLEAN)}] AND k = $pk) OR ([{CAST(NOT (($pk IS NULL) IS TRUE) AS BOOLEAN)}] AND [{CAST(NOT (($pk = 1) IS TRUE) AS BOOLEAN)}] AND d = $pd)

SELECT k FROM a WHERE NOT if($pk = 1, k <> 2, d = $pd);
--> a: ([{CAST($pk = 1 AS BOOLEAN)}] AND k = 2) OR ([{CAST(NOT (($pk = 1) IS TRUE) AS BOOLEAN)}] AND d <> $pd)

-- Rows whose members are functions.
SELECT k FROM a WHERE (year(ts), month(ts)) IN ((2024, 1), (2024, $pk));
--> a: (year(ts) = 2024 AND month(ts) = 1) OR (year(ts) = 2024 AND (month(ts) = $pk OR [$pk IS NULL]))

-- A keyset: the first column decides, where it is equal the next.
SELECT k FROM a WHERE (d, k) > (DATE '2024-01-31', $pk);
--> a: d > 2024-01-31 OR d IS NULL OR ((d = 2024-01-31 OR ([{CAST((CAST('2024-01-31' AS DATE)) IS NULL AS BOOLEAN)}] AND d IS NULL)) AND (k >= $pk OR k IS NULL))

-- A condition that is compared with TRUE or FALSE, or FALSE where it is NULL.
SELECT k FROM a WHERE (d >= $pd) = TRUE AND (k < 2) <> TRUE;
--> a: d >= $pd AND k >= 2

SELECT k FROM a WHERE coalesce(d >= $pd, FALSE) AND NOT coalesce(k < 2, TRUE);
--> a: d >= $pd AND k >= 2

-- Not where NULL may be TRUE.
SELECT k FROM a WHERE coalesce(m >= 1, TRUE);
--> a: TRUE
--! a: COALESCE(m >= 1, TRUE) | not understood: coalesce

-- The members of a text.
SELECT k FROM a WHERE list_contains(string_split($ps, ','), s);
--> a: s IN {STR_SPLIT($ps, ',')}

-- Constants that are chosen.
SELECT k FROM a WHERE d >= CASE WHEN $pk = 1 THEN $pd ELSE DATE '2024-01-30' END AND k = greatest($pk, 2) AND d < make_date(2024, 2, $pk);
--> a: d >= {CAST(CASE WHEN $pk = 1 THEN $pd ELSE CAST('2024-01-30' AS DATE) END AS DATE)} AND k = {CAST(GREATEST($pk, 2) AS HUGEINT)} AND d < {CAST(MAKE_DATE(2024, 2, $pk) AS DATE)}

-- STRUCTs compare as rows do.
SELECT d FROM a WHERE struct_pack(s := s, y := year(d)) = {'s': 'ab', 'y': 2024};
--> a: s = ab AND year(d) = 2024

SELECT d FROM a WHERE {'k': $pk, 's': 'ab'} = {'k': k, 's': s} AND {'k': k, 's': s} <> {'k': 1, 's': 'a'};
--> a: TRUE
--! a: {'k': $pk, 's': 'ab'} = {'k': k, 's': s} | row value
--! a: {'k': k, 's': s} <> {'k': 1, 's': 'a'} | row value

SELECT d FROM a WHERE {'k': k, 's': s} = {'s': 'ab', 'k': 1};
--> a: TRUE
--! a: {'k': k, 's': s} = {'s': 'ab', 'k': 1} | function not monotone: struct

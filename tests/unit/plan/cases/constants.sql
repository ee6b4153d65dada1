-- What only the engine can compute is one expression of one SELECT.
SELECT k FROM a WHERE ts >= $pt - INTERVAL 7 DAY AND ts < date_trunc('day', $pt);
--> a: ts >= {CAST($pt - INTERVAL '7' DAY AS TIMESTAMP)} AND ts < {CAST(DATE_TRUNC('DAY', $pt) AS TIMESTAMP)}

-- The clock is a parameter, the same for the plan and the run.
SELECT k FROM a WHERE d >= current_date - 7 AND ts < now();
--> a: d >= {CAST(CAST(CAST($__now AS TIMESTAMPTZ) AS DATE) - 7 AS DATE)} AND ts < {CAST(CAST($__now AS TIMESTAMPTZ) AS TIMESTAMP)}

-- Optional filters are decided when the parameters are known.
SELECT k FROM a WHERE ($pk IS NULL OR k = $pk);
--> a: [$pk IS NULL] OR k = $pk

SELECT k FROM a WHERE k = coalesce($pk, 2);
--> a: k = coalesce($pk, 2)

SELECT k FROM a WHERE $ps = 'all' OR s = $ps;
--> a: [{CAST($ps = 'all' AS BOOLEAN)}] OR s = $ps

SELECT k FROM a WHERE CASE WHEN $pf THEN k = 1 ELSE TRUE END;
--> a: ([$pf] AND k = 1) OR [{CAST(NOT (($pf) IS TRUE) AS BOOLEAN)}]

-- A pattern that is a parameter
SELECT k FROM a WHERE s LIKE $ps;
--> a: s starts with prefix of $ps

-- Parameters without spaces between them
SELECT k FROM a WHERE k IN ($pk,$pj) AND s <> 'a';
--> a: k IN ($pk, $pj) AND s <> a

-- Texts and times that functions make of constants.
SELECT k FROM a WHERE s = lower($ps) AND ts >= strptime('01.02.2024', '%d.%m.%Y');
--> a: s = {CAST(LOWER($ps) AS VARCHAR)} AND ts >= {CAST(STRPTIME('01.02.2024', '%d.%m.%Y') AS TIMESTAMP)}

SELECT k FROM a WHERE s IN ('a' || $pk, trim($ps)) AND k = year($pd) - 2023;
--> a: s IN ({CAST('a' || $pk AS VARCHAR)}, {CAST(TRIM($ps) AS VARCHAR)}) AND k = {CAST(YEAR($pd) - 2023 AS HUGEINT)}

SELECT k FROM a WHERE ts >= make_timestamp(2024, 1, 31, 0, 0, 0.0) AND ts < to_timestamp(1706745600)::TIMESTAMP + to_days($pk);
--> a: ts >= {CAST(MAKE_TIMESTAMP(2024, 1, 31, 0, 0, 0.0) AS TIMESTAMP)} AND ts < {CAST(CAST(TO_TIMESTAMP(1706745600) AS TIMESTAMP) + TO_DAYS($pk) AS TIMESTAMP)}

SELECT k FROM a WHERE d BETWEEN $pd AND last_day($pd) AND s <> nullif($ps, '');
--> a: d >= $pd AND d <= {CAST(LAST_DAY($pd) AS DATE)} AND s <> {CAST(NULLIF($ps, '') AS VARCHAR)}

-- With a zone in its format it is an instant.
SELECT k FROM a WHERE ts >= strptime('2024-02-01 00:00:00 +0100', '%Y-%m-%d %H:%M:%S %z');
--> a: ts where {day/hour/range: __hi >= STRPTIME('2024-02-01 00:00:00 +0100', '%Y-%m-%d %H:%M:%S %z')}

SELECT k FROM a WHERE list_contains(['a', 'ab'], s);
--> a: s IN (a, ab)

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

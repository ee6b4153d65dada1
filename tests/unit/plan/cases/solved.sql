-- Solved for the column.
SELECT k FROM a WHERE k + 1 = $pj AND 10 - k = 9;
--> a: k = {CAST(CAST(($pj) AS INT128) - (1) AS HUGEINT)} AND k = {CAST((10) - CAST((9) AS INT128) AS HUGEINT)}

SELECT d FROM a WHERE k * 2 - 1 IN (1, $pj) OR -k = -3;
--> a: k = {CAST(CAST((CAST((1) AS INT128) + (1)) AS INT128) // (2) AS HUGEINT)} OR k = {CAST(CAST((CAST(($pj) AS INT128) + (1)) AS INT128) // (2) AS HUGEINT)} OR k = {CAST(-(CAST((-3) AS INT128)) AS HUGEINT)}

SELECT d FROM a WHERE k::VARCHAR IN ('1', $ps) AND CAST(k + 1 AS VARCHAR) = '2';
--> a: (k = {CAST(TRY_CAST(CAST(('1') AS TEXT) AS INT128) AS HUGEINT)} OR k = {CAST(TRY_CAST(CAST(($ps) AS TEXT) AS INT128) AS HUGEINT)}) AND k = {CAST(CAST((TRY_CAST(CAST(('2') AS TEXT) AS INT128)) AS INT128) - (1) AS HUGEINT)}

SELECT d FROM a WHERE coalesce(k, 0) = $pk;
--> a: k = $pk OR ([{CAST((0) = ($pk) AS BOOLEAN)}] AND k IS NULL)

-- Not where other numbers give the value too, or the negation of it holds.
SELECT d FROM a WHERE k * 0 = 0;
--> a: k where {value: __lo * 0 = 0}

SELECT d FROM a WHERE k + 1 <> $pj AND NOT k * 2 = 2;
--> a: (add(k, 1) <> $pj OR k IS NULL) AND k where {value: NOT __lo * 2 = 2; range: NOT ((__lo * 2) = 2 AND (__hi * 2) = 2)}

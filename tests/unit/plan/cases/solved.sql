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

-- Of a text the constants are taken off at both ends; CONCAT and CONCAT_WS pass over NULL.
SELECT s FROM a WHERE 'k' || s = 'kab';
--> a: s = {CAST(CASE WHEN CONCAT('', 'k', SUBSTRING(CAST(('kab') AS TEXT), LENGTH('k') + 1, LENGTH(CAST(('kab') AS TEXT)) - LENGTH('k') - LENGTH('')), '') = CAST(('kab') AS TEXT) THEN SUBSTRING(CAST(('kab') AS TEXT), LENGTH('k') + 1, LENGTH(CAST(('kab') AS TEXT)) - LENGTH('k') - LENGTH('')) END AS VARCHAR)}

SELECT s FROM a WHERE concat('k-', s, '!') IN ('k-ab!', 'k-!');
--> a: s = {CAST(CASE WHEN CONCAT('', 'k-', SUBSTRING(CAST(('k-ab!') AS TEXT), LENGTH('k-') + 1, LENGTH(CAST(('k-ab!') AS TEXT)) - LENGTH('k-') - LENGTH('!')), '!') = CAST(('k-ab!') AS TEXT) THEN SUBSTRING(CAST(('k-ab!') AS TEXT), LENGTH('k-') + 1, LENGTH(CAST(('k-ab!') AS TEXT)) - LENGTH('k-') - LENGTH('!')) END AS VARCHAR)} OR ([{CAST((CONCAT('', 'k-', '!')) = ('k-ab!') AS BOOLEAN)}] AND s IS NULL) OR s = {CAST(CASE WHEN CONCAT('', 'k-', SUBSTRING(CAST(('k-!') AS TEXT), LENGTH('k-') + 1, LENGTH(CAST(('k-!') AS TEXT)) - LENGTH('k-') - LENGTH('!')), '!') = CAST(('k-!') AS TEXT) THEN SUBSTRING(CAST(('k-!') AS TEXT), LENGTH('k-') + 1, LENGTH(CAST(('k-!') AS TEXT)) - LENGTH('k-') - LENGTH('!')) END AS VARCHAR)} OR ([{CAST((CONCAT('', 'k-', '!')) = ('k-!') AS BOOLEAN)}] AND s IS NULL)

SELECT k FROM a WHERE concat('u', k) = $ps;
--> a: k = {CAST(TRY_CAST(CAST((CASE WHEN CONCAT('', 'u', SUBSTRING(CAST(($ps) AS TEXT), LENGTH('u') + 1, LENGTH(CAST(($ps) AS TEXT)) - LENGTH('u') - LENGTH('')), '') = CAST(($ps) AS TEXT) THEN SUBSTRING(CAST(($ps) AS TEXT), LENGTH('u') + 1, LENGTH(CAST(($ps) AS TEXT)) - LENGTH('u') - LENGTH('')) END) AS TEXT) AS INT128) AS HUGEINT)} OR ([{CAST((CONCAT('', 'u')) = ($ps) AS BOOLEAN)}] AND k IS NULL)

SELECT s FROM a WHERE concat_ws(':', 'x', s) = 'x:ab';
--> a: s = {CAST(CASE WHEN CONCAT('', 'x:', SUBSTRING(CAST(('x:ab') AS TEXT), LENGTH('x:') + 1, LENGTH(CAST(('x:ab') AS TEXT)) - LENGTH('x:') - LENGTH('')), '') = CAST(('x:ab') AS TEXT) THEN SUBSTRING(CAST(('x:ab') AS TEXT), LENGTH('x:') + 1, LENGTH(CAST(('x:ab') AS TEXT)) - LENGTH('x:') - LENGTH('')) END AS VARCHAR)} OR ([{CAST((CONCAT_WS(':', 'x')) = ('x:ab') AS BOOLEAN)}] AND s IS NULL)

SELECT s FROM a WHERE format('u{}', k) = 'u1';
--> a: k = {CAST(TRY_CAST(CAST((CASE WHEN CONCAT('', 'u', SUBSTRING(CAST(('u1') AS TEXT), LENGTH('u') + 1, LENGTH(CAST(('u1') AS TEXT)) - LENGTH('u') - LENGTH('')), '') = CAST(('u1') AS TEXT) THEN SUBSTRING(CAST(('u1') AS TEXT), LENGTH('u') + 1, LENGTH(CAST(('u1') AS TEXT)) - LENGTH('u') - LENGTH('')) END) AS TEXT) AS INT128) AS HUGEINT)}

SELECT s FROM a WHERE format('u{:03d}', k) = 'u001';
--> a: k where {value: FORMAT('u{:03d}', __lo) = 'u001'} OR ([NULL: FORMAT('u{:03d}', "__lo") = 'u001'] AND k IS NULL)

SELECT d FROM a WHERE printf('k%d', k) = 'k2' OR printf('%s!', s) = $ps;
--> a: k = {CAST(TRY_CAST(CAST((CASE WHEN CONCAT('', 'k', SUBSTRING(CAST(('k2') AS TEXT), LENGTH('k') + 1, LENGTH(CAST(('k2') AS TEXT)) - LENGTH('k') - LENGTH('')), '') = CAST(('k2') AS TEXT) THEN SUBSTRING(CAST(('k2') AS TEXT), LENGTH('k') + 1, LENGTH(CAST(('k2') AS TEXT)) - LENGTH('k') - LENGTH('')) END) AS TEXT) AS INT128) AS HUGEINT)} OR s = {CAST(CASE WHEN CONCAT('', '', SUBSTRING(CAST(($ps) AS TEXT), LENGTH('') + 1, LENGTH(CAST(($ps) AS TEXT)) - LENGTH('') - LENGTH('!')), '!') = CAST(($ps) AS TEXT) THEN SUBSTRING(CAST(($ps) AS TEXT), LENGTH('') + 1, LENGTH(CAST(($ps) AS TEXT)) - LENGTH('') - LENGTH('!')) END AS VARCHAR)}

SELECT d FROM a WHERE printf('%d%%', k) = '2%' AND printf('%5d', k) = '    2';
--> a: k where {value: PRINTF('%d%%', __lo) = '2%'} AND k where {value: PRINTF('%5d', __lo) = '    2'}

-- A text is cut in all ways for the columns that it is put together of.
SELECT d FROM a WHERE s || ':' || k = 'ab:1';
--> a: s = ab AND k = 1

SELECT d FROM a WHERE k::VARCHAR || s = '1ab';
--> a: k = 1 AND s = ab

SELECT d FROM a WHERE 'x1a' = 'x' || (k || s);
--> a: k = 1 AND s = a

-- CONCAT takes NULL for a text without letters.
SELECT d FROM a WHERE concat(s, ':', k) IN ('ab:1', ':2', 'b:');
--> a: (s = ab AND k = 1) OR ((s IS NULL OR s = ) AND k = 2) OR (s = b AND k IS NULL)

SELECT d FROM a WHERE concat(k, s, k) = '1a1';
--> a: (k IS NULL AND s = 1a AND k = 1) OR (k IS NULL AND s = 1a1) OR (k = 1 AND s = a) OR (k = 1 AND s = a1 AND k IS NULL)

-- No row makes a text that cannot be cut; of numbers only what is written like one.
SELECT d FROM a WHERE s || ':' || k = 'ab-1' OR s || k = 'ab01';
--> a: s = ab0 AND k = 1

SELECT d FROM a WHERE k || s = '1ab' IS FALSE;
--> a: (k, s) where {value/value: NOT __lo || __lo1 = '1ab'}

-- Not by other types, negated, or where there are too many ways.
SELECT d FROM a WHERE s || m = 'ab1.00' AND s || k <> 'ab1' AND NOT s || k = 'a1';
--> a: (s, k) where {value/value: __lo || __lo1 <> 'ab1'} AND (s, k) where {value/value: NOT __lo || __lo1 = 'a1'}
--! a: s || m = 'ab1.00' | arithmetic on the column

SELECT d FROM a WHERE s || s || s = 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa';
--> a: s where {value: __lo || __lo || __lo = 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'}

SELECT d FROM a WHERE s || k = $ps;
--> a: (s, k) where {value/value: __lo || __lo1 = $ps}

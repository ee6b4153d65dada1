-- What depends on several columns of a table is asked of boxes of values that they have together.
SELECT s FROM a WHERE s || '/' || k = 'ab/1';
--> a: s = ab AND k = 1

SELECT s FROM a WHERE s || strftime(d, '/%Y-%m') = 'ab/2024-01';
--> a: (s, d) where {value/value: __lo || STRFTIME(__lo1, '/%Y-%m') = 'ab/2024-01'; value/range: DATE_TRUNC('MONTH', __lo1) IS DISTINCT FROM DATE_TRUNC('MONTH', __hi1) OR __lo || STRFTIME(__lo1, '/%Y-%m') = 'ab/2024-01'}

-- Where NULL may satisfy it, what has a NULL is kept.
SELECT s FROM a WHERE concat_ws('/', s, k) = 'ab';
--> a: (s, k) where {value/value: CONCAT_WS('/', __lo, __lo1) = 'ab'} OR s IS NULL OR k IS NULL

SELECT s FROM a WHERE NOT (coalesce(s, k::VARCHAR) < '2');
--> a: (s, k) where {value/value: NOT COALESCE(__lo, CAST(__lo1 AS TEXT)) < '2'} OR s IS NULL OR k IS NULL

-- Both columns are of one source; a subquery passes them on.
SELECT a.s FROM a JOIN b ON a.k = b.k WHERE a.s || b.s = 'abab';
--> a: s IS NOT NULL AND k IS NOT NULL
--> b: s IS NOT NULL AND k IS NOT NULL

SELECT * FROM (SELECT s AS t, k AS n FROM a) AS x WHERE t || n = 'ab1';
--> a: s = ab AND k = 1

-- A row that a join makes has NULL in all columns of a table, for which the condition is not TRUE.
SELECT a.s FROM a LEFT JOIN b ON a.k = b.k WHERE b.s || b.k = 'ab1';
--> a: k IS NOT NULL AND k = 1 AND k IN <b.k where s = ab AND k = 1 AND k IS NOT NULL>
--> b: s = ab AND k = 1 AND k IS NOT NULL

SELECT a.s FROM a LEFT JOIN b ON a.k = b.k WHERE concat(b.s, b.k) = '';
--> a: k IS NULL OR k NOT IN (SELECT b.k FROM b)
--> b: k IS NOT NULL
--! b: CONCAT(b.s, b.k) = '' | null-supplying side of LEFT JOIN

-- What is equal to one of the columns is not asked in its place.
SELECT a.s FROM a JOIN b ON a.k = b.k WHERE a.s || a.k = 'ab1';
--> a: s = ab AND k = 1 AND k IS NOT NULL
--> b: k IS NOT NULL AND k = 1 AND k IN <a.k where s = ab AND k = 1 AND k IS NOT NULL>

-- It depends on nothing else.
SELECT s FROM a WHERE s || k || random()::VARCHAR = 'ab1';
--> a: TRUE
--! a: s || k || CAST(RANDOM() AS TEXT) = 'ab1' | arithmetic on the column

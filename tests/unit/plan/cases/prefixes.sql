-- Of texts that begin alike the engine is asked about what they begin with.
SELECT k FROM a WHERE left(s, 2) = 'ab' AND substr(s, 2, 1) <> 'b';
--> a: s where {value: LEFT(__lo, 2) = 'ab'; prefix: CASE WHEN __whole THEN LEFT(__lo, 2) = 'ab' ELSE (LENGTH(__lo) < 2 OR LEFT(__lo, 2) = 'ab') END} AND s where {value: SUBSTRING(__lo, 2, 1) <> 'b'; prefix: CASE WHEN __whole THEN SUBSTRING(__lo, 2, 1) <> 'b' ELSE (LENGTH(__lo) < 2 OR SUBSTRING(__lo, 2, 1) <> 'b') END}

SELECT k FROM a WHERE s ILIKE 'A_%' AND lower(s) LIKE $ps;
--> a: s where {value: __lo ILIKE 'A_%'; prefix: CASE WHEN __whole THEN __lo ILIKE 'A_%' ELSE LEFT(__lo, LENGTH('A_')) ILIKE LEFT('A_', LENGTH(__lo)) END} AND s where {value: LOWER(__lo) LIKE $ps; prefix: CASE WHEN __whole THEN LOWER(__lo) LIKE $ps ELSE LEFT(LOWER(__lo), LENGTH(REGEXP_EXTRACT($ps, '^[^%\\]*'))) LIKE LEFT(REGEXP_EXTRACT($ps, '^[^%\\]*'), LENGTH(LOWER(__lo))) END}

SELECT k FROM a WHERE regexp_matches(s, '^(ab|b)') AND s GLOB 'a*' AND split_part(s, '-', 1) = $ps;
--> a: s where {value: REGEXP_MATCHES(__lo, '^(ab|b)'); prefix: CASE WHEN __whole THEN REGEXP_MATCHES(__lo, '^(ab|b)') ELSE ((STARTS_WITH(__lo, 'ab') OR STARTS_WITH('ab', __lo)) OR (STARTS_WITH(__lo, 'b') OR STARTS_WITH('b', __lo))) END} AND s where {value: __lo GLOB 'a*'; prefix: CASE WHEN __whole THEN __lo GLOB 'a*' ELSE (STARTS_WITH(__lo, 'a') OR STARTS_WITH('a', __lo)) END} AND s where {value: SPLIT_PART(__lo, '-', 1) = $ps; prefix: CASE WHEN __whole THEN SPLIT_PART(__lo, '-', 1) = $ps ELSE (STARTS_WITH(__lo, $ps) OR STARTS_WITH($ps, __lo)) END}

-- What may be anywhere in a text says nothing of how it begins.
SELECT k FROM a WHERE contains(s, 'b') OR regexp_matches(s, 'b') OR length(s) = 2;
--> a: s where {value: CONTAINS(__lo, 'b')} OR s where {value: REGEXP_MATCHES(__lo, 'b')} OR s where {value: LENGTH(__lo) = 2}

-- Two collations fold letters; others are not read.
SELECT k FROM a WHERE s = 'AB' COLLATE NOCASE AND s COLLATE NOACCENT = 'ab';
--> a: s where {value: __lo = 'AB' COLLATE NOCASE; prefix: CASE WHEN __whole THEN __lo = 'AB' COLLATE NOCASE ELSE (STARTS_WITH(LOWER(__lo), LOWER('AB')) OR STARTS_WITH(LOWER('AB'), LOWER(__lo))) END} AND s where {value: __lo COLLATE NOACCENT = 'ab'}

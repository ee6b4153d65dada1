-- One of the branches is reached: before it no other was TRUE.
SELECT k FROM a WHERE CASE s WHEN 'a' THEN d >= '2024-01-31' WHEN 'b' THEN k = 1 ELSE FALSE END;
--> a: (s = a AND d >= 2024-01-31) OR ((s where {value: COALESCE(NOT (__lo) = ('a'), TRUE)} OR ([NULL: NOT (("__lo") = ('a')) IS TRUE] AND s IS NULL)) AND s = b AND k = 1)

SELECT k FROM a WHERE CASE WHEN s = 'a' THEN d >= '2024-01-31' ELSE d >= $pd END;
--> a: (s = a AND d >= 2024-01-31) OR ((s where {value: COALESCE(NOT __lo = 'a', TRUE)} OR ([NULL: NOT ("__lo" = 'a') IS TRUE] AND s IS NULL)) AND d >= $pd)

SELECT k FROM a WHERE d >= CASE WHEN s = 'a' THEN DATE '2024-01-31' WHEN k = 2 THEN DATE '2024-02-01' END;
--> a: (s = a AND d >= 2024-01-31) OR ((s where {value: COALESCE(NOT __lo = 'a', TRUE)} OR ([NULL: NOT ("__lo" = 'a') IS TRUE] AND s IS NULL)) AND k = 2 AND d >= 2024-02-01)

SELECT k FROM a WHERE NOT CASE WHEN s = 'a' THEN d >= '2024-01-31' ELSE k = 1 END;
--> a: (s = a AND d < 2024-01-31) OR ((s where {value: COALESCE(NOT __lo = 'a', TRUE)} OR ([NULL: NOT ("__lo" = 'a') IS TRUE] AND s IS NULL)) AND k <> 1)

-- Results of several types are made one: the columns are looked at together.
SELECT k FROM a WHERE k = CASE WHEN d > '2024-01-31' THEN 1 ELSE 2.5 END;
--> a: (k, d) where {value/value: __lo = CASE WHEN __lo1 > '2024-01-31' THEN 1 ELSE 2.5 END; value/range: (__hi1 > '2024-01-31' AND (CASE WHEN TRUE THEN 1 ELSE 2.5 END) = __lo) OR (COALESCE(__lo1 <= '2024-01-31', TRUE) AND (CASE WHEN FALSE THEN 1 ELSE 2.5 END) = __lo); range/value: __lo <= (CASE WHEN __lo1 > '2024-01-31' THEN 1 ELSE 2.5 END) AND __hi >= (CASE WHEN __lo1 > '2024-01-31' THEN 1 ELSE 2.5 END)} OR k IS NULL OR d IS NULL

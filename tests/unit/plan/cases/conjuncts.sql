-- A conjunct of WHERE holds for every useful row.
SELECT k FROM a WHERE k = 1 AND d >= DATE '2024-01-31';
--> a: k = 1 AND d >= 2024-01-31

-- NOT goes to the leaves: of NOT (A AND B) either may fail.
SELECT k FROM a WHERE NOT (k = 1 AND s = 'a');
--> a: k <> 1 OR s <> a

-- NOT (A OR B) is both.
SELECT k FROM a WHERE NOT (k = 1 OR s IS NULL);
--> a: k <> 1 AND s IS NOT NULL

-- OR across columns stays an OR.
SELECT k FROM a WHERE k = 1 OR (s = 'a' AND d IS NULL);
--> a: k = 1 OR (s = a AND d IS NULL)

-- What is not understood under OR makes the whole OR unusable, and says why.
SELECT k FROM a WHERE k = 1 OR lower(s) = 'a';
--> a: k = 1 OR s where {value: LOWER(__lo) = 'a'; prefix: CASE WHEN __whole THEN LOWER(__lo) = 'a' ELSE (STARTS_WITH(LOWER(__lo), 'a') OR STARTS_WITH('a', LOWER(__lo))) END}

-- What is not understood under AND is left out.
SELECT k FROM a WHERE k = 1 AND lower(s) = 'a';
--> a: k = 1 AND s where {value: LOWER(__lo) = 'a'; prefix: CASE WHEN __whole THEN LOWER(__lo) = 'a' ELSE (STARTS_WITH(LOWER(__lo), 'a') OR STARTS_WITH('a', LOWER(__lo))) END}

-- random() is no constant.
SELECT k FROM a WHERE k < random() AND k > 0;
--> a: k > 0
--! a: k < RANDOM() | compared with no constant

-- An alias of the SELECT list stands for its expression where no column has its name.
SELECT k AS kk, lower(s) AS s FROM a WHERE kk = 1 AND s = 'a';
--> a: k = 1 AND s = a

-- A constant condition that is false.
SELECT k FROM a WHERE k = NULL;
--> a: FALSE

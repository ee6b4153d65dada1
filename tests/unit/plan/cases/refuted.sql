-- What no other rule reads is asked of the engine, on the grains that partitions hold: here of a day at its first moment.
SELECT k FROM a WHERE strftime(ts, '%d/%m/%Y') = '31/01/2024';
--> a: ts where {day/hour: STRFTIME(__lo, '%d/%m/%Y') = '31/01/2024'}

SELECT k FROM a WHERE dayname(ts + INTERVAL 1 MONTH) = 'Friday';
--> a: ts where {day/hour: DAYNAME(__lo + INTERVAL '1' MONTH) = 'Friday'}

-- An hour is not the same all day, and a day and a half moves the hours.
SELECT k FROM a WHERE hour(ts) = 6;
--> a: hour(ts) = 6

SELECT k FROM a WHERE dayname(ts + INTERVAL '1 day 12 hours') = 'Friday';
--> a: TRUE
--! a: DAYNAME(ts + INTERVAL '1 day 12 hours') = 'Friday' | function not monotone: dayname

-- A monotone function is between its values at the two ends.
SELECT k FROM a WHERE epoch_ms(ts) >= 1706745600000;
--> a: ts where {day/hour/range: EPOCH_MS(__hi) >= 1706745600000}

SELECT k FROM a WHERE greatest(ts, TIMESTAMP '2024-01-05') = TIMESTAMP '2024-01-31 09:00:00';
--> a: ts where {day/hour/range: GREATEST(__lo, CAST('2024-01-05' AS TIMESTAMP)) <= CAST('2024-01-31 09:00:00' AS TIMESTAMP) AND GREATEST(__hi, CAST('2024-01-05' AS TIMESTAMP)) >= CAST('2024-01-31 09:00:00' AS TIMESTAMP)} OR ([NULL: GREATEST("__lo", CAST('2024-01-05' AS TIMESTAMP)) = CAST('2024-01-31 09:00:00' AS TIMESTAMP)] AND ts IS NULL)

SELECT k FROM a WHERE ts::VARCHAR LIKE '2024-01-3%';
--> a: ts where {day/hour/range: LEFT((CAST(__lo AS TEXT)), 9) <= '2024-01-3' AND LEFT((CAST(__hi AS TEXT)), 9) >= '2024-01-3'}

SELECT k FROM a WHERE date_diff('hour', ts, $pt) <= 30;
--> a: ts where {day/range: DATE_DIFF('HOUR', __hi, $pt) <= 30; hour: DATE_DIFF('HOUR', __lo, $pt) <= 30}

SELECT k FROM a WHERE time_bucket(INTERVAL '5 hours', ts) <> TIMESTAMP '2024-01-31';
--> a: ts where {day/hour/range: NOT (TIME_BUCKET(INTERVAL '5' HOURS, __lo) = CAST('2024-01-31' AS TIMESTAMP) AND TIME_BUCKET(INTERVAL '5' HOURS, __hi) = CAST('2024-01-31' AS TIMESTAMP))}

-- A month is monotone on the column itself; after hours it is not.
SELECT k FROM a WHERE ts + INTERVAL 1 MONTH BETWEEN TIMESTAMP '2024-02-29' AND TIMESTAMP '2024-03-01';
--> a: add_months_to_time(ts, 1) >= 2024-02-29 00:00:00 AND add_months_to_time(ts, 1) <= 2024-03-01 00:00:00

SELECT k FROM a WHERE ts + INTERVAL 20 HOUR + INTERVAL 1 MONTH < TIMESTAMP '2024-02-29 12:00:00';
--> a: add_months_to_time(add(ts, 72000000000), 1) < 2024-02-29 12:00:00

-- A branch that is reached; before it no other was TRUE, be it FALSE or NULL.
SELECT k FROM a WHERE CASE WHEN ts < '2024-01-31' THEN 'old' WHEN ts > $pt THEN 'new' ELSE 'mid' END = 'mid';
--> a: ts where {day/hour/range: (__lo < '2024-01-31' AND (CASE WHEN TRUE THEN 'old' WHEN FALSE THEN 'new' ELSE 'mid' END) = 'mid') OR (COALESCE(__hi >= '2024-01-31', TRUE) AND __hi > $pt AND (CASE WHEN FALSE THEN 'old' WHEN TRUE THEN 'new' ELSE 'mid' END) = 'mid') OR (COALESCE(__hi >= '2024-01-31', TRUE) AND COALESCE(__lo <= $pt, TRUE) AND (CASE WHEN FALSE THEN 'old' WHEN FALSE THEN 'new' ELSE 'mid' END) = 'mid')} OR ([NULL: CASE WHEN "__lo" < '2024-01-31' THEN 'old' WHEN "__lo" > $pt THEN 'new' ELSE 'mid' END = 'mid'] AND ts IS NULL)

-- NULL is asked about where a condition may hold of it.
SELECT k FROM a WHERE coalesce(ts, TIMESTAMP '1970-01-01') < '2024-01-31';
--> a: ts where {day/hour/range: COALESCE(__lo, CAST('1970-01-01' AS TIMESTAMP)) < '2024-01-31'} OR ([NULL: COALESCE("__lo", CAST('1970-01-01' AS TIMESTAMP)) < '2024-01-31'] AND ts IS NULL)

SELECT k FROM a WHERE s = coalesce($ps, s);
--> a: s = $ps OR ([$ps IS NULL] AND s IS NOT NULL)

SELECT k FROM a WHERE concat(s, 'b') = 'b';
--> a: s = {CAST(CASE WHEN CONCAT('', '', SUBSTRING(CAST(('b') AS TEXT), LENGTH('') + 1, LENGTH(CAST(('b') AS TEXT)) - LENGTH('') - LENGTH('b')), 'b') = CAST(('b') AS TEXT) THEN SUBSTRING(CAST(('b') AS TEXT), LENGTH('') + 1, LENGTH(CAST(('b') AS TEXT)) - LENGTH('') - LENGTH('b')) END AS VARCHAR)} OR ([{CAST((CONCAT('', 'b')) = ('b') AS BOOLEAN)}] AND s IS NULL)

-- Of days, numbers and texts each value is asked about.
SELECT k FROM a WHERE last_day(d) = DATE '2024-01-31' AND k % 2 = 1 AND s SIMILAR TO 'a.*';
--> a: d where {value: LAST_DAY(__lo) = CAST('2024-01-31' AS DATE); range: DATE_TRUNC('MONTH', __lo) IS DISTINCT FROM DATE_TRUNC('MONTH', __hi) OR LAST_DAY(__lo) = CAST('2024-01-31' AS DATE)} AND k where {value: __lo % 2 = 1} AND s where {value: __lo SIMILAR TO 'a.*'; prefix: CASE WHEN __whole THEN __lo SIMILAR TO 'a.*' ELSE (STARTS_WITH(__lo, 'a') OR STARTS_WITH('a', __lo)) END}

SELECT k FROM a WHERE year(d) * 100 + month(d) = 202401;
--> a: d where {value: YEAR(__lo) * 100 + MONTH(__lo) = 202401; range: DATE_TRUNC('MONTH', __lo) IS DISTINCT FROM DATE_TRUNC('MONTH', __hi) OR YEAR(__lo) * 100 + MONTH(__lo) = 202401}

SELECT k FROM a WHERE NOT (lower(s) = 'ab' OR regexp_matches(s, '^b'));
--> a: s where {value: NOT LOWER(__lo) = 'ab'} AND s where {value: NOT REGEXP_MATCHES(__lo, '^b')}

-- A condition along an equality, and out of a derived table.
SELECT count(*) FROM a JOIN b ON a.d = b.d WHERE dayname(b.d) = 'Wednesday';
--> a: d IS NOT NULL AND d where {value: DAYNAME(__lo) = 'Wednesday'}
--> b: d where {value: DAYNAME(__lo) = 'Wednesday'} AND d IS NOT NULL

SELECT count(*) FROM (SELECT s AS t FROM a) AS x WHERE upper(x.t) = 'AB';
--> a: s where {value: UPPER(__lo) = 'AB'; prefix: CASE WHEN __whole THEN UPPER(__lo) = 'AB' ELSE (STARTS_WITH(UPPER(__lo), 'AB') OR STARTS_WITH('AB', UPPER(__lo))) END}

-- A subquery and what is volatile are not asked about.
SELECT k FROM a WHERE lower(s) = (SELECT any_value(s) FROM b);
--> a: TRUE
--> b: TRUE
--! a: LOWER(s) = (SELECT ANY_VALUE(s) FROM b) | function not monotone: lower

-- But for one that is read first.
SELECT k FROM a WHERE lower(s) = (SELECT min(s) FROM b);
--> a: s where {value: LOWER(__lo) = ($__ranked_0); prefix: CASE WHEN __whole THEN LOWER(__lo) = ($__ranked_0) ELSE (STARTS_WITH(LOWER(__lo), $__ranked_0) OR STARTS_WITH($__ranked_0, LOWER(__lo))) END}
--> b: s <= $__ranked_0

SELECT k FROM a WHERE k % 2 = 1 + (random() > 2)::INTEGER;
--> a: TRUE
--! a: k % 2 = 1 + CAST((RANDOM() > 2) AS INT) | arithmetic on the column

SELECT k FROM a WHERE len(list_filter([1, 2], x -> x = k)) = 1;
--> a: TRUE
--! a: LENGTH(LIST_FILTER([1, 2], LAMBDA x : x = k)) = 1 | function not monotone: length

-- A CASE that is a condition itself: an optional filter.
SELECT k FROM a WHERE CASE WHEN $pf THEN TRUE ELSE ts >= '2024-02-01' END;
--> a: [$pf] OR ([{CAST(NOT (($pf) IS TRUE) AS BOOLEAN)}] AND ts >= 2024-02-01 00:00:00)

SELECT k FROM a WHERE NOT CASE WHEN ts < '2024-01-31' THEN s IS NULL OR TRUE WHEN ts > $pt THEN NULL END;
--> a: (ts < 2024-01-31 00:00:00 AND s IS NOT NULL AND [{CAST(NOT (TRUE) AS BOOLEAN)}]) OR ((ts where {day/hour/range: COALESCE(__hi >= '2024-01-31', TRUE)} OR ([NULL: NOT ("__lo" < '2024-01-31') IS TRUE] AND ts IS NULL)) AND ts > $pt AND [{CAST(NOT (NULL) AS BOOLEAN)}])

SELECT k FROM a WHERE NOT CASE WHEN ts < '2024-01-31' THEN TRUE WHEN ts > $pt THEN NULL ELSE ts > '2024-01-31 12:00' END;
--> a: ts where {day/hour/range: (__lo < '2024-01-31' AND NOT TRUE) OR (COALESCE(__hi >= '2024-01-31', TRUE) AND __hi > $pt AND NOT NULL) OR (COALESCE(__hi >= '2024-01-31', TRUE) AND COALESCE(__lo <= $pt, TRUE) AND __lo <= '2024-01-31 12:00')} OR ([NULL: NOT CASE WHEN "__lo" < '2024-01-31' THEN TRUE WHEN "__lo" > $pt THEN NULL ELSE "__lo" > '2024-01-31 12:00' END] AND ts IS NULL)

-- The local time of a zone keeps its order where no clock is set: a range whose ends are moved by other lengths is kept.
SELECT k FROM a WHERE ts AT TIME ZONE 'UTC' >= TIMESTAMPTZ '2024-01-31 00:00:00+00';
--> a: ts where {day/hour: __hi AT TIME ZONE 'UTC' >= CAST('2024-01-31 00:00:00+00' AS TIMESTAMPTZ) OR (__hi AT TIME ZONE 'UTC' - __lo AT TIME ZONE 'UTC') IS DISTINCT FROM (__hi - __lo); range: __hi AT TIME ZONE 'UTC' >= CAST('2024-01-31 00:00:00+00' AS TIMESTAMPTZ) OR (__hi AT TIME ZONE 'UTC' - __lo AT TIME ZONE 'UTC') IS DISTINCT FROM (__hi - __lo) OR (__hi AT TIME ZONE 'UTC' - __lo AT TIME ZONE 'UTC') > INTERVAL '6' DAY}

SELECT k FROM a WHERE (ts AT TIME ZONE 'UTC' AT TIME ZONE 'Europe/Berlin')::DATE = DATE '2024-01-31';
--> a: ts where {day: (CAST((__lo AT TIME ZONE 'UTC' AT TIME ZONE 'Europe/Berlin') AS DATE) <= CAST('2024-01-31' AS DATE) AND CAST((__hi AT TIME ZONE 'UTC' AT TIME ZONE 'Europe/Berlin') AS DATE) >= CAST('2024-01-31' AS DATE)) OR (__hi AT TIME ZONE 'UTC' AT TIME ZONE 'Europe/Berlin' - __lo AT TIME ZONE 'UTC' AT TIME ZONE 'Europe/Berlin') IS DISTINCT FROM (__hi AT TIME ZONE 'UTC' - __lo AT TIME ZONE 'UTC') OR (__hi AT TIME ZONE 'UTC' - __lo AT TIME ZONE 'UTC') IS DISTINCT FROM (__hi - __lo); hour: CAST((__lo AT TIME ZONE 'UTC' AT TIME ZONE 'Europe/Berlin') AS DATE) = CAST('2024-01-31' AS DATE) OR (__hi AT TIME ZONE 'UTC' AT TIME ZONE 'Europe/Berlin' - __lo AT TIME ZONE 'UTC' AT TIME ZONE 'Europe/Berlin') IS DISTINCT FROM (__hi AT TIME ZONE 'UTC' - __lo AT TIME ZONE 'UTC') OR DATE_TRUNC('HOUR', __lo AT TIME ZONE 'UTC' AT TIME ZONE 'Europe/Berlin') IS DISTINCT FROM DATE_TRUNC('HOUR', __hi AT TIME ZONE 'UTC' AT TIME ZONE 'Europe/Berlin') OR (__hi AT TIME ZONE 'UTC' - __lo AT TIME ZONE 'UTC') IS DISTINCT FROM (__hi - __lo) OR DATE_TRUNC('HOUR', __lo AT TIME ZONE 'UTC') IS DISTINCT FROM DATE_TRUNC('HOUR', __hi AT TIME ZONE 'UTC'); range: (CAST((__lo AT TIME ZONE 'UTC' AT TIME ZONE 'Europe/Berlin') AS DATE) <= CAST('2024-01-31' AS DATE) AND CAST((__hi AT TIME ZONE 'UTC' AT TIME ZONE 'Europe/Berlin') AS DATE) >= CAST('2024-01-31' AS DATE)) OR (__hi AT TIME ZONE 'UTC' AT TIME ZONE 'Europe/Berlin' - __lo AT TIME ZONE 'UTC' AT TIME ZONE 'Europe/Berlin') IS DISTINCT FROM (__hi AT TIME ZONE 'UTC' - __lo AT TIME ZONE 'UTC') OR (__hi AT TIME ZONE 'UTC' AT TIME ZONE 'Europe/Berlin' - __lo AT TIME ZONE 'UTC' AT TIME ZONE 'Europe/Berlin') > INTERVAL '6' DAY OR (__hi AT TIME ZONE 'UTC' - __lo AT TIME ZONE 'UTC') IS DISTINCT FROM (__hi - __lo) OR (__hi AT TIME ZONE 'UTC' - __lo AT TIME ZONE 'UTC') > INTERVAL '6' DAY}

-- Where hours are counted in it, the local hour too is the same at both ends.
SELECT k FROM a WHERE dayofweek(timezone('Asia/Kolkata', timezone('UTC', ts))) = 0;
--> a: ts where {hour: DAYOFWEEK(TIMEZONE('Asia/Kolkata', TIMEZONE('UTC', __lo))) = 0 OR (TIMEZONE('Asia/Kolkata', TIMEZONE('UTC', __hi)) - TIMEZONE('Asia/Kolkata', TIMEZONE('UTC', __lo))) IS DISTINCT FROM (TIMEZONE('UTC', __hi) - TIMEZONE('UTC', __lo)) OR DATE_TRUNC('HOUR', TIMEZONE('Asia/Kolkata', TIMEZONE('UTC', __lo))) IS DISTINCT FROM DATE_TRUNC('HOUR', TIMEZONE('Asia/Kolkata', TIMEZONE('UTC', __hi))) OR (TIMEZONE('UTC', __hi) - TIMEZONE('UTC', __lo)) IS DISTINCT FROM (__hi - __lo) OR DATE_TRUNC('HOUR', TIMEZONE('UTC', __lo)) IS DISTINCT FROM DATE_TRUNC('HOUR', TIMEZONE('UTC', __hi))}

SELECT k FROM a WHERE datesub('day', ts, $pt) < 2;
--> a: ts where {day/hour/range: DATESUB('day', __hi, $pt) < 2}

-- The format may come first.
SELECT k FROM a WHERE strftime('%d/%m/%Y', ts) = '31/01/2024' AND strftime('%Y-%m-%d', d) = '2024-01-31';
--> a: ts where {day/hour: STRFTIME('%d/%m/%Y', __lo) = '31/01/2024'} AND strftime(d, %Y-%m-%d) = 2024-01-31

SELECT k FROM a WHERE date(ts) = DATE '2024-01-31' AND floor(k / 10) = 3;
--> a: cast(ts, DATE) = 2024-01-31 AND (k where {value: FLOOR(__lo / 10) = 3; range: FLOOR(__lo / 10) <= 3 AND FLOOR(__hi / 10) >= 3} OR ([NULL: FLOOR("__lo" / 10) = 3] AND k IS NULL))

-- A pattern that a parameter gives, as far as its first wildcard.
SELECT k FROM a WHERE ts::VARCHAR LIKE $ps;
--> a: ts where {day/hour/range: LEFT((CAST(__lo AS TEXT)), LENGTH(REGEXP_EXTRACT($ps, '^[^%_\\]*'))) <= REGEXP_EXTRACT($ps, '^[^%_\\]*') AND LEFT((CAST(__hi AS TEXT)), LENGTH(REGEXP_EXTRACT($ps, '^[^%_\\]*'))) >= REGEXP_EXTRACT($ps, '^[^%_\\]*')}

SELECT k FROM a WHERE extract(epoch FROM ts) // 3600 >= 474000 AND if(k > 1, 'more', 'less') = 'more';
--> a: ts where {day/hour/range: (EXTRACT(EPOCH FROM __hi) // 3600) >= 474000} AND (k where {value: CASE WHEN __lo > 1 THEN 'more' ELSE 'less' END = 'more'; range: (__hi > 1 AND (CASE WHEN TRUE THEN 'more' ELSE 'less' END) = 'more') OR (COALESCE(__lo <= 1, TRUE) AND (CASE WHEN FALSE THEN 'more' ELSE 'less' END) = 'more')} OR ([NULL: CASE WHEN "__lo" > 1 THEN 'more' ELSE 'less' END = 'more'] AND k IS NULL))

-- FALSE or NULL: where a constant is NULL, and where the column is.
SELECT k FROM a WHERE (ts < $pt) IS NOT TRUE AND (k > 1) IS TRUE;
--> a: (ts where {day/hour/range: COALESCE(__hi >= $pt, TRUE)} OR ([NULL: NOT ("__lo" < $pt) IS TRUE] AND ts IS NULL)) AND k > 1

-- The operator matches the whole text, unlike the function.
SELECT k FROM a WHERE s !~ 'a' AND NOT regexp_matches(s, 'b');
--> a: s where {value: NOT REGEXP_FULL_MATCH(__lo, 'a')} AND s where {value: NOT REGEXP_MATCHES(__lo, 'b')}

-- A collation, and what is NULL for nothing.
SELECT k FROM a WHERE s COLLATE NOCASE = 'AB' AND hash(s) = hash('ab');
--> a: s where {value: __lo COLLATE NOCASE = 'AB'; prefix: CASE WHEN __whole THEN __lo COLLATE NOCASE = 'AB' ELSE (STARTS_WITH(LOWER(__lo), LOWER('AB')) OR STARTS_WITH(LOWER('AB'), LOWER(__lo))) END} AND (s where {value: HASH(__lo) = HASH('ab')} OR ([NULL: HASH("__lo") = HASH('ab')] AND s IS NULL))

SELECT k FROM a WHERE s[1:2] = 'ab' AND isfinite(ts);
--> a: s where {value: __lo[1:2] = 'ab'; prefix: CASE WHEN __whole THEN __lo[1:2] = 'ab' ELSE (LENGTH(__lo) < 2 OR __lo[1:2] = 'ab') END} AND ts where {day/hour: ISFINITE(__lo)}

-- The age today is another one tomorrow.
SELECT k FROM a WHERE age(ts) < INTERVAL 1 MONTH;
--> a: TRUE
--! a: AGE(ts) < INTERVAL '1' MONTH | function not monotone: age

-- The time of a day keeps its order within it; an age is compared in months of 30 days, one of which may be longer.
SELECT k FROM a WHERE ts::TIME < TIME '06:00' AND strftime(ts, '%H:%M') >= '05:30';
--> a: ts where {day/hour: CAST(__lo AS TIME) < CAST('06:00' AS TIME)} AND ts where {day/hour: STRFTIME(__hi, '%H:%M') >= '05:30'}

SELECT k FROM a WHERE age(TIMESTAMP '2024-02-01', ts) < INTERVAL 1 DAY;
--> a: ts where {day/hour: AGE(CAST('2024-02-01' AS TIMESTAMP), (__hi + (CASE WHEN DAY(CAST(__lo AS DATE)) = DAY(CAST(CAST('2024-02-01' AS TIMESTAMP) AS DATE)) THEN INTERVAL '6' DAY ELSE INTERVAL '0' DAY END))) < INTERVAL '1' DAY; range: AGE(CAST('2024-02-01' AS TIMESTAMP), (__hi + INTERVAL '6' DAY)) < INTERVAL '1' DAY}

SELECT k FROM a WHERE date_part('year', age(DATE '2024-02-01', d)) >= 18 AND datesub('month', ts, $pt) > 1;
--> a: d where {value: DATE_PART('year', AGE(CAST('2024-02-01' AS DATE), __lo)) >= 18; range: DATE_PART('year', AGE(CAST('2024-02-01' AS DATE), (__lo - INTERVAL '6' DAY))) >= 18} AND ts where {day/hour: DATESUB('month', __lo, $pt) > 1; range: DATESUB('month', (__lo - INTERVAL '6' DAY), $pt) > 1}

-- A time moved by what is counted of it, hour by hour.
SELECT k FROM a WHERE ts - INTERVAL (hour(ts)) HOUR >= '2024-01-31';
--> a: ts where {hour/hours: (__hi - INTERVAL (HOUR(__hi)) HOUR) >= '2024-01-31'} OR ([NULL: "__lo" - INTERVAL (HOUR("__lo")) HOUR >= '2024-01-31'] AND ts IS NULL)

SELECT k FROM a WHERE year($pd) - year(d) < 16 AND year(d) % 10 = 4;
--> a: d where {value: YEAR($pd) - YEAR(__lo) < 16; range: (YEAR($pd) - YEAR(__hi)) < 16} AND d where {value: YEAR(__lo) % 10 = 4; range: DATE_TRUNC('YEAR', __lo) IS DISTINCT FROM DATE_TRUNC('YEAR', __hi) OR YEAR(__lo) % 10 = 4}

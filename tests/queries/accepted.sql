=== a plain aggregate
SELECT carrier, avg(dep_delay) AS mean_delay, count(*) AS flights FROM flights GROUP BY carrier ORDER BY mean_delay DESC, carrier
=== parameters beside each other without a space
SELECT count(*) FROM flights WHERE origin IN ($origin,$other) AND dest <> ''
=== a text that ends in two quotes after a parameter
SELECT count(*) FROM flights WHERE origin = $origin AND dest <> ''
=== an optional list
SELECT count(*) FROM flights WHERE ($carriers IS NULL OR carrier IN $carriers)
=== parameters in LIMIT and OFFSET
SELECT flight FROM flights ORDER BY flight LIMIT $top OFFSET $top
=== FROM first
FROM flights SELECT carrier ORDER BY ALL
=== FROM alone
FROM airlines ORDER BY carrier
=== names of WITH hide tables and are visible below
WITH flights AS (SELECT * FROM flights WHERE origin = 'JFK'), a AS (SELECT carrier FROM flights)
SELECT count(*) FROM (SELECT * FROM a) AS b JOIN flights USING (carrier)
=== a name of WITH with columns
WITH late(carrier, minutes) AS MATERIALIZED (SELECT carrier, max(dep_delay) FROM flights GROUP BY ALL)
SELECT * FROM late ORDER BY ALL
=== recursion
WITH RECURSIVE steps(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM steps WHERE n < 5) SELECT sum(n) FROM steps
=== set operations with names of WITH
WITH a AS (SELECT 'JFK' AS origin) SELECT origin FROM a UNION ALL BY NAME SELECT origin FROM flights EXCEPT SELECT 'X' FROM a ORDER BY 1
=== brackets around the arms of a union
(SELECT origin FROM flights) INTERSECT (SELECT dest FROM flights UNION SELECT 'JFK') ORDER BY 1
=== correlated subqueries
SELECT a.name, (SELECT max(f.dep_delay) FROM flights AS f WHERE f.carrier = a.carrier) AS worst
FROM airlines AS a WHERE EXISTS (SELECT 1 FROM flights AS f WHERE f.carrier = a.carrier)
  AND a.carrier NOT IN (SELECT carrier FROM flights WHERE dep_delay > 100000) ORDER BY ALL
=== all kinds of joins
SELECT count(*) FROM flights AS f LEFT JOIN airlines AS a ON a.carrier = f.carrier
  ASOF LEFT JOIN weather AS w ON w.origin = f.origin AND f.time_hour >= w.time_hour
  SEMI JOIN airlines AS s ON s.carrier = f.carrier ANTI JOIN weather AS n ON n.origin = f.dest CROSS JOIN range(2) AS r(i)
=== lateral
SELECT count(*) FROM airlines AS a, LATERAL (SELECT dep_delay FROM flights AS f WHERE f.carrier = a.carrier ORDER BY ALL LIMIT 1) AS x
=== rows from arguments
SELECT a.i, b.day, c.x FROM range(3) AS a(i), generate_series(DATE '2013-01-01', DATE '2013-01-02', INTERVAL 1 DAY) AS b(day), unnest([1, 2]) AS c(x) ORDER BY ALL
=== values
SELECT v.a, v.b FROM (VALUES (1, 'x'), (2, 'y')) AS v(a, b) ORDER BY ALL
=== values alone
VALUES (1, $top)
=== windows
SELECT carrier, row_number() OVER w AS n, lag(dep_delay, 1) OVER (PARTITION BY carrier ORDER BY time_hour, flight ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS b
FROM flights WINDOW w AS (PARTITION BY origin ORDER BY time_hour, flight) QUALIFY n <= 2 ORDER BY ALL
=== filters and ordered aggregates
SELECT count(*) FILTER (WHERE dep_delay > 0) AS late, string_agg(DISTINCT carrier, ',' ORDER BY carrier) AS carriers,
  quantile_cont(dep_delay, [0.5, 0.9]) AS q, arg_max(flight, dep_delay) AS worst, list(carrier ORDER BY flight)[1:2] AS l FROM flights
=== grouping sets
SELECT origin, carrier, grouping(origin, carrier) AS g, count(*) FROM flights GROUP BY GROUPING SETS ((origin), (carrier), ()) ORDER BY ALL
=== rollup and cube
SELECT origin, count(*) FROM flights GROUP BY ROLLUP (origin) UNION ALL SELECT dest, count(*) FROM flights GROUP BY CUBE (dest) ORDER BY ALL
=== pivot with a list of values
FROM flights PIVOT (count(*) FOR origin IN ('JFK', 'LGA') GROUP BY carrier) ORDER BY ALL
=== unpivot
SELECT * FROM (SELECT flight, dep_delay, arr_delay FROM flights) UNPIVOT (minutes FOR kind IN (dep_delay, arr_delay)) ORDER BY ALL
=== star with changes
SELECT * EXCLUDE (tailnum) REPLACE (upper(origin) AS origin) FROM flights ORDER BY ALL
=== columns
SELECT max(COLUMNS('.*_delay')), COLUMNS(c -> c LIKE 'dist%') FROM flights GROUP BY ALL ORDER BY ALL
=== lists, structs, maps, comprehensions
SELECT [x * 2 FOR x IN [1, 2, 3] IF x > 1] AS l, {'a': 1, b: [1, 2]}.b[1] AS s, MAP {'k': 'v'}['k'] AS m, list_transform([1], lambda x: x + 1) AS t,
  list_filter([1, 2], x -> x > 1) AS f, list_aggregate([1, 2], 'sum') AS g, struct_pack(key := 1) AS p, [1, 2, 3][-1:] AS tail, [3, 4].list_reverse()[1] AS chained
=== dates
SELECT date_trunc('month', time_hour) AS m, extract(hour FROM time_hour) AS h, date_part('dow', time_hour) AS d, time_hour::DATE AS day,
  time_hour + INTERVAL 1 DAY AS next, time_hour AT TIME ZONE 'America/New_York' AS utc, strftime(time_hour, '%Y-%m') AS text,
  time_bucket(INTERVAL '3 hours', time_hour) AS b, make_date(2013, 1, 1) AS f, last_day(DATE '2013-02-01') AS l, TIMESTAMP '2013-01-01 00:00:00' AS t
FROM flights ORDER BY ALL LIMIT 3
=== texts
SELECT trim(BOTH ' ' FROM origin) AS a, substring(origin FROM 1 FOR 2) AS b, position('F' IN origin) AS c, origin LIKE 'J%' AS d, origin ILIKE 'j%' AS e,
  regexp_extract(origin, '(.)', 1) AS f, origin || '-' || dest AS g, replace(origin, 'J', 'K') AS h, left(origin, 1) AS i, E'a\'b\n' AS j, 'it''s' AS k,
  origin SIMILAR TO 'J.*' AS l, origin NOT LIKE 'x#%' ESCAPE '#' AS m, split_part('a-b', '-', 1) AS n, printf('%d', 3) AS o, format('{}', 1) AS p
FROM flights ORDER BY ALL
=== casts
SELECT CAST(distance AS DECIMAL(10, 2)) AS a, TRY_CAST(origin AS INTEGER) AS b, dep_delay::DOUBLE AS c, {'a': 1}::STRUCT(a VARCHAR) AS d, '[1]'::INT[] AS e, TRY(1 // 0) AS f
FROM flights ORDER BY ALL LIMIT 1
=== operators
SELECT -1 - -2 AS a, 2 ** 3 AS b, 7 // 2 AS c, 7 % 2 AS d, ~1 AS e, 1 << 2 AS f, 5 & 3 AS g, 5 | 3 AS h, @(-1) AS i, 2 ^ 2 AS j, [1] @> [1] AS k, 1 <> 2 AS l, 1 != 2 AS m, 1 == 1 AS n,
  NULL IS DISTINCT FROM lower('A') AS o, 1 BETWEEN 0 AND 2 AS p, NOT true AS q, 1 IN (1, 2) AS r, (1, 2) IN ((1, 2), (3, 4)) AS s, 1_000 AS t, 1.5e3 AS u
=== conditions
SELECT CASE WHEN dep_delay > 15 THEN 'late' ELSE 'fine' END AS a, CASE origin WHEN 'JFK' THEN 1 END AS b, coalesce(dep_delay, 0) AS c, nullif(dest, 'X') AS d,
  if(dep_delay > 0, 1, 0) AS e, ifnull(dep_delay, 0) AS f, greatest(1, 2) AS g FROM flights ORDER BY ALL
=== quoted names
SELECT "carrier" AS "My ""Carrier""", f."origin" FROM "flights" AS f ORDER BY ALL
=== names in another case
SELECT Carrier, COUNT(*) AS N FROM Flights GROUP BY CARRIER ORDER BY ALL
=== positions
SELECT carrier, origin FROM flights ORDER BY #1, 2
=== distinct on and nulls
SELECT DISTINCT ON (carrier) carrier, dep_delay FROM flights ORDER BY carrier, dep_delay DESC NULLS LAST, flight
=== quantified comparison
SELECT count(*) FROM flights WHERE dep_delay >= ALL (SELECT dep_delay FROM flights WHERE dep_delay IS NOT NULL) OR carrier = ANY ($carriers)
=== comments everywhere
SELECT /* one /* nested */ 'quoted ; */ carrier -- a ' quote; and a $parameter
FROM /**/ flights -- getenv('HOME')
ORDER BY ALL
=== a semicolon at the end, and a comment after it
SELECT 1 AS one; -- done
=== strings that look like something else
SELECT 'SELECT * FROM read_csv(''x'')' AS a, '$origin' AS b, ';' AS c, '/* */ --' AS d, '{{ x }} {% y %} {# z #}' AS e, 'ｇｅｔｅｎｖ()' AS f
=== nested brackets without spaces
SELECT {'a':{'b':{'c':[1,[2][1],{'d':1}.d]}}} AS a, ((((1)))) AS b
=== a table read as a struct
SELECT airlines.carrier, (airlines).name FROM airlines ORDER BY ALL
=== json
SELECT '{"a": [1, 2]}'::JSON->'a'->>0 AS a, json_extract_string('{"b": "x"}', '$.b') AS b, to_json([1]) AS c
=== collation
SELECT carrier FROM flights WHERE carrier COLLATE NOCASE = 'aa' ORDER BY carrier COLLATE NOCASE
=== words that are names as well
SELECT f.copy, f.load, f."set", (f.copy IS NULL) AS no_copy, (load) AS load2 FROM (SELECT 1 AS copy, 2 AS load, 3 AS "set") AS f
=== the day of a time as a call
SELECT date(time_hour) AS day, count(*) FROM flights WHERE date(time_hour) >= date('2013-01-01') GROUP BY date(time_hour) ORDER BY 1
=== percentiles of the standard
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY dep_delay DESC) AS half, percentile_disc(0.9) WITHIN GROUP (ORDER BY arr_delay) AS most FROM flights
=== a pivot behind FROM
FROM (SELECT origin, carrier FROM flights) PIVOT (count(*) FOR carrier IN ('AA', 'UA') GROUP BY origin) ORDER BY ALL

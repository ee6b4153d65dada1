-- Queries over the tables of test_tightness.py. A line `--> table: filter` for each scan, in text order, is what its
-- own filters ask for; `--$ name = value` gives a parameter; `--~ loose` marks what is no conjunction over declared
-- transforms, so that some more partitions may be read.

SELECT count(*) FROM flights WHERE ts >= '2024-01-10' AND ts < '2024-01-17';
--> flights: ts >= '2024-01-10' AND ts < '2024-01-17'

SELECT count(*) FROM flights WHERE ts >= '2024-01-10' AND ts < '2024-01-17' AND origin = 'JFK';
--> flights: ts >= '2024-01-10' AND ts < '2024-01-17' AND origin = 'JFK'

SELECT count(*) FROM flights WHERE ts >= $from AND ts < $to AND origin IN $origins;
--$ from = '2024-01-30 05:00:00'::TIMESTAMP
--$ to = '2024-02-02 00:00:00'::TIMESTAMP
--$ origins = ['JFK', 'LGA', 'LAX']::VARCHAR[]
--> flights: ts >= '2024-01-30 05:00' AND ts < '2024-02-02 00:00' AND origin IN ('JFK', 'LGA')

SELECT * FROM flights WHERE ts = TIMESTAMP '2024-01-10 13:00:00';
--> flights: ts = '2024-01-10 13:00:00'

SELECT * FROM flights WHERE ts IN ('2024-01-10 13:00:00', '2024-02-10 00:00:00');
--> flights: ts IN ('2024-01-10 13:00:00', '2024-02-10 00:00:00')

SELECT * FROM flights WHERE ts BETWEEN '2024-01-10' AND '2024-01-12';
--> flights: ts BETWEEN '2024-01-10' AND '2024-01-12'

SELECT * FROM flights WHERE ts > '2024-01-10 23:00:00' AND ts <= '2024-01-11';
--> flights: ts > '2024-01-10 23:00:00' AND ts <= '2024-01-11'

SELECT * FROM flights WHERE ts < '2024-01-03';
--> flights: ts < '2024-01-03'

SELECT * FROM flights WHERE ts IS NULL;
--> flights: ts IS NULL

SELECT * FROM flights WHERE ts IS NOT NULL AND origin <> 'JFK';
--> flights: ts IS NOT NULL AND origin <> 'JFK'

SELECT * FROM flights WHERE NOT (ts >= '2024-01-03' OR ts IS NULL);
--> flights: ts < '2024-01-03'

SELECT * FROM flights WHERE ts::DATE = DATE '2024-01-10';
--> flights: ts::DATE = DATE '2024-01-10'

SELECT * FROM flights WHERE date_trunc('month', ts) = DATE '2024-02-01';
--> flights: ts >= '2024-02-01' AND ts < '2024-03-01'

SELECT * FROM flights WHERE date_trunc('week', ts) = DATE '2024-01-15';
--> flights: date_trunc('week', ts) = DATE '2024-01-15'

SELECT * FROM flights WHERE year(ts) = 2024 AND month(ts) = 2;
--> flights: ts >= '2024-02-01' AND ts < '2024-03-01'

SELECT * FROM flights WHERE extract(day FROM ts) = 7;
--> flights: extract(day FROM ts) = 7

SELECT * FROM flights WHERE strftime(ts, '%Y-%m') = '2024-02';
--> flights: ts >= '2024-02-01' AND ts < '2024-03-01'

SELECT * FROM flights WHERE dayofweek(ts) = 0;
--> flights: dayofweek(ts) = 0

SELECT * FROM flights WHERE day = '2024-01-10';
--> flights: ts::DATE = '2024-01-10'

SELECT * FROM flights WHERE ts >= $day - INTERVAL 7 DAY AND ts < $day;
--$ day = '2024-01-20'::DATE
--> flights: ts >= '2024-01-13' AND ts < '2024-01-20'

SELECT * FROM flights WHERE ts >= now() - INTERVAL 2 DAY;
--$ __now = '2024-02-28 12:00:00+00:00'::TIMESTAMP WITH TIME ZONE
--> flights: ts >= '2024-02-26 12:00'

SELECT * FROM flights WHERE ($origin IS NULL OR origin = $origin) AND ts >= coalesce($from, TIMESTAMP '2024-02-20');
--$ origin = NULL::VARCHAR
--$ from = NULL::TIMESTAMP
--> flights: ts >= '2024-02-20'

SELECT * FROM flights WHERE ($origin IS NULL OR origin = $origin) AND ts >= coalesce($from, TIMESTAMP '2024-02-20');
--$ origin = 'LGA'::VARCHAR
--$ from = '2024-02-25 00:00:00'::TIMESTAMP
--> flights: ts >= '2024-02-25' AND origin = 'LGA'

SELECT * FROM flights WHERE origin LIKE 'J%';
--> flights: origin LIKE 'J%'

SELECT * FROM flights WHERE (origin, ts) IN (('JFK', TIMESTAMP '2024-01-10'), ('LGA', TIMESTAMP '2024-01-11'));
--> flights: (origin = 'JFK' AND ts = '2024-01-10') OR (origin = 'LGA' AND ts = '2024-01-11')

SELECT * FROM weather WHERE ts >= '2024-01-30 10:00' AND ts < '2024-02-02';
--> weather: ts >= '2024-01-30 10:00' AND ts < '2024-02-02'

SELECT * FROM weather WHERE date_trunc('month', ts) = '2024-02-01';
--> weather: ts >= '2024-02-01' AND ts < '2024-03-01'

SELECT * FROM weather WHERE month = 2 AND dom = 10;
--> weather: ts::DATE = '2024-02-10'

SELECT * FROM users WHERE user_id = 17;
--> users: user_id = 17

SELECT * FROM users WHERE user_id IN (1, 2, 3) AND country = 'DE';
--> users: user_id IN (1, 2, 3) AND country = 'DE'
--~ loose

SELECT * FROM users WHERE country = 'US';
--> users: country = 'US'

SELECT * FROM users WHERE country IN ('DE', 'FR');
--> users: country IN ('DE', 'FR')

SELECT * FROM users WHERE country = 'JP';
--> users: country = 'JP'

SELECT * FROM users WHERE country LIKE 'U%' OR country = 'CA';
--> users: country IN ('US', 'CA', 'UA')

SELECT * FROM users WHERE user_id BETWEEN 10 AND 11;
--> users: user_id BETWEEN 10 AND 11
--~ loose

SELECT * FROM sales WHERE code = 'ax1';
--> sales: code = 'ax1'

SELECT * FROM sales WHERE code LIKE 'a%' AND amount < 0;
--> sales: code LIKE 'a%' AND amount < 0

SELECT * FROM sales WHERE code >= 'b' AND code < 'c' AND amount >= 100;
--> sales: code >= 'b' AND code < 'c' AND amount >= 100

SELECT * FROM sales WHERE amount BETWEEN 50 AND 100;
--> sales: amount BETWEEN 50 AND 100

SELECT * FROM sales WHERE amount >= 1000 AND code IN ('ax1', 'cy3');
--> sales: amount >= 1000 AND code IN ('ax1', 'cy3')

SELECT * FROM logs WHERE z >= TIMESTAMPTZ '2024-01-10 05:00:00+00' AND z < TIMESTAMPTZ '2024-01-11 05:00:00+00';
--> logs: z >= TIMESTAMPTZ '2024-01-10 05:00:00+00' AND z < TIMESTAMPTZ '2024-01-11 05:00:00+00'

SELECT * FROM logs WHERE z::DATE = '2024-01-10';
--> logs: z::DATE = '2024-01-10'

SELECT * FROM flights WHERE ts < '2024-01-03' OR ts >= '2024-02-28';
--> flights: ts < '2024-01-03' OR ts >= '2024-02-28'

SELECT * FROM flights WHERE ts::DATE = '2024-01-03' OR (origin = 'JFK' AND ts < '2024-01-06');
--> flights: ts::DATE = '2024-01-03' OR (origin = 'JFK' AND ts < '2024-01-06')

SELECT * FROM flights WHERE ts >= '2024-01-10' AND ts < '2024-01-17' AND (origin = 'JFK' OR carrier = 'C1');
--> flights: ts >= '2024-01-10' AND ts < '2024-01-17'

SELECT * FROM (SELECT ts, origin o FROM flights) t WHERE ts >= '2024-01-10' AND ts < '2024-01-17' AND o = 'EWR';
--> flights: ts >= '2024-01-10' AND ts < '2024-01-17' AND origin = 'EWR'

WITH t AS (SELECT * FROM flights) SELECT count(*) FROM t WHERE ts >= '2024-01-10' AND ts < '2024-01-17';
--> flights: ts >= '2024-01-10' AND ts < '2024-01-17'

WITH t AS (SELECT * FROM flights) SELECT (SELECT count(*) FROM t WHERE origin = 'JFK'), (SELECT count(*) FROM t WHERE
origin = 'LGA');
--> flights: origin IN ('JFK', 'LGA')
--~ loose

SELECT ts FROM flights WHERE ts < '2024-01-02' UNION ALL SELECT ts FROM weather WHERE ts < '2024-01-03';
--> flights: ts < '2024-01-02'
--> weather: ts < '2024-01-03'

SELECT * FROM (SELECT ts, origin FROM flights EXCEPT SELECT ts, origin FROM weather) WHERE ts < '2024-01-04';
--> flights: ts < '2024-01-04'
--> weather: ts < '2024-01-04'

SELECT * FROM flights f JOIN weather w ON f.ts = w.ts AND f.origin = w.origin WHERE f.ts >= '2024-01-10' AND f.ts <
'2024-01-17';
--> flights: ts >= '2024-01-10' AND ts < '2024-01-17'
--> weather: ts >= '2024-01-10' AND ts < '2024-01-17'

SELECT * FROM flights f LEFT JOIN weather w ON f.ts = w.ts WHERE f.ts::DATE = '2024-01-10';
--> flights: ts::DATE = '2024-01-10'
--> weather: ts::DATE = '2024-01-10'

SELECT * FROM weather w RIGHT JOIN flights f USING (ts) WHERE ts < '2024-01-02';
--> weather: ts < '2024-01-02'
--> flights: ts < '2024-01-02'

SELECT * FROM flights f FULL JOIN weather w ON f.ts = w.ts WHERE f.ts < '2024-01-02' AND w.ts < '2024-01-02';
--> flights: ts < '2024-01-02'
--> weather: ts < '2024-01-02'

SELECT * FROM flights f SEMI JOIN weather w ON f.ts = w.ts AND w.ts < '2024-01-03';
--> flights: ts < '2024-01-03'
--> weather: ts < '2024-01-03'

SELECT * FROM flights f ANTI JOIN weather w ON f.ts = w.ts WHERE f.ts < '2024-01-03';
--> flights: ts < '2024-01-03'
--> weather: ts < '2024-01-03'

SELECT * FROM flights f WHERE EXISTS (SELECT 1 FROM weather w WHERE w.ts = f.ts AND w.wind > 3) AND f.ts <
'2024-01-03';
--> flights: ts < '2024-01-03'
--> weather: ts < '2024-01-03'

SELECT * FROM flights WHERE ts IN (SELECT ts FROM weather WHERE ts < '2024-01-03');
--> flights: ts < '2024-01-03'
--> weather: ts < '2024-01-03'

SELECT *, (SELECT max(wind) FROM weather w WHERE w.ts = f.ts) FROM flights f WHERE f.ts < '2024-01-03';
--> weather: ts < '2024-01-03'
--> flights: ts < '2024-01-03'

SELECT * FROM flights f, LATERAL (SELECT max(wind) FROM weather w WHERE w.ts = f.ts) WHERE f.ts < '2024-01-03';
--> flights: ts < '2024-01-03'
--> weather: ts < '2024-01-03'

SELECT * FROM flights a JOIN flights b ON a.ts = b.ts AND a.origin = 'JFK' AND b.origin = 'LGA' WHERE a.ts <
'2024-01-03';
--> flights: origin = 'JFK' AND ts < '2024-01-03'
--> flights: origin = 'LGA' AND ts < '2024-01-03'

SELECT origin, count(*) FROM flights GROUP BY origin HAVING origin = 'JFK';
--> flights: origin = 'JFK'

SELECT * FROM (SELECT *, rank() OVER (PARTITION BY origin ORDER BY ts) r FROM flights) WHERE origin = 'JFK' AND r < 3;
--> flights: origin = 'JFK'

SELECT * FROM flights QUALIFY row_number() OVER (PARTITION BY origin ORDER BY ts) = 1 AND origin = 'JFK';
--> flights: origin = 'JFK'

SELECT DISTINCT origin FROM flights WHERE ts < '2024-01-03';
--> flights: ts < '2024-01-03'

SELECT * FROM (SELECT * FROM flights WHERE ts < '2024-01-04' ORDER BY ts LIMIT 5) WHERE origin = 'JFK';
--> flights: ts < '2024-01-02'

SELECT count(*) FROM flights f JOIN airports a ON f.origin = a.faa WHERE a.city = 'Newark' AND f.ts < '2024-01-08';
--> flights: origin = 'EWR' AND ts < '2024-01-08'
--> airports: city = 'Newark'

SELECT count(*) FROM flights WHERE origin IN (SELECT faa FROM airports WHERE runways = 1);
--> flights: origin IN ('EWR', 'LGA')
--> airports: runways = 1

SELECT count(*) FROM flights WHERE strftime(ts, '%d/%m/%Y') = '31/01/2024' AND lower(origin) = 'jfk';
--> flights: ts >= '2024-01-31' AND ts < '2024-02-01' AND origin = 'JFK'

SELECT count(*) FROM flights WHERE dayname(ts) = 'Monday' AND date_diff('day', ts, DATE '2024-02-01') BETWEEN 0 AND 9;
--> flights: dayname(ts) = 'Monday' AND ts >= '2024-01-23' AND ts < '2024-02-02'

SELECT count(*) FROM weather WHERE epoch_ms(ts) < 1704240000000 OR greatest(ts, TIMESTAMP '2024-01-05') > '2024-02-27 23:00';
--> weather: ts < '2024-01-03' OR ts > '2024-02-27 23:00'

SELECT count(*) FROM weather WHERE ts::VARCHAR LIKE '2024-01-0%' AND ts + INTERVAL 1 MONTH >= TIMESTAMP '2024-02-05';
--> weather: ts >= '2024-01-05' AND ts < '2024-01-10'

SELECT count(*) FROM flights WHERE origin = coalesce($origin, origin) AND ts < make_date(2024, 1, $day);
--$ origin = 'EWR'::VARCHAR
--$ day = 3::INTEGER
--> flights: origin = 'EWR' AND ts < '2024-01-03'

SELECT count(*) FROM users WHERE country NOT IN ('US', 'CA', 'DE') AND user_id = 7;
--> users: country NOT IN ('US', 'CA') AND user_id = 7

SELECT count(*) FROM users WHERE country ILIKE 'u_' AND user_id = 7;
--> users: country IN ('US', 'UA') AND user_id = 7

SELECT count(*) FROM flights WHERE CASE WHEN ts < '2024-01-03' THEN 'old' WHEN ts >= $t THEN 'new' END = 'new';
--$ t = '2024-02-20 12:00:00'::TIMESTAMP
--> flights: ts >= '2024-02-20 12:00:00'

SELECT count(*) FROM logs WHERE strftime(z, '%H, %-d.%m.%Y') = '03, 20.01.2024';
--> logs: hour(z) = 3 AND z::DATE = DATE '2024-01-20'

SELECT count(*) FROM flights WHERE (origin, ts) >= ('JFK', TIMESTAMP '2024-01-01') AND (ts, delay) < ($t, 5);
--$ t = '2024-01-04 12:00:00'::TIMESTAMP
--> flights: (origin, ts) >= ('JFK', TIMESTAMP '2024-01-01') AND (ts, delay) < (TIMESTAMP '2024-01-04 12:00', 5)

SELECT count(*) FROM flights WHERE CASE WHEN $all THEN TRUE ELSE ts >= '2024-02-20' END;
--$ all = false::BOOLEAN
--> flights: ts >= '2024-02-20'

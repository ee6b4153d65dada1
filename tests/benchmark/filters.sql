-- Filters as analysts write them. The lines after a query say which rows of each scan matter, in text order, where its
-- WHERE is not just that (`-->`), and the values of its parameters (`--$`). The clock stands at 2024-03-11 06:30 UTC.

SELECT count(*) FROM ev WHERE strftime(ts, '%d/%m/%Y') = '05/03/2024';

SELECT count(*) FROM ev WHERE time_bucket(INTERVAL '1 day', ts) = TIMESTAMP '2024-02-03';

SELECT id FROM ev ORDER BY ts DESC LIMIT 5;
--> ev: ts >= (SELECT min(ts) FROM (SELECT ts FROM ev ORDER BY ts DESC LIMIT 5))

SELECT count(*) FROM lg WHERE year = 2024 AND month = 1 AND day <= 3;
--> lg: ts >= '2024-01-01' AND ts < '2024-01-04'

SELECT count(*) FROM ev WHERE dt = '2024-02-03' AND region = 'EU';
--> ev: ts::DATE = '2024-02-03' AND country IN ('DE', 'FR')

SELECT count(*) FROM ev WHERE (ts, id) > (TIMESTAMP '2024-04-28', 5);

SELECT sum(CASE WHEN ts >= '2024-04-28' THEN 1 ELSE 0 END) FROM ev;
--> ev: ts >= '2024-04-28'

SELECT count(*) FROM ev WHERE greatest(ts, TIMESTAMP '2024-01-05') >= '2024-04-28';

SELECT count(*) FROM sf WHERE sk IN (SELECT sk FROM dd WHERE day IN (SELECT d FROM od WHERE id < 5));
--> sf: sk IN (SELECT sk FROM dd WHERE day IN (SELECT d FROM od WHERE id < 5))
--> dd: TRUE
--> od: id < 5

SELECT count(*) FROM od WHERE d::varchar LIKE '2023-03-%';

SELECT count(*) FROM od WHERE last_day(d) = DATE '2023-02-28';

SELECT count(*) FROM od WHERE year(d)*100+month(d) = 202303;

SELECT count(*) FROM od WHERE make_date(year(d), month(d), 1) = DATE '2023-03-01';

SELECT count(*) FROM od WHERE d = (SELECT max(d) FROM od);
--> od: d = (SELECT max(d) FROM od)
--> od: d = (SELECT max(d) FROM od)

SELECT count(*) FROM zt WHERE date_trunc('day', tz AT TIME ZONE 'America/New_York') = '2024-03-10';

WITH p AS (SELECT DATE '2024-03-01' AS a, DATE '2024-03-05' AS b) SELECT count(*) FROM ev, p WHERE ev.ts >= p.a AND ev.ts < p.b;
--> ev: ts >= '2024-03-01' AND ts < '2024-03-05'

SELECT count(*) FROM od WHERE datediff('day', d, DATE '2024-06-01') BETWEEN 0 AND 30;

SELECT count(*) FROM od WHERE d >= (SELECT min(day) FROM dd WHERE y=2024 AND m=11);
--> od: d >= '2024-11-01'
--> dd: TRUE

SELECT count(*) FROM ev a JOIN od o ON a.ts >= o.d AND a.ts < o.d + INTERVAL 7 DAY WHERE o.d = '2024-02-10';
--> ev: ts >= '2024-02-10' AND ts < '2024-02-17'
--> od: d = '2024-02-10'

SELECT count(*) FROM zt WHERE tz AT TIME ZONE 'America/New_York' >= '2024-03-10' AND tz AT TIME ZONE 'America/New_York' < '2024-03-12';

SELECT count(*) FROM od WHERE DATE '2024-06-01' - d <= 30;

SELECT count(*) FROM ev a JOIN od o ON date_trunc('month', a.ts) = date_trunc('month', o.d) WHERE o.d = '2024-02-10';
--> ev: date_trunc('month', ts) = '2024-02-01'
--> od: d = '2024-02-10'

SELECT count(*) FROM ev WHERE ts::varchar LIKE '2024-03-%';

SELECT count(*) FROM ev WHERE CASE WHEN ts < '2024-02-01' THEN 'old' ELSE 'new' END = 'old';

SELECT count(*) FROM ev WHERE country = coalesce($c, country);
--$ c = 'US'::VARCHAR

SELECT count(*) FROM ev WHERE country ILIKE 'us';

SELECT count(*) FROM ev WHERE lower(country) = 'us';

SELECT count(*) FROM ev WHERE regexp_matches(country, '^U');

SELECT count(*) FROM ev JOIN (SELECT unnest($l) AS c) v ON ev.country = v.c;
--> ev: country = 'US'
--$ l = ['US']::VARCHAR[]

SELECT count(*) FROM ev WHERE ts + INTERVAL 1 MONTH > TIMESTAMP '2024-04-10';

SELECT count(*) FROM ev WHERE ts >= make_date(2024,3,10);

SELECT count(*) FROM ev WHERE CASE WHEN $all THEN true ELSE ts >= '2024-03-10' END;
--$ all = false::BOOLEAN

SELECT count(*) FROM ev WHERE coalesce(ts, TIMESTAMP '1970-01-01') >= '2024-03-10';

SELECT count(*) FROM ev WHERE epoch_ms(ts) >= 1710000000000;

SELECT count(*) FROM ev WHERE ts >= to_timestamp(1710000000);

SELECT count(*) FROM ev WHERE time_bucket(INTERVAL '7 days', ts) >= TIMESTAMP '2024-03-04';

SELECT count(*) FROM ev WHERE ts >= DATE '2024-03-10' - to_days($n);
--$ n = 7::INTEGER

SELECT count(*) FROM ev WHERE ts >= DATE '2024-03-10' - $n * INTERVAL 1 DAY;
--$ n = 7::INTEGER

SELECT count(*) FROM ev WHERE country NOT IN ('DE','FR');

SELECT count(*) FROM sf JOIN dd ON sf.sk = dd.sk JOIN us ON sf.uid = us.uid WHERE (dd.y = 2023 AND dd.m = 3 AND us.tier='gold') OR (dd.y = 2023 AND dd.m = 5 AND us.tier='free');
--> sf: sk IN (SELECT sk FROM dd WHERE y = 2023 AND m IN (3, 5))
--> dd: TRUE
--> us: TRUE

SELECT count(*) FROM ev WHERE ts >= TIMESTAMP '2024-02-01' AND ts < TIMESTAMP '2024-02-08';

SELECT count(*) FROM ev WHERE ts::date = $d;
--$ d = '2024-02-03'::DATE

SELECT count(*) FROM ev WHERE CAST(ts AS DATE) BETWEEN '2024-02-01' AND '2024-02-05';

SELECT count(*) FROM ev WHERE year(ts)=2024 AND month(ts)=2;

SELECT count(*) FROM od WHERE year(d)=2023;

SELECT count(*) FROM od WHERE month(d)=3;

SELECT count(*) FROM od WHERE quarter(d)=1 AND year(d)=2022;

SELECT count(*) FROM ev WHERE date_trunc('week', ts) = DATE '2024-02-05';

SELECT count(*) FROM ev WHERE date_trunc('week', ts) >= $d;
--$ d = '2024-02-07'::DATE

SELECT count(*) FROM ev WHERE ts::date >= current_date - 7 AND ts::date < current_date;

SELECT count(*) FROM ev WHERE ts >= date_trunc('month', current_date) - INTERVAL 1 MONTH AND ts < date_trunc('month', current_date);

SELECT count(*) FROM ev WHERE strftime(ts, '%Y-%m-%d') = '2024-03-05';

SELECT count(*) FROM ev WHERE ts - INTERVAL 1 DAY >= TIMESTAMP '2024-04-10';

SELECT count(*) FROM ev WHERE isodow(ts) = 1;

SELECT count(*) FROM ev WHERE hour(ts)=3 AND ts::date='2024-02-03';

SELECT count(*) FROM ev WHERE week(ts)=6 AND year(ts)=2024;

SELECT count(*) FROM ev WHERE ts >= '2024-03-10';

SELECT count(*) FROM ev WHERE country IN $l;
--> ev: country = 'JP'
--$ l = ['JP']::VARCHAR[]

SELECT count(*) FROM ev WHERE country LIKE 'U%';

SELECT count(*) FROM ev WHERE (ts < '2024-01-03' AND country='DE') OR (ts >= '2024-04-28' AND country='US');

SELECT count(*) FROM ev a JOIN ev b ON a.ts = b.ts WHERE a.ts >= '2024-04-28';
--> ev: ts >= '2024-04-28'
--> ev: ts >= '2024-04-28'

SELECT count(*) FROM ev a JOIN od o ON a.ts::date = o.d WHERE o.d BETWEEN '2024-02-01' AND '2024-02-05';
--> ev: ts::DATE BETWEEN '2024-02-01' AND '2024-02-05'
--> od: d BETWEEN '2024-02-01' AND '2024-02-05'

SELECT count(*) FROM od JOIN dd ON od.d = dd.day WHERE dd.y = 2023 AND dd.q = 2;
--> od: year(d) = 2023 AND quarter(d) = 2
--> dd: TRUE

SELECT count(*) FROM ev JOIN dd ON ev.ts::date = dd.day WHERE dd.wd = 'Monday' AND dd.y=2024 AND dd.m=2;
--> ev: dayname(ts) = 'Monday' AND year(ts) = 2024 AND month(ts) = 2
--> dd: TRUE

SELECT count(*) FROM ev LEFT JOIN cc ON ev.country = cc.code WHERE cc.continent = 'Europe';
--> ev: country IN ('DE', 'FR')
--> cc: TRUE

SELECT count(*) FROM ev WHERE country IN (SELECT code FROM cc WHERE continent = 'Europe');
--> ev: country IN ('DE', 'FR')
--> cc: TRUE

WITH x AS (SELECT code FROM cc WHERE continent = 'Europe') SELECT count(*) FROM ev JOIN x ON ev.country = x.code;
--> cc: TRUE
--> ev: country IN ('DE', 'FR')

WITH x AS (SELECT code, count(*) n FROM cc WHERE continent = 'Europe' GROUP BY code) SELECT count(*) FROM ev JOIN x ON ev.country = x.code;
--> cc: TRUE
--> ev: country IN ('DE', 'FR')

SELECT * FROM (SELECT id, ts, row_number() OVER (PARTITION BY ts::date ORDER BY id) rn FROM ev) WHERE ts::date = '2024-03-05';
--> ev: ts::DATE = '2024-03-05'

SELECT date_trunc('day', ts) AS day, count(*) n FROM ev GROUP BY 1 HAVING day >= '2024-04-28';
--> ev: ts >= '2024-04-28'

SELECT * FROM (SELECT id, ts FROM ev UNION ALL SELECT id, ts FROM lg) WHERE ts >= '2024-04-28';
--> ev: ts >= '2024-04-28'
--> lg: ts >= '2024-04-28'

SELECT count(*) FROM lg WHERE ts >= '2023-12-28' AND ts < '2024-01-04';

SELECT count(*) FROM zt WHERE tz >= TIMESTAMPTZ '2024-03-09 00:00:00-05' AND tz < TIMESTAMPTZ '2024-03-11 00:00:00-04';

SELECT count(*) FROM ev JOIN us ON ev.uid=us.uid JOIN org ON us.org=org.org WHERE org.oname='acme' AND ev.ts>='2024-04-28';
--> ev: ts >= '2024-04-28'
--> us: TRUE
--> org: TRUE

SELECT count(*) FROM ev WHERE ts >= ifnull($a, DATE '2024-03-10');
--$ a = NULL::DATE

SELECT count(*) FROM ev WHERE ts >= coalesce($a, current_date - 1);
--$ a = NULL::DATE

SELECT count(*) FROM ev WHERE TRY_CAST(ts AS DATE) = '2024-03-10';

SELECT count(*) FROM ev WHERE NOT (ts < '2024-04-28');

SELECT count(*) FROM od WHERE date_trunc('quarter', d) = DATE '2023-04-01';

SELECT count(*) FROM od WHERE date_part('year', d) = 2023;

SELECT count(*) FROM ev WHERE date_part('dow', ts) IN (0, 6);

SELECT id, ts::date AS day FROM ev WHERE day = DATE '2024-03-10';
--> ev: ts::DATE = '2024-03-10'

SELECT * FROM (SELECT id, ts FROM ev EXCEPT SELECT id, ts FROM lg) WHERE ts >= '2024-04-28';
--> ev: ts >= '2024-04-28'
--> lg: ts >= '2024-04-28'

SELECT * FROM ev a WHERE a.country='US' AND a.ts = (SELECT max(b.ts) FROM ev b WHERE b.country = a.country);
--> ev: country = 'US'
--> ev: country = 'US'


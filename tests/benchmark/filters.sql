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

SELECT count(*) FROM ev WHERE list_contains($l, country);
--> ev: country = 'JP'
--$ l = ['JP']::VARCHAR[]

SELECT count(*) FROM bk WHERE list_contains($l, uid);
--> bk: uid IN (3)
--$ l = [3]::BIGINT[]

SELECT count(*) FROM bk WHERE len($l) = 0 OR kind IN $l;
--> bk: kind = 'b'
--$ l = ['b']::VARCHAR[]

SELECT count(*) FROM bk WHERE len($l) = 0 OR uid IN $l;
--> bk: uid = 5
--$ l = [5]::BIGINT[]

SELECT count(*) FROM ev WHERE len($l) = 0 OR country IN $l;
--> ev: country = 'JP'
--$ l = ['JP']::VARCHAR[]

SELECT count(*) FROM bk WHERE $c IN (kind, 'all');
--> bk: kind = 'b'
--$ c = 'b'::VARCHAR

SELECT count(*) FROM ev WHERE $c IN (country, 'all');
--> ev: country = 'JP'
--$ c = 'JP'::VARCHAR

SELECT count(*) FROM bk WHERE $c IN (uid, -1);
--> bk: uid = 7
--$ c = 7::BIGINT

SELECT count(*) FROM bk WHERE $c = 'all' OR kind = $c;
--> bk: kind = 'b'
--$ c = 'b'::VARCHAR

SELECT count(*) FROM bk WHERE uid = coalesce($c, uid);
--> bk: uid = 7
--$ c = 7::BIGINT

SELECT count(*) FROM bk WHERE CASE WHEN $c IS NULL THEN true ELSE uid = $c END;
--> bk: uid = 7
--$ c = 7::BIGINT

SELECT count(*) FROM bk WHERE if($c IS NULL, true, uid = $c);
--> bk: uid = 7
--$ c = 7::BIGINT

SELECT count(*) FROM bk WHERE array_length($l) = 0 OR list_has($l, kind);
--> bk: kind = 'b'
--$ l = ['b']::VARCHAR[]

SELECT count(*) FROM bk JOIN (SELECT unnest($l) AS u) v ON bk.uid = v.u;
--> bk: uid IN (5)
--$ l = [5]::BIGINT[]

SELECT count(*) FROM bk WHERE uid IN (SELECT unnest($l));
--> bk: uid IN (5)
--$ l = [5]::BIGINT[]

SELECT count(*) FROM bk JOIN unnest($l) AS v(u) ON bk.uid = v.u;
--> bk: uid IN (5)
--$ l = [5]::BIGINT[]

SELECT count(*) FROM bk, (VALUES (3), (5)) AS v(u) WHERE bk.uid = v.u;
--> bk: uid IN (3, 5)

SELECT count(*) FROM ev JOIN (VALUES ('JP')) AS v(c) ON ev.country = v.c;
--> ev: country = 'JP'

SELECT count(*) FROM ev SEMI JOIN (SELECT unnest($l) AS c) v ON ev.country = v.c;
--> ev: country = 'JP'
--$ l = ['JP']::VARCHAR[]

SELECT count(*) FROM bk WHERE kind ILIKE 'B%';
--> bk: kind = 'b'

SELECT count(*) FROM bk WHERE upper(trim(kind)) = 'B';
--> bk: kind = 'b'

SELECT count(*) FROM bk WHERE kind SIMILAR TO '(b|c)';
--> bk: kind IN ('b', 'c')

SELECT count(*) FROM bk WHERE starts_with(kind, 'b') OR prefix(kind, 'c');
--> bk: kind IN ('b', 'c')

SELECT count(*) FROM bk WHERE kind ^@ 'b';
--> bk: kind = 'b'

SELECT count(*) FROM bk WHERE uid BETWEEN 3 AND 4;

SELECT count(*) FROM bk WHERE uid + 1 = 4;

SELECT count(*) FROM bk WHERE uid = 2 * $n + 1;
--> bk: uid = 7
--$ n = 3::INTEGER

SELECT count(*) FROM ev a JOIN ev b ON b.ts BETWEEN a.ts AND a.ts + INTERVAL 7 DAY WHERE a.ts >= '2024-04-26' AND a.ts < '2024-04-27';
--> ev: ts >= '2024-04-26' AND ts < '2024-04-27'
--> ev: ts >= '2024-04-26'

SELECT count(*) FROM ev a JOIN ev b ON b.ts > a.ts - INTERVAL 1 HOUR AND b.ts <= a.ts WHERE a.ts::date = '2024-02-03';
--> ev: ts::date = '2024-02-03'
--> ev: ts >= '2024-02-02 23:00' AND ts < '2024-02-04'

SELECT count(*) FROM od o JOIN ev a ON a.ts >= o.d - INTERVAL 3 DAY AND a.ts < o.d WHERE o.d = '2024-02-10';
--> od: d = '2024-02-10'
--> ev: ts >= '2024-02-07' AND ts < '2024-02-10'

SELECT count(*) FROM ev a JOIN od o ON a.ts::date BETWEEN o.d AND o.d + 6 WHERE o.d = '2024-02-10';
--> ev: ts >= '2024-02-10' AND ts < '2024-02-17'
--> od: d = '2024-02-10'

SELECT count(*) FROM ev a JOIN od o ON a.ts BETWEEN o.d AND o.d + INTERVAL 1 WEEK WHERE o.d BETWEEN '2024-02-10' AND '2024-02-11';
--> ev: ts >= '2024-02-10' AND ts <= '2024-02-18'
--> od: d BETWEEN '2024-02-10' AND '2024-02-11'

SELECT count(*) FROM od a JOIN od b ON a.d = b.d - INTERVAL 1 YEAR WHERE b.d >= '2024-03-01' AND b.d < '2024-04-01';
--> od: d >= '2023-03-01' AND d < '2023-04-01'
--> od: d >= '2024-03-01' AND d < '2024-04-01'

SELECT count(*) FROM od a JOIN od b ON a.d = b.d - 7 WHERE b.d = '2024-03-08';
--> od: d = '2024-03-01'
--> od: d = '2024-03-08'

SELECT count(*) FROM od a JOIN od b ON a.d + INTERVAL 7 DAY = b.d WHERE b.d = '2024-03-08';
--> od: d = '2024-03-01'
--> od: d = '2024-03-08'

SELECT count(*) FROM ev a JOIN od o ON strftime(a.ts, '%Y-%m-%d') = strftime(o.d, '%Y-%m-%d') WHERE o.d = '2024-02-10';
--> ev: ts::date = '2024-02-10'
--> od: d = '2024-02-10'

SELECT count(*) FROM ev a JOIN od o ON year(a.ts) = year(o.d) AND month(a.ts) = month(o.d) WHERE o.d = '2024-02-10';
--> ev: year(ts) = 2024 AND month(ts) = 2
--> od: d = '2024-02-10'

SELECT count(*) FROM ev a JOIN od o ON date_trunc('day', a.ts) = o.d WHERE o.d = '2024-02-10';
--> ev: ts::date = '2024-02-10'
--> od: d = '2024-02-10'

SELECT count(*) FROM ev a JOIN od o ON date_trunc('week', a.ts) = date_trunc('week', o.d) WHERE o.d >= '2024-02-12' AND o.d < '2024-02-14';
--> ev: date_trunc('week', ts) = '2024-02-12'
--> od: d >= '2024-02-12' AND d < '2024-02-14'

WITH w AS (SELECT date_trunc('week', d) AS wk, count(*) AS n FROM od WHERE d >= '2024-02-12' AND d < '2024-02-14' GROUP BY 1) SELECT count(*) FROM ev JOIN w ON date_trunc('week', ev.ts) = w.wk;
--> od: d >= '2024-02-12' AND d < '2024-02-14'
--> ev: date_trunc('week', ts) = '2024-02-12'

WITH a AS (SELECT ts::date AS day, count(*) n FROM ev GROUP BY 1), b AS (SELECT d AS day, count(*) m FROM od GROUP BY 1) SELECT * FROM a JOIN b USING (day) WHERE day = '2024-02-10';
--> ev: ts::date = '2024-02-10'
--> od: d = '2024-02-10'

SELECT o.d, (SELECT count(*) FROM ev e WHERE e.ts::date = o.d) FROM od o WHERE o.d BETWEEN '2024-02-10' AND '2024-02-11';
--> ev: ts::date BETWEEN '2024-02-10' AND '2024-02-11'
--> od: d BETWEEN '2024-02-10' AND '2024-02-11'

SELECT o.d, (SELECT count(*) FROM ev e WHERE e.ts >= o.d AND e.ts < o.d + INTERVAL 1 DAY) FROM od o WHERE o.d BETWEEN '2024-02-10' AND '2024-02-11';
--> ev: ts::date BETWEEN '2024-02-10' AND '2024-02-11'
--> od: d BETWEEN '2024-02-10' AND '2024-02-11'

SELECT o.d, x.n FROM od o, LATERAL (SELECT count(*) AS n FROM ev e WHERE e.ts::date = o.d) x WHERE o.d = '2024-02-10';
--> od: d = '2024-02-10'
--> ev: ts::date = '2024-02-10'

SELECT * FROM od o WHERE o.d = '2024-02-10' AND EXISTS (SELECT 1 FROM ev e WHERE e.ts::date = o.d AND e.amount > 5);
--> od: d = '2024-02-10'
--> ev: ts::date = '2024-02-10'

SELECT count(*) FROM od o WHERE EXISTS (SELECT 1 FROM ev e WHERE e.ts::date = o.d AND e.ts >= '2024-04-28');
--> od: d >= '2024-04-28'
--> ev: ts >= '2024-04-28'

SELECT count(*) FROM ev WHERE ts >= '2024-04-28' AND amount > (SELECT avg(e.amount) FROM ev e WHERE e.ts::date = ev.ts::date);
--> ev: ts >= '2024-04-28'
--> ev: ts >= '2024-04-28'

SELECT count(*) FROM sf WHERE sk IN (SELECT sk FROM dd JOIN cal ON dd.q = cal.q AND dd.y = cal.y WHERE cal.name = 'spring 24');
--> sf: sk IN (SELECT sk FROM dd WHERE y = 2024 AND q = 2)
--> dd: TRUE
--> cal: TRUE

SELECT count(*) FROM sf JOIN dd ON sf.sk = dd.sk JOIN cal ON dd.q = cal.q AND dd.y = cal.y WHERE cal.name = 'spring 24';
--> sf: sk IN (SELECT sk FROM dd WHERE y = 2024 AND q = 2)
--> dd: TRUE
--> cal: TRUE

SELECT count(*) FROM sf WHERE sk IN (SELECT sk FROM dd WHERE (y, q) IN (SELECT y, q FROM cal WHERE name = 'spring 24'));
--> sf: sk IN (SELECT sk FROM dd WHERE y = 2024 AND q = 2)
--> dd: TRUE
--> cal: TRUE

SELECT count(*) FROM sf WHERE EXISTS (SELECT 1 FROM dd WHERE dd.sk = sf.sk AND dd.y = 2024 AND dd.m = 3);
--> sf: sk IN (SELECT sk FROM dd WHERE y = 2024 AND m = 3)
--> dd: TRUE

SELECT count(*) FROM od WHERE d BETWEEN (SELECT min(day) FROM dd WHERE y=2024 AND m=2) AND (SELECT max(day) FROM dd WHERE y=2024 AND m=2);
--> od: year(d) = 2024 AND month(d) = 2
--> dd: TRUE
--> dd: TRUE

SELECT count(*) FROM ev WHERE country = (SELECT code FROM cc WHERE continent = 'Asia');
--> ev: country = 'JP'
--> cc: TRUE

SELECT count(*) FROM ev WHERE country NOT IN (SELECT code FROM cc WHERE continent = 'Europe');
--> ev: country NOT IN ('DE', 'FR')
--> cc: TRUE

SELECT count(*) FROM ev ANTI JOIN cc ON ev.country = cc.code AND cc.continent = 'Europe';
--> ev: country NOT IN ('DE', 'FR')
--> cc: TRUE

SELECT count(*) FROM lg WHERE year = 2024 AND month = 1;
--> lg: ts >= '2024-01-01' AND ts < '2024-02-01'

SELECT count(*) FROM lg WHERE year = 2024 AND month IN (1, 2) AND day BETWEEN 3 AND 5;
--> lg: year(ts) = 2024 AND month(ts) IN (1, 2) AND day(ts) BETWEEN 3 AND 5

SELECT count(*) FROM lg WHERE (year, month, day) >= (2024, 1, 20);
--> lg: ts >= '2024-01-20'

SELECT count(*) FROM lg WHERE make_date(year, month, day) >= DATE '2024-01-20';
--> lg: ts >= '2024-01-20'

SELECT count(*) FROM lg WHERE year * 10000 + month * 100 + day >= 20240120;
--> lg: ts >= '2024-01-20'

SELECT count(*) FROM lg WHERE concat(year, '-', month, '-', day) >= '2024-1-20';
--> lg: concat(year(ts), '-', month(ts), '-', day(ts)) >= '2024-1-20'

SELECT count(*) FROM ev WHERE dt = '2024-02-03';
--> ev: ts::DATE = '2024-02-03'

SELECT count(*) FROM ev WHERE dt >= current_date - 3 AND dt < current_date;
--> ev: ts::DATE >= '2024-03-08' AND ts::date < '2024-03-11'

SELECT count(*) FROM ev WHERE region IN ('EU', 'AS') AND dt BETWEEN '2024-02-03' AND '2024-02-04';
--> ev: country IN ('DE', 'FR', 'JP') AND ts::date BETWEEN '2024-02-03' AND '2024-02-04'

SELECT count(*) FROM zt WHERE (tz AT TIME ZONE 'America/New_York')::date = '2024-03-10';

SELECT count(*) FROM zt WHERE date_trunc('day', timezone('America/New_York', tz)) BETWEEN '2024-03-09' AND '2024-03-10';

SELECT count(*) FROM zt WHERE strftime(tz AT TIME ZONE 'America/New_York', '%Y-%m-%d') = '2024-03-10';

SELECT count(*) FROM zt WHERE dayofweek(tz AT TIME ZONE 'America/New_York') = 0;

SELECT count(*) FROM zt WHERE tz >= TIMESTAMP '2024-03-10' AT TIME ZONE 'America/New_York' AND tz < TIMESTAMP '2024-03-11' AT TIME ZONE 'America/New_York';

SELECT count(*) FROM zt WHERE tz AT TIME ZONE $z >= '2024-03-10' AND tz AT TIME ZONE $z < '2024-03-11';
--$ z = 'America/New_York'::VARCHAR

SELECT count(*) FROM zt WHERE tz AT TIME ZONE 'Europe/Berlin' >= '2024-03-10' AND tz AT TIME ZONE 'Europe/Berlin' < '2024-03-11';

SELECT count(*) FROM ev WHERE ts >= TIMESTAMP '2024-03-10' AT TIME ZONE 'Europe/Berlin' AND ts < '2024-03-12';
--> ev: ts >= '2024-03-09 23:00' AND ts < '2024-03-12'

SELECT count(*) FROM ev WHERE (ts AT TIME ZONE 'UTC' AT TIME ZONE 'Europe/Berlin')::date = '2024-03-10';
--> ev: ts >= '2024-03-09 23:00' AND ts < '2024-03-10 23:00'

SELECT count(*) FROM ev WHERE ts >= make_timestamp(2024, 3, 10, 0, 0, 0);

SELECT count(*) FROM ev WHERE ts >= strptime($s, '%d.%m.%Y');
--$ s = '10.03.2024'::VARCHAR

SELECT count(*) FROM ev WHERE ts >= greatest($a, DATE '2024-03-10');
--$ a = '2024-01-10'::DATE

SELECT count(*) FROM ev WHERE ts >= CASE WHEN $p = 'week' THEN DATE '2024-03-04' ELSE DATE '2024-01-01' END;
--$ p = 'week'::VARCHAR

SELECT count(*) FROM ev WHERE ts >= date_add(DATE '2024-03-10', INTERVAL (-$n) DAY);
--$ n = 2::INTEGER

SELECT count(*) FROM ev WHERE ts >= DATE '2024-03-10' - INTERVAL ($n) DAY;
--$ n = 2::INTEGER

SELECT count(*) FROM ev WHERE ts >= DATE '2024-03-10' - ($n || ' days')::INTERVAL;
--$ n = 2::INTEGER

SELECT count(*) FROM ev WHERE ts BETWEEN TIMESTAMP '2024-03-10' - INTERVAL 1 DAY AND TIMESTAMP '2024-03-10';

SELECT count(*) FROM ev WHERE TIMESTAMP '2024-04-29' - ts < INTERVAL 2 DAY;

SELECT count(*) FROM ev WHERE datesub('day', ts, TIMESTAMP '2024-04-29') <= 2;

SELECT count(*) FROM ev WHERE age(TIMESTAMP '2024-04-29', ts) < INTERVAL 2 DAY;

SELECT count(*) FROM ev WHERE monthname(ts) = 'February';

SELECT count(*) FROM ev WHERE dayname(ts) IN ('Saturday', 'Sunday') AND ts >= '2024-04-01';

SELECT count(*) FROM ev WHERE left(ts::varchar, 7) = '2024-03';

SELECT count(*) FROM ev WHERE strftime(ts, '%Y-W%V') = '2024-W06';

SELECT count(*) FROM ev WHERE strftime('%Y%m%d', ts) = '20240305';

SELECT count(*) FROM ev WHERE ts::date IN (DATE '2024-03-05', DATE '2024-03-07');

SELECT count(*) FROM ev WHERE ts::date IN ('2024-03-05', '2024-03-07');

SELECT count(*) FROM ev WHERE extract('year' FROM ts) = 2024 AND extract(month FROM ts) = 3;

SELECT count(*) FROM ev WHERE (year(ts), month(ts)) = (2024, 3);

SELECT count(*) FROM ev WHERE (year(ts), month(ts)) IN ((2024, 3), (2024, 4));

SELECT count(*) FROM ev WHERE ts >= '2024-04-28' AND ts < '2024-04-28'::timestamp + INTERVAL 1 DAY;

SELECT count(*) FROM ev WHERE epoch(ts) BETWEEN 1710000000 AND 1710086400;

SELECT count(*) FROM ev WHERE ts >= epoch_ms($ms);
--$ ms = 1710000000000::BIGINT

SELECT count(*) FROM ev WHERE ts::date = ANY($l);
--> ev: ts::date = '2024-03-05'
--$ l = ['2024-03-05']::DATE[]

SELECT count(*) FROM ev WHERE contains($l, ts::date);
--> ev: ts::date = '2024-03-05'
--$ l = ['2024-03-05']::DATE[]

SELECT count(*) FROM ev WHERE ts::date IN (SELECT unnest(generate_series(DATE '2024-03-05', DATE '2024-03-07', INTERVAL 1 DAY))::date);
--> ev: ts::date BETWEEN '2024-03-05' AND '2024-03-07'

SELECT s.d, count(e.id) FROM generate_series(DATE '2024-03-05', DATE '2024-03-07', INTERVAL 1 DAY) AS s(d) LEFT JOIN ev e ON e.ts::date = s.d GROUP BY 1;
--> ev: ts::date BETWEEN '2024-03-05' AND '2024-03-07'

SELECT s.d, count(e.id) FROM range(DATE '2024-03-05', DATE '2024-03-08', INTERVAL 1 DAY) AS s(d) LEFT JOIN ev e ON e.ts >= s.d AND e.ts < s.d + INTERVAL 1 DAY GROUP BY 1;
--> ev: ts::date BETWEEN '2024-03-05' AND '2024-03-07'

SELECT count(*) FROM od WHERE extract(year FROM d) BETWEEN 2023 AND 2024 AND extract(quarter FROM d) = 4;

SELECT count(*) FROM od WHERE date_diff('month', d, DATE '2024-06-15') <= 2;

SELECT count(*) FROM od WHERE d >= date_trunc('year', DATE '2024-06-15') AND d <= DATE '2024-06-15';

SELECT count(*) FROM od WHERE d >= last_day($m) - INTERVAL 10 DAY;
--$ m = '2024-11-03'::DATE

SELECT count(*) FROM od WHERE strftime(d, '%B %Y') = 'March 2023';

SELECT count(*) FROM od WHERE concat(year(d), '-', lpad(month(d)::varchar, 2, '0')) = '2023-03';

SELECT count(*) FROM od WHERE year(d) || '-Q' || quarter(d) = '2023-Q2';

SELECT count(*) FROM od WHERE format('{}-{}', year(d), quarter(d)) = '2023-2';

SELECT count(*) FROM od WHERE year(d) % 2 = 0 AND month(d) IN (1, 2);

SELECT count(*) FROM sf WHERE sk // 100 = 3;

SELECT count(*) FROM sf WHERE sk / 100.0 >= 10;

SELECT count(*) FROM sf WHERE floor(sk / 100) = 3;

SELECT count(*) FROM sf WHERE abs(sk - 500) < 20;

SELECT count(*) FROM sf WHERE sk - sk % 100 = 300;

SELECT count(*) FROM sf WHERE sk > 1080 OR sk < 20;

SELECT count(*) FROM sf WHERE power(sk, 2) < 900;

SELECT count(*) FROM sf WHERE round(sk, -2) = 300;

SELECT count(*) FROM sf WHERE sk::varchar = '500';

SELECT count(*) FROM sf WHERE sk BETWEEN $lo AND coalesce($hi, 2000);
--$ lo = 1080::INTEGER
--$ hi = NULL::INTEGER

SELECT count(*) FROM sf WHERE sk >= coalesce($lo, 0) AND ($hi IS NULL OR sk < $hi);
--$ lo = 1080::INTEGER
--$ hi = NULL::INTEGER

SELECT count(*) FROM lg WHERE (year, month) = (2024, 1);
--> lg: ts >= '2024-01-01' AND ts < '2024-02-01'

SELECT count(*) FROM lg WHERE (year = 2023 AND month = 12 AND day >= 30) OR (year = 2024 AND month = 1 AND day <= 2);
--> lg: ts >= '2023-12-30' AND ts < '2024-01-03'

SELECT count(*) FROM lg WHERE year || '-' || month = '2024-1';
--> lg: ts >= '2024-01-01' AND ts < '2024-02-01'

SELECT count(*) FROM ev WHERE ts >= '2024-04-28' OR ts IS NULL;

SELECT count(*) FROM ev WHERE ts > '2024-04-28' AND ts <= '2024-04-29' AND country <> 'US';

SELECT count(*) FROM ev WHERE country IN ('US') AND ts::date IN (SELECT d FROM od WHERE d BETWEEN '2024-02-01' AND '2024-02-02');
--> ev: country = 'US' AND ts::date BETWEEN '2024-02-01' AND '2024-02-02'
--> od: d BETWEEN '2024-02-01' AND '2024-02-02'

WITH days AS (SELECT d FROM od WHERE d >= '2024-02-01' AND d < '2024-02-03') SELECT days.d, count(ev.id) FROM days LEFT JOIN ev ON ev.ts >= days.d AND ev.ts < days.d + INTERVAL 1 DAY GROUP BY 1;
--> od: d >= '2024-02-01' AND d < '2024-02-03'
--> ev: ts >= '2024-02-01' AND ts < '2024-02-03'

SELECT a.day, a.n, b.n FROM (SELECT ts::date AS day, count(*) n FROM ev GROUP BY 1) a JOIN (SELECT ts::date AS day, count(*) n FROM ev GROUP BY 1) b ON b.day = a.day - 7 WHERE a.day = '2024-02-10';
--> ev: ts::date = '2024-02-10'
--> ev: ts::date = '2024-02-03'

WITH m AS (SELECT date_trunc('month', ts) AS month, count(*) AS n FROM ev GROUP BY 1) SELECT cur.month, cur.n, prev.n FROM m AS cur LEFT JOIN m AS prev ON prev.month = cur.month - INTERVAL 1 MONTH WHERE cur.month = '2024-03-01';
--> ev: ts >= '2024-02-01' AND ts < '2024-04-01'

SELECT count(*) FROM ev WHERE date_trunc('month', ts) = date_trunc('month', current_date);
--> ev: ts >= '2024-03-01' AND ts < '2024-04-01'

SELECT count(*) FROM ev WHERE date_trunc('month', ts) = date_trunc('month', current_date - INTERVAL 1 MONTH);
--> ev: ts >= '2024-02-01' AND ts < '2024-03-01'

SELECT count(*) FROM ev WHERE ts >= current_date - INTERVAL '30 days';
--> ev: ts >= DATE '2024-02-10'

SELECT count(*) FROM ev WHERE ts::date = current_date - 1;
--> ev: ts::date = '2024-03-10'

SELECT count(*) FROM ev WHERE ts >= now() - INTERVAL 24 HOUR;
--> ev: ts >= '2024-03-10 06:30'

SELECT count(*) FROM ev WHERE ts > now() - $n * INTERVAL 1 HOUR;
--> ev: ts > '2024-03-10 06:30'
--$ n = 24::INTEGER

SELECT count(*) FROM ev WHERE date_diff('day', ts, now()::TIMESTAMP) BETWEEN 0 AND 3;
--> ev: ts::date BETWEEN '2024-03-08' AND '2024-03-11'

SELECT count(*) FROM ev WHERE year(ts) = year(current_date) AND month(ts) = month(current_date);
--> ev: ts >= '2024-03-01' AND ts < '2024-04-01'

SELECT count(*) FROM ev WHERE week(ts) = week(current_date) AND isoyear(ts) = isoyear(current_date);
--> ev: date_trunc('week', ts) = '2024-03-11'

SELECT count(*) FROM ev WHERE ts BETWEEN date_trunc('week', current_date) - INTERVAL 7 DAY AND date_trunc('week', current_date);
--> ev: ts BETWEEN '2024-03-04' AND '2024-03-11'

SELECT count(*) FROM ev WHERE strftime(ts, '%Y-%m') = strftime(current_date, '%Y-%m');
--> ev: ts >= '2024-03-01' AND ts < '2024-04-01'

SELECT count(*) FROM ev WHERE strftime(ts, '%Y-%m') IN ('2024-01', '2024-03');

SELECT count(*) FROM ev WHERE CAST(ts AS VARCHAR) >= '2024-04-28';

SELECT count(*) FROM ev WHERE CAST(ts AS VARCHAR) BETWEEN '2024-03-01' AND '2024-03-05';

SELECT count(*) FROM ev WHERE substring(ts::varchar, 1, 10) = '2024-03-05';

SELECT count(*) FROM ev WHERE ts::varchar LIKE $p;
--> ev: ts::date = '2024-03-05'
--$ p = '2024-03-05%'::VARCHAR

SELECT count(*) FROM ev WHERE ts::date::varchar = '2024-03-05';

SELECT count(*) FROM ev WHERE to_days(3) > TIMESTAMP '2024-04-29' - ts;

SELECT count(*) FROM ev WHERE extract(epoch FROM ts) >= 1714262400;

SELECT count(*) FROM ev WHERE epoch_us(ts) // 86400000000 = 19786;

SELECT count(*) FROM ev WHERE floor(epoch(ts) / 86400) = 19786;

SELECT count(*) FROM ev WHERE ts - INTERVAL (hour(ts)) HOUR >= '2024-04-28';

SELECT count(*) FROM ev WHERE date_part('month', ts) IN (2, 3) AND date_part('year', ts) = 2024;

SELECT count(*) FROM ev WHERE date_part('hour', ts) = 3 AND ts >= '2024-04-28';

SELECT count(*) FROM ev WHERE ts NOT BETWEEN '2024-01-02' AND '2024-04-29';

SELECT count(*) FROM ev WHERE NOT (ts >= '2024-01-03' AND ts < '2024-04-28');

SELECT count(*) FROM ev WHERE (ts >= '2024-04-28') = true;

SELECT count(*) FROM ev WHERE (ts >= '2024-04-28') IS TRUE;

SELECT count(*) FROM ev WHERE (ts < '2024-04-28') IS NOT TRUE;

SELECT count(*) FROM ev WHERE coalesce(ts >= '2024-04-28', false);

SELECT count(*) FROM ev WHERE CASE WHEN ts >= '2024-04-28' THEN 1 ELSE 0 END = 1;

SELECT count(*) FROM ev WHERE if(ts >= '2024-04-28', 1, 0) = 1;

SELECT count(*) FROM ev WHERE ifnull(country, 'none') = 'JP';

SELECT count(*) FROM ev WHERE country || '' = 'JP';

SELECT count(*) FROM ev WHERE upper(country) IN ('JP', 'FR');

SELECT count(*) FROM ev WHERE lower(country) LIKE 'j%';

SELECT count(*) FROM ev WHERE trim(country) = $c;
--> ev: country = 'JP'
--$ c = 'JP'::VARCHAR

SELECT count(*) FROM ev WHERE substr(country, 1, 1) = 'J';

SELECT count(*) FROM ev WHERE left(country, 1) IN ('J', 'D');

SELECT count(*) FROM ev WHERE country = 'JP' OR country = 'DE';

SELECT count(*) FROM ev WHERE country = ANY(['JP']);

SELECT count(*) FROM ev WHERE country IN (SELECT unnest(string_split($s, ',')));
--> ev: country = 'JP'
--$ s = 'JP'::VARCHAR

SELECT count(*) FROM ev WHERE list_contains(string_split($s, ','), country);
--> ev: country = 'JP'
--$ s = 'JP'::VARCHAR

SELECT count(*) FROM ev WHERE $s LIKE '%' || country || '%';
--> ev: country = 'JP'
--$ s = 'JP'::VARCHAR

SELECT count(*) FROM ev WHERE regexp_full_match(country, 'J.');

SELECT count(*) FROM ev WHERE country > 'G';

SELECT count(*) FROM ev WHERE country BETWEEN 'A' AND 'D';

SELECT count(*) FROM ev WHERE country = nullif($c, '');
--> ev: country = 'JP'
--$ c = 'JP'::VARCHAR

SELECT count(*) FROM ev WHERE (nullif($c, '') IS NULL OR country = $c);
--> ev: country = 'JP'
--$ c = 'JP'::VARCHAR

SELECT count(*) FROM ev WHERE ($from IS NULL OR ts >= $from) AND ($to IS NULL OR ts < $to);
--> ev: ts >= '2024-04-28'
--$ from = '2024-04-28'::DATE
--$ to = NULL::DATE

SELECT count(*) FROM ev WHERE ts >= coalesce($from, '2024-04-28') AND ts < coalesce($to, 'infinity');
--> ev: ts >= '2024-04-28'
--$ from = NULL::TIMESTAMP
--$ to = NULL::TIMESTAMP

SELECT count(*) FROM ev WHERE ts >= $day AND ts < $day + INTERVAL 1 DAY;
--> ev: ts::date = '2024-03-05'
--$ day = '2024-03-05'::DATE

SELECT count(*) FROM ev WHERE ts::date BETWEEN $day - 2 AND $day;
--> ev: ts::date BETWEEN '2024-03-03' AND '2024-03-05'
--$ day = '2024-03-05'::DATE

SELECT count(*) FROM ev WHERE ts >= date_trunc($g, DATE '2024-03-10');
--> ev: ts >= '2024-03-01'
--$ g = 'month'::VARCHAR

SELECT count(*) FROM ev WHERE CASE $p WHEN 'today' THEN ts::date = current_date WHEN 'yesterday' THEN ts::date = current_date - 1 ELSE true END;
--> ev: ts::date = '2024-03-10'
--$ p = 'yesterday'::VARCHAR

SELECT count(*) FROM ev WHERE CASE WHEN $p = 'today' THEN ts::date = current_date WHEN $p = 'yesterday' THEN ts::date = current_date - 1 ELSE true END;
--> ev: ts::date = '2024-03-10'
--$ p = 'yesterday'::VARCHAR

SELECT count(*) FROM ev e JOIN us ON e.uid = us.uid WHERE us.tier = 'gold' AND e.ts >= '2024-04-28';
--> ev: ts >= '2024-04-28'
--> us: TRUE

SELECT count(*) FROM ev e JOIN dd ON e.ts >= dd.day AND e.ts < dd.day + INTERVAL 1 DAY WHERE dd.y = 2024 AND dd.m = 2;
--> ev: ts >= '2024-02-01' AND ts < '2024-03-01'
--> dd: TRUE

SELECT count(*) FROM ev e JOIN dd ON date_trunc('day', e.ts) = dd.day WHERE dd.wd = 'Monday' AND dd.y = 2024 AND dd.m = 2;
--> ev: dayname(ts) = 'Monday' AND year(ts) = 2024 AND month(ts) = 2
--> dd: TRUE

SELECT count(*) FROM ev WHERE ts::date IN (SELECT day FROM dd WHERE wd = 'Monday' AND y = 2024 AND m = 2);
--> ev: dayname(ts) = 'Monday' AND year(ts) = 2024 AND month(ts) = 2
--> dd: TRUE

SELECT count(*) FROM ev WHERE EXISTS (SELECT 1 FROM dd WHERE dd.day = ev.ts::date AND dd.wd = 'Monday' AND dd.y = 2024 AND dd.m = 2);
--> ev: dayname(ts) = 'Monday' AND year(ts) = 2024 AND month(ts) = 2
--> dd: TRUE

SELECT count(*) FROM od JOIN dd ON strftime(od.d, '%Y-%m') = strftime(dd.day, '%Y-%m') WHERE dd.sk = 800;
--> od: d >= '2024-03-01' AND d < '2024-04-01'
--> dd: TRUE

SELECT count(*) FROM od JOIN (SELECT DISTINCT y, m FROM dd WHERE q = 2 AND y = 2023) x ON year(od.d) = x.y AND month(od.d) = x.m;
--> od: year(d) = 2023 AND quarter(d) = 2
--> dd: TRUE

SELECT count(*) FROM ev a WHERE a.ts >= '2024-04-28' AND NOT EXISTS (SELECT 1 FROM ev b WHERE b.uid = a.uid AND b.ts::date = a.ts::date - 1);
--> ev: ts >= '2024-04-28'
--> ev: ts >= '2024-04-27'

SELECT a.id, (SELECT count(*) FROM ev b WHERE b.ts BETWEEN a.ts - INTERVAL 1 DAY AND a.ts) FROM ev a WHERE a.ts >= '2024-04-28';
--> ev: ts >= '2024-04-27'
--> ev: ts >= '2024-04-28'

SELECT * FROM (SELECT *, row_number() OVER (PARTITION BY country ORDER BY ts DESC) rn FROM ev WHERE ts >= '2024-04-28') WHERE rn = 1 AND country = 'JP';
--> ev: ts >= '2024-04-28' AND country = 'JP'

SELECT id FROM ev WHERE ts >= '2024-04-28' QUALIFY row_number() OVER (PARTITION BY country ORDER BY ts) = 1;
--> ev: ts >= '2024-04-28'

SELECT * FROM ev ASOF JOIN lg ON ev.ts >= lg.ts WHERE ev.ts::date = '2024-01-15';
--> ev: ts::date = '2024-01-15'
--> lg: TRUE

SELECT count(*) FROM ev WHERE ts >= '2024-04-28' UNION ALL SELECT count(*) FROM od WHERE d >= '2024-12-01';
--> ev: ts >= '2024-04-28'
--> od: d >= '2024-12-01'

SELECT count(*) FROM zt WHERE tz::date = '2024-03-10';

SELECT count(*) FROM zt WHERE tz >= '2024-03-10' AND tz < '2024-03-11';

SELECT count(*) FROM zt WHERE tz >= $t;
--> zt: tz >= '2024-03-20 00:00:00+00'
--$ t = '2024-03-20'::TIMESTAMP

SELECT count(*) FROM zt WHERE tz >= ($d::TIMESTAMP AT TIME ZONE 'America/New_York') AND tz < (($d + 1)::TIMESTAMP AT TIME ZONE 'America/New_York');
--> zt: tz >= '2024-03-20 04:00:00+00' AND tz < '2024-03-21 04:00:00+00'
--$ d = '2024-03-20'::DATE

SELECT count(*) FROM bk WHERE uid IN (1, 2) AND kind = 'a';

SELECT count(*) FROM bk WHERE uid = 1 OR uid = 2;

SELECT count(*) FROM bk WHERE (uid, kind) IN ((1, 'a'), (2, 'b'));

SELECT count(*) FROM bk WHERE uid = $u AND ($k IS NULL OR kind = $k);
--> bk: uid = 5
--$ u = 5::BIGINT
--$ k = NULL::VARCHAR

SELECT count(*) FROM bk WHERE uid IN (SELECT uid FROM us WHERE org = 1 AND uid < 10);
--> bk: uid IN (1, 6)
--> us: TRUE

SELECT count(*) FROM bk JOIN us USING (uid) WHERE us.org = 1 AND us.uid < 10;
--> bk: uid IN (1, 6)
--> us: TRUE

SELECT count(*) FROM bk WHERE uid = CAST($u AS BIGINT);
--> bk: uid = 5
--$ u = '5'::VARCHAR

SELECT count(*) FROM bk WHERE uid::varchar = '5';

SELECT count(*) FROM bk WHERE uid = greatest($a, 3);
--> bk: uid = 5
--$ a = 5::BIGINT

SELECT count(*) FROM bk WHERE uid IN ($a, $b);
--> bk: uid IN (5, 6)
--$ a = 5::BIGINT
--$ b = 6::BIGINT

SELECT count(*) FROM bk WHERE uid = abs($a);
--> bk: uid = 5
--$ a = -5::BIGINT

SELECT count(*) FROM sf WHERE sk IN (SELECT sk FROM dd WHERE day BETWEEN '2024-02-01' AND '2024-02-05');
--> sf: sk IN (SELECT sk FROM dd WHERE day BETWEEN '2024-02-01' AND '2024-02-05')
--> dd: TRUE

SELECT count(*) FROM sf WHERE sk BETWEEN (SELECT min(sk) FROM dd WHERE y = 2024 AND m = 2) AND (SELECT max(sk) FROM dd WHERE y = 2024 AND m = 2);
--> sf: sk IN (SELECT sk FROM dd WHERE y = 2024 AND m = 2)
--> dd: TRUE
--> dd: TRUE

SELECT count(*) FROM sf, dd WHERE sf.sk = dd.sk AND dd.y = 2024 AND dd.q = 1 AND dd.wd IN ('Saturday', 'Sunday');
--> sf: sk IN (SELECT sk FROM dd WHERE y = 2024 AND q = 1)
--> dd: TRUE

SELECT count(*) FROM sf WHERE sk > 100 * 3 AND sk < 100 * 3 + 20;

SELECT count(*) FROM sf WHERE sk * 2 >= 2100 AND sk < 1080;

SELECT count(*) FROM hr WHERE ts >= '2024-03-06 05:00' AND ts < '2024-03-06 08:00';

SELECT count(*) FROM hr WHERE date_trunc('hour', ts) = TIMESTAMP '2024-03-06 05:00';

SELECT count(*) FROM hr WHERE ts::date = '2024-03-06' AND hour(ts) BETWEEN 9 AND 17;

SELECT count(*) FROM hr WHERE hour(ts) = 3;

SELECT count(*) FROM hr WHERE extract(hour FROM ts) IN (0, 23) AND dayname(ts) = 'Monday';

SELECT count(*) FROM hr WHERE strftime(ts, '%H:%M') < '01:00';

SELECT count(*) FROM hr WHERE ts::time < TIME '02:00';

SELECT count(*) FROM hr WHERE ts::time BETWEEN '09:00' AND '10:30';

SELECT count(*) FROM hr WHERE date_trunc('minute', ts) = TIMESTAMP '2024-03-06 05:15';

SELECT count(*) FROM hr WHERE ts > now() - INTERVAL 3 HOUR;
--> hr: ts > '2024-03-11 03:30'

SELECT count(*) FROM hr WHERE ts > now() - INTERVAL '90 minutes' AND ts <= now();
--> hr: ts > '2024-03-11 05:00' AND ts <= '2024-03-11 06:30'

SELECT count(*) FROM hr WHERE time_bucket(INTERVAL '6 hours', ts) = TIMESTAMP '2024-03-06 06:00';

SELECT count(*) FROM hr WHERE date_diff('hour', ts, TIMESTAMP '2024-03-11 06:30') < 2;

SELECT count(*) FROM hr WHERE ts::varchar LIKE '2024-03-06 05%';

SELECT count(*) FROM hr WHERE left(ts::varchar, 13) IN ('2024-03-06 05', '2024-03-07 05');

SELECT count(*) FROM hr WHERE strftime(ts, '%Y-%m-%d %H') = '2024-03-06 05';

SELECT count(*) FROM hr WHERE strftime(ts, '%Y%m%d%H') BETWEEN '2024030605' AND '2024030607';

SELECT count(*) FROM hr WHERE (ts + INTERVAL 30 MINUTE)::date = '2024-03-06';

SELECT count(*) FROM hr WHERE (ts AT TIME ZONE 'UTC' AT TIME ZONE 'America/New_York')::date = '2024-03-06';

SELECT max(ts) FROM hr WHERE host = 'h1';
--> hr: ts >= '2024-03-11 23:00'

SELECT * FROM hr WHERE host = 'h1' ORDER BY ts DESC LIMIT 3;
--> hr: ts >= (SELECT min(ts) FROM (SELECT ts FROM hr WHERE host = 'h1' ORDER BY ts DESC LIMIT 3))

SELECT date_trunc('hour', ts) AS h, count(*) FROM hr GROUP BY 1 ORDER BY 1 DESC LIMIT 3;
--> hr: ts >= '2024-03-11 21:00'

SELECT date_trunc('hour', ts) AS h, host, ms FROM hr ORDER BY h DESC, ms LIMIT 3;
--> hr: ts >= '2024-03-11 23:00'

SELECT id FROM hr ORDER BY epoch(ts) DESC LIMIT 3;
--> hr: ts >= '2024-03-11 23:00'

SELECT id FROM hr ORDER BY strftime(ts, '%Y-%m-%d %H:%M') DESC LIMIT 3;
--> hr: ts >= '2024-03-11 23:00'

SELECT id FROM hr ORDER BY -epoch(ts) LIMIT 3;
--> hr: ts >= '2024-03-11 23:00'

SELECT id FROM ev ORDER BY ts::date DESC, id LIMIT 5;
--> ev: ts::date >= '2024-04-29'

SELECT id FROM ev ORDER BY year(ts) * 100 + month(ts) DESC LIMIT 5;
--> ev: ts >= '2024-04-01'

SELECT ts::date AS day, id FROM ev ORDER BY day DESC LIMIT 5;
--> ev: ts::date >= '2024-04-29'

SELECT ts::date AS day, count(*) FROM ev GROUP BY day ORDER BY day DESC LIMIT 1;
--> ev: ts::date >= '2024-04-29'

SELECT DISTINCT ts::date FROM ev ORDER BY 1 DESC LIMIT 1;
--> ev: ts::date >= '2024-04-29'

SELECT count(*) FROM ev WHERE ts::date = (SELECT max(ts::date) FROM ev);
--> ev: ts::date = '2024-04-29'
--> ev: ts::date = '2024-04-29'

SELECT count(*) FROM ev WHERE ts::date = (SELECT max(ts)::date FROM ev);
--> ev: ts::date = '2024-04-29'
--> ev: ts::date = '2024-04-29'

WITH last AS (SELECT max(ts::date) AS d FROM ev) SELECT count(*) FROM ev, last WHERE ev.ts::date = last.d;
--> ev: ts::date = '2024-04-29'
--> ev: ts::date = '2024-04-29'

SELECT count(*) FROM ev WHERE ts >= (SELECT max(ts) - INTERVAL 1 DAY FROM ev);
--> ev: ts >= '2024-04-29'
--> ev: ts >= (SELECT max(ts) - INTERVAL 1 DAY FROM ev)

SELECT count(*) FROM ev WHERE dt = (SELECT max(dt) FROM ev);
--> ev: ts::date = '2024-04-29'
--> ev: ts::date = '2024-04-29'

SELECT count(*) FROM ev WHERE ts::date IN (SELECT max(ts::date) FROM ev);
--> ev: ts::date = '2024-04-29'
--> ev: ts::date = '2024-04-29'

SELECT count(*) FROM hv WHERE dt = (SELECT max(dt) FROM hv);
--> hv: dt = (SELECT max(dt) FROM hv)
--> hv: dt = (SELECT max(dt) FROM hv)

SELECT max(dt) FROM hv;
--> hv: dt = (SELECT max(dt) FROM hv)

SELECT count(*) FROM hv WHERE dt >= strftime(current_date - 7, '%Y-%m-%d');
--> hv: dt >= '2024-03-04'

SELECT count(*) FROM hv WHERE dt::date >= current_date - 7;
--> hv: dt >= '2024-03-04'

SELECT count(*) FROM hv WHERE dt BETWEEN $a::varchar AND $b::varchar;
--> hv: dt BETWEEN '2024-03-04' AND '2024-03-06'
--$ a = '2024-03-04'::DATE
--$ b = '2024-03-06'::DATE

SELECT count(*) FROM hv WHERE substr(dt, 1, 7) = '2024-03';

SELECT count(*) FROM hv WHERE dt LIKE '2024-03-%' AND dt LIKE '%-01';

SELECT count(*) FROM hv WHERE month(dt::date) = 3;

SELECT count(*) FROM hv WHERE strptime(dt, '%Y-%m-%d') >= TIMESTAMP '2024-04-20';

SELECT count(*) FROM hv WHERE replace(dt, '-', '')::INTEGER >= 20240420;

SELECT count(*) FROM hv WHERE split_part(dt, '-', 2) = '02';

SELECT count(*) FROM hv WHERE try_cast(dt AS DATE) = $d;
--> hv: dt = '2024-03-04'
--$ d = '2024-03-04'::DATE

SELECT count(*) FROM hv WHERE dt IN (SELECT strftime(d, '%Y-%m-%d') FROM od WHERE d BETWEEN '2024-03-01' AND '2024-03-02');
--> hv: dt BETWEEN '2024-03-01' AND '2024-03-02'
--> od: d BETWEEN '2024-03-01' AND '2024-03-02'

SELECT count(*) FROM hv WHERE dt IN (SELECT day::varchar FROM dd WHERE wd = 'Monday' AND y = 2024 AND m = 2);
--> hv: dt IN (SELECT day::varchar FROM dd WHERE wd = 'Monday' AND y = 2024 AND m = 2)
--> dd: TRUE

SELECT count(*) FROM hv JOIN dd ON hv.dt::date = dd.day WHERE dd.y = 2024 AND dd.m = 2 AND dd.wd = 'Monday';
--> hv: dt IN (SELECT day::varchar FROM dd WHERE wd = 'Monday' AND y = 2024 AND m = 2)
--> dd: TRUE

SELECT max(ts) FROM nw WHERE isfinite(ts);
--> nw: ts >= '2024-02-29' AND isfinite(ts)

SELECT max(ts) FROM nw WHERE ts < 'infinity';
--> nw: ts >= '2024-02-29' AND isfinite(ts)

SELECT count(*) FROM nw WHERE ts::date = (SELECT max(ts::date) FROM nw WHERE ts < now());
--> nw: ts::date = '2024-02-29'
--> nw: ts::date = '2024-02-29'

SELECT min(ts) FROM nw;
--> nw: ts = '2024-01-01'

SELECT id FROM nw ORDER BY ts DESC LIMIT 3;
--> nw: ts >= '2024-02-29'

SELECT id FROM nw ORDER BY ts DESC NULLS LAST LIMIT 3;
--> nw: ts >= '2024-02-29'

SELECT id FROM nw ORDER BY ts LIMIT 3;
--> nw: ts < '2024-01-02'

SELECT count(*) FROM nw WHERE ts IS NULL;

SELECT count(*) FROM nw WHERE coalesce(ts, TIMESTAMP '2024-02-29') >= '2024-02-29';

SELECT count(*) FROM nw WHERE ts >= '2024-02-28';

SELECT count(*) FROM nw WHERE year(ts) = 2024 AND month(ts) = 2 AND day(ts) > 27;

SELECT count(*) FROM yr WHERE year(born) = 1984;

SELECT count(*) FROM yr WHERE born BETWEEN '1984-03-01' AND '1986-01-31';

SELECT count(*) FROM yr WHERE date_diff('year', born, DATE '2024-01-01') BETWEEN 18 AND 20;

SELECT count(*) FROM yr WHERE age(TIMESTAMP '2024-03-11', born) >= INTERVAL 70 YEAR;

SELECT count(*) FROM yr WHERE datesub('year', born, DATE '2024-03-11') >= 70;

SELECT count(*) FROM yr WHERE date_part('year', age(DATE '2024-03-11', born)) >= 70;

SELECT count(*) FROM yr WHERE born + INTERVAL 65 YEAR <= DATE '2018-01-01';

SELECT count(*) FROM yr WHERE born + to_years(65) <= DATE '2018-01-01';

SELECT count(*) FROM yr WHERE decade(born) = 198;

SELECT count(*) FROM yr WHERE year(born) % 10 = 4;

SELECT count(*) FROM yr WHERE date_trunc('decade', born) = DATE '1980-01-01';

SELECT count(*) FROM yr WHERE (year(born) // 10) * 10 = 1980;

SELECT count(*) FROM yr WHERE floor(year(born) / 10) * 10 = 1980;

SELECT count(*) FROM yr WHERE year(current_date) - year(born) < 16;
--> yr: year(born) > 2008

SELECT count(*) FROM yr WHERE date_trunc('year', born) IN (DATE '1984-01-01', DATE '1986-01-01');

SELECT count(*) FROM yr WHERE year(born) IN (1984, 1986) AND month(born) = 5;

SELECT count(*) FROM yr WHERE year(born) = year(DATE '2024-03-11') - $age;
--> yr: year(born) = 1984
--$ age = 40::INTEGER

SELECT count(*) FROM yr WHERE strftime(born, '%Y') = '1984';

SELECT count(*) FROM yr WHERE right(year(born)::varchar, 1) = '4';

SELECT count(*) FROM yr WHERE born::varchar LIKE '198%';

SELECT count(*) FROM mc WHERE country = 'JP' AND d >= '2024-11-15';

SELECT count(*) FROM mc WHERE (country = 'JP' AND d >= '2024-11-15') OR (country = 'US' AND d < '2023-02-01');

SELECT count(*) FROM mc WHERE (country, month(d)) IN (('JP', 3), ('US', 4));

SELECT count(*) FROM mc WHERE country || '/' || strftime(d, '%Y-%m') = 'JP/2024-03';

SELECT count(*) FROM mc WHERE concat_ws('-', country, year(d)) = 'JP-2024';

SELECT count(*) FROM mc WHERE CASE country WHEN 'JP' THEN d >= '2024-11-01' WHEN 'US' THEN d < '2023-02-01' ELSE false END;

SELECT count(*) FROM mc WHERE CASE WHEN country = 'JP' THEN d >= '2024-11-01' ELSE d >= '2024-12-01' END;

SELECT count(*) FROM mc WHERE d >= CASE country WHEN 'JP' THEN DATE '2024-11-01' ELSE DATE '2024-12-01' END;

SELECT count(*) FROM mc WHERE CASE country WHEN 'US' THEN 'domestic' ELSE 'abroad' END = 'domestic';

SELECT count(*) FROM mc WHERE CASE WHEN country IN ('US', 'CA') THEN 'NA' WHEN country = 'JP' THEN 'APAC' ELSE 'EMEA' END = $region;
--> mc: country = 'JP'
--$ region = 'APAC'::VARCHAR

SELECT count(*) FROM mc WHERE country COLLATE NOCASE = 'jp';
--> mc: country = 'JP'

SELECT count(*) FROM mc WHERE country COLLATE NOCASE IN ('jp', 'us');
--> mc: country IN ('JP', 'US')

SELECT count(*) FROM mc WHERE country COLLATE NOACCENT = 'JP';
--> mc: country = 'JP'

SELECT count(*) FROM mc WHERE country COLLATE NOCASE LIKE 'j%';

SELECT count(*) FROM mc WHERE list_has(['JP', 'US'], country);
--> mc: country IN ('JP', 'US')

SELECT count(*) FROM mc WHERE country = ANY(string_split('JP,US', ','));
--> mc: country IN ('JP', 'US')

SELECT count(*) FROM mc WHERE position(country IN 'JP,US') > 0;
--> mc: country IN ('JP', 'US')

SELECT count(*) FROM mc WHERE strpos($s, country) > 0;
--> mc: country IN ('JP', 'US')
--$ s = 'JP,US'::VARCHAR

SELECT count(*) FROM mc WHERE country NOT IN ($a, $b) AND d >= '2024-12-01';
--> mc: country NOT IN ('JP', 'US') AND d >= '2024-12-01'
--$ a = 'JP'::VARCHAR
--$ b = 'US'::VARCHAR

SELECT count(*) FROM mc WHERE NOT (country = 'JP' OR country = 'US') AND year(d) = 2024;

SELECT count(*) FROM mc WHERE country IS NOT DISTINCT FROM $c;
--> mc: country = 'JP'
--$ c = 'JP'::VARCHAR

SELECT count(*) FROM mc WHERE length($c) = 0 OR country = $c;
--> mc: country = 'JP'
--$ c = 'JP'::VARCHAR

SELECT count(*) FROM mc WHERE country = CASE WHEN $c = 'all' THEN country ELSE $c END;
--> mc: country = 'JP'
--$ c = 'JP'::VARCHAR

SELECT count(*) FROM mc WHERE country = if($c IS NULL, country, $c);
--> mc: country = 'JP'
--$ c = 'JP'::VARCHAR

SELECT count(*) FROM mc WHERE country = ifnull($c, country);
--> mc: country = 'JP'
--$ c = 'JP'::VARCHAR

SELECT count(*) FROM mc WHERE country = coalesce(nullif($c, ''), country);
--> mc: country = 'JP'
--$ c = 'JP'::VARCHAR

SELECT count(*) FROM mc WHERE coalesce($c, country) = country AND d >= coalesce($from, d);
--> mc: country = 'JP' AND d >= '2024-11-01'
--$ c = 'JP'::VARCHAR
--$ from = '2024-11-01'::DATE

SELECT count(*) FROM mc WHERE country LIKE coalesce($c, '%');
--> mc: country = 'JP'
--$ c = 'JP'::VARCHAR

SELECT count(*) FROM mc WHERE country LIKE '%' || $c || '%';
--> mc: country = 'JP'
--$ c = 'J'::VARCHAR

SELECT count(*) FROM mc WHERE $c IS NULL OR len($c) = 0 OR country IN $c;
--> mc: country = 'JP'
--$ c = ['JP']::VARCHAR[]

SELECT count(*) FROM mc WHERE coalesce(list_contains($c, country), true);
--> mc: country = 'JP'
--$ c = ['JP']::VARCHAR[]

SELECT count(*) FROM mc WHERE CASE WHEN len($c) > 0 THEN country IN $c ELSE true END;
--> mc: country = 'JP'
--$ c = ['JP']::VARCHAR[]

SELECT count(*) FROM tr WHERE sku LIKE 'AB%';

SELECT count(*) FROM tr WHERE starts_with(sku, 'AB-1');

SELECT count(*) FROM tr WHERE sku = 'AB-1' OR sku = 'CD-2';

SELECT count(*) FROM tr WHERE upper(sku) LIKE 'AB%';

SELECT count(*) FROM tr WHERE lower(sku) = 'ab-1';

SELECT count(*) FROM tr WHERE sku ILIKE 'ab%';

SELECT count(*) FROM tr WHERE left(sku, 2) = 'AB';

SELECT count(*) FROM tr WHERE left(sku, 1) IN ('A', 'F');

SELECT count(*) FROM tr WHERE substr(sku, 1, 2) IN ('AB', 'CD');

SELECT count(*) FROM tr WHERE split_part(sku, '-', 1) = 'AB';

SELECT count(*) FROM tr WHERE regexp_matches(sku, '^AB');

SELECT count(*) FROM tr WHERE regexp_matches(sku, '^(AB|CD)-');

SELECT count(*) FROM tr WHERE sku SIMILAR TO 'AB.*';

SELECT count(*) FROM tr WHERE regexp_full_match(sku, 'AB-[0-9]+');

SELECT count(*) FROM tr WHERE sku ~ 'AB.*';

SELECT count(*) FROM tr WHERE sku LIKE 'A%' AND sku NOT LIKE 'AB%';

SELECT count(*) FROM tr WHERE sku >= 'EE' AND sku < 'F';

SELECT count(*) FROM tr WHERE sku BETWEEN 'AB-1' AND 'AC-3';

SELECT count(*) FROM tr WHERE substring(sku FROM 2 FOR 1) = 'B';

SELECT count(*) FROM tr WHERE sku LIKE '_B%';

SELECT count(*) FROM tr WHERE sku[1] = 'A';

SELECT count(*) FROM tr WHERE sku[1:2] = 'AB';

SELECT count(*) FROM tr WHERE sku COLLATE NOCASE = 'ab-1';

SELECT count(*) FROM tr WHERE trim(sku) = 'AB-1';

SELECT count(*) FROM tr WHERE sku GLOB 'AB*';

SELECT count(*) FROM tr WHERE sku LIKE $p || '%';
--> tr: sku LIKE 'AB%'
--$ p = 'AB'::VARCHAR

SELECT count(*) FROM tr WHERE concat(left(sku, 2), '!') = 'AB!';

SELECT count(*) FROM tn WHERE num BETWEEN 250 AND 350;

SELECT count(*) FROM tn WHERE num // 100 = 3;

SELECT count(*) FROM tn WHERE num / 100 >= 48;

SELECT count(*) FROM tn WHERE num - num % 100 = 300;

SELECT count(*) FROM tn WHERE num % 1000 < 50;

SELECT count(*) FROM tn WHERE num::varchar LIKE '49%';

SELECT count(*) FROM tn WHERE abs(num - 2500) <= 10;

SELECT count(*) FROM tn WHERE 3 * num + 1 < 700;

SELECT count(*) FROM tn WHERE num * $k > 9800;
--> tn: num > 4900
--$ k = 2::INTEGER

SELECT count(*) FROM tn WHERE num + $k = 350;
--> tn: num = 340
--$ k = 10::INTEGER

SELECT count(*) FROM tn WHERE $k - num >= 0;
--> tn: num <= 150
--$ k = 150::INTEGER

SELECT count(*) FROM tn WHERE num::DOUBLE / 5000 > 0.99;

SELECT count(*) FROM tn WHERE num >= 0.98 * 5000;

SELECT count(*) FROM range(10, 12) AS r(i) JOIN tn ON tn.num = r.i;
--> tn: num IN (10, 11)

SELECT s.d, count(hr.id) FROM range(TIMESTAMP '2024-03-06 05:00', TIMESTAMP '2024-03-06 08:00', INTERVAL 1 HOUR) AS s(d) LEFT JOIN hr ON date_trunc('hour', hr.ts) = s.d GROUP BY 1;
--> hr: ts >= '2024-03-06 05:00' AND ts < '2024-03-06 08:00'

WITH s AS (SELECT unnest(range(DATE '2024-03-05', DATE '2024-03-08', INTERVAL 1 DAY))::DATE AS d) SELECT s.d, count(ev.id) FROM s LEFT JOIN ev ON ev.ts::date = s.d GROUP BY 1;
--> ev: ts::date BETWEEN '2024-03-05' AND '2024-03-07'

SELECT s.d, count(ev.id) FROM (SELECT d::date AS d FROM range(DATE '2024-03-05', DATE '2024-03-08', INTERVAL 1 DAY) AS r(d)) s LEFT JOIN ev ON ev.ts::date = s.d GROUP BY 1;
--> ev: ts::date BETWEEN '2024-03-05' AND '2024-03-07'

SELECT s.d, (SELECT count(*) FROM ev WHERE ev.ts::date = s.d) FROM range(DATE '2024-03-05', DATE '2024-03-08', INTERVAL 1 DAY) AS s(d);
--> ev: ts::date BETWEEN '2024-03-05' AND '2024-03-07'

SELECT s.d, count(od.id) FROM range(DATE '2024-01-01', DATE '2024-04-01', INTERVAL 1 MONTH) AS s(d) LEFT JOIN od ON date_trunc('month', od.d) = s.d GROUP BY 1;
--> od: d >= '2024-01-01' AND d < '2024-04-01'

SELECT s.d, count(od.id) FROM range(DATE '2024-01-01', DATE '2024-04-01', INTERVAL 1 MONTH) AS s(d) LEFT JOIN od ON od.d >= s.d AND od.d < s.d + INTERVAL 1 MONTH GROUP BY 1;
--> od: d >= '2024-01-01' AND d < '2024-04-01'

SELECT count(*) FROM tx WHERE status = 'void';

SELECT count(*) FROM tx WHERE lower(status) = 'in review' AND t >= '2024-12-01';

SELECT count(*) FROM tx WHERE status IN ('paid', 'shipped') AND quarter(t) = 2;

SELECT count(*) FROM tx WHERE status LIKE '%review%' OR status ILIKE '%review%';

SELECT count(*) FROM tx WHERE status NOT LIKE '%e%' AND monthname(t) = 'May';

SELECT count(*) FROM tx WHERE length(status) = 4 AND t < '2024-02-01';

SELECT count(*) FROM tx WHERE status <> 'void' AND status NOT IN ('new', 'paid') AND month(t) = 1;

SELECT count(*) FROM tx WHERE contains(status, 'turn');

SELECT count(*) FROM tx WHERE ends_with(status, 'ed') AND date_trunc('quarter', t) = DATE '2024-10-01';

SELECT count(*) FROM tx WHERE suffix(status, 'ed') AND t >= '2024-12-01';

SELECT count(*) FROM tx WHERE regexp_replace(status, 'i', '') = 'vod';

SELECT count(*) FROM tx WHERE string_split(status, ' ')[1] = 'In';

SELECT count(*) FROM tx WHERE t >= date_trunc('quarter', DATE '2024-11-20') - INTERVAL 3 MONTH AND t < date_trunc('quarter', DATE '2024-11-20');

SELECT count(*) FROM tx WHERE t >= make_timestamp(2024, 11, 1, 0, 0, 0.0);

SELECT count(*) FROM tx WHERE t >= strptime($s, '%d.%m.%Y');
--> tx: t >= '2024-11-01'
--$ s = '01.11.2024'::VARCHAR

SELECT count(*) FROM tx WHERE t >= strptime('2024-11', '%Y-%m');

SELECT count(*) FROM tx WHERE t >= ($y || '-11-01')::DATE;
--> tx: t >= '2024-11-01'
--$ y = '2024'::VARCHAR

SELECT count(*) FROM tx WHERE t >= (concat($y, '-', $m, '-01'))::DATE AND t < (concat($y, '-', $m, '-01'))::DATE + INTERVAL 1 MONTH;
--> tx: t >= '2024-11-01' AND t < '2024-12-01'
--$ y = 2024::INTEGER
--$ m = 11::INTEGER

SELECT count(*) FROM tx WHERE t >= make_date($y, $m, 1) AND t <= last_day(make_date($y, $m, 1));
--> tx: t >= '2024-11-01' AND t < '2024-12-01'
--$ y = 2024::INTEGER
--$ m = 11::INTEGER

SELECT count(*) FROM tx WHERE year(t) = $y AND month(t) = $m;
--> tx: t >= '2024-11-01' AND t < '2024-12-01'
--$ y = 2024::INTEGER
--$ m = 11::INTEGER

SELECT count(*) FROM tx WHERE t BETWEEN to_timestamp($a)::TIMESTAMP AND to_timestamp($b)::TIMESTAMP;
--> tx: t BETWEEN '2024-11-01' AND '2024-11-30'
--$ a = 1730419200::BIGINT
--$ b = 1732924800::BIGINT

SELECT count(*) FROM tx WHERE t >= date_add(DATE '2024-10-01', INTERVAL 1 MONTH);

SELECT count(*) FROM tx WHERE t >= DATE '2024-12-01' - to_months($n);
--> tx: t >= '2024-11-01'
--$ n = 1::INTEGER

SELECT count(*) FROM tx WHERE t >= DATE '2024-12-01' - INTERVAL ($n) MONTH;
--> tx: t >= '2024-11-01'
--$ n = 1::INTEGER

SELECT count(*) FROM tx WHERE t >= DATE '2024-12-01' - ($n || ' months')::INTERVAL;
--> tx: t >= '2024-11-01'
--$ n = 1::INTEGER

SELECT count(*) FROM tx WHERE t >= (CASE $p WHEN 'month' THEN DATE '2024-12-01' WHEN 'quarter' THEN DATE '2024-10-01' ELSE DATE '2024-01-01' END);
--> tx: t >= '2024-12-01'
--$ p = 'month'::VARCHAR

SELECT count(*) FROM tx WHERE t >= greatest($a, DATE '2024-11-01') AND t < least($b, DATE '2024-12-01');
--> tx: t >= '2024-11-01' AND t < '2024-12-01'
--$ a = '2024-01-01'::DATE
--$ b = '2025-01-01'::DATE

SELECT count(*) FROM tx WHERE t >= (DATE '2024-11-01' + TIME '00:00');

SELECT count(*) FROM tx WHERE t >= TIMESTAMP '2024-11-01 00:00' AT TIME ZONE 'UTC';
--> tx: t >= '2024-11-01'

SELECT count(*) FROM tx WHERE t >= '2024-11-01'::TIMESTAMPTZ;
--> tx: t >= '2024-11-01'

SELECT count(*) FROM tx WHERE t >= DATE_TRUNC('MONTH', $d::DATE) AND t < DATE_TRUNC('MONTH', $d::DATE) + INTERVAL '1' MONTH;
--> tx: t >= '2024-11-01' AND t < '2024-12-01'
--$ d = '2024-11-17'::VARCHAR

SELECT count(*) FROM tx WHERE t::date - DATE '2024-12-01' BETWEEN 0 AND 9;

SELECT count(*) FROM tx WHERE abs(date_diff('day', t, TIMESTAMP '2024-06-15')) <= 3;

SELECT count(*) FROM tx WHERE abs(t::date - DATE '2024-06-15') <= 3;

SELECT count(*) FROM tx WHERE t - TIMESTAMP '2024-12-01' < INTERVAL 9 DAY AND t >= '2024-12-01';

SELECT count(*) FROM tx WHERE TIMESTAMP '2024-12-31' - t <= INTERVAL '10 days';

SELECT count(*) FROM tx WHERE age(t) > INTERVAL 1 MONTH AND t < '2024-02-01';

SELECT count(*) FROM tx WHERE age(DATE '2024-12-31', t) < INTERVAL 1 MONTH;

SELECT count(*) FROM tx WHERE dayofyear(t) > 350;

SELECT count(*) FROM tx WHERE month(t) + 12 * (year(t) - 2024) >= 11;

SELECT count(*) FROM tx WHERE isodow(t) IN (6, 7) AND month(t) = 7;

SELECT count(*) FROM tx WHERE t::date = ANY(['2024-03-05'::DATE, '2024-05-05'::DATE]);

SELECT count(*) FROM tx WHERE t::date IN ('2024-03-05', '2024-05-05');

SELECT count(*) FROM tx WHERE date_trunc('day', t) BETWEEN '2024-03-05' AND '2024-03-07';

SELECT count(*) FROM tx WHERE strftime(t, '%b %Y') = 'Nov 2024';

SELECT count(*) FROM tx WHERE strftime(t, '%m/%Y') IN ('11/2024', '12/2024');

SELECT count(*) FROM tx WHERE strftime(t, 'week %V') = 'week 20';

SELECT count(*) FROM tx WHERE monthname(t)[1:3] = 'Nov';

SELECT count(*) FROM tx WHERE t >= (SELECT t FROM tx ORDER BY t DESC LIMIT 1);
--> tx: t >= '2024-12-01'
--> tx: t >= '2024-12-01'

SELECT count(*) FROM tx WHERE t = (SELECT max(t) FROM tx WHERE false);
--> tx: FALSE
--> tx: FALSE

SELECT count(*) FROM od WHERE d = (SELECT max(d) FROM od WHERE FALSE);
--> od: FALSE
--> od: FALSE

SELECT count(*) FROM od WHERE d = (SELECT max(d) FROM od WHERE d > '2030-01-01');
--> od: FALSE
--> od: FALSE

SELECT count(*) FROM od WHERE d = (SELECT max(day) FROM dd WHERE y = 1900);
--> od: FALSE
--> dd: FALSE

SELECT count(*) FROM od WHERE d = (SELECT day FROM dd WHERE y = 2023 AND m = 3 AND sk = 430);
--> od: d = (SELECT day FROM dd WHERE sk = 430)
--> dd: TRUE

SELECT count(*) FROM od WHERE d > (SELECT max(day) FROM dd WHERE y = 2024 AND m = 10);
--> od: d >= '2024-11-01'
--> dd: TRUE

SELECT count(*) FROM od WHERE d >= (SELECT max(day) - INTERVAL 1 MONTH FROM dd WHERE y = 2024 AND m = 12);
--> od: d >= '2024-11-30'
--> dd: TRUE

SELECT count(*) FROM od WHERE date_trunc('month', d) = (SELECT max(date_trunc('month', d)) FROM od);
--> od: d >= '2024-12-01'
--> od: d >= '2024-12-01'

SELECT sum(CASE WHEN ts >= '2030-01-01' THEN 1 ELSE 0 END) FROM ev;
--> ev: FALSE

SELECT sum(CASE WHEN ts >= '2030-01-01' THEN amount ELSE 0 END) FROM ev;
--> ev: FALSE

SELECT sum(CASE WHEN ts >= '2024-04-28' THEN amount ELSE 0 END), sum(CASE WHEN ts >= '2030-01-01' THEN amount ELSE 0 END) FROM ev;
--> ev: ts >= '2024-04-28'

SELECT count_if(ts >= '2030-01-01') FROM ev;
--> ev: FALSE

SELECT sum((ts >= '2024-04-28')::INTEGER) FROM ev;
--> ev: ts >= '2024-04-28'

SELECT sum(amount) FILTER (ts >= '2024-04-28'), count(*) FILTER (WHERE country = 'JP' AND ts >= '2024-04-01') FROM ev;
--> ev: ts >= '2024-04-28' OR (country = 'JP' AND ts >= '2024-04-01')

SELECT count(CASE WHEN ts >= '2024-04-28' THEN 1 END) * 100.0 / count(CASE WHEN ts >= '2024-04-21' THEN 1 END) FROM ev;
--> ev: ts >= '2024-04-21'

SELECT count(DISTINCT CASE WHEN ts >= '2024-04-28' THEN uid END) FROM ev;
--> ev: ts >= '2024-04-28'

SELECT avg(CASE WHEN country = 'JP' THEN amount END) FROM ev;
--> ev: country = 'JP'

SELECT max(CASE WHEN country = 'JP' THEN amount END), min(if(country = 'JP', amount, NULL)) FROM ev;
--> ev: country = 'JP'

SELECT sum(if(ts >= '2024-04-28', amount, 0)) FROM ev;
--> ev: ts >= '2024-04-28'

SELECT count(*) FROM bt WHERE key = 'k5';

SELECT count(*) FROM bt WHERE key = 'k' || $n;
--> bt: key = 'k5'
--$ n = 5::INTEGER

SELECT count(*) FROM bt WHERE key = concat('k', $n::INTEGER);
--> bt: key = 'k5'
--$ n = 5::INTEGER

SELECT count(*) FROM bt WHERE key = lower($k);
--> bt: key = 'k5'
--$ k = 'K5'::VARCHAR

SELECT count(*) FROM bt WHERE key = trim($k);
--> bt: key = 'k5'
--$ k = ' k5 '::VARCHAR

SELECT count(*) FROM bt WHERE key = ANY($l);
--> bt: key IN ('k5', 'k6')
--$ l = ['k5', 'k6']::VARCHAR[]

SELECT count(*) FROM bt WHERE key IN (SELECT unnest($l));
--> bt: key IN ('k5', 'k6')
--$ l = ['k5', 'k6']::VARCHAR[]

SELECT count(*) FROM bt WHERE list_contains($l, key);
--> bt: key IN ('k5', 'k6')
--$ l = ['k5', 'k6']::VARCHAR[]

SELECT count(*) FROM bt JOIN (VALUES ('k5'), ('k6')) v(k) ON bt.key = v.k;
--> bt: key IN ('k5', 'k6')

SELECT count(*) FROM bk WHERE uid - 1 = $n;
--> bk: uid = 5
--$ n = 4::INTEGER

SELECT count(*) FROM bk WHERE 10 - uid = 3;

SELECT count(*) FROM bk WHERE uid * 2 = 10;

SELECT count(*) FROM bk WHERE -uid = -5;

SELECT count(*) FROM bk WHERE uid = 5.0;

SELECT count(*) FROM bk WHERE uid = '5';

SELECT count(*) FROM bk WHERE uid::varchar IN ('5', '6');

SELECT count(*) FROM bk WHERE CAST(uid AS VARCHAR) = $u;
--> bk: uid = 5
--$ u = '5'::VARCHAR

SELECT count(*) FROM bk WHERE concat('u', uid) = 'u5';

SELECT count(*) FROM bk WHERE uid::INTEGER = 5;

SELECT count(*) FROM bk WHERE uid::HUGEINT = 5;

SELECT count(*) FROM bk WHERE uid IN (5, NULL);

SELECT count(*) FROM bk WHERE coalesce(uid, 0) = 5;

SELECT count(*) FROM bk WHERE uid = (SELECT uid FROM us WHERE uid = 5);
--> bk: uid = 5
--> us: TRUE

SELECT count(*) FROM bk WHERE uid = (SELECT max(uid) FROM us WHERE org = 1 AND uid < 10);
--> bk: uid = 6
--> us: TRUE

SELECT count(*) FROM bk WHERE uid IS NOT DISTINCT FROM 5;

SELECT count(*) FROM bk WHERE CASE WHEN $u IS NULL THEN true ELSE uid = $u END;
--> bk: uid = 5
--$ u = 5::BIGINT

SELECT count(*) FROM bk WHERE uid = coalesce($u, uid);
--> bk: uid = 5
--$ u = 5::BIGINT

SELECT count(*) FROM lk WHERE plan = 'pro';

SELECT count(*) FROM lk WHERE plan = 'enterprise';

SELECT count(*) FROM lk WHERE plan NOT IN ('free', 'trial', 'pro', 'team');

SELECT count(*) FROM lk WHERE tier = 'low';
--> lk: plan IN ('free', 'trial')

SELECT count(*) FROM lk WHERE upper(tier) = 'LOW';
--> lk: plan IN ('free', 'trial')

SELECT count(*) FROM lg WHERE year = 2024 AND (month, day) >= (1, 20);
--> lg: ts >= '2024-01-20'

SELECT count(*) FROM lg WHERE year * 100 + month = 202401;
--> lg: ts >= '2024-01-01'

SELECT count(*) FROM lg WHERE format('{:04d}-{:02d}', year, month) = '2024-01';
--> lg: ts >= '2024-01-01'

SELECT count(*) FROM lg WHERE ts::date = '2024-01-20' AND year = 2024 AND month = 1;
--> lg: ts::date = '2024-01-20'

SELECT count(*) FROM ev e JOIN us USING (uid) JOIN org USING (org) JOIN dd ON e.ts::date = dd.day WHERE oname = 'acme' AND dd.y = 2024 AND dd.m = 2;
--> ev: ts >= '2024-02-01' AND ts < '2024-03-01'
--> us: TRUE
--> org: TRUE
--> dd: TRUE

SELECT count(*) FROM sf JOIN dd ON sf.sk = dd.sk JOIN cal ON dd.y = cal.y AND dd.q = cal.q WHERE cal.name = 'spring 24';
--> sf: sk IN (SELECT sk FROM dd WHERE y = 2024 AND q = 2)
--> dd: TRUE
--> cal: TRUE

SELECT count(*) FROM ev JOIN cal ON year(ev.ts) = cal.y AND quarter(ev.ts) = cal.q WHERE cal.name = 'spring 24';
--> ev: year(ts) = 2024 AND quarter(ts) = 2
--> cal: TRUE

SELECT count(*) FROM ev a JOIN ev b ON a.ts::date = b.ts::date + 1 WHERE a.ts::date = '2024-03-05';
--> ev: ts::date = '2024-03-05'
--> ev: ts::date = '2024-03-04'

SELECT count(*) FROM ev a JOIN ev b ON a.uid = b.uid AND b.ts > a.ts AND b.ts <= a.ts + INTERVAL 1 DAY WHERE a.ts::date = '2024-03-05';
--> ev: ts::date = '2024-03-05'
--> ev: ts::date BETWEEN '2024-03-05' AND '2024-03-06'

SELECT count(*) FROM ev a, od o WHERE a.ts::date - o.d BETWEEN 0 AND 2 AND o.d = '2024-02-10';
--> ev: ts::date BETWEEN '2024-02-10' AND '2024-02-12'
--> od: d = '2024-02-10'

SELECT count(*) FROM ev a, od o WHERE date_diff('day', o.d, a.ts) BETWEEN 0 AND 2 AND o.d = '2024-02-10';
--> ev: ts::date BETWEEN '2024-02-10' AND '2024-02-12'
--> od: d = '2024-02-10'

SELECT count(*) FROM ev a JOIN od o ON year(a.ts) = year(o.d) AND month(a.ts) = month(o.d) WHERE o.d = '2024-02-10';
--> ev: ts >= '2024-02-01' AND ts < '2024-03-01'
--> od: d = '2024-02-10'

SELECT count(*) FROM ev a JOIN od o ON strftime(a.ts, '%Y-%m-%d') = o.d::varchar WHERE o.d = '2024-02-10';
--> ev: ts::date = '2024-02-10'
--> od: d = '2024-02-10'

SELECT count(*) FROM hr JOIN od ON hr.ts::date = od.d WHERE od.d BETWEEN '2024-03-05' AND '2024-03-06' AND hour(hr.ts) < 2;
--> hr: ts::date BETWEEN '2024-03-05' AND '2024-03-06' AND hour(ts) < 2
--> od: d BETWEEN '2024-03-05' AND '2024-03-06'

SELECT (SELECT count(*) FROM ev WHERE ev.ts::date = o.d) FROM od o WHERE o.d = '2024-02-10';
--> ev: ts::date = '2024-02-10'
--> od: d = '2024-02-10'

SELECT o.d, x.n FROM od o, LATERAL (SELECT count(*) AS n FROM ev WHERE ev.ts::date = o.d) x WHERE o.d = '2024-02-10';
--> od: d = '2024-02-10'
--> ev: ts::date = '2024-02-10'

SELECT count(*) FROM mc WHERE d >= '2024-12-01' AND country IN (SELECT code FROM cc WHERE continent = 'Asia');
--> mc: d >= '2024-12-01' AND country = 'JP'
--> cc: TRUE

SELECT count(*) FROM tx JOIN (VALUES ('paid', DATE '2024-03-01'), ('void', DATE '2024-04-01')) v(s, m) ON tx.status = v.s AND date_trunc('month', tx.t) = v.m;
--> tx: (status = 'paid' AND month(t) = 3) OR (status = 'void' AND month(t) = 4)

WITH p AS (SELECT $a::DATE AS a, $a::DATE + INTERVAL 1 MONTH AS b) SELECT count(*) FROM tx WHERE t >= (SELECT a FROM p) AND t < (SELECT b FROM p);
--> tx: t >= '2024-11-01' AND t < '2024-12-01'
--$ a = '2024-11-01'::VARCHAR

WITH p AS (SELECT date_trunc('month', current_date) AS a) SELECT count(*) FROM ev CROSS JOIN p WHERE ts >= p.a AND ts < p.a + INTERVAL 1 MONTH;
--> ev: ts >= '2024-03-01' AND ts < '2024-04-01'

WITH p AS (SELECT unnest(['JP', 'US']) AS c) SELECT count(*) FROM mc WHERE country IN (SELECT c FROM p) AND d >= '2024-12-01';
--> mc: country IN ('JP', 'US') AND d >= '2024-12-01'

SELECT max(day) FROM fd WHERE isfinite(day);
--> fd: day = '2024-02-29'

SELECT max(day) FROM fd WHERE day < current_date;
--> fd: day = '2024-02-29'

SELECT count(*) FROM fd WHERE day = (SELECT max(day) FROM fd WHERE day <= current_date);
--> fd: day = '2024-02-29'
--> fd: day = '2024-02-29'

SELECT count(*) FROM fd WHERE day = (SELECT max(day) FROM fd);
--> fd: day = 'infinity'
--> fd: day = 'infinity'

SELECT count(*) FROM nw WHERE ts = (SELECT max(ts) FROM nw);
--> nw: ts = 'infinity'
--> nw: ts = 'infinity'

SELECT id FROM fd ORDER BY day DESC NULLS LAST LIMIT 1;
--> fd: day = 'infinity'

SELECT id FROM fd WHERE n = 1 ORDER BY day DESC LIMIT 2;
--> fd: day = 'infinity' OR day = '2024-02-29'

SELECT min(day) FROM fd;
--> fd: day = '2024-01-01'

SELECT count(*) FROM fd WHERE day >= '2024-02-28';

SELECT count(*) FROM fd WHERE month(day) = 2;

SELECT count(*) FROM fd WHERE isfinite(day) AND day >= '2024-02-28';

SELECT count(*) FROM fd WHERE NOT isfinite(day);

SELECT count(*) FROM lg WHERE make_date(year, month, day) BETWEEN DATE '2023-12-30' AND DATE '2024-01-02';
--> lg: ts >= '2023-12-30' AND ts < '2024-01-03'

SELECT count(*) FROM lg WHERE (year || '-' || month || '-' || day)::DATE >= DATE '2024-01-20';
--> lg: ts >= '2024-01-20'

SELECT country, sum(amount) FILTER (WHERE ts >= '2024-04-28') FROM ev GROUP BY country HAVING count(*) FILTER (WHERE ts >= '2024-04-28') > 0;
--> ev: ts >= '2024-04-28'

SELECT count(*) FROM bt WHERE key IN (SELECT 'k' || uid FROM us WHERE uid < 2);
--> bt: key IN ('k0', 'k1')
--> us: TRUE

SELECT count(*) FROM mc WHERE country NOT IN (SELECT code FROM cc WHERE continent <> 'Asia') AND d >= '2024-12-01';
--> mc: d >= '2024-12-01' AND country = 'JP'
--> cc: TRUE

SELECT count(*) FROM mc JOIN cc ON lower(mc.country) = lower(cc.code) WHERE cc.continent = 'Asia';
--> mc: country = 'JP'
--> cc: TRUE

SELECT count(*) FROM lg WHERE make_timestamp(year, month, day, 0, 0, 0) >= TIMESTAMP '2024-01-28';
--> lg: ts >= '2024-01-28'

SELECT count(*) FROM lg WHERE strptime(year || '-' || month || '-' || day, '%Y-%m-%d') >= '2024-01-28';
--> lg: ts >= '2024-01-28'

SELECT count(*) FROM lg WHERE printf('%04d-%02d-%02d', year, month, day) BETWEEN '2023-12-30' AND '2024-01-02';
--> lg: ts >= '2023-12-30' AND ts < '2024-01-03'

SELECT count(*) FROM lg WHERE format('{}{:02d}', year, month) = '202401';
--> lg: ts >= '2024-01-01' AND ts < '2024-02-01'

SELECT count(*) FROM lg WHERE make_date(year, month, day) = (SELECT max(make_date(year, month, day)) FROM lg);
--> lg: ts >= '2024-01-31'
--> lg: ts >= '2024-01-31'

SELECT count(*) FROM lg WHERE (year, month, day) >= (2024, 1, 25);
--> lg: ts >= '2024-01-25'

SELECT count(*) FROM lg WHERE year * 12 + month - 1 = 2024 * 12;
--> lg: ts >= '2024-01-01' AND ts < '2024-02-01'

SELECT count(*) FROM lg WHERE make_date(year, month, day) >= current_date - 60;
--> lg: ts >= '2024-01-11'

SELECT count(*) FROM lg WHERE lpad(month::varchar, 2, '0') || lpad(day::varchar, 2, '0') = '0115';
--> lg: month(ts) = 1 and day(ts) = 15

SELECT count(*) FROM lg WHERE make_date(year, month, day) + 7 > DATE '2024-02-03';
--> lg: ts >= '2024-01-28'

SELECT count(*) FROM lg WHERE dayname(make_date(year, month, day)) = 'Sunday' AND month = 1;
--> lg: dayname(ts) = 'Sunday' and month(ts) = 1

SELECT count(*) FROM lg WHERE make_date(year, month, day) IN ('2024-01-05', '2024-01-06');
--> lg: ts::date IN ('2024-01-05', '2024-01-06')

SELECT count(*) FROM lg WHERE ts::date = make_date(year, month, day) AND ts >= '2024-01-30';
--> lg: ts >= '2024-01-30'

SELECT count(*) FROM mc WHERE country || date_part('year', d) IN ('JP2024', 'US2023');
--> mc: country || year(d) IN ('JP2024', 'US2023')

SELECT count(*) FROM mc WHERE concat(lower(country), '_', strftime(d, '%Y%m')) = 'jp_202403';
--> mc: country = 'JP' AND d >= '2024-03-01' AND d < '2024-04-01'

SELECT count(*) FROM mc WHERE CASE country WHEN 'US' THEN year(d) = 2024 WHEN 'JP' THEN year(d) = 2023 ELSE false END;
--> mc: (country = 'US' AND year(d) = 2024) OR (country = 'JP' AND year(d) = 2023)

SELECT count(*) FROM mc WHERE if(country = 'US', d >= '2024-12-01', d >= '2024-11-01');
--> mc: (country = 'US' AND d >= '2024-12-01') OR (country <> 'US' AND d >= '2024-11-01')

SELECT count(*) FROM mc WHERE d >= CASE country WHEN 'US' THEN DATE '2024-12-01' ELSE DATE '2024-11-01' END;
--> mc: (country = 'US' AND d >= '2024-12-01') OR (country <> 'US' AND d >= '2024-11-01')

SELECT count(*) FROM mc WHERE (country, year(d)) IN (('US', 2024), ('JP', 2023));
--> mc: (country = 'US' AND year(d) = 2024) OR (country = 'JP' AND year(d) = 2023)

SELECT count(*) FROM mc WHERE country || '-' || quarter(d) || '-' || year(d) = $q;
--> mc: country = 'US' AND d >= '2024-04-01' AND d < '2024-07-01'
--$ q = 'US-2-2024'::VARCHAR

SELECT count(*) FROM mc WHERE left(country, 1) || month(d) = 'J3';
--> mc: country = 'JP' and month(d) = 3

SELECT count(*) FROM mc WHERE contains(country || strftime(d, '%Y'), 'P2024');
--> mc: country = 'JP' AND year(d) = 2024

SELECT count(*) FROM mc WHERE struct_pack(c := country, y := year(d)) = {'c': 'JP', 'y': 2024};
--> mc: country = 'JP' AND year(d) = 2024

SELECT count(*) FROM ev WHERE country || ':' || ts::date = 'JP:2024-03-05';
--> ev: country = 'JP' AND ts::date = '2024-03-05'

SELECT count(*) FROM ev WHERE strftime(ts, '%Y-%m-%d') || '|' || country IN ('2024-03-05|JP', '2024-03-06|US');
--> ev: strftime(ts, '%Y-%m-%d') || '|' || country IN ('2024-03-05|JP', '2024-03-06|US')

SELECT count(*) FROM ev WHERE dt || '/' || region = '2024-02-03/EU';
--> ev: ts::date = '2024-02-03' and country in ('DE','FR')

SELECT count(*) FROM tx WHERE upper(status) || month(t) = 'PAID7';
--> tx: status = 'paid' and month(t) = 7

SELECT count(*) FROM tx WHERE status || '@' || date_trunc('month', t)::DATE = 'void@2024-05-01';
--> tx: status = 'void' and month(t) = 5

SELECT count(*) FROM ev a JOIN od o ON a.ts::date = o.d + 1 WHERE o.d = '2024-02-10';
--> ev: ts::date = '2024-02-11'
--> od: d = '2024-02-10'

SELECT count(*) FROM ev a JOIN od o ON a.ts - o.d < INTERVAL 2 DAY AND a.ts >= o.d WHERE o.d = '2024-02-10';
--> ev: ts >= '2024-02-10' and ts < '2024-02-12'
--> od: d = '2024-02-10'

SELECT count(*) FROM ev a, od o WHERE abs(a.ts::date - o.d) <= 1 AND o.d = '2024-02-10';
--> ev: ts >= '2024-02-09' and ts < '2024-02-12'
--> od: d = '2024-02-10'

SELECT count(*) FROM ev a, od o WHERE a.ts::date - o.d BETWEEN 0 AND $n AND o.d = '2024-02-10';
--> ev: ts >= '2024-02-10' and ts < '2024-02-13'
--> od: d = '2024-02-10'
--$ n = 2::INTEGER

SELECT count(*) FROM ev a, od o WHERE date_diff('day', o.d, a.ts::date) = 3 AND o.d = '2024-02-10';
--> ev: ts::date = '2024-02-13'
--> od: d = '2024-02-10'

SELECT count(*) FROM od a JOIN od b ON date_diff('month', a.d, b.d) = 1 WHERE a.d >= '2024-03-01' AND a.d < '2024-04-01';
--> od: d >= '2024-03-01' AND d < '2024-04-01'
--> od: d >= '2024-04-01' AND d < '2024-05-01'

SELECT count(*) FROM ev a JOIN hr h ON date_diff('hour', h.ts, a.ts) BETWEEN 0 AND 1 WHERE h.ts >= '2024-03-11 05:00' AND h.ts < '2024-03-11 06:00';
--> ev: ts::date = '2024-03-11'
--> hr: ts >= '2024-03-11 05:00' AND ts < '2024-03-11 06:00'

SELECT count(*) FROM ev a JOIN od o ON epoch(a.ts) - epoch(o.d) BETWEEN 0 AND 86399 WHERE o.d = '2024-02-10';
--> ev: ts::date = '2024-02-10'
--> od: d = '2024-02-10'

SELECT count(*) FROM ev a JOIN od o ON datediff('day', o.d, a.ts) < 2 AND datediff('day', o.d, a.ts) >= 0 WHERE o.d = '2024-02-10';
--> ev: ts >= '2024-02-10' and ts < '2024-02-12'
--> od: d = '2024-02-10'

SELECT country, count(*) FILTER (WHERE ts >= '2024-04-28') AS n FROM ev GROUP BY country HAVING n >= 1;
--> ev: ts >= '2024-04-28'

SELECT country, sum(CASE WHEN ts >= '2024-04-28' THEN amount ELSE 0 END) AS s FROM ev GROUP BY country HAVING s > 0;
--> ev: ts >= '2024-04-28'

SELECT country, count(CASE WHEN ts >= '2024-04-28' THEN 1 END) AS n FROM ev GROUP BY country HAVING count(CASE WHEN ts >= '2024-04-28' THEN 1 END) > 10;
--> ev: ts >= '2024-04-28'

SELECT uid FROM ev GROUP BY uid HAVING max(ts) >= '2024-04-28';
--> ev: ts >= '2024-04-28'

SELECT uid, max(ts) AS last_seen FROM ev GROUP BY uid HAVING last_seen > TIMESTAMP '2024-04-28';
--> ev: ts >= '2024-04-28'

SELECT uid FROM ev GROUP BY uid HAVING bool_or(ts >= '2024-04-28');
--> ev: ts >= '2024-04-28'

SELECT country, count_if(ts >= '2024-04-28') AS n FROM ev GROUP BY country HAVING n > 0;
--> ev: ts >= '2024-04-28'

SELECT * FROM (SELECT country, count(*) FILTER (WHERE ts >= '2024-04-28') AS n FROM ev GROUP BY country) WHERE n > 0;
--> ev: ts >= '2024-04-28'

WITH r AS (SELECT uid, max(ts) AS last FROM ev GROUP BY uid) SELECT count(*) FROM r WHERE last >= '2024-04-28';
--> ev: ts >= '2024-04-28'

SELECT country, sum(amount) FILTER (WHERE ts >= '2024-04-28') AS s FROM ev GROUP BY country HAVING s IS NOT NULL;
--> ev: ts >= '2024-04-28'

SELECT count(DISTINCT uid) FILTER (WHERE ts >= '2024-04-28') FROM ev;
--> ev: ts >= '2024-04-28'

SELECT count(*) FROM hv JOIN dd ON hv.dt = strftime(dd.day, '%Y-%m-%d') WHERE dd.y = 2024 AND dd.m = 2 AND dd.wd = 'Monday';
--> hv: dt::date IN (SELECT day FROM dd WHERE y = 2024 AND m = 2 AND wd = 'Monday')
--> dd: TRUE

SELECT count(*) FROM hv WHERE CAST(dt AS DATE) IN (SELECT day FROM dd WHERE y = 2024 AND m = 2 AND wd = 'Monday');
--> hv: dt::date IN (SELECT day FROM dd WHERE y = 2024 AND m = 2 AND wd = 'Monday')
--> dd: TRUE

SELECT count(*) FROM hv JOIN dd ON strptime(hv.dt, '%Y-%m-%d')::date = dd.day WHERE dd.y = 2024 AND dd.q = 1 AND dd.wd = 'Friday';
--> hv: dt::date IN (SELECT day FROM dd WHERE y = 2024 AND q = 1 AND wd = 'Friday')
--> dd: TRUE

SELECT count(*) FROM hv WHERE EXISTS (SELECT 1 FROM dd WHERE dd.day::varchar = hv.dt AND dd.y = 2024 AND dd.m = 3 AND dd.wd = 'Monday');
--> hv: dt::date IN (SELECT day FROM dd WHERE y = 2024 AND m = 3 AND wd = 'Monday')
--> dd: TRUE

SELECT count(*) FROM ev JOIN cc ON upper(ev.country) = upper(cc.code) WHERE cc.continent = 'Asia';
--> ev: country = 'JP'
--> cc: TRUE

SELECT count(*) FROM ev JOIN cc ON trim(cc.code) = ev.country WHERE cc.continent = 'Europe';
--> ev: country IN ('DE', 'FR')
--> cc: TRUE

SELECT count(*) FROM bt JOIN us ON bt.key = 'k' || us.uid WHERE us.uid < 2;
--> bt: key IN ('k0', 'k1')
--> us: TRUE

SELECT count(*) FROM bt JOIN us ON bt.key = concat('k', us.uid) WHERE us.uid < 2;
--> bt: key IN ('k0', 'k1')
--> us: TRUE

SELECT count(*) FROM ev JOIN dd ON strftime(ev.ts, '%Y%m%d')::INTEGER = (dd.y * 10000 + dd.m * 100 + day(dd.day)) WHERE dd.y = 2024 AND dd.m = 2 AND dd.wd = 'Monday';
--> ev: ts::date IN (SELECT day FROM dd WHERE y = 2024 AND m = 2 AND wd = 'Monday')
--> dd: TRUE

SELECT count(*) FROM ev JOIN dd ON strftime(ev.ts, '%Y-%m-%d') = dd.day::varchar WHERE dd.y = 2024 AND dd.m = 2 AND dd.wd = 'Monday';
--> ev: ts::date IN (SELECT day FROM dd WHERE y = 2024 AND m = 2 AND wd = 'Monday')
--> dd: TRUE

SELECT count(*) FROM od JOIN cal ON year(od.d) = cal.y AND quarter(od.d) = cal.q WHERE cal.name = 'spring 24';
--> od: d >= '2024-04-01' AND d < '2024-07-01'
--> cal: TRUE

SELECT count(*) FROM mc JOIN cc ON mc.country = cc.code AND cc.continent IN ('Asia') WHERE mc.d >= '2024-12-01';
--> mc: country = 'JP' AND d >= '2024-12-01'
--> cc: TRUE

SELECT count(*) FROM ev WHERE country NOT IN (SELECT code FROM cc WHERE continent = 'America');
--> ev: country NOT IN ('US', 'CA')
--> cc: TRUE

SELECT count(*) FROM ev WHERE NOT EXISTS (SELECT 1 FROM cc WHERE cc.code = ev.country AND cc.continent <> 'Asia');
--> ev: country = 'JP'
--> cc: TRUE

SELECT count(*) FROM mc ANTI JOIN cc ON mc.country = cc.code AND cc.continent <> 'Asia' WHERE d >= '2024-12-01';
--> mc: country = 'JP' AND d >= '2024-12-01'
--> cc: TRUE

SELECT count(*) FROM mc LEFT JOIN (SELECT code FROM cc WHERE continent <> 'Asia') x ON mc.country = x.code WHERE x.code IS NULL;
--> mc: country = 'JP'
--> cc: TRUE

SELECT count(*) FROM ev WHERE country <> ALL (SELECT code FROM cc WHERE continent <> 'Asia');
--> ev: country = 'JP'
--> cc: TRUE

SELECT count(*) FROM ev WHERE ts > (SELECT ts FROM ev ORDER BY ts DESC LIMIT 1) - INTERVAL 1 DAY;
--> ev: ts >= '2024-04-29'
--> ev: ts >= '2024-04-29'

SELECT count(*) FROM tx WHERE date_trunc('month', t) = (SELECT date_trunc('month', t) FROM tx ORDER BY t DESC LIMIT 1);
--> tx: t >= '2024-12-01'
--> tx: t >= '2024-12-01'

SELECT count(*) FROM tx WHERE t::date IN (SELECT DISTINCT t::date FROM tx ORDER BY 1 DESC LIMIT 3);
--> tx: t >= '2024-12-29'
--> tx: t >= '2024-12-29'

SELECT count(*) FROM od WHERE d >= (SELECT min(d) FROM (SELECT d FROM od ORDER BY d DESC LIMIT 10));
--> od: d >= '2024-12-22'
--> od: d >= '2024-12-22'

WITH last AS (SELECT d FROM od ORDER BY d DESC LIMIT 1) SELECT count(*) FROM od JOIN last ON od.d = last.d;
--> od: d = '2024-12-31'
--> od: d = '2024-12-31'

SELECT count(*) FROM ev WHERE (SELECT max(ts) FROM ev)::date = ts::date;
--> ev: ts >= '2024-04-29'
--> ev: ts >= '2024-04-29'

SELECT arg_max(amount, ts) FROM ev;
--> ev: ts >= '2024-04-29 23:59:59'

SELECT * FROM ev QUALIFY ts::date = max(ts::date) OVER ();
--> ev: ts >= '2024-04-29'

SELECT * FROM (SELECT *, rank() OVER (ORDER BY ts::date DESC) AS r FROM ev) WHERE r = 1;
--> ev: ts >= '2024-04-29'

SELECT count(*) FROM bk WHERE printf('u%d', uid) = 'u5';

SELECT count(*) FROM bk WHERE uid::varchar || kind = '5a';
--> bk: uid = 5 and kind = 'a'

SELECT count(*) FROM bk WHERE concat(kind, ':', uid) = 'a:5';
--> bk: uid = 5 and kind = 'a'

SELECT count(*) FROM bk WHERE uid = ANY([5, 7]) AND kind IN ('a');

SELECT count(*) FROM bk WHERE uid IN (SELECT u.uid FROM us u WHERE u.uid BETWEEN 3 AND 4) AND kind = 'b';
--> bk: uid IN (3, 4) AND kind = 'b'
--> us: TRUE

SELECT count(*) FROM bk WHERE list_contains(list_transform(['u5', 'u6'], x -> x[2:]::INT), uid);
--> bk: uid IN (5, 6)

SELECT count(*) FROM bk WHERE 'u' || uid IN (SELECT 'u' || uid FROM us WHERE uid = 9);
--> bk: uid = 9
--> us: TRUE

SELECT count(*) FROM sf JOIN dd ON sf.sk = dd.sk WHERE strftime(dd.day, '%Y-%m') = '2023-03';
--> sf: sk IN (SELECT sk FROM dd WHERE y = 2023 AND m = 3)
--> dd: TRUE

SELECT count(*) FROM sf WHERE sk BETWEEN (SELECT min(sk) FROM dd WHERE y = 2023 AND m = 3) AND (SELECT max(sk) FROM dd WHERE y = 2023 AND m = 3);
--> sf: sk IN (SELECT sk FROM dd WHERE y = 2023 AND m = 3)
--> dd: TRUE
--> dd: TRUE

SELECT count(*) FROM ev a JOIN od o ON a.ts BETWEEN o.d AND o.d + INTERVAL ($n) DAY WHERE o.d = '2024-02-10';
--> ev: ts >= '2024-02-10' and ts <= '2024-02-12'
--> od: d = '2024-02-10'
--$ n = 2::INTEGER

SELECT count(*) FROM ev a, od o WHERE a.ts >= o.d - to_days($n) AND a.ts < o.d AND o.d = '2024-02-10';
--> ev: ts >= '2024-02-08' and ts < '2024-02-10'
--> od: d = '2024-02-10'
--$ n = 2::INTEGER

SELECT count(*) FROM ev a, od o WHERE year(a.ts) * 100 + month(a.ts) = year(o.d) * 100 + month(o.d) AND o.d = '2024-02-10';
--> ev: ts >= '2024-02-01' and ts < '2024-03-01'
--> od: d = '2024-02-10'

SELECT count(*) FROM ev a, od o WHERE a.ts::date IN (o.d, o.d + 1) AND o.d = '2024-02-10';
--> ev: ts >= '2024-02-10' and ts < '2024-02-12'
--> od: d = '2024-02-10'

SELECT count(*) FROM fd WHERE day >= (SELECT max(day) FROM fd) - INTERVAL 1 DAY;
--> fd: day >= 'infinity'
--> fd: day >= 'infinity'

SELECT count(*) FROM fd WHERE day >= (SELECT max(day) - 7 FROM fd WHERE isfinite(day));
--> fd: day >= '2024-02-22' and isfinite(day)
--> fd: day >= '2024-02-29' and isfinite(day)

SELECT count(*) FROM nw WHERE ts::date = (SELECT max(ts)::date FROM nw);
--> nw: ts = 'infinity'
--> nw: ts = 'infinity'

SELECT count(*) FROM nw WHERE date_trunc('month', ts) = (SELECT date_trunc('month', max(ts)) FROM nw);
--> nw: ts = 'infinity'
--> nw: ts = 'infinity'

SELECT count(*) FROM nw WHERE ts > (SELECT max(ts) FROM nw);
--> nw: ts > 'infinity'
--> nw: ts = 'infinity'

SELECT count(*) FROM nw WHERE ts < (SELECT max(ts) FROM nw) AND ts >= '2024-02-29';
--> nw: ts >= '2024-02-29' and isfinite(ts)
--> nw: ts = 'infinity'

SELECT max(day), min(day) FROM fd;
--> fd: day = 'infinity' OR day = '2024-01-01'

SELECT count(*) FROM fd WHERE day = (SELECT day FROM fd ORDER BY day DESC LIMIT 1);
--> fd: day = 'infinity'
--> fd: day = 'infinity'

SELECT count(*) FROM fd WHERE day = (SELECT DISTINCT day FROM fd ORDER BY 1 DESC LIMIT 1 OFFSET 1);
--> fd: day = '2024-02-29'
--> fd: day >= '2024-02-29'

SELECT count(*) FROM od WHERE d >= (SELECT date_trunc('month', d) FROM od ORDER BY d DESC LIMIT 1);
--> od: d >= '2024-12-01'
--> od: d >= '2024-12-31'

SELECT count(*) FROM od WHERE d = (SELECT d FROM od GROUP BY d ORDER BY d DESC LIMIT 1);
--> od: d = '2024-12-31'
--> od: d = '2024-12-31'

SELECT count(*) FROM ev WHERE ts::date = (SELECT ts::date FROM ev WHERE country = 'JP' ORDER BY ts DESC LIMIT 1);
--> ev: ts >= '2024-04-29'
--> ev: ts >= '2024-04-29' and country = 'JP'

SELECT count(*) FROM bk WHERE 'u' || uid = 'u5';

SELECT count(*) FROM bk WHERE concat('u-', uid, '!') IN ('u-5!', 'u-7!', 'x');

SELECT count(*) FROM bk WHERE uid || '' = $t;
--$ t = '5'::VARCHAR

SELECT count(*) FROM bt WHERE concat(key, '-a') = 'k5-a';

SELECT count(*) FROM bt WHERE key || 'a' IN ('k5a', 'k6');

SELECT count(*) FROM bt WHERE 'x' || key = $t;
--$ t = 'xk5'::VARCHAR

SELECT count(*) FROM bt WHERE concat_ws(':', 'x', key) = 'x:k5';

SELECT count(*) FROM bk WHERE format('u{}', uid) = 'u5';

-- Filters of tables that are read first, and of lists and texts
SELECT count(*) FROM ev WHERE strftime(ts, '%d.%m.%Y') IN ('05.03.2024', '06.03.2024');

SELECT count(*) FROM ev WHERE date_trunc('month', ts) + INTERVAL 1 MONTH = TIMESTAMP '2024-04-01';

SELECT count(*) FROM ev WHERE strptime(strftime(ts, '%Y-%m-%d'), '%Y-%m-%d') = TIMESTAMP '2024-03-05';

SELECT count(*) FROM ev WHERE ts::date - DATE '2024-03-05' IN (0, 7);

SELECT count(*) FROM ev WHERE date_part('epoch', ts)::BIGINT // 86400 = 19787;

SELECT count(*) FROM ev WHERE datepart('doy', ts) BETWEEN 60 AND 62;

SELECT count(*) FROM ev WHERE ts::date = make_date(2024, 3, 1) + (extract(day FROM current_date)::INTEGER - 1);

SELECT count(*) FROM ev WHERE [country, year(ts)::varchar] = ['JP', '2024'];

SELECT count(*) FROM ev WHERE len(list_filter(['JP', 'FR'], x -> x = country)) > 0;

SELECT count(*) FROM ev WHERE list_position(['JP', 'FR'], country) > 0;

SELECT count(*) FROM ev WHERE list_has_any([country], ['JP', 'FR']);

SELECT count(*) FROM ev WHERE array_contains(string_split('JP,FR', ','), country);

SELECT count(*) FROM ev WHERE position(country IN 'JP,FR') > 0;

SELECT count(*) FROM ev WHERE instr('JP FR', country) > 0;

SELECT count(*) FROM ev WHERE map {'JP': 1, 'FR': 2}[country] = 1;

SELECT count(*) FROM ev WHERE {'JP': 'a'}['JP'] = 'a' AND country = 'JP';

SELECT count(*) FROM ev WHERE CASE country WHEN 'JP' THEN 'APAC' WHEN 'US' THEN 'AMER' ELSE 'EMEA' END = 'APAC';

SELECT count(*) FROM ev WHERE decode(encode(country)) = 'JP';

SELECT count(*) FROM ev WHERE md5(country) = md5('JP');

SELECT count(*) FROM ev WHERE country BETWEEN 'J' AND 'K';

SELECT count(*) FROM ev WHERE country > 'JA' AND country < 'JZ';

SELECT count(*) FROM ev WHERE length(country) = 2 AND ascii(country) = 74;

SELECT count(*) FROM ev JOIN cc ON ev.country = coalesce(cc.code, 'US') WHERE cc.continent = 'Asia';
--> ev: country = 'JP'
--> cc: continent = 'Asia'

SELECT count(*) FROM ev JOIN cc ON CASE WHEN cc.code = 'JP' THEN 'JP' ELSE 'none' END = ev.country WHERE cc.continent = 'Asia';
--> ev: country = 'JP'
--> cc: continent = 'Asia'

SELECT count(*) FROM ev JOIN dd ON ev.ts::date = make_date(dd.y, dd.m, day(dd.day)) WHERE dd.y = 2024 AND dd.m = 2 AND dd.wd = 'Monday';
--> ev: year(ts) = 2024 AND month(ts) = 2 AND dayname(ts) = 'Monday'
--> dd: y = 2024 AND m = 2 AND wd = 'Monday'

SELECT count(*) FROM od JOIN cal ON date_trunc('quarter', od.d) = make_date(cal.y, cal.q * 3 - 2, 1) WHERE cal.name = 'spring 24';
--> od: year(d) = 2024 AND quarter(d) = 2
--> cal: name = 'spring 24'

SELECT count(*) FROM od JOIN cal ON concat(year(od.d), 'Q', quarter(od.d)) = concat(cal.y, 'Q', cal.q) WHERE cal.name = 'spring 24';
--> od: year(d) = 2024 AND quarter(d) = 2
--> cal: name = 'spring 24'

SELECT count(*) FROM bk JOIN us ON bk.uid = us.uid * 2 + 1 WHERE us.tier = 'gold' AND us.uid < 4;
--> bk: uid IN (1, 5)
--> us: tier = 'gold' AND uid < 4

SELECT count(*) FROM bk JOIN us ON bk.uid::varchar = us.uid::varchar WHERE us.tier = 'gold' AND us.uid < 4;
--> bk: uid IN (0, 2)
--> us: tier = 'gold' AND uid < 4

SELECT count(*) FROM bk JOIN us ON bk.uid + 1 = us.uid + 1 WHERE us.tier = 'gold' AND us.uid < 4;
--> bk: uid IN (0, 2)
--> us: tier = 'gold' AND uid < 4

SELECT count(*) FROM bk JOIN us ON bk.uid - 1 = us.uid WHERE us.tier = 'gold' AND us.uid < 4;
--> bk: uid IN (1, 3)
--> us: tier = 'gold' AND uid < 4

SELECT count(*) FROM bk JOIN us ON concat('u', bk.uid) = concat('u', us.uid) WHERE us.tier = 'gold' AND us.uid < 4;
--> bk: uid IN (0, 2)
--> us: tier = 'gold' AND uid < 4

SELECT count(*) FROM bk WHERE (uid, kind) IN (SELECT uid, 'a' FROM us WHERE tier = 'gold' AND uid < 4);
--> bk: uid IN (0, 2) AND kind = 'a'
--> us: tier = 'gold' AND uid < 4

SELECT count(*) FROM bk WHERE uid IN (SELECT uid + 1 FROM us WHERE tier = 'gold' AND uid < 4);
--> bk: uid IN (1, 3)
--> us: tier = 'gold' AND uid < 4

SELECT count(*) FROM bk WHERE uid IN (SELECT CASE WHEN tier = 'gold' THEN uid ELSE -1 END FROM us WHERE uid < 4);
--> bk: uid IN (0, 2)
--> us: uid < 4

SELECT count(*) FROM bk JOIN (SELECT uid * 2 AS u FROM us WHERE tier = 'free' AND uid < 4) x ON bk.uid = x.u;
--> bk: uid IN (2, 6)
--> us: tier = 'free' AND uid < 4

SELECT count(*) FROM ev JOIN (SELECT make_date(y, q * 3 - 2, 1) AS first FROM cal WHERE name = 'spring 24') c ON ev.ts >= c.first AND ev.ts < c.first + INTERVAL 7 DAY;
--> ev: ts >= '2024-04-01' AND ts < '2024-04-08'
--> cal: name = 'spring 24'

SELECT count(*) FROM ev JOIN cal ON ev.ts >= make_date(cal.y, cal.q * 3 - 2, 1) AND ev.ts < make_date(cal.y, cal.q * 3 - 2, 1) + INTERVAL 7 DAY WHERE cal.name = 'spring 24';
--> ev: ts >= '2024-04-01' AND ts < '2024-04-08'
--> cal: name = 'spring 24'

SELECT count(*) FROM ev WHERE ts >= (SELECT make_date(y, q * 3 - 2, 1) FROM cal WHERE name = 'spring 24') AND ts < (SELECT make_date(y, q * 3 - 2, 8) FROM cal WHERE name = 'spring 24');
--> ev: ts >= '2024-04-01' AND ts < '2024-04-08'
--> cal: name = 'spring 24'
--> cal: name = 'spring 24'

SELECT count(*) FROM ev WHERE country NOT IN (SELECT code FROM cc WHERE code <> 'JP');
--> ev: country = 'JP'
--> cc: code <> 'JP'

SELECT count(*) FROM od WHERE d NOT IN (SELECT day FROM dd WHERE y <> 2024);
--> od: year(d) = 2024
--> dd: y <> 2024

SELECT count(*) FROM od ANTI JOIN dd ON od.d = dd.day AND dd.y < 2024;
--> od: year(d) = 2024
--> dd: y < 2024

SELECT count(*) FROM hv WHERE dt > (SELECT max(dt) FROM hv WHERE dt < '2024-04-01');
--> hv: dt >= '2024-04-01'
--> hv: dt = '2024-03-31'

SELECT count(*) FROM hv WHERE dt::DATE - DATE '2024-01-01' < 3;

SELECT count(*) FROM hv WHERE replace(dt, '-', '')::INTEGER BETWEEN 20240101 AND 20240103;

SELECT count(*) FROM hv WHERE string_split(dt, '-')[2] = '02';

SELECT count(*) FROM hv WHERE regexp_extract(dt, '(\d+)-(\d+)', 2) = '02';

SELECT count(*) FROM hv WHERE dt SIMILAR TO '2024-0[12]-0.';

SELECT count(*) FROM tr WHERE left(sku, 1) = 'A' AND right(split_part(sku, '-', 1), 1) = 'B';

SELECT count(*) FROM tr WHERE sku BETWEEN 'AA' AND 'AB~';

SELECT count(*) FROM tn WHERE num // 100 = 7;

SELECT count(*) FROM tn WHERE num BETWEEN 250 AND 260 OR num = 4000;

SELECT count(*) FROM tn WHERE num::varchar LIKE '49__';

SELECT count(*) FROM lk WHERE lower(plan) = 'pro';

SELECT count(*) FROM zt WHERE tz::date = DATE '2024-03-10';

SELECT count(*) FROM zt WHERE date_trunc('hour', tz) = TIMESTAMPTZ '2024-03-10 12:00:00+00';

SELECT count(*) FROM zt WHERE hour(tz AT TIME ZONE 'America/New_York') = 9 AND (tz AT TIME ZONE 'America/New_York')::date = '2024-03-10';

SELECT count(*) FROM hr WHERE time_bucket(INTERVAL '4 hours', ts) = TIMESTAMP '2024-03-05 04:00';

SELECT count(*) FROM hr WHERE ts::time BETWEEN TIME '09:00' AND TIME '09:59:59' AND ts::date = '2024-03-05';

SELECT count(*) FROM hr WHERE strftime(ts, '%H:00') = '09:00' AND ts >= '2024-03-11';

SELECT count(*) FROM yr WHERE (2024 - year(born)) BETWEEN 30 AND 31;

SELECT count(*) FROM yr WHERE date_diff('year', born, DATE '2024-01-01') < 16;

SELECT count(*) FROM yr WHERE born > current_date - INTERVAL 16 YEAR;

SELECT count(*) FROM yr WHERE year(age(TIMESTAMP '2024-01-01', born)) = 20;

SELECT count(*) FROM mc WHERE date_trunc('quarter', d)::date = DATE '2024-01-01' AND country = 'JP';

SELECT count(*) FROM tx WHERE status IN (SELECT lower(s) FROM (VALUES ('PAID'), ('VOID')) v(s)) AND t >= '2024-12-01';
--> tx: status IN ('paid', 'void') AND t >= '2024-12-01'

SELECT count(*) FROM tx WHERE status = lower($c) AND t >= '2024-12-01';
--$ c = 'PAID'::VARCHAR

SELECT count(*) FROM ev WHERE ts::date IN (SELECT day FROM (SELECT d AS day, uid FROM od WHERE d BETWEEN '2024-02-10' AND '2024-02-11') q WHERE q.uid = 10);
--> ev: ts::date = '2024-02-10'
--> od: d BETWEEN '2024-02-10' AND '2024-02-11' AND uid = 10

SELECT count(*) FROM ev JOIN us ON ev.uid = us.uid JOIN org ON us.org = org.org JOIN cc ON cc.code = ev.country WHERE org.oname = 'acme' AND cc.continent = 'Asia' AND ev.ts >= '2024-04-28';
--> ev: country = 'JP' AND ts >= '2024-04-28'
--> us: true
--> org: oname = 'acme'
--> cc: continent = 'Asia'

SELECT count(*) FROM ev WHERE exists(SELECT 1 FROM cc WHERE cc.code = ev.country AND cc.continent = 'Asia') = true;
--> ev: country = 'JP'
--> cc: continent = 'Asia'

SELECT count(*) FROM ev WHERE (SELECT continent FROM cc WHERE cc.code = ev.country) = 'Asia';
--> ev: country = 'JP'
--> cc: continent = 'Asia'

SELECT count(*) FROM ev WHERE country = ANY(SELECT code FROM cc WHERE continent = 'Asia');
--> ev: country = 'JP'
--> cc: continent = 'Asia'

SELECT count(*) FROM ev LEFT JOIN cc ON ev.country = cc.code WHERE coalesce(cc.continent, 'none') = 'Asia';
--> ev: country = 'JP'
--> cc: continent = 'Asia'

SELECT count(*) FROM ev JOIN cc ON ev.country = cc.code WHERE upper(cc.continent) = 'ASIA';
--> ev: country = 'JP'
--> cc: continent = 'Asia'

SELECT count(*) FROM ev JOIN cc ON ev.country = cc.code WHERE cc.continent || '/' || cc.code = 'Asia/JP';
--> ev: country = 'JP'
--> cc: continent = 'Asia'

SELECT count(*) FROM ev JOIN cc ON ev.country = cc.code WHERE length(cc.continent) = 4;
--> ev: country = 'JP'
--> cc: continent = 'Asia'

SELECT count(*) FROM sf JOIN dd ON sf.sk = dd.sk WHERE dd.wd = 'Monday' AND dd.day + 1 = DATE '2024-03-05';
--> sf: sk = 793
--> dd: wd = 'Monday' AND day = '2024-03-04'

SELECT count(*) FROM sf JOIN dd ON sf.sk = dd.sk WHERE dd.y * 100 + dd.m = 202403;
--> sf: sk >= 790 AND sk < 821
--> dd: y = 2024 AND m = 3

WITH RECURSIVE days(d) AS (SELECT DATE '2024-03-05' UNION ALL SELECT d + 1 FROM days WHERE d < DATE '2024-03-07') SELECT count(*) FROM ev JOIN days ON ev.ts::date = days.d;
--> ev: ts >= '2024-03-05' AND ts < '2024-03-08'

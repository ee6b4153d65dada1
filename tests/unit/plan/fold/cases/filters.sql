-- The filters that can be known to hold in a whole partition say so by the query that finds where they fail.
SELECT count(*) AS n FROM facts AS t WHERE ts >= $start AND ts < $end AND k = 'a';
--> partial: SELECT count(*) AS "s0" FROM facts AS t WHERE ts >= $start AND ts < $end AND k = 'a'
--> finish: SELECT CAST(coalesce(sum("s0"), 0) AS BIGINT) AS n FROM "partials"
--> fails: SELECT 1 FROM "facts" AS "t" WHERE NOT (ts >= $start) OR (ts) IS NULL
--> fails: SELECT 1 FROM "facts" AS "t" WHERE NOT (ts < $end) OR (ts) IS NULL
--> fails: SELECT 1 FROM "facts" AS "t" WHERE NOT (k = 'a') OR (k) IS NULL

SELECT count(*) AS n FROM facts AS t WHERE ts::DATE BETWEEN $start AND $end - 1 AND date_trunc('hour', ts) > now() - INTERVAL 7 DAY;
--> partial: SELECT count(*) AS "s0" FROM facts AS t WHERE ts::DATE BETWEEN $start AND $end - 1 AND date_trunc('hour', ts) > now() - INTERVAL 7 DAY
--> finish: SELECT CAST(coalesce(sum("s0"), 0) AS BIGINT) AS n FROM "partials"
--> fails: SELECT 1 FROM "facts" AS "t" WHERE NOT (ts::DATE BETWEEN $start AND $end - 1) OR (ts) IS NULL OR ($end - 1) IS NULL
--> fails: SELECT 1 FROM "facts" AS "t" WHERE NOT (date_trunc('hour', ts) > now() - INTERVAL 7 DAY) OR (ts) IS NULL OR (now() - INTERVAL '7' DAY) IS NULL

SELECT count(*) AS n FROM facts AS t WHERE k IN ('a', 'b') AND (j = 1 OR NOT (i > 2)) AND j IN (1, 2 + $end);
--> partial: SELECT count(*) AS "s0" FROM facts AS t WHERE k IN ('a', 'b') AND (j = 1 OR NOT (i > 2)) AND j IN (1, 2 + $end )
--> finish: SELECT CAST(coalesce(sum("s0"), 0) AS BIGINT) AS n FROM "partials"
--> whole: SELECT count(*) AS n FROM facts AS t WHERE k IN ('a', 'b') AND (j = 1 OR NOT (i > 2)) AND j IN (1, 2 + $end )
--> fails: SELECT 1 FROM "facts" AS "t" WHERE NOT (k IN ('a', 'b')) OR (k) IS NULL
--> fails: SELECT 1 FROM "facts" AS "t" WHERE NOT ((j = 1 OR NOT (i > 2))) OR (j) IS NULL OR (i) IS NULL

-- Others are always evaluated.
SELECT count(*) AS n FROM facts AS t WHERE coalesce(i, 0) > 1 AND k LIKE 'a%' AND ($start IS NULL OR ts > $start) AND t IS NOT NULL;
--> partial: SELECT count(*) AS "s0" FROM facts AS t WHERE coalesce(i, 0) > 1 AND k LIKE 'a%' AND ($start IS NULL OR ts > $start ) AND t IS NOT NULL
--> finish: SELECT CAST(coalesce(sum("s0"), 0) AS BIGINT) AS n FROM "partials"
--> whole: SELECT count(*) AS n FROM facts AS t WHERE coalesce(i, 0) > 1 AND k LIKE 'a%' AND ($start IS NULL OR ts > $start ) AND t IS NOT NULL
--> fails: SELECT 1 FROM "facts" AS "t" WHERE NOT (($start IS NULL OR ts > $start )) OR ($start IS NULL) IS NULL OR (ts) IS NULL

select   carrier , COUNT( * )  as N from flights where  time_hour>=$start And time_hour<$end
--->
SELECT carrier, count(*) AS N FROM flights WHERE time_hour >= $start AND time_hour < $end
====
SELECT carrier, -- the airline
       count(*) AS n
FROM flights /* all /* of */ them */
WHERE origin IN ($start,$end)
GROUP   BY
  ALL;
--->
SELECT carrier, count(*) AS n FROM flights WHERE origin IN ($start, $end) GROUP BY ALL
====
Select {'a':1,b:[1,2]} . b [ 1 ], x :: Int, -1- -2, [1,2][ -1: ] from (Select 1 as x) t
--->
SELECT {'a': 1, b: [1, 2]}.b [1], x::Int, - 1 - - 2, [1, 2] [- 1:] FROM (SELECT 1 AS x) t
====
with A(x) as Materialized(select Sum(distance)over(Partition by carrier order by flight desc nulls last) from flights)
from a select *
--->
WITH A (x) AS MATERIALIZED (SELECT sum(distance) OVER (PARTITION BY carrier ORDER BY flight DESC NULLS LAST) FROM flights) FROM a SELECT *
====
SELECT "Carrier", f.Year, 'It''s' FROM flights AS f WHERE NOT f.dep_delay is not null AND Lower(carrier) like 'a%'
--->
SELECT "Carrier", f.Year, 'It''s' FROM flights AS f WHERE NOT f.dep_delay IS NOT NULL AND lower(carrier) LIKE 'a%'

-- What does not aggregate has nothing to merge.
SELECT k FROM facts AS t;
--! it does not aggregate

SELECT count(*) OVER () AS n FROM facts AS t;
--! it does not aggregate

-- Not understood.
SELECT count(*) AS n FROM facts AS t TABLESAMPLE 10%;
--! it reads something other than tables

SELECT count(*) AS n, * FROM facts AS t GROUP BY ALL;
--! its SELECT list has a star | name its columns

FROM facts AS t SELECT count(*) AS n;
--! it does not begin with SELECT

-- Two results of one name.
SELECT count(*), count(*) FROM facts AS t;
--! two of its results have one name | give each a name of its own

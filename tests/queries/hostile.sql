=== 1
SELECT * FROM read_text('/etc/passwd')
--> 1:15 the function read_text is not allowed: it reads something other than the declared tables, or changes settings
=== 2
SELECT * FROM '/etc/passwd'
--> 1:15 files cannot be read
=== 3
SELECT * FROM "flights.parquet"
--> 1:15 the table 'flights.parquet' is not declared in catalog/
=== 4
SELECT getenv('HOME')
--> 1:8 the function getenv is not allowed: it tells about the server, not about the data
=== 5
SELECT 'HOME'.getenv()
--> 1:15 the function getenv is not allowed: it tells about the server, not about the data
=== 6
SELECT x.query() FROM flights x
--> 1:10 the function query is not allowed: it reads something other than the declared tables, or changes settings
=== 7
SELECT main.read_text('x')
--> 1:13 the function read_text is not allowed: it reads something other than the declared tables, or changes settings
=== 8
SELECT "read_csv"('x')
--> 1:8 the function read_csv is not allowed: it reads something other than the declared tables, or changes settings
=== 9
SELECT * FROM "read_csv"('x')
--> 1:15 the function read_csv is not allowed: it reads something other than the declared tables, or changes settings
=== 10
SELECT (FROM glob('*'))
--> 1:14 the function glob is not allowed: it reads something other than the declared tables, or changes settings
=== 11
FROM glob('*')
--> 1:6 the function glob is not allowed: it reads something other than the declared tables, or changes settings
=== 12
FROM histogram('flights', carrier)
--> 1:6 a function stands in place of a table
=== 13
FROM flights, histogram('flights', carrier)
--> 1:15 a function stands in place of a table
=== 14
FROM flights JOIN LATERAL histogram('flights', carrier) ON true
--> 1:27 a function stands in place of a table
=== 15
SELECT * FROM repeat('a', 3)
--> 1:15 a function stands in place of a table
=== 16
FROM (DESCRIBE flights)
--> 1:7 DESCRIBE is not allowed in a template
=== 17
FROM (DESC flights)
--> 1:7 DESC is not allowed in a template
=== 18
FROM (SHOW TABLES)
--> 1:7 SHOW is not allowed in a template
=== 19
FROM (SUMMARIZE flights)
--> 1:7 SUMMARIZE is not allowed in a template
=== 20
TABLE flights
--> 1:1 a template is one SELECT, and TABLE starts none
=== 21
SELECT 1 WHERE EXISTS (TABLE flights)
--> 1:24 TABLE is not allowed in a template
=== 22
PIVOT flights ON carrier
--> 1:1 a template is one SELECT, and PIVOT starts none
=== 23
FROM (PIVOT flights ON carrier)
--> 1:13 PIVOT … ON is not allowed in a template
=== 24
FROM flights PIVOT (count(*) FOR carrier IN (SELECT carrier FROM flights))
--> 1:34 PIVOT without a list of values is not allowed in a template
=== 25
SELECT 1; DROP TABLE flights
--> 1:9 another statement starts after this semicolon
=== 26
COPY flights TO 'x'
--> 1:1 a template is one SELECT, and COPY starts none
=== 27
COPY (SELECT 1) TO 'x'
--> 1:1 a template is one SELECT, and COPY starts none
=== 28
WITH x AS (COPY flights TO 'x') SELECT 1
--> 1:12 COPY is not allowed in a template
=== 29
WITH x AS (DELETE FROM flights RETURNING *) SELECT * FROM x
--> 1:12 DELETE is not allowed in a template
=== 30
WITH x AS (INSERT INTO flights VALUES (1) RETURNING *) SELECT * FROM x
--> 1:12 INSERT is not allowed in a template
=== 31
ATTACH 'x' AS y
--> 1:1 a template is one SELECT, and ATTACH starts none
=== 32
SELECT * INTO x FROM flights
--> 1:10 INTO is not allowed in a template
=== 33
SELECT * FROM flights FOR UPDATE
--> 1:15 SELECT INTO or FOR UPDATE is not allowed in a template
=== 34
SELECT current_setting('home_directory')
--> 1:8 the function current_setting is not allowed: it tells about the server, not about the data
=== 35
SELECT current_user
--> 1:8 current_user is not allowed: it tells about the server, not about the data
=== 36
SELECT "current_user"
--> 1:8 current_user is not allowed: it tells about the server, not about the data
=== 37
SELECT * FROM information_schema.tables
--> 1:15 a table's name has no schema
=== 38
SELECT * FROM duckdb_settings()
--> 1:15 the function duckdb_settings is not allowed: it reads something other than the declared tables, or changes settings
=== 39
SELECT * FROM duckdb_tables
--> 1:15 the table 'duckdb_tables' is not declared in catalog/
=== 40
SELECT * FROM sqlite_master
--> 1:15 the table 'sqlite_master' is not declared in catalog/
=== 41
SELECT * FROM pragma_version()
--> 1:15 the function pragma_version is not allowed: it reads something other than the declared tables, or changes settings
=== 42
SELECT * FROM query('SELECT 1')
--> 1:15 the function query is not allowed: it reads something other than the declared tables, or changes settings
=== 43
SELECT * FROM query_table('flights')
--> 1:15 the function query_table is not allowed: it reads something other than the declared tables, or changes settings
=== 44
SELECT * FROM main.flights
--> 1:15 a table's name has no schema
=== 45
SELECT * FROM x.range(3)
--> 1:15 a table's name has no schema
=== 46
SELECT ｇｅｔｅｎｖ('HOME')
--> 1:8 unknown function ｇｅｔｅｎｖ
=== 47
SELECT gеtenv('HOME')
--> 1:8 unknown function gеtenv
=== 48
SELECT /* */ getenv /* x */ ('HOME')
--> 1:14 the function getenv is not allowed: it tells about the server, not about the data
=== 49
SELECT getenv -- x
('HOME')
--> 1:8 the function getenv is not allowed: it tells about the server, not about the data
=== 50
SELECT {# 1 #} getenv('x')
--> 1:8 this cannot be read in one way only
=== 51
SELECT $$a$$
--> 1:8 this $ starts no parameter name
=== 52
SELECT $tag$ a $tag$
--> 1:12 this $ starts no parameter name
=== 53
SELECT [getenv(x) FOR x IN ['HOME']]
--> 1:9 the function getenv is not allowed: it tells about the server, not about the data
=== 54
SELECT list_transform(['HOME'], x -> getenv(x))
--> 1:38 the function getenv is not allowed: it tells about the server, not about the data
=== 55
SELECT list_transform(['HOME'], lambda x: getenv(x))
--> 1:43 the function getenv is not allowed: it tells about the server, not about the data
=== 56
SELECT * FROM flights t(a), getenv('x')
--> 1:29 the function getenv is not allowed: it tells about the server, not about the data
=== 57
WITH getenv(a) AS (SELECT 1) SELECT * FROM getenv
--> 1:6 the function getenv is not allowed: it tells about the server, not about the data
=== 58
SELECT nextval('s')
--> 1:8 the function nextval is not allowed: it changes or holds up something
=== 59
SELECT * FROM flights AT (VERSION => 3)
--> 1:15 HISTORICAL DATA is not allowed in a template
=== 60
CALL pragma_version()
--> 1:1 a template is one SELECT, and CALL starts none
=== 61
EXPLAIN SELECT 1
--> 1:1 a template is one SELECT, and EXPLAIN starts none
=== 62
PREPARE x AS SELECT 1
--> 1:1 a template is one SELECT, and PREPARE starts none
=== 63
SET threads=1
--> 1:1 a template is one SELECT, and SET starts none
=== 64
SELECT * FROM flights WHERE carrier = '${x}' AND $c
--> 1:50 the parameter $c is not declared
=== 65
(SELECT 1) UNION (SELECT * FROM read_csv('x'))
--> 1:33 the function read_csv is not allowed: it reads something other than the declared tables, or changes settings
=== 66
VALUES (getenv('x'))
--> 1:9 the function getenv is not allowed: it tells about the server, not about the data
=== 67
SELECT 1 ORDER BY getenv('x')
--> 1:19 the function getenv is not allowed: it tells about the server, not about the data
=== 68
SELECT 1 LIMIT (SELECT count(*) FROM glob('*'))
--> 1:38 the function glob is not allowed: it reads something other than the declared tables, or changes settings
=== 69
SELECT count(*) FILTER (WHERE getenv('x') = '') OVER (ORDER BY getenv('y'))
--> 1:31 the function getenv is not allowed: it tells about the server, not about the data
=== 70
SELECT COLUMNS(c -> getenv(c) = '') FROM flights
--> 1:21 the function getenv is not allowed: it tells about the server, not about the data
=== 71
SELECT COLUMNS(*)::VARCHAR.getenv() FROM flights
--> 1:28 the function getenv is not allowed: it tells about the server, not about the data
=== 72
SELECT * FROM flights, "getenv"('x')
--> 1:24 the function getenv is not allowed: it tells about the server, not about the data
=== 73
WITH a AS (SELECT * FROM b), b AS (SELECT 1) SELECT * FROM a
--> 1:26 the table 'b' is not declared in catalog/
=== 74
WITH RECURSIVE flights AS (SELECT 1) SELECT * FROM flights
--> 1:16 WITH RECURSIVE hides the table flights
=== 75
SELECT * FROM (SELECT 1) AS show, tables
--> 1:35 the table 'tables' is not declared in catalog/
=== 76
SELECT write_log('x')
--> 1:8 the function write_log is not allowed: it changes or holds up something
=== 77
SELECT enable_logging()
--> 1:8 the function enable_logging is not allowed: it reads something other than the declared tables, or changes settings
=== 78
SELECT * FROM enable_profiling()
--> 1:15 the function enable_profiling is not allowed: it reads something other than the declared tables, or changes settings
=== 79
SELECT U&'\0061'
--> 1:8 strings with the prefix U& are not supported
=== 80
SELECT 1 FROM flights WHERE x = ?
--> 1:33 parameters have names here
=== 81
SELECT $1
--> 1:8 parameters have names here
=== 82
SELECT (SELECT content FROM read_text('x'))
--> 1:29 the function read_text is not allowed: it reads something other than the declared tables, or changes settings
=== 83
SELECT * FROM parquet_scan(['x'])
--> 1:15 the function parquet_scan is not allowed: it reads something other than the declared tables, or changes settings
=== 84
SELECT * FROM unnest((SELECT list(file) FROM glob('*')))
--> 1:46 the function glob is not allowed: it reads something other than the declared tables, or changes settings
=== 85
LOAD httpfs
--> 1:1 a template is one SELECT, and LOAD starts none
=== 86
SELECT json_execute_serialized_sql('x')
--> 1:8 the function json_execute_serialized_sql is not allowed: it reads something other than the declared tables, or changes settings
=== 87
SELECT * FROM json_execute_serialized_sql(json_serialize_sql('SELECT 1'))
--> 1:15 the function json_execute_serialized_sql is not allowed: it reads something other than the declared tables, or changes settings
=== 88
SELECT * FROM test_all_types()
--> 1:15 the function test_all_types is not allowed: it reads something other than the declared tables, or changes settings
=== 89
SELECT system.main.getenv('x')
--> 1:20 the function getenv is not allowed: it tells about the server, not about the data
=== 90
SELECT try(getenv('x'))
--> 1:12 the function getenv is not allowed: it tells about the server, not about the data
=== 91
SELECT 1 --
; DROP TABLE flights
--> 2:1 another statement starts after this semicolon
=== 92
FROM flights SELECT * EXCLUDE (carrier) REPLACE (getenv('x') AS dest)
--> 1:50 the function getenv is not allowed: it tells about the server, not about the data
=== 93
SELECT FROM flights
--> 1:13 SELECT without columns is not allowed in a template
=== 94
SELECT 1)
--> 1:9 this ) closes nothing
=== 95
SELECT 'never ends
--> 1:8 this string never ends, or is empty
=== 96
SELECT /* never ends
--> 1:8 this comment never ends
=== 97
SELECT "never ends
--> 1:8 this quoted name never ends, or is empty
=== 98
SELECT ""
--> 1:8 this quoted name never ends, or is empty
=== 99
SELECT 1 AS x FROM flights WHERE $a:=3
--> 1:36 not valid SQL: := is not expected here
=== 100
SELECT carrier FROM flights WHERE carrier = $A
--> 1:45 the parameter $A is not declared
=== 101
SELECT a$b FROM flights
--> 1:9 $b follows a without a space
=== 102
SELECT 0x1F
--> 1:9 x1F follows 0 without a space
=== 103
SELECT X'41'
--> 1:8 the prefix X of a string is not supported
=== 104
SELECT `carrier` FROM flights
--> 1:8 the character '`' (U+0060) has no place in SQL
=== 105
SELECT carrier FROM flights CROSS JOIN pg_catalog.pg_class
--> 1:40 a table's name has no schema
=== 106
SELECT carrier FROM flights JOIN 's3://bucket/x.parquet' USING (carrier)
--> 1:34 files cannot be read
=== 107
SELECT carrier FROM flights, 'x.csv' AS x
--> 1:30 files cannot be read
=== 108
WITH "x.csv" AS (SELECT 1) SELECT * FROM 'x.csv'
--> 1:42 files cannot be read
=== 109
SELECT * FROM flights WHERE EXISTS (FROM 'x.csv')
--> 1:42 files cannot be read
=== 110
SELECT * FROM (VALUES (1)) AS v, LATERAL read_csv(v)
--> 1:42 the function read_csv is not allowed: it reads something other than the declared tables, or changes settings
=== 111
SELECT * FROM ($a)
--> 1:1 a parameter cannot stand in place of a table
=== 112
SELECT * FROM $a
--> 1:1 a parameter cannot stand in place of a table
=== 113
SELECT {% x %} FROM flights
--> 1:8 not valid SQL: { is not expected here
=== 114
SELECT /*+ x */ sleep_ms(1000)
--> 1:17 the function sleep_ms is not allowed: it changes or holds up something
=== 115
SELECT setseed(0.5), currval('s'), pg_sleep(1)
--> 1:8 the function setseed is not allowed: it changes or holds up something
=== 116
SELECT unknown_function(1)
--> 1:8 unknown function unknown_function
=== 117
SELECT caunt(*) FROM flights
--> 1:8 unknown function caunt
=== 118
SELECT "count(*)"('x')
--> 1:8 unknown function "count(*)"
=== 119
SELECT * FROM flights WHERE (SET threads = 1)
--> 1:30 SET is not allowed in a template
=== 120
SELECT * FROM (CALL pragma_version())
--> 1:16 CALL is not allowed in a template
=== 121
SELECT * FROM (PRAGMA version)
--> 1:16 PRAGMA is not allowed in a template
=== 122
SELECT * FROM (INSERT INTO flights VALUES (1) RETURNING *)
--> 1:16 INSERT is not allowed in a template
=== 123
SELECT * FROM (UPDATE flights SET carrier = 'x' RETURNING *)
--> 1:16 UPDATE is not allowed in a template
=== 124
WITH x AS NOT MATERIALIZED (UPDATE flights SET carrier = 'x' RETURNING *) FROM x
--> 1:29 UPDATE is not allowed in a template
=== 125
CREATE TABLE x AS SELECT 1
--> 1:1 a template is one SELECT, and CREATE starts none
=== 126
DROP TABLE flights
--> 1:1 a template is one SELECT, and DROP starts none
=== 127
BEGIN; SELECT 1; COMMIT
--> 1:6 another statement starts after this semicolon
=== 128
INSTALL httpfs
--> 1:1 a template is one SELECT, and INSTALL starts none
=== 129
EXPORT DATABASE 'x'
--> 1:1 a template is one SELECT, and EXPORT starts none
=== 130
CHECKPOINT
--> 1:1 a template is one SELECT, and CHECKPOINT starts none
=== 131
VACUUM
--> 1:1 a template is one SELECT, and VACUUM starts none
=== 132
DESCRIBE SELECT 1
--> 1:1 a template is one SELECT, and DESCRIBE starts none
=== 133
SUMMARIZE flights
--> 1:1 a template is one SELECT, and SUMMARIZE starts none
=== 134
SHOW TABLES
--> 1:1 a template is one SELECT, and SHOW starts none
=== 135
PRAGMA database_list
--> 1:1 a template is one SELECT, and PRAGMA starts none
=== 136
RESET threads
--> 1:1 a template is one SELECT, and RESET starts none
=== 137
UNPIVOT flights ON dep_delay, arr_delay
--> 1:1 a template is one SELECT, and UNPIVOT starts none
=== 138
FROM flights PIVOT (count(*) FOR carrier IN (ANY))
--> 1:34 PIVOT ANY is not allowed in a template
=== 139
SELECT COLUMNS(*).read_text() FROM flights
--> 1:19 the function read_text is not allowed: it reads something other than the declared tables, or changes settings
=== 140
SELECT * FROM flights TABLESAMPLE 10%; SELECT 2
--> 1:38 another statement starts after this semicolon
=== 141
;
--> 1:1 there is no query
=== 142
-- nothing
--> 1:1 there is no query
=== 143
SELECT * FROM E'x.csv'
--> 1:15 not valid SQL: the query ends where something must follow E'x.csv'
=== 144
SELECT * FROM (PIVOT (SELECT carrier, dest FROM flights) ON dest IN ('LGA', 'JFK') USING count(*) GROUP BY carrier) AS q
--> 1:30 PIVOT … ON is not allowed in a template
=== 145
SELECT * FROM (UNPIVOT flights ON flight, distance INTO NAME name VALUE v)
--> 1:24 UNPIVOT … ON is not allowed in a template
=== 146
FROM flights UNPIVOT (v FOR name IN (SELECT 1))
--> 1:23 UNPIVOT without a list of columns is not allowed in a template

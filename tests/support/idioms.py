"""Idioms of DuckDB, and what Spark is asked for each: the same answer, or nothing.

All are over one table of sales by day, with NULLs, NaN and texts outside of ASCII, and one of shops.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

_SALES = {
    "sold": "TIMESTAMP",
    "store": "VARCHAR",
    "units": "INTEGER",
    "big": "BIGINT",
    "amount": "DECIMAL(10,2)",
    "rate": "DOUBLE",
    "good": "BOOLEAN",
}
_SHOPS = {"name": "VARCHAR", "country": "VARCHAR", "opened": "DATE", "size": "INTEGER", "code": "UINTEGER"}
TABLES = {"sales": _SALES | {"day": "DATE"}, "shops": _SHOPS}
"""The columns of both tables, and their types."""
PARAMETERS = {"stores": "VARCHAR[]", "least": "INTEGER", "none": "VARCHAR[]"}
NAN = float("nan")
_ROWS = [
    (datetime(2024, 1, 31, 10, 20, 30, 500_000), "a", 3, 10, Decimal("1.05"), 2.675, True),
    (datetime(2024, 1, 31, 23, 59, 59), "b", None, 2**40, Decimal("-2.50"), 1.005, False),
    (datetime(2024, 2, 29, 0, 0, 0), "ä%_", 7, -7, Decimal("99999999.99"), NAN, None),
    (datetime(2024, 2, 29, 12, 0, 0), None, -7, None, None, None, True),
    (datetime(2024, 12, 29, 5, 6, 7), "it's \\n", 2, 0, Decimal("0.00"), -0.0, False),
    (datetime(2024, 12, 30, 5, 6, 7), "a", 5, 9, Decimal("2.25"), 1e300, True),
    (datetime(2025, 1, 6, 5, 6, 7), "", 4, 9, Decimal("2.20"), 0.1, True),
]
EQUAL = {
    "qualified_join": "SELECT s.store, h.country FROM sales s JOIN shops h ON h.name = s.store ORDER BY s.sold",
    "using": "SELECT name, count(*) AS n FROM shops JOIN (SELECT store AS name FROM sales) USING (name) GROUP BY name",
    "left_join": "SELECT s.sold, h.size FROM sales s LEFT JOIN shops h ON h.name = s.store ORDER BY s.sold",
    "full_join": "SELECT s.units, h.name FROM sales s FULL JOIN shops h ON h.name = s.store",
    "semi_join": "SELECT store FROM sales SEMI JOIN shops ON name = store",
    "anti_join": "SELECT sold FROM sales ANTI JOIN shops ON name = store",
    "cross_join": "SELECT count(*) AS n FROM sales, shops",
    "exists": "SELECT name FROM shops h WHERE EXISTS (SELECT 1 FROM sales s WHERE s.store = h.name AND s.units > 2)",
    "not_in_null": "SELECT name FROM shops WHERE name NOT IN (SELECT store FROM sales)",
    "scalar_subquery": "SELECT store, units - (SELECT avg(units) FROM sales) AS above FROM sales ORDER BY sold",
    "correlated_count": (
        "SELECT name, (SELECT count(*) FROM sales s WHERE s.store = h.name) AS n FROM shops h ORDER BY name"
    ),
    "cte": "WITH c AS (SELECT store, sum(units) AS u FROM sales GROUP BY store) SELECT * FROM c WHERE u > 1",
    "union_all": "SELECT store FROM sales UNION ALL SELECT name FROM shops",
    "union_distinct": "SELECT store FROM sales UNION SELECT name FROM shops",
    "intersect": "SELECT store FROM sales INTERSECT SELECT name FROM shops",
    "except_": "SELECT store FROM sales EXCEPT SELECT name FROM shops",
    "distinct": "SELECT DISTINCT store FROM sales",
    "from_first": "FROM sales SELECT units WHERE units > 0",
    "star": "SELECT * FROM (SELECT name, size FROM shops) ORDER BY name",
    "nulls_last": "SELECT units, sold FROM sales ORDER BY units, sold",
    "nulls_last_descending": "SELECT units, sold FROM sales ORDER BY units DESC, sold",
    "nulls_first": "SELECT units, sold FROM sales ORDER BY units NULLS FIRST, sold",
    "limit_offset": "SELECT sold FROM sales ORDER BY sold LIMIT 2 OFFSET 3",
    "ordinals": "SELECT store, count(*) AS n FROM sales GROUP BY 1 ORDER BY 2 DESC, 1",
    "having": "SELECT store, count(*) AS n FROM sales GROUP BY store HAVING count(*) > 1",
    "alias_in_group": "SELECT units % 2 AS odd, count(*) AS n FROM sales GROUP BY odd",
    "alias_in_order": "SELECT sold, units * 2 AS twice FROM sales ORDER BY twice, sold",
    "count_distinct": "SELECT count(DISTINCT store) AS n, count(store) AS c, count(*) AS a FROM sales",
    "filter": "SELECT count(*) FILTER (WHERE units > 2) AS n, avg(units) FILTER (WHERE good) AS m FROM sales",
    "sum_integer": "SELECT sum(units) AS s, sum(big) AS b FROM sales",
    "sum_decimal": "SELECT sum(amount) AS s, sum(amount * 1.25) AS q FROM sales",
    "mean_integer": "SELECT avg(units) AS m, avg(big) AS b FROM sales",
    "mean_decimal": "SELECT avg(amount) AS m FROM sales",
    "mean_of_none": "SELECT avg(units) AS m, sum(units) AS s FROM sales WHERE units > 1000",
    "mean_of_small": "SELECT store, avg(amount * 0.0000001) AS m FROM sales GROUP BY store",
    "mean_in_having": (
        "SELECT store, avg(amount) FILTER (WHERE units > 2) AS m FROM sales GROUP BY store HAVING avg(units) > 2"
    ),
    "mean_in_order": "SELECT store FROM sales GROUP BY store ORDER BY avg(big), store",
    "mean_below": (
        "SELECT sold, units FROM sales a WHERE units > (SELECT avg(units) * 0.9 FROM sales b WHERE b.good = a.good)"
        " ORDER BY sold"
    ),
    "mean_over_groups": "SELECT store, avg(sum(units)) OVER (PARTITION BY count(*)) AS m FROM sales GROUP BY store",
    "union_all_double": "SELECT rate FROM sales UNION ALL SELECT -rate FROM sales",
    "counted_double": "SELECT count(DISTINCT rate) AS n FROM sales",
    "extremes": "SELECT min(store) AS a, max(store) AS b, min(rate) AS c, max(rate) AS d, max(sold) AS e FROM sales",
    "bools": "SELECT bool_and(good) AS a, bool_or(good) AS b FROM sales",
    "nan_is_greatest": "SELECT sold FROM sales WHERE rate > 1e299 ORDER BY sold",
    "nan_equals": "SELECT count(*) AS n FROM sales a JOIN sales b ON a.rate = b.rate",
    "division": "SELECT units / 4 AS q, amount / 4 AS d, units / NULLIF(big, 0) AS z FROM sales ORDER BY sold",
    "integer_division": "SELECT units // 2 AS q, units // 0 AS z FROM sales ORDER BY sold",
    "modulo": "SELECT units % 3 AS q, units % 0 AS z FROM sales ORDER BY sold",
    "decimal_arithmetic": "SELECT amount * 1.5 + 1 AS a, -amount AS b, abs(amount) AS c FROM sales ORDER BY sold",
    "decimal_and_double": "SELECT amount * rate AS a FROM sales WHERE rate < 10 ORDER BY sold",
    "round_double": "SELECT round(rate, 2) AS a, round(rate, 0) AS b, round(rate) AS c FROM sales ORDER BY sold",
    "round_decimal": "SELECT round(amount, 1) AS a FROM sales ORDER BY sold",
    "cast_decimal": "SELECT amount::DECIMAL(12,1) AS a, units::DECIMAL(12,1) AS b FROM sales ORDER BY sold",
    "cast_numbers": "SELECT units::DOUBLE AS a, units::BIGINT AS b, good::INTEGER AS c FROM sales ORDER BY sold",
    "cast_text": "SELECT units::VARCHAR AS a, sold::DATE::VARCHAR AS b FROM sales ORDER BY sold",
    "cast_times": "SELECT sold::DATE AS a, opened::TIMESTAMP AS b FROM sales, shops ORDER BY sold, opened",
    "case_when": "SELECT CASE WHEN units > 3 THEN 'much' WHEN units IS NULL THEN '?' ELSE 'few' END AS a FROM sales",
    "case_value": "SELECT CASE store WHEN 'a' THEN 1 WHEN 'b' THEN 2.5 END AS a FROM sales ORDER BY sold",
    "coalesce": "SELECT coalesce(units, 0) AS a, nullif(units, 7) AS b, if(good, 1, 2) AS c FROM sales ORDER BY sold",
    "greatest": "SELECT greatest(units, 3) AS a, least(units, 3) AS b FROM sales ORDER BY sold",
    "distinct_from": "SELECT sold FROM sales WHERE units IS DISTINCT FROM 7 ORDER BY sold",
    "between": "SELECT sold FROM sales WHERE units BETWEEN 2 AND 4 ORDER BY sold",
    "in_list": "SELECT sold FROM sales WHERE store IN ('a', '') OR units NOT IN (2, 3) ORDER BY sold",
    "three_valued": "SELECT units > 2 AND good AS a, NOT good AS b, good IS NOT TRUE AS c FROM sales ORDER BY sold",
    "quoted_texts": "SELECT sold FROM sales WHERE store = 'it''s \\n' ORDER BY sold",
    "like": "SELECT store FROM sales WHERE store LIKE '%a%' OR store LIKE 'ä\\%_'",
    "like_backslash": "SELECT store FROM sales WHERE store LIKE '%\\n'",
    "not_like": "SELECT store FROM sales WHERE store NOT LIKE 'a%'",
    "concatenation": "SELECT store || '!' AS a FROM sales ORDER BY sold",
    "length": "SELECT length(store) AS n, substring(store, 2, 3) AS s, starts_with(store, 'a') AS a FROM sales",
    "binary_order": "SELECT store FROM sales ORDER BY store, sold",
    "compared_texts": "SELECT store FROM sales WHERE store < 'b' ORDER BY sold",
    "date_trunc": "SELECT date_trunc('month', sold) AS m, count(*) AS n FROM sales GROUP BY date_trunc('month', sold)",
    "date_trunc_week": "SELECT date_trunc('week', sold) AS w, date_trunc('year', opened) AS y FROM sales, shops",
    "parts": "SELECT year(sold) AS y, month(sold) AS m, day(sold) AS d, quarter(sold) AS q FROM sales ORDER BY sold",
    "extract": "SELECT extract(hour FROM sold) AS h, extract(week FROM sold) AS w, extract(doy FROM sold) FROM sales",
    "day_of_week": "SELECT date_part('dow', sold) AS a, dayofweek(sold) AS b FROM sales ORDER BY sold",
    "iso_day_of_week": "SELECT isodow(sold) AS a, extract(isodow FROM sold) AS b FROM sales ORDER BY sold",
    "interval": "SELECT sold + INTERVAL 1 MONTH AS a, sold - INTERVAL '3 days' AS b FROM sales ORDER BY sold",
    "date_and_interval": "SELECT opened + INTERVAL 1 MONTH AS a, opened + 3 AS b FROM shops ORDER BY opened",
    "days_between": "SELECT opened - DATE '2020-01-01' AS a FROM shops ORDER BY opened",
    "compared_times": "SELECT sold FROM sales WHERE sold >= '2024-02-29' AND sold < DATE '2025-01-01' ORDER BY sold",
    "folder_column": "SELECT day, count(*) AS n FROM sales WHERE day >= DATE '2024-02-01' GROUP BY day ORDER BY day",
    "row_number": "SELECT sold, row_number() OVER (PARTITION BY store ORDER BY sold) AS r FROM sales ORDER BY sold",
    "ranks": "SELECT rank() OVER (ORDER BY units) AS r, dense_rank() OVER (ORDER BY units DESC) AS d FROM sales",
    "neighbours": "SELECT lag(units) OVER (ORDER BY sold) AS a, lead(units, 2, 0) OVER (ORDER BY sold) AS b FROM sales",
    "running_sum": "SELECT sold, sum(units) OVER (ORDER BY sold) AS s FROM sales ORDER BY sold",
    "moving_mean": (
        "SELECT sold, avg(units) OVER (ORDER BY sold ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS m"
        " FROM sales ORDER BY sold"
    ),
    "share": "SELECT sold, units / sum(units) OVER () AS s FROM sales ORDER BY sold",
    "top_of_each": (
        "SELECT store, sold FROM (SELECT *, row_number() OVER (PARTITION BY store ORDER BY sold DESC) AS r FROM sales)"
        " WHERE r = 1"
    ),
    "parameters": "SELECT sold FROM sales WHERE store IN $stores AND ($least IS NULL OR units >= $least) ORDER BY sold",
    "empty_list": "SELECT sold, store IN $none AS a FROM sales ORDER BY sold",
    "concat": "SELECT concat(store, '-', units, NULL) AS a, concat(store) AS b FROM sales ORDER BY sold",
    "limit_of_one_row": "SELECT count(*) AS n, sum(units) AS u FROM sales LIMIT 5",
    "limit_to_none": "SELECT count(*) AS n FROM sales LIMIT 0",
    "offset_of_one_row": "SELECT max(units) AS m FROM sales LIMIT 3 OFFSET 1",
    "limit_of_joined_rows": (
        "SELECT * FROM (SELECT count(*) AS n FROM sales) a LEFT JOIN (SELECT max(size) AS m FROM shops) b ON n < m"
        " LIMIT 9"
    ),
    "alias_hides_in_where": "SELECT sold, units + 1 AS units FROM sales WHERE units = 3 OR units = 4 ORDER BY sold",
    "alias_hides_in_group": "SELECT units % 2 AS units, count(*) AS n FROM sales GROUP BY units",
    "alias_hides_in_order": "SELECT -units AS units, sold FROM sales ORDER BY units, sold",
    "alias_hides_in_groups": "SELECT store, -max(units) AS units FROM sales GROUP BY store ORDER BY units, store",
    "alias_hides_in_union": "SELECT -units AS units FROM sales UNION ALL SELECT size FROM shops ORDER BY units",
    "alias_hides_in_distinct": "SELECT DISTINCT units % 4 AS units FROM sales ORDER BY units",
    "alias_hides_nothing_below": (
        "SELECT -size AS units, opened FROM shops WHERE size IN (SELECT units - 2 FROM sales WHERE units > 0)"
        " ORDER BY units"
    ),
    "name_of_two_sources": (
        "SELECT a.store, b.units FROM sales a JOIN sales b ON a.sold = b.sold ORDER BY store, units"
    ),
    "name_of_a_source_and_a_cte": (
        "WITH c AS (SELECT store, sum(units) AS units FROM sales GROUP BY store) SELECT a.store, a.units FROM c a"
        " WHERE a.units > (SELECT avg(units) FROM c b WHERE b.store = a.store OR b.units < 3) ORDER BY store, units"
    ),
    "ordered_expression": (
        "WITH c AS (SELECT store, units FROM sales) SELECT * FROM c ORDER BY CASE WHEN units > 3 THEN store END, 2, 1"
    ),
    "distinct_in_brackets": "SELECT DISTINCT (store) FROM sales s ORDER BY store",
    "rollup": (
        "SELECT store, good, count(*) AS n, sum(units) AS u, max(store) AS m, avg(big) AS b,"
        " count(DISTINCT units) AS d, count(*) FILTER (WHERE units > 2) AS f FROM sales GROUP BY ROLLUP (store, good)"
    ),
    "rollup_of_nothing": (
        "SELECT store, good, count(*) AS n, sum(units) AS u, count(*) FILTER (WHERE store IS NULL) AS f,"
        " grouping(store) AS g FROM sales WHERE units > 1000 GROUP BY ROLLUP (store, good)"
    ),
    "rollup_levels": (
        "SELECT store, units, grouping(store) + grouping(units) AS level, sum(amount) AS a,"
        " rank() OVER (PARTITION BY grouping(store) + grouping(units), CASE WHEN grouping(units) = 0 THEN store END"
        " ORDER BY sum(amount) DESC) AS r"
        " FROM sales GROUP BY ROLLUP (store, units) ORDER BY level DESC, CASE WHEN grouping(store) = 0 THEN store END,"
        " r, units"
    ),
    "rollup_having": (
        "SELECT store, sum(units) AS u FROM sales GROUP BY ROLLUP (store) HAVING sum(units) > 4 OR grouping(store) = 1"
    ),
    "rollup_of_a_join": (
        "SELECT h.country, s.store, sum(sum(s.units)) OVER (PARTITION BY grouping(s.store)) AS t, count(h.size) AS n"
        " FROM sales s LEFT JOIN shops h ON h.name = s.store WHERE s.units IS NOT NULL OR h.size = 1"
        " GROUP BY ROLLUP (h.country, s.store)"
    ),
    "rollup_windows": (
        "SELECT store, sum(count(*)) FILTER (WHERE grouping(store) = 0) OVER () AS n, count(*) OVER () AS m FROM sales"
        " GROUP BY ROLLUP (store)"
    ),
    "rollup_conditions": (
        "SELECT store, sum(CASE WHEN units IS NULL THEN 1 ELSE 0 END) AS n, bool_or(good IS NULL) AS g,"
        " sum(units) FILTER (WHERE good IS NOT TRUE) AS u FROM sales GROUP BY ROLLUP (store)"
    ),
    "rollup_below": (
        "SELECT n, count(*) AS c FROM (SELECT store, count(*) AS n FROM sales GROUP BY ROLLUP (store)) GROUP BY n"
        " ORDER BY n"
    ),
}
REFUSED = {
    "qualify": ("SELECT store FROM sales QUALIFY row_number() OVER (ORDER BY sold) = 1", "QUALIFY"),
    "asof": ("SELECT name FROM shops ASOF JOIN sales ON opened >= sold", "JOIN with METHOD"),
    "ordered_list": ("SELECT list(store ORDER BY sold) AS a FROM sales", "array_agg()"),
    "string_agg": ("SELECT string_agg(store, ',') AS a FROM sales", "group_concat()"),
    "any_value": ("SELECT any_value(store) AS a FROM sales", "any_value()"),
    "first": ("SELECT first(store) AS a FROM sales", "first()"),
    "arg_max": ("SELECT arg_max(store, sold) AS a FROM sales", "arg_max()"),
    "median": ("SELECT median(units) AS a FROM sales", "median()"),
    "quantile": ("SELECT quantile_cont(units, 0.5) AS a FROM sales", "percentile_cont()"),
    "deviation": ("SELECT stddev(units) AS a FROM sales", "stddev()"),
    "group_by_all": ("SELECT store, count(*) AS n FROM sales GROUP BY ALL", "GROUP with ALL"),
    "order_by_all": ("SELECT store, sold FROM sales ORDER BY ALL", "VAR"),
    "distinct_on": ("SELECT DISTINCT ON (store) store, sold FROM sales ORDER BY store, sold", "DISTINCT with ON"),
    "limit_unordered": ("SELECT store FROM sales LIMIT 1", "LIMIT without ORDER BY"),
    "rollup_beside": ("SELECT store, count(*) AS n FROM sales GROUP BY good, ROLLUP (store)", "ROLLUP beside"),
    "rollup_computed": ("SELECT units % 2 AS o, count(*) AS n FROM sales GROUP BY ROLLUP (o)", "other than columns"),
    "rollup_around": (
        "SELECT store, (SELECT count(*) FROM shops) AS n FROM sales GROUP BY ROLLUP (store)",
        "a query with ROLLUP",
    ),
    "cube": ("SELECT store, count(*) AS n FROM sales GROUP BY CUBE (store)", "CUBE"),
    "grouping_sets": ("SELECT store, count(*) AS n FROM sales GROUP BY GROUPING SETS ((store), ())", "GROUPINGSETS"),
    "grouping_of_two": (
        "SELECT store, grouping(store, good) AS g FROM sales GROUP BY ROLLUP (store, good)",
        "grouping() of several",
    ),
    "month_name": ("SELECT monthname(sold) AS a FROM sales", "monthname()"),
    "lower": ("SELECT lower(store) AS a FROM sales", "lower()"),
    "ilike": ("SELECT store FROM sales WHERE store ILIKE 'A%'", "ILIKE"),
    "concat_double": ("SELECT concat(store, rate) AS a FROM sales", "concat()"),
    "limit_of_groups": ("SELECT count(*) AS n FROM sales GROUP BY store LIMIT 1", "LIMIT without ORDER BY"),
    "limit_of_a_join": (
        "SELECT * FROM (SELECT count(*) AS n FROM sales) a FULL JOIN (SELECT 7 AS m) b ON n < m LIMIT 1",
        "LIMIT without ORDER BY",
    ),
    "regexp": ("SELECT store FROM sales WHERE regexp_matches(store, 'a')", "regexp_like()"),
    "slice": ("SELECT store[1:2] AS a FROM sales", "BRACKET"),
    "substring_before": ("SELECT substring(store, 0, 2) AS a FROM sales", "before the first letter"),
    "grouped_double": ("SELECT rate, count(*) AS n FROM sales GROUP BY rate", "apart by a DOUBLE"),
    "grouped_quotient": ("SELECT units / 2 AS q, count(*) AS n FROM sales GROUP BY units / 2", "apart by a DOUBLE"),
    "distinct_double": ("SELECT DISTINCT rate FROM sales", "apart by a DOUBLE"),
    "union_double": ("SELECT rate FROM sales UNION SELECT rate FROM sales", "apart by a DOUBLE"),
    "except_double": ("SELECT rate FROM sales EXCEPT ALL SELECT rate FROM sales WHERE good", "apart by a DOUBLE"),
    "rollup_double": ("SELECT rate, count(*) AS n FROM sales GROUP BY ROLLUP (rate)", "apart by a DOUBLE"),
    "sum_double": ("SELECT sum(rate) AS s FROM sales WHERE rate < 9", "sum() or avg() of a DOUBLE"),
    "mean_double": ("SELECT avg(rate) AS m FROM sales WHERE rate < 9", "sum() or avg() of a DOUBLE"),
    "cast_rounding": ("SELECT rate::INTEGER AS a FROM sales WHERE rate < 9", "CAST of DOUBLE to INT"),
    "cast_decimal_integer": ("SELECT amount::INTEGER AS a FROM sales", "CAST of DECIMAL to INT"),
    "cast_double_text": ("SELECT rate::VARCHAR AS a FROM sales", "CAST of DOUBLE to TEXT"),
    "try_cast": ("SELECT try_cast(store AS INTEGER) AS a FROM sales", "try_cast()"),
    "text_as_number": ("SELECT sold FROM sales WHERE store = 1", "VARCHAR and an integer"),
    "seconds": ("SELECT extract(second FROM sold) AS a FROM sales", "the second of TIMESTAMP"),
    "clock": ("SELECT count(*) AS n FROM sales WHERE sold < now()", "it reads the clock"),
    "unnest": ("SELECT unnest([1, 2]) AS a FROM sales", "explode()"),
    "lateral": ("SELECT b FROM sales, LATERAL (SELECT units AS b)", "LATERAL"),
    "natural_join": ("SELECT * FROM sales NATURAL JOIN (SELECT store FROM sales)", "JOIN with METHOD"),
    "union_by_name": ("SELECT units FROM sales UNION BY NAME SELECT size FROM shops", "UNION with BY_NAME"),
    "union_of_types": ("SELECT store AS a FROM sales UNION ALL SELECT size FROM shops", "different types"),
    "sample": ("SELECT count(*) AS n FROM sales TABLESAMPLE 10%", "TABLESAMPLE"),
    "recursive": ("WITH RECURSIVE r AS (SELECT 1 AS a) SELECT a FROM r, sales", "WITH with RECURSIVE"),
    "hiding_in_having": (
        "SELECT store, max(units) AS units FROM sales GROUP BY store HAVING units > 2",
        "the name units",
    ),
    "hiding_in_order": ("SELECT sold, -units AS units FROM sales ORDER BY units + 0, sold", "the name units"),
    "hiding_below": (
        "SELECT name FROM shops h WHERE EXISTS (SELECT -units AS size FROM sales WHERE size = 3)",
        "the name size",
    ),
    "unsigned": ("SELECT code FROM shops", "no type for the column code"),
    "row_number_unordered": ("SELECT row_number() OVER () AS r FROM sales", "without ORDER BY"),
    "range_frame": (
        "SELECT sum(units) OVER (ORDER BY sold RANGE BETWEEN INTERVAL 1 DAY PRECEDING AND CURRENT ROW) AS s FROM sales",
        "bounded by values",
    ),
}
_FRONT = """\
/*
summary: An idiom
cache: off
{parameters}examples: [{example}]
*/
{sql}
"""
_PARAMETERS = {
    "parameters": ("{stores: {type: list[varchar]}, least: {type: integer, optional: true}}", "{stores: [a, b]}"),
    "empty_list": ("{none: {type: list[varchar], default: []}}", "{}"),
}


def make_project(folder: Path) -> Path:
    """Write the tables, and a query of each idiom."""
    for name, sql in {**EQUAL, **{name: refused[0] for name, refused in REFUSED.items()}}.items():
        declared, example = _PARAMETERS.get(name, ("", "{}"))
        text = _FRONT.format(sql=sql, example=example, parameters=f"parameters: {declared}\n" if declared else "")
        (folder / "queries" / name).mkdir(parents=True)
        (folder / "queries" / name / "v1.sql").write_text(text)
    write_tables(folder)
    return folder


def write_tables(folder: Path, days: int | None = None) -> None:
    """Write the declarations and the rows of both tables; of the first *days* the rows are others."""
    (folder / "catalog").mkdir(parents=True, exist_ok=True)
    by_day = "partitioned_by: [{column: day, transform: day, source: sold}]"
    for name, columns, partitions in (("sales", _SALES, by_day), ("shops", _SHOPS, "")):
        listed = ", ".join(f'{column}: "{type_}"' for column, type_ in columns.items())
        declared = f"table: {name}\nlocation: warehouse/{name}\ncolumns: {{{listed}}}\n{partitions}\n"
        (folder / "catalog" / f"{name}.yaml").write_text(declared)
    (folder / "gateway.toml").write_text("")
    types = [pa.timestamp("us"), pa.string(), pa.int32(), pa.int64(), pa.decimal128(10, 2), pa.float64(), pa.bool_()]
    names = ["sold", "store", "units", "big", "amount", "rate", "good"]
    schema = pa.schema(list(zip(names, types, strict=True)))
    for number, day in enumerate(sorted({row[0].date() for row in _ROWS})):
        rows = [dict(zip(names, row, strict=True)) for row in _ROWS if row[0].date() == day]
        rows = rows * 2 if days is not None and number < days else rows
        place = folder / "warehouse" / "sales" / f"day={day}"
        place.mkdir(parents=True, exist_ok=True)
        _put(pa.Table.from_pylist(rows, schema=schema), place / "a.parquet")
    shops = pa.table(
        {
            "name": ["a", "b", "c"],
            "country": ["DE", None, "FR"],
            "opened": [date(2019, 1, 31), date(2020, 2, 29), None],
            "size": pa.array([1, None, 3], pa.int32()),
            "code": pa.array([1, 2, 3], pa.uint32()),
        }
    )
    (folder / "warehouse" / "shops").mkdir(parents=True, exist_ok=True)
    _put(shops, folder / "warehouse" / "shops" / "a.parquet")


def _put(rows: pa.Table, path: Path) -> None:
    """Put a file in the place of another one, so that no reader sees half of it."""
    beside = path.with_name(f"_{path.name}")
    pq.write_table(rows, beside)
    beside.replace(path)

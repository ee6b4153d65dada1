"""What other databases call a function, and what DuckDB has in its place."""

from __future__ import annotations

from typing import Final

_NAMES: Final = {
    # Choices and casts.
    "coalesce(x, y)": "nvl zeroifnull",
    "if(condition, x, y)": "iff iif nvl2",
    "TRY_CAST(x AS INTEGER)": "safe_cast try_to_number try_to_date try_convert",
    "CAST(x AS DECIMAL(18, 2))": "convert to_number to_decimal",
    "x::BIGINT": "int integer bigint int64 toint32 toint64",
    "x::VARCHAR": "string text str to_varchar tostring",
    "x::DOUBLE": "double float64 to_double tofloat64",
    "x::BOOLEAN": "bool boolean to_boolean",
    "x / nullif(y, 0)": "safe_divide",
    # Times.
    "x::DATE, or strptime(x, '%d.%m.%Y')::DATE": "to_date todate datefromparts",
    "x::TIMESTAMP": "datetime to_timestamp_ntz timestamp_ntz todatetime",
    "strftime(x, '%Y-%m')": "to_char date_format format_date format_timestamp formatdatetime toyyyymm",
    "strptime(x, '%Y-%m-%d')": "str_to_date date_parse parse_date parse_timestamp parse_datetime",
    "x + INTERVAL 1 DAY": "dateadd timestampadd timestamp_add datetime_add adddate",
    "x - INTERVAL 1 DAY": "subdate timestamp_sub datetime_sub",
    "x + INTERVAL 1 MONTH": "add_months",
    "date_diff('day', x, y)": "timestampdiff timestamp_diff datetime_diff months_between",
    "date_trunc('month', x)": "timestamp_trunc datetime_trunc tostartofday tostartofhour tostartofweek tostartofmonth",
    "epoch(x), or epoch_ms(x)": "unix_timestamp unix_seconds unix_millis tounixtimestamp",
    "to_timestamp(x), or make_timestamp_ms(x)": "from_unixtime timestamp_seconds timestamp_millis",
    "now(), or current_date": "getdate sysdate curdate current_datetime utc_timestamp getutcdate",
    "x AT TIME ZONE 'Europe/Berlin'": "convert_timezone convert_tz from_utc_timestamp to_utc_timestamp",
    "dayofweek(x), isodow(x) or dayname(x)": "day_of_week dayofweekiso todayofweek datename",
    "dayofyear(x)": "day_of_year",
    # Texts.
    "strpos(text, part)": "charindex locate indexof",
    "split_part(text, ',', 1)": "substring_index",
    "regexp_matches(text, pattern)": "regexp_like rlike regexp_contains regexp_match",
    "regexp_extract(text, pattern, 1)": "regexp_substr",
    "len(regexp_extract_all(text, pattern))": "regexp_count",
    "upper(text[1]) || lower(text[2:])": "initcap",
    "starts_with(text, prefix)": "startswith",
    "ends_with(text, suffix)": "endswith",
    "repeat(' ', n)": "space",
    # Lists and JSON.
    "list(x)": "collect_list grouparray",
    "list(DISTINCT x)": "collect_set groupuniqarray",
    "array_to_string(list, ',')": "array_join",
    "len(list)": "array_size size",
    "unnest(list)": "explode arrayjoin",
    "list_has_any(x, y)": "arrays_overlap",
    "x ->> '$.key'": "get_json_object json_query json_extract_scalar",
    "x::JSON": "parse_json json_parse",
    # Aggregates.
    "sum(x) FILTER (WHERE condition)": "sum_if sumif",
    "avg(x) FILTER (WHERE condition)": "avg_if avgif",
    "approx_quantile(x, 0.5)": "approx_percentile percentile_approx approx_quantiles",
    "quantile_cont(x, 0.5)": "percentile quantileexact",
    "approx_count_distinct(x)": "approx_distinct uniq ndv hll",
    "count(DISTINCT x)": "uniqexact count_distinct countdistinct",
    "bool_or(x)": "logical_or boolor_agg",
    "bool_and(x)": "logical_and booland_agg every",
    "x / sum(x) OVER ()": "ratio_to_report",
    # Numbers.
    "floor((x - low) / (high - low) * n) + 1": "width_bucket",
    "trunc(x)": "truncate",
    "random()": "rand",
    "x ** 2": "square",
}
INSTEAD: Final = {name: text for text, names in _NAMES.items() for name in names.split()}
"""What to write for functions of other databases that DuckDB has not got, by their names in lower case."""

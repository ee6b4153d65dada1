"""The files of a table become its rows one by one: with the declared types, whatever else is selected with them."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from folders import Files

from gateway.errors import TableInvalid, ValueMisfit

DAY = "partitioned_by: [{column: day, source: day}]"


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


@pytest.mark.parametrize(
    ("declared", "first", "second", "expected"),
    [
        ("DOUBLE", pa.array([1], pa.int32()), pa.array([2.5]), [1.0, 2.5]),
        ("BIGINT", pa.array([1], pa.int32()), pa.array([2**53 + 1]), [1, 2**53 + 1]),
        ("DOUBLE", pa.array([0.5], pa.float32()), pa.array([0.1]), [0.1, 0.5]),
        ("DECIMAL(10,3)", pa.array([1], pa.decimal128(4, 0)), pa.array([25], pa.decimal128(9, 3)), [1, 25]),
        (
            "TIMESTAMP",
            pa.array([date(2024, 1, 2)]),
            pa.array([datetime(2024, 1, 2, 3)]),
            [datetime(2024, 1, 2), datetime(2024, 1, 2, 3)],
        ),
        ("VARCHAR", pa.array([7]), pa.array(["007"]), ["007", "7"]),
        ("BIGINT", pa.array([True]), pa.array([2]), [1, 2]),
        ("BIGINT", pa.nulls(1), pa.array([2]), [2, None]),
        (
            "STRUCT(a BIGINT, b VARCHAR)",
            pa.array([{"a": 1}]),
            pa.array([{"a": 2, "b": "x"}]),
            [{"a": 1, "b": None}, {"a": 2, "b": "x"}],
        ),
    ],
)
def test_the_declared_type_is_that_of_each_file_whichever_comes_first(
    files: Files, declared: str, first: Any, second: Any, expected: list[Any]
) -> None:
    files.declare(f"{DAY}\ncolumns: {{v: '{declared}'}}")
    for one, other in ((first, second), (second, first)):
        files.put("day=1/a.parquet", {"v": one})
        files.put("day=2/a.parquet", {"v": other})
        assert files.rows("SELECT v FROM t ORDER BY v") == [(value,) for value in expected]


def test_what_is_selected_does_not_change_a_value(files: Files) -> None:
    files.declare(f"{DAY}\ncolumns: {{v: DOUBLE}}")
    files.put("day=1/a.parquet", {"v": [1]})
    files.put("day=2/a.parquet", {"v": [2.5]})
    assert files.rows("SELECT sum(v) FROM t") == [(3.5,)]
    assert files.rows("SELECT sum(v) FROM t WHERE day = '2'") == [(2.5,)]


def test_rows_come_in_the_same_order_whichever_files_were_looked_at_before(tmp_path: Path) -> None:
    orders = []
    for first in ("1", "2"):
        files = Files(tmp_path / first)
        files.folder.mkdir()
        files.declare(f"{DAY}\ncolumns: {{v: DOUBLE}}")
        for day, stored in enumerate(([1], ["2"], [3.5], ["4"], [5]), 1):
            files.put(f"day={day}/a.parquet", {"v": pa.array(stored)})
        orders.append(files.answers([f"SELECT v FROM t WHERE day = '{first}'", "SELECT v FROM t"])[1])
    assert orders[0] == orders[1]


@pytest.mark.parametrize("columns", ["columns: {id: BIGINT, day: VARCHAR}", "columns: {id: BIGINT}", ""])
@pytest.mark.parametrize("union", ["", "union_by_name: true"])
@pytest.mark.parametrize("holder", ["1", "2"])
def test_a_partition_column_is_told_by_the_path_whether_or_not_the_file_holds_it(
    files: Files, columns: str, union: str, holder: str
) -> None:
    files.declare(f"{DAY}\n{columns}\n{union}")
    for day in ("1", "2"):
        held = {"day": [day]} if day == holder else {}
        files.put(f"day={day}/a.parquet", {"id": [int(day)], **held})
    assert files.rows("SELECT id, day FROM t ORDER BY id") == [(1, "1"), (2, "2")]
    assert files.rows("SELECT id FROM t WHERE day >= '1' ORDER BY id") == [(1,), (2,)]
    for day in ("1", "2"):
        assert files.rows(f"SELECT id FROM t WHERE day = '{day}'") == [(int(day),)]


def test_the_path_wins_over_the_file_and_pruning_agrees(files: Files) -> None:
    files.declare(f"{DAY}\ncolumns: {{id: BIGINT, day: VARCHAR}}\nstatistics: true")
    files.put("day=1/a.parquet", {"id": [1], "day": ["2"]})
    files.put("day=2/a.parquet", {"id": [2], "day": ["2"]})
    assert files.rows("SELECT id, day FROM t ORDER BY id") == [(1, "1"), (2, "2")]
    assert files.rows("SELECT id FROM t WHERE day = '2'") == [(2,)]
    assert files.rows("SELECT id FROM t WHERE day = '1'") == [(1,)]


def test_a_file_wins_over_the_path_where_rows_may_lie_anywhere(files: Files) -> None:
    files.declare("partitioned_by: [{column: day, source: day, enforced: false}]\ncolumns: {id: BIGINT, day: VARCHAR}")
    files.put("day=1/a.parquet", {"id": [1], "day": ["2"]})
    files.put("day=2/a.parquet", {"id": [2]})
    assert files.rows("SELECT id FROM t WHERE day = '2' ORDER BY id") == [(1,), (2,)]


@pytest.mark.parametrize("where", ["TRUE", "day = '1'", "day >= '1'"])
def test_a_declared_column_that_no_selected_file_has_is_null(files: Files, where: str) -> None:
    files.declare(f"{DAY}\ncolumns: {{id: BIGINT, w: VARCHAR}}\nunion_by_name: true")
    files.put("day=1/a.parquet", {"id": [1]})
    files.put("day=2/a.parquet", {"id": [2], "w": ["x"]})
    found = files.rows(f"SELECT id, w FROM t WHERE {where} ORDER BY id")
    assert found == [(1, None), (2, "x")][: 1 if where == "day = '1'" else 2]


def test_columns_are_matched_by_name_in_any_case_and_order(files: Files) -> None:
    files.declare(f"{DAY}\ncolumns: {{a: BIGINT, b: VARCHAR}}")
    files.put("day=1/a.parquet", {"b": ["x"], "A": [1], "more": [0]})
    files.put("day=2/a.parquet", {"a": [2], "B": ["y"]})
    assert files.rows("SELECT a, b FROM t ORDER BY a") == [(1, "x"), (2, "y")]


@pytest.mark.parametrize("kind", ["INTEGER", "BIGINT"])
def test_a_partition_column_that_only_folders_hold_has_its_declared_type(files: Files, kind: str) -> None:
    files.declare(f"partitioned_by: [{{column: year, source: year}}]\ncolumns: {{id: BIGINT, year: {kind}}}")
    for number, year in enumerate((2023, 2024, 2025)):
        files.put(f"year={year}/a.parquet", {"id": [number]})
    assert files.rows("SELECT id, year FROM t WHERE year >= 2024 ORDER BY id") == [(1, 2024), (2, 2025)]
    assert files.rows("SELECT sum(year) FROM t") == [(6072,)]


def test_a_folder_of_a_declared_date_and_null_are_values_of_that_type(files: Files) -> None:
    files.declare("partitioned_by: [{column: d, source: d}]\ncolumns: {id: BIGINT, d: DATE}")
    files.put("d=2024-01-02/a.parquet", {"id": [1]})
    files.put("d=__HIVE_DEFAULT_PARTITION__/a.parquet", {"id": [2]})
    found = files.rows("SELECT id, d FROM t ORDER BY id")
    assert found == [(1, date(2024, 1, 2)), (2, None)]
    assert files.rows("SELECT id FROM t WHERE d IS NULL") == [(2,)]


ODD = ["[x]", "a*", "?", "[", "[[]", "{a,b}", "a'b", '"', "ä", " ", "100%25", "a=b", "é*[!a]", "$1", "\\"]


@pytest.mark.parametrize("text", ODD)
def test_a_folder_is_read_as_it_is_named(files: Files, text: str) -> None:
    files.declare("partitioned_by: [{column: k, source: k}]\ncolumns: {id: BIGINT, k: VARCHAR}")
    files.put(f"k={text}/a.parquet", {"id": [1]})
    value = text.replace("%25", "%")
    quoted = value.replace("'", "''")
    for other in (False, True):
        if other:
            files.put("k=other/a.parquet", {"id": [2]})
        assert files.rows(f"SELECT k FROM t WHERE k = '{quoted}'") == [(value,)]
        assert files.rows(f"SELECT id FROM t WHERE k LIKE '{quoted[:1]}%' AND k <> 'other'") == [(1,)]
    assert sorted(files.rows("SELECT k FROM t")) == sorted([(value,), ("other",)])


def test_a_level_that_a_path_lacks_is_unknown_and_the_others_count(files: Files) -> None:
    files.declare(
        "partitioned_by: [{column: year, source: year}, {column: month, source: month}]\n"
        "columns: {id: BIGINT, year: VARCHAR, month: VARCHAR}"
    )
    files.put("year=2023/a.parquet", {"id": [1], "month": ["7"]})
    files.put("year=2024/month=1/a.parquet", {"id": [2]})
    files.put("Year=2025/region=eu/month=1/a.parquet", {"id": [3]})
    files.put("month=2/a.parquet", {"id": [4]})
    assert files.rows("SELECT id, year, month FROM t ORDER BY id") == [
        (1, "2023", "7"),
        (2, "2024", "1"),
        (3, "2025", "1"),
        (4, None, "2"),
    ]
    assert files.rows("SELECT id FROM t WHERE year = '2023'") == [(1,)]
    assert files.rows("SELECT id FROM t WHERE year = '2025'") == [(3,)]
    assert files.rows("SELECT id FROM t WHERE month = '7'") == [(1,)]
    assert files.rows("SELECT id FROM t WHERE year IS NULL") == [(4,)]
    assert [text.split(":")[0] for text in sorted(files.problems())] == [
        "Year=2025/region=eu/month=1/a.parquet",
        "month=2/a.parquet",
        "year=2023/a.parquet",
    ]


LAYOUTS = """\
columns: {id: BIGINT, ts: TIMESTAMP}
partitioned_by:
  - [{column: month, transform: month, source: ts}]
  - [{column: day, transform: day, source: ts}]
"""
CALENDAR = """\
columns: {id: BIGINT, ts: TIMESTAMP}
partitioned_by:
  - []
  - [{column: year, transform: year, source: ts}, {column: month, transform: month_of_year, source: ts}]
  - [{column: year, transform: year, source: ts}, {column: day, transform: day, source: ts}]
"""


def _evolved(files: Files, declared: str, paths: list[str]) -> list[datetime]:
    """Write the hours around two changes of month, one file a folder; *paths* are strftime formats by month."""
    files.declare(declared)
    times = [datetime(2024, 1, 30) + timedelta(hours=7 * number) for number in range(112)]
    folders: dict[str, list[int]] = {}
    for number, time in enumerate(times):
        folders.setdefault(time.strftime(paths[time.month - 1]), []).append(number)
    for path, numbers in folders.items():
        files.put(path, {"id": numbers, "ts": pa.array([times[number] for number in numbers], pa.timestamp("us"))})
    return times


@pytest.mark.parametrize(
    ("declared", "paths"),
    [
        (LAYOUTS, ["month=%Y-%m/a.parquet", "month=%Y-%m/a.parquet", "day=%Y-%m-%d/a.parquet"]),
        (LAYOUTS, ["month=%Y-%m/a.parquet", "day=%Y-%m-%d/a.parquet", "day=%Y-%m-%d/b.parquet"]),
        (CALENDAR, ["a.parquet", "year=%Y/month=%m/a.parquet", "year=%Y/day=%Y-%m-%d/a.parquet"]),
    ],
)
def test_a_table_may_have_files_of_several_layouts(files: Files, declared: str, paths: list[str]) -> None:
    times = _evolved(files, declared, paths)
    assert files.problems() == []
    for edge in (datetime(2024, 1, 31, 5), datetime(2024, 2, 1), datetime(2024, 2, 17, 3), datetime(2024, 3, 1, 12)):
        for sign in (">=", "<", "="):
            expected = [
                (number,)
                for number, time in enumerate(times)
                if {">=": time >= edge, "<": time < edge, "=": time == edge}[sign]
            ]
            assert files.rows(f"SELECT id FROM t WHERE ts {sign} TIMESTAMP '{edge}' ORDER BY id") == expected


def test_files_of_each_layout_are_pruned_by_the_source_of_its_levels(files: Files) -> None:
    _evolved(files, LAYOUTS, ["month=%Y-%m/a.parquet", "month=%Y-%m/a.parquet", "day=%Y-%m-%d/a.parquet"])
    assert sorted(files.read("SELECT id FROM t WHERE ts >= TIMESTAMP '2024-03-01 01:00'")) == [
        "day=2024-03-01/a.parquet",
        "day=2024-03-02/a.parquet",
    ]
    assert sorted(files.read("SELECT id FROM t WHERE ts < TIMESTAMP '2024-01-31'")) == ["month=2024-01/a.parquet"]
    assert sorted(files.read("SELECT id FROM t WHERE ts >= TIMESTAMP '2024-02-29' AND ts < '2024-03-02'")) == [
        "day=2024-03-01/a.parquet",
        "month=2024-02/a.parquet",
    ]


def test_a_path_of_no_layout_is_told_and_read(files: Files) -> None:
    files.declare(LAYOUTS)
    times = pa.array([datetime(2024, 2, 3)], pa.timestamp("us"))
    paths = ["a.parquet", "month=2024-02/day=2024-02-03/a.parquet", "day=2024-02-03/a.parquet"]
    for number, path in enumerate(paths):
        files.put(path, {"id": [number], "ts": times})
    assert files.rows("SELECT id FROM t WHERE ts >= TIMESTAMP '2024-02-03' ORDER BY id") == [(0,), (1,), (2,)]
    assert files.problems() == [
        "a.parquet: it has no partition column, and the declared layouts have month or day",
        "month=2024-02/day=2024-02-03/a.parquet: it has month, day, and the declared layouts have month or day",
    ]


@pytest.mark.parametrize("name", ["file_index", "filename", "file_row_number"])
def test_a_column_may_have_the_name_of_one_of_the_engine(files: Files, name: str) -> None:
    files.declare(f"{DAY}\ncolumns: {{{name}: VARCHAR}}")
    files.put("day=1/a.parquet", {name: ["x"]})
    files.put("day=2/a.parquet", {"other": ["x"]})
    assert files.rows(f"SELECT {name}, day FROM t ORDER BY day") == [("x", "1"), (None, "2")]


def test_a_table_may_have_no_column_but_those_of_its_folders(files: Files) -> None:
    files.declare(f"{DAY}\ncolumns: {{day: VARCHAR}}")
    files.put("day=1/a.parquet", {"id": [1, 2]})
    files.put("day=2/a.parquet", {"id": [3]})
    assert files.rows("SELECT day, count(*) FROM t GROUP BY day ORDER BY day") == [("1", 2), ("2", 1)]


@pytest.mark.parametrize(
    ("declared", "stored", "shown"),
    [
        ("BIGINT", pa.array([2.0, 2.5]), "DOUBLE"),
        ("BIGINT", pa.array(["7", "007"]), "VARCHAR"),
        ("DOUBLE", pa.array([2**53 + 1]), "BIGINT"),
        ("DOUBLE", pa.array([str(2**53 + 1)]), "VARCHAR"),
        ("FLOAT", pa.array([0.1]), "DOUBLE"),
        ("TINYINT", pa.array([200], pa.int16()), "SMALLINT"),
        ("UBIGINT", pa.array([-1]), "BIGINT"),
        ("BOOLEAN", pa.array([2]), "BIGINT"),
        ("DECIMAL(9,2)", pa.array([1.005]), "DOUBLE"),
        ("DECIMAL(9,2)", pa.array(["1.005"]), "VARCHAR"),
        ("DECIMAL(3,1)", pa.array([100], pa.decimal128(5, 0)), "DECIMAL(5,0)"),
        ("TIMESTAMP", pa.array([1], pa.timestamp("ns")), "TIMESTAMP_NS"),
        ("DATE", pa.array([datetime(2024, 1, 2, 3)]), "TIMESTAMP"),
        ("VARCHAR", pa.array([b"\xff"]), "BLOB"),
        ("DOUBLE", pa.array([date(2024, 1, 2)]), "DATE"),
        ("DATE", pa.array([1]), "BIGINT"),
        ("BIGINT", pa.array([[1]]), "BIGINT[]"),
        ("BIGINT[]", pa.array([[1.5]]), "DOUBLE[]"),
        ("STRUCT(a BIGINT)", pa.array([{"a": 1.5}]), "STRUCT(a DOUBLE)"),
        ("STRUCT(a BIGINT, c DATE)", pa.array([{"a": 1.5, "b": "x"}]), "STRUCT(a DOUBLE, b VARCHAR)"),
    ],
)
def test_a_value_that_would_be_lost_ends_the_query_and_the_file_is_named_to_operators_only(
    files: Files, declared: str, stored: Any, shown: str
) -> None:
    files.declare(f"{DAY}\ncolumns: {{id: BIGINT, v: '{declared}'}}")
    files.put("day=1/a.parquet", {"id": [1]})
    files.put("day=2/a b.parquet", {"id": [2] * len(stored), "v": stored})
    assert files.rows("SELECT count(v) FROM t WHERE day = '1'") == [(0,)]
    assert files.rows("SELECT max(id) FROM t") == [(2,)]
    with pytest.raises(ValueMisfit) as caught:
        files.rows("SELECT v FROM t")
    assert caught.value.path == "day=2/a b.parquet"
    assert "day=2" not in caught.value.detail
    assert all(word in caught.value.detail for word in ("'v'", f" {shown},", f" {declared},"))


@pytest.mark.parametrize(
    ("declared", "stored", "expected"),
    [
        ("BIGINT", pa.array([2.0, None, -3.0]), [2, None, -3]),
        ("BIGINT", pa.array(["7", "-3", None]), [7, -3, None]),
        ("DOUBLE", pa.array([2**53, None]), [2.0**53, None]),
        ("DOUBLE", pa.array(["1.5", "2", None]), [1.5, 2.0, None]),
        ("FLOAT", pa.array([0.5, float("inf")]), [0.5, float("inf")]),
        ("DECIMAL(9,2)", pa.array([1.5, 0.1]), [Decimal("1.50"), Decimal("0.10")]),
        ("DECIMAL(9,2)", pa.array(["1.5", "-2"]), [Decimal("1.50"), Decimal("-2.00")]),
        ("TIMESTAMP", pa.array([10**9 + 10**3], pa.timestamp("ns")), [datetime(1970, 1, 1, 0, 0, 1, 1)]),
        ("DATE", pa.array([datetime(2024, 1, 2)]), [date(2024, 1, 2)]),
        ("DATE", pa.array(["2024-01-02", None]), [date(2024, 1, 2), None]),
        ("TIMESTAMP", pa.array(["2024-01-02T03:04:05"]), [datetime(2024, 1, 2, 3, 4, 5)]),
        ("VARCHAR", pa.array(["ä".encode(), None]), ["ä", None]),
        ("BLOB", pa.array(["ä", None]), ["ä".encode(), None]),
        ("VARCHAR", pa.array([True, None]), ["true", None]),
        ("BIGINT[]", pa.array([[1.0, None], None]), [[1, None], None]),
        ("VARCHAR[]", pa.array([[1, None], None]), [["1", None], None]),
        ("STRUCT(a BIGINT, b VARCHAR)", pa.array([{"b": "x", "a": 1, "c": 0}]), [{"a": 1, "b": "x"}]),
        ("STRUCT(a BIGINT)", pa.nulls(2), [None, None]),
        ("STRUCT(a BIGINT, c DATE)", pa.array([{"a": 1.0, "b": b"x"}, None]), [{"a": 1, "c": None}, None]),
        ("STRUCT(a BIGINT)[]", pa.array([[{"a": "7", "b": 1}, None], []]), [[{"a": 7}, None], []]),
    ],
)
def test_a_value_that_loses_nothing_is_read_under_the_declared_type(
    files: Files, declared: str, stored: Any, expected: list[Any]
) -> None:
    files.declare(f"{DAY}\ncolumns: {{v: '{declared}'}}")
    files.put("day=1/a.parquet", {"v": stored})
    assert files.rows("SELECT v FROM t") == [(value,) for value in expected]


def test_of_two_columns_that_differ_in_case_the_first_is_read(files: Files) -> None:
    files.declare("columns: {x: BIGINT}")
    files.put("a.parquet", pa.Table.from_arrays([pa.array([1]), pa.array(["no"])], names=["X", "x"]))
    assert files.rows("SELECT x FROM t WHERE x = 1") == [(1,)]


def test_a_column_with_a_dot_is_not_a_field_of_a_struct(files: Files) -> None:
    files.declare('columns: {"a.b": BIGINT, a: STRUCT(b BIGINT)}')
    files.put("a.parquet", {"a": pa.array([{"b": 1}]), "a.b": pa.array([100])})
    assert files.rows('SELECT a.b, "a.b" FROM t WHERE "a.b" = 100') == [(1, 100)]


@pytest.mark.parametrize(
    ("stored", "kind", "expected"),
    [
        ([pa.array([2.5]), pa.array([1])], "DOUBLE", [1.0, 2.5]),
        ([pa.array([1], pa.int32()), pa.array([2**40])], "BIGINT", [1, 2**40]),
        ([pa.array([1], pa.int16()), pa.array([2], pa.uint16())], "INTEGER", [1, 2]),
        ([pa.array([2.5]), pa.nulls(1)], "DOUBLE", [2.5, None]),
        ([pa.array([7]), pa.array(["x"])], "VARCHAR", ["7", "x"]),
        (
            [pa.array([date(2024, 1, 2)]), pa.array([datetime(2024, 1, 1)])],
            "TIMESTAMP",
            [datetime(2024, 1, 1), datetime(2024, 1, 2)],
        ),
        ([pa.array([Decimal("1.5")]), pa.array([1])], "DECIMAL(20,1)", [Decimal(1), Decimal("1.5")]),
        ([pa.array([[1]]), pa.array([[0.5]])], "DOUBLE[]", [[0.5], [1.0]]),
        ([pa.array([{"a": 1}]), pa.array([{"a": 2, "b": "x"}])], None, [{"a": 1, "b": None}, {"a": 2, "b": "x"}]),
    ],
)
def test_the_columns_of_an_undeclared_table_are_those_of_all_its_files(
    files: Files, stored: list[Any], kind: str | None, expected: list[Any]
) -> None:
    files.declare(DAY)
    for day, value in enumerate(stored):
        files.put(f"day={day}/a.parquet", {"v": value, f"only{day}": [day]})
    assert files.rows("SELECT v FROM t ORDER BY v") == [(value,) for value in expected]
    for day in range(2):
        [(one, other, type_)] = files.rows(f"SELECT only0, only1, typeof(v) FROM t WHERE day = '{day}'")
        assert (one, other) == ((0, None) if day == 0 else (None, 1))
        assert kind in (None, type_)


@pytest.mark.parametrize("nest", [lambda struct: struct, lambda struct: [struct], lambda struct: {"inner": struct}])
def test_structs_of_an_undeclared_table_have_the_fields_of_all_files(files: Files, nest: Any) -> None:
    wide = pa.scalar({"a": 2, "c": 2.5}, pa.struct([("a", pa.int64()), ("c", pa.float64())])).as_py()
    files.declare(DAY)
    for order in (("1", "2"), ("2", "1")):
        narrow: Any = pa.array([{"a": 1, "b": "x"}], pa.struct([("a", pa.int32()), ("b", pa.string())]))
        files.put(f"day={order[0]}/a.parquet", {"v": pa.array([nest(row) for row in narrow.to_pylist()])})
        files.put(f"day={order[1]}/a.parquet", {"v": pa.array([nest(wide)])})
        found = files.rows("SELECT v FROM t WHERE CAST(v AS VARCHAR) LIKE '%x%'")
        assert found == [(nest({"a": 1, "b": "x", "c": None}),)]
        assert files.rows("SELECT v FROM t WHERE CAST(v AS VARCHAR) LIKE '%2.5%'") == [
            (nest({"a": 2, "c": 2.5, "b": None}),)
        ]


@pytest.mark.parametrize("digits", ["1" + "0" * 37, "9" * 38])
def test_a_number_of_38_digits_is_compared_as_it_is(files: Files, digits: str) -> None:
    files.declare(f"{DAY}\nstatistics: true")
    files.put("day=1/a.parquet", {"v": pa.array([Decimal(digits), Decimal(7)], pa.decimal128(38, 0))})
    written = f"CAST('{digits}' AS DECIMAL(38,0))"
    assert files.rows(f"SELECT v FROM t WHERE v = {written}") == [(Decimal(digits),)]
    assert files.rows(f"SELECT v FROM t WHERE v < {written}") == [(Decimal(7),)]


def test_an_undeclared_table_whose_files_have_no_common_type_says_so(files: Files) -> None:
    files.declare(DAY)
    files.put("day=1/a.parquet", {"v": pa.array([1])})
    files.put("day=2/a.parquet", {"v": pa.array([[1]])})
    with pytest.raises(TableInvalid) as caught:
        files.rows("SELECT v FROM t")
    [mistake] = caught.value.diagnostics
    assert mistake.message == "files store the column 'v' as BIGINT and as BIGINT[]"


@pytest.mark.parametrize(
    "condition",
    [
        "ts IS NULL",
        "ts IS NOT DISTINCT FROM NULL",
        "ts IS DISTINCT FROM TIMESTAMP '2024-01-01 12:00:00'",
        "ts IS NULL OR ts < TIMESTAMP '2024-01-01'",
        "coalesce(ts, TIMESTAMP '2030-01-01') > TIMESTAMP '2029-01-01'",
        "NOT (ts IS NOT NULL)",
        "(ts < TIMESTAMP '2000-01-01') IS NULL",
        "CASE WHEN ts IS NULL THEN true ELSE ts > TIMESTAMP '2029-01-01' END",
    ],
)
@pytest.mark.parametrize("transform", ["day", "month", "bucket[4]"])
def test_a_file_without_the_source_of_its_folder_holds_null_there(files: Files, transform: str, condition: str) -> None:
    folder = {"day": ("2024-01-01", "2024-01-02"), "month": ("2024-01", "2024-02"), "bucket[4]": ("1", "2")}[transform]
    columns = "columns: {id: BIGINT, ts: TIMESTAMP}"
    files.declare(f"partitioned_by: [{{column: p, transform: '{transform}', source: ts}}]\n{columns}")
    files.put(f"p={folder[0]}/a.parquet", {"id": [1], "ts": [datetime(2024, 1, 1, 12)]})
    files.put(f"p={folder[1]}/a.parquet", {"id": [2]})
    assert files.rows(f"SELECT id FROM t WHERE {condition}") == [(2,)]

"""Real files of every format become tables, or a clear refusal that leaves the table as it was."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gateway.catalog.table import Table
from gateway.errors import InputInvalid, StorageFailed
from gateway.writer import Files, Mode, Options, Progress, Stage, write

EVENTS: dict[str, Any] = {
    "table": "events",
    "location": "warehouse/events",
    "partitioned_by": [
        {"column": "day", "transform": "day", "source": "ts"},
        {"column": "kind", "source": "kind"},
    ],
    "columns": {"id": "BIGINT", "ts": "TIMESTAMP", "kind": "VARCHAR", "amount": "DECIMAL(9,2)", "note": "VARCHAR"},
}
TABLE = Table.model_validate(EVENTS)
PLAIN = Table.model_validate({"table": "plain", "location": "plain"})
CSV = """\
id,ts,kind,amount,note
1,2013-01-01T10:00:00,a/b,1.50,first
2,2013-01-02 23:59:59.999999,a/b,-2,""
3,2013-01-01T00:00:00,,,
4,,x,0.01,"two
lines"
"""
ROWS = [
    ("day=2013-01-01/kind=__HIVE_DEFAULT_PARTITION__", 3, None, None),
    ("day=2013-01-01/kind=a%2Fb", 1, "1.50", "first"),
    ("day=2013-01-02/kind=a%2Fb", 2, "-2.00", ""),
    ("day=__HIVE_DEFAULT_PARTITION__/kind=x", 4, "0.01", "two\nlines"),
]


def put(folder: Path, name: str, text: str) -> Files:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return Files(paths=(str(path),))


def rows_in(folder: Path) -> list[tuple[str, int, str | None, str | None]]:
    """Read every file on its own: its folder, and what matters of its rows."""
    found = []
    for path in folder.rglob("*.parquet"):
        with pq.ParquetFile(path) as file:
            for row in file.read().to_pylist():
                amount = None if row["amount"] is None else str(row["amount"])
                found.append((path.parent.relative_to(folder).as_posix(), row["id"], amount, row["note"]))
    return sorted(found, key=lambda row: row[0])


def read(root: Path, location: str) -> duckdb.DuckDBPyRelation:
    return duckdb.connect().read_parquet([str(path) for path in sorted((root / location).rglob("*.parquet"))])


def test_csv_is_written(tmp_path: Path) -> None:
    summary = write(TABLE, put(tmp_path, "events.csv", CSV), root=tmp_path)
    assert rows_in(tmp_path / "warehouse/events") == ROWS
    assert (summary.rows, summary.partitions, summary.files, summary.removed) == (4, 4, 4, 0)
    assert summary.bytes == sum(path.stat().st_size for path in tmp_path.rglob("*.parquet"))


def test_compressed_csv_is_written(tmp_path: Path) -> None:
    path = tmp_path / "events.csv.gz"
    path.write_bytes(gzip.compress(CSV.encode()))
    write(TABLE, Files(paths=(str(path),)), root=tmp_path)
    assert rows_in(tmp_path / "warehouse/events") == ROWS


def test_json_is_written(tmp_path: Path) -> None:
    documents = [
        {"id": 1, "ts": "2013-01-01T10:00:00", "kind": "a/b", "amount": 1.5, "note": "first"},
        {"id": 2, "ts": "2013-01-02T23:59:59.999999", "kind": "a/b", "amount": -2, "note": ""},
        {"id": 3, "ts": "2013-01-01T00:00:00", "kind": None},
        {"id": 4, "ts": None, "kind": "x", "amount": "0.01", "note": "two\nlines"},
    ]
    write(TABLE, put(tmp_path, "a.ndjson", "\n".join(json.dumps(item) for item in documents)), root=tmp_path)
    assert rows_in(tmp_path / "warehouse/events") == ROWS
    options = Options(mode=Mode.REPLACE)
    write(TABLE, put(tmp_path, "a.json", json.dumps(documents)), root=tmp_path, options=options)
    assert rows_in(tmp_path / "warehouse/events") == ROWS


def test_parquet_is_written(tmp_path: Path) -> None:
    write(TABLE, put(tmp_path, "events.csv", CSV), root=tmp_path)
    copy = tmp_path / "copy.parquet"
    read(tmp_path, "warehouse/events").write_parquet(str(copy))
    moved = TABLE.model_copy(update={"location": "again"})
    write(moved, Files(paths=(str(copy),)), root=tmp_path)
    assert rows_in(tmp_path / "again") == ROWS


def test_a_relation_and_a_reader_are_written(tmp_path: Path) -> None:
    relation = duckdb.connect().sql("SELECT range AS x, 'text' AS y FROM range(3)")
    write(PLAIN, relation, root=tmp_path)
    batches = [pa.record_batch({"x": [number], "y": ["text"]}) for number in (3, 4)]
    write(PLAIN, pa.RecordBatchReader.from_batches(batches[0].schema, batches), root=tmp_path)
    assert read(tmp_path, "plain").order("x").fetchall() == [(number, "text") for number in range(5)]


def test_wildcards_take_files_in_name_order(tmp_path: Path) -> None:
    put(tmp_path, "b.csv", "x\n2\n")
    put(tmp_path, "a.csv", "x\n1\n")
    put(tmp_path, "[odd].csv", "x\n0\n")
    summary = write(PLAIN, Files(paths=(str(tmp_path / "*.csv"),)), root=tmp_path)
    assert pq.read_table(tmp_path / "plain" / summary.paths[0])["x"].to_pylist() == [0, 1, 2]


def test_a_broken_file_with_an_odd_name_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputInvalid, match=r"\[odd\]'s\.csv: CSV Error on Line: 2"):
        write(PLAIN, put(tmp_path, "[odd]'s.csv", "x,y\n1\n"), root=tmp_path)


def test_a_file_whose_name_looks_like_a_wildcard_is_that_file(tmp_path: Path) -> None:
    files = put(tmp_path, "[odd].csv", "x\n7\n")
    write(PLAIN, files, root=tmp_path)
    assert read(tmp_path, "plain").fetchall() == [(7,)]


def test_without_declared_columns_csv_types_are_found_over_all_rows(tmp_path: Path) -> None:
    numbers = "\n".join(str(number) for number in range(30_000))
    write(PLAIN, put(tmp_path, "a.csv", f"x\n{numbers}\n1.5\n"), root=tmp_path)
    assert [str(kind) for kind in read(tmp_path, "plain").types] == ["DOUBLE"]


def test_later_rows_take_the_types_of_the_table(tmp_path: Path) -> None:
    write(PLAIN, put(tmp_path, "a.csv", "x,y\n1.5,a\n"), root=tmp_path)
    write(PLAIN, put(tmp_path, "b.csv", "y,x\n7,2\n"), root=tmp_path)
    assert sorted(read(tmp_path, "plain").fetchall()) == [(1.5, "a"), (2.0, "7")]


def test_a_null_text_is_null(tmp_path: Path) -> None:
    path = put(tmp_path, "a.csv", 'x,y\n1,NA\nNA,"NA"\n').paths
    write(PLAIN, Files(paths=path, null="NA"), root=tmp_path)
    assert read(tmp_path, "plain").fetchall() == [(1, None), (None, None)]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("1.5,2013-01-01,a,1,", "Row 2: '1.5' does not fit the column 'id' of type BIGINT"),
        ("9223372036854775808,2013-01-01,a,1,", "Row 2: '9223372036854775808' does not fit the column 'id'"),
        ("7,yesterday,a,1,", "Row 2: 'yesterday' does not fit the column 'ts' of type TIMESTAMP"),
        ("7,2013-01-01T10:00:00+05:00,a,1,", "does not fit the column 'ts'"),
        ("7,2013-01-01T10:00:00.123456789,a,1,", "does not fit the column 'ts'"),
        ("7,2013-01-01,a,1.005,", "Row 2: '1.005' does not fit the column 'amount'"),
        ("7,2013-01-01,a,12345678.00,", "Row 2: '12345678.00' does not fit the column 'amount'"),
    ],
)
def test_a_row_that_does_not_fit_is_named_and_nothing_is_written(tmp_path: Path, line: str, told: str) -> None:
    files = put(tmp_path, "a.csv", f"id,ts,kind,amount,note\n1,2013-01-01,a,1,x\n{line}\n")
    with pytest.raises(InputInvalid) as caught:
        write(TABLE, files, root=tmp_path)
    assert told in str(caught.value)
    assert not list(tmp_path.rglob("*.parquet"))


def test_numbers_are_not_rounded_to_the_declared_type(tmp_path: Path) -> None:
    table = PLAIN.model_copy(update={"columns": {"x": "INTEGER"}})
    with pytest.raises(InputInvalid, match=r"Row 2: '1\.5' does not fit"):
        write(table, pa.table({"x": [1.0, 1.5]}), root=tmp_path)


def test_a_time_is_not_cut_off_a_declared_date(tmp_path: Path) -> None:
    table = PLAIN.model_copy(update={"columns": {"x": "DATE"}})
    with pytest.raises(InputInvalid, match="does not fit the column 'x' of type DATE"):
        write(table, put(tmp_path, "a.csv", "x\n2013-01-01\n2013-01-01 10:00:00\n"), root=tmp_path)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("id,ts,kind,amount\n", "lacks note"),
        ("id,ts,kind,amount,note,more\n", "also has more (leave it out with --exclude)"),
        ("id,kind,amount,note\n", "lacks the column 'ts', which decides 'day'"),
        ("id,ts,kind,amount,note,day\n", "leave it out with --exclude day"),
    ],
)
def test_columns_that_are_not_those_of_the_table_are_refused(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(InputInvalid) as caught:
        write(TABLE, put(tmp_path, "a.csv", text), root=tmp_path)
    assert told in str(caught.value)


def test_columns_are_chosen(tmp_path: Path) -> None:
    options = Options(exclude=("DAY",), select=("note", "id", "ts", "kind", "amount", "day"))
    write(
        TABLE, put(tmp_path, "a.csv", "id,ts,kind,amount,note,day,more\n1,,a,1,x,1,y\n"), root=tmp_path, options=options
    )
    assert read(tmp_path, "warehouse/events").columns == ["id", "ts", "kind", "amount", "note"]


def test_an_unknown_column_is_named_with_the_nearest_one(tmp_path: Path) -> None:
    with pytest.raises(InputInvalid, match="did you mean 'note'"):
        write(PLAIN, put(tmp_path, "a.csv", "note\nx\n"), root=tmp_path, options=Options(exclude=("nota",)))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("bad.json", '{"x": 1}\n{"x":'),
        ("bad.csv", 'x\n"open\n'),
        ("bad.parquet", "PAR1 is not enough PAR1"),
        ("bad.csv", ""),
    ],
)
def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, name: str, text: str) -> None:
    with pytest.raises(InputInvalid):
        write(PLAIN, put(tmp_path, name, text), root=tmp_path)
    assert not list(tmp_path.rglob("plain/*.parquet"))


@pytest.mark.parametrize(
    ("text", "line"), [("x,y\n1,2\n3\n", 3), ("x,y\n1,2\n3,4,5\n", 3), ('x,y\n1,2\n3,"a"b\n', 3), ("x,y\n1\n", 2)]
)
@pytest.mark.parametrize("table", [PLAIN, PLAIN.model_copy(update={"columns": {"x": "INTEGER", "y": "VARCHAR"}})])
def test_a_line_that_breaks_the_format_is_named(tmp_path: Path, table: Table, text: str, line: int) -> None:
    with pytest.raises(InputInvalid, match=rf"a\.csv: CSV Error on Line: {line}"):
        write(table, put(tmp_path, "a.csv", text), root=tmp_path)


def test_nothing_in_csv_is_taken_for_a_comment_or_a_title(tmp_path: Path) -> None:
    write(PLAIN, put(tmp_path, "a.csv", "x,y\n#1,2\n"), root=tmp_path)
    assert read(tmp_path, "plain").fetchall() == [("#1", 2)]


@pytest.mark.parametrize(("name", "text", "delimiter"), [("a.tsv", "x\ty\n1\t,\n", None), ("a.csv", "x;y\n1;,\n", ";")])
def test_fields_are_separated_as_the_name_or_the_caller_says(
    tmp_path: Path, name: str, text: str, delimiter: str | None
) -> None:
    write(PLAIN, Files(paths=put(tmp_path, name, text).paths, delimiter=delimiter), root=tmp_path)
    assert read(tmp_path, "plain").fetchall() == [(1, ",")]


@pytest.mark.parametrize("path", ["none.csv", "none/*.csv", "s3://bucket/x.csv"])
def test_an_input_that_is_not_there_is_refused(tmp_path: Path, path: str) -> None:
    with pytest.raises(InputInvalid, match=r"no such file|local files"):
        write(PLAIN, Files(paths=(path if "://" in path else str(tmp_path / path),)), root=tmp_path)


@pytest.mark.parametrize("expression", ["1::HUGEINT", "INTERVAL 1 DAY", "[INTERVAL 1 DAY]", "'101'::BIT"])
def test_types_that_parquet_would_change_are_refused(tmp_path: Path, expression: str) -> None:
    relation = duckdb.connect(config={"arrow_lossless_conversion": "true"}).sql(f"SELECT {expression} AS x")
    with pytest.raises(InputInvalid, match="type that Parquet cannot hold"):
        write(PLAIN, relation, root=tmp_path)


def test_types_come_back_as_they_were(tmp_path: Path) -> None:
    query = """SELECT true AS b, 1::TINYINT AS i, 2::UBIGINT AS u, 1.5::FLOAT AS f, 1.25::DECIMAL(38,10) AS d,
        DATE '2013-01-01' AS day, TIME '10:00:00.5' AS t, TIMESTAMP '2013-01-01 10:00:00.123456' AS ts,
        TIMESTAMP_NS '2013-01-01 10:00:00.123456789' AS ns, TIMESTAMPTZ '2013-01-01 10:00:00+00' AS tz,
        '\\xAA'::BLOB AS raw, '6f3f2b1c-0000-4000-8000-000000000001'::UUID AS id, [true, NULL] AS l,
        {'a': 1, 'b': [false]} AS s, MAP {'k': DATE '2013-01-01'} AS m, '{"a": 1}'::JSON AS j, NULL::INTEGER AS n"""
    connection = duckdb.connect(config={"arrow_lossless_conversion": "true"})
    connection.execute("SET TimeZone = 'UTC'")
    given = connection.sql(query)
    write(PLAIN, given, root=tmp_path)
    found = connection.read_parquet([str(path) for path in (tmp_path / "plain").glob("*.parquet")])
    assert list(zip(found.columns, found.types, strict=True)) == list(zip(given.columns, given.types, strict=True))
    assert found.fetchall() == given.fetchall()


def test_a_partition_larger_than_the_target_becomes_several_files(tmp_path: Path) -> None:
    relation = duckdb.connect().sql("SELECT range AS x, md5(range::VARCHAR) AS y FROM range(1_000_000)")
    options = Options(target_size=5 * 2**20)
    summary = write(PLAIN, relation, root=tmp_path, options=options)
    sizes = [(tmp_path / "plain" / path).stat().st_size for path in summary.paths]
    assert len(sizes) > 2
    assert all(options.target_size <= size < 2 * options.target_size for size in sizes[:-1])
    assert read(tmp_path, "plain").aggregate("count(*), count(DISTINCT x)").fetchall() == [(1_000_000, 1_000_000)]


def test_files_are_sorted_and_say_so(tmp_path: Path) -> None:
    table = Table.model_validate(
        {
            "table": "t",
            "location": "t",
            "partitioned_by": [{"column": "b", "transform": "truncate[1000]", "source": "k"}],
            "sorted_by": ["v"],
        }
    )
    rows = pa.table({"k": [2, 1, 2, None], "v": ["a", "b", None, "c"], "x": [1, 2, 3, 4]})
    write(table, rows, root=tmp_path, options=Options(sort=("v desc",)))
    (path,) = (tmp_path / "t" / "b=0").iterdir()
    with pq.ParquetFile(path) as file:
        assert file.read().to_pylist() == [
            {"k": 1, "v": "b", "x": 2},
            {"k": 2, "v": "a", "x": 1},
            {"k": 2, "v": None, "x": 3},
        ]
        group = file.metadata.row_group(0)
        ordered = [(item.column_index, item.descending) for item in group.sorting_columns]
        assert ordered == [(0, False), (1, True)]
        assert (group.column(0).statistics.min, group.column(0).statistics.max) == (1, 2)
        assert group.column(0).has_offset_index
        assert group.column(0).has_column_index


@pytest.mark.parametrize("sort", ["none", "x sideways"])
def test_an_order_that_cannot_be_is_refused(tmp_path: Path, sort: str) -> None:
    with pytest.raises(InputInvalid, match="Cannot sort by"):
        write(PLAIN, pa.table({"x": [1]}), root=tmp_path, options=Options(sort=(sort,)))


def test_append_keeps_what_is_there(tmp_path: Path) -> None:
    for _ in range(2):
        write(PLAIN, pa.table({"x": [1]}), root=tmp_path)
    assert read(tmp_path, "plain").fetchall() == [(1,), (1,)]


def test_overwriting_partitions_keeps_the_others(tmp_path: Path) -> None:
    table = Table.model_validate({"table": "t", "location": "t", "partitioned_by": [{"column": "p", "source": "p"}]})
    write(table, pa.table({"p": [1, 2, 3], "x": [1, 2, 3]}), root=tmp_path)
    options = Options(mode=Mode.OVERWRITE_PARTITIONS)
    summary = write(table, pa.table({"p": [2, 4], "x": [20, 40]}), root=tmp_path, options=options)
    assert summary.removed == 1
    assert sorted(read(tmp_path, "t").fetchall()) == [(1, 1), (2, 20), (3, 3), (4, 40)]


def test_overwriting_finds_a_partition_that_is_spelt_otherwise(tmp_path: Path) -> None:
    parts = [
        {"column": "year", "transform": "year", "source": "d"},
        {"column": "month", "transform": "month_of_year", "source": "d"},
    ]
    table = Table.model_validate({"table": "t", "location": "t", "partitioned_by": parts})
    rows = duckdb.connect().sql("SELECT DATE '2013-06-05' AS d, 1 AS x")
    (tmp_path / "t/year=2013/month=06").mkdir(parents=True)
    rows.write_parquet(str(tmp_path / "t/year=2013/month=06/old.parquet"))
    write(table, rows, root=tmp_path, options=Options(mode=Mode.OVERWRITE_PARTITIONS))
    assert [path.parent.name for path in tmp_path.rglob("*.parquet")] == ["month=6"]
    assert not (tmp_path / "t/year=2013/month=06").exists()


def test_replacing_leaves_only_the_new_rows(tmp_path: Path) -> None:
    table = Table.model_validate({"table": "t", "location": "t", "partitioned_by": [{"column": "p", "source": "p"}]})
    write(table, pa.table({"p": ["a", "b"], "x": [1, 2]}), root=tmp_path)
    summary = write(table, pa.table({"p": ["c"], "y": ["z"]}), root=tmp_path, options=Options(mode=Mode.REPLACE))
    assert (summary.removed, read(tmp_path, "t").fetchall()) == (2, [("c", "z")])
    assert sorted(path.name for path in (tmp_path / "t").iterdir() if not path.name.startswith(".")) == ["p=c"]


def test_replacing_by_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputInvalid, match="no rows"):
        write(TABLE, put(tmp_path, "a.csv", CSV.split("\n")[0]), root=tmp_path, options=Options(mode=Mode.REPLACE))


def test_an_empty_table_without_partitions_keeps_its_columns(tmp_path: Path) -> None:
    write(PLAIN, pa.table({"x": pa.array([], pa.int32())}), root=tmp_path, options=Options(mode=Mode.REPLACE))
    relation = read(tmp_path, "plain")
    assert (relation.columns, relation.fetchall()) == (["x"], [])


def test_progress_goes_through_the_stages(tmp_path: Path) -> None:
    seen: list[Progress] = []
    write(TABLE, put(tmp_path, "a.csv", CSV), root=tmp_path, on_progress=seen.append)
    assert list(dict.fromkeys(item.stage for item in seen)) == [Stage.READING, Stage.WRITING, Stage.PUBLISHING]
    assert [item.done for item in seen if item.stage is Stage.WRITING] == [1, 2, 3, 4]
    assert seen[-1].done == seen[-1].total == 4


def test_more_rows_than_memory_are_written(tmp_path: Path) -> None:
    relation = duckdb.connect().sql("SELECT range AS x, md5(range::VARCHAR) AS y FROM range(1_500_000)")
    table = PLAIN.model_copy(update={"sorted_by": ("y",)})
    write(table, relation, root=tmp_path, options=Options(memory=96 * 2**20))
    assert read(tmp_path, "plain").aggregate("count(*), sum(x)").fetchall() == [(1_500_000, 1_124_999_250_000)]


def test_a_folder_that_cannot_be_made_is_a_failure_of_storage(tmp_path: Path) -> None:
    put(tmp_path, "plain", "a file where the table should be")
    with pytest.raises(StorageFailed):
        write(PLAIN, pa.table({"x": [1]}), root=tmp_path)

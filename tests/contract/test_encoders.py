"""Every format is read back by a reader that shares no code with its writer, and gives the same rows."""

from __future__ import annotations

import csv
import json
import threading
from collections.abc import Callable, Iterator
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq
import pytest
import python_calamine

from gateway.encode import FORMATS, encode
from gateway.encode.rows import ROWS, Rows
from gateway.errors import QueryFailed
from gateway.model import Column

COLUMNS = [
    Column(name="n", type="BIGINT"),
    Column(name="word", type="VARCHAR"),
    Column(name="amount", type="DECIMAL(9,2)"),
]
Records = list[dict[str, Any]]


def table(rows: int) -> pa.Table:
    return pa.table(
        {
            "n": pa.array(range(rows), pa.int64()),
            "word": pa.array([None if index % 3 else f'é,"{index}"' for index in range(rows)], pa.string()),
            "amount": pa.array([index * 100 for index in range(rows)], pa.int64())
            .cast(pa.decimal128(38, 0))
            .cast(pa.decimal128(38, 2)),
        }
    )


def written(name: str, rows: pa.Table, **options: Any) -> bytes:
    return b"".join(encode(FORMATS[name], Rows.of(rows), COLUMNS, **options))


def plain(rows: pa.Table) -> Records:
    return [{**row, "amount": str(row["amount"])} for row in rows.to_pylist()]


def by_json(content: bytes) -> Records:
    found: Records = json.loads(content)["data"]
    return found


def by_lines(content: bytes) -> Records:
    return [json.loads(line) for line in content.splitlines()]


def by_csv(content: bytes) -> Records:
    rows = csv.DictReader(StringIO(content.decode(), newline=""), strict=True)
    return [{"n": int(row["n"]), "word": row["word"] or None, "amount": row["amount"]} for row in rows]


def by_arrow(content: bytes) -> Records:
    return plain(pa.ipc.open_stream(content).read_all())


def by_parquet(content: bytes) -> Records:
    return plain(pq.read_table(BytesIO(content)))


def by_workbook(content: bytes) -> Records:
    sheet = python_calamine.CalamineWorkbook.from_filelike(BytesIO(content)).get_sheet_by_index(0)
    header, *rows = sheet.to_python()
    assert header == ["n", "word", "amount"]
    return [{"n": int(n), "word": word or None, "amount": f"{amount:.2f}"} for n, word, amount in rows]


READERS: dict[str, Callable[[bytes], Records]] = {
    "json": by_json,
    "ndjson": by_lines,
    "csv": by_csv,
    "arrow": by_arrow,
    "parquet": by_parquet,
    "xlsx": by_workbook,
}
STREAMED = [name for name, form in FORMATS.items() if form.max_rows is None]
"""Formats that are written while the rows come; the others have a bound, and are made whole."""


@pytest.mark.parametrize("rows", [0, 1, 5, ROWS, 2 * ROWS + 3, 140_000])
@pytest.mark.parametrize("name", FORMATS)
def test_every_row_comes_back(name: str, rows: int) -> None:
    assert READERS[name](written(name, table(rows))) == plain(table(rows))


@pytest.mark.parametrize("name", FORMATS)
def test_a_page_of_a_table_is_written_alone(name: str) -> None:
    assert READERS[name](written(name, table(100).slice(37, 5))) == plain(table(100))[37:42]


@pytest.mark.parametrize("name", FORMATS)
def test_a_table_in_chunks_is_written_as_one(name: str) -> None:
    chunks = pa.concat_tables([table(5), table(0), table(3)])
    assert READERS[name](written(name, chunks)) == plain(table(5)) + plain(table(3))


def streamed(whole: pa.Table, size: int) -> Rows:
    """The rows of a table in batches that are made as they are asked for."""
    parts = (whole.slice(start, size).combine_chunks() for start in range(0, whole.num_rows, size))
    return Rows(schema=whole.schema, batches=(batch for part in parts for batch in part.to_batches()))


@pytest.mark.parametrize(("rows", "size"), [(0, 1), (1, 1), (20_000, 7_000), (140_000, 50_000)])
@pytest.mark.parametrize("name", FORMATS)
def test_batches_are_written_as_the_table_that_they_make(name: str, rows: int, size: int) -> None:
    content = b"".join(encode(FORMATS[name], streamed(table(rows), size), COLUMNS))
    assert READERS[name](content) == plain(table(rows))
    if name not in ("arrow", "parquet"):  # those keep the batches
        assert content == written(name, table(rows))


@pytest.mark.parametrize("threads", [2, 4])
@pytest.mark.parametrize("name", FORMATS)
def test_threads_do_not_change_a_byte(name: str, threads: int) -> None:
    content = b"".join(encode(FORMATS[name], streamed(table(140_000), 50_000), COLUMNS, threads=threads))
    assert content == b"".join(encode(FORMATS[name], streamed(table(140_000), 50_000), COLUMNS))


@pytest.mark.parametrize("name", FORMATS)
def test_what_is_written_of_batches_does_not_depend_on_whether_they_were_gathered(name: str) -> None:
    gathered = pa.Table.from_batches(list(streamed(table(90_000), 40_000).batches))
    content = b"".join(encode(FORMATS[name], streamed(table(90_000), 40_000), COLUMNS))
    assert content == written(name, gathered)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name", STREAMED)
def test_batches_are_taken_one_at_a_time(name: str, threads: int) -> None:
    taken = 0

    def endless() -> Iterator[pa.RecordBatch]:
        nonlocal taken
        [batch] = table(70_000).to_batches()
        while True:
            taken += 1
            yield batch

    written = encode(FORMATS[name], Rows(schema=table(0).schema, batches=endless()), COLUMNS, threads=threads)
    for _ in range(30):
        next(written)
    assert taken <= 62  # Parquet gathers two for a row group, the others write one in several pieces


@pytest.mark.parametrize("shape", ["objects", "arrays", "cells", "columns"])
@pytest.mark.parametrize("name", STREAMED)
def test_no_thread_is_left_when_nobody_takes_the_rest(name: str, shape: str) -> None:
    pieces = encode(FORMATS[name], streamed(table(300_000), 50_000), COLUMNS, shape=shape, threads=3)
    assert sum(len(next(pieces)) for _ in range(4)) > 0
    pieces.close()
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("encode")] == []


class Broken(Exception):
    """What the test breaks batches with."""


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name", STREAMED)
def test_batches_that_break_off_leave_no_whole_document(name: str, threads: int) -> None:
    def breaking() -> Iterator[pa.RecordBatch]:
        yield from table(300_000).to_batches(max_chunksize=50_000)
        raise Broken

    pieces: list[bytes] = []
    rows = Rows(schema=table(0).schema, batches=breaking())
    with pytest.raises(Broken):
        pieces.extend(encode(FORMATS[name], rows, COLUMNS, threads=threads))
    content = b"".join(pieces)
    assert len(content) > 100_000
    if name in ("csv", "ndjson"):  # their readers take any end
        assert written(name, table(300_000)).endswith(b"\n")
        assert not content.endswith(b"\n")
    else:
        with pytest.raises((ValueError, pa.ArrowInvalid)):
            READERS[name](content)


@pytest.mark.parametrize("name", STREAMED)
def test_large_results_are_written_in_pieces(name: str) -> None:
    pieces = list(encode(FORMATS[name], Rows.of(table(140_000)), COLUMNS))
    assert len(pieces) > 2
    assert max(map(len, pieces)) < 8_000_000


@pytest.mark.parametrize("nested", [False, True])
def test_columns_with_dictionaries_come_back_from_arrow(nested: bool) -> None:
    """Each batch has a dictionary of its own, as an enum has."""
    arrays = [pa.array(words).dictionary_encode() for words in (["b", None, "a"], ["c", "c"], ["b"])]
    columns = [pa.StructArray.from_arrays([array], ["s"]) if nested else array for array in arrays]
    batches = [pa.record_batch({"e": column}) for column in columns]
    rows = Rows(schema=batches[0].schema, batches=batches)
    content = b"".join(encode(FORMATS["arrow"], rows, [Column(name="e", type="ENUM('a', 'b', 'c')")]))
    read = pa.ipc.open_stream(content).read_all()
    assert read.column("e").to_pylist() == [value for column in columns for value in column.to_pylist()]
    assert read.schema.field("e").type == columns[0].type


@pytest.mark.parametrize(
    ("name", "reader"), [("csv", "read_csv"), ("ndjson", "read_json"), ("parquet", "read_parquet")]
)
def test_duckdb_reads_the_files_back(tmp_path: Path, name: str, reader: str) -> None:
    path = tmp_path / f"x.{name}"
    path.write_bytes(written(name, table(1000)))
    select = f"SELECT sum(n), count(word), sum(amount::DECIMAL(18,2)), max(word) FROM {reader}('{path}')"
    with duckdb.connect() as connection:
        found = connection.execute(select).fetchone()
        rows = table(1000)
        connection.register("rows", rows)
        assert found == connection.execute("SELECT sum(n), count(word), sum(amount), max(word) FROM rows").fetchone()


def test_the_json_document_holds_what_the_caller_gave_then_columns_rows_and_data() -> None:
    document = json.loads(written("json", table(2), meta={"query": "q", "version": 1, "next": None}))
    assert list(document) == ["query", "version", "next", "columns", "data", "rows"]
    assert document["columns"][0] == {"name": "n", "type": "BIGINT"}
    assert document["rows"] == 2


def test_the_rows_of_a_json_document_are_told_first_where_they_are_known() -> None:
    document = json.loads(written("json", table(2), meta={"rows": 7}))
    assert list(document.items())[:2] == [("rows", 7), ("columns", document["columns"])]


@pytest.mark.parametrize(
    ("shape", "data"),
    [("arrays", [[0, 'é,"0"', "0.00"]]), ("columns", {"n": [0], "word": ['é,"0"'], "amount": ["0.00"]})],
)
def test_json_has_other_shapes(shape: str, data: object) -> None:
    assert json.loads(written("json", table(1), shape=shape))["data"] == data


def test_csv_tells_null_from_the_empty_text() -> None:
    rows = pa.table({"a": ["", None, " x", "=1+1"], "b": ["x", "y", "a\r\nb", None]})
    content = b"".join(encode(FORMATS["csv"], Rows.of(rows), [Column(name=name, type="VARCHAR") for name in "ab"]))
    assert content == b'a,b\r\n"",x\r\n,y\r\n" x","a\r\nb"\r\n=1+1,\r\n'


def test_arrow_names_the_types_of_duckdb() -> None:
    schema = pa.ipc.open_stream(written("arrow", table(0))).schema
    assert schema.field("amount").metadata == {b"duckdb.type": b"DECIMAL(9,2)"}


def test_an_arrow_stream_that_is_cut_off_between_two_pieces_is_no_stream() -> None:
    pieces = list(encode(FORMATS["arrow"], Rows.of(table(200_000)), COLUMNS))
    assert len(pieces) > 4
    for count in range(1, len(pieces)):
        with pytest.raises((pa.ArrowInvalid, OSError)):
            by_arrow(b"".join(pieces[:count]))


@pytest.mark.parametrize(
    ("rows", "groups"),
    [
        (100_000, [100_000]),
        (100_001, [100_001]),
        (150_000, [16_384, 83_616, 50_000]),
        (270_000, [16_384, 83_616, 100_000, 70_000]),
    ],
)
def test_the_first_rows_of_a_parquet_file_that_has_many_are_a_group_of_their_own(rows: int, groups: list[int]) -> None:
    content = b"".join(encode(FORMATS["parquet"], streamed(table(rows), 50_000), COLUMNS))
    found = pq.read_metadata(BytesIO(content))
    assert groups == [found.row_group(number).num_rows for number in range(found.num_row_groups)]


def test_parquet_holds_intervals_as_iso_durations() -> None:
    rows = pa.table({"i": pa.array([(14, 0, 0), None], pa.month_day_nano_interval())})
    content = b"".join(encode(FORMATS["parquet"], Rows.of(rows), [Column(name="i", type="INTERVAL")]))
    assert pq.read_table(BytesIO(content)).to_pylist() == [{"i": "P1Y2M"}, {"i": None}]


DOUBLE = pa.table([pa.array([1]), pa.array([2])], names=["a", "a"])
DOUBLE_COLUMNS = [Column(name="a", type="INTEGER"), Column(name="a", type="INTEGER")]


@pytest.mark.parametrize(
    ("name", "options"), [("json", {}), ("json", {"shape": "columns"}), ("ndjson", {}), ("parquet", {})]
)
def test_columns_of_one_name_are_refused_before_the_first_byte(name: str, options: dict[str, str]) -> None:
    with pytest.raises(QueryFailed, match="'a'"):
        encode(FORMATS[name], Rows.of(DOUBLE), DOUBLE_COLUMNS, **options)  # type: ignore[arg-type]  # options are of one kind


def test_columns_of_one_name_are_told_apart_by_place() -> None:
    assert b"".join(encode(FORMATS["csv"], Rows.of(DOUBLE), DOUBLE_COLUMNS)) == b"a,a\r\n1,2\r\n"
    document = json.loads(b"".join(encode(FORMATS["json"], Rows.of(DOUBLE), DOUBLE_COLUMNS, shape="arrays")))
    assert document["data"] == [[1, 2]]
    assert (
        pa.ipc.open_stream(b"".join(encode(FORMATS["arrow"], Rows.of(DOUBLE), DOUBLE_COLUMNS))).read_all().num_columns
        == 2
    )


def test_names_that_need_escapes_keep_their_letters() -> None:
    rows = pa.table([pa.array([1]), pa.array([2])], names=['a"\n\\', "b,c"])
    named = [Column(name=name, type="INTEGER") for name in rows.column_names]
    document = json.loads(b"".join(encode(FORMATS["json"], Rows.of(rows), named)))
    assert document["data"] == [{'a"\n\\': 1, "b,c": 2}]
    header, _ = csv.reader(StringIO(b"".join(encode(FORMATS["csv"], Rows.of(rows), named)).decode(), newline=""))
    assert header == ['a"\n\\', "b,c"]


def test_cells_tell_nan_and_infinities_from_null_in_nested_values_too() -> None:
    beyond = [float("nan"), float("inf"), float("-inf"), None, -0.0]
    array = pa.array(beyond, pa.float64())
    given = {
        "real": array,
        "list": pa.array([[value] for value in beyond], pa.list_(pa.float64())),
        "struct": pa.StructArray.from_arrays([array], ["a"]),
        "map": pa.array([[(1, value)] for value in beyond], pa.map_(pa.int32(), pa.float64())),
    }
    rows = Rows.of(pa.table(given))
    named = [Column(name=name, type="x") for name in given]
    body = b"".join(encode(FORMATS["json"], rows, named, shape="cells"))
    assert json.loads(body)["data"] == [
        [value, [value], {"a": value}, [{"key": 1, "value": value}]]
        for value in ("NaN", "Infinity", "-Infinity", None, -0.0)
    ]

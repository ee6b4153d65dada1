"""Every format is read back by a reader that shares no code with its writer, and gives the same rows."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq
import pytest

from gateway.encode import FORMATS, encode
from gateway.encode.rows import ROWS
from gateway.errors import QueryFailed
from gateway.model import Column

COLUMNS = [
    Column(name="n", type="BIGINT"),
    Column(name="word", type="VARCHAR"),
    Column(name="amount", type="DECIMAL(9,2)"),
]
Rows = list[dict[str, Any]]


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
    return b"".join(encode(FORMATS[name], rows, COLUMNS, **options))


def plain(rows: pa.Table) -> Rows:
    return [{**row, "amount": str(row["amount"])} for row in rows.to_pylist()]


def by_json(content: bytes) -> Rows:
    found: Rows = json.loads(content)["data"]
    return found


def by_lines(content: bytes) -> Rows:
    return [json.loads(line) for line in content.splitlines()]


def by_csv(content: bytes) -> Rows:
    rows = csv.DictReader(StringIO(content.decode(), newline=""), strict=True)
    return [{"n": int(row["n"]), "word": row["word"] or None, "amount": row["amount"]} for row in rows]


def by_arrow(content: bytes) -> Rows:
    return plain(pa.ipc.open_stream(content).read_all())


def by_parquet(content: bytes) -> Rows:
    return plain(pq.read_table(BytesIO(content)))


READERS: dict[str, Callable[[bytes], Rows]] = {
    "json": by_json,
    "ndjson": by_lines,
    "csv": by_csv,
    "arrow": by_arrow,
    "parquet": by_parquet,
}


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


@pytest.mark.parametrize("name", FORMATS)
def test_large_results_are_written_in_pieces(name: str) -> None:
    pieces = list(encode(FORMATS[name], table(140_000), COLUMNS))
    assert len(pieces) > 2
    assert max(map(len, pieces)) < 8_000_000


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
    assert list(document) == ["query", "version", "next", "columns", "rows", "data"]
    assert document["columns"][0] == {"name": "n", "type": "BIGINT"}
    assert document["rows"] == 2


@pytest.mark.parametrize(
    ("shape", "data"),
    [("arrays", [[0, 'é,"0"', "0.00"]]), ("columns", {"n": [0], "word": ['é,"0"'], "amount": ["0.00"]})],
)
def test_json_has_other_shapes(shape: str, data: object) -> None:
    assert json.loads(written("json", table(1), shape=shape))["data"] == data


def test_csv_tells_null_from_the_empty_text() -> None:
    rows = pa.table({"a": ["", None, " x", "=1+1"], "b": ["x", "y", "a\r\nb", None]})
    content = b"".join(encode(FORMATS["csv"], rows, [Column(name=name, type="VARCHAR") for name in "ab"]))
    assert content == b'a,b\r\n"",x\r\n,y\r\n" x","a\r\nb"\r\n=1+1,\r\n'


def test_arrow_names_the_types_of_duckdb() -> None:
    schema = pa.ipc.open_stream(written("arrow", table(0))).schema
    assert schema.field("amount").metadata == {b"duckdb.type": b"DECIMAL(9,2)"}


def test_an_arrow_stream_that_is_cut_off_has_no_end_mark() -> None:
    pieces = list(encode(FORMATS["arrow"], table(70_000), COLUMNS))
    assert pieces[-1].endswith(b"\xff\xff\xff\xff\x00\x00\x00\x00")
    assert not b"".join(pieces[:-1]).endswith(b"\xff\xff\xff\xff\x00\x00\x00\x00")


def test_parquet_holds_intervals_as_iso_durations() -> None:
    rows = pa.table({"i": pa.array([(14, 0, 0), None], pa.month_day_nano_interval())})
    content = b"".join(encode(FORMATS["parquet"], rows, [Column(name="i", type="INTERVAL")]))
    assert pq.read_table(BytesIO(content)).to_pylist() == [{"i": "P1Y2M"}, {"i": None}]


DOUBLE = pa.table([pa.array([1]), pa.array([2])], names=["a", "a"])
DOUBLE_COLUMNS = [Column(name="a", type="INTEGER"), Column(name="a", type="INTEGER")]


@pytest.mark.parametrize(
    ("name", "options"), [("json", {}), ("json", {"shape": "columns"}), ("ndjson", {}), ("parquet", {})]
)
def test_columns_of_one_name_are_refused_before_the_first_byte(name: str, options: dict[str, str]) -> None:
    with pytest.raises(QueryFailed, match="'a'"):
        encode(FORMATS[name], DOUBLE, DOUBLE_COLUMNS, **options)  # type: ignore[arg-type]  # options are of one kind


def test_columns_of_one_name_are_told_apart_by_place() -> None:
    assert b"".join(encode(FORMATS["csv"], DOUBLE, DOUBLE_COLUMNS)) == b"a,a\r\n1,2\r\n"
    document = json.loads(b"".join(encode(FORMATS["json"], DOUBLE, DOUBLE_COLUMNS, shape="arrays")))
    assert document["data"] == [[1, 2]]
    assert pa.ipc.open_stream(b"".join(encode(FORMATS["arrow"], DOUBLE, DOUBLE_COLUMNS))).read_all().num_columns == 2


def test_names_that_need_escapes_keep_their_letters() -> None:
    rows = pa.table([pa.array([1]), pa.array([2])], names=['a"\n\\', "b,c"])
    named = [Column(name=name, type="INTEGER") for name in rows.column_names]
    document = json.loads(b"".join(encode(FORMATS["json"], rows, named)))
    assert document["data"] == [{'a"\n\\': 1, "b,c": 2}]
    header, _ = csv.reader(StringIO(b"".join(encode(FORMATS["csv"], rows, named)).decode(), newline=""))
    assert header == ['a"\n\\', "b,c"]

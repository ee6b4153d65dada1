"""Programs that read files over HTTP read results: they ask for the length first, then for the parts that they need."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import duckdb
import duckdb_extension_httpfs
import fsspec
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

pytestmark = pytest.mark.gunicorn

TABLE = """\
table: numbers
location: data
partitioned_by: [{column: part, transform: identity, source: part}]
columns: {part: VARCHAR, n: BIGINT, x: DOUBLE}
"""
QUERIES = {
    "few": "SELECT part, n, x FROM numbers WHERE part <= $most AND n % 50_000 = 7 ORDER BY n",
    "many": "SELECT part, n, x FROM numbers WHERE part <= $most ORDER BY n",
}
"""A result of some rows, and one of 9 MiB, which is sent while it is computed to those who take it so."""
PARTS, PART = 8, 50_000


@pytest.fixture(scope="module")
def gateway(serve_for_module: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Two workers, so that the parts of one body come from either."""
    folder = tmp_path_factory.mktemp("files")
    (folder / "catalog").mkdir()
    (folder / "catalog/numbers.yaml").write_text(TABLE)
    for name, sql in QUERIES.items():
        (folder / f"queries/{name}").mkdir(parents=True)
        front = "parameters: {most: {type: varchar}}\ncache: {ttl: 1h}"
        (folder / f"queries/{name}/v1.sql").write_text(f"/*\nsummary: {name}\n{front}\n*/\n{sql}\n")
    for part in range(PARTS):
        (folder / f"data/part={part}").mkdir(parents=True)
        numbers = range(part * PART, (part + 1) * PART)
        rows = {"part": [str(part)] * PART, "n": list(numbers), "x": [1 / (n + 1) for n in numbers]}
        pq.write_table(pa.table(rows), folder / f"data/part={part}/a.parquet")
    return serve_for_module(folder, workers=2)


def httpfs() -> duckdb.DuckDBPyConnection:
    """Open DuckDB with its packaged extension."""
    [extension] = Path(duckdb_extension_httpfs.__file__).parent.glob("extensions/*/httpfs.duckdb_extension")
    connection = duckdb.connect()
    connection.execute(f"LOAD '{extension}'")
    return connection


def by_duckdb(reader: str) -> Callable[[str], pa.Table]:
    return lambda url: httpfs().execute(f"SELECT n, x FROM {reader}('{url}')").to_arrow_table()


def through_fsspec(read: Callable[[Any], Any]) -> Callable[[str], Any]:
    def opened(url: str) -> Any:
        with fsspec.filesystem("http", skip_instance_cache=True).open(url, block_size=100_000) as file:
            return read(file)

    return opened


READERS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "polars read_parquet": ("parquet", pl.read_parquet),
    "polars scan_parquet": ("parquet", lambda url: pl.scan_parquet(url).select("n", "x").collect()),
    "polars read_csv": ("csv", pl.read_csv),
    "polars scan_csv": ("csv", lambda url: pl.scan_csv(url).collect()),
    "polars scan_ndjson": ("ndjson", lambda url: pl.scan_ndjson(url).collect()),
    "pandas read_parquet": ("parquet", pd.read_parquet),
    "pandas read_csv": ("csv", pd.read_csv),
    "pyarrow through fsspec, Parquet": ("parquet", through_fsspec(lambda file: pq.ParquetFile(file).read(["n", "x"]))),
    "pyarrow through fsspec, CSV": ("csv", through_fsspec(pyarrow.csv.read_csv)),
    "fsspec": ("arrow", through_fsspec(lambda file: pa.ipc.open_stream(BytesIO(file.read())).read_all())),
    "DuckDB read_parquet": ("parquet", by_duckdb("read_parquet")),
    "DuckDB read_csv": ("csv", by_duckdb("read_csv")),
    "DuckDB read_json": ("ndjson", by_duckdb("read_json")),
}


@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize("reader", READERS)
def test_a_reader_of_files_reads_a_result_that_nobody_asked_for_before(gateway: Any, reader: str, query: str) -> None:
    suffix, read = READERS[reader]
    most = f"7{sorted(READERS).index(reader):02}"  # a question of its own
    found = read(f"http://{gateway.host}:{gateway.port}/v1/queries/{query}/v1/result.{suffix}?most={most}")
    numbers = np.arange(PARTS * PART)
    expected = numbers if query == "many" else numbers[numbers % 50_000 == 7]
    assert np.array_equal(expected, np.asarray(found["n"]))
    assert np.array_equal(1 / (expected + 1), np.asarray(found["x"]))


def test_a_download_that_broke_off_is_resumed(gateway: Any) -> None:
    path = "/v1/queries/many/v1/result.csv?most=7"
    for coding in ("identity", "gzip", "zstd"):
        whole = gateway.get(path, Accept_Encoding=coding)
        half = len(whole.body) // 2
        head = gateway.request("HEAD", path, headers={"Accept-Encoding": coding})
        assert int(head.headers["content-length"]) == len(whole.body)
        tag = head.headers["etag"]
        rest = gateway.get(path, Accept_Encoding=coding, Range=f"bytes={half}-", If_Range=tag)
        assert (rest.status, rest.headers["content-encoding"] if coding != "identity" else coding) == (206, coding)
        assert rest.headers["content-range"] == f"bytes {half}-{len(whole.body) - 1}/{len(whole.body)}"
        assert whole.body[:half] + rest.body == gateway.get(path, Accept_Encoding=coding).body


@pytest.mark.parametrize("options", ["_bom=true", "_delimiter=tab", "_bom=true&_delimiter=;"])
def test_rows_that_are_sent_while_they_are_computed_are_written_as_the_options_say(gateway: Any, options: str) -> None:
    for attempt in range(10, 30):  # where all rows were there before the first were asked for, another question
        path = f"/v1/queries/many/v1/result.csv?most=7{len(options)}{attempt}&{options}"
        replies = [gateway.get(path) for _ in range(2)]
        if "streamed" in replies[0].headers["cache-status"]:
            break
    assert "streamed" in replies[0].headers["cache-status"]
    while "hit" not in replies[-1].headers["cache-status"]:
        replies.append(gateway.get(path))
    assert replies[0].body == replies[-1].body
    delimiter = {"tab": "\t", ";": ";"}.get(options.rpartition("=")[2], ",")
    first = replies[0].body.split(b"\r\n", 2)[1].decode()
    assert (replies[0].body.startswith("\ufeff".encode()), first) == ("_bom" in options, f"0{delimiter}0{delimiter}1")

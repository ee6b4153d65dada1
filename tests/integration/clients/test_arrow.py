"""pyarrow reads results, by streams of HTTP and by fsspec's file system."""

from __future__ import annotations

from typing import Any
from urllib.request import urlopen

import fsspec
import pyarrow as pa
import pyarrow.csv
import pyarrow.dataset
import pyarrow.fs
import pyarrow.parquet as pq
import pytest
from readings import EXPORTED, SCHEMA, rows

pytestmark = pytest.mark.gunicorn


def test_an_arrow_stream_has_the_rows_in_their_types(address: Any) -> None:
    with urlopen(address.readings(".arrow")) as response:
        table = pa.ipc.open_stream(response).read_all()
    assert (table.schema.remove_metadata().equals(SCHEMA), table.to_pylist()) == (True, rows())


def test_an_arrow_stream_comes_batch_by_batch(address: Any) -> None:
    with urlopen(address.of("export", ".arrow", rows=EXPORTED)) as response:
        batches = [batch.num_rows for batch in pa.ipc.open_stream(response)]
    assert (len(batches) > 1, sum(batches)) == (True, EXPORTED)


def test_a_file_of_fsspec_is_read_in_parts(address: Any) -> None:
    with fsspec.open(address.readings(".parquet"), block_size=1_000) as file:
        parquet = pq.ParquetFile(file)
        found = parquet.read(columns=["station", "price"]).to_pylist()
    assert found == [{"station": row["station"], "price": row["price"]} for row in rows()]


def test_a_dataset_filters_and_projects(address: Any) -> None:
    system = pyarrow.fs.PyFileSystem(pyarrow.fs.FSSpecHandler(fsspec.filesystem("http")))
    dataset = pa.dataset.dataset(address.readings(".parquet"), filesystem=system, format="parquet")
    found = dataset.to_table(columns=["id"], filter=pa.dataset.field("id") >= 40).column("id").to_pylist()
    assert found == [row["id"] for row in rows() if row["id"] >= 40]


def test_fsspec_knows_the_size_and_reads_any_range(address: Any) -> None:
    system = fsspec.filesystem("http")
    url = address.readings(".csv")
    whole = system.cat_file(url)
    assert system.info(url)["size"] == len(whole)
    assert system.cat_file(url, start=10, end=50) == whole[10:50]
    assert system.cat_file(url, start=-20) == whole[-20:]


def test_a_csv_is_read_with_its_types(address: Any) -> None:
    types = {field.name: field.type for field in SCHEMA}
    options = pyarrow.csv.ConvertOptions(column_types=types, strings_can_be_null=True)
    parsing = pyarrow.csv.ParseOptions(newlines_in_values=True)
    with urlopen(address.readings(".csv")) as response:
        table = pyarrow.csv.read_csv(response, parse_options=parsing, convert_options=options)
    assert table.column("price").to_pylist() == [row["price"] for row in rows()]


def test_a_file_is_fetched_by_fsspec_to_disk(address: Any, tmp_path: Any) -> None:
    fsspec.filesystem("http").get_file(address.readings(".parquet"), str(tmp_path / "rows.parquet"))
    assert pq.read_table(tmp_path / "rows.parquet").to_pylist() == rows()

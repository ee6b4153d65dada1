"""Another DuckDB reads results from their addresses by httpfs: the packaged extension, nothing is downloaded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import duckdb
import pytest
from packaged_httpfs import client_duckdb
from readings import EXPORTED, rows

pytestmark = pytest.mark.gunicorn

TYPES = "{'id': 'BIGINT', 'price': 'DECIMAL(10,2)'}"


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with client_duckdb() as opened:
        opened.execute("SET timezone = 'UTC'")
        yield opened


READERS = {
    ".parquet": "read_parquet('%s')",
    ".csv": f"read_csv('%s', types = {TYPES})",
    ".ndjson": (
        "(SELECT * REPLACE (id::BIGINT AS id, taken::TIMESTAMP AS taken, seen::TIMESTAMPTZ AS seen,"
        " price::DECIMAL(10,2) AS price) FROM read_json('%s'))"
    ),
}


@pytest.mark.parametrize("suffix", READERS)
def test_a_reader_has_the_rows_in_their_types(suffix: str, connection: duckdb.DuckDBPyConnection, address: Any) -> None:
    table = connection.sql(f"FROM {READERS[suffix] % address.readings(suffix)} ORDER BY id").to_arrow_table()
    assert table.to_pylist() == rows()


def test_the_address_itself_is_a_table(connection: duckdb.DuckDBPyConnection, address: Any) -> None:
    url = address.readings(".parquet")
    found = connection.sql(f"SELECT count(*), sum(price) FROM '{url}'").fetchone()
    assert found == (len(rows()), sum(row["price"] or 0 for row in rows()))


def test_a_join_with_a_local_table_reads_both(connection: duckdb.DuckDBPyConnection, address: Any) -> None:
    connection.execute("CREATE TABLE names AS SELECT '007' AS station, 'Bond' AS name")
    url = address.readings(".parquet")
    asked = f"SELECT id, name FROM read_parquet('{url}') JOIN names USING (station) ORDER BY id"
    assert connection.sql(asked).fetchall() == [(row["id"], "Bond") for row in rows() if row["station"] == "007"]


def test_an_export_is_read_whole(connection: duckdb.DuckDBPyConnection, address: Any) -> None:
    url = address.of("export", ".parquet", rows=EXPORTED)
    assert connection.sql(f"SELECT count(*), sum(id) FROM read_parquet('{url}')").fetchone() == (
        EXPORTED,
        EXPORTED * (EXPORTED - 1) // 2,
    )


def test_a_key_is_sent_with_a_secret(connection: duckdb.DuckDBPyConnection, address: Any) -> None:
    connection.execute("CREATE SECRET gateway (TYPE http, BEARER_TOKEN 'not-asked-for-here', SCOPE 'http://127.0.0.1')")
    assert len(connection.sql(f"FROM read_parquet('{address.readings('.parquet')}')").fetchall()) == len(rows())

"""How each client shows a key, where the gateway asks for one: the table at the end of docs/recipes/notebooks.md."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.error import HTTPError

import duckdb
import fsspec
import httpx
import pandas as pd
import polars as pl
import pyarrow.parquet as pq
import pytest
import requests
from packaged_httpfs import client_duckdb
from readings import make_project, rows

from gateway.access.keys import KeyFile

pytestmark = pytest.mark.gunicorn


@pytest.fixture(scope="module")
def guarded(serve_for_module: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """The address of the readings at a gateway that asks for a key, without its suffix; and a key."""
    project = make_project(tmp_path_factory.mktemp("guarded"))
    (project / "gateway.toml").write_text("[access]\nrequired = true\n")
    (project / "access.yaml").write_text("grants:\n  - {to: [ana], queries: ['*']}\n")
    key = KeyFile(project / "keys.json").add("ana")
    running = serve_for_module(project, workers=1)
    return f"http://127.0.0.1:{running.port}/v1/queries/readings/v1/result", key


QUESTION = "start=2026-03-01&end=2026-03-05"


def by_duckdb(base: str, key: str) -> int:
    with client_duckdb() as connection:
        connection.execute(f"CREATE SECRET (TYPE http, BEARER_TOKEN '{key}', SCOPE '{base.partition('/v1')[0]}')")
        return len(connection.sql(f"FROM '{base}.parquet?{QUESTION}'").fetchall())


def by_fsspec(base: str, key: str) -> int:
    system = fsspec.filesystem("http", headers={"Authorization": f"Bearer {key}"}, skip_instance_cache=True)
    with system.open(f"{base}.parquet?{QUESTION}") as file:
        return int(pq.read_table(file).num_rows)


def by_pandas(base: str, key: str) -> int:
    return len(pd.read_csv(f"{base}.csv?{QUESTION}", storage_options={"Authorization": f"Bearer {key}"}))


def by_pandas_parquet(base: str, key: str) -> int:
    return len(pd.read_parquet(f"{base}.parquet?{QUESTION}", storage_options={"Authorization": f"Bearer {key}"}))


def by_httpx(base: str, key: str) -> int:
    answer = httpx.get(f"{base}?{QUESTION}", headers={"Authorization": f"Bearer {key}"}, timeout=60)
    return len(answer.raise_for_status().json()["data"])


def by_requests(base: str, key: str) -> int:
    answer = requests.get(f"{base}?{QUESTION}", headers={"X-Api-Key": key}, timeout=60)
    answer.raise_for_status()
    return len(answer.json()["data"])


def by_polars(base: str, key: str) -> int:
    answer = httpx.get(
        f"{base}.parquet?{QUESTION}", headers={"Authorization": f"Bearer {key}"}, timeout=60
    ).raise_for_status()
    return pl.read_parquet(answer.content).height


REFUSED = (duckdb.HTTPException, FileNotFoundError, HTTPError, httpx.HTTPStatusError, requests.HTTPError)
"""What the libraries raise; that of fsspec is ``FileNotFoundError``, whatever the status."""
CLIENTS: list[Callable[[str, str], int]] = [
    *(by_duckdb, by_fsspec, by_pandas, by_pandas_parquet, by_httpx, by_requests, by_polars)
]


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: str(client.__name__))
def test_a_client_that_shows_a_key_has_the_rows(client: Callable[[str, str], int], guarded: tuple[str, str]) -> None:
    assert client(*guarded) == len(rows())


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: str(client.__name__))
def test_a_client_with_a_wrong_key_has_none(client: Callable[[str, str], int], guarded: tuple[str, str]) -> None:
    base, _ = guarded
    assert httpx.get(f"{base}?{QUESTION}", headers={"X-Api-Key": "qg_nothing"}, timeout=60).status_code == 401
    with pytest.raises(REFUSED) as refused:
        client(base, "qg_nothing")
    if isinstance(refused.value, HTTPError):
        refused.value.close()

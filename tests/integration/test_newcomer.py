"""A newcomer's first hour: from Parquet that others wrote to an answer in every client, with nothing read."""

from __future__ import annotations

import os
import re
import subprocess
import sysconfig
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import httpx
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import requests
from packaged_httpfs import client_duckdb

from tests.other_writers.archives import unpack
from tests.other_writers.rows import rows

pytestmark = pytest.mark.gunicorn

LOST = {"fastparquet": (None, "a/b")}
"""Countries whose rows a writer loses when it writes them."""
WRITERS = ("duckdb", "fastparquet", "pandas", "polars", "pyarrow", "spark")
TRANSCRIPT = """\
$ gateway init lake warehouse
6 tables in 56 files of …
  duckdb: …
  fastparquet: …
  pandas: …
  polars: …
  pyarrow: …
  spark: …
$ cd warehouse
$ gateway check
6 tables, 6 templates: no mistakes
$ gateway check --data --fix
catalog/duckdb.yaml: day is enforced from now on: all 10 files agree
catalog/fastparquet.yaml: day is enforced from now on: all 7 files agree
catalog/pandas.yaml: day is enforced from now on: all 10 files agree
catalog/polars.yaml: day is enforced from now on: all 10 files agree
catalog/pyarrow.yaml: day is enforced from now on: all 10 files agree
catalog/spark.yaml: day is enforced from now on: all 9 files agree
$ gateway test
6 tests: 6 passed
$ gateway run spark --param start=2024-02-01 --param end=2025-01-01 --format csv
day,row_count
2024-02-29,16
2024-12-31,4
$ gateway explain spark --param start=2024-12-01 --param end=2025-01-01
  2 of 9 partitions, 2 of 9 files, …
$ gateway new all_of_spark --table spark -p start -p end --yes
wrote queries/all_of_spark/v1.sql
"""
"""What is typed, and lines that are shown in this order, among others."""
SPARK = """\
/*
summary: Every row
owner: newcomer
parameters:
  start: {type: date, description: first day}
  end: {type: date, description: first day left out}
cache: {ttl: 5m}
examples: [{start: 2024-02-29, end: 2024-03-01}]
*/
SELECT id, ts, amount, price, open, note, country FROM spark WHERE ts >= $start AND ts < $end ORDER BY id
"""


class Shell:
    """A terminal: a folder, and commands that are run there as they are typed."""

    def __init__(self, folder: Path, environment: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("GATEWAY_", "AWS_"))}
        path = f"{sysconfig.get_path('scripts')}:{os.environ['PATH']}"
        self._environment = {**clean, "PATH": path, "COLUMNS": "200", **(environment or {})}

    def type(self, command: str) -> str:
        """Run a command; return what it printed. The test fails where the command does."""
        if command.startswith("cd "):
            self.folder /= command.removeprefix("cd ")
            return ""
        done = subprocess.run(
            command, shell=True, cwd=self.folder, env=self._environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr


def walk(shell: Shell, transcript: str) -> None:
    """Type the commands of a transcript, and find the lines that it shows in what they print."""
    for part in transcript.split("$ ")[1:]:
        command, *shown = part.splitlines()
        printed = shell.type(command)
        for line in shown:
            pattern = ".*".join(re.escape(piece) for piece in line.split("…"))
            assert re.search(rf"^{pattern}$", printed, re.MULTILINE), f"{command}\n{printed}\nlacks {line!r}"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a lake of tables, each written by another program, and a project that was made by typing."""
    home = tmp_path_factory.mktemp("home")
    for writer in WRITERS:
        unpack(writer, home / "lake" / writer)
    walk(Shell(home), TRANSCRIPT)
    (home / "warehouse" / "queries" / "all_of_spark" / "v1.sql").write_text(SPARK)
    return home


@pytest.fixture(scope="module")
def base(home: Path, serve_for_module: Callable[..., Any]) -> str:
    """The address of a gateway over the project."""
    running = serve_for_module(home / "warehouse", workers=1)
    return f"http://127.0.0.1:{running.port}"


RANGE = "start=2024-02-01&end=2025-01-01"


def days_of(writer: str) -> list[dict[str, Any]]:
    """Count the rows of each day that a writer wrote."""
    counted = Counter(row["day"] for row in rows() if row["country"] not in LOST.get(writer, ()))
    return [{"day": str(day), "row_count": number} for day, number in sorted(counted.items())]


@pytest.mark.parametrize("writer", WRITERS)
def test_the_first_curl_counts_what_the_writer_wrote(writer: str, base: str) -> None:
    address = f"{base}/v1/queries/{writer}/v1/result?{RANGE}"
    done = subprocess.run(["curl", "-s", "--fail", address], capture_output=True, check=True)
    assert httpx.Response(200, content=done.stdout).json()["data"] == days_of(writer)


NAMES = ("id", "ts", "amount", "price", "open", "note", "country")


def expected() -> list[tuple[Any, ...]]:
    """List the rows that Spark was given; it writes an empty text in a folder's name as NULL."""
    return [tuple(None if row[name] == "" else row[name] for name in NAMES) for row in rows()]


def by_polars(url: str) -> list[tuple[Any, ...]]:
    return pl.read_parquet(url).rows()


def by_lazy_polars(url: str) -> list[tuple[Any, ...]]:
    return pl.scan_parquet(url).collect().rows()


def by_pandas(url: str) -> list[tuple[Any, ...]]:
    frame = pd.read_parquet(url, dtype_backend="pyarrow").astype(object)
    return [tuple(map(_plain, row)) for row in frame.itertuples(index=False)]


def _plain(value: Any) -> Any:
    return None if pd.isna(value) else value.to_pydatetime() if isinstance(value, pd.Timestamp) else value


def by_duckdb(url: str) -> list[tuple[Any, ...]]:
    with client_duckdb() as connection:
        return connection.sql(f"FROM '{url}'").fetchall()


def by_arrow(url: str) -> list[tuple[Any, ...]]:
    with urlopen(url.replace("result.parquet", "result.arrow")) as response:
        return [tuple(row.values()) for row in pa.ipc.open_stream(response).read_all().to_pylist()]


def by_requests(url: str) -> list[tuple[Any, ...]]:
    body = requests.get(url, timeout=60).content
    return [tuple(row.values()) for row in pq.read_table(pa.BufferReader(body)).to_pylist()]


CLIENTS = [by_polars, by_lazy_polars, by_pandas, by_duckdb, by_arrow, by_requests]


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: str(client.__name__))
def test_a_client_has_every_row_that_spark_was_given(client: Callable[[str], Any], base: str) -> None:
    assert client(f"{base}/v1/queries/all_of_spark/v1/result.parquet?{RANGE}") == expected()


def test_only_the_days_that_are_asked_for_are_read(base: str) -> None:
    answer = httpx.get(f"{base}/v1/queries/all_of_spark/v1/result?start=2024-12-01&end=2025-01-01", timeout=60)
    assert (answer.json()["rows"], answer.headers["Gateway-Partitions"]) == (4, "2/9")


# A bucket of twenty tables.


TABLES = [f"table_{number:02}" for number in range(20)]
FIRST = date(2026, 1, 30)


def day_of(number: int, day: int) -> pa.Table:
    """Make the rows of one day of a table: as many as its number, the day's and one."""
    moment = pa.scalar(FIRST + timedelta(days=day)).cast(pa.timestamp("us"))
    count = number + day + 1
    return pa.table({"ts": pa.array([moment.as_py()] * count, pa.timestamp("us")), "id": pa.array(range(count))})


def test_a_bucket_of_twenty_tables_is_served_after_three_commands(
    s3: Any, serve: Callable[..., Any], tmp_path: Path
) -> None:
    for number, name in enumerate(TABLES):
        for day in range(4):
            folder = tmp_path / "bucket" / name / f"day={FIRST + timedelta(days=day)}"
            folder.mkdir(parents=True)
            pq.write_table(day_of(number, day), folder / "rows.parquet")
    s3.upload(tmp_path / "bucket", "newcomer")
    environment = {**s3.environment, "GATEWAY_STORAGE_URL_STYLE": "path"}
    shell = Shell(tmp_path, environment)
    walk(shell, f"$ gateway init {s3.url('newcomer')} project\n20 tables in 80 files of …\n")
    walk(shell, "$ cd project\n$ gateway check --data --fix\n20 tables, 20 templates: no mistakes\n")
    running = serve(shell.folder, environment)
    for number, name in enumerate(TABLES):
        answer = running.get(f"/v1/queries/{name}/v1/result?start=2026-01-30&end=2026-02-02")
        counted = [(row["day"], row["row_count"]) for row in answer.json()["data"]]
        assert counted == [(str(FIRST + timedelta(days=day)), number + day + 1) for day in range(3)]
        assert answer.headers["gateway-partitions"] == "3/4"

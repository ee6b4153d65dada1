"""What ``POST /v1/tables/{table}/refresh`` lists again: the folders of the announced values, each file once."""

from __future__ import annotations

import json
from datetime import date, datetime
from itertools import combinations
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.integration.conftest import RunningGateway, Serve

DECLARATION = """\
table: {name}
location: {name}
refresh: 1h
columns: {{id: BIGINT, ts: TIMESTAMP, city: VARCHAR}}
partitioned_by:
{layouts}
"""
ONE = """\
  - {column: year, transform: year, source: ts}
  - {column: month, transform: month_of_year, source: ts}
  - {column: city, source: city}
"""
SEVERAL = """\
  - []
  - [{column: year, transform: year, source: ts}]
  - [{column: year, transform: year, source: ts}, {column: month, transform: month_of_year, source: ts}]
  - [{column: year, transform: year, source: ts}, {column: city, source: city}]
"""
PATHS = {
    "one": ["year=2024/month=1/city=a", "Year=2024/Month=02/City=%61", "year=2024/month=2/city=b%2Fc"],
    "several": ["", "year=2024", "Year=2024", "year=2024/month=1", "year=2024/Month=02", "year=2024/city=a"],
}
NULL = "__HIVE_DEFAULT_PARTITION__"
ANNOUNCED = {
    "one": ["year=2024", "year=2024/month=1", "year=2024/month=2/city=a", f"year=2024/month=2/city={NULL}"],
    "several": ["year=2024", "year=2024/month=1", f"year=2024/month={NULL}", f"year={NULL}", "year=2024/city=a"],
}
QUERY = "/*\nsummary: rows\nowner: tests\ncache: {{ttl: 0s}}\nexamples: [{{}}]\n*/\nSELECT id FROM {} ORDER BY id\n"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("announced")
    (folder / "catalog").mkdir()
    for name, layouts in (("one", ONE), ("several", SEVERAL)):
        (folder / "catalog" / f"{name}.yaml").write_text(DECLARATION.format(name=name, layouts=layouts))
        (folder / "queries" / f"all_{name}").mkdir(parents=True)
        (folder / "queries" / f"all_{name}" / "v1.sql").write_text(QUERY.format(name))
        for number, path in enumerate(PATHS[name]):
            put(folder / name / path / "a.parquet", number)
    return folder


@pytest.fixture(scope="module")
def gateway(serve_for_module: Serve, project: Path) -> RunningGateway:
    return serve_for_module(project, workers=1)


def put(path: Path, number: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    ts = pa.array([datetime(2024, 1, 1)], pa.timestamp("us"))
    pq.write_table(pa.table({"id": [number], "ts": ts, "city": ["a"]}), path)


def refreshed(gateway: RunningGateway, table: str, partitions: list[str] | None = None) -> dict[str, Any]:
    body = {} if partitions is None else {"partitions": partitions}
    reply = gateway.post(f"/v1/tables/{table}/refresh", json.dumps(body).encode())
    assert reply.status == 200, reply.body
    found: dict[str, Any] = reply.json()
    return found


def ids(gateway: RunningGateway, table: str) -> list[int]:
    reply = gateway.get(f"/v1/queries/all_{table}/v1/result", Cache_Control="no-cache")
    return [row["id"] for row in reply.json()["data"]]


@pytest.mark.parametrize("table", ["one", "several"])
def test_folders_that_lie_in_each_other_or_are_named_twice_give_each_row_once(
    gateway: RunningGateway, table: str
) -> None:
    whole = refreshed(gateway, table)
    for some in (*combinations(ANNOUNCED[table], 1), *combinations(ANNOUNCED[table], 2), ANNOUNCED[table] * 2):
        found = refreshed(gateway, table, list(some))
        assert (found["files"], found["snapshot"]) == (len(PATHS[table]), whole["snapshot"]), some
    assert ids(gateway, table) == list(range(len(PATHS[table])))


@pytest.mark.parametrize(
    ("table", "folder", "announced"),
    [
        ("one", "Year=2024/Month=02/City=%61", "year=2024/month=2/city=a"),
        ("one", "Year=2024/Month=02/City=%61", "year=2024/month=02"),
        ("one", "Year=2024/Month=02/City=%61", "YEAR=2024/Month=2"),
        ("several", "year=2024/Month=02", "year=2024/month=2"),
        ("several", "Year=2024", "year=2024"),
        ("several", "year=2024/city=a", "year=2024"),
    ],
)
def test_a_folder_is_listed_however_its_name_and_its_value_are_spelled(
    gateway: RunningGateway, project: Path, table: str, folder: str, announced: str
) -> None:
    refreshed(gateway, table)
    added = project / table / folder / "b.parquet"
    put(added, 99)
    assert refreshed(gateway, table, [announced])["files"] == len(PATHS[table]) + 1
    assert ids(gateway, table)[-1] == 99
    added.unlink()
    assert refreshed(gateway, table, [announced])["files"] == len(PATHS[table])


def test_the_rest_of_the_table_is_not_listed_unless_that_is_less(gateway: RunningGateway, project: Path) -> None:
    refreshed(gateway, "one")
    elsewhere = project / "one" / "year=2020" / "month=1" / "city=a" / "a.parquet"
    put(elsewhere, 100)
    some = [f"year={year}" for year in range(1900, 1930)]
    assert refreshed(gateway, "one", some)["files"] == len(PATHS["one"])
    many = [f"year={year}" for year in range(1000, 2000)]
    assert refreshed(gateway, "one", many)["files"] == len(PATHS["one"]) + 1
    elsewhere.unlink()
    assert refreshed(gateway, "one", many)["files"] == len(PATHS["one"])


def test_every_announcement_is_looked_at_where_the_whole_table_is_listed(gateway: RunningGateway) -> None:
    days = [f"year={date.fromordinal(number).isoformat()}" for number in range(700_000, 700_100)]
    reply = gateway.post("/v1/tables/one/refresh", json.dumps({"partitions": days}).encode())
    assert reply.status == 422
    assert "year=1917-" in reply.json()["errors"][0]["detail"]

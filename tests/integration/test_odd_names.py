"""A file or folder with an odd name keeps no other file of its table from being read, and is told where it must be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from gateway.catalog.catalog import Catalog
from gateway.catalog.store import S3Settings, open_store
from gateway.catalog.table import parse_table
from gateway.cli import main

TABLE = "table: t\nlocation: {location}\npartitioned_by: [{{column: k, source: k}}]\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "catalog").mkdir()
    (tmp_path / "queries").mkdir()
    (tmp_path / "catalog" / "t.yaml").write_text(TABLE.format(location="data"))
    put(tmp_path / "data" / "k=plain" / "a.parquet", "plain")
    return tmp_path


def put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"k": [text], "n": [1]}), path)


def called(project: Path, *words: str, environment: dict[str, str] | None = None) -> Any:
    done = CliRunner().invoke(main, [*words, "--project", str(project), "--format", "json"], env=environment)
    return json.loads(done.stdout)


def rows(project: Path, condition: str = "true") -> list[dict[str, Any]]:
    query = written(project, f"SELECT k, n FROM t WHERE {condition} ORDER BY k")
    found: list[dict[str, Any]] = called(project, "run", "--sql", str(query))["data"]
    return found


def written(project: Path, sql: str) -> Path:
    path = project / "q.sql"
    path.write_text(sql)
    return path


@pytest.mark.parametrize("name", ["a\tb", "a\nb", "a\x01b", "a?b", "a*b", "[a]", "a\\b", "a'b", "a#1"])
def test_a_folder_of_any_name_is_read_with_the_others(project: Path, name: str) -> None:
    put(project / "data" / f"k={name}" / "a.parquet", name)
    assert rows(project) == sorted([{"k": name, "n": 1}, {"k": "plain", "n": 1}], key=lambda row: row["k"].encode())
    assert rows(project, "k = 'plain'") == [{"k": "plain", "n": 1}]
    assert called(project, "check", "--data")["diagnostics"] == []


def test_a_folder_whose_text_has_a_nul_is_unknown_and_told(project: Path) -> None:
    put(project / "data" / "k=a%00b" / "a.parquet", "a")
    pq.write_table(pa.table({"n": [2]}), project / "data" / "k=a%00b" / "a.parquet")
    assert rows(project) == [{"k": "plain", "n": 1}, {"k": None, "n": 2}]
    assert rows(project, "k = 'plain'") == [{"k": "plain", "n": 1}]
    (told,) = called(project, "check", "--data")["diagnostics"]
    assert "k=a%00b" in told["message"]
    assert "NUL" in told["message"]


@pytest.mark.parametrize("name", ["", "a\0b"])
@pytest.mark.parametrize("nested", [False, True])
def test_a_column_without_a_name_in_sql_is_left_out(project: Path, name: str, nested: bool) -> None:
    odd: Any = pa.array([{name: 7, "b": 1}]) if nested else pa.array([7])
    path = project / "data" / "k=plain" / "a.parquet"
    pq.write_table(pa.table([pa.array([1]), odd], names=["n", "s" if nested else name]), path)
    assert rows(project) == [{"k": "plain", "n": 1}]
    assert called(project, "check", "--data")["diagnostics"] == []


def test_a_file_without_columns_is_told_as_one_that_cannot_be_read(project: Path) -> None:
    pq.write_table(pa.table({}), project / "data" / "k=plain" / "b.parquet")
    done = CliRunner().invoke(
        main, ["run", "--project", str(project), "--sql", str(written(project, "SELECT n FROM t"))]
    )
    assert done.exit_code == 4
    assert "k=plain/b.parquet" in done.stderr
    assert [one["message"] for one in called(project, "check", "--data")["diagnostics"]] == [
        "k=plain/b.parquet: it has no columns"
    ]


@pytest.mark.parametrize("other", ["a", "a\tb"])
def test_a_link_that_leads_back_is_told(project: Path, other: str) -> None:
    put(project / "data" / f"k={other}" / "a.parquet", other)
    (project / "data" / "k=loop").symlink_to("..")
    (told,) = called(project, "check", "--data")["diagnostics"]
    assert "a link in it leads back" in told["message"]


def test_a_file_with_a_tab_in_its_name_is_refreshed_and_its_damage_is_told(project: Path) -> None:
    put(project / "data" / "k=a\tb" / "a.parquet", "a\tb")
    assert len(rows(project)) == 2
    (project / "data" / "k=a\tb" / "a.parquet").write_bytes(b"")
    assert [one["message"] for one in called(project, "check", "--data")["diagnostics"]] == [
        "k=a\tb/a.parquet: it is empty"
    ]


def test_folders_with_odd_names_are_refreshed_alone(project: Path) -> None:
    put(project / "data" / "k=a\tb" / "a.parquet", "a\tb")
    catalog = Catalog(
        {"t": parse_table(TABLE.format(location="data") + "columns: {k: VARCHAR, n: BIGINT}\n", "t.yaml")},
        project / "state",
        open_store=lambda location: open_store(location, S3Settings(), project),
        describe=lambda paths: (),
    )
    catalog.pin()
    put(project / "data" / "k=a\tb" / "b.parquet", "a\tb")
    found = catalog.refresh("t", ["k=a\tb"])
    assert sorted(found.files["path"].to_pylist()) == ["k=a\tb/a.parquet", "k=a\tb/b.parquet", "k=plain/a.parquet"]


@pytest.mark.s3
def test_an_object_that_duckdb_cannot_address_is_told_by_the_check(project: Path, s3: Any) -> None:
    put(project / "data" / "k=plain" / "what?.parquet", "plain")
    s3.upload(project / "data", "odd")
    (project / "catalog" / "t.yaml").write_text(TABLE.format(location=s3.url("odd")))
    environment = {**s3.environment, "GATEWAY_STORAGE_URL_STYLE": "path"}
    found = called(project, "check", "--data", environment=environment)["diagnostics"]
    assert [one["message"] for one in found] == [
        "k=plain/what?.parquet: its key has a '?', and every query that selects it fails"
    ]

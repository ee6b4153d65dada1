"""Tables of Delta Lake, Iceberg, Hudi and Spark streaming are refused, unless the declaration says otherwise."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from gateway.catalog.catalog import Catalog
from gateway.catalog.snapshot_store import SnapshotStore
from gateway.catalog.store import S3Settings, open_store
from gateway.catalog.table import parse_table
from gateway.cli import main
from gateway.errors import StorageFailed, TableInvalid

TABLE = "table: t\nlocation: data\ncolumns: {n: BIGINT}\n"
MARKS = {
    "Delta Lake": "_delta_log/00000000000000000000.json",
    "Apache Iceberg": "metadata/00001-5f2b.metadata.json",
    "Apache Hudi": ".hoodie/hoodie.properties",
    "Spark structured streaming": "_spark_metadata/0",
}
MORE_MARKS = {
    "_delta_log/00000000000000000010.checkpoint.parquet": "Delta Lake",
    "metadata/v3.gz.metadata.json": "Apache Iceberg",
    "metadata/v3.metadata.json.gz": "Apache Iceberg",
    "day=1/.hoodie_partition_metadata": "Apache Hudi",
    "_spark_metadata/9.compact": "Spark structured streaming",
}
NO_MARKS = [
    "delta_log/0.json",
    "_delta_log.json",
    "metadata/table.json",
    "metadata.json",
    "x/.hoodie",
    "_tmp/copy/_delta_log/0.json",
    ".trash/_spark_metadata/0",
    "_backup/metadata/1.metadata.json",
    "beside/_delta_log/0.json",
]


def write(folder: Path, path: str) -> None:
    target = folder / "data" / path
    target.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"n": [1]}), target)


def touch(folder: Path, path: str) -> None:
    target = folder / "data" / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text("{}")


def catalog(folder: Path, text: str = TABLE) -> Catalog:
    return Catalog(
        {"t": parse_table(text, "t.yaml")},
        folder / "state",
        open_store=lambda location: open_store(location, S3Settings(), folder),
        describe=lambda paths: (),
    )


@pytest.mark.parametrize(("mark", "name"), [*((mark, name) for name, mark in MARKS.items()), *MORE_MARKS.items()])
def test_a_table_of_another_format_is_refused(tmp_path: Path, mark: str, name: str) -> None:
    write(tmp_path, "day=1/a.parquet")
    touch(tmp_path, mark)
    with pytest.raises(TableInvalid, match=f"is a table of {name}") as caught:
        catalog(tmp_path).pin()
    assert caught.value.diagnostics[0].hint == "ignore_table_format: true reads all of them anyhow"


@pytest.mark.parametrize("mark", MARKS.values())
def test_where_the_declaration_says_so_all_data_files_are_read(tmp_path: Path, mark: str) -> None:
    write(tmp_path, "a.parquet")
    touch(tmp_path, mark)
    snapshot = catalog(tmp_path, TABLE + "ignore_table_format: true\n").pin()["t"]
    assert snapshot.files["path"].to_pylist() == ["a.parquet"]


@pytest.mark.parametrize("mark", MARKS.values())
def test_a_table_of_another_format_further_down_is_refused_too(tmp_path: Path, mark: str) -> None:
    write(tmp_path, "a.parquet")
    write(tmp_path, "nested/b.parquet")
    touch(tmp_path, f"nested/{mark}")
    with pytest.raises(TableInvalid, match="its folder 'nested' is a table of"):
        catalog(tmp_path).pin()


@pytest.mark.parametrize("path", NO_MARKS)
def test_what_only_looks_like_one_or_is_not_read_is_no_matter(tmp_path: Path, path: str) -> None:
    write(tmp_path, "a.parquet")
    touch(tmp_path, path)
    assert catalog(tmp_path).pin()["t"].files.num_rows == 1


def test_a_table_that_becomes_one_keeps_its_last_list_and_says_why(tmp_path: Path) -> None:
    write(tmp_path, "a.parquet")
    before = catalog(tmp_path)
    before.pin()
    write(tmp_path, "b.parquet")
    touch(tmp_path, MARKS["Delta Lake"])
    with pytest.raises(TableInvalid):
        before.refresh("t")
    failure = before.status("t").failure
    assert failure is not None
    assert "is a table of Delta Lake" in failure.error
    assert before.pin()["t"].files.num_rows == 1


def test_a_list_that_was_made_without_looking_is_not_trusted(tmp_path: Path) -> None:
    write(tmp_path, "a.parquet")
    touch(tmp_path, MARKS["Delta Lake"])
    catalog(tmp_path, TABLE + "ignore_table_format: true\n").pin()
    with pytest.raises(TableInvalid):
        catalog(tmp_path).pin()


def test_a_list_of_an_older_release_is_not_trusted(tmp_path: Path) -> None:
    write(tmp_path, "a.parquet")
    catalog(tmp_path).pin()
    pointer = next((tmp_path / "state" / "tables" / "t").glob("*/current.json"))
    document = json.loads(pointer.read_bytes())
    assert document.pop("any_format") is False
    pointer.write_text(json.dumps(document))
    touch(tmp_path, MARKS["Apache Hudi"])
    with pytest.raises((TableInvalid, StorageFailed), match="Hudi"):
        catalog(tmp_path).pin()
    assert SnapshotStore(pointer.parent).stamp() is not None


def test_a_reload_that_takes_the_permission_away_lists_anew(tmp_path: Path) -> None:
    write(tmp_path, "a.parquet")
    touch(tmp_path, MARKS["Delta Lake"])
    before = catalog(tmp_path, TABLE + "ignore_table_format: true\n")
    before.pin()
    after = Catalog(
        {"t": parse_table(TABLE, "t.yaml")},
        tmp_path / "state",
        open_store=lambda location: open_store(location, S3Settings(), tmp_path),
        describe=lambda paths: (),
        previous=before,
    )
    with pytest.raises(TableInvalid):
        after.pin()


@pytest.mark.parametrize("name", MARKS)
def test_the_check_of_the_data_and_a_query_refuse_it_and_the_declaration_allows_it(tmp_path: Path, name: str) -> None:
    (tmp_path / "catalog").mkdir()
    (tmp_path / "queries").mkdir()
    (tmp_path / "catalog" / "t.yaml").write_text(TABLE)
    (tmp_path / "q.sql").write_text("SELECT count(*) AS n FROM t")
    write(tmp_path, "a.parquet")
    touch(tmp_path, MARKS[name])

    def gateway(*words: str) -> Result:
        return CliRunner().invoke(main, [*words, "--project", str(tmp_path), "--format", "json"])

    checked, ran = gateway("check", "--data"), gateway("run", "--sql", str(tmp_path / "q.sql"))
    [mistake] = json.loads(checked.stdout)["diagnostics"]
    assert (checked.exit_code, mistake["path"], mistake["rule"]) == (1, "catalog/t.yaml", "data")
    assert f"its location is a table of {name} ({MARKS[name]})" in mistake["message"]
    assert ran.exit_code != 0
    assert f"is a table of {name}" in ran.stderr
    (tmp_path / "catalog" / "t.yaml").write_text(TABLE + "ignore_table_format: true\n")
    checked, ran = gateway("check", "--data"), gateway("run", "--sql", str(tmp_path / "q.sql"))
    assert json.loads(ran.stdout)["data"] == [{"n": 1}]
    assert [item["message"] for item in json.loads(checked.stdout)["diagnostics"] if item["severity"] == "error"] == []

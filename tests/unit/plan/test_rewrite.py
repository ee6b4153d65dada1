"""What a scan reads in place of a table, and how folder names become values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from partitioned import table_of

from gateway.catalog.listing import SCHEMA
from gateway.catalog.manifest import Snapshot, build
from gateway.catalog.partition_field import PartitionField
from gateway.model import Column, FileVersion
from gateway.plan.reading import reading
from gateway.plan.rewrite import literal, source


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        yield opened


def snapshot_of(folder: Path, field: PartitionField, kind: str, paths: Sequence[str]) -> Snapshot:
    """List files of one column ``n`` that holds the number of the file."""
    listed = []
    with duckdb.connect() as writing:
        for number, path in enumerate(paths):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            writing.execute(f"COPY (SELECT {number} AS n) TO {literal(str(folder / path))}")
            listed.append({"path": path, "size": 1, "etag": path, "last_modified": 0})
    declared = {"n": "INTEGER", field.source: kind}
    table = table_of([field]).model_copy(update={"columns": declared})
    columns = [Column(name=name, type=type_) for name, type_ in declared.items()]
    return build(table, f"{folder}/", pa.Table.from_pylist(listed, SCHEMA), columns, 0.0)


def read(snapshot: Snapshot, connection: duckdb.DuckDBPyConnection, where: str = "TRUE") -> list[Any]:
    places = np.arange(snapshot.files.num_rows)
    files = [FileVersion(path=snapshot.address(path), size=1, etag="") for path in snapshot.files["path"].to_pylist()]
    text = reading(snapshot, places, files, lambda file: file.path)
    return connection.execute(f"SELECT n, p FROM {text} AS t WHERE {where} ORDER BY n").fetchall()


@pytest.mark.parametrize(
    ("transform", "pattern", "kind", "folder", "value"),
    [
        ("identity", None, "VARCHAR", "p=JFK", "JFK"),
        ("identity", None, "VARCHAR", "p=NULL", "NULL"),
        ("identity", None, "VARCHAR", "p=null", "null"),
        ("identity", None, "VARCHAR", "p=", ""),
        ("identity", None, "VARCHAR", "p=a%3Db%2Fc", "a=b/c"),
        ("identity", None, "VARCHAR", "p=__HIVE_DEFAULT_PARTITION__", None),
        ("identity", None, "VARCHAR", "p=%5F_HIVE_DEFAULT_PARTITION__", "__HIVE_DEFAULT_PARTITION__"),
        ("bucket[16]", None, "INTEGER", "p=7", 7),
        ("day", None, "DATE", "p=2024-01-31", date(2024, 1, 31)),
        ("day", "%Y%m%d", "DATE", "p=20240131", date(2024, 1, 31)),
        ("month", "%Y%m", "VARCHAR", "p=202401", "2024-01"),
        ("hour", "%Y%m%d%H", "VARCHAR", "p=2024013107", "2024-01-31-07"),
        ("month_of_year", "m%m", "INTEGER", "p=m06", 6),
        ("month_of_year", None, "INTEGER", "p=06", 6),
        ("day_of_month", "%d", "INTEGER", "p=31", 31),
    ],
)
def test_the_name_of_a_folder_becomes_its_value(
    transform: str,
    pattern: str | None,
    kind: str,
    folder: str,
    value: Any,
    tmp_path: Path,
    connection: duckdb.DuckDBPyConnection,
) -> None:
    source = "p" if transform == "identity" else "d"
    field = PartitionField(column="p", transform=transform, source=source, format=pattern)
    source_type = {"identity": "VARCHAR", "bucket[16]": "BIGINT"}.get(transform, "TIMESTAMP")
    snapshot = snapshot_of(tmp_path / "p=above" / "t", field, source_type, [f"{folder}/q=1/f.parquet", "f.parquet"])
    assert read(snapshot, connection, "n = 0") == [(0, value)]


def test_a_column_with_a_name_of_any_kind_is_found_however_its_folder_spells_it(
    tmp_path: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    field = PartitionField(column="größe (cm)", source="größe (cm)")
    paths = ["größe (cm)=1/f.parquet", "gr%C3%B6%c3%9fe%20(cm)=2/f.parquet"]
    snapshot = snapshot_of(tmp_path, field, "VARCHAR", paths)
    files = [FileVersion(path=snapshot.address(path), size=1, etag="") for path in snapshot.files["path"].to_pylist()]
    text = reading(snapshot, np.arange(2), files, lambda file: file.path)
    assert connection.execute(f'SELECT "größe (cm)" FROM {text} ORDER BY 1').fetchall() == [("1",), ("2",)]


@pytest.mark.parametrize("folders", [["a"], ["a", "b"], ["a", "__HIVE_DEFAULT_PARTITION__"]])
@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("p = 'a'", {"a"}),
        ("p IS NULL", {"__HIVE_DEFAULT_PARTITION__"}),
        ("p IN ('a', 'b')", {"a", "b"}),
        ("p > 'x'", set()),
        ("true", {"a", "b", "__HIVE_DEFAULT_PARTITION__"}),
    ],
)
def test_a_filter_on_nothing_but_the_folder_is_answered(
    folders: list[str], where: str, expected: set[str], tmp_path: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    field = PartitionField(column="p", source="p")
    snapshot = snapshot_of(tmp_path, field, "VARCHAR", [f"p={folder}/f.parquet" for folder in folders])
    assert len(read(snapshot, connection, where)) == len(expected & set(folders))
    files = [FileVersion(path=snapshot.address(path), size=1, etag="") for path in snapshot.files["path"].to_pylist()]
    text = reading(snapshot, np.arange(len(files)), files, lambda file: file.path)
    found = connection.execute(f"SELECT count(*) FROM {text} AS t WHERE {where}").fetchone()
    assert found == (len(expected & set(folders)),)


def test_a_scan_of_no_file_is_an_empty_relation(connection: duckdb.DuckDBPyConnection) -> None:
    relation = connection.sql(f"SELECT * FROM {source([Column(name='n', type='DECIMAL(6,2)')], [])}")
    assert (relation.columns, [str(kind) for kind in relation.types], relation.fetchall()) == (
        ["n"],
        ["DECIMAL(6,2)"],
        [],
    )


@pytest.mark.parametrize("folders", [["a"], ["a", "b"], ["a/x", "b"]])
@pytest.mark.parametrize(
    ("selected", "used"), [("count(*)", set()), ("sum(n)", {"n"}), ("max(p)", {"p"}), ("p, n", {"p", "n"})]
)
def test_columns_that_are_not_used_are_not_read(
    selected: str, used: set[str], folders: list[str], tmp_path: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    field = PartitionField(column="p", source="p")
    paths = [f"p={folder}/{number}.parquet" for number, folder in enumerate(folders)]
    snapshot = snapshot_of(tmp_path, field, "VARCHAR", paths)
    files = [FileVersion(path=snapshot.address(path), size=1, etag="") for path in snapshot.files["path"].to_pylist()]
    every = [frozenset(column.name for column in snapshot.columns), frozenset(used)]
    texts = [reading(snapshot, np.arange(len(files)), files, lambda file: file.path, names=names) for names in every]
    whole, needed = (connection.execute(f"SELECT {selected} FROM {text}").fetchall() for text in texts)
    assert sorted(whole, key=repr) == sorted(needed, key=repr)
    assert {name for name in ("n", "p") if f"'{name}': {{name:" in texts[1]} <= used


@pytest.mark.parametrize("folders", [["a", "b"], ["a", "a/x"], ["x", "a"]])
@pytest.mark.parametrize("names", [frozenset({"n"}), frozenset({"n", "p"}), None])
def test_files_are_read_alike_however_many_they_are(
    names: frozenset[str] | None, folders: list[str], tmp_path: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    field = PartitionField(column="p", source="p")
    paths = [f"p={folder}/{number}.parquet" for number, folder in enumerate(folders)]
    snapshot = snapshot_of(tmp_path, field, "VARCHAR", [*paths, "f.parquet"])
    found = []
    for number, path in enumerate(snapshot.files["path"].to_pylist()):
        text = reading(snapshot, np.array([number]), [FileVersion(path=snapshot.address(path), size=1, etag="")],
                       lambda file: file.path, names=names)  # fmt: skip
        found += connection.execute(f"SELECT n, p FROM {text}").fetchall()
    files = [FileVersion(path=snapshot.address(path), size=1, etag="") for path in snapshot.files["path"].to_pylist()]
    for several in (np.arange(len(files)), np.arange(len(files) - 1)):
        chosen = [files[number] for number in several.tolist()]
        text = reading(snapshot, several, chosen, lambda file: file.path, names=names)
        read_together = connection.execute(f"SELECT n, p FROM {text}").fetchall()
        assert sorted(read_together, key=repr) == sorted(found[: len(chosen)], key=repr)

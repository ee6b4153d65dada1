"""Footers are read once for each version of a file, and never bound a column too tightly."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gateway.catalog.catalog import Catalog
from gateway.catalog.manifest import Snapshot
from gateway.catalog.store import S3Settings, open_store
from gateway.catalog.table import parse_table
from gateway.catalog.transforms.keys import key_type, keys
from gateway.model import Column
from gateway.telemetry.events import Event, FootersRead

TABLE = "table: events\nlocation: events\nstatistics: true\n"


def describe(paths: Sequence[str]) -> tuple[Column, ...]:
    rows = duckdb.connect().execute("DESCRIBE FROM read_parquet($1)", [list(paths)]).fetchall()
    return tuple(Column(name=row[0], type=row[1]) for row in rows)


class Project:
    """A table of the files that a test writes, whose footers are read by looking in the background."""

    def __init__(self, folder: Path, text: str = TABLE) -> None:
        self.folder = folder
        self.now = 1_000.0
        self.events: list[Event] = []
        self.text = text
        (folder / "events").mkdir()

    def write(self, name: str, columns: dict[str, Any], **options: Any) -> None:
        pq.write_table(pa.table(columns), self.folder / "events" / name, **options)

    def look(self) -> Snapshot:
        """List the table, read its footers, and return what a fresh process then finds."""
        catalog = self.catalog()
        refresher = catalog.refresher()
        for _ in range(4):
            refresher.tick()
        refresher.close()
        return self.catalog().pin()["events"]

    def catalog(self) -> Catalog:
        return Catalog(
            {"events": parse_table(self.text, "events.yaml")},
            self.folder / "state",
            open_store=lambda location: open_store(location, S3Settings(), self.folder),
            describe=describe,
            clock=lambda: self.now,
            observer=self.events.append,
        )

    def footers_read(self) -> int:
        return sum(event.files for event in self.events if isinstance(event, FootersRead))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def column(snapshot: Snapshot, name: str) -> list[Any]:
    return snapshot.files[name].to_pylist() if name in snapshot.files.column_names else []


def test_rows_bounds_and_nulls_of_every_file_are_known(project: Project) -> None:
    project.write("a.parquet", {"n": [3, None, 1], "s": ["b", "a", None]})
    project.write("b.parquet", {"n": [10], "s": ["z"]})
    found = project.look()
    assert column(found, "row_count") == [3, 1]
    assert (column(found, "min:n"), column(found, "max:n"), column(found, "nulls:n")) == ([1, 10], [3, 10], [1, 0])
    assert (column(found, "min:s"), column(found, "max:s"), column(found, "nulls:s")) == (
        ["a", "z"],
        ["b", "z"],
        [1, 0],
    )


def test_bounds_hold_over_all_row_groups(project: Project) -> None:
    project.write("a.parquet", {"n": [5, 6, 1, 2, 9, None]}, row_group_size=2)
    found = project.look()
    assert (column(found, "min:n"), column(found, "max:n"), column(found, "nulls:n")) == ([1], [9], [1])


def test_footers_are_read_once_and_kept_over_refreshes_and_restarts(project: Project) -> None:
    project.write("a.parquet", {"n": [1]})
    project.look()
    project.write("b.parquet", {"n": [2]})
    project.now += 100
    found = project.look()
    assert column(found, "max:n") == [1, 2]
    assert project.footers_read() == 2


def test_a_file_that_is_rewritten_is_read_again(project: Project) -> None:
    project.write("a.parquet", {"n": [1]})
    project.look()
    project.write("a.parquet", {"n": [7]})
    project.now += 100
    assert column(project.look(), "max:n") == [7]


def test_bounds_of_a_column_whose_type_changed_are_forgotten(project: Project) -> None:
    project.write("a.parquet", {"n": pa.array([1], pa.date32()), "m": [5]})
    project.look()
    project.write("b.parquet", {"n": pa.array([1], pa.timestamp("us")), "m": [6]})
    project.now += 100
    found = project.look()
    assert (column(found, "min:n"), column(found, "min:m")) == ([None, 1], [5, 6])


def test_what_is_known_of_files_does_not_change_the_id(project: Project) -> None:
    project.write("a.parquet", {"n": [1]})
    before = project.catalog().pin()["events"]
    after = project.look()
    assert before.id == after.id
    assert (column(before, "row_count"), column(after, "row_count")) == ([None], [1])


def test_a_file_that_is_no_parquet_is_passed_over(project: Project) -> None:
    project.text += "columns: {n: BIGINT}\n"
    project.write("a.parquet", {"n": [1]})
    (project.folder / "events" / "b.parquet").write_bytes(b"not this")
    assert column(project.look(), "row_count") == [1, None]


def test_without_the_declaration_there_are_no_statistics(tmp_path: Path) -> None:
    project = Project(tmp_path, TABLE.replace("statistics: true\n", ""))
    project.write("a.parquet", {"n": [1]})
    found = project.look()
    assert (column(found, "row_count"), column(found, "min:n")) == ([None], [])


def test_floats_have_no_upper_bound_because_nan_is_above_it(project: Project) -> None:
    project.write("a.parquet", {"x": [1.0, float("nan"), 2.0]})
    found = project.look()
    assert column(found, "max:x") == [None]
    assert column(found, "min:x") != [None]


def test_long_texts_are_no_bounds(project: Project) -> None:
    project.write("a.parquet", {"s": ["a", "z" * 65]})
    found = project.look()
    assert (column(found, "min:s"), column(found, "max:s")) == (["a"], [None])


def test_a_footer_larger_than_the_first_read_is_read_whole(project: Project) -> None:
    wide = {f"c{number:04}": [number] for number in range(2_000)}
    project.write("a.parquet", wide)
    assert column(project.look(), "max:c1999") == [1999]


@pytest.mark.parametrize(
    "type_",
    [
        "BOOLEAN",
        "TINYINT",
        "BIGINT",
        "UINTEGER",
        "DECIMAL(9,2)",
        "DECIMAL(18,4)",
        "DATE",
        "TIME",
        "TIMESTAMP",
        "TIMESTAMP WITH TIME ZONE",
        "TIMESTAMP_NS",
        "FLOAT",
        "DOUBLE",
        "VARCHAR",
    ],
)
def test_bounds_are_the_least_and_greatest_order_keys_of_the_values(project: Project, type_: str) -> None:
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    values = {
        "BOOLEAN": "i % 2 = 0",
        "DATE": "DATE '1969-12-01' + i::INTEGER",
        "TIME": "TIME '01:00:00' + to_seconds(i)",
        "VARCHAR": "chr((233 + i)::INTEGER)",
    }.get(type_, "TIMESTAMP '1969-12-31 23:59:30.5' + to_seconds(i)" if type_.startswith("TIMESTAMP") else "i - 20")
    start = 0 if type_ not in ("UINTEGER",) else 20
    query = f"SELECT CAST({values} AS {type_}) AS c FROM range({start}, 60) AS t(i)"
    path = project.folder / "events" / "a.parquet"
    connection.execute(f"COPY ({query}) TO '{path}' (FORMAT parquet)")
    project.text += f"columns: {{c: '{type_}'}}\n"
    found = project.look()
    kind = key_type(type_)
    assert kind is not None
    values_read: Any = connection.execute(query).to_arrow_table()["c"].combine_chunks()
    expected = sorted(keys(values_read.cast(kind.arrow), kind))
    [low], [high] = column(found, "min:c"), column(found, "max:c")
    assert low == (expected[0].decode() if isinstance(expected[0], bytes) else expected[0])
    if type_ in ("FLOAT", "DOUBLE"):
        assert high is None
    else:
        assert high == (expected[-1].decode() if isinstance(expected[-1], bytes) else expected[-1])


@pytest.mark.parametrize(
    ("stored", "declared"),
    [(pa.array([1.6]), "BIGINT"), (pa.array(["5"]), "BIGINT"), (pa.array([5]), "VARCHAR"), (pa.array([[5]]), "BIGINT")],
)
def test_types_that_differ_between_file_and_table_give_no_bounds(
    project: Project, stored: pa.Array[Any], declared: str
) -> None:
    project.text += f"columns: {{c: {declared}}}\n"
    project.write("a.parquet", {"c": stored})
    found = project.look()
    assert (column(found, "min:c"), column(found, "max:c")) == ([None], [None])

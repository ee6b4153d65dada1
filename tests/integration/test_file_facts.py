"""What a file holds, or that it cannot be read, is known for each version of a file, whatever else is damaged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gateway.catalog import facts, footers
from gateway.catalog.catalog import Catalog
from gateway.catalog.facts import FACTS, FileFacts
from gateway.catalog.manifest import Snapshot
from gateway.catalog.snapshot_store import SnapshotStore, snapshot_folder
from gateway.catalog.store import S3Settings, open_store
from gateway.catalog.stored import StoredColumn
from gateway.catalog.table import parse_table
from gateway.model import Column
from gateway.telemetry.events import Event, FilesUnreadable, FootersRead

TABLE = "table: events\nlocation: events\ncolumns: {n: BIGINT}\n"
BIGINT = FileFacts(columns=(StoredColumn(name="n", type="BIGINT"),))


def describe(paths: Sequence[str]) -> tuple[Column, ...]:
    rows = duckdb.connect().execute("DESCRIBE FROM read_parquet($1)", [list(paths)]).fetchall()
    return tuple(Column(name=row[0], type=row[1]) for row in rows)


class Project:
    """A table of the files that a test writes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now = 1_000.0
        self.events: list[Event] = []
        self.text = TABLE
        (folder / "events").mkdir()

    def path(self, name: str) -> Path:
        return self.folder / "events" / name

    def write(self, name: str, columns: dict[str, Any], **options: Any) -> None:
        pq.write_table(pa.table(columns), self.path(name), **options)

    def catalog(self) -> Catalog:
        return Catalog(
            {"events": parse_table(self.text, "events.yaml")},
            self.folder / "state",
            open_store=lambda location: open_store(location, S3Settings(), self.folder),
            describe=describe,
            clock=lambda: self.now,
            observer=self.events.append,
        )

    def look(self, ticks: int = 4) -> Snapshot:
        """List the table, read its footers, and return what a fresh process then finds."""
        refresher = self.catalog().refresher()
        for _ in range(ticks):
            refresher.tick()
        refresher.close()
        return self.catalog().pin()["events"]

    def footers_read(self) -> int:
        return sum(event.files for event in self.events if isinstance(event, FootersRead))

    def told(self) -> list[str]:
        return [file for event in self.events if isinstance(event, FilesUnreadable) for file in event.files]


def known(snapshot: Snapshot) -> dict[str, FileFacts | None]:
    paths = [str(path) for path in snapshot.files["path"].to_pylist()]
    return dict(zip(paths, facts.facts_of(snapshot.files, range(len(paths))), strict=True))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_the_columns_of_every_file_are_known_in_their_order_and_case(project: Project) -> None:
    project.write("a.parquet", {"n": [1]})
    project.write("b.parquet", {"N": ["x"], "n": [2.5], "m": pa.nulls(1)})
    assert known(project.look()) == {
        "a.parquet": BIGINT,
        "b.parquet": FileFacts(
            columns=(
                StoredColumn(name="N", type="VARCHAR"),
                StoredColumn(name="n", type="DOUBLE"),
                StoredColumn(name="m", type="INTEGER", untyped=True),
            )
        ),
    }


def test_a_schema_that_files_share_is_kept_once(project: Project) -> None:
    for number in range(5):
        project.write(f"{number}.parquet", {"n": [number]})
    snapshot = project.look()
    assert facts.known(snapshot.files) == (BIGINT,)
    assert facts.codes(snapshot.files).tolist() == [0] * 5


def test_footers_are_read_once_over_refreshes_and_restarts(project: Project) -> None:
    project.write("a.parquet", {"n": [1]})
    project.look()
    project.write("b.parquet", {"n": [2.0]})
    project.now += 100
    project.look()
    project.now += 100
    assert list(known(project.look())) == ["a.parquet", "b.parquet"]
    assert project.footers_read() == 2


def test_a_file_that_is_rewritten_is_read_again(project: Project) -> None:
    project.write("a.parquet", {"n": ["old"]})
    project.look()
    project.write("a.parquet", {"n": [7]})
    project.now += 100
    assert known(project.look()) == {"a.parquet": BIGINT}


def truncated(good: bytes) -> bytes:
    return good[:-5]


def no_footer(good: bytes) -> bytes:
    return good[:-8] + (len(good) * 2).to_bytes(4, "little") + b"PAR1"


def thrift(good: bytes) -> bytes:
    """Overwrite the row groups of the footer, after the schema."""
    length = int.from_bytes(good[-8:-4], "little")
    middle = len(good) - 8 - length // 2
    return good[:middle] + b"\xff" * (len(good) - 8 - middle) + good[-8:]


NO_END = "it does not end as a Parquet file does: it was cut off, or is of another format"
DAMAGE: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "zero bytes": (lambda good: b"", "it is empty"),
    "few bytes": (lambda good: b"PAR1", "it has 4 bytes, too few for a Parquet file"),
    "truncated": (truncated, NO_END),
    "text": (
        lambda good: b"a,b\n1,2\n3,4\n",
        "it does not end as a Parquet file does: it was cut off, or is of another format",
    ),
    "length": (no_footer, "its footer is damaged"),
    "no length": (lambda good: good[:-8] + b"\0\0\0\0PAR1", "its footer is damaged"),
    "thrift": (thrift, "its footer is damaged"),
    "encrypted": (lambda good: good[:-4] + b"PARE", "it is encrypted"),
}


@pytest.mark.parametrize("statistics", [False, True])
@pytest.mark.parametrize(("spoil", "reason"), DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_file_is_told_once_by_name_and_stops_no_other(
    project: Project, spoil: Callable[[bytes], bytes], reason: str, statistics: bool
) -> None:
    project.text += f"statistics: {str(statistics).lower()}\n"
    project.write("a.parquet", {"n": [1]})
    project.write("c.parquet", {"n": [3]})
    project.path("b.parquet").write_bytes(spoil(project.path("a.parquet").read_bytes()))
    snapshot = project.look(ticks=8)
    assert known(snapshot) == {"a.parquet": BIGINT, "b.parquet": FileFacts(problem=reason), "c.parquet": BIGINT}
    assert snapshot.files["row_count"].to_pylist() == ([1, None, 1] if statistics else [None, None, None])
    for _ in range(3):
        project.now += 100
        project.look()
    assert project.told() == [f"b.parquet: {reason}"]
    assert project.footers_read() == 3


def test_a_damaged_file_that_is_repaired_is_read_again(project: Project) -> None:
    project.path("a.parquet").write_bytes(b"half of a f")
    project.look()
    project.write("a.parquet", {"n": [1]})
    project.now += 100
    assert known(project.look()) == {"a.parquet": BIGINT}


def test_a_file_that_is_gone_is_tried_again_after_the_next_listing_only(project: Project) -> None:
    project.write("a.parquet", {"n": [1]})
    catalog = project.catalog()
    catalog.pin()
    kept = project.path("a.parquet").read_bytes()
    project.path("a.parquet").unlink()
    refresher = catalog.refresher()
    for _ in range(5):
        refresher.tick()
    assert sum(isinstance(event, FootersRead) for event in project.events) == 1
    assert project.told() == ["a.parquet: it was replaced or removed since it was listed"]
    project.path("a.parquet").write_bytes(kept)
    project.now += 100
    for _ in range(5):
        refresher.tick()
    refresher.close()
    assert known(catalog.pin()["events"]) == {"a.parquet": BIGINT}


def test_what_nobody_foresaw_is_not_tried_again_before_the_next_listing(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.write("a.parquet", {"n": [1]})
    tries = []

    def broken(*given: object, **options: object) -> None:
        tries.append(given)
        raise ZeroDivisionError

    monkeypatch.setattr(footers, "read", broken)
    catalog = project.catalog()
    catalog.pin()
    refresher = catalog.refresher()
    for _ in range(5):
        try:
            refresher.tick()
        except ZeroDivisionError:
            continue
    refresher.close()
    assert len(tries) == 1


def test_a_manifest_without_facts_is_one_whose_facts_are_not_known_yet(project: Project) -> None:
    project.write("a.parquet", {"n": [1]})
    before = project.look()
    old = replace(before, files=before.files.drop_columns([FACTS]))
    SnapshotStore(snapshot_folder(project.folder / "state", "events", "events")).put(old)
    read = project.catalog().pin()["events"]
    assert (FACTS in read.files.column_names, known(read)) == (False, {"a.parquet": None})
    assert known(project.look()) == {"a.parquet": BIGINT}


def test_statistics_of_a_release_that_knew_no_facts_are_read_anew(project: Project) -> None:
    project.text += "statistics: true\n"
    project.write("a.parquet", {"n": [1]})
    before = project.look()
    wrong = before.files.drop_columns([FACTS, "min:n"]).append_column("min:n", pa.array([99], pa.int64()))
    SnapshotStore(snapshot_folder(project.folder / "state", "events", "events")).put(replace(before, files=wrong))
    read = project.catalog().pin()["events"].files
    assert ("min:n" in read.column_names, read["row_count"].to_pylist()) == (False, [None])
    read = project.look().files
    assert (read["min:n"].to_pylist(), read["row_count"].to_pylist()) == ([1], [1])


def test_facts_of_another_release_are_not_known(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.write("a.parquet", {"n": [1]})
    project.look()
    monkeypatch.setattr(facts, "VERSION", facts.VERSION + 1)
    facts.of_text.cache_clear()
    assert known(project.catalog().pin()["events"]) == {"a.parquet": None}
    assert known(project.look()) == {"a.parquet": BIGINT}
    facts.of_text.cache_clear()


def test_facts_are_read_on_demand_for_the_files_asked_for_and_remembered(project: Project) -> None:
    for name in "abc":
        project.write(f"{name}.parquet", {"n": [1]})
    catalog = project.catalog()
    snapshot = catalog.pin()["events"]
    informed = catalog.with_facts(snapshot, np.array([0, 2]))
    assert known(informed) == {"a.parquet": BIGINT, "b.parquet": None, "c.parquet": BIGINT}
    assert (informed.id, catalog.pin()["events"] is informed) == (snapshot.id, True)
    assert known(catalog.with_facts(snapshot, np.array([0]))) == known(informed)
    project.write("d.parquet", {"n": [1]})
    project.now += 100
    after = catalog.with_facts(catalog.refresh("events"), np.array([0, 2]))
    assert known(after) == {**known(informed), "d.parquet": None}
    assert project.footers_read() == 2


def test_facts_asked_for_outlive_a_snapshot_that_another_process_published(project: Project) -> None:
    project.write("a.parquet", {"n": [1]})
    mine, other = project.catalog(), project.catalog()
    mine.with_facts(mine.pin()["events"], np.array([0]))
    project.write("b.parquet", {"n": [1]})
    project.now += 100
    other.refresh("events")
    mine.status("events")
    assert known(mine.with_facts(mine.pin()["events"], np.array([0]))) == {"a.parquet": BIGINT, "b.parquet": None}
    assert project.footers_read() == 1


def test_of_a_very_large_table_the_same_files_are_read_after_every_change() -> None:
    versions = np.random.default_rng(7).integers(0, 256, (50_000, 16), np.uint8).tobytes()
    array = pa.Array.from_buffers(pa.binary(16), 50_000, [None, pa.py_buffer(versions)])
    files = pa.table({"version": array})
    chosen = footers.sampled(files, most=5_000)
    assert 4_500 < chosen.sum() < 5_500
    fewer = footers.sampled(files.slice(10_000), most=5_000)
    assert (fewer >= chosen[10_000:]).all()
    assert footers.sampled(files, most=50_000).all()

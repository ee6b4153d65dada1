"""Snapshots on disk: a restart maps them, and what is damaged is never used."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import orjson
import pyarrow as pa
import pytest

from gateway.catalog.listing import SCHEMA
from gateway.catalog.manifest import Snapshot, build
from gateway.catalog.snapshot_store import KEPT, SnapshotStore, SnapshotUnreadable
from gateway.catalog.table import Table, parse_table
from gateway.model import Column

ROOT = "s3://bucket/events/"
DAYS = "[{column: day, transform: day, source: at}]"


def table(partitioned_by: str = DAYS, extra: str = "") -> Table:
    text = f"table: events\nlocation: s3://bucket/events\npartitioned_by: {partitioned_by}\n{extra}"
    return parse_table(text, "events.yaml")


def snapshot(*paths: str, listed_at: float = 1.0) -> Snapshot:
    when = datetime(2020, 1, 1, tzinfo=UTC)
    rows = [{"path": path, "size": 1, "etag": "e", "last_modified": when} for path in paths]
    listing = pa.Table.from_pylist(rows, SCHEMA)
    return build(table(), ROOT, listing, (Column(name="at", type="TIMESTAMP"),), listed_at)


SOME = snapshot("day=2013-01-01/a.parquet", "day=2013-01-02/b.parquet", "oops.parquet", "notes.txt")


def same(one: Snapshot, other: Snapshot) -> bool:
    tables = zip((one.files, one.partitions, one.ignored), (other.files, other.partitions, other.ignored), strict=True)
    scalars = ("id", "root", "listed_at", "columns", "file_columns", "problems", "problem_count")
    return all(a.equals(b) for a, b in tables) and all(getattr(one, name) == getattr(other, name) for name in scalars)


def test_a_snapshot_comes_back_as_it_was_put(tmp_path: Path) -> None:
    SnapshotStore(tmp_path).put(SOME)
    assert same(SOME, SnapshotStore(tmp_path).load(table(), ROOT))


def test_an_empty_snapshot_comes_back(tmp_path: Path) -> None:
    SnapshotStore(tmp_path).put(snapshot())
    assert same(snapshot(), SnapshotStore(tmp_path).load(table(), ROOT))


def test_the_files_are_mapped_not_read(tmp_path: Path) -> None:
    SnapshotStore(tmp_path).put(SOME)
    before = pa.total_allocated_bytes()
    taken = SnapshotStore(tmp_path).load(table(), ROOT)
    assert taken.files.num_rows == 3
    assert pa.total_allocated_bytes() == before


def test_an_empty_store_has_no_snapshot(tmp_path: Path) -> None:
    snapshots = SnapshotStore(tmp_path / "new")
    assert snapshots.stamp() is None
    with pytest.raises(SnapshotUnreadable):
        snapshots.load(table(), ROOT)


@pytest.mark.parametrize(
    ("declared", "root"),
    [
        (table("[{column: day, transform: day, source: at, format: '%Y%m%d'}]"), ROOT),
        (table(extra="columns: {at: DATE}"), ROOT),
        (table(), "s3://elsewhere/events/"),
    ],
    ids=["partitioning", "columns", "location"],
)
def test_a_snapshot_of_another_declaration_is_not_used(tmp_path: Path, declared: Table, root: str) -> None:
    SnapshotStore(tmp_path).put(SOME)
    with pytest.raises(SnapshotUnreadable):
        SnapshotStore(tmp_path).load(declared, root)


def test_limits_and_descriptions_may_change_without_a_new_listing(tmp_path: Path) -> None:
    SnapshotStore(tmp_path).put(SOME)
    declared = table(extra="description: new\nrefresh: 5s\nlimits: {max_files: 1}")
    assert SnapshotStore(tmp_path).load(declared, ROOT).table == declared


@pytest.mark.parametrize("damage", ["cut", "flip", "gone", "grown"])
@pytest.mark.parametrize("part", ["files", "partitions", "ignored"])
def test_a_damaged_file_is_never_used_and_is_written_again(tmp_path: Path, part: str, damage: str) -> None:
    SnapshotStore(tmp_path).put(SOME)
    [path] = tmp_path.glob(f"*.{part}.arrow")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    changed = {"cut": content[:-100], "flip": content, "gone": content, "grown": content + b"x"}[damage]
    path.unlink()
    if damage != "gone":
        path.write_bytes(changed)
    with pytest.raises(SnapshotUnreadable):
        SnapshotStore(tmp_path).load(table(), ROOT)
    SnapshotStore(tmp_path).put(SOME)
    assert same(SOME, SnapshotStore(tmp_path).load(table(), ROOT))


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"{}", b'{"format": 999}', b"\xff"])
def test_a_damaged_pointer_is_never_used(tmp_path: Path, text: bytes) -> None:
    SnapshotStore(tmp_path).put(SOME)
    (tmp_path / "current.json").write_bytes(text)
    with pytest.raises(SnapshotUnreadable):
        SnapshotStore(tmp_path).load(table(), ROOT)


def test_a_pointer_cannot_lead_out_of_its_folder(tmp_path: Path) -> None:
    snapshots = SnapshotStore(tmp_path / "shelf")
    snapshots.put(SOME)
    document = orjson.loads((tmp_path / "shelf" / "current.json").read_bytes())
    name = document["parts"]["files"]["name"]
    (tmp_path / "shelf" / name).rename(tmp_path / name)
    document["parts"]["files"]["name"] = f"../{name}"
    (tmp_path / "shelf" / "current.json").write_bytes(orjson.dumps(document))
    with pytest.raises(SnapshotUnreadable):
        snapshots.load(table(), ROOT)


def test_the_same_files_listed_again_are_not_written_again(tmp_path: Path) -> None:
    snapshots = SnapshotStore(tmp_path)
    snapshots.put(snapshot("day=2013-01-01/a.parquet", listed_at=1.0))
    before = {path: path.stat().st_ino for path in tmp_path.glob("*.arrow")}
    stamp, known = snapshots.stamp(), snapshots.load(table(), ROOT)
    snapshots.put(snapshot("day=2013-01-01/a.parquet", listed_at=2.0))
    assert {path: path.stat().st_ino for path in tmp_path.glob("*.arrow")} == before
    assert snapshots.stamp() != stamp
    renewed = snapshots.load(table(), ROOT, known)
    assert renewed.listed_at == 2.0
    assert renewed.files is known.files


def test_old_snapshots_are_swept_and_a_reader_keeps_what_it_has_mapped(tmp_path: Path) -> None:
    snapshots = SnapshotStore(tmp_path)
    snapshots.put(SOME)
    reader = snapshots.load(table(), ROOT)
    for number in range(6):
        snapshots.put(snapshot(f"day=2013-01-01/{number}.parquet"))
    assert len(list(tmp_path.glob("*.files.arrow"))) == KEPT
    assert same(reader, SOME)
    assert snapshots.load(table(), ROOT).files["path"].to_pylist() == ["day=2013-01-01/5.parquet"]


def test_what_a_killed_writer_left_is_not_taken_for_a_snapshot(tmp_path: Path) -> None:
    snapshots = SnapshotStore(tmp_path)
    snapshots.put(SOME)
    (tmp_path / "current.json.abcd.tmp").write_bytes(b"{")
    (tmp_path / "0123.files.arrow.abcd.tmp").write_bytes(b"ARROW1")
    assert same(SOME, snapshots.load(table(), ROOT))

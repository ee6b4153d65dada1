"""Named snapshots are kept as differences, and come back as they were for as long as they are kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from clocks import Clock
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.catalog.listing import SCHEMA
from gateway.catalog.manifest import Snapshot, build
from gateway.catalog.named_snapshots import KeptSnapshot, NamedSnapshots
from gateway.catalog.snapshot_ids import part_of
from gateway.catalog.store import S3Settings, open_store
from gateway.catalog.table import parse_table
from gateway.errors import SnapshotGone
from gateway.model import Column, Edition
from gateway.telemetry.events import Event, SnapshotNotKept, unobserved

TABLE = parse_table(
    "table: events\nlocation: s3://bucket/events\npartitioned_by: [{column: day, transform: day, source: at}]\n",
    "events.yaml",
)
ROOT = "s3://bucket/events/"
COLUMNS = (Column(name="at", type="TIMESTAMP"),)
DAY = 86_400.0
MANY = range(100, 140)


def snapshot(files: Mapping[int, int], listed_at: float, columns: tuple[Column, ...] = COLUMNS) -> Snapshot:
    """Make a snapshot of files, by their numbers, of versions."""
    rows = [
        {
            "path": f"day=2013-01-{number % 28 + 1:02}/{number}.parquet",
            "size": 10 + version,
            "etag": f'"{version}"',
            "last_modified": datetime(2020, 1, 1, tzinfo=UTC),
        }
        for number, version in files.items()
    ]
    return build(TABLE, ROOT, pa.Table.from_pylist(rows, SCHEMA), columns, listed_at)


def named(folder: Path, clock: Clock | None = None, observe: list[Event] | None = None) -> NamedSnapshots:
    """Open a location as a process does that has just started."""
    return NamedSnapshots(
        lambda: open_store(str(folder), S3Settings(), folder, make=True),
        keep=DAY,
        clock=clock or Clock(0.0),
        observe=unobserved if observe is None else observe.append,
    )


def kept(folder: Path) -> list[KeptSnapshot]:
    return named(folder).kept(TABLE, ROOT)


def parts(found: Iterable[Snapshot]) -> list[str]:
    return [part_of(each.id) for each in found]


@given(
    st.lists(st.dictionaries(st.integers(0, 12), st.integers(0, 2)), min_size=1, max_size=5),
    st.booleans(),
)
@settings(max_examples=15, deadline=None)
def test_what_was_named_comes_back_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, lists: list[dict[int, int]], many: bool
) -> None:
    folder = tmp_path_factory.mktemp("kept")
    beside = dict.fromkeys(MANY, 0) if many else {}
    snapshots = [snapshot({**files, **beside}, float(at)) for at, files in enumerate(lists)]
    for each in snapshots:
        named(folder).keep_now([each])  # each by another process
    changes = [each for at, each in enumerate(snapshots) if at == 0 or each.id != snapshots[at - 1].id]
    assert [each.snapshot for each in kept(folder)] == parts(changes)
    for each in snapshots:
        found = named(folder).find(TABLE, ROOT, part_of(each.id))
        assert (found.id, found.files.drop_columns(["row_count"])) == (each.id, each.files.drop_columns(["row_count"]))
        assert (found.partitions, found.columns) == (each.partitions, each.columns)


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 2)), min_size=1, max_size=8), st.booleans())
@settings(max_examples=15, deadline=None)
def test_each_instant_has_the_state_of_then_whoever_named_it_and_how_often_it_came_back(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, int]], many: bool
) -> None:
    folder = tmp_path_factory.mktemp("kept")
    processes, beside = [named(folder), named(folder)], dict.fromkeys(MANY, 0) if many else {}
    states = []
    for at, (process, state) in enumerate(steps, 1):
        edition = Edition(line="a", number=at, began=0.0, ended=float(at), content=str(state))
        states.append(replace(snapshot({1: state, **beside}, 0.0), edition=edition))  # only its folder is listed
        processes[process].keep_now(states[-1:])
        processes[process].keep_now(states[-1:])  # written once
    changes = [each for at, each in enumerate(states) if at == 0 or each.id != states[at - 1].id]
    assert [each.snapshot for each in kept(folder)] == parts(changes)
    for at, each in enumerate(states, 1):
        found = named(folder).before(TABLE, ROOT, datetime.fromtimestamp(at + 0.5, UTC))
        assert found == part_of(each.id)
        assert named(folder).find(TABLE, ROOT, found).id == each.id


def test_a_change_of_few_files_is_kept_as_a_difference(tmp_path: Path) -> None:
    many = dict.fromkeys(MANY, 0)
    for at, files in enumerate([many, {**many, 100: 1}, {**many, 1: 0}, dict.fromkeys(MANY, 2)]):
        named(tmp_path).keep_now([snapshot(files, float(at))])
    assert [each.whole for each in kept(tmp_path)] == [True, False, False, True]


def test_a_date_means_the_last_one_before_it_also_where_a_table_came_back(tmp_path: Path) -> None:
    one, other = snapshot({1: 0}, 1.0), snapshot({1: 1}, 2.0)
    location = named(tmp_path)
    for each in (one, other, replace(one, listed_at=3.0), replace(one, listed_at=4.0)):
        location.keep_now([each])
    found = [location.before(TABLE, ROOT, datetime.fromtimestamp(at, UTC)) for at in (1.0, 1.5, 2.5, 3.5, 9.0)]
    first, second = parts([one, other])
    assert found == [None, first, second, first, first]


def test_a_snapshot_is_kept_for_so_long_after_the_next_one_and_what_others_need(tmp_path: Path) -> None:
    many = dict.fromkeys(MANY, 0)
    first, second, third = (snapshot({**many, 1: number}, number * DAY) for number in range(3))
    clock = Clock(0.0)
    for days, each in ((0.0, first), (1.5, second), (2.5, third)):
        clock.now = days * DAY
        named(tmp_path, clock).keep_now([each])
    # The second was followed half a day ago; it is a difference to the first, which was followed longer ago.
    assert [each.snapshot for each in kept(tmp_path)] == parts([first, second, third])
    whole = snapshot(dict.fromkeys(MANY, 1), 3.5 * DAY)
    clock.now = 3.6 * DAY
    named(tmp_path, clock).keep_now([whole])
    assert [each.snapshot for each in kept(tmp_path)] == parts([first, third, whole])
    # The second is gone, so a date at which it was there does not mean the first.
    at = [datetime.fromtimestamp(days * DAY, UTC) for days in (0.5, 1.5, 2.5, 3.55)]
    assert [named(tmp_path, clock).before(TABLE, ROOT, each) for each in at] == [None, None, *parts([third, whole])]
    clock.now = 9 * DAY
    after = snapshot(dict.fromkeys(MANY, 3), 9 * DAY)
    named(tmp_path, clock).keep_now([after])
    assert [each.snapshot for each in kept(tmp_path)] == parts([whole, after])
    with pytest.raises(SnapshotGone, match="not kept"):
        named(tmp_path).find(TABLE, ROOT, part_of(third.id))


def test_what_is_declared_or_kept_in_another_way_is_gone(tmp_path: Path) -> None:
    before = snapshot({1: 0}, 1.0)
    named(tmp_path).keep_now([before])
    other = TABLE.model_copy(update={"files": ("*.parq",)})
    with pytest.raises(SnapshotGone, match="declared in another way"):
        named(tmp_path).find(other, ROOT, part_of(before.id))
    [path] = tmp_path.rglob("*.arrow")
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(SnapshotGone, match="damaged"):
        named(tmp_path).find(TABLE, ROOT, part_of(before.id))


def test_what_cannot_be_kept_is_told_and_tried_again(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("a file")
    events: list[Event] = []
    location = named(tmp_path / "kept", observe=events)
    location.name([snapshot({1: 0}, 1.0)])
    location.close()
    assert [type(event) for event in events] == [SnapshotNotKept]
    (tmp_path / "kept").unlink()
    location = named(tmp_path / "kept", observe=events)
    location.name([snapshot({1: 0}, 1.0)])
    location.close()
    assert len(kept(tmp_path / "kept")) == 1

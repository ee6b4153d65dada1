"""A table's manifest stays fresh: in one process, in several, and while its store fails."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from threading import Event

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gateway.catalog.catalog import Catalog
from gateway.catalog.refresh import EARLY, Refresher
from gateway.catalog.store import S3Settings, Store, open_store
from gateway.catalog.table import Table, parse_table
from gateway.errors import StorageFailed, TableInvalid, TableNotFound
from gateway.model import Column
from gateway.telemetry.events import Event as Observed
from gateway.telemetry.events import (
    FilesUnreadable,
    FootersRead,
    Observer,
    RefreshFailed,
    RefreshSucceeded,
    SnapshotLoaded,
)

TABLE = """
table: events
location: events
partitioned_by: [{column: day, transform: day, source: at}]
refresh: 60s
"""


@dataclass
class Project:
    """A table in a folder, with a clock that the test moves."""

    folder: Path
    now: float = 1_000.0
    text: str = TABLE
    events: list[Observed] = field(default_factory=list)
    described: list[Sequence[str]] = field(default_factory=list)
    columns: tuple[Column, ...] = (Column(name="at", type="TIMESTAMP"),)

    @property
    def data(self) -> Path:
        return self.folder / "events"

    def write(self, path: str, content: bytes = b"1") -> None:
        (self.data / path).parent.mkdir(parents=True, exist_ok=True)
        (self.data / path).write_bytes(content)

    def describe(self, paths: Sequence[str]) -> tuple[Column, ...]:
        self.described.append(paths)
        return self.columns

    def catalog(self, observer: Observer | None = None) -> Catalog:
        table: Table = parse_table(self.text, "events.yaml")
        return Catalog(
            {"events": table},
            self.folder / "state",
            open_store=lambda location: open_store(location, S3Settings(), self.folder),
            describe=self.describe,
            clock=lambda: self.now,
            monotonic=lambda: self.now,
            observer=observer or self.events.append,
            jitter=lambda: 0.5,
        )

    def seen(self) -> list[type[Observed]]:
        """Which events about listings there were since the last call."""
        kinds = [type(event) for event in self.events if not isinstance(event, FootersRead | FilesUnreadable)]
        self.events.clear()
        return kinds


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path)
    project.write("day=2013-01-01/a.parquet")
    return project


def days(catalog: Catalog) -> list[str | None]:
    return [*catalog.pin(["events"])["events"].partitions["day"].to_pylist()]


def test_a_table_is_listed_at_its_first_use_and_not_again_while_it_is_fresh(project: Project) -> None:
    catalog = project.catalog()
    first = catalog.pin()["events"]
    project.now += 60
    assert catalog.pin()["events"] is first
    assert project.seen() == [RefreshSucceeded]


def test_a_restart_lists_nothing(project: Project) -> None:
    before = project.catalog().pin()["events"]
    project.seen()
    after = project.catalog().pin()["events"]
    assert after.id == before.id
    assert project.seen() == [SnapshotLoaded]


def test_without_a_background_a_manifest_that_is_too_old_is_renewed_at_its_next_use(project: Project) -> None:
    catalog = project.catalog()
    catalog.pin()
    project.write("day=2013-01-02/b.parquet")
    assert days(catalog) == ["2013-01-01"]
    project.now += 61
    assert days(catalog) == ["2013-01-01", "2013-01-02"]


def test_a_refresh_that_finds_nothing_new_keeps_the_tables_and_renews_the_age(project: Project) -> None:
    catalog = project.catalog()
    before = catalog.pin()["events"]
    project.now += 30
    after = catalog.refresh("events")
    assert (after.id, after.listed_at) == (before.id, before.listed_at + 30)
    assert (after.files is before.files, after.partitions is before.partitions) == (True, True)


def test_the_newest_file_is_described_once_until_another_is_newest(project: Project) -> None:
    catalog = project.catalog()
    catalog.refresh("events")
    catalog.refresh("events")
    assert project.described == [[str(project.data / "day=2013-01-01/a.parquet")]]
    project.write("day=2013-01-02/b.parquet")
    catalog.refresh("events")
    assert len(project.described) == 2


def test_declared_columns_need_no_file(project: Project) -> None:
    shutil.rmtree(project.data)
    project.data.mkdir()
    project.text += "columns: {at: TIMESTAMP}\n"
    snapshot = project.catalog().pin()["events"]
    assert [column.name for column in snapshot.columns] == ["at", "day"]
    assert project.described == []


def test_an_empty_table_without_declared_columns_says_what_to_declare(project: Project) -> None:
    shutil.rmtree(project.data)
    project.data.mkdir()
    with pytest.raises(TableInvalid, match="declare its columns"):
        project.catalog().pin()


def test_a_table_that_becomes_empty_keeps_its_columns(project: Project) -> None:
    catalog = project.catalog()
    before = catalog.pin()["events"]
    (project.data / "day=2013-01-01/a.parquet").unlink()
    after = catalog.refresh("events")
    assert (after.files.num_rows, after.columns) == (0, before.columns)


def test_an_unknown_table_is_named_with_what_may_be_meant(project: Project) -> None:
    with pytest.raises(TableNotFound, match=r"no table 'event'\. Did you mean 'events'\?"):
        project.catalog().pin(["event"])


def test_an_announced_partition_is_seen_at_once_and_the_others_stay_as_they_were(project: Project) -> None:
    catalog = project.catalog()
    listed_at = catalog.pin()["events"].listed_at
    project.write("day=2013-01-02/b.parquet")
    project.write("day=2013-01-03/c.parquet")
    project.now += 30
    snapshot = catalog.refresh("events", ["day=2013-01-02"])
    assert snapshot.partitions["day"].to_pylist() == ["2013-01-01", "2013-01-02"]
    assert snapshot.listed_at == listed_at


def test_an_announced_partition_that_is_gone_is_removed(project: Project) -> None:
    project.write("day=2013-01-02/b.parquet")
    catalog = project.catalog()
    catalog.pin()
    shutil.rmtree(project.data / "day=2013-01-01")
    assert catalog.refresh("events", ["day=2013-01-01"]).partitions["day"].to_pylist() == ["2013-01-02"]


def test_an_announcement_about_a_table_that_was_never_listed_lists_all_of_it(project: Project) -> None:
    assert project.catalog().refresh("events", ["day=2013-01-05"]).files.num_rows == 1


def test_a_store_that_fails_leaves_the_last_snapshot_and_a_visible_error(project: Project) -> None:
    catalog = project.catalog()
    before = catalog.pin()["events"]
    project.seen()
    project.data.rename(project.folder / "away")
    with pytest.raises(StorageFailed):
        project.catalog().refresh("events")
    project.now += 61
    assert catalog.pin()["events"] is before
    status = catalog.status("events")
    assert status.late
    assert status.failure is not None
    assert RefreshFailed in project.seen()


def test_a_success_clears_the_error(project: Project) -> None:
    project.data.rename(project.folder / "away")
    catalog = project.catalog()
    with pytest.raises(StorageFailed):
        catalog.refresh("events")
    (project.folder / "away").rename(project.data)
    catalog.refresh("events")
    assert catalog.status("events").failure is None


def test_a_table_that_was_never_listed_fails_at_once_until_the_next_attempt_is_due(project: Project) -> None:
    project.data.rename(project.folder / "away")
    catalog = project.catalog()
    for _ in range(3):
        with pytest.raises(StorageFailed, match="no such folder"):
            catalog.pin()
    assert project.seen() == [RefreshFailed]
    (project.folder / "away").rename(project.data)
    project.now += 3
    assert days(catalog) == ["2013-01-01"]


def test_attempts_that_keep_failing_come_further_and_further_apart(project: Project) -> None:
    project.data.rename(project.folder / "away")
    catalog = project.catalog()
    pauses = []
    for _ in range(10):
        with pytest.raises(StorageFailed):
            catalog.refresh("events")
        failure = catalog.status("events").failure
        assert failure is not None
        pauses.append(failure.retry_at - project.now)
    assert pauses == [2, 4, 8, 16, 32, 64, 128, 256, 300, 300]


def test_a_state_folder_that_cannot_be_written_is_a_clear_error(project: Project) -> None:
    (project.folder / "state").write_text("a file")
    with pytest.raises(StorageFailed, match="cannot be kept in the state folder"):
        project.catalog().pin()


def test_many_threads_at_the_first_use_list_once(project: Project) -> None:
    catalog = project.catalog()
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: catalog.pin()["events"].id, range(32)))
    assert len(set(found)) == 1
    assert project.seen() == [RefreshSucceeded]


@pytest.fixture
def refresher(project: Project) -> Iterator[Callable[[Catalog], Refresher]]:
    """Make the background work of a catalog, one look at a time."""
    made: list[Refresher] = []

    def make(catalog: Catalog) -> Refresher:
        made.append(catalog.refresher())
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_the_background_lists_every_table_and_again_before_it_is_too_old(
    project: Project, refresher: Callable[[Catalog], Refresher]
) -> None:
    look = refresher(project.catalog()).tick
    look()
    assert project.seen() == [RefreshSucceeded]
    early = 60 * EARLY * 1.5
    project.now += 60 - early - 1
    look()
    assert project.seen() == []
    project.now += 1
    look()
    assert project.seen() == [RefreshSucceeded]


def test_after_a_restart_the_background_lists_only_what_is_due(
    project: Project, refresher: Callable[[Catalog], Refresher]
) -> None:
    project.catalog().pin()
    project.seen()
    project.now += 10
    look = refresher(project.catalog()).tick
    look()
    look()
    assert project.seen() == [SnapshotLoaded]
    project.now += 50
    look()
    assert project.seen() == [RefreshSucceeded]


def test_the_background_tries_again_after_a_failure_when_it_is_due(
    project: Project, refresher: Callable[[Catalog], Refresher]
) -> None:
    project.data.rename(project.folder / "away")
    look = refresher(project.catalog()).tick
    look()
    look()
    assert project.seen() == [RefreshFailed]
    project.now += 2
    look()
    assert project.seen() == [RefreshFailed]
    (project.folder / "away").rename(project.data)
    project.now += 4
    look()
    assert project.seen() == [RefreshSucceeded]


def test_after_the_clock_went_back_a_table_is_listed_at_once_and_then_as_often_as_before(
    project: Project, refresher: Callable[[Catalog], Refresher]
) -> None:
    look = refresher(project.catalog()).tick
    look()
    project.seen()
    project.now -= 500
    look()
    assert project.seen() == [RefreshSucceeded]
    look()
    assert project.seen() == []
    project.now += 60
    look()
    assert project.seen() == [RefreshSucceeded]


def test_after_the_clock_went_back_a_manifest_from_the_future_is_renewed_at_its_next_use(project: Project) -> None:
    catalog = project.catalog()
    catalog.pin()
    project.write("day=2013-01-02/b.parquet")
    project.now -= 500
    assert catalog.status("events").late
    assert days(catalog) == ["2013-01-01", "2013-01-02"]


def test_after_the_clock_went_back_a_failed_listing_is_tried_again(project: Project) -> None:
    project.data.rename(project.folder / "away")
    with pytest.raises(StorageFailed):
        project.catalog().pin()
    (project.folder / "away").rename(project.data)
    project.now -= 500
    assert days(project.catalog()) == ["2013-01-01"]


def test_a_stop_does_not_wait_for_a_listing_that_hangs(project: Project) -> None:
    begun, release = Event(), Event()

    def hang(location: str) -> Store:
        begun.set()
        release.wait(60)
        raise StorageFailed("gone")

    catalog = Catalog(
        {"events": parse_table(project.text, "events.yaml")},
        project.folder / "state",
        open_store=hang,
        describe=project.describe,
    )
    catalog.start()
    assert begun.wait(10)
    catalog.close()
    assert not release.is_set()
    release.set()


def test_one_of_two_catalogs_lists_and_the_other_follows(
    project: Project, refresher: Callable[[Catalog], Refresher]
) -> None:
    leader, follower = project.catalog(), project.catalog()
    follower.pin()
    first, second = refresher(leader), refresher(follower)
    first.tick()
    second.tick()
    project.write("day=2013-01-02/b.parquet")
    project.now += 60
    project.seen()
    second.tick()
    assert project.seen() == []
    first.tick()
    second.tick()
    assert project.seen() == [RefreshSucceeded, SnapshotLoaded]
    assert leader.pin()["events"].id == follower.pin()["events"].id


def test_when_the_process_that_lists_ends_another_takes_over(
    project: Project, refresher: Callable[[Catalog], Refresher]
) -> None:
    first, second = refresher(project.catalog()), refresher(project.catalog())
    first.tick()
    second.tick()
    project.now += 60
    first.close()
    project.seen()
    second.tick()
    second.tick()
    assert project.seen() == [SnapshotLoaded, RefreshSucceeded]


def test_a_started_catalog_lists_in_its_own_thread_until_it_is_closed(project: Project) -> None:
    listed = Event()
    catalog = project.catalog(lambda event: listed.set())
    catalog.start(wait=lambda seconds: False)
    assert listed.wait(10)
    catalog.close()
    catalog.close()
    assert days(catalog) == ["2013-01-01"]


ANNOUNCE = """
import sys
from pathlib import Path
from gateway.catalog.catalog import Catalog
from gateway.catalog.store import S3Settings, open_store
from gateway.catalog.table import parse_table
from gateway.model import Column

folder, text = Path(sys.argv[1]), sys.argv[2]
catalog = Catalog(
    {"events": parse_table(text, "events.yaml")},
    folder / "state",
    open_store=lambda location: open_store(location, S3Settings(), folder),
    describe=lambda paths: (Column(name="at", type="TIMESTAMP"),),
)
print(catalog.refresh("events", ["day=2013-01-02"]).id)
"""


def test_another_process_of_the_machine_announces_and_this_one_follows(
    project: Project, refresher: Callable[[Catalog], Refresher]
) -> None:
    catalog = project.catalog()
    catalog.pin()
    project.write("day=2013-01-02/b.parquet")
    command = [sys.executable, "-c", ANNOUNCE, str(project.folder), project.text]
    announced = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    refresher(catalog).tick()
    assert catalog.pin()["events"].id == announced
    assert days(catalog) == ["2013-01-01", "2013-01-02"]


def test_processes_that_announce_at_the_same_time_lose_nothing(project: Project) -> None:
    project.catalog().pin()
    commands = []
    for number in range(2, 6):
        project.write(f"day=2013-01-0{number}/b.parquet")
        program = ANNOUNCE.replace("day=2013-01-02", f"day=2013-01-0{number}")
        commands.append([sys.executable, "-c", program, str(project.folder), project.text])
    processes = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for command in commands]
    assert [process.wait(60) for process in processes] == [0, 0, 0, 0]
    assert days(project.catalog()) == [f"2013-01-0{number}" for number in range(1, 6)]


def test_a_table_that_is_declared_wrongly_is_so_in_every_question_until_it_is_listed_again(project: Project) -> None:
    for number, values in enumerate(([1], [[1]])):
        path = project.data / "day=2024-01-01" / f"{number}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table({"at": pa.array([datetime(2024, 1, 1)], pa.timestamp("us")), "v": values}), path)
    for _ in range(2):
        for catalog in (project.catalog(), project.catalog()):
            with pytest.raises(TableInvalid) as caught:
                catalog.pin(["events"])
            [mistake] = caught.value.diagnostics
            assert mistake.message == "files store the column 'v' as BIGINT and as BIGINT[]"
            assert (mistake.hint, mistake.path) == ("declare its columns", "catalog/events.yaml")
        project.now += 100
    path.unlink()
    project.catalog().refresh("events")
    assert project.catalog().status("events").failure is None

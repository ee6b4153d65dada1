"""Where Spark writes large answers: read in order or not at all, and what nobody reads any more is deleted."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import obstore
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from seaweed import S3Server

from gateway.catalog.store import S3Settings, Store, open_store
from gateway.cluster.spark_parts import Written
from gateway.cluster.spark_spool import SparkSpool
from gateway.errors import EngineFailed, ResultTooLarge
from gateway.telemetry.events import Event

HOUR = 3600.0


@dataclass(slots=True, kw_only=True)
class Place:
    """A prefix, in a folder or a bucket, and the spools that are opened there."""

    location: str
    store: Store
    local: Path | None
    state: Path
    events: list[Event]
    now: float = 1e9

    def put(self, path: str, content: bytes = b"") -> None:
        obstore.put(self.store.objects, path, content)

    def paths(self) -> list[str]:
        return sorted(str(each["path"]) for some in obstore.list(self.store.objects) for each in some)

    def spool(self, largest: int = 2**30, location: str | None = None) -> SparkSpool:
        return SparkSpool(
            lambda: self.store,
            location=location or self.location,
            local=self.local,
            folder=self.state,
            largest=largest,
            observe=self.events.append,
            clock=lambda: self.now,
        )

    @contextmanager
    def opened(self, **given: int | str) -> Iterator[SparkSpool]:
        spool = self.spool(**given)  # type: ignore[arg-type]
        spool.hold()
        try:
            yield spool
        finally:
            spool.close()


@pytest.fixture(params=["folder", "bucket"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    location, storage = str(tmp_path / "spool"), S3Settings()
    if request.param == "bucket":
        s3: S3Server = request.getfixturevalue("s3")
        location = s3.url(f"spark-{tmp_path.name}")
        patch: pytest.MonkeyPatch = request.getfixturevalue("monkeypatch")
        for name, value in s3.environment.items():
            patch.setenv(name, value)
        storage = S3Settings(endpoint=s3.environment["AWS_ENDPOINT_URL"], url_style="path")
    store = open_store(location, storage, tmp_path, make=True)
    local = tmp_path / "spool" if request.param == "folder" else None
    return Place(location=location, store=store, local=local, state=tmp_path / "state", events=[])


def parquet(*values: int | None, **more: pa.Array) -> bytes:
    sink = BytesIO()
    pq.write_table(pa.table({"c0": pa.array(values, pa.int64()), **more}), sink, row_group_size=2)
    return sink.getvalue()


def write(place: Place, address: str, files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        place.put(f"{address.removeprefix(place.store.root)}/{name}", content)


def named(task: int, file: int = 0) -> str:
    return f"part-{task:05}-c5e29d49-34f4-4567-badd-4667e5afc0d9-c{file:03}.snappy.parquet"


def read(spool: SparkSpool, place: Place, files: Mapping[str, bytes], rows: int, *untyped: int) -> pa.Table:
    with spool.run() as run:
        write(place, run.address, files)
        return pa.concat_tables(run.tables(Written(rows=rows, untyped=frozenset(untyped))))


def test_rows_come_in_the_order_of_tasks_and_of_their_files(place: Place) -> None:
    files = {
        named(100_000): parquet(8, 9),
        named(2, 10): parquet(7),
        named(2, 9): parquet(6),
        named(0): parquet(1, 2, 3, 4, 5),
        named(1): parquet(),
        "_SUCCESS": b"",
        "._SUCCESS.crc": b"x",
    }
    with place.opened() as spool:
        assert read(spool, place, files, 9)["c0"].to_pylist() == [*range(1, 10)]
        assert place.paths() == []
    assert place.events == []


def test_a_column_of_no_type_has_none_again(place: Place) -> None:
    with place.opened() as spool:
        table = read(spool, place, {named(0): parquet(1, c1=pa.array([None], pa.bool_()))}, 1, 1)
    assert table.schema.types == [pa.int64(), pa.null()]


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({named(0): parquet(1)}, "2 rows below cluster.spark_spool, and 1 are found there"),
        ({}, "2 rows below cluster.spark_spool, and 0 are found there"),
        ({named(0): parquet(1, 2), named(1): parquet(1)}, "2 rows below cluster.spark_spool, and 3 are found there"),
        ({"data.parquet": parquet(1, 2)}, "whose order is not known"),
        ({f"c1=1/{named(0)}": parquet(1, 2)}, "whose order is not known"),
        ({named(0): b"PAR1"}, "cannot be read"),
        ({named(0): parquet(1, 2)[:-1]}, "cannot be read"),
    ],
)
def test_what_is_not_all_that_was_written_is_an_error(place: Place, files: Mapping[str, bytes], said: str) -> None:
    with place.opened() as spool:
        with pytest.raises(EngineFailed, match=said):
            read(spool, place, files, 2)
        assert place.paths() == []


def test_a_result_beyond_the_bound_is_an_error(place: Place) -> None:
    with place.opened(largest=10) as spool:
        with pytest.raises(ResultTooLarge):
            read(spool, place, {named(0): parquet(1, 2)}, 2)
        assert place.paths() == []


def test_what_a_task_writes_after_its_run_is_deleted_later(place: Place) -> None:
    with place.opened() as spool:
        with spool.run() as run, spool.run() as other:
            write(place, other.address, {named(0): b""})
        with spool.run() as runs:
            write(place, runs.address, {named(0): b""})
            write(place, run.address, {named(0): b""})
            spool.sweep()
            assert place.paths() == [f"{runs.path}/{named(0)}"]
        write(place, run.address, {named(0): b""})
    assert place.paths() == []


def test_only_what_processes_of_this_machine_left_that_have_ended_is_deleted(place: Place) -> None:
    others = ["elsewhere/run/part", "notes.txt"]
    for path in others:
        place.put(path)
    paths = []
    for end in (SparkSpool.close, lambda spool: None):
        left = place.spool()
        left.hold()
        with left.run() as run:
            end(left)
        write(place, run.address, {named(0): b"", "_temporary/0/part": b""})
        paths += [f"{run.path}/_temporary/0/part", f"{run.path}/{named(0)}"]
    with place.opened(location=f"{place.location}/elsewhere") as spool:
        spool.sweep()
        assert place.paths() == sorted([*others, *paths])
    with place.opened() as spool:
        spool.sweep()
        assert place.paths() == sorted([*others, *paths[2:]])
    left.close()


def test_names_of_processes_are_forgotten_an_hour_after_their_end(place: Place) -> None:
    with place.opened():
        [name] = [path.name for path in place.state.iterdir()]
    with place.opened() as spool:
        for since, known in ((HOUR - 1, True), (HOUR + 1, False)):
            place.now = (place.state / name).stat().st_mtime + since
            place.put(f"{name}/run/part")
            spool.sweep()
            assert (place.paths(), (place.state / name).exists()) == ([], known)


@pytest.mark.parametrize("place", ["folder"], indirect=True)
def test_no_link_is_followed(tmp_path: Path, place: Place) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("not ours")
    with place.opened() as spool, spool.run() as run:
        Path(run.address).mkdir(parents=True)
        os.symlink(outside, Path(run.address) / "link")
    assert [path.name for path in outside.iterdir()] == ["file"]
    assert not Path(run.address).exists()


def test_what_was_large_is_known(place: Place) -> None:
    spool = place.spool()
    assert not spool.expects("SELECT 1")
    spool.expect("SELECT 1", large=True)
    assert spool.expects("SELECT 1")

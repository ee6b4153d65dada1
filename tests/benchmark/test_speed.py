"""How fast pruning is, in ratios measured within one run, against the goals; prints one table.

Peers and gateway take turns in one process, and the best of several runs counts, so that a busy machine disturbs both.
"""

from __future__ import annotations

import gc
import math
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NoReturn, TypeVar

import duckdb
import numpy as np
import obstore
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from bench_manifest import COLUMNS, ROOT, TEXT, listing, opened
from rich.console import Console
from rich.table import Table as Grid

from gateway.app.gateway import open_gateway
from gateway.catalog.manifest import build
from gateway.catalog.snapshot_store import SnapshotStore
from gateway.catalog.store import S3Settings
from gateway.catalog.table import Table, parse_table
from gateway.config import load_settings
from gateway.model import BoundQuery, CachePolicy, Principal, TypedValue
from gateway.pipeline import Gateway
from gateway.plan.dynamic import DimensionReader
from gateway.plan.planner import Planner
from gateway.project.loader import load_project, load_tables
from gateway.telemetry.events import unobserved
from gateway.writer import write

Made = TypeVar("Made")
FIRST = datetime(2020, 1, 1)
DAYS = 1_460
CHANGED = 703
"""The day whose file is rewritten in the bucket."""
DECLARED = "table: events\nlocation: {location}\npartitioned_by: [{{column: dt, transform: day, source: event_ts}}]\n"
SQL = """
SELECT kind, count(*) AS events, avg(amount) AS mean, max(amount) AS most
FROM events WHERE event_ts >= $start AND event_ts < $end GROUP BY kind ORDER BY kind
"""


@dataclass
class Report:
    """What was measured, against its goals."""

    rows: list[tuple[str, str, str, bool]] = field(default_factory=list)

    def add(self, what: str, measured: str, goal: str, met: bool) -> None:
        self.rows.append((what, measured, goal, met))
        assert met, f"{what}: {measured}, goal {goal}"


@pytest.fixture(scope="module")
def report() -> Iterator[Report]:
    made = Report()
    yield made
    grid = Grid("what", "measured", "goal", "", title="Speed")
    for what, measured, goal, met in made.rows:
        grid.add_row(what, measured, goal, "met" if met else "MISSED")
    Console(width=150).print(grid)


def best(work: Callable[[], object], *, clock: Callable[[], float], rounds: int, each: int = 1) -> float:
    """Return the seconds of the fastest of several rounds, for one run."""
    found = []
    for _ in range(rounds):
        started = clock()
        for _ in range(each):
            work()
        found.append((clock() - started) / each)
    return min(found)


def timed(work: Callable[[], Made]) -> tuple[Made, float]:
    started = time.perf_counter()
    made = work()
    return made, time.perf_counter() - started


def asked(start: datetime, days: int = 7, sql: str = SQL, table: str = "events") -> BoundQuery:
    bounds = {"start": start, "end": start + timedelta(days=days)}
    parameters = {name: TypedValue(value=value, type="TIMESTAMP") for name, value in bounds.items()}
    return BoundQuery(
        name="q",
        version=1,
        sql=sql,
        normalised=sql,
        tables=(table,),
        parameters=parameters,
        cache=CachePolicy(enabled=False),
    )


# From parameters to files


def engine_asked(*_: object) -> NoReturn:
    raise AssertionError("parameters that are used as they are need no engine")


def planner() -> Planner:
    return Planner(engine_asked, DimensionReader.over(engine_asked, engine_asked))


def test_from_parameters_to_files(report: Report) -> None:
    sql = "SELECT count(*) FROM events WHERE ts >= $start AND ts < $end"
    cost: dict[int, float] = {}
    for partitions, goal in ((1_000, 0.2), (10_000, 0.3), (1_000_000, 3.0)):
        snapshots, plans = {"events": _many(partitions)}, planner()
        query = asked(datetime(1990, 1, 1), sql=sql)
        plans.plan(query, snapshots)
        chosen = plans.plan(query, snapshots).scans[0].selection
        assert (chosen.partitions, len(chosen.versions())) == (28, 28)
        gc.collect()

        def to_files(query: BoundQuery = query, plans: Planner = plans, snapshots: Any = snapshots) -> None:
            plans.plan(query, snapshots).scans[0].selection.versions()

        cost[partitions] = best(to_files, clock=time.process_time, rounds=30, each=20) * 1000
        what = f"parameters to 28 files of {partitions:,}, CPU"
        report.add(what, f"{cost[partitions]:.3f} ms", f"{goal} ms", cost[partitions] < goal)
    growth = cost[1_000_000] / cost[10_000]
    report.add("growth from 10,000 to 1,000,000 partitions", f"{growth:.2f}x", "3x", growth < 3)


def _many(partitions: int) -> Any:
    """Make the snapshot of days from 1970 on, four buckets each."""
    table = Table.model_validate(
        {
            "table": "events",
            "location": "s3://warehouse/events",
            "partitioned_by": [
                {"column": "day", "transform": "day", "source": "ts"},
                {"column": "bucket", "transform": "bucket[4]", "source": "user_id"},
            ],
        }
    )
    first = np.datetime64("1990-01-01") - partitions // 8
    days = np.datetime_as_string(first + np.arange(partitions // 4)).tolist()
    paths = [f"day={day}/bucket={bucket}/part-0.parquet" for day in days for bucket in range(4)]
    found = pa.table(
        {
            "path": paths,
            "size": np.full(partitions, 1_000, np.int64),
            "etag": [f'"{number:032x}"' for number in range(partitions)],
            "last_modified": pa.array(np.full(partitions, 1_600_000_000_000_000), pa.timestamp("us", "UTC")),
        }
    )
    columns = [column for column in COLUMNS if column.name == "user_id"]
    ts = type(columns[0])(name="ts", type="TIMESTAMP")
    return build(table, ROOT, found, [ts, *columns], 0.0)


# The manifest


def test_the_manifest_of_a_million_files(report: Report) -> None:
    table = parse_table(TEXT, "events.yaml")
    with TemporaryDirectory() as folder:
        SnapshotStore(Path(folder)).put(build(table, ROOT, listing(1_000_000), COLUMNS, 0.0))
        gc.collect()
        seconds, memory = opened(Path(folder), table)
    total = sum(share for share, _ in memory) / 2**10
    report.add("a manifest of 1,000,000 files: memory of 4 processes", f"{total:.0f} MiB", "300 MB", total < 286)
    report.add("the same: slowest start of 4, nothing listed", f"{seconds:.2f} s", "2 s", seconds < 2)


# Whole requests


@contextmanager
def project(folder: Path, location: str, storage: S3Settings | None = None) -> Iterator[Gateway]:
    (folder / "catalog").mkdir(exist_ok=True)
    (folder / "catalog" / "events.yaml").write_text(DECLARED.format(location=location))
    settings = load_settings(folder, {})
    if storage is not None:
        settings = settings.model_copy(update={"storage": storage})
    with open_gateway(settings, observe=unobserved, background=False) as gateway:
        yield gateway


def events(days: int, rows: int) -> pa.Table:
    """Make some rows for each day."""
    chance, count = np.random.default_rng(7), days * rows
    seconds = np.repeat(np.arange(days) * 86_400, rows) + chance.integers(0, 86_400, count)
    return pa.table(
        {
            "event_ts": np.datetime64(FIRST, "us") + seconds.astype("timedelta64[s]"),
            "kind": pa.array([f"kind {number}" for number in range(8)]).take(pa.array(chance.integers(0, 8, count))),
            "amount": chance.random(count),
            "user_id": chance.integers(0, 100_000, count),
        }
    )


def write_events(folder: Path, days: int, rows: int) -> Path:
    (folder / "catalog").mkdir(parents=True)
    (folder / "catalog" / "events.yaml").write_text(DECLARED.format(location="events"))
    (folder / "gateway.toml").write_text('title = "bench"\n')
    tables, _ = load_tables(folder)
    write(tables["events"], events(days, rows), root=folder)
    (folder / "events" / ".write-lock").unlink(missing_ok=True)
    return folder / "events"


def by_hand(connection: duckdb.DuckDBPyConnection, source: str, query: BoundQuery) -> list[Any]:
    values = {name: typed.value for name, typed in query.parameters.items()}
    sql = query.sql.replace("FROM events", f"FROM read_parquet({source})")
    return connection.execute(sql, values).to_arrow_table().to_pylist()


def test_a_miss_over_a_folder_against_the_hand_picked_files(report: Report, tmp_path: Path) -> None:
    data = write_events(tmp_path, 40, 150_000)
    query = asked(FIRST + timedelta(days=30))
    picked = sorted(str(path) for day in range(30, 37) for path in _day(data, day).glob("*.parquet"))
    listed = ", ".join(f"'{path}'" for path in picked)
    with project(tmp_path, "events") as gateway, closing(duckdb.connect()) as plain:
        plain.execute("SET TimeZone = 'UTC'")

        def ours() -> list[Any]:
            return gateway.answer(query, principal=Principal()).result.table.to_pylist()

        def theirs() -> list[Any]:
            return by_hand(plain, f"[{listed}], hive_partitioning = false", query)

        assert len(ours()) == len(theirs()) == 8
        pairs = [(timed(ours)[1], timed(theirs)[1]) for _ in range(60)]
        miss, hand = (min(times) * 1000 for times in zip(*pairs, strict=True))
    ratio, more = miss / hand, miss - hand
    report.add(f"a miss over a folder ({hand:.0f} ms by hand)", f"{ratio:.3f}x", "1.15x", ratio < 1.15)
    report.add("the same, in time", f"{more:+.2f} ms", "3 ms more", more < 3)


def _day(data: Path, number: int) -> Path:
    return data / f"dt={(FIRST + timedelta(days=number)).date()}"


# Over S3


@contextmanager
def plain_s3(s3: Any) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a DuckDB of its own on the bucket, with nothing cached."""
    with closing(duckdb.connect()) as connection:
        folder = files("duckdb_extension_httpfs") / "extensions" / f"v{duckdb.__version__}"
        connection.load_extension(str(folder / "httpfs.duckdb_extension"))
        connection.execute(
            f"CREATE SECRET (TYPE s3, KEY_ID '{s3.access_key}', SECRET '{s3.secret_key}', REGION '{s3.region}', "
            f"ENDPOINT '{s3.endpoint.partition('://')[2]}', URL_STYLE 'path', USE_SSL false)"
        )
        connection.execute("SET TimeZone = 'UTC'")
        yield connection


def counted(s3: Any, work: Callable[[], Made]) -> tuple[Made, float, dict[str, int]]:
    before = s3.requests()
    made, seconds = timed(work)
    return made, seconds, dict(s3.requests() - before)


@pytest.fixture(scope="module")
def bucket(s3: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A project and the address of its table: 1,460 days, one file each."""
    folder = tmp_path_factory.mktemp("bucket")
    data = write_events(folder, DAYS, 300)
    for path in _day(data, CHANGED).iterdir():
        path.write_bytes(_of_fixed_size(_rows(path)))
    return folder, s3.upload(data, "bench")


@pytest.mark.s3
def test_a_miss_over_s3_against_a_glob_and_the_hand_picked_files(
    report: Report, bucket: tuple[Path, str], s3: Any
) -> None:
    folder, address = bucket
    storage = S3Settings(
        endpoint=s3.endpoint, region=s3.region, access_key_id=s3.access_key, secret_access_key=s3.secret_key
    )
    query = asked(FIRST + timedelta(days=700))
    data = folder / "events"
    keys = [path.relative_to(data) for day in range(700, 707) for path in _day(data, day).iterdir()]
    picked = ", ".join(f"'{address}/{key}'" for key in keys)
    with plain_s3(s3) as plain:
        expected, everything, asked_glob = counted(s3, lambda: by_hand(plain, f"'{address}/**'", query))
    with plain_s3(s3) as plain:
        by_list, _, asked_hand = counted(s3, lambda: by_hand(plain, f"[{picked}], hive_partitioning = false", query))
    with project(folder, address, storage) as gateway:
        gateway.catalog.pin()

        def ours() -> list[Any]:
            return gateway.answer(query, principal=Principal()).result.table.to_pylist()

        found, first, asked_ours = counted(s3, ours)
        again, _, asked_again = counted(s3, ours)
        warm = best(ours, clock=time.perf_counter, rounds=20)
        rewritten = _rewritten(data / keys[CHANGED - 700], s3, f"bench/{keys[CHANGED - 700]}")
        gateway.catalog.refresh("events")
        after = ours()
    assert all(_same(rows, expected) for rows in (found, again, by_list))
    faster = everything / first
    what = f"first run over S3, 7 of {DAYS:,} days, against read_parquet('…/**') ({everything:.1f} s)"
    report.add(what, f"{faster:.0f}x less time", "20x", faster >= 20)
    report.add(
        f"its requests (glob: {_spelt(asked_glob)})", _spelt(asked_ours), _spelt(asked_hand), asked_ours == asked_hand
    )
    report.add(f"an unchanged repeat ({warm * 1000:.1f} ms)", _spelt(asked_again), "no request", not asked_again)
    changed = sum(row["events"] * row["mean"] for row in after) - sum(row["events"] * row["mean"] for row in found)
    report.add("after a file was rewritten, same size", "the new rows", "the new rows", abs(changed - rewritten) < 1e-6)


def _same(rows: list[Any], others: list[Any]) -> bool:
    """Compare rows whose sums were added in another order."""
    return len(rows) == len(others) and all(
        math.isclose(row[name], other[name]) if isinstance(other[name], float) else row[name] == other[name]
        for row, other in zip(rows, others, strict=True)
        for name in other
    )


def _spelt(counts: dict[str, int]) -> str:
    return ", ".join(f"{number} {kind}" for kind, number in sorted(counts.items())) or "no request"


def _rewritten(path: Path, s3: Any, key: str) -> float:
    """Replace an object by one of the same size with other amounts; return the change of their sum."""
    rows = _rows(path)
    amounts = np.array(rows["amount"])
    content = _of_fixed_size(rows.set_column(rows.schema.get_field_index("amount"), "amount", pa.array(1 - amounts)))
    assert len(content) == path.stat().st_size
    obstore.put(s3.store(), key, content)
    return float((1 - 2 * amounts).sum())


def _rows(path: Path) -> pa.Table:
    with pq.ParquetFile(path) as file:
        return file.read()


def _of_fixed_size(rows: pa.Table) -> bytes:
    """Write Parquet whose size does not depend on its numbers."""
    sink = pa.BufferOutputStream()
    pq.write_table(rows, sink, compression="none", use_dictionary=False)
    return bytes(sink.getvalue().to_pybytes())


# Templates


def test_templates_are_loaded_and_analysed(report: Report, flights_project: Path, tmp_path: Path) -> None:
    shutil.copytree(flights_project / "catalog", tmp_path / "catalog")
    (tmp_path / "gateway.toml").write_text('title = "many"\n')
    (tmp_path / "demo").symlink_to(flights_project / "demo")
    everything = sorted((flights_project / "queries").rglob("v*.sql"))
    originals = [path for path in everything if "successor" not in path.read_text()]
    for number in range(500):
        original = originals[number % len(originals)]
        copy = tmp_path / "queries" / f"q{number}" / "v1.sql"
        copy.parent.mkdir(parents=True)
        copy.write_text(f"{original.read_text()}\n-- {number}\n")
    settings = load_settings(tmp_path, {})
    with open_gateway(settings, observe=unobserved, background=False) as gateway:
        snapshots, plans = gateway.catalog.pin(), planner()

        def load() -> int:
            project = load_project(tmp_path)
            registry = project.registry
            assert project.diagnostics == ()
            for name in registry.queries():
                plans.prepared(registry.template(name, None).bound_to_nothing(), snapshots)
            return len(registry.queries())

        count, seconds = timed(load)
    assert count == 500
    report.add("500 templates loaded and analysed", f"{seconds:.2f} s", "5 s", seconds < 5)

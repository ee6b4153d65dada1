"""A site over a small gateway in memory: two queries, one table, answers that a test can change."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pytest
from flask.testing import FlaskClient
from jinja2.bccache import Bucket, BytecodeCache
from prometheus_client import CollectorRegistry
from sites import bare_site

from gateway.answer import Answer, CacheStatus, Directives, Export, Outcome, Unread
from gateway.cache.tier import Purge, Room
from gateway.catalog.listing import SCHEMA
from gateway.catalog.manifest import Snapshot, build
from gateway.catalog.named_snapshots import KeptSnapshot
from gateway.catalog.partition_field import PartitionField
from gateway.catalog.status import TableStatus
from gateway.catalog.table import Table
from gateway.content import Content
from gateway.errors import CursorExpired, TableNotFound
from gateway.execution.single_flight import Gone
from gateway.execution.work import StreamOptions
from gateway.model import BoundQuery, Column, Principal, Reading, Request, Result, Summary
from gateway.query.registry import Registry
from gateway.query.template import Template
from gateway.streaming import Chunk, Form, Streamed
from gateway.telemetry.events import Event, fan_out
from gateway.telemetry.metrics import Metrics
from gateway.web.site import build_site

NOW = 1_400_000_000.0
KEY = "ab" * 16

DELAYS = """/*
summary: Mean departure delay per carrier
owner: ops
parameters:
  start: {type: date, description: first day}
  carriers: {type: "list[varchar]", optional: true}
  top: {type: integer, default: 10, min: 1, max: 100}
cache: {ttl: 5m, stale_while_revalidate: 1h}
examples:
  - {start: 2013-01-01, carriers: [UA, DL]}
*/
SELECT carrier, count(*) AS flights FROM flights
WHERE time_hour >= $start AND ($carriers IS NULL OR carrier IN $carriers)
GROUP BY carrier ORDER BY flights LIMIT $top"""

OLD = """/*
summary: The same, long ago
deprecated: 2026-01-01
sunset: 2099-01-01
successor: v2
cache: off
*/
SELECT carrier FROM flights"""


def template(text: str, version: int, name: str = "delays") -> Template:
    return Template.load(text, path=f"queries/{name}/v{version}.sql", name=name, version=version, tables={"flights"})


FLIGHTS = Table(
    table="flights",
    description="One row a flight",
    location="s3://warehouse/flights",
    partitioned_by=(PartitionField(column="day", transform="day", source="time_hour"),),
)
COLUMNS = (Column(name="time_hour", type="TIMESTAMP"), Column(name="carrier", type="VARCHAR"))


def snapshot(days: int = 3) -> Snapshot:
    paths = [f"day=2013-01-{day:02}/data.parquet" for day in range(1, days + 1)]
    rows = {
        "path": paths,
        "size": [100] * days,
        "etag": ["e"] * days,
        "last_modified": [datetime(2013, 1, 1, tzinfo=UTC)] * days,
    }
    listing = pa.table({name: pa.array(rows[name], SCHEMA.field(name).type) for name in SCHEMA.names})
    return build(FLIGHTS, "s3://warehouse/flights/", listing, COLUMNS, NOW - 30)


@dataclass
class FakeCatalog:
    tables: Mapping[str, Table]
    snapshots: dict[str, Snapshot]
    refreshed: list[tuple[str, list[str] | None]] = field(default_factory=list)
    broken: Exception | None = None

    def pin(self, names: Iterable[str]) -> dict[str, Snapshot]:
        if self.broken is not None:
            raise self.broken
        return {name: self._known(name) for name in names}

    def identities(self, names: Iterable[str]) -> list[str]:
        return [self.tables[name].location for name in names]

    def refresh(self, name: str, partitions: Iterable[str] | None = None, *, announced: bool = False) -> Snapshot:
        self.refreshed.append((name, None if partitions is None else list(partitions)))
        return self._known(name)

    def status(self, name: str) -> TableStatus:
        found = self._known(name)
        return TableStatus(
            table=name, snapshot=found.id, listed_at=NOW - 30, age=30.0, late=False, problems=0, failure=None
        )

    def kept(self, name: str) -> list[KeptSnapshot]:
        return []

    def _known(self, name: str) -> Snapshot:
        if name not in self.snapshots:
            raise TableNotFound(f"There is no table {name!r}.")
        return self.snapshots[name]


@dataclass
class FakeStores:
    known: dict[str, str] = field(default_factory=dict)

    def states(self) -> dict[str, str]:
        return self.known


@dataclass
class FakeSlots:
    known: dict[str, Any] = field(default_factory=lambda: {"running": 0, "waiting": 0, "slots": 2})
    queries: list[dict[str, Any]] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)
    failure: Exception | None = None

    def under_way(self) -> list[dict[str, Any]]:
        return self.queries

    def stop(self, number: str) -> bool:
        self.stopped.append(number)
        return any(query["id"] == number for query in self.queries)

    def status(self) -> dict[str, Any]:
        if self.failure is not None:
            raise self.failure
        return self.known


@dataclass
class FakeGateway:
    registry: Registry
    catalog: FakeCatalog
    table: pa.Table
    status: CacheStatus = field(default_factory=lambda: CacheStatus(outcome=Outcome.MISS, stored=True, ttl=300.0))
    age: float = 0.0
    now: float = NOW
    asked: list[Request] = field(default_factory=list)
    directives: list[Directives] = field(default_factory=list)
    deadlines: list[float | None] = field(default_factory=list)
    gone: list[Gone | None] = field(default_factory=list)
    kept: dict[str, Result] = field(default_factory=dict)
    bodies: dict[tuple[str, str], bytes] = field(default_factory=dict)
    dropped: list[Purge] = field(default_factory=list)
    spool: None = None
    failure: Exception | None = None
    key: str = KEY
    stores: FakeStores = field(default_factory=FakeStores)
    admission: FakeSlots = field(default_factory=FakeSlots)
    double: bool = False
    """Both columns of the result have one name."""
    evicted: bool = False
    """The rows of results are kept no longer."""
    large: bool = False
    """The result is too large to be kept."""
    breaks: Exception | None = None
    """What a large result breaks off with after its first batch."""
    closed: int = 0
    """How many large results were closed."""
    losses: list[Exception] = field(default_factory=list)
    """What the writing of large results raises before its first byte, in turn; none left: it is not written."""

    def _answer(
        self,
        request: Request,
        *,
        principal: Principal,
        deadline: float | None = None,
        directives: Directives = Directives(),  # noqa: B008  # frozen
        gone: Gone | None = None,
    ) -> Answer:
        query = self.registry.bind(request, now=self.now)
        self.deadlines.append(deadline)
        self.gone.append(gone)
        self.asked.append(request)
        self.directives.append(directives)
        if self.failure is not None:
            raise self.failure
        result = self._result()
        self.kept[result.key] = result
        return Answer(query=query, result=result, status=self.status, age=self.age, timings={"bind": 0.001})

    def answer(
        self,
        request: Request,
        *,
        stream: StreamOptions | None,
        suffices: Callable[[BoundQuery, Summary], bool] | None = None,
        **caller: Any,
    ) -> Answer | Export | Unread:
        answer = self._answer(request, **caller)
        if self.evicted and suffices is not None and suffices(answer.query, summary_of(answer.result)):
            rest = {"status": self.status, "age": self.age, "timings": {}}
            return Unread(query=answer.query, result=summary_of(answer.result), **rest)
        if not self.large or stream is None:
            return answer
        result, rows, limit = answer.result, answer.result.table, stream.limit
        streamed = Streamed(
            key=result.key,
            schema=rows.schema,
            columns=result.columns,
            readings=result.readings,
            created_at=result.created_at,
            batches=iter(())
            if stream.has(result.key)
            else self._batches(rows if limit is None else rows.slice(0, limit)),
            close=self._close,
            more=limit is not None and limit < rows.num_rows,
        )
        status = CacheStatus(outcome=Outcome.TOO_LARGE)
        if self.losses:
            streamed = replace(streamed, written=self._losing)
        return Export(query=answer.query, result=streamed, status=status, age=0.0, timings={})

    def _losing(self, form: Form, count: Callable[[int], None]) -> Iterator[Chunk]:
        raise self.losses.pop()

    def _batches(self, rows: pa.Table) -> Iterator[pa.RecordBatch]:
        for batch in rows.to_batches(max_chunksize=1_000):
            yield batch
            if self.breaks is not None:
                raise self.breaks

    def _close(self) -> None:
        self.closed += 1

    def explain(self, request: Request, *, principal: Principal) -> Any:
        return FakeExplanation(plan=FakePlan(query=self.registry.bind(request, now=self.now)), size=self.size)

    size: int = 2**20
    """Bytes that every question would read."""
    tiers: Sequence[tuple[str, str, Room]] = (
        ("answers", "memory", Room(used=5_000, bound=10_000)),
        ("answers", "redis", Room(works=False)),
    )
    """Tiers of what is kept, and how full they are."""

    @property
    def cache(self) -> FakeGateway:
        """It keeps answers itself."""
        return self

    def rooms(self) -> Sequence[tuple[str, str, Room]]:
        return self.tiers

    def stored(self, key: str, digest: str) -> Result:
        if self.evicted or key not in self.kept or self.kept[key].digest != digest:
            raise CursorExpired("This result is no longer kept.")
        return self.kept[key]

    def summary(self, key: str) -> Summary | None:
        return summary_of(self.kept[key]) if self.evicted and key in self.kept else None

    def encoding(self, key: str, form: str) -> bytes | None:
        return self.bodies.get((key, form))

    def keep_encoding(self, result: Result, form: str, body: bytes) -> None:
        self.bodies[result.key, form] = body

    @property
    def largest_body(self) -> int:
        return 64 * 2**20

    def drop(self, which: Purge) -> dict[str, int]:
        self.dropped.append(which)
        return {"memory": 1, "disk": 2}

    def columns(self, query: str, version: int) -> tuple[Column, ...]:
        return (
            Column(name="carrier", type="VARCHAR"),
            Column(name="carrier" if self.double else "flights", type="BIGINT"),
        )

    def _result(self) -> Result:
        reading = Reading(
            table="flights",
            snapshot="s",
            listed_at=NOW - 30,
            partitions=7,
            partitions_total=365,
            files=7,
            files_total=365,
            size=700,
            size_total=36_500,
        )
        content = Content(self.table.schema)
        for batch in self.table.to_batches():
            content.add(batch)
        table, digest = content.end(self.columns("delays", 2))
        return Result(
            key=self.key,
            table=table,
            digest=digest,
            columns=self.columns("delays", 2),
            readings=(reading,),
            created_at=NOW - self.age,
            seconds=0.01,
        )


def summary_of(result: Result) -> Summary:
    rest = {"readings": result.readings, "created_at": result.created_at}
    return Summary(key=result.key, digest=result.digest, rows=result.rows, **rest)


@dataclass
class FakePlan:
    query: Any


@dataclass
class FakeExplanation:
    plan: FakePlan
    size: int = 0
    datasets: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self, *, drawn: bool = False) -> dict[str, Any]:
        scan = {"table": "flights", "partitions": 7, "total_partitions": 365, "kept": 1}
        estimate = {"bytes": self.size, "seconds": 0.1}
        return {"query": self.plan.query.name, "scans": [scan], "cached": False, "estimate": estimate}

    def as_text(self) -> str:
        return f"{self.plan.query.name} reads 7 of 365 partitions"


@pytest.fixture
def gateway() -> FakeGateway:
    templates = [template(OLD, 1), template(DELAYS, 2)]
    return FakeGateway(
        registry=Registry.of(templates, today=lambda: date(2026, 6, 1)),
        catalog=FakeCatalog(tables={"flights": FLIGHTS}, snapshots={"flights": snapshot()}),
        table=pa.table({"carrier": ["UA", "DL", "AA"], "flights": [3, 2, 1]}),
    )


@pytest.fixture
def events() -> list[Event]:
    return []


class Compiled(BytecodeCache):
    """The templates of pages, compiled once for all sites of the tests, as a server compiles them once."""

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self._kept:
            bucket.bytecode_from_string(self._kept[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._kept[bucket.key] = bucket.bytecode_to_string()


COMPILED = Compiled()


@pytest.fixture
def make_site(gateway: FakeGateway, events: list[Event]) -> Callable[..., FlaskClient]:
    """Make a client of a site over the gateway, with other settings where they are given."""

    def make(**settings: Any) -> FlaskClient:
        metrics = Metrics(CollectorRegistry())
        usual = {"metrics": metrics, "clock": lambda: NOW, "observe": fan_out(events.append, metrics)}
        site = build_site(bare_site(gateway, **(usual | settings)))
        site.jinja_options = {**site.jinja_options, "bytecode_cache": COMPILED}
        return site.test_client()

    return make


@pytest.fixture
def client(make_site: Callable[..., FlaskClient]) -> FlaskClient:
    return make_site()

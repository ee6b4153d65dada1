"""What runs in a worker of a cluster: one DuckDB that stays open between tasks, and the tasks that run on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from pathlib import Path
from threading import Lock
from time import monotonic

import pyarrow as pa
from cachetools import TTLCache

from gateway.catalog.store import S3Settings
from gateway.cluster import task
from gateway.cluster.task import Reply, Task, difference, identity_of
from gateway.engine import versions
from gateway.engine.base import Cancel
from gateway.engine.current import Engines
from gateway.engine.duckdb import DuckDBEngine
from gateway.engine.instance import BUCKETS, DuckDBSettings, S3Access, quoted
from gateway.engine.keyring import keyring
from gateway.errors import GatewayError
from gateway.execution.partial_sizes import LARGEST, largest, weight
from gateway.model import Statement
from gateway.plan.fold.fold import NUMBER
from gateway.plan.fold.parts import COUNTED

_BESIDE = (NUMBER, COUNTED)
"""Columns of partials that are not kept, and do not count."""
_LATENCY = 16
"""Threads of DuckDB at least where it reads buckets, for there threads hide latency."""
_REMEMBERED, _FORGOTTEN = 10_000, 3_600.0
"""Jobs of which it is remembered that they were cancelled, and for how many seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """What the worker may use: threads, bytes of memory (None: DuckDB's default of the gateway), a folder."""

    threads: int
    memory: int | None
    scratch: Path


class Worker:
    """The engine of this process, and what runs on it. Thread-safe."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._numbers = count()
        self._engines: dict[S3Access | None, Engines[DuckDBEngine]] = {}
        self._running: dict[str, list[Cancel]] = {}
        self._cancelled: TTLCache[str, None] = TTLCache(_REMEMBERED, _FORGOTTEN)

    def perform(self, written: bytes, relations: bytes | None, resources: Resources) -> bytes:
        """Run a task; return the reply as bytes."""
        unlike = difference(task.IDENTITY, identity_of(written))
        if unlike is not None:
            return Reply(unlike=unlike).written()
        try:
            asked = Task.read(written, relations)
            return self._rows(asked, self._engine(asked, resources)).written()
        except GatewayError as error:
            return Reply(error=error).written()

    def stop(self, job: str) -> None:
        """Interrupt what runs of a job, and begin none of its tasks any more."""
        with self._lock:
            self._cancelled[job] = None
            running = list(self._running.get(job, ()))
        for cancel in running:
            cancel()

    def _rows(self, asked: Task, engine: DuckDBEngine) -> Reply:
        """Run a statement of partials to its end, or as far as it is clear that one of them is too large."""
        most = min(LARGEST, sum(largest(file.size) for file in asked.statement.files))
        deadline = None if asked.seconds is None else monotonic() + asked.seconds
        held, size = list[pa.RecordBatch](), 0
        with (
            self._stoppable(asked.job) as started,
            closing(engine.execute(_addressed(asked.statement, engine), deadline=deadline, started=started)) as stream,
        ):
            for batch in stream:
                held.append(batch)
                size += weight(batch.select([name for name in batch.schema.names if name not in _BESIDE]))
                if size > most:
                    stream.confirm()
                    break
            rows = pa.Table.from_batches(held, schema=stream.schema)
            return Reply(rows=rows, columns=stream.columns, cut=size > most)

    @contextmanager
    def _stoppable(self, job: str) -> Iterator[Callable[[Cancel], None]]:
        """Give what registers how a query is interrupted, which is done at once where its job was cancelled before."""
        added = list[Cancel]()

        def started(cancel: Cancel) -> None:
            with self._lock:
                added.append(cancel)
                self._running.setdefault(job, []).append(cancel)
                cancelled = job in self._cancelled
            if cancelled:
                cancel()

        try:
            yield started
        finally:
            with self._lock:
                left = [cancel for cancel in self._running.pop(job, ()) if cancel not in added]
                if left:
                    self._running[job] = left

    def _engine(self, asked: Task, resources: Resources) -> DuckDBEngine:
        """Return the engine that reaches the buckets so, and can read the locations; the last one is kept."""
        with self._lock:
            if asked.access not in self._engines:
                self._engines = {asked.access: Engines(partial(self._opened, asked, resources))}
            engines = self._engines[asked.access]
        return engines.reaching(asked.locations)

    def _opened(self, asked: Task, resources: Resources, locations: Sequence[str], number: int) -> DuckDBEngine:
        remote = any(place.startswith(BUCKETS) for place in locations)
        settings = DuckDBSettings(
            locations=locations,
            temp_directory=str(resources.scratch / f"duckdb-{next(self._numbers)}"),
            threads=max(_LATENCY, 2 * resources.threads) if remote else resources.threads,
            s3=asked.access,
            http_timeout=asked.http_timeout,
        )
        if resources.memory is not None:
            settings = replace(settings, memory_limit=f"{resources.memory}B")
        return DuckDBEngine.open(settings, keyring=keyring(S3Settings()))


def _addressed(statement: Statement, engine: DuckDBEngine) -> Statement:
    """Write the addresses of files as this engine knows them, where it has seen other bytes under the usual ones."""
    sql = statement.sql
    for file in statement.files:
        if engine.edition(file):
            usual = versions.address(file, use_ssl=engine.use_ssl)
            sql = sql.replace(quoted(usual), quoted(engine.address(file)))
    return replace(statement, sql=sql)

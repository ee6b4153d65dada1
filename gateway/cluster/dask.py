"""The Dask cluster: the one place that knows ``distributed``.

Results come back as bytes and are never unpickled; what the scheduler itself tells is, so it has to be one's own.
"""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import Any, Final
from uuid import uuid4

import pyarrow as pa
from distributed import Client, Future, Security, get_worker
from distributed.client import ClosedClientError
from distributed.comm import CommClosedError

from gateway.cluster.task import IDENTITY, Reply, Task, difference
from gateway.cluster.worker import Resources, Worker
from gateway.concurrency.ticker import Ticker
from gateway.engine import versions
from gateway.engine.base import Cancel
from gateway.engine.instance import S3Access
from gateway.errors import ClusterUnavailable, DeadlineExceeded, EngineFailed, ResultTooLarge
from gateway.model import Column, FileVersion, Statement
from gateway.processes.wire import relations_of
from gateway.streaming import Form, Writer
from gateway.telemetry.events import ClusterGone, ClusterReached, Observer

NAME: Final = "dask"
_TASKS_PER_CORE = 3
"""Tasks that work is divided into for each core: fewer leave cores idle at the end, more cost their overhead."""
_CONNECTING = 5.0
"""Seconds that the scheduler has to answer when it is connected to."""
_LOOKING = 1.0
"""Seconds between two looks at the cluster."""
_PATIENCE = 10.0
"""Seconds that tasks wait for workers where all have ended: they may be started again."""
_POLL = 0.25
"""Seconds after which who waits for results looks whether the cluster is still there."""
_GONE = (OSError, TimeoutError, CancelledError, CommClosedError, ClosedClientError, ImportError, ValueError)
"""What the client raises where the scheduler or its connection fails; the last two, where versions do not fit."""
_worker = Worker()


def compute(task: bytes, relations: bytes | None) -> bytes:
    """Run a task; called in the workers."""
    worker = get_worker()
    limit = worker.memory_manager.memory_limit
    resources = Resources(
        threads=worker.state.nthreads,
        memory=None if limit is None else limit // 2,  # DuckDB takes up to half of its limit beyond it
        scratch=Path(worker.local_directory),
    )
    return _worker.perform(task, relations, resources)


def stop(job: str) -> None:
    """End the tasks of a job; called in the workers."""
    _worker.stop(job)


def identify() -> Mapping[str, str]:
    """Tell what a worker runs; called in the workers."""
    return IDENTITY


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificates:
    """Paths of the files by which the cluster and the gateway know each other."""

    ca: str
    certificate: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """What is known of the cluster: its workers that fit, their threads together, and those that do not fit."""

    client: Client | None = None
    workers: tuple[str, ...] = ()
    threads: int = 0
    refused: Mapping[str, str] = field(default_factory=dict)
    problem: str | None = None


class Connection:
    """The connection to a scheduler, which a thread keeps open: it is made again whenever it was lost."""

    def __init__(self, address: str, certificates: Certificates | None, observe: Observer) -> None:
        self.address, self._certificates, self._observe = address, certificates, observe
        self._seen = _Seen(problem="the cluster has not been reached yet")
        self._looked, self._identities = Event(), dict[str, str | None]()
        self._ticker = Ticker("cluster", self._look, lambda: _LOOKING, at_once=True)
        for name in ("distributed", "distributed.client"):
            logging.getLogger(name).setLevel(logging.CRITICAL)  # what it says is told by events

    def start(self) -> None:
        """Begin to look for the scheduler."""
        self._ticker.start()

    @property
    def seen(self) -> _Seen:
        """What the last look saw; at the start the first one is waited for."""
        self._looked.wait(_CONNECTING + _LOOKING)
        return self._seen

    def close(self) -> None:
        """Leave the cluster; idempotent."""
        self._ticker.close()
        client, self._seen = self._seen.client, _Seen(problem="the gateway has left the cluster")
        _leave(client)

    def _look(self) -> None:
        before = self._seen
        now = self._found(before.client)
        self._seen = now
        self._looked.set()
        self._tell(before, now)

    def _found(self, client: Client | None) -> _Seen:
        try:
            if client is None or client.status != "running":
                _leave(client)
                client = None
                client = self._connected()
            return self._met(client)
        except _GONE:
            _leave(client)
            return _Seen(problem="its scheduler cannot be reached")

    def _connected(self) -> Client:
        self._identities.clear()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # whether versions fit is seen in the workers
            return Client(
                self.address,
                security=self._security(),
                timeout=_CONNECTING,
                set_as_default=False,
                name="query-gateway",
                deserializers=["dask", "msgpack"],
            )

    def _security(self) -> Security | None:
        given = self._certificates
        if given is None:
            return None
        return Security(
            tls_ca_file=given.ca,
            tls_client_cert=given.certificate,
            tls_client_key=given.key,
            require_encryption=True,
        )

    def _met(self, client: Client) -> _Seen:
        """Ask new workers what they run, and count those that fit."""
        found = client.scheduler_info(n_workers=-1)["workers"]
        if new := [address for address in found if address not in self._identities]:
            told = client.run(identify, workers=new, on_error="return")
            for address, identity in told.items():
                if isinstance(identity, dict):
                    self._identities[address] = difference(identity)
                elif isinstance(identity, ImportError | AttributeError):
                    self._identities[address] = "no query-gateway of this release"
        known = {address: self._identities[address] for address in found if address in self._identities}
        fitting = tuple(address for address, unlike in known.items() if unlike is None)
        refused = {address: unlike for address, unlike in known.items() if unlike is not None}
        return _Seen(
            client=client,
            workers=fitting,
            threads=sum(found[address]["nthreads"] for address in fitting),
            refused=refused,
            problem=None if fitting else _without(refused),
        )

    def _tell(self, before: _Seen, now: _Seen) -> None:
        if now.problem is not None and now.problem != before.problem:
            self._observe(ClusterGone(reason=now.problem))
        elif now.problem is None and (now.workers, now.refused) != (before.workers, before.refused):
            self._observe(ClusterReached(workers=len(now.workers), threads=now.threads, refused=now.refused))


def _leave(client: Client | None) -> None:
    if client is not None:
        with suppress(*_GONE):
            client.close(timeout=_LOOKING)


def _without(refused: Mapping[str, str]) -> str:
    if not refused:
        return "it has no workers"
    address, unlike = next(iter(refused.items()))
    return f"none of its workers fits, such as {address} with {unlike}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DaskCluster:
    """A ``Cluster`` whose workers can read *locations*, the buckets among them by *access*."""

    connection: Connection
    locations: Sequence[str]
    access: S3Access | None
    http_timeout: int
    use_ssl: bool

    @property
    def name(self) -> str:
        """What it is called."""
        return NAME

    @property
    def tasks(self) -> int:
        """Into how many tasks work is best divided now."""
        return max(1, _TASKS_PER_CORE * self.connection.seen.threads)

    def problem(self) -> str | None:
        """Say why it can compute nothing now."""
        seen = self.connection.seen
        if seen.client is not None and seen.client.status != "running":
            return "the connection to its scheduler was lost"
        return seen.problem

    def status(self) -> dict[str, Any]:
        """Tell operators how it is."""
        seen, problem = self.connection.seen, self.problem()
        told = {"workers": len(seen.workers), "threads": seen.threads, "refused": dict(seen.refused)}
        if problem is None:
            return {"status": "ok", "address": self.connection.address, **told}
        return {"status": "failing", "address": self.connection.address, "detail": problem, **told}

    def address(self, file: FileVersion) -> str:
        """Return the address of a file version in the SQL of a task; a worker that must use another one does."""
        return versions.address(file, use_ssl=self.use_ssl)

    def execute(
        self, statements: Sequence[Statement], *, deadline: float | None, started: Callable[[Cancel], None]
    ) -> DaskStream:
        """Run statements of partials side by side; see ``Cluster.execute``."""
        seen, job = self.connection.seen, uuid4().hex
        problem = self.problem()
        if problem is not None or seen.client is None:
            raise ClusterUnavailable(f"The cluster cannot be used: {problem}.")
        stream = DaskStream(seen.client, job, deadline, self.problem)
        try:
            started(stream.cancel)
            stream.start([self._task(statement, job, deadline) for statement in statements], seen)
        except BaseException:
            stream.close()
            raise
        return stream

    def _task(self, statement: Statement, job: str, deadline: float | None) -> tuple[bytes, bytes | None]:
        task = Task(
            job=job,
            statement=statement,
            locations=self.locations,
            access=self.access,
            http_timeout=self.http_timeout,
            seconds=None if deadline is None else deadline - time.monotonic(),
            identity=IDENTITY,
        )
        relations = relations_of(statement)
        return task.written(), None if relations is None else relations.to_pybytes()


class DaskStream:
    """Rows of tasks as they are ready; a ``ResultStream``. Closed before the last, it ends the others."""

    columns: tuple[Column, ...]
    schema: pa.Schema
    writer: Callable[[Form], Writer] | None = None
    requests: int | None = None

    def __init__(self, client: Client, job: str, deadline: float | None, problem: Callable[[], str | None]) -> None:
        self._client, self._job, self._deadline, self._problem = client, job, deadline, problem
        self._well = time.monotonic()
        self._done: SimpleQueue[Future | None] = SimpleQueue()
        self._left: set[Future] = set()
        self._cancelled = False

    def start(self, tasks: Sequence[tuple[bytes, bytes | None]], seen: _Seen) -> None:
        """Hand the tasks in, and wait for the first of their rows."""
        self._check()
        # Tied to workers only where others must not have them: one that is started again has another address.
        only = {"workers": list(seen.workers), "allow_other_workers": False} if seen.refused else {}
        try:
            for number, (task, relations) in enumerate(tasks):
                key = f"query-gateway-{self._job}-{number}"
                future = self._client.submit(compute, task, relations, key=key, pure=False, **only)
                self._left.add(future)
                future.add_done_callback(self._done.put)
        except _GONE as error:
            raise _lost() from error
        self._first = self._reply()
        assert self._first.rows is not None
        self.schema, self.columns = self._first.rows.schema, self._first.columns

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows; those of each task are of the planned file versions."""
        try:
            reply = self._first
            while True:
                assert reply.rows is not None
                yield from reply.rows.cast(self.schema).to_batches()
                if reply.cut:
                    raise ResultTooLarge("The partials of a task are too large.")
                if not self._left:
                    return
                reply = self._reply()
        finally:
            self.close()

    def cancel(self) -> None:
        """End the tasks, from any thread; iteration then ends with an error."""
        self._cancelled = True
        self._done.put(None)

    def postpone(self, deadline: float) -> None:
        """Replace the deadline; tasks that were handed in keep theirs."""
        self._deadline = deadline

    def confirm(self) -> None:
        """Do nothing: each task has made sure of the rows that it gave."""

    def close(self) -> None:
        """End the tasks that are left; idempotent."""
        left, self._left = list(self._left), set()
        if left:
            # Aside, for a scheduler that does not answer must hold nobody up.
            Thread(target=_end, args=(self._client, left, self._job), name="cluster-cancel", daemon=True).start()

    def _reply(self) -> Reply:
        """Wait for the next task that is ready. Raises the error of its statement, and ``ClusterUnavailable``."""
        future = self._next()
        self._left.discard(future)
        if future.status != "finished":
            raise _lost() if future.cancelled() else _failed(future)
        try:
            reply = Reply.read(future.result(timeout=self._seconds()))
        except _GONE as error:
            self._check()
            raise _lost() from error
        if reply.unlike is not None:
            raise ClusterUnavailable(f"A worker of the cluster is another one: {reply.unlike}.")
        if reply.error is not None:
            self._check()
            raise reply.error
        return reply

    def _next(self) -> Future:
        while True:
            self._check()
            with suppress(Empty):
                future = self._done.get(timeout=min(_POLL, self._seconds() or _POLL))
                if future is not None:
                    return future

    def _check(self) -> None:
        if self._cancelled:
            raise EngineFailed("The query was cancelled.")
        if self._deadline is not None and time.monotonic() >= self._deadline:
            raise DeadlineExceeded("The query was stopped at its time limit.")
        if self._client.status != "running":
            raise _lost()
        now = time.monotonic()
        self._well = now if self._problem() is None else self._well
        if now >= self._well + _PATIENCE:
            raise _lost()

    def _seconds(self) -> float | None:
        return None if self._deadline is None else max(0.001, self._deadline - time.monotonic())


def _lost() -> ClusterUnavailable:
    return ClusterUnavailable("The connection to the cluster was lost while it computed.")


def _failed(future: Future) -> ClusterUnavailable:
    """Tell that a task could not be run, such as where each worker that tried it has ended."""
    return ClusterUnavailable(f"A task of the cluster failed ({type(future.exception()).__name__}).")


def _end(client: Client, futures: Sequence[Future], job: str) -> None:
    with suppress(*_GONE):
        client.run(stop, job, wait=False, on_error="ignore")
        client.cancel(list(futures))

"""The connection to a Spark Connect server, and the queries that are sent to it.

The server is asked a query now and then: one whose context has ended keeps its port open.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from threading import Event
from typing import Any

import pyarrow as pa

from gateway.cluster.spark_session import RAISED, Session
from gateway.cluster.spark_spool import SparkSpool
from gateway.cluster.spark_stream import SparkStream
from gateway.concurrency.ticker import Ticker
from gateway.engine.base import Cancel
from gateway.errors import ClusterUnavailable
from gateway.execution.stores import Move
from gateway.model import Column, FileVersion
from gateway.plan.spark.planner import SparkPlan
from gateway.plan.spark.scans import SparkScan
from gateway.telemetry.events import Observer, SparkGone, SparkReached, Unexpected

_LOOKING = 5.0
"""Seconds between two queries that see whether the server computes."""
_ANSWERING = 60.0
"""Seconds after which a server that has not answered is taken for gone."""
_TALKING = (
    "pyspark",
    "pyspark.sql.connect.client.logging",
    "pyspark.sql.connect.logging",
    "DataFrameQueryContextLogger",
    "SQLQueryContextLogger",
)
"""Loggers of the client; the last two write the text of a query that fails, with its plan."""
_WAITING = 10.0
"""Seconds that the first look is waited for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    session: Session | None = None
    """Where there is a problem, one that is lost, and is left at the next look."""
    version: str = ""
    problem: str | None = None


class SparkConnection:
    """The session at a server, which a thread keeps: it is made again whenever it was lost.

    A server that has not answered for *answering* seconds is taken for gone.
    """

    def __init__(self, address: str, observe: Observer, *, answering: float = _ANSWERING) -> None:
        self.place = address.partition(";")[0].rstrip("/")
        """The address without its token."""
        self._address, self._observe, self._answering = address, observe, answering
        self._seen = _Seen(problem="Spark has not been reached yet")
        self._looked, self._asked = Event(), time.monotonic()
        self._looking = False
        self._ticker = Ticker("spark", self._look, lambda: _LOOKING, at_once=True)
        for name in _TALKING:
            logging.getLogger(name).setLevel(logging.CRITICAL)  # what they say is told by events

    def start(self) -> None:
        """Begin to look for the server."""
        self._ticker.start()

    def close(self) -> None:
        """Leave the server; idempotent."""
        self._ticker.close(timeout=_LOOKING)
        seen, self._seen = self._seen, _Seen(problem="the gateway has left Spark")
        if seen.session is not None:
            seen.session.close()

    def session(self) -> Session:
        """Return the session. Raises ``ClusterUnavailable``."""
        problem = self.problem()
        session = self._seen.session
        if problem is not None or session is None:
            raise ClusterUnavailable(f"Spark cannot be used: {problem}.")
        return session

    def problem(self) -> str | None:
        """Say why it cannot be used."""
        self._looked.wait(_WAITING)
        if self._looking and time.monotonic() > self._asked + self._answering:
            return "its server does not answer"
        return self._seen.problem

    def lost(self, session: Session) -> None:
        """Take a session for lost, until the next look."""
        if self._seen.session is session:
            self._tell(replace(self._seen, problem="the connection to its server was lost"))

    def status(self) -> dict[str, Any]:
        """Tell operators how it is."""
        problem = self.problem()
        if problem is None:
            return {"status": "ok", "address": self.place, "version": self._seen.version}
        return {"status": "failing", "address": self.place, "detail": problem}

    def _look(self) -> None:
        self._asked, self._looking = time.monotonic(), True
        try:
            self._tell(self._found(self._seen))
        finally:
            self._looking = False
            self._looked.set()

    def _found(self, seen: _Seen) -> _Seen:
        session = seen.session
        try:
            if session is not None and seen.problem is not None:
                session.close()
            if session is None or seen.problem is not None:
                session = Session(self._address, self._answering)
                seen = _Seen(session=session, version=session.prepare())
            session.probe()
            return seen
        except RAISED:
            reason = "its server cannot be reached, or computes nothing"
        except Exception as error:  # noqa: BLE001  # a bug met in one look must not end the looking
            reason = "the gateway failed to look for its server"
            self._observe(Unexpected.of(error, request="spark"))
        if session is not None:
            session.close()
        return _Seen(problem=reason)

    def _tell(self, now: _Seen) -> None:
        before, self._seen = self._seen, now
        if now.problem is not None and now.problem != before.problem:
            self._observe(SparkGone(reason=now.problem))
        elif now.problem is None and before.session is not now.session:
            self._observe(SparkReached(version=now.version))


@dataclass(frozen=True, slots=True, kw_only=True)
class SparkCluster:
    """An ``SqlCluster``; *changed* lists the files that are of another version now, *scheme* is that of buckets.

    What is larger than *largest* bytes goes through the *spool*; None: it is an error.
    """

    connection: SparkConnection
    changed: Callable[[Sequence[FileVersion]], Sequence[FileVersion]]
    scheme: str
    largest: int
    spool: SparkSpool | None

    def problem(self) -> str | None:
        """Say why it can compute nothing now."""
        return self.connection.problem()

    def status(self) -> dict[str, Any]:
        """Tell operators how it is."""
        return self.connection.status()

    def execute(
        self,
        plan: SparkPlan,
        schema: pa.Schema,
        columns: tuple[Column, ...],
        *,
        move: Move,
        deadline: float | None,
        started: Callable[[Cancel], None],
    ) -> SparkStream:
        """Run a query; see ``SqlCluster.execute``."""
        session = self.connection.session()
        scans = [_moved(scan, move) for scan in plan.scans]
        stream = SparkStream(
            session, scans, self.scheme, deadline, changed=self.changed, largest=self.largest, spool=self.spool
        )
        stream.lost = lambda: self.connection.lost(session)
        try:
            started(stream.cancel)
            stream.start(plan, schema, columns)
        except BaseException:
            stream.close()
            raise
        return stream


def _moved(scan: SparkScan, move: Move) -> SparkScan:
    files = tuple(move(file) for file in scan.files)
    if not files or files[0].path == scan.files[0].path:
        return scan
    below = scan.files[0].path.removeprefix(scan.root)
    return SparkScan(root=files[0].path.removesuffix(below), files=files, columns=scan.columns)

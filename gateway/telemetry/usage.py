"""Counts of calls by query version, caller and day, so that an owner knows whom a change concerns.

Every process counts in memory and adds its counts to an SQLite file in the state folder every few seconds. The number
of callers is bounded for each version and day; callers beyond it are counted together.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from threading import Lock

from gateway.concurrency.ticker import Ticker, Wait
from gateway.telemetry.events import CallsNotKept, Event, Observer, RequestServed, unobserved
from gateway.telemetry.metrics import OTHERS

FLUSH = 5.0
"""Seconds between two writes: what a process that is killed loses at most."""
_DAYS = 400
"""Days that counts are kept."""
_FILE = "calls.sqlite"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS calls (
    day TEXT, query TEXT, version INTEGER, principal TEXT, requests INTEGER, refused INTEGER, last REAL,
    PRIMARY KEY (day, query, version, principal)
) WITHOUT ROWID"""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallCount:
    """The calls of one principal for a version. ``last`` is the time of the last one, in seconds since the epoch.

    ``refused`` counts the requests that got no result, e.g. because the version is retired.
    """

    query: str
    version: int
    principal: str
    requests: int
    refused: int
    last: float


class CallCounter:
    """Counts calls: an observer of served requests. ``flush`` writes; ``start`` does it every few seconds.

    *folder* is in the state folder and shared by all processes; *clock* returns seconds since the epoch. *callers*
    bounds the callers of a version and day that are counted by name, *held* the counts in memory between two writes.
    """

    def __init__(
        self,
        folder: Path,
        *,
        observe: Observer = unobserved,
        clock: Callable[[], float] = time.time,
        callers: int = 1_000,
        held: int = 10_000,
    ) -> None:
        self._folder, self._observe, self._clock = folder, observe, clock
        self._callers, self._held = callers, held
        self._lock = Lock()
        self._counts: dict[tuple[str, int, str], list[float]] = {}
        self._ticker = Ticker("calls", self.flush, lambda: FLUSH)

    def __call__(self, event: Event) -> None:
        if isinstance(event, RequestServed) and event.is_call and event.query is not None and event.version is not None:
            self.note(event.query, event.version, event.principal or "", refused=event.error is not None)

    def note(self, query: str, version: int, principal: str, *, refused: bool = False) -> None:
        """Count one request of *principal* for a result of a version."""
        now = self._clock()
        with self._lock:
            count = self._counts.get((query, version, principal))
            if count is None:
                if len(self._counts) >= self._held:
                    principal = OTHERS
                count = self._counts.setdefault((query, version, principal), [0, 0, now])
            count[0] += 1
            count[1] += refused
            count[2] = now

    def flush(self) -> None:
        """Add the counts to the database; if that fails they are kept for the next flush."""
        with self._lock:
            counts, self._counts = self._counts, {}
        if not counts:
            return
        try:
            with _database(self._folder) as database:
                for (query, version, principal), (requests, refused, last) in counts.items():
                    called = CallCount(
                        query=query,
                        version=version,
                        principal=principal,
                        requests=int(requests),
                        refused=int(refused),
                        last=last,
                    )
                    _add(database, called, self._callers)
        except (sqlite3.Error, OSError) as error:
            self._observe(CallsNotKept(error=str(error)))
            self._hold(counts)

    def by_day(self, since: date) -> Mapping[str, Mapping[date, int]]:
        """Return how often each query was asked, all its versions together, by day from *since* on.

        What was counted since the last flush is not among them; where the counts cannot be read, nothing is.
        """
        found: dict[str, dict[date, int]] = {}
        asked = "SELECT query, day, sum(requests) FROM calls WHERE day >= ? GROUP BY query, day"
        try:
            if (self._folder / _FILE).exists():
                with _database(self._folder) as database:
                    for query, day, requests in database.execute(asked, (since.isoformat(),)):
                        found.setdefault(query, {})[date.fromisoformat(day)] = int(requests)
        except (sqlite3.Error, OSError) as error:
            self._observe(CallsNotKept(error=f"they cannot be read: {error}"))
        return found

    def start(self, wait: Wait | None = None) -> None:
        """Write until closed; ``wait`` sleeps so many seconds and returns True to stop."""
        try:
            forget(self._folder, self._clock() - _DAYS * 86_400)
        except (sqlite3.Error, OSError) as error:
            self._observe(CallsNotKept(error=str(error)))
        self._ticker.start(wait)

    def close(self) -> None:
        """Write what is left, and stop; idempotent."""
        self._ticker.close()
        self.flush()

    def _hold(self, counts: Mapping[tuple[str, int, str], list[float]]) -> None:
        with self._lock:
            for key, (requests, refused, last) in counts.items():
                count = self._counts.setdefault(key, [0, 0, last])
                count[0] += requests
                count[1] += refused
                count[2] = max(count[2], last)


def read_calls(folder: Path, *, since: date, query: str | None = None) -> list[CallCount]:
    """Return the counts from the day *since* on, in order; only those of *query* if it is given."""
    if not (folder / _FILE).exists():
        return []
    with _database(folder) as database:
        rows = database.execute(
            "SELECT query, version, principal, sum(requests), sum(refused), max(last) FROM calls "
            "WHERE day >= ? AND (? IS NULL OR query = ?) "
            "GROUP BY query, version, principal ORDER BY query, version, sum(requests) DESC, principal",
            (since.isoformat(), query, query),
        ).fetchall()
    names = ("query", "version", "principal", "requests", "refused", "last")
    return [CallCount(**dict(zip(names, row, strict=True))) for row in rows]


def forget(folder: Path, before: float) -> None:
    """Remove the counts of days before an instant, in seconds since the epoch."""
    if (folder / _FILE).exists():
        with _database(folder) as database:
            database.execute("DELETE FROM calls WHERE day < ?", (_day(before),))


@contextmanager
def _database(folder: Path) -> Iterator[sqlite3.Connection]:
    """Open the database for one transaction, which waits for transactions of other processes."""
    folder.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(folder / _FILE, timeout=10.0)) as database:
        database.execute(_SCHEMA)
        with database:
            yield database


def _add(database: sqlite3.Connection, call: CallCount, most: int) -> None:
    version = (_day(call.last), call.query, call.version)
    count = "SELECT count(*), sum(principal = ?) FROM calls WHERE day = ? AND query = ? AND version = ?"
    callers, known = database.execute(count, (call.principal, *version)).fetchone()
    principal = call.principal if known or callers < most else OTHERS
    database.execute(
        "INSERT INTO calls VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET requests = requests + "
        "excluded.requests, refused = refused + excluded.refused, last = max(last, excluded.last)",
        (*version, principal, call.requests, call.refused, call.last),
    )


def _day(instant: float) -> str:
    return datetime.fromtimestamp(max(instant, 0.0), UTC).date().isoformat()

"""Where the files of a plan are read: at the table's location or at a replica, again where a store fails in passing.

DuckDB repeats a request by itself, with short pauses. What still fails is run again here, outside the engine and
without its slot: at once at another location where there is one, else after a pause (``retry``), and not past the
deadline. Each location has a breaker, so that a store that is gone costs nobody any time.

A file of a replica stands for that of the table's location where its ETag is the same. One that differs is unusable
(``FilesChanged`` of the engine, which holds every answer against the version asked for), so rows never mix.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from types import TracebackType

from gateway.concurrency.retry import Retry
from gateway.errors import DeadlineExceeded, FilesChanged, StorageFailed
from gateway.execution.breaker import Breaker, Pass, State
from gateway.model import BoundQuery, FileVersion, Plan, Statement
from gateway.telemetry.events import BreakerChanged, Observer, QueryRetried, ReplicaRead, ReplicaUnusable, unobserved

_RETRY = Retry()
Move = Callable[[FileVersion], FileVersion]
"""Tell where a file of the plan is read, in the same version."""


def stay(file: FileVersion) -> FileVersion:
    """Read a file at the table's own location."""
    return file


def located(plan: Plan, address: Callable[[FileVersion], str], move: Move) -> Statement:
    """Render *plan* with its files where *move* says."""
    if move is stay:
        return plan.statement(address)
    statement = plan.statement(lambda file: address(move(file)))
    return replace(statement, files=[move(file) for file in statement.files])


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A location as it was declared, and what stands before the paths of its files; ends with ``/``."""

    location: str
    root: str


@dataclass(slots=True, kw_only=True)
class _Visit:
    """One attempt: the place of each table, and the leave to use it."""

    chosen: Mapping[str, Place]
    home: Mapping[str, Place]
    passes: dict[Place, Pass] = field(default_factory=dict)

    @property
    def away(self) -> list[str]:
        """The tables that are read at a replica."""
        return [table for table, place in self.chosen.items() if place != self.home[table]]

    def move(self) -> Move:
        if not self.away:
            return stay
        roots = sorted(((self.home[table].root, self.chosen[table].root) for table in self.chosen), key=_longest)

        def moved(file: FileVersion) -> FileVersion:
            own, other = next(pair for pair in roots if file.path.startswith(pair[0]))
            return replace(file, path=other + file.path.removeprefix(own))

        return moved

    def at_fault(self, path: str | None) -> list[Place]:
        """Name the places that may have failed: the one of *path*, else all."""
        known = [place for place in self.passes if path is not None and path.startswith(place.root)]
        return [max(known, key=lambda place: len(place.root))] if known else list(self.passes)


class Attempt:
    """One attempt, as a context: where files are read in it, and what its end said of these places."""

    def __init__(self, stores: Stores, visit: _Visit) -> None:
        self._stores, self._visit = stores, visit
        self.failed: set[Place] = set()
        self.unusable: set[Place] = set()
        self.failure: StorageFailed | None = None

    def __enter__(self) -> Move:
        return self._visit.move()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        """Tell the breakers of the end; True where another attempt is to follow."""
        stores, visit = self._stores, self._visit
        if error is None:
            stores.succeed(visit)
        elif isinstance(error, FilesChanged) and visit.away:
            stores.end(visit)
            self.unusable = stores.refuse(visit)
            return True
        elif isinstance(error, StorageFailed) and error.passing:
            self.failed, self.failure = stores.fail(visit, error.path), error
            return True
        elif isinstance(error, DeadlineExceeded) and (path := _silent(error)) is not None:
            stores.fail(visit, path)
        else:
            stores.end(visit)
        return False


_NONE: Mapping[Place, Breaker] = {}


class Stores:
    """The locations of every table, its own first. Thread-safe."""

    def __init__(
        self,
        places: Mapping[str, Sequence[Place]],
        *,
        observe: Observer = unobserved,
        monotonic: Callable[[], float] = time.monotonic,
        retry: Retry = _RETRY,
        known: Mapping[Place, Breaker] = _NONE,
    ) -> None:
        """Know *places*; their breakers are the *known* ones where they have some."""
        self._places, self._observe, self._monotonic, self._retry = places, observe, monotonic, retry
        every = dict.fromkeys(place for each in places.values() for place in each)
        self._breakers = {
            place: known.get(place) or Breaker(monotonic, partial(self._changed, place)) for place in every
        }

    def succeeded_by(self, places: Mapping[str, Sequence[Place]]) -> Stores:
        """Make the stores of other tables; what is known of the places that stay is kept."""
        return Stores(places, observe=self._observe, monotonic=self._monotonic, retry=self._retry, known=self._breakers)

    def states(self) -> Mapping[str, State]:
        """Tell the state of every location's breaker."""
        return {place.location: breaker.state for place, breaker in self._breakers.items()}

    def attempts(self, query: BoundQuery, *, deadline: float) -> Iterator[Attempt]:
        """Yield attempts to read the files of a query; each is a context that tells where files are read.

            for attempt in stores.attempts(query, deadline=deadline):
                with attempt as move:
                    return run(move)

        What fails in passing ends no context: the next attempt follows, at once at another location where there is
        one, else after a pause. *deadline* is an instant of the monotonic clock. Raises what the last attempt raised,
        or ``StorageFailed`` at once where a table has no location that may be used.
        """
        failed: set[Place] = set()
        unusable: set[Place] = set()
        failure: StorageFailed | None = None
        for number in range(self._retry.attempts):
            if failure is not None:
                failed = self._pause(query, failure, number, deadline, failed, unusable)
            attempt = Attempt(self, self._visit(query.tables, failed, unusable, failure))
            yield attempt
            failed |= attempt.failed
            unusable |= attempt.unusable
            failure = attempt.failure or failure
        assert failure is not None
        raise failure

    def refuse_broken(self, files: Iterable[FileVersion]) -> None:
        """Raise ``StorageFailed`` where a location of *files* is being left alone: for reads that can be spared."""
        resting = [place.root for place, breaker in self._breakers.items() if breaker.state is not State.CLOSED]
        if resting and any(file.path.startswith(tuple(resting)) for file in files):
            raise self._resting(None)

    def _visit(
        self, tables: Iterable[str], failed: set[Place], unusable: set[Place], failure: StorageFailed | None
    ) -> _Visit:
        """Choose a place for every table. Raises *failure*, or ``StorageFailed``, where one has none."""
        home = {table: self._places[table][0] for table in tables if table in self._places}
        visit = _Visit(chosen={}, home=home)
        chosen: dict[str, Place] = {}
        for table in home:
            found = next(self._open(table, failed, unusable, visit), None)
            if found is None:
                self.end(visit)
                raise failure or self._resting(table)
            chosen[table] = found
        visit.chosen = chosen
        for table in visit.away:
            self._observe(ReplicaRead(table=table, location=chosen[table].location))
        return visit

    def _open(self, table: str, failed: set[Place], unusable: set[Place], visit: _Visit) -> Iterator[Place]:
        """Yield the places of a table that may be used, those that did not fail lately first."""
        usable = [place for place in self._places[table] if place not in unusable]
        for place in sorted(usable, key=lambda place: place in failed):
            given = visit.passes.get(place) or self._breakers[place].admit()
            if given is not None:
                visit.passes[place] = given
                yield place

    def _pause(
        self,
        query: BoundQuery,
        failure: StorageFailed,
        number: int,
        deadline: float,
        failed: set[Place],
        unusable: set[Place],
    ) -> set[Place]:
        """Wait before the next attempt, unless there is another place to try; return the places to be avoided."""
        places = [self._places[table] for table in query.tables if table in self._places]
        elsewhere = bool(places) and all(set(each) - failed - unusable for each in places)
        pause = 0.0 if elsewhere else self._retry.pause(number)
        if self._monotonic() + pause >= deadline:
            raise failure
        self._observe(QueryRetried(query=query.name, version=query.version, reason=failure.detail, pause=pause))
        self._retry.wait(pause)
        return failed if elsewhere else set()

    def end(self, visit: _Visit) -> None:
        """Tell the breakers that an attempt said nothing of its places."""
        for place, given in visit.passes.items():
            self._breakers[place].left(given)

    def fail(self, visit: _Visit, path: str | None) -> set[Place]:
        """Tell the breaker of the place that failed; return the places to be avoided."""
        found = visit.at_fault(path)
        for place, given in visit.passes.items():
            if found == [place]:
                self._breakers[place].failed(given)
            else:
                self._breakers[place].left(given)
        return set(found)

    def refuse(self, visit: _Visit) -> set[Place]:
        """Tell that the replicas of an attempt hold other versions; return them."""
        for table in visit.away:
            self._observe(ReplicaUnusable(table=table, location=visit.chosen[table].location))
        return {visit.chosen[table] for table in visit.away}

    def succeed(self, visit: _Visit) -> None:
        """Tell the breakers that an attempt succeeded."""
        for place, given in visit.passes.items():
            self._breakers[place].succeeded(given)

    def _resting(self, table: str | None) -> StorageFailed:
        rests = [self._breakers[place].rest for place in self._places.get(table or "", ())]
        message = "The object store has kept failing, and is left alone for a moment."
        return StorageFailed(message, passing=True, retry_after=max(1.0, min(rests, default=1.0)))

    def _changed(self, place: Place, state: State) -> None:
        self._observe(BreakerChanged(location=place.location, state=state))


def _silent(error: DeadlineExceeded) -> str | None:
    """Name the file whose store was silent until time was up; who gave up may have been told by the engine why."""
    cause = error.__cause__
    return cause.path if error.path is None and isinstance(cause, StorageFailed | DeadlineExceeded) else error.path


def _longest(roots: tuple[str, str]) -> int:
    return -len(roots[0])

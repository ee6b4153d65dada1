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
"""Returns where a file of the plan is read, in the same version."""


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
class _Placement:
    """Where the tables of one attempt are read, and the passes of the breakers of these places."""

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
        """Return the places that may have failed: the one of *path*, else all."""
        known = [place for place in self.passes if path is not None and path.startswith(place.root)]
        return [max(known, key=lambda place: len(place.root))] if known else list(self.passes)


class Attempt:
    """One attempt, as a context: it gives the move of its files; its end says which places failed."""

    def __init__(self, stores: Stores, placement: _Placement) -> None:
        self._stores, self._placement = stores, placement
        self.failed: set[Place] = set()
        self.unusable: set[Place] = set()
        self.failure: StorageFailed | None = None

    def __enter__(self) -> Move:
        return self._placement.move()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        """Report the end to the breakers; True (the error is suppressed) where another attempt is to follow."""
        stores, placement = self._stores, self._placement
        if error is None:
            stores.succeed(placement)
        elif isinstance(error, FilesChanged) and placement.away:
            stores.end(placement)
            self.unusable = stores.refuse(placement)
            return True
        elif isinstance(error, StorageFailed) and error.passing:
            self.failed, self.failure = stores.fail(placement, error.path), error
            return True
        elif isinstance(error, DeadlineExceeded) and (path := _silent_store(error)) is not None:
            stores.fail(placement, path)
        else:
            stores.end(placement)
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
        """Return the state of every location's breaker."""
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
            attempt = Attempt(self, self._place(query.tables, failed, unusable, failure))
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

    def _place(
        self, tables: Iterable[str], failed: set[Place], unusable: set[Place], failure: StorageFailed | None
    ) -> _Placement:
        """Choose a place for every table. Raises *failure*, or ``StorageFailed``, where one has none."""
        home = {table: self._places[table][0] for table in tables if table in self._places}
        placement = _Placement(chosen={}, home=home)
        chosen: dict[str, Place] = {}
        for table in home:
            found = next(self._open(table, failed, unusable, placement), None)
            if found is None:
                self.end(placement)
                raise failure or self._resting(table)
            chosen[table] = found
        placement.chosen = chosen
        for table in placement.away:
            self._observe(ReplicaRead(table=table, location=chosen[table].location))
        return placement

    def _open(self, table: str, failed: set[Place], unusable: set[Place], placement: _Placement) -> Iterator[Place]:
        """Yield the places of a table that may be used, those that did not fail lately first."""
        usable = [place for place in self._places[table] if place not in unusable]
        for place in sorted(usable, key=lambda place: place in failed):
            given = placement.passes.get(place) or self._breakers[place].admit()
            if given is not None:
                placement.passes[place] = given
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

    def end(self, placement: _Placement) -> None:
        """Report an attempt that says nothing about its places."""
        for place, given in placement.passes.items():
            self._breakers[place].left(given)

    def fail(self, placement: _Placement, path: str | None) -> set[Place]:
        """Report a failure to the breaker of the place at fault; return the places to be avoided."""
        found = placement.at_fault(path)
        for place, given in placement.passes.items():
            if found == [place]:
                self._breakers[place].failed(given)
            else:
                self._breakers[place].left(given)
        return set(found)

    def refuse(self, placement: _Placement) -> set[Place]:
        """Report replicas that hold other versions of the files; return them."""
        for table in placement.away:
            self._observe(ReplicaUnusable(table=table, location=placement.chosen[table].location))
        return {placement.chosen[table] for table in placement.away}

    def succeed(self, placement: _Placement) -> None:
        """Report success to the breakers."""
        for place, given in placement.passes.items():
            self._breakers[place].succeeded(given)

    def _resting(self, table: str | None) -> StorageFailed:
        rests = [self._breakers[place].rest for place in self._places.get(table or "", ())]
        message = "The object store has kept failing, and is left alone for a moment."
        return StorageFailed(message, passing=True, retry_after=max(1.0, min(rests, default=1.0)))

    def _changed(self, place: Place, state: State) -> None:
        self._observe(BreakerChanged(location=place.location, state=state))


def _silent_store(error: DeadlineExceeded) -> str | None:
    """Return the file whose store did not answer before the deadline, from the error or from its cause."""
    cause = error.__cause__
    return cause.path if error.path is None and isinstance(cause, StorageFailed | DeadlineExceeded) else error.path


def _longest(roots: tuple[str, str]) -> int:
    return -len(roots[0])

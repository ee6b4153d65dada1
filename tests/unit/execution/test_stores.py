"""A store that fails in passing is asked again, another location at once, a broken one not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from gateway.concurrency.retry import Retry
from gateway.errors import DeadlineExceeded, FilesChanged, GatewayError, QueryFailed, StorageFailed
from gateway.execution.breaker import FAILURES, State
from gateway.execution.stores import Move, Place, Stores, located, stay
from gateway.model import BoundQuery, FileVersion, Plan, Statement
from gateway.telemetry.events import BreakerChanged, Event, QueryRetried, ReplicaRead, ReplicaUnusable

HOME, COPY = "s3://here/flights/", "s3://there/copy/"
QUERY = BoundQuery(name="q", version=1, sql="", normalised="", tables=("flights",), parameters={})
FILE = FileVersion(path=f"{HOME}day=1/x.parquet", size=3, etag='"a"')
BUSY = StorageFailed("busy", passing=True, path=FILE.path)


def place(root: str) -> Place:
    return Place(location=root.rstrip("/"), root=root)


def attempted(stores: Stores, query: BoundQuery, attempt: Callable[[Move], Any], *, deadline: float) -> Any:
    """Return what *attempt* returns, which is called for each attempt until one succeeds."""
    for context in stores.attempts(query, deadline=deadline):
        with context as move:
            return attempt(move)
    raise AssertionError


class World:
    """Stores with a clock that only pauses move, and attempts that answer as they are told."""

    def __init__(self, *roots: str, jitter: float = 0.5) -> None:
        self.now = 0.0
        self.events: list[Event] = []
        self.pauses: list[float] = []
        self.read: list[str] = []
        self.stores = Stores(
            {"flights": [place(root) for root in roots or (HOME,)]},
            observe=self.events.append,
            monotonic=lambda: self.now,
            retry=Retry(wait=self._wait, jitter=lambda: jitter),
        )

    def _wait(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds

    def run(self, outcome: Callable[[str], GatewayError | None], deadline: float = 1_000.0) -> str:
        """Run a plan; *outcome* says how an attempt at the address of its file ends, None for well."""

        def attempt(move: Move) -> str:
            path = move(FILE).path
            self.read.append(path)
            error = outcome(path)
            if error is not None:
                raise error
            return path

        return attempted(self.stores, QUERY, attempt, deadline=deadline)

    def seen(self, kind: type[Event]) -> int:
        return sum(isinstance(event, kind) for event in self.events)


def ending(*outcomes: GatewayError | None) -> Callable[[str], GatewayError | None]:
    """End the attempts like this, one after the other."""
    left: Iterator[Any] = iter(outcomes)
    return lambda path: next(left)


def failing(path: str) -> GatewayError:
    return StorageFailed("gone", passing=True, path=path)


def broken_at(*roots: str) -> Callable[[str], GatewayError | None]:
    return lambda path: failing(path) if path.startswith(roots) else None


def test_a_passing_failure_is_tried_again() -> None:
    world = World()
    assert FILE.path == world.run(ending(BUSY, BUSY, None))
    assert world.seen(QueryRetried) == 2


def test_pauses_are_drawn_below_a_bound_that_doubles() -> None:
    world = World(jitter=1.0)
    world.run(ending(BUSY, BUSY, BUSY, BUSY, None))
    assert world.pauses == [0.1, 0.2, 0.4, 0.8]


def test_it_ends_after_so_many_attempts_with_the_last_failure() -> None:
    world = World()
    with pytest.raises(StorageFailed, match="busy"):
        world.run(lambda path: BUSY)
    assert len(world.read) == Retry().attempts


def test_no_pause_goes_past_the_deadline() -> None:
    world = World(jitter=1.0)
    with pytest.raises(StorageFailed, match="busy"):
        world.run(lambda path: BUSY, deadline=0.25)
    assert world.pauses == [0.1]


@pytest.mark.parametrize(
    "error", [StorageFailed("refused"), QueryFailed("cast"), FilesChanged("replaced"), DeadlineExceeded("late")]
)
def test_what_would_fail_again_is_not_tried_again(error: GatewayError) -> None:
    world = World()
    with pytest.raises(type(error)):
        world.run(lambda path: error)
    assert len(world.read) == 1


def test_a_replica_is_tried_at_once_when_the_location_fails() -> None:
    world = World(HOME, COPY)
    assert f"{COPY}day=1/x.parquet" == world.run(broken_at(HOME))
    assert world.pauses == [0.0]
    assert world.seen(ReplicaRead) == 1


def test_when_both_fail_they_take_turns_with_pauses() -> None:
    world = World(HOME, COPY)
    with pytest.raises(StorageFailed):
        world.run(broken_at(HOME, COPY))
    assert [path.removesuffix("day=1/x.parquet") for path in world.read] == [HOME, COPY, HOME, COPY, HOME]
    assert world.pauses == [0.0, 0.1, 0.0, 0.4]


def test_a_replica_of_other_versions_is_not_used() -> None:
    world = World(HOME, COPY)
    outcomes = {HOME: ending(BUSY, None), COPY: ending(FilesChanged("other"))}
    found = world.run(lambda path: outcomes[path.removesuffix("day=1/x.parquet")](path))
    assert FILE.path == found
    assert world.seen(ReplicaUnusable) == 1


def test_an_unusable_replica_of_a_location_that_is_gone_leaves_its_failure() -> None:
    world = World(HOME, COPY)
    with pytest.raises(StorageFailed, match="gone"):
        world.run(lambda path: failing(path) if path.startswith(HOME) else FilesChanged("other"))


def test_a_location_that_keeps_failing_is_left_alone() -> None:
    world = World(HOME, COPY)
    for _ in range(FAILURES):
        world.run(broken_at(HOME))
    world.read.clear()
    world.run(broken_at(HOME))
    assert [f"{COPY}day=1/x.parquet"] == world.read
    assert world.stores.states() == {HOME.rstrip("/"): State.OPEN, COPY.rstrip("/"): State.CLOSED}
    assert world.seen(BreakerChanged) == 1


def test_without_any_location_that_may_be_used_it_fails_at_once() -> None:
    world = World()
    with pytest.raises(StorageFailed):
        world.run(broken_at(HOME))
    world.read.clear()
    with pytest.raises(StorageFailed, match="left alone") as raised:
        world.run(broken_at(HOME))
    assert world.read == []
    assert raised.value.retry_after is not None


def test_a_location_is_used_again_once_a_probe_worked() -> None:
    world = World()
    with pytest.raises(StorageFailed):
        world.run(broken_at(HOME))
    world.now += 1.0
    world.run(broken_at())
    assert State.CLOSED is world.stores.states()[HOME.rstrip("/")]


def test_a_query_refused_for_another_reason_gives_the_probe_to_the_next() -> None:
    world = World()
    with pytest.raises(StorageFailed):
        world.run(broken_at(HOME))
    world.now += 1.0
    with pytest.raises(QueryFailed):
        world.run(lambda path: QueryFailed("cast"))
    assert FILE.path == world.run(broken_at())


def test_a_deadline_that_a_silent_store_let_pass_counts_as_its_failure() -> None:
    world = World()
    for _ in range(FAILURES):
        with pytest.raises(DeadlineExceeded):
            world.run(lambda path: DeadlineExceeded("late", path=path))
    assert State.OPEN is world.stores.states()[HOME.rstrip("/")]


def test_only_the_location_at_fault_is_held_to_account() -> None:
    stores = Stores({"a": [place("s3://a/")], "b": [place("s3://b/")]}, retry=Retry(wait=lambda seconds: None))
    query = BoundQuery(name="q", version=1, sql="", normalised="", tables=("a", "b"), parameters={})

    def attempt(move: Move) -> None:
        raise StorageFailed("gone", passing=True, path="s3://b/x")

    with pytest.raises(StorageFailed):
        attempted(stores, query, attempt, deadline=1e9)
    assert stores.states() == {"s3://a": State.CLOSED, "s3://b": State.OPEN}


def test_reads_that_can_be_spared_are_refused_while_a_location_is_left_alone() -> None:
    world = World()
    world.stores.refuse_broken([FILE])
    with pytest.raises(StorageFailed):
        world.run(broken_at(HOME))
    with pytest.raises(StorageFailed):
        world.stores.refuse_broken([FILE])
    world.stores.refuse_broken([FileVersion(path="s3://elsewhere/x", size=1, etag="")])


def test_a_plan_is_rendered_over_the_files_of_the_replica() -> None:
    def statement(address: Callable[[FileVersion], str]) -> Statement:
        return Statement(sql=address(FILE), parameters={}, files=[FILE])

    plan = Plan(query=QUERY, scans=(), statement=statement)
    seen: list[Statement] = []
    world = World(HOME, COPY)

    def attempt(move: Move) -> None:
        seen.append(located(plan, lambda file: file.path, move))
        if move is stay:
            raise BUSY

    attempted(world.stores, QUERY, attempt, deadline=1e9)
    there = FileVersion(path=f"{COPY}day=1/x.parquet", size=3, etag='"a"')
    assert Statement(sql=there.path, parameters={}, files=[there]) == seen[1]


def test_what_is_known_of_a_location_outlives_a_change_of_the_tables() -> None:
    world = World()
    with pytest.raises(StorageFailed):
        world.run(broken_at(HOME))
    stores = world.stores.succeeded_by({"flights": [place(HOME)], "other": [place(COPY)]})
    assert stores.states() == {HOME.rstrip("/"): State.OPEN, COPY.rstrip("/"): State.CLOSED}

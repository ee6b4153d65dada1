"""Rows to train with, in an order that follows from a plan, a seed and an epoch, and not from who reads them.

The splits of a plan are put in an order that follows from (seed, epoch), and dealt out to a fixed number of *lanes*.
The order of items goes around the lanes: the first item of each, the second of each, …; an item is a row or a batch.
A worker reads some of the lanes, and leaves a gap in the turn of a lane that has ended. So the items of all workers,
taken in turn and without the gaps, are those of one.

    splits, in the order of the epoch   5 2 7 0 1 6 4 3
    lanes (4 of them)                   a: 5 1    b: 2 6    c: 7 4    d: 0 3
    items                               a0 b0 c0 d0 a1 b1 …
    of the first of two workers         a0    c0    a1    …
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal, Protocol, get_args

import pyarrow as pa
import pyarrow.compute as pc

from query_gateway_client.errors import QuestionInvalid
from query_gateway_client.question import whole
from query_gateway_client.splits import Plan, Split, reading_order, seed_of
from query_gateway_client.streams import Stream

Shuffle = Literal["rows", "splits"]
"""What is shuffled by a seed: the splits and the rows inside of each, or the splits alone."""
Position = tuple[int, int]
"""Where a lane goes on: the place of a split among those of the lane, and a row of it."""
_AT_ONCE = 1_024
"""Rows that are made Python's values at once."""
_READING = 4
"""Splits that one worker reads ahead at once."""


class Reads(Protocol):
    """What reads splits: a ``Client``."""

    def split(self, split: Split, *, row: int = 0, deadline: float | None = None, keep: bool = False) -> Stream: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """What comes of one lane in its turn, and where the lane goes on after it. A gap has no ``after``."""

    lane: int
    after: Position | None
    value: Any = None


class TrainingRows:
    """The rows of a plan, each once an epoch, in an order of their own for each seed and epoch.

    Iterating to the end gives one epoch, and the next time the next one: dictionaries, or Arrow tables of *batch_size*
    rows where that is given (the last one of a lane may have fewer). With a *seed* the splits are shuffled, and the
    rows inside of each, unless *shuffle* is ``splits``; without one they come in their order.

    A lane has one split in memory and reads the next one meanwhile, so take many splits. *keep* keeps them on this
    machine's disk for later epochs. The order is that of one number of *lanes*, *batch_size* and version of pyarrow.

    ``state_dict`` tells where the iteration has come: {plan, seed, shuffle, epoch, turn, positions}. What is iterated
    after ``load_state_dict`` goes on there, with any number of workers.

    Raises QuestionInvalid for an option that is none.
    """

    def __init__(
        self,
        client: Reads,
        plan: Plan,
        *,
        seed: int | None = None,
        batch_size: int | None = None,
        lanes: int = 8,
        shuffle: Shuffle = "rows",
        keep: bool = False,
    ) -> None:
        if shuffle not in get_args(Shuffle):
            raise QuestionInvalid(f"shuffle: {shuffle!r} is neither 'rows' nor 'splits'")
        self.client = client
        self.plan = plan
        self.seed = None if seed is None else whole("seed", seed)
        self.batch_size = None if batch_size is None else whole("batch_size", batch_size, least=1)
        self.lanes = whole("lanes", lanes, least=1)
        self.shuffle = shuffle
        self.keep = keep
        self.set_epoch(0)

    def set_epoch(self, epoch: int) -> None:
        """Begin an epoch, 0 or more; each has an order of its own."""
        self.epoch = whole("epoch", epoch, least=0)
        self._start: tuple[int, list[Position]] = (0, [(0, 0)] * self.lanes)
        self.begin()

    def begin(self) -> None:
        """Go back to where the epoch began, or to the state that was loaded."""
        self._turn, self._positions = self._start[0], list(self._start[1])

    def __iter__(self) -> Iterator[Any]:
        self.begin()
        for item in self.worker(0, 1):
            if item.after is not None:
                self.given(item)
                yield item.value
        self.set_epoch(self.epoch + 1)

    def given(self, item: Item) -> None:
        """Note that an item was given to whoever trains."""
        assert item.after is not None
        self._positions[item.lane] = item.after
        self._turn = (item.lane + 1) % self.lanes

    def state_dict(self) -> dict[str, Any]:
        """Return where the iteration has come, as JSON has it."""
        positions = [list(position) for position in self._positions]
        return {
            "plan": self.plan.id,
            "seed": self.seed,
            "shuffle": self.shuffle,
            "epoch": self.epoch,
            "turn": self._turn,
            "positions": positions,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where a state was taken.

        Raises QuestionInvalid where it is of another plan, seed, shuffle or number of lanes, or no state at all.
        """
        taken = _state(state)
        own = {"plan": self.plan.id, "seed": self.seed, "shuffle": self.shuffle, "lanes": self.lanes}
        for key, value in own.items():
            if (found := taken[key]) != value:
                raise QuestionInvalid(f"the state is of another order: its {key} is {found!r}, and here {value!r}")
        self.set_epoch(taken["epoch"])
        self._start = (taken["turn"], taken["positions"])
        self.begin()

    def converted(self, batch: pa.Table) -> Any:
        """Return a batch as whoever trains takes it."""
        return batch

    def worker(self, number: int, of: int) -> Iterator[Item]:
        """Yield the items of one of so many workers, and its gaps."""
        turns = -(-self.lanes // of) * of  # as many for each worker: those beyond the lanes are gaps
        mine = [(self._start[0] + turn) % turns for turn in range(number, turns, of)]
        pool = ThreadPoolExecutor(_READING, thread_name_prefix="read-ahead")
        try:
            lanes = {lane: self._lane(lane, pool) for lane in mine if lane < self.lanes}
            while lanes:
                for lane in mine:
                    item = next(lanes[lane], None) if lane in lanes else None
                    if item is None:
                        lanes.pop(lane, None)
                    yield item or Item(lane=lane, after=None)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _lane(self, lane: int, pool: ThreadPoolExecutor) -> Iterator[Item]:
        """Begin to read one lane where it has come; return its items."""
        splits = sorted(self.plan.splits, key=lambda split: split.number)
        numbers: Sequence[int] = range(len(splits))
        if self.seed is not None:
            numbers = reading_order(len(splits), seed=self.seed, epoch=self.epoch)
        place, row = self._start[1][lane]
        left = deque(splits[number] for number in list(numbers)[lane :: self.lanes][place:])
        ahead = _ReadAhead(read=self._read, left=left, pool=pool)
        cut = self._rows if self.batch_size is None else self._batches
        return (Item(lane=lane, after=after, value=value) for after, value in cut(ahead, place, row))

    def _rows(self, ahead: _ReadAhead, place: int, row: int) -> Iterator[tuple[Position, Any]]:
        """Yield the rows from a position on, each with the position after it."""
        for at, table in enumerate(ahead, start=place):
            for start in range(row, table.num_rows, _AT_ONCE):
                for after, value in enumerate(table.slice(start, _AT_ONCE).to_pylist(), start=start + 1):
                    yield (at, after), value
            row = 0

    def _batches(self, ahead: _ReadAhead, place: int, row: int) -> Iterator[tuple[Position, Any]]:
        """Yield the batches from a position on, each with the position after it; they go on over the ends of splits."""
        size, pieces, after = self.batch_size or 1, [], (place, row)
        missing = size
        for at, table in enumerate(ahead, start=place):
            while row < table.num_rows:
                pieces.append(table.slice(row, missing))
                row += pieces[-1].num_rows
                missing -= pieces[-1].num_rows
                after = (at, row)
                if not missing:
                    yield after, self.converted(pa.concat_tables(pieces))
                    pieces, missing = [], size
            row = 0
        if pieces:
            yield after, self.converted(pa.concat_tables(pieces))

    def _read(self, split: Split) -> pa.Table:
        """Read a split whole, so that the gateway does not wait for whoever trains."""
        with self.client.split(split, keep=self.keep) as stream:
            batches = list(stream)
            table = pa.Table.from_batches(batches, schema=stream.schema)
        if self.seed is None or self.shuffle == "splits":
            return table
        chance = pc.random(table.num_rows, initializer=seed_of(self.seed, self.epoch, split.number))
        return table.take(pc.sort_indices(chance))


def _state(state: Mapping[str, Any]) -> dict[str, Any]:
    """Read what ``state_dict`` returned, of an older version too. Raises QuestionInvalid."""
    try:
        positions = [(whole("place", place, least=0), whole("row", row, least=0)) for place, row in state["positions"]]
        return {
            "plan": state["plan"],
            "seed": state["seed"],
            "shuffle": state.get("shuffle", "rows"),
            "lanes": len(positions),
            "epoch": whole("epoch", state["epoch"], least=0),
            "turn": whole("turn", state["turn"], least=0) % len(positions),
            "positions": positions,
        }
    except (KeyError, TypeError, ValueError, AttributeError, ZeroDivisionError) as error:
        raise QuestionInvalid(f"this is nothing that state_dict returned: {error!r}") from error


class _ReadAhead(Iterator[pa.Table]):
    """The tables of some splits, in their order; while one is used, the next one is read."""

    def __init__(self, *, read: Callable[[Split], pa.Table], left: deque[Split], pool: ThreadPoolExecutor) -> None:
        self._read = read
        self._left = left
        self._pool = pool
        self._coming: Future[pa.Table] | None = self._begun()

    def __next__(self) -> pa.Table:
        if self._coming is None:
            raise StopIteration
        table = self._coming.result()
        self._coming = self._begun()
        return table

    def _begun(self) -> Future[pa.Table] | None:
        return self._pool.submit(self._read, self._left.popleft()) if self._left else None

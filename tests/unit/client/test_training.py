"""The order of training rows: that of the seed and the epoch, whoever reads them and wherever they stopped."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from query_gateway_client import Plan, QuestionInvalid, Split, Stream, TrainingRows
from query_gateway_client.question import Target
from query_gateway_client.retry import Attempts, Deadline, Retry
from query_gateway_client.training import Item
from query_gateway_client.transfer import Transfer


@dataclass(frozen=True, slots=True, kw_only=True)
class Splits:
    """Splits in memory, read as those of a gateway are; the first row of each has the number of all before it."""

    sizes: Sequence[int]

    def split(self, split: Split, *, row: int = 0, deadline: float | None = None, keep: bool = False) -> Stream:
        begin = sum(self.sizes[: split.number])
        table = pa.table({"id": pa.array(range(begin, begin + self.sizes[split.number]), pa.int64())})
        attempts = Attempts(retry=Retry(), deadline=Deadline(at=None))
        transfer = Transfer(target=Target(method="GET", path=""), attempts=attempts, base="", silence=1, kept=None)
        transfer.schema = table.schema

        def batches() -> Generator[pa.RecordBatch, None, None]:
            yield from table.slice(row).to_batches(max_chunksize=7)

        return Stream([transfer], batches())

    def plan(self) -> Plan:
        splits = tuple(Split(number=number, address="", rows=None, bytes=None) for number in range(len(self.sizes)))
        return Plan(id="p", query="q", version=1, parameters={}, snapshot=None, rows=None, bytes=None, splits=splits)


def made(sizes: Sequence[int], **options: Any) -> TrainingRows:
    splits = Splits(sizes=sizes)
    return TrainingRows(splits, splits.plan(), **options)


def ids(value: Any) -> list[int]:
    return value["id"].to_pylist() if isinstance(value, pa.Table) else [value["id"]]


def in_turn(workers: list[Iterator[Item]]) -> Iterator[Item]:
    """Take the items of workers as PyTorch's ``DataLoader`` does: one of each in turn, until it ends."""
    while workers:
        left = []
        for worker in workers:
            if (item := next(worker, None)) is not None:
                left.append(worker)
                yield item
        workers = left


def by_workers(rows: TrainingRows, count: int) -> list[list[int]]:
    items = in_turn([rows.worker(number, count) for number in range(count)])
    return [ids(item.value) for item in items if item.after is not None]


OPTIONS = st.fixed_dictionaries(
    {
        "seed": st.sampled_from([None, 7]),
        "batch_size": st.sampled_from([None, 1, 4, 10]),
        "lanes": st.integers(1, 5),
        "shuffle": st.sampled_from(["rows", "splits"]),
    }
)
SIZES = st.lists(st.integers(0, 25), max_size=12)


@settings(max_examples=40)
@given(sizes=SIZES, options=OPTIONS, workers=st.integers(1, 6), epoch=st.integers(0, 2))
def test_the_order_does_not_depend_on_the_number_of_workers(
    sizes: list[int], options: dict[str, Any], workers: int, epoch: int
) -> None:
    rows = made(sizes, **options)
    rows.set_epoch(epoch)
    one = [ids(value) for value in rows]
    rows.set_epoch(epoch)
    assert by_workers(rows, workers) == one
    assert sorted(number for batch in one for number in batch) == list(range(sum(sizes)))


@settings(max_examples=40)
@given(sizes=SIZES, options=OPTIONS, workers=st.integers(1, 6), part=st.floats(0, 1))
def test_what_was_stopped_goes_on_where_it_was_with_any_number_of_workers(
    sizes: list[int], options: dict[str, Any], workers: int, part: float
) -> None:
    whole = [ids(value) for value in made(sizes, **options)]
    stopped = made(sizes, **options)
    taken = [ids(value) for value in islice(stopped, int(part * len(whole)))]
    state = json.loads(json.dumps(stopped.state_dict()))
    if len(taken) < len(whole):
        again = made(sizes, **options)
        again.load_state_dict(state)
        assert taken + by_workers(again, workers) == whole
        assert taken + [ids(value) for value in again] == whole


def test_each_epoch_and_seed_has_an_order_of_its_own() -> None:
    rows = made([20] * 10, seed=7, lanes=3)
    orders = [[ids(value)[0] for value in rows] for _ in range(2)]
    other = [ids(value)[0] for value in made([20] * 10, seed=8, lanes=3)]
    assert sorted(orders[0]) == sorted(orders[1]) == sorted(other) == list(range(200))
    assert orders[0] != orders[1] != other != orders[0]
    rows.set_epoch(0)
    assert [ids(value)[0] for value in rows] == orders[0]


def test_what_was_broken_off_begins_anew() -> None:
    rows = made([5, 5], lanes=1)
    assert [ids(next(iter(rows))) for _ in range(2)] == [[0], [0]]


@pytest.mark.parametrize("change", [{"plan": "other"}, {"seed": 8}, {"shuffle": "splits"}, {"positions": [[0, 0]]}])
def test_a_state_of_another_order_is_refused(change: dict[str, Any]) -> None:
    rows = made([5], seed=7)
    with pytest.raises(QuestionInvalid, match="the state is of another order"):
        rows.load_state_dict(rows.state_dict() | change)


@pytest.mark.parametrize("damaged", [[], {}, {"plan": "p"}, {"positions": []}, {"positions": [[0]]}, {"epoch": "1"}])
def test_what_is_no_state_is_refused(damaged: Any) -> None:
    rows = made([5], seed=7)
    state = rows.state_dict() | damaged if damaged and "plan" not in damaged else damaged
    with pytest.raises(QuestionInvalid, match="nothing that state_dict returned"):
        rows.load_state_dict(state)


def test_a_state_of_the_first_release_is_one_of_shuffled_rows() -> None:
    rows = made([5, 5], seed=7)
    state = rows.state_dict()
    del state["shuffle"]
    rows.load_state_dict(state)
    with pytest.raises(QuestionInvalid, match="its shuffle is 'rows', and here 'splits'"):
        made([5, 5], seed=7, shuffle="splits").load_state_dict(state)


ODD = [{"lanes": 0}, {"lanes": True}, {"batch_size": 0}, {"batch_size": 2.5}, {"shuffle": "split"}, {"seed": "7"}]


@pytest.mark.parametrize("options", ODD)
def test_an_option_that_is_none_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(QuestionInvalid, match=next(iter(options))):
        made([5], **options)


def test_no_epoch_is_before_the_first() -> None:
    with pytest.raises(QuestionInvalid, match="epoch: -1 is less than 0"):
        made([5]).set_epoch(-1)

"""The Python client reads answers in splits: each row once, whatever breaks, and in one order to train with."""

from __future__ import annotations

import asyncio
import multiprocessing
import sys
from collections.abc import Callable, Iterator
from itertools import chain, islice
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any

import httpx
import pytest
from fault_proxy import BUSY, CUT, LATE, RESET, RESET_LATER, Asked, Fault, FaultProxy, Program, once, share
from numbers_table import ALL, ROWS, SIZES, SOME, ids, make_project, write_file
from query_gateway_client import (
    AsyncClient,
    Client,
    Gone,
    InvalidParameters,
    MissingLibrary,
    Plan,
    QuestionInvalid,
    Retry,
    Split,
)

pytestmark = pytest.mark.gunicorn

SOON = Retry(times=20, first=0.001, longest=0.01)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_project(tmp_path_factory.mktemp("splits"))


@pytest.fixture(scope="module")
def server(project: Path, serve_for_module: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return serve_for_module(project, {"GATEWAY_STATE": str(tmp_path_factory.mktemp("state"))}, workers=1)


@pytest.fixture
def retry() -> Retry:
    return SOON


@pytest.fixture
def through(through: Callable[[Program], FaultProxy]) -> Callable[[Program], FaultProxy]:
    """Set what happens to requests for splits, and count anew."""
    return lambda program: through(lambda asked: program(asked) if "/splits/" in asked.path else None)


@pytest.mark.parametrize("query", ["numbers", "ranked"])
def test_the_splits_of_an_answer_are_the_answer(query: str, qg: Client) -> None:
    plan = qg.splits(query, below=SOME, splits=7)
    assert (len(plan.splits), plan.query, plan.version, plan.parameters) == (7, query, 1, {"below": SOME})
    assert plan == qg.splits(query, below=SOME, splits=7)
    apart = ids(batch for split in plan.splits for batch in qg.split(split))
    with qg.stream(query, below=SOME, splits=7, workers=3) as stream:
        assert stream.schema == qg.read(query, below=SOME).arrow().schema
        together = ids(stream)
    whole = qg.read(query, below=SOME).arrow()["id"].to_pylist()
    assert sorted(together) == sorted(apart) == sorted(whole)
    assert query == "numbers" or apart == whole


def test_an_answer_without_rows_has_columns_in_splits_too(qg: Client) -> None:
    with qg.stream("numbers", below=0, splits=3) as stream:
        assert (stream.schema.names, list(stream)) == (["id", "mixed", "label"], [])


def test_a_plan_that_cannot_be_made_is_a_problem(qg: Client) -> None:
    with pytest.raises(InvalidParameters, match="splits: is a whole number from 1 to 1,024"):
        qg.splits("numbers", below=1, splits=0)
    with pytest.raises(InvalidParameters, match="below: is missing"):
        qg.stream("numbers", splits=4)
    with pytest.raises(QuestionInvalid, match="workers: 0 is less than 1"):
        qg.stream("numbers", below=1, splits=4, workers=0)
    assert qg.splits("numbers", {"below": 1}, splits=2).id != qg.splits("numbers", {"below": 2}, splits=2).id


@pytest.mark.parametrize("workers", [0, -1, 1.5, True])
def test_nobody_is_no_worker(qg: Client, workers: Any) -> None:
    plan = qg.splits("numbers", below=1, splits=2)
    with pytest.raises(QuestionInvalid, match="workers"):
        qg.read_splits(plan, workers=workers)
    with pytest.raises(QuestionInvalid, match="workers"):
        AsyncClient("http://127.0.0.1:1", cache=False).read_splits(plan, workers=workers)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("query", ["numbers", "ranked"])
def test_each_row_comes_once_whatever_breaks(
    query: str, seed: int, shaky: Client, through: Callable[[Program], FaultProxy]
) -> None:
    late = Fault(name="late", delay=0.01)
    proxy = through(share(0.5, (BUSY, RESET, RESET_LATER, CUT, Fault(name="end", keep=0.999), late), seed))
    found = ids(shaky.stream(query, below=ALL, splits=24, workers=4))
    assert (len(found), sorted(found)) == (ROWS, list(range(ROWS)))
    assert proxy.faults.total() > 10


@pytest.mark.parametrize("query", ["numbers", "ranked"])
def test_each_row_comes_once_in_an_event_loop(
    query: str, proxy: FaultProxy, through: Callable[[Program], FaultProxy]
) -> None:
    through(share(0.5, (BUSY, RESET, RESET_LATER, CUT), seed=4))

    async def read() -> tuple[list[int], list[int], int]:
        async with AsyncClient(proxy.endpoint, cache=False, connections=4, retry=SOON) as client:
            plan = await client.splits(query, below=ALL, splits=12)
            found = [number async for batch in client.read_splits(plan) for number in batch["id"].to_pylist()]
            one = [number async for batch in client.split(plan.splits[3]) for number in batch["id"].to_pylist()]
            async with client.read_splits(plan, workers=3) as stream:
                await anext(stream)
            left = [task for task in asyncio.all_tasks() if task.get_name() == "read-splits"]
            return found, one, len(left)

    found, one, left = asyncio.run(read())
    assert (len(found), sorted(found), left) == (ROWS, list(range(ROWS)), 0)
    assert set(one) < set(found)


def test_a_split_that_was_cut_goes_on_at_the_row(shaky: Client, through: Callable[[Program], FaultProxy]) -> None:
    [split] = shaky.splits("numbers", below=ALL, splits=1).splits
    parts = iter([0.3, 0.0, 0.6, 0.9])
    through(lambda asked: Fault(name="cut", keep=part) if (part := next(parts, None)) is not None else None)
    found, whole = ids(shaky.split(split)), ids(shaky.split(split))
    assert (found, len(set(whole))) == (whole, ROWS)
    assert ids(shaky.split(split, row=ROWS - 5)) == whole[-5:]


class Counted(httpx.HTTPTransport):
    """Counts the bytes of bodies that come."""

    received = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = super().handle_request(request)
        return httpx.Response(response.status_code, headers=response.headers, stream=_Counting(response.stream, self))


class _Counting(httpx.SyncByteStream):
    def __init__(self, stream: Any, counted: Counted) -> None:
        self._stream, self._counted = stream, counted

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._stream:
            self._counted.received += len(piece)
            yield piece

    def close(self) -> None:
        self._stream.close()


@pytest.mark.parametrize("query", ["numbers", "ranked"])
def test_less_than_a_batch_is_sent_again_after_a_cut(
    query: str, proxy: FaultProxy, through: Callable[[Program], FaultProxy]
) -> None:
    counted = Counted()
    with Client(proxy.endpoint, cache=False, retry=SOON, transport=counted) as client:
        [split] = client.splits(query, below=ALL, splits=1).splits
        counted.received = 0
        batches = list(client.split(split))
        whole, counted.received = counted.received, 0
        through(once(Fault(name="cut", keep=0.9), lambda asked: True))
        assert ids(client.split(split)) == ids(batches)
    again, largest = counted.received - whole, max(batch.nbytes for batch in batches)
    assert (len(batches) > 1, 0 < again < 1.1 * largest) == (True, True)


def test_what_is_read_is_told(qg: Client, capsys: pytest.CaptureFixture[str]) -> None:
    told: list[Any] = []
    assert len(ids(qg.stream("numbers", below=SOME, splits=5, progress=told.append))) == told[-1].rows
    assert (told[-1].splits, told[-1].of) == (5, 5)
    ids(qg.stream("numbers", below=SOME, splits=5, progress=True))
    assert "5/5 splits, " in capsys.readouterr().err


def split_in_a_process(client: Client, split: Split) -> list[int]:
    return ids(client.split(split))


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_processes_read_the_splits_that_they_are_handed(qg: Client) -> None:
    plan: Plan = qg.splits("numbers", below=SOME, splits=6)
    with multiprocessing.get_context("fork").Pool(2) as pool:
        found = pool.starmap(split_in_a_process, [(qg, split) for split in plan.splits])
    assert sorted(chain.from_iterable(found)) == sorted(ids(qg.stream("numbers", below=SOME)))


def test_a_queue_of_splits_is_worked_off(qg: Client) -> None:
    todo: SimpleQueue[Split | None] = SimpleQueue()
    found: list[list[int]] = []

    def work() -> None:
        while (split := todo.get()) is not None:
            found.append(ids(qg.split(split)))

    workers = [Thread(target=work) for _ in range(2)]
    for split in (*qg.splits("numbers", below=SOME, splits=9).splits, *[None] * len(workers)):
        todo.put(split)
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(chain.from_iterable(found)) == sorted(ids(qg.stream("numbers", below=SOME)))


# Training.


@pytest.mark.parametrize("query", ["numbers", "ranked"])
def test_rows_to_train_with_come_in_one_order_and_go_on_where_they_were(
    query: str, qg: Client, shaky: Client, through: Callable[[Program], FaultProxy]
) -> None:
    def training(client: Client) -> Any:
        return client.training(query, below=SOME, seed=7, batch_size=100, splits=12, lanes=4)

    through(share(0.3, (BUSY, RESET, CUT, LATE), seed=1))
    first = training(qg)
    batches = [batch["id"].to_pylist() for batch in first]
    assert sorted(chain.from_iterable(batches)) == sorted(ids(qg.stream(query, below=SOME)))
    assert batches == [batch["id"].to_pylist() for batch in training(shaky)]
    assert batches != [batch["id"].to_pylist() for batch in first]  # the next epoch
    stopped, again = training(shaky), training(qg)
    taken = [batch["id"].to_pylist() for batch in islice(stopped, 50)]
    again.load_state_dict(stopped.state_dict())
    assert taken + [batch["id"].to_pylist() for batch in again] == batches


def test_later_epochs_are_read_from_the_disk(shaky: Client, through: Callable[[Program], FaultProxy]) -> None:
    asked: list[Asked] = []
    through(lambda each: asked.append(each))
    rows = shaky.training("numbers", below=SOME, seed=7, splits=4, lanes=2, keep=True)
    first = sorted(row["id"] for row in rows)
    with shaky.split(rows.plan.splits[0], keep=True) as stream:
        assert (sum(batch.num_rows for batch in stream) > 0, stream.about.reused) == (True, True)
    assert first == sorted(row["id"] for row in rows)


def test_a_split_that_came_in_two_parts_is_not_kept(
    shaky: Client, through: Callable[[Program], FaultProxy], tmp_path: Path
) -> None:
    [split] = shaky.splits("ranked", below=SOME, splits=1).splits
    parts = iter([RESET, Fault(name="cut", keep=0.5)])
    through(lambda asked: next(parts, None))
    reused, kept = [], []
    for _ in range(3):
        with shaky.split(split, keep=True) as stream:
            assert len(ids(stream)) > 0
            reused.append(stream.about.reused)
        kept.append(len(list((tmp_path / "kept").iterdir())))
    assert (reused, kept) == ([False, False, True], [0, 1, 1])


def test_a_dataset_of_pytorch_needs_it(qg: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingLibrary, match="pip install torch"):
        qg.torch("numbers", below=SOME)


# Snapshots; what follows changes the table.


def test_a_snapshot_is_read_again_after_the_table_has_changed(qg: Client, server: Any, project: Path) -> None:
    before = qg.read("numbers", below=ALL)
    plan = qg.splits("numbers", below=ALL, splits=4)
    assert plan.snapshot == before.about.snapshot
    write_file(project, len(SIZES), ROWS, 1_000)
    assert server.post("/v1/tables/numbers/refresh", b"{}").status == 200
    assert len(qg.read("numbers", below=ALL)) == ROWS + 1_000
    again = qg.read("numbers", below=ALL, snapshot=before.about.snapshot)
    assert (len(again), again.about.snapshot) == (ROWS, plan.snapshot)
    assert sorted(ids(qg.read_splits(plan))) == list(range(ROWS))
    assert len(ids(qg.stream("numbers", below=ALL, snapshot=plan.snapshot))) == ROWS
    assert qg.splits("numbers", below=ALL, splits=4, snapshot=plan.snapshot) == plan
    write_file(project, 0, 0, 5)
    with pytest.raises(Gone) as caught:
        ids(qg.read_splits(plan))
    assert (caught.value.code, caught.value.members["file"]) == ("snapshot-gone", "part=0/0.parquet")

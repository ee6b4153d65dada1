"""Work in threads: its results come in order, few ahead, and no thread outlives it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from threading import Barrier, Event

import pytest

from gateway.encode.parallel import in_order

THREADS = [1, 2, 4]


def pool() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("encode")]


@pytest.mark.parametrize("threads", THREADS)
@pytest.mark.parametrize("count", [0, 1, 2, 50])
def test_results_come_in_the_order_of_the_items(threads: int, count: int) -> None:
    assert list(in_order(lambda item: item * 2, range(count), threads)) == [item * 2 for item in range(count)]
    assert pool() == []


def test_the_work_is_done_in_several_threads_at_once() -> None:
    together = Barrier(2, timeout=30)
    after_the_first = in_order(lambda item: together.wait() if item else 0, range(5), 2)
    assert sorted(after_the_first) == [0, 0, 0, 1, 1]


@pytest.mark.parametrize("threads", THREADS)
def test_the_first_result_comes_before_the_second_item_is_taken(threads: int) -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for item in range(3):
            taken.append(item)
            yield item

    results = in_order(str, items(), threads)
    assert next(results) == "0"
    assert taken == [0]
    assert pool() == []


@pytest.mark.parametrize("threads", THREADS)
def test_few_items_are_taken_ahead(threads: int) -> None:
    taken = 0

    def endless() -> Iterator[int]:
        nonlocal taken
        while True:
            taken += 1
            yield taken

    results = in_order(str, endless(), threads)
    for given in range(1, 40):
        assert next(results) == str(given)
        assert taken <= given + threads + 1
    results.close()
    assert pool() == []


@pytest.mark.parametrize("threads", THREADS)
def test_an_error_of_the_items_ends_the_results(threads: int) -> None:
    def breaking() -> Iterator[int]:
        yield from range(10)
        raise KeyError("broken")

    results: list[int] = []
    with pytest.raises(KeyError, match="broken"):
        results.extend(in_order(abs, breaking(), threads))
    assert results == list(range(len(results)))
    assert pool() == []


@pytest.mark.parametrize("threads", THREADS)
def test_an_error_of_the_work_comes_in_its_place(threads: int) -> None:
    results = in_order(lambda item: 1 // (item - 3), range(10), threads)
    assert [next(results) for _ in range(3)] == [-1, -1, -1]
    with pytest.raises(ZeroDivisionError):
        next(results)
    assert pool() == []


def test_closing_waits_for_what_is_being_made() -> None:
    began, may_end, ended = Event(), Event(), Event()

    def work(item: int) -> int:
        if item == 1:
            began.set()
            may_end.wait(30)
            ended.set()
        return item

    results = in_order(work, range(9), 2)
    assert next(results) == 0
    reader = threading.Thread(target=lambda: (began.wait(30), may_end.set()))
    reader.start()
    assert next(results) == 1
    results.close()
    assert ended.is_set()
    assert pool() == []
    reader.join()

"""Binders that follow one another share a process, and nothing else."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from process_tree import Process, tree

from gateway.engine.binder import Binder, Runaway, Unbindable
from gateway.engine.binder_process import one_after_another
from gateway.model import Column

ENDLESS = "generate_series(DATE '0001-01-01', DATE '9999-01-01', INTERVAL 1 SECOND)"
NUMBERS = (Column(name="n", type="BIGINT"),)


@pytest.fixture
def apart() -> Iterator[Callable[[Callable[[], None]], None]]:
    """Run a function in a thread of its own, which has no process from the tests before."""
    with ThreadPoolExecutor(1) as threads:
        yield lambda function: threads.submit(function).result()


def children() -> set[Process]:
    return {process for process in tree(os.getpid()) if process.pid != os.getpid()}


def started(before: set[Process], binder: Binder) -> set[Process]:
    """Bind something, and return the processes that were not there before."""
    assert binder.columns("SELECT 1 AS a", {}) == (Column(name="a", type="INTEGER"),)
    return children() - before


def test_the_next_binder_has_the_process_and_none_of_the_tables(apart: Callable[[Callable[[], None]], None]) -> None:
    def bind() -> None:
        before = children()
        with one_after_another():
            with closing(Binder()) as first:
                first.declare("t", NUMBERS)
                assert first.columns("SELECT n FROM t", {}) == NUMBERS
                process = started(before, first)
            with closing(Binder()) as second:
                assert started(before, second) == process
                with pytest.raises(Unbindable, match="table with name t does not exist"):
                    second.columns("SELECT n FROM t", {})
                second.declare("t", (Column(name="n", type="VARCHAR"),))
                assert second.columns("SELECT n FROM t", {}) == (Column(name="n", type="VARCHAR"),)
        assert (len(process), children() & process) == (1, set())

    apart(bind)


def test_two_binders_at_one_time_have_a_process_each(apart: Callable[[Callable[[], None]], None]) -> None:
    def bind() -> None:
        before = children()
        with one_after_another():
            with closing(Binder()) as first, closing(Binder()) as second:
                one = started(before, first)
                both = started(before, second)
                assert (len(one), len(both)) == (1, 2)
            assert len(children() & both) == 1
        assert children() & both == set()

    apart(bind)


@pytest.mark.parametrize("memory", [256 << 20, 200 << 20])
def test_a_process_of_another_limit_of_memory_is_not_used(
    memory: int, apart: Callable[[Callable[[], None]], None]
) -> None:
    def bind() -> None:
        before = children()
        with one_after_another():
            with closing(Binder(memory=256 << 20)) as first:
                process = started(before, first)
            with closing(Binder(memory=memory)) as second:
                assert (started(before, second) == process) is (memory == 256 << 20)

    apart(bind)


def test_a_process_that_was_ended_over_a_text_or_between_two_binders_is_replaced(
    apart: Callable[[Callable[[], None]], None],
) -> None:
    def bind() -> None:
        before = children()
        with one_after_another():
            with closing(Binder(seconds=0.2)) as first, pytest.raises(Runaway):
                first.columns(f"SELECT 1 AS a LIMIT len({ENDLESS})", {})
            with closing(Binder()) as second:
                [process] = started(before, second)
            os.kill(process.pid, signal.SIGKILL)
            with closing(Binder()) as third:
                assert started(before, third).isdisjoint({process})

    apart(bind)


def test_without_the_block_each_binder_starts_a_process(apart: Callable[[Callable[[], None]], None]) -> None:
    def bind() -> None:
        before = children()
        with closing(Binder()) as first:
            process = started(before, first)
        assert children() & process == set()

    apart(bind)

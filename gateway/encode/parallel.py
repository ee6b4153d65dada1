"""Does work on a sequence of items in threads, and gives the results out in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_order(work: Callable[[Item], Result], items: Iterable[Item], threads: int) -> Generator[Result]:
    """Apply *work* to each item; at most one more than *threads* results are made or held at a time.

    Items are taken one after the other in the thread that iterates. The first result is made there too: it is given out
    before the second item is taken, and what has one item starts no threads. An error of the items or of the work ends
    the iteration; when it has ended, or was closed, no thread is left.
    """
    taken = iter(items)
    for item in taken:
        yield work(item)
        break
    if threads < 2:
        yield from map(work, taken)
        return
    yield from pooled(work, taken, threads)


def pooled(work: Callable[[Item], Result], items: Iterable[Item], threads: int) -> Generator[Result]:
    """Apply *work* as ``in_order`` does, but never in the thread that iterates, which one thread can so work beside."""
    waiting: deque[Future[Result]] = deque()
    pool = ThreadPoolExecutor(threads, thread_name_prefix="encode")
    try:
        for item in items:
            waiting.append(pool.submit(work, item))
            while waiting and (len(waiting) > threads or waiting[0].done()):
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)

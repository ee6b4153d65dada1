"""Thread priorities (nice values): threads that answer requests run before threads that compute."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

T = TypeVar("T")

COMPUTING = 16
"""Nice value of the engine's process. Beside four heavy queries the slowest hits take twice as long as alone, at 10
three times. Where hits leave nothing of the processors it has a thirtieth of them, at 10 a tenth."""
FILLING = 5
"""Nice value of threads that run a query: they hold Python's lock now and then, so they must not wait for too long."""


def give_way(nice: int) -> None:
    """Lower the priority of this thread and of those that it starts (on Linux, nice values are per thread)."""
    own = threading.get_native_id()
    os.setpriority(os.PRIO_PROCESS, own, max(nice, os.getpriority(os.PRIO_PROCESS, own)))


def giving_way(work: Callable[[], T]) -> T:
    """Run *work* in a thread of low priority, which the threads that it starts inherit."""
    with ThreadPoolExecutor(1, initializer=partial(give_way, COMPUTING)) as pool:
        return pool.submit(work).result()

"""What the supervisor sees of a process: whether it waits for a processor."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from waiting import wait_for

from gateway.processes.watched import Running, Watched

BUSY = "while True: pass"
MANY = """
from hashlib import sha256
from threading import Thread
def work():
    while True: sha256(bytes(10_000_000))  # without the interpreter's lock
for _ in range(30): Thread(target=work).start()
"""
START = "import os, time; os.sched_setaffinity(0, {%d}); os.nice(%d)\n%s"


@pytest.fixture
def start() -> Iterator[Callable[[str, int], int]]:
    """Start programs on one processor, with a nice value."""
    cpu = min(os.sched_getaffinity(0))
    with ExitStack() as stack:

        def begin(work: str, nice: int) -> int:
            process = subprocess.Popen([sys.executable, "-c", START % (cpu, nice, work)])
            stack.callback(process.wait)
            stack.callback(process.kill)
            return process.pid

        yield begin


def watched(number: int) -> Watched:
    unused: Any = None
    now = time.monotonic()
    found = Watched(
        role=unused, number=number, watch=-1, channel=unused, statm=-1, inherited=0, began=now, heard=now, busy=now
    )
    found.running["1"] = Running(text="SELECT 1", deadline=now - 1, remote=False, began=now - 2)
    return found


def looks(process: Watched, *, brief: bool = False) -> list[bool]:
    """Look several times, which takes half a second."""
    found = [process.starves(time.monotonic(), brief=brief)]
    for _ in range(5):
        time.sleep(0.1)
        found.append(process.starves(time.monotonic(), brief=brief))
    return found


@pytest.mark.parametrize("brief", [False, True])
def test_a_process_starves_where_others_leave_it_no_processor(start: Callable[[str, int], int], brief: bool) -> None:
    process = watched(start(BUSY, 19))
    for _ in range(2):
        start(BUSY, 0)
    wait_for(lambda: looks(process, brief=brief)[-1])


def test_where_each_of_many_threads_has_little_what_is_brief_starves_and_other_work_does_not(
    start: Callable[[str, int], int],
) -> None:
    process = watched(start(MANY, 0))
    wait_for(lambda: looks(process, brief=True)[-1] and not looks(process)[-1])


@pytest.mark.parametrize("work", [BUSY, "time.sleep(600)"], ids=["busy", "asleep"])
def test_a_process_that_has_its_processor_or_wants_none_does_not_starve(
    start: Callable[[str, int], int], work: str
) -> None:
    process = watched(start(work, 0))
    wait_for(lambda: not any(looks(process)))


def test_a_process_in_which_nothing_is_late_does_not_starve(start: Callable[[str, int], int]) -> None:
    process = watched(start(BUSY, 19))
    start(BUSY, 0)
    process.running["1"].deadline = time.monotonic() + 600
    assert not any(looks(process))

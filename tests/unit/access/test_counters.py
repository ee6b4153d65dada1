"""Counters in a file count for all workers of a machine, as those in memory do for one."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from limits import RateLimitItemPerSecond
from limits.errors import StorageError
from limits.strategies import FixedWindowRateLimiter, SlidingWindowCounterRateLimiter

from gateway.access.counters import MachineCounters

WINDOW = 3_600
START = 1_000_000 * WINDOW + 0.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "limits.db"


@pytest.fixture
def now() -> list[float]:
    return [START]


@pytest.fixture
def counters(path: Path, now: list[float]) -> MachineCounters:
    return MachineCounters(path, clock=lambda: now[0])


HITS = """
import sys
from pathlib import Path
from limits import RateLimitItemPerSecond
from limits.strategies import SlidingWindowCounterRateLimiter
from gateway.access.counters import MachineCounters
limiter = SlidingWindowCounterRateLimiter(MachineCounters(Path(sys.argv[1])))
print(sum(limiter.hit(RateLimitItemPerSecond(100, 86_400), "ana") for _ in range(60)))
"""


def test_processes_count_together(path: Path) -> None:
    command = [sys.executable, "-c", HITS, str(path)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    assert sum(int(each.communicate(timeout=60)[0]) for each in running) == 100


def test_threads_lose_no_count(counters: MachineCounters) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: counters.incr("bytes", WINDOW, 5), range(200)))
    assert counters.get("bytes") == 1_000


def test_a_window_ends(counters: MachineCounters, now: list[float]) -> None:
    assert [counters.incr("a", 10), counters.incr("a", 10, 4)] == [1, 5]
    assert counters.get_expiry("a") == START + 10
    now[0] += 10
    assert counters.get("a") == 0
    assert counters.incr("a", 10) == 1


def test_the_window_slides(counters: MachineCounters, now: list[float]) -> None:
    assert [counters.acquire_sliding_window_entry("a", 10, WINDOW) for _ in range(11)] == [True] * 10 + [False]
    now[0] += WINDOW * 1.5
    assert counters.get_sliding_window("a", WINDOW) == (10, WINDOW / 2, 0, WINDOW * 1.5)
    assert [counters.acquire_sliding_window_entry("a", 10, WINDOW) for _ in range(6)] == [True] * 5 + [False]
    now[0] += WINDOW * 2
    assert counters.acquire_sliding_window_entry("a", 10, WINDOW, 10)


def test_a_portion_that_does_not_fit_is_not_counted(counters: MachineCounters) -> None:
    assert not counters.acquire_sliding_window_entry("a", 10, WINDOW, 11)
    assert counters.acquire_sliding_window_entry("a", 10, WINDOW, 10)


def test_counters_of_windows_that_ended_are_removed(counters: MachineCounters, now: list[float]) -> None:
    for number in range(1_000):
        counters.incr(f"a{number}", 1)
    now[0] += 1
    for _ in range(1_000):
        counters.incr("b", 1)
    assert counters.reset() == 1


def test_a_counter_is_cleared(counters: MachineCounters) -> None:
    counters.incr("a", WINDOW)
    counters.acquire_sliding_window_entry("s", 1, WINDOW)
    counters.clear("a")
    counters.clear_sliding_window("s", WINDOW)
    assert counters.get("a") == 0
    assert counters.acquire_sliding_window_entry("s", 1, WINDOW)
    assert counters.check()


def test_a_broken_file_is_begun_anew(path: Path, counters: MachineCounters) -> None:
    path.write_bytes(b"no database at all, " * 500)
    assert counters.incr("a", WINDOW) == 1


def test_a_file_that_cannot_be_written_is_an_error_of_the_storage(tmp_path: Path) -> None:
    with pytest.raises(StorageError):
        MachineCounters(tmp_path / "nowhere" / "limits.db").incr("a", WINDOW)


def test_the_library_tells_what_is_left(path: Path) -> None:
    counters, item = MachineCounters(path), RateLimitItemPerSecond(5, 86_400)
    for limiter in (FixedWindowRateLimiter(counters), SlidingWindowCounterRateLimiter(counters)):
        assert limiter.hit(item, "ana", cost=3)
        assert limiter.get_window_stats(item, "ana").remaining == 2

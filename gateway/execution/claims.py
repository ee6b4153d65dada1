"""Claims on partials: each is computed by one caller at a time, among the threads, processes and hosts that share them.

Claiming never waits. Who has claimed some computes them, and waits for those of others only after, so nobody waits for
one who waits. A claim is held until its partial is written where other processes look for it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from threading import Lock

import pyarrow as pa

from gateway.execution.leases import Lease


class Claims:
    """The partials that are being computed, by key. What was computed is handed to those who wait in this process."""

    def __init__(self, lease: Lease) -> None:
        """*lease* is held for what is claimed; whoever opened it closes it."""
        self._lease, self._lock = lease, Lock()
        self._claimed: dict[str, Future[pa.Table | None]] = {}

    def claim(self, keys: Iterable[str]) -> set[str]:
        """Claim what nobody else has claimed; return it."""
        with self._lock:
            free = [key for key in keys if key not in self._claimed]
            self._claimed.update((key, Future()) for key in free)
        taken = set(self._lease.take_all(free))
        self._forget([key for key in free if key not in taken])
        return taken

    def hand_over(self, key: str, rows: pa.Table) -> None:
        """Hand the rows of a claimed partial to all who wait for them in this process; the claim goes on."""
        with self._lock:
            future = self._claimed[key]
        future.set_result(rows)

    def release(self, keys: Sequence[str]) -> None:
        """Give claims back: by now others find what was handed over, and may try what was not."""
        self._lease.release_all(keys)
        self._forget(keys)

    def wait(self, keys: Collection[str], seconds: float) -> Mapping[str, pa.Table]:
        """Wait so long at most until one of the claims of others in this process ends; return what was computed."""
        with self._lock:
            futures = {key: self._claimed[key] for key in keys if key in self._claimed}
        # One that never ends stands for what other processes compute.
        elsewhere: Future[pa.Table | None] = Future()
        wait([*futures.values(), elsewhere], timeout=seconds, return_when=FIRST_COMPLETED)
        ended = {key: future.result() for key, future in futures.items() if future.done()}
        return {key: rows for key, rows in ended.items() if rows is not None}

    def _forget(self, keys: Sequence[str]) -> None:
        with self._lock:
            futures = [self._claimed.pop(key) for key in keys]
        for future in futures:
            if not future.done():
                future.set_result(None)

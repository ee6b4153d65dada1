"""Resource gauges of a worker, measured periodically: process memory, cache, engine, disk."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from gateway.concurrency.leader import Leadership
from gateway.concurrency.ticker import Ticker, Wait
from gateway.errors import GatewayError
from gateway.telemetry.events import Observer, ResourcesMeasured

INTERVAL = 10.0
"""Seconds between two measurements."""
_DISK_EVERY = 6
"""Every how many measurements the disk cache is measured: that is a ``stat`` of each of its files."""
_STATUS = Path("/proc/self/status")


class FarBytes(NamedTuple):
    """Bytes of what the workers of a machine share: the disk tiers, the partials among them, and those in Redis."""

    disk: int | None = None
    partials_disk: int | None = None
    partials_redis: int | None = None


class ResourceMonitor:
    """Measures the resources of this worker: ``measure`` once, ``start`` every ten seconds in a thread.

    *cache* returns the bytes of answers in memory, *partials* those of partials, *disk* what the workers of the machine
    share, *engine* the bytes of the engine by purpose and those that it spilled. *folder* holds the lock by which one
    process per machine measures what is shared.
    """

    def __init__(
        self,
        folder: Path,
        *,
        cache: Callable[[], int],
        disk: Callable[[], FarBytes],
        partials: Callable[[], int],
        engine: Callable[[], tuple[Mapping[str, int], int]],
        observe: Observer,
        resident: Callable[[], int] | None = None,
    ) -> None:
        self._cache, self._disk, self._partials = cache, disk, partials
        self._engine, self._observe = engine, observe
        self._resident = resident or resident_bytes
        self._leading = Leadership(folder / "vitals.lock")
        self._measurements = 0
        self._ticker = Ticker("vitals", self.measure, lambda: INTERVAL, at_once=True)

    def start(self, wait: Wait | None = None) -> None:
        """Measure until closed; ``wait`` sleeps so many seconds and returns True to stop."""
        self._ticker.start(wait)

    def measure(self) -> None:
        """Measure once; what cannot be measured keeps its last value."""
        due, self._measurements = self._measurements % _DISK_EVERY == 0, self._measurements + 1
        with suppress(GatewayError, OSError):
            engine, spilled = self._engine()
            far = self._disk() if due and self._leading.take() else FarBytes()
            measured = ResourcesMeasured(
                resident=self._resident(),
                cache=self._cache(),
                engine=engine,
                spilled=spilled,
                partials=self._partials(),
                disk=far.disk,
                partials_disk=far.partials_disk,
                partials_redis=far.partials_redis,
            )
            self._observe(measured)

    def close(self) -> None:
        """Stop measuring; idempotent."""
        self._ticker.close()
        self._leading.release()


def resident_bytes() -> int:
    """Return the resident memory of this process, from ``/proc``."""
    for line in _STATUS.read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0

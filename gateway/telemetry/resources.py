"""What a worker holds, measured now and then: its memory, its cache, its engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread

from gateway.concurrency.leader import Leadership
from gateway.errors import GatewayError
from gateway.telemetry.events import Observer, ResourcesMeasured

INTERVAL = 10.0
"""Seconds between two looks."""
_DISK_EVERY = 6
"""Looks after which the folder of the disk cache is measured: that is a look at each of its files."""
_STATUS = Path("/proc/self/status")


class Vitals:
    """Measures this worker. ``look`` is one look; ``start`` looks every ten seconds in a thread.

    *cache* tells the bytes of the memory tier, *disk* those of the disk tier, *engine* those of the engine by purpose
    and those that it spilled. *folder* holds the lock by which one process of a machine measures the disk.
    """

    def __init__(
        self,
        folder: Path,
        *,
        cache: Callable[[], int],
        disk: Callable[[], int],
        engine: Callable[[], tuple[Mapping[str, int], int]],
        observe: Observer,
        resident: Callable[[], int] | None = None,
    ) -> None:
        self._cache, self._disk, self._engine, self._observe = cache, disk, engine, observe
        self._resident = resident or resident_bytes
        self._leading = Leadership(folder / "vitals.lock")
        self._looks = 0
        self._stopping = Event()
        self._thread: Thread | None = None

    def start(self, wait: Callable[[float], bool] | None = None) -> None:
        """Look until closed; ``wait`` sleeps so many seconds and returns True to stop."""
        self._thread = Thread(target=self._run, args=(wait or self._stopping.wait,), name="vitals", daemon=True)
        self._thread.start()

    def look(self) -> None:
        """Measure once. What cannot be measured now leaves the last measure as it is."""
        due, self._looks = self._looks % _DISK_EVERY == 0, self._looks + 1
        with suppress(GatewayError, OSError):
            engine, spilled = self._engine()
            disk = self._disk() if due and self._leading.take() else None
            measured = ResourcesMeasured(
                resident=self._resident(), cache=self._cache(), engine=engine, spilled=spilled, disk=disk
            )
            self._observe(measured)

    def close(self) -> None:
        """Stop looking; idempotent."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
        self._leading.release()

    def _run(self, wait: Callable[[float], bool]) -> None:
        self.look()
        while not wait(INTERVAL):
            self.look()


def resident_bytes() -> int:
    """Return the memory of this process, as Linux counts it."""
    for line in _STATUS.read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0

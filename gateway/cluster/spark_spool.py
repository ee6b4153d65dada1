"""Results that the driver of Spark does not send: Parquet below a declared prefix, read in order, and deleted.

    <prefix>/<owner>/<run>/part-00000-….parquet

An owner is one process of the gateway. A file of its name in the state folder is locked for as long as it runs, so the
others of its machine know whose runs nobody reads any more. Owners of other machines are not known, nor touched.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path
from shutil import rmtree
from threading import Lock
from uuid import uuid4

import obstore
from cachetools import LRUCache
from obstore.exceptions import BaseError, NotFoundError

from gateway.catalog.store import Store, storage_errors
from gateway.cluster.spark_parts import SpooledRun, parts
from gateway.concurrency.ticker import Ticker
from gateway.errors import GatewayError, StorageFailed
from gateway.telemetry.events import Observer, SparkSpoolFailed

_SWEEPING = 60.0
"""Seconds between two looks for what nobody reads any more."""
_LINGERING = 3600.0
"""Seconds in which Spark may still write for a run that has ended, or for a process that was killed."""
_ENDING = 5.0
"""Seconds in which a look may end when the process does: the store may be silent."""
_AT_ONCE = 1000
"""Objects that are deleted in one request."""
_TRIES = 3
_KNOWN = 1000
"""Texts whose results are known to be large."""


class SparkSpool:
    """The runs of this process, and what those that were killed have left. Thread-safe.

    *folder* is that of the owners, *local* the prefix where that is a folder. A result of more than *largest* bytes of
    files is an error.
    """

    def __init__(
        self,
        opened: Callable[[], Store],
        *,
        location: str,
        local: Path | None,
        folder: Path,
        largest: int,
        observe: Observer,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._opened, self._location, self._local = opened, location, local
        self._folder, self._largest, self._observe, self._clock = folder, largest, observe, clock
        self._lock = Lock()
        self._store: Store | None = None
        self._live, self._used = set[str](), 0.0
        self._large: LRUCache[str, bool] = LRUCache(_KNOWN)
        self._problem: str | None = None
        self._owner, self._held = uuid4().hex, -1
        self._ticker = Ticker("spark-spool", self.sweep, lambda: _SWEEPING, at_once=True)

    def start(self) -> None:
        """Begin to delete what was left, and what will be."""
        self.hold()
        self._ticker.start()

    def hold(self) -> None:
        """Hold the file that says that this process runs; it is made again where it was removed."""
        path = self._folder / self._owner
        if self._held >= 0 and path.exists():
            os.utime(self._held)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        held = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        flock(held, LOCK_EX)
        os.write(held, self._location.encode())
        before, self._held = self._held, held
        if before >= 0:
            os.close(before)

    def close(self) -> None:
        """Delete what is left of this process; idempotent.

        Its name stays for who comes next: Spark may still write.
        """
        self._ticker.close(_ENDING)
        if self._held >= 0:
            if self._used:
                self._delete(self._owner)
            os.close(self._held)
            self._held = -1

    def expects(self, text: str) -> bool:
        """Tell whether the result of a text was large the last time."""
        with self._lock:
            return self._large.get(text, False)

    def expect(self, text: str, large: bool) -> None:
        """Remember whether the result of a text was large."""
        with self._lock:
            self._large[text] = large

    @contextmanager
    def run(self) -> Iterator[SpooledRun]:
        """Give a place for a result, which is deleted at the end."""
        name = f"{self._owner}/{uuid4().hex}"
        with self._lock:
            self._live.add(name)
        try:
            store = self._reached()
            yield SpooledRun(store=store, path=name, largest=self._largest)
        finally:
            with self._lock:
                self._live.discard(name)
                self._used = self._clock()
            self._delete(name)

    def sweep(self) -> None:
        """Delete what is read by nobody: of runs that have ended, and of processes that have."""
        try:
            self.hold()
            if self._clock() < self._used + _LINGERING:
                for run in self._runs():
                    with self._lock:
                        live = run in self._live
                    if not live:
                        self._remove(run)
            for path in self._folder.iterdir():
                if path.name != self._owner:
                    self._sweep_after(path)
        except (BaseError, OSError, GatewayError) as error:
            self._tell(_reason(error))
        else:
            self._tell(None)

    def _sweep_after(self, path: Path) -> None:
        """Delete what a process has left, unless it runs."""
        with suppress(FileNotFoundError, BlockingIOError):
            held = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                flock(held, LOCK_EX | LOCK_NB)
                if path.read_text() == self._location:
                    self._remove(path.name)
                if os.fstat(held).st_mtime < self._clock() - _LINGERING:
                    path.unlink()
            finally:
                os.close(held)

    def _reached(self) -> Store:
        with self._lock:
            if self._store is None:
                self._store = self._opened()
            return self._store

    def _runs(self) -> list[str]:
        """List the runs of this process that something lies in."""
        if self._local is not None:
            folder = self._local / self._owner
            return [f"{self._owner}/{each.name}" for each in folder.iterdir()] if folder.exists() else []
        store = self._reached()
        found = store.patiently(lambda: obstore.list_with_delimiter(store.objects, self._owner))
        return list(found["common_prefixes"])

    def _delete(self, path: str) -> None:
        try:
            self._remove(path)
        except (BaseError, OSError, GatewayError) as error:
            self._tell(_reason(error))

    def _remove(self, path: str) -> None:
        """Delete all that lies below *path*, which is of an owner, in the prefix; Spark may still write there."""
        if self._local is None:
            store = self._reached()
            with storage_errors(store.location):
                found = [part.path for part in parts(store, path)]
                for start in range(0, len(found), _AT_ONCE):
                    with suppress(NotFoundError):
                        obstore.delete(store.objects, found[start : start + _AT_ONCE])
            return
        for left in reversed(range(_TRIES)):
            try:
                rmtree(self._local / path)  # follows no links
            except FileNotFoundError:
                if not (self._local / path).exists():
                    return
            except OSError:
                if not left:
                    raise
            else:
                return

    def _tell(self, problem: str | None) -> None:
        before, self._problem = self._problem, problem
        if problem is not None and problem != before:
            self._observe(SparkSpoolFailed(reason=problem))


def _reason(error: Exception) -> str:
    if isinstance(error, StorageFailed):
        return error.detail
    return (isinstance(error, OSError) and error.strerror) or type(error).__name__

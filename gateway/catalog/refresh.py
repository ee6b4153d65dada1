"""Refreshes manifests in the background: one process of a machine lists, the others follow within a second."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from functools import partial
from math import inf
from pathlib import Path
from threading import Event

from gateway.catalog.footers import Patience
from gateway.catalog.manifest_store import ManifestStore
from gateway.catalog.status import MAX_BACKOFF
from gateway.concurrency.daemons import Daemons
from gateway.concurrency.leader import Leadership
from gateway.concurrency.ticker import Ticker, Wait
from gateway.errors import GatewayError

POLL = 0.5
"""Seconds between two looks at what is due and at what others have published."""
LISTERS = 4
"""Tables that are listed at the same time."""
EARLY = 0.1
"""A table is listed one to two times this part of its interval early: none gets too old, and tables spread out."""

_PATIENCE = 1.0
"""Seconds that a stop waits for the thread that looks: it may be waiting for a listing that somebody asked for."""

Submit = Callable[[Callable[[], None]], None]


class Refresher:
    """The background work of a catalog. ``tick`` is one round; ``start`` runs a round twice a second in a thread.

    ``clock`` returns seconds since the epoch, ``jitter`` a number in [0, 1); ``jumps`` checks if the clock was set.
    """

    def __init__(
        self,
        manifests: Mapping[str, ManifestStore],
        lock: Path,
        *,
        clock: Callable[[], float],
        jitter: Callable[[], float],
        jumps: Callable[[], None] = lambda: None,
    ) -> None:
        self._manifests = manifests
        self._clock = clock
        self._jitter = jitter
        self._jumps = jumps
        self._leading = Leadership(lock)
        self._due: dict[str, tuple[float, float]] = {}
        """When each table is to be listed, and how far ahead that can be at most."""
        self._complete: dict[str, str] = {}
        """The snapshot of each table of which no more footers are read until it is listed again."""
        self._busy: set[str] = set()
        self._idle = Event()
        self._idle.set()
        self._ticker = Ticker("catalog", lambda: self.tick(self._submit), lambda: POLL)
        self._pool: Daemons | None = None

    def start(self, wait: Wait | None = None) -> None:
        """Run rounds until stopped; ``wait`` sleeps so many seconds and returns True to stop."""
        self._pool = Daemons(LISTERS, "refresh")
        self._ticker.start(wait)

    def serve(self, manifests: Mapping[str, ManifestStore]) -> None:
        """Refresh other tables from the next round on; work in progress for the previous ones is completed."""
        before, self._manifests = self._manifests, manifests
        for name, manifest in before.items():
            if manifests.get(name) is not manifest:
                self._due.pop(name, None)
                self._complete.pop(name, None)

    def tick(self, submit: Submit = lambda work: work()) -> None:
        """Pick up what others have published; where this process is the one that refreshes, list what is due."""
        self._jumps()
        manifests = self._manifests
        for manifest in manifests.values():
            if manifest.snapshot is not None and manifest.table.name not in self._busy:
                manifest.load_newest()
        if self._leading.take():
            for name, manifest in manifests.items():
                if name in self._busy:
                    continue
                if self._is_due(name, manifest):
                    self._busy.add(name)
                    submit(partial(self._refresh, manifest))
                elif manifest.snapshot is not None and self._complete.get(name) != manifest.snapshot.id:
                    self._busy.add(name)
                    submit(partial(self._read_footers, manifest, manifest.snapshot.id))

    def close(self) -> None:
        """Stop, and let another process refresh; idempotent. A listing under way is not waited for: it may be long.

        Footers that are being read are waited for, for moments: a thread that ends with the interpreter while it reads
        one can take the process down.
        """
        self._ticker.close(_PATIENCE)
        if self._pool is not None:
            self._pool.close()
        self._idle.wait(_PATIENCE)
        self._leading.release()

    def _submit(self, work: Callable[[], None]) -> None:
        assert self._pool is not None
        self._pool.submit(work).add_done_callback(_surface)

    def _is_due(self, name: str, manifest: ManifestStore) -> bool:
        """Return whether a table must be listed now; the share of its interval that it is early is drawn once."""
        now, (at, furthest) = self._clock(), self._due.get(name, (inf, 0.0))
        if at - now > furthest:  # not drawn yet, or the clock went back since
            failing = manifest.failure() is not None
            early = 0.0 if failing else EARLY * (1 + self._jitter()) * manifest.table.refresh
            at = manifest.due() - early
            self._due[name] = (at, MAX_BACKOFF if failing else manifest.table.refresh)
        return now >= at

    def _refresh(self, manifest: ManifestStore) -> None:
        try:
            if manifest.snapshot is None:
                manifest.current()
            else:
                manifest.refresh()
        except GatewayError:
            pass  # the observer was notified, and the failure says when to try again
        finally:
            manifest.retry_unread()
            self._due.pop(manifest.table.name, None)
            self._complete.pop(manifest.table.name, None)
            self._busy.discard(manifest.table.name)

    def _read_footers(self, manifest: ManifestStore, snapshot: str) -> None:
        """Read some footers; until the next listing no more where none are left, or something fails."""
        self._complete[manifest.table.name] = snapshot
        self._idle.clear()
        try:
            if manifest.read_footers(patience=Patience(unless=lambda: self._ticker.stopping)):
                self._complete.pop(manifest.table.name, None)
        except GatewayError:
            pass  # the observer was notified
        finally:
            self._idle.set()
            self._busy.discard(manifest.table.name)


def _surface(done: Future[None]) -> None:
    """Raise what a listing raised that nobody foresaw, so that it is logged."""
    if not done.cancelled():
        done.result()

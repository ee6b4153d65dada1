"""The newest snapshot of one table: in memory, on disk, and in step with the other processes of the machine.

Snapshots are kept in the state folder. The process that lists a table publishes the snapshot there, and the others pick
it up. A file lock lets one process at a time list a table, so that no listing overwrites a newer one.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Lock, RLock

import pyarrow as pa

from gateway.catalog import footers
from gateway.catalog.footers import UNENDING, Patience, UnreadFooter
from gateway.catalog.manifest import Snapshot, declaration, edition_after
from gateway.catalog.snapshot_store import SnapshotStore, SnapshotUnreadable
from gateway.catalog.status import SKEW, FailureLog, RefreshFailure, TableStatus
from gateway.catalog.store import Store
from gateway.catalog.table import Table
from gateway.catalog.table_footers import TableFooters, are_known
from gateway.catalog.table_listing import Describe, TableLister, folders_to_list
from gateway.catalog.table_stores import OpenStore, TableStores
from gateway.catalog.transforms.keys import Ordinals
from gateway.errors import GatewayError, StorageFailed
from gateway.model import Edition
from gateway.telemetry.events import (
    FootersFailed,
    NoFilesTaken,
    Observer,
    RefreshFailed,
    RefreshSucceeded,
    SnapshotLoaded,
)

Announce = Callable[[str], None]
"""Announce to everybody that the table of this name has changed."""


class _NotKept(StorageFailed):
    """The state folder cannot be written."""


class ManifestStore:
    """The newest snapshot of one table, in memory and on disk. Safe for use by several threads and processes.

    ``folder`` is the folder of the table in the state folder; ``clock`` returns seconds since the epoch. ``announce``
    is called after a requested refresh has found changes and published them.
    """

    def __init__(
        self,
        table: Table,
        folder: Path,
        *,
        open_store: OpenStore,
        describe: Describe,
        clock: Callable[[], float],
        observer: Observer,
        announce: Announce = lambda table: None,
    ) -> None:
        self.table = table
        self.snapshot: Snapshot | None = None
        self._folder = folder
        self._snapshots = SnapshotStore(folder)
        self._failures = FailureLog(folder / "failure.json", clock)
        self._stores = TableStores(table, open_store)
        self._lister = TableLister(table, self._stores, describe, observer)
        self._footers = TableFooters(table, self._stores, clock, observer)
        self._clock = clock
        self._observe = observer
        self._announce = announce
        self._lock, self._loading = RLock(), Lock()
        self._stamp: tuple[int, int] | None = None
        self._told = False

    @property
    def store(self) -> Store:
        """The store at the location of the table. Raises ``StorageFailed``."""
        return self._stores.home

    @property
    def fresh(self) -> bool:
        """Whether the snapshot is no older than the table allows."""
        return self.snapshot is not None and -SKEW <= self._age(self.snapshot) <= self.table.refresh

    def _age(self, snapshot: Snapshot) -> float:
        """Return the age of a snapshot in seconds; negative if the clock was set back since."""
        return self._clock() - snapshot.listed_at

    def current(self) -> Snapshot:
        """Return the snapshot on disk or in memory; if there is none, list the table. Raises what ``refresh`` raises.

        So is a table whose snapshot on disk is gone: it may have been newer than the one in memory. After a failure,
        further attempts fail at once with the same error until the back-off is over.
        """
        self.load_newest()
        if self.snapshot is None or self._is_gone():
            self._failures.refuse_while_backing_off()
            try:
                with self._exclusive():
                    self.load_newest()
                    if self.snapshot is None or self._is_gone():
                        self._list(None)
            except _NotKept:
                if self.snapshot is None:
                    raise
                self._stamp = None  # nothing can be kept on disk: go on with what is in memory
        assert self.snapshot is not None
        return self.snapshot

    def _is_gone(self) -> bool:
        """Return whether there was a snapshot on disk, and is none any more."""
        return self._stamp is not None and self._snapshots.stamp() is None

    def refresh_if_old(self) -> Snapshot:
        """Return a snapshot no older than the table allows; the one in memory where listing fails."""
        if self.fresh:
            return self.current()
        snapshot = self.current()
        with self._exclusive():
            self.load_newest()
            if self.fresh or self._failures.is_backing_off():
                return self.snapshot or snapshot
            try:
                return self._list(None)
            except GatewayError:  # the observer was notified, and the status has the failure
                return self.snapshot or snapshot

    def refresh(self, partitions: Iterable[str] | None = None, *, announced: bool = False) -> Snapshot:
        """List the table, or only the named partitions (``day=2013-06-01``), and return the new snapshot.

        The files are looked at after the call. *announced*: the caller knows of changes.
        Raises ``StorageFailed``, ``TableInvalid``, ``InvalidParameters`` (of *partitions*) and what describing a file
        raises.
        """
        with self._exclusive():
            self.load_newest()
            return self._list(partitions, announced=announced)

    def catch_up(self, others: Sequence[Edition]) -> Snapshot:
        """Return a snapshot that covers what other machines have seen; list the table if the newest one does not.

        Raises what ``refresh`` raises; after a failure, also while the back-off lasts.
        """
        if self.covers(others):
            return self.current()
        self._failures.refuse_while_backing_off()
        with self._exclusive():
            if self.covers(others):
                return self.current()
            return self._list(None, after=max(edition.ended for edition in others))

    def covers(self, others: Iterable[Edition]) -> bool:
        """Return whether the newest snapshot covers the *others*."""
        edition = self.current().edition
        return all(edition.covers(other) for other in others)

    def inherit(self, previous: ManifestStore) -> None:
        """Start with the snapshot of *previous*, where both declarations have the same manifest."""
        found, stamp = previous.snapshot, previous._stamp
        if (
            found is not None
            and self.table.location == previous.table.location
            and self.table.ignore_table_format >= previous.table.ignore_table_format
            and declaration(self.table, found.root) == declaration(previous.table, found.root)
        ):
            self.snapshot, self._stamp = replace(found, table=self.table), stamp

    def read_footers(self, files: int = 500, *, everything: bool = False, patience: Patience = UNENDING) -> bool:
        """Read the footers of some files and publish their facts; return whether there are more to read.

        *files* is how many, and more of a large table, which is written to disk each time. Of a very large one some
        are read, unless *everything* is asked for. Raises ``StorageFailed``.
        """
        snapshot = self.snapshot
        if snapshot is None:
            return False
        files = max(files, snapshot.files.num_rows // 20)
        unread = self._footers.missing(snapshot, files, everything=everything)
        if not unread.num_rows:
            return False
        try:
            self.add_facts(snapshot, self._footers.read_in_background(snapshot, unread, patience))
        except StorageFailed as error:
            if not patience.unless():
                self._observe(FootersFailed(table=self.table.name, error=error.detail))
            raise
        return unread.num_rows == files

    def add_facts(self, snapshot: Snapshot, found: pa.Table) -> None:
        """Publish the facts *found* about file versions of *snapshot*, if its columns have not changed since."""
        with self._exclusive():
            self.load_newest()
            current = self.snapshot or snapshot
            if current.file_columns == snapshot.file_columns and not self._is_gone():
                learned = footers.attach(current, found)
                last = current.edition  # nothing was listed since
                edition = self._edition(learned.id, began=last.began, ended=last.ended, whole=False)
                self._publish(replace(learned, edition=edition))

    @property
    def unread(self) -> list[UnreadFooter]:
        """The files whose footers were gone or could not be read."""
        return self._footers.unread

    def retry_unread(self) -> None:
        """Try the files again whose footers were gone or could not be read."""
        self._footers.retry_unread()

    def with_facts(self, snapshot: Snapshot, positions: Ordinals) -> Snapshot:
        """Return *snapshot* with the facts of the files at *positions*; those that are not known are read now.

        A file that is gone or cannot be read has none. Where the table's own location fails, a replica is read.
        Raises ``StorageFailed``, within seconds if the store does not answer.
        """
        if are_known(snapshot, positions):
            return snapshot
        with self._footers.one_at_a_time():
            held = self.snapshot
            known = held if held is not None and held.id == snapshot.id else snapshot
            known = self._footers.read_on_demand(known, positions)
            with self._loading:
                if self.snapshot is held and held is not None and held.id == known.id:
                    self.snapshot = known
        return known

    def row_groups(self, snapshot: Snapshot, positions: Ordinals) -> list[tuple[int, ...]]:
        """Return the rows of each row group of the files at *positions*; see ``TableFooters.row_groups``."""
        return self._footers.row_groups(snapshot.files.take(positions))

    def check_there(self, snapshot: Snapshot, positions: Ordinals) -> None:
        """Make sure that the files at *positions* are there; see ``TableFooters.check_there``."""
        self._footers.check_there(snapshot.files.take(positions))

    def load_newest(self) -> None:
        """Load the snapshot on disk if it is newer than the one in memory; one that cannot be read is ignored."""
        if self._snapshots.stamp() in (None, self._stamp):
            return
        with self._loading:
            stamp = self._snapshots.stamp()
            if stamp in (None, self._stamp):  # another thread has picked it up
                return
            started = self._clock()
            try:
                found = self._snapshots.load(self.table, self._stores.home.root, self.snapshot)
            except SnapshotUnreadable:
                self._stamp = stamp
                return
            changed = self.snapshot is None or self.snapshot.id != found.id
            self.snapshot, self._stamp = found, stamp
        if changed:
            self._observe(SnapshotLoaded(table=self.table.name, snapshot=found.id, seconds=self._clock() - started))

    def due(self) -> float:
        """Return when the table is to be listed again, in seconds since the epoch."""
        failure, now = self.failure(), self._clock()
        if failure is not None:
            return failure.retry_at if failure.failed_at <= now + SKEW else 0.0
        if self.snapshot is None or self._age(self.snapshot) < -SKEW:
            return 0.0
        return self.snapshot.listed_at + self.table.refresh

    def status(self) -> TableStatus:
        """Return age and health of the manifest. Lists nothing."""
        self.load_newest()
        snapshot = self.snapshot
        return TableStatus(
            table=self.table.name,
            snapshot=snapshot.id if snapshot is not None else None,
            listed_at=snapshot.listed_at if snapshot is not None else None,
            age=max(0.0, self._clock() - snapshot.listed_at) if snapshot is not None else None,
            late=not self.fresh,
            problems=snapshot.problem_count if snapshot is not None else 0,
            failure=self.failure(),
        )

    def failure(self) -> RefreshFailure | None:
        """Return the last failure, of any process of this machine; None after a success."""
        return self._failures.last()

    def _list(self, partitions: Iterable[str] | None, *, announced: bool = False, after: float = 0.0) -> Snapshot:
        """List and publish; the caller holds the lock. The listing counts as begun at *after* at the earliest.

        Where the snapshot on disk is gone, what others have published is not known: all is listed, and its changes
        are announced.
        """
        started, previous, gone = self._clock(), self.snapshot, self._is_gone()
        prefixes = folders_to_list(previous, None if gone else partitions)
        try:
            snapshot = self._lister.list(previous, prefixes, started)
            edition = self._edition(snapshot.id, began=max(started, after), ended=self._clock(), whole=prefixes is None)
            is_news = (announced or gone) and (snapshot.announced is None or snapshot.announced.content != snapshot.id)
            self._publish(replace(snapshot, edition=edition, announced=edition if is_news else snapshot.announced))
        except GatewayError as error:
            self._failed(error)
            raise
        if is_news:
            self._announce(self.table.name)
        self._observe(
            RefreshSucceeded(
                table=self.table.name,
                snapshot=snapshot.id,
                seconds=self._clock() - started,
                files=snapshot.files.num_rows,
                partitions=snapshot.partitions.num_rows,
                problems=snapshot.problem_count,
                changed=previous is None or previous.id != snapshot.id,
            )
        )
        self._tell_if_nothing_is_read(snapshot)
        assert self.snapshot is not None
        return self.snapshot

    def _tell_if_nothing_is_read(self, snapshot: Snapshot) -> None:
        reason = snapshot.nothing_read
        if reason is not None and not self._told:
            self._observe(NoFilesTaken(table=self.table.name, files=snapshot.ignored.num_rows, reason=reason))
        self._told = reason is not None

    def _publish(self, snapshot: Snapshot) -> None:
        """Write the snapshot to disk, and use the files mapped from there instead of the copy in memory."""
        with self._state_errors(), self._loading:  # others do not load what this thread is about to hold
            self._snapshots.put(snapshot)
            stamp = self._snapshots.stamp()
            try:
                held = self._snapshots.load(self.table, snapshot.root, self.snapshot)
            except SnapshotUnreadable as error:
                raise StorageFailed(f"{self.table.name}: the manifest on disk is not what was written.") from error
            self._failures.clear()
            self.snapshot, self._stamp = held, stamp
        pa.default_memory_pool().release_unused()  # a listing of a million files takes some hundred megabytes

    def _edition(self, snapshot: str, *, began: float, ended: float, whole: bool) -> Edition:
        """Return the next edition of the line that is on disk; the first of a new line if there is none."""
        previous = self.snapshot
        on_disk = previous is not None and previous.edition.line and self._snapshots.stamp() is not None
        line = previous.edition.line if previous is not None and on_disk else secrets.token_hex(8)
        last = None if previous is None else previous.edition
        return edition_after(last, snapshot, line=line, began=began, ended=ended, whole=whole)

    def _failed(self, error: GatewayError) -> None:
        with self._state_errors():
            failure = self._failures.add(error)
        self._observe(
            RefreshFailed(
                table=self.table.name,
                error=failure.error,
                failures=failure.failures,
                retry_in=failure.pause,
            )
        )

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        """Lock the table against the other threads and the other processes of this machine."""
        with self._lock:
            with self._state_errors():
                self._folder.mkdir(parents=True, exist_ok=True)
                descriptor = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                yield
            finally:
                os.close(descriptor)

    @contextmanager
    def _state_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            message = f"{self.table.name}: the manifest cannot be kept in the state folder ({error.strerror})."
            raise _NotKept(message) from error

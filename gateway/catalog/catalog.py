"""The tables of a project, each with the newest snapshot of its files."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from operator import attrgetter
from pathlib import Path
from threading import Lock

import pyarrow as pa
from cachetools import LRUCache

from gateway.catalog import footers
from gateway.catalog.footers import UnreadFooter
from gateway.catalog.jumps import Jumps
from gateway.catalog.manifest import Snapshot
from gateway.catalog.manifest_store import Announce, ManifestStore
from gateway.catalog.named_snapshots import KeptSnapshot, NamedSnapshots
from gateway.catalog.refresh import Refresher
from gateway.catalog.snapshot_ids import OPTION, instant_of, name_of, part_of, parts_by_table
from gateway.catalog.snapshot_store import snapshot_folder
from gateway.catalog.status import TableStatus
from gateway.catalog.store import Store
from gateway.catalog.table import Table
from gateway.catalog.table_listing import Describe
from gateway.catalog.table_stores import OpenStore
from gateway.catalog.transforms.keys import Ordinals
from gateway.catalog.versions import DatasetVersion, Versions
from gateway.errors import SnapshotGone, StorageFailed, TableNotFound, quoted
from gateway.model import Edition
from gateway.suggestions import did_you_mean
from gateway.telemetry.events import Observer, unobserved

_PINNED = 2_000_000
"""Files at most of the snapshots asked for by their names that are held in memory, or one snapshot."""
_NOT_KEPT = "only that of now can be asked for where [snapshots] names no location"


class Catalog:
    """The declared tables and their snapshots, in memory and in the state folder.

    ``clock`` gives seconds since the epoch, ``jitter`` a number in [0, 1). Nothing runs and no store is opened before
    the first call: make it before a fork if you like, and use it after.

    *place* spells what the location of a table stands for, absolutely; *deployment* names those processes of the
    machine of which one refreshes the tables of all.

    Made with a *previous* one, it goes on with the snapshots of the tables that are declared as before, and is
    refreshed from ``take_over`` on by what refreshed that one.
    """

    def __init__(
        self,
        tables: Mapping[str, Table],
        state: Path,
        *,
        open_store: OpenStore,
        describe: Describe,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        observer: Observer = unobserved,
        jitter: Callable[[], float] = random.random,
        announce: Announce = lambda table: None,
        previous: Catalog | None = None,
        place: Callable[[Table], str] = attrgetter("location"),
        deployment: str = "",
        named: NamedSnapshots | None = None,
    ) -> None:
        self.tables, self._named = tables, named
        self._pinned: LRUCache[tuple[str, str], Snapshot] = LRUCache(_PINNED, getsizeof=_weight)
        self._pinning = Lock()
        self._lock = state / "tables" / ".".join(("refresher", *([deployment] if deployment else []), "lock"))
        self._clock, self._monotonic = clock, monotonic
        self._jitter = jitter
        self._observer = observer
        self._refresher: Refresher | None = None if previous is None else previous._refresher
        self._starting = Lock()
        known = {} if previous is None else previous._manifests
        self._manifests: dict[str, ManifestStore] = {}
        self._identities: dict[str, str] = {}
        for name, table in tables.items():
            before = known.get(name)
            if previous is not None and before is not None and before.table == table:
                self._manifests[name], self._identities[name] = before, previous._identities[name]
                continue
            where = place(table)
            self._identities[name] = table.identity(where)
            manifest = ManifestStore(
                table,
                snapshot_folder(state, name, where),
                open_store=open_store,
                describe=describe,
                clock=clock,
                observer=observer,
                announce=announce,
            )
            if before is not None:
                manifest.inherit(before)
            self._manifests[name] = manifest

    def pin(self, names: Iterable[str] | None = None) -> dict[str, Snapshot]:
        """Return the newest snapshot of each named table (all by default).

        That is the one that any process of this machine published last. A table that has none is listed. Where
        nothing refreshes in the background, one that is older than its table allows is listed again first. Raises
        ``TableNotFound``, and what listing raises, where there is no snapshot at all.
        """
        manifests = [self._manifest(name) for name in (self.tables if names is None else names)]
        if self._refresher is None:
            for manifest in manifests:
                manifest.refresh_if_old()
        return _at_one_instant(manifests)

    def at(self, names: Iterable[str], snapshot: str) -> dict[str, Snapshot]:
        """Return the snapshots of tables that a name stands for; see ``snapshot_ids``.

        Raises ``MalformedRequest``, ``SnapshotGone``, ``StorageFailed`` and what ``pin`` raises.
        """
        return {name: self._at(name, part) for name, part in parts_by_table(snapshot, list(names)).items()}

    def resolve(self, names: Sequence[str], given: str, *, option: str = OPTION) -> str:
        """Return the name of a snapshot of tables that *option* gives as it is, or as a date: the last one before it.

        Raises as ``at`` does.
        """
        instant = instant_of(given, option=option)
        if instant is None or not names:
            parts_by_table(given, names, option=option)
            return given
        return self.before(names, instant)

    def before(self, names: Iterable[str], instant: datetime) -> str:
        """Name the last snapshots of tables that were named before an instant. Raises as ``at`` does."""
        found: dict[str, str] = {}
        for name in names:
            if self._named is None:
                raise SnapshotGone(f"No snapshots are kept: {_NOT_KEPT}.", table=name)
            root = self._manifest(name).current().root
            last = self._named.before(self.tables[name], root, instant)
            if last is None:
                before = instant.isoformat(sep=" ", timespec="minutes")[:16]  # strftime writes the year 1 as 1
                said = f"No snapshot of the table {name} is kept that was named before {before} UTC."
                raise SnapshotGone(said, table=name)
            found[name] = last
        return name_of(found)

    def name(self, snapshots: Iterable[Snapshot], *, now: bool = False) -> None:
        """Have snapshots kept that are named to somebody: soon, or *now*. Raises ``StorageFailed`` where it is now."""
        if self._named is not None:
            (self._named.keep_now if now else self._named.name)(each for each in snapshots if not each.pinned)

    def kept(self, name: str) -> list[KeptSnapshot]:
        """List the snapshots of a table that are kept by their names, the first one named first."""
        return [] if self._named is None else self._named.kept(self.tables[name], self._manifest(name).current().root)

    def catch_up(self, others: Mapping[str, Sequence[Edition]]) -> dict[str, Snapshot]:
        """Return snapshots of tables that cover what other machines saw of them; see ``ManifestStore.catch_up``."""
        for name, editions in others.items():
            self._manifest(name).catch_up(editions)
        return self.pin(others)

    def announced(self, names: Iterable[str]) -> dict[str, Edition]:
        """Return, of the tables that changed by announcement, the edition that did it last.

        Lists nothing, but a table whose snapshot was removed from the disk. Raises what ``pin`` raises.
        """
        found: dict[str, Edition] = {}
        for name in names:
            manifest = self._manifest(name)
            if manifest.snapshot is None:
                manifest.load_newest()
            announced = None if manifest.snapshot is None else manifest.current().announced
            if announced is not None:
                found[name] = announced
        return found

    def identities(self, names: Iterable[str]) -> list[str]:
        """Return what the named tables are declared to be, as digests. Raises ``TableNotFound``."""
        return [self._identities[self._manifest(name).table.name] for name in names]

    def refresh(self, name: str, partitions: Iterable[str] | None = None, *, announced: bool = False) -> Snapshot:
        """List a table, or only the named partitions (``day=2013-06-01``), and return the new snapshot.

        The files are looked at after the call: what was written before it is in the snapshot, which every process of
        this machine uses from then on. *announced* says that somebody who knows of changes asks for it: what was
        answered before is then compared with them. Raises ``TableNotFound``, ``StorageFailed``, ``TableInvalid``, and
        ``InvalidParameters`` of *partitions*.
        """
        return self._manifest(name).refresh(partitions, announced=announced)

    def with_facts(self, snapshot: Snapshot, positions: Ordinals) -> Snapshot:
        """Return a snapshot that knows the facts of the files at *positions* (in the order of its files, ascending).

        See ``gateway.catalog.facts``. Those that are not known yet are read now, one request each, side by side, and
        remembered; the id stays. A file that is gone, or may not be read, stays without. Raises ``TableNotFound`` and
        ``StorageFailed``.
        """
        return self._manifest(snapshot.table.name).with_facts(snapshot, positions)

    def row_groups(self, snapshot: Snapshot, positions: Ordinals) -> list[tuple[int, ...]]:
        """Return the rows of each row group of the files at *positions*; none of one that is damaged.

        Raises ``SnapshotGone``, ``StorageFailed``, and ``TableNotFound``.
        """
        with _gone(snapshot.table.name):
            return self._manifest(snapshot.table.name).row_groups(snapshot, positions)

    def check_there(self, snapshot: Snapshot, positions: Ordinals) -> None:
        """Make sure that the files at *positions* of a snapshot are there, in the versions that it has.

        Raises ``SnapshotGone``, ``StorageFailed``, and ``TableNotFound``.
        """
        with _gone(snapshot.table.name):
            self._manifest(snapshot.table.name).check_there(snapshot, positions)

    def pin_by_name(self, names: Iterable[str]) -> tuple[str, dict[str, Snapshot]]:
        """Return the newest snapshots of tables as they are asked for by their name, and that, which is kept.

        Raises what ``pin`` raises, and ``StorageFailed`` where it cannot be kept.
        """
        found = self.pin(names)
        self.name(found.values(), now=True)
        snapshot = name_of({name: each.id for name, each in found.items()})
        with self._pinning:
            for name, each in found.items():
                self._pinned.setdefault((name, part_of(each.id)), footers.pinned(each))
        return snapshot, self.at(found, snapshot)

    def read_all_footers(self, name: str) -> tuple[Snapshot, list[UnreadFooter]]:
        """Return the newest snapshot with the facts of every file; those not known are read now, and kept.

        Returns also the files that were gone or refused. Raises ``TableNotFound``, and what listing raises.
        """
        manifest = self._manifest(name)
        snapshot = manifest.current()
        while manifest.read_footers(everything=True):
            continue
        return manifest.snapshot or snapshot, manifest.unread

    def add_facts(self, snapshot: Snapshot, found: pa.Table) -> Snapshot:
        """Keep what was *found* of the versions of files in *snapshot*; return the newest with it.

        Raises ``TableNotFound`` and ``StorageFailed``.
        """
        manifest = self._manifest(snapshot.table.name)
        if found.num_rows:
            manifest.add_facts(snapshot, found)
        return manifest.snapshot or snapshot

    def built_version(self, snapshot: Snapshot) -> DatasetVersion | None:
        """Return the version of a dataset that a snapshot of it is; None where it is removed, or of another table.

        Raises ``TableNotFound``, ``StorageFailed``.
        """
        if snapshot.table.query is None:
            return None
        return Versions(self.store(snapshot.table.name)).holding(snapshot.files)

    def datasets(self, snapshots: Mapping[str, Snapshot]) -> Mapping[str, DatasetVersion | str]:
        """Return the versions of the datasets among tables, or why one is not known."""
        found: dict[str, DatasetVersion | str] = {}
        for name in (name for name, snapshot in snapshots.items() if snapshot.table.query is not None):
            try:
                found[name] = self.built_version(snapshots[name]) or "its version is not kept any more"
            except StorageFailed as error:
                found[name] = f"its version cannot be read: {error.detail}"
        return found

    def store(self, name: str) -> Store:
        """Open the location of a table. Raises ``TableNotFound``, ``StorageFailed``."""
        return self._manifest(name).store

    def status(self, name: str) -> TableStatus:
        """Return the age of the manifest of a table, and whether refreshing it fails. Lists nothing."""
        return self._manifest(name).status()

    def start(self, wait: Callable[[float], bool] | None = None) -> None:
        """Refresh in the background from now on, or follow the process of this machine that does.

        Call it in each process, after a fork. ``wait`` sleeps so many seconds and returns True to stop.
        """
        with self._starting:
            if self._refresher is None:
                self._refresher = self.refresher()
                self._refresher.start(wait)

    def take_over(self) -> None:
        """Let the background work refresh the tables of this catalog instead of those of the previous one."""
        if self._refresher is not None:
            self._refresher.serve(self._manifests)

    def refresher(self) -> Refresher:
        """Make the background work of this catalog, not yet started."""
        jumps = Jumps(self._observer, clock=self._clock, monotonic=self._monotonic)
        return Refresher(self._manifests, self._lock, clock=self._clock, jitter=self._jitter, jumps=jumps.look)

    def close(self) -> None:
        """Stop refreshing; idempotent. Snapshots that were pinned stay usable."""
        with self._starting:
            if self._refresher is not None:
                self._refresher.close()
                self._refresher = None

    def _at(self, name: str, part: str) -> Snapshot:
        manifest = self._manifest(name)
        with self._pinning:
            known = self._pinned.get((name, part))
        if known is not None:
            return known
        current = manifest.current()
        if part_of(current.id) == part:
            found = current
        elif self._named is None:
            said = f"The table {name} has changed since its snapshot {part}, and {_NOT_KEPT}."
            raise SnapshotGone(said, table=name)
        else:
            found = self._named.find(manifest.table, current.root, part)
            found = footers.attach(found, footers.carried(current, found))
        found = footers.pinned(found)
        with self._pinning:
            return self._pinned.setdefault((name, part), found)

    def _manifest(self, name: str) -> ManifestStore:
        manifest = self._manifests.get(name)
        if manifest is None:
            hint = did_you_mean(name, self.tables)
            raise TableNotFound(
                f"There is no table {quoted(name)}." + (f" {hint[0].upper()}{hint[1:]}" if hint else "")
            )
        return manifest


@contextmanager
def _gone(table: str) -> Iterator[None]:
    try:
        yield
    except footers.FileGone as error:
        detail = f"A file of the snapshot was changed or removed since: {error} of the table {table}."
        raise SnapshotGone(detail, table=table, file=str(error)) from error


def _weight(snapshot: Snapshot) -> int:
    return min(snapshot.files.num_rows + 1, _PINNED)


def _at_one_instant(manifests: Sequence[ManifestStore]) -> dict[str, Snapshot]:
    """Return the newest snapshots as they were side by side at one instant, so that those of two calls are in order."""
    found = [manifest.current() for manifest in manifests]
    while len(found) > 1 and (again := [manifest.current() for manifest in manifests]) != found:
        found = again
    return {snapshot.table.name: snapshot for snapshot in found}

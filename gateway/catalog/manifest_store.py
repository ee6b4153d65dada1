"""Keep the newest snapshot of one table: load it, list it, publish it to the other processes of the machine.

Snapshots live in the state folder. Whoever lists a table puts the snapshot there and every other process picks it up;
a file lock lets one process at a time list a table, so that no listing overwrites a newer one.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from threading import Lock, RLock
from typing import Any

import orjson
import pyarrow as pa

from gateway.catalog import facts, footers
from gateway.catalog.announce import folders
from gateway.catalog.facts import FACTS
from gateway.catalog.footers import UNENDING, Damaged, Gone, Patience, Unread
from gateway.catalog.inferred import NoType, infer
from gateway.catalog.layout import data_files
from gateway.catalog.listing import PAGE, SCHEMA, list_files, list_folders
from gateway.catalog.manifest import (
    Snapshot,
    build,
    declaration,
    edition_after,
    holds,
    newest,
    splice,
    unchanged,
    versioned,
)
from gateway.catalog.snapshot_store import SnapshotStore, Unreadable
from gateway.catalog.store import Store
from gateway.catalog.table import Table
from gateway.catalog.table_formats import IGNORE, NOT_ITS_ROWS, recognise
from gateway.catalog.transforms.keys import KeyType, Ordinals
from gateway.errors import Diagnostic, GatewayError, Rule, StorageFailed, TableInvalid
from gateway.model import Column, Edition
from gateway.telemetry.events import (
    FilesUnreadable,
    FootersFailed,
    FootersRead,
    Observer,
    RefreshFailed,
    RefreshSucceeded,
    ReplicaListed,
    SnapshotLoaded,
)

Describe = Callable[[Sequence[str]], tuple[Column, ...]]
"""Return the columns of the Parquet files at these addresses, as the engine sees them."""
OpenStore = Callable[[str], Store]
"""Open the store at a location. Raises ``StorageFailed``."""
Announce = Callable[[str], None]
"""Tell everybody that a table of this name changed."""
MAX_BACKOFF = 300.0
"""Longest pause between attempts to list a table, in seconds."""
SILENCE = 5.0
"""Seconds that a store may say nothing while a request waits for footers."""
SKEW = 5.0
"""Seconds that what is on disk may be in the future; beyond, the clock went back, and it is not relied on."""

_REQUEST = Patience(silence=SILENCE)
"""While a request waits for footers."""
_FOLDERS = 64
"""Folders that are listed one by one, however few files their table has."""
_ASKED = 100_000
"""Files whose facts are remembered because requests asked for them."""
_TRIED = 100
"""Newest files that are tried before the columns of a table are given up."""
_NAMED = 20
"""Unreadable files that one event names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why and how often in a row a table could not be listed; times are seconds since the epoch."""

    error: str
    failures: int
    failed_at: float
    retry_at: float
    mistakes: Sequence[dict[str, Any]] = ()
    """Those of the declaration, where it was not the store that failed."""

    def refusal(self, now: float) -> GatewayError:
        """Make the error of a question that comes before the next attempt."""
        if self.mistakes:
            return TableInvalid(Diagnostic(**one | {"rule": Rule(one["rule"])}) for one in self.mistakes)
        return StorageFailed(self.error, retry_after=self.retry_at - now)

    def resting(self, now: float) -> bool:
        """Tell whether the next attempt is to wait; it is not where the clock went back since the last."""
        return self.failed_at - SKEW <= now < self.retry_at


@dataclass(frozen=True, slots=True, kw_only=True)
class TableStatus:
    """How the manifest of a table is doing."""

    table: str
    snapshot: str | None
    listed_at: float | None
    """When its listing began, seconds since the epoch."""
    age: float | None
    """The same in seconds before now."""
    late: bool
    """The manifest is older than the table allows."""
    problems: int
    failure: Failure | None
    """The last attempt to refresh it, where that failed."""


class ManifestStore:
    """The snapshot of one table, in memory and on disk. Safe to use from several threads and processes.

    ``folder`` is the table's own in the state folder; ``clock`` gives seconds since the epoch. ``announce`` is told
    of a refresh by request that found changes since the last one, once the new snapshot is published.
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
        self._shelf = SnapshotStore(folder)
        self._open_store = open_store
        self._describe = describe
        self._clock = clock
        self._observe = observer
        self._announce = announce
        self._lock, self._following = RLock(), Lock()
        self._store: Store | None = None
        self._stamp: tuple[int, int] | None = None
        self._passed_over: dict[bytes, Unread] = {}
        """Versions whose footers were gone or refused."""
        self._told: frozenset[bytes] = frozenset()
        """Versions that were told to be unreadable."""
        self._asking = Lock()
        self._asked: pa.Table | None = None
        """Facts that were read because a request asked for them."""

    @property
    def fresh(self) -> bool:
        """Tell whether the snapshot is as young as the table demands."""
        return self.snapshot is not None and -SKEW <= self._age(self.snapshot) <= self.table.refresh

    def _age(self, snapshot: Snapshot) -> float:
        """Return the age of a snapshot in seconds; it is negative where the clock went back since."""
        return self._clock() - snapshot.listed_at

    def current(self) -> Snapshot:
        """Return the snapshot on disk, or the one at hand, else list the table. Raises what ``refresh`` raises.

        After a failure the next attempts wait, and fail at once with the same error.
        """
        self.follow()
        if self.snapshot is None:
            self._refuse_while_waiting()
            with self._exclusive():
                self.follow()
                if self.snapshot is None:
                    self._list(None)
        assert self.snapshot is not None
        return self.snapshot

    def renew(self) -> Snapshot:
        """Return a snapshot as young as the table demands; the one at hand where listing fails."""
        if self.fresh:
            return self.current()
        snapshot = self.current()
        with self._exclusive():
            self.follow()
            failure = self.failure()
            if self.fresh or (failure is not None and failure.resting(self._clock())):
                return self.snapshot or snapshot
            try:
                return self._list(None)
            except GatewayError:  # the observer was told, and the status says so
                return self.snapshot or snapshot

    def refresh(self, partitions: Iterable[str] | None = None, *, announced: bool = False) -> Snapshot:
        """List the table, or only the named partitions (``day=2013-06-01``), and return the new snapshot.

        The files are looked at after the call. *announced* says that somebody who knows of changes asks for it.
        Raises ``StorageFailed``, ``TableInvalid``, ``InvalidParameters`` (of *partitions*) and what describing a file
        raises.
        """
        with self._exclusive():
            self.follow()
            return self._list(partitions, announced=announced)

    def catch_up(self, others: Sequence[Edition]) -> Snapshot:
        """Return a snapshot that covers what other machines saw: list the table where the one at hand does not.

        Raises what ``refresh`` raises; after a failure the next attempts wait.
        """
        if self.covers(others):
            return self.current()
        self._refuse_while_waiting()
        with self._exclusive():
            if self.covers(others):
                return self.current()
            return self._list(None, after=max(one.ended for one in others))

    def covers(self, others: Iterable[Edition]) -> bool:
        """Tell whether the newest snapshot covers the *others*."""
        edition = self.current().edition
        return all(edition.covers(one) for one in others)

    def inherit(self, previous: ManifestStore) -> None:
        """Begin with the snapshot of the keeper before, where this declaration asks for the same manifest."""
        found, stamp = previous.snapshot, previous._stamp
        if (
            found is not None
            and self.table.location == previous.table.location
            and self.table.ignore_table_format >= previous.table.ignore_table_format
            and declaration(self.table, found.root) == declaration(previous.table, found.root)
        ):
            self.snapshot, self._stamp = replace(found, table=self.table), stamp

    def learn(self, files: int = 500, *, everything: bool = False, patience: Patience = UNENDING) -> bool:
        """Read the footers of some files and publish what they say; tell whether more are to be read.

        *files* is how many, and more of a large table, which is written to disk each time. Of a very large one some
        are read, unless *everything* is asked for. Raises ``StorageFailed``.
        """
        snapshot = self.snapshot
        if snapshot is None:
            return False
        files = max(files, snapshot.files.num_rows // 20)
        unread = footers.missing(snapshot, self._passed_over.keys(), files, everything=everything)
        if not unread.num_rows:
            return False
        try:
            columns = footers.bounded_columns(snapshot)
            found = self._read(self._opened(), unread, columns, statistics=self.table.statistics, patience=patience)
            self._passed_over |= {one.version: one for one in found.unread}
            self.keep(snapshot, found.table)
        except StorageFailed as error:
            if not patience.unless():
                self._observe(FootersFailed(table=self.table.name, error=error.detail))
            raise
        return unread.num_rows == files

    def keep(self, snapshot: Snapshot, found: pa.Table) -> None:
        """Publish what was *found* of the versions of files in *snapshot*, if its columns are still those."""
        with self._exclusive():
            self.follow()
            current = self.snapshot or snapshot
            if current.file_columns == snapshot.file_columns:
                learned = footers.attach(current, found)
                edition = self._edition(learned.id, began=current.edition.began, whole=False)
                self._publish(replace(learned, edition=edition))

    @property
    def unread(self) -> list[Unread]:
        """The files whose footers were gone or refused when they were asked for."""
        return list(self._passed_over.values())

    def look_again(self) -> None:
        """Try the files once more whose footers were gone or refused when they were asked for."""
        self._passed_over = {}

    def informed(self, snapshot: Snapshot, places: Ordinals) -> Snapshot:
        """Return *snapshot* with the facts of the files at *places*: those not known are read now, side by side.

        A file that is gone, or may not be read, stays without. Where the table's own location fails, a replica is
        asked. Raises ``StorageFailed``, within seconds where the store is silent.
        """
        if _informed(snapshot, places):
            return snapshot
        with self._alone_asking():
            mine = self.snapshot
            known = mine if mine is not None and mine.id == snapshot.id else snapshot
            if self._asked is not None and not _informed(known, places):
                known = footers.attach(known, self._asked)
            unknown = places[facts.codes(known.files)[places] < 0]
            if len(unknown):
                found = self._read_somewhere(known, known.files.take(unknown))
                known = footers.attach(known, found.table)
                self._remember(found.table.select(["version", FACTS]))
            with self._following:
                if self.snapshot is mine and known.id == getattr(mine, "id", None):
                    self.snapshot = known
        return known

    @contextmanager
    def _alone_asking(self) -> Iterator[None]:
        """Read on demand alone, so that nothing is read twice. Raises ``StorageFailed`` where the others wait long."""
        if not self._asking.acquire(timeout=SILENCE):
            raise StorageFailed(f"{self.table.location}: the store does not answer.", passing=True)
        try:
            yield
        finally:
            self._asking.release()

    def _read_somewhere(self, snapshot: Snapshot, files: pa.Table) -> footers.Found:
        """Read the footers of some files for a request, at a replica where the table's own location fails."""
        try:
            return self._read(self._opened(), files, {}, statistics=False, patience=_REQUEST)
        except StorageFailed as error:
            for location in self.table.replicas:
                with suppress(StorageFailed):  # the failure of the table's own location is the one to tell
                    return self._read(self._open_store(location), files, {}, statistics=False, patience=_REQUEST)
            error.path = snapshot.address(str(files["path"][0].as_py()))
            raise

    def _remember(self, found: pa.Table) -> None:
        """Keep facts that a request asked for: a snapshot picked up from disk later may not have them."""
        before = self._asked
        if before is None or before.num_rows > _ASKED:
            self._asked = found
        else:
            self._asked = pa.concat_tables([before, found]).unify_dictionaries()

    def _read(
        self,
        store: Store,
        files: pa.Table,
        columns: Mapping[str, KeyType],
        *,
        statistics: bool,
        patience: Patience,
    ) -> footers.Found:
        """Read the footers of some files, and tell of those that cannot be read, each once."""
        started = self._clock()
        found = footers.read(store, files, columns, statistics=statistics, patience=patience)
        self._observe(FootersRead(table=self.table.name, files=found.table.num_rows, seconds=self._clock() - started))
        untold = [one for one in footers.unreadable(found, files) if one.version not in self._told]
        if untold:
            self._told |= {one.version for one in untold}
            named = tuple(f"{one.path}: {one.reason}" for one in untold[:_NAMED])
            self._observe(FilesUnreadable(table=self.table.name, count=len(untold), files=named))
        return found

    def follow(self) -> None:
        """Pick up the snapshot on disk if it is another than the one at hand; what cannot be read is ignored."""
        if self._shelf.stamp() in (None, self._stamp):
            return
        with self._following:
            stamp = self._shelf.stamp()
            if stamp in (None, self._stamp):  # another thread has picked it up
                return
            started = self._clock()
            try:
                found = self._shelf.take(self.table, self._opened().root, self.snapshot)
            except Unreadable:
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
        """Tell how the manifest is doing. Lists nothing."""
        self.follow()
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

    def failure(self) -> Failure | None:
        """Return the last failure, of whichever process of this machine, None after a success."""
        try:
            return Failure(**orjson.loads((self._folder / "failure.json").read_bytes()))
        except (OSError, orjson.JSONDecodeError, TypeError):
            return None

    def _list(self, partitions: Iterable[str] | None, *, announced: bool = False, after: float = 0.0) -> Snapshot:
        """List and publish; the caller has the table for itself. The listing begins *after* an instant."""
        started, previous = self._clock(), self.snapshot
        prefixes = _below(previous, partitions)
        try:
            snapshot = self._listed(previous, prefixes, started)
            edition = self._edition(snapshot.id, began=max(started, after), whole=prefixes is None)
            told = announced and (snapshot.announced is None or snapshot.announced.content != snapshot.id)
            self._publish(replace(snapshot, edition=edition, announced=edition if told else snapshot.announced))
        except GatewayError as error:
            self._failed(error)
            raise
        if told:
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
        assert self.snapshot is not None
        return self.snapshot

    def _listed(self, previous: Snapshot | None, prefixes: Sequence[str] | None, started: float) -> Snapshot:
        """List at the table's location; where that fails, at a replica that has all that is known already."""
        home = self._opened()
        try:
            return self._listed_at(home, home.root, previous, prefixes, started)
        except StorageFailed as error:
            for location in self.table.replicas:
                with suppress(StorageFailed):  # the failure of the table's own location is the one to tell
                    found = self._listed_at(self._open_store(location), home.root, previous, prefixes, started)
                    self._observe(ReplicaListed(table=self.table.name, location=location, error=error.detail))
                    return found
            raise

    def _listed_at(
        self, store: Store, root: str, previous: Snapshot | None, prefixes: Sequence[str] | None, started: float
    ) -> Snapshot:
        if previous is not None and prefixes is not None:
            # The folders that were not looked at are as old as they were.
            listing, listed_at = splice(previous, prefixes, list_folders(store, prefixes)), previous.listed_at
        else:
            bounds = previous.bounds() if previous is not None else []
            listing, listed_at = list_files(store, before=bounds), started
        self._refuse_table_format(listing)
        if previous is not None and unchanged(previous, listing):
            return replace(previous, listed_at=listed_at)
        if store.root != root and not (len(listing) and (previous is None or holds(listing, previous))):
            raise StorageFailed(f"{store.location}: the replica is behind.")
        columns, read = self._columns(store, listing, previous)
        snapshot = build(self.table, root, listing, columns, listed_at)
        known = [read] if read is not None else []
        if previous is None:
            return footers.attach(snapshot, *known)
        snapshot = replace(snapshot, announced=previous.announced)
        return footers.attach(snapshot, footers.carried(previous, snapshot), *known)

    def _refuse_table_format(self, listing: pa.Table) -> None:
        """Refuse a listing in which another format keeps which of the files are rows. Raises ``TableInvalid``."""
        found = None if self.table.ignore_table_format else recognise(listing)
        if found is not None:
            mistake = Diagnostic(
                path=f"catalog/{self.table.name}.yaml", message=f"{found}: {NOT_ITS_ROWS}", hint=IGNORE, rule=Rule.DATA
            )
            raise TableInvalid([mistake])

    def _columns(
        self, store: Store, listing: pa.Table, previous: Snapshot | None
    ) -> tuple[Sequence[Column], pa.Table | None]:
        """Return the columns of the files: as declared, else as in their footers, with what was read of those."""
        if self.table.columns is not None:
            return [Column(name=name, type=type_) for name, type_ in self.table.columns.items()], None
        files = versioned(listing)
        if not files.num_rows:
            if previous is not None:
                return previous.file_columns, None
            raise self._undeclared("the table has no files yet, so its columns are not known")
        try:
            columns, read = infer(store, files, previous)
        except NoType as error:
            raise self._undeclared(str(error)) from error
        return columns or self._described(store, listing), read

    def _undeclared(self, message: str) -> TableInvalid:
        mistake = Diagnostic(path=f"catalog/{self.table.name}.yaml", message=message, hint="declare its columns")
        return TableInvalid([mistake])

    def _described(self, store: Store, listing: pa.Table) -> Sequence[Column]:
        """Ask the engine, where no footer could be read."""
        last = newest(listing)
        try:
            if last is not None:
                return self._describe([store.address(last[0])])
        except StorageFailed as error:
            if error.passing:
                raise
        return self._describe([store.address(self._readable(store, listing))])

    def _readable(self, store: Store, listing: pa.Table) -> str:
        """Find the newest file that can be read as Parquet. Raises ``TableInvalid``."""
        data, _ = data_files(listing.select(SCHEMA.names))
        damage = ""
        for row in data.sort_by([("last_modified", "descending"), ("path", "ascending")]).slice(0, _TRIED).to_pylist():
            try:
                footers.read_footer(store, row)
            except (Gone, Damaged) as error:
                damage = damage or f"{row['path']}: {error}"
            else:
                return str(row["path"])
        message = f"none of its newest files can be read, so its columns are not known; {damage}"
        mistake = Diagnostic(path=f"catalog/{self.table.name}.yaml", message=message, rule=Rule.DATA)
        raise TableInvalid([mistake])

    def _publish(self, snapshot: Snapshot) -> None:
        """Put the snapshot on disk, and hold what is mapped from there instead of the copy in memory."""
        with self._state_errors():
            self._shelf.put(snapshot)
            stamp = self._shelf.stamp()
            try:
                held = self._shelf.take(self.table, snapshot.root, self.snapshot)
            except Unreadable as error:
                raise StorageFailed(f"{self.table.name}: the manifest on disk is not what was written.") from error
            (self._folder / "failure.json").unlink(missing_ok=True)
        with self._following:
            self.snapshot, self._stamp = held, stamp
        pa.default_memory_pool().release_unused()  # a listing of a million files takes some hundred megabytes

    def _edition(self, snapshot: str, *, began: float, whole: bool) -> Edition:
        """Return the next edition: of the line that is on disk, else the first of another."""
        previous = self.snapshot
        on_disk = previous is not None and previous.edition.line and self._shelf.stamp() is not None
        line = previous.edition.line if previous is not None and on_disk else secrets.token_hex(8)
        return edition_after(previous, snapshot, line=line, began=began, ended=self._clock(), whole=whole)

    def _failed(self, error: GatewayError) -> None:
        before, now = self.failure(), self._clock()
        failures = before.failures + 1 if before is not None else 1
        pause = min(2.0 ** min(failures, 16), MAX_BACKOFF)
        failure = Failure(
            error=error.detail,
            failures=failures,
            failed_at=now,
            retry_at=now + pause,
            mistakes=[_kept(one) for one in error.diagnostics] if isinstance(error, TableInvalid) else (),
        )
        path = self._folder / f"failure.json.{os.getpid()}.tmp"
        with self._state_errors():
            path.write_bytes(orjson.dumps(asdict(failure)))
            path.replace(self._folder / "failure.json")
        self._observe(RefreshFailed(table=self.table.name, error=failure.error, failures=failures, retry_in=pause))

    def _refuse_while_waiting(self) -> None:
        failure, now = self.failure(), self._clock()
        if failure is not None and failure.resting(now):
            raise failure.refusal(now)

    def _opened(self) -> Store:
        if self._store is None:
            self._store = self._open_store(self.table.location)
        return self._store

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        """Have the table alone, among the threads of this process and the processes of this machine."""
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
            raise StorageFailed(message) from error


def _kept(mistake: Diagnostic) -> dict[str, Any]:
    """Return what a failure keeps of a mistake, which is of the declaration as a whole."""
    return {"path": mistake.path, "message": mistake.message, "hint": mistake.hint, "rule": mistake.rule}


def _below(previous: Snapshot | None, partitions: Iterable[str] | None) -> Sequence[str] | None:
    """Return the folders to list for these partitions; None for the whole table, which is less where they are many."""
    if previous is None or partitions is None:
        return None
    prefixes = folders(previous, partitions)
    return prefixes if len(prefixes) <= _FOLDERS + previous.files.num_rows // PAGE else None


def _informed(snapshot: Snapshot, places: Ordinals) -> bool:
    """Tell whether the facts of all files at these places are known."""
    return not len(places) or int(facts.codes(snapshot.files)[places].min()) >= 0

"""Snapshots that answers have named, kept in a declared location: for as long as is set after the next one was named.

    <location>/<table>/<place>/<when>-<snapshot>-<base>.arrow

An object has the files of a snapshot that its base does not have, and the versions of those that only the base has;
where it is its own base, it has all files. It is written once, behind the answer that names the snapshot, and read
when the snapshot is asked for by its name. *when* is the instant at which a listing had found it. A table that comes
back to what it was is named anew, whichever process had named it before: each looks at what is kept once a listing.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as Late
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import blake2b
from itertools import pairwise
from threading import Lock
from typing import Any, Final, cast

import obstore
import orjson
import pyarrow as pa
import pyarrow.compute as pc
from obstore.exceptions import NotFoundError

from gateway.catalog.listing import SCHEMA
from gateway.catalog.manifest import Snapshot, build
from gateway.catalog.snapshot_ids import part_of
from gateway.catalog.store import Store, storage_errors
from gateway.catalog.table import Table
from gateway.concurrency.daemons import Daemons
from gateway.errors import SnapshotGone, StorageFailed
from gateway.model import Column, Edition
from gateway.telemetry.events import Observer, SnapshotNotKept

_FORMAT: Final = 1
_STAMP: Final = "%Y%m%dT%H%M%S%fZ"
_VERSION: Final = pa.field("version", pa.binary(16))
_ROWS: Final = pa.schema([_VERSION, *SCHEMA])
_ABSENT: Final = (NotFoundError, FileNotFoundError)
_PATIENCE: Final = 30.0
"""Seconds that somebody waits who needs a snapshot to be kept."""
_ENDING: Final = 5.0
"""Seconds in which what waits is written when the process ends."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class KeptSnapshot:
    """A snapshot of one table that is kept: when it was named (aware, UTC), and what it is a difference to."""

    named_at: datetime
    snapshot: str
    base: str
    key: str
    size: int
    """Bytes that it takes where it is kept."""

    @property
    def whole(self) -> bool:
        """Whether it has all files of the snapshot."""
        return self.base == self.snapshot

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        named_at = self.named_at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return {"snapshot": self.snapshot, "named_at": named_at, "bytes": self.size, "whole": self.whole}


class NamedSnapshots:
    """The named snapshots of all tables, at a location that hosts may share. Thread-safe.

    *keep* is for how many seconds after the next one; *clock* tells seconds since the epoch.
    """

    def __init__(
        self, open_location: Callable[[], Store], *, keep: float, clock: Callable[[], float], observe: Observer
    ) -> None:
        self._open, self._keep, self._clock, self._observe = open_location, keep, clock, observe
        self._lock = Lock()
        self._opened: Store | None = None
        self._named: dict[str, tuple[tuple[str, Edition], Future[None]]] = {}
        """By the folder of a table: the snapshot that was named last, of which listing, and its writing."""
        self._bases: dict[str, tuple[str, Any]] = {}
        """By the folder of a table: the base that was used last, and the versions of its files."""
        self._writing = Daemons(1, "snapshots")

    def name(self, snapshots: Iterable[Snapshot]) -> None:
        """Keep *snapshots*, which are named to somebody, soon: nothing is waited for."""
        for snapshot in snapshots:
            self._submit(snapshot)

    def keep_now(self, snapshots: Iterable[Snapshot]) -> None:
        """Keep *snapshots* before this returns. Raises ``StorageFailed``."""
        for future in [self._submit(snapshot) for snapshot in snapshots]:
            try:
                future.result(_PATIENCE)
            except Late as error:
                raise StorageFailed("The location of the snapshots does not answer.", passing=True) from error

    def kept(self, table: Table, root: str) -> list[KeptSnapshot]:
        """List the snapshots of a table that are kept, the first one named first. Raises ``StorageFailed``."""
        store, folder = self._store(), _folder(table, root)
        with storage_errors(store.location):
            found = store.patiently(lambda: [item for page in obstore.list(store.objects, folder) for item in page])
        return sorted(kept for item in found if (kept := _read_key(item["path"], item["size"])) is not None)

    def before(self, table: Table, root: str, instant: datetime) -> str | None:
        """Return the last snapshot of a table that was named before an instant; None: there is none.

        One that is there as a base alone does not count: what followed it may have been removed.
        """
        found = [kept.snapshot for kept in self._lasting(self.kept(table, root)) if kept.named_at < instant]
        return found[-1] if found else None

    def find(self, table: Table, root: str, name: str) -> Snapshot:
        """Return a snapshot by its name. Raises ``SnapshotGone`` and ``StorageFailed``."""
        every = self.kept(table, root)
        for kept in reversed(every):
            if kept.snapshot == name:
                return self._restored(table, root, kept, every)
        raise SnapshotGone(
            f"The snapshot {name} of the table {table.name} is not kept, or not any more.", table=table.name
        )

    def close(self) -> None:
        """Write what waits, within some seconds; idempotent."""
        with self._lock:
            waiting = [future for _, future in self._named.values()]
        for future in waiting:
            with suppress(Late, StorageFailed):
                future.result(_ENDING)
        self._writing.close()

    def _submit(self, snapshot: Snapshot) -> Future[None]:
        folder, which = _folder(snapshot.table, snapshot.root), (part_of(snapshot.id), snapshot.edition)
        with self._lock:
            last = self._named.get(folder)
            if last is not None and last[0] == which:
                return last[1]
            future = self._writing.submit(partial(self._write_or_tell, snapshot, folder))
            self._named[folder] = which, future
        return future

    def _write_or_tell(self, snapshot: Snapshot, folder: str) -> None:
        try:
            self._write(snapshot, folder)
        except StorageFailed as error:
            with self._lock:
                self._named.pop(folder, None)  # who names it next has it tried again
            self._observe(SnapshotNotKept(table=snapshot.table.name, snapshot=snapshot.id, error=error.detail))
            raise

    def _write(self, snapshot: Snapshot, folder: str) -> None:
        every, at = self.kept(snapshot.table, snapshot.root), _found_at(snapshot)
        before = [kept.snapshot for kept in every if kept.named_at <= at]
        if before[-1:] != [part_of(snapshot.id)]:
            taken = {kept.named_at for kept in every}
            while at in taken:
                at += timedelta(microseconds=1)
            self._add(snapshot, folder, at, every)
            every = self.kept(snapshot.table, snapshot.root)
        self._sweep(every)

    def _add(self, snapshot: Snapshot, folder: str, at: datetime, every: Sequence[KeptSnapshot]) -> None:
        name, base = part_of(snapshot.id), None if not every else every[-1].base
        rows = None if base in (None, name) else self._difference(snapshot, folder, base, every)
        self._put(snapshot, f"{folder}/{at.strftime(_STAMP)}-{name}-{name if rows is None else base}.arrow", rows)
        if rows is None:
            self._bases[folder] = name, _versions(snapshot.files)

    def _difference(self, snapshot: Snapshot, folder: str, base: str, every: Sequence[KeptSnapshot]) -> pa.Table | None:
        """Return what tells a snapshot from its base; None where all of its files are hardly more."""
        there = self._base(folder, base, every)
        if there is None:
            return None
        here = _versions(snapshot.files)
        added = snapshot.files.filter(pc.invert(pc.is_in(here, value_set=there))).select(_ROWS.names)
        gone = there.filter(pc.invert(pc.is_in(there, value_set=here)))
        if added.num_rows + len(gone) > snapshot.files.num_rows // 4:
            return None
        absent = {name: pa.nulls(len(gone), _ROWS.field(name).type) for name in SCHEMA.names}
        return pa.concat_tables([added.cast(_ROWS), pa.table({"version": gone, **absent}, schema=_ROWS)])

    def _base(self, folder: str, base: str, every: Sequence[KeptSnapshot]) -> Any:
        known = self._bases.get(folder)
        if known is None or known[0] != base:
            kept = next((each for each in reversed(every) if each.whole and each.snapshot == base), None)
            if kept is None:
                return None
            try:
                known = base, _versions(self._read(kept.key)[1])
            except SnapshotGone:
                return None
            self._bases[folder] = known
        return known[1]

    def _put(self, snapshot: Snapshot, key: str, rows: pa.Table | None) -> None:
        whole = snapshot.files.select(_ROWS.names).cast(_ROWS) if rows is None else rows
        document = {
            "format": _FORMAT,
            "id": snapshot.id,
            "listed_at": snapshot.listed_at,
            "file_columns": [[column.name, column.type] for column in snapshot.file_columns],
        }
        described = whole.replace_schema_metadata({"snapshot": orjson.dumps(document)})
        sink = pa.BufferOutputStream()
        options = pa.ipc.IpcWriteOptions(compression="zstd")
        with pa.ipc.new_file(sink, described.schema, options=options) as writer:
            writer.write_table(described)
        store = self._store()
        with storage_errors(store.location):
            store.patiently(lambda: obstore.put(store.objects, key, io.BytesIO(sink.getvalue().to_pybytes())))

    def _read(self, key: str) -> tuple[dict[str, Any], pa.Table]:
        """Read one object. Raises ``StorageFailed``, and ``SnapshotGone`` of one that is damaged or not there."""
        store = self._store()
        with storage_errors(store.location):
            try:
                content = bytes(store.patiently(lambda: obstore.get(store.objects, key).bytes()))
            except _ABSENT as error:
                raise SnapshotGone("The snapshot is not kept any more.") from error
        try:
            rows = pa.ipc.open_file(pa.py_buffer(content)).read_all()
            document = orjson.loads((rows.schema.metadata or {})[b"snapshot"])
            if document["format"] != _FORMAT:
                raise SnapshotGone("The snapshot was kept by another release of the gateway.")
        except (pa.ArrowException, OSError, KeyError, ValueError) as error:
            raise SnapshotGone("What was kept of the snapshot is damaged.") from error
        return document, rows

    def _restored(self, table: Table, root: str, kept: KeptSnapshot, every: Sequence[KeptSnapshot]) -> Snapshot:
        document, rows = self._read(kept.key)
        is_there = pc.is_valid(rows["path"])
        files = rows.filter(is_there)
        if not kept.whole:
            base = next((each for each in every if each.whole and each.snapshot == kept.base), None)
            if base is None:
                raise SnapshotGone(f"The base of the snapshot {kept.snapshot} is not kept any more.", table=table.name)
            before, gone = self._read(base.key)[1], rows.filter(pc.invert(is_there))["version"].combine_chunks()
            stayed = before.filter(pc.invert(pc.is_in(_versions(before), value_set=gone)))
            files = pa.concat_tables([stayed.replace_schema_metadata(), files.replace_schema_metadata()])
        columns = [Column(name=name, type=kind) for name, kind in document["file_columns"]]
        at = float(document["listed_at"])
        found = build(table, root, files.select(SCHEMA.names), columns, at)
        if found.id != document["id"]:
            said = f"The table {table.name} is declared in another way since its snapshot {kept.snapshot}."
            raise SnapshotGone(said, table=table.name)
        return replace(found, edition=Edition(line="", number=0, began=at, ended=at, content=found.id))

    def _sweep(self, every: Sequence[KeptSnapshot]) -> None:
        """Remove what was followed by another one long enough ago, and is the base of nothing that stays."""
        stays = self._lasting(every)
        bases = {kept.base for kept in stays}
        store = self._store()
        for kept in every:
            if kept not in stays and not (kept.whole and kept.snapshot in bases):
                with storage_errors(store.location), suppress(*_ABSENT):
                    obstore.delete(store.objects, kept.key)

    def _lasting(self, every: Sequence[KeptSnapshot]) -> list[KeptSnapshot]:
        """Return those that no other one followed long enough ago."""
        oldest = datetime.fromtimestamp(self._clock(), UTC) - timedelta(seconds=self._keep)
        return [*(kept for kept, following in pairwise(every) if following.named_at >= oldest), *every[-1:]]

    def _store(self) -> Store:
        with self._lock:
            if self._opened is None:
                self._opened = self._open()
            return self._opened


def _folder(table: Table, root: str) -> str:
    return f"{table.name}/{blake2b(root.encode(), digest_size=8).hexdigest()}"


def _found_at(snapshot: Snapshot) -> datetime:
    """Return when a listing had found a snapshot: one of some folders alone leaves ``listed_at`` as it was."""
    return datetime.fromtimestamp(max(snapshot.listed_at, snapshot.edition.ended), UTC)


def _read_key(path: str, size: int) -> KeptSnapshot | None:
    parts = path.rpartition("/")[2].removesuffix(".arrow").split("-")
    if len(parts) != 3 or not path.endswith(".arrow"):
        return None
    with suppress(ValueError):
        when = datetime.strptime(parts[0], _STAMP).replace(tzinfo=UTC)
        return KeptSnapshot(named_at=when, snapshot=parts[1], base=parts[2], key=path, size=size)
    return None


def _versions(files: pa.Table) -> Any:
    return cast(Any, files["version"].combine_chunks())

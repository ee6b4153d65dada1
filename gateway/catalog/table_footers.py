"""Reads the footers of the files of one table: in the background, and on demand for a request."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from threading import Lock
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from cachetools import LRUCache

from gateway.catalog import facts, footers
from gateway.catalog.facts import FACTS
from gateway.catalog.footers import Damaged, FileGone, FooterFacts, Patience, UnreadFooter
from gateway.catalog.listing import SCHEMA
from gateway.catalog.manifest import Snapshot
from gateway.catalog.store import Store
from gateway.catalog.table import Table
from gateway.catalog.table_stores import TableStores
from gateway.catalog.transforms.keys import KeyType, Ordinals
from gateway.concurrency.daemons import Daemons
from gateway.errors import StorageFailed
from gateway.telemetry.events import FilesUnreadable, FootersRead, Observer

SILENCE = 5.0
"""Seconds without an answer of the store after which a request that waits for footers fails."""
_ON_DEMAND = Patience(silence=SILENCE)
_REMEMBERED = 100_000
"""Files whose facts are remembered because requests asked for them."""
_CUT = 10_000
"""Files whose row groups are remembered."""
_NAMED = 20
"""Unreadable files that one event names."""


class TableFooters:
    """Reads footers and remembers which could not be read. Thread-safe."""

    def __init__(self, table: Table, stores: TableStores, clock: Callable[[], float], observer: Observer) -> None:
        self._table = table
        self._stores = stores
        self._clock = clock
        self._observe = observer
        self._unread: dict[bytes, UnreadFooter] = {}
        """By version: files that were gone, or could not be read, when the background work came to them."""
        self._reported: frozenset[bytes] = frozenset()
        """Versions that were reported as unreadable."""
        self._reading = Lock()
        self._remembered: pa.Table | None = None
        """Facts that were read because a request asked for them."""
        self._cutting = Lock()
        self._row_groups: LRUCache[bytes, tuple[int, ...]] = LRUCache(_CUT)
        """By version: the rows of the row groups of files that were cut."""

    @property
    def unread(self) -> list[UnreadFooter]:
        """The files whose footers were gone or could not be read."""
        return list(self._unread.values())

    def retry_unread(self) -> None:
        """Try the files again whose footers were gone or could not be read."""
        self._unread = {}

    def missing(self, snapshot: Snapshot, files: int, *, everything: bool) -> pa.Table:
        """Return up to *files* files whose footers are to be read in the background; see ``footers.missing``."""
        return footers.missing(snapshot, self._unread.keys(), files, everything=everything)

    def read_in_background(self, snapshot: Snapshot, files: pa.Table, patience: Patience) -> pa.Table:
        """Read the footers of some files, with statistics where the table has them. Raises ``StorageFailed``."""
        columns = footers.bounded_columns(snapshot)
        found = self._read(self._stores.home, files, columns, self._table.statistics, patience)
        self._unread |= {file.version: file for file in found.unread}
        return found.table

    def read_on_demand(self, snapshot: Snapshot, positions: Ordinals) -> Snapshot:
        """Return *snapshot* with the facts of the files at *positions*; see ``ManifestStore.with_facts``."""
        unknown = _unknown(snapshot, positions)
        if self._remembered is not None and len(unknown) and _has_any(self._remembered, snapshot, unknown):
            snapshot = footers.attach(snapshot, self._remembered)
            unknown = _unknown(snapshot, positions)
        if not len(unknown):
            return snapshot
        found = self._read_anywhere(snapshot, snapshot.files.take(unknown))
        self._remember(found.table.select(["version", FACTS]))
        return footers.attach(snapshot, found.table)

    def row_groups(self, files: pa.Table) -> list[tuple[int, ...]]:
        """Return the rows of each row group of each of the files; none of one that is damaged.

        Raises ``FileGone`` with the path of one that is not there any more, and ``StorageFailed``.
        """
        rows = files.select(["version", *SCHEMA.names]).to_pylist()
        with self._cutting:
            known = {row["version"]: self._row_groups.get(row["version"]) for row in rows}
        unknown = [row for row in rows if known[row["version"]] is None]
        readers = Daemons(min(footers.READERS, max(len(unknown), 1)), "row-groups")
        found = readers.map([partial(self._row_groups_of, row) for row in unknown])
        made = {row["version"]: groups for row, groups in zip(unknown, found, strict=True)}
        with self._cutting:
            self._row_groups.update(made)
        return [made.get(row["version"]) or known[row["version"]] or () for row in rows]

    def check_there(self, files: pa.Table) -> None:
        """Make sure that the listed versions of files are there. Raises ``FileGone`` with a path, ``StorageFailed``."""
        rows = files.select(["version", *SCHEMA.names]).to_pylist()
        readers = Daemons(min(footers.READERS, max(len(rows), 1)), "versions")
        list(readers.map([partial(self._check_one, row) for row in rows]))

    def _check_one(self, row: Mapping[str, Any]) -> None:
        size = int(row["size"])
        try:
            self._stores.first(lambda store: footers.read_range(store, row, max(0, size - 8), max(1, size)))
        except FileGone:
            raise FileGone(str(row["path"])) from None

    def _row_groups_of(self, row: Mapping[str, object]) -> tuple[int, ...]:
        try:
            metadata = self._stores.first(lambda store: footers.read_footer(store, row)).metadata
        except FileGone:
            raise FileGone(str(row["path"])) from None
        except Damaged:
            return ()
        return tuple(metadata.row_group(number).num_rows for number in range(metadata.num_row_groups))

    @contextmanager
    def one_at_a_time(self) -> Iterator[None]:
        """Let one request read on demand, so that nothing is read twice. Raises ``StorageFailed`` after a long wait."""
        if not self._reading.acquire(timeout=SILENCE):
            raise StorageFailed(f"{self._table.location}: the store does not answer.", passing=True)
        try:
            yield
        finally:
            self._reading.release()

    def _read_anywhere(self, snapshot: Snapshot, files: pa.Table) -> FooterFacts:
        try:
            return self._stores.first(lambda store: self._read(store, files, {}, False, _ON_DEMAND))
        except StorageFailed as error:
            error.path = snapshot.address(str(files["path"][0].as_py()))
            raise

    def _remember(self, found: pa.Table) -> None:
        """Remember facts that a request asked for: a snapshot that is loaded from disk later may not have them."""
        before = self._remembered
        if before is None or before.num_rows > _REMEMBERED:
            self._remembered = found
        else:
            self._remembered = pa.concat_tables([before, found]).unify_dictionaries()

    def _read(
        self, store: Store, files: pa.Table, columns: Mapping[str, KeyType], statistics: bool, patience: Patience
    ) -> FooterFacts:
        """Read the footers of some files; report those that cannot be read, each once."""
        started = self._clock()
        found = footers.read(store, files, columns, statistics=statistics, patience=patience)
        self._observe(FootersRead(table=self._table.name, files=found.table.num_rows, seconds=self._clock() - started))
        new = [file for file in footers.unreadable(found, files) if file.version not in self._reported]
        if new:
            self._reported |= {file.version for file in new}
            named = tuple(f"{file.path}: {file.reason}" for file in new[:_NAMED])
            self._observe(FilesUnreadable(table=self._table.name, count=len(new), files=named))
        return found


def _unknown(snapshot: Snapshot, positions: Ordinals) -> Ordinals:
    """Return those of some positions at which the facts of the file are not known."""
    return positions[facts.codes(snapshot.files, positions) < 0]


def _has_any(found: pa.Table, snapshot: Snapshot, positions: Ordinals) -> bool:
    """Return whether something was found of any of the files at these positions."""
    versions = snapshot.files["version"].take(positions)
    return bool(pc.any(pc.is_in(versions, found["version"].combine_chunks())).as_py())


def are_known(snapshot: Snapshot, positions: Ordinals) -> bool:
    """Return whether the facts of all files at these positions are known."""
    return not len(positions) or int(facts.codes(snapshot.files, positions).min()) >= 0

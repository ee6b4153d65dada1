"""Lists the files of one table and builds a snapshot of them, with the columns that they have."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from gateway.catalog import footers
from gateway.catalog.announce import folders
from gateway.catalog.file_names import advice, first_paths, none_taken
from gateway.catalog.footers import Damaged, FileGone
from gateway.catalog.inferred import NoType, infer
from gateway.catalog.layout import data_files
from gateway.catalog.listing import PAGE, SCHEMA, list_files, list_folders
from gateway.catalog.manifest import Snapshot, build, holds, newest, splice, unchanged, versioned
from gateway.catalog.store import Store
from gateway.catalog.table import Table
from gateway.catalog.table_formats import IGNORE, NOT_ITS_ROWS, recognise
from gateway.catalog.table_stores import TableStores
from gateway.catalog.versions import DatasetVersion, Versions
from gateway.errors import DatasetNotBuilt, Diagnostic, Rule, Severity, StorageFailed, TableInvalid
from gateway.model import Column
from gateway.telemetry.events import Observer, ReplicaListed

Describe = Callable[[Sequence[str]], tuple[Column, ...]]
"""Return the columns of the Parquet files at these addresses, as the engine sees them."""
_FOLDERS = 64
"""Folders that are listed one by one, however few files their table has."""
_TRIED = 100
"""Newest files that are tried before the columns of a table are given up."""


class TableLister:
    """Lists one table. It publishes nothing; see ``manifest_store``."""

    def __init__(self, table: Table, stores: TableStores, describe: Describe, observer: Observer) -> None:
        self._table = table
        self._stores = stores
        self._describe = describe
        self._observe = observer
        self._last: DatasetVersion | None = None
        """The newest version of a dataset that was read."""

    def list(self, previous: Snapshot | None, prefixes: Sequence[str] | None, started: float) -> Snapshot:
        """List the table, or only its folders *prefixes*, and return the snapshot after *previous*.

        Where the table's location fails, a replica is listed that has all files of *previous*. Raises
        ``StorageFailed``, ``TableInvalid`` and what describing a file raises.
        """
        root = self._root()
        return self._stores.first(
            lambda store: self._list_at(store, root, previous, prefixes, started),
            on_replica=lambda location, error: self._observe(
                ReplicaListed(table=self._table.name, location=location, error=error.detail)
            ),
        )

    def _list_at(
        self, store: Store, root: str, previous: Snapshot | None, prefixes: Sequence[str] | None, started: float
    ) -> Snapshot:
        if self._table.query is not None:
            return self._built(store, root, previous, started)
        if previous is not None and prefixes is not None:
            # The other folders are as old as they were.
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
        snapshot = build(self._table, root, listing, columns, listed_at)
        known = [read] if read is not None else []
        if previous is None:
            return footers.attach(snapshot, *known)
        snapshot = replace(snapshot, announced=previous.announced)
        return footers.attach(snapshot, footers.carried(previous, snapshot), *known)

    def _built(self, store: Store, root: str, previous: Snapshot | None, started: float) -> Snapshot:
        """Return the snapshot of the newest version of a dataset: its files are listed in it."""
        version = self._version(store)
        if version is None:
            raise self._not_built()
        listing = version.listing()
        if previous is not None and previous.file_columns == version.columns and unchanged(previous, listing):
            return replace(previous, listed_at=started)
        snapshot = build(self._table, root, listing, version.columns, started)
        if previous is None:
            return snapshot
        snapshot = replace(snapshot, announced=previous.announced)
        return footers.attach(snapshot, footers.carried(previous, snapshot))

    def _version(self, store: Store) -> DatasetVersion | None:
        """Read the newest version of a dataset, or the declared one; what was read last is not read again."""
        versions, pinned = Versions(store), self._table.version
        numbers = versions.numbers()
        number = versions.number(pinned) if pinned is not None else next(reversed(numbers), None)
        if number not in numbers:
            self._last = None
        elif self._last is None or self._last.version != number:
            self._last = versions.read(number) if number is not None else None
            if self._last is None and pinned is None:
                self._last = versions.newest()  # it was removed since, and there is a newer one
        return self._last

    def _root(self) -> str:
        try:
            return self._stores.home.root
        except StorageFailed as error:
            if self._table.query is not None and error.path is not None and not Path(error.path).exists():
                raise self._not_built() from error  # the build makes the folder
            raise

    def _not_built(self) -> DatasetNotBuilt:
        name, pinned = self._table.name, self._table.version
        if pinned is None:  # nothing is wrong in its declaration
            hint = f"build it: gateway build {name}"
            said = self._diagnostic("the dataset has no version yet", hint=hint, rule=Rule.DATA)
            return DatasetNotBuilt([replace(said, severity=Severity.NOTE)])
        hint = "gateway datasets versions lists those of the dataset that is built at its location"
        return DatasetNotBuilt([self._diagnostic(f"there is no version {pinned}", hint=hint, rule=Rule.DATA)])

    def _refuse_table_format(self, listing: pa.Table) -> None:
        """Refuse a table of a format whose metadata says which files hold its rows. Raises ``TableInvalid``."""
        found = None if self._table.ignore_table_format else recognise(listing, self._table.files)
        if found is not None:
            raise self._invalid(f"{found}: {NOT_ITS_ROWS}", hint=IGNORE, rule=Rule.DATA)

    def _columns(
        self, store: Store, listing: pa.Table, previous: Snapshot | None
    ) -> tuple[Sequence[Column], pa.Table | None]:
        """Return the columns as declared, else as in the footers of the files, with what was read of the footers."""
        if self._table.columns is not None:
            return [Column(name=name, type=type_) for name, type_ in self._table.columns.items()], None
        files = versioned(listing, self._table.files)
        if not files.num_rows:
            if previous is not None:
                return previous.file_columns, None
            raise self._without_files(listing)
        try:
            columns, read = infer(store, files, previous)
        except NoType as error:
            raise self._undeclared(str(error)) from error
        return columns or self._described(store, listing), read

    def _described(self, store: Store, listing: pa.Table) -> Sequence[Column]:
        """Ask the engine for the columns, if no footer could be read."""
        last = newest(listing, self._table.files)
        try:
            if last is not None:
                return self._describe([store.address(last[0])])
        except StorageFailed as error:
            if error.passing:
                raise
        return self._describe([store.address(self._readable(store, listing))])

    def _readable(self, store: Store, listing: pa.Table) -> str:
        """Find the newest file that can be read as Parquet. Raises ``TableInvalid``."""
        data, _ = data_files(listing.select(SCHEMA.names), self._table.files)
        damage = ""
        for row in data.sort_by([("last_modified", "descending"), ("path", "ascending")]).slice(0, _TRIED).to_pylist():
            try:
                footers.read_footer(store, row)
            except (FileGone, Damaged) as error:
                damage = damage or f"{row['path']}: {error}"
            else:
                return str(row["path"])
        message = f"none of its newest files can be read, so its columns are not known; {damage}"
        raise self._invalid(message, rule=Rule.DATA)

    def _without_files(self, listing: pa.Table) -> TableInvalid:
        patterns = self._table.files
        _, others = data_files(listing.select(SCHEMA.names), patterns)
        if not others.num_rows:
            return self._undeclared("the table has no files yet, so its columns are not known")
        paths = first_paths(others)
        return self._invalid(none_taken(paths, others.num_rows, patterns), hint=advice(paths), rule=Rule.DATA)

    def _undeclared(self, message: str) -> TableInvalid:
        return self._invalid(message, hint="declare its columns")

    def _invalid(self, message: str, *, hint: str | None = None, rule: Rule = Rule.INVALID) -> TableInvalid:
        return TableInvalid([self._diagnostic(message, hint=hint, rule=rule)])

    def _diagnostic(self, message: str, *, hint: str | None, rule: Rule) -> Diagnostic:
        return Diagnostic(path=f"catalog/{self._table.name}.yaml", message=message, hint=hint, rule=rule)


def folders_to_list(previous: Snapshot | None, partitions: Iterable[str] | None) -> Sequence[str] | None:
    """Return the folders of these partitions; None for the whole table, which is cheaper if they are many."""
    if previous is None or partitions is None:
        return None
    prefixes = folders(previous, partitions)
    return prefixes if len(prefixes) <= _FOLDERS + previous.files.num_rows // PAGE else None

"""Finds all tables of a location: lists it once, groups its files, reads some footers of each group."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence

from pydantic import TypeAdapter, ValidationError

from gateway.catalog.casting import Fit, fit
from gateway.catalog.inferred import NoType, columns_of
from gateway.catalog.listing import list_files
from gateway.catalog.partition_field import MEASURES, ColumnName
from gateway.catalog.store import Store
from gateway.catalog.stored import folded
from gateway.discovery.folder_types import decodes, folder_type
from gateway.discovery.folders import find_folders
from gateway.discovery.found import Discovery, Folder, FoundTable, Omission, Samples
from gateway.discovery.infer import infer_levels
from gateway.discovery.names import table_names
from gateway.discovery.overlaps import apart
from gateway.discovery.sampling import facts_of, sample
from gateway.model import Column

Tell = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done, and how much of it there is."""


_COLUMN_NAME: TypeAdapter[str] = TypeAdapter(ColumnName)


class _NotATable(Exception):
    """The files of a folder cannot be declared as one table; the message says why."""


def discover(store: Store, tell: Tell, taken: Collection[str] = ()) -> Discovery:
    """Find the tables of a location, none of which gets a name that is *taken*. Raises ``StorageFailed``."""
    tell("listing", 0, 1)
    listing = list_files(store)
    folders, omitted = find_folders(listing)
    folders = [folder for folder in folders if folder.files.num_rows]
    looked = []
    for number, folder in enumerate(folders):
        tell("reading footers", number, len(folders))
        looked.append((folder, sample(store, folder)))
    kept, beside = apart(looked)
    omitted += beside
    names = table_names([folder.path for folder, _ in kept], store.root.rstrip("/"), taken)
    tables = []
    for number, (name, (folder, samples)) in enumerate(zip(names, kept, strict=True)):
        tell("comparing folders with columns", number, len(kept))
        try:
            tables.append(_table(store, name, folder, samples))
        except _NotATable as error:
            omitted.append(Omission(folder=folder.path, reason=str(error)))
    tell("comparing folders with columns", len(kept), len(kept))
    files = sum(folder.files.num_rows for folder in folders)
    location = store.location if "://" in store.root else store.root.rstrip("/")
    return Discovery(location=location, tables=tuple(tables), omitted=tuple(omitted), files=files)


def _table(store: Store, name: str, folder: Folder, samples: Samples) -> FoundTable:
    taken = [level for level in folder.levels if folded(level) in MEASURES]
    if taken:
        raise _NotATable(f"the gateway keeps something else by the name of its level {taken[0]!r}: rename the folders")
    if not samples.read:
        first = samples.unreadable[0]
        raise _NotATable(f"none of its files can be read: {first}")
    declarable, remarks = _declarable(_columns(samples))
    held = [_with_texts_of(folder, column) for column in declarable]
    stored = {folded(column.name) for column in held}
    of_folders = [
        Column(name=level, type=folder_type(level, folder.values_of(level)))
        for level in folder.levels
        if folded(level) not in stored
    ]
    levels = infer_levels(store, folder, samples.read, held)
    derived = {level.column for level in levels if folded(level.source) != folded(level.column)}
    plain = [column for column in of_folders if column.name not in derived]
    return FoundTable(
        name=name,
        folder=folder,
        columns=(*held, *plain),
        of_folders=frozenset(column.name for column in plain),
        levels=levels,
        remarks=(*remarks, *_remarks(samples)),
    )


def _columns(samples: Samples) -> tuple[Column, ...]:
    """Join the columns of the files. Raises ``_NotATable``."""
    facts = dict.fromkeys(facts_of(item) for item in samples.read)
    for known in facts:
        unread = [column.name for column in known.columns if column.type is None]
        if unread:
            raise _NotATable(f"the column {unread[0]!r} has a type that DuckDB does not read, and so no file is read")
    try:
        found = columns_of(facts)
    except NoType as error:
        raise _NotATable(f"{error}, and no type holds both") from error
    if not found:
        raise _NotATable("its columns have no names that SQL can write")
    return found


def _declarable(columns: Sequence[Column]) -> tuple[list[Column], list[str]]:
    """Leave out the columns that a declaration cannot name; those that are not declared are not seen."""
    kept = [column for column in columns if _is_column_name(column.name)]
    if not kept:
        raise _NotATable(f"no declaration can name its columns, such as {columns[0].name!r}")
    lost = [repr(column.name) for column in columns if column not in kept]
    return kept, [f"no declaration can name the column {name}: it is left out" for name in lost]


def _is_column_name(name: str) -> bool:
    try:
        _COLUMN_NAME.validate_python(name)
    except ValidationError:
        return False
    return True


def _with_texts_of(folder: Folder, column: Column) -> Column:
    """Make a column that is a level too one of texts, where its type has no values for the texts of the folders."""
    present = folder.values_of(column.name)
    if not present or decodes(column.type, present):
        return column
    if fit(column.type, "VARCHAR") > Fit.EXACT:
        raise _NotATable(f"{present[0]!r} in a folder of {column.name!r} is no {column.type}, as the files hold it")
    return Column(name=column.name, type="VARCHAR")


def _remarks(samples: Samples) -> Iterator[str]:
    for problem in samples.unreadable:
        yield f"{problem}: replace or remove the file"

"""Lists the files of a table, with few requests, in parallel as far as its store allows.

A listing is an Arrow table of ``path`` (string, relative to the location), ``size`` (int64), ``etag`` (string) and
``last_modified`` (timestamp in µs, UTC), in no particular order. A store without ETags leaves them empty.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar, cast

import obstore
import pyarrow as pa
import pyarrow.compute as pc
from obstore.exceptions import InvalidPathError
from obstore.store import LocalStore

from gateway.catalog.local import walked
from gateway.catalog.store import Store, storage_errors
from gateway.concurrency.daemons import Daemons
from gateway.errors import StorageFailed

Item = TypeVar("Item")

_FIELDS: dict[str, pa.DataType] = {
    "path": pa.string(),
    "size": pa.int64(),
    "etag": pa.string(),
    "last_modified": pa.timestamp("us", "UTC"),
}
SCHEMA = pa.schema(_FIELDS)
THREADS = 16
PAGE = 1_000
"""Objects that a store returns for one request."""
FOLDERS = 4_096
"""Above so many folders at the top, a request for each would be more than a request for each page."""


class _OutOfOrder(Exception):
    """A store that lists in the order of keys did not."""


@dataclass(frozen=True, slots=True)
class _Range:
    """The keys after *after* and up to *last*; None is no bound."""

    after: str | None
    last: str | None


def list_files(store: Store, *, before: Sequence[str] = (), threads: int = THREADS) -> pa.Table:
    """List everything under the location. Raises ``StorageFailed``.

    *before* are paths of the listing before, sorted, some thousands of files apart: they cut the work into equal
    ranges of keys. Without them, or where a store has no order, the folders at the top are listed side by side.
    """
    with storage_errors(store.location):
        if isinstance(store.objects, LocalStore):
            _must_exist(store)
            return _flat(store)
        try:
            if store.ordered and before:
                return _side_by_side(
                    lambda keys: store.patiently(lambda: _range(store, keys)), _ranges(before), threads
                )
        except _OutOfOrder:
            pass
        return _by_folder(store, threads)


def list_folders(store: Store, prefixes: Iterable[str], *, threads: int = THREADS) -> pa.Table:
    """List everything below the given folders, each file once. Raises ``StorageFailed``."""
    with storage_errors(store.location):
        if isinstance(store.objects, LocalStore):
            _must_exist(store)
        return _side_by_side(lambda prefix: _flat(store, prefix), _outermost(prefixes), threads)


def _outermost(folders: Iterable[str]) -> list[str]:
    """Leave out the folders that lie in another one of them.

    >>> _outermost(["a/b", "a", "a-b", "a"])
    ['a', 'a-b']
    """
    distinct = dict.fromkeys(folder.rstrip("/") for folder in folders)
    return [folder for folder in distinct if not any(above in distinct for above in _above(folder))]


def _above(folder: str) -> Iterator[str]:
    """List the folders that a folder lies in."""
    names = folder.split("/")
    return ("/".join(names[:depth]) for depth in range(1, len(names)))


def _must_exist(store: Store) -> None:
    """Refuse a folder that went away since it was opened: obstore would list it as empty."""
    if not Path(store.root).is_dir():
        raise StorageFailed(f"{store.location}: there is no such folder.")


def _by_folder(store: Store, threads: int) -> pa.Table:
    """List the folders at the top side by side; a store that answers with one page is listed in one go."""
    first = store.patiently(lambda: next(iter(obstore.list(store.objects, chunk_size=PAGE, return_arrow=True)), None))
    store.asked("list")
    if first is None or first.num_rows < PAGE:
        return _flat(store) if first is None else _table([pa.record_batch(first)])
    top = store.patiently(lambda: obstore.list_with_delimiter(store.objects, return_arrow=True))
    folders = list(top["common_prefixes"])
    store.asked("list", 1 + len(folders) // PAGE)
    if len(folders) > FOLDERS or not folders:
        return _flat(store)
    files = _table(pa.table(top["objects"]).to_batches())
    return pa.concat_tables([files, _side_by_side(lambda folder: _flat(store, folder), folders, threads)])


def _flat(store: Store, prefix: str | None = None) -> pa.Table:
    try:
        return store.patiently(lambda: _table(_pages(store, prefix=prefix)))
    except (InvalidPathError, ValueError):  # the latter for *prefix* itself
        if not isinstance(store.objects, LocalStore):
            raise
        names = ["path", "size", "e_tag", "last_modified"]
        schema = pa.schema(list(zip(names, SCHEMA.types, strict=True)))
        return pa.Table.from_pylist(list(walked(store.root, prefix)), schema).rename_columns(SCHEMA.names)


def _range(store: Store, keys: _Range) -> pa.Table:
    """List one range of keys, up to the first page that goes past it."""
    batches: list[pa.RecordBatch] = []
    last = keys.after
    for batch in _pages(store, offset=keys.after):
        paths = batch["path"]
        if not _sorted(paths, last):
            raise _OutOfOrder
        last = cast(str, paths[-1].as_py())
        batches.append(batch)
        if keys.last is not None and last > keys.last:
            break
    table = _table(batches)
    return table if keys.last is None else table.filter(pc.less_equal(table["path"], pa.scalar(keys.last)))


def _pages(store: Store, *, prefix: str | None = None, offset: str | None = None) -> Iterator[pa.RecordBatch]:
    stream = obstore.list(store.objects, prefix, offset=offset, chunk_size=PAGE, return_arrow=True)
    pages = 0
    try:
        for batch in stream:
            pages += 1
            if batch.num_rows:
                yield pa.record_batch(batch)
    finally:
        store.asked("list", max(1, pages))


def _sorted(paths: pa.Array[Any], before: str | None) -> bool:
    if before is not None and cast(str, paths[0].as_py()) <= before:
        return False
    return pc.all(pc.less(paths[:-1], paths[1:])).as_py() is not False


def _ranges(bounds: Sequence[str]) -> list[_Range]:
    return [_Range(after, last) for after, last in pairwise([None, *bounds, None])]


def _side_by_side(work: Callable[[Item], pa.Table], items: Sequence[Item], threads: int) -> pa.Table:
    """Do *work* for every item in threads and join the tables."""
    if len(items) == 1:
        return work(items[0])
    found = Daemons(min(threads, len(items)), "listing").map(partial(work, item) for item in items)
    return pa.concat_tables([SCHEMA.empty_table(), *found])


def _table(batches: Iterable[pa.RecordBatch]) -> pa.Table:
    """Bring the batches of a store to the schema of a listing."""
    tables = [SCHEMA.empty_table()]
    for batch in batches:
        etag = pc.coalesce(batch["e_tag"], pa.scalar("", batch["e_tag"].type))
        columns = [batch["path"], batch["size"], etag, batch["last_modified"]]
        tables.append(pa.table(columns, names=SCHEMA.names).cast(SCHEMA))
    return pa.concat_tables(tables)

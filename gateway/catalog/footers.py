"""Reads Parquet footers, once for each version of a file, into the manifest.

In ``Snapshot.files`` they give ``facts`` (see ``gateway.catalog.facts``) and, where the table asks for statistics,
``row_count`` and for a column ``c`` ``min:c`` and ``max:c`` (closed bounds of its values that are not NULL; null where
no bound is known) and ``nulls:c`` (int64, null where not known); see ``gateway.catalog.bounds``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, cast

import numpy as np
import obstore
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from obstore.exceptions import NotFoundError, PreconditionError

from gateway.catalog import facts, local
from gateway.catalog.bounds import boundable, bounds
from gateway.catalog.facts import FACTS, VERDICT, FileFacts
from gateway.catalog.manifest import Snapshot
from gateway.catalog.misread import misread
from gateway.catalog.store import Store, storage_errors
from gateway.catalog.stored import stored_schema
from gateway.catalog.thrift import Malformed
from gateway.catalog.transforms.keys import KeyKind, KeyType, key_type
from gateway.concurrency.daemons import Daemons
from gateway.errors import StorageFailed

TAIL = 64 * 1024
"""Bytes at the end of a file that are read first; most footers are smaller."""
READERS = 16
MAX_FILES = 100_000
"""Files of one table whose footers are read in the background; of a larger table it is as many of them, spread evenly
and the same ones after every listing."""
MAX_VALUES = 2_000_000
"""Bounds kept for one table, files times columns: some 50 MB."""

VERSION = pa.binary(16)
_SHORTEST = 12
"""Bytes of the two marks and the length of the footer, without which no file is Parquet."""
ODD = (pa.ArrowException, OSError, ValueError, TypeError, KeyError, OverflowError, RuntimeError)
"""What pyarrow raises for footers that are damaged, or odder than it knows."""


class FileGone(Exception):
    """The version of a file that was listed is not there any more."""


class Damaged(Exception):
    """A file is there, and cannot be read as Parquet; the message says why, without its name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Footer:
    """The footer of one file: as pyarrow reads it, and its bytes."""

    metadata: pq.FileMetaData
    raw: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadFooter:
    """A file whose footer could not be read now, and why; it may be read another time."""

    path: str
    version: bytes
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FooterFacts:
    """What the footers of some files said: a table of ``version``, ``facts`` and statistics; and the files without."""

    table: pa.Table
    unread: tuple[UnreadFooter, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """When the reading of footers ends before all are read."""

    silence: float | None = None
    """Seconds that the store may say nothing; None: as long as it takes."""
    unless: Callable[[], bool] = lambda: False
    """Says that nothing more is to be read."""


UNENDING = Patience()


def missing(snapshot: Snapshot, passed_over: Collection[bytes], limit: int, *, everything: bool = False) -> pa.Table:
    """Return up to *limit* files of the snapshot whose footers were not read yet, of those that are to be read.

    Of a very large table these are some, unless *everything* is asked for.
    """
    files = snapshot.files
    unread = facts.codes(files) < 0
    if snapshot.table.statistics:
        unread |= np.asarray(pc.is_null(files["row_count"])) & ~_damaged(files)
    if not everything:
        unread &= sampled(files)
    found = files.filter(pa.array(unread))
    if passed_over:
        found = found.filter(pc.invert(pc.is_in(found["version"], pa.array(list(passed_over), VERSION))))
    return found.slice(0, limit)


def sampled(files: pa.Table, most: int = MAX_FILES) -> Any:
    """Mark about *most* of the files, by their versions: after a change of the table they are the same but for it."""
    if files.num_rows <= most:
        return np.ones(files.num_rows, np.bool_)
    array = files["version"].combine_chunks()
    start = array.offset * VERSION.byte_width
    joined = np.frombuffer(cast(Any, array.buffers()[1]), np.uint32, offset=start)[:: VERSION.byte_width // 4]
    return joined[: files.num_rows] < int(2**32 * most / files.num_rows)


def _damaged(files: pa.Table) -> Any:
    """Mark the files that are known to be no readable Parquet."""
    broken = [
        position for position, file in enumerate(facts.known(files)) if file is not None and file.problem is not None
    ]
    return np.isin(facts.codes(files), broken)


def bounded_columns(snapshot: Snapshot) -> dict[str, KeyType]:
    """Choose the columns whose bounds are kept: sources of partitions first, then as many as memory allows."""
    if not snapshot.table.statistics:
        return {}
    sources = {item.source.lower() for item in snapshot.table.partitioned_by}
    ordered = sorted(snapshot.file_columns, key=lambda column: column.name.lower() not in sources)
    known = ((column.name, key_type(column.type)) for column in ordered)
    able = {name: kind for name, kind in known if kind is not None and boundable(kind)}
    room = MAX_VALUES // max(1, snapshot.files.num_rows)
    return dict(list(able.items())[:room])


def read(
    store: Store,
    files: pa.Table,
    columns: Mapping[str, KeyType],
    *,
    statistics: bool = False,
    patience: Patience = UNENDING,
) -> FooterFacts:
    """Read the footers of *files* (``path``, ``size``, ``etag``, ``version``) side by side.

    With *statistics* it reads their rows and the bounds of *columns*, too. A file that was replaced or removed since
    it was listed, or may not be read, is reported as unread. Raises ``StorageFailed`` where the store fails, and where
    *patience* ends.
    """
    rows = files.select(["path", "size", "etag", "version"]).to_pylist()

    def read_one(row: Mapping[str, Any]) -> dict[str, Any] | UnreadFooter:
        if patience.unless():
            raise StorageFailed(f"{store.location}: stopped.", passing=True)
        try:
            return {"version": row["version"], **_said(read_footer(store, row), columns, statistics=statistics)}
        except Damaged as damage:
            return {"version": row["version"], FACTS: facts.text_of(FileFacts(problem=str(damage)))}
        except FileGone:
            return _unread(row, "it was replaced or removed since it was listed")
        except StorageFailed as error:
            if error.passing:
                raise
            return _unread(row, error.detail.removeprefix(f"{store.location}: "))

    try:
        found = Daemons(READERS, "footers").map((partial(read_one, row) for row in rows), silence=patience.silence)
    except TimeoutError as error:
        raise StorageFailed(f"{store.location}: the store does not answer.", passing=True) from error
    known = [item for item in found if isinstance(item, dict)]
    unread = tuple(item for item in found if isinstance(item, UnreadFooter))
    return FooterFacts(table=_table(known, columns), unread=unread)


def unreadable(found: FooterFacts, files: pa.Table) -> list[UnreadFooter]:
    """List those of *files* that cannot be read, now or ever, by what was *found*."""
    distinct, codes = facts.known(found.table), facts.codes(found.table)
    problems = [None if file is None else file.problem for file in distinct]
    reasons = {
        version: problems[code]
        for version, code in zip(found.table["version"].to_pylist(), codes, strict=True)
        if problems[code] is not None
    }
    rows = files.select(["path", "version"]).to_pylist() if reasons else []
    damaged = [_unread(row, str(reasons[row["version"]])) for row in rows if row["version"] in reasons]
    return [*damaged, *found.unread]


def _unread(row: Mapping[str, Any], reason: str) -> UnreadFooter:
    return UnreadFooter(path=cast(str, row["path"]), version=cast(bytes, row["version"]), reason=reason)


def _said(footer: Footer, columns: Mapping[str, KeyType], *, statistics: bool) -> dict[str, Any]:
    """Extract from a footer what is stored of it. Raises ``Damaged``."""
    try:
        schema = stored_schema(footer.raw)
    except Malformed as error:
        raise Damaged(f"its footer is damaged ({error})") from error
    if not schema.columns:
        raise Damaged("it has no columns")
    wrong = misread(footer.metadata)
    if wrong:
        return {FACTS: facts.text_of(FileFacts(problem="; ".join(map(str, wrong)), misread=True))}
    found = {FACTS: facts.text_of(FileFacts(columns=schema.columns))}
    if not statistics:
        return found
    return {**found, "row_count": footer.metadata.num_rows, **bounds(footer.metadata, schema, columns)}


def _table(found: Sequence[Mapping[str, Any]], columns: Mapping[str, KeyType]) -> pa.Table:
    types: dict[str, pa.DataType] = {"version": VERSION, "row_count": pa.int64()}
    for name, kind in columns.items():
        bound = pa.string() if kind.kind is KeyKind.VARCHAR else pa.int64()
        types |= {f"min:{name}": bound, f"max:{name}": bound, f"nulls:{name}": pa.int64()}
    said = pa.Table.from_pylist(found, pa.schema(types))
    return said.append_column(FACTS, facts.encoded([item[FACTS] for item in found]))


def attach(snapshot: Snapshot, *found: pa.Table) -> Snapshot:
    """Add to the files of *snapshot* what is known about their versions; of several tables the last one wins."""
    files: dict[str, Any] = {name: snapshot.files[name].combine_chunks() for name in snapshot.files.column_names}
    for table in found:
        if not table.num_rows:
            continue
        at: Any = pc.index_in(files["version"], cast(Any, table["version"].combine_chunks()))
        for name in learned(table):
            values: Any = table[name].combine_chunks().take(at)
            before = files.get(name)
            if name in (FACTS, VERDICT):
                files[name] = facts.overlaid(values, before)
                continue
            same = before is not None and before.type == values.type
            files[name] = pc.coalesce(values, before) if same else values
    return replace(snapshot, files=pa.table(files))


def carried(previous: Snapshot, snapshot: Snapshot) -> pa.Table:
    """Return what *previous* knows of versions that still holds in *snapshot*: keys depend on a column's type."""
    same = {column.name for column in {*previous.file_columns} & {*snapshot.file_columns}}
    whatever = {FACTS, VERDICT} if previous.file_columns == snapshot.file_columns else {FACTS}
    names = [name for name in learned(previous.files) if name in whatever]
    if snapshot.table.statistics:
        names += [name for name in learned(previous.files) if name == "row_count" or name.partition(":")[2] in same]
    return previous.files.select(["version", *names])


def pinned(snapshot: Snapshot) -> Snapshot:
    """Return a snapshot that is asked for by its name, without bounds of values: not every host has read them."""
    bounds = [name for name in learned(snapshot.files) if ":" in name]
    return replace(snapshot, files=snapshot.files.drop_columns(bounds), pinned=True)


def trusted(files: pa.Table) -> pa.Table:
    """Return the files of a manifest without what another release has learned of them by other rules."""
    if facts.current(files) or (learned(files) == ["row_count"] and files["row_count"].null_count == files.num_rows):
        return files
    kept = files.drop_columns([name for name in learned(files) if name != "row_count"])
    position = kept.column_names.index("row_count")
    return kept.set_column(position, "row_count", pa.nulls(kept.num_rows, pa.int64()))


def learned(table: pa.Table) -> list[str]:
    """Name the columns that hold what footers say."""
    prefixes = ("min:", "max:", "nulls:")
    plain = (FACTS, VERDICT, "row_count")
    return [name for name in table.column_names if name in plain or name.startswith(prefixes)]


def read_footer(store: Store, row: Mapping[str, Any]) -> Footer:
    """Read the footer of the version of a file that *row* (path, size, ETag) names.

    Raises ``FileGone``, ``Damaged``, ``StorageFailed``.
    """
    size = cast(int, row["size"])
    if size < _SHORTEST:
        raise Damaged("it is empty" if size == 0 else f"it has {size} bytes, too few for a Parquet file")
    tail = read_range(store, row, max(0, size - TAIL), size)
    length = _footer_length(tail, size)
    if len(tail) < length + 8:
        tail = read_range(store, row, size - length - 8, size)
    raw = tail[-8 - length : -8]
    try:
        return Footer(metadata=pq.read_metadata(pa.BufferReader(tail)), raw=raw)
    except ODD as error:
        raise Damaged("its footer is damaged") from error


def _footer_length(tail: bytes, size: int) -> int:
    if tail[-4:] == b"PARE":
        raise Damaged("it is encrypted")
    if tail[-4:] != b"PAR1":
        raise Damaged("it does not end as a Parquet file does: it was cut off, or is of another format")
    length = int.from_bytes(tail[-8:-4], "little")
    if not 0 < length <= size - _SHORTEST:
        raise Damaged("its footer is damaged")
    return length


def read_range(store: Store, row: Mapping[str, Any], start: int, end: int) -> bytes:
    """Read a range of the very version that was listed. Raises ``FileGone``."""
    path, etag = cast(str, row["path"]), str(row["etag"])
    options: Any = {"range": (start, end)}
    if etag.startswith(('"', "W/")):  # a store without ETags was given the time instead
        options["if_match"] = etag
    with storage_errors(store.location):
        try:
            read = store.patiently(lambda: bytes(obstore.get(store.objects, path, options=options).bytes()))
        except (NotFoundError, FileNotFoundError, PreconditionError):
            raise FileGone from None
        except ValueError:  # obstore refuses the name
            read = _odd_name(store, path, etag, start, end)
    store.asked("get")
    return read


def _odd_name(store: Store, path: str, etag: str, start: int, end: int) -> bytes:
    """Read from a local file whose name obstore refuses; there are no others."""
    try:
        return local.read(store.root, path, etag=etag, start=start, end=end)
    except FileNotFoundError:
        raise FileGone from None


def whole(store: Store, row: Mapping[str, Any]) -> bytes:
    """Read all of the version of a file that *row* (path, size, ETag) names. Raises ``FileGone``, ``StorageFailed``."""
    return read_range(store, row, 0, cast(int, row["size"]))

"""What Parquet footers say about files: rows, and the bounds of columns, read once for each version of a file.

In ``Snapshot.files`` a column ``c`` has ``min:c`` and ``max:c`` (closed bounds of its values that are not NULL; null
where no bound is known) and ``nulls:c`` (int64, null where not known). Bounds of texts are strings, which compare by
their UTF-8 bytes; all others are int64 order keys, see ``transforms.keys``. A bound that may be wrong is left out: the
maximum of floats (footers pass over NaN, which is the greatest value), long texts, types that differ between the file
and the table. A text that its writer has cut is still a bound (parquet.thrift, ``Statistics.max_value``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, cast

import obstore
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from obstore.exceptions import NotFoundError, PreconditionError

from gateway.catalog.manifest import Snapshot
from gateway.catalog.store import Store, storage_errors
from gateway.catalog.transforms.keys import Kind, SqlType, ordinals, sql_type
from gateway.model import Column

TAIL = 64 * 1024
"""Bytes at the end of a file that are read first; most footers are smaller."""
READERS = 16
MAX_VALUES = 2_000_000
"""Bounds kept for one table, files times columns: some 50 MB."""
LONGEST_TEXT = 64
"""Longer texts are no bounds, in characters."""

_BOUNDED = {
    Kind.BOOLEAN,
    Kind.INTEGER,
    Kind.DECIMAL,
    Kind.DOUBLE,
    Kind.DATE,
    Kind.TIME,
    Kind.TIMESTAMP,
    Kind.TIMESTAMPTZ,
}
_VERSION = pa.binary(16)


class _Gone(Exception):
    """The version of a file that was listed is not there any more."""


def missing(snapshot: Snapshot, passed_over: frozenset[bytes], limit: int) -> pa.Table:
    """Return up to *limit* files of the snapshot whose footers were not read yet."""
    files = snapshot.files
    unread = files.filter(pc.is_null(files["row_count"]))
    if passed_over:
        unread = unread.filter(pc.invert(pc.is_in(unread["version"], pa.array(list(passed_over), _VERSION))))
    return unread.slice(0, limit)


def bounded_columns(snapshot: Snapshot) -> dict[str, SqlType]:
    """Choose the columns whose bounds are kept: sources of partitions first, then as many as memory allows."""
    sources = {item.source.lower() for item in snapshot.table.partitioned_by}
    ordered = sorted(snapshot.file_columns, key=lambda column: column.name.lower() not in sources)
    known = ((column.name, sql_type(column.type)) for column in ordered)
    able = {name: kind for name, kind in known if kind is not None and _can_bound(kind)}
    room = MAX_VALUES // max(1, snapshot.files.num_rows)
    return dict(list(able.items())[:room])


def read(store: Store, files: pa.Table, columns: Mapping[str, SqlType]) -> pa.Table:
    """Read the footers of *files* side by side: a table of ``version``, ``row_count`` and the bounds.

    A file that was replaced or removed since it was listed, or is no Parquet, is left out. Raises ``StorageFailed``.
    """
    rows = files.select(["path", "size", "etag", "version"]).to_pylist()
    with ThreadPoolExecutor(READERS, thread_name_prefix="footers") as pool:
        footers = list(pool.map(lambda row: read_footer(store, row), rows))
    found = [
        {"version": row["version"], "row_count": footer.num_rows, **_bounds(footer, columns)}
        for row, footer in zip(rows, footers, strict=True)
        if footer is not None
    ]
    types: dict[str, pa.DataType] = {"version": _VERSION, "row_count": pa.int64()}
    for name, kind in columns.items():
        bound = pa.string() if kind.kind is Kind.VARCHAR else pa.int64()
        types |= {f"min:{name}": bound, f"max:{name}": bound, f"nulls:{name}": pa.int64()}
    return pa.Table.from_pylist(found, pa.schema(types))


def attach(snapshot: Snapshot, *found: pa.Table) -> Snapshot:
    """Give the files of *snapshot* what is known about their versions; of two tables the later one decides."""
    files: dict[str, Any] = {name: snapshot.files[name].combine_chunks() for name in snapshot.files.column_names}
    for table in found:
        if not table.num_rows:
            continue
        at: Any = pc.index_in(files["version"], cast(Any, table["version"].combine_chunks()))
        for name in statistics(table):
            values: Any = table[name].combine_chunks().take(at)
            before = files.get(name)
            same = before is not None and before.type == values.type
            files[name] = pc.coalesce(values, before) if same else values
    return replace(snapshot, files=pa.table(files))


def carried(previous: Snapshot, columns: Sequence[Column]) -> pa.Table:
    """Return what *previous* knows that still holds where the files have these *columns*: keys depend on the type."""
    same = {column.name for column in {*previous.file_columns} & {*columns}}
    names = [name for name in statistics(previous.files) if name == "row_count" or name.partition(":")[2] in same]
    return previous.files.select(["version", *names])


def statistics(table: pa.Table) -> list[str]:
    """Name the columns that hold what footers say."""
    return [name for name in table.column_names if name == "row_count" or name.startswith(("min:", "max:", "nulls:"))]


def _can_bound(kind: SqlType) -> bool:
    return kind.kind is Kind.VARCHAR or (kind.kind in _BOUNDED and not kind.wide)


def read_footer(store: Store, row: Mapping[str, Any]) -> pq.FileMetaData | None:
    """Read the footer of the version of a file that *row* (path, size, ETag) names; None if it is not there."""
    size = cast(int, row["size"])
    try:
        tail = _range(store, row, max(0, size - TAIL), size)
        length = int.from_bytes(tail[-8:-4], "little") + 8
        if len(tail) < length <= size:
            tail = _range(store, row, size - length, size)
        return pq.read_metadata(pa.BufferReader(tail))
    except (_Gone, pa.ArrowInvalid):
        return None


def _range(store: Store, row: Mapping[str, Any], start: int, end: int) -> bytes:
    """Read a range of the very version that was listed. Raises ``_Gone``."""
    path, options = cast(str, row["path"]), cast(Any, {"range": (start, end)})
    if str(row["etag"]).startswith(('"', "W/")):  # a store without ETags was given the time instead
        options["if_match"] = row["etag"]
    with storage_errors(store.location):
        try:
            return store.patiently(lambda: bytes(obstore.get(store.objects, path, options=options).bytes()))
        except (NotFoundError, FileNotFoundError, PreconditionError):
            raise _Gone from None


def _bounds(footer: pq.FileMetaData, columns: Mapping[str, SqlType]) -> dict[str, Any]:
    """Read the bounds of plain columns over all row groups of one file."""
    schema = footer.schema.to_arrow_schema()
    leaves = {footer.schema.column(number).path: number for number in range(footer.num_columns)}
    found: dict[str, Any] = {}
    for name, kind in columns.items():
        at = schema.get_field_index(name)  # below 0 where the name is there twice, too
        place = leaves.get(name)
        if at < 0 or place is None or pa.types.is_nested(schema.field(at).type):
            continue
        parts = [footer.row_group(number).column(place) for number in range(footer.num_row_groups)]
        known: list[Any] = [part.statistics for part in parts if part.is_stats_set]
        if len(known) == len(parts) and all(part.has_null_count for part in known):
            found[f"nulls:{name}"] = sum(part.null_count for part in known)
            filled = [one for one, part in zip(known, parts, strict=True) if one.null_count < part.num_values]
            if _fits(schema.field(at).type, kind) and all(one.has_min_max for one in filled):
                found |= _joined(filled, name, schema.field(at).type, kind)
    return found


def _joined(groups: Sequence[Any], name: str, stored: pa.DataType, kind: SqlType) -> dict[str, Any]:
    """Join the bounds of row groups that hold values."""
    try:
        lows, highs = [group.min for group in groups], [group.max for group in groups]
    except (UnicodeDecodeError, OverflowError, pa.ArrowException):  # a text that was cut inside of a character
        return {}
    if not groups or any(low != low for low in lows):  # NaN is a bound of nothing
        return {}
    found = {f"min:{name}": _key(min(lows), stored, kind)}
    if kind.kind is not Kind.DOUBLE:
        found[f"max:{name}"] = _key(max(highs), stored, kind)
    return found


def _fits(stored: pa.DataType, kind: SqlType) -> bool:
    """Tell whether values of the file's type compare as those of the table's type."""
    if pa.types.is_integer(stored) and kind.kind is Kind.INTEGER:
        return True
    if kind.kind is Kind.VARCHAR:
        return pa.types.is_string(stored) or pa.types.is_large_string(stored)
    if kind.kind is Kind.TIMESTAMPTZ:
        return (
            isinstance(stored, pa.TimestampType) and stored.tz is not None and stored == pa.timestamp("us", stored.tz)
        )
    return bool(stored == kind.arrow)


def _key(value: Any, stored: pa.DataType, kind: SqlType) -> Any:
    """Turn a bound into its order key; None where it has none in the table's type."""
    if kind.kind is Kind.VARCHAR:
        return value if isinstance(value, str) and len(value) <= LONGEST_TEXT else None
    try:
        array = pa.array([value], stored).cast(kind.arrow)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        return None
    return int(ordinals(array, kind)[0])

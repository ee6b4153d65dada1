"""The manifest of a table: an immutable snapshot of its files and their partitions."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, cast

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from gateway.catalog.file_names import PARQUET, advice, first_paths, mismatch, none_taken
from gateway.catalog.layout import PROBLEMS_KEPT, Layout, LevelReader, Problem, arrange, by_path, data_files
from gateway.catalog.listing import SCHEMA
from gateway.catalog.partition_field import MEASURES, PartitionField
from gateway.catalog.table import Table
from gateway.catalog.transforms import Transform, TransformError, parse_transform
from gateway.errors import Diagnostic, TableInvalid
from gateway.model import Column, Edition

_APART = 5_000
"""Files between two of the paths that cut the next listing into ranges."""
_UNORDERED = Edition(line="", number=0, began=0.0, ended=0.0, content="")
"""Stands for the edition of a snapshot that was not published yet."""
_BEFORE = 16
"""Snapshots before it that an edition names."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Snapshot:
    """The files of a table as one listing found them. It never changes, and neither do its Arrow tables.

    ``partitions`` has a row for each partition, in the typed order of the declared fields (the NULL partition after
    the values, then what is not known): first, in the order of ``table.partitioned_by``, a string
    column for each field with the decoded folder text (null for the NULL partition), then ``first_file``,
    ``file_count``, ``bytes`` (int64), ``known`` (bool) and ``levels`` (int64), which has a bit for each field that the
    path tells: the first field is the lowest bit. A field that it does not tell is unknown, and no filter on it leaves
    the partition out; ``known`` is whether the path tells all fields of a declared layout.

    ``files`` is grouped in that order, by path within a partition: ``path`` (relative to the location), ``size``
    (int64), ``etag`` (string), ``last_modified`` (timestamp in µs, UTC), ``version`` (16 bytes: digest of path, ETag
    and size, and of the modification time where the ETag is empty or weak), ``row_count`` (int64, null where not
    known), ``facts`` (what is known from the footers, see there; it may be missing), and the statistics that were read
    (see ``footers``).
    """

    id: str
    """Digest of the declaration, the columns and every file's version: the same for the same data."""
    table: Table
    root: str
    listed_at: float
    """When the listing began, in seconds since the epoch: nothing older is in the snapshot."""
    file_columns: tuple[Column, ...]
    """Columns of the files, as declared or as the engine sees them."""
    columns: tuple[Column, ...]
    """Columns of the table in SQL: those of the files, then the partition columns that no file holds."""
    partitions: pa.Table
    files: pa.Table
    ignored: pa.Table = field(repr=False)
    """Files that are neither data nor hidden, as listed."""
    problems: tuple[Problem, ...] = ()
    """Files whose path breaks the declaration: the first thousand of ``problem_count``."""
    problem_count: int = 0
    edition: Edition = _UNORDERED
    announced: Edition | None = None
    """The last edition that a request brought about and that had changed since the one before of that kind."""
    pinned: bool = False
    """It was asked for by its name: files are selected by the manifest alone, as any host at any time does."""

    @property
    def size(self) -> int:
        """Return the bytes of all files together."""
        return pc.sum(self.files["size"]).as_py() or 0

    @property
    def nothing_read(self) -> str | None:
        """Say that there are files, and that none of them is data by its name; None where it is otherwise."""
        if self.files.num_rows or not self.ignored.num_rows:
            return None
        paths = self.ignored_names
        return f"{none_taken(paths, self.ignored.num_rows, self.table.files)} ({advice(paths)})"

    @property
    def ignored_names(self) -> list[str]:
        """List the first of the ignored paths."""
        return first_paths(self.ignored)

    def address(self, path: str) -> str:
        """Write the full address of a file, as engines open it."""
        return self.root + path

    def bounds(self) -> list[str]:
        """List paths, sorted, that are some thousands of files apart."""
        paths = self.files["path"]
        if len(paths) < 2 * _APART:
            return []
        return sorted(cast(list[str], paths.take(np.arange(_APART, len(paths), _APART)).to_pylist()))


def build(table: Table, root: str, listing: pa.Table, columns: Sequence[Column], listed_at: float) -> Snapshot:
    """Make the snapshot of a listing; *columns* are those of the files. Raises ``TableInvalid``."""
    read = levels(table, columns)
    data, ignored = data_files(listing, table.files)
    layouts = [frozenset(item.column for item in layout) for layout in table.layouts]
    layout = arrange(_one(data["path"]), read, layouts)
    files = data.take(layout.order).combine_chunks()
    versions = _versions(files)
    files = files.append_column("version", versions).append_column("row_count", pa.nulls(len(files), pa.int64()))
    everything = complete(table, columns)
    unread = mismatch(table.files)
    strangers = (Problem(cast(str, path), unread) for path in ignored["path"][:PROBLEMS_KEPT].to_pylist())
    return Snapshot(
        id=_identity(table, root, everything, versions),
        table=table,
        root=root,
        listed_at=listed_at,
        file_columns=tuple(columns),
        columns=everything,
        partitions=_partitions(layout, read, files),
        files=files,
        ignored=ignored,
        problems=(*layout.problems, *strangers)[:PROBLEMS_KEPT],
        problem_count=layout.problem_count + len(ignored),
    )


def edition_after(
    last: Edition | None, snapshot: str, *, line: str, began: float, ended: float, whole: bool
) -> Edition:
    """Return the edition of a *snapshot* that is published after the *last* one, on *line* where that is another line.

    A listing that is not of the *whole* table is sure of the rest for as long back as the *last* one was.
    """
    if last is None:
        return Edition(line=line, number=1, began=began, ended=max(began, ended), content=snapshot)
    began = max(began, last.ended) if whole else last.began
    seen = tuple(content for content in (*last.before, last.content) if content not in ("", snapshot))
    return Edition(
        line=line,
        number=last.number + 1,
        began=began,
        ended=max(began, ended, last.ended),
        content=snapshot,
        before=tuple(dict.fromkeys(seen))[-_BEFORE:],
    )


def splice(previous: Snapshot, prefixes: Collection[str], listing: pa.Table) -> pa.Table:
    """Replace, in the listing behind *previous*, what is below the folders *prefixes* by a newer listing of them."""
    kept = [_outside(found.select(SCHEMA.names), prefixes) for found in (previous.files, previous.ignored)]
    return pa.concat_tables([*kept, listing])


def unchanged(previous: Snapshot, listing: pa.Table) -> bool:
    """Return whether a listing found the very files of *previous*: far cheaper than building it again."""
    if len(listing) < previous.files.num_rows + previous.ignored.num_rows:
        return False
    names = ["path", "size", "etag"]
    if pc.any(weak(listing["etag"])).as_py():
        names.append("last_modified")
    found = [part.select(names) for part in data_files(listing, previous.table.files)]
    before = [by_path(previous.files.select(names)), previous.ignored.select(names)]
    return all(new.equals(old) for new, old in zip(found, before, strict=True))


def holds(listing: pa.Table, previous: Snapshot) -> bool:
    """Return whether a listing has every file of *previous*, in its version: it may have more."""
    return pc.all(pc.is_in(_identities(previous.files), value_set=_identities(listing))).as_py() is not False


def _identities(files: pa.Table) -> Any:
    parts: list[Any] = [files["path"], files["etag"], pc.cast(files["size"], pa.string()), pa.scalar("\0")]
    return pc.binary_join_element_wise(*parts)


def weak(etags: pa.ChunkedArray[Any]) -> Any:
    """Mark the ETags that are empty or weak, so that two different contents may have the same one."""
    return pc.or_(pc.equal(etags, pa.scalar("")), pc.starts_with(etags, "W/"))


def newest(listing: pa.Table, patterns: Sequence[str] = PARQUET) -> tuple[str, str] | None:
    """Return path and ETag of the data file that was written last, None if there is none."""
    files = versioned(listing, patterns)
    return (cast(str, files["path"][0].as_py()), cast(str, files["etag"][0].as_py())) if files.num_rows else None


def versioned(listing: pa.Table, patterns: Sequence[str] = PARQUET) -> pa.Table:
    """Return the data files of a listing with their versions, the one that was written last first."""
    data, _ = data_files(listing.select(SCHEMA.names), patterns)
    data = data.append_column("version", _versions(data))
    if not len(data):
        return data
    last = pc.index(data["last_modified"], pc.max(data["last_modified"])).as_py()
    return data.take(pa.array([last, *(position for position in range(len(data)) if position != last)]))


def declaration(table: Table, root: str) -> str:
    """Digest what a manifest depends on in a declaration: another digest, another manifest."""
    parts: dict[str, Any] = {
        "root": root,
        "columns": list(table.columns.items()) if table.columns is not None else None,
        "partitioned_by": [field.model_dump(mode="json") for field in table.partitioned_by],
    }
    if table.files != PARQUET:
        parts["files"] = table.files
    if table.query is not None:
        parts["built"] = table.version or True
    if table.layouts:
        parts["layouts"] = [[field.column for field in layout] for layout in table.layouts]
    return blake2b(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS), digest_size=16).hexdigest()


def complete(table: Table, columns: Sequence[Column]) -> tuple[Column, ...]:
    """Append the partition columns that the files do not hold, in the type that SQL sees."""
    held = {column.name.lower() for column in columns}
    added = [column for column in partition_columns(table, columns) if column.name.lower() not in held]
    return (*columns, *added)


def partition_columns(table: Table, columns: Sequence[Column]) -> tuple[Column, ...]:
    """Return the partition columns of a table in the types that SQL sees; *columns* are those of the files."""
    return tuple(
        Column(name=item.column, type=_transform(table, item).result_type(_source_type(table, item, columns)))
        for item in table.partitioned_by
    )


def source_types(table: Table, columns: Sequence[Column]) -> dict[str, str]:
    """Return the type of the source of each partition column; *columns* are those of the files."""
    return {item.column: _source_type(table, item, columns) for item in table.partitioned_by}


def levels(table: Table, columns: Sequence[Column]) -> list[LevelReader]:
    """Return how each folder level is decoded. Raises ``TableInvalid`` where a transform does not fit its source."""
    return [
        LevelReader(item.column, _transform(table, item), _source_type(table, item, columns))
        for item in _checked(table, columns)
    ]


def _checked(table: Table, columns: Sequence[Column]) -> tuple[PartitionField, ...]:
    errors = [
        (item, problem)
        for item in table.partitioned_by
        if (problem := _transform(table, item).problem(_source_type(table, item, columns))) is not None
    ]
    if errors:
        raise TableInvalid(_diagnostic(table, f"{item.column}: {error}", error.hint) for item, error in errors)
    return table.partitioned_by


def _transform(table: Table, item: PartitionField) -> Transform:
    try:
        return parse_transform(item.transform, format=item.format, zone=item.zone)
    except TransformError as error:
        raise TableInvalid([_diagnostic(table, f"{item.column}: {error}", error.hint)]) from error


def _source_type(table: Table, item: PartitionField, columns: Sequence[Column]) -> str:
    """Find the type of the source of a partition column; one that is only a folder name is text unless declared."""
    types = {column.name.lower(): column.type for column in columns}
    found = types.get(item.source.lower())
    if found is not None:
        return found
    if item.source.lower() != item.column.lower():
        raise TableInvalid([_diagnostic(table, f"{item.column}: the files have no column {item.source!r}")])
    return "VARCHAR"


def _diagnostic(table: Table, message: str, hint: str | None = None) -> Diagnostic:
    return Diagnostic(path=f"catalog/{table.name}.yaml", message=message, hint=hint)


def _versions(files: pa.Table) -> pa.Array[Any]:
    """Digest path, ETag and size of every file, and its time where the ETag is weak, in 16 bytes each."""
    parts: list[Any] = [files["path"], files["etag"], pc.cast(files["size"], pa.string())]
    unsure = weak(files["etag"])
    if pc.any(unsure).as_py():
        times = pc.cast(pc.cast(files["last_modified"], pa.int64()), pa.string())
        parts.append(pc.if_else(unsure, times, pa.scalar("")))
    parts.append(pa.scalar("\0"))
    texts = cast(list[bytes], pc.cast(pc.binary_join_element_wise(*parts), pa.binary()).to_pylist())
    joined = b"".join([blake2b(text, digest_size=16).digest() for text in texts])
    return pa.Array.from_buffers(pa.binary(16), len(texts), [None, pa.py_buffer(joined)])


def _identity(table: Table, root: str, columns: Sequence[Column], versions: pa.Array[Any]) -> str:
    digest = blake2b(declaration(table, root).encode(), digest_size=16)
    digest.update(orjson.dumps([[column.name, column.type] for column in columns]))
    digest.update(cast(Any, versions.buffers()[1]))
    return digest.hexdigest()


def _partitions(layout: Layout, read: Sequence[LevelReader], files: pa.Table) -> pa.Table:
    """Count files and bytes of every partition; a table without partition columns is one partition."""
    sizes = _one(files["size"]).to_numpy()
    counts = np.diff(layout.starts, append=len(sizes))
    total = np.add.reduceat(sizes, layout.starts) if len(layout.starts) else np.zeros(0, np.int64)
    arrays = (layout.starts, counts, total, layout.known, layout.levels)
    measures: list[Any] = [pa.array(array) for array in arrays]
    names = [*(level.column for level in read), *MEASURES]
    return pa.Table.from_arrays([*layout.texts, *measures], names=names)


def _outside(listing: pa.Table, prefixes: Collection[str]) -> pa.Table:
    """Keep the rows of a listing that are below none of the folders."""
    by_depth: dict[int, list[str]] = {}
    for prefix in prefixes:
        folder = prefix.rstrip("/")
        by_depth.setdefault(folder.count("/") + 1, []).append(folder)
    for depth, folders in by_depth.items():
        # A name follows, so that the folder itself is none of the rows.
        above = pc.extract_regex(listing["path"], rf"^(?P<folder>[^/]*(?:/[^/]*){{{depth - 1}}})/")
        inside = pc.is_in(pc.struct_field(above, "folder"), value_set=pa.array(folders, pa.string()))
        listing = listing.filter(pc.invert(inside))
    return listing


def _one(column: pa.ChunkedArray[Any]) -> pa.Array[Any]:
    return column.combine_chunks()

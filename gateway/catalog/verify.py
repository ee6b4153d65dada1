"""Do the rows lie where the declaration says? Read the partitioning columns of every file and compare.

Where a transform keeps order, the bounds in a file's footer decide: all rows between two that belong to one
partition belong to it. Elsewhere, and where a footer has no bounds, the column itself is read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import obstore
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from gateway.catalog.footers import Damaged, Gone, read_footer
from gateway.catalog.layout import Problem
from gateway.catalog.manifest import Snapshot
from gateway.catalog.store import Store, storage_errors
from gateway.catalog.table import PartitionField
from gateway.catalog.transforms import TransformError
from gateway.catalog.transforms.keys import Values

_READERS = 8
_NULL = "NULL"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Expected:
    """What one partition column says of the rows of a file."""

    field: PartitionField
    source_type: str
    text: str | None


def misplaced(snapshot: Snapshot, store: Store, on_file: Callable[[], None] = lambda: None) -> list[Problem]:
    """Read every file of *snapshot* and list those that hold rows of another partition, with one such row each.

    *on_file* is called after each file. Columns that are not ``enforced`` promise nothing and are not read. Raises
    ``StorageFailed``.
    """

    def checked(work: tuple[dict[str, Any], list[_Expected]]) -> Problem | None:
        problem = _check(store, *work)
        on_file()
        return problem

    with ThreadPoolExecutor(_READERS, thread_name_prefix="verify") as pool:
        return [problem for problem in pool.map(checked, _work(snapshot)) if problem is not None]


def _work(snapshot: Snapshot) -> Iterator[tuple[dict[str, Any], list[_Expected]]]:
    """List each file that lies in a partition with what its folders promise."""
    types = {column.name.lower(): column.type for column in snapshot.file_columns}
    fields = [item for item in snapshot.table.partitioned_by if item.enforced and item.source.lower() in types]
    if not fields:
        return
    files = snapshot.files.select(["path", "size", "etag"])
    for row in snapshot.partitions.to_pylist():
        if not row["known"]:
            continue
        expected = [
            _Expected(field=item, source_type=types[item.source.lower()], text=row[item.column]) for item in fields
        ]
        for file in files.slice(row["first_file"], row["file_count"]).to_pylist():
            yield file, expected


def _check(store: Store, file: dict[str, Any], expected: Sequence[_Expected]) -> Problem | None:
    path = str(file["path"])
    try:
        footer = read_footer(store, file).metadata
    except Gone:
        return Problem(path, "it was replaced or removed while it was checked")
    except Damaged as damage:
        return Problem(path, str(damage))
    whole: pq.ParquetFile | None = None
    try:
        for one in expected:
            values = _ends(footer, one)
            if values is None:
                with storage_errors(store.location):
                    whole = whole or _whole(store, path)
                values = _column(whole, one.field.source)
            found = _stray(values, one)
            if found is not None:
                return Problem(path, found)
    except (pa.ArrowInvalid, TransformError) as error:
        return Problem(path, f"cannot be compared with its folder: {error}")
    return None


def _whole(store: Store, path: str) -> pq.ParquetFile:
    return pq.ParquetFile(pa.BufferReader(store.patiently(lambda: obstore.get(store.objects, path).bytes())))


def _column(file: pq.ParquetFile, source: str) -> Values:
    """Read one column; none of its values where the file does not hold it (it is then the folder's)."""
    names = [name for name in file.schema_arrow.names if name.lower() == source.lower()]
    return file.read(names[:1]).column(0) if names else pa.chunked_array([], pa.string())


def _stray(values: Values, expected: _Expected) -> str | None:
    """Name a value that belongs in another partition; None if there is none."""
    function, kind = expected.field.function, expected.source_type
    texts: Any = function.apply(values, kind).cast(pa.string())
    compute: Any = pc  # the stubs mix up arrays and expressions here
    if expected.text is None:
        strays = compute.is_valid(texts)
    else:
        strays = compute.invert(compute.is_in(texts, _spellings(texts, expected)))
    row = compute.index(strays, True).as_py()
    if row < 0:
        return None
    column, source = expected.field.column, expected.field.source
    here, there = (_NULL if text is None else text for text in (expected.text, texts[row].as_py()))
    return f"a row with {source} = {values[row].as_py()} lies in {column}={here} and belongs in {column}={there}"


def _spellings(texts: Any, expected: _Expected) -> Any:
    """Return those of *texts* that mean what the folder's text means: ``6`` is in ``month=06`` too."""
    function, kind = expected.field.function, expected.source_type
    distinct = texts.unique().drop_null()
    meant = function.decode(pa.array([expected.text], pa.string()), kind)[0]
    compute: Any = pc
    return distinct.filter(compute.equal(function.decode(distinct, kind), meant))


def _ends(footer: pq.FileMetaData, expected: _Expected) -> Values | None:
    """Return the least and the greatest value of an order-keeping source, from the footer; None where it has none."""
    probe = pa.array([] if expected.text is None else [expected.text], pa.string())
    if expected.text is None or expected.field.function.spans(probe, expected.source_type) is None:
        return None
    schema = footer.schema.to_arrow_schema()
    numbers = [
        number
        for number in range(footer.num_columns)
        if footer.schema.column(number).path.lower() == expected.field.source.lower()
    ]
    if len(numbers) != 1 or len(schema.names) != footer.num_columns:
        return None
    kind = schema.types[numbers[0]]
    if pa.types.is_floating(kind) or pa.types.is_string(kind):
        return None  # bounds of texts may be cut, and NaN is none
    ends: list[Any] = []
    for group in range(footer.num_row_groups):
        found = footer.row_group(group).column(numbers[0]).statistics
        if found is None or not found.has_min_max or found.null_count is None or found.null_count > 0:
            return None
        ends += [found.min, found.max]
    return pa.array(ends, kind)

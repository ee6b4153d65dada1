"""Verifies that rows lie in the partitions they belong in, and that their values fit the declared types.

Each version of a file is read once.

Where a transform keeps order, the bounds in a file's footer decide where its rows belong: all rows between two that
belong to one partition belong to it. Elsewhere, and where a footer has no bounds, the column itself is read. So is a
column whose stored type can hold values that the declared one cannot.

What was found is kept in ``Snapshot.files`` as ``verdict``: a dictionary-encoded column of texts like ``facts``, null
where a file was not looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import isnan
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from gateway.catalog import facts
from gateway.catalog.bounds import exact_ends
from gateway.catalog.casting import Fit, fit
from gateway.catalog.facts import VERDICT, FileFacts
from gateway.catalog.footers import ODD, VERSION, Damaged, FileGone, Footer, read_footer, whole
from gateway.catalog.layout import HIVE_NULL
from gateway.catalog.losses import Incomparable, compared_parts, lost_value
from gateway.catalog.manifest import Snapshot
from gateway.catalog.partition_field import PartitionField
from gateway.catalog.store import Store
from gateway.catalog.stored import folded, stored_schema
from gateway.catalog.thrift import Malformed
from gateway.catalog.transforms import TransformError
from gateway.catalog.transforms.keys import Values, key_type
from gateway.errors import StorageFailed
from gateway.yaml_document import written

_READERS = 8
_FORMAT = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What is wrong with the rows of a file: ``kind`` is the same for all such files, ``reason`` names one row."""

    kind: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Expected:
    """What one partition column says of the rows of a file."""

    field: PartitionField
    source_type: str
    text: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lossy:
    """A column of a file whose type can hold values that the table's type cannot."""

    name: str
    stored: str
    declared: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _FileToVerify:
    file: dict[str, Any]
    expected: Sequence[_Expected]
    lossy: Sequence[_Lossy]


def verify(snapshot: Snapshot, store: Store, on_file: Callable[[], None] = lambda: None) -> pa.Table:
    """Read the files of *snapshot* that were not looked at: a table of ``version`` and ``verdict``.

    *on_file* is called after each file. Columns that are not ``enforced`` promise nothing and are not read; nor is
    a file whose footer is damaged. Raises ``StorageFailed``.
    """

    def checked(work: _FileToVerify) -> tuple[bytes, str] | None:
        found = _checked(store, work)
        on_file()
        return None if found is None else (work.file["version"], found)

    with ThreadPoolExecutor(_READERS, thread_name_prefix="verify") as pool:
        known = [checked_file for checked_file in pool.map(checked, _work(snapshot)) if checked_file is not None]
    versions = pa.array([version for version, _ in known], VERSION)
    return pa.table({"version": versions, VERDICT: facts.encoded([text for _, text in known])})


def findings(text: str | None) -> list[Finding] | None:
    """Read a verdict; None where there is none that this release gave."""
    if text is None:
        return None
    version, *found = orjson.loads(text)
    return [Finding(kind=kind, reason=reason) for kind, reason in found] if version == _FORMAT else None


def _text(found: Sequence[Finding]) -> str:
    return orjson.dumps([_FORMAT, *([finding.kind, finding.reason] for finding in found)]).decode()


def _work(snapshot: Snapshot) -> Iterator[_FileToVerify]:
    """List each file that was not looked at with what is promised of it."""
    types = {column.name.lower(): column.type for column in snapshot.file_columns}
    declared = enumerate(snapshot.table.partitioned_by)
    fields = [(number, item) for number, item in declared if item.enforced and item.source.lower() in types]
    distinct, codes = facts.known(snapshot.files), facts.codes(snapshot.files)
    lossy = [_lossy(file, snapshot) for file in distinct]
    verdicts = facts.verdicts(snapshot.files)
    files = snapshot.files.select(["path", "size", "etag", "version"])
    for row in snapshot.partitions.to_pylist():
        expected = [
            _Expected(field=item, source_type=types[item.source.lower()], text=row[item.column])
            for number, item in fields
            if row["levels"] >> number & 1
        ]
        start, count = row["first_file"], row["file_count"]
        wanted = [position for position in range(start, start + count) if findings(verdicts[position]) is None]
        for position, file in zip(wanted, files.take(np.array(wanted, np.int64)).to_pylist(), strict=True):
            known = distinct[codes[position]] if codes[position] >= 0 else None
            if known is not None and known.problem is None:
                yield _FileToVerify(file=file, expected=expected, lossy=lossy[codes[position]])


def _lossy(file: FileFacts | None, snapshot: Snapshot) -> list[_Lossy]:
    """List the columns of a file whose values may not fit."""
    types = {folded(column.name): column.type for column in snapshot.file_columns}
    found: dict[str, _Lossy] = {}
    for column in () if file is None else file.columns:
        declared = types.get(folded(column.name))
        if declared is not None and column.type is not None and not column.untyped:
            found.setdefault(folded(column.name), _Lossy(name=column.name, stored=column.type, declared=declared))
    return [column for column in found.values() if fit(column.stored, column.declared) > Fit.EXACT]


def _checked(store: Store, work: _FileToVerify) -> str | None:
    """Look at one file; None where it could not be looked at."""
    if not work.expected and not work.lossy:
        return _text([])
    found: list[Finding] = []
    try:
        found.extend(_found(store, work))
    except (FileGone, Damaged, Malformed):
        return None
    except StorageFailed as error:
        if error.passing:
            raise
        return None
    except TransformError as error:
        found.append(Finding(kind="its folder", reason=f"cannot be compared with its folder: {error}"))
    except ODD:
        found.append(Finding(kind="damaged", reason="its columns cannot be read: it is damaged"))
    return _text(found)


def _found(store: Store, work: _FileToVerify) -> Iterator[Finding]:
    footer, content = read_footer(store, work.file), None
    for part in work.expected:
        values = _ends(footer, part)
        if values is None:
            content = content or _whole(store, work.file)
            values = _column(content, part.field.source)
        stray = _stray(values, part)
        if stray is not None:
            yield stray
    for lossy in work.lossy:
        content = content or _whole(store, work.file)
        misfit = _misfit(_column(content, lossy.name), lossy)
        if misfit is not None:
            yield misfit


def _whole(store: Store, file: dict[str, Any]) -> pq.ParquetFile:
    return pq.ParquetFile(pa.BufferReader(whole(store, file)))


def _column(file: pq.ParquetFile, source: str) -> Values:
    """Read one column; none of its values where the file does not hold it (it is then the folder's)."""
    names = file.schema_arrow.names
    positions = [position for position, name in enumerate(names) if folded(name) == folded(source)]
    if not positions:
        return pa.chunked_array([], pa.string())
    name = names[positions[0]]
    if any("." in other for other in names):  # pyarrow takes a dotted name for a path
        return file.read().column(positions[0])
    return file.read([name]).column(0)


def _stray(values: Values, expected: _Expected) -> Finding | None:
    """Name a value that belongs in another partition; None if there is none."""
    function, kind = expected.field.function, expected.source_type
    texts: Any = function.apply(values, kind).cast(pa.string())
    compute: Any = pc  # the stubs mix up arrays and expressions here
    if expected.text is None:
        strays = compute.fill_null(compute.not_equal(texts, ""), False)
    else:
        strays = compute.invert(compute.is_in(texts, _equal_texts(texts, expected)))
    row = compute.index(strays, True).as_py()
    if row < 0:
        return None
    column, source = expected.field.column, expected.field.source
    here, there = (HIVE_NULL if text is None else text for text in (expected.text, texts[row].as_py()))
    reason = f"a row with {source} = {_shown(values[row])} lies in {column}={here} and belongs in {column}={there}"
    return Finding(kind=stray_kind(column), reason=reason)


def stray_kind(column: str) -> str:
    """Return the kind of the findings about rows that lie in another folder of a level."""
    return f"rows lie in another folder of {column!r} than they belong in"


def _equal_texts(texts: Any, expected: _Expected) -> Any:
    """Return those of *texts* that mean what the folder's text means: ``6`` is in ``month=06`` too."""
    function, kind = expected.field.function, expected.source_type
    distinct = texts.unique().drop_null()
    meant = function.decode(pa.array([expected.text], pa.string()), kind)[0]
    compute: Any = pc
    values = function.decode(distinct, kind)
    alike = compute.equal(values, meant)
    if pa.types.is_floating(values.type) and isnan(meant.as_py()):
        alike = compute.is_nan(values)  # NaN is NaN, and not equal to itself
    return distinct.filter(alike)


def _misfit(values: Values, lossy: _Lossy) -> Finding | None:
    """Name a value that its column's type in the table does not have; None if there is none."""
    kind = f"the column {lossy.name!r} is {lossy.stored}, with values that {lossy.declared} does not have"
    if values.null_count == len(values):
        return None
    try:
        compared = list(compared_parts(values, lossy.stored, lossy.declared))
    except Incomparable:
        return Finding(kind=kind, reason=f"{lossy.name} is {lossy.stored}, which {lossy.declared} cannot hold")
    for part in compared:
        lost = lost_value(part)
        if lost is not None:
            return Finding(kind=kind, reason=f"{lossy.name} = {_shown(lost)} has no {part.declared}")
    return None


def _shown(value: Any) -> str:
    try:
        return written(value.as_py())
    except ValueError:  # nanoseconds, which Python does not have
        return str(value.cast(pa.string()).as_py())


def _ends(footer: Footer, expected: _Expected) -> Values | None:
    """Return the least and the greatest value of an order-keeping source, from the footer; None where it has none."""
    probe = pa.array([] if expected.text is None else [expected.text], pa.string())
    if expected.text is None or expected.field.function.spans(probe, expected.source_type) is None:
        return None
    kind = key_type(expected.source_type)
    return None if kind is None else exact_ends(footer.metadata, stored_schema(footer.raw), expected.field.source, kind)

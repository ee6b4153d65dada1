"""SQL that reads the selected files of a snapshot in place of a table.

A column is read from each file in its declared type, and is NULL in a file that lacks it. The value of a partition
column comes from the path of the file, so that pruning and the answer go by the same values; if the path does not have
it, it comes from the file. With ``enforced: false`` it comes from the file, where the file has the column.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import pyarrow as pa

from gateway.catalog import facts
from gateway.catalog.arrays import whole
from gateway.catalog.casting import Fit, fit
from gateway.catalog.facts import FileFacts
from gateway.catalog.manifest import Snapshot, source_types
from gateway.catalog.partition_field import PartitionField
from gateway.catalog.stored import StoredColumn, folded
from gateway.catalog.transforms.base import known
from gateway.catalog.transforms.keys import Array, Ordinals
from gateway.catalog.transforms.values import value_texts
from gateway.model import Column, FileVersion
from gateway.plan.checked import checked
from gateway.plan.index import levels_in_path
from gateway.plan.rewrite import Address, Part, literal, per_file, read_as, source
from gateway.plan.shield import rounds_constants

NUMBERED = Column(name="__gateway_n", type="INTEGER")
"""A column that numbers the files of a scan, where they have numbers."""
Cuts = Mapping[int, tuple[int, int | None]]
"""By its place among the files: the rows of a file that are read, from one number up to another (None: to the end)."""
_WHOLE: Cuts = {}
_ADDRESS = "\0"
"""Stands for the addresses of files where they are not known yet: no name holds it."""
WithFacts = Callable[[Snapshot, Ordinals], Snapshot]
"""Return a snapshot that knows the facts of the files at these positions; see ``Catalog.with_facts``."""


def with_known_facts(snapshot: Snapshot, positions: Ordinals) -> Snapshot:
    """Return the snapshot with the facts that it has."""
    return snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shape:
    """What of a file's own columns is not simply read under the declared type."""

    checked: tuple[tuple[Column, str], ...] = ()
    """Columns with the type that they are stored in, where a value may not fit."""
    empty: frozenset[str] = frozenset()
    """Names of columns without any value, whose stored type means nothing."""
    lacking: frozenset[str] = frozenset()
    """Names of partition columns that would win over the path, and are not there."""
    converted: frozenset[str] = frozenset()
    """Names of columns whose filters must not reach the file, see ``plan.shield``."""
    exact: frozenset[str] = frozenset()
    """Names of columns that are stored in the declared type."""


def reading(
    snapshot: Snapshot,
    positions: Ordinals,
    files: Sequence[FileVersion],
    address: Address,
    *,
    shield: bool = False,
    unshielded: frozenset[str] = frozenset(),
    names: frozenset[str] | None = None,
    numbers: Sequence[int] | None = None,
    cut: Cuts = _WHOLE,
) -> str:
    """Write what a scan reads: the *files* at these *positions* of the snapshot.

    A file whose facts are not known is read under the declared types as it is. *shield* keeps every filter above the
    scan, see ``plan.shield``, but those on floats of the names *unshielded*, where all *names* are known. *names* are
    all that is used, both in lower case: another column is NULL, for each that is read takes the engine time before the
    first row, and what the paths of many files say is a long list. *numbers* are those of the files in a further
    column, ``NUMBERED``.
    *cut* says of which of the files only some rows are read.
    """
    addresses = [address(file) for file in files]
    bare = frozenset[str]() if names is None else _named(snapshot.columns, unshielded)
    around = None if cut or numbers is not None else _around(snapshot, positions, names, bare, shield)
    if around is not None:
        before, after = around
        return f"{before}{', '.join(map(literal, addresses))}{after}"
    parts = _parts(snapshot, positions, addresses, names, numbers, cut)
    columns = snapshot.columns if numbers is None else (*snapshot.columns, NUMBERED)
    return source(columns, [replace(part, shield=shield, unshielded=part.unshielded & bare) for part in parts])


def _around(
    snapshot: Snapshot, positions: Ordinals, names: frozenset[str] | None, bare: frozenset[str], shield: bool
) -> tuple[str, str] | None:
    """Return what is written before and after the addresses; None where files are read in several ways or by values.

    It is the same for most questions about a table, and is written once.
    """
    partitions = _partitions_of(snapshot, positions)
    codes, bits = facts.codes(snapshot.files, positions), levels_in_path(snapshot.partitions, partitions)
    if names is None or not len(positions) or (codes != codes[0]).any() or (bits != bits[0]).any():
        return None
    shape = _shape_of(snapshot, codes[0])
    told = [column for _, column in _told(snapshot, int(bits[0]), shape)]
    computed = [*told, *(column for column, _ in shape.checked)]
    if any(column.name.lower() in names for column in computed):
        return None
    left_out = _unused(snapshot.columns, names) | shape.empty
    return _text_around(snapshot.columns, left_out, shape.converted, bare & shape.exact, shield)


@lru_cache(maxsize=4096)
def _unused(columns: tuple[Column, ...], names: frozenset[str]) -> frozenset[str]:
    return frozenset(column.name for column in columns) - _named(columns, names)


@lru_cache(maxsize=4096)
def _named(columns: tuple[Column, ...], names: frozenset[str]) -> frozenset[str]:
    return frozenset(column.name for column in columns if column.name.lower() in names)


@lru_cache(maxsize=4096)
def _text_around(
    columns: tuple[Column, ...],
    left_out: frozenset[str],
    converted: frozenset[str],
    unshielded: frozenset[str],
    shield: bool,
) -> tuple[str, str]:
    part = Part(
        addresses=[_ADDRESS],
        stored=[column for column in columns if column.name not in left_out],
        values=dict.fromkeys(left_out, "NULL"),
        converted=converted,
        unshielded=unshielded,
        shield=shield,
    )
    before, _, after = source(columns, [part]).partition(literal(_ADDRESS))
    return before, after


def _partitions_of(snapshot: Snapshot, positions: Ordinals) -> Ordinals:
    """Return the partition that each of the files at these positions is in."""
    found: Ordinals = np.asarray(whole(snapshot.partitions, "first_file")).searchsorted(positions, "right") - 1
    return found


def _parts(
    snapshot: Snapshot,
    positions: Ordinals,
    addresses: Sequence[str],
    names: frozenset[str] | None,
    numbers: Sequence[int] | None,
    cut: Cuts,
) -> Iterator[Part]:
    """Group the files by which of their levels their paths tell, and by their shapes; those that are cut are apart.

    The groups come in the order of their first files.
    """
    partitions = _partitions_of(snapshot, positions)
    shapes, shape_of = _shapes(snapshot, positions)
    bits = levels_in_path(snapshot.partitions, partitions)
    apart = np.zeros(len(positions), np.int64)
    for file in cut:
        apart[file] = file + 1
    found = np.stack([bits, shape_of, apart])
    keys, firsts, groups = _grouped(found)
    for group in np.argsort(firsts).tolist():  # not by their numbers, which tell what was looked at first
        levels, shape, one = keys[:, group].tolist()
        here = np.flatnonzero(groups == group)
        rows = cut[one - 1] if one else None
        part = Part(addresses=[addresses[position] for position in here.tolist()], stored=snapshot.columns, rows=rows)
        part = _shaped(part, shapes[shape], snapshot, positions[here])
        part = _placed(part, levels, shapes[shape], snapshot, partitions[here], names)
        yield part if numbers is None else _numbered(part, [numbers[position] for position in here.tolist()])


def _grouped(found: Ordinals) -> tuple[Ordinals, Ordinals, Ordinals]:
    """Group equal columns of a matrix: one of each group, where the first of it is, and the group of each column."""
    if found.shape[1] == 1:  # partials are read by statements of one file
        nothing = np.zeros(1, np.int64)
        return found, nothing, nothing
    return np.unique(found, axis=1, return_index=True, return_inverse=True)


def _numbered(part: Part, numbers: Sequence[int]) -> Part:
    number = per_file([str(number) for number in numbers], NUMBERED.type)
    return replace(part, values={**part.values, NUMBERED.name: number})


def _shaped(part: Part, shape: _Shape, snapshot: Snapshot, positions: Ordinals) -> Part:
    """Read columns as they are stored where their values must be looked at."""
    part = replace(part, converted=shape.converted, unshielded=shape.exact)
    if not shape.checked and not shape.empty:
        return part
    types = {column.name: type_ for column, type_ in shape.checked}
    paths = whole(snapshot.files, "path").take(pa.array(positions)).to_pylist()
    file = per_file(paths, "VARCHAR")
    return replace(
        part,
        stored=[
            replace(column, type=types.get(column.name, column.type))
            for column in part.stored
            if column.name not in shape.empty
        ],
        values=dict.fromkeys(shape.empty, "NULL")
        | {column.name: checked(read_as(column.name), type_, column, file) for column, type_ in shape.checked},
    )


def _placed(
    part: Part, levels: int, shape: _Shape, snapshot: Snapshot, partitions: Ordinals, names: frozenset[str] | None
) -> Part:
    """Take the columns of these *levels* (a bit each) from the paths, and leave out what is not used."""
    unused = frozenset[str]() if names is None else _unused(snapshot.columns, names)
    values = dict.fromkeys(unused, "NULL") | {
        column.name: _folder_values(snapshot, field, partitions)
        for field, column in _told(snapshot, levels, shape)
        if column.name not in unused
    }
    stored = [column for column in part.stored if column.name not in values]
    return replace(part, stored=stored, values={**part.values, **values})


def _shapes(snapshot: Snapshot, positions: Ordinals) -> tuple[list[_Shape], Ordinals]:
    """Return the shapes that occur, and the number of the shape of each file."""
    codes, inverse = np.unique(facts.codes(snapshot.files, positions), return_inverse=True)
    made = [_shape_of(snapshot, code) for code in codes.tolist()]
    shapes = list(dict.fromkeys(made))
    return shapes, np.array([shapes.index(shape) for shape in made], np.int64)[inverse]


def _shape_of(snapshot: Snapshot, code: int) -> _Shape:
    """Return the shape of the files of which a *code* of facts is known; -1: nothing is."""
    own = frozenset(column.name for field, column in _levels(snapshot).values() if not _path_wins(snapshot, field))
    return _shape(snapshot.columns, own, facts.known(snapshot.files)[code] if code >= 0 else None)


@lru_cache(maxsize=4096)
def _shape(columns: tuple[Column, ...], own: frozenset[str], known: FileFacts | None) -> _Shape:
    """Compare what a file stores with the *columns* of its table; *own* are those that win over the path."""
    if known is None or known.problem is not None:
        return _Shape()
    stored: dict[str, StoredColumn] = {}
    for held in known.columns:
        stored.setdefault(folded(held.name), held)  # of names that differ only in case, DuckDB takes the first
    pairs = [(column, stored[folded(column.name)]) for column in columns if folded(column.name) in stored]
    bad = [(column, held) for column, held in pairs if held.type and fit(held.type, column.type) > Fit.EXACT]
    rounding = (column.name for column, held in pairs if held.type and rounds_constants(held.type, column.type))
    return _Shape(
        checked=tuple((column, str(held.type)) for column, held in bad if not held.untyped),
        empty=frozenset(column.name for column, held in bad if held.untyped),
        lacking=frozenset(name for name in own if folded(name) not in stored),
        converted=frozenset(rounding),
        exact=frozenset(column.name for column, held in pairs if held.type == column.type),
    )


def _told(snapshot: Snapshot, levels: int, shape: _Shape) -> list[tuple[PartitionField, Column]]:
    """List the partition columns that are what the paths say, in files whose paths have these *levels* (a bit each)."""
    return [
        (field, column)
        for number, (field, column) in _levels(snapshot).items()
        if levels >> number & 1 and (column.name in shape.lacking or _path_wins(snapshot, field))
    ]


def _levels(snapshot: Snapshot) -> dict[int, tuple[PartitionField, Column]]:
    """Return the partition columns by the number of their level."""
    columns = {column.name.lower(): column for column in snapshot.columns}
    fields = enumerate(snapshot.table.partitioned_by)
    return {number: (field, columns[field.column.lower()]) for number, field in fields}


def _path_wins(snapshot: Snapshot, field: PartitionField) -> bool:
    """Return whether a partition column is what the path says also where a file holds it."""
    return field.enforced or field.column.lower() not in {column.name.lower() for column in snapshot.file_columns}


def _folder_values(snapshot: Snapshot, field: PartitionField, partitions: Ordinals) -> str:
    """Write the value of a partition column for files in these *partitions*, as the paths tell it."""
    texts: Array = whole(snapshot.partitions, field.column).take(pa.array(partitions)).dictionary_encode()
    source_type = source_types(snapshot.table, snapshot.file_columns)[field.column]
    result = field.function.result_type(source_type)
    values = field.function.decode(texts.dictionary, source_type)
    texts_of_values = value_texts(values, known(result)).take(texts.indices)
    return per_file(texts_of_values.to_pylist(), result)

"""Results of one digest are written as the same bytes in every format, however their rows came."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from decimal import Decimal
from math import copysign, inf, nan
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.cache.serialization import with_header, without_header
from gateway.content import Content
from gateway.encode import FORMATS, encode
from gateway.encode.rows import Rows
from gateway.errors import QueryFailed
from gateway.model import Column, Result
from gateway.web.content_coding import compress

BATCH = 5
"""Rows of a batch, so that small results have several."""
SCALARS: dict[pa.DataType, st.SearchStrategy[Any]] = {
    pa.bool_(): st.booleans(),
    pa.int8(): st.integers(-128, 127),
    pa.uint64(): st.integers(0, 2**64 - 1),
    pa.int64(): st.integers(-(2**63), 2**63 - 1),
    pa.float32(): st.floats(width=32),
    pa.float64(): st.floats() | st.sampled_from([0.0, -0.0, nan, copysign(nan, -1.0), inf, -inf]),
    pa.decimal128(9, 2): st.decimals(-1000, 1000, places=2),
    pa.decimal128(38, 0): st.integers(-(10**37), 10**37).map(Decimal),
    pa.string(): st.text(max_size=5),
    pa.binary(): st.binary(max_size=5),
    pa.date32(): st.dates(min_value=date(1900, 1, 1)),
    pa.time64("us"): st.times(),
    pa.timestamp("us"): st.datetimes(min_value=datetime(1900, 1, 1)),
    pa.timestamp("us", "UTC"): st.datetimes(min_value=datetime(1900, 1, 1), timezones=st.just(UTC)),
    pa.month_day_nano_interval(): st.tuples(st.integers(-9, 9), st.integers(-9, 9), st.integers(-(10**12), 10**12)),
    pa.dictionary(pa.uint8(), pa.string()): st.sampled_from(["a", "b", "c"]),
}
FILLERS: dict[pa.DataType, Any] = {
    pa.bool_(): True,
    pa.string(): "left over",
    pa.binary(): b"left over",
    pa.date32(): date(2000, 2, 2),
    pa.time64("us"): time(1, 2, 3),
    pa.timestamp("us"): datetime(2000, 2, 2),
    pa.timestamp("us", "UTC"): datetime(2000, 2, 2, tzinfo=UTC),
    pa.month_day_nano_interval(): (1, 2, 3),
    pa.dictionary(pa.uint8(), pa.string()): "a",
}
Values = st.SearchStrategy[Any]


def nested(inner: st.SearchStrategy[pa.DataType]) -> st.SearchStrategy[pa.DataType]:
    return st.one_of(
        inner.map(pa.list_),
        inner.map(lambda kind: pa.list_(kind, 2)),
        st.tuples(inner, inner).map(lambda kinds: pa.struct([("one", kinds[0]), ("two", kinds[1])])),
        inner.map(lambda kind: pa.map_(pa.string(), kind)),
    )


KINDS = st.recursive(st.sampled_from(list(SCALARS)), nested, max_leaves=3)


def values(kind: pa.DataType) -> Values:
    """Values of a type, NULL among them at every depth."""
    return st.none() | _given(kind)


def _given(kind: pa.DataType) -> Values:
    if kind in SCALARS:
        return SCALARS[kind]
    if pa.types.is_struct(kind):
        return st.fixed_dictionaries({kind.field(at).name: values(kind.field(at).type) for at in range(2)})
    if pa.types.is_map(kind):
        return st.dictionaries(st.text(max_size=2), values(kind.item_type), max_size=2).map(lambda it: list(it.items()))
    size = kind.list_size if pa.types.is_fixed_size_list(kind) else None
    return st.lists(values(kind.value_type), min_size=size or 0, max_size=size or 3)


def filler(kind: pa.DataType) -> Any:
    """Return what may lie in the place of a NULL."""
    if kind in SCALARS:
        return FILLERS.get(kind, 1)
    if pa.types.is_struct(kind):
        return {kind.field(at).name: filler(kind.field(at).type) for at in range(2)}
    if pa.types.is_map(kind):
        return [("left", filler(kind.item_type))]
    return [filler(kind.value_type)] * 2


def array(kind: pa.DataType, cells: list[Any]) -> Any:
    if pa.types.is_dictionary(kind):
        codes = [None if cell is None else "abc".index(cell) for cell in cells]
        return pa.DictionaryArray.from_arrays(pa.array(codes, pa.uint8()), pa.array(["a", "b", "c"]))
    if pa.types.is_struct(kind):
        members = [
            array(kind.field(at).type, [None if cell is None else cell[kind.field(at).name] for cell in cells])
            for at in range(2)
        ]
        absent = pa.array([cell is None for cell in cells], pa.bool_())
        return pa.StructArray.from_arrays(members, fields=list(kind), mask=absent)
    if pa.types.is_nested(kind) and not pa.types.is_map(kind):
        members = (
            [member for cell in cells for member in ([None] * kind.list_size if cell is None else cell)]
            if (pa.types.is_fixed_size_list(kind))
            else [member for cell in cells for member in cell or ()]
        )
        inner = array(kind.value_type, members)
        absent = pa.array([cell is None for cell in cells], pa.bool_())
        if pa.types.is_fixed_size_list(kind):
            return pa.FixedSizeListArray.from_arrays(inner, type=kind, mask=absent)
        ends = itertools.accumulate((len(cell or ()) for cell in cells), initial=0)
        return pa.ListArray.from_arrays(pa.array(list(ends), pa.int32()), inner, type=kind, mask=absent)
    if pa.types.is_map(kind):
        inner = [(key, value) for cell in cells for key, value in cell or ()]
        ends = list(itertools.accumulate((len(cell or ()) for cell in cells), initial=0))
        keys, items = array(pa.string(), [key for key, _ in inner]), array(kind.item_type, [one for _, one in inner])
        whole = pa.MapArray.from_arrays(pa.array(ends, pa.int32()), keys, items, type=kind)
        return whole if None not in cells else _masked(whole, [cell is None for cell in cells])
    return pa.array(cells, kind)


def _masked(whole: Any, absent: list[bool]) -> Any:
    """Return an array with NULL in some places, and what it held there left in its buffers."""
    bits = pa.array([not one for one in absent], pa.bool_()).buffers()[1]
    kind = whole.type
    if pa.types.is_dictionary(kind):
        return pa.DictionaryArray.from_arrays(_masked(whole.indices, absent), whole.dictionary)
    if pa.types.is_struct(kind):
        members, own = [whole.field(at) for at in range(2)], []
    elif pa.types.is_fixed_size_list(kind):
        members, own = [whole.values], []
    elif pa.types.is_nested(kind):
        members, own = [whole.values], [whole.buffers()[1]]
    else:
        members, own = [], whole.buffers()[1:]
    return pa.Array.from_buffers(kind, len(whole), [bits, *own], children=members)


def haunted(kind: pa.DataType, cells: list[Any]) -> Any:
    """Make an array of cells that leaves other values in the place of every NULL of its own."""
    absent = [cell is None for cell in cells]
    return _masked(array(kind, [filler(kind) if cell is None else cell for cell in cells]), absent)


def framed(kind: pa.DataType, cells: list[Any]) -> Any:
    """Make a window into a longer array."""
    around = [filler(kind)] * 3
    return array(kind, [*around, *cells, *around]).slice(3, len(cells))


LAYOUTS: list[Callable[[pa.DataType, list[Any]], Any]] = [array, haunted, framed]
Cells = list[list[Any]]


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[pa.DataType], Cells]:
    kinds = draw(st.lists(KINDS, min_size=1, max_size=3))
    rows = draw(st.integers(0, 14))
    return kinds, [draw(st.lists(values(kind), min_size=rows, max_size=rows)) for kind in kinds]


@st.composite
def layouts(draw: st.DrawFn, columns: int, rows: int) -> tuple[list[Any], list[int]]:
    """How each column is laid out, and where the rows are cut."""
    chosen = draw(st.lists(st.sampled_from(LAYOUTS), min_size=columns, max_size=columns))
    return chosen, sorted(draw(st.lists(st.integers(0, rows), max_size=4)))


def made(kinds: list[pa.DataType], cells: Cells, layout: tuple[list[Any], list[int]]) -> Result:
    rows = len(cells[0])
    content = Content(pa.schema([(f"c{at}", kind) for at, kind in enumerate(kinds)]), rows=BATCH)
    for start, end in itertools.pairwise([0, *layout[1], rows]):
        columns = [lay(kind, one[start:end]) for lay, kind, one in zip(layout[0], kinds, cells, strict=True)]
        content.add(pa.RecordBatch.from_arrays(columns, [f"c{at}" for at in range(len(kinds))]))
    named = tuple(Column(name=f"c{at}", type=str(kind)) for at, kind in enumerate(kinds))
    table, digest = content.end(named)
    return Result(key="aa", table=table, columns=named, readings=(), created_at=0.0, seconds=0.0, digest=digest)


def carried(result: Result, compression: str | None) -> Result:
    """Return a result as a tier gives it back."""
    sink, table = pa.BufferOutputStream(), with_header(result)
    options = pa.ipc.IpcWriteOptions(compression=compression)
    with pa.ipc.new_stream(sink, table.schema, options=options) as writer:
        writer.write_table(table)
    return without_header(pa.ipc.open_stream(sink.getvalue()).read_all())


def written(result: Result) -> dict[tuple[Any, ...], bytes]:
    """Write a result in every form, whole and in pages."""
    found = {}
    forms = [(name, "objects") for name in FORMATS] + [("json", "arrays"), ("json", "columns")]
    for offset, limit in [(0, None), (3, 4)]:
        rows = result.table if limit is None else result.table.slice(offset, limit)
        for name, shape in forms:
            try:
                body = b"".join(encode(FORMATS[name], Rows.of(rows), result.columns, shape=shape))
            except (QueryFailed, pa.ArrowNotImplementedError) as error:
                body = type(error).__name__.encode()
            found[name, shape, offset, limit] = compress(body, "zstd")
    return found


@given(data=st.data(), table=tables())
def test_equal_rows_have_one_digest_and_are_written_alike_however_they_came(
    data: st.DataObject, table: tuple[list[pa.DataType], Cells]
) -> None:
    kinds, cells = table
    ways = layouts(len(kinds), len(cells[0]))
    first, second = (made(kinds, cells, data.draw(ways)) for _ in range(2))
    assert first.digest == second.digest
    bodies = written(first)
    assert written(second) == bodies
    assert written(carried(first, None)) == bodies
    assert written(carried(second, "zstd")) == bodies


@given(data=st.data(), table=tables())
def test_tags_are_equal_where_the_bytes_are_and_only_there(
    data: st.DataObject, table: tuple[list[pa.DataType], Cells]
) -> None:
    kinds, cells = table
    other = [list(column) for column in cells]
    if other[0]:
        column = data.draw(st.integers(0, len(kinds) - 1))
        row = data.draw(st.integers(0, len(other[0]) - 1))
        other[column][row] = data.draw(values(kinds[column]))
    ways = layouts(len(kinds), len(cells[0]))
    first, second = made(kinds, cells, data.draw(ways)), made(kinds, other, data.draw(ways))
    exact = ("arrow", "objects", 0, None)
    assert (first.digest == second.digest) == (written(first)[exact] == written(second)[exact])
    if first.digest == second.digest:
        assert written(first) == written(second)


def test_names_and_types_of_columns_are_of_the_content() -> None:
    def digest(name: str, kind: pa.DataType, said: str) -> str:
        content = Content(pa.schema([(name, kind)]))
        content.add(pa.record_batch([pa.array([1], kind)], [name]))
        return content.end([Column(name=name, type=said)])[1]

    given = [
        ("n", pa.int64(), "BIGINT"),
        ("m", pa.int64(), "BIGINT"),
        ("n", pa.int32(), "INTEGER"),
        ("n", pa.int64(), "X"),
    ]
    assert len({digest(*one) for one in given}) == len(given)


@pytest.mark.parametrize("kind", [pa.int64(), pa.bool_(), pa.binary(3)], ids=str)
def test_members_without_buffers_are_laid_out_as_others(kind: pa.DataType) -> None:
    digests = set()
    for members in (pa.array([], kind), pa.Array.from_buffers(kind, 0, [None] * len(pa.array([], kind).buffers()))):
        lists = pa.ListArray.from_arrays(pa.array([0, 0], pa.int32()), members)
        content = Content(pa.schema([("n", lists.type)]))
        content.add(pa.record_batch([lists], ["n"]))
        digests.add(content.end([Column(name="n", type="X")])[1])
    assert len(digests) == 1


def test_how_many_rows_there_are_is_of_the_content_even_without_columns_that_tell() -> None:
    digests = set()
    for rows in (0, 1, 2):
        content = Content(pa.schema([("n", pa.null())]))
        content.add(pa.record_batch([pa.nulls(rows)], ["n"]))
        digests.add(content.end([Column(name="n", type="INTEGER")])[1])
    assert len(digests) == 3

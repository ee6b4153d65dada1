"""Canonical Arrow layout of a result, and its content digest.

Arrow can lay out equal rows in many ways: in batches of any size, with any bytes under a NULL, with a validity bitmap
in which nothing is NULL. Encoders, and the sizes that they are chosen by, depend on it. A stored result therefore has
one layout, which depends on its rows alone, and every cache tier returns that layout. The digest is taken over it, so
that two results with the same digest are written as the same bytes in every format.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute

from gateway.model import Column

ROWS = 50_000
"""Rows of every batch of a result but the last. The engine makes batches of this size, so that none is copied."""
_FORM = 1
"""Version of the layout below."""
_SIZE = 16
_pc: Any = pyarrow.compute
_Array = Any
_Numbers = Any
"""A numpy array of offsets or bits."""


class Content:
    """Collects the rows of one result as they arrive, in batches of *rows*."""

    def __init__(self, schema: pa.Schema, *, rows: int = ROWS) -> None:
        self._schema, self._batch = schema.remove_metadata(), rows
        self._digest = blake2b(digest_size=_SIZE, person=b"gateway rows")
        self._writer = pa.ipc.new_stream(_DigestSink(self._digest.update), self._schema)
        self._pending: list[pa.RecordBatch] = []
        self._rows = 0
        self._settled: list[pa.RecordBatch] = []

    def add(self, batch: pa.RecordBatch) -> None:
        """Append a batch."""
        self._pending.append(batch)
        self._rows += batch.num_rows
        while self._rows >= self._batch:
            self._settle(self._batch)

    def end(self, columns: Sequence[Column]) -> tuple[pa.Table, str]:
        """Return all rows, and the digest of them and their *columns*, in 32 hexadecimal digits."""
        if self._rows:
            self._settle(self._rows)
        self._writer.close()
        self._digest.update(orjson.dumps([_FORM, self._batch, *([column.name, column.type] for column in columns)]))
        return pa.Table.from_batches(self._settled, schema=self._schema), self._digest.hexdigest()

    def taken(self) -> list[pa.RecordBatch]:
        """Take away the batches that are laid out by now: the table at the end has the others."""
        batches, self._settled = self._settled, []
        return batches

    def clear(self) -> None:
        """Drop the rows, where nobody needs them."""
        self._pending.clear()
        self._settled.clear()

    def _settle(self, rows: int) -> None:
        """Lay out the first *rows* pending rows."""
        pending = pa.Table.from_batches(self._pending).replace_schema_metadata(None)
        for batch in pending.slice(0, rows).combine_chunks().to_batches():
            whole = pa.RecordBatch.from_arrays([settled(column) for column in batch.columns], schema=self._schema)
            self._writer.write_batch(whole)
            self._settled.append(whole)
        self._pending = pending.slice(rows).to_batches()
        self._rows -= rows


def settled(array: _Array) -> _Array:
    """Return an array in its canonical layout: no offset, zeros under each NULL, a bitmap only if something is NULL.

    >>> settled(pa.array([1, 2, None])[1:]).buffers()[1].to_pybytes().hex()
    '02000000000000000000000000000000'
    """
    whole = pa.concat_arrays([array]) if array.offset else array
    if not len(whole) and not pa.types.is_nested(whole.type) and not pa.types.is_dictionary(whole.type):
        return pa.array([], whole.type)  # an empty one may lack its buffers
    for applies, rule in _RULES:
        if applies(whole.type):
            return rule(whole)
    return _carried(whole)


def _fixed(array: _Array) -> _Array:
    count, width = len(array), array.type.bit_width // 8
    values = array.buffers()[1].slice(0, count * width)
    if array.null_count and width:
        cells: _Numbers = np.frombuffer(values, f"V{width}").copy()
        cells[~_valid(array)] = np.zeros((), cells.dtype)
        values = pa.py_buffer(cells)
    return pa.Array.from_buffers(array.type, count, [_validity(array), values])


def _booleans(array: _Array) -> _Array:
    filled = _pc.fill_null(array, False) if array.null_count else array
    return pa.Array.from_buffers(array.type, len(array), [_validity(array), _bits(filled.buffers()[1], len(array))])


def _texts(array: _Array) -> _Array:
    offsets = _offsets(array)
    if array.null_count and np.diff(offsets)[~_valid(array)].any():
        empty = pa.scalar(b"", pa.binary()).cast(array.type)
        filled = _pc.fill_null(array, empty)
        return _spanning(filled, _offsets(filled), _validity(array))
    return _spanning(array, offsets, _validity(array))


def _spanning(array: _Array, offsets: _Numbers, validity: pa.Buffer | None) -> _Array:
    data = array.buffers()[2] or pa.py_buffer(b"")
    first, last = int(offsets[0]), int(offsets[-1])
    spans = [validity, _from_zero(offsets), data.slice(first, last - first)]
    return pa.Array.from_buffers(array.type, len(array), spans)


def _lists(array: _Array) -> _Array:
    offsets = _offsets(array)
    if array.null_count and np.diff(offsets)[~_valid(array)].any():
        array = _pc.take(array, pa.array(np.arange(len(array))))
        offsets = _offsets(array)
    first, last = int(offsets[0]), int(offsets[-1])
    members = settled(array.values.slice(first, last - first))
    spans = [_validity(array), _from_zero(offsets)]
    return pa.Array.from_buffers(array.type, len(array), spans, children=[members])


def _fixed_lists(array: _Array) -> _Array:
    size = array.type.list_size
    members = array.values.slice(0, len(array) * size)
    if array.null_count:
        missing = ~np.repeat(_valid(array), size)
        members = members.take(pa.array(np.arange(len(members)), mask=missing))
    return pa.Array.from_buffers(array.type, len(array), [_validity(array)], children=[settled(members)])


def _structs(array: _Array) -> _Array:
    members = [settled(member) for member in array.flatten()]  # NULL where the whole is
    return pa.Array.from_buffers(array.type, len(array), [_validity(array)], children=members)


def _dictionaries(array: _Array) -> _Array:
    values = settled(array.dictionary)
    return pa.DictionaryArray.from_arrays(settled(array.indices), values, ordered=array.type.ordered)


def _extensions(array: _Array) -> _Array:
    return pa.ExtensionArray.from_storage(array.type, settled(array.storage))


def _carried(array: _Array) -> _Array:
    """Lay out an array of any other type as a round trip through IPC does, as in a cache tier."""
    batch = pa.record_batch([array], ["column"])
    return pa.ipc.read_record_batch(batch.serialize(), batch.schema).column(0)


def _is_fixed(kind: pa.DataType) -> bool:
    return pa.types.is_primitive(kind) or pa.types.is_decimal(kind) or pa.types.is_fixed_size_binary(kind)


def _has_spans(kind: pa.DataType) -> bool:
    short = pa.types.is_string(kind) or pa.types.is_binary(kind)
    return short or pa.types.is_large_string(kind) or pa.types.is_large_binary(kind)


def _has_members(kind: pa.DataType) -> bool:
    return pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_map(kind)


_RULES: Sequence[tuple[Callable[[pa.DataType], bool], Callable[[_Array], _Array]]] = (
    (lambda kind: isinstance(kind, pa.BaseExtensionType), _extensions),
    (pa.types.is_boolean, _booleans),
    (_is_fixed, _fixed),
    (_has_spans, _texts),
    (_has_members, _lists),
    (pa.types.is_fixed_size_list, _fixed_lists),
    (pa.types.is_struct, _structs),
    (pa.types.is_dictionary, _dictionaries),
)


def _valid(array: _Array) -> _Numbers:
    packed = np.frombuffer(array.buffers()[0], np.uint8)
    return np.unpackbits(packed, count=len(array), bitorder="little").view(np.bool_)


def _validity(array: _Array) -> pa.Buffer | None:
    return _bits(array.buffers()[0], len(array)) if array.null_count else None


def _bits(packed: pa.Buffer, count: int) -> pa.Buffer:
    """Return the first *count* bits, and zeros up to the end of the last byte."""
    exact = packed.slice(0, (count + 7) // 8)
    rest = count % 8
    if not rest or exact[-1] >> rest == 0:
        return exact
    return pa.py_buffer(exact[:-1].to_pybytes() + bytes([exact[-1] & ((1 << rest) - 1)]))


def _offsets(array: _Array) -> _Numbers:
    wide = pa.types.is_large_list(array.type) or array.type in (pa.large_string(), pa.large_binary())
    return np.frombuffer(array.buffers()[1], np.int64 if wide else np.int32)[: len(array) + 1]


def _from_zero(offsets: _Numbers) -> pa.Buffer:
    return pa.py_buffer(offsets - offsets[0] if offsets[0] else offsets)


class _DigestSink(io.RawIOBase):
    """A file object that hands what is written to *take* and stores nothing."""

    def __init__(self, take: Callable[[Any], object]) -> None:
        self._take = take

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._take(data)
        return len(data)

"""JSON and NDJSON encoders. ``cells`` formats values; ``docs/formats.md`` is the specification."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from typing import Any

import orjson
import pyarrow as pa

from gateway.encode.arrays import Array
from gateway.encode.cells import json_parts
from gateway.encode.parallel import in_order
from gateway.encode.rows import Rows, joined, pieces, refuse_double_names
from gateway.model import Column
from gateway.streaming import Chunk


def encode_json(
    rows: Rows,
    columns: Sequence[Column],
    *,
    shape: str = "objects",
    meta: Mapping[str, Any] | None = None,
    threads: int = 1,
) -> Generator[Chunk]:
    """Write one document: the members of *meta*, then ``columns``, ``rows`` and ``data``.

    ``data`` is a list of objects, a list of arrays (``arrays``; ``cells``, where NaN and infinities are strings), or an
    object of one list a column (``columns``, for which all rows are gathered first). Where *meta* does not tell
    ``rows``, they are counted, and stand last.
    """
    if shape not in ("arrays", "cells"):
        refuse_double_names(columns, "JSON")
    head = {**(meta or {}), "columns": [{"name": column.name, "type": column.type} for column in columns]}
    return _document(head, rows, lambda counted: _DATA[shape](counted, columns, threads))


def encode_ndjson(rows: Rows, columns: Sequence[Column], *, threads: int = 1) -> Generator[Chunk]:
    """Write one object per line; a line end is written with the next line, so a truncated body ends without one."""
    refuse_double_names(columns, "NDJSON")
    return _lines(in_order(lambda piece: joined("\n", *_object(columns, piece)), pieces(rows), threads))


def _lines(runs: Iterator[Chunk]) -> Generator[Chunk]:
    """Terminate chunks whose lines each begin with a line end."""
    first = next(runs, None)
    if first is not None:
        yield first[1:]
        yield from runs
        yield b"\n"


def _document(head: Mapping[str, Any], rows: Rows, data: Callable[[Rows], Generator[Chunk]]) -> Generator[Chunk]:
    count = 0

    def counted() -> Iterator[pa.RecordBatch]:
        nonlocal count
        for batch in rows.batches:
            count += batch.num_rows
            yield batch

    yield orjson.dumps(head)[:-1] + b',"data":'
    yield from data(Rows(schema=rows.schema, batches=counted()))
    yield b"}\n" if "rows" in head else b',"rows":%d}\n' % count


def _objects(rows: Rows, columns: Sequence[Column], threads: int) -> Generator[Chunk]:
    return _listed(in_order(lambda piece: joined(",\n", *_object(columns, piece)), pieces(rows), threads))


def _arrays(rows: Rows, columns: Sequence[Column], threads: int) -> Generator[Chunk]:
    return _listed(in_order(lambda piece: joined(",\n", *_array(piece)), pieces(rows), threads))


def _cells(rows: Rows, columns: Sequence[Column], threads: int) -> Generator[Chunk]:
    return _listed(in_order(lambda piece: joined(",\n", *_array(piece, spelled=True)), pieces(rows), threads))


def _columns(rows: Rows, columns: Sequence[Column], threads: int) -> Generator[Chunk]:
    table = pa.Table.from_batches(list(rows.batches), schema=rows.schema)
    opening = b"{"
    for index, column in enumerate(columns):
        yield opening + orjson.dumps(column.name) + b":"
        cells = pieces(Rows.of(table.select([index])))
        yield from _listed(in_order(lambda cell: joined(",", *json_parts(*cell)), cells, threads))
        opening = b",\n"
    yield b"}" if columns else b"{}"


_DATA = {"objects": _objects, "arrays": _arrays, "cells": _cells, "columns": _columns}


def _listed(runs: Iterator[Chunk]) -> Generator[Chunk]:
    """Put chunks whose members each begin with a comma into brackets."""
    first = next(runs, None)
    yield b"[" if first is None else b"[" + first[1:]
    yield from runs
    yield b"]"


def _object(columns: Sequence[Column], cells: Sequence[Array]) -> Iterator[Array | str]:
    opening = "{"
    for column, array in zip(columns, cells, strict=True):
        yield opening + orjson.dumps(column.name).decode() + ":"
        yield from json_parts(array)
        opening = ","
    yield "}"


def _array(cells: Sequence[Array], *, spelled: bool = False) -> Iterator[Array | str]:
    opening = "["
    for array in cells:
        yield opening
        yield from json_parts(array, spelled=spelled)
        opening = ","
    yield "]"

"""JSON and NDJSON. Values are spelled in ``cells``; ``docs/formats.md`` is the rule for readers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import orjson
import pyarrow as pa

from gateway.encode.arrays import Array
from gateway.encode.cells import json_texts
from gateway.encode.rows import joined, pieces, refuse_double_names
from gateway.model import Column

Shape = Literal["objects", "columns", "arrays"]


def encode_json(
    table: pa.Table, columns: Sequence[Column], *, shape: str = "objects", meta: Mapping[str, Any] | None = None
) -> Iterator[bytes]:
    """Write one document: the members of *meta*, then ``columns``, ``rows`` (unless in *meta*) and ``data``.

    ``data`` is a list of objects, a list of arrays (``arrays``), or an object of one list a column (``columns``).
    """
    if shape != "arrays":
        refuse_double_names(columns, "JSON")
    head: dict[str, Any] = dict(meta or {})
    head["columns"] = [{"name": column.name, "type": column.type} for column in columns]
    head.setdefault("rows", table.num_rows)
    return _document(head, _DATA[shape](table, columns))


def encode_ndjson(table: pa.Table, columns: Sequence[Column]) -> Iterator[bytes]:
    """Write one object a line."""
    refuse_double_names(columns, "NDJSON")
    return (joined(*_object(columns, piece), "\n") for piece in pieces(table))


def _document(head: Mapping[str, Any], data: Iterator[bytes]) -> Iterator[bytes]:
    yield orjson.dumps(head)[:-1] + b',"data":'
    yield from data
    yield b"}\n"


def _objects(table: pa.Table, columns: Sequence[Column]) -> Iterator[bytes]:
    return _listed(joined(",\n", *_object(columns, piece)) for piece in pieces(table))


def _arrays(table: pa.Table, columns: Sequence[Column]) -> Iterator[bytes]:
    return _listed(joined(",\n", *_array(piece)) for piece in pieces(table))


def _columns(table: pa.Table, columns: Sequence[Column]) -> Iterator[bytes]:
    opening = b"{"
    for index, column in enumerate(columns):
        yield opening + orjson.dumps(column.name) + b":"
        yield from _listed(joined(",", json_texts(cells)) for (cells,) in pieces(table.select([index])))
        opening = b",\n"
    yield b"}" if columns else b"{}"


_DATA = {"objects": _objects, "arrays": _arrays, "columns": _columns}


def _listed(runs: Iterator[bytes]) -> Iterator[bytes]:
    """Bracket runs of members that each begin with a comma."""
    first = next(runs, None)
    yield b"[" if first is None else b"[" + first[1:]
    yield from runs
    yield b"]"


def _object(columns: Sequence[Column], cells: Sequence[Array]) -> Iterator[Array | str]:
    opening = "{"
    for column, array in zip(columns, cells, strict=True):
        yield opening + orjson.dumps(column.name).decode() + ":"
        yield json_texts(array)
        opening = ","
    yield "}"


def _array(cells: Sequence[Array]) -> Iterator[Array | str]:
    opening = "["
    for array in cells:
        yield opening
        yield json_texts(array)
        opening = ","
    yield "]"

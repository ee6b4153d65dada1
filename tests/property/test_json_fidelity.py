"""JSON, NDJSON and CSV say every value exactly: reading them by the rule of ``docs/formats.md`` gives it back."""

from __future__ import annotations

import csv
import json
import math
import re
import struct
from base64 import b64decode
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from io import StringIO
from typing import Any

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.encode import FORMATS, encode
from gateway.encode.rows import Rows
from gateway.model import Column

MONTHS = pa.month_day_nano_interval()
SMALL = st.integers(-(2**31), 2**31 - 1)


def decimals(precision: int, scale: int) -> st.SearchStrategy[Decimal]:
    whole = st.integers(-(10**precision) + 1, 10**precision - 1)
    return whole.map(lambda digits: Decimal((digits < 0, tuple(map(int, str(abs(digits)))), -scale)))


SCALARS: list[tuple[pa.DataType, st.SearchStrategy[Any]]] = [
    (pa.bool_(), st.booleans()),
    (pa.int8(), st.integers(-128, 127)),
    (pa.uint32(), st.integers(0, 2**32 - 1)),
    (pa.int64(), st.integers(-(2**63), 2**63 - 1) | st.integers(2**53 - 2, 2**53 + 2)),
    (pa.uint64(), st.integers(0, 2**64 - 1)),
    (pa.decimal128(38, 0), decimals(38, 0)),
    (pa.decimal128(9, 2), decimals(9, 2)),
    (pa.decimal128(18, 8), decimals(18, 8)),
    (pa.decimal128(38, 38), decimals(38, 38)),
    (pa.float32(), st.floats(width=32)),
    (pa.float64(), st.floats()),
    (pa.string(), st.text(st.characters(exclude_categories=["Cs"]))),
    (pa.string(), st.text('a"\\\n\r\t\x00, é')),
    (pa.binary(), st.binary()),
    (pa.date32(), st.dates()),
    (pa.time64("us"), st.times()),
    (pa.timestamp("us"), st.datetimes()),
    (pa.timestamp("us"), st.datetimes().map(lambda moment: moment.replace(microsecond=0))),
    (pa.timestamp("s", "UTC"), st.datetimes(timezones=st.just(UTC)).map(lambda moment: moment.replace(microsecond=0))),
    (pa.timestamp("ns"), st.datetimes(datetime(1700, 1, 1), datetime(2250, 1, 1))),
    (pa.timestamp("us", "UTC"), st.datetimes(timezones=st.just(UTC))),
    (MONTHS, st.tuples(SMALL, SMALL, st.integers(-(2**63), 2**63 - 1)).map(pa.MonthDayNano)),
]


def nested(inner: st.SearchStrategy[tuple[pa.DataType, st.SearchStrategy[Any]]]) -> Any:
    def deepen(pair: tuple[pa.DataType, st.SearchStrategy[Any]]) -> st.SearchStrategy[Any]:
        type_, values = pair
        maybe = st.none() | values
        return st.sampled_from(
            [
                (pa.list_(type_), st.lists(maybe, max_size=3)),
                (pa.list_(type_, 2), st.lists(maybe, min_size=2, max_size=2)),
                (
                    pa.struct([("a", type_), ('q"\\\n', pa.int8())]),
                    st.fixed_dictionaries({"a": maybe, 'q"\\\n': st.none()}),
                ),
                (
                    pa.map_(pa.string(), type_),
                    st.dictionaries(st.text("ab\"'", max_size=3), maybe, max_size=3).map(lambda d: list(d.items())),
                ),
                (pa.map_(pa.int64(), type_), st.dictionaries(SMALL, maybe, max_size=3).map(lambda d: list(d.items()))),
            ]
        )

    return inner.flatmap(deepen)


SHAPES = ("objects", "arrays", "columns")
ONE = st.sampled_from(SCALARS)
TYPES = st.one_of(ONE, ONE, nested(ONE), nested(nested(ONE)))


@st.composite
def tables(draw: st.DrawFn) -> pa.Table:
    """Draw a part of a table, so that arrays have offsets."""
    pairs = draw(st.lists(TYPES, min_size=2, max_size=5))
    rows = draw(st.integers(4, 12))
    arrays = [
        pa.array(draw(st.lists(st.none() | values | values, min_size=rows, max_size=rows)), type_)
        for type_, values in pairs
    ]
    names = [f"c{index}" for index in range(len(pairs))]
    return pa.table(arrays, names=names).slice(draw(st.integers(0, 2)), draw(st.integers(2, 12)))


def read(said: Any, type_: pa.DataType) -> Any:
    """Turn what JSON says into the value that Arrow holds, by the documented rule; independent of the encoder."""
    if said is None:
        return None
    if pa.types.is_integer(type_) or type_ == pa.decimal128(38, 0):
        return int(said)
    if pa.types.is_decimal(type_):
        assert isinstance(said, str)
        return Decimal(said)
    if pa.types.is_floating(type_):
        return float(said)
    if pa.types.is_binary(type_):
        return b64decode(said, validate=True)
    if pa.types.is_date32(type_):
        return date.fromisoformat(said)
    if pa.types.is_time(type_):
        return time.fromisoformat(said)
    if pa.types.is_timestamp(type_):
        assert said.endswith("Z") == (type_.tz is not None)
        return datetime.fromisoformat(re.sub(r"(\.\d{6})000(Z?)$", r"\1\2", said))
    if pa.types.is_interval(type_):
        return duration(said)
    if pa.types.is_struct(type_):
        return {field.name: read(said[field.name], field.type) for field in type_}
    if pa.types.is_map(type_):
        pairs = said.items() if pa.types.is_string(type_.key_type) else [(each["key"], each["value"]) for each in said]
        return [(key, read(value, type_.item_type)) for key, value in pairs]
    if pa.types.is_nested(type_):
        return [read(each, type_.value_type) for each in said]
    return said


def duration(said: str) -> tuple[int, int, int]:
    found = re.fullmatch(
        r"P(?:(-?\d+)Y)?(?:(-?\d+)M)?(?:(-?\d+)D)?(?:T(?:(-?\d+)H)?(?:(-?\d+)M)?(?:(-?\d+(?:\.\d+)?)S)?)?", said
    )
    assert found is not None, said
    years, months, days, hours, minutes = (int(found[index] or 0) for index in range(1, 6))
    nanoseconds = int(Decimal(found[6] or 0) * 10**9)
    return years * 12 + months, days, (hours * 60 + minutes) * 60 * 10**9 + nanoseconds


def held(value: Any, type_: pa.DataType) -> Any:
    """Return what a reader should get: the value as it is in Arrow, but null for a number that JSON has not."""
    if value is None or (pa.types.is_floating(type_) and not math.isfinite(value)):
        return None
    if pa.types.is_struct(type_):
        return {field.name: held(value[field.name], field.type) for field in type_}
    if pa.types.is_map(type_):
        return [(key, held(item, type_.item_type)) for key, item in value]
    if pa.types.is_nested(type_):
        return [held(each, type_.value_type) for each in value]
    if pa.types.is_interval(type_):
        return tuple(value)
    if pa.types.is_timestamp(type_) and type_.unit == "ns":
        return datetime(1970, 1, 1) + timedelta(microseconds=value.value // 1000) if hasattr(value, "value") else value
    return value


def same(found: Any, expected: Any, type_: pa.DataType) -> bool:
    """Compare with the sign of zero, and single precision where the type has it."""
    if isinstance(expected, float) and isinstance(found, float):
        form = "<f" if pa.types.is_float32(type_) else "<d"
        return struct.pack(form, found) == struct.pack(form, expected)
    if isinstance(expected, dict):
        return expected.keys() == found.keys() and all(same(found[f.name], expected[f.name], f.type) for f in type_)
    if isinstance(expected, list) and pa.types.is_map(type_):
        pairs = list(zip(found, expected, strict=True))
        return all(a[0] == b[0] and same(a[1], b[1], type_.item_type) for a, b in pairs)
    if isinstance(expected, list):
        return all(same(a, b, type_.value_type) for a, b in zip(found, expected, strict=True))
    return bool(found == expected)


def columns(table: pa.Table) -> list[Column]:
    return [Column(name=name, type="any") for name in table.column_names]


def check(table: pa.Table, rows: list[list[Any]]) -> None:
    assert len(rows) == table.num_rows
    for index, field in enumerate(table.schema):
        for row, value in zip(rows, table.column(index).to_pylist(), strict=True):
            found, expected = read(row[index], field.type), held(value, field.type)
            assert same(found, expected, field.type), (field.type, row[index], value)


@given(tables())
@settings(max_examples=150, deadline=None)
def test_every_value_can_be_read_back_from_json(table: pa.Table) -> None:
    names = table.column_names
    document = json.loads(
        b"".join(encode(FORMATS["json"], Rows.of(table), columns(table), meta={"query": "q"})), parse_constant=_no
    )
    assert document["rows"] == table.num_rows
    check(table, [[row[name] for name in names] for row in document["data"]])
    arrays = json.loads(b"".join(encode(FORMATS["json"], Rows.of(table), columns(table), shape="arrays")))["data"]
    check(table, arrays)
    by_column = json.loads(b"".join(encode(FORMATS["json"], Rows.of(table), columns(table), shape="columns")))["data"]
    check(table, [list(row) for row in zip(*by_column.values(), strict=True)])


@given(tables())
@settings(max_examples=80, deadline=None)
def test_every_value_can_be_read_back_from_ndjson(table: pa.Table) -> None:
    lines = b"".join(encode(FORMATS["ndjson"], Rows.of(table), columns(table))).split(b"\n")
    assert lines.pop() == b""
    check(table, [list(json.loads(line, parse_constant=_no).values()) for line in lines])


@given(tables())
@settings(max_examples=80, deadline=None)
def test_every_value_can_be_read_back_from_csv(table: pa.Table) -> None:
    text = b"".join(encode(FORMATS["csv"], Rows.of(table), columns(table))).decode()
    header, *lines = csv.reader(StringIO(text, newline=""), strict=True)
    assert header == table.column_names
    rows = [[_cell(cell, field.type) for cell, field in zip(line or [""], table.schema, strict=True)] for line in lines]
    for index, field in enumerate(table.schema):
        for row, value in zip(rows, table.column(index).to_pylist(), strict=True):
            expected = value if pa.types.is_floating(field.type) else held(value, field.type)
            found = read(row[index], field.type)
            if expected is None:
                assert row[index] in (None, ""), "NULL is an empty field"
            elif isinstance(expected, float) and math.isnan(expected):
                assert math.isnan(found)
            else:
                assert same(found, expected, field.type), (field.type, row[index], value)


def _cell(cell: str, type_: pa.DataType) -> Any:
    """Undo the one layer that CSV adds: everything is a text, nested values are JSON."""
    if pa.types.is_string(type_):
        return cell
    if pa.types.is_binary(type_):
        return cell
    if cell == "":
        return None
    if pa.types.is_nested(type_):
        return json.loads(cell)
    return {"true": True, "false": False}[cell] if pa.types.is_boolean(type_) else cell


def _no(word: str) -> Any:
    raise AssertionError(f"{word} is not JSON")


@given(tables(), st.integers(1, 5), st.integers(1, 4))
@settings(max_examples=40, deadline=None)
def test_neither_batches_nor_threads_change_a_byte(table: pa.Table, size: int, threads: int) -> None:
    batches = table.combine_chunks().to_batches(max_chunksize=size)
    for name, shape in (("csv", "objects"), ("ndjson", "objects"), *(("json", shape) for shape in SHAPES)):
        form, rows = FORMATS[name], Rows(schema=table.schema, batches=iter(batches))
        together = b"".join(encode(form, Rows.of(table), columns(table), shape=shape))
        assert b"".join(encode(form, rows, columns(table), shape=shape, threads=threads)) == together


@given(tables())
@settings(max_examples=40, deadline=None)
def test_a_row_is_written_alone_as_among_others(table: pa.Table) -> None:
    alone = [Rows.of(table.slice(row, 1)) for row in range(table.num_rows)]
    for name in ("csv", "ndjson"):
        together = b"".join(encode(FORMATS[name], Rows.of(table), columns(table)))
        lines = [b"".join(encode(FORMATS[name], row, columns(table))) for row in alone]
        header = together[: together.index(b"\r\n") + 2] if name == "csv" else b""
        assert header + b"".join(line.removeprefix(header) for line in lines) == together

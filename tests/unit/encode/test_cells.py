"""How each value is spelled."""

from __future__ import annotations

from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from gateway.encode.cells import SAFE, json_texts, plain_texts

MONTHS = pa.month_day_nano_interval()


@pytest.mark.parametrize(
    ("value", "type_", "text"),
    [
        (None, pa.int64(), "null"),
        (True, pa.bool_(), "true"),
        (-128, pa.int8(), "-128"),
        (SAFE, pa.int64(), "9007199254740991"),
        (SAFE + 1, pa.int64(), '"9007199254740992"'),
        (-SAFE - 1, pa.int64(), '"-9007199254740992"'),
        (2**64 - 1, pa.uint64(), '"18446744073709551615"'),
        (Decimal(12), pa.decimal128(38, 0), "12"),
        (Decimal(SAFE), pa.decimal128(38, 0), "9007199254740991"),
        (Decimal(-SAFE - 1), pa.decimal128(38, 0), '"-9007199254740992"'),
        (Decimal("1.10"), pa.decimal128(5, 2), '"1.10"'),
        (Decimal("-0.05"), pa.decimal128(5, 2), '"-0.05"'),
        (Decimal("0"), pa.decimal128(38, 20), '"0.00000000000000000000"'),
        (Decimal("-1E-20"), pa.decimal128(38, 20), '"-0.00000000000000000001"'),
        (Decimal("7"), pa.decimal128(4, 0), '"7"'),
        (0.1, pa.float64(), "0.1"),
        (0.1, pa.float32(), "0.1"),
        (-0.0, pa.float64(), "-0.0"),
        (1e300, pa.float64(), "1e+300"),
        (5e-324, pa.float64(), "5e-324"),
        (float("nan"), pa.float64(), "null"),
        (float("-inf"), pa.float64(), "null"),
        ("", pa.string(), '""'),
        ('a"b\\c\n\x00\x1f\x7f é 🛫', pa.string(), '"a\\"b\\\\c\\n\\u0000\\u001f\x7f é 🛫"'),
        (date(2013, 1, 31), pa.date32(), '"2013-01-31"'),
        (2**31 - 1, pa.date32(), '"infinity"'),
        (-(2**31) + 1, pa.date32(), '"-infinity"'),
        (2_932_896, pa.date32(), '"9999-12-31"'),
        (2_932_897, pa.date32(), '"+010000-01-01"'),
        (-719_528, pa.date32(), '"0000-01-01"'),
        (-719_529, pa.date32(), '"-000001-12-31"'),
        (datetime(2013, 1, 1, 5), pa.timestamp("us"), '"2013-01-01T05:00:00"'),
        (datetime(2013, 1, 1, 5, 0, 0, 120), pa.timestamp("us"), '"2013-01-01T05:00:00.000120"'),
        (0, pa.timestamp("us", "UTC"), '"1970-01-01T00:00:00Z"'),
        (1, pa.timestamp("us", "Etc/UTC"), '"1970-01-01T00:00:00.000001Z"'),
        (-1, pa.timestamp("ns"), '"1969-12-31T23:59:59.999999999"'),
        (10, pa.timestamp("s"), '"1970-01-01T00:00:10"'),
        (2**63 - 1, pa.timestamp("us", "UTC"), '"infinity"'),
        (-(2**63) + 1, pa.timestamp("us"), '"-infinity"'),
        (-(2**63) + 1, pa.timestamp("ns"), '"-infinity"'),
        (2_932_897 * 86_400 * 10**6 + 1, pa.timestamp("us"), '"+010000-01-01T00:00:00.000001"'),
        (-719_529 * 86_400 * 10**6, pa.timestamp("us", "UTC"), '"-000001-12-31T00:00:00Z"'),
        (time(5, 0), pa.time64("us"), '"05:00:00"'),
        (86_400 * 10**6, pa.time64("us"), '"24:00:00"'),
        ((0, 0, 0), MONTHS, '"PT0S"'),
        ((14, 3, 0), MONTHS, '"P1Y2M3D"'),
        ((-14, 3, -3_661_500_000_000), MONTHS, '"P-1Y-2M3DT-1H-1M-1.5S"'),
        ((0, 0, -500_000_000), MONTHS, '"PT-0.5S"'),
        ((0, 0, 90_000_000_000_000), MONTHS, '"PT25H"'),
        (b"\xaa", pa.binary(), '"qg=="'),
        ([1, None], pa.list_(pa.int32()), "[1,null]"),
        ([], pa.list_(pa.int32()), "[]"),
        ([None, 2.5], pa.list_(pa.float64(), 2), "[null,2.5]"),
        (
            {"a": None, 'b"c': [{"x": SAFE + 1}]},
            pa.struct([("a", pa.int8()), ('b"c', pa.list_(pa.struct([("x", pa.int64())])))]),
            '{"a":null,"b\\"c":[{"x":"9007199254740992"}]}',
        ),
        ([("k", 1)], pa.map_(pa.string(), pa.int8()), '{"k":1}'),
        ([(1, "x")], pa.map_(pa.int8(), pa.string()), '[{"key":1,"value":"x"}]'),
        ([], pa.map_(pa.string(), pa.int8()), "{}"),
        (None, pa.null(), "null"),
    ],
)
def test_a_value_is_spelled_as_json(value: Any, type_: pa.DataType, text: str) -> None:
    array = _array([value], type_)
    assert json_texts(array).to_pylist() == [text]
    around = _array([None, value, None], type_)
    assert json_texts(around).to_pylist() == ["null", text, "null"]
    assert json_texts(around.slice(1, 1)).to_pylist() == [text]


@pytest.mark.parametrize(
    ("value", "type_", "text"),
    [
        (None, pa.string(), None),
        ("a\nb", pa.string(), "a\nb"),
        (2**64 - 1, pa.uint64(), "18446744073709551615"),
        (Decimal("-1E-20"), pa.decimal128(38, 20), "-0.00000000000000000001"),
        (float("nan"), pa.float64(), "NaN"),
        (float("-inf"), pa.float32(), "-Infinity"),
        (-0.0, pa.float64(), "-0.0"),
        (False, pa.bool_(), "false"),
        ([1, None], pa.list_(pa.int64()), "[1,null]"),
        (None, pa.list_(pa.int64()), None),
        ((1, 0, 0), MONTHS, "P1M"),
    ],
)
def test_a_value_is_spelled_without_quotes(value: Any, type_: pa.DataType, text: str | None) -> None:
    assert plain_texts(_array([value, None], type_)).to_pylist() == [text, None]


def test_an_enum_is_spelled_as_its_text() -> None:
    array = pa.array(["b", None, "a"]).dictionary_encode()
    assert json_texts(array).to_pylist() == ['"b"', "null", '"a"']
    assert plain_texts(array).to_pylist() == ["b", None, "a"]


def test_no_rows_make_no_texts() -> None:
    for type_ in (pa.int64(), pa.string(), pa.timestamp("us"), pa.decimal128(9, 2), pa.list_(pa.int8()), MONTHS):
        assert len(json_texts(pa.array([], type_))) == 0


def _array(values: list[Any], type_: pa.DataType) -> Any:
    if pa.types.is_date32(type_) and any(isinstance(value, int) for value in values):
        return pa.array(values, pa.int32()).cast(type_)
    return pa.array(values, type_)

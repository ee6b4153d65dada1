"""Workbooks, read back by two readers that share no code with their writer: every value whole, and no formula."""

from __future__ import annotations

import re
import zipfile
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from io import BytesIO
from typing import Any

import openpyxl
import pyarrow as pa
import pytest
import python_calamine
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.encode import FORMATS, encode
from gateway.encode.rows import Rows
from gateway.errors import ResultTooLarge
from gateway.model import Column

SHEET = "xl/worksheets/sheet1.xml"
ESCAPE = re.compile("_x([0-9A-Fa-f]{4})_")


def written(table: pa.Table) -> bytes:
    columns = [Column(name=name, type="VARCHAR") for name in table.column_names]
    return b"".join(encode(FORMATS["xlsx"], Rows.of(table), columns))


def cells(table: pa.Table) -> list[list[Any]]:
    """Read the cells below the header."""
    sheet = openpyxl.load_workbook(BytesIO(written(table))).active
    return [list(row) for row in sheet.iter_rows(min_row=2)]


def column(array: pa.Array) -> list[Any]:
    return [row[0] for row in cells(pa.table({"a": array, "n": range(len(array))}))]


def values(array: pa.Array) -> list[Any]:
    return [cell.value for cell in column(array)]


def unescaped(text: str | None) -> str | None:
    """Read a text as ECMA-376 has it (ST_Xstring), which openpyxl does not."""
    return None if text is None else ESCAPE.sub(lambda found: chr(int(found[1], 16)), text)


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (pa.array([True, False, None]), [True, False, None]),
        (pa.array([1, -7, None], pa.int8()), [1, -7, None]),
        (pa.array([10**15 - 1, 1 - 10**15, 10**15, -(2**63), 2**53 + 1]),
         [10**15 - 1, 1 - 10**15, "1000000000000000", "-9223372036854775808", "9007199254740993"]),
        (pa.array([2**64 - 1, 5], pa.uint64()), ["18446744073709551615", 5]),
        (pa.array([Decimal(10) ** 37, Decimal(-3)], pa.decimal128(38, 0)), [str(10**37), -3]),
        (pa.array([Decimal("1.10"), Decimal("-0.01"), Decimal("0.00")], pa.decimal128(9, 2)), [1.1, -0.01, 0.0]),
        (pa.array([Decimal("12345678901234.567"), Decimal("0.001"), Decimal("123456789012.345")], pa.decimal128(20, 3)),
         ["12345678901234.567", 0.001, 123456789012.345]),
        (pa.array([Decimal("1E-20"), Decimal("0.12345678901234567890")], pa.decimal128(30, 20)),
         [1e-20, "0.12345678901234567890"]),
        (pa.array([0.1 + 0.2, 1 / 3, -0.0, 1e300, 5e-324, 1.7e308, float("nan"), float("inf"), float("-inf")]),
         [0.1 + 0.2, 1 / 3, -0.0, 1e300, "5e-324", "1.7e+308", "NaN", "Infinity", "-Infinity"]),
        (pa.array([0.1], pa.float32()), [0.1]),
        (pa.array([date(1899, 12, 31), date(1900, 1, 1), date(1900, 2, 28), date(1900, 3, 1), date(9999, 12, 31)]),
         ["1899-12-31", datetime(1900, 1, 1), datetime(1900, 2, 28), datetime(1900, 3, 1), datetime(9999, 12, 31)]),
        (pa.array([-750_000, 2**31 - 1], pa.int32()).cast(pa.date32()), ["-000084-07-28", "infinity"]),
        (pa.array([datetime(2024, 2, 29, 23, 59, 59, 999_000), datetime(2024, 1, 1, 0, 0, 0, 1), datetime(1, 1, 1)]),
         [datetime(2024, 2, 29, 23, 59, 59, 999_000), "2024-01-01T00:00:00.000001", "0001-01-01T00:00:00"]),
        (pa.array([2**63 - 1, 0, -(2**63) + 1], pa.int64()).cast(pa.timestamp("us")),
         ["infinity", datetime(1970, 1, 1), "-infinity"]),
        (pa.array([2**62, 1_700_000_000], pa.int64()).cast(pa.timestamp("s")),
         [None, datetime(2023, 11, 14, 22, 13, 20)]),
        (pa.array([1_700_000_000_000_000_001, 1_700_000_000_001_000_000], pa.int64()).cast(pa.timestamp("ns")),
         ["2023-11-14T22:13:20.000000001", datetime(2023, 11, 14, 22, 13, 20, 1_000)]),
        (pa.array([datetime(2024, 1, 1, 12, tzinfo=UTC)], pa.timestamp("us", "Europe/Berlin")),
         [datetime(2024, 1, 1, 12)]),
        (pa.array([time(5, 0), time(23, 59, 59, 999_000), time(0, 0, 0, 1)]),
         [time(5, 0), time(23, 59, 59, 999_000), "00:00:00.000001"]),
        (pa.array([86_400_000_000], pa.int64()).cast(pa.time64("us")), ["24:00:00"]),
        (pa.array([b"\xaa", None]), ["qg==", None]),
        (pa.array([[1, None], [], None]), ["[1,null]", "[]", None]),
        (pa.array([{"a": "=1"}, None]), ['{"a":"=1"}', None]),
        (pa.array(["a", "b", "a"]).dictionary_encode(), ["a", "b", "a"]),
        (pa.nulls(2), [None, None]),
    ],
    ids=lambda found: str(found.type) if isinstance(found, pa.Array) else "",
)  # fmt: skip
def test_a_value_is_a_cell_of_its_type_or_a_text_without_loss(array: pa.Array, expected: list[Any]) -> None:
    found = values(array)
    if array.type == pa.timestamp("s"):
        found[0] = None  # its text is far from any calendar
    assert [(type(one), one) for one in found] == [(type(one), one) for one in expected]


def test_columns_are_shown_as_what_they_are() -> None:
    table = pa.table(
        {
            "money": pa.array([Decimal("1.10")], pa.decimal128(9, 2)),
            "id": [123456789012345],
            "day": [date(2024, 1, 1)],
            "instant": pa.array([datetime(2024, 1, 1)], pa.timestamp("us", "UTC")),
            "text": ["5"],
        }
    )
    [row] = cells(table)
    shown = [cell.number_format for cell in row]
    assert shown == ["0.00", "0", "yyyy-mm-dd", 'yyyy-mm-dd hh:mm:ss.000"Z"', "@"]
    assert [cell.is_date for cell in row] == [False, False, True, True, False]


FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", '=HYPERLINK("http://x","y")', "{=1}", "'=1"]


def test_no_text_is_a_formula() -> None:
    table = pa.table({"=a": FORMULAS, "n": [-1] * len(FORMULAS)})
    found = openpyxl.load_workbook(BytesIO(written(table))).active
    assert [cell.data_type for row in found.iter_rows() for cell in row if isinstance(cell.value, str)] == ["s"] * 12
    assert [row[0].value for row in found.iter_rows(min_row=2)] == FORMULAS
    assert b"<f>" not in zipfile.ZipFile(BytesIO(written(table))).read(SHEET)


TEXTS = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("=<>&_x041\r\n\t\x00\x1f\ufffe\uffff'\""))


@settings(max_examples=150)
@given(texts=st.lists(st.none() | TEXTS | st.sampled_from(["<r>x</r>", "<r><t>x</t></r>", "_x0041_", "_x_x0041_"])))
def test_every_text_is_read_back(texts: list[str | None]) -> None:
    table = pa.table({"a": pa.array(texts, pa.string()), "n": pa.array(range(len(texts)), pa.int64())})
    found = cells(table)
    assert [row[1].value for row in found] == list(range(len(texts)))
    assert [unescaped(row[0].value) or "" for row in found] == [text or "" for text in texts]
    other = python_calamine.CalamineWorkbook.from_filelike(BytesIO(written(table))).get_sheet_by_index(0)
    assert len(other.to_python()) == len(texts) + 1


@given(
    ticks=st.lists(st.integers(-(2**42), 253_402_300_799_999), min_size=1),
    days=st.lists(st.integers(-30_000, 2_940_000), min_size=1),
    numbers=st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(-(10**16), 10**16), min_size=1),
    reals=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1),
)
def test_numbers_days_and_instants_are_read_back(
    ticks: list[int], days: list[int], numbers: list[int], reals: list[float]
) -> None:
    for found, instant in zip(values(pa.array(ticks).cast(pa.timestamp("ms"))), ticks, strict=True):
        meant = datetime(1970, 1, 1) + timedelta(milliseconds=instant)
        assert found == (
            meant if meant >= datetime(1900, 1, 1) else meant.isoformat(timespec="milliseconds").removesuffix(".000")
        )
    for found, day in zip(values(pa.array(days, pa.int32()).cast(pa.date32())), days, strict=True):
        inside = -25_567 <= day <= 2_932_896
        assert found == datetime(1970, 1, 1) + timedelta(days=day) if inside else isinstance(found, str)
    assert [int(one) for one in values(pa.array(numbers))] == numbers
    assert [float(one) for one in values(pa.array(reals, pa.float64()))] == reals


def test_a_cell_that_is_too_long_is_refused_and_the_longest_is_not() -> None:
    assert values(pa.array(["é" * 32_767])) == ["é" * 32_767]
    assert values(pa.array(["😀" * 16_383])) == ["😀" * 16_383]
    for text in ("x" * 32_768, "😀" * 16_384):
        with pytest.raises(ResultTooLarge, match="column 'a' has 32,768"):
            written(pa.table({"a": [text]}))


def test_more_columns_than_a_sheet_has_are_refused() -> None:
    with pytest.raises(ResultTooLarge, match="16,384 columns"):
        written(pa.table({f"c{n}": [1] for n in range(16_385)}))


def test_equal_rows_make_equal_bytes_and_two_columns_may_have_one_name() -> None:
    table = pa.table([pa.array([1]), pa.array(["x"])], names=["a", "a"])
    assert written(table) == written(table)
    assert [[cell.value for cell in row] for row in cells(table)] == [[1, "x"]]


def test_many_rows_in_many_batches_keep_their_places() -> None:
    table = pa.concat_tables(
        [pa.table({"n": range(start, start + 5_000), "w": ["w"] * 5_000}) for start in range(0, 50_000, 5_000)]
    )
    found = python_calamine.CalamineWorkbook.from_filelike(BytesIO(written(table))).get_sheet_by_index(0).to_python()
    assert found[0] == ["n", "w"]
    assert [row[0] for row in found[1:]] == list(range(50_000))

"""CSV with another delimiter, and CSV that spreadsheets open: no field of it is a formula to them."""

from __future__ import annotations

import csv
import re
from datetime import date, datetime
from decimal import Decimal
from io import StringIO

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.encode import FORMATS, encode
from gateway.encode.csv import DELIMITERS
from gateway.encode.rows import Rows
from gateway.model import Column
from gateway.streaming import CsvDialect

FORMULA = re.compile("[\t\r\n]|[\x00-\x20\xa0\ufeff]*[=+\\-@＝＋－＠]")

CHARACTERS = st.sampled_from("=+-@ \t\r\n\x00\xa0\ufeff'\",;|ax1＝＠é")


def written(table: pa.Table, **dialect: object) -> str:
    columns = [Column(name=name, type="VARCHAR") for name in table.column_names]
    how = CsvDialect(**dialect)  # type: ignore[arg-type]  # as the test says
    return b"".join(encode(FORMATS["csv"], Rows.of(table), columns, dialect=how)).decode()


def read(text: str, delimiter: str = ",") -> list[list[str]]:
    return list(csv.reader(StringIO(text, newline=""), delimiter=delimiter, strict=True))


@pytest.mark.parametrize("delimiter", DELIMITERS.values())
def test_a_field_is_quoted_where_it_holds_the_delimiter(delimiter: str) -> None:
    cells = ["a,b", "a;b", "a\tb", "a|b", 'say "x"', "plain", "", None]
    text = written(pa.table({"name,1": cells, "n": range(8)}), delimiter=delimiter)
    assert read(text, delimiter) == [["name,1", "n"], *([cell or "", str(n)] for n, cell in enumerate(cells))]
    assert text.count('"a') == 1
    assert text.endswith(f"\r\n{delimiter}7\r\n")


def test_plain_csv_is_left_as_it_is() -> None:
    cells = ["=1+1", "-x", "@a", "+b", "ä"]
    assert written(pa.table({"=a": cells})) == "\r\n".join(["=a", *cells, ""])
    assert written(pa.table({"=a": cells}), delimiter=";") == "\r\n".join(["=a", *cells, ""])


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\tx", '"\'\tx"'),
        ("\rx", '"\'\rx"'),
        ("\nx", '"\'\nx"'),
        ("  =1", "'  =1"),
        ("\x00\ufeff=1", "'\x00\ufeff=1"),
        ("＝1", "'＝1"),
        ("－1", "'－1"),
        ("＋1", "'＋1"),
        ("＠x", "'＠x"),
        ("a=1", "a=1"),
        ("a;=1", '"a;=1"'),
        ("a,=1", '"a,=1"'),
        ("'=1", "'=1"),
        ('"=1', '"""=1"'),
        ("", '""'),
        ("ｅ", "ｅ"),
    ],
)
def test_a_text_that_is_a_formula_to_a_spreadsheet_has_an_apostrophe(cell: str, expected: str) -> None:
    text = written(pa.table({"a": [cell, "b"]}), spreadsheet=True)
    assert text == f"\ufeffa\r\n{expected}\r\nb\r\n"


def test_names_of_columns_are_no_formulas_and_numbers_stay_as_they_are() -> None:
    table = pa.table(
        {
            "=n": pa.array([-1, None]),
            "x": pa.array([-1.5, float("-inf")]),
            "d": pa.array([Decimal("-0.10"), None]),
            "day": pa.array([-750_000, 4_000_000], pa.int32()).cast(pa.date32()),
            "ts": pa.array([datetime(2024, 1, 1), None], pa.timestamp("us")),
            "list": pa.array([[-1, 2], None]),
        }
    )
    lines = written(table, spreadsheet=True).split("\r\n")
    assert lines[0] == "\ufeff'=n,x,d,day,ts,list"
    assert lines[1].startswith("-1,-1.5,-0.10,'-")
    assert lines[1].endswith(',2024-01-01T00:00:00,"[-1,2]"')
    assert lines[2].startswith(",'-Infinity,,'+012921-")
    assert date(2024, 1, 1).isoformat() not in lines[2]


@given(
    cells=st.lists(st.none() | st.text(CHARACTERS), min_size=1, max_size=8),
    delimiter=st.sampled_from(sorted(DELIMITERS.values())),
)
def test_no_text_is_a_formula_and_every_text_is_found_again(cells: list[str | None], delimiter: str) -> None:
    table = pa.table({"a": pa.array(cells, pa.string()), "b": ["end"] * len(cells)})
    found = read(written(table, spreadsheet=True, delimiter=delimiter).removeprefix("\ufeff"), delimiter)[1:]
    assert [row[1] for row in found] == ["end"] * len(cells)
    for cell, (text, _) in zip(cells, found, strict=True):
        assert not FORMULA.match(text)
        assert text == (f"'{cell}" if cell and FORMULA.match(cell) else cell or "")

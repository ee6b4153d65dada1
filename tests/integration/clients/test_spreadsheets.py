"""What spreadsheets are given: workbooks and CSV, read by other programs, without a formula among the texts."""

from __future__ import annotations

import csv
import io
import shutil
import subprocess
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import openpyxl
import pandas as pd
import pytest
from readings import rows
from real_servers import server_missing

pytestmark = pytest.mark.gunicorn

FORMULAS = ("=1+1", "-5", "@x")


@pytest.fixture(scope="module")
def workbook(address: Any) -> bytes:
    answer = httpx.get(address.readings(".xlsx"), timeout=60)
    assert answer.status_code == 200, answer.text
    return answer.content


def in_sheet(row: dict[str, Any]) -> list[Any]:
    """Return a row as the cells of a sheet hold it: what they would change is a text."""
    identity = str(row["id"]) if row["id"] >= 10**15 else row["id"]
    seen = None if row["seen"] is None else row["seen"].replace(tzinfo=None)
    return [identity, row["station"], row["day"], row["taken"], seen, row["level"], row["price"], row["ok"]]


def plain(cell: Any, column: str) -> Any:
    """Return a cell's value; openpyxl has a day as the midnight of it, and a number as an int or a float."""
    value = cell.value
    if value is None or isinstance(value, str):
        return value
    if column == "day":
        return value.date()
    return Decimal(str(value)).quantize(Decimal("0.01")) if column == "price" else value


def test_a_workbook_has_the_rows_and_their_types(workbook: bytes) -> None:
    sheet = openpyxl.load_workbook(io.BytesIO(workbook)).active
    assert sheet is not None
    head, *lines = sheet.iter_rows()
    names = [str(cell.value) for cell in head]
    assert names == list(rows()[0])
    found = [[plain(cell, name) for cell, name in zip(line, names, strict=True)] for line in lines]
    assert found == [in_sheet(row) for row in rows()]


def test_no_cell_of_a_workbook_is_a_formula(workbook: bytes) -> None:
    sheet = openpyxl.load_workbook(io.BytesIO(workbook)).active
    assert sheet is not None
    cells = [cell for line in sheet.iter_rows() for cell in line]
    assert [cell.value for cell in cells if cell.data_type == "f"] == []
    assert {text for text in FORMULAS if any(cell.value == text for cell in cells)} == set(FORMULAS)


def test_pandas_reads_a_workbook_from_its_address(address: Any) -> None:
    options: dict[str, Any] = {"dtype": {"station": "string"}, "keep_default_na": False, "na_values": [""]}
    frame = pd.read_excel(address.readings(".xlsx"), engine="openpyxl", **options)
    assert [None if pd.isna(text) else text for text in frame["station"]] == [row["station"] for row in rows()]
    assert frame["level"].sum() == pytest.approx(sum(row["level"] or 0 for row in rows()))


@pytest.fixture
def gnumeric(server_used: Callable[[str], None]) -> str:
    program = shutil.which("ssconvert")
    if program is None:
        server_missing("no ssconvert (Debian: gnumeric)")
    server_used("gnumeric")
    return program


def test_a_real_spreadsheet_opens_a_workbook(workbook: bytes, gnumeric: str, tmp_path: Path) -> None:
    (tmp_path / "rows.xlsx").write_bytes(workbook)
    command = [gnumeric, "rows.xlsx", "rows.csv"]
    subprocess.run(command, cwd=tmp_path, capture_output=True, check=True, timeout=120)
    with (tmp_path / "rows.csv").open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    assert [line["station"] or None for line in lines] == [row["station"] for row in rows()]
    assert [int(line["id"]) for line in lines] == [row["id"] for row in rows()]


@pytest.mark.parametrize(("delimiter", "name"), [(",", ""), (";", "semicolon"), ("\t", "tab"), ("|", "pipe")])
def test_a_csv_for_spreadsheets_has_a_mark_and_no_formula(delimiter: str, name: str, address: Any) -> None:
    more = {"_delimiter": name} if name else {}
    body = httpx.get(address.readings(".csv", _bom="true", **more), timeout=60).content
    assert body.startswith(b"\xef\xbb\xbf")
    lines = list(csv.DictReader(io.StringIO(body.decode("utf-8-sig"), newline=""), delimiter=delimiter))
    stations = [line["station"] for line in lines]
    assert [text for text in stations if text.lstrip()[:1] in ("=", "+", "-", "@")] == []
    expected = [f"'{text}" if text in FORMULAS else text or "" for text in (row["station"] for row in rows())]
    assert (stations, [int(line["id"]) for line in lines]) == (expected, [row["id"] for row in rows()])


@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
def test_a_saved_file_has_a_name_that_tells_the_question(suffix: str, address: Any, tmp_path: Path) -> None:
    command = ["curl", "--silent", "--fail", "--remote-name", "--remote-header-name", address.readings(suffix)]
    subprocess.run(command, cwd=tmp_path, check=True)
    assert [path.name for path in tmp_path.iterdir()] == [f"readings_v1_2026-03-01_2026-03-05{suffix}"]

"""Excel workbook encoder: one sheet, the names of the columns in its first row.

XlsxWriter makes the parts of the workbook, with its formats and widths of columns. The cells are written here, by
Arrow: its loop takes 25 µs a cell and holds the interpreter lock meanwhile, writes doubles with 16 digits, and takes a
text that begins with ``<r>`` for markup. No cell is a formula: texts are texts, whatever they begin with.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Generator, Iterator, Mapping, Sequence
from datetime import datetime
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import pyarrow as pa
import xlsxwriter  # type: ignore[import-untyped]  # it has no types

from gateway.encode.arrays import Array, pc
from gateway.encode.rows import Rows, pieces, too_many_rows
from gateway.encode.sheet_cells import HEADER, Style, cells, header_cell, style_of
from gateway.encode.texts import taken
from gateway.errors import ResultTooLarge
from gateway.model import Column
from gateway.streaming import Chunk

MAX_ROWS, MAX_COLUMNS = 1_048_575, 16_384
"""Rows that a sheet has below its first, and columns."""
LIBRARY = f"xlsxwriter {xlsxwriter.__version__}/zlib {zlib.ZLIB_RUNTIME_VERSION}"
"""What the bytes of a workbook depend on beside all that those of other formats do."""
_SHEET = "xl/worksheets/sheet1.xml"
_LEVEL = 1
"""Level of compression: the next ones take twice as long for a tenth less."""
_CREATED = datetime(2000, 1, 1)
"""When each workbook says that it was made: the same bytes are made of the same rows at any time."""
_EPOCH = (1980, 1, 1, 0, 0, 0)


def encode_xlsx(rows: Rows, columns: Sequence[Column], *, threads: int = 1) -> Generator[Chunk]:
    """Write a workbook. Raises ``ResultTooLarge`` for more rows, columns or characters in a cell than it can have."""
    if len(columns) > MAX_COLUMNS:
        raise ResultTooLarge(f"A sheet has at most {MAX_COLUMNS:,} columns: ask for Parquet, Arrow or CSV.")
    styles = [style_of(field.type) for field in rows.schema]
    parts = _workbook(styles)
    before, after, numbers = _around(parts.pop(_SHEET), styles)
    body = BytesIO()
    with ZipFile(body, "w", ZIP_DEFLATED, compresslevel=_LEVEL) as archive:
        for name, content in parts.items():
            archive.writestr(_member(name), content)
        with archive.open(_member(_SHEET), "w") as sheet:
            sheet.write(before)
            names = [header_cell(place, column.name, numbers[HEADER]) for place, column in enumerate(columns)]
            sheet.write(f'<row r="1">{"".join(names)}</row>'.encode())
            for chunk in _written(rows, columns, [numbers[style] for style in styles]):
                sheet.write(chunk)
            sheet.write(after)
    yield body.getvalue()


def _written(rows: Rows, columns: Sequence[Column], styles: Sequence[int]) -> Iterator[memoryview]:
    """Write the rows of the sheet below its first, some thousand at a time."""
    seen = 0
    for piece in pieces(rows):
        count = len(piece[0])
        if seen + count > MAX_ROWS:
            raise too_many_rows("xlsx", MAX_ROWS)
        numbers = pc.cast(pa.array(range(seen + 2, seen + count + 2)), pa.string())
        parts: list[Array | str] = ['<row r="', numbers, '">']
        for place, (array, style) in enumerate(zip(piece, styles, strict=True)):
            parts += cells(array, place, numbers, style, columns[place].name)
        yield taken(pc.binary_join_element_wise(*parts, "</row>", "", null_handling="replace", null_replacement=""))
        seen += count


def _workbook(styles: Sequence[Style]) -> dict[str, bytes]:
    """Make the parts of a workbook, whose sheet has an empty cell of each style in its first row."""
    content = BytesIO()
    with xlsxwriter.Workbook(content, {"in_memory": True}) as workbook:
        workbook.set_properties({"created": _CREATED})
        sheet = workbook.add_worksheet("result")
        sheet.freeze_panes(1, 0)
        for place, style in enumerate(styles):
            if style.width:
                sheet.set_column(place, place, style.width)
        for place, style in enumerate(_distinct(styles)):
            sheet.write_blank(0, place, None, workbook.add_format(dict(style.format)))
    with ZipFile(content) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _around(sheet: bytes, styles: Sequence[Style]) -> tuple[bytes, bytes, Mapping[Style, int]]:
    """Return what stands before and after the rows of a sheet, and the numbers of the styles of its cells."""
    before, opening, rest = re.sub(rb"<dimension [^>]*/>", b"", sheet).partition(b"<sheetData>")
    row, closing, after = rest.partition(b"</sheetData>")
    numbers = map(int, re.findall(rb'<c r="[A-Z]+1" s="(\d+)"/>', row))
    return before + opening, closing + after, dict(zip(_distinct(styles), numbers, strict=True))


def _distinct(styles: Sequence[Style]) -> list[Style]:
    return list(dict.fromkeys((HEADER, *styles)))


def _member(name: str) -> ZipInfo:
    member = ZipInfo(name, _EPOCH)
    member.compress_type = ZIP_DEFLATED
    return member

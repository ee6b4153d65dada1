"""Compare an answer with what a test expects of it; report every difference in lines that fit a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from math import isclose
from typing import Any

import orjson

from gateway.authoring.testfile import Case, Reads
from gateway.counted import counted
from gateway.encode import FORMATS, encode
from gateway.encode.rows import Rows
from gateway.engine.invariants import broken
from gateway.model import Column, Reading, Result
from gateway.plan.explain import readable

_SHOWN = 5
"""Differing rows that a message shows."""
_TOLERANCE = 1e-9
"""Relative difference of two floating point numbers that are taken for one."""
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Failure:
    """One expectation that is not met: a line that says which, and lines that show it."""

    message: str
    shown: tuple[str, ...] = ()


def rows_of(result: Result) -> list[dict[str, Any]]:
    """Return the rows of an answer as JSON has them."""
    written = b"".join(encode(FORMATS["json"], Rows.of(result.table), result.columns))
    rows: list[dict[str, Any]] = orjson.loads(written)["data"]
    return rows


def failures(case: Case, result: Result, *, ordered: bool) -> list[Failure]:
    """Return every expectation that the answer does not meet; rows count in order where the query orders them."""
    return [
        *_columns(case, result.columns),
        *_rows(case, result, ordered),
        *_invariants(case, result),
        *_reads(case, result),
    ]


def _columns(case: Case, columns: Sequence[Column]) -> Iterator[Failure]:
    if case.columns is None:
        return
    found = {column.name: column.type for column in columns}
    expected = [f"{name} {kind}" for name, kind in case.columns.items()]
    actual = [f"{name} {kind}" for name, kind in found.items()]
    if expected != actual:
        lines = [
            *(f"- {row}" for row in expected if row not in actual),
            *(f"+ {row}" for row in actual if row not in expected),
        ]
        yield Failure("the columns differ" if lines else "the columns are in another order", tuple(lines or actual))


def _rows(case: Case, result: Result, ordered: bool) -> Iterator[Failure]:
    count = result.table.num_rows
    if not case.counts(count):
        yield Failure(f"{counted(count, 'row')}, expected {case.row_count}")
    if case.rows is not None:
        actual, names = rows_of(result), [column.name for column in result.columns]
        strangers = dict.fromkeys(name for row in case.rows for name in row if name not in names)
        if strangers:
            yield Failure(f"the answer has no column {', '.join(strangers)}; it has {', '.join(names)}")
            return
        yield from _difference(case.rows, actual, names, ordered)


def _difference(
    expected: Sequence[Row], actual: Sequence[Row], names: Sequence[str], ordered: bool
) -> Iterator[Failure]:
    """Show rows that are missing and rows that are too many; where rows are in order, side by side."""
    if ordered:
        pairs = [
            (expected[at] if at < len(expected) else None, actual[at] if at < len(actual) else None)
            for at in range(max(len(expected), len(actual)))
        ]
        wrong = [(left, right) for left, right in pairs if left is None or right is None or not _same(left, right)]
    else:
        missing, extra = _unmatched(expected, actual)
        wrong = [*((row, None) for row in missing), *((None, row) for row in extra)]
    if not wrong:
        return
    compared = [name for name in names if any(name in row for row in expected)] or list(names)
    lines: list[tuple[str, Row]] = []
    for left, right in wrong[:_SHOWN]:
        lines += [("-", left)] if left is not None else []
        lines += [("+", right)] if right is not None else []
    more = len(wrong) - _SHOWN
    table = aligned(compared, lines)
    message = f"{len(wrong)} of {counted(max(len(expected), len(actual)), 'row')} differ (- expected, + answered)"
    yield Failure(message, (*table, *([f"… and {more} more"] if more > 0 else [])))


def _unmatched(expected: Sequence[Row], actual: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    left, missing = list(actual), []
    for row in expected:
        found = next((at for at, other in enumerate(left) if _same(row, other)), None)
        if found is None:
            missing.append(row)
        else:
            del left[found]
    return missing, left


def aligned(names: Sequence[str], rows: Sequence[tuple[str, Row]]) -> list[str]:
    """Write rows below the names of their columns, each with its sign.

    >>> aligned(["a", "bb"], [("-", {"a": 10, "bb": "x"}), ("+", {"a": 1, "bb": None})])
    ['  a   bb', '- 10  x', '+ 1   NULL']
    """
    cells = [list(names), *([_shown(row.get(name)) if name in row else "" for name in names] for _, row in rows)]
    widths = [max(len(line[at]) for line in cells) for at in range(len(names))]
    signs = [" ", *(sign for sign, _ in rows)]
    return [
        f"{sign} {'  '.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))}".rstrip()
        for sign, line in zip(signs, cells, strict=True)
    ]


def _shown(value: Any) -> str:
    if value is None:
        return "NULL"
    text = value if isinstance(value, str) else value.isoformat() if isinstance(value, date) else str(value)
    return text if len(text) <= 40 else f"{text[:39]}…"


def _same(expected: Row, actual: Row) -> bool:
    """Compare the columns that are expected; others may hold anything."""
    return all(same_value(value, actual.get(name)) for name, value in expected.items())


def same_value(expected: Any, actual: Any) -> bool:
    """Return whether a value of YAML means a value of JSON.

    >>> same_value(28, 28.0), same_value("1.10", "1.1"), same_value(date(2013, 1, 1), "2013-01-01T00:00:00")
    (True, False, True)
    """
    if expected is None or actual is None or isinstance(expected, bool) or isinstance(actual, bool):
        return expected is actual
    if isinstance(expected, date):
        return isinstance(actual, str) and _moment(expected.isoformat()) == _moment(actual)
    if isinstance(expected, (int, float)) and isinstance(actual, (int, float)):
        return expected == actual or isclose(expected, actual, rel_tol=_TOLERANCE, abs_tol=1e-12)
    if isinstance(expected, (int, float)) and isinstance(actual, str):
        return _is_number(actual, expected)  # decimals and large integers are text in JSON
    if isinstance(expected, str) and isinstance(actual, str):
        moment = _moment(expected)
        return expected == actual or (moment is not None and moment == _moment(actual))
    if isinstance(expected, list) and isinstance(actual, list):
        return len(expected) == len(actual) and all(map(same_value, expected, actual))
    if isinstance(expected, dict) and isinstance(actual, dict):
        return expected.keys() == actual.keys() and all(same_value(expected[key], actual[key]) for key in expected)
    return bool(expected == actual)


def _is_number(text: str, number: float) -> bool:
    try:
        return Decimal(text) == Decimal(str(number))
    except InvalidOperation:
        return False


def _moment(text: str) -> datetime | None:
    """Read a date or a time as an instant; one without a zone is taken for UTC."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def _invariants(case: Case, result: Result) -> Iterator[Failure]:
    for text, instead in broken(result.table, case.invariants) if case.invariants else ():
        yield Failure(f"{text}: {instead}")


def _reads(case: Case, result: Result) -> Iterator[Failure]:
    reads = case.reads or Reads()
    limits = {"files": reads.files, "partitions": reads.partitions, "bytes": reads.bytes}
    for what, limit in limits.items():
        found = sum(_read(reading)[what] for reading in result.readings)
        if limit is not None and found > limit:
            said = (readable(found), readable(limit)) if what == "bytes" else (str(found), str(limit))
            each = tuple(f"  {reading.table}: {_read(reading)[what]}" for reading in result.readings)
            yield Failure(f"{said[0]} {what if what != 'bytes' else 'are'} read, at most {said[1]} expected", each)


def _read(reading: Reading) -> dict[str, int]:
    return {"files": reading.files, "partitions": reading.partitions, "bytes": reading.size}

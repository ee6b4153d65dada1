"""The partitions of a table as pictures: a calendar whose squares are darker where there is more, and bars."""

from __future__ import annotations

import calendar
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from gateway.counted import counted
from gateway.plan.explain import readable
from gateway.web.partition_amounts import Amount, Amounts, ByDate, ByValue

Measure = Literal["rows", "bytes"]
SHADES = 4
MOST_BARS = 40
MOST_LISTED = 400
"""Lines of the table behind a picture; the address of the partitions lists all."""
_MOST_YEARS = {"day": 6, "month": 60}
"""Years that are drawn by days or by months; more are drawn by the next coarser unit."""
_COARSER = {"day": "month", "month": "year"}
_STEP = 13
_WIDE, _MARGIN, _HEAD = 34, 40, 16
_MONTHS = [calendar.month_abbr[number] for number in range(1, 13)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Square:
    """One day or month of a calendar: its place, how dark it is (0: nothing is there), and what it says."""

    x: int
    y: int
    shade: int
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """A word of a calendar and where it stands."""

    x: int
    y: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Squares of one size, in pixels, and the words around them."""

    width: int
    height: int
    square: tuple[int, int]
    squares: Sequence[Square]
    labels: Sequence[Label]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of the table behind a picture; ``part`` is its share of the largest, in hundredths."""

    label: str
    amount: Amount
    part: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnCalendar:
    """A calendar: what it says in words, its grids (none: its lines are drawn as bars), legend, and all its lines."""

    source: str
    unit: str
    measure: Measure
    words: str
    grids: Sequence[Grid]
    legend: Sequence[str]
    lines: Sequence[Line]
    more: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnBars:
    """Bars, and how many values are not among them."""

    column: str
    measure: Measure
    lines: Sequence[Line]
    more: int


def drawn_calendar(amounts: Amounts) -> DrawnCalendar | None:
    """Draw what a table has by time; None where its folders tell no time."""
    found = amounts.by_date()
    if found is None:
        return None
    unit, summed = _coarsened(found)
    measure = _measure(amount for _, amount in summed)
    of = {day: _size(amount, measure) for day, amount in summed}
    steps = _steps(list(of.values()))
    at = dict(summed)

    def square(day: date) -> tuple[int, str]:
        name = _named(day, unit)
        if day not in at:
            return 0, f"{name}: nothing"
        return 1 + sum(of[day] > step for step in steps), f"{name}: {_told(at[day])}"

    drawing = {"day": _by_days, "month": _by_months}.get(unit)
    newest = summed[::-1]
    return DrawnCalendar(
        source=found.source,
        unit=unit,
        measure=measure,
        words=_words(unit, measure, of, found.untold),
        grids=[] if drawing is None else drawing(sorted(of), square),
        legend=_legend(steps, measure),
        lines=_lines([(_named(day, unit), amount) for day, amount in newest[:MOST_LISTED]], measure),
        more=max(0, len(newest) - MOST_LISTED),
    )


def drawn_bars(level: ByValue) -> DrawnBars:
    """Draw what a table has by the values of one level: in their order, or the largest where there are many."""
    measure = _measure(amount for _, amount in level.amounts)
    shown = list(level.amounts)
    if len(shown) > MOST_BARS:
        shown = sorted(shown, key=lambda pair: _size(pair[1], measure), reverse=True)[:MOST_BARS]
    named = [("NULL or not told" if text is None else text, amount) for text, amount in shown]
    lines, more = _lines(named, measure), len(level.amounts) - len(shown)
    return DrawnBars(column=level.column, measure=measure, lines=lines, more=more)


def _coarsened(found: ByDate) -> tuple[str, list[tuple[date, Amount]]]:
    """Sum by the finest unit that is not too fine to be drawn."""
    unit, amounts = found.unit, list(found.amounts)
    while unit in _COARSER and len({day.year for day, _ in amounts}) > _MOST_YEARS[unit]:
        unit, together = _COARSER[unit], dict[date, Amount]()
        for day, amount in amounts:
            first = day.replace(day=1) if unit == "month" else day.replace(month=1, day=1)
            together[first] = _plus(together.get(first), amount)
        amounts = list(together.items())
    return unit, amounts


def _plus(one: Amount | None, other: Amount) -> Amount:
    if one is None:
        return other
    return Amount(
        partitions=one.partitions + other.partitions,
        files=one.files + other.files,
        bytes=one.bytes + other.bytes,
        rows=None if one.rows is None or other.rows is None else one.rows + other.rows,
    )


def _measure(amounts: Iterator[Amount]) -> Measure:
    """Measure by rows where all are known, else by bytes."""
    return "bytes" if any(amount.rows is None for amount in amounts) else "rows"


def _size(amount: Amount, measure: Measure) -> int:
    return amount.bytes if measure == "bytes" else amount.rows or 0


def _steps(sizes: Sequence[int]) -> list[int]:
    """Return the sizes after which squares are darker: even steps, or of even numbers of squares where few are large.

    >>> _steps([20, 50, 60, 100]), _steps([1, 2, 3, 4, 1000])
    ([40, 60, 80], [2, 3, 4])
    """
    ordered = sorted(sizes)
    least, most = ordered[0], ordered[-1]
    if ordered[len(ordered) // 2] * 8 >= most:
        return [least + (most - least) * step // SHADES for step in range(1, SHADES)]
    return [ordered[len(ordered) * step // SHADES] for step in range(1, SHADES)]


def _legend(steps: Sequence[int], measure: Measure) -> list[str]:
    return ["nothing", *(f"up to {_written(step, measure)}" for step in steps), "more"]


def _written(size: int, measure: Measure) -> str:
    return readable(size) if measure == "bytes" else counted(size, "row")


def _told(amount: Amount) -> str:
    rows = "" if amount.rows is None else f"{counted(amount.rows, 'row')}, "
    return f"{rows}{readable(amount.bytes)} in {counted(amount.files, 'file')}"


def _named(day: date, unit: str) -> str:
    return {"day": f"{day:%Y-%m-%d}", "month": f"{day:%Y-%m}"}.get(unit, f"{day:%Y}").zfill(4)


def _words(unit: str, measure: Measure, of: Mapping[date, int], untold: int) -> str:
    """Say in words what a calendar shows."""
    first, last = min(of), max(of)
    most, least = max(of, key=lambda day: of[day]), min(of, key=lambda day: of[day])
    words = f"{counted(len(of), unit)} from {_named(first, unit)} to {_named(last, unit)}"
    if unit == "day":
        missing = (last - first).days + 1 - len(of)
        words += f"; missing between them: {missing:,}" if missing else ", none missing"
    words += f". Most: {_named(most, unit)} ({_written(of[most], measure)}); least: {_named(least, unit)}"
    words += f" ({_written(of[least], measure)})."
    return words + (f" {counted(untold, 'partition tells', 'partitions tell')} no time." if untold else "")


def _by_days(days: Sequence[date], square: Callable[[date], tuple[int, str]]) -> list[Grid]:
    """Draw a grid a year: its weeks are columns, Monday is above."""
    return [
        _year(year, [day for day in days if day.year == year], days[0], days[-1], square)
        for year in sorted({day.year for day in days})
    ]


def _year(year: int, days: Sequence[date], first: date, last: date, square: Callable[[date], tuple[int, str]]) -> Grid:
    january = date(year, 1, 1)
    begin, end = max(first, january), min(last, date(year, 12, 31))
    between = [begin + timedelta(days=number) for number in range((end - begin).days + 1)]

    def column(day: date) -> int:
        return (day.timetuple().tm_yday - 1 + january.weekday()) // 7

    squares = []
    for day in between:
        shade, title = square(day)
        squares.append(
            Square(x=_MARGIN + column(day) * _STEP, y=_HEAD + day.weekday() * _STEP, shade=shade, title=title)
        )
    months = [date(year, month, 1) for month in range(1, 13)]
    labels = [Label(x=_MARGIN + column(day) * _STEP, y=_HEAD - 5, text=_MONTHS[day.month - 1]) for day in months]
    labels.append(Label(x=0, y=_HEAD + 4 * _STEP - 3, text=f"{year}"))
    size = (_MARGIN + 54 * _STEP, _HEAD + 7 * _STEP)
    return Grid(width=size[0], height=size[1], square=(_STEP - 2, _STEP - 2), squares=squares, labels=labels)


def _by_months(months: Sequence[date], square: Callable[[date], tuple[int, str]]) -> list[Grid]:
    """Draw one grid, whose lines are years."""
    years = sorted({month.year for month in months})
    labels = [Label(x=_MARGIN + number * _WIDE, y=_HEAD - 5, text=name) for number, name in enumerate(_MONTHS)]
    squares = []
    for line, year in enumerate(years):
        y = _HEAD + line * (_STEP + 5)
        labels.append(Label(x=0, y=y + _STEP, text=f"{year}"))
        for number in range(12):
            month = date(year, number + 1, 1)
            if months[0] <= month <= months[-1]:
                shade, title = square(month)
                squares.append(Square(x=_MARGIN + number * _WIDE, y=y, shade=shade, title=title))
    size = (_MARGIN + 12 * _WIDE, _HEAD + len(years) * (_STEP + 5))
    return [Grid(width=size[0], height=size[1], square=(_WIDE - 3, _STEP + 2), squares=squares, labels=labels)]


def _lines(named: Sequence[tuple[str, Amount]], measure: Measure) -> list[Line]:
    most = max((_size(amount, measure) for _, amount in named), default=0) or 1
    return [
        Line(label=label, amount=amount, part=round(100 * _size(amount, measure) / most)) for label, amount in named
    ]

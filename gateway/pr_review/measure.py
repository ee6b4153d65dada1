"""What a changed version reads, takes and answers for its examples, beside the version before it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa

from gateway.counted import counted
from gateway.errors import GatewayError
from gateway.model import BoundQuery, Column, Plan, Principal, Result, Scan
from gateway.pipeline import Gateway
from gateway.plan.explain import Explanation, estimated_seconds, strip
from gateway.plan.fold.parts import Whole
from gateway.query.template import Template

MAX_EXAMPLES = 5
"""Examples of a version that are planned and run."""
MAX_COMPARED = 100_000
"""Rows of a result up to which two answers are compared row by row."""
MAX_SAMPLE = 5
"""Rows of each answer that a report shows where two differ."""
_RUNS = 3
"""Times that each side is run, in turn; the fastest counts."""
_LONG = 2.0
"""Seconds from which one run is enough."""
STRIP = 40
"""Cells of the drawing of a table."""
Row = tuple[str | None, ...]
"""A row as a reader sees it: texts, None for NULL."""
_RESULT = 2_000
"""Bytes that a kept result takes beside its rows, as the memory tier counts them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """What one scan would read: ``strip`` draws where in the table."""

    table: str
    partitions: int
    partitions_total: int
    files: int
    size: int
    """Bytes of the selected files."""
    size_total: int
    strip: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One version under one example, with a name for the report; ``failure`` says why nothing is known.

    ``estimated`` is in seconds, from what it would read; ``seconds``, ``rows`` and ``kept`` (bytes that the answer
    takes in the cache) are known where it was run. ``folded`` says how many partials its answer is made of, or why it
    is computed whole.
    """

    name: str
    reads: tuple[Read, ...] = ()
    estimated: float | None = None
    seconds: float | None = None
    rows: int | None = None
    kept: int | None = None
    failure: str | None = None
    folded: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """Two answers to the same parameters: how many rows only one of them has, and some of those rows."""

    columns: tuple[str, ...]
    """Those that both have; the others are not compared."""
    only_old: int
    only_new: int
    old_sample: tuple[Row, ...] = ()
    new_sample: tuple[Row, ...] = ()
    skipped: str | None = None
    """Why the rows were not compared."""

    @property
    def same(self) -> bool:
        """Return whether both have the same rows, in whatever order."""
        return self.skipped is None and self.only_old == self.only_new == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One set of parameters, with what the new version and the one before it make of it."""

    parameters: Mapping[str, Any]
    new: Side
    old: Side | None = None
    compared: Compared | None = None


def columns_of(gateway: Gateway, template: Template | None) -> tuple[Column, ...] | None:
    """Find the result columns of a version; None where its tables are not known here."""
    if template is None:
        return None
    try:
        return gateway.columns(template.name, template.version)
    except GatewayError:
        return None


def try_examples(
    new_gateway: Gateway, new: Template, old_gateway: Gateway, old: Template | None, *, run: bool
) -> Iterator[Example]:
    """Plan the first examples of *new*, and of *old* under the same parameters where it takes them; *run* them too."""
    asked_at = new_gateway.clock()
    for parameters in new.examples[:MAX_EXAMPLES]:
        now = new.bind(parameters, now=asked_at)
        then = None if old is None else _bound(old, parameters, asked_at)
        new_name = f"v{new.version}" if old is None or new.version != old.version else "now"
        new_side = _planned(new_gateway, now, new_name)
        old_side = None if then is None else _planned(old_gateway, then, f"v{then.version}")
        compared = None
        if run:
            new_side, old_side, compared = _run(new_gateway, now, new_side, old_gateway, then, old_side)
        yield Example(parameters=parameters, new=new_side, old=old_side, compared=compared)


def _bound(template: Template, parameters: Mapping[str, Any], now: float) -> BoundQuery | None:
    """Bind the parameters that *template* has; None where those do not suit it."""
    try:
        known = {name: value for name, value in parameters.items() if name in template.parameters}
        return template.bind(known, now=now)
    except GatewayError:
        return None


def _planned(gateway: Gateway, query: BoundQuery, name: str) -> Side:
    try:
        explanation = gateway.explain_bound(query, principal=Principal())
    except GatewayError as error:
        return Side(name=name, failure=error.detail)
    reads = tuple(map(_read, explanation.plan.scans))
    return Side(name=name, reads=reads, estimated=_estimate(explanation), folded=_folded(gateway, explanation.plan))


def _folded(gateway: Gateway, plan: Plan) -> str | None:
    """Say whether an answer is made of partials; None where that cannot be told."""
    try:
        found = gateway.planning.folds.fold(plan, gateway.catalog.pin(plan.query.tables), Principal())
    except GatewayError:
        return None
    return (
        f"computed whole: {found}" if isinstance(found, Whole) else f"made of {counted(len(found.pieces), 'partial')}"
    )


def _read(scan: Scan) -> Read:
    selection = scan.selection
    return Read(
        table=scan.table,
        partitions=selection.partitions,
        partitions_total=scan.partitions_total,
        files=selection.files,
        size=selection.size,
        size_total=scan.size_total,
        strip=strip(selection.positions(), scan.partitions_total, STRIP),
    )


def _estimate(explanation: Explanation) -> float:
    selections = [scan.selection for scan in explanation.plan.scans]
    return estimated_seconds(sum(each.files for each in selections), sum(each.size for each in selections))


def _run(
    new_gateway: Gateway,
    new: BoundQuery,
    new_side: Side,
    old_gateway: Gateway,
    old: BoundQuery | None,
    old_side: Side | None,
) -> tuple[Side, Side | None, Compared | None]:
    """Run both versions in turn, so that neither has the warmer cache, and compare what they answer."""
    try:
        new_results, old_results = [_answer(new_gateway, new)], []
        if old is not None:
            old_results.append(_answer(old_gateway, old))
        while len(new_results) < _RUNS and new_results[0].seconds < _LONG:
            new_results.append(_answer(new_gateway, new))
            if old is not None:
                old_results.append(_answer(old_gateway, old))
    except GatewayError as error:
        return replace(new_side, failure=error.detail), old_side, None
    compared = compare(old_results[0], new_results[0]) if old_results else None
    return _timed(new_side, new_results), old_side and _timed(old_side, old_results), compared


def _answer(gateway: Gateway, query: BoundQuery) -> Result:
    """Answer past every cache."""
    return gateway.answer(replace(query, cache=replace(query.cache, enabled=False)), principal=Principal()).result


def _timed(side: Side, results: Sequence[Result]) -> Side:
    table = results[0].table
    kept = table.get_total_buffer_size() + _RESULT
    return replace(side, seconds=min(result.seconds for result in results), rows=table.num_rows, kept=kept)


def compare(old: Result, new: Result) -> Compared:
    """Compare two answers as sets of rows that may repeat, over the columns that both have, as the reader sees them."""
    names = tuple(column.name for column in old.columns if column in new.columns)
    if max(old.table.num_rows, new.table.num_rows) > MAX_COMPARED:
        skipped = f"an answer has more than {MAX_COMPARED} rows"
        return Compared(columns=names, only_old=0, only_new=0, skipped=skipped)
    if len(set(names)) != len(names) or not names:
        return Compared(columns=names, only_old=0, only_new=0, skipped="no column has the same name and type in both")
    before, after = (_rows(result.table, names) for result in (old, new))
    lost, gained = before - after, after - before
    return Compared(
        columns=names,
        only_old=lost.total(),
        only_new=gained.total(),
        old_sample=_sample(lost),
        new_sample=_sample(gained),
    )


def _rows(table: pa.Table, names: Sequence[str]) -> Counter[Row]:
    columns = [[None if value is None else str(value) for value in table[name].to_pylist()] for name in names]
    return Counter(zip(*columns, strict=True))


def _sample(rows: Counter[Row]) -> tuple[Row, ...]:
    ordered = sorted(rows.elements(), key=lambda row: [(value is not None, value or "") for value in row])
    return tuple(ordered[:MAX_SAMPLE])

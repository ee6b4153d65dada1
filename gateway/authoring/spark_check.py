"""Tell which templates Spark may be asked for, and compare what it answers with DuckDB on their examples."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa

from gateway.catalog.manifest import Snapshot
from gateway.errors import Diagnostic, GatewayError, Rule, Severity
from gateway.execution.stores import located, stay
from gateway.execution.wholes import SPARK, SentWhole, Wholes
from gateway.model import BoundQuery, Principal
from gateway.pipeline import Gateway
from gateway.plan.spark.planner import SparkPlanner, digest_of
from gateway.plan.spark.portability import NotPortable, Unportable
from gateway.query.lint import is_ordered
from gateway.query.template import Template

_NOBODY = Principal()


def check_portability(templates: Iterable[Template], gateway: Gateway, project: Path) -> Iterator[Diagnostic]:
    """Yield what keeps each template from Spark: an error where it is pinned to it, else a note."""
    planner = SparkPlanner(gateway.planning.planner)
    for template in templates:
        if template.front.engine in ("auto", SPARK):
            try:
                bound, snapshots = _bound(template, gateway, {})
                planner.translated(bound, snapshots)
            except NotPortable as error:
                yield from (_refused(template, each, project) for each in error.found)
            except GatewayError as error:
                yield _told(template, project, f"whether Spark can be asked is not known: {error.detail}")


def compare_examples(
    templates: Iterable[Template], gateway: Gateway, wholes: Wholes, project: Path
) -> Iterator[Diagnostic | tuple[str, str | None]]:
    """Run the examples of each template in both engines; yield what differs, and the digest of each that is equal.

    None in place of a digest: it is not equal, or could not be compared.
    """
    for template in templates:
        if template.front.engine not in ("auto", SPARK):
            continue
        name, digest = f"{template.name}/v{template.version}", None
        try:
            if not template.examples:
                yield _told(template, project, "it has no example to be compared in Spark")
            for example in template.examples:
                digest = _compared(template, gateway, wholes, example)
        except NotPortable as error:
            digest = None
            yield from (_refused(template, each, project) for each in error.found)
        except _Differs as error:
            digest = None
            yield _told(template, project, f"Spark answers otherwise than DuckDB: {error}", wrong=True)
        except GatewayError as error:
            digest = None
            yield _told(template, project, f"its example could not be compared in Spark: {error.detail}")
        yield name, digest


class _Differs(Exception):
    """Two answers are not the same."""


def _bound(
    template: Template, gateway: Gateway, example: Mapping[str, Any]
) -> tuple[BoundQuery, Mapping[str, Snapshot]]:
    given = example or (template.examples[0] if template.examples else {})
    bound = template.bind(given, now=gateway.clock())
    return bound, gateway.planning.snapshots(bound)


def _compared(template: Template, gateway: Gateway, wholes: Wholes, example: Mapping[str, Any]) -> str:
    """Run an example in both engines; return the digest of what was compared. Raises ``_Differs``."""
    bound, snapshots = _bound(template, gateway, example)
    plan = gateway.planning.planner.plan(bound, snapshots, _NOBODY)
    planned = wholes.planner.plan(plan, snapshots, _NOBODY)
    deadline = gateway.monotonic() + gateway.runner.allowed(bound)
    here = gateway.engine.execute(located(plan, gateway.engine.address, stay), deadline=deadline)
    ours = pa.Table.from_batches(list(here), schema=here.schema)
    here.close()
    sent = SentWhole(cluster=wholes.cluster, plan=planned)
    there = sent.start(plan, stay, gateway.engine, deadline=deadline, started=lambda cancel: None)
    theirs = pa.Table.from_batches(list(there), schema=there.schema)
    differs = difference(rows_of(ours), rows_of(theirs), ordered=is_ordered(template.sql))
    if differs is not None:
        raise _Differs(differs)
    return digest_of(bound, planned.query)


Row = tuple[Any, ...]


def rows_of(table: pa.Table) -> list[Row]:
    """Return the rows of a table; columns may have the same name."""
    columns = [column.to_pylist() for column in table.columns]
    return list(zip(*columns, strict=True))


def difference(ours: Sequence[Row], theirs: Sequence[Row], *, ordered: bool) -> str | None:
    """Say in what rows of DuckDB and of Spark differ, to the last digit; None: in nothing.

    >>> difference([(1, 0.3)], [(1, 0.3)], ordered=True), difference([(1,)], [], ordered=False)
    (None, '0 rows in place of 1')
    """
    if len(ours) != len(theirs):
        return f"{len(theirs)} rows in place of {len(ours)}"
    if not ordered:
        ours, theirs = sorted(ours, key=_order), sorted(theirs, key=_order)
    for number, (one, other) in enumerate(zip(ours, theirs, strict=True), 1):
        if not all(map(_same, one, other)):
            return f"row {number} is {_written(other)} in place of {_written(one)}"
    return None


def _order(row: Row) -> list[tuple[bool, str]]:
    return [(value is None, repr(value)) for value in row]


def _same(one: object, other: object) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return repr(one) == repr(other)  # NaN is NaN, and -0.0 is not 0.0
    return type(one) is type(other) and one == other


def _written(row: Row) -> str:
    shown = (str(value) if isinstance(value, Decimal) else repr(value) for value in row)
    return f"({', '.join(shown)})"


def _refused(template: Template, found: Unportable, project: Path) -> Diagnostic:
    line, column = _place(template, found.start)
    pinned = template.front.engine == SPARK
    return Diagnostic(
        path=str(project / template.path),
        line=line,
        column=column,
        message=f"Spark is not asked for this query: {found.reason}",
        hint=None if found.instead is None else f"portable would be {found.instead}",
        rule=Rule.NOT_PORTABLE,
        severity=Severity.ERROR if pinned else Severity.NOTE,
    )


def _told(template: Template, project: Path, message: str, *, wrong: bool = False) -> Diagnostic:
    pinned = template.front.engine == SPARK
    return Diagnostic(
        path=str(project / template.path),
        message=message,
        rule=Rule.NOT_COMPARED,
        severity=Severity.ERROR if pinned else Severity.WARNING if wrong else Severity.NOTE,
    )


def _place(template: Template, start: int | None) -> tuple[int | None, int | None]:
    if start is None:
        return None, None
    before = template.sql[:start]
    lines = before.count("\n")
    column = start - before.rfind("\n") if lines else template.body_column + start
    return template.body_line + lines, column

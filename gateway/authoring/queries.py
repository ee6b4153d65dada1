"""Check templates over the columns of their tables: do names exist, are result columns unique, do filters prune."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime

from gateway.authoring.charts import check_chart
from gateway.authoring.schemas import Schemas
from gateway.catalog.table import Table
from gateway.engine.refusals import Unbindable
from gateway.errors import Diagnostic, Rule, Severity
from gateway.model import Column, TypedValue
from gateway.plan.analysis import NOW, Bound, PreparedQuery, PreparedScan, bind, prepare
from gateway.plan.limits import constrains
from gateway.project.binding import SchemaBinder
from gateway.query import samples
from gateway.query.commas import missing_commas
from gateway.query.lint import item_positions
from gateway.query.template import Template

_SHOWN = 60
"""Characters of a filter that a hint repeats."""
_NO_LEVEL = "column does not prune"
"""Why the analysis leaves out a filter on a column by which nothing is partitioned."""
_INSTANT = TypedValue(value=datetime(2000, 1, 3, tzinfo=UTC), type="TIMESTAMP WITH TIME ZONE")


def check_queries(templates: Iterable[Template], tables: Mapping[str, Table], schemas: Schemas) -> Iterator[Diagnostic]:
    """Check templates by themselves and over the columns of their tables, as far as those are known."""
    templates = list(templates)
    for template in templates:
        yield from template.lint
    yield from check_meaning(templates, tables, schemas)


def check_meaning(templates: Iterable[Template], tables: Mapping[str, Table], schemas: Schemas) -> Iterator[Diagnostic]:
    """Check templates over the columns of their tables; what needs columns that are not known is left out."""
    with closing(SchemaBinder()) as binder:
        for name, columns in schemas.items():
            binder.declare(name, columns)
        for template in templates:
            unknown = [name for name in template.tables if name not in schemas]
            if not unknown:
                yield from _check(template, tables, schemas, binder)
            elif (error := binder.syntax_error(template)) is not None:
                yield error
            elif all(name in tables for name in unknown):  # a table with errors is reported where it is declared
                yield _unknown(template, unknown)


def _unknown(template: Template, names: list[str]) -> Diagnostic:
    return Diagnostic(
        path=template.path,
        message=f"columns and pruning are not checked: the columns of {', '.join(names)} are not known here",
        hint="declare them under columns: in catalog/, or check with --data",
        rule=Rule.UNKNOWN_SCHEMA,
        severity=Severity.NOTE,
    )


def _check(
    template: Template, tables: Mapping[str, Table], schemas: Schemas, binder: SchemaBinder
) -> Iterator[Diagnostic]:
    yield from _commas(template, tables, schemas)
    bound = binder.bind(template)
    yield from bound.errors
    if bound.columns is not None:
        yield from _same(template, bound.columns)
        yield from check_chart(template, bound.columns)
        try:
            yield from _pruning(template, tables, schemas, binder)
        except Unbindable as error:  # a constant that is compared takes too long
            yield at(template, error.offset, error.message, error.hint, error.rule)


def _commas(template: Template, tables: Mapping[str, Table], schemas: Schemas) -> Iterator[Diagnostic]:
    columns = {column.name.lower() for name in template.tables for column in schemas[name]}
    for error in missing_commas(template.sql, columns, {name.lower() for name in tables}):
        yield at(template, error.offset, error.message, error.hint, error.rule, Severity.WARNING)


def at(
    template: Template,
    offset: int | None,
    message: str,
    hint: str | None,
    rule: Rule,
    severity: Severity = Severity.ERROR,
) -> Diagnostic:
    """Make a diagnostic at a place of a template's SQL, in characters; None: of the file as a whole."""
    return template.diagnostic(offset, message, hint, rule=rule, severity=severity)


def _same(template: Template, columns: tuple[Column, ...]) -> Iterator[Diagnostic]:
    """Refuse two columns of one name: a client would see one of them."""
    if len({column.name.lower() for column in columns}) == len(columns):
        return
    seen, positions = dict[str, int](), item_positions(template.sql)
    for number, column in enumerate(columns):
        first = seen.setdefault(column.name.lower(), number)
        if first != number:
            position = positions[number] if len(positions) == len(columns) else None
            message = f"columns {first + 1} and {number + 1} of the answer are both named {column.name!r}"
            yield at(template, position, message, "name one of them otherwise, with AS", Rule.SAME_COLUMN)


def _pruning(
    template: Template, tables: Mapping[str, Table], schemas: Schemas, binder: SchemaBinder
) -> Iterator[Diagnostic]:
    """Return which tables are read whole where a caller gives no more than must be given."""
    read = {name: tables[name] for name in template.tables if _prunes(tables[name])}
    if not read:
        return
    prepared = prepare(
        template.sql,
        {name: schemas[name] for name in template.tables},
        {name: filterable(table) for name, table in read.items()},
        {name: parameter.type.sql for name, parameter in template.parameters.items()},
    )
    bound = bind(prepared, {**samples.required(template), NOW: _INSTANT}, binder.evaluate)
    reported: set[str] = set()
    for number, scan in enumerate(prepared.scans):
        if scan.table in read and scan.table not in reported:
            for remark in _scan(template, read[scan.table], prepared, bound, number):
                reported.add(scan.table)  # once for a table, however often it is read
                yield remark


def _prunes(table: Table) -> bool:
    return bool(table.partitioned_by or table.limits.require_filter)


def filterable(table: Table) -> set[str]:
    """Name the columns whose filters can prune a table."""
    required = table.limits.require_filter
    levels = {name for field in table.partitioned_by for name in (field.column, field.source)}
    return levels | set(required if isinstance(required, tuple) else ())


def _scan(template: Template, table: Table, prepared: PreparedQuery, bound: Bound, number: int) -> Iterator[Diagnostic]:
    scan, required = prepared.scans[number], table.limits.require_filter
    wanted = sorted(required) if isinstance(required, tuple) else sorted({f.source for f in table.partitioned_by})
    if constrains(bound.predicates[number], {name.lower() for name in (wanted if required else filterable(table))}):
        return
    if prepared.dimensions(number) or any(number == asked for asked, _, _ in prepared.asked):
        return  # what the other side of a join, or each partition, holds may prune it: that is seen with data
    if required:
        message = f"{table.name} requires a filter on {' or '.join(wanted)}, and gets none that always prunes"
        yield at(template, scan.start, message, _hint(scan, wanted), Rule.UNPRUNED)
    else:
        optional = any(not parameter.required for parameter in template.parameters.values())
        when = " where only the required parameters are given" if optional else ""
        message = f"every partition of {table.name} is read{when}"
        yield at(template, scan.start, message, _hint(scan, wanted), Rule.UNPRUNED, Severity.NOTE)


def _hint(scan: PreparedScan, wanted: list[str]) -> str:
    """Say what would prune, and why a filter that is there does not."""
    if scan.used:
        what = _short(scan.used[0].sql)
        return f"{what} asks for nothing while its parameter is left out: require it, or give it a default"
    reasons = [filter_ for filter_ in scan.unused if filter_.reason != _NO_LEVEL]
    if reasons:
        return f"{_short(reasons[0].sql)} does not prune: {reasons[0].reason}"
    return f"a filter on {' or '.join(wanted)} over a required parameter would prune it"


def _short(sql: str) -> str:
    return sql if len(sql) <= _SHOWN else f"{sql[: _SHOWN - 1]}…"

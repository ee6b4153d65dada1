"""Bind templates to the columns of their tables before any request: the one place that does.

Nothing is read: the engine binds the text over empty tables, with the examples of the template as parameters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gateway.engine.binder import Binder, Unbindable
from gateway.errors import Diagnostic
from gateway.model import Column, TypedValue, Value
from gateway.project.misfits import misfits
from gateway.query import samples
from gateway.query.template import Template


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """What the engine makes of a query over its tables. ``columns`` are those of the answer; None: it is refused."""

    columns: tuple[Column, ...] | None
    errors: tuple[Diagnostic, ...]


class SchemaBinder:
    """Binds templates over the tables that were declared to it. Close it after use; not thread-safe."""

    def __init__(self) -> None:
        self._opened: Binder | None = None
        self._tables: set[str] = set()

    def declare(self, table: str, columns: Sequence[Column]) -> None:
        """Make the columns of a table known, once."""
        if table not in self._tables:
            self._binder.declare(table, columns)
            self._tables.add(table)

    def knows(self, template: Template) -> bool:
        """Return whether the columns of all tables of a template are known."""
        return self._tables.issuperset(template.tables)

    def bind(self, template: Template) -> Binding:
        """Bind a query over its tables; what only the sample values may cause is no error."""
        sql, values = template.sql, samples.every(template)
        try:
            columns = self._binder.columns(sql, values)
            errors = list(misfits(self._binder, sql, values))
        except Unbindable:
            columns = None
            found = self._binder.errors(sql, values)
            certain = [error for error in found if error.certain]
            errors = certain or list(misfits(self._binder, sql, values)) or ([] if values else found)
        return Binding(columns=columns, errors=tuple(_at(template, error) for error in errors))

    def syntax_error(self, template: Template) -> Diagnostic | None:
        """Return what is wrong with the syntax of a query, whatever its tables hold."""
        error = self._binder.read(template.sql)
        return None if error is None else _at(template, error)

    def evaluate(self, expressions: Sequence[str], parameters: Mapping[str, TypedValue]) -> tuple[Value, ...]:
        """Compute constant *expressions*. Raises ``QueryFailed``."""
        return self._binder.evaluate(expressions, parameters)

    def close(self) -> None:
        """Release the engine; idempotent."""
        if self._opened is not None:
            self._opened.close()

    @property
    def _binder(self) -> Binder:
        """Open the engine at its first use: most reloads need none."""
        self._opened = self._opened or Binder()
        return self._opened


def _at(template: Template, error: Unbindable) -> Diagnostic:
    return template.diagnostic(error.offset, error.message, error.hint, rule=error.rule)

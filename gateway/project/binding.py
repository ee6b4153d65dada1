"""Bind templates to the columns of their tables before any request: the one place that does.

Nothing is read: the engine binds the text over empty tables, with the examples of the template as parameters.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from gateway.engine.binder import Binder, Runaway
from gateway.engine.refusals import Unbindable
from gateway.errors import Diagnostic
from gateway.model import Column, TypedValue, Value
from gateway.project.misfits import misfits
from gateway.query import samples
from gateway.query.sizes import sized_calls
from gateway.query.template import Template


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """What the engine makes of a query over its tables. ``columns`` are those of the answer; None: it is refused."""

    columns: tuple[Column, ...] | None
    errors: tuple[Diagnostic, ...]


class Runaways:
    """Templates whose binding was ended at a limit: unless they change, they are not bound for ``AGAIN`` seconds."""

    AGAIN = 600.0

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: dict[str, tuple[Template, Binding, float]] = {}

    def of(self, template: Template) -> Binding | None:
        """Return what came of binding *template*, where it was ended not long ago."""
        known = self._known.get(template.path)
        return known[1] if known is not None and known[0] == template and self._clock() < known[2] else None

    def note(self, template: Template, binding: Binding) -> None:
        """Remember what came of *template*, in place of an earlier text of its file."""
        self._known[template.path] = (template, binding, self._clock() + self.AGAIN)


class SchemaBinder:
    """Binds templates over the tables that were declared to it. Close it after use; not thread-safe.

    Binders of the same *runaways* bind what one of them had to end once only.
    """

    def __init__(self, runaways: Runaways | None = None) -> None:
        self._runaways = runaways or Runaways()
        self._opened: Binder | None = None
        self._tables: dict[str, Sequence[Column]] = {}

    def declare(self, table: str, columns: Sequence[Column]) -> None:
        """Make the columns of a table known, in place of others that it had."""
        if self._tables.get(table) != columns:
            self._binder.declare(table, columns)
            self._tables[table] = columns

    def knows(self, template: Template) -> bool:
        """Return whether the columns of all tables of a template are known."""
        return self._tables.keys() >= set(template.tables)

    def bind(self, template: Template) -> Binding:
        """Bind a query over its tables; what only the sample values may cause is no error."""
        known = self._runaways.of(template)
        if known is not None:
            return known
        self._binder.begin()
        try:
            columns, errors = self._bound(template.sql, samples.every(template))
        except Runaway as runaway:
            runaway.offset = next((call.start for call in sized_calls(template.sql)), None)
            ended = Binding(columns=None, errors=(_at(template, runaway),))
            self._runaways.note(template, ended)
            return ended
        return Binding(columns=columns, errors=tuple(_at(template, error) for error in errors))

    def _bound(
        self, sql: str, values: Mapping[str, TypedValue]
    ) -> tuple[tuple[Column, ...] | None, Sequence[Unbindable]]:
        try:
            return self._binder.columns(sql, values), list(misfits(self._binder, sql, values))
        except Runaway:
            raise
        except Unbindable:
            found = self._binder.errors(sql, values)
        certain = [error for error in found if error.certain]
        return None, certain or list(misfits(self._binder, sql, values)) or ([] if values else found)

    def syntax_error(self, template: Template) -> Diagnostic | None:
        """Return what is wrong with the syntax of a query, whatever its tables hold."""
        self._binder.begin()
        try:
            error = self._binder.read(template.sql)
        except Runaway as runaway:
            error = runaway
        return None if error is None else _at(template, error)

    def evaluate(self, expressions: Sequence[str], parameters: Mapping[str, TypedValue]) -> tuple[Value, ...]:
        """Compute constant *expressions* of the template that was bound last. Raises ``QueryFailed``, ``Runaway``."""
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

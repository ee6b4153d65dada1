"""A template: one ``.sql`` file with its front matter and its validated SQL.

``docs/templates.md`` is the page for the people who write templates.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from gateway.declaration import Declared
from gateway.errors import Diagnostic, Rule, Severity, TemplateInvalid
from gateway.model import BoundQuery, TypedValue
from gateway.query.coerce import format_value
from gateway.query.front_matter import (
    FrontMatter,
    column_of,
    line_of,
    locate_front_matter,
    parameter_names,
    read_front_matter,
)
from gateway.query.functions import Volatility
from gateway.query.lexer import SqlError
from gateway.query.lint import SEVERITIES, lint_front_matter
from gateway.query.parameters import Parameter, bind_parameters, relative_times
from gateway.query.placeholders import foreign_placeholder
from gateway.query.relative import SECOND, Now
from gateway.query.sizes import unbounded_sizes
from gateway.query.validate import Cause, ValidSql, validate


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """One published version of a query: what its author declares, and the query that parameters are bound to.

    The SQL is the text after the front matter up to its last token, exactly as written; it starts at line
    ``body_line`` and column ``body_column`` of the file.
    """

    path: str
    front: FrontMatter
    unbound: BoundQuery
    """The query without parameters."""
    examples: tuple[Mapping[str, Any], ...]
    """Sets of parameters, as JSON values."""
    body_line: int
    body_column: int
    lint: tuple[Diagnostic, ...] = ()
    """Lint warnings: valid, but likely to cause trouble."""
    chart_places: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """Line and column of each key of the declared chart."""

    @classmethod
    def load(cls, text: str, *, path: str, name: str, version: int, tables: Collection[str]) -> Template:
        """Read the text of the file *path* over declared *tables*. Raises ``TemplateInvalid`` with every error."""
        start, end = locate_front_matter(text, path)
        front, declared, errors = read_front_matter(text, start, end, path)
        names = parameter_names(declared)
        statement, wrong = validate(text[end:], tables, names)
        if any(error.rule is Rule.UNDECLARED_PARAMETER for error in wrong):
            errors = [error for error in errors if error.rule is not Rule.EXAMPLE]  # they follow from it
        errors += [_in_file(error, text, end, path) for error in wrong]
        if statement is not None and declared is not None and names is not None:
            errors += _agreement(front, names, statement, declared, partial(_place, text, end))
        if errors or front is None or statement is None:
            raise TemplateInvalid(sorted(errors, key=_position))
        return cls(
            path=path,
            front=front,
            unbound=_unbound(name, version, front, statement),
            examples=_as_json(front.examples),
            body_line=line_of(text, end),
            body_column=column_of(text, end),
            lint=tuple(_lint(front, statement, declared, text, end)),
            chart_places=_chart_places(front, declared),
        )

    @property
    def name(self) -> str:
        """Return the name of the query."""
        return self.unbound.name

    @property
    def version(self) -> int:
        """Return the number of the version."""
        return self.unbound.version

    @property
    def sql(self) -> str:
        """Return the SQL as the author wrote it."""
        return self.unbound.sql

    @property
    def tables(self) -> tuple[str, ...]:
        """Return the names of the tables that the query reads, sorted."""
        return self.unbound.tables

    @property
    def parameters(self) -> Mapping[str, Parameter]:
        """Return the declared parameters by name."""
        return self.front.parameters

    @property
    def successor(self) -> tuple[str, int] | None:
        """Return the name and the version of the query to use instead; None: none is declared."""
        if self.front.successor is None:
            return None
        name, _, version = self.front.successor.rpartition("/")
        return name or self.name, int(version.removeprefix("v"))

    @property
    def warm_sets(self) -> tuple[Mapping[str, Any], ...]:
        """Return the sets of parameters whose answers are prepared ahead, as JSON values."""
        warm = self.front.warm
        return (*(self.examples if warm.examples else ()), *_as_json(warm.sets))

    def bind(self, given: Mapping[str, Any], *, textual: bool = False, now: float | None = None) -> BoundQuery:
        """Bind what a request gave. Raises ``InvalidParameters``.

        *now* is what relative times count from, in seconds since the epoch; None: the present.
        """
        present = Now(seconds=time.time() if now is None else now, width=self.front.cache.clock or SECOND)
        bound = self._bound(bind_parameters(self.parameters, given, textual=textual, now=present))
        relative = relative_times(self.parameters, given, present, textual=textual)
        return replace(bound, relative=relative) if relative else bound

    def diagnostic(
        self,
        offset: int | None,
        message: str,
        hint: str | None = None,
        *,
        rule: Rule = Rule.INVALID,
        severity: Severity = Severity.ERROR,
    ) -> Diagnostic:
        """Make a diagnostic at a place of the SQL, in characters; None: of the file as a whole."""
        line, column = None, None
        if offset is not None:
            before = self.sql[:offset]
            line = self.body_line + before.count("\n")
            # The SQL begins on the line on which the front matter ends, after it.
            column = offset - before.rfind("\n") + (0 if "\n" in before else self.body_column - 1)
        return Diagnostic(
            path=self.path, line=line, column=column, message=message, hint=hint, rule=rule, severity=severity
        )

    def bound_to_nothing(self) -> BoundQuery:
        """Bind NULL to every parameter: enough to learn the columns of the result."""
        return self._bound(
            {name: TypedValue(value=None, type=declared.type.sql) for name, declared in self.parameters.items()}
        )

    def bindings(self) -> list[BoundQuery]:
        """Bind what the columns of the result may be learnt by: the examples, as callers would bind them, then NULL."""
        needs = any(declared.required for declared in self.parameters.values())
        asked: Iterable[Mapping[str, Any]] = self.examples if self.examples or needs else [{}]
        return [*map(self.bind, asked), self.bound_to_nothing()]

    def _bound(self, parameters: Mapping[str, TypedValue]) -> BoundQuery:
        return replace(self.unbound, parameters=parameters)


def _unbound(name: str, version: int, front: FrontMatter, statement: ValidSql) -> BoundQuery:
    return BoundQuery(
        name=name,
        version=version,
        sql=statement.sql,
        normalised=statement.normalised,
        tables=statement.tables,
        parameters={},
        cache=front.cache.policy(),
        timeout=front.timeout,
        engine=front.engine,
        deterministic=front.deterministic,
        default=None if front.default is None else tuple(front.default),
    )


def _chart_places(front: FrontMatter, declared: Declared | None) -> Mapping[str, tuple[int, int]]:
    if front.chart is None or declared is None:
        return {}
    return {key: declared.position(("chart", key)) for key in front.chart.model_fields_set}


def _as_json(sets: Iterable[Mapping[str, Any]]) -> tuple[Mapping[str, Any], ...]:
    return tuple({name: format_value(value) for name, value in values.items()} for values in sets)


def _place(text: str, body: int, cause: Cause) -> str:
    """Name what makes an answer change, and where it stands in the file."""
    position = body + cause.offset
    return f"{cause.name}, {line_of(text, position)}:{column_of(text, position)}"


def _agreement(
    front: FrontMatter | None,
    names: Iterable[str],
    statement: ValidSql,
    declared: Declared,
    place: Callable[[Cause], str],
) -> Iterator[Diagnostic]:
    """Find where the front matter and the SQL speak of different things."""
    unused = [name for name in names if name not in statement.parameters]
    if unused:
        other = foreign_placeholder(statement.sql, unused[0])
        hint = f"write ${unused[0]} in the query" + (f" instead of {other}" if other else ", or remove it here")
        message = f"the query does not use the parameter{'s' * (len(unused) > 1)} {', '.join(unused)}"
        yield declared.diagnostic(("parameters", unused[0]), message, hint, rule=Rule.UNUSED_PARAMETER)
    if front is None:
        return
    cause = statement.varies_by
    if cause is not None and front.cache.enabled and front.cache.clock is None:
        what = "reads the clock" if cause.volatility is Volatility.CLOCK else "gives another answer each time"
        hint = "declare how long an answer holds, cache: {clock: 1m}, or cache: off"
        message = f"the query {what} ({place(cause)}), so its answers cannot be kept"
        yield declared.diagnostic(("cache", "clock"), message, hint, rule=Rule.CLOCK)
    # Before, the age between two times asked for a clock as well.
    if cause is None and not statement.names_age and front.cache.clock is not None:
        message = "cache.clock is declared, but the query reads no clock"
        yield declared.diagnostic(("cache", "clock"), message, rule=Rule.CLOCK)
    if front.deterministic and cause is not None:
        yield from _varying(front, cause.volatility, declared, place(cause))


def _varying(front: FrontMatter, how: Volatility, declared: Declared, place: str) -> Iterator[Diagnostic]:
    """Find what makes a query that is to be deterministic answer differently over the same files."""
    if how is Volatility.VOLATILE:
        message = f"the query gives another answer each time ({place}), so it cannot be deterministic"
        hint = "leave out deterministic, or random(), uuid(), USING SAMPLE and the like"
        yield declared.diagnostic(("deterministic",), message, hint)
    elif front.cache.clock is None:
        message = f"the query reads the clock to the microsecond ({place}), so it cannot be deterministic"
        hint = "declare what the clock is rounded down to, cache: {clock: 1m}"
        yield declared.diagnostic(("deterministic",), message, hint, rule=Rule.CLOCK)


def _lint(
    front: FrontMatter, statement: ValidSql, declared: Declared | None, text: str, body: int
) -> Iterator[Diagnostic]:
    if declared is not None:
        yield from lint_front_matter(
            declared, owner=front.owner, examples=len(front.examples), parameters=front.parameters
        )
        for error in (*statement.lint, *unbounded_sizes(statement.sql, front.parameters)):
            yield replace(_in_file(error, text, body, declared.path), severity=SEVERITIES[error.rule])


def _in_file(error: SqlError, text: str, body: int, path: str) -> Diagnostic:
    position = min(body + error.offset, len(text))
    return Diagnostic(
        path=path,
        line=line_of(text, position),
        column=column_of(text, position),
        message=error.message,
        hint=error.hint,
        rule=error.rule,
    )


def _position(diagnostic: Diagnostic) -> tuple[int, int]:
    return diagnostic.line or 0, diagnostic.column or 0

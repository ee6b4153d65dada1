"""Binds a query with DuckDB against tables of known columns, without opening a file or reading a row."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gateway.engine.binder_child import SCHEMA
from gateway.engine.binder_process import MEMORY, SECONDS, BinderProcess, BindingEnded, BindingRefused
from gateway.engine.refusals import Unbindable, explained, nearest, quotes_hint
from gateway.errors import QueryFailed, Rule
from gateway.model import Column, TypedValue, Value

_REFERENCE = re.compile(r'(?:"(?:[^"]|"")+"|\w+)(?:\s*\.\s*(?:"(?:[^"]|"")+"|\w+))*')
_CAST = re.compile(r"(?<!TRY_)CAST\('((?:[^']|'')*)' AS ([A-Z][A-Z0-9_ ]*(?:\(\d+,\d+\))?)\)")
_OF_TABLE = re.compile(r"(?P<table>.+) has no column '(?P<name>.+)'")
_MOST = 20
"""Unknown columns of one query that are reported at once."""
_TOO_LARGE = "a constant in it is too large to compute: see what range, repeat, lpad and their like are given"


class Runaway(Unbindable):
    """Binding a text exceeded its time or memory, or ended the process; *what* follows "binding it"."""

    def __init__(self, what: str) -> None:
        super().__init__(f"binding it {what}", hint=_TOO_LARGE, offset=None)


class Binder:
    """Binds in a process of its own, which holds the declared tables without a row. Close it; not thread-safe.

    Every method raises ``Runaway`` where the process had to be ended; it is replaced for what is asked next.
    """

    def __init__(self, *, seconds: float = SECONDS, memory: int = MEMORY) -> None:
        self._process = BinderProcess(seconds=seconds, memory=memory)
        self._names: dict[str, Sequence[str]] = {}

    def begin(self) -> None:
        """Start the time of another text: all that is asked of one takes a few seconds at most."""
        self._process.begin()

    def declare(self, table: str, columns: Sequence[Column]) -> None:
        """Make a table of those columns known, in place of one of that name."""
        self._names[table.lower()] = [column.name for column in columns]
        nulls = ", ".join(f"CAST(NULL AS {column.type}) AS {_identifier(column.name)}" for column in columns)
        self._process.prepare(f"CREATE OR REPLACE VIEW {SCHEMA}.{_identifier(table)} AS SELECT {nulls} WHERE false")

    def columns(self, sql: str, parameters: Mapping[str, TypedValue]) -> tuple[Column, ...]:
        """Return the columns that *sql* would answer with. Raises ``Unbindable``, with its position."""
        try:
            # A NULL is written into the text, which is far faster to bind, but moves what follows it.
            return self._described(sql, _nulls(parameters))
        except BindingRefused:
            pass
        try:
            return self._described(sql, parameters)
        except BindingRefused as error:
            raise self._hinted(explained(str(error), sql), sql) from error

    def planned_casts(self, sql: str, parameters: Mapping[str, TypedValue]) -> list[tuple[str, str]]:
        """Return the texts that *sql* casts to a type once it is bound, with the types; none where it has no plan."""
        try:
            plans = self._ask("explain", sql, _nulls(parameters))
        except BindingRefused:
            return []
        found = [cast for text in _strings(json.loads(plans[0][1])) for cast in _CAST.findall(text)]
        return [(text.replace("''", "'"), type_) for text, type_ in found]

    def fails(self, constant: str) -> bool:
        """Return whether a constant is of the right types and yet cannot be computed."""
        try:
            self._ask("compute", f"SELECT {constant}", {})
        except BindingRefused as error:
            return error.computing  # or else it is not understood alone, as a type that only the query knows
        return False

    def _hinted(self, refusal: Unbindable, sql: str) -> Unbindable:
        """Add the nearest column of the tables that *sql* names (for views, the engine names none), and how texts are
        quoted.
        """
        found = _OF_TABLE.fullmatch(refusal.message)
        if refusal.hint is None and found is not None:
            words = {word.lower() for word in re.findall(r"\w+", sql)}
            names = [name for table in sorted(words & self._names.keys()) for name in self._names[table]]
            refusal.hint = nearest(found["name"], self._names.get(found["table"].lower(), names))
        if refusal.rule is Rule.UNKNOWN_COLUMN and refusal.offset is not None:
            hints = (quotes_hint(sql, refusal.offset), refusal.hint)
            refusal.hint = "; ".join(hint for hint in hints if hint is not None) or None
        return refusal

    def _described(self, sql: str, parameters: Mapping[str, TypedValue]) -> tuple[Column, ...]:
        return tuple(Column(name=row[0], type=row[1]) for row in self._ask("describe", sql, parameters))

    def _ask(self, what: str, sql: str, parameters: Mapping[str, TypedValue]) -> list[list[Any]]:
        try:
            return self._process.ask(what, sql, parameters)
        except BindingEnded as error:
            raise Runaway(str(error)) from error

    def errors(self, sql: str, parameters: Mapping[str, TypedValue]) -> list[Unbindable]:
        """Return what DuckDB refuses in *sql*: every unknown column, or else the first error."""
        found: list[Unbindable] = []
        for _ in range(_MOST):
            try:
                self.columns(sql, parameters)
            except Unbindable as refusal:
                if found and refusal.rule is not Rule.UNKNOWN_COLUMN:
                    return found
                found.append(refusal)
                blanked = _blanked(sql, refusal)
                if blanked is None:
                    return found
                sql = blanked
            else:
                return found
        return found

    def read(self, sql: str) -> Unbindable | None:
        """Return what is wrong with the grammar of *sql*, whatever its tables hold."""
        try:
            self._ask("read", sql, {})
        except BindingRefused as error:
            return explained(str(error), sql)
        return None

    def evaluate(self, expressions: Sequence[str], parameters: Mapping[str, TypedValue]) -> tuple[Value, ...]:
        """Compute constant *expressions*. Raises ``QueryFailed``."""
        try:
            rows = self._ask("compute", f"SELECT {', '.join(expressions)}", parameters)
        except BindingRefused as error:
            raise QueryFailed("The constants cannot be computed.") from error
        return tuple(rows[0]) if rows else ()

    def close(self) -> None:
        """End the process; idempotent."""
        self._process.close()


def _nulls(parameters: Mapping[str, TypedValue]) -> dict[str, TypedValue]:
    return {name: TypedValue(value=None, type=value.type) for name, value in parameters.items()}


def _strings(node: object) -> Iterator[str]:
    """List the texts in a document of JSON."""
    if isinstance(node, str):
        yield node
    elif isinstance(node, dict | list):
        for item in node.values() if isinstance(node, dict) else node:
            yield from _strings(item)


def _blanked(sql: str, refusal: Unbindable) -> str | None:
    """Replace an unknown column by NULL, so that positions after it do not change; None if it is too short."""
    if refusal.rule is not Rule.UNKNOWN_COLUMN or refusal.offset is None:
        return None
    match = _REFERENCE.match(sql, refusal.offset)
    if match is None or len(match[0]) < len("NULL"):
        return None
    return sql[: match.start()] + "NULL".ljust(len(match[0])) + sql[match.end() :]


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'

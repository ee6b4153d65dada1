"""Splits of texts whose types are known and allow a fold; each is made once."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from threading import Lock
from typing import Final

import pyarrow as pa
from cachetools import LRUCache

from gateway.catalog.manifest import Snapshot
from gateway.errors import QueryFailed
from gateway.model import BoundQuery, Column, Relation, Statement, TypedValue
from gateway.plan.analysis import NOW
from gateway.plan.analysis.constants import Constants
from gateway.plan.analysis.prepare import parsed
from gateway.plan.analysis.structure import structure
from gateway.plan.analysis.text import read
from gateway.plan.fold.algebra import EXACT, FLOATING, SAME_BYTES, base
from gateway.plan.fold.in_order import is_in_order
from gateway.plan.fold.parts import Refused, Split, over_partials
from gateway.plan.fold.place import NO_AGGREGATE
from gateway.plan.fold.split import split
from gateway.plan.planner import Planner
from gateway.query.lexer import TokenKind, lex
from gateway.query.normalise import normalise

_CAST: Final = "CAST the argument AS DECIMAL(18, 6), or what fits, which is exact"
_ROWS: Final = "__gateway_rows"
_KEPT = 2_000
"""Split texts that are kept."""

Describe = Callable[[Statement], tuple[Column, ...]]
_Tables = Mapping[str, Sequence[Column]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A split, the columns of its partials, and those of the answer."""

    split: Split
    unfolded: str
    """The query over all rows for a question that is not folded: sums of floating-point numbers are the engine's."""
    states: tuple[Column, ...]
    columns: tuple[Column, ...]

    @property
    def sums(self) -> bool:
        """Whether it adds up floating-point numbers, which costs more where it is exact."""
        return self.unfolded != self.split.whole

    def over(self, rows: pa.Table, sql: str, parameters: Mapping[str, TypedValue]) -> Statement:
        """Return the statement that runs *sql* over partials, whose *rows* are in manifest order."""
        # Arrow has no HUGEINT: the engine hands it out as a DECIMAL, which some functions treat otherwise.
        source = ", ".join(f'CAST("{column.name}" AS {column.type}) AS "{column.name}"' for column in self.states)
        text = over_partials(source, _ROWS, sql)
        return Statement(sql=text, parameters=parameters, files=(), relation=Relation(name=_ROWS, rows=rows))


class Forms:
    """Makes and keeps the forms of texts; thread-safe."""

    def __init__(self, planner: Planner, describe: Describe) -> None:
        """*describe* returns the columns of a statement, without running it."""
        self._planner, self._describe = planner, describe
        self._known: LRUCache[tuple[Hashable, ...], Form | Refused] = LRUCache(_KEPT)
        self._lock = Lock()

    def form(self, query: BoundQuery, snapshots: Mapping[str, Snapshot], fact: int) -> Form:
        """Return the form of a query's text, folded by the rows of its scan number *fact*, for the columns of now.

        Raises ``Refused``.
        """
        tables = tuple((name, tuple(snapshots[name].columns)) for name in query.tables)
        key = (query.sql, fact, tables, tuple((name, value.type) for name, value in query.parameters.items()))
        with self._lock:
            known = self._known.get(key)
        if known is None:
            known = self._made(query, dict(tables), fact, snapshots)
            with self._lock:
                self._known[key] = known
        if isinstance(known, Refused):
            raise Refused(known.reason, known.hint, in_order=known.in_order)
        return known

    def _made(self, query: BoundQuery, tables: _Tables, fact: int, snapshots: Mapping[str, Snapshot]) -> Form | Refused:
        try:
            return self._formed(query, tables, fact, partial(self._planner.over_nothing, snapshots=snapshots))
        except Refused as refused:  # without its traceback, whose frames would keep answers in memory
            return Refused(refused.reason, refused.hint, in_order=refused.in_order)
        except QueryFailed:
            return Refused("the engine does not take the texts that it was split into")

    def _formed(self, query: BoundQuery, tables: _Tables, fact: int, over_nothing: Callable[..., Statement]) -> Form:
        columns = [column for each in tables.values() for column in each]
        text = read(query.sql, {column.name.lower() for column in columns})

        def describe(sql: str) -> Sequence[Column]:
            return self._describe(over_nothing(replace(query, sql=sql)))

        constants = Constants(text, {name: value.type for name, value in query.parameters.items()})
        found = structure(parsed(text), {name.lower(): each for name, each in tables.items()}, constants.kind)
        if is_in_order(found.block):
            raise Refused(NO_AGGREGATE, in_order=True)
        made = split(text, found, fact, describe)
        states = self._describe(over_nothing(partial_of(query, made.partial(), columns)))
        floats = floats_of(made, [state.type for state in states[made.keys :]])
        unfolded = made.whole
        if floats:
            unfolded = split(text, found, fact, describe, floats - sums_of(made)).whole
            made = split(text, found, fact, describe, floats)
            states = self._describe(over_nothing(partial_of(query, made.partial(), columns)))
        described = tuple(self._describe(over_nothing(query)))
        form = Form(split=made, unfolded=unfolded, states=states, columns=described)
        self._check_states(form)
        self._check_results(form, query, over_nothing)
        return form

    def _check_states(self, form: Form) -> None:
        keys, states = form.states[: form.split.keys], form.states[form.split.keys :]
        for key in keys:
            if base(key.type) not in SAME_BYTES:
                hint = "CAST it AS DECIMAL(18, 6), or what fits" if key.type in FLOATING else None
                raise Refused(f"it groups by, counts or lists a {key.type}, of which equal ones may differ", hint)
        for sql, algebra, state in zip(form.split.written, form.split.states, states, strict=True):
            if state.type in FLOATING and state.type not in algebra.types:
                raise Refused(f"{sql} is a {state.type}, whose equal values may differ in bytes", _CAST)
            if base(state.type) not in algebra.types:
                raise Refused(f"{sql} is a {state.type}, which is not merged")

    def _check_results(self, form: Form, query: BoundQuery, over_nothing: Callable[..., Statement]) -> None:
        nothing = pa.table({column.name: pa.nulls(0) for column in form.states})
        columns = self._describe(form.over(nothing, form.split.finish, query.parameters))
        if columns != form.columns or self._describe(over_nothing(whole_of(query, form))) != form.columns:
            raise Refused("its results would have other types")
        if form.split.types is not None:
            for argument in self._describe(form.over(nothing, form.split.types, query.parameters)):
                if base(argument.type) not in SAME_BYTES:
                    raise Refused(f"it has a window over a {argument.type}, which depends on the order of its rows")
        if form.split.distinct and any(base(column.type) not in SAME_BYTES for column in form.columns):
            raise Refused("its DISTINCT is of values that are equal and may differ in bytes")


def floats_of(made: Split, types: Iterable[str]) -> frozenset[str]:
    """Return those of the states of a split that are floating-point numbers, by their *types*."""
    return frozenset(sql for sql, kind in zip(made.written, types, strict=True) if kind in FLOATING)


def sums_of(made: Split) -> frozenset[str]:
    """Return those of the states of a split that are cheaper to add up than exactly where they are floating-point."""
    return frozenset(sql for sql, algebra in zip(made.written, made.states, strict=True) if algebra in EXACT)


def unfolded_of(query: BoundQuery, form: Form) -> BoundQuery:
    """Return the query over all rows, in the order of its fold."""
    return replace(query, sql=form.unfolded)


def whole_of(query: BoundQuery, form: Form) -> BoundQuery:
    """Return the query over all rows, in the order and the bytes of its fold."""
    return replace(query, sql=form.split.whole)


def partial_of(query: BoundQuery, sql: str, columns: Sequence[Column]) -> BoundQuery:
    """Return the query of a partial, with only those parameters that are left in its text.

    It is the same one for queries that are deterministic and that are not: partials always are.
    """
    normalised, named = _read(sql, tuple(column.name.lower() for column in columns))
    parameters = {name: value for name, value in query.parameters.items() if name.lower() in named}
    return replace(query, sql=sql, normalised=normalised, parameters=parameters, deterministic=False)


@lru_cache(maxsize=2 * _KEPT)
def _read(sql: str, columns: tuple[str, ...]) -> tuple[str, frozenset[str]]:
    """Normalise the text of a partial, and name its parameters in lower case."""
    text = read(sql, columns)
    named = {token.name[1:].lower() for token in lex(sql) if token.kind is TokenKind.PARAMETER}
    return normalise(lex(text.parsed), parsed(text)), frozenset(named | ({NOW} if text.clocks else set()))

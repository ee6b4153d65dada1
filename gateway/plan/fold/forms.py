"""Splits of texts whose types are known and allow a fold; each is made once."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Final

import pyarrow as pa

from gateway.catalog.manifest import Snapshot
from gateway.concurrency.once import Once
from gateway.errors import QueryFailed
from gateway.model import BoundQuery, Column, Relation, Statement, TypedValue
from gateway.plan.analysis import NOW
from gateway.plan.analysis.constants import Constants
from gateway.plan.analysis.prepare import parsed
from gateway.plan.analysis.structure import Structure, structure
from gateway.plan.analysis.text import Text, read
from gateway.plan.fold.aggregations import NO_AGGREGATE, Aggregation, aggregations
from gateway.plan.fold.algebra import EXACT, FLOATING, SAME_BYTES, base
from gateway.plan.fold.in_order import is_in_order
from gateway.plan.fold.narrow import joined
from gateway.plan.fold.parts import Part, Refused, Split, of_each, over_partials
from gateway.plan.fold.split import split
from gateway.plan.planner import Planner
from gateway.query.lexer import TokenKind, lex
from gateway.query.normalise import normalise

_EXACT_TYPES: Final = "CAST the argument AS DECIMAL(18, 6), or what fits, which is exact"
_ROWS: Final = "__gateway_rows"
_KEPT, _READ = 2_000, 20
"""Split texts that are kept, and texts as they were read."""

Describe = Callable[[Statement], tuple[Column, ...]]
_Tables = tuple[tuple[str, tuple[Column, ...]], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    text: Text
    found: Structure
    aggregations: tuple[Aggregation, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A split, the columns of the partials of each of its parts, and those of the answer."""

    split: Split
    unfolded: str
    """The query over all rows for a question that is not folded: sums of floating-point numbers are the engine's."""
    states: tuple[tuple[Column, ...], ...]
    columns: tuple[Column, ...]

    @property
    def sums(self) -> bool:
        """Whether it adds up floating-point numbers, which costs more where it is exact."""
        return self.unfolded != self.split.whole

    def together(self, partials: Sequence[Sequence[pa.Table]]) -> tuple[pa.Table, ...]:
        """Put the partials of each part one after the other; a part may have none."""
        return tuple(
            joined(tables) if tables else pa.table({column.name: pa.nulls(0) for column in states})
            for states, tables in zip(self.states, partials, strict=True)
        )

    def over(self, rows: Sequence[pa.Table], sql: str, parameters: Mapping[str, TypedValue]) -> Statement:
        """Return the statement that runs *sql* over the partials of each part: *rows*, in manifest order."""
        names = [f"{_ROWS}_{number}" for number in range(len(self.states))]
        text = over_partials([(_cast(states), name) for states, name in zip(self.states, names, strict=True)], sql)
        relations = tuple(Relation(name=name, rows=each) for name, each in zip(names, rows, strict=True))
        return Statement(sql=text, parameters=parameters, files=(), relations=relations)


class Forms:
    """Makes and keeps the forms of texts; thread-safe."""

    def __init__(self, planner: Planner, describe: Describe) -> None:
        """*describe* returns the columns of a statement, without running it."""
        self._planner, self._describe = planner, describe
        self._read: Once[tuple[Hashable, ...], _Read | Refused] = Once(_READ)
        self._known: Once[tuple[Hashable, ...], Form | Refused] = Once(_KEPT)

    def aggregations(self, query: BoundQuery, snapshots: Mapping[str, Snapshot]) -> tuple[Aggregation, ...]:
        """Return the aggregations of a query's text, for the columns of now. Raises ``Refused``."""
        return self._reading(query, _tables_of(query, snapshots)).aggregations

    def form(self, query: BoundQuery, snapshots: Mapping[str, Snapshot], facts: tuple[int, ...]) -> Form:
        """Return the form of a query's text, for the columns of now.

        Each of its aggregations is folded by the rows of the scan of its number in *facts*. Raises ``Refused``.
        """
        tables = _tables_of(query, snapshots)
        over_nothing = partial(self._planner.over_nothing, snapshots=snapshots)
        known = self._known.get((facts, *_key(query, tables)), lambda: self._made(query, tables, facts, over_nothing))
        if isinstance(known, Refused):
            raise known.again()
        return known

    def _reading(self, query: BoundQuery, tables: _Tables) -> _Read:
        """Read a text; what was read last is kept, since several ways to fold it may be tried."""
        known = self._read.get(_key(query, tables), lambda: _read_of(query, tables))
        if isinstance(known, Refused):
            raise known.again()
        return known

    def _made(
        self, query: BoundQuery, tables: _Tables, facts: tuple[int, ...], over_nothing: Callable[..., Statement]
    ) -> Form | Refused:
        try:
            return self._formed(query, tables, facts, over_nothing)
        except Refused as refused:
            return refused.again()
        except QueryFailed:
            return Refused("the engine does not take the texts that it was split into")

    def _formed(
        self, query: BoundQuery, tables: _Tables, facts: tuple[int, ...], over_nothing: Callable[..., Statement]
    ) -> Form:
        columns = [column for _, each in tables for column in each]

        def describe(sql: str) -> Sequence[Column]:
            return self._describe(over_nothing(replace(query, sql=sql)))

        def states_of(made: Split) -> tuple[tuple[Column, ...], ...]:
            partials = [over_nothing(partial_of(query, part.partial(), columns)) for part in made.parts]
            return tuple(tuple(self._describe(each)) for each in partials)

        given = self._reading(query, tables)
        splitting = partial(split, given.text, given.found, given.aggregations, facts, describe)
        made = splitting()
        states = states_of(made)
        floats = floats_of(made, [[column.type for column in each] for each in states])
        unfolded = made.whole
        if any(floats):
            cheaper = [each - sums_of(part) for each, part in zip(floats, made.parts, strict=True)]
            unfolded, made = splitting(cheaper).whole, splitting(floats)
            states = states_of(made)
        form = Form(split=made, unfolded=unfolded, states=states, columns=tuple(self._describe(over_nothing(query))))
        of_each(self._check_states, zip(made.parts, states, strict=True))
        self._check_results(form, query, over_nothing)
        return form

    def _check_states(self, part: Part, columns: Sequence[Column]) -> None:
        for key in columns[: part.keys]:
            if base(key.type) not in SAME_BYTES:
                hint = "CAST it AS DECIMAL(18, 6), or what fits" if key.type in FLOATING else None
                raise Refused(f"it groups by, counts or lists a {key.type}, of which equal ones may differ", hint)
        for sql, algebra, state in zip(part.written, part.states, columns[part.keys :], strict=True):
            if state.type in FLOATING and state.type not in algebra.types:
                raise Refused(f"{sql} is a {state.type}, whose equal values may differ in bytes", _EXACT_TYPES)
            if base(state.type) not in algebra.types:
                raise Refused(f"{sql} is a {state.type}, which is not merged")

    def _check_results(self, form: Form, query: BoundQuery, over_nothing: Callable[..., Statement]) -> None:
        nothing = form.together([[] for _ in form.states])
        columns = self._describe(form.over(nothing, form.split.finish, query.parameters))
        if columns != form.columns or self._describe(over_nothing(whole_of(query, form))) != form.columns:
            raise Refused("its results would have other types")
        for types in (part.types for part in form.split.parts if part.types is not None):
            for argument in self._describe(form.over(nothing, types, query.parameters)):
                if base(argument.type) not in SAME_BYTES:
                    raise Refused(f"it has a window over a {argument.type}, which depends on the order of its rows")


def _tables_of(query: BoundQuery, snapshots: Mapping[str, Snapshot]) -> _Tables:
    return tuple((name, tuple(snapshots[name].columns)) for name in query.tables)


def _key(query: BoundQuery, tables: _Tables) -> tuple[Hashable, ...]:
    return (query.sql, tables, tuple((name, value.type) for name, value in query.parameters.items()))


def _read_of(query: BoundQuery, tables: _Tables) -> _Read | Refused:
    text = read(query.sql, {column.name.lower() for _, each in tables for column in each})
    constants = Constants(text, {name: value.type for name, value in query.parameters.items()})
    found = structure(parsed(text), {name.lower(): each for name, each in tables}, constants.kind)
    try:
        if is_in_order(found.block):
            raise Refused(NO_AGGREGATE, in_order=True)
        return _Read(text=text, found=found, aggregations=aggregations(found))
    except Refused as refused:
        return refused.again()


def _cast(states: Sequence[Column]) -> str:
    # Arrow has no HUGEINT: the engine hands it out as a DECIMAL, which some functions treat otherwise.
    return ", ".join(f'CAST("{column.name}" AS {column.type}) AS "{column.name}"' for column in states)


def floats_of(made: Split, types: Sequence[Sequence[str]]) -> list[frozenset[str]]:
    """Return those of the states of each part that are floating-point numbers, by the *types* of its columns."""
    return [
        frozenset(sql for sql, kind in zip(part.written, each[part.keys :], strict=True) if kind in FLOATING)
        for part, each in zip(made.parts, types, strict=True)
    ]


def sums_of(part: Part) -> frozenset[str]:
    """Return those of the states of a part that are cheaper to add up than exactly where they are floating-point."""
    return frozenset(sql for sql, algebra in zip(part.written, part.states, strict=True) if algebra in EXACT)


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

"""Run a query with each of its scans restricted to the rows that its predicate keeps: the meaning of pruning.

Independent of partitions and of their selection: the predicate of a scan is written back as SQL over its columns,
and the answer of the restricted query is compared with the whole one's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np

from gateway.catalog.transforms.keys import key_range, key_type
from gateway.errors import QueryFailed
from gateway.model import Column, TypedValue, Value
from gateway.plan.analysis import (
    Bound,
    Dimension,
    PreparedQuery,
    assumed,
    bind,
    dimension_query,
    is_read,
    learn,
    prepare,
    ranked_query,
    render,
    subquery_query,
    witness_query,
)
from gateway.plan.refuting import Refuting
from gateway.plan.samples import Samples, grains_of_keys, grains_of_ranges
from gateway.plan.together import Boxes, Side, cut
from gateway.predicate import (
    PLACE,
    And,
    Comparison,
    Condition,
    Elsewhere,
    Everything,
    Function,
    Membership,
    Nothing,
    NullCheck,
    Or,
    Outside,
    Predicate,
    StartsWith,
    Term,
)

DAY = 86_400_000_000
BOUND = "bound of a dimension"
"""Stands for the least and the greatest value of a dimension, which are asked wherever its members are."""


@dataclass(slots=True, kw_only=True)
class Database:
    """A DuckDB with some tables; analyses and runs queries over them."""

    connection: duckdb.DuckDBPyConnection

    @property
    def tables(self) -> dict[str, list[Column]]:
        rows = self.connection.execute(
            "SELECT table_name, column_name, data_type FROM duckdb_columns() "
            "WHERE NOT internal ORDER BY table_name, column_index"
        ).fetchall()
        found: dict[str, list[Column]] = {}
        for table, name, kind in rows:
            found.setdefault(table, []).append(Column(name=name, type=kind))
        return found

    def prepare(self, sql: str, parameters: Mapping[str, TypedValue]) -> PreparedQuery:
        tables = self.tables
        prunable = {table: [column.name for column in columns] for table, columns in tables.items()}
        return prepare(sql, tables, prunable, {name: typed.type for name, typed in parameters.items()})

    def evaluate(self, expressions: Sequence[str], parameters: Mapping[str, TypedValue]) -> tuple[Value, ...]:
        try:
            return self.rows(f"SELECT {', '.join(expressions)}", parameters)[0]
        except duckdb.Error as error:
            raise QueryFailed(str(error)) from error

    def rows(self, sql: str, parameters: Mapping[str, TypedValue]) -> list[tuple[Any, ...]]:
        """Run *sql*; a parameter that is NULL is written into it with its type."""
        present = {name: typed for name, typed in parameters.items() if typed.value is not None}
        for name, typed in parameters.items():
            if typed.value is None:
                sql = sql.replace(f"${name}", f"CAST(NULL AS {typed.type})")
        used = {name: typed for name, typed in present.items() if f"${name}" in sql}
        values = {
            name: duckdb.Value(typed.value, duckdb.sqltypes.DuckDBPyType(typed.type)) for name, typed in used.items()
        }
        return self.connection.execute(sql, values or None).fetchall()

    def bound(self, prepared: PreparedQuery, parameters: Mapping[str, TypedValue]) -> Bound:
        """Bind the parameters, and learn all dimensions; every second one is too long to be listed."""
        parameters = {**parameters, **self.ranks(prepared, parameters)}
        parameters = {**parameters, **self.subqueries(prepared, parameters)}
        bound = bind(prepared, parameters, self.evaluate)
        refuting = Refuting(evaluate=self.evaluate)
        bound = refuting.refute(prepared, bound, parameters, lambda scan, terms: self.cuts(prepared, scan, terms))
        bound = self.witnessed(prepared, bound, parameters)
        for index in range(len(prepared.scans)):
            for number, one in enumerate(prepared.dimensions(index)):
                bound = self.learned(prepared, bound, one, most=0 if number % 2 else 100)
        return refuting.refute(prepared, bound, parameters, lambda scan, terms: self.cuts(prepared, scan, terms))

    def learned(self, prepared: PreparedQuery, bound: Bound, one: Dimension, most: int) -> Bound:
        """Learn a dimension after those that filter it."""
        for further in prepared.dimensions_in(one.predicate):
            bound = self.learned(prepared, bound, further, most)
        sql, given = dimension_query(one, prepared, bound, prepared.scans[one.scan].table, most)
        return learn(prepared, bound, {one: self.rows(sql, given)[0]})

    def ranks(self, prepared: PreparedQuery, parameters: Mapping[str, TypedValue]) -> dict[str, TypedValue]:
        """Learn the values that are read first, over all rows: of those that a LIMIT takes where there are enough."""
        found = {}
        for rank in prepared.ranked:
            counts = [parameters[count].value if isinstance(count, str) else count for count in rank.ranked.rows]
            rows = sum(count for count in counts if isinstance(count, int))
            if None in counts or rows < 1:
                continue
            table = prepared.scans[rank.ranked.scan].table
            ((missing, value, _),) = self.rows(ranked_query(rank, rows, f"(SELECT * FROM {table})"), parameters)
            if rank.ranked.extreme or not missing:
                found[rank.ranked.name] = TypedValue(value=value, type=rank.ranked.type)
        return found

    def subqueries(self, prepared: PreparedQuery, parameters: Mapping[str, TypedValue]) -> dict[str, TypedValue]:
        """Read the subqueries that are read first, over all rows; one that fails tells nothing."""
        found = {}
        for one in prepared.subqueries:
            sources = [f"(SELECT * FROM {prepared.scans[scan].table})" for scan in one.scans]
            try:
                (row,) = self.rows(subquery_query(one, sources, 100), parameters)
            except duckdb.Error:
                continue
            if is_read(one, row):
                found[one.name] = TypedValue(value=row[1], type=one.type if one.single else f"{one.type}[]")
        return found

    def witnessed(self, prepared: PreparedQuery, bound: Bound, parameters: Mapping[str, TypedValue]) -> Bound:
        """Learn which scans have a row in what would be left of them."""
        for witness in prepared.witnesses:
            left = assumed(prepared, bound, witness.name)
            condition = written(left.predicates[witness.scan], left.values)
            source = f"(SELECT * FROM {prepared.scans[witness.scan].table} WHERE {condition})"
            if self.rows(witness_query(witness, source), parameters) == [(True,)]:
                bound = left
        return bound

    def cuts(self, prepared: PreparedQuery, scan: int, terms: tuple[Term, ...]) -> Sequence[Samples | Boxes]:
        if len(terms) > 1:
            return self.boxes(prepared, scan, terms)
        grains = self.samples(prepared, scan, terms[0])
        return () if grains is None else (grains,)

    def boxes(self, prepared: PreparedQuery, scan: int, terms: tuple[Term, ...]) -> Sequence[Boxes]:
        """Cut what terms are together in a table into boxes: every second row has none, and times are whole days."""
        found = self.connection.execute(
            f"SELECT DISTINCT {', '.join(map(_term, terms))} FROM {prepared.scans[scan].table} "
            f"WHERE {' AND '.join(f'{_term(term)} IS NOT NULL' for term in terms)} ORDER BY ALL"
        ).fetchall()[::2]
        sides = []
        for number, term in enumerate(terms):
            kind = key_type(term.type)
            if kind is None:
                return ()
            ends = [key_range(row[number], kind) for row in found]
            if kind.per_second:
                days = [(int(pair[0]) // DAY, int(pair[1]) // DAY) for pair in ends if pair is not None]
                ends = [(first * DAY, last * DAY + DAY - 1) for first, last in days]
            sides.append(Side(term.type, [None if pair is None else [pair] for pair in ends]))
        return cut(sides, [(number,) * len(terms) for number in range(len(found))])

    def samples(self, prepared: PreparedQuery, scan: int, term: Term) -> Samples | None:
        """Cut the values that a term has in a table into grains: every second value has none, or times whole days."""
        found = self.connection.execute(
            f"SELECT DISTINCT {_term(term)} AS x FROM {prepared.scans[scan].table} WHERE x IS NOT NULL ORDER BY x"
        ).fetchall()
        kind = key_type(term.type)
        if kind is None:
            return None
        keys = [key for (value,) in found[::2] if (key := key_range(value, kind)) is not None]
        if kind.wide:
            return grains_of_keys([first for first, _ in keys], term.type)
        ends = np.array(keys, dtype=np.int64).reshape(-1, 2)
        if kind.per_second:
            ends = np.column_stack([ends[:, 0] // DAY * DAY, ends[:, 1] // DAY * DAY + DAY - 1])
        return grains_of_ranges(ends[:, 0], ends[:, 1], term.type)

    def sources(self, prepared: PreparedQuery, bound: Bound, restricted: Callable[[int], bool]) -> list[str]:
        """Write the source of each scan: the whole table, or the rows that its predicate keeps."""
        made = []
        for index, scan in enumerate(prepared.scans):
            condition = written(bound.predicates[index], bound.values) if restricted(index) else "TRUE"
            made.append(f"(SELECT * FROM {scan.table} WHERE {condition})")
        return made


def answers(database: Database, sql: str, parameters: Mapping[str, TypedValue]) -> list[Counter[str]]:
    """Return the answers of *sql* as bags of rows: whole, with all scans restricted, with each alone, and all but each.

    A partition holds rows beside those that it is read for, so that what one scan leaves out another one may have.
    """
    prepared = database.prepare(sql, parameters)
    bound = database.bound(prepared, parameters)
    choices: list[Callable[[int], bool]] = [lambda _: False, lambda _: True]
    if len(prepared.scans) > 1:
        choices += [lambda index, one=one: index == one for one in range(len(prepared.scans))]  # type: ignore[misc]  # a default binds the loop's value
    if len(prepared.scans) > 2:
        choices += [lambda index, one=one: index != one for one in range(len(prepared.scans))]  # type: ignore[misc]  # a default binds the loop's value
    texts = [render(prepared, database.sources(prepared, bound, choice)) for choice in choices]
    return [Counter(map(repr, database.rows(text, parameters))) for text in texts]


def written(predicate: Predicate, values: Sequence[Value]) -> str:
    """Write a predicate as SQL that is TRUE for the rows it keeps."""
    match predicate:
        case Everything():
            return "TRUE"
        case Nothing():
            return "FALSE"
        case And(parts):
            return "(" + " AND ".join(written(part, values) for part in parts) + ")"
        case Or(parts):
            return "(" + " OR ".join(written(part, values) for part in parts) + ")"
        case Condition(slot):
            return "TRUE" if values[slot] is True else "FALSE"
        case NullCheck(term, negated):
            return f"({_term(term)} IS {'NOT ' if negated else ''}NULL)"
        case StartsWith(term, slot, negated):
            return f"({'NOT ' if negated else ''}starts_with({_term(term)}, {_value(values[slot], term.type)}))"
        case Outside(term, slot):
            listed = values[slot]
            assert isinstance(listed, list)
            pairs = [pair for pair in listed if isinstance(pair, list)]
            between = [
                f" AND NOT starts_with({_term(term)}, {_value(a, term.type)})"
                if b is None
                else f" AND NOT {_term(term)} BETWEEN {_value(a, term.type)} AND {_value(b, term.type)}"
                for a, b in pairs
            ]
            return f"({_term(term)} IS NOT NULL{''.join(between)})"
        case Elsewhere(terms, slot):
            return (
                f"({' AND '.join([*(f'{_term(each)} IS NOT NULL' for each in terms), *_boxes(terms, values[slot])])})"
            )
        case Comparison(term, operator, slot):
            # IS TRUE keeps the optimiser from folding `date_trunc(…) <> …` to TRUE for NULL.
            return f"(coalesce({_term(term)} {operator.value} {_value(values[slot], term.type)}, FALSE))"
        case Membership(term, slots, is_list, negated):
            listed = values[slots[0]] if is_list else [values[slot] for slot in slots]
            assert isinstance(listed, list)
            if is_list:  # the engine asks a list for what it contains, and NULL is nothing it could contain
                listed = [value for value in listed if value is not None]
            members = ", ".join(_value(value, term.type) for value in listed)
            if not members:
                return f"({_term(term)} IS NOT NULL)" if negated else "FALSE"
            return f"(coalesce({_term(term)} {'NOT ' if negated else ''}IN ({members}), FALSE))"


def _boxes(terms: Sequence[Term], boxes: Value) -> Iterator[str]:
    assert isinstance(boxes, list)
    for box in boxes:
        assert isinstance(box, list)
        pairs = ((term, pair) for term, pair in zip(terms, box, strict=True) if isinstance(pair, list))
        sides = (f"{_term(term)} BETWEEN {_value(a, term.type)} AND {_value(b, term.type)}" for term, (a, b) in pairs)
        yield f"NOT ({' AND '.join(sides)})"


def _term(term: Term) -> str:
    text = f'"{term.column}"'
    for function in term.functions:
        text = _applied(function, text)
    return text


def _applied(function: Function, text: str) -> str:
    match function.name:
        case "cast":
            return f"CAST({text} AS {function.arguments[0]})"
        case "expression":
            return str(function.arguments[0]).replace(f'"{PLACE}"', text)
        case "strftime":
            return f"strftime({text}, '{function.arguments[0]}')"
        case "date_trunc":
            return f"date_trunc('{function.arguments[0]}', {text})"
        case "add" if function.returns.startswith("TIMESTAMP"):
            return f"({text} + INTERVAL ({function.arguments[0]}) MICROSECONDS)"
        case "add_months" | "add_months_to_time":
            return f"({text} + INTERVAL ({function.arguments[0]}) MONTHS)"
        case "add":
            return f"({text} + {function.arguments[0]})"
        case _:
            return f"{function.name}({text})"


def _value(value: Value, kind: str) -> str:
    if value is None:
        return f"CAST(NULL AS {kind})"
    text = str(value).replace("'", "''")
    return f"CAST('{text}' AS {kind})"


def shown(predicate: Predicate, values: Sequence[object]) -> str:
    """Write a predicate for the case files: slots by what stands in them, in short."""
    match predicate:
        case Everything():
            return "TRUE"
        case Nothing():
            return "FALSE"
        case And(parts):
            texts = [f"({shown(part, values)})" if isinstance(part, Or) else shown(part, values) for part in parts]
            return " AND ".join(text for text in texts if not text.endswith(BOUND))
        case Or(parts):
            return " OR ".join(f"({shown(p, values)})" if isinstance(p, And) else shown(p, values) for p in parts)
        case Condition(slot):
            return f"[{values[slot]}]"
        case NullCheck(term, negated):
            return f"{_term_shown(term)} IS {'NOT ' if negated else ''}NULL"
        case StartsWith(term, slot, negated):
            return f"{_term_shown(term)} {'not ' if negated else ''}starts with {values[slot]}"
        case Outside(term, slot):
            return f"{_term_shown(term)} where {values[slot]}"
        case Elsewhere(terms, slot):
            return f"({', '.join(map(_term_shown, terms))}) where {values[slot]}"
        case Comparison(term, operator, slot):
            return f"{_term_shown(term)} {operator.value} {values[slot]}"
        case Membership(term, slots, is_list, negated):
            members = f"{values[slots[0]]}" if is_list else "(" + ", ".join(f"{values[slot]}" for slot in slots) + ")"
            return f"{_term_shown(term)} {'NOT ' if negated else ''}IN {members}"


def _term_shown(term: Term) -> str:
    text = term.column
    for function in term.functions:
        arguments = "".join(f", {argument}" for argument in function.arguments)
        text = f"{function.name}({text}{arguments})"
    return text

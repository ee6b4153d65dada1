"""Queries of every clause in every other, whose names clash: aliases are drawn from the names of columns.

A name has one type wherever it stands, so that a query is well typed whatever DuckDB takes a name for; the tables have
different columns, so that a name may mean one of another block. Every query has one answer: LIMIT and DISTINCT ON
order by all columns, aggregates and windows depend on no order. What DuckDB's binder refuses is left out by the test.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, TypeVar

import duckdb
from restriction import Database

from gateway.model import Column, TypedValue

T = TypeVar("T")
NAMES = {"INTEGER": ("k", "j", "i"), "DATE": ("d", "e", "t"), "VARCHAR": ("s", "r"), "BOOLEAN": ("f",)}
"""The names of each type; the last of the first two, and ``r``, are aliases only."""
TYPES = {name: kind for kind, names in NAMES.items() for name in names}
TABLES = {"a": ("k", "j", "d", "e", "s", "f"), "b": ("k", "d", "s"), "c": ("j", "d", "e", "f")}
_CONSTANTS = {
    "INTEGER": ("0", "1", "1", "1", "2", "$pk", "$pj", "$pj - 1"),
    "DATE": (*("DATE '2024-01-30'", "DATE '2024-01-31'") * 2, "DATE '2024-02-01'", "$pd", "$pd + 1"),
    "VARCHAR": ("'a'", "'a'", "'b'", "$ps"),
    "BOOLEAN": ("TRUE", "FALSE"),
}
_FIXED = ("FALSE", "NULL", "TRUE", "1 = 0", "NULL::BOOLEAN", "$pk IS NULL", "$pk = 1 AND $pk = 2", "NOT TRUE", "$pf")
_ALIASES = ("p", "q", "x", "y", "d", "k")
_JOINS = (
    *("JOIN", "JOIN", "LEFT JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", "SEMI JOIN", "ANTI JOIN", "CROSS JOIN", ","),
    *("NATURAL JOIN", "NATURAL LEFT JOIN", "NATURAL RIGHT JOIN", "NATURAL FULL JOIN"),
)
_VALUES: dict[str, Sequence[Any]] = {
    "INTEGER": (None, 0, 0, 1, 1, 1, 2),
    "DATE": (None, *("2024-01-30", "2024-01-31") * 2, "2024-02-01"),
    "VARCHAR": (None, "a", "a", "b"),
    "BOOLEAN": (None, True, True, False),
}


@dataclass(slots=True)
class Scope:
    """What a block can name: its sources (alias, columns), and the scope around it."""

    around: Scope | None = None
    sources: list[tuple[str, Sequence[str]]] = field(default_factory=list)
    given: list[str] = field(default_factory=list)
    """The aliases given so far in the SELECT list."""
    merged: set[str] = field(default_factory=set)
    """Names that USING or NATURAL made one column."""


@dataclass(slots=True)
class Grammar:
    """Writes one query; *choose* returns a number below the one that it is given."""

    choose: Callable[[int], int]
    ctes: list[tuple[str, Sequence[str]]] = field(default_factory=list)
    names: int = 0

    def pick(self, items: Sequence[T]) -> T:
        return items[self.choose(len(items))]

    def chance(self, percent: int) -> bool:
        return self.choose(100) >= 100 - percent

    def statement(self, depth: int) -> str:
        withs = []
        for _ in range(self.pick((0, 0, 0, 1, 1, 2))):
            sql, columns = self.query(depth - 1, None)
            self.names += 1
            withs.append(f"w{self.names} AS ({sql})")
            self.ctes.append((f"w{self.names}", columns))
        sql, columns = self.query(depth, None)
        if self.chance(40):
            sql = f"SELECT * FROM ({sql}) AS u WHERE {self.condition(1, Scope(None, [('u', columns)]))}"
        return (f"WITH {', '.join(withs)} " if withs else "") + sql

    def query(self, depth: int, around: Scope | None, types: Sequence[str] | None = None) -> tuple[str, Sequence[str]]:
        """Write a query and the names of its columns; *types* asks for columns of those types."""
        if depth > 0 and self.chance(15):
            return self.set_operation(depth, around, types)
        return self.select(depth, around, types)

    def set_operation(self, depth: int, around: Scope | None, types: Sequence[str] | None) -> tuple[str, Sequence[str]]:
        wanted = types or [self.pick(tuple(NAMES)) for _ in range(self.pick((1, 2)))]
        left, columns = self.query(depth - 1, around, wanted)
        right, _ = self.query(depth - 1, around, wanted)
        operator = self.pick(("UNION ALL", "UNION", "INTERSECT", "EXCEPT", "EXCEPT ALL", "INTERSECT ALL"))
        limit = " ORDER BY ALL LIMIT 2" if self.chance(10) else ""
        return f"({left}) {operator} ({right}){limit}", columns

    # SELECT

    def select(self, depth: int, around: Scope | None, types: Sequence[str] | None) -> tuple[str, Sequence[str]]:
        scope = Scope(around)
        from_ = f" FROM {self.from_(depth, scope)}" if self.chance(97) else ""
        where = self.where(depth, scope)
        shape = self.pick((*("plain",) * 3, *("grouped",) * 2, "window", "distinct", "on", "limit", "star"))
        if shape == "grouped":
            return self.grouped(depth, scope, from_ + where, types)
        if shape == "star" and types is None and from_:
            star = self.pick(("*", "*", "* EXCLUDE (d)", "* REPLACE (k + 1 AS k)", "* RENAME (d AS t)"))
            return f"SELECT {star}{from_}{where}", [name for _, columns in scope.sources for name in columns]
        items, columns = self.items(depth, scope, types)
        head, tail = "SELECT ", ""
        if shape == "window":
            items, tail = self.windows(depth, scope, items, extend=types is None)
        elif shape == "distinct":
            head = "SELECT DISTINCT "
        elif shape == "on":
            keys = [self.pick((self.name(scope), self.reference(scope), "1")) for _ in range(self.pick((1, 1, 2)))]
            head, tail = f"SELECT DISTINCT ON ({', '.join(keys)}) ", " ORDER BY ALL"
        elif shape == "limit":
            tail = f" ORDER BY ALL LIMIT {self.pick((0, 1, 2))}" + self.pick(("", " OFFSET 1"))
        return f"{head}{', '.join(items)}{from_}{where}{tail}", columns

    def where(self, depth: int, scope: Scope) -> str:
        """Write a WHERE: in a subquery often with what it knows of the blocks around, in others with constants."""
        found = [self.condition(depth, scope) for _ in range(self.pick((0, 0, 1, 1, 2)))]
        if scope.around is not None and self.chance(45):
            found.append(self.simple(scope.around))
        if scope.around is not None and self.chance(40):
            kind = self.pick(("INTEGER", "DATE"))
            equal = self.pick(("=", "=", "=", "<=", "IS NOT DISTINCT FROM"))
            found.append(f"{self.reference(scope, kind)} {equal} {self.reference(scope.around, kind)}")
        if self.chance(6):
            found.append(self.pick(_FIXED))
        return f" WHERE {' AND '.join(found)}" if found else ""

    def items(self, depth: int, scope: Scope, types: Sequence[str] | None) -> tuple[list[str], list[str]]:
        items, columns = [], []
        for kind in types or [self.pick(tuple(NAMES)) for _ in range(self.pick((1, 2, 2, 3)))]:
            text = self.value(depth, scope, kind)
            name = self.pick(NAMES[kind]) if self.chance(70) else ""
            items.append(f"{text} AS {name}" if name else text)
            columns.append(name or text.rpartition(".")[2])
            scope.given += [name] if name else []
        return items, columns

    def grouped(self, depth: int, scope: Scope, rest: str, types: Sequence[str] | None) -> tuple[str, Sequence[str]]:
        kinds = types or [self.pick(tuple(NAMES)) for _ in range(self.pick((1, 2, 2)))]
        keys, items, columns = [], [], []
        for kind in kinds:
            reference, name = self.reference(scope, kind), self.pick(NAMES[kind])
            if self.chance(45):
                keys.append(reference)
                items.append(f"{reference} AS {name}" if self.chance(60) else reference)
            else:
                call = self.pick((f"max({reference})", f"min({reference})", f"(SELECT max({reference}))"))
                items.append(f"{call} AS {name}")
            columns.append(name)
        if types is None:
            items.append(self.pick(("count(*) AS i", "count(*) AS k", "count(k) AS j", "sum(k)::INTEGER AS k")))
        by = self.by(keys, items)
        having = self.filters("HAVING", depth, scope, (0, 0, 1, 2))
        return f"SELECT {', '.join(items)}{rest}{by}{having}", columns

    def by(self, keys: Sequence[str], items: Sequence[str]) -> str:
        listed = ", ".join(keys)
        if not keys:
            empty = (" GROUP BY ()", " GROUP BY (), ()", " GROUP BY GROUPING SETS (())", " GROUP BY ALL")
            return self.pick(("", "", "", *empty))
        forms: tuple[str, ...] = (listed, listed, listed, "ALL", f"ROLLUP ({listed})", f"CUBE ({listed})")
        forms += (
            f"{listed}, ()",
            f"(), {listed}",
            f"GROUPING SETS (({listed}), ())",
            f"GROUPING SETS (({keys[0]}), ({listed}))",
        )
        forms += (
            f"{keys[0]}, ROLLUP ({listed})",
            ", ".join(str(n + 1) for n, one in enumerate(items) if "(" not in one),
        )
        return f" GROUP BY {self.pick(forms)}"

    def windows(self, depth: int, scope: Scope, items: list[str], *, extend: bool) -> tuple[list[str], str]:
        keys = [self.pick((self.reference(scope), self.name(scope), "1")) for _ in range(self.pick((0, 1, 1, 2)))]
        by = f"PARTITION BY {', '.join(keys)}" if keys else ""
        call = self.pick(("count(*)", f"max({self.reference(scope)})", "rank()"))
        order = f" ORDER BY {self.reference(scope)}" if call == "rank()" else ""
        named = self.chance(30)
        over = "w" if named else f"({by}{order})"
        tail = f" WINDOW w AS ({by}{order})" if named else ""
        if self.chance(50):
            tail += f"{self.filters(' QUALIFY', depth, scope, (1, 1, 2))} AND count(*) OVER {over} <= 2"
        return [*items, f"{call} OVER {over} AS n"] if extend else items, tail

    def filters(self, clause: str, depth: int, scope: Scope, counts: Sequence[int]) -> str:
        found = [self.condition(depth, scope) for _ in range(self.pick(counts))]
        return f" {clause} {' AND '.join(found)}" if found else ""

    # FROM

    def from_(self, depth: int, scope: Scope) -> str:
        text = self.source(depth, scope)
        for _ in range(self.pick((0, 0, 1, 1, 2))):
            text = self.joined(depth, scope, text)
        return text

    def joined(self, depth: int, scope: Scope, text: str) -> str:
        join = self.pick(_JOINS)
        before = list(scope.sources)
        if depth > 0 and self.chance(10):
            right = f"({self.joined(0, scope, self.source(depth - 1, scope))})"
        else:
            right = self.source(depth, scope, lateral=join in ("JOIN", "LEFT JOIN", ",", "CROSS JOIN"))
        if join.startswith("NATURAL"):
            left = [self.held(before, name) for name in scope.sources[-1][1] if name not in scope.merged]
            if len(scope.sources) != len(before) + 1 or not left or max(left) != 1:
                join = join.removeprefix("NATURAL ")
            else:
                scope.merged |= {name for name in scope.sources[-1][1] if self.held(before, name)}
        separator = ", " if join == "," else f" {join} "
        on = "" if join in (",", "CROSS JOIN") or join.startswith("NATURAL") else self.on(depth, scope)
        made = f"{text}{separator}{right}{on}"
        if depth > 0 and self.chance(12):
            scope.sources = before if join in ("SEMI JOIN", "ANTI JOIN") else scope.sources
            block = self.grouped(0, Scope(), f" FROM {self.pick(list(TABLES))} WHERE {self.pick(_FIXED)}", None)[0]
            return f"{made} CROSS JOIN ({block})"
        if join in ("SEMI JOIN", "ANTI JOIN") and self.chance(70):
            scope.sources = before
        return made

    def on(self, depth: int, scope: Scope) -> str:
        *left, (_, right) = scope.sources
        shared = [name for name in right if self.held(left, name) == 1 and name in TYPES]
        if shared and self.chance(25):
            names = dict.fromkeys(self.pick(shared) for _ in range(self.pick((1, 1, 2))))
            scope.merged |= names.keys()
            return f" USING ({', '.join(names)})"
        kind = self.pick(("INTEGER", "DATE"))
        equal = [f"{self.reference(scope, kind)} = {self.reference(scope, kind)}"] if self.chance(80) else []
        more = [self.condition(0, scope) for _ in range(self.pick((0, 1, 1)))]
        return f" ON {' AND '.join([*equal, *more]) or 'TRUE'}"

    def source(self, depth: int, scope: Scope, *, lateral: bool = False) -> str:
        alias = self.pick([one for one in _ALIASES if one not in dict(scope.sources)] or ["z"])
        if depth > 0 and self.chance(30):
            sql, columns = self.query(depth - 1, scope if lateral and self.chance(40) else scope.around)
            if self.chance(15):
                columns = [self.pick(NAMES[TYPES.get(name, "INTEGER")]) for name in columns]
                scope.sources.append((alias, columns))
                return f"({sql}) AS {alias}({', '.join(columns)})"
            text = f"({sql})"
        elif self.ctes and self.chance(40):
            text, columns = self.pick(self.ctes)
        else:
            text, columns = self.pick(list(TABLES.items()))
        scope.sources.append((alias, columns))
        return f"{text} AS {alias}"

    # Values and conditions

    @staticmethod
    def held(sources: Sequence[tuple[str, Sequence[str]]], name: str) -> int:
        return sum(list(columns).count(name) for _, columns in sources)

    def name(self, scope: Scope, kind: str | None = None) -> str:
        """Name something without a qualifier: a column, an alias, something outside, now and then nothing at all."""
        names = NAMES[kind or self.pick(tuple(NAMES))]
        found: list[str] = []
        here: Scope | None = scope
        while here is not None:
            found += [one for one in names if one in here.merged or self.held(here.sources, one) == 1]
            found += [one for one in here.given if one in names]
            here = here.around
        unclear = [one for one in found if self.held(scope.sources, one) < 2 or one in scope.merged]
        if unclear and self.chance(97):
            return self.pick(unclear)
        return self.pick(names) if self.chance(10) else self.constant(TYPES[names[0]])

    def constant(self, kind: str) -> str:
        return f"CAST({self.pick(_CONSTANTS[kind])} AS {kind})"

    def reference(self, scope: Scope, kind: str | None = None) -> str:
        """Name a column, mostly with its source; now and then of a block around."""
        here: Scope | None = scope
        while here is not None and here.around is not None and (not here.sources or self.chance(28)):
            here = here.around
        held = [
            (alias, name)
            for alias, columns in (here.sources if here is not None else ())
            for name in columns
            if name in TYPES and kind in (None, TYPES[name])
        ]
        if not held or self.chance(35):
            return self.name(scope, kind)
        alias, name = self.pick(held)
        return f"{alias}.{name}"

    def value(self, depth: int, scope: Scope, kind: str) -> str:
        if depth > 0 and self.chance(12):
            return f"({self.scalar(depth - 1, scope, kind)})"
        if self.chance(8):
            return self.constant(kind)
        text = self.reference(scope, kind)
        if kind == "DATE" and self.chance(15):
            return self.pick((f"CAST(date_trunc('month', {text}) AS DATE)", f"{text} + 1"))
        if self.chance(8):
            other = self.reference(scope, kind)
            choice = f"CASE WHEN {self.simple(scope)} THEN {text} ELSE {other} END"
            return self.pick((f"coalesce({text}, {other})", choice))
        return f"({text})" if self.chance(5) else text

    def scalar(self, depth: int, around: Scope, kind: str) -> str:
        """Write a query of one column that gives at most one row."""
        scope = Scope(around)
        rest = f" FROM {self.from_(depth, scope)}{self.filters('WHERE', depth, scope, (0, 1, 2))}"
        call = self.pick(("max", "min"))
        if self.chance(25):
            return f"SELECT {self.reference(scope, kind)} AS {self.pick(NAMES[kind])}{rest} ORDER BY ALL LIMIT 1"
        return (
            f"SELECT {call}({self.reference(scope, kind)}){rest}{self.pick(('', '', ' GROUP BY ()', ' HAVING TRUE'))}"
        )

    def condition(self, depth: int, scope: Scope) -> str:
        if depth > 0 and self.chance(28):
            return self.subquery(depth, scope)
        return self.simple(scope)

    def subquery(self, depth: int, scope: Scope) -> str:
        form = self.pick(
            ("EXISTS", "EXISTS", "NOT EXISTS", "IN", "IN", "NOT IN", "scalar", "scalar", "OR", "row", "any")
        )
        if form in ("EXISTS", "NOT EXISTS"):
            return f"{form} ({self.query(depth - 1, scope)[0]})"
        kind = self.pick(("INTEGER", "DATE", "VARCHAR"))
        text = self.reference(scope, kind)
        if form == "scalar":
            operator = self.pick(("=", "<=", ">", "IS DISTINCT FROM", "IS NOT DISTINCT FROM"))
            return f"{text} {operator} ({self.scalar(depth - 1, scope, kind)})"
        kinds = [kind, "DATE"] if form == "row" else [kind]
        sql, _ = self.query(depth - 1, scope, kinds)
        if form == "row":
            return f"({text}, {self.reference(scope, 'DATE')}) {self.pick(('', 'NOT '))}IN ({sql})"
        if form == "any":
            return f"{text} {self.pick(('= ANY', '>= ALL', '<> ALL', '< ANY'))} ({sql})"
        if form == "OR":
            return f"({self.simple(scope)} {self.pick(('OR', 'AND'))} {text} IN ({sql}))"
        return f"{text} {form} ({sql})"

    def simple(self, scope: Scope) -> str:
        if self.chance(4):
            return self.pick(_FIXED)
        if self.chance(14):
            parts = [self.simple(scope) for _ in range(2)]
            return f"({self.pick((' OR ', ' OR ', ' AND ')).join(parts)})"
        if self.chance(8):
            return f"NOT ({self.simple(scope)})"
        kind = self.pick(("INTEGER", "DATE", "DATE", "VARCHAR", "BOOLEAN"))
        text, constant = self.reference(scope, kind), self.pick(_CONSTANTS[kind])
        if kind == "BOOLEAN" and self.chance(50):
            return self.pick((text, f"NOT {text}", f"{text} IS NOT TRUE", f"{text} IS TRUE"))
        if self.chance(12):
            constant = self.reference(scope, kind)
        operator = self.pick(("=", "=", "<>", "<", "<=", "<=", ">", ">=", ">="))
        forms = [f"{text} {operator} {constant}"] * 5
        forms += [
            f"{text} IS {self.pick(('', 'NOT '))}NULL",
            f"{text} IS {self.pick(('', 'NOT '))}DISTINCT FROM {constant}",
        ]
        forms += [f"{text} {self.pick(('', 'NOT '))}IN ({constant}, {self.pick(_CONSTANTS[kind])})"]
        forms += [f"coalesce({text}, {self.reference(scope, kind)}) {operator} {constant}"]
        forms += [f"CASE WHEN {text} {operator} {constant} THEN {self.pick(_FIXED)} ELSE {text} IS NULL END"]
        forms += [f"{text} BETWEEN {constant} AND {self.pick(_CONSTANTS[kind])}"]
        if kind == "DATE":
            forms += [f"date_trunc('month', {text}) {operator} DATE '2024-02-01'", f"{text} + 1 {operator} {constant}"]
        return self.pick(forms)


@dataclass(slots=True, kw_only=True)
class World(Database):
    """A database whose tables do not change: their columns are read once."""

    columns: dict[str, list[Column]] = field(default_factory=dict)

    @property
    def tables(self) -> dict[str, list[Column]]:
        return self.columns


def world(number: int) -> World:
    """Make the world of a number: every table has few rows, rich in NULLs and duplicates; one in four is empty."""
    chance = random.Random(number)
    connection = duckdb.connect(config={"threads": 1})
    connection.execute("SET TimeZone = 'UTC'")
    columns = {}
    for table, names in TABLES.items():
        columns[table] = [Column(name=name, type=TYPES[name]) for name in names]
        connection.execute(f"CREATE TABLE {table} ({', '.join(f'{name} {TYPES[name]}' for name in names)})")
        rows = [
            tuple(chance.choice(_VALUES[TYPES[name]]) for name in names)
            for _ in range(chance.choice((0, *(3, 5, 8) * 3)))
        ]
        if rows:
            connection.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(names))})", rows)
    return World(connection=connection, columns=columns)


def values(choose: Callable[[int], int]) -> dict[str, TypedValue]:
    """Choose a value for every parameter that a query may name; NULL among them."""
    kinds = {"pk": "INTEGER", "pj": "INTEGER", "pd": "DATE", "ps": "VARCHAR", "pf": "BOOLEAN"}
    made = {}
    for name, kind in kinds.items():
        chosen = _VALUES[kind][choose(len(_VALUES[kind]))]
        made[name] = TypedValue(value=date.fromisoformat(chosen) if kind == "DATE" and chosen else chosen, type=kind)
    return made

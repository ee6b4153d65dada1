"""Queries at random, over every construct that pruning has a rule for, with data rich in NULLs and duplicates.

All tables have the same columns, so that joins and set operations are likely to meet. Every query has one answer:
LIMIT and DISTINCT ON order by all columns, aggregates and windows depend on no order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, TypeVar

import duckdb
from hypothesis import strategies as st
from restriction import Database

from gateway.model import TypedValue

T = TypeVar("T")
TABLES = ("a", "b", "c")
COLUMNS = {"k": "INTEGER", "d": "DATE", "ts": "TIMESTAMP", "s": "VARCHAR", "f": "BOOLEAN", "m": "DECIMAL(6,2)"}
_DAYS = [date(2024, 1, 30) + timedelta(days=n) for n in range(4)]
_TIMES = [datetime(2024, 1, 30, 6) + timedelta(hours=9 * n) for n in range(8)]
LITERALS: dict[str, Sequence[str]] = {
    "INTEGER": ("0", "1", "2", "3", "-1", "1.5", "3000000000", "'2'"),
    "BIGINT": ("0", "1", "2", "2024"),
    "DATE": (*(f"DATE '{day}'" for day in _DAYS), "'2024-01-31'", "TIMESTAMP '2024-01-31 12:00:00'"),
    "TIMESTAMP": (*(f"TIMESTAMP '{time}'" for time in _TIMES[:4]), "'2024-01-31'", "DATE '2024-02-01'"),
    "VARCHAR": ("'a'", "'ab'", "'b'", "''", "'abc'"),
    "BOOLEAN": ("TRUE", "FALSE"),
    "DECIMAL(6,2)": ("0", "1", "1.5", "0.050", "1.505", "2"),
}
_PARAMETERS = {
    "INTEGER": ("pk", "pj"),
    "DATE": ("pd", "pe"),
    "TIMESTAMP": ("pt", "pd"),
    "VARCHAR": ("ps",),
    "DECIMAL(6,2)": ("pm", "pk"),
    "BOOLEAN": ("pf",),
}
_OPERATORS = ("=", "=", "=", "<>", "<", "<=", ">", ">=")
_JOINS = (
    "JOIN",
    "JOIN",
    "LEFT JOIN",
    "LEFT JOIN",
    "RIGHT JOIN",
    "FULL JOIN",
    "CROSS JOIN",
    ",",
    "SEMI JOIN",
    "ANTI JOIN",
)
Scope = list[tuple[str, dict[str, str]]]
"""The sources that a condition may name: alias, and the columns with their types."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One question: the rows of the tables, the query, its parameters."""

    data: dict[str, list[tuple[Any, ...]]]
    sql: str
    parameters: dict[str, TypedValue]


@dataclass(slots=True)
class Generator:
    """Writes one query; *draw* is hypothesis's."""

    draw: Callable[[st.SearchStrategy[Any]], Any]
    tables: Mapping[str, dict[str, str]] = field(default_factory=lambda: dict.fromkeys(TABLES, COLUMNS))
    literals: Mapping[str, Sequence[str]] = field(default_factory=lambda: LITERALS)
    positional: bool = True
    """Whether rows have an order that POSITIONAL JOIN may go by."""
    ctes: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    names: int = 0

    def pick(self, items: Sequence[T]) -> T:
        return items[self.draw(st.integers(0, len(items) - 1))]

    def chance(self, percent: int) -> bool:
        return bool(self.draw(st.integers(0, 99)) >= 100 - percent)

    def name(self, prefix: str) -> str:
        self.names += 1
        return f"{prefix}{self.names}"

    # Queries

    def query(self, depth: int, outer: Scope, width: Sequence[str] | None = None) -> tuple[str, dict[str, str]]:
        """Write a query; *width* asks for output columns of those types."""
        if depth > 0 and self.chance(20):
            return self.set_operation(depth, outer, width)
        return self.select(depth, outer, width)

    def statement(self, depth: int) -> str:
        withs = []
        for _ in range(self.pick((0, 0, 0, 1, 1, 2))):
            sql, columns = self.query(depth - 1, [])
            name = self.name("w")
            hint = self.pick(("", "", "MATERIALIZED ", "NOT MATERIALIZED "))
            withs.append(f"{name} AS {hint}({sql})")
            self.ctes.append((name, columns))
        sql, _ = self.query(depth, [])
        return (f"WITH {', '.join(withs)} " if withs else "") + sql

    def set_operation(self, depth: int, outer: Scope, width: Sequence[str] | None) -> tuple[str, dict[str, str]]:
        types = list(width or [self.pick(list(self.tables["a"].values())) for _ in range(self.pick((1, 2, 3)))])
        left, columns = self.query(depth - 1, outer, types)
        right, _ = self.query(depth - 1, outer, types)
        operator = self.pick(("UNION ALL", "UNION", "INTERSECT", "EXCEPT", "EXCEPT ALL", "INTERSECT ALL"))
        sql = f"({left}) {operator} ({right})"
        if self.chance(15):
            sql += " ORDER BY ALL LIMIT 2"
        return sql, columns

    def select(self, depth: int, outer: Scope, width: Sequence[str] | None) -> tuple[str, dict[str, str]]:
        from_, scope = self.from_clause(depth, outer)
        visible = scope
        where = [self.condition(depth, visible, outer) for _ in range(self.pick((0, 1, 1, 2, 2, 3)))]
        filters = f" WHERE {' AND '.join(where)}" if where else ""
        shape = self.pick(("plain", "plain", "plain", "grouped", "window", "distinct", "limit", "distinct on", "star"))
        if shape == "star" and width is None and len(scope) == 1:
            return f"SELECT * FROM {from_}{filters}", dict(scope[0][1])
        if shape == "grouped":
            return self.grouped(depth, scope, outer, f"FROM {from_}{filters}", width)
        if shape == "window" and width is None and self.chance(30):
            return self.first_rows()
        items, columns = self.items(depth, scope, outer, width)
        tail = ""
        if shape == "window" and width is None:
            partition = self.column(scope)[0]
            name = self.name("o")
            call = self.pick(("count(*)", "rank()", "sum(1)"))
            order = f" ORDER BY {self.column(scope)[0]}" if call == "rank()" or self.chance(40) else ""
            by = f"PARTITION BY {partition}" if self.chance(80) else ""
            items.append(f"{call} OVER ({by}{order}) AS {name}")
            columns[name] = "HUGEINT" if call == "sum(1)" else "BIGINT"
            if self.chance(40):
                tail = f" QUALIFY {self.simple(scope)} AND rank() OVER ({by} ORDER BY {self.column(scope)[0]}) <= 2"
        head = "SELECT "
        if shape == "distinct":
            head = "SELECT DISTINCT "
            tail = self.first_of(list(columns)) if not tail and len(columns) == len(items) and self.chance(30) else tail
        if shape == "distinct on" and not tail:
            head = f"SELECT DISTINCT ON ({next(iter(columns))}) "
            tail = " ORDER BY ALL"
        if shape == "limit" and len(columns) == len(items) and self.chance(60):
            tail = self.first_of(list(columns), self.expression(scope))
        elif shape == "limit":
            tail = f" ORDER BY ALL LIMIT {self.pick((1, 2, 3))}" + self.pick(("", " OFFSET 1"))
        return f"{head}{', '.join(items)} FROM {from_}{filters}{tail}", columns

    def first_rows(self) -> tuple[str, dict[str, str]]:
        """Write windows over all rows of a table that are asked for the first ones, and now and then others."""
        name, table, counted = self.name("x"), self.pick(list(self.tables)), self.name("o")
        scope: Scope = [(name, self.tables[table])]
        (key, kind), other, number = self.column(scope), self.column(scope)[0], self.pick(("1", "2", "3", "$pk"))
        order = f"{self.pick(('', ' DESC', ' DESC'))}{self.pick(('', '', ' NULLS FIRST'))}"
        ordered = f"ORDER BY {key}{order}{self.pick(('', f', {other}'))}"
        partition = self.pick(("", "", "", "", f"PARTITION BY {other} "))
        call = self.pick(("rank()", "dense_rank()", f"max({key})", f"min({key})", "count(*)"))
        if call.endswith("()"):
            asked = f"{counted} {self.pick(('=', '<=', '<', '>'))} {number}"
        else:
            ordered, asked = "", f"{key} {self.pick(_OPERATORS)} max({key}) OVER ()"
        asked = self.pick((asked, asked, f"{asked} AND {self.simple(scope)}", f"{asked} OR {self.simple(scope)}"))
        where = self.pick(("", f" WHERE {self.simple(scope)}"))
        items = f"{key} AS {counted}k, {other} AS {counted}o, {call} OVER ({partition}{ordered}) AS {counted}"
        sql = f"SELECT {items} FROM {table} AS {name}{where}"
        columns = {f"{counted}k": kind}
        if call.endswith("()") and self.chance(40):
            return f"SELECT {counted}k FROM ({sql}) WHERE {asked.replace(f'{name}.', '')}", columns
        return f"{sql} QUALIFY {asked}", columns

    def items(
        self, depth: int, scope: Scope, outer: Scope, width: Sequence[str] | None
    ) -> tuple[list[str], dict[str, str]]:
        items, columns = [], {}
        for kind in width or [None for _ in range(self.pick((1, 2, 3, 4)))]:  # type: ignore[misc]  # None: any type
            name = self.name("o")
            text, found = self.column(scope, kind)
            if width is None and self.chance(10) and found in ("TIMESTAMP", "DATE"):
                text, found = f"date_trunc('month', {text})", "TIMESTAMP"
            elif width is None and self.chance(5) and found == "TIMESTAMP":
                text, found = f"{text}::DATE", "DATE"
            elif width is None and depth > 0 and self.chance(8):
                text, found = f"({self.scalar(depth, scope, outer)})", "BIGINT"
            items.append(f"{text} AS {name}")
            columns[name] = found
        return items, columns

    def grouped(
        self, depth: int, scope: Scope, outer: Scope, rest: str, width: Sequence[str] | None
    ) -> tuple[str, dict[str, str]]:
        keys: list[str] = []
        items, columns = [], {}
        for kind in width or [None for _ in range(self.pick((0, 1, 1, 2)))]:  # type: ignore[misc]  # None: any type
            text, found = self.column(scope, kind)
            name = self.name("o")
            keys.append(text)
            items.append(f"{text} AS {name}")
            columns[name] = found
        if width is None:
            name, (text, found) = self.name("o"), self.column(scope)
            call = self.pick(("count(*)", f"count({text})", f"min({text})", f"max({text})", f"max({text})"))
            items.append(f"{call} AS {name}")
            columns[name] = "BIGINT" if call.startswith("count") else found
        if not keys and width is None and self.chance(40):
            return self.conditional(scope, rest)
        if not keys:
            having = self.pick(("", "", " HAVING count(*) > 0"))
            return f"SELECT {', '.join(items)} {rest}{having}", columns
        if width is None and self.chance(25):
            return self.left_out(scope, rest, keys)
        by = ", ".join(keys)
        if self.chance(20) and width is None:
            by = self.pick((f"ROLLUP ({by})", f"CUBE ({by})", f"GROUPING SETS (({by}), ())", "ALL"))
        having = self.pick(("", "", " HAVING count(*) > 1", f" HAVING {keys[0]} IS NOT NULL"))
        if "ROLLUP" not in by and "CUBE" not in by and self.chance(30):
            having = f" HAVING {self.comparison(keys[0], next(iter(columns.values())))}"
        tail = self.first_of(list(columns)) if len(columns) == len(items) and self.chance(25) else ""
        return f"SELECT {', '.join(items)} {rest} GROUP BY {by}{having}{tail}", columns

    def first_of(self, columns: Sequence[str], by: str | None = None) -> str:
        """Write a LIMIT of rows in a total order, first by one of the columns or by an expression."""
        first = self.pick(columns)
        key, others = (first, [name for name in columns if name != first]) if by is None else (by, columns)
        order = f"{key}{self.pick(('', ' DESC', ' DESC'))}{self.pick(('', '', ' NULLS FIRST', ' NULLS LAST'))}"
        tail = f" ORDER BY {', '.join([order, *others])} LIMIT {self.pick((1, 1, 2, 3))}"
        return tail + self.pick(("", "", " OFFSET 1"))

    def expression(self, scope: Scope) -> str | None:
        """Write an expression of a column, or nothing."""
        text, kind = self.column(scope)
        forms = {"DATE": ("year({x}) * 100 + month({x})", "strftime({x}, '%d')"), "INTEGER": ("{x} % 2", "-{x}")}
        forms["TIMESTAMP"] = ("epoch({x})", "-epoch({x})", "strftime({x}, '%Y-%m-%d %H:%M')", "dayname({x})")
        forms["VARCHAR"] = ("lower({x})", "length({x})")
        return self.pick(forms[kind]).format(x=text) if kind in forms and self.chance(30) else None

    def conditional(self, scope: Scope, rest: str) -> tuple[str, dict[str, str]]:
        """Write aggregates that look at some rows only, and now and then one that looks at all."""
        items, columns = [], {}
        for _ in range(self.pick((1, 1, 2))):
            name, condition, (text, _) = self.name("o"), self.simple(scope), self.column(scope)
            call = self.pick(
                (
                    f"count({self.pick(('*', text))}) FILTER (WHERE {condition})",
                    f"count(CASE WHEN {condition} THEN {text} END)",
                    f"sum(CASE WHEN {condition} THEN 1 ELSE {self.pick(('0', '0', 'NULL', '1'))} END)",
                    f"count_if({condition})",
                    f"max({text}) FILTER (WHERE {condition})::VARCHAR",
                    f"count(*) FILTER (WHERE {condition}) OVER ()",
                )
            )
            items.append(f"{call} AS {name}")
            columns[name] = (
                "VARCHAR" if call.startswith("max") else "BIGINT" if call.startswith("count(") else "HUGEINT"
            )
        return f"SELECT {', '.join(items)} {rest}", columns

    def left_out(self, scope: Scope, rest: str, keys: Sequence[str]) -> tuple[str, dict[str, str]]:
        """Write such aggregates of groups, which HAVING leaves out if nothing, or nothing great enough, is in them."""
        by = self.pick((", ".join(keys), f"ROLLUP ({', '.join(keys)})")) if self.chance(15) else ", ".join(keys)
        operator, number = self.pick(_OPERATORS), self.pick(("0", "1", "2", "$pk"))
        if self.chance(15):
            one, name, other = self.simple(scope), self.name("o"), self.simple(scope)
            more = self.pick(("", f", count(*) FILTER (WHERE {other})", f", bool_or({other})"))
            passed = self.pick(
                (f"bool_or({one})", name, f"{name} = TRUE", f"NOT {name}", f"{name} OR bool_or({other})")
            )
            return f"SELECT bool_or({one}) AS {name}{more} {rest} GROUP BY {by} HAVING {passed}", {name: "BOOLEAN"}
        if self.chance(30):
            (text, kind), name, call = self.column(scope), self.name("o"), self.pick(("max", "min"))
            having, other = f"{call}({text}) {operator} {self.constant(kind)}", self.simple(scope)
            more = self.pick(("", f", count(*) FILTER (WHERE {other})", f", max({self.column(scope)[0]})"))
            passed = f" HAVING {having}" if self.chance(70) else ""
            return f"SELECT {call}({text}) AS {name}{more} {rest} GROUP BY {by}{passed}", {name: kind}
        head, columns = self.conditional(scope, rest)
        name, kind = next(iter(columns.items()))
        asked = f"{name} {operator} {number}" if kind != "VARCHAR" and self.chance(80) else f"{name} IS NOT NULL"
        return f"{head} GROUP BY {by}" + (f" HAVING {asked}" if self.chance(70) else ""), columns

    # FROM

    def from_clause(self, depth: int, outer: Scope) -> tuple[str, Scope]:
        text, columns, name = self.source(depth, outer, [])
        scope: Scope = [(name, columns)]
        for _ in range(self.pick((0, 0, 1, 1, 1, 2))):
            text, scope = self.joined(depth, outer, text, scope)
        return text, scope

    def joined(self, depth: int, outer: Scope, text: str, scope: Scope) -> tuple[str, Scope]:
        join = self.pick(_JOINS)
        lateral = join in ("JOIN", "LEFT JOIN", ",") and depth > 0 and self.chance(10)
        item, columns, name = self.source(depth, outer, scope if lateral else [])
        if self.positional and self.chance(4):
            return f"{text} POSITIONAL JOIN {item}", [*scope, (name, columns)]
        if self.chance(6):
            return self.asof(text, scope)
        if join in (",", "CROSS JOIN"):
            return f"{text}{', ' if join == ',' else ' CROSS JOIN '}{item}", [*scope, (name, columns)]
        both = [*scope, (name, columns)]
        shared = [c for c in columns if sum(c in held for _, held in scope) == 1]
        same = [c for c in shared if all(held.get(c, columns[c]) == columns[c] for _, held in scope)]
        if same and join not in ("FULL JOIN", "RIGHT JOIN") and self.chance(20):
            text = f"{text} {join} {item} USING ({self.pick(same)})"
        else:
            on = [self.equality(scope, name, columns)] if self.chance(85) else []
            on += [self.simple(both) for _ in range(self.pick((0, 0, 1, 1)))]
            text = f"{text} {join} {item} ON {' AND '.join(on) or 'TRUE'}"
        return text, scope if join in ("SEMI JOIN", "ANTI JOIN") else both

    def asof(self, text: str, scope: Scope) -> tuple[str, Scope]:
        name, table = self.name("x"), self.pick(list(self.tables))
        inner = f"(SELECT k, ts, min(d) AS d, min(s) AS s FROM {table} GROUP BY k, ts)"
        keys = [
            (alias, columns)
            for alias, columns in scope
            if columns.get("k") == "INTEGER" and columns.get("ts") == "TIMESTAMP"
        ]
        if not keys:
            return text, scope
        alias, _ = self.pick(keys)
        join = self.pick(("ASOF JOIN", "ASOF LEFT JOIN"))
        # The engine matches NULL otherwise, in the answer to compare with too: docs/engine-results.md.
        guarded = f"{alias}.ts IS NOT NULL AND {alias}.k = {name}.k AND {alias}.ts >= {name}.ts"
        text = f"{text} {join} {inner} AS {name} ON {guarded}"
        return text, [*scope, (name, {"k": "INTEGER", "ts": "TIMESTAMP", "d": "DATE", "s": "VARCHAR"})]

    def source(self, depth: int, outer: Scope, siblings: Scope) -> tuple[str, dict[str, str], str]:
        name = self.name("x")
        if depth > 0 and (siblings or self.chance(25)):
            sql, columns = self.query(depth - 1, [*outer, *siblings])
            return f"{'LATERAL ' if siblings else ''}({sql}) AS {name}", columns, name
        if not siblings and self.chance(8):
            return self.fixed(name)
        if self.chance(7):
            return self.members(name)
        if self.ctes and self.chance(50):
            cte, columns = self.pick(self.ctes)
            return f"{cte} AS {name}", dict(columns), name
        table, columns = self.pick(list(self.tables.items()))
        return f"{table} AS {name}", dict(columns), name

    def fixed(self, name: str) -> tuple[str, dict[str, str], str]:
        """Write rows of constants: one of a SELECT, or some of VALUES or UNION ALL."""
        columns = {self.name("o"): self.pick(("DATE", "TIMESTAMP", "INTEGER", "VARCHAR")) for _ in range(2)}
        rows = [[self.cell(kind) for kind in columns.values()] for _ in range(self.pick((1, 1, 2, 3)))]
        if self.chance(40):
            listed = ", ".join(f"({', '.join(row)})" for row in rows)
            return f"(VALUES {listed}) AS {name}({', '.join(columns)})", columns, name
        arms = [", ".join(f"{cell} AS {c}" for cell, c in zip(row, columns, strict=True)) for row in rows]
        where = self.pick(("", "", f" WHERE {self.pick(('$pf', 'false', '$pk = 1'))}"))
        sql = " UNION ALL ".join(f"SELECT {arm}{where}" for arm in arms)
        by = f" GROUP BY ROLLUP ({', '.join(columns)})"
        over = f"SELECT {', '.join(columns)} FROM ({sql}) AS r{self.pick(('', '', by))}"
        return f"({self.pick((sql, over))}) AS {name}", columns, name

    def cell(self, kind: str) -> str:
        if self.chance(40):
            return f"${self.pick([name for name in _PARAMETERS[kind] if kind != 'TIMESTAMP' or name == 'pt'])}"
        return f"CAST({self.pick(self.literals.get(kind, ('NULL',)))} AS {kind})"

    def members(self, name: str) -> tuple[str, dict[str, str], str]:
        """Write a source whose rows are the members of a list."""
        ends = self.pick(("DATE '2024-01-30', $pd", "$pe, $pd", "$pt, DATE '2024-02-02'"))
        step = self.pick(("INTERVAL 1 DAY", "INTERVAL 9 HOUR", "INTERVAL (-1) DAY"))
        call = self.pick((f"range({ends}, {step})", f"generate_series({ends}, {step})"))
        forms: tuple[tuple[str, dict[str, str]], ...] = (
            (f"unnest($pl) AS {name}(k)", {"k": "INTEGER"}),
            (f"(SELECT unnest($pl) AS k) AS {name}", {"k": "INTEGER"}),
            (f"(SELECT unnest($pl) AS k, unnest(range($pk)) AS o) AS {name}", {"k": "INTEGER", "o": "BIGINT"}),
            (f"{call} AS {name}(ts)", {"ts": "TIMESTAMP"}),
            (f"(SELECT unnest({call})::DATE AS d) AS {name}", {"d": "DATE"}),
            (f"(SELECT ts::DATE AS d FROM {call} AS y(ts) WHERE ts > $pt) AS {name}", {"d": "DATE"}),
        )
        text, columns = self.pick(forms)
        return text, columns, name

    # Conditions

    def column(self, scope: Scope, kind: str | None = None) -> tuple[str, str]:
        """Name a column (of type *kind*, or a constant where there is none)."""
        found = [(f"{alias}.{c}", t) for alias, columns in scope for c, t in columns.items() if kind in (None, t)]
        if found:
            return self.pick(found)
        return f"CAST({self.pick(self.literals.get(kind or 'INTEGER', ('1',)))} AS {kind})", kind or "INTEGER"

    def constant(self, kind: str) -> str:
        if kind in _PARAMETERS and self.chance(35):
            return f"${self.pick(_PARAMETERS[kind])}"
        if self.chance(4):
            return "NULL"
        if kind == "TIMESTAMP" and self.chance(15):
            return self.pick(("$pt - INTERVAL 1 DAY", "date_trunc('day', $pt)", "DATE '2024-01-30' + INTERVAL 12 HOUR"))
        if kind == "DATE" and self.chance(15):
            return self.pick(
                ("$pd + 1", "coalesce($pd, DATE '2024-01-31')", "CAST($pt AS DATE)", "DATE '2024-02-01' - 1")
            )
        return self.pick(self.literals.get(kind, ("1", "2")))

    def wrapped(self, text: str, kind: str) -> tuple[str, str]:
        """Put a column under a function now and then."""
        if kind not in ("DATE", "TIMESTAMP") or not self.chance(30):
            return text, kind
        return self.pick(
            (
                (f"date_trunc('month', {text})", "TIMESTAMP"),
                (f"date_trunc('day', {text})", "TIMESTAMP"),
                (f"{text}::DATE", "DATE"),
                (f"CAST({text} AS TIMESTAMP)", "TIMESTAMP"),
                (f"year({text})", "BIGINT"),
                (f"extract(month FROM {text})", "BIGINT"),
                (f"strftime({text}, '%Y-%m-%d')", "VARCHAR"),
                (f"{text} + INTERVAL 1 DAY", "TIMESTAMP"),
                (f"dayofweek({text})", "BIGINT"),
            )
        )

    def comparison(self, text: str, kind: str) -> str:
        text, kind = self.wrapped(text, kind)
        form = self.pick(
            ("compare", "compare", "compare", "between", "in", "in", "null", "distinct", "like", "optional")
        )
        negated = self.pick(("", "", "NOT "))
        if form == "between":
            return f"{text} {negated}BETWEEN {self.constant(kind)} AND {self.constant(kind)}"
        if form == "in":
            if kind == "INTEGER" and self.chance(30):
                return f"{negated}({text} {self.pick(('IN $pl', '= ANY($pl)', 'IN (SELECT unnest($pl))'))})"
            return f"{text} {negated}IN ({', '.join(self.constant(kind) for _ in range(self.pick((1, 2, 3))))})"
        if form == "null":
            return f"{text} IS {negated}NULL"
        if form == "distinct":
            return f"{text} IS {negated}DISTINCT FROM {self.constant(kind)}"
        if form == "like" and kind == "VARCHAR":
            pattern = self.pick(("'a%'", "'ab'", "'a_'", "'%b'", "$ps || '%'", "$ps"))
            return f"{text} {negated}LIKE {pattern}" if self.chance(70) else f"{negated}starts_with({text}, $ps)"
        if form == "optional" and kind in _PARAMETERS:
            name = self.pick(_PARAMETERS[kind])
            forms = [f"(${name} IS NULL OR {text} = ${name})"] * 2
            forms += [f"{text} = coalesce(${name}, {text})", f"${name} IN ({text}, {self.constant(kind)})"]
            forms += [f"CASE WHEN ${name} IS NULL THEN $pf WHEN $pf THEN {text} < ${name} ELSE {text} = ${name} END"]
            forms += [f"coalesce({text} < ${name}, {self.pick(('TRUE', 'FALSE'))})", f"({text} = ${name}) = $pf"]
            forms += [f"({text} >= ${name}) {self.pick(('=', '<>'))} {self.pick(('TRUE', 'FALSE'))}"]
            forms += [f"{text} = CASE WHEN $pf THEN ${name} ELSE {self.constant(kind)} END"]
            forms += [f"if($pf, {text} <> ${name}, {text} IS NULL)", f"coalesce(${name}, $pk, {text}) = {text}"]
            if kind == "INTEGER":
                forms += [f"(len($pl) = 0 OR {text} IN $pl)", f"(list_contains($pl, 2) OR list_has($pl, {text}))"]
            return negated + self.pick(forms)
        if self.chance(15):
            return f"{self.constant(kind)} {self.pick(_OPERATORS)} {text}"
        return f"{text} {self.pick(_OPERATORS)} {self.constant(kind)}"

    def branches(self, scope: Scope) -> str:
        """Write a CASE over several columns, as a condition or compared."""
        (text, kind), (other, of) = self.column(scope), self.column(scope)
        default = self.pick(("", " ELSE FALSE", f" ELSE {self.comparison(text, kind)}"))
        values = [self.constant(kind) for _ in range(3)]
        return self.pick(("", "NOT ")) + self.pick(
            (
                f"CASE WHEN {self.comparison(other, of)} THEN {self.comparison(text, kind)}{default} END",
                f"CASE {other} WHEN {self.constant(of)} THEN {self.comparison(text, kind)}{default} END",
                f"{text} {self.pick(_OPERATORS)} CASE WHEN {self.comparison(other, of)} THEN {values[0]} "
                f"WHEN {other} = {self.constant(of)} THEN {values[1]} ELSE {values[2]} END",
            )
        )

    def together(self, scope: Scope) -> str:
        """Write a condition on what two columns make together."""
        (text, kind), (other, of) = self.column(scope), self.column(scope)
        literals = [self.pick(self.literals.get(one, ("1", "2"))) for one in (kind, of)]
        value, operator = f"concat({literals[0]}, '/', {literals[1]})", self.pick(_OPERATORS)
        forms = [
            f"concat({text}, '/', {other}) {operator} {value}",
            f"{text}::VARCHAR || '/' || {other}::VARCHAR {operator} {value}",
            f"concat({text}, '/', {other}) LIKE '%{self.pick(('1', '2024-01-31', 'b', '/'))}'",
            f"concat_ws('/', {text}, {other}) IN ({value}, '1', 'ab')",
            f"concat({text}, '/', {other}) IN ('ab/1', '/1', 'a/', '2/ab', '/')",
            f"{text} || {other} = '{self.pick(('1ab', 'ab1', '11', 'aab', 'a'))}'",
            f"coalesce({text}::VARCHAR, {other}::VARCHAR) {operator} {literals[0]}::VARCHAR",
        ]
        times = [one for one, found in ((text, kind), (other, of)) if found in ("DATE", "TIMESTAMP")]
        forms += [f"concat(strftime({one}, '%Y-%m'), {text}, {other}) LIKE '2024-01%'" for one in times]
        return self.pick(("", "", "NOT ")) + self.pick(forms)

    def simple(self, scope: Scope) -> str:
        """Write a condition without a subquery."""
        text, kind = self.column(scope)
        if kind == "BOOLEAN" and self.chance(40):
            return self.pick((text, f"NOT {text}", f"{text} IS TRUE", f"{text} IS NOT TRUE"))
        if self.chance(15):
            other, _ = self.column(scope, kind)
            return f"{text} {self.pick(_OPERATORS)} {other}" if self.chance(70) else self.times(scope, scope)
        if self.chance(12):
            parts = [self.simple(scope) for _ in range(2)]
            return f"({self.pick((' OR ', ' OR ', ' AND ')).join(parts)})"
        if self.chance(8):
            return f"NOT ({self.simple(scope)})"
        if self.chance(5):
            return self.branches(scope)
        if self.chance(5):
            return self.together(scope)
        if self.chance(5) and "INTEGER" in [t for _, columns in scope for t in columns.values()]:
            other, _ = self.column(scope, "INTEGER")
            second, kind = self.column(scope)
            if kind in self.literals and self.chance(50):
                operator = self.pick(("<", "<=", ">", ">="))
                return f"({other}, {second}) {operator} ({self.pick(('1', '$pk'))}, {self.constant(kind)})"
            return f"({other}, {other}) IN ((1, 1), ({self.pick(('2', '$pk'))}, 2))"
        return self.comparison(text, kind)

    def times(self, left: Scope, right: Scope) -> str:
        """Compare a time of each side, under functions; columns of one side only where the other has none."""
        texts = []
        for scope in (left, right):
            text, kind = self.column(scope, self.pick(("DATE", "TIMESTAMP")))
            functions = [
                *(
                    f"{text}::DATE",
                    f"date_trunc('month', {text})",
                    f"date_trunc('week', {text})",
                    f"CAST({text} AS TIMESTAMP)",
                ),
                *(f"{text} + INTERVAL 1 DAY", f"{text} - INTERVAL 9 HOUR", f"{text}::DATE + 1"),
                *(f"{text}::DATE + INTERVAL 1 MONTH", f"date_trunc('day', {text}) - INTERVAL 1 DAY"),
            ]
            texts.append((self.pick((text, *functions)), kind))
        (one, _), (other, kind) = texts
        if self.chance(25):
            number = self.pick((f"month({one}) = month({other})", f"year({one}) = year({other})"))
            return self.pick((number, f"strftime({one}, '%Y-%m') = strftime({other}, '%Y-%m')"))
        if self.chance(25):
            number = self.pick(("0", "1", "-1", "2"))
            counted = f"date_diff('{self.pick(('day', 'month', 'week', 'hour', 'year'))}', {other}, {one})"
            difference = self.pick((f"{one}::DATE - {other}::DATE", counted, counted))
            length = f"{one}::TIMESTAMP - {other}::TIMESTAMP {self.pick(_OPERATORS)} INTERVAL 9 HOUR"
            near = f"abs({difference}) {self.pick(('<', '<='))} {number}"
            between = f"{difference} BETWEEN {number} AND {self.pick(('2', '$pk'))}"
            others = (
                f"epoch({one}) - epoch({other}) < 86400",
                f"{one} < {other} + to_days($pk)",
                f"year({one}) * 100 + month({one}) = year({other}) * 100 + month({other})",
                f"{one}::TIMESTAMP BETWEEN {other} AND {other} + INTERVAL ($pk) DAY",
            )
            if self.chance(30):
                return self.pick(others)
            return self.pick((f"{difference} {self.pick(_OPERATORS)} {number}", between, near, length))
        if self.chance(30):
            return f"{one} BETWEEN {other} AND {other} + INTERVAL {self.pick(('1 DAY', '9 HOUR', '1 MONTH'))}"
        return f"{one} {self.pick(_OPERATORS)} {other}"

    def equality(self, scope: Scope, name: str, columns: dict[str, str]) -> str:
        if self.chance(35):
            return self.times(scope, [(name, columns)])
        if self.chance(15):
            return f"{self.text_of(scope)} = {self.text_of([(name, columns)])}"
        column = self.pick(list(columns))
        other, _ = self.column(scope, columns[column])
        operator = self.pick(("=", "=", "=", "=", "<", ">="))
        return f"{other} {operator} {name}.{column}"

    def text_of(self, scope: Scope) -> str:
        """Write a text that is made of a column."""
        text, kind = self.column(scope)
        forms = {
            "VARCHAR": ("lower({})", "{} || 'b'", "left({}, 1)", "{}", "replace({}, 'b', '')"),
            "INTEGER": ("{}::VARCHAR",),
        }
        forms["DATE"] = forms["TIMESTAMP"] = ("strftime({}, '%-d')", "strftime({}, '%Y')", "monthname({})")
        return self.pick(forms.get(kind, ("{}::VARCHAR",))).format(text)

    def condition(self, depth: int, scope: Scope, outer: Scope) -> str:
        """Write a conjunct of WHERE; one about the blocks around where there are any."""
        if outer and self.chance(45):
            if self.chance(30):
                return self.times(scope, outer)
            text, kind = self.column(outer)
            own, _ = self.column(scope, kind)
            return f"{own} {self.pick(('=', '=', '=', '<', '>='))} {text}"
        if depth > 0 and self.chance(22):
            return self.subquery(depth, scope, outer)
        return self.simple(scope)

    def subquery(self, depth: int, scope: Scope, outer: Scope) -> str:
        around = [*outer, *scope]
        form = self.pick(
            ("exists", "exists", "not exists", "in", "in", "not in", "scalar", "extreme", "extreme", "or", "pair")
        )
        if form in ("exists", "not exists"):
            sql, _ = self.query(depth - 1, around)
            return f"{'NOT ' if form.startswith('not') else ''}EXISTS ({sql})"
        if form == "extreme":
            return self.extreme(scope)
        if form == "scalar":
            return f"{self.pick(('1', '0', '2'))} {self.pick(('<=', '=', '<'))} ({self.scalar(depth, scope, outer)})"
        text, kind = self.column(scope)
        kinds = [kind]
        if form == "pair":
            other, second = self.column(scope)
            text, kinds = f"({text}, {other})", [kind, second]
        if any(one not in self.literals for one in kinds):
            return self.simple(scope)
        if form == "in" and self.chance(20):
            name, table = self.name("x"), self.pick(list(self.tables))
            inner: Scope = [(name, self.tables[table])]
            sql = f"SELECT {self.text_of(inner)} FROM {table} AS {name} WHERE {self.simple(inner)}"
            return f"{self.text_of(scope)} IN ({sql})"
        sql, _ = self.query(depth - 1, around if self.chance(40) else [], kinds)
        if form == "or":
            return f"({self.simple(scope)} OR {text} IN ({sql}))"
        return f"{text} {'NOT ' if form == 'not in' else ''}IN ({sql})"

    def extreme(self, scope: Scope) -> str:
        """Compare a column with the greatest or the least value of another one."""
        text, kind = self.column(scope)
        name, table = self.name("x"), self.pick(list(self.tables))
        inner: Scope = [(name, self.tables[table])]
        other, _ = self.column(inner, kind)
        where = self.pick(("", f" WHERE {self.simple(inner)}"))
        value = f"(SELECT {self.pick(('max', 'max', 'min'))}({other}) FROM {table} AS {name}{where})"
        if kind in ("DATE", "TIMESTAMP") and self.chance(30):
            value = self.pick((f"{value} - INTERVAL 1 DAY", f"{value}::DATE", f"coalesce({value}, DATE '2024-01-31')"))
        return f"{self.pick(('', '', 'NOT '))}{text} {self.pick(_OPERATORS)} {value}"

    def scalar(self, depth: int, scope: Scope, outer: Scope) -> str:
        from_, inner = self.from_clause(0, [])
        where = [self.condition(0, inner, [*outer, *scope]) for _ in range(self.pick((1, 2)))]
        return f"SELECT count(*) FROM {from_} WHERE {' AND '.join(where)}"


_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "INTEGER": st.sampled_from([None, 0, 1, 2, 2, 3]),
    "DATE": st.sampled_from([None, *_DAYS]),
    "TIMESTAMP": st.sampled_from([None, *_TIMES]),
    "VARCHAR": st.sampled_from([None, "", "a", "ab", "abc", "b"]),
    "BOOLEAN": st.sampled_from([None, True, False]),
    "DECIMAL(6,2)": st.sampled_from([None, "0.00", "0.05", "1.00", "1.50", "2.00"]),
}
_ROWS = st.lists(st.tuples(*(_VALUES[kind] for kind in COLUMNS.values())), max_size=7)


@st.composite
def parameters(draw: Callable[[st.SearchStrategy[Any]], Any]) -> dict[str, TypedValue]:
    """Values for every parameter that a query may name; NULL among them."""
    kinds = {
        "pk": "INTEGER",
        "pj": "INTEGER",
        "pd": "DATE",
        "pe": "DATE",
        "pt": "TIMESTAMP",
        "ps": "VARCHAR",
        "pf": "BOOLEAN",
    }
    made = {name: TypedValue(value=draw(_VALUES[kind]), type=kind) for name, kind in kinds.items()}
    made["pm"] = TypedValue(value=draw(_VALUES["DECIMAL(6,2)"]), type="DECIMAL(6,2)")
    listed = draw(st.one_of(st.none(), st.lists(st.sampled_from([None, 1, 2, 3]), max_size=3)))
    made["pl"] = TypedValue(value=listed, type="INTEGER[]")
    return made


@st.composite
def cases(draw: Callable[[st.SearchStrategy[Any]], Any], depth: int = 2) -> Case:
    """Questions of up to *depth* levels of nesting."""
    sql = Generator(draw).statement(depth)
    data = {table: draw(_ROWS) for table in TABLES}
    return Case(data=data, sql=sql, parameters=draw(parameters()))


def created(connection: duckdb.DuckDBPyConnection) -> Database:
    """Create the tables that the queries name, empty."""
    connection.execute("SET TimeZone = 'UTC'")
    columns = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
    for table in TABLES:
        connection.execute(f"CREATE TABLE {table} ({columns})")
    return Database(connection=connection)


def fill(database: Database, case: Case) -> None:
    for table, rows in case.data.items():
        database.connection.execute(f"DELETE FROM {table}")
        if rows:
            database.connection.executemany(f"INSERT INTO {table} VALUES (?, ?, ?, ?, ?, ?)", rows)


def refused(database: Database, case: Case) -> str | None:
    """Return why DuckDB does not run a query."""
    try:
        database.rows(case.sql, case.parameters)
    except duckdb.Error as error:
        return str(error)
    return None

"""Which of two things that have one name DuckDB means, clause by clause, and that pruning goes by no other.

A query is written with a name that may mean several things, and again with each of them spelt out. The first answer has
to be that of the meaning that the clause is said to prefer: this is DuckDB's rule, and fails where a version changes
it. Restricted to what the analysis keeps, the query has to answer the same.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import TypeVar

import duckdb
import pytest
from grammar import World
from hypothesis import settings
from restriction import Database, answers

T = TypeVar("T")
COLUMN, ALIAS, OUTER, OUTER_ALIAS = "column", "alias", "outer column", "outer alias"
SPELT = {COLUMN: "i.n", ALIAS: "(i.g)", OUTER: "o.n", OUTER_ALIAS: "(o.g)"}
LONG = (settings.default.max_examples if settings.default is not None else 0) > 1000
USUAL = (COLUMN, ALIAS, OUTER, OUTER_ALIAS)
NO_ALIAS = (COLUMN, OUTER, OUTER_ALIAS)
ALIAS_FIRST = (ALIAS, COLUMN, OUTER, OUTER_ALIAS)
CLAUSES: dict[str, tuple[str, tuple[str, ...]]] = {
    "WHERE": ("SELECT {items} FROM {t} i WHERE {r} = 1", USUAL),
    "WHERE, IN": ("SELECT {items} FROM {t} i WHERE {r} IN (1, 2)", USUAL),
    "WHERE, IS NULL": ("SELECT {items} FROM {t} i WHERE {r} IS NULL", USUAL),
    "WHERE, equality": ("SELECT {items} FROM {t} i WHERE {r} = i.id", USUAL),
    "SELECT list": ("SELECT {items}, {r} AS y FROM {t} i WHERE y = 1", USUAL),
    "SELECT list, twice": ("SELECT {items}, {r} AS y, y AS z FROM {t} i WHERE z = 1", USUAL),
    "QUALIFY": ("SELECT {items} FROM {t} i QUALIFY {r} = 1 AND count(*) OVER (PARTITION BY i.g, {r}) > 0", USUAL),
    "window": ("SELECT {items}, count(*) OVER (PARTITION BY {r}) AS y FROM {t} i", USUAL),
    "named window": ("SELECT {items}, count(*) OVER v AS y FROM {t} i WINDOW v AS (PARTITION BY {r})", USUAL),
    "HAVING": ("SELECT {items} FROM {t} i GROUP BY ALL HAVING {r} = 1", ALIAS_FIRST),
    "HAVING of keys": ("SELECT {items} FROM {t} i GROUP BY {r}, i.g, i.id HAVING {r} = 1", USUAL),
    "GROUP BY": ("SELECT {items}, count(*) AS y FROM {t} i GROUP BY {r}, i.g, i.id", USUAL),
    "GROUP BY, expression": ("SELECT {items}, count(*) AS y FROM {t} i GROUP BY {r} + 1, i.g, i.id", NO_ALIAS),
    "DISTINCT ON": (
        "SELECT DISTINCT ON ({r}) {items} FROM {t} i ORDER BY i.id, i.g",
        ALIAS_FIRST,
    ),
    "DISTINCT ON, expression": ("SELECT DISTINCT ON ({r} + 1) {items} FROM {t} i ORDER BY i.id, i.g", USUAL),
    "ORDER BY, LIMIT": (
        "SELECT {items} FROM {t} i ORDER BY {r}, i.id, i.g LIMIT 2",
        ALIAS_FIRST,
    ),
    "ON": ("SELECT {items} FROM {t} i JOIN tz z ON {r} = z.z", NO_ALIAS),
    "ON of LEFT JOIN": ("SELECT {items} FROM {t} i LEFT JOIN tz z ON {r} = z.z AND i.id = 1 WHERE z.h >= 0", NO_ALIAS),
    "ON before the source": (
        "SELECT {items} FROM tz x JOIN tz z ON {r} = z.z JOIN {t} i ON TRUE",
        (OUTER, OUTER_ALIAS),
    ),
    "ON of a SEMI JOIN": ("SELECT z.z AS raw FROM tz z SEMI JOIN {t} i ON {r} = z.z", NO_ALIAS),
    "LATERAL": ("SELECT {items} FROM {t} i, (SELECT {r} AS y) v WHERE v.y = 1", NO_ALIAS),
    "subquery in WHERE": ("SELECT {items} FROM {t} i WHERE EXISTS (SELECT 1 FROM tz z WHERE z.z = {r})", USUAL),
    "subquery in HAVING": (
        "SELECT {items} FROM {t} i GROUP BY i.g, i.id, {r} HAVING (SELECT max(z.z) FROM tz z WHERE z.z = {r}) = 1",
        USUAL,
    ),
    "subquery in SELECT": ("SELECT {items}, (SELECT max(z.z) FROM tz z WHERE z.z = {r}) AS y FROM {t} i", USUAL),
    "subquery in ON": (
        "SELECT {items} FROM {t} i JOIN tz x ON (SELECT max(z.z) FROM tz z WHERE z.z = {r}) = 1",
        NO_ALIAS,
    ),
    "IN of a subquery": ("SELECT {items} FROM {t} i WHERE {r} IN (SELECT z FROM tz)", USUAL),
    "arm of UNION": (
        "SELECT {items} FROM {t} i WHERE {r} = 1 UNION ALL SELECT {items} FROM {t} i WHERE i.g = 0",
        USUAL,
    ),
}
"""The clause, with ``{r}`` where the name stands; what it may mean, what is preferred first."""
UNCORRELATED = ("ON of LEFT JOIN", "ON of a SEMI JOIN")
"""DuckDB runs none whose condition names something outside, so that a column is all that a name may mean."""
PLACES = {
    "EXISTS": "SELECT o.id{given} FROM {o} o WHERE EXISTS (SELECT 1 FROM ({inner}) w WHERE w.{out} >= 1)",
    "LATERAL": "SELECT o.id{given}, w.* FROM {o} o, LATERAL ({inner}) w WHERE w.{out} >= 1",
    "scalar": "SELECT o.id{given}, (SELECT sum(w.{out}) FROM ({inner}) w WHERE w.{out} >= 1) AS y FROM {o} o",
}
NAMES = ("n", "N", '"n"', '"N"')


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    with duckdb.connect(config={"threads": 1}) as connection:
        found = filled(Database(connection=connection))
        yield World(connection=connection, columns=found.tables)


def filled(database: Database) -> Database:
    """Make tables that have a column ``n``, and others that have none; one of structs, and one to join with."""
    chance = random.Random(5)
    for table, columns in {
        "tn": "id, n, g",
        "tm": "id, m, g",
        "un": "id, n, g",
        "um": "id, m, g",
        "tz": "z, h",
    }.items():
        names = columns.split(", ")
        database.connection.execute(f"CREATE TABLE {table} ({', '.join(f'{name} INTEGER' for name in names)})")
        rows = [[chance.choice((None, 0, 1, 1, 2)) for _ in names] for _ in range(6)]
        database.connection.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(names))})", rows)
    database.connection.execute("CREATE TABLE ts AS SELECT id, g, {'n': m, 'k': id} AS q FROM tm")
    database.connection.execute("CREATE TABLE us AS SELECT id, g, n AS q FROM un")
    return database


@dataclass(frozen=True, slots=True)
class Setting:
    """What has the name."""

    place: str
    column: bool
    alias: str
    outer: bool
    outer_alias: bool
    out: str
    name: str

    def query(self, clause: str, name: str) -> str:
        items = ["i.g AS raw", "i.id AS rid"]
        items = [f"i.g AS {self.alias}", *items] if self.alias == "n" else items
        items = [*items, f"i.g AS {self.alias}"] if self.alias == '"N"' else items
        inner = clause.format(items=", ".join(items), t="tn" if self.column else "tm", r=name)
        given = ", o.g AS n" if self.outer_alias else ""
        return PLACES[self.place].format(inner=inner, given=given, o="un" if self.outer else "um", out=self.out)

    def meanings(self, order: tuple[str, ...]) -> list[str]:
        """List what the name may mean, what is preferred first; an alias is not seen by the FROM of its own block."""
        there = {COLUMN: self.column, ALIAS: bool(self.alias), OUTER: self.outer}
        there[OUTER_ALIAS] = self.outer_alias and self.place != "LATERAL"
        return [one for one in order if there[one]]


def settings_of(clause: str) -> list[Setting]:
    """List what may have the name in a clause: all of it in the long run, some at random otherwise."""
    chance = random.Random(clause)
    made = [
        Setting(place, column, alias, outer, outer_alias, out, chance.choice(NAMES))
        for place, column, alias, outer, outer_alias in product(
            PLACES, (True, False), ("", "n", '"N"'), (True, False), (True, False)
        )
        for out in (("raw", "n") if alias else ("raw",))
    ]
    return some(made, 16, clause)


def some(items: Iterable[T], count: int, seed: str) -> list[T]:
    """Return all items in the long run, *count* of them at random otherwise."""
    listed = list(items)
    return listed if LONG else random.Random(seed).sample(listed, count)


def rows(database: Database, sql: str) -> Counter[str] | None:
    try:
        return Counter(map(repr, database.rows(sql, {})))
    except duckdb.Error:
        return None


@pytest.mark.parametrize("clause", CLAUSES)
def test_a_name_means_what_it_means_to_duckdb(database: Database, clause: str) -> None:
    text, order = CLAUSES[clause]
    told_apart = 0
    for setting in settings_of(clause):
        sql = setting.query(text, setting.name)
        whole = rows(database, sql)
        if whole is None:
            continue
        means = [rows(database, setting.query(text, SPELT[one])) for one in setting.meanings(order)]
        assert means, sql
        assert whole == means[0] or means[0] is None, sql
        told_apart += any(other is not None and other != whole for other in means[1:])
        assert all(one == whole for one in answers(database, sql, {})), sql
    assert told_apart or clause in UNCORRELATED


QUALIFIED = (
    "SELECT 1 FROM {source} WHERE {r} = 1",
    "SELECT 1 FROM {source} WHERE {r} IN (SELECT z FROM tz)",
    "SELECT 1 FROM {source} JOIN tz ON {r} = z",
    "SELECT 1 FROM tz JOIN tz AS y ON {r} = y.z JOIN {source} ON TRUE",
    "SELECT 1 FROM tz SEMI JOIN {source} ON TRUE WHERE {r} = tz.z",
    "SELECT {r} AS y FROM {source} WHERE y = 1",
    "SELECT count(*) FROM {source} GROUP BY {r} HAVING {r} = 1",
    "SELECT 1 FROM {source} WHERE EXISTS (SELECT 1 FROM tz WHERE z = {r})",
    "SELECT {struct} AS q FROM {source} WHERE {r} = 1",
)
OUTERS = ("un AS q", "us AS q", "ts AS o", "tn AS o")
SPELLINGS = ("q.n", "Q.N", '"q"."N"')
SOURCES = (
    "tn AS q",
    "ts AS i",
    "ts AS q",
    "us AS i",
    "tn AS i, ts",
    "tm AS q, ts",
    "(SELECT 1 AS n)",
    "(tn AS q)",
    "tn AS Q",
)


@pytest.mark.parametrize("clause", QUALIFIED)
def test_a_qualifier_means_what_it_means_to_duckdb(database: Database, clause: str) -> None:
    """``q.n``: a source or a struct column, of this block or of the one around."""
    run = 0
    for source, outer, name in some(product(SOURCES, OUTERS, SPELLINGS), 12, clause):
        struct = "ts.q" if "ts," in source or source.endswith("ts") else "i.q" if source == "ts AS i" else "{'n': 1}"
        inner = clause.format(source=source, r=name, struct=struct)
        for sql in (
            f"SELECT * FROM {outer} WHERE EXISTS ({inner})",
            f"SELECT *, (SELECT count(*) FROM ({inner})) FROM {outer}",
            f"SELECT * FROM {outer}, LATERAL ({inner}) AS w",
        ):
            whole = rows(database, sql)
            if whole is not None:
                run += 1
                assert all(one == whole for one in answers(database, sql, {})), sql
    assert run


FROMS = [
    f"{first} {join} {second} {on}"
    for first in (
        "tn AS a",
        "tn AS a, um AS b",
        "(tn AS a JOIN um AS b USING (id))",
        "(SELECT g, n, n, (id) FROM un) AS a",
    )
    for join, on in (
        *((f"{kind}JOIN", "USING (id)") for kind in ("", "LEFT ", "RIGHT ", "FULL ", "SEMI ", "ANTI ")),
        *((f"{kind}JOIN", "USING (id, g)") for kind in ("", "LEFT ", "RIGHT ", "FULL ")),
        *((f"NATURAL {kind}JOIN", "") for kind in ("", "LEFT ", "RIGHT ", "FULL ")),
        (",", ""),
        ("JOIN", "ON TRUE"),
    )
    for second in ("un AS c", "(un AS c JOIN tm AS d USING (id))", "(SELECT id, g, n + 1 AS n FROM tn) AS c")
]
FROMS += [
    f"{first} ASOF {kind}JOIN (SELECT id, min(g) AS g, min(n) AS n FROM tn GROUP BY id{more}) AS c USING ({names})"
    for first in ("tn AS a", "tn AS a JOIN tz AS z ON TRUE")
    for kind in ("", "LEFT ")
    for names, more in (("id", ""), ("g, id", ", g"))
]
STARS = (
    "*",
    "* EXCLUDE (g)",
    "* EXCLUDE (a.g)",
    "* RENAME (g AS n)",
    "* REPLACE (1 AS g)",
    "c.*, a.*",
    "* LIKE '%n%'",
    "id, *",
)


@pytest.mark.parametrize("star", STARS)
def test_the_columns_of_a_star_are_those_of_duckdb(database: Database, star: str) -> None:
    """Every column of ``*`` over every kind of join is filtered by its place."""
    run = 0
    for number, from_ in some(enumerate(FROMS), 16, star):
        inner = f"SELECT {star} FROM {from_}"
        if rows(database, inner) is None:
            continue
        width = len(database.connection.execute(inner).description)
        place = number % width
        names = ", ".join(f"c{index}" for index in range(width))
        for sql in (
            f"SELECT * FROM ({inner}) w({names}) WHERE c{place} = 1",
            f"SELECT * FROM ({inner}) w({names}) WHERE c{(place + 1) % width} = 1",
            f"SELECT w.n, w.id FROM ({inner}) w WHERE g = 1 AND id = 1",
            f"SELECT o.id FROM um AS o WHERE EXISTS (SELECT 1 FROM ({inner}) w WHERE w.n = o.id AND m = 1)",
        ):
            whole = rows(database, sql)
            if whole is not None:
                run += 1
                assert all(one == whole for one in answers(database, sql, {})), sql
    assert run


SETS = ("()", "(), ()", "(n)", "ROLLUP (n)", "CUBE (n, g)", "(n), ()")
KEYS = (
    *("", "()", "(), ()", "(), g", "g", "(g)", "(g, n)", "ALL", "1", "'x'", "NULL", "n, ()", "n, ROLLUP (g)"),
    *("(), ROLLUP (g)", "ROLLUP (g)", "CUBE (g)", "CUBE (g, n)", "ROLLUP (g), CUBE (n)", "ROLLUP ((g, n))"),
    *(f"GROUPING SETS ({sets})" for sets in SETS),
    *(f"GROUPING SETS ((g), {sets})" for sets in SETS),
    *(f"g, GROUPING SETS ({sets})" for sets in SETS),
)
LISTS = (
    "count(*)",
    "1",
    "(SELECT max(i.n))",
    "1 AS y, y + count(*)",
    "g",
    "max(g) AS g",
    "count(*) OVER ()",
    "[max(n)]",
    "sum(count(*)) OVER ()",
)
TAILS = ("", "HAVING TRUE", "HAVING count(*) = 0", "LIMIT 1", "QUALIFY count(*) OVER () > 0", "ORDER BY count(*)")


@pytest.mark.parametrize("false", ["FALSE", "NULL", "1 = 0", "i.g > 5", "i.g > 5 AND i.g IS NULL"])
def test_what_is_known_inside_a_block_that_always_yields_a_row_says_nothing_outside(
    database: Database, false: str
) -> None:
    """Every spelling of GROUP BY over no rows: beside an outer join, in EXISTS, around a subquery, in IN."""
    run = 0
    for keys, items, tail in some(product(KEYS, LISTS, TAILS), 16, false):
        block = f"SELECT {items} FROM tn AS i WHERE {false} {f'GROUP BY {keys}' if keys else ''} {tail}"
        if rows(database, block) is None:
            continue
        run += 1
        outer = "un AS a LEFT JOIN um AS b ON a.id = b.id AND a.n = 1"
        correlated = block.replace(false, f"{false} AND o.n = 1")
        for sql in (
            f"SELECT a.id, b.m FROM {outer} CROSS JOIN ({block}) w",
            f"SELECT o.id FROM un AS o WHERE EXISTS ({correlated})",
            block.replace(f"SELECT {items}", f"SELECT (SELECT sum(b.m) FROM {outer}), {items}", 1),
        ):
            whole = rows(database, sql)
            assert whole is None or all(one == whole for one in answers(database, sql, {})), sql
    assert run

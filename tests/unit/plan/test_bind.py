"""The constants of a request: what is decided before any partition is looked at, and what an engine is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from gateway.errors import QueryFailed
from gateway.model import Column, TypedValue, Value
from gateway.plan.analysis import Bound, Dimension, PreparedQuery, bind, dimension_query, learn, prepare
from gateway.predicate import FALSE, TRUE, Comparison, Membership, NullCheck, Operator, Predicate, Term

TYPES = {"k": "INTEGER", "d": "DATE", "ts": "TIMESTAMP", "m": "DECIMAL(6,2)", "s": "VARCHAR"}
TABLES = {name: [Column(name=column, type=kind) for column, kind in TYPES.items()] for name in ("t", "u")}
K = Term("k", "INTEGER")


class Engine:
    """Answers every SELECT of constants with the same values, and remembers what it was asked."""

    def __init__(self, *values: Value) -> None:
        self.values = values
        self.asked: list[tuple[list[str], list[str]]] = []

    def evaluate(self, expressions: Sequence[str], parameters: Mapping[str, TypedValue]) -> tuple[Value, ...]:
        self.asked.append((list(expressions), list(parameters)))
        return self.values


def analysed(condition: str, **parameters: str) -> PreparedQuery:
    prunable = {name: list(TYPES) for name in TABLES}
    return prepare(f"SELECT 1 FROM t WHERE {condition}", TABLES, prunable, parameters)


def bound(condition: str, engine: Engine | None = None, **given: tuple[Value, str]) -> Bound:
    parameters = {name: TypedValue(value=value, type=kind) for name, (value, kind) in given.items()}
    prepared = analysed(condition, **{name: kind for name, (_, kind) in given.items()})
    return bind(prepared, parameters, (engine or Engine()).evaluate)


def decided(condition: str, **given: tuple[Value, str]) -> Predicate:
    (predicate,) = bound(condition, **given).predicates
    return predicate


def test_nothing_is_asked_of_the_engine_where_python_knows() -> None:
    engine = Engine()
    bound("k = $k AND d >= DATE '2024-01-31' AND ($d IS NULL OR d = $d)", engine, k=(1, "INTEGER"), d=(None, "DATE"))
    assert engine.asked == []


def test_all_that_must_be_computed_is_asked_at_once_with_the_parameters_it_needs() -> None:
    engine = Engine(datetime(2024, 1, 1), 7)
    sql = "ts >= $t - INTERVAL 7 DAY AND k < $k + 1 AND s = $s"
    bound(sql, engine, t=(datetime(2024, 1, 8), "TIMESTAMP"), k=(6, "INTEGER"), s=("a", "VARCHAR"))
    assert engine.asked == [(["CAST($t - INTERVAL '7' DAY AS TIMESTAMP)", "CAST($k + 1 AS HUGEINT)"], ["t", "k"])]


def test_an_expression_that_fails_prunes_nothing() -> None:
    def fail(*_: Any) -> tuple[Value, ...]:
        raise QueryFailed("overflow")

    prepared = analysed("k < $k + 1 AND d = DATE '2024-01-31'", k="INTEGER")
    (predicate,) = bind(prepared, {"k": TypedValue(value=1, type="INTEGER")}, fail).predicates
    assert isinstance(predicate, Comparison)
    assert predicate.term.column == "d"


@pytest.mark.parametrize(
    ("value", "expected"), [(None, TRUE), (1, Comparison(K, Operator.EQ, 1))], ids=["absent", "present"]
)
def test_an_optional_filter_is_decided_by_its_parameter(value: Value, expected: Predicate) -> None:
    assert decided("$k IS NULL OR k = $k", k=(value, "INTEGER")) == expected


def test_nothing_equals_null() -> None:
    assert decided("k = $k", k=(None, "INTEGER")) == FALSE


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("k = $k", FALSE),
        ("k > $k", FALSE),
        ("k < $k", NullCheck(K, negated=True)),
        ("k <> $k", NullCheck(K, negated=True)),
        ("k IN ($k, 1)", Membership(K, (1,))),
    ],
)
def test_an_integer_beyond_the_type_of_its_column_decides_by_itself(condition: str, expected: Predicate) -> None:
    assert decided(condition, k=(2**31, "BIGINT")) == expected


@pytest.mark.parametrize("listed", [None, []])
def test_a_list_that_holds_nothing_finds_nothing(listed: Value) -> None:
    assert decided("k IN $l", l=(listed, "INTEGER[]")) == FALSE


@pytest.mark.parametrize(
    ("condition", "value", "kind", "expected"),
    [
        ("ts = $p", date(2024, 1, 31), "DATE", datetime(2024, 1, 31)),
        ("ts = $p", datetime(2024, 1, 31, 1, tzinfo=UTC), "TIMESTAMP WITH TIME ZONE", datetime(2024, 1, 31, 1)),
        ("m = $p", 2, "INTEGER", Decimal(2)),
        ("s LIKE $p", "ab%c_", "VARCHAR", "ab"),
        ("s = coalesce($p, 'a')", None, "VARCHAR", "a"),
    ],
)
def test_values_come_in_the_type_that_they_are_compared_in(
    condition: str, value: Value, kind: str, expected: Value
) -> None:
    engine = Engine()
    (*_, found) = bound(condition, engine, p=(value, kind)).values
    assert (type(found), found) == (type(expected), expected)
    assert engine.asked == []


def test_an_instant_that_python_cannot_hold_prunes_nothing() -> None:
    engine = Engine(date(9999, 12, 31))
    (predicate,) = bound("d < $d + 5000000", engine, d=(date(2024, 1, 1), "DATE")).predicates
    assert predicate == TRUE


JOIN = "SELECT count(*) FROM t JOIN u ON t.k = u.k WHERE u.s = $s"


def dimension() -> tuple[PreparedQuery, Bound, Dimension]:
    prunable = {name: list(TYPES) for name in TABLES}
    prepared = prepare(JOIN, TABLES, prunable, {"s": "VARCHAR"})
    first = bind(prepared, {"s": TypedValue(value="it's", type="VARCHAR")}, Engine().evaluate)
    (found,) = prepared.dimensions(0)
    return prepared, first, found


def test_a_dimension_prunes_nothing_until_it_is_learned() -> None:
    _, first, _ = dimension()
    assert first.predicates[0] == NullCheck(K, negated=True)


def test_a_dimension_is_learned_by_one_query_over_its_own_filters() -> None:
    prepared, first, found = dimension()
    sql, given = dimension_query(found, prepared, first, "(FROM u)", most=10)
    assert not given
    assert sql == (
        'SELECT CASE WHEN count(DISTINCT "k") <= 10 THEN coalesce(list(DISTINCT "k"), []) END, min("k"), max("k") '
        'FROM (FROM u) AS dimension WHERE "k" IS NOT NULL AND '
        "(\"s\" = CAST('it''s' AS VARCHAR) AND \"k\" IS NOT NULL)"
    )


def test_a_learned_dimension_is_a_list_and_its_bounds() -> None:
    prepared, first, found = dimension()
    learned = learn(prepared, first, {found: ([2, 5], 2, 5)})
    assert [leaf for leaf in parts(learned.predicates[0]) if isinstance(leaf, Membership)]
    assert [2, 5] in learned.values


def test_a_dimension_too_long_to_be_listed_leaves_its_bounds() -> None:
    prepared, first, found = dimension()
    (predicate, _) = learn(prepared, first, {found: (None, 2, 5)}).predicates
    assert [leaf.operator for leaf in parts(predicate) if isinstance(leaf, Comparison)] == [Operator.GE, Operator.LE]
    assert not [leaf for leaf in parts(predicate) if isinstance(leaf, Membership)]


def test_an_empty_dimension_leaves_nothing_to_read() -> None:
    prepared, first, found = dimension()
    assert learn(prepared, first, {found: ([], None, None)}).predicates[0] == FALSE


def test_a_star_of_many_tables_is_followed_along_few_paths() -> None:
    tables = {f"t{number}": TABLES["t"] for number in range(7)}
    joins = " ".join(f"JOIN t{n} ON t{n}.k = t0.k AND t{n}.d = t{max(0, n - 2)}.d" for n in range(1, 7))
    filters = " AND ".join(f"t{number}.s = 'a'" for number in range(1, 7))
    prepared = prepare(f"SELECT count(*) FROM t0 {joins} WHERE {filters}", tables, {"t0": ["k", "d"]}, {})
    assert prepared.dimensions(0)
    assert len(prepared.constants) < 2_000


def parts(predicate: Predicate) -> tuple[Predicate, ...]:
    return getattr(predicate, "parts", (predicate,))

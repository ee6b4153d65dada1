"""Texts for Spark: values are bound, lists are written out, and what is refused is told with its place."""

from __future__ import annotations

import idioms
import pytest

from gateway.model import Column, TypedValue, Value
from gateway.plan.spark.portability import NotPortable
from gateway.plan.spark.translate import translate

TABLES = {"t": (Column(name="a", type="INTEGER"), Column(name="s", type="VARCHAR"), Column(name="u", type="UUID"))}

IDIOMS = {
    table: tuple(Column(name=name, type=type_) for name, type_ in columns.items())
    for table, columns in idioms.TABLES.items()
}


@pytest.mark.parametrize("name", idioms.EQUAL)
def test_every_idiom_that_spark_answers_alike_is_translated(name: str) -> None:
    assert translate(idioms.EQUAL[name], IDIOMS, idioms.PARAMETERS).scans


@pytest.mark.parametrize("name", idioms.REFUSED)
def test_every_other_idiom_is_refused_for_its_reason(name: str) -> None:
    sql, reason = idioms.REFUSED[name]
    with pytest.raises(NotPortable) as raised:
        translate(sql, IDIOMS, {})
    assert any(reason in found.reason for found in raised.value.found)


def bound(sql: str, name: str, type_: str, value: Value) -> tuple[str, dict[str, str | None]]:
    query = translate(sql, TABLES, {name: type_})
    text, values = query.bind({name: TypedValue(value=value, type=type_)}, ["view"])
    return text, dict(values)


def test_a_value_is_never_in_the_text() -> None:
    text, values = bound("SELECT a FROM t WHERE s = $p", "p", "VARCHAR", "'; DROP TABLE t")
    assert text == "SELECT `t`.`a` AS `a` FROM `view` AS `t` WHERE `t`.`s` = CAST(:p AS STRING)"
    assert values == {"p": "'; DROP TABLE t"}


@pytest.mark.parametrize(
    ("value", "condition", "values"),
    [
        (["x", None, "y"], "IN (CAST(:gateway_p_0 AS STRING), CAST(:gateway_p_1 AS STRING))", ["x", "y"]),
        ([], "(`t`.`s` IS NULL AND NULL)", []),
        (None, "WHERE NULL", []),
    ],
    ids=["members", "empty", "null"],
)
def test_a_list_is_written_out(value: Value, condition: str, values: list[str]) -> None:
    text, given = bound("SELECT a FROM t WHERE s IN $p", "p", "VARCHAR[]", value)
    assert condition in text
    assert list(given.values()) == values


@pytest.mark.parametrize("given", [True, False])
def test_an_optional_list_is_decided_when_it_is_bound(given: bool) -> None:
    text, _ = bound("SELECT a FROM t WHERE $p IS NULL OR s IN $p", "p", "VARCHAR[]", ["x"] if given else None)
    assert ("FALSE OR" in text, "TRUE OR NULL" in text) == (given, not given)


def test_only_columns_that_are_used_have_to_be_read() -> None:
    query = translate("SELECT count(*) AS n FROM (SELECT a, s FROM t) x WHERE a > 1", TABLES, {})
    assert query.columns == (frozenset({"a", "s"}),)


@pytest.mark.parametrize(
    ("sql", "place"),
    [
        ("SELECT a,\n  lower(s) AS l FROM t", "lower"),
        ("SELECT a FROM t WHERE s = a", "s = a"),
        ("SELECT u FROM t", "u FROM"),
        ("SELECT a FROM t WHERE s = CAST(now() AS VARCHAR)", "now()"),
    ],
)
def test_what_is_refused_has_its_place(sql: str, place: str) -> None:
    with pytest.raises(NotPortable) as raised:
        translate(sql, TABLES, {})
    (found,) = raised.value.found
    assert found.start == sql.index(place)

"""Literals of filters become parameters that keep their values."""

from __future__ import annotations

import pytest

from gateway.query.parametrise import LiteralParameter, parametrise

TYPES = {"day": "DATE", "price": "DECIMAL(15,2)", "name": "VARCHAR", "size": "INTEGER"}


def after_where(sql: str) -> tuple[str, dict[str, str | tuple[str, ...]]]:
    text, parameters = parametrise(sql, TYPES)
    return " ".join(text.split()).split("WHERE ")[1], {each.name: each.default for each in parameters}


@pytest.mark.parametrize(
    ("condition", "text", "defaults"),
    [
        ("name = 'a'", "name = $name", {"name": "a"}),
        ("name <> 'a'", "name <> $name_not", {"name_not": "a"}),
        ("day >= CAST('2013-01-01' AS date)", "day >= $day_from", {"day_from": "2013-01-01"}),
        ("day < DATE '2013-01-01'", "day < $day_before", {"day_before": "2013-01-01"}),
        ("24 > price", "$price_before > price", {"price_before": "24"}),
        (
            "price BETWEEN 0.05 AND 0.07",
            "price BETWEEN $price_from AND $price_to",
            {"price_from": "0.05", "price_to": "0.07"},
        ),
        ("size IN (1, 2)", "size IN $size_in", {"size_in": ("1", "2")}),
        ("name NOT LIKE '%x%'", "name NOT LIKE $name_like", {"name_like": "%x%"}),
        ("substring(name, 1, 2) = 'ab'", "SUBSTRING(name, 1, 2) = $name", {"name": "ab"}),
        (
            "size >= 1 AND size <= 1 + 10",
            "size >= $size_from AND size <= $size_from + 10",
            {"size_from": "1"},
        ),
    ],
)
def test_a_literal_compared_with_a_column_becomes_a_parameter(
    condition: str, text: str, defaults: dict[str, str | tuple[str, ...]]
) -> None:
    assert after_where(f"SELECT 1 FROM t WHERE {condition}") == (text, defaults)


def test_a_parameter_has_the_type_of_its_column() -> None:
    _, parameters = parametrise("SELECT 1 FROM t WHERE size IN (1, 2)", TYPES)
    assert parameters == (LiteralParameter(name="size_in", type="INTEGER[]", default=("1", "2")),)


def test_equal_literals_of_one_column_share_a_parameter() -> None:
    text, defaults = after_where("SELECT 1 FROM t AS a, t AS b WHERE a.name = 'x' AND b.name = 'x'")
    assert (text, defaults) == ("a.name = $name AND b.name = $name", {"name": "x"})


def test_different_literals_of_one_column_are_numbered() -> None:
    text, defaults = after_where("SELECT 1 FROM t WHERE name = 'x' OR name = 'y'")
    assert (text, defaults) == ("name = $name OR name = $name_2", {"name": "x", "name_2": "y"})


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT CASE WHEN name = 'x' THEN 1 END FROM t",
        "SELECT 1 FROM t WHERE unknown = 'x'",
        "SELECT 1 FROM t WHERE price > (SELECT sum(price) * 0.5 FROM t)",
        "SELECT 1 FROM t LIMIT 10",
    ],
)
def test_other_literals_stay(sql: str) -> None:
    assert parametrise(sql, TYPES)[1] == ()


def test_filters_of_joins_groups_and_subqueries_are_found() -> None:
    sql = """
        SELECT name FROM t JOIN u ON t.size = u.size AND u.name = 'a'
        WHERE EXISTS (SELECT 1 FROM v WHERE v.day > DATE '2013-01-01')
        GROUP BY name HAVING sum(price) > 300
    """
    _, parameters = parametrise(sql, TYPES)
    assert {each.name for each in parameters} == {"name", "day_after", "price_after"}

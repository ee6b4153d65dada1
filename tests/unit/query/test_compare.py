"""Two versions of a query, compared by meaning."""

from __future__ import annotations

import pytest

from gateway.model import Column
from gateway.query.compare import (
    Effect,
    column_differences,
    contract,
    parameter_differences,
    published_differences,
    same_sql,
    sql_difference,
)
from gateway.query.template import Template


def template(sql: str, parameters: str = "{}") -> Template:
    text = f"/*\nsummary: x\nparameters: {parameters}\n*/\n{sql}\n"
    return Template.load(text, path="queries/q/v1.sql", name="q", version=1, tables={"t"})


def with_parameter(declaration: str) -> Template:
    return template("SELECT a FROM t WHERE a = $p", f"{{p: {declaration}}}")


@pytest.mark.parametrize(
    "other",
    [
        "select a, B from t where a != 1 -- told apart by nobody",
        "SELECT a,\n  B\nFROM t\nWHERE a <> 1",
        "/* first */ SELECT a, B FROM t WHERE a <> 1",
    ],
)
def test_comments_case_and_spacing_do_not_change_what_sql_means(other: str) -> None:
    assert same_sql(template("SELECT a, B FROM t WHERE a <> 1"), template(other))


@pytest.mark.parametrize(
    "other",
    [
        "SELECT a, b FROM t WHERE a <> 1",  # a column of the result is named by its case
        "SELECT a, B FROM t WHERE a <> 2",
        "SELECT a, B FROM t WHERE a <> '1'",
        "SELECT B, a FROM t WHERE a <> 1",
        "SELECT a, B FROM t WHERE NOT a <> 1",
        "SELECT DISTINCT a, B FROM t WHERE a <> 1",
    ],
)
def test_another_result_is_another_meaning(other: str) -> None:
    assert not same_sql(template("SELECT a, B FROM t WHERE a <> 1"), template(other))


def test_the_difference_of_two_texts_is_shown_in_one_layout() -> None:
    lines = sql_difference(template("select a from t where a > 1"), template("SELECT a\nFROM t -- x\nWHERE a >= 1"))
    assert [line for line in lines if line[:1] in "-+"] == ["-  a > 1", "+  a >= 1"]


def test_a_published_version_may_not_change_its_sql_or_parameters() -> None:
    old = with_parameter("{type: integer}")
    new = template("SELECT a + 1 AS a FROM t WHERE a = $p", "{p: {type: bigint}}")
    assert list(published_differences(old, new)) == ["its SQL", "the parameter p is bigint, and was integer"]


def test_a_description_is_no_part_of_the_contract() -> None:
    assert not list(
        published_differences(with_parameter("{type: date}"), with_parameter("{type: date, description: the day}"))
    )


@pytest.mark.parametrize(
    ("old", "new", "effect", "text"),
    [
        ("{type: integer}", "{type: bigint}", Effect.WIDENED, "is bigint, and was integer"),
        ("{type: bigint}", "{type: integer}", Effect.BREAKING, "is integer, and was bigint"),
        ("{type: 'decimal(4,2)'}", "{type: 'decimal(6,3)'}", Effect.WIDENED, "is decimal(6,3), and was decimal(4,2)"),
        ("{type: 'decimal(4,2)'}", "{type: 'decimal(4,3)'}", Effect.BREAKING, "is decimal(4,3), and was decimal(4,2)"),
        ("{type: date}", "{type: varchar}", Effect.BREAKING, "is varchar, and was date"),
        ("{type: date}", "{type: date, optional: true}", Effect.WIDENED, "may be left out now"),
        ("{type: date, optional: true}", "{type: date}", Effect.BREAKING, "is required now"),
        ("{type: integer, default: 1}", "{type: integer, default: 2}", Effect.BREAKING, "where it is left out"),
        ("{type: integer, min: 1}", "{type: integer, min: 0}", Effect.WIDENED, "has min 0 now, and had 1"),
        ("{type: integer, min: 1}", "{type: integer}", Effect.WIDENED, "has min nothing now, and had 1"),
        ("{type: integer}", "{type: integer, max: 9}", Effect.BREAKING, "has max 9 now, and had nothing"),
        ("{type: varchar, max_length: 9}", "{type: varchar, max_length: 8}", Effect.BREAKING, "has max_length 8"),
        ("{type: varchar, pattern: a+}", "{type: varchar}", Effect.WIDENED, "takes any text now"),
        ("{type: varchar}", "{type: varchar, pattern: a+}", Effect.BREAKING, "must match a+ now"),
        ("{type: integer, choices: [1]}", "{type: integer, choices: [1, 2]}", Effect.WIDENED, "takes 2 too"),
        ("{type: integer, choices: [1, 2]}", "{type: integer, choices: [1]}", Effect.BREAKING, "does not take 2"),
        ("{type: integer}", "{type: integer, choices: [1]}", Effect.BREAKING, "takes only 1 now"),
        ("{type: timestamp, bucket: 1h}", "{type: timestamp, bucket: 1d}", Effect.BREAKING, "is rounded to P1DT0S"),
        ("{type: double}", "{type: double, nonfinite: true}", Effect.WIDENED, "takes NaN and infinities now"),
    ],
)
def test_a_changed_parameter_is_classed_by_whether_every_caller_is_still_served(
    old: str, new: str, effect: Effect, text: str
) -> None:
    (difference,) = parameter_differences(with_parameter(old).parameters, with_parameter(new).parameters)
    assert difference.effect is effect
    assert text in difference.text


def test_new_and_lost_parameters_are_classed() -> None:
    nothing, required = template("SELECT a FROM t").parameters, with_parameter("{type: date}").parameters
    optional = with_parameter("{type: date, optional: true}").parameters
    assert contract(parameter_differences(nothing, required)) is Effect.BREAKING
    assert contract(parameter_differences(nothing, optional)) is Effect.WIDENED
    assert contract(parameter_differences(optional, nothing)) is Effect.BREAKING
    assert contract(parameter_differences(optional, optional)) is Effect.SAME


def test_columns_may_be_added_but_not_lost_moved_or_retyped() -> None:
    a, b, c = (Column(name=name, type="INTEGER") for name in "abc")
    assert contract(column_differences([a, b], [a, b])) is Effect.SAME
    assert contract(column_differences([a, b], [a, c, b])) is Effect.WIDENED
    assert contract(column_differences([a, b], [b, a])) is Effect.BREAKING
    assert contract(column_differences([a, b], [a])) is Effect.BREAKING
    assert contract(column_differences([a], [Column(name="a", type="BIGINT")])) is Effect.BREAKING

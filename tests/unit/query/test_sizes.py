"""A list or a text whose size a caller says, without a bound, is a warning that names the parameter."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import Diagnostic, Rule, Severity
from gateway.query.sizes import sized_calls
from gateway.query.template import Template

FRONT = """/*
summary: x
owner: me
parameters:
  n: {{type: bigint, description: how many{n}}}
  a: {{type: timestamp, description: from{a}}}
  b: {{type: timestamp, description: to{b}}}
  list: {{type: "list[integer]", description: several, optional: true}}
  word: {{type: varchar, description: a word, optional: true}}
  few: {{type: smallint, description: a few, optional: true}}
  kind: {{type: integer, description: one of two, choices: [1, 2], optional: true}}
examples: [{{n: 1, a: 2024-01-01, b: 2024-01-02}}]
*/
"""
USED = "\nWHERE coalesce($n, $few, $kind, len($list), len($word)) IS NULL OR $a > $b"


def warnings(sql: str, *, n: str = "", a: str = "", b: str = "") -> list[Diagnostic]:
    text = FRONT.format(n=n, a=a, b=b) + sql + USED
    loaded = Template.load(text, path="q/v1.sql", name="q", version=1, tables=["t"])
    return [found for found in loaded.lint if found.rule is Rule.UNBOUNDED_SIZE]


SIZED = {
    "range({size})": "range",
    "range(0, {size})": "range",
    "generate_series(1, {size}, 2)": "generate_series",
    "lpad('x', {size}, 'y')": "lpad",
    "rpad('x', {size}, 'y')": "rpad",
    "repeat('x', {size})": "repeat",
    "repeat([1], {size})": "repeat",
    "list_resize([1], {size})": "list_resize",
    "array_resize([1], {size}, 0)": "array_resize",
    "bitstring('1', {size})": "bitstring",
    "bar(1, 0, 1, {size})": "bar",
    "equi_width_bins(0, 10, {size}, true)": "equi_width_bins",
    "format('{{:>{{}}}}', 'x', {size})": "format",
}
GROWING = ["$n", "$n + 1", "$n * 2", "-(-$n)", "CAST($n AS INTEGER)", "$n::INTEGER", "coalesce($n, 1)", "($n)",
           "greatest($n, 5)", "2 ** $n", "round($n)", "CASE WHEN $n > 1 THEN $n ELSE 2 END", "if($n > 1, $n, 2)",
           "$n / 2", "(SELECT $n)", "abs($n)", "(SELECT max($n) FROM t)", "1 << $n"]  # fmt: skip
BOUNDED = ["1000000", "least($n, 1000)", "least($n * 2, 1000) + 1", "$n % 100", "CASE WHEN $n > 1 THEN 2 ELSE 3 END",
           "length($word)", "len($list)", "$few", "$kind", "hour($a)", "$few + $kind"]  # fmt: skip


@pytest.mark.parametrize("size", GROWING)
@pytest.mark.parametrize("call", SIZED)
def test_a_size_without_a_bound_is_told(call: str, size: str) -> None:
    (warning,) = warnings(f"SELECT {call.format(size=size)} AS made FROM t")
    assert warning.severity is Severity.WARNING
    assert warning.message.startswith(f"how much {SIZED[call]} makes comes from $n, which has no max")
    assert warning.hint is not None
    assert "max: for n" in warning.hint
    assert (warning.line, warning.column) == (14, 8)


@pytest.mark.parametrize("call", SIZED)
def test_a_bound_of_the_parameter_is_enough(call: str) -> None:
    for size in GROWING:
        assert warnings(f"SELECT {call.format(size=size)} AS made FROM t", n=", min: 0, max: 1000") == []


@pytest.mark.parametrize("size", BOUNDED)
@pytest.mark.parametrize("call", SIZED)
def test_a_size_with_a_bound_in_the_text_is_not_told(call: str, size: str) -> None:
    assert warnings(f"SELECT {call.format(size=size)} AS made FROM t") == []


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ({}, "$a, which has no min and $b, which has no max"),
        ({"a": ", min: 2020-01-01"}, "$b, which has no max"),
        ({"b": ", max: 2030-01-01"}, "$a, which has no min"),
        ({"a": ", min: 2020-01-01", "b": ", max: 2030-01-01"}, None),
    ],
)
@pytest.mark.parametrize(
    "text",
    [
        "SELECT i FROM t, generate_series($a, $b, INTERVAL 1 MINUTE) s(i)",
        "SELECT unnest(generate_series($a, $b, INTERVAL 1 MINUTE)) AS i FROM t",
        "SELECT unnest(range(date_trunc('day', $a), $b + INTERVAL 1 DAY, INTERVAL 1 HOUR)) AS i FROM t",
        "SELECT range(date_diff('second', $a, $b)) AS i FROM t",
        "SELECT unnest(generate_series($b, $a, -INTERVAL 1 MINUTE)) AS i FROM t",
        'SELECT unnest("generate_series"(first, last, INTERVAL 1 DAY)) AS i '
        "FROM (SELECT $a AS first, $b AS last FROM t)",
    ],
)
def test_a_span_of_time_needs_a_bound_at_each_end(text: str, bounds: dict[str, str], expected: str | None) -> None:
    found = [warning.message.partition(" comes from ")[2] for warning in warnings(text, **bounds)]
    ends = None if expected is None else set(expected.split(" and "))
    assert [set(message.split(" and ")) for message in found] == ([] if ends is None else [ends])


def test_the_difference_of_two_numbers_needs_the_other_bound_of_the_second() -> None:
    (warning,) = warnings("SELECT range(100 - $n) AS i FROM t", n=", max: 5")
    assert warning.message.endswith("$n, which has no min")
    assert warnings("SELECT range(100 - $n) AS i FROM t", n=", min: 1") == []


def test_a_name_that_refers_to_itself_is_followed_once() -> None:
    assert warnings("SELECT range(k) AS i FROM (SELECT k + 1 AS k FROM (SELECT s AS k FROM t))") == []
    assert len(warnings("SELECT range(k) AS i FROM (SELECT k + 1 AS k FROM (SELECT $n AS k FROM t))")) == 1


EXPRESSIONS = st.recursive(
    st.sampled_from(["1", "s", "$n", "$few"]),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from("+*-"), inner).map(lambda it: f"({it[0]} {it[1]} {it[2]})"),
        inner.map(lambda it: f"CAST({it} AS BIGINT)"),
        st.tuples(inner, inner).map(lambda it: f"coalesce({it[0]}, {it[1]})"),
    ),
    max_leaves=6,
)


@given(size=EXPRESSIONS, cap=st.sampled_from(["10", "$few", "length($word)"]))
def test_what_is_told_is_what_the_bounds_of_the_parameters_leave_open(size: str, cap: str) -> None:
    told = warnings(f"SELECT range({size}) AS i FROM t")
    assert bool(told) == ("$n" in size)
    assert warnings(f"SELECT range({size}) AS i FROM t", n=", min: 0, max: 9") == []
    assert warnings(f"SELECT range(least({size}, {cap})) AS i FROM t") == []


def test_calls_are_found_with_their_arguments() -> None:
    text = "SELECT \"LPAD\"(s, range, ')'), repeat ([1, 2], f(3, 4)) AS a, range FROM t -- range(5)"
    assert [(call.function, call.arguments) for call in sized_calls(text)] == [
        ("lpad", ("s", " range", " ')'")),
        ("repeat", ("[1, 2]", " f(3, 4)")),
    ]

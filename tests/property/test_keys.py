"""Keys of questions and results: equal questions always share one, different ones never do."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any

from hypothesis import assume, example, given
from hypothesis import strategies as st

from gateway.cache.key import question_key, result_key
from gateway.canonical import canonical_bytes
from gateway.model import BoundQuery, Details, Edition, Plan, Principal, Scan, TypedValue, Value
from gateway.query.template import Template

WORDS = ["SELECT", "carrier", ",", "count(*)", "AS", "n", "FROM", "flights", "WHERE", "day", ">=", "$start"]
WORDS += [
    "AND",
    "origin",
    "=",
    "$origin",
    "AND",
    "dest",
    "<>",
    "'it''s -- one'",
    "GROUP BY",
    "carrier",
    "LIMIT",
    "$top",
]
# One word here: the parser refuses a comment between the two.
KEYWORDS = frozenset({"SELECT", "AS", "FROM", "WHERE", "AND", "GROUP BY", "LIMIT"})
FRONT = """/*
summary: Flights
parameters:
  start: {type: date}
  origin: {type: varchar, default: JFK}
  top: {type: integer, default: 10}
*/
"""
ANYBODY = Principal()


@cache
def template(sql: str, front: str = FRONT) -> Template:
    return Template.load(front + sql, path="queries/q/v1.sql", name="q", version=1, tables={"flights"})


@dataclass(frozen=True)
class Files:
    """The selection of a scan, told by its digest alone."""

    versions: bytes
    weak: bool = False
    partitions: int = 1
    files: int = 1
    size: int = 1
    rows: int | None = None

    def digest(self) -> bytes:
        return self.versions


def plan(query: BoundQuery, *scans: tuple[str, bytes]) -> Plan:
    made = [
        Scan(
            table=table,
            offset=0,
            snapshot="s",
            listed_at=0.0,
            selection=Files(versions),  # type: ignore[arg-type]  # what keys do not ask for is left out
            partitions_total=1,
            files_total=1,
            size_total=1,
            edition=Edition(line="", number=0, began=0.0, ended=0.0, content=""),
            details=Details,
        )
        for table, versions in scans
    ]
    return Plan(query=query, scans=tuple(made), statement=_never)


def _never(address: Callable[..., str]) -> Any:
    raise AssertionError("a key is made without rendering the statement")


def asked(parameters: Mapping[str, Any], sql: str = " ".join(WORDS), *, textual: bool = False) -> BoundQuery:
    return template(sql).bind(parameters, textual=textual)


SPACES = st.sampled_from([" ", "  ", "\n", "\t", " /* a comment */ ", " -- to the end\n", "\n\n/* $top 'x */ "])
CASES = st.sampled_from([str.upper, str.lower, str.capitalize])


@st.composite
def layouts(draw: st.DrawFn) -> str:
    """The same text with other spaces, comments and cases of keywords."""
    words = [draw(CASES)(word) if word in KEYWORDS else word for word in WORDS]
    return "".join(word + draw(SPACES) for word in words)


@given(layouts())
def test_layout_comments_and_the_case_of_keywords_are_no_part_of_a_question(sql: str) -> None:
    given_values = {"start": "2013-01-01"}
    assert question_key(asked(given_values, sql), ANYBODY) == question_key(asked(given_values), ANYBODY)


@given(
    st.permutations([("start", "2013-06-01"), ("origin", "JFK"), ("top", 10)]),
    st.sets(st.sampled_from(["origin", "top"])),
    st.booleans(),
)
def test_the_order_of_parameters_and_defaults_spelled_out_are_no_part_of_a_question(
    pairs: list[tuple[str, Any]], left_out: set[str], textual: bool
) -> None:
    values = {name: [str(value)] if textual else value for name, value in pairs if name not in left_out}
    expected = question_key(asked({"start": "2013-06-01"}), ANYBODY)
    assert question_key(asked(values, textual=textual), ANYBODY) == expected


@given(st.integers(0, len(WORDS) - 1), st.sampled_from(["carriers", "day2", "$other", "<", "11", "'its'"]))
def test_another_word_anywhere_is_another_question(place: int, word: str) -> None:
    def normalised(words: list[str]) -> BoundQuery:
        return BoundQuery(name="q", version=1, sql="", normalised=" ".join(words), tables=(), parameters={})

    assume(WORDS[place] != word)
    changed = [*WORDS[:place], word, *WORDS[place + 1 :]]
    assert question_key(normalised(changed), ANYBODY) != question_key(normalised(WORDS), ANYBODY)


scalars: st.SearchStrategy[Value] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**40), 2**40),
    st.floats(),
    st.decimals(allow_nan=False, allow_infinity=False, places=3),
    st.text(max_size=5),
    st.dates(),
    st.datetimes(),
    st.uuids(),
)
values: st.SearchStrategy[Value] = scalars | st.lists(scalars, max_size=3)
typed = st.builds(
    lambda value, type_: TypedValue(value=value, type=type_), values, st.sampled_from(["BIGINT", "DOUBLE", "VARCHAR"])
)
parameters = st.dictionaries(st.sampled_from(["a", "b", "ab", "a b"]), typed, max_size=3)


def bound(text: str, given_values: Mapping[str, TypedValue]) -> BoundQuery:
    return BoundQuery(name="q", version=1, sql="", normalised=text, tables=(), parameters=given_values)


def spelled(given_values: Mapping[str, TypedValue]) -> dict[str, bytes]:
    return {name: canonical_bytes(value) for name, value in given_values.items()}


@given(parameters, parameters)
@example({"a": TypedValue(value=1, type="BIGINT")}, {"a": TypedValue(value=True, type="BIGINT")})
@example({"a": TypedValue(value=1, type="DOUBLE")}, {"a": TypedValue(value=1.0, type="DOUBLE")})
@example({"a": TypedValue(value=0.0, type="DOUBLE")}, {"a": TypedValue(value=-0.0, type="DOUBLE")})
@example({"a": TypedValue(value=Decimal(1), type="BIGINT")}, {"a": TypedValue(value=1, type="BIGINT")})
@example({"a": TypedValue(value=[], type="VARCHAR")}, {"a": TypedValue(value=None, type="VARCHAR")})
@example({"a": TypedValue(value=["ab"], type="VARCHAR")}, {"a": TypedValue(value=["a", "b"], type="VARCHAR")})
def test_questions_share_a_key_exactly_where_all_their_values_are_the_same(
    one: dict[str, TypedValue], other: dict[str, TypedValue]
) -> None:
    same = spelled(one) == spelled(other)
    assert (question_key(bound("q", one), ANYBODY) == question_key(bound("q", other), ANYBODY)) == same


@given(st.text(max_size=4), st.text(max_size=4), st.text(max_size=4), st.text(max_size=4))
@example("ab", "c", "a", "bc")
@example("", "ab", "ab", "")
def test_two_scopes_never_share_a_question(text: str, scope: str, other_text: str, other_scope: str) -> None:
    keys = {
        question_key(bound(each, {}), Principal(name="n", scope=what))
        for each, what in ((text, scope), (other_text, other_scope))
    }
    assert len(keys) == len({(text, scope), (other_text, other_scope)})


def test_the_name_of_who_asks_is_no_part_of_a_question() -> None:
    query = asked({"start": "2013-01-01"})
    assert question_key(query, Principal(name="ann")) == question_key(query, Principal(name="bob"))


scans = st.lists(st.tuples(st.sampled_from(["t", "tt", "u"]), st.binary(max_size=3)), max_size=3)
Identity = tuple[str, list[tuple[str, bytes]], str]
identities = st.tuples(st.sampled_from(["aa", "bb"]), scans, st.sampled_from(["duckdb", "spark"]))


@given(identities, identities)
@example(("aa", [("t", b"t")], "duckdb"), ("aa", [("tt", b"")], "duckdb"))
@example(("aa", [("t", b"x"), ("u", b"y")], "duckdb"), ("aa", [("u", b"y"), ("t", b"x")], "duckdb"))
def test_answers_share_a_key_exactly_where_question_files_and_engine_are_the_same(
    one: Identity, other: Identity
) -> None:
    query = bound("q", {})
    first, second = (result_key(question, plan(query, *read), engine) for question, read, engine in (one, other))
    assert (first == second) == (one == other)


@given(identities)
def test_keys_are_forty_hexadecimal_digits(one: Identity) -> None:
    question, read, engine = one
    assert re.fullmatch("[0-9a-f]{40}", result_key(question, plan(bound("q", {}), *read), engine))

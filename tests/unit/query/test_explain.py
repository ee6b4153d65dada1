"""Why a text cannot be read, in plain words and at the word that is wrong."""

from __future__ import annotations

import pytest

from gateway.query.lexer import SqlError
from gateway.query.sql import parse

CASES = [
    ("SELECT a FORM flights", "FORM", "FORM is not expected here", "did you mean FROM?"),
    ("SELECT a FROM flights\nWEHRE a = 1", "WEHRE", "WEHRE is not expected here", "did you mean WHERE?"),
    ("SELECT a FROM flights GRUOP BY a", "GRUOP", "GRUOP is not expected here", "did you mean GROUP?"),
    ("SELECT a FROM flights x JION flights y ON x.a = y.a", "JION", "JION is not expected here", "did you mean JOIN?"),
    ("SELECT a FROM f UNION SELCT b FROM f", "SELCT", "SELCT is not expected here", "did you mean SELECT?"),
    ("SELECT a FROM flights ORDER BY a DSC", "DSC", "DSC is not expected here", "did you mean DESC?"),
    ("SELECT a FROM flights GROUP a", "a", "BY is missing after GROUP", "write GROUP BY"),
    ("SELECT sum(x) OVER (PARTITION a) FROM f", "a", "BY is missing after PARTITION", "write PARTITION BY"),
    ("SELECT a FROM flights WHERE", "WHERE", "the query ends where something must follow WHERE", None),
    ("SELECT a FROM flights WHERE a =", "=", "the query ends where something must follow =", None),
    ("SELECT a FROM flights JOIN ON x", "ON", "a table is missing before ON", None),
    ("SELECT a FROM f WHERE a = 1 AND AND b", "AND b", "a value or a condition is missing beside AND", None),
    ("WITH a AS SELECT 1 SELECT * FROM a", "SELECT 1", "a ( is missing before SELECT", None),
    (
        "SELECT a b c FROM flights",
        "c",
        "c is not expected here",
        "a comma, an operator or a keyword may be missing before it",
    ),
]


@pytest.mark.parametrize(("sql", "at", "message", "hint"), CASES, ids=[case[0] for case in CASES])
def test_a_text_that_does_not_parse_is_explained(sql: str, at: str, message: str, hint: str | None) -> None:
    with pytest.raises(SqlError) as caught:
        parse(sql)
    assert (caught.value.message, caught.value.hint) == (f"not valid SQL: {message}", hint)
    assert sql[caught.value.offset :].startswith(at)


def test_a_word_that_starts_no_query_is_compared_with_those_that_do() -> None:
    with pytest.raises(SqlError) as caught:
        parse("SELCT a FROM flights")
    assert caught.value.hint == "did you mean 'select'?"


@pytest.mark.parametrize("clause", ["CUBE", "ROLLUP", "GROUPING SETS"])
@pytest.mark.parametrize(
    "condition",
    ["n IS NULL", "n IS NOT NULL", "n = 1", "n <> 1", "n >= 1", "n IN (1, 2)", "n NOT IN (1)", "n BETWEEN 1 AND 2",
     "s LIKE 'a%'", "s ILIKE 'a'", "s NOT LIKE 'a'", "s SIMILAR TO 'a'", "a AND b", "a OR b", "n ISNULL"],
)  # fmt: skip
def test_a_condition_among_grouping_sets_is_explained_and_read_in_brackets(clause: str, condition: str) -> None:
    parse(f"SELECT count(*) FROM f GROUP BY {clause} (g, ({condition}))")
    with pytest.raises(SqlError) as caught:
        parse(f"SELECT count(*) FROM f GROUP BY {clause} (g, {condition})")
    assert caught.value.message == f"not valid SQL: a condition in {clause} needs brackets"
    assert caught.value.hint == "write (n IS NULL)"

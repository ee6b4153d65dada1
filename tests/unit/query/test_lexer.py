from __future__ import annotations

import pytest

from gateway.query.lexer import SqlError, TokenKind, lex


def texts(sql: str) -> list[str]:
    return [token.text for token in lex(sql)]


def test_tokens_keep_their_places() -> None:
    sql = "SELECT 'a''b' AS \"c\"\"d\", $start\n-- no\nFROM t"
    assert [sql[token.start : token.end] for token in lex(sql)] == texts(sql)


def test_comments_nest() -> None:
    assert texts("a /* b /* c */ d */ e") == ["a", "e"]


def test_comment_openers_inside_strings_are_text() -> None:
    assert texts("'/* -- ' || \"/*\"") == ["'/* -- '", "||", '"/*"']


def test_quotes_inside_comments_open_nothing() -> None:
    assert texts("a -- it's\n, b /* it's */") == ["a", ",", "b"]


def test_escape_strings_end_where_the_engine_ends_them() -> None:
    assert texts(r"E'a\'b' || 'a\'") == [r"E'a\'b'", "||", r"'a\'"]


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        ("a=-1", ["a", "=", "-", "1"]),
        ("a->-1", ["a", "->", "-", "1"]),
        ("a*-1", ["a", "*", "-", "1"]),
        ("a@-1", ["a", "@-", "1"]),
    ],
)
def test_operators_are_cut_where_the_engine_cuts_them(run: str, expected: list[str]) -> None:
    assert texts(run) == expected


def test_numbers_have_underscores_and_exponents() -> None:
    assert texts("1_000.5e-3 + .5 + 1e5") == ["1_000.5e-3", "+", ".5", "+", "1e5"]


def test_parameters_stand_side_by_side() -> None:
    assert [token.kind for token in lex("$a,$b")] == [TokenKind.PARAMETER, TokenKind.PUNCTUATION, TokenKind.PARAMETER]


def test_quoted_names_are_compared_without_quotes() -> None:
    assert [token.name for token in lex('"Read_CSV" x')] == ["read_csv", "x"]


@pytest.mark.parametrize(
    ("sql", "offset"),
    [
        ("a 'b", 2),
        ("a /* /* */", 2),
        ("x ?", 2),
        ("x $1", 2),
        ("x $$a$$", 2),
        ("x\xa0y", 1),
        ("x\u200by", 1),
        ("x\x00y", 1),
        ("x\fy", 1),
        ("0x1F", 1),
        ("1abc", 1),
        ("a$b", 1),
        ("X'41'", 0),
        ("U&'41'", 0),
        ("'a'\"b\"x", 6),
        ("x \\", 2),
    ],
)
def test_spellings_that_readers_could_take_differently_are_refused_at_their_place(sql: str, offset: int) -> None:
    with pytest.raises(SqlError) as caught:
        lex(sql)
    assert caught.value.offset == offset

"""Explain syntax errors in plain words: the parser speaks of its grammar, not of the text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import get_close_matches

from sqlglot.errors import ParseError

from gateway.query.keywords import FOLDED
from gateway.query.lexer import SqlError, Token, TokenKind

_CLAUSES = (
    *("SELECT", "DISTINCT", "FROM", "WHERE", "GROUP", "BY", "HAVING", "QUALIFY", "ORDER", "LIMIT", "OFFSET", "UNION"),
    *("JOIN", "LEFT", "RIGHT", "FULL", "INNER", "OUTER", "CROSS", "USING", "PARTITION", "OVER", "WINDOW", "FILTER"),
    *("BETWEEN", "INTERSECT", "EXCEPT", "DESC", "ASC", "NULLS", "CASE", "WHEN", "THEN", "ELSE", "AND"),
)
"""Words that are likely meant where a text does not parse near a word that is no keyword."""
_BEFORE_BY = frozenset({"group", "order", "partition"})
_GROUPINGS = {"cube": "CUBE", "rollup": "ROLLUP", "sets": "GROUPING SETS"}
_OF_CONDITIONS = frozenset(
    (
        *("=", "==", "<>", "!=", "<", ">", "<=", ">=", "and", "or", "not", "in", "between", "is", "isnull", "notnull"),
        *("like", "ilike", "glob", "similar"),
    )
)
"""What goes on with a condition after its first operand."""
_SHOWN = 40


def explained(error: ParseError, text: str, tokens: Sequence[Token]) -> SqlError:
    """Explain an error of the parser, at the word that is most likely wrong."""
    details = error.errors[0] if error.errors else {}
    number = _number(details, text, tokens)
    token, before = tokens[number], tokens[number - 1] if number else None
    for each in (token, before):
        meant = _meant(each)
        if each is not None and meant is not None:
            return SqlError(each.start, f"not valid SQL: {_shown(each)} is not expected here", meant)
    if before is not None and before.name in _BEFORE_BY and token.name != "by":
        word = before.text.upper()
        return SqlError(token.start, f"not valid SQL: BY is missing after {word}", f"write {word} BY")
    grouping = _grouping(tokens[:number]) if token.name in _OF_CONDITIONS else None
    if grouping is not None:  # the engine takes them, the parser does not
        return SqlError(token.start, f"not valid SQL: a condition in {grouping} needs brackets", "write (n IS NULL)")
    return SqlError(token.start, *_words(str(details.get("description") or ""), token, last=token is tokens[-1]))


def _number(details: object, text: str, tokens: Sequence[Token]) -> int:
    """Return the number of the token that the parser stopped at."""
    info = details if isinstance(details, dict) else {}
    line, column = info.get("line") or 1, info.get("col") or 1
    starts = [0, *(position + 1 for position, character in enumerate(text) if character == "\n")]
    # The parser counts to the end of the token that it stopped at.
    position = starts[min(line, len(starts)) - 1] + max(column - len(str(info.get("highlight") or "")), 0)
    passed = sum(token.end <= position for token in tokens)
    return min(passed, len(tokens) - 1)


def _grouping(before: Sequence[Token]) -> str | None:
    """Name the clause of grouping sets in whose innermost brackets the text goes on after *before*."""
    closed = 0
    for number in range(len(before) - 1, 0, -1):
        closed += (before[number].text == ")") - (before[number].text == "(")
        if closed < 0:
            return _GROUPINGS.get(before[number - 1].name)
    return None


def _meant(token: Token | None) -> str | None:
    """Suggest the keyword that a misspelt one stands for."""
    if token is None or token.kind is not TokenKind.WORD or token.name in FOLDED:
        return None
    close = get_close_matches(token.name.upper(), _CLAUSES, n=1, cutoff=0.75)
    return f"did you mean {close[0]}?" if close else None


def _words(description: str, token: Token, *, last: bool) -> tuple[str, str | None]:
    shown = _shown(token)
    lacking = description.startswith(("Required keyword", "Expected table name"))
    if lacking and last:
        return f"not valid SQL: the query ends where something must follow {shown}", None
    if description.startswith("Expected table name"):
        return f"not valid SQL: a table is missing before {shown}", None
    if lacking:
        return f"not valid SQL: a value or a condition is missing beside {shown}", None
    expected = re.match(r"Expect(?:ing|ed) (\S+)", description)
    if expected is not None and not expected[1].isalpha():
        return f"not valid SQL: a {expected[1]} is missing before {shown}", None
    return f"not valid SQL: {shown} is not expected here", "a comma, an operator or a keyword may be missing before it"


def _shown(token: Token) -> str:
    return token.text if len(token.text) <= _SHOWN else f"{token.text[: _SHOWN - 1]}…"

"""String literals that are used as something else: a typed value, a part of a date, a regular expression."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from gateway.query.lexer import TokenKind, lex
from gateway.query.sql import parse

_PARTED = {f"date{mark}{what}" for mark in ("", "_") for what in ("trunc", "part", "diff", "sub")}
"""Functions whose first argument is a part of a date."""
_PATTERNED = (
    *(exp.RegexpLike, exp.RegexpFullMatch, exp.RegexpReplace, exp.RegexpExtract, exp.RegexpExtractAll, exp.RegexpSplit),
    exp.SimilarTo,
)
"""Functions whose second argument is a regular expression."""
_CONDITIONAL = (exp.Case, exp.If, exp.Coalesce, exp.TryCast, exp.Try, exp.Lambda)
"""Syntax in which a text may never be looked at, or its failure be no error."""


def has_texts(sql: str) -> bool:
    """Return whether a query has any string literal."""
    return any(token.kind is TokenKind.STRING for token in lex(sql))


def written_casts(sql: str) -> Iterator[tuple[str, str]]:
    """List the texts that the author casts, with the types.

    >>> list(written_casts("SELECT DATE 'today', 'x'::INT"))
    [('today', 'DATE'), ('x', 'INT')]
    """
    for cast in parse(sql).find_all(exp.Cast):
        if isinstance(cast.this, exp.Literal) and cast.this.is_string and not isinstance(cast, exp.TryCast):
            yield cast.this.name, cast.args["to"].sql(dialect="duckdb")


def parts_of_dates(sql: str) -> Iterator[str]:
    """List the texts that name a part of a date.

    >>> list(parts_of_dates("SELECT date_trunc('moth', ts) FROM t"))
    ['moth']
    """
    tokens = lex(sql)
    for name, bracket, first, comma in zip(tokens, tokens[1:], tokens[2:], tokens[3:], strict=False):
        if name.name in _PARTED and bracket.text == "(" and first.kind is TokenKind.STRING and comma.text == ",":
            yield _value(first.text)


def patterns(sql: str) -> Iterator[str]:
    """List the regular expressions that are written out.

    >>> list(patterns("SELECT a FROM t WHERE regexp_matches(a, '^x')"))
    ['^x']
    """
    for call in parse(sql).find_all(*_PATTERNED):
        pattern = call.args.get("expression")
        if isinstance(pattern, exp.Literal) and pattern.is_string:
            yield pattern.name


def positions(sql: str, text: str) -> list[int]:
    """Return where a text stands; nowhere where it is also part of what may never be computed."""
    literals = [literal for literal in parse(sql).find_all(exp.Literal) if literal.is_string and literal.name == text]
    if any(literal.find_ancestor(*_CONDITIONAL) for literal in literals):
        return []
    return [token.start for token in lex(sql) if token.kind is TokenKind.STRING and _value(token.text) == text]


def _value(token: str) -> str:
    return token[1:-1].replace("''", "'")

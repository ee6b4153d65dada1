"""String literals that are used as something else: a typed value, a part of a date, a regular expression."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlglot import exp

from gateway.query.lexer import Token, TokenKind

_PARTED = {f"date{mark}{what}" for mark in ("", "_") for what in ("trunc", "part", "diff", "sub")}
"""Functions whose first argument is a part of a date."""
_PATTERNED = (
    *(exp.RegexpLike, exp.RegexpFullMatch, exp.RegexpReplace, exp.RegexpExtract, exp.RegexpExtractAll, exp.RegexpSplit),
    exp.SimilarTo,
)
"""Functions whose second argument is a regular expression."""
_CONDITIONAL = (exp.Case, exp.If, exp.Coalesce, exp.TryCast, exp.Try, exp.Lambda)
"""Syntax in which a text may never be looked at, or its failure be no error."""


def has_texts(tokens: Sequence[Token]) -> bool:
    """Return whether a query has any string literal."""
    return any(token.kind is TokenKind.STRING for token in tokens)


def written_casts(tree: exp.Expr) -> Iterator[tuple[str, str]]:
    """List the texts that the author casts, with the types.

    >>> from gateway.query.sql import parse
    >>> list(written_casts(parse("SELECT DATE 'today', 'x'::INT")))
    [('today', 'DATE'), ('x', 'INT')]
    """
    for cast in tree.find_all(exp.Cast):
        if isinstance(cast.this, exp.Literal) and cast.this.is_string and not isinstance(cast, exp.TryCast):
            yield cast.this.name, cast.args["to"].sql(dialect="duckdb")


def parts_of_dates(tokens: Sequence[Token]) -> Iterator[str]:
    """List the texts that name a part of a date.

    >>> from gateway.query.lexer import lex
    >>> list(parts_of_dates(lex("SELECT date_trunc('moth', ts) FROM t")))
    ['moth']
    """
    for name, bracket, first, comma in zip(tokens, tokens[1:], tokens[2:], tokens[3:], strict=False):
        if name.name in _PARTED and bracket.text == "(" and first.kind is TokenKind.STRING and comma.text == ",":
            yield _value(first.text)


def patterns(tree: exp.Expr) -> Iterator[str]:
    """List the regular expressions that are written out.

    >>> from gateway.query.sql import parse
    >>> list(patterns(parse("SELECT a FROM t WHERE regexp_matches(a, '^x')")))
    ['^x']
    """
    for call in tree.find_all(*_PATTERNED):
        pattern = call.args.get("expression")
        if isinstance(pattern, exp.Literal) and pattern.is_string:
            yield pattern.name


def positions(tokens: Sequence[Token], tree: exp.Expr, text: str) -> list[int]:
    """Return where a text stands; nowhere where it is also part of what may never be computed."""
    literals = [literal for literal in tree.find_all(exp.Literal) if literal.is_string and literal.name == text]
    if any(literal.find_ancestor(*_CONDITIONAL) for literal in literals):
        return []
    return [token.start for token in tokens if token.kind is TokenKind.STRING and _value(token.text) == text]


def _value(token: str) -> str:
    return token[1:-1].replace("''", "'")

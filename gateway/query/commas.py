"""Commas that may be missing: SQL reads ``country order_id`` as a column with a new name."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import pairwise

from sqlglot import exp

from gateway.errors import Rule
from gateway.query.lexer import SqlError, Token, TokenKind
from gateway.query.sql import parse_tokens, start_of, statement_tokens

_NAMES = frozenset({TokenKind.WORD, TokenKind.QUOTED})
_BEFORE_NAMES = frozenset(
    {"and", "as", "by", "case", "distinct", "else", "from", "having", "join", "not", "on", "or", "select", "then"}
    | {"when", "where"}
)
"""Words that a name follows which is not given to them, unless they are names themselves."""


def missing_commas(sql: str, columns: Collection[str], tables: Collection[str]) -> Iterator[SqlError]:
    """Find names given without AS that are names of *columns* or declared *tables* themselves; both in small letters.

    >>> [str(error) for error in missing_commas("SELECT country id FROM t", {"country", "id"}, {"t"})]
    ['the column country is given the name id, which is a column too']
    """
    tokens = statement_tokens(sql)
    names = {*columns, *tables}
    if not any(_may_name(previous, token, names) for previous, token in pairwise(tokens)):
        return
    before = {token.start: previous.name for previous, token in pairwise(tokens)}
    tree = parse_tokens(sql, tokens)
    for alias in tree.find_all(exp.Alias):
        named, column = alias.args["alias"], alias.this
        if isinstance(column, exp.Column) and named.name.lower() in columns and named.name != column.name:
            yield from _remark(named, before, f"the column {column.name}", "a column")
    for given in tree.find_all(exp.TableAlias):
        named, table = given.this, given.parent
        if isinstance(table, exp.Table) and named is not None and named.name.lower() in tables:
            yield from _remark(named, before, f"the table {table.name}", "a table")


def _may_name(previous: Token, token: Token, names: Collection[str]) -> bool:
    """Tell whether *token* is one of *names* and may be given to what ends before it; it costs no parser."""
    if token.kind not in _NAMES or token.name not in names:
        return False
    if previous.kind is TokenKind.WORD:
        return previous.name not in _BEFORE_NAMES or previous.name in names
    return previous.kind is TokenKind.QUOTED or previous.text == ")"


def _remark(named: exp.Expr, before: dict[int, str], what: str, kind: str) -> Iterator[SqlError]:
    start = start_of(named)
    if start is not None and before.get(start) != "as":
        message = f"{what} is given the name {named.name}, which is {kind} too"
        yield SqlError(start, message, "write the comma that is missing, or AS if it is meant", Rule.MISSING_COMMA)

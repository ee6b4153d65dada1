"""Parse the SQL of a template, with every position in the author's text.

``parse`` reads DuckDB's dialect with two traps of the library taken out: ``$a,$b`` and a text that ends in ``''`` after
a parameter are no dollar-quoted strings. A text that the parser would split into other tokens than the engine does is
refused, so that what is checked is what runs.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence

from sqlglot import exp
from sqlglot.dialects.duckdb import DuckDB
from sqlglot.errors import ParseError, TokenError
from sqlglot.tokenizer_core import Token as ParserToken

from gateway.errors import Rule
from gateway.query.explain import explained
from gateway.query.keywords import FOLDED
from gateway.query.lexer import SqlError, Token, TokenKind, lex
from gateway.suggestions import did_you_mean

MAX_LENGTH = 256_000
"""Characters of one template."""
MAX_NESTING = 64
"""Brackets and CASEs open at one place: the parser recurses, and so does the engine's."""
MAX_DEPTH = 250
"""Levels of the syntax tree; a chain of n operators has n of them."""

_OPENING = {"(": ")", "[": "]", "{": "}", "case": "end"}
_CLOSING = frozenset(_OPENING.values())
_BRACKETS = _CLOSING | set(_OPENING) | {""}
_COUNTED = {"[": 1_000, "join": 200, "->": 200, "lambda": 200, "select": 500, "from": 500}
"""How often a token may stand in a text: the parser takes a level of its stack, or quadratic time, for each."""
_RUN = 32
"""How often one token may follow itself, e.g. NOT NOT NOT."""
_STATEMENTS = frozenset({"select", "with", "from", "values", "("})
_OTHER_STATEMENTS = frozenset(
    {"alter", "attach", "call", "copy", "delete", "detach", "drop", "execute", "explain", "export", "import", "insert"}
    | {"install", "load", "merge", "pragma", "prepare", "reset", "set", "truncate", "update", "use", "vacuum"}
)
_COLUMNS = "GET /v1/tables and the page of a table tell its columns"
STATEMENTS = {
    "table": "write FROM and the name of the table",
    "pivot": "write FROM t PIVOT (sum(x) FOR k IN ('a', 'b') GROUP BY g)",
    "unpivot": "write FROM t UNPIVOT (value FOR name IN (a, b))",
    **dict.fromkeys(("describe", "desc", "show", "summarize"), _COLUMNS),
    "explain": "gateway explain shows how a query runs",
}
"""What to write for a statement that is no template."""
_CODE = frozenset({TokenKind.WORD, TokenKind.OPERATOR, TokenKind.PUNCTUATION})
_ATOMS = frozenset({TokenKind.STRING, TokenKind.QUOTED, TokenKind.NUMBER})


class TemplateDialect(DuckDB):
    """DuckDB without dollar-quoted strings, so that a ``$`` always starts a parameter."""

    class Tokenizer(DuckDB.Tokenizer):
        HEREDOC_STRINGS = []  # noqa: RUF012 - the library's class attribute


_DIALECT = TemplateDialect()


def parse(sql: str) -> exp.Expr:
    """Parse one statement. Raises ``SqlError`` at the first place that cannot be read.

    Identifiers carry their place in *sql* as ``meta["start"]`` and ``meta["end"]`` (inclusive).
    """
    return parse_tokens(sql, statement_tokens(sql))


def statement_tokens(sql: str) -> list[Token]:
    """Split *sql* into tokens, without a last semicolon. Raises ``SqlError`` unless it is one readable SELECT."""
    if len(sql) > MAX_LENGTH:
        raise SqlError(MAX_LENGTH, f"the query is longer than {MAX_LENGTH} characters")
    tokens = lex(sql)
    while tokens and tokens[-1].text == ";":
        tokens.pop()
    if not tokens:
        raise SqlError(0, "there is no query", "write one SELECT after the front matter")
    for number, token in enumerate(tokens):
        if token.text == ";" and token.kind is TokenKind.PUNCTUATION:
            what = "another statement starts after this" if number else "nothing stands before this"
            raise SqlError(token.start, f"{what} semicolon", "a template is one SELECT")
    if tokens[0].name not in _STATEMENTS or tokens[0].kind is TokenKind.QUOTED:
        message = f"a template is one SELECT, and {tokens[0].text[:40]} starts none"
        hint = STATEMENTS.get(tokens[0].name) or did_you_mean(tokens[0].name, ["select", "with"])
        raise SqlError(tokens[0].start, message, hint, Rule.NOT_ALLOWED)
    _check_size(tokens)
    _check_statements(tokens)
    return tokens


def parse_tokens(sql: str, tokens: Sequence[Token]) -> exp.Expr:
    """Parse *sql*, whose tokens are known. Raises ``SqlError``."""
    text = sql[: tokens[-1].end]
    try:
        pieces = _DIALECT.tokenize(text)
        _compare(tokens, pieces)
        trees = _DIALECT.parser().parse(pieces, text)
    except ParseError as error:
        raise explained(error, text, tokens) from error
    except TokenError as error:
        raise SqlError(0, "the query cannot be read") from error
    except RecursionError as error:
        raise _too_deep(tokens[0].start) from error
    if len(trees) != 1 or trees[0] is None:
        raise SqlError(tokens[0].start, "a template is one SELECT")
    _check_depth(trees[0])
    return trees[0]


def start_of(identifier: exp.Expr) -> int | None:
    """Return the place of an identifier in the text, in characters."""
    start = identifier.meta.get("start") if isinstance(identifier, exp.Identifier) else None
    return start if isinstance(start, int) else None


def position_of(node: exp.Expr) -> int:
    """Return the place of the first name in *node*, or else around it; the parser keeps no other places."""
    around: exp.Expr | None = node
    while around is not None:
        positions = [start for name in around.find_all(exp.Identifier) if (start := start_of(name)) is not None]
        if positions:
            return min(positions)
        around = around.parent
    return 0


def _check_size(tokens: Sequence[Token]) -> None:
    """Refuse, before any recursion, what nests too deep to be parsed safely."""
    opened: list[Token] = []
    counts: Counter[str] = Counter()
    run, before = 0, None
    for token in tokens:
        named = token.name
        name = named if token.kind in _CODE else ""
        run = run + 1 if name not in _BRACKETS and before == name else 0
        before = named
        counts[name] += 1
        if run > _RUN or (name in _COUNTED and counts[name] > _COUNTED[name]):
            raise _too_deep(token.start)
        if name in _OPENING:
            opened.append(token)
            if len(opened) > MAX_NESTING:
                raise _too_deep(token.start)
        elif name in _CLOSING and opened and _OPENING[opened[-1].name] == name:
            opened.pop()
        elif name in _CLOSING and name != "end":
            raise SqlError(token.start, f"this {name} closes nothing")
    if opened:
        raise SqlError(opened[-1].start, f"this {opened[-1].text} is never closed")


def _check_statements(tokens: Sequence[Token]) -> None:
    """Refuse other statements in brackets; where such a word is a column's name, no further name follows it."""
    for bracket, token, following in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if bracket.text == "(" and token.kind is TokenKind.WORD and token.name in _OTHER_STATEMENTS:
            named = following.kind is TokenKind.WORD and following.name not in FOLDED - {"from", "into", "select"}
            if named or following.kind in _ATOMS:
                message = f"{token.text.upper()} is not allowed in a template"
                raise SqlError(token.start, message, rule=Rule.NOT_ALLOWED)


def _too_deep(position: int) -> SqlError:
    return SqlError(position, "the query nests too deep", "name parts of it in WITH")


def _check_depth(tree: exp.Expr) -> None:
    level: list[exp.Expr] = [tree]
    for _ in range(MAX_DEPTH):
        level = [child for node in level for child in node.iter_expressions()]
        if not level:
            return
    raise SqlError(position_of(tree), "the query nests too deep", "use IN for a chain of OR, or WITH")


def _compare(ours: Sequence[Token], theirs: Sequence[ParserToken]) -> None:
    """Refuse a text that the parser splits differently: a quoted text of one must be a quoted text of the other."""
    starts = [token.start for token in ours]
    reached = 0
    for token in theirs:
        position = bisect_right(starts, token.start) - 1
        if position < 0 or ours[position].end <= token.start:
            raise _ambiguous(ours[max(position, 0)])
        if position > reached:
            raise _ambiguous(ours[reached])
        reached = max(reached, _covered(ours, position, token))
    if reached < len(ours):
        raise _ambiguous(ours[reached])


def _covered(ours: Sequence[Token], position: int, token: ParserToken) -> int:
    """Return the place after the last token of ours that *token* covers in full."""
    first, end = ours[position], token.end + 1
    if first.kind in _ATOMS and (first.start, first.end) != (token.start, end):
        raise _ambiguous(first)
    while position < len(ours) and ours[position].end <= end:
        if ours[position].kind in _ATOMS and ours[position] is not first:
            raise _ambiguous(ours[position])
        position += 1
    if position < len(ours) and ours[position].start < end and ours[position] is not first:
        raise _ambiguous(ours[position])
    return position


def _ambiguous(token: Token) -> SqlError:
    hint = "put spaces around operators and brackets"
    if token.kind is TokenKind.NUMBER and token.text.startswith("."):
        hint = f"write 0{token.text}"
    return SqlError(token.start, "this cannot be read in one way only", hint)

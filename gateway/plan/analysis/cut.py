"""Splits the author's text at the names of its tables, so that a source can be inserted for each.

Otherwise only calls that read the clock, and calls of ``date_trunc`` that the engine may optimise, are replaced.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlglot import exp

from gateway.plan.analysis.constants import Constants
from gateway.plan.analysis.prepared import PreparedQuery
from gateway.plan.analysis.text import Text
from gateway.plan.analysis.truncations import BUILT_IN, built_in_truncations
from gateway.query.lexer import SqlError, TokenKind, lex


def cut(constants: Constants, tree: exp.Expr, scans: Sequence[tuple[int, int, bool]]) -> tuple[tuple[str, ...], bool]:
    """Cut the author's text at its *scans* (start, end, whether it has an alias); say whether the clock is a parameter.

    A table without an alias gets its own name, so that what is qualified by it still means it.
    """
    text = constants.text
    edits = [(start, end, "" if aliased else f" AS {text.author[start:end]}", True) for start, end, aliased in scans]
    clocks = _clock_edits(text, tree)
    calls = [(start, start, BUILT_IN, False) for start in built_in_truncations(constants, tree)]
    pieces, here, done = [], "", 0
    for start, end, replacement, is_scan in sorted([*edits, *clocks, *calls]):
        here += text.author[done:start]
        if is_scan:
            pieces.append(here)
            here = ""
        here += replacement
        done = end
    return (*pieces, here + text.author[done:]), bool(clocks)


def _clock_edits(text: Text, tree: exp.Expr) -> list[tuple[int, int, str, bool]]:
    """Replace calls that read the clock by the instant of the request, where that changes no name of a column."""
    made = []
    for node in tree.find_all(exp.Placeholder):
        clock = text.clock(node.name)
        if clock is None:
            continue
        written = text.author[clock.start : clock.end]
        item = _unnamed_projection(node)
        if item is None:
            made.append((clock.start, clock.end, clock.replacement, False))
        elif item is node:
            # DuckDB names a column after a function in lower case, after a keyword as it is written.
            name = "".join(written.split()).lower() if written.endswith(")") else written
            made.append((clock.start, clock.end, f'{clock.replacement} AS "{name}"', False))
    return made


def _unnamed_projection(node: exp.Expr) -> exp.Expr | None:
    """Return the item of a SELECT list that *node* stands in, if its text is its name."""
    child: exp.Expr = node
    while child.parent is not None:
        if isinstance(child.parent, exp.Select) and child.arg_key == "expressions":
            return None if isinstance(child, exp.Alias) else child
        if isinstance(child.parent, exp.Query) and not isinstance(child.parent, exp.Subquery):
            return None
        child = child.parent
    return None


def render(prepared: PreparedQuery, sources: Sequence[str]) -> str:
    """Put the source of each scan, in text order, in the place of its table's name."""
    parts = [prepared.pieces[0]]
    for source, piece in zip(sources, prepared.pieces[1:], strict=True):
        parts += [source, piece]
    return "".join(parts)


def until_where(text: str) -> str | None:
    """Cut what follows the one source of a SELECT after its WHERE; None where the text is not understood.

    >>> until_where(" AS t WHERE a > (1) ORDER BY b"), until_where(" AS t) SELECT 1"), until_where(" AS t, u")
    (' AS t WHERE a > (1) ', ' AS t', None)
    """
    depth, inside, before = 0, False, ""
    try:
        tokens = lex(text)
    except SqlError:
        return None
    for token in tokens:
        depth += token.deeper
        word = token.name if depth == 0 and token.kind is TokenKind.WORD and before != "." else ""
        if depth < 0 or token.text == ";" or word in _AFTER:
            return text[: token.start]
        inside |= word == "where"
        if depth == 0 and not inside and token.text == ",":
            return None
        before = token.text
    return text


_AFTER: Final = frozenset(
    {
        "group",
        "having",
        "window",
        "qualify",
        "order",
        "limit",
        "offset",
        "fetch",
        "union",
        "intersect",
        "except",
        "select",
    }
)
"""Words that end a WHERE; a column of such a name is quoted."""

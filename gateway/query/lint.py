"""Lint warnings for templates: valid, but likely to cause trouble. ``gateway check`` reports them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from sqlglot import exp

from gateway.declaration import Declared
from gateway.errors import Diagnostic, Rule, Severity
from gateway.query.asof import unguarded_asof_joins
from gateway.query.lexer import CLOSING, OPENING, SqlError, Token, TokenKind
from gateway.query.parameters import Parameter
from gateway.query.sql import position_of, statement_tokens

_AFTER_LIST = frozenset(
    {"from", "where", "group", "having", "window", "qualify", "order", "limit", "offset", "union", "intersect"}
    | {"except", "using", "sample", "fetch"}
)
"""Words that end the list of a SELECT."""
_NAMED = (exp.Alias, exp.Aliases, exp.Column, exp.Dot, exp.Star, exp.Columns, exp.Unnest, exp.Explode)
"""Items that give their columns a name that an author chose, or take those of the table."""


def lint_sql(tokens: Sequence[Token], tree: exp.Expr) -> Iterator[SqlError]:
    """Find columns without a name, a star that hides the columns, a LIMIT that cuts in no order, a wrong ASOF join."""
    select = _first_select(tree)
    if select is not None:
        starts = _items(tokens)
        for number, item in enumerate(select.expressions):
            position = starts[number] if len(starts) == len(select.expressions) else position_of(item)
            if isinstance(item, (exp.Star, exp.Columns)) or (isinstance(item, exp.Column) and item.is_star):
                hint = "name the columns: a new one in the files would change the answer of a published version"
                yield SqlError(position, "the columns of the answer are those of the files", hint, Rule.SELECT_STAR)
            elif not isinstance(item, _NAMED):
                hint = "give it one with AS: clients read the column by its name"
                message = f"column {number + 1} of the answer has no name"
                yield SqlError(position, message, hint, Rule.UNNAMED_COLUMN)
    yield from unguarded_asof_joins(tree)
    for token in _unordered_limits(tokens):
        hint = "add ORDER BY over columns that tell every row from the others"
        yield SqlError(token.start, "LIMIT without ORDER BY keeps rows by chance", hint, Rule.UNORDERED_LIMIT)


SEVERITIES: Mapping[Rule, Severity] = {
    Rule.SELECT_STAR: Severity.WARNING,
    Rule.UNORDERED_LIMIT: Severity.WARNING,
    Rule.UNBOUNDED_SIZE: Severity.WARNING,
    Rule.UNNAMED_COLUMN: Severity.ERROR,
    Rule.ASOF_JOIN: Severity.ERROR,
}


def lint_front_matter(
    declared: Declared, *, owner: str | None, examples: int, parameters: Mapping[str, Parameter]
) -> Iterator[Diagnostic]:
    """Name, in one remark, what is missing for the people who look for a query."""
    bare = [name for name, parameter in parameters.items() if not parameter.description]
    missing = [
        *(["owner"] if not owner else []),
        *(["examples"] if not examples else []),
        *([f"a description of {', '.join(bare)}"] if bare else []),
    ]
    if missing:
        hint = None if examples else "an example is what the check, the pages and gateway dev run"
        message = f"the front matter lacks {_listed(missing)}"
        severity = Severity.WARNING if not (owner and examples) else Severity.NOTE
        yield declared.diagnostic((), message, hint, rule=Rule.INCOMPLETE, severity=severity)


def _listed(words: Sequence[str]) -> str:
    return " and ".join([*([", ".join(words[:-1])] if len(words) > 1 else []), words[-1]])


def _first_select(tree: exp.Expr) -> exp.Select | None:
    """Return the SELECT that names the columns of the answer."""
    node: object = tree
    while isinstance(node, (exp.SetOperation, exp.Subquery)):
        node = node.this
    return node if isinstance(node, exp.Select) else None


def is_ordered(sql: str) -> bool:
    """Return whether the rows of a readable text come in an order: whether it ends with an ORDER BY of its own."""
    depth = 0
    for token in statement_tokens(sql):
        depth += token.deeper
        if depth == 0 and token.kind is TokenKind.WORD and token.name == "order":
            return True
    return False


def item_positions(sql: str) -> list[int]:
    """Return where each item of the first SELECT list of a readable text starts, in characters."""
    return _items(statement_tokens(sql))


def _items(tokens: Sequence[Token]) -> list[int]:
    """Return where each item of the first SELECT list outside brackets starts."""
    starts: list[int] = []
    depth, inside = 0, False
    for position, token in enumerate(tokens):
        depth += token.deeper
        word = token.name if token.kind is TokenKind.WORD and depth == 0 else ""
        if not inside and word == "select":
            inside = True
            starts += [tokens[_after_distinct(tokens, position)].start] if position + 1 < len(tokens) else []
        elif inside and word in _AFTER_LIST and not (word == "from" and tokens[position - 1].name == "distinct"):
            break
        elif inside and depth == 0 and token.text == "," and position + 1 < len(tokens):
            starts.append(tokens[position + 1].start)
    return starts


def _after_distinct(tokens: Sequence[Token], select: int) -> int:
    """Skip ``DISTINCT`` and ``DISTINCT ON (…)`` after a SELECT."""
    position = select + 1
    if tokens[position].name not in ("distinct", "all") or position + 1 == len(tokens):
        return position
    if tokens[position + 1].name != "on":
        return position + 1
    depth = 0
    for after in range(position + 2, len(tokens) - 1):
        depth += (tokens[after].text == "(") - (tokens[after].text == ")")
        if depth == 0:
            return after + 1
    return position


def _unordered_limits(tokens: Sequence[Token]) -> Iterator[Token]:
    """Find each LIMIT whose query has no ORDER BY; one below EXISTS changes nothing."""
    ordered, exists = [False], [False]
    before = ""
    for token in tokens:
        if token.text in OPENING:
            ordered.append(False)
            exists.append(before == "exists")
        elif token.text in CLOSING and len(ordered) > 1:
            ordered.pop()
            exists.pop()
        elif token.kind is TokenKind.WORD and token.name == "order":
            ordered[-1] = True
        elif token.kind is TokenKind.WORD and token.name == "limit" and not ordered[-1] and not exists[-1]:
            yield token
        before = token.name

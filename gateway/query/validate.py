"""Validate the SQL of a template: one SELECT, over declared tables, of reviewed functions, with declared parameters.

Everything is an allowlist: kinds of syntax, functions, tables, parameters. What is not known is refused.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from sqlglot import exp

from gateway.errors import Rule
from gateway.query.foreign import INSTEAD
from gateway.query.functions import (
    AGE,
    CLOCK_WORDS,
    MACHINE_WORDS,
    REASONS,
    VOLATILITIES,
    Volatility,
    allowed,
    reviewed,
    table_functions,
)
from gateway.query.keywords import BANNED, BEFORE_BRACKET, RESERVED
from gateway.query.lexer import SqlError, Token, TokenKind, arguments
from gateway.query.lint import lint_sql
from gateway.query.normalise import normalise
from gateway.query.sql import STATEMENTS, parse_tokens, position_of, start_of, statement_tokens
from gateway.suggestions import did_you_mean

_NODES = (
    *(exp.Select, exp.SetOperation, exp.Subquery, exp.With, exp.CTE, exp.From, exp.Join, exp.Where, exp.Group),
    *(exp.Having, exp.Qualify, exp.Order, exp.Ordered, exp.Limit, exp.LimitOptions, exp.Offset, exp.Distinct),
    *(exp.Table, exp.TableAlias, exp.Alias, exp.Aliases, exp.Values, exp.Lateral, exp.Unnest, exp.TableSample),
    *(exp.Pivot, exp.PivotAlias, exp.UnpivotColumns, exp.Cube, exp.Rollup, exp.GroupingSets, exp.Window),
    *(exp.WindowSpec, exp.Column, exp.Identifier, exp.Star, exp.Literal, exp.ByteString, exp.Boolean, exp.Null),
    *(exp.Placeholder, exp.Tuple, exp.Var, exp.DataType, exp.DataTypeParam, exp.ColumnDef, exp.Interval),
    *(exp.IntervalSpan, exp.Bracket, exp.Slice, exp.Lambda, exp.Comprehension, exp.If, exp.In, exp.Between),
    *(exp.Exists, exp.All, exp.Any, exp.Filter, exp.WithinGroup, exp.IgnoreNulls, exp.RespectNulls, exp.HavingMax),
    *(exp.AtTimeZone, exp.PositionalColumn, exp.JSONPath, exp.JSONPathPart, exp.JSONKeyValue, exp.Fetch),
    *(exp.Binary, exp.Unary, exp.Func),
)
"""Syntax that a template may use; functions among it are checked by name."""
_NAMED = (exp.TableAlias, exp.Window)
"""Syntax whose name may stand before a bracket: ``WITH name(column) AS``, ``AS name(column)``."""
_AFTER_ANY_NAME = frozenset({"as", "."})


class Cause(NamedTuple):
    """What makes the answer of a query change by itself: a name, and its place in the text, in characters."""

    volatility: Volatility
    name: str
    offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidSql:
    """What is known of a text without errors. ``sql`` ends with the last token: no semicolon, no last comment."""

    sql: str
    normalised: str
    tables: tuple[str, ...]
    parameters: tuple[str, ...]
    varies_by: Cause | None
    """What in the text makes the answer change by itself."""
    names_age: bool
    lint: tuple[SqlError, ...]
    """Valid, but likely to cause trouble."""


def validate(
    sql: str, tables: Collection[str], parameters: Collection[str] | None
) -> tuple[ValidSql | None, list[SqlError]]:
    """Validate *sql* against the declared tables and parameters; return what is known of it, or all its errors.

    Where it is not known which *parameters* are declared, none is an error.
    """
    try:
        tokens = statement_tokens(sql)
    except SqlError as error:
        return None, [error]
    try:
        tree = parse_tokens(sql, tokens)
    except SqlError as error:
        # The parser knows functions of other databases, and how they are called there.
        return None, list(_foreign(tokens)) or [error]
    declared = {name.lower(): name for name in tables}
    scans = list(scanned_tables(tree, sql))
    errors = [
        *_calls(tokens, _names_before_brackets(tree)),
        *_words(tokens, tree),
        *(_parameters(tokens, parameters) if parameters is not None else ()),
        *_syntax(tree),
        *_tables(scans, declared, sql),
        *_table_functions(tokens, tree),
        *_shadows(tree, declared),
    ]
    if errors:
        return None, sorted({error.offset: error for error in reversed(errors)}.values(), key=_offset)
    cause = max(_causes(tokens, tree), key=lambda each: each.volatility, default=None)
    known = ValidSql(
        sql=sql[: tokens[-1].end],
        normalised=normalise(tokens, tree),
        tables=tuple(sorted({declared[table.name.lower()] for table in scans})),
        parameters=tuple(dict.fromkeys(token.text[1:] for token in tokens if token.kind is TokenKind.PARAMETER)),
        varies_by=cause,
        names_age=any(token.name == AGE for token in _called(tokens)),
        lint=tuple(lint_sql(tokens, tree)),
    )
    return known, []


def _offset(error: SqlError) -> int:
    return error.offset


def _names_before_brackets(tree: exp.Expr) -> set[int]:
    positions = (start_of(name) for name in tree.find_all(exp.Identifier) if isinstance(name.parent, _NAMED))
    return {position for position in positions if position is not None}


def _called(tokens: Sequence[Token]) -> Iterator[Token]:
    """List each name that stands before a bracket."""
    for token, following in pairwise(tokens):
        if following.text == "(" and token.kind in (TokenKind.WORD, TokenKind.QUOTED):
            yield token


def _calls(tokens: Sequence[Token], named: Collection[int]) -> Iterator[SqlError]:
    for token in _called(tokens):
        name = token.name
        section = reviewed().get(name)
        if section in REASONS:
            message = f"the function {name} is not allowed: {REASONS[section]}"
            yield SqlError(token.start, message, rule=Rule.NOT_ALLOWED)
        elif (
            section is None
            and token.start not in named
            and not (token.kind is TokenKind.WORD and name in BEFORE_BRACKET)
        ):
            yield _unknown(token)


def _foreign(tokens: Sequence[Token]) -> Iterator[SqlError]:
    return (_unknown(token) for token in _called(tokens) if token.kind is TokenKind.WORD and token.name in INSTEAD)


def _unknown(token: Token) -> SqlError:
    """Refuse a function that there is not, and say what to write."""
    instead = INSTEAD.get(token.name)
    guess = did_you_mean(token.name, allowed()) or "functions must be on the reviewed list of the gateway"
    hint = guess if instead is None else f"write {instead}"
    return SqlError(token.start, f"unknown function {token.text[:60]}", hint, Rule.UNKNOWN_FUNCTION)


def _words(tokens: Sequence[Token], tree: exp.Expr) -> Iterator[SqlError]:
    """Refuse words that the engine's grammar takes for something else than a name."""
    names = {start_of(name) for name in tree.find_all(exp.Identifier)}
    told = {"into"} if any(pivot.args.get("into") for pivot in tree.find_all(exp.Pivot)) else set()
    before = ""
    for token, following in zip(tokens, [*tokens[1:], None], strict=False):
        free = before in _AFTER_ANY_NAME or (following is not None and following.text in (".", ":", ":="))
        name = token.name
        if token.kind is TokenKind.WORD and before not in _AFTER_ANY_NAME:
            if name in BANNED - told or (name == "desc" and before == "("):
                message = f"{token.text.upper()} is not allowed in a template"
                yield SqlError(token.start, message, rule=Rule.NOT_ALLOWED)
            elif name in RESERVED and token.start in names and not free:
                yield SqlError(token.start, f"{token.text} is a reserved word", f'write "{token.text}"')
        if name in MACHINE_WORDS and not free and token.kind in (TokenKind.WORD, TokenKind.QUOTED):
            message = f"{name} is not allowed: {REASONS['machine']}"
            yield SqlError(token.start, message, rule=Rule.NOT_ALLOWED)
        before = name if token.kind in (TokenKind.WORD, TokenKind.PUNCTUATION) else ""


def _parameters(tokens: Sequence[Token], declared: Collection[str]) -> Iterator[SqlError]:
    seen: set[str] = set()
    for token in tokens:
        name = token.text[1:]
        if token.kind is TokenKind.PARAMETER and name not in declared and name not in seen:
            seen.add(name)
            hint = did_you_mean(name.lower(), declared) or f"declare {name} under parameters"
            yield SqlError(token.start, f"the parameter ${name} is not declared", hint, Rule.UNDECLARED_PARAMETER)


def _syntax(tree: exp.Expr) -> Iterator[SqlError]:
    for node in tree.walk():
        refused = hint = None
        if not isinstance(node, _NODES):
            refused = _spaced(type(node).__name__)
        elif isinstance(node, exp.Pivot) and not _is_static(node):
            word = "unpivot" if node.args.get("unpivot") else "pivot"
            what = "columns" if word == "unpivot" else "values"
            refused = f"{word.upper()} … ON" if node.this is not None else f"{word.upper()} without a list of {what}"
            hint = STATEMENTS[word]
        elif isinstance(node, exp.Select) and (node.args.get("into") or node.args.get("locks")):
            refused = "SELECT INTO or FOR UPDATE"
        elif isinstance(node, exp.Select) and not node.expressions:
            refused = "SELECT without columns"
        elif isinstance(node, exp.Date) and node.this is None:
            refused, hint = "date without an argument", "date(x)"
        elif isinstance(node, exp.Placeholder) and not node.name:
            refused = "a parameter without a name"
        if refused is not None:
            message = f"{refused} is not allowed in a template"
            yield SqlError(position_of(node), message, hint, rule=Rule.NOT_ALLOWED)


def _is_static(pivot: exp.Pivot) -> bool:
    """Return whether a pivot's columns are in the text: then it is one SELECT for the engine too."""
    if pivot.this is not None or not pivot.args.get("fields"):
        return False
    fields = pivot.args["fields"]
    return all(isinstance(field, exp.In) and field.expressions and not field.find(exp.Query) for field in fields)


def _spaced(name: str) -> str:
    return "".join(
        f" {letter}" if letter.isupper() and position else letter for position, letter in enumerate(name)
    ).upper()


def scanned_tables(tree: exp.Expr, sql: str) -> Iterator[exp.Table]:
    """List the tables of a statement that are no names of its WITH clauses."""
    for table in tree.find_all(exp.Table):
        if not _is_call(table) and (_is_string(table, sql) or not _is_cte(table)):
            yield table


def _is_string(table: exp.Table, sql: str) -> bool:
    """Return whether a string stands in place of a table: the engine would read a file of that name."""
    start = start_of(table.this)
    return start is not None and sql.startswith(("'", "e'", "E'"), start)


def _is_call(table: exp.Table) -> bool:
    return isinstance(table.this, exp.Func) and not table.args.get("db")


def _is_cte(table: exp.Table) -> bool:
    """Return whether a table is a name of WITH that is visible where it stands."""
    if table.args.get("db") or table.args.get("catalog"):
        return False
    name, inside = table.name.lower(), None
    node: exp.Expr | None = table
    while node is not None:
        visible: list[exp.Expr] = []
        if isinstance(node, exp.CTE):
            inside = node
        elif isinstance(node, exp.With):
            position = node.expressions.index(inside) if inside is not None else 0
            visible = node.expressions[: position + bool(node.recursive)]
        elif (clause := node.args.get("with_")) is not None and (inside is None or inside.parent is not clause):
            visible = clause.expressions
        if any(cte.alias.lower() == name for cte in visible):
            return True
        node = node.parent
    return False


def _tables(scans: Sequence[exp.Table], declared: Mapping[str, str], sql: str) -> Iterator[SqlError]:
    for table in scans:
        position = position_of(table)
        start = start_of(table.this)
        if table.args.get("db") or table.args.get("catalog"):
            known = declared.get(table.name.lower())
            hint = f"write {known}" if known is not None else "name a declared table, such as flights"
            yield SqlError(position, "a table's name has no schema", hint, Rule.NOT_ALLOWED)
        elif start is None:
            message = "a parameter cannot stand in place of a table"
            yield SqlError(position, message, "name a declared table", Rule.NOT_ALLOWED)
        elif _is_string(table, sql):
            yield SqlError(start, "files cannot be read", "name a declared table", Rule.NOT_ALLOWED)
        elif table.name.lower() not in declared:
            known = f"declared: {', '.join(sorted(declared.values()))}" if declared else "it has no table yet"
            hint = did_you_mean(table.name.lower(), declared) or known
            message = f"the table {table.name[:80]!r} is not declared in catalog/"
            yield SqlError(start, message, hint, Rule.UNKNOWN_TABLE)


def _table_functions(tokens: Sequence[Token], tree: exp.Expr) -> Iterator[SqlError]:
    for node in tree.find_all(exp.Table, exp.Lateral):
        call = node.this
        if not isinstance(call, exp.Func) or isinstance(call, (exp.Unnest, exp.GenerateSeries)):
            continue
        names = {call.name.lower()} if isinstance(call, exp.Anonymous) else {name.lower() for name in call.sql_names()}
        if names.isdisjoint(table_functions()):
            position = next((token.start for token in _called(tokens) if token.name in names), position_of(node))
            hint = f"only {', '.join(sorted(table_functions()))} make rows"
            yield SqlError(position, "a function stands in place of a table", hint, Rule.NOT_ALLOWED)


def _shadows(tree: exp.Expr, declared: Mapping[str, str]) -> Iterator[SqlError]:
    """Refuse what readers could take for a table or for itself: a recursive name that is also a table's."""
    for clause in tree.find_all(exp.With):
        for cte in clause.expressions:
            if clause.recursive and cte.alias.lower() in declared:
                message = f"WITH RECURSIVE hides the table {cte.alias}"
                yield SqlError(position_of(cte.args["alias"]), message, rule=Rule.NOT_ALLOWED)


def volatility_of(sql: str) -> Volatility:
    """Return how the answer of a valid query may change by itself."""
    tokens = statement_tokens(sql)
    return volatility(tokens, parse_tokens(sql, tokens))


def volatility(tokens: Sequence[Token], tree: exp.Expr) -> Volatility:
    return max((cause.volatility for cause in _causes(tokens, tree)), default=Volatility.IMMUTABLE)


def _causes(tokens: Sequence[Token], tree: exp.Expr) -> Iterator[Cause]:
    """List the names by which a query reads the clock or draws lots, in the order of the text."""
    names = (TokenKind.WORD, TokenKind.QUOTED)
    for after, token in enumerate(tokens, start=1):
        if token.kind not in names:
            continue
        called = after < len(tokens) and tokens[after].text == "("
        found = VOLATILITIES.get(reviewed().get(token.name, "")) if called else None
        if token.name in CLOCK_WORDS:
            found = Volatility.CLOCK
        of_two_times = called and token.name == AGE and len(arguments(tokens[after:])) == 2
        if found is not None and not of_two_times:
            yield Cause(found, token.name, token.start)
    for sample in tree.find_all(exp.TableSample):
        yield Cause(Volatility.VOLATILE, "SAMPLE", position_of(sample))

"""Calls that make a list, a text or rows of a size that is given, and the parameters that give it without a bound.

DuckDB computes ``range($n)`` or ``repeat('x', $n)`` as one value, which no deadline interrupts and no setting bounds.
False alarms are avoided: arithmetic and a few functions are followed, all others are taken for a bound.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from sqlglot import exp

from gateway.errors import Rule
from gateway.query.lexer import SqlError, Token, TokenKind, arguments
from gateway.query.parameters import Parameter
from gateway.query.sql import parse, statement_tokens
from gateway.query.types import Kind

Bound = Literal["min", "max"]
Need = tuple[str, Bound]
"""A parameter, and the bound that it would have to have."""

_SERIES = frozenset({"range", "generate_series"})
_SIZED: Mapping[str, int] = {
    "lpad": 1,
    "rpad": 1,
    "repeat": 1,
    "list_resize": 1,
    "array_resize": 1,
    "bitstring": 1,
    "bar": 3,
    "equi_width_bins": 2,
    "reservoir_quantile": 2,
}
"""Functions whose argument of this number, from 0, is how much they make or keep."""
_FORMATS = frozenset({"printf", "format"})
_WIDTH = re.compile(r"\*|\{[^}]*\{")
"""A width in a format that is an argument: ``%*d``, ``{:>{}}``."""
_NAMES = _SERIES | _FORMATS | _SIZED.keys()
_ANY = re.compile("|".join(_NAMES), re.IGNORECASE)
_SMALL = 65_535
"""An integer type that holds no more is a bound by itself."""
_OTHER: Mapping[Bound, Bound] = {"min": "max", "max": "min"}
_THROUGH = (
    *(exp.Paren, exp.Cast, exp.Round, exp.Ceil, exp.Floor, exp.Trunc, exp.Interval, exp.Bracket, exp.Alias),
    *(exp.TimestampTrunc, exp.DateTrunc, exp.AtTimeZone, exp.Subquery, exp.Div, exp.IntDiv),
    *(exp.ToDays, exp.TimeToUnix, exp.LastDay, exp.First, exp.Last, exp.AnyValue, exp.IgnoreNulls, exp.Max, exp.Min),
    exp.Explode,
)
"""Syntax that is as large as what stands first in it."""
_GROWING = (exp.Add, exp.Mul, exp.Pow, exp.BitwiseLeftShift, exp.Coalesce, exp.DateAdd)
"""Syntax that is as large as all that stands in it."""
_FOLLOWED = frozenset(
    f"to_{unit}"
    for unit in ("microseconds", "milliseconds", "seconds", "minutes", "hours", "days", "weeks", "months", "quarters")
) | {"to_years", "to_decades", "to_centuries", "to_millennia", "add", "multiply"}
"""Functions that are as large as their arguments."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SizedCall:
    """A call of a function that makes as much as it is told, from ``start`` to ``end`` of the text."""

    function: str
    start: int
    end: int
    arguments: tuple[str, ...]


def unbounded_sizes(sql: str, parameters: Mapping[str, Parameter]) -> Iterator[SqlError]:
    """Find the calls whose size comes from parameters without a bound."""
    calls = list(sized_calls(sql)) if parameters else []
    if not calls:
        return
    open_ends = _OpenEnds({name.lower(): (name, each) for name, each in parameters.items()}, _aliases(parse(sql)))
    for call in calls:
        missing = list(dict.fromkeys(need for tree, bound in _sizes(call) for need in open_ends.of(tree, bound)))
        if missing:
            yield _warning(call, missing)


def sized_calls(sql: str) -> Iterator[SizedCall]:
    """List the calls of functions that make as much as they are told.

    >>> [(call.function, call.arguments) for call in sized_calls("SELECT range(1, f(2, 3)) AS a, lpad('x', $n, ',')")]
    [('range', ('1', ' f(2, 3)')), ('lpad', ("'x'", ' $n', " ','"))]
    """
    if not _ANY.search(sql):
        return
    tokens = statement_tokens(sql)
    for place, (token, after) in enumerate(pairwise(tokens)):
        if token.name in _NAMES and after.text == "(" and token.kind in (TokenKind.WORD, TokenKind.QUOTED):
            yield _call(sql, tokens, place)


def _call(sql: str, tokens: Sequence[Token], place: int) -> SizedCall:
    """Read the call whose name is the token at *place*."""
    spans = arguments(tokens[place + 1 :])
    texts = tuple(sql[start:end] for start, end in spans)
    closed = spans[-1][1] + len(")")
    return SizedCall(function=tokens[place].name, start=tokens[place].start, end=closed, arguments=texts)


def _sizes(call: SizedCall) -> Iterator[tuple[exp.Expr, Bound]]:
    """List the arguments that say how much a call makes, each with the bound that keeps it small."""
    if call.function in _SERIES:
        bounds: Sequence[Bound] = ("max",) if len(call.arguments) == 1 else ("min", "max", "min")
        if len(call.arguments) == 3 and call.arguments[2].strip().startswith("-"):
            bounds = ("max", "min", "max")
        chosen = list(zip(call.arguments, bounds, strict=False))
    elif call.function in _FORMATS:
        chosen = [(argument, "max") for argument in call.arguments[1:] if _WIDTH.search(call.arguments[0])]
    else:
        position = _SIZED[call.function]
        chosen = [(argument, "max") for argument in call.arguments[position : position + 1]]
    for text, bound in chosen:
        with suppress(SqlError):  # what cannot be read alone is not followed
            yield parse(f"SELECT {text}").expressions[0], bound


@dataclass(frozen=True, slots=True)
class _OpenEnds:
    """Finds the parameters that leave the value of an expression without a bound."""

    declared: Mapping[str, tuple[str, Parameter]]
    """Parameters with their names as they are written, by their names in lower case."""
    named: Mapping[str, Sequence[exp.Expr]]
    """What each name of an expression stands for."""

    def of(self, node: exp.Expr, bound: Bound, seen: frozenset[str] = frozenset()) -> list[Need]:
        """List the bounds that are missing for *node* to be bounded: from above where *bound* is ``max``."""
        if isinstance(node, exp.Placeholder):
            name, parameter = self.declared[node.name.lower()]
            return [] if _bounded(parameter, bound) else [(name, bound)]
        if isinstance(node, exp.Column):
            name = node.name.lower()
            meant = self.named.get(name, ()) if name not in seen else ()
            return [need for each in meant for need in self.of(each, bound, seen | {name})]
        if isinstance(node, (exp.Least, exp.Greatest)):
            found = [self.of(each, bound, seen) for each in (node.this, *node.expressions)]
            if isinstance(node, exp.Least) is (bound == "max") and [] in found:
                return []
            return [need for needs in found for need in needs]
        return [need for each, its in _parts(node, bound) for need in self.of(each, its, seen)]


def _parts(node: exp.Expr, bound: Bound) -> Iterator[tuple[exp.Expr, Bound]]:
    """List what the value of *node* comes from, with the bound that each must have; conditions are no part of it."""
    parts: list[tuple[exp.Expr | None, Bound]] = []
    if isinstance(node, exp.Neg):
        parts = [(node.this, _OTHER[bound])]
    elif isinstance(node, (exp.Sub, exp.DateDiff)):
        parts = [(node.this, bound), (node.expression, _OTHER[bound])]
    elif isinstance(node, exp.Abs):
        parts = [(node.this, bound), (node.this, _OTHER[bound])]
    elif isinstance(node, exp.Select):
        parts = [(each, bound) for each in node.expressions[:1]]
    elif isinstance(node, exp.Case):
        parts = [(branch.args["true"], bound) for branch in node.args["ifs"]] + [(node.args.get("default"), bound)]
    elif isinstance(node, exp.If):
        parts = [(node.args.get("true"), bound), (node.args.get("false"), bound)]
    elif isinstance(node, _THROUGH):
        parts = [(node.this, bound)]
    elif isinstance(node, _GROWING):
        parts = [(each, bound) for each in (node.this, node.args.get("expression"), *node.expressions)]
    elif isinstance(node, exp.Anonymous) and node.name.lower() in _FOLLOWED:
        parts = [(each, bound) for each in node.expressions]
    yield from ((part, its) for part, its in parts if part is not None)


def _aliases(tree: exp.Expr) -> dict[str, list[exp.Expr]]:
    """Map each name that an expression of the text is given to what it is given to."""
    found: dict[str, list[exp.Expr]] = {}
    for alias in tree.find_all(exp.Alias):
        found.setdefault(alias.alias.lower(), []).append(alias.this)
    return found


def _bounded(parameter: Parameter, bound: Bound) -> bool:
    if parameter.choices is not None or parameter.pattern is not None:
        return True
    type_ = parameter.type.scalar
    if type_.kind is Kind.INTEGER and type_.high <= _SMALL:
        return True
    if type_.kind is Kind.INTEGER and bound == "min" and type_.low == 0:
        return True
    return getattr(parameter, bound) is not None


def _warning(call: SizedCall, missing: Sequence[Need]) -> SqlError:
    lacking = " and ".join(f"${name}, which has no {bound}" for name, bound in missing)
    declared = " and ".join(f"{bound}: for {name}" for name, bound in missing)
    message = f"how much {call.function} makes comes from {lacking}"
    return SqlError(call.start, message, f"declare {declared}: one value can take all memory", Rule.UNBOUNDED_SIZE)

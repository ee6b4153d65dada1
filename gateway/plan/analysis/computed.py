"""Expressions that are more than a term, where tables are joined by them: ``lower(a.country) = lower(b.code)``.

Of a deterministic expression of columns of one source that is NULL where one of them is, an opaque function is made, of
which only the text is known. The values of the dimension's side are read by it; those of the other side are asked of
the engine. One of several columns (``make_date(cal.y, cal.m, 1)``) is of use on the dimension's side alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from sqlglot import exp

from gateway.plan.analysis.deterministic import columns_in, is_deterministic, is_strict
from gateway.plan.analysis.facts import are_of_one_source
from gateway.plan.analysis.ranges import name_of
from gateway.plan.analysis.terms import Naming, term
from gateway.plan.analysis.types import INTEGERS, STRING
from gateway.predicate import EXPRESSION, PLACE, Function, Term

Kind = Callable[[exp.Expr], str | None]
"""Returns the type of a constant; see ``Constants.kind``."""
_TYPES: Final = ("VARCHAR", "DATE", "TIMESTAMP")


def computed(node: exp.Expr, naming: Naming, kind_of: Kind) -> Term | None:
    """Read *node* as a term, at the worst of an opaque function; whole numbers as BIGINT."""
    found = term(node, naming)
    return found if isinstance(found, Term) else opaque(node, naming, kind_of) if is_strict(node) else None


def opaque(node: exp.Expr, naming: Naming, kind_of: Kind) -> Term | None:
    """Read a deterministic expression of columns of one source as an opaque function of the first of them.

    Where it is not strict, neither is the function.
    """
    found = {name_of(column): term(column, naming) for column in columns_in(node)}
    known = {name: one for name, one in found.items() if isinstance(one, Term) and not one.functions}
    terms = list(dict.fromkeys(known.values()))
    if len(known) < len(found) or not are_of_one_source(terms):
        return None
    if not is_deterministic(node) or node.find(exp.Placeholder) or PLACE in node.sql(dialect="duckdb"):
        return None
    kind = _kind(at_null(node, naming), kind_of)
    if kind is None:
        return None
    places = {one: f"{PLACE}{number or ''}" for number, one in enumerate(terms)}
    made = _placed(node, lambda column: exp.column(exp.to_identifier(places[known[name_of(column)]], quoted=True)))
    if kind == "BIGINT":
        made = exp.cast(made, "BIGINT", dialect="duckdb")
    arguments = (made.sql(dialect="duckdb"), *(one.column for one in terms[1:]))
    return Term(terms[0].column, kind, (Function(EXPRESSION, arguments, kind),))


def at_null(node: exp.Expr, naming: Naming) -> exp.Expr:
    """Return an expression with NULL in place of its columns, each of its type."""

    def null(column: exp.Expr) -> exp.Expr:
        found = term(column, naming)
        assert isinstance(found, Term)
        return exp.cast(exp.Null(), found.type, dialect="duckdb")

    return _placed(node, null)


def others_in(found: Term) -> tuple[str, ...]:
    """Return the keys of the further columns that an opaque function is of."""
    return tuple(
        str(key) for function in found.functions if function.name == EXPRESSION for key in function.arguments[1:]
    )


def with_others(found: Term, named: Callable[[str], str | None]) -> Term | None:
    """Return a term with other names for the further columns of its opaque function; None where one has none."""
    functions = []
    for function in found.functions:
        keys = function.arguments[1:] if function.name == EXPRESSION else ()
        names = [named(str(key)) for key in keys]
        known = tuple(name for name in names if name is not None)
        if len(known) < len(names):
            return None
        functions.append(replace(function, arguments=(*function.arguments[:1], *known)) if keys else function)
    return replace(found, functions=tuple(functions))


def _placed(node: exp.Expr, put: Callable[[exp.Expr], exp.Expr]) -> exp.Expr:
    return node.copy().transform(lambda part: put(part) if isinstance(part, exp.Column) else part)


def _kind(typed: exp.Expr, kind_of: Kind) -> str | None:
    kind = kind_of(typed)
    if kind in INTEGERS:
        return "BIGINT"
    return "VARCHAR" if kind == STRING else kind if kind in _TYPES else None


def is_opaque(found: Term) -> bool:
    """Return whether an opaque function is applied to the column."""
    return any(function.name == EXPRESSION for function in found.functions)

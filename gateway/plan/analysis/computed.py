"""Expressions that are more than a term, where tables are joined by them: ``lower(a.country) = lower(b.code)``.

Of a deterministic expression of one column that is NULL where the column is, an opaque function is made, of which only
the text is known. The values of the dimension's side are read by it; those of the other side are asked of the engine.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sqlglot import exp

from gateway.plan.analysis.deterministic import columns_in, is_deterministic, is_strict
from gateway.plan.analysis.terms import Naming, term
from gateway.plan.analysis.types import INTEGERS, STRING
from gateway.predicate import EXPRESSION, PLACE, Function, Term

Kind = Callable[[exp.Expr], str | None]
"""Returns the type of a constant; see ``Constants.kind``."""
_TYPES: Final = ("VARCHAR", "DATE", "TIMESTAMP")


def computed(node: exp.Expr, naming: Naming, kind_of: Kind) -> Term | None:
    """Read *node* as a term, at the worst of an opaque function; whole numbers as BIGINT."""
    found = term(node, naming)
    if isinstance(found, Term):
        return found
    columns = {term(column, naming) for column in columns_in(node)}
    only = columns.pop() if len(columns) == 1 else None
    if not isinstance(only, Term) or only.functions or node.find(exp.Placeholder):
        return None
    kind = _kind(node, only.type, kind_of)
    text = node.sql(dialect="duckdb")
    if kind is None or not is_deterministic(node) or not is_strict(node) or PLACE in text:
        return None
    place = exp.column(exp.to_identifier(PLACE, quoted=True))
    made = node.copy().transform(lambda part: place.copy() if isinstance(part, exp.Column) else part)
    if kind == "BIGINT":
        made = exp.cast(made, "BIGINT", dialect="duckdb")
    return Term(only.column, kind, (Function(EXPRESSION, (made.sql(dialect="duckdb"),), kind),))


def _kind(node: exp.Expr, column: str, kind_of: Kind) -> str | None:
    typed = node.copy().transform(
        lambda part: exp.cast(exp.Null(), column, dialect="duckdb") if isinstance(part, exp.Column) else part
    )
    kind = kind_of(typed)
    if kind in INTEGERS:
        return "BIGINT"
    return "VARCHAR" if kind == STRING else kind if kind in _TYPES else None


def is_opaque(found: Term) -> bool:
    """Return whether an opaque function is applied to the column."""
    return any(function.name == EXPRESSION for function in found.functions)

"""The query that learns what a dimension says: the values of a column in the rows that its filters leave.

A condition that is no leaf of a predicate, such as ``upper(segment) = 'TOP'``, is asked of the engine for the values of
the partitions (``refuting``). Of the rows of a dimension it is asked as it is, with the two ends of a range in one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from gateway.model import TypedValue, Value
from gateway.plan.analysis.constants import Constant, Dimension, Refuted
from gateway.plan.analysis.facts import leaves
from gateway.plan.analysis.predicate_sql import predicate_sql, term_sql
from gateway.plan.analysis.prepared import Bound, PreparedQuery, Unknown, simplified
from gateway.plan.analysis.ranges import Grain
from gateway.predicate import Elsewhere, Outside, Predicate, Term, terms_of

_GRAINS: Final = (Grain.VALUE, Grain.RANGE, Grain.HOUR, Grain.DAY)
"""The forms of a condition that hold of a single value, those first that say the most of it."""


def dimension_query(
    dimension: Dimension, prepared: PreparedQuery, bound: Bound, source: str, most: int
) -> tuple[str, Mapping[str, TypedValue]]:
    """Write the query that learns a dimension from *source*: its distinct values if at most *most*, and its bounds.

    Return it with the values that it is asked with.
    """
    name = term_sql(Term(dimension.column, dimension.type, dimension.functions))
    conditions = _conditions(dimension.predicate, prepared, bound.parameters)
    known: list[Value | Unknown] = [[None] if slot in conditions else value for slot, value in enumerate(bound.known)]
    kept = predicate_sql(simplified(dimension.predicate, known), bound.values, conditions)
    sql = (
        f"SELECT CASE WHEN count(DISTINCT {name}) <= {most} THEN coalesce(list(DISTINCT {name}), []) END, "
        f"min({name}), max({name}) FROM {source} AS dimension WHERE {name} IS NOT NULL AND {kept}"
    )
    named = {each for slot in conditions for each in _refuted(prepared.constants[slot]).parameters}
    return sql, {each: bound.parameters[each] for each in sorted(named)}


def is_told(leaf: Outside | Elsewhere, constants: Sequence[Constant]) -> bool:
    """Return whether the condition behind a leaf can be asked of the rows of a dimension."""
    constant = constants[leaf.slot]
    types = " / ".join(term.type for term in terms_of(leaf))
    return isinstance(constant, Refuted) and constant.type == types and _form(constant) is not None


def _conditions(predicate: Predicate, prepared: PreparedQuery, parameters: Mapping[str, TypedValue]) -> dict[int, str]:
    """Write the conditions behind the leaves of a predicate, by their slots."""
    found: dict[int, str] = {}
    for leaf in leaves(predicate):
        if isinstance(leaf, Outside | Elsewhere) and is_told(leaf, prepared.constants):
            constant = _refuted(prepared.constants[leaf.slot])
            if parameters.keys() >= set(constant.parameters):
                found[leaf.slot] = _form(constant) or ""
    return found


def _refuted(constant: Constant) -> Refuted:
    assert isinstance(constant, Refuted)
    return constant


def _form(constant: Refuted) -> str | None:
    """Return a form of a condition that is about values alone."""
    if constant.among is not None or constant.of_null:
        return None
    forms = dict(constant.forms)
    whole = (grains for grains in forms if set(grains.split("/")) <= set(_GRAINS))
    best = min(whole, key=lambda grains: [_GRAINS.index(Grain(one)) for one in grains.split("/")], default=None)
    return None if best is None else forms[best]

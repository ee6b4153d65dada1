"""A deterministic condition on several columns of one source: the engine says for which boxes it is never TRUE."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from math import prod
from typing import Final

from sqlglot import exp

from gateway.plan.analysis.constants import Constants, Refuted
from gateway.plan.analysis.deterministic import is_strict
from gateway.plan.analysis.facts import are_of_one_source
from gateway.plan.analysis.possible import Possible
from gateway.plan.analysis.ranges import Grain, Ranged, Ranges
from gateway.plan.analysis.types import INTEGERS, TIMESTAMPTZ
from gateway.predicate import Elsewhere, NullCheck, Predicate, Term, any_of

GRAINS: Final = {
    **dict.fromkeys(("DATE", *INTEGERS), (Grain.VALUE, Grain.RANGE)),
    **dict.fromkeys(("VARCHAR", "BOOLEAN"), (Grain.VALUE,)),
    **dict.fromkeys(("TIMESTAMP", TIMESTAMPTZ), (Grain.DAY, Grain.HOUR, Grain.RANGE)),
}
"""The grains that ranges are cut into, by their types."""
_FORMS: Final = 12
"""Combinations of grains for which a condition is written, at most."""


def jointly(constants: Constants, columns: Mapping[str, Term], node: exp.Expr, negated: bool) -> Predicate | None:
    """Return what the engine can say of the columns of a condition together, by their names; None where nothing."""
    terms = tuple(dict.fromkeys(columns.values()))
    grains = [GRAINS.get(each.type, ()) for each in terms]
    if not are_of_one_source(terms) or not 0 < prod(map(len, grains)) <= _FORMS:
        return None
    forms: dict[str, str] = {}
    for chosen in product(*grains):
        ranged = {
            name: Ranged(chosen[terms.index(each)], each.type, terms.index(each)) for name, each in columns.items()
        }
        sql = Possible(Ranges(constants, ranged)).sql(node, negated)
        if sql is not None:
            forms["/".join(chosen)] = constants.text.executable(sql)
    if not forms:
        return None
    types = " / ".join(each.type for each in terms)
    found = Elsewhere(terms, constants.add(Refuted(types, tuple(forms.items()), constants.named(node))))
    return found if is_strict(node) else any_of(found, *(NullCheck(each) for each in terms))

"""An opaque term that is one of the values of a list, known later: the engine says of which ranges none makes one."""

from __future__ import annotations

import sqlglot
from sqlglot import exp

from gateway.plan.analysis.constants import Constants, Refuted
from gateway.plan.analysis.deterministic import columns_in
from gateway.plan.analysis.leaves.jointly import GRAINS
from gateway.plan.analysis.ranges import LOW, Ranged, Ranges, name_of
from gateway.predicate import EXPRESSION, TRUE, Outside, Predicate, Term


def among(found: Term, kind: str, values: int, constants: Constants) -> Predicate:
    """Say that an opaque term of a column of type *kind* is one of the values in a slot; TRUE where nothing tells."""
    first, *casts = found.functions
    if first.name != EXPRESSION or any(each.name != "cast" for each in casts):
        return TRUE
    node: exp.Expr = sqlglot.parse_one(str(first.arguments[0]), read="duckdb")
    for each in casts:
        node = exp.cast(node, each.returns, dialect="duckdb")
    forms: dict[str, str] = {}
    for grain in GRAINS.get(kind, ()):
        ranges = Ranges(constants, {name_of(column): Ranged(grain, kind) for column in columns_in(node)})
        cuts = [] if ranges.is_fixed(node) else ranges.cuts(node)
        if cuts is not None:
            low = exp.paren(ranges.at(node, LOW)).sql(dialect="duckdb")
            apart = [exp.NullSafeNEQ(this=one, expression=other).sql(dialect="duckdb") for one, other in cuts]
            forms[grain.value] = " OR ".join([*apart, f"{low} IN (SELECT unnest(${member_list(values)}))"])
    if not forms:
        return TRUE
    constant = Refuted(kind, tuple(forms.items()), (), among=(values, f"{found.type}[]"))
    return Outside(Term(found.column, kind), constants.add(constant))


def member_list(slot: int) -> str:
    """Name the parameter that holds the list in a slot."""
    return f"__among_{slot}"

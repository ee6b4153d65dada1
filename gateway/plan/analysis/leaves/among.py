"""An opaque term that is one of the values of a list, known later: the engine says of which ranges none makes one."""

from __future__ import annotations

import sqlglot
from sqlglot import exp

from gateway.plan.analysis.constants import Constants, Refuted
from gateway.plan.analysis.deterministic import columns_in
from gateway.plan.analysis.facts import Related
from gateway.plan.analysis.leaves.jointly import GRAINS
from gateway.plan.analysis.possible import Possible
from gateway.plan.analysis.ranges import LOW, Grain, Ranged, Ranges, name_of
from gateway.predicate import EXPRESSION, TRUE, Outside, Predicate, Term

_MEMBER = "__member"


def among(found: Term, kind: str, values: int, constants: Constants, also: str | None = None) -> Predicate:
    """Say that an opaque term of a column of type *kind* is one of the values in a slot, or equal to *also*.

    TRUE where nothing tells.
    """
    first, *casts = found.functions
    if first.name != EXPRESSION or len(first.arguments) > 1 or any(each.name != "cast" for each in casts):
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
            others = [] if also is None else [f"{low} = {also}"]
            forms[grain.value] = " OR ".join([*apart, f"{low} IN (SELECT unnest(${member_list(values)}))", *others])
    if not forms:
        return TRUE
    constant = Refuted(kind, tuple(forms.items()), (), among=(values, f"{found.type}[]"))
    return Outside(Term(found.column, kind), constants.add(constant))


def related(edge: Related, here: Term, there: Term, values: int, constants: Constants) -> Predicate:
    """Say that a condition holds of a column and of one of the values in a slot; TRUE where nothing tells."""
    node: exp.Expr = sqlglot.parse_one(edge.sql, read="duckdb")
    member = exp.column(exp.to_identifier(_MEMBER, quoted=True))
    names = dict(edge.names)
    forms: dict[str, str] = {}
    for grain in GRAINS.get(here.type, ()):
        columns = {name: Ranged(grain, here.type) for name, column in names.items() if column == here.column}
        columns |= {
            name: Ranged(Grain.VALUE, there.type, 1) for name, column in names.items() if column == there.column
        }
        sql = Possible(Ranges(constants, columns)).sql(node)
        if sql is not None and len(columns) == len(names):
            other = columns[next(name for name, column in names.items() if column == there.column)].end(LOW)
            asked = sql.replace(other.sql(dialect="duckdb"), member.sql(dialect="duckdb"))
            listed = f'(SELECT unnest(${member_list(values)}) AS "{_MEMBER}")'
            forms[grain.value] = f"EXISTS (SELECT 1 FROM {listed} WHERE {constants.text.executable(asked)})"
    if not forms:
        return TRUE
    constant = Refuted(here.type, tuple(forms.items()), edge.parameters, among=(values, f"{there.type}[]"))
    return Outside(Term(here.column, here.type), constants.add(constant))


def member_list(slot: int) -> str:
    """Name the parameter that holds the list in a slot."""
    return f"__among_{slot}"

"""Any other deterministic condition on one column: the engine says for which ranges of the column it is never TRUE."""

from __future__ import annotations

from dataclasses import replace

from sqlglot import exp

from gateway.plan.analysis.constants import Constants, Refuted
from gateway.plan.analysis.deterministic import columns_in, is_deterministic, is_strict
from gateway.plan.analysis.leaves.jointly import GRAINS, jointly
from gateway.plan.analysis.possible import Possible
from gateway.plan.analysis.prefixes import Beginnings
from gateway.plan.analysis.ranges import LOW, WHOLE, Grain, Ranged, Ranges, name_of
from gateway.plan.analysis.terms import Naming, term
from gateway.predicate import Condition, NullCheck, Outside, Predicate, Term, all_of, any_of


def refuted(constants: Constants, naming: Naming, node: exp.Expr, negated: bool) -> Predicate | None:
    """Return what the engine can say of the column of a condition; None where it cannot say anything."""
    columns = _columns(node, naming)
    if columns is None or not is_deterministic(node):
        return None
    if len(columns) > 1:
        return jointly(constants, columns, node, negated)
    (found,) = columns.values()
    forms = _forms(constants, node, negated, found.type)
    if not forms:
        return None
    constant = Refuted(found.type, tuple(forms.items()), constants.named(node))
    value = Outside(found, constants.add(constant))
    if is_strict(node):
        return value
    of_null = replace(constant, forms=((Grain.VALUE.value, _at_null(constants, node, negated)),), of_null=True)
    return any_of(value, all_of(Condition(constants.add(of_null)), NullCheck(found)))


def _forms(constants: Constants, node: exp.Expr, negated: bool, kind: str) -> dict[str, str]:
    """Write a condition on the ends of each grain of its column that can tell something."""
    forms: dict[str, str] = {}
    for grain in GRAINS.get(kind, ()):
        columns = {name_of(column): Ranged(grain, kind) for column in columns_in(node)}
        sql = Possible(Ranges(constants, columns)).sql(node, negated)
        if sql is not None:
            forms[grain.value] = constants.text.executable(sql)
    if kind == "VARCHAR":
        beginning = Beginnings(constants).sql(node, negated)
        whole = forms.get(Grain.VALUE)
        if beginning is not None and whole is not None:
            other = constants.text.executable(beginning)
            forms[Grain.PREFIX.value] = f'CASE WHEN "{WHOLE}" THEN {whole} ELSE {other} END'
    if Grain.HOUR in forms and Grain.DAY not in forms and any(map(_is_moving, node.find_all(exp.Interval))):
        forms[Grain.HOURS.value] = forms[Grain.HOUR]
    return forms


def _is_moving(interval: exp.Expr) -> bool:
    """Return whether an interval is as long as its column says: ``INTERVAL (hour(ts)) HOUR``."""
    return interval.find(exp.Column) is not None


def _columns(node: exp.Expr, naming: Naming) -> dict[str, Term] | None:
    """Return the columns that a condition is about, by their names; None where one of them is not known."""
    found = {name_of(column): term(column, naming) for column in columns_in(node)}
    known = {name: one for name, one in found.items() if isinstance(one, Term) and not one.functions}
    if not found or len(known) < len(found):
        return None
    return known if len(set(known.values())) > 1 else dict(list(known.items())[:1])


def _at_null(constants: Constants, node: exp.Expr, negated: bool) -> str:
    columns = {name_of(column): Ranged(Grain.VALUE, "") for column in columns_in(node)}
    condition = Ranges(constants, columns).at(node, LOW)
    return constants.text.executable((exp.not_(condition) if negated else condition).sql(dialect="duckdb"))

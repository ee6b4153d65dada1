"""What follows from facts along the comparisons between columns.

Along ``f(a) = g(b)`` what is known of *a* is known of ``g(b)``, with *f* applied to the constants. Along
``f(a) <= g(b)`` the upper bounds of ``g(b)`` hold of ``f(a)``, and the lower bounds of ``f(a)`` of ``g(b)``. A function
is applied to a bound only where it keeps the order of any two values, and the bound is no longer strict then.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

from gateway.plan.analysis.constants import Constants
from gateway.plan.analysis.facts import Fact, compose, either_way, keys
from gateway.predicate import (
    TRUE,
    And,
    Comparison,
    Condition,
    Elsewhere,
    Everything,
    Function,
    Membership,
    Nothing,
    Operator,
    Or,
    Predicate,
    Term,
    all_of,
    any_of,
)

CLOSURE: Final = 400
"""Facts derived at one place of a query; beyond it no more are derived, which only reads more."""
_DAY = 86_400 * 10**6
_LONGEST = {"day": 1, "week": 7, "month": 31, "quarter": 92, "year": 366}
"""Days between the least and the least too great of the times with one truncation, at most."""
_BELOW = (Operator.LT, Operator.LE)
_ABOVE = (Operator.GT, Operator.GE)


def closure(facts: Iterable[Fact], constants: Constants) -> list[Fact]:
    """Add what follows from the facts along their equalities and inequalities between columns."""
    known = list(facts)
    edges = [fact for fact in known if fact.edge is not None]
    seen = {fact.predicate for fact in known}
    at = 0
    while at < len(known) and len(known) < CLOSURE:
        fact = known[at]
        at += 1
        for edge in edges:
            for copied in _copies(fact, edge, constants):
                if copied.predicate not in seen and copied.predicate != TRUE:
                    seen.add(copied.predicate)
                    known.append(copied)
    return known


def _copies(fact: Fact, over: Fact, constants: Constants) -> Iterator[Fact]:
    if over.edge is None or fact.predicate == TRUE or fact is over:
        return
    edge, mentioned = over.edge, keys(fact.predicate)
    for here, operator, there in either_way(edge.left, edge.operator, edge.right):
        # What comes back to a column says no more than what was known of it, and with each round less.
        if here.column not in mentioned or there.column in fact.passed:
            continue
        for rule, copied in _along(fact.predicate, here, operator, there, constants):
            yield replace(
                fact,
                predicate=copied,
                rule=rule,
                edge=None,
                sql=f"{fact.sql} AND {over.sql}" if over.sql not in fact.sql else fact.sql,
                mentions=keys(copied),
                passed=fact.passed | {here.column},
            )


def _along(
    predicate: Predicate, here: Term, operator: Operator, there: Term, constants: Constants
) -> Iterator[tuple[str, Predicate]]:
    if operator is Operator.EQ:
        copied = _equal(predicate, here, there, constants)
        if there.column in keys(copied):
            yield "equality", copied
    elif operator is not Operator.NE:
        for part in predicate.parts if isinstance(predicate, And) else (predicate,):
            if isinstance(part, Comparison) and part.term.column == here.column:
                yield from (("order", copied) for copied in _ordered(part, here, operator, there, constants))


def _equal(predicate: Predicate, here: Term, there: Term, constants: Constants) -> Predicate:
    """Say of *there* what is known of *here*, which is equal to it; leaves on other columns stay."""
    match predicate:
        case And(parts):
            return all_of(*(_equal(part, here, there, constants) for part in parts))
        case Or(parts):
            return any_of(*(_equal(part, here, there, constants) for part in parts))
        case Everything() | Nothing() | Condition():
            return predicate
        case Elsewhere(terms):
            return TRUE if here.column in {term.column for term in terms} else predicate
        case _:
            found = predicate.term
            if found.column != here.column:
                return predicate
            rest = _rest(found, here)
            if rest is not None:
                return replace(predicate, term=_under(there, found.type, rest))
            applied = _rest(here, found)
            return TRUE if applied is None else _applied(predicate, there, applied, constants)


def _applied(predicate: Predicate, there: Term, functions: tuple[Function, ...], constants: Constants) -> Predicate:
    """Apply functions to the constants of a leaf whose term they make equal to *there*."""
    if isinstance(predicate, Comparison) and predicate.operator is not Operator.NE:
        bounds = {Operator.EQ: (Operator.GE, Operator.LE)}.get(predicate.operator, (predicate.operator,))
        if len(bounds) == 1 and not keep_bounds(functions):
            return TRUE
        made = (_bound(there, operator, predicate, functions, constants) for operator in bounds)
        return all_of(*(bound for bound in made if bound is not None))
    if isinstance(predicate, Membership) and not predicate.negated:
        kind = predicate.term.type
        slots = [constants.carried(slot, kind, functions, None) for slot in predicate.slots]
        known = tuple(slot for slot in slots if slot is not None)
        return replace(predicate, term=there, slots=known) if len(known) == len(slots) else TRUE
    return TRUE


def _bound(
    term: Term, operator: Operator, leaf: Comparison, functions: tuple[Function, ...], constants: Constants
) -> Comparison | None:
    """Compare *term* with what functions make of the last value that a leaf allows, which is reached."""
    below = operator in _BELOW
    step = {Operator.LT: -1, Operator.GT: 1}.get(leaf.operator, 0)
    slot = constants.carried(leaf.slot, leaf.term.type, functions, below, step)
    return None if slot is None else Comparison(term, Operator.LE if below else Operator.GE, slot)


def _ordered(
    leaf: Comparison, here: Term, operator: Operator, there: Term, constants: Constants
) -> Iterator[Comparison]:
    """Carry the upper bounds of the greater side to the smaller, the lower bounds of the smaller to the greater."""
    side = _BELOW if operator in _ABOVE else _ABOVE
    if leaf.operator not in (*side, Operator.EQ):
        return
    reached = side[1]
    rest, applied = _rest(leaf.term, here), _rest(here, leaf.term)
    if rest is not None and keep_order(rest):
        # Below a function the strictness of the edge is lost: f(a) <= f(b) is all that a < b says.
        strict = leaf.operator is side[0] or (operator in (Operator.LT, Operator.GT) and not rest)
        yield Comparison(_under(there, leaf.term.type, rest), side[0] if strict else reached, leaf.slot)
    elif applied and keep_bounds(applied):
        bound = _bound(there, reached, leaf, applied, constants)
        if bound is not None:
            strict = operator in (Operator.LT, Operator.GT)
            yield replace(bound, operator=side[0]) if strict else bound
    elif rest is None and here.functions[0] == Function("add", here.functions[0].arguments, "TIMESTAMP"):
        for opened in _opened(leaf, constants):
            yield from _ordered(opened, here, operator, there, constants)


def _opened(leaf: Comparison, constants: Constants) -> Iterator[Comparison]:
    """Say of a column, which is a TIMESTAMP, what a comparison of its day or the like says of it."""
    term, kind = leaf.term, leaf.term.type
    if len(term.functions) != 1 or kind not in ("DATE", "TIMESTAMP"):
        return
    (function,) = term.functions
    unit = {"cast": "day", "date_trunc": str(function.arguments[0]).lower()}.get(function.name, "")
    if unit not in _LONGEST or (function.name == "cast" and kind != "DATE"):
        return
    begin = (Function("cast", ("TIMESTAMP",), "TIMESTAMP"),)
    end = (*begin, Function("add", (_LONGEST[unit] * _DAY,), "TIMESTAMP"))
    column = Term(term.column, "TIMESTAMP")
    if leaf.operator in (*_ABOVE, Operator.EQ):
        slot = constants.carried(leaf.slot, kind, begin, False)
        if slot is not None:
            yield Comparison(column, Operator.GE, slot)
    if leaf.operator in (*_BELOW, Operator.EQ):
        slot = constants.carried(leaf.slot, kind, end, True)
        if slot is not None:
            yield Comparison(column, Operator.LT, slot)


def _rest(deep: Term, shallow: Term) -> tuple[Function, ...] | None:
    """Return the functions that make *deep* of *shallow*; None where they do not."""
    count = len(shallow.functions)
    return deep.functions[count:] if deep.functions[:count] == shallow.functions else None


def _under(inner: Term, kind: str, functions: tuple[Function, ...]) -> Term:
    """Put *inner* under further functions, which make a value of type *kind* of it."""
    return compose(inner, Term("", kind, functions))


def keep_bounds(functions: tuple[Function, ...]) -> bool:
    """Return whether functions make a bound of a bound, perhaps a wider one."""
    return all(function.name == "add_months_to_time" or keep_order((function,)) for function in functions)


def keep_order(functions: tuple[Function, ...]) -> bool:
    """Return whether functions keep the order of any two values (``month`` and texts do not)."""
    return all(
        function.name in ("cast", "date_trunc", "year", "add", "add_months") and function.returns != "VARCHAR"
        for function in functions
    )

"""Predicates as SQL with literals, for the queries that the planner itself runs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from gateway.model import Value
from gateway.plan.analysis.ranges import HIGH, LOW
from gateway.predicate import (
    PLACE,
    And,
    Comparison,
    Condition,
    Elsewhere,
    Everything,
    Function,
    Membership,
    Nothing,
    NullCheck,
    Or,
    Outside,
    Predicate,
    StartsWith,
    Term,
    terms_of,
)

_NO_CONDITIONS: Final[Mapping[int, str]] = {}
_END: Final = re.compile(rf"'(?:[^']|'')*'|/\*.*?\*/|\"(?:{LOW}|{HIGH})(\d*)\"|\"(?:[^\"]|\"\")*\"", re.DOTALL)
"""A text, a comment, the end of the range of a column with its number, or another name."""


def predicate_sql(predicate: Predicate, values: Sequence[Value], conditions: Mapping[int, str] = _NO_CONDITIONS) -> str:
    """Return a predicate as SQL; all of its constants must be known.

    *conditions* are those on the ends of ranges behind the slots of some leaves, which are written in place of them.

    >>> from gateway.predicate import Operator
    >>> print(predicate_sql(Comparison(Term("k", "INTEGER"), Operator.GE, 0), [3]))
    "k" >= CAST('3' AS INTEGER)
    """
    match predicate:
        case Everything() | Nothing():
            return "TRUE" if isinstance(predicate, Everything) else "FALSE"
        case And(parts) | Or(parts):
            word = " AND " if isinstance(predicate, And) else " OR "
            return f"({word.join(predicate_sql(part, values, conditions) for part in parts)})"
        case Condition(slot):
            return "TRUE" if values[slot] is True else "FALSE"
        case NullCheck(term, negated):
            return f"{term_sql(term)} IS {'NOT ' if negated else ''}NULL"
        case StartsWith(term, slot, negated):
            return f"{'NOT ' if negated else ''}starts_with({term_sql(term)}, {_literal(values[slot], term.type)})"
        case Comparison(term, operator, slot):
            return f"{term_sql(term)} {operator.value} {_literal(values[slot], term.type)}"
        case Outside() | Elsewhere() if predicate.slot in conditions:
            return f"({of_row(conditions[predicate.slot], terms_of(predicate))})"
        case Outside(term, slot):
            return f"({' AND '.join([f'{term_sql(term)} IS NOT NULL', *_ranges(term, values[slot])])})"
        case Elsewhere(terms):  # its boxes may be very many: what lies in them is kept
            return f"({' AND '.join(f'{term_sql(term)} IS NOT NULL' for term in terms)})"
        case Membership():
            return _membership(predicate, values)


def of_row(condition: str, terms: Sequence[Term]) -> str:
    """Write a condition on the ends of ranges as one on the columns of a row.

    >>> ends = '''"__lo" = '"__lo"' AND "__hi1" > 5'''
    >>> print(of_row(ends, [Term("s", "VARCHAR"), Term("k", "INTEGER")]))
    "s" = '"__lo"' AND "k" > 5
    """

    def placed(found: re.Match[str]) -> str:
        return found[0] if found[1] is None else term_sql(terms[int(found[1] or 0)])

    return _END.sub(placed, condition)


def _ranges(term: Term, ranges: Value) -> Iterator[str]:
    for pair in ranges if isinstance(ranges, list) else ():
        if isinstance(pair, list) and pair[1] is None:
            yield f"NOT starts_with({term_sql(term)}, {_literal(pair[0], term.type)})"
        elif isinstance(pair, list):
            yield f"NOT {term_sql(term)} BETWEEN {' AND '.join(_literal(end, term.type) for end in pair)}"


def _membership(leaf: Membership, values: Sequence[Value]) -> str:
    listed = values[leaf.slots[0]] if leaf.is_list else [values[slot] for slot in leaf.slots]
    present = [value for value in listed if value is not None] if isinstance(listed, list) else []
    if not present:
        return f"{term_sql(leaf.term)} IS NOT NULL" if leaf.negated else "FALSE"
    members = ", ".join(_literal(value, leaf.term.type) for value in present)
    return f"{term_sql(leaf.term)} {'NOT ' if leaf.negated else ''}IN ({members})"


def term_sql(term: Term, source: str | None = None) -> str:
    """Return a term as SQL, its column as that of a *source*."""
    text = f"{_quoted(source)}.{_quoted(term.column)}" if source is not None else _quoted(term.column)
    for function in term.functions:
        text = _applied(function, text)
    return text


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _applied(function: Function, text: str) -> str:
    match function.name:
        case "cast":
            return f"CAST({text} AS {function.arguments[0]})"
        case "expression":
            expression, *others = map(str, function.arguments)
            for number, name in enumerate(others, start=1):
                expression = expression.replace(f'"{PLACE}{number}"', _quoted(name))
            return expression.replace(f'"{PLACE}"', text)
        case "strftime":
            return f"strftime({text}, '{function.arguments[0]}')"
        case "date_trunc":
            return f"date_trunc('{function.arguments[0]}', {text})"
        case "add" if function.returns.startswith("TIMESTAMP"):
            return f"({text} + to_microseconds({function.arguments[0]}))"
        case "add_months" | "add_months_to_time":
            return f"({text} + to_months({function.arguments[0]}))"
        case "add":
            return f"({text} + {function.arguments[0]})"
        case _:
            return f"{function.name}({text})"


def _literal(value: Value, kind: str) -> str:
    if value is None:
        return f"CAST(NULL AS {kind})"
    return "CAST('" + str(value).replace("'", "''") + f"' AS {kind})"

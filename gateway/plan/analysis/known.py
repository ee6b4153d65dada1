"""What all rows of a scan satisfy before a query says anything of them: those of one partition, for instance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlglot import exp

from gateway.plan.analysis.constants import Constants
from gateway.plan.analysis.facts import Fact
from gateway.plan.analysis.sources import Source
from gateway.predicate import Comparison, Function, Operator, Term

RULE: Final = "known of all rows"


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A column of a scan, under functions, compares so with a parameter of the planner's own, which has its type."""

    scan: int
    """The place of the scan in text order."""
    column: str
    operator: Operator
    parameter: str
    functions: tuple[Function, ...] = ()


def known_facts(
    source: Source, known: Sequence[Known], names: Sequence[Sequence[str]], constants: Constants
) -> list[Fact]:
    """Return what is known of the rows of a source that is a scan; *names* are those of the columns of all scans."""
    made = []
    for each in known:
        term = source.term(names[each.scan].index(each.column)) if each.scan == source.scan else None
        if term is not None and each.functions:
            term = Term(term.column, each.functions[-1].returns, each.functions)
        slot = constants.slot(exp.Placeholder(this=each.parameter), term.type) if term is not None else None
        if term is not None and slot is not None:
            predicate = Comparison(term, each.operator, slot)
            mentions = frozenset({term.column})
            made.append(Fact(predicate=predicate, sql=each.column, rule=RULE, origin=0, mentions=mentions))
    return made

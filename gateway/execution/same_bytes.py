"""How the answer of a deterministic query is the same bytes each time, and what that costs.

Where it can be folded, its text has one order and exact sums. Rows of one table come in the order of its files.
Anything else runs on one thread, with memory of its own: where DuckDB has to spill decides how it breaks ties.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Final

from gateway.execution.work import KeyedFold
from gateway.model import BoundQuery, Plan, Statement
from gateway.plan.fold.parts import Whole
from gateway.plan.rewrite import Address

_IN_ORDER: Final = "its rows come in the order of the files: the same bytes on any number of threads, at no cost"
_FREE: Final = "its text has one order and exact sums: the same bytes on any number of threads, at no cost"
_EXACT: Final = (
    "its sums of DOUBLE are exact: the same bytes on any number of threads, for some 35 to 80 ns of a processor a row "
    "and argument, where the engine's own take 5"
)
_ALONE: Final = (
    "it runs on one thread, with memory of its own: as many times the engine's usual time as there are threads for it, "
    "at most, and nothing that is kept of files in memory is used"
)


def statement_of(plan: Plan, fold: KeyedFold | Whole) -> Callable[[Address], Statement] | None:
    """Return what computes the answer of a plan over all rows; None: the plan's own statement."""
    statement = fold.statement if isinstance(fold, Whole) else fold.fold.whole
    if plan.query.deterministic and _runs_alone(fold):
        return partial(_alone, plan)
    return statement


def cost(query: BoundQuery, fold: KeyedFold | Whole) -> str | None:
    """Say how the answer of a query is the same bytes each time, and what that costs; None: it may not be."""
    if not query.deterministic:
        return None
    if _runs_alone(fold):
        return _ALONE
    if isinstance(fold, Whole) and fold.in_order:
        return _IN_ORDER
    exact = fold.exact if isinstance(fold, Whole) else fold.fold.form.sums
    return _EXACT if exact else _FREE


def _runs_alone(fold: KeyedFold | Whole) -> bool:
    return isinstance(fold, Whole) and fold.statement is None and not fold.in_order


def _alone(plan: Plan, address: Address) -> Statement:
    return replace(plan.statement(address), one_thread=True)

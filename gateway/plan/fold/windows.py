"""Windows over the aggregates: which of them do not depend on the order in which groups come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlglot import exp

from gateway.plan.fold.block import start_of
from gateway.plan.fold.clauses import Clauses
from gateway.plan.fold.parts import Refused
from gateway.plan.fold.tokens import Span

_OF_PEERS: Final = frozenset({"rank", "dense_rank", "rank_dense", "percent_rank", "cume_dist"})
"""Functions that are the same for all rows that are equal in the order of the window."""
_OF_ROWS: Final = frozenset({"row_number", "ntile", "lag", "lead"})
"""Functions that tell such rows apart, whatever the frame."""
_OF_FRAMES: Final = {"first_value": ("", "rows"), "last_value": ("rows",), "nth_value": ("rows",)}
"""Functions that tell such rows apart within the frame, and the frames that another order among equals does not change
but in what they leave open."""
_EXACT: Final = frozenset({"sum", "avg", "min", "max"})
"""Aggregates that are exact over what ``SAME_BYTES`` are."""
_AGGREGATES: Final = _EXACT | {"count", "bool_and", "bool_or"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordering:
    """Where the keys are added to the ORDER BY of a window (None: nowhere), and the arguments that must be exact."""

    at: int | None
    ordered: bool
    arguments: Span | None


def ordering(clauses: Clauses, node: exp.Window) -> Ordering:
    """Return how a window is made independent of the order of groups. Raises ``Refused``."""
    start = start_of(clauses, node.this)
    found = None if start is None else clauses.window(start)
    if start is None or found is None:
        raise Refused("it has a window that is not understood", "function(argument) OVER (…)")
    name = clauses.name_at(start)
    if name not in _OF_PEERS | _OF_ROWS | _OF_FRAMES.keys() | _AGGREGATES or node.this.find(exp.Distinct, exp.Order):
        raise Refused(f"{name}() as a window depends on the order of the groups")
    if found.excludes:
        raise Refused("it has a window with EXCLUDE")
    if found.frame not in _OF_FRAMES.get(name, (found.frame,)):
        raise Refused(f"{name}() depends on the order of equal groups", f"{name}(…) OVER (… ROWS BETWEEN … AND …)")
    told_apart = name in _OF_ROWS or name in _OF_FRAMES or (name in _AGGREGATES and found.frame == "rows")
    return Ordering(
        at=found.end if told_apart else None,
        ordered=found.ordered,
        arguments=found.arguments if name in _EXACT else None,
    )

"""Pushes facts through joins, one rule for each kind of join.

A rule is given the facts about the useful rows above the join and the guarantees of each side. It returns the facts
about the useful rows of the left side and of the right side; removing the other rows changes no answer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gateway.plan.analysis.closing import closure
from gateway.plan.analysis.constants import Constants
from gateway.plan.analysis.facts import Fact, rejects_null, without
from gateway.plan.analysis.reasons import Reason
from gateway.predicate import Operator


@dataclass(frozen=True, slots=True, kw_only=True)
class Meeting:
    """What is known where two sides meet: from above, in the join's condition, and of each side by itself."""

    above: list[Fact]
    on: list[Fact]
    left: list[Fact]
    right: list[Fact]
    left_keys: frozenset[str]
    right_keys: frozenset[str]
    constants: Constants

    @property
    def both(self) -> list[Fact]:
        """Return all that holds of a useful row made of a left and a right row that match."""
        return [*self.above, *self.on, *self.left, *self.right]


Sides = tuple[list[Fact], list[Fact]]


def inner(meeting: Meeting) -> Sides:
    """Every useful row is a match: all that is known holds on both sides."""
    return meeting.both, meeting.both


def left(meeting: Meeting) -> Sides:
    """Left rows stay without a match, so ON says nothing of them, unless the NULLs of the right side are rejected."""
    if rejects_null(meeting.above, meeting.right_keys):
        return inner(meeting)
    # What is known from above of the right side may hold only because the right side is NULL.
    pair = [
        *_blocked(meeting.above, meeting.right_keys, Reason.LEFT_NULLABLE),
        *meeting.on,
        *meeting.left,
        *meeting.right,
    ]
    return [*meeting.above, *meeting.left, *_unused(meeting.on, meeting.left_keys, Reason.LEFT_PRESERVED)], pair


def right(meeting: Meeting) -> Sides:
    """Mirror LEFT."""
    if rejects_null(meeting.above, meeting.left_keys):
        return inner(meeting)
    pair = [
        *_blocked(meeting.above, meeting.left_keys, Reason.RIGHT_NULLABLE),
        *meeting.on,
        *meeting.left,
        *meeting.right,
    ]
    return pair, [
        *meeting.above,
        *meeting.right,
        *_unused(meeting.on, meeting.right_keys, Reason.RIGHT_PRESERVED),
    ]


def full(meeting: Meeting) -> Sides:
    """Both sides stay without a match, unless the NULLs of one side are rejected."""
    if rejects_null(meeting.above, meeting.left_keys):
        return left(meeting)
    if rejects_null(meeting.above, meeting.right_keys):
        return right(meeting)
    around = _blocked(meeting.above, meeting.left_keys | meeting.right_keys, Reason.FULL_NULLABLE)
    around += _unused(meeting.on, meeting.left_keys | meeting.right_keys, Reason.FULL)
    return around, around


def semi(meeting: Meeting) -> Sides:
    """A left row is kept for a match: all that is known holds of both."""
    return meeting.both, meeting.both


def anti(meeting: Meeting) -> Sides:
    """A left row is kept for want of a match: only right rows that could match a useful left row matter."""
    kept = [*meeting.above, *meeting.left]
    return [*kept, *_unused(meeting.on, meeting.left_keys, Reason.ANTI)], meeting.both


def asof(meeting: Meeting) -> Sides:
    """The nearest right row is chosen among those of one key, so only whole keys may go from the right side."""
    known = [*without(meeting.above, meeting.right_keys), *meeting.left]
    equal = [fact for fact in meeting.on if fact.edge is not None and fact.edge.operator is Operator.EQ]
    kept = [fact for fact in closure([*known, *equal], meeting.constants) if fact not in equal]
    ordered = [fact for fact in meeting.on if fact not in equal]
    hidden = _unused([*meeting.above, *ordered], meeting.left_keys | meeting.right_keys, Reason.ASOF)
    return [*meeting.above, *meeting.left], [*kept, *hidden]


def positional(meeting: Meeting) -> Sides:
    """Rows meet by their number: none may go."""
    around = _blocked(meeting.above, meeting.left_keys | meeting.right_keys, Reason.POSITIONAL)
    return around, around


def _blocked(facts: list[Fact], hidden: frozenset[str], reason: Reason) -> list[Fact]:
    """Weaken facts to what they say of other columns, and keep a note of those that spoke of *hidden* ones."""
    return [*without(facts, hidden), *_unused(facts, hidden, reason)]


def _unused(facts: list[Fact], columns: frozenset[str], reason: Reason) -> list[Fact]:
    return [fact.block(reason) for fact in facts if not columns.isdisjoint(fact.mentions)]


RULES: dict[str, Callable[[Meeting], Sides]] = {
    "INNER": inner,
    "LEFT": left,
    "RIGHT": right,
    "FULL": full,
    "SEMI": semi,
    "ANTI": anti,
    "ASOF": asof,
    "POSITIONAL": positional,
    "UNKNOWN": positional,
}


def guaranteed(kind: str, on: list[Fact], left_facts: list[Fact], right_facts: list[Fact]) -> list[Fact]:
    """Return what every row that comes out of a join satisfies by itself."""
    if kind in ("INNER", "SEMI"):
        return [*left_facts, *on, *right_facts]
    if kind in ("LEFT", "ANTI", "ASOF"):
        return left_facts
    return right_facts if kind == "RIGHT" else []

"""Inclusive projection: from a predicate on rows to the states that may have a row for which it is TRUE.

The filters on one term in one AND are combined first, so that ``x >= 5 AND x < 6`` is as good as
``x = 5``, and contradictions select nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from gateway.catalog.transforms.keys import Key, KeyType, after_prefix, key_range, key_type, less, successor
from gateway.model import Value
from gateway.plan.axis import Axis
from gateway.plan.states import Codes, UnitStates, both, either
from gateway.plan.together import Together
from gateway.predicate import (
    And,
    Comparison,
    Condition,
    Elsewhere,
    Everything,
    Membership,
    Nothing,
    NullCheck,
    Operator,
    Or,
    Outside,
    Predicate,
    StartsWith,
    Term,
)

_EACH = 64
"""Members of an IN that are projected one by one where several axes must agree on each."""


class Provider(Protocol):
    """Knows the axes of a table's columns."""

    def axes(self, term: Term) -> Sequence[Axis]:
        """List the axes that constrain a term, in the order keys of its type; none where nothing is known."""

    def together(self, terms: tuple[Term, ...]) -> Together | None:
        """Return what several terms can be together, if that is known."""

    def may_lack(self, column: str) -> bool:
        """Return whether a column may be NULL in a unit whatever its axes say, since a file need not hold it."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Units that are in the given states of every axis, and in one alternative of each list of them.

    Without either it is all units; no unit at all is None, not a choice.
    """

    sets: dict[int, tuple[UnitStates, Codes]] = field(default_factory=dict)
    alternatives: tuple[tuple[Choice, ...], ...] = ()

    @property
    def unbounded(self) -> bool:
        """Whether nothing is asked."""
        return not self.sets and not self.alternatives


ALL = Choice()


def project(predicate: Predicate, values: Sequence[Value], provider: Provider) -> Choice | None:
    """Find which units may hold a row that satisfies *predicate*; *values* are those of its slots."""
    match predicate:
        case Everything():
            return ALL
        case Nothing():
            return None
        case Condition(slot):
            return ALL if values[slot] is True else None
        case Or(parts):
            return _any(project(part, values, provider) for part in parts)
        case And(parts):
            return _every(parts, values, provider)
        case NullCheck(term, negated):
            return _null_check(term, negated, provider)
        case Elsewhere(terms, slot):
            found = provider.together(terms)
            return ALL if found is None else _all_codes([(found, found.outside(values[slot]))])
        case _:
            return _every((predicate,), values, provider)


def _every(parts: Sequence[Predicate], values: Sequence[Value], provider: Provider) -> Choice | None:
    terms: dict[Term, Restriction] = {}
    choices: list[Choice] = []
    for part in parts:
        if isinstance(part, Comparison | Membership | StartsWith | Outside):
            restriction = terms.get(part.term)
            if restriction is None:
                restriction = terms[part.term] = Restriction(key_type(part.term.type))
            if not restriction.add(part, values):
                return None
        else:
            choice = project(part, values, provider)
            if choice is None:
                return None
            choices.append(choice)
    if any(isinstance(part, NullCheck) and _contradicted(part, parts) for part in parts):
        return None
    for term, restriction in terms.items():
        choice = restriction.choice(provider.axes(term))
        if choice is None:
            return None
        choices.append(choice)
    return _all(choices)


def _contradicted(check: NullCheck, parts: Sequence[Predicate]) -> bool:
    """Return whether *check* is ``IS NULL`` beside a filter that only a value of the same term satisfies."""
    return not check.negated and any(
        isinstance(part, Comparison | Membership | StartsWith | Outside | NullCheck)
        and part.term == check.term
        and part != check
        for part in parts
    )


def _null_check(term: Term, negated: bool, provider: Provider) -> Choice | None:
    # A function may be NULL where its column is not, e.g. the year of infinity.
    if not negated and (term.functions or provider.may_lack(term.column)):
        return ALL
    return _all_codes((axis, axis.values() if negated else axis.nulls()) for axis in provider.axes(term))


class Restriction:
    """What the filters of one AND say together about one term."""

    def __init__(self, kind: KeyType | None) -> None:
        """Start with any value of the type."""
        self._kind = kind
        self._start: Key | None = None
        self._end: Key | None = None
        self._members: list[tuple[Key, Key]] | None = None
        self._excluded: list[tuple[Key, Key]] = []

    def add(self, leaf: Comparison | Membership | StartsWith | Outside, values: Sequence[Value]) -> bool:
        """Add a filter; False if no row can satisfy it."""
        match leaf:
            case Comparison(_, operator, slot):
                return self._compare(operator, values[slot])
            case StartsWith(_, slot, negated):
                return self._prefix(values[slot], negated)
            case Outside(_, slot):
                return self._exclude_ranges(values[slot])
            case Membership(_, slots, is_list, negated):
                listed = values[slots[0]] if is_list else [values[slot] for slot in slots]
                if not isinstance(listed, list):
                    return False
                return self._exclude(listed, is_list) if negated else self._include(listed)

    def _compare(self, operator: Operator, value: Value) -> bool:
        if value is None:
            return False
        if self._kind is None or (position := key_range(value, self._kind)) is None:
            return True
        first, last = position
        match operator:
            case Operator.EQ:
                self._narrow(first, successor(last))
            case Operator.NE if first == last:
                self._excluded.append((first, successor(first)))
            case Operator.LT:
                self._narrow(None, last)
            case Operator.LE:
                self._narrow(None, successor(last))
            case Operator.GT:
                self._narrow(successor(first), None)
            case Operator.GE:
                self._narrow(first, None)
        return True

    def _prefix(self, value: Value, negated: bool) -> bool:
        if value is None:
            return False
        if not isinstance(value, str) or not value:
            return not (value == "" and negated)
        prefix = value.encode("utf-8", "surrogatepass")
        end = after_prefix(prefix)
        if not negated:
            self._narrow(prefix, end)
        elif end is not None:
            self._excluded.append((prefix, end))
        return True

    def _include(self, listed: Sequence[Value]) -> bool:
        present = [value for value in listed if value is not None]
        if not present:
            return False
        if self._kind is None:
            return True
        positions = [key_range(value, self._kind) for value in present]
        members = [(position[0], successor(position[1])) for position in positions if position is not None]
        if len(members) < len(positions):
            return True
        if self._members is None:
            self._members = list(dict.fromkeys(members))
        else:
            known = set(members)
            wide = any(successor(start) != end for start, end in members)
            self._members = self._members if wide else [member for member in self._members if member in known]
        return bool(self._members)

    def _exclude(self, listed: Sequence[Value], is_list: bool) -> bool:
        if any(value is None for value in listed) and not is_list:
            return False  # of a list value the engine ignores the NULLs
        for value in listed:
            position = None if value is None or self._kind is None else key_range(value, self._kind)
            if position is not None and position[0] == position[1]:
                self._excluded.append((position[0], successor(position[0])))
        return True

    def _exclude_ranges(self, ranges: Value) -> bool:
        for pair in ranges if isinstance(ranges, list) else ():
            low, high = pair if isinstance(pair, list) else (None, None)
            if isinstance(low, str) and high is None:
                self._prefix(low, negated=True)
                continue
            ends = [key_range(end, self._kind) for end in (low, high)] if self._kind is not None else []
            if len(ends) == 2 and ends[0] is not None and ends[1] is not None:
                self._excluded.append((ends[0][0], successor(ends[1][1])))
        return True

    def _narrow(self, start: Key | None, end: Key | None) -> None:
        if start is not None and (self._start is None or less(self._start, start)):
            self._start = start
        if end is not None and (self._end is None or less(end, self._end)):
            self._end = end

    def choice(self, axes: Sequence[Axis]) -> Choice | None:
        """Find the units that may hold a value which satisfies all filters."""
        members = self._members
        if members is not None:
            members = [member for member in members if self._allows(member)]
            if not members:
                return None
        else:
            self._trim()
            if self._start is not None and self._end is not None and not less(self._start, self._end):
                return None
        included = self._chosen(members, axes) if axes else ALL
        if included is None or not self._excluded or members is not None:
            return included
        excluded = _all_codes((axis, _outside(axis, self._excluded)) for axis in axes)
        return None if excluded is None else _all([included, excluded])

    def _chosen(self, members: list[tuple[Key, Key]] | None, axes: Sequence[Axis]) -> Choice | None:
        if members is None:
            if self._start is None and self._end is None:
                return _all_codes((axis, axis.values()) for axis in axes)
            return _all_codes((axis, axis.within(self._start, self._end)) for axis in axes)
        if len(members) == 1:
            return _all_codes((axis, axis.within(*members[0])) for axis in axes)
        if len(axes) > 1 and len(members) <= _EACH:
            return _any(_all_codes((axis, axis.within(*member)) for axis in axes) for member in members)
        return _all_codes((axis, axis.within_any(members)) for axis in axes)

    def _allows(self, member: tuple[Key, Key]) -> bool:
        """Return whether a member of an IN is left by the other filters."""
        start, end = member
        if self._start is not None and not less(self._start, end):
            return False
        if self._end is not None and not less(start, self._end):
            return False
        return not any(not less(start, low) and not less(high, end) for low, high in self._excluded)

    def _trim(self) -> None:
        """Move the ends of the range past values that are excluded."""
        for low, high in sorted(self._excluded):
            if self._start is not None and not less(self._start, low) and less(self._start, high):
                self._start = high
        for low, high in sorted(self._excluded, reverse=True):
            if self._end is not None and less(low, self._end) and not less(high, self._end):
                self._end = low


def _outside(axis: Axis, ranges: Sequence[tuple[Key, Key]]) -> Codes:
    """Find the states that may hold a value in none of several ranges: what lies between them, before and after."""
    if len(ranges) == 1:
        return axis.outside(*ranges[0])
    between: list[tuple[Key | None, Key | None]] = []
    start: Key | None = None
    for low, high in sorted(ranges):
        if start is None or less(start, low):
            between.append((start, low))
        if start is None or less(start, high):
            start = high
    return axis.within_any([*between, (start, None)])


def _all_codes(codes: Iterable[tuple[Axis | Together, Codes]]) -> Choice | None:
    """Choose the units that are in the given states of each axis; of one axis several times, in all of them."""
    sets: dict[int, tuple[UnitStates, Codes]] = {}
    for axis, states in codes:
        if not _keep(sets, axis.rows, states):
            return None
    return Choice(sets)


def _keep(sets: dict[int, tuple[UnitStates, Codes]], rows: UnitStates, codes: Codes) -> bool:
    """Intersect a set of states into *sets*; False if nothing is left."""
    known = sets.get(id(rows))
    if known is not None:
        codes = both(known[1], codes, rows.size)
    if codes.start >= codes.stop or (codes.mask is not None and not codes.mask.any()):
        return False
    if codes.mask is not None or codes.start > 0 or codes.stop < rows.size:
        sets[id(rows)] = (rows, codes)
    return True


def _all(choices: Sequence[Choice]) -> Choice | None:
    if len(choices) == 1:
        return choices[0]
    sets: dict[int, tuple[UnitStates, Codes]] = {}
    for choice in choices:
        for rows, codes in choice.sets.values():
            if not _keep(sets, rows, codes):
                return None
    return Choice(sets, tuple(group for choice in choices for group in choice.alternatives))


def _any(choices: Iterable[Choice | None]) -> Choice | None:
    found: list[Choice] = []
    for choice in choices:
        if choice is None:
            continue
        if choice.unbounded:
            return ALL
        if not (found and _merge(found, choice)):
            found.append(choice)
    if not found:
        return None
    if len(found) > 1:
        return Choice({}, (tuple(found),))
    whole = next(
        (codes.stop - codes.start == rows.size and codes.mask is None for rows, codes in found[0].sets.values()), False
    )
    return ALL if whole and len(found[0].sets) == 1 and not found[0].alternatives else found[0]


def _merge(found: list[Choice], choice: Choice) -> bool:
    """Unite *choice* with the last one where both speak of the same single axis."""
    last = found[-1]
    if last.alternatives or choice.alternatives or len(last.sets) != 1 or last.sets.keys() != choice.sets.keys():
        return False
    key = next(iter(choice.sets))
    rows, codes = choice.sets[key]
    found[-1] = Choice({key: (rows, either(last.sets[key][1], codes, rows.size))})
    return True

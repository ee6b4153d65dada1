"""The result of an analysis, and what is left to do for each request: binding its constants."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cached_property
from typing import Final

from gateway.catalog.transforms.keys import INFINITIES
from gateway.errors import QueryFailed
from gateway.model import TypedValue, Value
from gateway.plan.analysis.carried import carried
from gateway.plan.analysis.conditional import PreparedWitness
from gateway.plan.analysis.constants import (
    Absent,
    Aspect,
    Carried,
    ComputedConstant,
    Constant,
    Dimension,
    FirstPresent,
    LikePrefix,
    Literal,
    ParameterValue,
    Refuted,
    fits,
)
from gateway.plan.analysis.facts import slots_of
from gateway.plan.analysis.first_values import PreparedRank
from gateway.plan.analysis.leaves.prefix import like_prefix
from gateway.plan.analysis.types import INTEGERS, decimal_scale
from gateway.plan.analysis.uncorrelated import PreparedSubquery
from gateway.predicate import (
    FALSE,
    TRUE,
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
    all_of,
    any_of,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """A filter that may prune a scan: its SQL, the rule that brought it there, what it says of the scan's columns."""

    sql: str
    rule: str
    predicate: Predicate


@dataclass(frozen=True, slots=True, kw_only=True)
class Unused:
    """A filter on a scan's columns that may not, and why."""

    sql: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedScan:
    """One place that reads a table: ``start`` and ``end`` bound its name in the author's text, in characters."""

    table: str
    start: int
    end: int
    predicate: Predicate
    used: tuple[Used, ...] = ()
    unused: tuple[Unused, ...] = ()


@dataclass(frozen=True, kw_only=True)
class PreparedQuery:
    """An analysed text. ``pieces`` has one more member than there are scans; a scan's source stands between two.

    ``constants`` are the slots of the predicates. ``clock``: the text reads the clock; ``instant``: it reads it
    through the reserved parameter ``__now`` (``text.NOW``), which then has to be bound. ``shield``: no filter of the
    text may be evaluated by the statistics of files, see ``plan.shield``. ``names``: all that the text uses, in lower
    case; None where it may use any column. ``unshielded``: see ``analysis.unshielded``. ``asked``: the terms, each with
    its scan and slot, whose values the engine is asked about, see ``plan.refuting``. ``ranked``: the values that are
    read first where they can prune, ``witnesses`` the scans that are asked for a row first, ``subqueries`` those that
    are run first.
    """

    scans: tuple[PreparedScan, ...]
    constants: tuple[Constant, ...]
    pieces: tuple[str, ...]
    clock: bool
    instant: bool
    tables: tuple[str, ...]
    shield: bool = False
    names: frozenset[str] | None = None
    unshielded: frozenset[str] = frozenset()
    asked: tuple[tuple[int, tuple[Term, ...], int], ...] = ()
    ranked: tuple[PreparedRank, ...] = ()
    witnesses: tuple[PreparedWitness, ...] = ()
    subqueries: tuple[PreparedSubquery, ...] = ()

    @cached_property
    def computed(self) -> tuple[ComputedConstant, ...]:
        """List the constants that the engine computes: those in a predicate, for a rule that gave up leaves others."""
        filters = (used.predicate for scan in self.scans for used in scan.used)
        pending = [self.constants[slot] for predicate in filters for slot in slots_of(predicate)]
        found: dict[Constant, None] = {}
        while pending:
            constant = pending.pop()
            if constant not in found:
                found[constant] = None
                pending += self._within(constant)
        return tuple(each for each in self.constants if isinstance(each, ComputedConstant) and each in found)

    def _within(self, constant: Constant) -> list[Constant]:
        """List the constants that one is made of."""
        match constant:
            case FirstPresent(parts):
                return list(parts)
            case LikePrefix(pattern):
                return [pattern]
            case Carried(slot) | Refuted(among=(slot, _)):
                return [self.constants[slot]]
            case Dimension():
                return [self.constants[slot] for slot in slots_of(constant.predicate)]
        return []

    def dimensions(self, scan: int) -> tuple[Dimension, ...]:
        """List the dimensions that could prune a scan, by its place in text order."""
        return self.dimensions_in(self.scans[scan].predicate)

    def dimensions_in(self, predicate: Predicate) -> tuple[Dimension, ...]:
        """List the dimensions that a predicate speaks of."""
        named = (self.constants[self._source(slot)] for slot in sorted(slots_of(predicate)))
        found = (replace(constant, aspect=Aspect.VALUES) for constant in named if isinstance(constant, Dimension))
        return tuple(dict.fromkeys(found))

    def _source(self, slot: int) -> int:
        """Return the slot of the constant that functions are applied to, or that a condition is about."""
        match self.constants[slot]:
            case Carried(before) | Refuted(among=(before, _)):
                return self._source(before)
        return slot


class Unknown:
    """A constant that could not be had exactly: what is compared with it keeps all."""


class Far(Unknown):
    """A time beyond those that Python holds, or an infinite one: it is ``bound`` at least."""

    def __init__(self, bound: date) -> None:
        """Take a time that it is certainly not before."""
        self.bound = bound


_UNKNOWN: Final = Unknown()
_Known = Value | Unknown
Learned = tuple[Sequence[Value] | None, Value, Value]
"""The values of a dimension (None: too many to list), the least and the greatest of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """The constants of one request, and the predicate of each scan with everything decided that they decide."""

    values: tuple[Value, ...]
    predicates: tuple[Predicate, ...]
    known: tuple[Value | Unknown, ...]
    """The constants again, with ``Unknown`` for those that are not known, which is not NULL."""
    parameters: Mapping[str, TypedValue]


Evaluate = Callable[[Sequence[str], Mapping[str, TypedValue]], tuple[Value, ...]]
_BITS = {"TINYINT": 8, "SMALLINT": 16, "INTEGER": 32, "BIGINT": 64, "HUGEINT": 128}


def bind(prepared: PreparedQuery, parameters: Mapping[str, TypedValue], evaluate: Evaluate) -> Bound:
    """Compute the constants of a request; those that need the engine, if any, by one call of *evaluate*.

    An expression that fails to evaluate prunes nothing: whether the query itself fails is for the query to say.
    """
    computed = _compute(prepared.computed, parameters, evaluate)
    return _bound(prepared, [_value(constant, parameters, computed) for constant in prepared.constants], parameters)


def learn(prepared: PreparedQuery, bound: Bound, found: Mapping[Dimension, Learned]) -> Bound:
    """Take in what was learned of dimensions, as ``dimension_query`` answers: a list (None: too long), its bounds."""
    known = list(bound.known)
    for slot, constant in enumerate(prepared.constants):
        if not isinstance(constant, Dimension) or (plain := replace(constant, aspect=Aspect.VALUES)) not in found:
            continue
        members, least, greatest = found[plain]
        match constant.aspect:
            case Aspect.VALUES:
                known[slot] = _UNKNOWN if members is None else _converted(list(members), f"{constant.type}[]")
            case Aspect.LEAST:
                known[slot] = _delivered(least, constant.type)
            case Aspect.GREATEST:
                known[slot] = _delivered(greatest, constant.type)
    return _bound(prepared, known, bound.parameters)


def refute(prepared: PreparedQuery, bound: Bound, found: Mapping[Refuted, Value]) -> Bound:
    """Take in what the engine said of conditions: for a ``Refuted`` its ranges, or whether it holds of NULL."""
    known = list(bound.known)
    for slot, constant in enumerate(prepared.constants):
        if isinstance(constant, Refuted) and constant in found:
            known[slot] = found[constant]
    return _bound(prepared, known, bound.parameters)


def assumed(prepared: PreparedQuery, bound: Bound, name: str) -> Bound:
    """Return the constants as they are where a parameter that is not known has a value."""
    pairs = zip(prepared.constants, bound.known, strict=True)
    known = [False if constant == Absent(name) else known for constant, known in pairs]
    return _bound(prepared, known, bound.parameters)


def _bound(prepared: PreparedQuery, given: Sequence[_Known], parameters: Mapping[str, TypedValue]) -> Bound:
    known = list(given)
    for slot, constant in enumerate(prepared.constants):
        if isinstance(constant, Carried):
            known[slot] = _carried(constant, known[constant.slot])
    return Bound(
        values=tuple(
            (value.bound if isinstance(value, Far) else None) if isinstance(value, Unknown) else value
            for value in known
        ),
        predicates=tuple(simplified(scan.predicate, known) for scan in prepared.scans),
        known=tuple(known),
        parameters=parameters,
    )


def _carried(constant: Carried, before: _Known) -> _Known:
    """Apply functions to a value, or to each member of a list."""
    if before is None or isinstance(before, Unknown):
        return None if before is None else _UNKNOWN
    listed = before if isinstance(before, list) else [before]
    made = carried([value for value in listed if value is not None], constant.type, constant.functions, constant.step)
    if made is None or (constant.upper is None and any(low != high for low, high in made)):
        return _UNKNOWN
    ends = [high if constant.upper else low for low, high in made]
    return ends if isinstance(before, list) else ends[0]


def _compute(
    wanted: Sequence[ComputedConstant], parameters: Mapping[str, TypedValue], evaluate: Evaluate
) -> dict[ComputedConstant, _Known]:
    if not wanted:
        return {}
    later = [constant for constant in wanted if not parameters.keys() >= set(constant.parameters)]
    if later:  # for the value of a parameter that is read first
        now = [constant for constant in wanted if constant not in later]
        return {**_compute(now, parameters, evaluate), **dict.fromkeys(later, _UNKNOWN)}
    names = {name for constant in wanted for name in constant.parameters}
    used = {name: value for name, value in parameters.items() if name in names}
    try:
        values = evaluate([constant.sql for constant in wanted], used)
    except QueryFailed:
        return dict.fromkeys(wanted, _UNKNOWN)
    return {constant: _converted(value, constant.type) for constant, value in zip(wanted, values, strict=True)}


def _value(
    constant: Constant, parameters: Mapping[str, TypedValue], computed: Mapping[ComputedConstant, _Known]
) -> _Known:
    match constant:
        case Literal(value, _):
            return value
        case ParameterValue(name, cast_to):
            return _converted(parameters[name].value, cast_to) if name in parameters else _UNKNOWN
        case Absent(name, negated):
            return (parameters[name].value is None) != negated if name in parameters else _UNKNOWN
        case FirstPresent(parts):
            values = (_value(part, parameters, computed) for part in parts)
            return next((value for value in values if value is not None), None)
        case LikePrefix(pattern):
            text = _value(pattern, parameters, computed)
            return like_prefix(text) if isinstance(text, str) else text
        case ComputedConstant():
            return computed.get(constant, _UNKNOWN)  # not computed: it is in no predicate
        case Dimension() | Refuted() | Carried():
            return _UNKNOWN


def _converted(value: Value, target: str) -> _Known:
    """Turn the value of a parameter into the type of what it is compared with; lists member by member."""
    if value is None:
        return None
    if target.endswith("[]"):
        if not isinstance(value, list):
            return _UNKNOWN
        members = [_converted(member, target[:-2]) for member in value]
        known = [member for member in members if not isinstance(member, Unknown)]
        return known if len(known) == len(members) else _UNKNOWN
    return _delivered(value, target)


def _delivered(value: Value, target: str) -> _Known:
    """Return *value* as the Python type that stands for *target*; unknown where that is not exact."""
    if value is None:
        return None
    if target in ("DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE") and isinstance(value, str):
        return value if value in INFINITIES else _UNKNOWN
    if target in ("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS") and isinstance(value, date):
        return _local(value)
    if target in INTEGERS and isinstance(value, int) and not isinstance(value, bool):
        return value
    if decimal_scale(target) is not None and isinstance(value, int | Decimal) and not isinstance(value, bool):
        exact = Decimal(value)
        return exact if fits(exact, target) else _UNKNOWN
    if target in ("DOUBLE", "FLOAT") and isinstance(value, int | float):
        return float(value)
    if target in ("DATE", "TIMESTAMP WITH TIME ZONE") and isinstance(value, date):
        # Beyond these years the engine's client answers with the nearest that Python can hold.
        return value if 1 < value.year < 9999 else _far(value)
    expected = _PYTHON.get(target)
    return value if expected is not None and type(value).__name__ in expected else _UNKNOWN


def delivered(value: Value, target: str) -> Value:
    """Return *value* as what stands for *target* in a comparison; None where that is not exact, and for NULL."""
    found = _delivered(value, target)
    return None if isinstance(found, Unknown) else found


_PYTHON = {"VARCHAR": ("str",), "BOOLEAN": ("bool",), "UUID": ("UUID",)}


def _local(value: date) -> _Known:
    if not 1 < value.year < 9999:
        return _far(datetime(value.year, 1, 1))
    if not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day)
    return value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo is not None else value


def _far(value: date) -> Unknown:
    return Far(value.replace(year=9998, month=1, day=1)) if value.year >= 9999 else _UNKNOWN


def simplified(predicate: Predicate, values: Sequence[_Known]) -> Predicate:
    """Decide what the constants alone decide; the same object is returned where that is nothing."""
    match predicate:
        case And(parts):
            made = [simplified(part, values) for part in parts]
            return predicate if all(a is b for a, b in zip(made, parts, strict=True)) else all_of(*made)
        case Or(parts):
            made = [simplified(part, values) for part in parts]
            return predicate if all(a is b for a, b in zip(made, parts, strict=True)) else any_of(*made)
        case Condition(slot):
            value = values[slot]
            return TRUE if value is True or isinstance(value, Unknown) else FALSE
        case Comparison():
            return _simplified_comparison(predicate, values[predicate.slot])
        case Membership():
            return _simplified_membership(predicate, values)
        case Outside(_, slot) | Elsewhere(_, slot):
            # A condition that nothing refutes is no filter, see ``limits.require_filter``.
            return predicate if isinstance(values[slot], list) and values[slot] else TRUE
        case StartsWith(_, slot, _):
            return TRUE if isinstance(values[slot], Unknown) else FALSE if values[slot] is None else predicate
        case Everything() | Nothing() | NullCheck():
            return predicate


def _simplified_comparison(leaf: Comparison, value: _Known) -> Predicate:
    if value is None:
        return FALSE
    if isinstance(value, Far) and leaf.operator in (Operator.EQ, Operator.GT, Operator.GE):
        return replace(leaf, operator=Operator.GE)
    if isinstance(value, Unknown):
        return TRUE
    side = _outside(value, leaf.term.type)
    if side == 0:
        return leaf
    above = (Operator.LT, Operator.LE, Operator.NE) if side > 0 else (Operator.GT, Operator.GE, Operator.NE)
    return NullCheck(replace(leaf.term, functions=()), negated=True) if leaf.operator in above else FALSE


def _simplified_membership(leaf: Membership, values: Sequence[_Known]) -> Predicate:
    known = [values[slot] for slot in leaf.slots]
    if any(isinstance(value, Unknown) for value in known):
        return TRUE
    if leaf.is_list:
        return leaf if known[0] is not None and (known[0] or leaf.negated) else FALSE
    if leaf.negated and None in known:
        return FALSE
    kept = tuple(
        slot
        for slot in leaf.slots
        if not isinstance(value := values[slot], Unknown) and value is not None and not _outside(value, leaf.term.type)
    )
    if len(kept) == len(leaf.slots):
        return leaf
    if kept:
        return replace(leaf, slots=kept)
    return NullCheck(replace(leaf.term, functions=()), negated=True) if leaf.negated else FALSE


def _outside(value: Value, kind: str) -> int:
    """Return whether an integer lies above (1) or below (-1) all values of a type."""
    if kind not in INTEGERS or not isinstance(value, int):
        return 0
    bits = _BITS[kind.removeprefix("U")]
    low, high = (0, 2**bits) if kind.startswith("U") else (-(2 ** (bits - 1)), 2 ** (bits - 1))
    return 1 if value >= high else -1 if value < low else 0

"""The constants of a query's filters. Literals and parameters are evaluated in Python, the others by one SELECT.

A constant expression is used only if its type is certain; what is not in the tables below is not constant.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Union

from sqlglot import exp

from gateway.model import Value
from gateway.plan.analysis.deterministic import is_constant, is_deterministic
from gateway.plan.analysis.kinds import KINDS
from gateway.plan.analysis.text import NOW, Text
from gateway.plan.analysis.types import INTEGERS, NULL, STRING, TIMESTAMPTZ, canonical, decimal_scale
from gateway.plan.functions import supported
from gateway.predicate import Function, Predicate


@dataclass(frozen=True, slots=True)
class Literal:
    """A value that stands in the query."""

    value: Value
    type: str


@dataclass(frozen=True, slots=True)
class ParameterValue:
    """The value of a parameter, delivered as ``cast_to``."""

    name: str
    cast_to: str


@dataclass(frozen=True, slots=True)
class ComputedConstant:
    """An SQL expression over ``parameters`` that the engine evaluates to ``type``."""

    sql: str
    type: str
    parameters: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Absent:
    """Whether a parameter is NULL (or, ``negated``, is not)."""

    name: str
    negated: bool = False


@dataclass(frozen=True, slots=True)
class FirstPresent:
    """The first of several constants that is not NULL: COALESCE."""

    parts: tuple[Constant, ...]


@dataclass(frozen=True, slots=True)
class LikePrefix:
    """The text before the first wildcard of a LIKE pattern."""

    pattern: Constant


class Aspect(StrEnum):
    """What of a dimension a slot holds."""

    VALUES = "values"
    LEAST = "least"
    GREATEST = "greatest"


@dataclass(frozen=True, slots=True)
class Dimension:
    """The distinct values of a column among the rows of another scan that ``predicate`` keeps, or their bounds.

    Of a column under functions they are the values of the last one, which are of type ``type``. ``scan`` is that scan's
    place in text order; the predicate speaks of all columns of its table, not only of those that prune. Until they are
    learned (``prepared.learn``), nothing is pruned by them.
    """

    scan: int
    column: str
    type: str
    predicate: Predicate
    aspect: Aspect = Aspect.VALUES
    functions: tuple[Function, ...] = ()


@dataclass(frozen=True, slots=True)
class Refuted:
    """The ranges of values of type ``type`` that a condition is TRUE for none of, or (``of_null``) if it is for NULL.

    ``forms`` are the condition over the two ends of a grain (``possible``), by the name of the grain. Until the engine
    has been asked (``prepared.refute``), nothing is pruned by it. ``among`` is the slot of a list that the condition
    is about, and its type: it is asked where that is known.
    """

    type: str
    forms: tuple[tuple[str, str], ...]
    parameters: tuple[str, ...]
    of_null: bool = False
    among: tuple[int, str] | None = None


@dataclass(frozen=True, slots=True)
class Carried:
    """What functions make of the value (or the list) in an earlier slot, of type ``type``.

    Where they round, it is the greatest value that they may make of it (``upper``) or the least; None: it is unknown.
    ``step`` is 1 for the next greater value of the type in place of it, -1 for the next smaller one.
    """

    slot: int
    type: str
    functions: tuple[Function, ...]
    upper: bool | None
    step: int = 0


Constant = Union[  # noqa: UP007 - they name it early
    Literal, ParameterValue, ComputedConstant, Absent, FirstPresent, LikePrefix, Dimension, Refuted, Carried
]

_SIGNED = frozenset({"TINYINT", "SMALLINT", "INTEGER", "BIGINT"})
_DATE = re.compile(r"[12]\d{3}-[01]\d-[0-3]\d")
_TIMESTAMP = re.compile(r"[12]\d{3}-[01]\d-[0-3]\d [0-2]\d:[0-5]\d(:[0-5]\d)?")


@dataclass(slots=True)
class Constants:
    """Gives every constant of a statement its slot; equal ones share it."""

    text: Text
    parameters: dict[str, str]
    slots: list[Constant] = field(default_factory=list)

    def declare(self, name: str, kind: str) -> None:
        """Declare a parameter of the planner's own."""
        self.parameters[name] = kind

    def kind(self, node: exp.Expr) -> str | None:
        """Return the DuckDB type of a constant expression, STRING or NULL for those two, None for anything else."""
        rule = KINDS.get(type(node))
        return rule(self, node) if rule else None

    def add(self, constant: Constant) -> int:
        """Return the slot of *constant*."""
        if constant not in self.slots:
            self.slots.append(constant)
        return self.slots.index(constant)

    def carried(
        self, slot: int, kind: str, functions: tuple[Function, ...], upper: bool | None, step: int = 0
    ) -> int | None:
        """Return the slot of what functions make of a constant of type *kind*; None where they are not understood."""
        before = kind
        for function in functions:
            if not supported(function, before):
                return None
            before = function.returns
        return self.add(Carried(slot, kind, functions, upper, step))

    def slot(self, node: exp.Expr, target: str) -> int | None:
        """Return the slot of *node* in the type *target*; None where it cannot be had exactly."""
        constant = self.constant(node, target)
        return None if constant is None else self.add(constant)

    def constant(self, node: exp.Expr, target: str) -> Constant | None:
        """Make the constant for *node* in the type *target*, of a kind that ``types.resolve`` accepted for it."""
        node = node.unnest()
        literal = _literal(node, target)
        if literal is not None:
            return literal if fits(literal.value, target) else None
        if isinstance(node, exp.Placeholder) and self.text.clock(node.name) is None:
            return self._parameter(node.name, target)
        if isinstance(node, exp.Coalesce):
            parts = [self.constant(part, target) for part in (node.this, *node.expressions)]
            known = [part for part in parts if part is not None and not isinstance(part, ComputedConstant)]
            if len(known) == len(parts):
                return FirstPresent(tuple(known))
        return self.computed(node, target)

    def computed(self, node: exp.Expr, target: str) -> ComputedConstant:
        """Let the engine evaluate *node*, cast to *target* (wide enough for any value where that is a number)."""
        sql = self.text.executable(node.sql(dialect="duckdb"))
        wide = target if self.kind(node) == STRING else _wide(target, self.kind(node))
        return ComputedConstant(f"CAST({sql} AS {wide})", target, self.named(node))

    def named(self, node: exp.Expr) -> tuple[str, ...]:
        """Name the parameters that *node* is evaluated with, the instant of the request among them."""
        found = {item.name for item in node.find_all(exp.Placeholder)}
        return tuple(sorted({NOW if self.text.clock(name) is not None else name for name in found}))

    def condition(self, node: exp.Expr, negated: bool = False) -> int | None:
        """Return the slot that says whether a constant condition is TRUE (or, *negated*, FALSE)."""
        node = node.unnest()
        if isinstance(node, exp.Not):
            return self.condition(node.this, not negated)
        if self.kind(node) not in ("BOOLEAN", NULL) and not _is_question(node):
            return None
        if isinstance(node, exp.Is) and isinstance(node.expression, exp.Null):
            tested = node.this.unnest()
            if isinstance(tested, exp.Placeholder) and self.text.clock(tested.name) is None:
                return self.add(Absent(tested.name, negated))
        if negated:
            return self.add(self.computed(exp.Not(this=exp.Paren(this=node.copy())), "BOOLEAN"))
        return self.slot(node, "BOOLEAN") if self.kind(node) is not None else self.add(self.computed(node, "BOOLEAN"))

    def list_slot(self, node: exp.Expr, target: str) -> int | None:
        """Return the slot of a list, a parameter or what a text is split to, its members delivered as *target*."""
        node = node.unnest()
        if isinstance(node, exp.Placeholder):
            return self.add(ParameterValue(node.name, f"{target}[]"))
        kind, sql = self.list_kind(node), self.text.executable(node.sql(dialect="duckdb"))
        if kind != target and {kind, target} <= _SIGNED:
            sql = f"CAST({sql} AS BIGINT[])"  # of numbers beyond the target none is equal to a value of it
        elif kind != target:
            return None
        return self.add(ComputedConstant(sql, f"{target}[]", self.named(node)))

    def list_kind(self, node: exp.Expr) -> str | None:
        """Return the member type of a list."""
        node = node.unnest()
        declared = self.kind(node) or "" if isinstance(node, exp.Split | exp.Array | exp.Transform) else ""
        if isinstance(node, exp.Placeholder):
            declared = canonical(self.parameters.get(node.name, ""))
        return declared[:-2] if declared.endswith("[]") else None

    def _parameter(self, name: str, target: str) -> Constant:
        declared = canonical(self.parameters.get(name, ""))
        if _converts(declared, target):
            return ParameterValue(name, target)
        return self.computed(exp.Placeholder(this=name), target)


def parameters_of(constant: Constant) -> Iterator[str]:
    """Walk the parameters that a constant is computed from."""
    match constant:
        case ParameterValue(name, _) | Absent(name, _):
            yield name
        case ComputedConstant(_, _, names) | Refuted(_, _, names, _):
            yield from names
        case FirstPresent(parts):
            for part in parts:
                yield from parameters_of(part)
        case LikePrefix(pattern):
            yield from parameters_of(pattern)
        case Literal() | Dimension() | Carried():
            yield from ()


def fits(value: Value, target: str) -> bool:
    """Return whether a number can be written in *target* without losing digits (its size is another matter).

    >>> fits(Decimal("0.050"), "DECIMAL(15,2)"), fits(Decimal("0.055"), "DECIMAL(15,2)")
    (True, False)
    >>> fits(Decimal(10) ** 37, "DECIMAL(38,2)")
    True
    """
    scale = decimal_scale(target)
    if scale is not None and isinstance(value, Decimal):
        return value.is_finite() and _digits_after_the_point(value) <= scale[1]
    return True


def _digits_after_the_point(value: Decimal) -> int:
    """Count them without arithmetic, which Python does to 28 digits, where the engine's numbers have 38."""
    _, digits, exponent = value.as_tuple()
    written = "".join(map(str, digits))
    return -int(exponent) - (len(written) - len(written.rstrip("0"))) if written.strip("0") else 0


def _wide(target: str, kind: str | None) -> str:
    """Return a type that holds any value of *kind* where *target* is a number: if it fits is seen when it is known."""
    if target in INTEGERS:
        return "HUGEINT"
    scale, own = decimal_scale(target), decimal_scale(kind or "")
    return target if scale is None else f"DECIMAL(38,{max(scale[1], own[1] if own else 0)})"


def _converts(source: str, target: str) -> bool:
    """Return whether Python turns a value of type *source* into one of type *target* without loss."""
    if source == target or (source in INTEGERS and target in INTEGERS):
        return True
    if decimal_scale(target) is not None:
        return source in INTEGERS or decimal_scale(source) is not None
    return (source, target) in {("DATE", "TIMESTAMP"), (TIMESTAMPTZ, "TIMESTAMP")}


def _literal(node: exp.Expr, target: str) -> Literal | None:
    """Evaluate the commonest literals here; None leaves the others to the engine."""
    if isinstance(node, exp.Boolean) and target == "BOOLEAN":
        return Literal(bool(node.this), target)
    if isinstance(node, exp.Neg):
        inner = _literal(node.this.unnest(), target)
        return Literal(-inner.value, target) if inner and isinstance(inner.value, int | Decimal) else None
    if isinstance(node, exp.Cast) and canonical(node.to.sql(dialect="duckdb")) in ("DATE", target):
        inner = _literal(node.this.unnest(), canonical(node.to.sql(dialect="duckdb")))
        if inner is None or not isinstance(inner.value, date):
            return None
        return Literal(_midnight(inner.value), target) if target == "TIMESTAMP" else inner
    if not isinstance(node, exp.Literal):
        return None
    return _text(node.name, target) if node.is_string else _number(node.name, target)


def _text(text: str, target: str) -> Literal | None:
    try:
        if target == "DATE" and _DATE.fullmatch(text):
            return Literal(date.fromisoformat(text), target)
        if target == "TIMESTAMP" and (_DATE.fullmatch(text) or _TIMESTAMP.fullmatch(text)):
            return Literal(datetime.fromisoformat(text), target)
    except ValueError:  # e.g. February 30: the engine says what is wrong with it
        return None
    return Literal(text, target) if target == "VARCHAR" else None


def _number(text: str, target: str) -> Literal | None:
    if target in INTEGERS and re.fullmatch(r"\d+(\.0*)?", text):
        return Literal(int(text.split(".")[0]), target)
    if decimal_scale(target) is not None and re.fullmatch(r"\d*\.?\d*", text):
        return Literal(Decimal(text), target)
    return None


def _midnight(day: date) -> datetime:
    return day if isinstance(day, datetime) else datetime(day.year, day.month, day.day)


def _is_question(node: exp.Expr) -> bool:
    """Return whether a node is a condition on constants of any types: the engine knows them."""
    return isinstance(node, _QUESTIONS) and is_constant(node) and is_deterministic(node)


_QUESTIONS = (
    *(exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.Is, exp.Between, exp.NullSafeEQ, exp.NullSafeNEQ, exp.In),
    *(exp.Like, exp.ILike, exp.StartsWith, exp.Contains, exp.ArrayContains, exp.RegexpLike),
)

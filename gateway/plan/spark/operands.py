"""Operands of Spark's expressions: what they are brought to, and how casts and calls are written."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final

from sqlglot import exp

from gateway.plan.spark.allowed import written
from gateway.plan.spark.kinds import TIMES, Kind, together
from gateway.plan.spark.portability import NotPortable, refused

KindOf = Callable[[exp.Expr], Kind]
Rule = Callable[[exp.Expr, KindOf], Kind]
DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
MOMENT: Final = re.compile(r"\d{4}-\d{2}-\d{2}(?:[ T]\d{2}:\d{2}:\d{2}(?:\.\d{1,6})?)?")
"""Texts of times that both engines read alike."""


def unlike(node: exp.Expr, kinds: Sequence[Kind]) -> NotPortable:
    """Make the error of operands that the engines convert differently."""
    known = " and ".join(dict.fromkeys(str(kind) for kind in kinds))
    return refused(f"it has {written(node)} of {known}", "CAST to types of one kind")


def cast(node: exp.Expr, type_: str) -> exp.Expr:
    """Write a cast to a type of Spark."""
    return exp.Cast(this=node, to=exp.DataType.build(type_, dialect="spark"))


def call(name: str, *given: exp.Expr) -> exp.Expr:
    """Write a call of a function of Spark."""
    return exp.Anonymous(this=name, expressions=list(given))


def number(text: str) -> exp.Expr:
    """Write a DOUBLE."""
    return cast(exp.Literal.string(text), "DOUBLE")


def alike(node: exp.Expr, operands: Sequence[exp.Expr], kind: KindOf) -> Kind:
    """Return the kind in which operands are compared or brought together; texts of times become times."""
    kinds = [kind(operand) for operand in operands]
    found = together(kinds)
    if found is not None:
        return found
    others = [each for each in kinds if each is not Kind.TEXT]
    time = together(others)
    if time not in TIMES:
        raise unlike(node, kinds)
    for operand, each in zip(operands, kinds, strict=True):
        if each is Kind.TEXT:
            _as_time(node, operand, time, kinds)
    return time


def _as_time(node: exp.Expr, operand: exp.Expr, time: Kind, kinds: Sequence[Kind]) -> None:
    form = DAY if time is Kind.DATE else MOMENT
    if not isinstance(operand, exp.Literal) or not form.fullmatch(str(operand.this)):
        raise unlike(node, kinds)
    operand.replace(cast(operand.copy(), "DATE" if time is Kind.DATE else "TIMESTAMP_NTZ"))


def natural(node: exp.Expr, part: exp.Expr) -> int:
    """Return the number that a part of a construct is."""
    if not isinstance(part, exp.Literal) or part.is_string or not str(part.this).isdigit():
        raise refused(f"it has {written(node)} with a number that is computed or negative")
    return int(str(part.this))


def condition(node: exp.Expr, kind: KindOf) -> None:
    """Refuse a condition that is no BOOLEAN."""
    found = kind(node)
    if found not in (Kind.BOOLEAN, Kind.NULL):
        raise refused(f"it has {found} as a condition", "a comparison")

"""Compare two versions of a query by meaning: their SQL as syntax trees, their parameters and columns as a contract.

A *contract* is what callers rely on: what they may send, and which columns come back. A change of it is ``widened``
where every caller of the old one is served by the new one as before, and ``breaking`` where some are not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import unified_diff
from enum import IntEnum
from operator import gt, lt
from typing import Any

from gateway.model import Column
from gateway.query.coerce import format_value
from gateway.query.parameters import Parameter
from gateway.query.sql import parse
from gateway.query.template import Template
from gateway.query.types import Kind, ParameterType

_WIDER: tuple[tuple[str, Callable[[Any, Any], bool]], ...] = (
    ("min", lt),
    ("max", gt),
    ("min_length", lt),
    ("max_length", gt),
    ("max_items", gt),
)
"""Bounds of a parameter, and how the wider of two compares to the other."""
_CONTEXT = 2
"""Unread lines that a difference of two texts shows around a changed one."""


class Effect(IntEnum):
    """What a difference means to those who call the query; the greatest of several counts."""

    SAME = 0
    WIDENED = 1
    BREAKING = 2

    @property
    def word(self) -> str:
        """Return the word that reports use."""
        return self.name.lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractDifference:
    """One thing that is not as it was, in words that follow the name of a query, and what it means to callers."""

    text: str
    effect: Effect


def contract(differences: Iterable[ContractDifference]) -> Effect:
    """Class a contract by its differences from the one before.

    >>> contract([]).word
    'same'
    """
    return max((difference.effect for difference in differences), default=Effect.SAME)


def same_sql(old: Template, new: Template) -> bool:
    """Return whether two texts mean the same: equal tokens, or equal syntax trees."""
    return old.unbound.normalised == new.unbound.normalised or parse(old.sql) == parse(new.sql)


def sql_difference(old: Template, new: Template) -> list[str]:
    """List the lines that differ, each after ``-`` or ``+``, in one layout: comments, case and spacing do not show."""
    texts = [
        parse(template.sql).sql(dialect="duckdb", pretty=True, comments=False).splitlines() for template in (old, new)
    ]
    return list(unified_diff(texts[0], texts[1], lineterm="", n=_CONTEXT))[2:]


def published_differences(old: Template, new: Template) -> Iterator[str]:
    """Return what changed in a published version that may not: its SQL, or its parameters."""
    if not same_sql(old, new):
        yield "its SQL"
    for difference in parameter_differences(old.parameters, new.parameters):
        yield difference.text


def parameter_differences(old: Mapping[str, Parameter], new: Mapping[str, Parameter]) -> Iterator[ContractDifference]:
    """Compare what callers may send."""
    for name, before in old.items():
        if name not in new:
            yield ContractDifference(text=f"the parameter {name} is gone", effect=Effect.BREAKING)
        else:
            for text, effect in _changes(before, new[name]):
                yield ContractDifference(text=f"the parameter {name} {text}", effect=effect)
    for name, added in new.items():
        if name not in old and added.required:
            yield ContractDifference(text=f"the parameter {name} is new and required", effect=Effect.BREAKING)
        elif name not in old:
            yield ContractDifference(text=f"the parameter {name} is new and may be left out", effect=Effect.WIDENED)


def column_differences(old: Sequence[Column], new: Sequence[Column]) -> Iterator[ContractDifference]:
    """Compare what callers get: a new column widens; one that is gone, moved or of another type breaks."""
    types = {column.name: column.type for column in new}
    for column in old:
        if column.name not in types:
            yield ContractDifference(text=f"the column {column.name} is gone", effect=Effect.BREAKING)
        elif types[column.name] != column.type:
            text = f"the column {column.name} is {types[column.name]}, and was {column.type}"
            yield ContractDifference(text=text, effect=Effect.BREAKING)
    known = {column.name for column in old}
    for column in new:
        if column.name not in known:
            yield ContractDifference(text=f"the column {column.name} ({column.type}) is new", effect=Effect.WIDENED)
    if [c.name for c in old if c.name in types] != [c.name for c in new if c.name in known]:
        yield ContractDifference(text="the columns stand in another order", effect=Effect.BREAKING)


def _changes(old: Parameter, new: Parameter) -> Iterator[tuple[str, Effect]]:
    if old.type != new.type:
        wider = _holds(new.type, old.type)
        yield f"is {new.type}, and was {old.type}", Effect.WIDENED if wider else Effect.BREAKING
    if old.required != new.required:
        text = "is required now" if new.required else "may be left out now"
        yield text, Effect.BREAKING if new.required else Effect.WIDENED
    elif old.optional and not new.optional:
        yield "may not be null any more", Effect.BREAKING
    elif new.optional and not old.optional:
        yield "may be null now", Effect.WIDENED
    if _formatted(old.default) != _formatted(new.default) and not old.required and not new.required:
        text = f"is {_formatted(new.default)} where it is left out, and was {_formatted(old.default)}"
        yield text, Effect.BREAKING
    if _formatted(old.bucket) != _formatted(new.bucket):
        yield f"is rounded to {_formatted(new.bucket)}, and was to {_formatted(old.bucket)}", Effect.BREAKING
    if old.pattern != new.pattern:
        text = "takes any text now" if new.pattern is None else f"must match {new.pattern} now"
        yield text, Effect.WIDENED if new.pattern is None else Effect.BREAKING
    if old.nonfinite != new.nonfinite:
        text = f"{'takes' if new.nonfinite else 'refuses'} NaN and infinities now"
        yield text, Effect.WIDENED if new.nonfinite else Effect.BREAKING
    yield from _forms(old, new)
    yield from _bounds(old, new)
    yield from _choices(old.choices, new.choices)


def _forms(old: Parameter, new: Parameter) -> Iterator[tuple[str, Effect]]:
    """Compare what times may be written as beside their usual form, and the zone that they are read in."""
    if old.zone != new.zone:
        # Without a zone, epoch and relative times are those of UTC, and buckets are counted in it.
        meant = old.zone is not None or old.epoch or old.relative is not None or old.bucket is not None
        before, after = (each.zone.key if each.zone is not None else "nothing" for each in (old, new))
        yield f"has the zone {after} now, and had {before}", Effect.BREAKING if meant else Effect.WIDENED
    for name in ("epoch", "relative"):
        before, after = getattr(old, name), getattr(new, name)
        if before != after:
            text = f"has {name} {_formatted(after)} now, and had {_formatted(before)}"
            yield text, Effect.WIDENED if before is None else Effect.BREAKING


def _bounds(old: Parameter, new: Parameter) -> Iterator[tuple[str, Effect]]:
    """Compare the least and the greatest that is accepted; None is no bound."""
    for name, wider in _WIDER:
        before, after = getattr(old, name), getattr(new, name)
        if _formatted(before) == _formatted(after):
            continue
        widened = after is None or (before is not None and type(before) is type(after) and wider(after, before))
        text = f"has {name} {_formatted(after)} now, and had {_formatted(before)}"
        yield text, Effect.WIDENED if widened else Effect.BREAKING


def _choices(old: Sequence[Any] | None, new: Sequence[Any] | None) -> Iterator[tuple[str, Effect]]:
    if old is None or new is None:
        if old is not None:
            yield "takes any value of its type now", Effect.WIDENED
        if new is not None:
            yield f"takes only {', '.join(map(_formatted, new))} now", Effect.BREAKING
        return
    before, after = set(map(_formatted, old)), set(map(_formatted, new))
    if before - after:
        yield f"does not take {', '.join(sorted(before - after))} any more", Effect.BREAKING
    if after - before:
        yield f"takes {', '.join(sorted(after - before))} too", Effect.WIDENED


def _holds(wide: ParameterType, narrow: ParameterType) -> bool:
    """Return whether one type takes all that another takes, written the same."""
    if wide.item is not None and narrow.item is not None:
        return _holds(wide.item, narrow.item)
    if wide.kind is not narrow.kind:
        return False
    if wide.kind is Kind.INTEGER:
        return wide.low <= narrow.low and narrow.high <= wide.high
    if wide.kind is Kind.DECIMAL:
        return wide.scale >= narrow.scale and wide.width - wide.scale >= narrow.width - narrow.scale
    return True


def _formatted(value: Any) -> str:
    return "nothing" if value is None else str(format_value(value))

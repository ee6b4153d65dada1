"""Asks the engine for which values of a column a condition is never TRUE, so that their partitions are left out.

The condition is not read here, but evaluated, on each grain of what the partitions can hold (``samples``). Where it is
TRUE for no value of a grain, a row with a value there is not in the answer. Nothing is said of other values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from cachetools import LRUCache

from gateway.errors import QueryFailed
from gateway.model import TypedValue, Value
from gateway.plan.analysis import Bound, Evaluate, PreparedQuery, Refuted, refute
from gateway.plan.analysis.possible import LOW
from gateway.plan.samples import Samples, merged
from gateway.predicate import Term

_KEPT = 1_000

SamplesOf = Callable[[int, Term], Samples | None]
"""Returns the grains of a term of a scan."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refuting:
    """Refutes conditions through an engine; thread-safe. What was answered is kept for the same grains and values."""

    evaluate: Evaluate
    _kept: LRUCache[Any, list[Value]] = field(default_factory=lambda: LRUCache(_KEPT))
    _lock: Lock = field(default_factory=Lock)

    def refute(
        self, prepared: PreparedQuery, bound: Bound, parameters: Mapping[str, TypedValue], samples_of: SamplesOf
    ) -> Bound:
        """Take in what the engine says of the conditions of a query."""
        found: dict[Refuted, Value] = {}
        for scan, term, slot in prepared.asked:
            constant, grains = prepared.constants[slot], samples_of(scan, term)
            if isinstance(constant, Refuted) and grains is not None and grains.type == constant.type:
                ranges, known = self._ranges(constant, grains, parameters), found.get(constant, [])
                if ranges is not None and isinstance(known, list):
                    found[constant] = [*known, *ranges]
        for constant in prepared.constants if found else ():
            if isinstance(constant, Refuted) and constant.of_null:
                answer = self._of_null(constant, parameters)
                if answer is not None:
                    found[constant] = answer == [True]
        return refute(prepared, bound, found) if found else bound

    def _ranges(self, constant: Refuted, grains: Samples, parameters: Mapping[str, TypedValue]) -> list[Value] | None:
        condition = dict(constant.forms).get(grains.grain.value)
        if condition is None:
            return None
        sql = f"list(i ORDER BY i) FILTER (NOT coalesce({condition}, FALSE))"
        return self._answer(condition, grains, f"(SELECT {sql} FROM ({grains.source}))", _used(constant, parameters))

    def _of_null(self, constant: Refuted, parameters: Mapping[str, TypedValue]) -> list[Value] | None:
        (_, condition), *_ = constant.forms
        sql = f'(SELECT [{condition}] FROM (SELECT CAST(NULL AS {constant.type}) AS "{LOW}"))'
        return self._answer(condition, None, sql, _used(constant, parameters))

    def _answer(
        self, condition: str, grains: Samples | None, sql: str, parameters: Mapping[str, TypedValue]
    ) -> list[Value] | None:
        """Evaluate a list, of numbers of grains if there are any, or take it from those that are kept."""
        values = tuple((name, typed.type, repr(typed.value)) for name, typed in parameters.items())
        key = (condition, grains, sql if grains is None else "", values)
        with self._lock:
            kept = self._kept.get(key)
        if kept is not None:
            return kept
        try:
            listed = self.evaluate([sql], parameters)[0]
        except QueryFailed:
            return None  # whether the query itself fails is for the query to say
        answer = listed if isinstance(listed, list) else []
        if grains is not None:
            answer = merged(grains, [number for number in answer if isinstance(number, int)])
        with self._lock:
            self._kept[key] = answer
        return answer


def _used(constant: Refuted, parameters: Mapping[str, TypedValue]) -> dict[str, TypedValue]:
    return {name: parameters[name] for name in constant.parameters if name in parameters}

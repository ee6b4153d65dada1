"""Asks the engine for which values of a column a condition is never TRUE, so that their partitions are left out.

The condition is not read here, but evaluated, on each grain of what the partitions can hold (``samples``). Where it is
TRUE for no value of a grain, a row with a value there is not in the answer. Nothing is said of other values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from cachetools import LRUCache

from gateway.errors import QueryFailed
from gateway.model import TypedValue, Value
from gateway.plan.analysis import Bound, Evaluate, PreparedQuery, Refuted, refute
from gateway.plan.analysis.leaves.among import member_list
from gateway.plan.analysis.ranges import LOW, WHOLE, Grain
from gateway.plan.given import given_key
from gateway.plan.samples import Samples, hours_of
from gateway.plan.together import Boxes
from gateway.predicate import Term

_KEPT = 1_000
_PAIRS = 1_000_000

SamplesOf = Callable[[int, tuple[Term, ...]], Sequence[Samples | Boxes]]
"""Returns the grains of a term of a scan, or the boxes of several, those first that are asked about if they can be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Question:
    """A condition on grains, or on NULL where there are none, with the values that it is evaluated with."""

    condition: str
    grains: Samples | Boxes | None
    sql: str
    parameters: Mapping[str, TypedValue]

    @property
    def key(self) -> Any:
        """What the answer depends on."""
        sql = self.sql if self.grains is None else ""
        return (self.condition, self.grains, sql, given_key(self.parameters))


@dataclass(frozen=True, slots=True, kw_only=True)
class Refuting:
    """Refutes conditions through an engine; thread-safe. What was answered is kept for the same grains and values."""

    evaluate: Evaluate
    _kept: LRUCache[Any, list[Value]] = field(default_factory=lambda: LRUCache(_KEPT))
    _lock: Lock = field(default_factory=Lock)

    def refute(
        self, prepared: PreparedQuery, bound: Bound, parameters: Mapping[str, TypedValue], samples_of: SamplesOf
    ) -> Bound:
        """Take in what the engine says of the conditions of a query, which it is asked about in one call."""
        asked: list[tuple[Refuted, _Question]] = []
        for scan, terms, slot in prepared.asked:
            constant = prepared.constants[slot]
            if isinstance(constant, Refuted):
                cuts = (each for each in samples_of(scan, terms) if each.type == constant.type)
                used = _used(constant, bound, parameters)
                questions = (_of_ranges(constant, each, used) for each in cuts if used is not None)
                question = next((each for each in questions if each is not None), None)
                asked += [(constant, question)] if question is not None else []
        for constant in prepared.constants if asked else ():
            if isinstance(constant, Refuted) and constant.of_null:
                used = _used(constant, bound, parameters)
                asked += [] if used is None else [(constant, _of_null(constant, used))]
        answers = self._answers([question for _, question in asked])
        found: dict[Refuted, Value] = {}
        for (constant, _), answer in zip(asked, answers, strict=True):
            if answer is not None:
                known = found.get(constant, [])
                found[constant] = answer == [True] if constant.of_null else [*_listed(known), *answer]
        return refute(prepared, bound, found) if found else bound

    def _answers(self, questions: Sequence[_Question]) -> list[list[Value] | None]:
        """Take answers from those that are kept, and ask for the others."""
        with self._lock:
            known = {question.key: self._kept.get(question.key) for question in questions}
        missing = {question.key: question for question in questions if known[question.key] is None}
        known.update(self._asked(missing))
        return [known[question.key] for question in questions]

    def _asked(self, missing: Mapping[Any, _Question]) -> dict[Any, list[Value] | None]:
        """Evaluate questions together; where one fails, each alone: whether the query fails is for the query to say."""
        if not missing:
            return {}
        parameters = {name: typed for question in missing.values() for name, typed in question.parameters.items()}
        try:
            listed = self.evaluate([question.sql for question in missing.values()], parameters)
        except QueryFailed:
            if len(missing) == 1:
                return dict.fromkeys(missing)
            return {key: self._asked({key: question})[key] for key, question in missing.items()}
        found = {key: _answer(question, value) for (key, question), value in zip(missing.items(), listed, strict=True)}
        with self._lock:
            self._kept.update(found)
        return dict(found)


def _of_ranges(constant: Refuted, grains: Samples | Boxes, parameters: Mapping[str, TypedValue]) -> _Question | None:
    forms = dict(constant.forms)
    condition = forms.get(grains.grain)
    if condition is None and isinstance(grains, Samples) and grains.grain is Grain.DAY and Grain.HOURS in forms:
        hours = hours_of(grains)
        condition, grains = (None, grains) if hours is None else (forms[Grain.HOURS], hours)
    if condition is None and grains.grain is Grain.PREFIX and Grain.VALUE in forms:
        condition = f'CASE WHEN "{WHOLE}" THEN {forms[Grain.VALUE]} ELSE TRUE END'
    if condition is None or _is_long(constant, condition, grains, parameters):
        return None
    listed = f"list(i ORDER BY i) FILTER (NOT coalesce({condition}, FALSE))"
    sql = f"(SELECT {listed} FROM ({grains.source}))"
    return _Question(condition=condition, grains=grains, sql=sql, parameters=parameters)


def _is_long(constant: Refuted, condition: str, grains: Samples | Boxes, parameters: Mapping[str, TypedValue]) -> bool:
    """Return whether each of very many grains would be compared with each member of a list."""
    members = None if constant.among is None else parameters[member_list(constant.among[0])].value
    pairs = len(members) * len(grains.ends) if isinstance(members, list) else 0
    return pairs > _PAIRS and condition.startswith("EXISTS")


def _of_null(constant: Refuted, parameters: Mapping[str, TypedValue]) -> _Question:
    (_, condition), *_ = constant.forms
    sql = f'(SELECT [{condition}] FROM (SELECT CAST(NULL AS {constant.type}) AS "{LOW}"))'
    return _Question(condition=condition, grains=None, sql=sql, parameters=parameters)


def _answer(question: _Question, value: Value) -> list[Value]:
    """Read a list: of numbers of grains, which become ranges, if there are any."""
    answer = _listed(value)
    if question.grains is None:
        return answer
    return question.grains.listed([number for number in answer if isinstance(number, int)])


def _listed(value: Value) -> list[Value]:
    return value if isinstance(value, list) else []


def _used(constant: Refuted, bound: Bound, parameters: Mapping[str, TypedValue]) -> dict[str, TypedValue] | None:
    """Return the values that a condition is evaluated with; None where one of them, or its list, is not known."""
    if not parameters.keys() >= set(constant.parameters):
        return None
    used = {name: parameters[name] for name in constant.parameters}
    if constant.among is None:
        return used
    slot, kind = constant.among
    members = bound.known[slot]
    return {**used, member_list(slot): TypedValue(value=members, type=kind)} if isinstance(members, list) else None

"""Unsound versions of the rules that select partitions and files, each made on purpose, and what puts one in force.

As a plugin of pytest (``-p mutants``) it applies the mutant that the environment names in ``GATEWAY_MUTANT``; see
``tests/property/mutants_of_selection.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from mutating import Mutant, put_in_force

from gateway.catalog import bounds, footers, layout, manifest
from gateway.catalog.transforms import calendar, hashing, tables, values
from gateway.catalog.transforms.base import Spans, WideSpans
from gateway.catalog.transforms.keys import HIGHEST
from gateway.plan import (
    axis,
    derived,
    dynamic,
    functions,
    index,
    project,
    ranks,
    reading,
    rewrite,
    select,
    states,
    statistics,
    together,
)
from gateway.plan.analysis import dimensions
from gateway.plan.states import Codes
from gateway.predicate import Operator

_PLANNING = (
    axis,
    calendar,
    derived,
    dynamic,
    footers,
    functions,
    index,
    layout,
    manifest,
    project,
    ranks,
    reading,
    rewrite,
    select,
)


def unit_ends_early(right: Any) -> Any:
    def wrong(numbers: Any, unit: str, kind: Any, zone: str) -> Spans:
        spans = right(numbers, unit, kind, zone)
        step = 86_400 * kind.per_second if kind.per_second else 1
        return Spans(spans.lo, np.where(spans.hi == HIGHEST, HIGHEST, np.maximum(spans.lo, spans.hi - step + 1)))

    return wrong


def outside_any_overlap(right: Any) -> Any:
    def wrong(self: Any, start: Any, end: Any) -> Codes:
        inside = states.as_mask(self.within(start, end), self.states.size)
        return Codes(0, self.states.size, states.as_mask(self.values(), self.states.size) & ~inside)

    return wrong


def every_prefix_is_a_text(right: Any) -> Any:
    def wrong(self: Any, texts: Any, source_type: str) -> Any:
        spans = right(self, texts, source_type)
        return WideSpans(spans.lo, spans.lo, np.ones(len(texts), np.bool_)) if isinstance(spans, WideSpans) else spans

    return wrong


def without_default(right: Any) -> Any:
    return lambda self, test, others: right(self, test, False)


def rounded_down(right: Any) -> Any:
    def wrong(source: Any, target: Any) -> Any:
        made = right(source, target)
        return None if made is None else functions._Mapping(made.low, made.low, made.period)

    return wrong


def without_period(right: Any) -> Any:
    def wrong(function: Any, argument: str) -> Any:
        made = right(function, argument)
        return None if made is None else functions._Mapping(made.low, made.high)

    return wrong


def lower_end_only(right: Any) -> Any:
    def wrong(function: Any, argument: str, lo: Any, hi: Any) -> Any:
        made = right(function, argument, lo, hi)
        return made._replace(hi=np.maximum(made.lo, made.hi - 1)) if made.texts is None else made

    return wrong


def as_enforced(right: Any) -> Any:
    def wrong(self: Any, field: Any, texts: Any, unknown: Any) -> Any:
        return replace(
            level := right(self, field, texts, unknown), field=level.field.model_copy(update={"enforced": True})
        )

    return wrong


def first_of_joint(right: Any) -> Any:
    def wrong(fields: Any, kind: Any) -> Any:
        spans, unused = right(fields, kind)
        return (None if spans is None else Spans(spans.lo, spans.lo)), unused

    return wrong


def forgets_the_last(right: Any) -> Any:
    return lambda choices, count: right(choices[:-1] or choices, count)


def last_of_any(right: Any) -> Any:
    return lambda choices: ([choice for choice in choices if choice is not None] or [None])[-1]


def at_most_as_less(right: Any) -> Any:
    def wrong(self: Any, operator: Operator, value: Any) -> bool:
        swapped = {Operator.LE: Operator.LT, Operator.GE: Operator.GT}.get(operator, operator)
        return bool(right(self, swapped, value))

    return wrong


def first_member(right: Any) -> Any:
    def wrong(self: Any, listed: Sequence[Any]) -> bool:
        return bool(right(self, listed[:1]))

    return wrong


def skips_the_first(right: Any) -> Any:
    def wrong(self: Any, start: Any, end: Any) -> Codes:
        codes = right(self, start, end)
        return codes if codes.mask is not None or codes.stop - codes.start < 2 else Codes(codes.start + 1, codes.stop)

    return wrong


def nothing_null(right: Any) -> Any:
    def wrong(self: Any, column: str, files: Any) -> Any:
        some, value = right(self, column, files)
        return np.zeros_like(some), value

    return wrong


def bounds_of_the_first(right: Any) -> Any:
    return lambda groups, leaf, factor: right(groups[:1], leaf, factor)


def all_levels(_: Any) -> Any:
    return lambda partitions: np.full(partitions.num_rows, -1)


def shifted(right: Any) -> Any:
    def wrong(self: Any, texts: Any, source_type: str) -> Any:
        spans = right(self, texts, source_type)
        return Spans(spans.lo + 1, np.minimum(spans.hi, HIGHEST - 1) + 1) if isinstance(spans, Spans) else spans

    return wrong


def only_the_least(right: Any) -> Any:
    def wrong(prepared: Any, bound: Any, found: Any) -> Any:
        return right(
            prepared, bound, {one: (listed and listed[:1], least, least) for one, (listed, least, _) in found.items()}
        )

    return wrong


def any_edge(right: Any) -> Any:
    def wrong(self: Any, facts: Any, wanted: Any) -> Any:
        edges = [fact for fact in facts if fact.edge is not None]
        equal = [replace(fact, edge=replace(fact.edge, operator=Operator.EQ)) for fact in edges]
        return right(self, [*(fact for fact in facts if fact.edge is None), *equal], wanted)

    return wrong


def found_at_once(right: Any) -> Any:
    return lambda self, value, read, rows: self._found(value, read)


def a_row_less(right: Any) -> Any:
    def wrong(ranked: Any, parameters: Any) -> Any:
        rows = right(ranked, parameters)
        return rows if rows is None or ranked.extreme else max(1, rows - 1)

    return wrong


def the_first_step(right: Any) -> Any:
    return lambda *of: [next(iter(right(*of)))]


def any_of_its_boxes(_: Any) -> Any:
    def wrong(self: Any, refuted: Any) -> Codes:
        gone = {tuple(map(tuple, box)) for box in refuted}
        kept = np.ones(self.states.size, dtype=np.bool_)
        for cuts in self.boxes:
            for state, numbers in enumerate(cuts.of_states):
                kept[state] &= not any(cuts.ends[number] in gone for number in numbers)
        return Codes(0, self.states.size, kept)

    return wrong


MUTANTS = [
    Mutant("NULL", "IS NULL keeps no partition", states.States, "nulls", lambda _: lambda _: states.NO_CODES),
    Mutant("NULL", "a lookup's default holds none", axis.Listing, "nulls", lambda _: lambda self: self.states.nulls()),
    Mutant("unknown partitions", "not kept", states.States, "spared", lambda _: lambda _, codes: codes),
    Mutant("unknown partitions", "read as if known", reading, "levels_in_path", all_levels),
    Mutant("calendar units", "end one day early", calendar, "unit_spans", unit_ends_early),
    Mutant(
        "calendar units",
        "zone taken for UTC",
        calendar,
        "unit_spans",
        lambda right: lambda numbers, unit, kind, _: right(numbers, unit, kind, "UTC"),
    ),
    Mutant("year, month, day together", "only their first moment", calendar, "joint_spans", first_of_joint),
    Mutant(
        "bucket",
        "one bucket further",
        hashing.Bucket,
        "codes_of",
        lambda right: lambda self, keys, kind: (right(self, keys, kind) + 1) % self.count,
    ),
    Mutant(
        "bucket",
        "numbers are hashed as their texts",
        hashing,
        "_hashed_bytes",
        lambda _: lambda key, kind: str(key).encode(),
    ),
    Mutant("bucket", "a sum is taken for its column", axis.Shifted, "_back", lambda _: lambda self, key: key),
    Mutant("bucket", "<> leaves its bucket out", axis.Image, "outside", outside_any_overlap),
    Mutant(
        "bucket",
        "a range has the codes of its ends",
        index,
        "_enumerator",
        lambda _: lambda *_: lambda start, end: None if start is None or end is None else [start],
    ),
    Mutant("<>, NOT IN", "leave out whatever they touch", axis.Interval, "outside", outside_any_overlap),
    Mutant("truncate", "a prefix is the whole text", values.Truncate, "spans", every_prefix_is_a_text),
    Mutant("truncate", "a number is one value", values, "_above", lambda _: lambda key, width: key + 1),
    Mutant("range", "a bound belongs to the range below it", tables.Range, "spans", shifted),
    Mutant("lookup", "its default holds nothing else", axis.Listing, "_where", without_default),
    Mutant("enforced: false", "not seen", index.Axes, "_level", as_enforced),
    Mutant("functions", "rounding casts round down only", functions, "_cast", rounded_down),
    Mutant("functions", "month() and the like keep order for ever", functions, "_mapping", without_period),
    Mutant("functions", "the end of an interval is left out", functions, "carry", lower_end_only),
    Mutant("columns together", "one box stands for its partition", together.Together, "outside", any_of_its_boxes),
    Mutant("columns together", "a lookup holds what is listed", axis.Listing, "is_default", lambda _: lambda *_: False),
    Mutant("OR", "only its last alternative", project, "_any", last_of_any),
    Mutant("OR", "the last alternative is lost in selection", select, "_united", forgets_the_last),
    Mutant("<=, >=", "taken for < and >", project.Restriction, "_compare", at_most_as_less),
    Mutant("IN", "only its first member", project.Restriction, "_include", first_member),
    Mutant(
        "IN",
        "one member is one state only",
        project.Restriction,
        "_allows",
        lambda _: lambda self, member: self._start is None and self._end is None,
    ),
    Mutant(
        "IS NULL",
        "contradicts every other filter",
        project,
        "_contradicted",
        lambda _: lambda check, _: not check.negated,
    ),
    Mutant("ranges", "the first state is left out", axis.Interval, "within", skips_the_first),
    Mutant(
        "wide keys",
        "a range begins behind its first key",
        axis.Landmarks,
        "first",
        lambda right: lambda self, key: right(self, key) + 1,
    ),
    Mutant("files", "none holds a NULL", statistics.Bounds, "nulls", nothing_null),
    Mutant("files", "the bounds of the first row group", bounds, "_joined", bounds_of_the_first),
    Mutant("folders", "the default partition is a text", layout, "HIVE_NULL", lambda _: "no such folder"),
    Mutant("folders", "those of the next file", rewrite, "NUMBER", lambda right: right.replace("+ 1", "+ 2")),
    Mutant("dimensions", "only their least key", dynamic, "learn", only_the_least),
    Mutant("order", "the first value that is found is the greatest", ranks._Search, "_of_all", found_at_once),
    Mutant("order", "a row too few", ranks, "_rows", a_row_less),
    Mutant("order", "the first partition has a row", ranks, "steps", the_first_step),
    Mutant("dimensions", "any comparison taken for an equality", dimensions.Dimensions, "_across", any_edge),
]


def pytest_configure() -> None:
    """Put the mutant in force whose number the environment names."""
    put_in_force(MUTANTS, _PLANNING)

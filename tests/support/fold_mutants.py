"""Unsound versions of the lines of the algebra and of the rules of a fold, and what puts one in force.

As a plugin of pytest (``-p fold_mutants``) it applies the mutant that the environment names in ``GATEWAY_MUTANT``; see
``tests/property/mutants_of_folds.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from mutating import Mutant, put_in_force
from sqlglot import exp

from gateway.execution import planning, work
from gateway.plan import axis, index
from gateway.plan.fold import (
    aggregates,
    aggregations,
    algebra,
    around,
    block,
    cuts,
    filters,
    fold,
    forms,
    holding,
    joined,
    keys,
    listed,
    narrow,
    order,
    parts,
    place,
    reach,
    split,
    under,
    windows,
)
from gateway.predicate import Operator

_MODULES = (
    *(
        aggregates,
        aggregations,
        algebra,
        around,
        block,
        cuts,
        filters,
        fold,
        forms,
        holding,
        joined,
        keys,
        listed,
        narrow,
        order,
        parts,
        place,
        reach,
        split,
    ),
    *(axis, index, planning, under, windows, work),
)


def of_any_buckets(_: Any) -> Any:
    def wrong(self: axis.Image, count: int) -> axis.Interval | None:
        numbers = np.asarray(self.numbers()) % count
        return None if self.buckets is None else axis.Interval(self.rows, self.states, axis.DIRECT, numbers, numbers)

    return wrong


def merged_as(merge: str) -> Callable[[Any], Any]:
    return lambda right: replace(right, merge=merge)


def lines() -> Iterator[Mutant]:
    """Break each line of the algebra: another aggregate merges its states."""
    wrong = {
        "min": "max({0})",
        "max": "min({0})",
        "bool_and": "bool_or({0})",
        "bool_or": "bool_and({0})",
        "bit_and": "bit_or({0})",
        "bit_or": "bit_and({0})",
        "bit_xor": "bit_or({0})",
        "count": "CAST(sum({0}) AS BIGINT)",
        "count_star": "count({0})",
        "count_if": "coalesce(sum({0}), 0)",
        "countif": "max({0})",
        "sum": "max({0})",
        "avg": "(CAST(max({0}) AS DOUBLE) / sum({1}))",
    }
    for name in algebra.ALGEBRA:
        yield Mutant("algebra", f"{name} merged by {wrong[name]}", algebra.ALGEBRA, name, merged_as(wrong[name]))
    plain = {name: f"{name}({{0}})" for name in ("min", "max")}
    for name, merge in plain.items():
        yield Mutant("algebra", f"{name} of any zero", algebra.FLOATS, name, merged_as(merge))
        yield Mutant("algebra", f"{name} of any zero over all rows", algebra.FLOATS, name, without_over_rows)
    for name in ("sum", "avg"):
        yield Mutant("algebra", f"{name} of digits without the middle", algebra.FLOATS, name, without_middle)
        yield Mutant("algebra", f"{name} of DOUBLE by itself over all rows", algebra.FLOATS, name, without_over_rows)
    yield Mutant("algebra", "avg by itself over all rows", algebra.ALGEBRA, "avg", without_over_rows)


def without_middle(right: Any) -> Any:
    return replace(right, merge=right.merge.replace("sum({1})", "max({1})"))


def without_over_rows(right: Any) -> Any:
    return replace(right, over_rows=None)


def column_first(_: Any) -> Any:
    return lambda block_, node, span: (node, span)


def in_windows(right: Any) -> Any:
    return lambda block_, node: replace(right(block_, node), at=None)


def inexact_windows(right: Any) -> Any:
    return lambda block_, node: replace(right(block_, node), arguments=None)


def without_sets(right: Any) -> Any:
    def wrong(block_: Any, grouping: Any) -> Any:
        return right(block_, replace(grouping, sets=()))

    return wrong


def unqualified(_: Any) -> Any:
    return lambda self, node, span: self.sql(span)


def without_grains(_: Any) -> Any:
    return lambda self, block_, name, filtered, found: cuts.Cut(
        span=found[0], finish=f"sum({self._kept(block_.sql(found[0]), algebra.ALGEBRA['sum'])})", whole=None
    )


def each_once(right: Any) -> Any:
    return lambda self, value, terms, count, where: right(self, value, terms, "1", where)


def unfiltered(right: Any) -> Any:
    return lambda self, value, terms, count, where: right(self, value, terms, count, "")


def one_state(right: Any) -> Any:
    def wrong(self: Any, sql: str, algebra_: Any) -> str:
        made: str = right(self, sql.partition(" FILTER")[0], algebra_)
        return made

    return wrong


def without_nulls(right: Any) -> Any:
    return lambda node: None if right(node) is None else []


def without_columns(right: Any) -> Any:
    def wrong(node: exp.Expr) -> Any:
        made = right(node)
        return None if made is None else [part for part in made if not isinstance(part, exp.Column)]

    return wrong


def also_failing(right: Any) -> Any:
    def wrong(self: Any, each: Any, index: Any) -> Any:
        made = right(self, each, index)
        return None if made is None else made | True

    return wrong


def nothing_failing(right: Any) -> Any:
    return lambda self, filters_: iter([()] * self.index.partitions)


def all_files_of_the_first(right: Any) -> Any:
    def wrong(self: Any, plan: Any, snapshots: Any, principal: Any) -> Any:
        made = right(self, plan, snapshots, principal)
        if isinstance(made, fold.Whole):
            return made
        *others, last = made.branches
        return replace(made, branches=(*others, replace(last, pieces=last.pieces[:-1])))

    return wrong


def any_side(right: Any) -> Any:
    def wrong(self: Any, tree: Any) -> bool:
        return any(leaf.source.scan == self.fact for leaf in joined._leaves(tree))

    return wrong


def unchecked_set(right: Any) -> Any:
    def wrong(self: Any, block_: Any) -> None:
        for arm in (block_.left, block_.right):
            self._check(arm)

    return wrong


def every_one(right: Any) -> Any:
    return lambda self, root: iter(self.aggregating.values())


def first_of_a_name(right: Any) -> Any:
    def wrong(self: Any, column: exp.Column) -> Any:
        return next((source for source in self.block.seen if source.has(column.name.lower())), None)

    return wrong


def none_beside(right: Any) -> Any:
    return lambda self, query, position, selected: [
        each if place == self.fact else each.without(each) for place, each in enumerate(selected)
    ]


def of_the_first(right: Any) -> Any:
    return lambda self, query, position, selected: right(self, query, 0, selected)


def greatest_alone(right: Any) -> Any:
    return lambda least, greatest: [] if greatest is None else [(Operator.GE, greatest)]


def null_is_last(right: Any) -> Any:
    def wrong(axis: Any, kind: str) -> Any:
        made = right(axis, kind)
        return [*made, *made[-1:]]

    return wrong


def first_of_several(right: Any) -> Any:
    def wrong(pieces: Any, fact: int) -> Any:
        return right(pieces, fact) | pieces[0].beside

    return wrong


def of_any_table(_: Any) -> Any:
    return lambda joined_, node: next((joined_.owner(column) for column in node.find_all(exp.Column)), joined_.source)


def nothing_beside(right: Any) -> Any:
    return lambda *given, beside=(), **named: right(*given, **named)


MUTANTS = [
    *lines(),
    Mutant("types", "keys that differ in bytes", forms, "SAME_BYTES", lambda right: right | {"DOUBLE", "FLOAT"}),
    Mutant("types", "floating-point numbers are not told", forms, "floats_of", lambda _: lambda *_: frozenset()),
    Mutant(
        "DISTINCT", "changes no aggregate", aggregates, "DISTINCT_IS_NOTHING", lambda right: right | {"avg", "bit_xor"}
    ),
    Mutant("lists", "of equal rows one", listed.Listed, "finish", each_once),
    Mutant("lists", "also of what FILTER leaves out", listed.Listed, "finish", unfiltered),
    Mutant("lists", "rows that tie are left open", listed.Listed, "whole", lambda _: lambda *_: None),
    Mutant("arg_min", "is arg_max", algebra, "EXTREMES", lambda right: dict.fromkeys(right, "max")),
    Mutant("DISTINCT", "counted by partition", aggregates.States, "_distinct", without_grains),
    Mutant("SELECT DISTINCT", "keeps no row", keys, "_of_distinct", lambda _: lambda _: ()),
    Mutant("volatile functions", "let through", block, "refuse_volatile", lambda _: lambda _: None),
    Mutant("states", "of different filters are one", aggregates.States, "_kept", one_state),
    Mutant("keys", "a place or an alias is an expression", keys, "_named", column_first),
    Mutant("names", "a result wins over a column", block.Block, "qualified", unqualified),
    Mutant("names", "results are called as they come", split, "_label", lambda _: lambda item: str(id(item))),
    Mutant("order", "ties are left open", order, "last_terms", lambda _: lambda *_: order.NO_TERMS),
    Mutant("order", "sets of keys are not told apart", order, "terms_of_keys", without_sets),
    Mutant("order", "ORDER BY ALL forgotten", order, "every_result", lambda _: lambda _, last: last),
    Mutant("windows", "ties are left open", windows, "ordering", in_windows),
    Mutant("windows", "over inexact sums", windows, "ordering", inexact_windows),
    Mutant("windows", "any frame", windows, "_OF_FRAMES", lambda right: dict.fromkeys(right, ("", "rows", "range"))),
    Mutant("joins", "that keep rows of others", joined.Joined, "_keeps", any_side),
    Mutant("joins", "of rows that change", joined, "check_steady", lambda _: lambda _: None),
    Mutant("joins", "a column of any table", joined.Joined, "owner", first_of_a_name),
    Mutant("joins", "a name in USING is of the left side of any", joined, "_LEADING", lambda right: {*right, "RIGHT"}),
    Mutant("joins", "with a part of a table", fold, "_reads_a_part", lambda _: lambda *_: None),
    Mutant("reach", "nothing of other tables", reach.Reach, "of", none_beside),
    Mutant("reach", "the first days of other tables", reach, "_compared", greatest_alone),
    Mutant("reach", "there are as many buckets of all columns", axis.Image, "of_buckets", of_any_buckets),
    Mutant("reach", "NULL is the last value", reach, "_ends_of_states", null_is_last),
    Mutant("reach", "no file lacks a column", index.Axes, "may_lack", lambda _: lambda *_: False),
    Mutant("reach", "is one for all partials of a text", reach.Reach, "of", of_the_first),
    Mutant("reach", "of several at once is that of the first", fold, "read_together", first_of_several),
    Mutant("keys", "without what is read beside", planning, "partial_key", nothing_beside),
    Mutant("below", "rows are chosen", place, "_check_kept", lambda _: lambda _: None),
    Mutant("below", "rows are read twice", place, "_check_once", lambda _: lambda *_: None),
    Mutant("below", "columns of a star are named", under, "_renames", lambda _: lambda _: False),
    Mutant("around", "ties are left open", around.Around, "_order", lambda _: lambda *_: None),
    Mutant("around", "rows are told apart by nothing", around.Around, "_rows", lambda _: lambda *_: iter("1")),
    Mutant("around", "any values", around.Around, "_require", lambda _: lambda *_: None),
    Mutant("around", "-0.0 is 0.0", around, "_terms", lambda _: lambda place_, sql, column: iter([place_])),
    Mutant("set operations", "ties are left open", around.Around, "_order_set", lambda _: lambda *_: None),
    Mutant("set operations", "any values are compared", around.Around, "_check_set", unchecked_set),
    Mutant("several aggregations", "the inner ones", aggregations._Walk, "outermost", every_one),
    Mutant(
        "several aggregations", "have one's partials", split, "partials", lambda _: lambda number: "__gateway_partials"
    ),
    Mutant("filters", "of tables hold of which there may be no row", filters, "_alone", of_any_table),
    Mutant("filters", "of other tables hold", fold._Beside, "failing", lambda _: lambda *_: set()),
    Mutant("filters", "NULL in no part", filters, "_parts", without_nulls),
    Mutant("filters", "NULL in no column", filters, "_parts", without_columns),
    Mutant("filters", "IS NULL is strict", filters, "_STRICT", lambda right: (*right, exp.Is, exp.Coalesce)),
    Mutant("strict projection", "all filters hold", holding.Holding, "_mask", also_failing),
    Mutant("strict projection", "no filter holds", holding.Holding, "without", nothing_failing),
    Mutant("strict projection", "NULL parameters hold", holding, "_has_null", lambda _: lambda _: False),
    Mutant("pieces", "the last is lost", fold.FoldPlanner, "fold", all_files_of_the_first),
    Mutant(
        "states", "are cut to a BIGINT", narrow, "_narrow", lambda _: lambda values: values.cast("int64", safe=False)
    ),
    Mutant("few partitions", "in the author's order", fold, "unfolded_of", lambda _: lambda query, form: query),
]


def pytest_configure() -> None:
    """Put the mutant in force whose number the environment names."""
    put_in_force(MUTANTS, _MODULES)

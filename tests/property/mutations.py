"""Break each rule of pruning once, on purpose, and see that the cases or the random queries notice.

    pytest tests/property/mutations.py

A check of the tests rather than of the gateway, and slow: its name keeps it out of the usual run. The cases are
asked first, then queries at random.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from restriction import Database, answers
from rules import PARAMETERS, opened, predicates, read_cases
from sqlglot import exp

from gateway.plan.analysis import (
    aggregation,
    barriers,
    build,
    closing,
    computed,
    conditional,
    conjuncts,
    deterministic,
    differences,
    dimensions,
    excluded,
    facts,
    fixed,
    guarantees,
    having,
    injective,
    joins,
    names,
    possible,
    prepared,
    ranges,
    ranked,
    sources,
    subqueries,
    terms,
    types,
    uncorrelated,
    walk,
    windowed,
)
from gateway.plan.analysis.facts import Fact
from gateway.plan.analysis.leaves import compiler, lists, nulls, rows
from gateway.plan.analysis.predicate_sql import term_sql
from gateway.plan.analysis.reasons import Reason
from gateway.predicate import FALSE, TRUE, And, Comparison, Operator, Or, Predicate, all_of, any_of
from queries import cases, created, fill, refused

# The package offers rules by the names of their modules.
predicate_sqls = import_module("gateway.plan.analysis.predicate_sql")
comparisons = import_module("gateway.plan.analysis.leaves.comparison")
prefixes = import_module("gateway.plan.analysis.leaves.prefix")
solved = import_module("gateway.plan.analysis.leaves.solved")
splits = import_module("gateway.plan.analysis.leaves.split")

RANDOM = 400


@dataclass(frozen=True, slots=True)
class Mutation:
    """``holder.name`` (or the entry *name* of a dict) becomes *wrong*."""

    rule: str
    done: str
    holder: Any
    name: str
    wrong: Any


def wrong_compile(self: compiler.Compiler, node: exp.Expr, negated: bool = False) -> Predicate:
    node = node.unnest()
    if isinstance(node, exp.And | exp.Or):
        joined = all_of if isinstance(node, exp.And) else any_of
        return joined(self.compile(node.left, negated), self.compile(node.right, negated))
    return right_compile(self, node, negated)


right_compile = compiler.Compiler.compile


def wrong_substitute(predicate: Predicate, change: Callable[..., Any]) -> Predicate:
    match predicate:
        case And(parts):
            return all_of(*(wrong_substitute(part, change) for part in parts))
        case Or(parts):
            return any_of(*(found for part in parts if (found := wrong_substitute(part, change)) != TRUE))
        case _:
            return right_substitute(predicate, change)


right_substitute = facts.substitute


def wrong_edges(node: exp.Expr, naming: Any) -> list[facts.Edge]:
    made = right_edges(node, naming)
    operator = comparisons.OPERATORS.get(type(node.unnest()))
    if made or operator is None:
        return made
    left, right = (terms.term(side, naming) for side in (node.unnest().this, node.unnest().expression))
    if isinstance(left, terms.Opaque) or isinstance(right, terms.Opaque) or left.functions or right.functions:
        return []
    return [facts.Edge(left, operator, right)]


right_edges = conjuncts.edges_of


def wrong_positive(node: exp.Expr) -> exp.Expr | None:
    return right_positive(node.this if isinstance(node, exp.Not) else node)


right_positive = subqueries.positive_subquery


def wrong_fold(self: build.Builder, block: Any, first: Any, listed: Sequence[exp.Join]) -> Any:
    tree = first
    for join in listed:
        kind = build._join_kind(join)
        tree = self._join(block, "INNER" if kind == "COMMA" else kind, tree, self._item(block, join.this), join)
    return tree


def wrong_null_check(found: Any, node: exp.Expr, negated: bool) -> Predicate | None:
    made = right_null_check(found, node, negated)
    tested = terms.term(node.this, found.naming) if isinstance(node, exp.Is) else None
    return FALSE if made == TRUE and isinstance(tested, terms.Term) and tested.functions else made


right_null_check = nulls.null_check
wrong_rules = tuple(wrong_null_check if rule is right_null_check else rule for rule in conjuncts.RULES)


def wrong_order(leaf: Comparison, *along: Any) -> Iterator[Predicate]:
    for copied in right_order(leaf, *along):
        if isinstance(copied, Comparison):
            yield replace(copied, operator=comparisons.NEGATED[copied.operator])


right_order = closing._ordered


def wrong_null_safe(found: Any, term_: Any, constant: exp.Expr, kinds: Sequence[str], same: bool) -> Predicate:
    operator = Operator.EQ if same else Operator.NE
    return compiler.Compiler.comparison(found, term_, operator, constant, kinds)


def wrong_ordered_row(*row: Any) -> Predicate:
    made = right_ordered_row(*row)
    return made.parts[0] if isinstance(made, Or) else made


right_ordered_row = rows.ordered_row


def wrong_key(block: Any, node: exp.Expr, alone: Any, within: Any) -> Any:
    return right_key(block, node, names.Aliases.AFTER, within)


right_key = barriers._key


def wrong_not_so(self: possible.Possible, node: exp.Expr, negated: bool) -> exp.Expr:
    return self._of(node, not negated)


def everything(_: str, *sides: list[facts.Fact]) -> list[facts.Fact]:
    return [fact for side in sides for fact in side]


def nothing(*_: Any) -> None:
    return None


def wrong_only(self: ranges.Ranges, node: exp.Expr) -> Any:
    return next((self.columns[ranges.name_of(column)] for column in node.find_all(exp.Column)), None)


def wrong_moved(side: Any, step: int) -> Any:
    return right_moved(side, step + 1)


right_moved = differences._moved


def wrong_piece(compiler: Any, term: Any, piece: str, passes_over_null: bool) -> Predicate:
    return right_piece(compiler, term, piece, False)


right_piece = splits._is


def wrong_of_row(condition: str, found: Sequence[Any]) -> str:
    return f"NOT ({right_of_row(condition, found)})"


right_of_row = predicate_sqls.of_row


def wrong_loose(self: dimensions.Dimensions, edge: Any, *about: Any) -> Iterator[facts.Fact]:
    for made in right_loose(self, edge, *about):
        yield replace(made, predicate=made.predicate.parts[0]) if isinstance(made.predicate, Or) else made


right_loose = dimensions.Dimensions._loose


MUTATIONS = [
    Mutation("joined by expressions", "that of no row is NULL", dimensions.Dimensions, "_loose", wrong_loose),
    Mutation("joined by expressions", "none has a value of two values", injective, "_is_injective", lambda *_: True),
    Mutation("dimensions", "a condition on their rows is turned round", predicate_sqls, "of_row", wrong_of_row),
    Mutation("LEFT JOIN", "treated as INNER", joins.RULES, "LEFT", joins.inner),
    Mutation("RIGHT JOIN", "treated as INNER", joins.RULES, "RIGHT", joins.inner),
    Mutation("FULL JOIN", "treated as INNER", joins.RULES, "FULL", joins.inner),
    Mutation("ANTI JOIN", "treated as SEMI", joins.RULES, "ANTI", joins.semi),
    Mutation("ASOF JOIN", "treated as INNER", joins.RULES, "ASOF", joins.inner),
    Mutation("POSITIONAL JOIN", "treated as INNER", joins.RULES, "POSITIONAL", joins.inner),
    Mutation("null rejection", "always assumed", joins, "rejects_null", lambda *_: True),
    Mutation("guarantees of a join", "also of its null-supplying side", joins, "guaranteed", everything),
    Mutation("comma", "binds as tightly as JOIN", build.Builder, "_fold", wrong_fold),
    Mutation("LIMIT", "let through", barriers.RULES, Reason.LIMIT, nothing),
    Mutation("DISTINCT ON", "let through", barriers.RULES, Reason.DISTINCT_ON, nothing),
    Mutation("windows", "let through", barriers.RULES, Reason.WINDOW, nothing),
    Mutation("GROUP BY", "let through", barriers.RULES, Reason.GROUP_BY, nothing),
    Mutation("aggregates", "may have no row", aggregation, "always_yields", lambda _: False),
    Mutation("grouping sets", "none is empty", aggregation, "has_sets", lambda _: False),
    Mutation("names", "aliases are not seen", names, "_given", lambda *_: []),
    Mutation("names", "columns win everywhere", barriers, "_key", wrong_key),
    Mutation("NOT IN, NOT EXISTS", "treated as IN and EXISTS", subqueries, "positive_subquery", wrong_positive),
    Mutation(
        "CTE", "only its first reference counts", facts, "either", lambda groups: list(groups[0]) if groups else []
    ),
    Mutation("recursive CTE", "treated as any other", build, "_is_recursive", lambda *_: False),
    Mutation("SAMPLE, PIVOT", "not seen", build, "_plain", lambda *_: True),
    Mutation("set operations", "types not compared", build, "united", lambda left, right: left),
    Mutation("NOT", "NOT (A AND B) as NOT A AND NOT B", compiler.Compiler, "compile", wrong_compile),
    Mutation("NOT", "leaves not negated", comparisons, "NEGATED", {one: one for one in Operator}),
    Mutation("OR", "what is foreign counts as FALSE", facts, "substitute", wrong_substitute),
    Mutation("equality", "copied across types", conjuncts, "edges_of", wrong_edges),
    Mutation("order", "bounds turned round", closing, "_ordered", wrong_order),
    Mutation("order", "copied through month() and texts", closing, "keep_order", lambda _: True),
    Mutation("DATE beside TIMESTAMP", "compared as DATE", types._RULES, "DATE", lambda *_: types.Resolved("DATE")),
    Mutation("IS NULL", "of a function as never", conjuncts, "RULES", wrong_rules),
    Mutation("IS DISTINCT FROM", "NULL forgotten", nulls, "null_safe", wrong_null_safe),
    Mutation("row values", "NULL forgotten", rows, "null_safe", wrong_null_safe),
    Mutation("row values", "ordered without NULL", rows, "ordered_row", wrong_ordered_row),
    Mutation("NOT IN a set", "as NOT IN a list", lists, "_is_contained", lambda _: True),
    Mutation("NOT LIKE", "of any pattern", prefixes, "like_prefix", lambda pattern, escape="": pattern.strip("%_")),
    Mutation("date_trunc <>", "NULL not kept", compiler, "keeping_null", lambda leaf, unequal: leaf),
    Mutation("refuted", "NULL satisfies nothing", deterministic, "is_strict", lambda _: True),
    Mutation("refuted", "all is the same within a grain", ranges.Ranges, "is_fixed", lambda *_: True),
    Mutation("refuted", "every INTERVAL is whole days", ranges.Ranges, "_is_whole_days", lambda *_: True),
    Mutation("refuted", "every function keeps order", ranges.Ranges, "_direction", lambda *_: 1),
    Mutation("refuted", "months are of fixed length", ranges, "_is_fixed_length", lambda _: True),
    Mutation("refuted", "an earlier branch is never reached", possible.Possible, "_not_so", wrong_not_so),
    Mutation("refuted", "single values beside a range move it", ranges.Ranges, "only", wrong_only),
    Mutation("joined by expressions", "NULL makes NULL", computed, "is_strict", lambda _: True),
    Mutation("differences", "one more", differences, "_moved", wrong_moved),
    Mutation("texts put together", "of NULL nothing", solved, "_same", lambda *_: FALSE),
    Mutation("texts put together", "of NULL nothing, of several", splits, "_is", wrong_piece),
    Mutation("optional filters", "an absent parameter asks for nothing", prepared, "TRUE", FALSE),
]


def wrong_marks(tree: Any, certain: bool) -> None:
    for source in tree.sources():
        source.certain = True


def wrong_rows(block: Any, kind: fixed.Kind) -> Any:
    if isinstance(block, sources.SetBlock) and block.left.rows is not None:
        return block.left.rows
    return right_rows(block, kind)


right_rows = fixed.of_block


def wrong_alternatives(node: exp.Expr, naming: Any, kind: fixed.Kind) -> list[exp.Expr]:
    return right_alternatives(node, naming, kind)[:1]


right_alternatives = fixed.alternatives


def wrong_among(self: guarantees.Guarantees, rows: Any, terms: Any) -> list[facts.Fact]:
    made = right_among(self, rows, terms)
    return [replace(one, predicate=one.predicate.parts[0]) if isinstance(one.predicate, Or) else one for one in made]


right_among = guarantees.Guarantees._among


def wrong_top(self: ranked.Ranking, block: Any) -> Any:
    made = right_top(self, block)
    return made.parts[0] if isinstance(made, Or) else made


right_top = ranked.Ranking._top


def wrong_last(self: ranked.Ranking, block: Any) -> Any:
    tree = block.tree
    inner = tree.source.block if isinstance(tree, sources.Leaf) else None
    calls = list(block.node.find_all(exp.Min)) if isinstance(inner, sources.SelectBlock) else []
    last = self._last(inner) if calls and isinstance(inner, sources.SelectBlock) else None
    return {id(calls[0]): last} if last is not None else {}


def wrong_counted(node: exp.Expr, block: Any, scan: Any) -> Any:
    found = right_counted(node, block, scan)
    return None if found is None else replace(found, nulls_first=False)


right_counted = windowed._counted


def wrong_asked(call: exp.Expr, asked: Any, naming: Any, constants: Any) -> Any:
    found = right_asked(call, asked, naming, constants)
    return conditional.Looked(call.this, node=call) if found is None and isinstance(call, exp.LogicalOr) else found


def wrong_not_among(self: Any, tested: exp.Expr, values: exp.Expr | None, naming: Any, node: exp.Expr) -> list[Fact]:
    made = right_not_among(self, tested, values, naming, node)
    return [replace(fact, predicate=_without_null(fact.predicate)) for fact in made]


def _without_null(predicate: Predicate) -> Predicate:
    return predicate.parts[-1] if isinstance(predicate, Or) else predicate


right_not_among = excluded.Excluded._not_among


def wrong_select(self: walk.Walk, block: Any, required: Sequence[Fact], outer: Sequence[Fact]) -> None:
    right_select(self, block, required, [*outer, *self.excluded.where(block)])


right_select = walk.Walk._select


def wrong_values(self: uncorrelated.Subqueries, block: Any, index: int, kind: str) -> exp.Expr | None:
    closed, block.closed = block.closed, None
    try:
        return right_values(self, block, index, kind)
    finally:
        block.closed = closed


right_values = uncorrelated.Subqueries.values
right_asked = conditional._asked_for


def wrong_case(node: exp.Expr, call: exp.Expr, naming: Any) -> Any:
    return right_case(node, exp.Sum(this=call.this), naming)


right_case = conditional._case
MUTATIONS += [
    Mutation("order", "NULL never comes first", ranked.Ranking, "_top", wrong_top),
    Mutation("order", "windows do not look at other rows", ranked, "_SEVERAL", (exp.Explode,)),
    Mutation(
        "order",
        "arg_max looks at rows without a value",
        ranked.Ranking,
        "_where_given",
        lambda self, source, given, by: term_sql(self.named(source, by), source.name),
    ),
    Mutation("order", "the least of no rows is one of them", ranked.Ranking, "_last_of_first", wrong_last),
    Mutation("windows", "any number of rows is asked for", windowed, "_AT_MOST", tuple(Operator)),
    Mutation("windows", "a GROUP BY looks at no other rows", windowed, "_CLAUSES", ()),
    Mutation("windows", "NULL never comes first", windowed, "_counted", wrong_counted),
    Mutation("order", "LIMIT takes rows, not groups", ranked, "_CLAUSES", ("sample",)),
    Mutation(
        "order", "other aggregates look at no row", ranked, "is_aggregate", lambda node: isinstance(node, exp.Max)
    ),
    Mutation(
        "aggregates", "the sum of no row is 0", conditional.Conditional, "_nothing_left", lambda self, block: FALSE
    ),
    Mutation("aggregates", "zeros change no average", conditional, "_case", wrong_case),
    Mutation(
        "aggregates", "list passes over NULL", conditional, "_PASSING_NULL", (exp.ArrayAgg, *conditional._PASSING_NULL)
    ),
    Mutation("HAVING", "no group of no rows passes", having.Compared, "passes", lambda *_: FALSE),
    Mutation("HAVING", "any comparison of a greatest value bounds rows", having, "_BELOW", tuple(Operator)),
    Mutation("HAVING", "a LIMIT takes the groups that are asked for", having, "_BETWEEN", ()),
    Mutation("HAVING", "bool_or looks at its rows wherever it stands", conditional, "_asked_for", wrong_asked),
    Mutation("HAVING", "an empty grouping set has rows", conditional, "has_sets", lambda _: False),
    Mutation("no match", "NULL matches", excluded.Excluded, "_not_among", wrong_not_among),
    Mutation("no match", "whatever is asked of a match, there is one", excluded, "_filtered", lambda query, _: query),
    Mutation("no match", "a LEFT JOIN leaves out its matches", excluded, "_is_null", lambda *_: True),
    Mutation("no match", "other conditions may know of it", walk.Walk, "_select", wrong_select),
    Mutation("subqueries", "LIMIT takes all rows", uncorrelated.Subqueries, "values", wrong_values),
    Mutation("rows of constants", "there is always one", fixed, "is_single", lambda block, rows: rows is not None),
    Mutation("rows of constants", "an outer join keeps them", sources, "mark_certain", wrong_marks),
    Mutation("rows of constants", "UNION has the rows of its left arm", fixed, "of_block", wrong_rows),
    Mutation("rows of constants", "the first row stands for all", fixed, "alternatives", wrong_alternatives),
    Mutation("rows of constants", "a key of ROLLUP is never NULL", fixed, "has_sets", lambda block: False),
    Mutation("rows of constants", "a parameter in them is not NULL", guarantees.Guarantees, "_among", wrong_among),
]


@contextmanager
def applied(mutation: Mutation) -> Iterator[None]:
    """Break the rule wherever the gateway's modules know it by name."""
    if isinstance(mutation.holder, dict):
        right = mutation.holder[mutation.name]
        mutation.holder[mutation.name] = mutation.wrong
        try:
            yield
        finally:
            mutation.holder[mutation.name] = right
        return
    right = getattr(mutation.holder, mutation.name)
    holders = [mutation.holder]
    if callable(right) and not isinstance(mutation.holder, type):
        modules = [module for name, module in sys.modules.items() if name.startswith("gateway.plan.analysis")]
        holders = [module for module in modules if vars(module).get(mutation.name) is right]
    for holder in holders:
        setattr(holder, mutation.name, mutation.wrong)
    try:
        yield
    finally:
        for holder in holders:
            setattr(holder, mutation.name, right)


def noticed_by_a_text(database: Database) -> str | None:
    for case in read_cases():
        prepared = database.prepare(case.sql, {name: values[0] for name, values in PARAMETERS.items()})
        if case.scans != predicates(prepared):
            return f"predicate of case {case.name}"
    return None


def noticed_by_an_answer(database: Database) -> str | None:
    for case in read_cases():
        for choice in (0, 1):
            parameters = {name: values[choice] for name, values in PARAMETERS.items()}
            whole, *restricted = answers(database, case.sql, parameters)
            if any(one != whole for one in restricted):
                return f"answer of case {case.name}"
    return None


def noticed_at_random(database: Database) -> str | None:
    seen = 0

    @settings(
        max_examples=RANDOM,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases())
    def check(case: Any) -> None:
        nonlocal seen
        seen += 1
        fill(database, case)
        if refused(database, case) is None:
            whole, *restricted = answers(database, case.sql, case.parameters)
            assert all(one == whole for one in restricted)

    try:
        check()
    except AssertionError:
        return f"random query {seen}"
    return None


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda one: f"{one.rule}, {one.done}")
def test_a_broken_rule_is_noticed(mutation: Mutation) -> None:
    with opened() as database, duckdb.connect(config={"threads": 1}) as connection, applied(mutation):
        found = noticed_by_an_answer(database) or noticed_by_a_text(database) or noticed_at_random(created(connection))
    assert found is not None
    print(f"{mutation.rule}, {mutation.done}: {found}")

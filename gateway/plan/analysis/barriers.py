"""Constructs of a SELECT that a filter from outside may not pass: LIMIT, DISTINCT ON, windows, GROUP BY.

Filtering before the construct would change what it computes, except on certain terms, such as the keys of a grouping.
A rule returns the test for those terms, or None if the SELECT does not have the construct.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from sqlglot import exp

from gateway.plan.analysis.aggregation import always_yields, is_aggregating, own
from gateway.plan.analysis.computed import others_in
from gateway.plan.analysis.names import Aliases
from gateway.plan.analysis.reasons import Reason
from gateway.plan.analysis.sources import SelectBlock
from gateway.plan.analysis.terms import Naming, Opaque, term
from gateway.predicate import Term

Passes = Callable[[Term], bool]
Rule = Callable[[SelectBlock], Passes | None]


def _nothing(_: Term) -> bool:
    return False


def limit(block: SelectBlock) -> Passes | None:
    """LIMIT, OFFSET and FETCH choose among all rows."""
    return _nothing if block.node.args.get("limit") or block.node.args.get("offset") else None


def distinct_on(block: SelectBlock) -> Passes | None:
    """DISTINCT ON keeps one row of each key: only whole keys may go."""
    distinct = block.node.args.get("distinct")
    keys = distinct.args.get("on") if distinct is not None else None
    if keys is None:
        return None
    listed = keys.expressions if isinstance(keys, exp.Tuple) else [keys]
    return _among([_key(block, key, Aliases.FIRST, Aliases.AFTER) for key in listed])


def window(block: SelectBlock) -> Passes | None:
    """A window function sees its whole partition: only whole partitions of every window may go."""
    naming = Naming(block=block)
    tests = [_among([term(key, naming) for key in keys]) for keys in _partitions(block.node)]
    return (lambda found: all(test(found) for test in tests)) if tests else None


def grouping(block: SelectBlock) -> Passes | None:
    """An aggregate sees its whole group; without GROUP BY there is one row whatever is filtered."""
    group = block.node.args.get("group")
    if group is None:
        return _nothing if always_yields(block) else None
    if group.args.get("all"):
        items = enumerate(block.node.expressions)
        return _among([_item(block, position) for position, item in items if not is_aggregating(item)])
    known = all(key == "expressions" or not value for key, value in group.args.items())
    plain = [key for key in group.expressions if not isinstance(key, exp.Rollup | exp.Cube | exp.GroupingSets)]
    # Under ROLLUP, CUBE and GROUPING SETS the plain keys are in every grouping set, the others are not.
    keys = [_key(block, key, Aliases.AFTER, Aliases.UNSEEN) for key in plain]
    return _among(keys) if known and plain else _nothing


def _key(block: SelectBlock, node: exp.Expr, alone: Aliases, within: Aliases) -> Term | Opaque:
    """Read a key of GROUP BY or DISTINCT ON: a position in the SELECT list, a name *alone*, or an expression."""
    if isinstance(node, exp.Literal) and not node.is_string and node.name.isdigit():
        items = block.node.expressions
        position = int(node.name) - 1
        stars = any(item.is_star for item in items)
        return _item(block, position) if 0 <= position < len(items) and not stars else Opaque("position")
    return term(node, Naming(block=block, aliases=alone if isinstance(node, exp.Column) else within))


def _item(block: SelectBlock, position: int) -> Term | Opaque:
    return term(block.node.expressions[position].unalias(), Naming(block=block, before=position))


def _among(keys: Sequence[Term | Opaque]) -> Passes:
    """Return the test of terms that are one of *keys*, or a function of one."""
    terms = [key for key in keys if isinstance(key, Term)]

    def passes(tested: Term) -> bool:
        return not others_in(tested) and any(
            tested.column == key.column and tested.functions[: len(key.functions)] == key.functions for key in terms
        )

    return passes


def _partitions(node: exp.Select) -> Iterator[list[exp.Expr]]:
    """Walk the PARTITION BY lists of all windows of a SELECT, not of its subqueries."""
    named = {item.this.name.lower(): item for item in node.args.get("windows") or ()}
    for found in own(node, exp.Window):
        if any(found is item for item in named.values()):
            continue
        yield _partition(found, named)


def _partition(found: exp.Expr, named: dict[str, exp.Expr]) -> list[exp.Expr]:
    own: list[exp.Expr] = found.args.get("partition_by") or []
    base = named.get(found.alias.lower()) if found.args.get("alias") else None
    return own if own or base is None else _partition(base, {})


RULES: dict[Reason, Rule] = {
    Reason.LIMIT: limit,
    Reason.DISTINCT_ON: distinct_on,
    Reason.WINDOW: window,
    Reason.GROUP_BY: grouping,
}
"""From the outside inwards, by the reason that is given for a filter that does not pass."""

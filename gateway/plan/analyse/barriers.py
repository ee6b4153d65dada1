"""What stands in a SELECT between its rows and what is known of them from outside.

Each rule says which terms of the rows may be filtered before its construct: a filter on others would change what
the construct computes. A rule answers None where its construct is absent, else a test of terms.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sqlglot import exp

from gateway.plan.analyse.sources import SelectBlock
from gateway.plan.analyse.terms import Naming, term
from gateway.predicate import Term

_NAMES = """
    any_value approx_count_distinct approx_quantile approx_top_k arbitrary arg_max arg_max_null
    arg_max_nulls_last arg_min arg_min_null arg_min_nulls_last argmax argmin array_agg avg bit_and bit_or
    bit_xor bitstring_agg bool_and bool_or corr count count_if count_star countif covar_pop covar_samp entropy
    favg first fsum geomean geometric_mean group_concat histogram histogram_exact json_group_array
    json_group_object json_group_structure kahan_sum kurtosis kurtosis_pop last list listagg mad max max_by
    mean median min min_by mode product quantile quantile_cont quantile_disc regr_avgx regr_avgy regr_count
    regr_intercept regr_r2 regr_slope regr_sxx regr_sxy regr_syy reservoir_quantile sem skewness stddev
    stddev_pop stddev_samp string_agg sum sum_no_overflow sumkahan var_pop var_samp variance weighted_avg
"""
AGGREGATES = frozenset(_NAMES.split())
"""DuckDB's aggregate functions, its aggregate macros included."""
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
    return _among(block, keys.expressions if isinstance(keys, exp.Tuple) else [keys])


def window(block: SelectBlock) -> Passes | None:
    """A window function sees its whole partition: only whole partitions of every window may go."""
    tests = [_among(block, keys) for keys in _partitions(block.node)]
    return (lambda found: all(test(found) for test in tests)) if tests else None


def grouping(block: SelectBlock) -> Passes | None:
    """An aggregate sees its whole group; without GROUP BY there is one row whatever is filtered."""
    group = block.node.args.get("group")
    if group is None:
        return _nothing if is_aggregating(block.node) or block.node.args.get("having") else None
    if group.args.get("all"):
        keys = [item.unalias() for item in block.node.expressions if not is_aggregating(item)]
        return _among(block, keys)
    known = all(key == "expressions" or not value for key, value in group.args.items())
    plain = [key for key in group.expressions if not isinstance(key, exp.Rollup | exp.Cube | exp.GroupingSets)]
    # Under ROLLUP, CUBE and GROUPING SETS the plain keys are in every grouping set, the others are not.
    return _among(block, [_key(block, key) for key in plain]) if known and plain else _nothing


def _key(block: SelectBlock, node: exp.Expr) -> exp.Expr:
    """Follow a group key that is a position in the SELECT list."""
    if isinstance(node, exp.Literal) and not node.is_string and node.name.isdigit():
        items = block.node.expressions
        position = int(node.name) - 1
        stars = any(item.is_star for item in items)
        return items[position].unalias() if 0 <= position < len(items) and not stars else node
    return node


def _among(block: SelectBlock, keys: list[exp.Expr]) -> Passes:
    """Return the test of terms that are one of *keys*, or a function of one."""
    naming = Naming(block=block)
    found = [term(_key(block, key), naming) for key in keys]
    terms = [one for one in found if isinstance(one, Term)]

    def passes(tested: Term) -> bool:
        return any(
            tested.column == key.column and tested.functions[: len(key.functions)] == key.functions for key in terms
        )

    return passes


def _partitions(node: exp.Select) -> Iterator[list[exp.Expr]]:
    """Walk the PARTITION BY lists of all windows of a SELECT, not of its subqueries."""
    named = {item.this.name.lower(): item for item in node.args.get("windows") or ()}
    for found in _own(node, exp.Window):
        if any(found is item for item in named.values()):
            continue
        yield _partition(found, named)


def _partition(found: exp.Expr, named: dict[str, exp.Expr]) -> list[exp.Expr]:
    own: list[exp.Expr] = found.args.get("partition_by") or []
    base = named.get(found.alias.lower()) if found.args.get("alias") else None
    return own if own or base is None else _partition(base, {})


def is_aggregating(node: exp.Expr) -> bool:
    """Say whether aggregate functions stand in a SELECT list, HAVING, QUALIFY or ORDER BY, or may stand there."""
    return any(_is_aggregate(found) for found in _own(node, exp.Func, exp.Columns))


def _is_aggregate(node: exp.Expr) -> bool:
    if isinstance(node.parent, exp.Window) and node.arg_key == "this":
        return False
    if isinstance(node, exp.AggFunc | exp.Columns):
        return True
    if isinstance(node, exp.Anonymous):
        return node.name.lower() in AGGREGATES
    return isinstance(node, exp.Func) and node.sql_name().lower() in AGGREGATES


def _own(node: exp.Expr, *kinds: type[exp.Expr]) -> Iterator[exp.Expr]:
    """Walk the nodes of some kinds in the expressions of a SELECT, not in its sources or subqueries."""
    if isinstance(node, exp.Select):
        roots = [*node.expressions, *(node.args.get("windows") or ())]
        roots += [node.args[key] for key in ("having", "qualify", "order", "distinct") if node.args.get(key)]
    else:
        roots = [node]
    while roots:
        here = roots.pop()
        if isinstance(here, kinds):
            yield here
        roots += [child for child in here.iter_expressions() if not isinstance(child, exp.Query)]


RULES: dict[str, Rule] = {
    "blocked by LIMIT": limit,
    "blocked by DISTINCT ON": distinct_on,
    "blocked by a window": window,
    "blocked by GROUP BY": grouping,
}
"""From the outside inwards, by the reason that is given for a filter that does not pass."""

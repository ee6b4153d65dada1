"""Finds the blocks that aggregate, and those that return a row even if no row passes their WHERE.

DuckDB evaluates an aggregate whose columns are all of an outer block in that block: ``(SELECT sum(o.x))`` in the
SELECT list of a query over ``o`` makes one row of it.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from gateway.plan.analysis.sources import Block, OpaqueBlock, SelectBlock, SetBlock, folded

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
_SETS = (exp.Rollup, exp.Cube, exp.GroupingSets)
_CLAUSES = ("having", "qualify", "order", "distinct")


def always_yields(block: SelectBlock) -> bool:
    """Return whether a block may give a row even where no row passes its WHERE.

    It does if it aggregates without GROUP BY, or if a grouping set may be empty: ``GROUP BY ()``, ROLLUP, CUBE,
    GROUPING SETS, and GROUP BY ALL over aggregates and constants. What its rows satisfy says nothing of that row.
    """
    group = block.node.args.get("group")
    if group is None:
        return bool(block.node.args.get("having")) or is_aggregating(block.node) or _aggregates_below(block)
    if group.args.get("all"):
        return not any(is_key(block, item) for item in block.node.expressions)
    keys = [key.unnest() for key in group.expressions]
    return not keys or has_sets(block) or any(isinstance(key, exp.Tuple) and not key.expressions for key in keys)


def has_sets(block: SelectBlock) -> bool:
    """Return whether a block groups by several sets of keys, so that a key may be NULL in a row that it gives."""
    group = block.node.args.get("group")
    if group is None:
        return False
    others = any(value for key, value in group.args.items() if key not in ("expressions", "all"))
    return others or group.find(*_SETS) is not None


def is_key(block: SelectBlock, item: exp.Expr) -> bool:
    """Return whether GROUP BY ALL certainly groups by an item of the SELECT list: a column of the block is in it."""
    if is_aggregating(item):
        return False
    aliases = {folded(other.alias) for other in block.node.expressions if isinstance(other, exp.Alias)}
    columns = [column for column in own(item, exp.Column) if isinstance(column, exp.Column)]
    named = [column for column in columns if column.table or folded(column.name) not in aliases]
    return any(_is_among(column, block) for column in named)


def is_aggregating(node: exp.Expr) -> bool:
    """Return whether aggregate functions stand in a SELECT list, HAVING, QUALIFY or ORDER BY, or may stand there."""
    return any(is_aggregate(found) for found in own(node, exp.Func, exp.Columns))


def is_aggregate(node: exp.Expr) -> bool:
    if isinstance(node.parent, exp.Window) and node.arg_key == "this":
        return False
    if isinstance(node, exp.AggFunc | exp.Columns):
        return True
    if isinstance(node, exp.Anonymous):
        return node.name.lower() in AGGREGATES
    return isinstance(node, exp.Func) and node.sql_name().lower() in AGGREGATES


def is_extreme(node: exp.Expr) -> bool:
    """Return whether a call is ``max(x)`` or ``min(x)``, and no more."""
    plain = isinstance(node, exp.Max | exp.Min) and node.this is not None
    return plain and not any(value for key, value in node.args.items() if key != "this")


def own(node: exp.Expr, *kinds: type[exp.Expr]) -> Iterator[exp.Expr]:
    """Walk the nodes of some kinds in the expressions of a SELECT, not in its sources or subqueries."""
    if isinstance(node, exp.Select):
        roots = [*node.expressions, *(node.args.get("windows") or ())]
        roots += [node.args[key] for key in _CLAUSES if node.args.get(key)]
    else:
        roots = [node]
    while roots:
        here = roots.pop()
        if isinstance(here, kinds):
            yield here
        roots += [child for child in here.iter_expressions() if not isinstance(child, exp.Query)]


def _aggregates_below(block: SelectBlock) -> bool:
    """Return whether an aggregate in a subquery may be this block's: no column of it is known to be of the subquery."""
    below = [child.block for child in block.children.values() if child.clause in ("select", *_CLAUSES)]
    return any(_is_foreign(found, inner, block) for inner in _selects(below) for found in _calls(inner))


def _calls(block: SelectBlock) -> Iterator[exp.Expr]:
    where = block.node.args.get("where")
    yield from (found for root in (block.node, where) if root is not None for found in own(root, exp.Func))


def _is_foreign(found: exp.Expr, inner: SelectBlock, block: SelectBlock) -> bool:
    columns = [*found.find_all(exp.Column)]
    return bool(columns) and is_aggregate(found) and not any(_is_of(column, inner, block) for column in columns)


def _is_of(column: exp.Column, inner: SelectBlock, block: SelectBlock) -> bool:
    """Return whether a name certainly means a column of *inner* or of a block between it and *block*."""
    here: SelectBlock | None = inner
    while here is not None and here is not block:
        if _is_among(column, here):
            return True
        here = here.outer
    return False


def _is_among(column: exp.Column, block: SelectBlock) -> bool:
    """Return whether a block certainly has a column of that name."""
    known = [source for source in block.sources if source.columns is not None]
    if column.table:
        return any(source.name == folded(column.table) for source in known)
    return any(name == folded(column.name) for source in known for name, _ in source.columns or ())


def _selects(blocks: list[Block]) -> Iterator[SelectBlock]:
    """Walk the SELECTs of some blocks and of all blocks inside them."""
    pending = list(blocks)
    while pending:
        block = pending.pop()
        pending += [cte.block for cte in block.ctes if cte.block is not None]
        if isinstance(block, SetBlock):
            pending += [block.left, block.right]
        elif isinstance(block, OpaqueBlock):
            pending += block.inner
        else:
            yield block
            pending += [child.block for child in block.children.values()]
            pending += [source.block for source in block.sources if source.block is not None]

"""The output columns of a query, as far as they are known."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from gateway.plan.analysis.aggregation import is_extreme
from gateway.plan.analysis.computed import Kind, computed
from gateway.plan.analysis.sources import GENERATED, Leaf, Output, SelectBlock, Source, Tree, folded
from gateway.plan.analysis.terms import Naming, Opaque, term
from gateway.plan.analysis.types import canonical
from gateway.predicate import Term

_UNNAMED: tuple[type[exp.Expr], ...] = (
    *(exp.Binary, exp.Unary, exp.Window, exp.Literal, exp.Boolean),
    *(exp.Between, exp.In, exp.Interval, exp.Subquery),
)
"""Expressions that DuckDB names a column after by a text that is no plain name; so are calls with arguments."""


def outputs_of(block: SelectBlock, kind: Kind) -> tuple[Output, ...] | None:
    """Return the output columns of a SELECT; None if their number is not known. *kind* tells the types of constants."""
    made: list[Output] = []
    for position, item in enumerate(block.node.expressions):
        expanded = _expanded(block, item, position, kind)
        if expanded is None:
            return None
        made += expanded
    return tuple(made)


def _expanded(block: SelectBlock, item: exp.Expr, position: int, kind: Kind) -> list[Output] | None:
    if isinstance(item, exp.Star):
        return _star(block, item, None)
    if isinstance(item, exp.Column) and isinstance(item.this, exp.Star):
        return _star(block, item.this, folded(item.table))
    spreads = isinstance(item.unalias(), exp.Explode) and id(item.unalias()) not in block.unnested
    if item.find(exp.Columns) or spreads or _is_filtered(item):
        return None  # as many columns as a pattern matches, or as a struct has fields
    return [_output(block, item, position, kind)]


def _is_filtered(item: exp.Expr) -> bool:
    """Return whether an item is ``* LIKE 'pattern'`` or the like, at any depth."""
    stars = (star for star in item.find_all(exp.Star))
    return any(isinstance(star.parent, exp.Binary | exp.Unary | exp.Column | exp.Escape) for star in stars)


def _star(block: SelectBlock, star: exp.Star, qualifier: str | None) -> list[Output] | None:
    if any(star.args.get(key) for key in ("except_", "except", "replace", "rename")):
        return _edited_star(block, star, qualifier)
    named = [source for source in block.seen if qualifier in (None, source.name)]
    if not named or any(source.columns is None for source in named) or (qualifier and len(named) != 1):
        return None
    if block.murky and qualifier is None:
        return None
    if qualifier is None and block.tree is not None:
        return list(_columns(block, block.tree))
    return [_of_source(source, index) for source in named for index in range(len(source.columns or ()))]


def _columns(block: SelectBlock, tree: Tree) -> Iterator[Output]:
    """Walk the columns of ``*``: those that USING or NATURAL made one are one, in the place of the left one."""
    if isinstance(tree, Leaf):
        yield from (_of_source(tree.source, index) for index in range(len(tree.source.columns or ())))
        return
    for output in _columns(block, tree.left):
        yield _merged(block, output) if output.name in tree.names else output
    if tree.kind not in ("SEMI", "ANTI"):
        yield from (output for output in _columns(block, tree.right) if output.name not in tree.names)


def _merged(block: SelectBlock, output: Output) -> Output:
    merged = block.merged.get(output.name or "")
    return Output(name=output.name, type=merged.type if merged else None, term=merged, computed=merged)


def _of_source(source: Source, index: int) -> Output:
    name, kind = (source.columns or ())[index]
    found = source.term(index)
    return Output(name=name, type=kind, term=found, computed=found)


def _edited_star(block: SelectBlock, star: exp.Star, qualifier: str | None) -> list[Output] | None:
    """Expand ``* EXCLUDE (…) REPLACE (…) RENAME (…)``: what was replaced is a column without a term."""
    plain = _star(block, exp.Star(), qualifier)
    left_out = star.args.get("except_") or star.args.get("except") or ()
    renames = star.args.get("rename") or ()
    if plain is None or any(item.find(exp.Column) is None or _has_table(item) for item in (*left_out, *renames)):
        return None
    dropped = {folded(item.name) for item in left_out}
    replaced = {folded(item.alias) for item in star.args.get("replace") or ()}
    names = {folded(item.this.name): folded(item.alias) for item in renames}
    made = []
    for output in plain:
        if output.name in dropped:
            continue
        kept = output.name not in replaced
        made.append(
            Output(
                name=names.get(output.name or "", output.name),
                type=output.type if kept else None,
                term=output.term if kept else None,
                computed=output.computed if kept else None,
            )
        )
    return made


def _has_table(item: exp.Expr) -> bool:
    return any(column.table for column in item.find_all(exp.Column))


def _output(block: SelectBlock, item: exp.Expr, position: int, kind: Kind) -> Output:
    expression = item.unalias()
    name = folded(item.alias) if isinstance(item, exp.Alias) else _name(expression)
    naming = Naming(block=block, before=position)
    found = term(expression, naming)
    if isinstance(found, Opaque):
        made = computed(expression, naming, kind)
        to = canonical(expression.args["to"].sql(dialect="duckdb")) if isinstance(expression, exp.Cast) else None
        known = to or (made.type if made is not None else _aggregated(expression, naming))
        return Output(name=name, type=known, computed=made)
    return Output(name=name, type=found.type, term=found, computed=found)


def _aggregated(node: exp.Expr, naming: Naming) -> str | None:
    """Return the type of a count, of rows before one, and of the greatest or the least value of a term."""
    call = node.this if isinstance(node, exp.Filter) else node
    if isinstance(call, exp.Count):
        return "BIGINT"
    if isinstance(call, exp.Window) and isinstance(call.this, exp.Rank | exp.DenseRank | exp.RowNumber):
        return "BIGINT"
    if not is_extreme(call):
        return None
    found = term(call.this, naming)
    return found.type if isinstance(found, Term) else None


def _name(expression: exp.Expr) -> str | None:
    """Return the name that DuckDB gives a column without an alias; None where it is not known."""
    expression = expression.unnest()
    if isinstance(expression, exp.Column):
        return folded(expression.name)
    calls = isinstance(expression, exp.Func) and any(expression.args.values())
    unnamed = isinstance(expression, _UNNAMED) and not isinstance(expression, exp.Dot)
    return GENERATED if calls or unnamed else None


def united(left: tuple[Output, ...] | None, right: tuple[Output, ...] | None) -> tuple[Output, ...] | None:
    """Return the output columns of a set operation: named as the left arm's, typed where both arms agree."""
    if left is None or right is None or len(left) != len(right):
        return None
    return tuple(
        Output(name=a.name, type=a.type if a.type == b.type else None) for a, b in zip(left, right, strict=True)
    )

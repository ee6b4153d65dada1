"""The common table expressions of a statement: which one the name of a table means."""

from __future__ import annotations

from sqlglot import exp

from gateway.plan.analysis.sources import folded


def cte_of(table: exp.Table) -> exp.CTE | None:
    """Find the common table expression that a table's name means; None for a table of the catalog."""
    if table.args.get("db") is not None:
        return None
    name, node = folded(table.name), table.parent
    below: exp.Expr = table
    through: exp.CTE | None = None
    while node is not None:
        with_ = node.args.get("with_")
        if isinstance(with_, exp.With):
            found = _visible(with_, name, through if below is with_ else None)
            if found is not None:
                return found
        if isinstance(node, exp.CTE):
            through = node
        below, node = node, node.parent
    return None


def _visible(with_: exp.With, name: str, inside: exp.CTE | None) -> exp.CTE | None:
    """Find a CTE by name; from *inside* one, only those before it are seen, and itself where it is recursive."""
    found = None
    for cte in with_.expressions:
        if inside is not None and cte is inside:
            return inside if is_recursive(with_, inside) and folded(inside.alias) == name else found
        if folded(cte.alias) == name:
            found = cte
    return found


def is_recursive(with_: exp.With, cte: exp.CTE) -> bool:
    """Return whether a CTE may read itself; in any other its own name means a table."""
    return bool(with_.args.get("recursive")) and isinstance(cte.this.unnest(), exp.SetOperation)

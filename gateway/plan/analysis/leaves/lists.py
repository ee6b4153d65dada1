"""``column IN $list`` and equivalent forms."""

from __future__ import annotations

from sqlglot import exp

from gateway.plan.analysis.leaves.compiler import Compiler, keeping_null
from gateway.plan.analysis.leaves.membership import members
from gateway.plan.analysis.terms import Opaque
from gateway.plan.analysis.types import STRING
from gateway.predicate import TRUE, Membership, Predicate


def list_membership(compiler: Compiler, node: exp.Expr, negated: bool) -> Predicate | None:
    """``column IN $list``, ``= ANY($list)``, ``IN (SELECT unnest($list))``, ``list_contains($list, column)``."""
    parts = _list_parts(node)
    if parts is None:
        return None
    tested, items = parts
    if negated and not _is_contained(node):
        # NULL is not in an empty set of rows, and a NULL among the rows makes NOT IN never hold.
        return compiler.unused("NOT IN a set of rows")
    if isinstance(items, exp.Array) and not items.find(exp.Query):
        return compiler.unused("NOT IN a list") if negated else members(compiler, tested, items.expressions, False)
    found = compiler.term(tested)
    kind = compiler.constants.list_kind(items)
    if isinstance(found, Opaque) or kind is None:
        return compiler.unused(found.reason if isinstance(found, Opaque) else "compared with no constant")
    compared = compiler.compared(found, [STRING if kind == "VARCHAR" and found.type == "VARCHAR" else kind])
    if compared is None:
        return TRUE
    slot = compiler.constants.list_slot(items, compared.type)
    return (
        compiler.unused("type")
        if slot is None
        else keeping_null(Membership(compared, (slot,), is_list=True, negated=negated), negated)
    )


def _list_parts(node: exp.Expr) -> tuple[exp.Expr, exp.Expr] | None:
    if isinstance(node, exp.In) and node.args.get("field") is not None:
        return node.this, node.args["field"].unnest()
    if isinstance(node, exp.In) and node.args.get("query") is not None:
        listed = unnested(node.args["query"])
        return None if listed is None else (node.this, listed)
    if isinstance(node, exp.EQ) and isinstance(node.expression.unnest(), exp.Any):
        listed = node.expression.unnest().this.unnest()
        return None if isinstance(listed, exp.Query) else (node.this, listed)
    if isinstance(node, exp.ArrayContains):
        return node.expression, node.this.unnest()
    return None


def _is_contained(node: exp.Expr) -> bool:
    """Return whether a list is asked as a value: it ignores its NULL members then, and NULL is neither in nor out."""
    return isinstance(node, exp.ArrayContains) or (isinstance(node, exp.In) and node.args.get("field") is not None)


def unnested(query: exp.Expr) -> exp.Expr | None:
    """Return the list of ``(SELECT unnest(list))``."""
    select = query.unnest()
    if not isinstance(select, exp.Select) or len(select.expressions) != 1:
        return None
    if any(value and key != "expressions" for key, value in select.args.items()):
        return None
    item = select.expressions[0].unalias()
    return item.this.unnest() if isinstance(item, exp.Explode) else None

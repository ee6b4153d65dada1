"""``column [NOT] IN (constants)``."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from gateway.plan.analysis.leaves.compiler import Compiler, keeping_null
from gateway.plan.analysis.leaves.rows import same_row
from gateway.plan.analysis.terms import Opaque
from gateway.plan.analysis.types import NULL
from gateway.predicate import FALSE, TRUE, Membership, Predicate, any_of


def membership(compiler: Compiler, node: exp.Expr, negated: bool) -> Predicate | None:
    """``column [NOT] IN (constants)``: all are brought to one type."""
    if not isinstance(node, exp.In) or node.args.get("query") is not None or node.args.get("field") is not None:
        return None
    if isinstance(node.this.unnest(), exp.Tuple):
        rows = [same_row(compiler, node.this.unnest(), item.unnest()) for item in node.expressions]
        return compiler.unused("row value") if negated else any_of(*rows)
    return members(compiler, node.this, node.expressions, negated)


def members(compiler: Compiler, tested: exp.Expr, items: Sequence[exp.Expr], negated: bool) -> Predicate:
    found = compiler.term(tested)
    if isinstance(found, Opaque):
        return compiler.unused(found.reason)
    kinds = compiler.kinds(items)
    if kinds is None or not items:
        return compiler.unused("compared with no constant")
    if NULL in kinds and negated:
        return FALSE
    members = [item for item, kind in zip(items, kinds, strict=True) if kind != NULL]
    if not members:
        return FALSE
    compared = compiler.compared(found, kinds)
    if compared is None:
        return TRUE
    slots = [compiler.constants.slot(item, compared.type) for item in members]
    if None in slots:
        return compiler.unused("type")
    made = Membership(compared, tuple(slot for slot in slots if slot is not None), negated=negated)
    return keeping_null(made, negated)

"""The forms of conditions on a column, one rule per file."""

from gateway.plan.analysis.leaves.between import between
from gateway.plan.analysis.leaves.boolean import boolean
from gateway.plan.analysis.leaves.branches import branches
from gateway.plan.analysis.leaves.choice import choice
from gateway.plan.analysis.leaves.comparison import comparison
from gateway.plan.analysis.leaves.compiler import Compiler, Rule
from gateway.plan.analysis.leaves.lists import list_membership
from gateway.plan.analysis.leaves.membership import membership
from gateway.plan.analysis.leaves.nulls import distinct_from, null_check
from gateway.plan.analysis.leaves.optional import among_columns, or_false, or_itself
from gateway.plan.analysis.leaves.prefix import prefix
from gateway.plan.analysis.leaves.refuted import refuted
from gateway.plan.analysis.leaves.solved import solved
from gateway.plan.analysis.leaves.split import split

__all__ = ["RULES", "Compiler", "refuted"]

RULES: tuple[Rule, ...] = (
    choice,
    branches,
    or_itself,
    or_false,
    among_columns,
    solved,
    split,
    comparison,
    between,
    list_membership,
    membership,
    null_check,
    distinct_from,
    prefix,
    boolean,
)
"""Asked in this order; the first that knows the form of a condition answers."""

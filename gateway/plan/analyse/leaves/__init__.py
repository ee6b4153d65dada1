"""The forms of conditions on columns: one rule a file."""

from gateway.plan.analyse.leaves.between import between
from gateway.plan.analyse.leaves.boolean import boolean
from gateway.plan.analyse.leaves.comparison import comparison
from gateway.plan.analyse.leaves.compiler import Compiler, Rule
from gateway.plan.analyse.leaves.lists import list_membership
from gateway.plan.analyse.leaves.membership import membership
from gateway.plan.analyse.leaves.nulls import distinct_from, null_check
from gateway.plan.analyse.leaves.prefix import prefix

__all__ = ["RULES", "Compiler"]

RULES: tuple[Rule, ...] = (
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

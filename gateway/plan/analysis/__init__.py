"""Static analysis of a query: the predicate that the rows of each of its scans must satisfy.

``prepare`` runs once for a text; ``bind`` runs for each request and fills in the constants. The author's text itself is
executed as it was written: only the names of its tables, and its calls that read the clock, are replaced, by position.
"""

from gateway.plan.analysis.conditional import PreparedWitness, witness_query
from gateway.plan.analysis.constants import Dimension, Refuted
from gateway.plan.analysis.cut import render
from gateway.plan.analysis.dimension_query import dimension_query
from gateway.plan.analysis.first_values import PreparedRank, Ranked, ranked_query
from gateway.plan.analysis.known import Known
from gateway.plan.analysis.prepare import prepare
from gateway.plan.analysis.prepared import (
    Bound,
    Evaluate,
    Learned,
    PreparedQuery,
    PreparedScan,
    Unused,
    Used,
    assumed,
    bind,
    delivered,
    learn,
    refute,
)
from gateway.plan.analysis.text import NOW
from gateway.plan.analysis.uncorrelated import PreparedSubquery, is_read, subquery_query

__all__ = [
    "NOW",
    "Bound",
    "Dimension",
    "Evaluate",
    "Known",
    "Learned",
    "PreparedQuery",
    "PreparedRank",
    "PreparedScan",
    "PreparedSubquery",
    "PreparedWitness",
    "Ranked",
    "Refuted",
    "Unused",
    "Used",
    "assumed",
    "bind",
    "delivered",
    "dimension_query",
    "is_read",
    "learn",
    "prepare",
    "ranked_query",
    "refute",
    "render",
    "subquery_query",
    "witness_query",
]

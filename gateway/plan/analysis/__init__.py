"""Which rows each scan of a query can need, found once for a text; what is left to a request is in ``bind``.

The author's text is run as it was written: only the names of its tables, and its calls that read the clock, are
replaced by position. The analysis is of a private copy.
"""

from gateway.plan.analysis.constants import Dimension
from gateway.plan.analysis.cut import render
from gateway.plan.analysis.prepare import prepare
from gateway.plan.analysis.prepared import (
    Bound,
    Evaluate,
    Learned,
    Prepared,
    PreparedScan,
    Unused,
    Used,
    bind,
    dimension_query,
    learn,
)
from gateway.plan.analysis.text import NOW

__all__ = [
    "NOW",
    "Bound",
    "Dimension",
    "Evaluate",
    "Learned",
    "Prepared",
    "PreparedScan",
    "Unused",
    "Used",
    "bind",
    "dimension_query",
    "learn",
    "prepare",
    "render",
]

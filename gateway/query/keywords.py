"""Words of DuckDB's grammar: which names must be quoted, and which may stand before a bracket uncalled.

``tests/unit/query/test_functions.py`` compares the reserved ones with the engine's own list.
"""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


RESERVED = _words(
    """
    all analyse analyze and any array as asc asymmetric both case cast check collate column constraint create default
    deferrable desc describe distinct do else end except false fetch for foreign from group having in initially
    intersect into lambda lateral leading limit not null offset on only or order pivot pivot_longer pivot_wider placing
    primary qualify references returning select show some summarize symmetric table then to trailing true union unique
    unpivot using variadic when where window with
    """
)
"""Words that are no names unless quoted, or after AS or a dot."""

BANNED = frozenset({"create", "describe", "into", "pivot_longer", "pivot_wider", "show", "summarize", "table"})
"""Reserved words of statements other than SELECT, and of the forms of SELECT that templates do without."""

_TYPES = _words(
    """
    bit blob char character dec decimal enum float interval list map national nchar numeric struct time timestamp
    timestamptz timetz union varbinary varchar bpchar
    """
)
_SYNTAX = _words(
    """
    anti as asof bernoulli between by coalesce columns cross cube except exclude exists extract filter full glob group
    grouping grouping_id if ifnull ilike inner is isnull join left like materialized natural notnull nullif nulls outer
    over overlaps overlay percent position positional recursive rename repeatable replace reservoir right rollup row
    rows sample semi sets similar similarly substring system tablesample trim try try_cast unpack unnest values within
    """
)
_CALLS = _words("date percentile_cont percentile_disc")
"""Words that the grammar makes a cast, or a function of another name: ``date(x)``, ``percentile_cont(…) WITHIN …``."""
BEFORE_BRACKET = RESERVED | _TYPES | _SYNTAX | _CALLS | {"ordinality", "escape", "rows", "range", "groups"}
"""Words that may stand before an opening bracket as grammar: what follows is no call of a function of that name."""

FOLDED = (
    RESERVED
    | _SYNTAX
    | _words(
        """
        current days first following hours ignore last minutes nothing over partition preceding range respect rows
        seconds ties unbounded within without
        """
    )
)
"""Words whose case is of no meaning wherever they are not names."""

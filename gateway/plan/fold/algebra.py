"""The aggregates that can be merged: what is kept of them for a partition, and how that is put together.

``{call}`` is the call as its author wrote it, with FILTER; ``{argument}`` its argument; ``{filter}`` its FILTER, or
nothing; ``{0}``, ``{1}`` are the states of a partition in the merge, or, in the query over all rows, the calls that
make them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from gateway.plan.fold import exact

VERSION: Final = 4
"""Part of the identity of partials and answers. Raised when a foldable query is answered in other bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Algebra:
    """How one aggregate is split into the *states* of a partition and their *merge*.

    ``over_rows`` is what stands for the aggregate in a query over all rows, where its own result may have other bytes
    than the merge. ``types`` are those that its states may have; those of another type are not merged.
    """

    states: tuple[str, ...]
    merge: str
    over_rows: str | None = None
    types: frozenset[str] = frozenset()


INTEGERS: Final = frozenset(f"{sign}{size}INT" for sign in ("", "U") for size in ("TINY", "SMALL", "BIG")) | {
    *("INTEGER", "UINTEGER", "HUGEINT"),
}
SAME_BYTES: Final = INTEGERS | {
    *("BOOLEAN", "DECIMAL", "VARCHAR", "BLOB", "UUID", "DATE", "TIME"),
    *("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS", "TIMESTAMP WITH TIME ZONE"),
}
"""Types whose equal values are the same bytes. Others are not: 0.0 equals -0.0, and INTERVAL 1 MONTH 30 days."""
FLOATING: Final = frozenset({"DOUBLE", "FLOAT"})
COUNT: Final = Algebra(states=("{call}",), merge="CAST(coalesce(sum({0}), 0) AS BIGINT)", types=frozenset({"BIGINT"}))
_SUMS: Final = frozenset({"HUGEINT", "DECIMAL"})
_MEAN: Final = "(CAST(sum({0}) AS DOUBLE) / sum({1}))"


def _same(name: str, types: frozenset[str]) -> Algebra:
    return Algebra(states=("{call}",), merge=f"{name}({{0}})", types=types)


ALGEBRA: Final[Mapping[str, Algebra]] = {
    **{name: _same(name, SAME_BYTES) for name in ("min", "max")},
    **{name: _same(name, frozenset({"BOOLEAN"})) for name in ("bool_and", "bool_or")},
    **{name: _same(name, INTEGERS) for name in ("bit_and", "bit_or", "bit_xor")},
    **dict.fromkeys(("count", "count_star"), COUNT),
    # A sum of ones: NULL where there is no row.
    **dict.fromkeys(("sum", "count_if", "countif"), _same("sum", _SUMS)),
    # The aggregate itself divides in another precision, so that the query over all rows divides as the merge does.
    "avg": Algebra(
        states=("sum({argument}){filter}", "count({argument}){filter}"),
        merge=_MEAN,
        over_rows="(CAST({0} AS DOUBLE) / {1})",
        types=_SUMS | {"BIGINT"},
    ),
}
"""By the name of the aggregate, in lower case. ``mean`` is another name of ``avg``."""

_PLAIN: Final = "(CASE WHEN isnan({0}) THEN 'nan' ELSE {0} + 0 END)"
"""A floating-point number as the one of those that equal it that is chosen: 0.0 rather than -0.0, and one NaN."""
_DIGITS: Final = len(exact.STATES)
_COUNTED: Final = (*exact.STATES, "count({argument}){filter}")
_EXACT, _EXACT_OVER_ROWS = exact.rounded(exact.MERGED), exact.rounded(exact.OVER_ROWS)
FLOATS: Final[Mapping[str, Algebra]] = {
    **{
        name: Algebra(
            states=("{call}",),
            merge=_PLAIN.replace("{0}", f"{name}({{0}})"),
            over_rows=_PLAIN,
            types=FLOATING,
        )
        for name in ("min", "max")
    },
    "sum": Algebra(states=exact.STATES, merge=_EXACT, over_rows=_EXACT_OVER_ROWS, types=exact.TYPES),
    "avg": Algebra(
        states=_COUNTED,
        merge=f"({_EXACT} / sum({{{_DIGITS}}}))",
        over_rows=f"({_EXACT_OVER_ROWS} / {{{_DIGITS}}})",
        types=exact.TYPES | {"BIGINT"},
    ),
}
"""What is merged otherwise where its states are floating-point numbers."""
EXACT: Final = frozenset(ALGEBRA[name] for name in ("sum", "avg"))
"""What is exact but for floating-point numbers: then it costs more over all rows than the aggregate itself does."""

DISTINCT_IS_NOTHING: Final = frozenset({"min", "max", "bool_and", "bool_or", "bit_and", "bit_or"})
"""Aggregates that DISTINCT does not change."""
OF_DISTINCT: Final = frozenset({"count", "sum"})
"""Aggregates of distinct values that are the same for all partials that together hold these values."""
EXTREMES: Final[Mapping[str, str]] = {
    **dict.fromkeys(("arg_max", "argmax", "max_by"), "max"),
    **dict.fromkeys(("arg_min", "argmin", "min_by"), "min"),
}
"""Aggregates that find a value beside the greatest or the least other one: of several, the greatest or the least."""
EXTREME: Final = Algebra(states=("{call}",), merge="{0}", types=SAME_BYTES)
LISTS: Final = frozenset({"list", "array_agg"})
TEXTS: Final = frozenset({"string_agg", "group_concat", "listagg"})
"""Aggregates that put values one after the other: in the order that they name, and equal ones in that of the values."""
_VARIANCE, _OF_ALL = "(sum(x * x) - sum(x) * avg(x)) / (count(x) - 1)", "avg(x * x) - avg(x) * avg(x)"
_WHERE: Final = "where x varies by no less than a millionth of itself"
INSTEAD: Final[Mapping[str, str]] = {
    "any_value": "min() or max() of it, where all values of a group are equal",
    "first": "min() or max() of it, where all values of a group are equal",
    "last": "min() or max() of it, where all values of a group are equal",
    "median": "avg(), where that is what is asked",
    **dict.fromkeys(("fsum", "kahan_sum", "sumkahan"), "sum(), which is exact where it is folded"),
    "favg": "avg(), whose sum is exact where it is folded",
    **dict.fromkeys(("variance", "var_samp"), f"{_VARIANCE}, {_WHERE}"),
    **dict.fromkeys(("stddev", "stddev_samp"), f"sqrt({_VARIANCE}), {_WHERE}"),
    "var_pop": f"{_OF_ALL}, {_WHERE}",
    "stddev_pop": f"sqrt({_OF_ALL}), {_WHERE}",
}
"""Spellings that can be merged, by the name of an aggregate that cannot."""


def base(type_: str) -> str:
    """Return a type without its width and scale.

    >>> base("DECIMAL(9,2)"), base("DECIMAL(9,2)[]")
    ('DECIMAL', 'DECIMAL(9,2)[]')
    """
    return re.sub(r"^DECIMAL\(\d+,\d+\)$", "DECIMAL", type_)

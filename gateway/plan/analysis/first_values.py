"""A value that is read before the files of a query are chosen: what it is, and the query that reads it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gateway.plan.analysis.constants import Carried, Constant, Dimension, Refuted, parameters_of
from gateway.plan.analysis.facts import slots_of
from gateway.plan.analysis.predicate_sql import term_sql
from gateway.predicate import Predicate, Term

Rows = tuple[int | str, ...]
"""How many rows: the sum of numbers, and of parameters by their names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """The value of ``term`` in the last of the first ``rows`` rows of a scan, by that term, that a WHERE keeps.

    NULL has no place in the order. ``descending``: the greatest value comes first. ``extreme``: it is what ``max`` or
    ``min`` gives, so NULL where no row has a value. ``distinct``: of rows with one value the first is counted. The
    parameter ``name`` stands for it. ``exact``: the query takes the value as it is. Otherwise a bound will do, which
    may be found in fewer partitions: so many rows do not come after it.

    Where an ``expression`` of the term is ordered by, it is the value of that, of type ``type``; partitions are read in
    the order of the term, ``backwards`` where the expression turns it round. What is found in some of them is no more
    than a bound: no row before it is among the first rows.
    """

    name: str
    scan: int
    source: str
    """What the scan is called in its FROM."""
    term: Term
    type: str
    descending: bool
    rows: Rows
    extreme: bool = False
    distinct: bool = False
    exact: bool = False
    expression: str = ""
    backwards: bool = False

    @property
    def is_of_year(self) -> bool:
        """Whether the term is the year of the value, which is a date."""
        return self.extreme and self.type == "DATE" and self.term.type != "DATE"

    @property
    def newest_first(self) -> bool:
        """Whether partitions are read from the greatest values of the term on."""
        return self.descending != self.backwards


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedRank:
    """A value that is read first: ``filters`` are the scans that it would prune, ``tail`` what follows its scan."""

    ranked: Ranked
    filters: tuple[int, ...]
    tail: str


def ranked_query(rank: PreparedRank, rows: int, source: str) -> str:
    """Write the query that reads a value from *source*: whether it is NULL, the value if Python can hold it, and
    the text of one that is infinite."""
    ranked = rank.ranked
    value = ranked.expression or term_sql(ranked.term, ranked.source)
    values = f"SELECT {'DISTINCT ' if ranked.distinct else ''}{value} AS v FROM {source}{rank.tail}\n"
    if ranked.extreme:
        found = f"SELECT {'max' if ranked.descending else 'min'}(v) AS v FROM ({values})"
    else:
        order = f"ORDER BY v {'DESC' if ranked.descending else 'ASC'} LIMIT 1 OFFSET {rows - 1}"
        found = f"SELECT (SELECT v FROM ({values}) WHERE v IS NOT NULL {order}) AS v"
    if ranked.type not in _MOMENTS:
        return f"SELECT v IS NULL, v, NULL FROM ({found})"
    held = "CASE WHEN isfinite(v) AND year(v) BETWEEN 2 AND 9998 THEN v END"
    return f"SELECT v IS NULL, {held}, CASE WHEN isinf(v) THEN CAST(v AS VARCHAR) END FROM ({found})"


_MOMENTS = ("DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE")


def depending(constants: Sequence[Constant], predicate: Predicate, name: str) -> bool:
    """Return whether a predicate depends on a parameter."""
    return any(name in _parameters_of_slot(constants, slot) for slot in slots_of(predicate))


def _parameters_of_slot(constants: Sequence[Constant], slot: int) -> Iterator[str]:
    match constants[slot]:
        case Carried(before):
            yield from _parameters_of_slot(constants, before)
        case Dimension(predicate=predicate):
            for within in slots_of(predicate):
                yield from _parameters_of_slot(constants, within)
        case Refuted(parameters=names, among=(listed, _)):
            yield from names
            yield from _parameters_of_slot(constants, listed)
        case constant:
            yield from parameters_of(constant)

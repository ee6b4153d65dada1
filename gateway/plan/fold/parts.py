"""What a query is split into, and why one is not."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from gateway.model import Statement
from gateway.plan.fold.algebra import Algebra
from gateway.plan.rewrite import Address

_Made = TypeVar("_Made")
UNION: Final = "__gateway_union"
"""The name of the rows of a set operation, which are put in order."""
STATE: Final = "__gateway_s{}"
COUNTED: Final = "__gateway_c"
"""The column with the rows of a group, which is not kept."""


def key(number: int) -> str:
    """Name the column of partials that has a key, quoted.

    >>> key(0)
    '"__gateway_k0"'
    """
    return f'"__gateway_k{number}"'


def partials(number: int) -> str:
    """Name the relation that the finish reads for a part: the partials of all partitions, one after the other.

    >>> partials(0), partials(1)
    ('__gateway_partials', '__gateway_partials_1')
    """
    return f"__gateway_partials_{number}" if number else "__gateway_partials"


def over_partials(parts: Sequence[tuple[str, str]], sql: str) -> str:
    """Write a finish over the partials of each part: some columns, as SQL, of a relation.

    >>> over_partials([("a AS b", "r")], "WITH c AS (SELECT 1) SELECT * FROM c")
    'WITH "__gateway_partials" AS (SELECT a AS b FROM "r"), c AS (SELECT 1) SELECT * FROM c'
    """
    made = [f'"{partials(n)}" AS (SELECT {columns} FROM "{rows}")' for n, (columns, rows) in enumerate(parts)]
    before = f"WITH {', '.join(made)}"
    return f"{before}, {sql[5:]}" if sql.startswith("WITH ") else f"{before}\n{sql}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """One of the conditions that WHERE joins by AND.

    ``fails`` is the text of a query that finds the rows for which it is not TRUE, as long as none of the parameters
    that it names is NULL, or a list with a NULL; None where that cannot be asked. ``scan`` is the number of the scan
    whose rows these are.
    """

    sql: str
    fails: str | None
    parameters: frozenset[str]
    scan: int | None = None


MARK: Final = "/*__gateway_f{}*/"
"""What stands for a filter, by its number, in the text of what is below an aggregation."""
NUMBERS: Final = "/*__gateway_number*/"
"""What stands there after the columns of a query: those of several partitions at once have their number too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """The texts of a fold: the partials of its *parts*, what is made of them (*finish*), and the query over all rows
    (*whole*).

    Finish and whole give equal bytes, for both have the same total order. The finish reads the clock through ``NOW``.
    """

    parts: tuple[Part, ...]
    finish: str
    whole: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One aggregation of a query: its partial, by the rows of the scan number *fact*.

    *states* are the algebras of the states, one for each, and *written* how they are computed. *types* is a query
    whose columns are the arguments of windows: they must have types of ``SAME_BYTES``. *before* is the WITH of a
    partial; the first *below* of the filters stand in it or in *source*, as marks. *scans* are the numbers of the scans
    that a partial has.
    """

    fact: int

    before: str
    select: str
    source: str
    filters: tuple[Filter, ...]
    below: int
    scans: tuple[int, ...]
    keys: int
    states: tuple[Algebra, ...]
    written: tuple[str, ...]
    types: str | None = None

    def partial(self, without: Collection[int] = (), *, number: str | None = None, counted: bool = False) -> str:
        """Write the query of a partition, *without* those of its filters that hold in all of its rows.

        With a column that has the *number* of the partition of each row, it is the query of several at once. *counted*
        adds a column ``COUNTED`` with the rows of each group.
        """
        kept = [each.sql for place, each in enumerate(self.filters) if place >= self.below and place not in without]
        where = [f"WHERE {' AND '.join(kept)}"] if kept else []
        keys = self.keys if number is None else self.keys + 1
        select = self.select if number is None else f'"{number}", {self.select}'
        select += f', count(*) AS "{COUNTED}"' if counted else ""
        group = [f"GROUP BY {', '.join(str(place + 1) for place in range(keys))}"] if keys else []
        marked = "\n".join([*([self.before] if self.before else []), f"SELECT {select}", self.source])
        return "\n".join([self._unmarked(marked, without, number), *where, *group])

    def _unmarked(self, text: str, without: Collection[int], number: str | None) -> str:
        for place in range(self.below):
            text = text.replace(MARK.format(place), "TRUE" if place in without else self.filters[place].sql)
        return text.replace(NUMBERS, "" if number is None else f', "{number}"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """Why a query is not folded, and what could be written instead, if anything.

    ``statement`` is there where its text could be folded: it is to be run in place of the plan's own, so that the
    bytes of the answer do not depend on whether it is. ``exact`` tells whether it adds up floating-point numbers as a
    fold does, and ``in_order`` whether the plan's own gives rows in the order of the files.
    """

    reason: str
    hint: str | None = None
    statement: Callable[[Address], Statement] | None = field(default=None, repr=False)
    exact: bool = False
    in_order: bool = False

    def __str__(self) -> str:
        """Say why, and what could be written instead."""
        return self.reason if self.hint is None else f"{self.reason}; instead: {self.hint}"


class Refused(Exception):
    """Raised inside of a split for a query that is not folded: why, and what could be written instead, if anything.

    *in_order*: its rows come in the order of the files. *of* are the numbers of the aggregations that it is about,
    which may be folded by another scan; none where it is not known to be about some.
    """

    def __init__(
        self, reason: str, hint: str | None = None, *, in_order: bool = False, of: frozenset[int] = frozenset()
    ) -> None:
        super().__init__(reason)
        self.reason, self.hint, self.in_order, self.of = reason, hint, in_order, of

    def again(self, of: Collection[int] | None = None) -> Refused:
        """Return it without its traceback, whose frames would keep answers in memory; *of* some aggregations."""
        return Refused(self.reason, self.hint, in_order=self.in_order, of=self.of if of is None else frozenset(of))


def of_each(make: Callable[..., _Made], arguments: Iterable[tuple[Any, ...]]) -> list[_Made]:
    """Make something of each aggregation, from its arguments. Raises ``Refused``, of all for which that is raised."""
    made: list[_Made] = []
    refused: dict[int, Refused] = {}
    for number, each in enumerate(arguments):
        try:
            made.append(make(*each))
        except Refused as one:
            refused[number] = one
    if refused:
        raise next(iter(refused.values())).again(refused)
    return made


def parsed(sql: str) -> exp.Expr:
    """Return the tree of an SQL text. Raises ``Refused``."""
    try:
        return sqlglot.parse_one(sql, read="duckdb")
    except SqlglotError as error:
        raise Refused("its text cannot be cut") from error

"""The structure of a query: its blocks, the sources that each reads, and its input and output columns."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Union

from sqlglot import exp

from gateway.plan.analysis.facts import Fact
from gateway.plan.analysis.lists import Listed
from gateway.plan.analysis.reasons import Reason
from gateway.predicate import Term


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """A column that a block gives: a term over the block's own sources if it is no more than that.

    ``computed`` is such a term, or one of an opaque function, see ``computed``.
    """

    name: str | None
    type: str | None
    term: Term | None = None
    computed: Term | None = None


GENERATED: Final = ""
"""Name of a column that DuckDB names after its expression: a name with signs in it, such as ``max(x)``."""
_PLAIN = re.compile(r"[^\W\d]\w*")
_NUMBERED = re.compile(r"(.+)_\d+")


def folded(name: str) -> str:
    """Write a name so that names which are one to DuckDB are equal: it ignores the case of ASCII letters only.

    >>> folded("Straße"), folded("ÄB")
    ('straße', 'Äb')
    """
    return name.translate(_ASCII)


_ASCII = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}


Row = tuple[exp.Expr | None, ...]
"""A row of constants; None where a cell is not known."""


@dataclass(slots=True, eq=False, kw_only=True)
class Source:
    """One item of a FROM clause. ``columns`` is None where they are not known; so is the name of a column.

    ``rows`` are all that it can have, where they are constants. ``certain``: no join makes a row without one of its.
    """

    number: int
    name: str
    columns: tuple[tuple[str | None, str | None], ...] | None = None
    scan: int | None = None
    block: Block | None = None
    cte: Cte | None = None
    rows: tuple[Row, ...] | None = None
    listed: Listed | None = None
    """The list whose members its one column has."""
    certain: bool = False

    def key(self, index: int) -> str:
        """Return the key of one of the columns."""
        return f"s{self.number}.{index}"

    def keys(self) -> frozenset[str]:
        """Return the keys of all columns."""
        return frozenset(self.key(index) for index in range(len(self.columns or ())))

    def has_key(self, key: str) -> bool:
        """Return whether a key is that of one of its columns."""
        known = self.keys()
        return key in known

    def find(self, name: str) -> int | None:
        """Return the index of the column that certainly has that name, and alone."""
        names = self._names()
        return names.index(name) if names.count(name) == 1 and None not in names and not self._repeats(name) else None

    def has(self, name: str) -> bool:
        """Return whether a column of that name exists, or may exist."""
        if self.columns is None:
            return True
        names = self._names()
        hidden = None in names or (GENERATED in names and not _PLAIN.fullmatch(name))
        return name in names or hidden or self._repeats(name)

    def _names(self) -> list[str | None]:
        return [name for name, _ in self.columns or ()]

    def _repeats(self, name: str) -> bool:
        """Return whether DuckDB may give that name to a column whose own is taken: the second ``d`` becomes ``d_1``."""
        numbered = _NUMBERED.fullmatch(name)
        return numbered is not None and self._names().count(numbered[1]) > 1

    def term(self, index: int) -> Term | None:
        """Return a column as a term; None if its type is not known."""
        _, kind = (self.columns or ())[index]
        return Term(self.key(index), kind) if kind is not None else None


@dataclass(slots=True, eq=False, kw_only=True)
class Leaf:
    """A source in a join tree; nothing may pass into it if ``barrier`` says why."""

    source: Source
    barrier: Reason | None = None

    def keys(self) -> frozenset[str]:
        """Return the keys of the columns below."""
        return self.source.keys()

    def sources(self) -> Iterator[Source]:
        """Walk the sources below, in text order."""
        yield self.source

    def joins(self) -> Iterator[Join]:
        """Walk the joins below: none."""
        yield from ()


@dataclass(slots=True, eq=False, kw_only=True)
class Join:
    """Two sides and what joins them. ``kind`` is a key of ``joins.RULES``."""

    kind: str
    left: Tree
    right: Tree
    on: exp.Expr | None = None
    using: tuple[tuple[Term, Term], ...] = ()
    """Pairs of columns that USING or NATURAL make equal."""
    names: frozenset[str] = frozenset()
    """All names in USING or NATURAL: two columns that are one in ``*``."""
    scope: SelectBlock | None = None
    """What ON sees."""

    def keys(self) -> frozenset[str]:
        """Return the keys of the columns below."""
        return self.left.keys() | self.right.keys()

    def sources(self) -> Iterator[Source]:
        """Walk the sources below, in text order."""
        yield from self.left.sources()
        yield from self.right.sources()

    def joins(self) -> Iterator[Join]:
        """Walk this join and those below."""
        yield self
        yield from self.left.joins()
        yield from self.right.joins()


Tree = Union[Leaf, Join]  # noqa: UP007 - Join names it before it exists


def mark_certain(tree: Tree, certain: bool) -> None:
    """Mark the sources of which every row that the joins make has a row."""
    if isinstance(tree, Leaf):
        tree.source.certain = certain and tree.barrier is None
        return
    mark_certain(tree.left, certain and tree.kind in ("INNER", "LEFT", "SEMI", "ANTI", "ASOF"))
    mark_certain(tree.right, certain and tree.kind in ("INNER", "RIGHT", "SEMI"))


@dataclass(slots=True, eq=False, kw_only=True)
class Cte:
    """A common table expression; ``requests`` gathers what each reference to it would keep."""

    name: str
    node: exp.CTE
    recursive: bool
    block: Block | None = None
    requests: list[list[Fact]] = field(default_factory=list)


@dataclass(slots=True, eq=False, kw_only=True)
class Child:
    """A subquery in an expression of a block: ``conjunct`` is the conjunct of WHERE that holds it, if one does."""

    block: Block
    clause: str
    conjunct: int | None


@dataclass(slots=True, eq=False, kw_only=True)
class SelectBlock:
    """One SELECT."""

    number: int
    node: exp.Select
    outer: SelectBlock | None
    tree: Tree | None = None
    sources: list[Source] = field(default_factory=list)
    outputs: tuple[Output, ...] | None = None
    ctes: list[Cte] = field(default_factory=list)
    children: dict[int, Child] = field(default_factory=dict)
    merged: dict[str, Term | None] = field(default_factory=dict)
    """What an unqualified name means that USING or NATURAL made one of two columns."""
    merging: dict[str, Join] = field(default_factory=dict)
    """The join that did so last."""
    unnested: dict[int, Source] = field(default_factory=dict)
    """What ``unnest(list)`` in the SELECT list gives, by the identity of the call."""
    unseen: set[int] = field(default_factory=set)
    """Numbers of the sources whose columns are not seen: the right sides of SEMI and ANTI joins; in ON more."""
    murky: bool = False
    """No unqualified name can be resolved."""
    closed: Reason | None = None
    """Why nothing at all may be pushed into the sources."""
    rows: tuple[Row, ...] | None = None
    """All rows that it can have, where they are constants."""
    single: bool = False
    """It has exactly one row."""
    value: exp.Expr | None = None
    """What it is as a scalar subquery, where it is one."""

    @property
    def seen(self) -> list[Source]:
        """Return the sources whose columns are seen."""
        return [source for source in self.sources if source.number not in self.unseen]

    @property
    def unsure(self) -> list[Source]:
        """Return the sources whose columns are not seen, or not by all: a name that they have may mean another."""
        return [source for source in self.sources if source.number in self.unseen]


@dataclass(slots=True, eq=False, kw_only=True)
class SetBlock:
    """UNION, INTERSECT or EXCEPT of two blocks; ``closed`` says why nothing may pass."""

    number: int
    node: exp.SetOperation
    kind: type[exp.Expr]
    left: Block
    right: Block
    outputs: tuple[Output, ...] | None = None
    ctes: list[Cte] = field(default_factory=list)
    closed: Reason | None = None
    rows: tuple[Row, ...] | None = None


@dataclass(slots=True, eq=False, kw_only=True)
class OpaqueBlock:
    """A query that is not understood, with the blocks found inside it."""

    number: int
    inner: list[Block] = field(default_factory=list)
    outputs: None = None
    rows: None = None
    ctes: list[Cte] = field(default_factory=list)


Block = Union[SelectBlock, SetBlock, OpaqueBlock]  # noqa: UP007 - the classes above name it before it exists


def output_key(block: Block, index: int) -> str:
    """Return the key of an output column of a block."""
    return f"o{block.number}.{index}"


def outputs_of_arm(block: SetBlock, arm: Block) -> dict[str, Term | None]:
    """Map the output columns of a set operation to those of one of its arms; None where their types differ."""
    return {
        output_key(block, index): Term(output_key(arm, index), output.type) if output.type is not None else None
        for index, output in enumerate(block.outputs or ())
    }

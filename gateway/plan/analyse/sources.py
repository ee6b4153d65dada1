"""The shape of a query: its blocks, the sources each reads, and the columns that go in and come out.

Names are resolved here, with one rule where a name could mean two things: it then means nothing, and no filter on it
is used.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Union

from sqlglot import exp

from gateway.plan.analyse.facts import Fact
from gateway.predicate import Term


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """A column that a block gives: a term over the block's own sources if it is no more than that."""

    name: str | None
    type: str | None
    term: Term | None = None


@dataclass(slots=True, eq=False, kw_only=True)
class Source:
    """One item of a FROM clause. ``columns`` is None where they are not known."""

    number: int
    name: str
    columns: tuple[tuple[str | None, str | None], ...] | None = None
    scan: int | None = None
    block: Block | None = None
    cte: Cte | None = None
    hidden: bool = False
    """Right side of a SEMI or ANTI join: no column of it is visible behind the join."""

    def key(self, index: int) -> str:
        """Return the key of one of the columns."""
        return f"s{self.number}.{index}"

    def keys(self) -> frozenset[str]:
        """Return the keys of all columns."""
        return frozenset(self.key(index) for index in range(len(self.columns or ())))

    def find(self, name: str) -> int | None:
        """Return the index of the one column of that name."""
        found = [index for index, (column, _) in enumerate(self.columns or ()) if column == name]
        return found[0] if len(found) == 1 else None

    def has(self, name: str) -> bool:
        """Say whether a column of that name exists, or may exist."""
        return self.columns is None or any(column == name for column, _ in self.columns)

    def term(self, index: int) -> Term | None:
        """Return a column as a term; None if its type is not known."""
        _, kind = (self.columns or ())[index]
        return Term(self.key(index), kind) if kind is not None else None


@dataclass(slots=True, eq=False, kw_only=True)
class Leaf:
    """A source in a join tree; nothing may pass into it if ``barrier`` says why."""

    source: Source
    barrier: str | None = None

    def keys(self) -> frozenset[str]:
        """Return the keys of the columns below."""
        return self.source.keys()

    def sources(self) -> Iterator[Source]:
        """Walk the sources below, in text order."""
        yield self.source


@dataclass(slots=True, eq=False, kw_only=True)
class Join:
    """Two sides and what joins them. ``kind`` is a key of ``joins.RULES``."""

    kind: str
    left: Tree
    right: Tree
    on: exp.Expr | None = None
    using: tuple[tuple[Term, Term], ...] = ()
    """Pairs of columns that USING or NATURAL make equal."""

    def keys(self) -> frozenset[str]:
        """Return the keys of the columns below."""
        return self.left.keys() | self.right.keys()

    def sources(self) -> Iterator[Source]:
        """Walk the sources below, in text order."""
        yield from self.left.sources()
        yield from self.right.sources()


Tree = Union[Leaf, Join]  # noqa: UP007 - Join names it before it exists


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
    murky: bool = False
    """No unqualified name can be resolved."""
    closed: str | None = None
    """Why nothing at all may be pushed into the sources."""


@dataclass(slots=True, eq=False, kw_only=True)
class SetBlock:
    """UNION, INTERSECT or EXCEPT of two blocks; ``closed`` says why nothing may pass."""

    number: int
    kind: type[exp.Expr]
    left: Block
    right: Block
    outputs: tuple[Output, ...] | None = None
    ctes: list[Cte] = field(default_factory=list)
    closed: str | None = None


@dataclass(slots=True, eq=False, kw_only=True)
class OpaqueBlock:
    """A query that is not understood, with the blocks found inside it."""

    number: int
    inner: list[Block] = field(default_factory=list)
    outputs: None = None
    ctes: list[Cte] = field(default_factory=list)


Block = Union[SelectBlock, SetBlock, OpaqueBlock]  # noqa: UP007 - the classes above name it before it exists


def output_key(block: Block, index: int) -> str:
    """Return the key of an output column of a block."""
    return f"o{block.number}.{index}"


@dataclass(frozen=True, slots=True)
class Alias:
    """What a name resolved to that is an alias of the SELECT list."""

    expression: exp.Expr


def resolve(
    column: exp.Column, block: SelectBlock, *, aliases: bool = True, hidden: bool = False
) -> Term | Alias | None:
    """Find the column that a name means: in this block, then its aliases, then the blocks around it.

    *hidden*: the right sides of SEMI and ANTI joins are visible, as in their ON. None: not known for certain, or of a
    type that is not known.
    """
    if column.args.get("db") is not None or not isinstance(column.this, exp.Identifier):
        return None
    name, qualifier = column.name.lower(), column.table.lower()
    if qualifier:
        return _qualified(name, qualifier, block)
    if block.murky or any(source.columns is None for source in block.sources):
        return None
    if name in block.merged:
        return block.merged[name]
    holders = [source for source in block.sources if (hidden or not source.hidden) and source.has(name)]
    if len(holders) == 1:
        return _term(holders[0], name)
    if holders:
        return None
    if aliases and (found := alias(block, name)) is not None:
        return Alias(found)
    return resolve(column, block.outer, aliases=False, hidden=True) if block.outer else None


def alias(block: SelectBlock, name: str) -> exp.Expr | None:
    """Return the expression that the SELECT list gives a name to."""
    for item in block.node.expressions:
        if isinstance(item, exp.Alias) and item.alias.lower() == name:
            return item.this if isinstance(item.this, exp.Expr) else None
    return None


def _qualified(name: str, qualifier: str, block: SelectBlock) -> Term | None:
    named = [source for source in block.sources if source.name == qualifier]
    if len(named) == 1:
        return _term(named[0], name)
    # `a.b` may also be field b of a struct column a: that is not followed.
    if named or any(source.has(qualifier) for source in block.sources):
        return None
    return _qualified(name, qualifier, block.outer) if block.outer else None


def _term(source: Source, name: str) -> Term | None:
    index = source.find(name)
    return None if index is None else source.term(index)

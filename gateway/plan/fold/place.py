"""Where in a query its aggregations stand, and what is below and around them.

    WITH days AS (SELECT *, at::DATE AS day FROM flights WHERE at >= $start),        -- below: keeps rows
      counted AS (SELECT day, carrier, count(*) AS n FROM days GROUP BY ALL)         -- the aggregation
    SELECT day, max(n) FROM counted GROUP BY day                                     -- around: over its result

A partial is computed of an aggregation with what is below; what is around is computed over what the partials give.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from sqlglot import exp

from gateway.plan.analysis.aggregation import own
from gateway.plan.analysis.ctes import cte_of
from gateway.plan.analysis.sources import Block, OpaqueBlock, SelectBlock, SetBlock, Source
from gateway.plan.analysis.structure import Structure
from gateway.plan.analysis.text import Text
from gateway.plan.fold.aggregations import Aggregation, Path, paths_from
from gateway.plan.fold.parts import Refused, of_each, parsed
from gateway.plan.fold.tokens import Span, Tokens

_CHANGES: Final = ("limit", "offset", "fetch", "sample", "qualify", "having", "windows", "group", "distinct")
"""Clauses of a query that gives other rows than one for each row that it reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A SELECT and its text."""

    block: SelectBlock
    span: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Top:
    """The outermost query around aggregations, and its text without its WITH."""

    block: SelectBlock | SetBlock
    span: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Cte:
    """A common table expression of the outermost query, and its text."""

    node: exp.CTE
    span: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """An aggregation and what is *below* it, the outermost first; *needed* are the common table expressions of both."""

    leaf: Placed
    below: tuple[Placed, ...]
    needed: tuple[Cte, ...]

    @property
    def spans(self) -> tuple[Span, ...]:
        """The parts of the text that a partial has."""
        return (*(cte.span for cte in self.needed), self.leaf.span)

    @property
    def is_arm(self) -> bool:
        """Whether it is an arm of a set operation, in no parentheses of its own."""
        return isinstance(self.leaf.block.node.parent, exp.SetOperation)

    def scans(self, found: Structure) -> tuple[int, ...]:
        """Return the numbers of the scans in its text."""
        starts = [int(scan.this.meta["start"]) for scan in found.scans]
        return tuple(number for number, at in enumerate(starts) if any(span.holds(at) for span in self.spans))


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """The aggregations of a query at their places, and the *top* of what is around them, if anything is."""

    text: Text
    tokens: Tokens
    ctes: tuple[Cte, ...]
    places: tuple[Place, ...]
    top: Top | None

    @property
    def leaves(self) -> list[exp.Expr]:
        """The aggregations."""
        return [place.leaf.block.node for place in self.places]

    def span_of(self, block: SelectBlock) -> Span:
        """Return the text of a block that is an aggregation, or reads a query. Raises ``Refused``."""
        for place in self.places:
            if place.leaf.block is block:
                return place.leaf.span
        return _checked(self.text, self.tokens.around(self._inside(block)), block.node)

    def span_of_set(self, block: SetBlock) -> Span:
        """Return the text of a set operation, with its ORDER BY and LIMIT. Raises ``Refused``."""
        bare = _bare(block.node)
        arm = next((arm for arm in arms_of(block) if any(source.rows is None for source in arm.sources)), None)
        for span in self.tokens.queries(self.span_of(arm).start) if arm is not None else ():
            if _reads_as(span.of(self.text.parsed), bare):
                return span
        raise Refused("its text cannot be cut")

    def _inside(self, block: SelectBlock) -> int:
        """Return a position in the text of a block that is not in a query that it reads."""
        for source in (source for source in block.sources if source.rows is None):
            if source.cte is not None:
                return _reference(block, source.cte.node)
            if isinstance(source.block, SelectBlock):
                return self.tokens.before(self.span_of(source.block).start)
            if isinstance(source.block, SetBlock):
                return self.tokens.before(self.span_of_set(source.block).start)
        raise Refused("its text cannot be cut")


def frame(text: Text, found: Structure, made: Sequence[Aggregation], facts: Sequence[int]) -> Frame:
    """Place the aggregations of a query, each folded by the scan of its number in *facts*.

    Raises ``Refused`` and ``SqlError``.
    """
    tokens = Tokens.read(text.parsed)
    root = found.block
    ctes = tuple(_ctes(tokens, None if isinstance(root, OpaqueBlock) else root.node))
    paths = [aggregation.paths[fact] for aggregation, fact in zip(made, facts, strict=True)]
    placing = partial(_place, text, tokens, ctes)
    places = of_each(placing, zip(paths, (found.scans[fact] for fact in facts), strict=True))
    alone = len(places) == 1 and places[0].leaf.block is root
    return Frame(
        text=text, tokens=tokens, ctes=ctes, places=tuple(places), top=None if alone else _top(text, tokens, root)
    )


def kept_path(found: Structure, fact: int) -> Path:
    """Return the blocks from the outermost one to that which reads the fact, each of which keeps rows of the fact.

    Raises ``Refused`` where one does not.
    """
    root = found.block
    path = paths_from(root).get(fact) if isinstance(root, SelectBlock) else None
    if path is None or not isinstance(root, SelectBlock):
        raise Refused("it does not keep the rows that it reads")
    for block in path:
        _check_kept(block)
        for source in block.sources:
            _check_once(source, path, [root.node])
    return path


def needed(ctes: Sequence[Cte], nodes: Collection[exp.Expr], besides: Collection[exp.Expr] = ()) -> tuple[Cte, ...]:
    """Return the common table expressions that some queries read, those in *besides* left out, in order."""
    found: list[exp.CTE] = []
    pending = [*nodes]
    while pending:
        for table in _tables(pending.pop(), besides):
            cte = cte_of(table)
            if cte is not None and all(cte is not other for other in found):
                found.append(cte)
                pending.append(cte.this)
    return tuple(cte for cte in ctes if any(cte.node is node for node in found))


def _top(text: Text, tokens: Tokens, root: Block) -> Top:
    if isinstance(root, OpaqueBlock):
        raise Refused("it is not understood")
    return Top(block=root, span=_checked(text, tokens.query, root.node))


def _place(text: Text, tokens: Tokens, ctes: Sequence[Cte], path: Path, fact: exp.Table) -> Place:
    for block in path[1:]:
        _check_kept(block)
    leaf, *below = _placed(text, tokens, path, fact)
    place = Place(leaf=leaf, below=tuple(below), needed=needed(ctes, [leaf.block.node]))
    for source in (source for block in path[:-1] for source in block.sources):
        _check_once(source, path, [leaf.block.node, *(cte.node.this for cte in place.needed)])
    return place


def _check_kept(block: SelectBlock) -> None:
    """Raise ``Refused`` where a query below the aggregation does not give one row for each that it reads."""
    node = block.node
    if block.closed is not None or any(node.args.get(key) for key in _CHANGES) or any(own(node, exp.Window)):
        raise Refused("a query below its aggregation has a LIMIT or a window, or groups", "the aggregation there")


def _check_once(source: Source, path: Path, nodes: Sequence[exp.Expr]) -> None:
    """Raise ``Refused`` where some queries read one that is on the path to the fact at another place too."""
    cte = source.cte
    if cte is None or all(cte.block is not block for block in path):
        return
    if len({id(table) for node in nodes for table in node.find_all(exp.Table) if cte_of(table) is cte.node}) > 1:
        raise Refused(f"it reads {cte.name} at two places")


def _placed(text: Text, tokens: Tokens, path: Path, fact: exp.Table) -> Iterator[Placed]:
    """Walk the blocks of a path, from the outermost one, with their texts."""
    made: list[Placed] = []
    at = int(fact.this.meta["start"])
    for block, outer in zip(reversed(path), [*reversed(path[:-1]), None], strict=True):
        span = _checked(text, tokens.around(at), block.node)
        made.append(Placed(block=block, span=span))
        at = span.start if outer is None else _position(tokens, outer, block, span)
    yield from reversed(made)


def _checked(text: Text, span: Span, node: exp.Expr) -> Span:
    """Raise ``Refused`` where the text is not that of the query."""
    if not _reads_as(span.of(text.parsed), _bare(node)):
        raise Refused("its text cannot be cut")
    return span


def _reads_as(sql: str, bare: exp.Expr) -> bool:
    try:
        return parsed(sql) == bare
    except Refused:
        return False


def _bare(node: exp.Expr) -> exp.Expr:
    """Return a query without its WITH."""
    bare = node.copy()
    bare.set("with_", None)
    return bare


def _position(tokens: Tokens, outer: SelectBlock, block: SelectBlock, span: Span) -> int:
    """Return a position in the text of *outer* where it reads *block*."""
    for source in outer.sources:
        if source.cte is not None and source.cte.block is block:
            return _reference(outer, source.cte.node)
    return tokens.before(span.start)


def _reference(block: SelectBlock, cte: exp.CTE) -> int:
    """Return where the FROM of a block names a common table expression."""
    tables = (table for table in _tables(block.node) if cte_of(table) is cte)
    read = next(table for table in tables if table.find_ancestor(exp.Select) is block.node)
    return int(read.this.meta["start"])


def arms_of(block: Block) -> Iterator[SelectBlock]:
    """Walk the SELECTs that set operations join, in the order of the text."""
    if isinstance(block, SetBlock):
        yield from arms_of(block.left)
        yield from arms_of(block.right)
    elif isinstance(block, SelectBlock):
        yield block


def _ctes(tokens: Tokens, root: exp.Expr | None) -> Iterator[Cte]:
    with_ = root.args.get("with_") if root is not None else None
    if with_ is None:
        return
    spans = tokens.expressions_of_with()
    if with_.args.get("recursive") or len(spans) != len(with_.expressions):
        raise Refused("its WITH is not understood")
    for node, span in zip(with_.expressions, spans, strict=True):
        yield Cte(node=node, span=span)


def _tables(node: exp.Expr, besides: Collection[exp.Expr] = ()) -> Iterator[exp.Table]:
    """Walk the tables in a query, without those in its WITH."""
    pending = [node]
    while pending:
        here = pending.pop()
        if any(here is one for one in besides) or isinstance(here, exp.With):
            continue
        if isinstance(here, exp.Table):
            yield here
        pending += here.iter_expressions()

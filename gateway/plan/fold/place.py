"""Where in a query its aggregation over the fact stands, and what is below and around it.

    WITH days AS (SELECT *, at::DATE AS day FROM flights WHERE at >= $start),        -- below: keeps rows
      counted AS (SELECT day, carrier, count(*) AS n FROM days GROUP BY ALL)         -- the aggregation
    SELECT day, max(n) FROM counted GROUP BY day                                     -- around: over its result

A partial is computed of the aggregation with what is below; what is around is computed over what the partials give.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from sqlglot import exp

from gateway.plan.analysis.aggregation import is_aggregating, own
from gateway.plan.analysis.build import cte_of
from gateway.plan.analysis.sources import Block, OpaqueBlock, SelectBlock, SetBlock
from gateway.plan.analysis.structure import Structure
from gateway.plan.analysis.text import Text
from gateway.plan.fold.clauses import Span, Tokens
from gateway.plan.fold.parts import Refused, parsed

_CHANGES: Final = ("limit", "offset", "fetch", "sample", "qualify", "having", "windows", "group", "distinct")
"""Clauses of a query that gives other rows than one for each row that it reads."""

NO_AGGREGATE: Final = "it does not aggregate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A SELECT and its text."""

    block: SelectBlock
    span: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Cte:
    """A common table expression of the outermost query, and its text."""

    node: exp.CTE
    span: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The aggregation, what is *below* it, the outermost first, and the *top* of what is around it, if anything is."""

    text: Text
    tokens: Tokens
    leaf: Placed
    below: tuple[Placed, ...]
    top: Placed | None
    ctes: tuple[Cte, ...]

    def span_of(self, block: SelectBlock) -> Span:
        """Return the text of a block whose first source is a query. Raises ``Refused``."""
        if block is self.leaf.block:
            return self.leaf.span
        source = block.sources[0] if block.sources else None
        inner = source.block if source is not None else None
        if source is not None and source.cte is not None:
            at = _reference(block, source.cte.node)
        elif isinstance(inner, SelectBlock):
            at = self.tokens.before(self.span_of(inner).start)
        else:
            raise Refused("its text cannot be cut")
        return _checked(self.text, self.tokens.around(at), block)

    def needed(self, nodes: Collection[exp.Expr], besides: exp.Expr | None = None) -> list[Cte]:
        """Return the common table expressions that some queries read, those in *besides* left out, in order."""
        found: list[exp.CTE] = []
        pending = [*nodes]
        while pending:
            for table in _tables(pending.pop(), besides):
                cte = cte_of(table)
                if cte is not None and all(cte is not other for other in found):
                    found.append(cte)
                    pending.append(cte.this)
        return [cte for cte in self.ctes if any(cte.node is node for node in found)]


def place(text: Text, found: Structure, fact: int) -> Place:
    """Find the aggregation over the scan number *fact*. Raises ``Refused`` and ``SqlError``."""
    tokens = Tokens.read(text.parsed)
    path = _path(found.block, fact)
    number = next((number for number in reversed(range(len(path))) if _aggregates(path[number])), None)
    if number is None:
        raise Refused(NO_AGGREGATE)
    for block in path[number + 1 :]:
        _check_kept(block)
    for outer in path[number:]:
        _check_once(outer, path)
    placed = list(_placed(text, tokens, path, found.scans[fact]))
    root = found.block.node if isinstance(found.block, SelectBlock) else None
    return Place(
        text=text,
        tokens=tokens,
        leaf=placed[number],
        below=tuple(placed[number + 1 :]),
        top=placed[0] if number else None,
        ctes=tuple(_ctes(tokens, root)),
    )


def kept_path(found: Structure, fact: int) -> list[SelectBlock]:
    """Return the blocks from the outermost one to that which reads the fact, each of which keeps rows of the fact.

    Raises ``Refused`` where one does not.
    """
    path = _path(found.block, fact)
    for block in path:
        _check_kept(block)
        _check_once(block, path)
    return path


def _path(block: Block, fact: int) -> list[SelectBlock]:
    """Return the blocks from the outermost one to that which reads the fact."""
    if isinstance(block, SelectBlock):
        for source in block.sources:
            if source.scan == fact:
                return [block]
            inner = source.cte.block if source.cte is not None else source.block
            if inner is not None and _reads(inner, fact):
                return [block, *_path(inner, fact)]
        raise Refused("it reads the fact in a subquery of an expression", "a JOIN")
    raise Refused("it is not one SELECT")


def _reads(block: Block, fact: int) -> bool:
    if isinstance(block, SetBlock):
        return _reads(block.left, fact) or _reads(block.right, fact)
    if isinstance(block, OpaqueBlock):
        return any(_reads(inner, fact) for inner in block.inner)
    if any(source.cte is not None and source.cte.recursive for source in block.sources):
        raise Refused("its WITH is RECURSIVE")
    inner = [source.cte.block if source.cte is not None else source.block for source in block.sources]
    inner += [child.block for child in block.children.values()]
    return any(source.scan == fact for source in block.sources) or any(
        _reads(one, fact) for one in inner if one is not None
    )


def _aggregates(block: SelectBlock) -> bool:
    return is_aggregating(block.node) or any(block.node.args.get(key) for key in ("group", "distinct"))


def _check_kept(block: SelectBlock) -> None:
    """Raise ``Refused`` where a query below the aggregation does not give one row for each that it reads."""
    node = block.node
    if block.closed is not None or any(node.args.get(key) for key in _CHANGES) or any(own(node, exp.Window)):
        raise Refused("a query below its aggregation has a LIMIT or a window, or groups", "the aggregation there")


def _check_once(outer: SelectBlock, path: Sequence[SelectBlock]) -> None:
    """Raise ``Refused`` where what *outer* reads is read at another place too."""
    for cte in (source.cte for source in outer.sources if source.cte is not None and source.cte.block in path):
        if cte.recursive:
            raise Refused("its WITH is RECURSIVE")
        if sum(cte_of(table) is cte.node for table in outer.node.root().find_all(exp.Table)) > 1:
            raise Refused(f"it reads {cte.name} at two places")


def _placed(text: Text, tokens: Tokens, path: Sequence[SelectBlock], fact: exp.Table) -> Iterator[Placed]:
    """Walk the blocks of a path, from the outermost one, with their texts."""
    made: list[Placed] = []
    at = int(fact.this.meta["start"])
    for block, outer in zip(reversed(path), [*reversed(path[:-1]), None], strict=True):
        span = _checked(text, tokens.around(at), block)
        made.append(Placed(block=block, span=span))
        at = span.start if outer is None else _position(tokens, outer, block, span)
    yield from reversed(made)


def _checked(text: Text, span: Span, block: SelectBlock) -> Span:
    """Raise ``Refused`` where the text is not that of the block."""
    node = block.node.copy()
    node.set("with_", None)
    if parsed(span.of(text.parsed)) != node:
        raise Refused("its text cannot be cut")
    return span


def _position(tokens: Tokens, outer: SelectBlock, block: SelectBlock, span: Span) -> int:
    """Return a position in the text of *outer* where it reads *block*."""
    for source in outer.sources:
        if source.cte is not None and source.cte.block is block:
            return _reference(outer, source.cte.node)
    return tokens.before(span.start)


def _reference(block: SelectBlock, cte: exp.CTE) -> int:
    """Return where the FROM of a block names a common table expression."""
    tables = (table for table in _tables(block.node, None) if cte_of(table) is cte)
    read = next(table for table in tables if table.find_ancestor(exp.Select) is block.node)
    return int(read.this.meta["start"])


def _ctes(tokens: Tokens, root: exp.Select | None) -> Iterator[Cte]:
    with_ = root.args.get("with_") if root is not None else None
    if with_ is None:
        return
    spans = tokens.expressions_of_with()
    if with_.args.get("recursive") or len(spans) != len(with_.expressions):
        raise Refused("its WITH is not understood")
    for node, span in zip(with_.expressions, spans, strict=True):
        yield Cte(node=node, span=span)


def _tables(node: exp.Expr, besides: exp.Expr | None) -> Iterator[exp.Table]:
    """Walk the tables in a query, without those in its WITH."""
    pending = [node]
    while pending:
        here = pending.pop()
        if here is besides or isinstance(here, exp.With):
            continue
        if isinstance(here, exp.Table):
            yield here
        pending += here.iter_expressions()

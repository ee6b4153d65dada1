"""Finds the aggregations of a query, each of which is folded by a scan of its own.

    SELECT 'flights' AS of, count(*) AS n FROM flights WHERE …      -- one
    UNION ALL
    SELECT 'late', sum(n) FROM (SELECT carrier, count(*) AS n FROM delays GROUP BY carrier)   -- that over delays is one

What is outside of them all is around them: it reads nothing but what they give.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlglot import exp

from gateway.plan.analysis.aggregation import is_aggregating
from gateway.plan.analysis.sources import Block, OpaqueBlock, SelectBlock, SetBlock
from gateway.plan.analysis.structure import Structure
from gateway.plan.fold.parts import Refused

Path = tuple[SelectBlock, ...]
NO_AGGREGATE: Final = "it does not aggregate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Aggregation:
    """A SELECT that aggregates, and the *paths* from it to the scans that it may be folded by, by their numbers.

    A path has the SELECT itself and the queries below it, through which it reads the scan.
    """

    block: SelectBlock
    paths: dict[int, Path]


def aggregations(found: Structure) -> tuple[Aggregation, ...]:
    """Find the aggregations that the rows of all scans go through first, the outermost of them. Raises ``Refused``."""
    walk = _Walk(found)
    walk.scans(found.block, None)
    if not any(id(block) in walk.aggregating for block in _read(found.block)):
        raise Refused(NO_AGGREGATE)
    if walk.plain is not None:
        scan = found.scans[walk.plain]
        if scan.find_ancestor(exp.SetOperation):
            raise Refused(f"an arm of its set operation reads {scan.name} and does not aggregate")
        raise Refused(f"it reads {scan.name} around its aggregation", f"JOIN {scan.name} in the aggregation")
    return tuple(Aggregation(block=block, paths=paths_from(block)) for block in walk.outermost(found.block))


@dataclass(slots=True)
class _Walk:
    found: Structure
    aggregating: dict[int, SelectBlock] = field(default_factory=dict)
    """The innermost blocks that aggregate around scans."""
    plain: int | None = None
    """A scan around which there is none."""
    _seen: set[tuple[int, int]] = field(default_factory=set)

    def scans(self, block: Block, around: SelectBlock | None) -> None:
        """Find what aggregates the rows of the scans in a block; *around* is what aggregates those of the block."""
        if (id(block), id(around)) in self._seen:
            return
        self._seen.add((id(block), id(around)))
        if isinstance(block, SelectBlock):
            around = block if aggregates(block) else around
            for scan in (source.scan for source in block.sources if source.scan is not None):
                if around is None:
                    self.plain = scan
                else:
                    self.aggregating[id(around)] = around
        for inner in _inner(block):
            self.scans(inner, around)

    def outermost(self, root: Block) -> Iterator[SelectBlock]:
        """Walk those that are in no other, in the order of the text."""
        pending, seen = [root], set[int]()
        while pending:
            block = pending.pop(0)
            if id(block) in seen:
                continue
            seen.add(id(block))
            if id(block) in self.aggregating and isinstance(block, SelectBlock):
                yield block
            else:
                pending = [*_inner(block), *pending]


def aggregates(block: SelectBlock) -> bool:
    """Return whether a SELECT gives other rows than one for each that it reads: groups, or distinct ones."""
    return is_aggregating(block.node) or any(block.node.args.get(key) for key in ("group", "distinct"))


def _inner(block: Block) -> list[Block]:
    """List the blocks that a block reads. Raises ``Refused`` where one of them is RECURSIVE."""
    if isinstance(block, SelectBlock):
        return [*_sources(block), *(child.block for child in block.children.values())]
    return _sources(block)


def _sources(block: Block) -> list[Block]:
    """List the blocks that a block reads in FROM, or joins. Raises ``Refused`` where one of them is RECURSIVE."""
    if isinstance(block, SetBlock):
        return [block.left, block.right]
    if isinstance(block, OpaqueBlock):
        return list(block.inner)
    if any(source.cte is not None and source.cte.recursive for source in block.sources):
        raise Refused("its WITH is RECURSIVE")
    inner = [source.cte.block if source.cte is not None else source.block for source in block.sources]
    return [one for one in inner if one is not None]


def _read(root: Block) -> Iterator[Block]:
    """Walk a block and those that its rows are made of: not those in its expressions."""
    pending, seen = [root], set[int]()
    while pending:
        block = pending.pop()
        if id(block) not in seen:
            seen.add(id(block))
            yield block
            pending += _sources(block)


def paths_from(block: SelectBlock) -> dict[int, Path]:
    """Find the scans that a SELECT reads in FROM, or through SELECTs there that do not aggregate."""
    made: dict[int, Path] = {}
    pending: list[Path] = [(block,)]
    seen = set[int]()
    while pending:
        path = pending.pop()
        for source in path[-1].sources:
            inner = source.cte.block if source.cte is not None else source.block
            if source.scan is not None:
                made.setdefault(source.scan, path)
            elif isinstance(inner, SelectBlock) and id(inner) not in seen and not aggregates(inner):
                seen.add(id(inner))
                pending.append((*path, inner))
    return made


@dataclass(slots=True)
class Ways:
    """The scans that each aggregation may be folded by, in the order in which they are tried."""

    scans: Sequence[Sequence[int]]
    _at: list[int] = field(init=False)

    def __post_init__(self) -> None:
        """Begin with the first of each."""
        self._at = [0] * len(self.scans)

    @property
    def facts(self) -> tuple[int, ...]:
        """The one of each that is tried."""
        return tuple(each[at] for each, at in zip(self.scans, self._at, strict=True))

    def try_next(self, failing: Collection[int]) -> bool:
        """Try the next scan of the *failing* aggregations; return whether there is one of each.

        A single aggregation is what fails, whatever it is.
        """
        failing = failing if len(self.scans) > 1 else {0}
        for number in failing:
            self._at[number] += 1
        return bool(failing) and all(self._at[number] < len(self.scans[number]) for number in failing)


def ways(
    found: Sequence[Aggregation], tables: Sequence[str], partitions: Sequence[int], partitioned: Collection[int]
) -> Ways:
    """List the scans that aggregations may be folded by: of each those of the most *partitions* first.

    They are of *partitioned* tables, if any is. *tables* and *partitions* are those of each scan. Raises ``Refused``.
    """
    each: list[list[int]] = []
    for aggregation in found:
        paths = [number for number in aggregation.paths if number in partitioned or not partitioned]
        if not paths and len(found) > 1:  # a small table is a partition of its own
            paths = list(aggregation.paths)
        if not paths:
            raise _nothing_to_fold_by(aggregation, [tables[number] for number in sorted(aggregation.paths)])
        each.append(sorted(paths, key=lambda number: (-partitions[number], number)))
    return Ways(each)


def _nothing_to_fold_by(aggregation: Aggregation, tables: Sequence[str]) -> Refused:
    """Say why an aggregation has no scan that it may be folded by; these *tables* are joined to what it reads."""
    _, *below = _read(aggregation.block)
    if any(isinstance(one, SetBlock) for one in below):
        return Refused("it aggregates the rows of a set operation", "UNION ALL of an aggregation of each")
    if tables and any(isinstance(one, SelectBlock) and aggregates(one) for one in below):
        return Refused(f"it reads {tables[0]} around its aggregation", f"JOIN {tables[0]} in the aggregation")
    return Refused("it reads the fact in a subquery of an expression", "a JOIN")

"""The walk from the outermost query inwards, carrying what every useful row satisfies.

A row of a source is useful if the answer could change without it. Each block is given *req*, facts about its
output rows from outside, and *outer*, facts about the rows of the blocks around it for which it is evaluated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlglot import exp

from gateway.plan.analysis import barriers, joins
from gateway.plan.analysis.aggregation import always_yields, has_sets
from gateway.plan.analysis.build import conjuncts
from gateway.plan.analysis.conjuncts import edge_fact, facts_of, shown
from gateway.plan.analysis.constants import Constants
from gateway.plan.analysis.dimensions import Dimensions
from gateway.plan.analysis.facts import Edge, Fact, close, compose, keys, project, renamed, substitute
from gateway.plan.analysis.leaves.lists import unnested
from gateway.plan.analysis.names import Aliases
from gateway.plan.analysis.sources import (
    Block,
    Child,
    Cte,
    Join,
    Leaf,
    Output,
    SelectBlock,
    SetBlock,
    Source,
    Tree,
    output_key,
)
from gateway.plan.analysis.terms import Naming, Opaque, term
from gateway.predicate import TRUE, NullCheck, Operator, Term, all_of, any_of


@dataclass(slots=True, kw_only=True)
class Walk:
    """Gathers, for each scan by its place in text order, the facts that reach it. *references* counts those to CTEs."""

    constants: Constants
    references: Mapping[int, int]
    names: Sequence[Sequence[str]]
    """The names of the columns of each scan."""
    reached: dict[int, list[Fact]] = field(default_factory=dict)
    _where: dict[int, list[Fact]] = field(default_factory=dict)
    _guaranteed: dict[int, list[Fact]] = field(default_factory=dict)
    _met: dict[int, list[Fact]] = field(default_factory=dict)
    _dimensions: Dimensions = field(init=False)

    def __post_init__(self) -> None:
        self._dimensions = Dimensions(constants=self.constants, names=self.names, rows=self._rows)

    def query(self, block: Block, req: Sequence[Fact], outer: Sequence[Fact]) -> None:
        """Walk one block and all inside it."""
        if isinstance(block, SelectBlock):
            self._select(block, req, outer)
        elif isinstance(block, SetBlock):
            self._set(block, req, outer)
        else:
            for inner in block.inner:
                self.query(inner, [], outer)
        for cte in reversed(block.ctes):
            self._cte(cte)

    def _cte(self, cte: Cte) -> None:
        """Walk a common table expression: it must keep what any of its references needs."""
        if cte.block is None:
            return
        whole = cte.recursive or len(cte.requests) != self.references.get(id(cte.node), 0)
        self.query(cte.block, [] if whole else _either(cte.requests), [])

    def _set(self, block: SetBlock, req: Sequence[Fact], outer: Sequence[Fact]) -> None:
        for arm in (block.left, block.right):
            moves = _by_position(block, arm)
            asked = [_moved(fact, moves, "type differs between arms") for fact in req]
            self.query(arm, [fact.block(block.closed) for fact in asked] if block.closed else asked, outer)

    def _select(self, block: SelectBlock, req: Sequence[Fact], outer: Sequence[Fact]) -> None:
        self._dimensions.meet(block)
        rows = [*outer, *self.where(block), *self._inwards(block, req)]
        if block.tree is not None:
            if block.closed:
                self._close(block, rows)
            else:
                self._flow(block.tree, block, rows)
                rows += self.up(block.tree, block)
        for child in block.children.values():
            around = [fact for fact in rows if child.conjunct is None or fact.origin != child.conjunct]
            known = outer if block.closed or not _per_row(block, child) else close(around)
            self._child(block, child, list(known))

    def _close(self, block: SelectBlock, rows: Sequence[Fact]) -> None:
        for source in block.sources:
            self._deliver(source, [fact.block(block.closed or "") for fact in rows])

    def _child(self, block: SelectBlock, child: Child, around: list[Fact]) -> None:
        """Walk a subquery; facts about the tested column of a positive IN hold of its output too."""
        edges = self._membership_edges(block, child)
        asked: list[Fact] = []
        if edges:
            outputs = frozenset(output_key(child.block, index) for index in range(len(child.block.outputs or ())))
            asked = _about(close([*around, *edges]), outputs)
        self.query(child.block, asked, around)

    # What a block says of its rows

    def where(self, block: SelectBlock) -> list[Fact]:
        """Return what WHERE says of the rows of a block."""
        if block.number not in self._where:
            made: list[Fact] = []
            holder = block.node.args.get("where")
            for node in conjuncts(holder.this if holder is not None else None):
                made += self._conjunct(block, node)
            self._where[block.number] = made
        return self._where[block.number]

    def _rows(self, block: SelectBlock) -> list[Fact]:
        """Return what the rows of a block satisfy whatever stands around it."""
        return [*self.where(block), *(self.up(block.tree, block) if block.tree is not None else [])]

    def _conjunct(self, block: SelectBlock, node: exp.Expr) -> list[Fact]:
        query = _positive_subquery(node)
        child = block.children.get(id(query)) if query is not None else None
        if child is None:
            return facts_of(node, Naming(block=block), self.constants, "WHERE")
        made = self._exists(block, child, node)
        if isinstance(node, exp.In):
            made += self._in(block, child, node)
        return made

    def _exists(self, block: SelectBlock, child: Child, node: exp.Expr) -> list[Fact]:
        """Return what is known of a row for which a subquery has rows: what its WHERE says of this row's columns."""
        inner = child.block
        if not isinstance(inner, SelectBlock) or inner.closed or always_yields(inner):
            return []
        self._dimensions.meet(inner)
        facts = close(self._rows(inner))
        own = frozenset[str]().union(*(source.keys() for source in inner.sources))
        made = []
        for fact in [*facts, *self._dimensions.of_block(inner, facts)]:
            outside = project(fact.predicate, lambda key: key not in own)
            if outside != TRUE:
                made.append(replace(fact, predicate=outside, edge=None, mentions=keys(outside), origin=id(node)))
        return made

    def _in(self, block: SelectBlock, child: Child, node: exp.In) -> list[Fact]:
        """Return what is known of ``x`` where ``x IN (subquery)`` is TRUE."""
        outputs = child.block.outputs or ()
        made: list[Fact] = []
        for tested, output, index in _pairs(node, outputs, Naming(block=block)):
            sql = shown(node, self.constants)
            bare = Term(tested.column, "" if tested.functions else tested.type)
            present = NullCheck(bare, negated=True)
            mentions = frozenset({tested.column})
            made.append(Fact(predicate=present, sql=sql, rule="IN subquery", origin=id(node), mentions=mentions))
            if output.type == tested.type:
                if isinstance(child.block, SelectBlock):
                    made += self._dimensions.of_output(tested, child.block, index, made[-1])
                moves = {output_key(child.block, index): tested}
                given = [_moved(fact, moves, "") for fact in self.guaranteed(child.block)]
                made += [replace(f, origin=id(node), rule="IN subquery") for f in given if f.predicate != TRUE]
        return made

    def _membership_edges(self, block: SelectBlock, child: Child) -> list[Fact]:
        holder = block.node.args.get("where")
        tops = [node for node in conjuncts(holder.this if holder is not None else None) if id(node) == child.conjunct]
        node = tops[0] if tops else None
        query = _positive_subquery(node) if node is not None else None
        if not isinstance(node, exp.In) or query is None or block.children.get(id(query)) is not child:
            return []
        made = []
        for tested, output, index in _pairs(node, child.block.outputs or (), Naming(block=block)):
            if output.type == tested.type and not tested.functions:
                edge = Edge(tested, Operator.EQ, Term(output_key(child.block, index), tested.type))
                made.append(edge_fact(edge, shown(node, self.constants), "IN subquery", id(node)))
        return made

    def _inwards(self, block: SelectBlock, req: Sequence[Fact]) -> list[Fact]:
        """Carry facts about the output, and those of HAVING and QUALIFY, to the rows that they may filter."""
        outputs = block.outputs or ()
        moves = {output_key(block, index): output.term for index, output in enumerate(outputs)}
        made = [_passed(block, _moved(fact, moves, "computed column"), tuple(barriers.RULES)) for fact in req]
        rules = {"having": ("blocked by GROUP BY",), "qualify": ("blocked by a window", "blocked by GROUP BY")}
        for clause, inside in rules.items():
            holder = block.node.args.get(clause)
            naming = Naming(block=block, aliases=Aliases.BESIDE)
            for node in conjuncts(holder.this if holder is not None else None):
                facts = facts_of(node, naming, self.constants, clause.upper())
                made += [_passed(block, replace(fact, edge=None), inside) for fact in facts]
        return made

    # Joins

    def _on(self, join: Join, block: SelectBlock) -> list[Fact]:
        """Return what holds where two rows meet in a join."""
        if id(join) not in self._met:
            self._met[id(join)] = self._meeting(join, block)
        return self._met[id(join)]

    def _meeting(self, join: Join, block: SelectBlock) -> list[Fact]:
        made = []
        naming = Naming(block=join.scope or block, aliases=Aliases.UNSEEN)
        for node in conjuncts(join.on):
            made += facts_of(node, naming, self.constants, f"ON of {join.kind} JOIN")
        for left, right in join.using:
            name = f"USING ({left.column} = {right.column})"
            made.append(edge_fact(Edge(left, Operator.EQ, right), name, "USING", id(join)))
        return made

    def up(self, tree: Tree, block: SelectBlock) -> list[Fact]:
        """Return what every row that comes out of a join tree satisfies by itself."""
        if isinstance(tree, Join):
            left, right = self.up(tree.left, block), self.up(tree.right, block)
            return joins.guaranteed(tree.kind, self._on(tree, block), left, right)
        return self._own(tree.source)

    def _own(self, source: Source) -> list[Fact]:
        """Return what the rows of a source satisfy by themselves."""
        inner = source.cte.block if source.cte is not None and not source.cte.recursive else source.block
        if inner is None or source.columns is None:
            return []
        moves = {output_key(inner, index): source.term(index) for index in range(len(source.columns))}
        moved = [_moved(fact, moves, "") for fact in self.guaranteed(inner)]
        return [fact for fact in moved if fact.predicate != TRUE]

    def _flow(self, tree: Tree, block: SelectBlock, above: Sequence[Fact]) -> None:
        if isinstance(tree, Leaf):
            facts = [fact.block(tree.barrier) for fact in above] if tree.barrier else close(above)
            self._deliver(tree.source, facts)
            return
        left, right = joins.RULES[tree.kind](
            joins.Meeting(
                above=list(above),
                on=self._on(tree, block),
                left=self.up(tree.left, block),
                right=self.up(tree.right, block),
                left_keys=tree.left.keys(),
                right_keys=tree.right.keys(),
            )
        )
        self._flow(tree.left, block, left)
        self._flow(tree.right, block, right)

    def _deliver(self, source: Source, facts: list[Fact]) -> None:
        """Hand the facts about one source to it: the end of the way for a scan."""
        own = {fact.predicate for fact in self._own(source)}
        facts = [*facts, *self._dimensions.of_source(source, facts)]
        mine = [fact for fact in _about(facts, source.keys()) if fact.predicate not in own or fact.predicate == TRUE]
        if source.scan is not None:
            self.reached[source.scan] = mine
            return
        inner = source.cte.block if source.cte is not None else source.block
        asked: list[Fact] = []
        if inner is not None:
            moves = {
                source.key(index): Term(output_key(inner, index), kind) if kind is not None else None
                for index, (_, kind) in enumerate(source.columns or ())
            }
            asked = [_moved(fact, moves, "type") for fact in mine]
        if source.cte is not None:
            source.cte.requests.append(asked)
        elif inner is not None:
            self.query(inner, asked, facts)

    # What a block says of its output

    def guaranteed(self, block: Block) -> list[Fact]:
        """Return what every output row of a block satisfies, whatever stands around it."""
        if block.number not in self._guaranteed:
            self._guaranteed[block.number] = []  # for a block that is met inside itself
            self._guaranteed[block.number] = self._guarantee(block)
        return self._guaranteed[block.number]

    def _guarantee(self, block: Block) -> list[Fact]:
        if isinstance(block, SetBlock):
            return self._guarantee_of_set(block)
        if not isinstance(block, SelectBlock) or block.tree is None or block.outputs is None or always_yields(block):
            return []
        group = barriers.grouping(block)
        moves: dict[str, Term | None] = {}
        for index, output in enumerate(block.outputs):
            found = output.term
            if found is not None and not found.functions and (group is None or group(found)):
                moves.setdefault(found.column, Term(output_key(block, index), found.type))
        facts = close(self._rows(block))
        moved = [_moved(fact, moves, "") for fact in facts]
        return [fact for fact in moved if fact.predicate != TRUE]

    def _guarantee_of_set(self, block: SetBlock) -> list[Fact]:
        sides = []
        for arm in (block.left, block.right):
            moves = {there.column: Term(here, there.type) for here, there in _by_position(block, arm).items() if there}
            sides.append([_moved(fact, moves, "") for fact in self.guaranteed(arm)])
        if block.outputs is None:
            return []
        if block.kind is exp.Intersect:
            return [*sides[0], *sides[1]]
        return sides[0] if block.kind is exp.Except else _either(sides)


def _moved(fact: Fact, moves: Mapping[str, Term | None], reason: str) -> Fact:
    """Carry a fact to other columns; one whose columns cannot all be carried is weakened, and says so if it is lost."""

    def change(found: Term) -> Term | None:
        to = moves.get(found.column)
        return None if to is None else compose(to, found)

    def mention(key: str) -> str | None:
        to = moves.get(key)
        return None if to is None else to.column

    moved = renamed(fact, change, mention)
    lost = fact.predicate != TRUE and moved.predicate == TRUE
    return moved.block(reason) if lost and reason else moved


def _passed(block: SelectBlock, fact: Fact, reasons: Sequence[str]) -> Fact:
    """Weaken a fact to the terms that may be filtered before the constructs of a block."""
    for reason in reasons:
        passes = barriers.RULES[reason](block)
        if passes is None:
            continue
        weaker = substitute(fact.predicate, lambda found, test=passes: found if test(found) else None)  # type: ignore[misc]  # a default binds the loop's value
        fact = fact.block(reason) if fact.predicate != TRUE and weaker == TRUE else replace(fact, predicate=weaker)
    return fact


def _about(facts: Sequence[Fact], wanted: frozenset[str]) -> list[Fact]:
    """Return what facts say of some columns, and the notes on those columns."""
    made: list[Fact] = []
    for fact in facts:
        if wanted.isdisjoint(fact.mentions):
            continue
        own = project(fact.predicate, lambda key: key in wanted)
        one = replace(fact, predicate=own, mentions=fact.mentions & wanted, edge=None)
        made.append(one.block("foreign column") if fact.predicate != TRUE and own == TRUE else one)
    return made


def _either(groups: Sequence[Sequence[Fact]]) -> list[Fact]:
    """Return what holds where one of several groups of facts does."""
    if len(groups) == 1:
        return list(groups[0])
    whole = any_of(*(all_of(*(fact.predicate for fact in group)) for group in groups)) if groups else TRUE
    said = [" AND ".join(dict.fromkeys(f.sql for f in group if f.predicate != TRUE)) or "TRUE" for group in groups]
    mentions = frozenset().union(*(fact.mentions for group in groups for fact in group))
    sql = " OR ".join(f"({text})" for text in dict.fromkeys(said))
    reason = "another reference needs all" if whole == TRUE else None
    return [Fact(predicate=whole, sql=sql, rule="any reference", origin=-1, mentions=mentions, blocked=reason)]


def _by_position(block: SetBlock, arm: Block) -> dict[str, Term | None]:
    """Map the output columns of a set operation to those of one of its arms, where they are of one type."""
    moves: dict[str, Term | None] = {}
    for index, output in enumerate(block.outputs or ()):
        moves[output_key(block, index)] = Term(output_key(arm, index), output.type) if output.type is not None else None
    return moves


def _positive_subquery(node: exp.Expr) -> exp.Expr | None:
    """Return the subquery of ``EXISTS (…)`` and ``x IN (…)``."""
    if isinstance(node, exp.Exists):
        return node.this if isinstance(node.this, exp.Expr) else None
    if isinstance(node, exp.In):
        query = node.args.get("query")
        return query if isinstance(query, exp.Expr) and unnested(query) is None else None
    return None


def _pairs(node: exp.In, outputs: Sequence[Output], naming: Naming) -> list[tuple[Term, Output, int]]:
    """Match the tested terms of ``x IN (subquery)`` with its output columns."""
    tested = node.this.unnest()
    items = tested.expressions if isinstance(tested, exp.Tuple) else [tested]
    if len(items) != len(outputs):
        return []
    found = [
        (term(item, naming), output, index) for index, (item, output) in enumerate(zip(items, outputs, strict=True))
    ]
    return [(one, output, index) for one, output, index in found if not isinstance(one, Opaque)]


def _per_row(block: SelectBlock, child: Child) -> bool:
    """Say whether a subquery is evaluated only for rows that satisfy what is known of the rows of its block.

    That of an ON is also evaluated for rows that no match leaves; behind a grouping that always yields a row, or that
    makes keys NULL, one is evaluated for rows that no row of the block stands behind.
    """
    return child.clause in ("where", "group") or (
        child.clause != "on" and not always_yields(block) and not has_sets(block)
    )

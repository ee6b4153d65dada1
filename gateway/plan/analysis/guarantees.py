"""Facts that rows satisfy by themselves, whatever the query around them asks for.

Three kinds of rows have guarantees: the rows of a block (by its WHERE and its joins), the output rows of a block (the
same, in terms of its output columns), and the rows of a source in FROM (the output of the subquery or CTE that it
reads; of a scan what is told). Guarantees go up to the outer query, and there across joins to other sources: see
``walk``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from sqlglot import exp

from gateway.plan.analysis import barriers, joins
from gateway.plan.analysis.aggregation import always_yields
from gateway.plan.analysis.build import conjuncts
from gateway.plan.analysis.closing import closure
from gateway.plan.analysis.conjuncts import are_comparable, edge_fact, facts_of, facts_of_all, in_one_type, shown
from gateway.plan.analysis.constants import Constants, Literal
from gateway.plan.analysis.dimensions import Dimensions
from gateway.plan.analysis.facts import Edge, Fact, either, keys, moved, project
from gateway.plan.analysis.known import Known, known_facts
from gateway.plan.analysis.names import Aliases
from gateway.plan.analysis.sources import (
    Block,
    Child,
    Join,
    OpaqueBlock,
    Row,
    SelectBlock,
    SetBlock,
    Source,
    Tree,
    output_key,
    outputs_of_arm,
)
from gateway.plan.analysis.subqueries import conditions, positive_subquery, tested_columns
from gateway.plan.analysis.terms import Naming
from gateway.plan.analysis.uncorrelated import Subqueries
from gateway.predicate import FALSE, TRUE, And, Membership, NullCheck, Operator, Or, Predicate, Term, all_of, any_of


@dataclass(slots=True, kw_only=True)
class Guarantees:
    """Computes guarantees, each once. *names* are the names of the columns of each scan, *known* is told of rows."""

    constants: Constants
    names: Sequence[Sequence[str]]
    known: Sequence[Known] = ()
    subqueries: Subqueries | None = None
    dimensions: Dimensions = field(init=False)
    _where: dict[int, list[Fact]] = field(default_factory=dict)
    _outputs: dict[int, list[Fact]] = field(default_factory=dict)
    _on: dict[int, list[Fact]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.dimensions = Dimensions(
            constants=self.constants, names=self.names, rows=self.rows, subqueries=self.subqueries
        )

    def rows(self, block: SelectBlock) -> list[Fact]:
        """Return what the rows of a block satisfy: those that its joins make and its WHERE keeps."""
        return [*self.where(block), *(self.tree(block.tree, block) if block.tree is not None else [])]

    def where(self, block: SelectBlock) -> list[Fact]:
        """Return what WHERE says of the rows of a block."""
        if block.number not in self._where:
            nodes = conditions(block, "where")
            made = [fact for node in nodes for fact in self._conjunct(block, node)]
            self._where[block.number] = [*made, *facts_of_all(nodes, Naming(block=block), self.constants, "WHERE")]
        return self._where[block.number]

    def on(self, join: Join, block: SelectBlock) -> list[Fact]:
        """Return what holds of two rows that match in a join of a block."""
        if id(join) not in self._on:
            self._on[id(join)] = self._matching(join, block)
        return self._on[id(join)]

    def tree(self, tree: Tree, block: SelectBlock) -> list[Fact]:
        """Return what every row satisfies that comes out of the joins of a FROM."""
        if isinstance(tree, Join):
            left, right = self.tree(tree.left, block), self.tree(tree.right, block)
            return joins.guaranteed(tree.kind, self.on(tree, block), left, right)
        return self.source(tree.source)

    def source(self, source: Source) -> list[Fact]:
        """Return what the rows of one source of a FROM satisfy."""
        inner = source.cte.block if source.cte is not None and not source.cte.recursive else source.block
        if source.columns is None:
            return []
        if inner is None:
            return known_facts(source, self.known, self.names, self.constants)
        terms = [source.term(index) for index in range(len(source.columns))]
        if isinstance(inner, OpaqueBlock):
            return self._among(source.rows or (), terms)
        targets = {output_key(inner, index): term for index, term in enumerate(terms)}
        return _useful(moved(fact, targets) for fact in self.outputs(inner))

    def outputs(self, block: Block) -> list[Fact]:
        """Return what every output row of a block satisfies."""
        if block.number not in self._outputs:
            self._outputs[block.number] = []  # for a block that is met inside itself
            outputs = enumerate(block.outputs or ())
            terms = [Term(output_key(block, at), output.type) if output.type else None for at, output in outputs]
            known = self._of_set(block) if isinstance(block, SetBlock) else self._of_select(block)
            self._outputs[block.number] = [*self._among(block.rows or (), terms), *known]
        return self._outputs[block.number]

    def _among(self, rows: Sequence[Row], terms: Sequence[Term | None]) -> list[Fact]:
        """Return what columns satisfy of which all values are constants: they are one of them, or NULL."""
        made = []
        for term, cells in zip(terms, zip(*rows, strict=True), strict=False):
            known = [cell for cell in cells if cell is not None]
            slots = [] if term is None else [self.constants.slot(cell, term.type) for cell in known]
            certain = [slot for slot in slots if slot is not None]
            if term is None or not certain or len(certain) < len(cells):
                continue
            predicate: Predicate = Membership(term, tuple(dict.fromkeys(certain)))
            if not all(isinstance(self.constants.slots[slot], Literal) for slot in certain):
                predicate = any_of(predicate, NullCheck(term))
            sql = ", ".join(dict.fromkeys(shown(cell, self.constants) for cell in known))
            made.append(
                Fact(predicate=predicate, sql=sql, rule="constants", origin=0, mentions=frozenset({term.column}))
            )
        return made

    def _conjunct(self, block: SelectBlock, node: exp.Expr) -> list[Fact]:
        query = positive_subquery(node)
        child = block.children.get(id(query)) if query is not None else None
        if child is None:
            return facts_of(node, Naming(block=block), self.constants, "WHERE")
        made = self._exists(child, node)
        if not isinstance(node, exp.Exists):
            made += self._in(block, child, node)
        return made

    def _exists(self, child: Child, node: exp.Expr) -> list[Fact]:
        """Return what is known of a row for which a subquery has rows: what its WHERE says of this row's columns."""
        inner = child.block
        if not isinstance(inner, SelectBlock) or inner.closed or always_yields(inner):
            return []
        self.dimensions.register(inner)
        facts = closure(self.rows(inner), self.constants)
        own = frozenset[str]().union(*(source.keys() for source in inner.sources))
        made = []
        for fact in [*facts, *self.dimensions.of_block(inner, facts)]:
            outside = project(fact.predicate, lambda key: key not in own)
            if outside != TRUE:
                made.append(replace(fact, predicate=outside, edge=None, mentions=keys(outside), origin=id(node)))
        return made

    def _in(self, block: SelectBlock, child: Child, node: exp.Expr) -> list[Fact]:
        """Return what is known of ``x`` where ``x IN (subquery)`` is TRUE: not NULL, and what the output satisfies."""
        made: list[Fact] = []
        for tested, output, index in tested_columns(node, child, block, self.constants):
            present = NullCheck(Term(tested.column, "" if tested.functions else tested.type), negated=True)
            about = Fact(
                predicate=present,
                sql=shown(node, self.constants),
                rule="IN subquery",
                origin=id(node),
                mentions=frozenset({tested.column}),
            )
            made.append(about)
            kind = output.type if self.subqueries is None else self.subqueries.kind(child.block, index)
            if kind is None or not are_comparable(kind, tested.type):
                continue
            found = self.dimensions.of_output(tested, child.block, index, about)
            if not found and child.block.rows is None:
                found = self.dimensions.of_query(tested, child.block, index, kind, about)
            made += found
            if output.type is None:
                continue
            key = output_key(child.block, index)
            valued = (replace(fact, predicate=_of_values(fact.predicate, key)) for fact in self.outputs(child.block))
            known = _useful(moved(fact, {key: tested}) for fact in valued)
            made += [replace(fact, origin=id(node), rule="IN subquery") for fact in known]
        return made

    def _matching(self, join: Join, block: SelectBlock) -> list[Fact]:
        made = []
        naming = Naming(block=join.scope or block, aliases=Aliases.UNSEEN)
        nodes, rule = list(conjuncts(join.on)), f"ON of {join.kind} JOIN"
        for node in nodes:
            made += facts_of(node, naming, self.constants, rule)
        made += facts_of_all(nodes, naming, self.constants, rule)
        for left, right in join.using:
            name = f"USING ({left.column} = {right.column})"
            sides = in_one_type([left, right])
            if sides is not None:
                made.append(edge_fact(Edge(sides[0], Operator.EQ, sides[1]), name, "USING", id(join)))
        return made

    def _of_select(self, block: Block) -> list[Fact]:
        if not isinstance(block, SelectBlock) or block.tree is None or block.outputs is None or always_yields(block):
            return []
        group = barriers.grouping(block)
        targets: dict[str, Term | None] = {}
        computed: list[Fact] = []
        for index, output in enumerate(block.outputs):
            term, named = output.term, output_key(block, index)
            if term is None or not (group is None or group(term)):
                continue
            if term.functions:
                computed.append(_computed(Edge(Term(named, term.type), Operator.EQ, term)))
            else:
                targets.setdefault(term.column, Term(named, term.type))
        facts = closure([*self.rows(block), *computed], self.constants)
        for edge in computed:
            targets |= {key: Term(key, "") for key in edge.mentions if key.startswith(f"o{block.number}.")}
        return _useful(moved(fact, targets) for fact in facts)

    def _of_set(self, block: SetBlock) -> list[Fact]:
        sides = []
        for arm in (block.left, block.right):
            pairs = outputs_of_arm(block, arm).items()
            targets = {there.column: Term(here, there.type) for here, there in pairs if there is not None}
            sides.append([moved(fact, targets) for fact in self.outputs(arm)])
        if block.outputs is None:
            return []
        if block.kind is exp.Intersect:
            return [*sides[0], *sides[1]]
        return sides[0] if block.kind is exp.Except else either(sides)


def _computed(edge: Edge) -> Fact:
    """Return that an output column is computed so; it may be NULL."""
    mentions = frozenset({edge.left.column, edge.right.column})
    return Fact(predicate=TRUE, sql="", rule="", origin=-1, mentions=mentions, edge=edge)


def _of_values(predicate: Predicate, key: str) -> Predicate:
    """Return what a predicate says of rows in which a column is not NULL."""
    if isinstance(predicate, And | Or):
        joined = all_of if isinstance(predicate, And) else any_of
        return joined(*(_of_values(part, key) for part in predicate.parts))
    if not isinstance(predicate, NullCheck) or predicate.negated or predicate.term.functions:
        return predicate
    return FALSE if predicate.term.column == key else predicate


def _useful(facts: Iterable[Fact]) -> list[Fact]:
    """Leave out facts that say nothing any more."""
    return [fact for fact in facts if fact.predicate != TRUE]

"""Pushes the filters of a query down to its scans, from the outermost SELECT inwards.

A row of a source is *useful* if the answer could change without it. A *fact* is a predicate that every useful row
satisfies, so the files that hold no such row need not be read. Facts go two ways:

- **Up**, from a source to the query that reads it (``guarantees``): what its rows satisfy by themselves, for instance
  the WHERE of a common table expression. In a join, what one side guarantees restricts the other side too.
- **Down**, from a query to its sources (this module): what the answer needs of their rows.

How far a filter on a column *c* goes down:

=============================  =====================================================================================
Where it stands                Where it goes
=============================  =====================================================================================
``WHERE``                      to every source of the block
``HAVING``, ``QUALIFY``        below GROUP BY or a window only where *c* is one of the keys (``barriers``)
outside, on an output column   to the column that the output is a name of; a computed column stops it
outside a ``LIMIT``            nowhere: another row would take the place of one that was left out
``ON`` of an INNER JOIN        to both sides; ``a.x = b.y`` says of *x* what is known of *y*, and the other way round
``ON`` of a LEFT JOIN          to the right side only: a left row stays without a match
``WHERE`` on a LEFT JOIN       to the left side; to the right one only if it rejects NULL (``joins`` has all kinds)
``x IN (SELECT y …)``          what is known of *x* goes into the subquery, and what is known of *y* comes out of it
``EXISTS (SELECT …)``          what its WHERE says of columns from outside holds of the row outside
outside a CTE                  each reference asks for something: the CTE keeps what any of them asks for (OR)
outside ``UNION`` etc.         to both arms, by position, where the types agree
=============================  =====================================================================================

A worked example. ``region`` is a key of the grouping, so HAVING reaches ``orders``; the equality carries ``id < 100``
over to ``lines``; the ON says nothing of ``orders``, of which every row stays; the filter in the CTE is a guarantee.

>>> from gateway.model import Column
>>> from gateway.plan.analysis.prepare import prepare
>>> orders = [Column(name="id", type="BIGINT"), Column(name="day", type="DATE"), Column(name="region", type="VARCHAR")]
>>> lines = [Column(name="order_id", type="BIGINT"), Column(name="kind", type="VARCHAR")]
>>> prepared = prepare(
...     '''
...     WITH recent AS (SELECT * FROM orders WHERE day >= '2024-01-01')
...     SELECT r.region, count(*) AS lines
...     FROM recent AS r LEFT JOIN lines AS l ON l.order_id = r.id AND l.kind = 'x' AND r.region <> 'south'
...     WHERE r.id < 100
...     GROUP BY r.region
...     HAVING r.region = 'north' AND count(*) > 10
...     ''',
...     {"orders": orders, "lines": lines},
...     {"orders": ["id", "day", "region"], "lines": ["order_id", "kind"]},
...     {},
... )
>>> for scan in prepared.scans:
...     print(scan.table)
...     for used in scan.used:
...         print(f"  + {used.sql}  [{used.rule}]")
...     for unused in scan.unused:
...         print(f"  - {unused.sql}  ({unused.reason})")
orders
  + day >= '2024-01-01'  [WHERE]
  + r.id < 100  [WHERE]
  + r.region = 'north'  [HAVING]
  - l.order_id = r.id  (preserved side of LEFT JOIN)
  - r.region <> 'south'  (preserved side of LEFT JOIN)
lines
  + l.order_id = r.id  [ON of LEFT JOIN]
  + l.kind = 'x'  [ON of LEFT JOIN]
  + r.id < 100 AND l.order_id = r.id  [equality]
  + l.order_id = r.id  [dimension]
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from gateway.plan.analysis import barriers, joins
from gateway.plan.analysis.closing import closure
from gateway.plan.analysis.conditional import Conditional
from gateway.plan.analysis.conjuncts import facts_of
from gateway.plan.analysis.excluded import Excluded
from gateway.plan.analysis.facts import Fact, about, either, moved, substitute
from gateway.plan.analysis.guarantees import Guarantees
from gateway.plan.analysis.names import Aliases
from gateway.plan.analysis.ranked import Ranking
from gateway.plan.analysis.reasons import Reason
from gateway.plan.analysis.sources import (
    Block,
    Child,
    Cte,
    Leaf,
    SelectBlock,
    SetBlock,
    Source,
    Tree,
    output_key,
    outputs_of_arm,
)
from gateway.plan.analysis.subqueries import conditions, is_evaluated_per_row, membership_edges
from gateway.plan.analysis.terms import Naming
from gateway.plan.analysis.windowed import Windowed
from gateway.predicate import TRUE, Term

_INSIDE = {"having": (Reason.GROUP_BY,), "qualify": (Reason.WINDOW, Reason.GROUP_BY)}
"""Clauses that filter after a construct of their SELECT, and which constructs those are."""


@dataclass(slots=True, kw_only=True)
class Walk:
    """Gathers, for each scan by its position in text order, the facts that reach it.

    ``references`` counts the references to each common table expression, by the identity of its node.
    """

    guarantees: Guarantees
    ranking: Ranking
    conditional: Conditional
    excluded: Excluded
    windowed: Windowed
    references: Mapping[int, int]
    reached: dict[int, list[Fact]] = field(default_factory=dict)

    def query(self, block: Block, required: Sequence[Fact], outer: Sequence[Fact]) -> None:
        """Walk one block and all inside it.

        *required* are facts about its output rows from outside; *outer* are facts about the rows of the blocks around
        it, for each of which it is evaluated.
        """
        if isinstance(block, SelectBlock):
            self._select(block, required, outer)
        elif isinstance(block, SetBlock):
            self._set(block, required, outer)
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
        self.query(cte.block, [] if whole else either(cte.requests), [])

    def _set(self, block: SetBlock, required: Sequence[Fact], outer: Sequence[Fact]) -> None:
        for arm in (block.left, block.right):
            targets = outputs_of_arm(block, arm)
            facts = [moved(fact, targets, Reason.TYPES_OF_ARMS) for fact in required]
            self.query(arm, [fact.block(block.closed) for fact in facts] if block.closed else facts, outer)

    def _select(self, block: SelectBlock, required: Sequence[Fact], outer: Sequence[Fact]) -> None:
        self.guarantees.dimensions.register(block)
        rows = [*outer, *self.guarantees.where(block), *self._below_clauses(block, required)]
        rows += [*self.ranking.facts(block), *self.conditional.facts(block, required)]
        rows += self.windowed.facts(block, required)
        if block.tree is not None:
            if block.closed:
                self._close(block, rows, block.closed)
            else:
                self._tree(block.tree, block, [*rows, *self.excluded.where(block)])
                rows += self.guarantees.tree(block.tree, block)
        constants = self.guarantees.constants
        for child in block.children.values():
            around = [fact for fact in rows if child.conjunct is None or fact.origin != child.conjunct]
            known = outer if block.closed or not is_evaluated_per_row(block, child) else closure(around, constants)
            self._child(block, child, list(known))

    def _close(self, block: SelectBlock, rows: Sequence[Fact], reason: Reason) -> None:
        for source in block.sources:
            self._source(source, [fact.block(reason) for fact in rows])

    def _child(self, block: SelectBlock, child: Child, around: list[Fact]) -> None:
        """Walk a subquery; facts about the tested column of a positive IN hold of its output too."""
        edges = membership_edges(block, child, self.guarantees.constants)
        required: list[Fact] = []
        if edges:
            outputs = frozenset(output_key(child.block, index) for index in range(len(child.block.outputs or ())))
            required = about(closure([*around, *edges], self.guarantees.constants), outputs)
        self.query(child.block, required, around)

    def _below_clauses(self, block: SelectBlock, required: Sequence[Fact]) -> list[Fact]:
        """Carry facts about the output, and those of HAVING and QUALIFY, to the rows that they may filter."""
        targets = {output_key(block, index): output.term for index, output in enumerate(block.outputs or ())}
        outside = [moved(fact, targets, Reason.COMPUTED_COLUMN) for fact in required]
        made = [_passed(block, fact, tuple(barriers.RULES)) for fact in outside]
        for clause, inside in _INSIDE.items():
            naming = Naming(block=block, aliases=Aliases.BESIDE)
            for node in conditions(block, clause):
                facts = facts_of(node, naming, self.guarantees.constants, clause.upper())
                made += [_passed(block, replace(fact, edge=None), inside) for fact in facts]
        return made

    def _tree(self, tree: Tree, block: SelectBlock, above: Sequence[Fact]) -> None:
        """Carry facts about the rows of a join tree to its leaves."""
        if isinstance(tree, Leaf):
            facts = (
                [fact.block(tree.barrier) for fact in above]
                if tree.barrier
                else closure(above, self.guarantees.constants)
            )
            self._source(tree.source, facts)
            return
        left, right = joins.RULES[tree.kind](
            joins.Meeting(
                above=list(above),
                on=self.guarantees.on(tree, block),
                left=self.guarantees.tree(tree.left, block),
                right=self.guarantees.tree(tree.right, block),
                left_keys=tree.left.keys(),
                right_keys=tree.right.keys(),
                constants=self.guarantees.constants,
            )
        )
        self._tree(tree.left, block, [*left, *self.excluded.join(tree, block, above)])
        self._tree(tree.right, block, right)

    def _source(self, source: Source, facts: list[Fact]) -> None:
        """Hand a source the facts about it: a scan is reached, the block of a subquery is walked."""
        known = {fact.predicate for fact in self.guarantees.source(source)} - {TRUE}
        facts = [*facts, *self.guarantees.dimensions.of_source(source, facts)]
        own = [fact for fact in about(facts, source.keys()) if fact.predicate not in known]
        if source.scan is not None:
            self.reached[source.scan] = own
            return
        inner = source.cte.block if source.cte is not None else source.block
        required = [] if inner is None else [moved(fact, _outputs(source, inner), Reason.TYPE) for fact in own]
        if source.cte is not None:
            source.cte.requests.append(required)
        elif inner is not None:
            self.query(inner, required, facts)


def _outputs(source: Source, inner: Block) -> dict[str, Term | None]:
    """Map the columns of a source to the output columns of the block that it reads."""
    return {
        source.key(index): Term(output_key(inner, index), kind) if kind is not None else None
        for index, (_, kind) in enumerate(source.columns or ())
    }


def _passed(block: SelectBlock, fact: Fact, constructs: Sequence[Reason]) -> Fact:
    """Weaken a fact to the terms that may be filtered before these constructs of a block."""
    for construct in constructs:
        passes = barriers.RULES[construct](block)
        if passes is None:
            continue
        weaker = substitute(fact.predicate, lambda term, test=passes: term if test(term) else None)  # type: ignore[misc]  # a default binds the loop's value
        is_lost = fact.predicate != TRUE and weaker == TRUE
        fact = fact.block(construct) if is_lost else replace(fact, predicate=weaker)
    return fact

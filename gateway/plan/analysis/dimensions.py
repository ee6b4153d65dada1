"""Dynamic partition pruning: in a join with a filtered table, the keys that its filter leaves restrict the other side.

The keys are not known when a text is prepared. They are slots, whose values are read from the filtered table (the
*dimension*) before the files of the other one are selected.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from gateway.plan.analysis import barriers
from gateway.plan.analysis.aggregation import always_yields
from gateway.plan.analysis.closing import closure, keep_bounds
from gateway.plan.analysis.computed import is_opaque
from gateway.plan.analysis.constants import Aspect, Constants, Dimension
from gateway.plan.analysis.facts import MIRRORED, Fact, Related, compose, leaves, project, substitute
from gateway.plan.analysis.leaves.among import among, related
from gateway.plan.analysis.sources import SelectBlock, Source
from gateway.predicate import (
    TRUE,
    And,
    Comparison,
    Condition,
    Elsewhere,
    Function,
    Membership,
    NullCheck,
    Operator,
    Outside,
    Predicate,
    Term,
    all_of,
)

RULE = "dimension"
_DEEP = 2
"""Sources between a scan and the dimension of a dimension that prunes it."""


@dataclass(frozen=True, slots=True)
class DimensionKey:
    """A column of a scan, and what is known of the rows that matter."""

    source: Source
    term: Term
    known: Predicate


@dataclass(slots=True, kw_only=True)
class Dimensions:
    """Derives facts from the keys of filtered scans. *names* are the columns of each scan; *rows* what a block says."""

    constants: Constants
    names: Sequence[Sequence[str]]
    rows: Callable[[SelectBlock], list[Fact]]
    _sources: dict[str, Source] = field(default_factory=dict)
    _known: dict[tuple[int, int], tuple[Sequence[Fact], Predicate]] = field(default_factory=dict)

    def register(self, block: SelectBlock) -> None:
        """Note the sources of a block."""
        for source in (*block.sources, *block.unnested.values()):
            self._sources.update(dict.fromkeys(source.keys(), source))

    def of_source(self, source: Source, facts: Sequence[Fact]) -> list[Fact]:
        """Return what the (closed) facts about a source and its neighbours say of its keys."""
        own = source.keys()
        return list(self._across(facts, lambda key: key in own, frozenset({source.number})))

    def of_block(self, block: SelectBlock, facts: Sequence[Fact]) -> list[Fact]:
        """Return what the (closed) facts of a subquery say of the columns around it."""
        own = frozenset[str]().union(*(source.keys() for source in block.sources))
        return list(self._across(facts, lambda key: key not in own))

    def of_output(self, tested: Term, block: SelectBlock, index: int, about: Fact) -> list[Fact]:
        """Return what ``tested IN (block)`` says of *tested*: the block need not filter."""
        self.register(block)
        key = self._below(block, index, Term("", tested.type))
        return [] if key is None else [self._fact(tested, key, about)]

    def _across(
        self, facts: Sequence[Fact], wanted: Callable[[str], bool], around: frozenset[int] = frozenset()
    ) -> Iterator[Fact]:
        for fact in facts:
            edge = fact.edge
            if isinstance(edge, Related):
                yield from self._related(edge, fact, facts, wanted, around)
            if edge is None or edge.operator is Operator.NE:
                continue
            for here, operator, there in (
                (edge.left, edge.operator, edge.right),
                (edge.right, MIRRORED[edge.operator], edge.left),
            ):
                if not wanted(here.column) or wanted(there.column):
                    continue
                key = self._key(there, facts, around)
                if key is not None and (key.source.listed is not None or _filters(key)):
                    yield self._fact(here, key, fact, operator)

    def _related(
        self,
        edge: Related,
        fact: Fact,
        facts: Sequence[Fact],
        wanted: Callable[[str], bool],
        around: frozenset[int],
    ) -> Iterator[Fact]:
        """Say of a column that a condition may hold of it and one of the values of a column of a dimension."""
        for here, there in ((edge.left, edge.right), (edge.right, edge.left)):
            if not wanted(here.column) or wanted(there.column):
                continue
            key = self._key(there, facts, around)
            if key is None or key.source.listed is not None or not _filters(key, any_column=True):
                continue
            made = self._compared(Term(here.column, there.type), key, fact, Operator.EQ)
            leaf = made.predicate.parts[0] if isinstance(made.predicate, And) else made.predicate
            if isinstance(leaf, Membership):
                asked = related(edge, here, there, leaf.slots[0], self.constants)
                yield replace(made, predicate=asked)

    def _key(self, found: Term, facts: Sequence[Fact], around: frozenset[int]) -> DimensionKey | None:
        """Follow a term to the scan that its column comes from; *around* are the sources that it is followed for."""
        source = self._sources.get(found.column)
        if source is None or source.number in around:
            return None
        if source.listed is not None:
            return DimensionKey(source, found, TRUE)
        if source.scan is not None:
            own = source.keys()
            # A dimension may itself be filtered by another one; further ones would be looked for along every path.
            deep = len(around) >= _DEEP
            further = [] if deep else list(self._across(facts, lambda key: key in own, around | {source.number}))
            filtered = (project(fact.predicate, lambda key: key in own) for fact in further)
            return DimensionKey(source, found, all_of(self._own(source, facts), *filtered))
        inner = source.cte.block if source.cte is not None and not source.cte.recursive else source.block
        if not isinstance(inner, SelectBlock):
            return None
        return self._below(inner, int(found.column.partition(".")[2]), found, around | {source.number})

    def _own(self, source: Source, facts: Sequence[Fact]) -> Predicate:
        """Return what facts say of a source, computed once for each list of them."""
        kept = self._known.get((id(facts), source.number))
        if kept is None:
            own = source.keys()
            known = all_of(*(project(fact.predicate, lambda key: key in own) for fact in facts))
            kept = self._known[id(facts), source.number] = (facts, known)  # the list lives as long as its identity
        return kept[1]

    def _below(
        self, block: SelectBlock, index: int, above: Term, around: frozenset[int] = frozenset()
    ) -> DimensionKey | None:
        output = block.outputs[index] if block.outputs is not None else None
        group = barriers.grouping(block)
        if output is None or output.computed is None or block.closed or always_yields(block):
            return None
        if group is not None and not group(output.computed):
            return None
        self.register(block)
        return self._key(compose(output.computed, above), closure(self.rows(block), self.constants), around)

    def _fact(self, here: Term, key: DimensionKey, about: Fact, operator: Operator = Operator.EQ) -> Fact:
        """Say of a term that it compares with the keys of a dimension."""
        made = self._compared(here, key, about, operator)
        if not is_opaque(here):
            return made
        leaf = made.predicate.parts[0] if isinstance(made.predicate, And) else made.predicate
        source, index = self._sources.get(here.column), int(here.column.partition(".")[2])
        kind = None if source is None or source.columns is None else source.columns[index][1]
        lists = isinstance(leaf, Membership) and leaf.is_list and kind is not None
        asked = (
            among(here, kind or "", leaf.slots[0], self.constants) if lists and isinstance(leaf, Membership) else None
        )
        return replace(made, predicate=TRUE if asked is None else asked)

    def _compared(self, here: Term, key: DimensionKey, about: Fact, operator: Operator) -> Fact:
        if key.source.listed is not None:
            return replace(
                about, predicate=self._members(here, key, operator), edge=None, mentions=frozenset({here.column})
            )
        scan = key.source.scan or 0
        index = int(key.term.column.partition(".")[2])
        names = self.names[scan]
        predicate = substitute(
            key.known,
            lambda term: Term(names[int(term.column.partition(".")[2])], term.type, term.functions),
        )
        values, least, greatest = (
            self.constants.add(
                Dimension(scan, names[index], key.term.type, predicate, aspect, functions=key.term.functions)
            )
            for aspect in Aspect
        )
        among: list[Predicate] = [Membership(here, (values,), is_list=True)] if operator is Operator.EQ else []
        if operator in (Operator.EQ, Operator.GT, Operator.GE):
            among.append(Comparison(here, Operator.GT if operator is Operator.GT else Operator.GE, least))
        if operator in (Operator.EQ, Operator.LT, Operator.LE):
            among.append(Comparison(here, Operator.LT if operator is Operator.LT else Operator.LE, greatest))
        return Fact(
            predicate=all_of(*among), sql=about.sql, rule=RULE, origin=about.origin, mentions=frozenset({here.column})
        )

    def _members(self, here: Term, key: DimensionKey, operator: Operator) -> Predicate:
        """Say of a term that it is one of the members of a list, or below or above one."""
        listed, functions = key.source.listed, key.term.functions
        assert listed is not None
        found: list[Predicate] = []
        if operator is Operator.EQ and listed.values is not None:
            slot = self._applied(self.constants.list_slot(listed.values, listed.type), listed.type, functions, None)
            return TRUE if slot is None else Membership(here, (slot,), is_list=True)
        if not keep_bounds(functions):
            return TRUE
        if operator in (Operator.EQ, Operator.GT, Operator.GE):
            slot = self._applied(self.constants.slot(listed.least, listed.type), listed.type, functions, False)
            bound = Operator.GT if operator is Operator.GT else Operator.GE
            found += [] if slot is None else [Comparison(here, bound, slot)]
        if operator in (Operator.EQ, Operator.LT, Operator.LE):
            step = -1 if listed.open else 0
            slot = self._applied(self.constants.slot(listed.greatest, listed.type), listed.type, functions, True, step)
            bound = Operator.LT if operator is Operator.LT else Operator.LE
            found += [] if slot is None else [Comparison(here, bound, slot)]
        return all_of(*found)

    def _applied(
        self, slot: int | None, kind: str, functions: tuple[Function, ...], upper: bool | None, step: int = 0
    ) -> int | None:
        if slot is None or not (functions or step):
            return slot
        return self.constants.carried(slot, kind, functions, upper, step)


def _filters(key: DimensionKey, any_column: bool = False) -> bool:
    """Return whether a scan is filtered by more than its key, which the other side is filtered by already."""
    return key.known != TRUE and any(
        not isinstance(leaf, Condition | Outside | Elsewhere)
        and (any_column or leaf.term.column != key.term.column or is_opaque(key.term))
        and not (isinstance(leaf, NullCheck) and leaf.negated)
        for leaf in leaves(key.known)
    )

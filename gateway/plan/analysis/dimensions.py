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
from gateway.plan.analysis.computed import is_opaque, others_in, with_others
from gateway.plan.analysis.conjuncts import in_one_type
from gateway.plan.analysis.constants import Aspect, Constants, Dimension
from gateway.plan.analysis.dimension_query import is_told
from gateway.plan.analysis.facts import Fact, Loose, Related, compose, either_way, leaves, place_of, project, substitute
from gateway.plan.analysis.injective import unwrapped
from gateway.plan.analysis.leaves.among import among, related
from gateway.plan.analysis.lists import Listed
from gateway.plan.analysis.sources import Block, SelectBlock, Source
from gateway.plan.analysis.uncorrelated import Subqueries
from gateway.predicate import (
    BUCKET,
    TRUE,
    And,
    Comparison,
    Condition,
    Elsewhere,
    Function,
    Leaf,
    Membership,
    NullCheck,
    Operator,
    Outside,
    Predicate,
    Term,
    all_of,
    any_of,
    terms_of,
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
    subqueries: Subqueries | None = None
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

    def of_output(self, tested: Term, block: Block, index: int, about: Fact) -> list[Fact]:
        """Return what ``tested IN (block)`` says of *tested*: the block need not filter."""
        if not isinstance(block, SelectBlock):
            return []
        self.register(block)
        key = self._below(block, index, Term("", tested.type))
        return [] if key is None else [self._fact(tested, key, about)]

    def of_query(self, tested: Term, block: Block, index: int, kind: str, about: Fact) -> list[Fact]:
        """Return what ``tested IN (block)`` says of *tested* where the block has to be read as it is."""
        values = None if self.subqueries is None else self.subqueries.values(block, index, kind)
        if values is None:
            return []
        listed = Listed(type=kind, name="", values=values, least=values, greatest=values)
        return [self._fact(tested, DimensionKey(_rows_of(listed), Term("", kind), TRUE), about)]

    def _across(
        self, facts: Sequence[Fact], wanted: Callable[[str], bool], around: frozenset[int] = frozenset()
    ) -> Iterator[Fact]:
        for fact in facts:
            edge = fact.edge
            if isinstance(edge, Related):
                yield from self._related(edge, fact, facts, wanted, around)
            if isinstance(edge, Loose):
                yield from self._loose(edge, fact, facts, wanted, around)
            if edge is None or edge.operator is Operator.NE:
                continue
            for here, operator, there in either_way(edge.left, edge.operator, edge.right):
                if not wanted(here.column) or wanted(there.column):
                    continue
                key = self._key(there, facts, around)
                if key is not None and (key.source.listed is not None or self._filters(key)):
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
            if key is None or key.source.listed is not None or not self._filters(key, any_column=True):
                continue
            made = self._compared(Term(here.column, there.type), key, fact, Operator.EQ)
            leaf = made.predicate.parts[0] if isinstance(made.predicate, And) else made.predicate
            if isinstance(leaf, Membership):
                asked = related(edge, here, there, leaf.slots[0], self.constants)
                yield replace(made, predicate=asked)

    def _loose(
        self,
        edge: Loose,
        fact: Fact,
        facts: Sequence[Fact],
        wanted: Callable[[str], bool],
        around: frozenset[int],
    ) -> Iterator[Fact]:
        """Say of a term that it compares with an expression of the rows of a dimension, or with that of no row."""
        here, there = edge.left, edge.right
        if not wanted(here.column) or wanted(there.column):
            return
        # In the rows of a query the columns may be NULL one by one, as in a ROLLUP.
        key = self._key(there, facts, around)
        if key is None or key.source is not self._sources.get(there.column) or not self._filters(key):
            return
        made = self._compared(here, key, fact, edge.compared)
        also = None if key.source.certain else edge
        predicate = self._asked(here, made.predicate, also) if is_opaque(here) else made.predicate
        if also is not None and not is_opaque(here):
            predicate = any_of(predicate, Comparison(here, edge.compared, edge.slot))
        absent = [NullCheck(Term(here.column, self._type(here) or ""))] if edge.nullable else []
        yield replace(made, predicate=any_of(predicate, *absent))

    def _key(self, found: Term, facts: Sequence[Fact], around: frozenset[int]) -> DimensionKey | None:
        """Follow a term to the scan that its column comes from; *around* are the sources that it is followed for."""
        source = self._sources.get(found.column)
        if source is None or source.number in around:
            return None
        if source.listed is not None:
            return DimensionKey(source, found, TRUE)
        if source.scan is not None:
            own = source.keys()
            if not own.issuperset(others_in(found)):
                return None
            # A dimension may itself be filtered by another one; further ones would be looked for along every path.
            deep = len(around) >= _DEEP
            further = [] if deep else list(self._across(facts, lambda key: key in own, around | {source.number}))
            filtered = (project(fact.predicate, lambda key: key in own) for fact in further)
            return DimensionKey(source, found, all_of(self._own(source, facts), *filtered))
        inner = source.cte.block if source.cte is not None and not source.cte.recursive else source.block
        index = place_of(found.column)
        key = self._below(inner, index, found, around | {source.number}) if isinstance(inner, SelectBlock) else None
        if key is not None or self.subqueries is None:
            return key
        listed = self.subqueries.listed(source, index)
        return None if listed is None else DimensionKey(_rows_of(listed), found, TRUE)

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
        below = with_others(above, lambda key: _plain_column(block, key))
        if below is None:
            return None
        self.register(block)
        return self._key(compose(output.computed, below), closure(self.rows(block), self.constants), around)

    def _fact(self, here: Term, key: DimensionKey, about: Fact, operator: Operator = Operator.EQ) -> Fact:
        """Say of a term that it compares with the keys of a dimension."""
        if operator is Operator.EQ and key.source.listed is None:
            sides = in_one_type(list(unwrapped(here, key.term, self._type)))
            here, key = (here, key) if sides is None else (sides[0], replace(key, term=sides[1]))
        made = self._compared(here, key, about, operator)
        return replace(made, predicate=self._asked(here, made.predicate)) if is_opaque(here) else made

    def _asked(self, here: Term, members: Predicate, also: Loose | None = None) -> Predicate:
        """Say what a Membership says of an opaque term; TRUE where nothing tells."""
        leaf, kind = members.parts[0] if isinstance(members, And) else members, self._type(here)
        if kind is None or not isinstance(leaf, Membership) or not leaf.is_list:
            return TRUE
        return among(here, kind, leaf.slots[0], self.constants, None if also is None else also.at_null)

    def _type(self, here: Term) -> str | None:
        """Return the type of the column that a term is of."""
        source = self._sources.get(here.column)
        return None if source is None or source.columns is None else source.columns[place_of(here.column)][1]

    def _compared(self, here: Term, key: DimensionKey, about: Fact, operator: Operator) -> Fact:
        if key.source.listed is not None:
            return replace(
                about, predicate=self._members(here, key, operator), edge=None, mentions=frozenset({here.column})
            )
        scan = key.source.scan or 0
        term, predicate = self._named(key, key.term), substitute(key.known, lambda term: self._named(key, term))
        if term is None:
            return replace(about, predicate=TRUE, edge=None)
        values, least, greatest = (
            self.constants.add(Dimension(scan, term.column, term.type, predicate, aspect, functions=term.functions))
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

    def _named(self, key: DimensionKey, term: Term) -> Term | None:
        """Return a term with the names of the columns of its scan; None where its rows do not tell it."""
        names, own = self.names[key.source.scan or 0], key.source.keys()
        found = with_others(term, lambda other: names[place_of(other)] if other in own else None)
        if found is None or any(function.name == BUCKET for function in found.functions):
            return None
        return replace(found, column=names[place_of(term.column)])

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

    def _filters(self, key: DimensionKey, any_column: bool = False) -> bool:
        """Return whether a scan is filtered by more than its key, which the other side is filtered by already."""
        return key.known != TRUE and any(
            self._is_told(leaf)
            and (any_column or is_opaque(key.term) or any(term.column != key.term.column for term in terms_of(leaf)))
            for leaf in leaves(key.known)
        )

    def _is_told(self, leaf: Leaf) -> bool:
        """Return whether a leaf leaves rows of a dimension out."""
        if isinstance(leaf, Outside | Elsewhere):
            return is_told(leaf, self.constants.slots)
        return not isinstance(leaf, Condition) and not (isinstance(leaf, NullCheck) and leaf.negated)


def _rows_of(listed: Listed) -> Source:
    """Return a source whose one column has the members of a list."""
    return Source(number=-1, name="", columns=((listed.name, listed.type),), listed=listed)


def _plain_column(block: SelectBlock, key: str) -> str | None:
    """Return the key of the column that an output of a block is, where it is no more."""
    output = block.outputs[place_of(key)] if block.outputs is not None else None
    found = None if output is None else output.term
    return None if found is None or found.functions else found.column

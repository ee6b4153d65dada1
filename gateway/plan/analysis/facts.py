"""Facts: what is known of every useful row, as predicates over the columns of a query's sources.

During the analysis the column of a ``Term`` is a *key*, unique in the statement: ``s3.carrier`` is a column of the
source numbered 3, ``o5.0`` the first output column of the block numbered 5.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from gateway.plan.analysis.reasons import Reason
from gateway.predicate import (
    TRUE,
    And,
    Condition,
    Elsewhere,
    Everything,
    Leaf,
    Membership,
    Nothing,
    NullCheck,
    Operator,
    Or,
    Predicate,
    Term,
    all_of,
    any_of,
    terms_of,
)

T = TypeVar("T")
MIRRORED: Final = {
    Operator.EQ: Operator.EQ,
    Operator.NE: Operator.NE,
    Operator.LT: Operator.GT,
    Operator.LE: Operator.GE,
    Operator.GT: Operator.LT,
    Operator.GE: Operator.LE,
}


def either_way(left: T, operator: Operator, right: T) -> tuple[tuple[T, Operator, T], tuple[T, Operator, T]]:
    """Return a comparison as it is, and as it reads from its other side."""
    return (left, operator, right), (right, MIRRORED[operator], left)


@dataclass(frozen=True, slots=True)
class Edge:
    """``left operator right`` between two columns, both perhaps under known functions, compared in one type."""

    left: Term
    operator: Operator
    right: Term


@dataclass(frozen=True, slots=True)
class Related(Edge):
    """A condition of two columns that is no comparison of terms: its SQL, in which they stand by ``names``.

    Its operator is ``<>``, by which nothing follows from one column for the other.
    """

    sql: str
    names: tuple[tuple[str, str], ...]
    """The names in the SQL, each with the key of its column."""
    parameters: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Loose(Edge):
    """``left compared right`` where an expression on the right may be a value though a column of it is NULL.

    Its operator is ``<>``, by which nothing follows from one side for the other: the functions of facts are strict.
    ``at_null`` is the SQL of the right side where all its columns are NULL, ``slot`` that of its value.
    ``nullable``: the left side may be a value for NULL too.
    """

    compared: Operator
    at_null: str
    slot: int
    nullable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A predicate that every useful row satisfies, where it came from, and why it may not be used here.

    ``mentions`` are the keys that the filter speaks of; they outlive the predicate, so that each scan can say
    which filters on its columns were not used. ``origin`` is the identity of the conjunct in the statement; ``passed``
    are the keys of the columns that it was about before comparisons carried it to others.
    """

    predicate: Predicate
    sql: str
    rule: str
    origin: int
    mentions: frozenset[str]
    edge: Edge | None = None
    blocked: str | None = None
    passed: frozenset[str] = frozenset()

    def block(self, reason: Reason) -> Fact:
        """Return the fact as one that may no longer be used, for *reason*."""
        return replace(self, predicate=TRUE, edge=None, blocked=self.blocked or reason)


def keys(predicate: Predicate) -> frozenset[str]:
    """Return the columns that a predicate speaks of."""
    return frozenset(term.column for leaf in leaves(predicate) for term in terms_of(leaf))


def place_of(key: str) -> int:
    """Return which column of its source or block a key is of."""
    return int(key.partition(".")[2])


def are_of_one_source(terms: Iterable[Term]) -> bool:
    """Return whether the keys of terms are those of one source or block."""
    return len({term.column.partition(".")[0] for term in terms}) == 1


def leaves(predicate: Predicate) -> Iterator[Leaf]:
    """Walk the leaves of a predicate."""
    if isinstance(predicate, And | Or):
        for part in predicate.parts:
            yield from leaves(part)
    elif not isinstance(predicate, Everything | Nothing):
        yield predicate


def slots_of(predicate: Predicate) -> frozenset[int]:
    """Return the slots of the constants of a predicate."""
    found = [
        leaf.slots if isinstance(leaf, Membership) else (leaf.slot,)
        for leaf in leaves(predicate)
        if not isinstance(leaf, NullCheck)
    ]
    return frozenset(slot for slots in found for slot in slots)


def substitute(predicate: Predicate, change: Callable[[Term], Term | None]) -> Predicate:
    """Replace the terms of a predicate; a leaf whose term becomes None becomes TRUE, which keeps more rows."""
    match predicate:
        case And(parts):
            return all_of(*(substitute(part, change) for part in parts))
        case Or(parts):
            return any_of(*(substitute(part, change) for part in parts))
        case Everything() | Nothing() | Condition():
            return predicate
        case Elsewhere(terms):
            found = [change(term) for term in terms]
            known = tuple(term for term in found if term is not None)
            return replace(predicate, terms=known) if len(known) == len(terms) else TRUE
        case _:
            term = change(predicate.term)
            return TRUE if term is None else replace(predicate, term=term)


def project(predicate: Predicate, keep: Callable[[str], bool]) -> Predicate:
    """Weaken a predicate to one over the columns that *keep* accepts."""
    return substitute(predicate, lambda term: term if keep(term.column) else None)


def compose(inner: Term, outer: Term) -> Term:
    """Return *outer* with its column replaced by the term *inner*."""
    return Term(inner.column, outer.type, inner.functions + outer.functions)


def moved(fact: Fact, targets: Mapping[str, Term | None], reason: Reason | None = None) -> Fact:
    """Say a fact of other columns: of the *targets* of its own.

    It is weakened to the columns that have a target; where nothing is left of it, *reason* says why. An edge stays
    behind, and its predicate (neither side is NULL) goes along.
    """

    def change(term: Term) -> Term | None:
        to = targets.get(term.column)
        return None if to is None else compose(to, term)

    there = [to.column for key in fact.mentions if (to := targets.get(key)) is not None]
    made = replace(fact, predicate=substitute(fact.predicate, change), edge=None, mentions=frozenset(there))
    is_lost = fact.predicate != TRUE and made.predicate == TRUE
    return made.block(reason) if is_lost and reason is not None else made


def about(facts: Iterable[Fact], columns: frozenset[str]) -> list[Fact]:
    """Return what facts say of some columns, and the notes on those columns."""
    made: list[Fact] = []
    for fact in facts:
        if columns.isdisjoint(fact.mentions):
            continue
        own = project(fact.predicate, lambda key: key in columns)
        weaker = replace(fact, predicate=own, mentions=fact.mentions & columns, edge=None)
        is_lost = fact.predicate != TRUE and own == TRUE
        made.append(weaker.block(Reason.FOREIGN_COLUMN) if is_lost else weaker)
    return made


def either(groups: Sequence[Sequence[Fact]]) -> list[Fact]:
    """Return what holds where one of several groups of facts does."""
    if len(groups) == 1:
        return list(groups[0])
    whole = any_of(*(all_of(*(fact.predicate for fact in group)) for group in groups)) if groups else TRUE
    texts = [" AND ".join(dict.fromkeys(f.sql for f in group if f.predicate != TRUE)) or "TRUE" for group in groups]
    mentions = frozenset().union(*(fact.mentions for group in groups for fact in group))
    sql = " OR ".join(f"({text})" for text in dict.fromkeys(texts))
    reason = Reason.OTHER_REFERENCE if whole == TRUE else None
    return [Fact(predicate=whole, sql=sql, rule="any reference", origin=-1, mentions=mentions, blocked=reason)]


def without(facts: Iterable[Fact], hidden: frozenset[str]) -> list[Fact]:
    """Weaken facts to what they say of columns that are not *hidden*."""
    kept = []
    for fact in facts:
        if hidden.isdisjoint(fact.mentions):
            kept.append(fact)
            continue
        weaker = project(fact.predicate, lambda key: key not in hidden)
        if weaker != TRUE:
            kept.append(replace(fact, predicate=weaker, edge=None, mentions=fact.mentions - hidden))
    return kept


def rejects_null(facts: Iterable[Fact], columns: frozenset[str]) -> bool:
    """Return whether no row whose *columns* are all NULL satisfies the facts."""
    return any(not _may_hold_on_null(fact.predicate, columns) for fact in facts)


def _may_hold_on_null(predicate: Predicate, columns: frozenset[str]) -> bool:
    match predicate:
        case And(parts):
            return all(_may_hold_on_null(part, columns) for part in parts)
        case Or(parts):
            return any(_may_hold_on_null(part, columns) for part in parts)
        case Everything() | Condition():
            return True
        case Nothing():
            return False
        case NullCheck(term, negated):
            return term.column not in columns or not negated
        case _:
            # Every function that a term may hold gives NULL for NULL, and NULL compares as neither TRUE nor FALSE.
            return columns.isdisjoint(term.column for term in terms_of(predicate))

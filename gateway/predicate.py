"""Predicates over the rows of one table, shared by the planner and the catalog.

A predicate is a tree of AND and OR over leaves; a leaf compares a *term* (a column, possibly under known functions)
with constants. The constants are not in the tree: a leaf has the index of a *slot*, and the values of all slots are
computed for each request. So a predicate is built once, when a template is loaded.

A leaf holds for a row where SQL evaluates it to TRUE (not FALSE, not NULL). Negation is pushed down into the leaves
when the tree is built, so AND and OR are the only connectives. Both are monotone: replacing any subtree by ``TRUE``
only keeps more rows. That is why a condition that is not understood can be dropped safely.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Union


class Operator(StrEnum):
    """SQL comparison operators; the value is the SQL spelling."""

    EQ = "="
    NE = "<>"
    LT = "<"
    LE = "<="
    GT = ">"
    GE = ">="


EXPRESSION: Final = "expression"
"""The name of a function of which only its SQL is known, over a column named ``PLACE``.

Its further arguments are further columns of the same row, which are named ``PLACE`` with a number from 1 on.
"""
PLACE: Final = "__column"
BUCKET: Final = "bucket"
"""The name of the function that makes the number of its bucket of a value: of how many, and of which type it is."""


@dataclass(frozen=True, slots=True)
class Function:
    """A deterministic function of one column, with constant arguments, e.g. ``date_trunc('month', ·)`` or a cast.

    ``name`` is lower case; a cast is ``Function("cast", ("DATE",))``. ``returns`` is the DuckDB type of its value, and
    of NULL it makes NULL.
    """

    name: str
    arguments: tuple[str | int, ...]
    returns: str


@dataclass(frozen=True, slots=True)
class Term:
    """A column of the scanned table with the functions applied to it, innermost first."""

    column: str
    type: str
    """DuckDB type of the whole term: of the column when there is no function, else of the last function."""
    functions: tuple[Function, ...] = ()


@dataclass(frozen=True, slots=True)
class Everything:
    """Always holds: nothing is known."""


@dataclass(frozen=True, slots=True)
class Nothing:
    """Never holds."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """``term operator slot``: both sides are of ``term.type``, and the engine compares them in that type."""

    term: Term
    operator: Operator
    slot: int


@dataclass(frozen=True, slots=True)
class Membership:
    """``term [NOT] IN (slots…)``, or in the one list that a single slot holds (``is_list``).

    NULL members are ignored by IN, and make NOT IN never hold; those of a list (``is_list``) are ignored by both.
    """

    term: Term
    slots: tuple[int, ...]
    is_list: bool = False
    negated: bool = False


@dataclass(frozen=True, slots=True)
class NullCheck:
    """``term IS [NOT] NULL``."""

    term: Term
    negated: bool = False


@dataclass(frozen=True, slots=True)
class StartsWith:
    """``term LIKE 'prefix%'``: the slot holds the literal prefix, without wildcards or escapes."""

    term: Term
    slot: int
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Outside:
    """``term`` is a value, and lies in none of the ranges that the slot lists: pairs of values, both included.

    Of a text and None the range is all that begins with the text.
    """

    term: Term
    slot: int


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """All *terms* are values, which lie together in none of the boxes that the slot lists.

    A box has a pair of values for each term, both included.
    """

    terms: tuple[Term, ...]
    slot: int


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition on the request alone, e.g. ``$p IS NULL``: holds where the slot's value is True."""

    slot: int


@dataclass(frozen=True, slots=True)
class And:
    parts: tuple[Predicate, ...]


@dataclass(frozen=True, slots=True)
class Or:
    parts: tuple[Predicate, ...]


Leaf = Comparison | Membership | NullCheck | StartsWith | Outside | Elsewhere | Condition
Predicate = Union[Everything, Nothing, Leaf, And, Or]  # noqa: UP007 - And and Or name it before it exists

TRUE = Everything()
FALSE = Nothing()


def terms_of(leaf: Leaf) -> tuple[Term, ...]:
    """Return the terms that a leaf is about.

    >>> terms_of(Condition(0)), terms_of(NullCheck(Term("x", "DATE")))
    ((), (Term(column='x', type='DATE', functions=()),))
    """
    if isinstance(leaf, Condition):
        return ()
    return leaf.terms if isinstance(leaf, Elsewhere) else (leaf.term,)


def all_of(*parts: Predicate) -> Predicate:
    """Conjunction, flattened, without neutral parts.

    >>> all_of(TRUE, Condition(0), TRUE)
    Condition(slot=0)
    """
    flat: list[Predicate] = []
    for part in parts:
        flat.extend(part.parts if isinstance(part, And) else (part,))
    kept = tuple(dict.fromkeys(part for part in flat if part != TRUE))
    if FALSE in kept:
        return FALSE
    if not kept:
        return TRUE
    return kept[0] if len(kept) == 1 else And(kept)


def any_of(*parts: Predicate) -> Predicate:
    """Disjunction, flattened, without neutral parts.

    >>> any_of(Condition(0), TRUE)
    Everything()
    """
    flat: list[Predicate] = []
    for part in parts:
        flat.extend(part.parts if isinstance(part, Or) else (part,))
    kept = tuple(dict.fromkeys(part for part in flat if part != FALSE))
    if TRUE in kept:
        return TRUE
    if not kept:
        return FALSE
    return kept[0] if len(kept) == 1 else Or(kept)

"""One SELECT over a fact: what its names mean, and where its expressions stand in the text."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from sqlglot import exp

from gateway.plan.analysis.sources import SelectBlock
from gateway.plan.analysis.structure import Structure
from gateway.plan.analysis.text import Text
from gateway.plan.fold.algebra import TEXTS
from gateway.plan.fold.clauses import Clauses
from gateway.plan.fold.cuts import Cut, over_rows
from gateway.plan.fold.joined import Joined
from gateway.plan.fold.parts import Refused
from gateway.plan.fold.place import Place
from gateway.plan.fold.tokens import Span, Tokens
from gateway.plan.rewrite import identifier
from gateway.query.functions import reviewed

_SPELT: Final = {"laterals": "LATERAL", "windows": "WINDOW"}
_UNCERTAIN: Final = (
    (exp.Collate, "it has a COLLATE", "upper() or lower() of the column"),
    (exp.Lambda, "it has a lambda, whose names may be those of columns", None),
    (exp.Comprehension, "it has a list comprehension, whose names may be those of columns", None),
    (exp.PositionalColumn, "it has a column by its number", "the name of the column"),
)
"""What may mean something else in another query than in the author's."""
_OF_SEVERAL_ROWS: Final = frozenset({"unnest", "generate_subscripts"})
_CLAUSES: Final = {
    *(
        "with_",
        "expressions",
        "from_",
        "joins",
        "where",
        "group",
        "having",
        "qualify",
        "order",
        "limit",
        "offset",
        "distinct",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A SELECT over a fact and what is *joined* to it."""

    text: Text
    tokens: Tokens
    """Of the whole text."""
    tree: exp.Select
    span: Span
    clauses: Clauses
    joined: Joined
    below: tuple[Joined, ...]
    """The queries below it, the outermost first."""
    aliases: Mapping[str, exp.Expr]
    items: tuple[tuple[exp.Expr, Span], ...]
    """The items of its SELECT list, without their aliases."""

    @classmethod
    def read(cls, text: Text, tokens: Tokens, found: Structure, fact: int, place: Place) -> Block:
        """Read the aggregation of a query whose scan of that number is the fact.

        Raises ``Refused`` where it is none that is folded.
        """
        block, span = place.leaf.block, place.leaf.span
        clauses = Clauses(tokens, span)
        select = _checked(block)
        if clauses.first != "select":
            raise Refused("it does not begin with SELECT")
        table, alias = found.scans[fact].name, found.scans[fact].args.get("alias")
        if alias is not None and alias.args.get("columns"):
            raise Refused("its table has other names for its columns")
        if sum(found.scans[number].name.lower() == table.lower() for number in place.scans(found)) > 1:
            raise Refused(f"it reads {table} at two places")
        below = [placed.block for placed in place.below]
        aliases = {item.alias.lower(): item.this for item in select.expressions if isinstance(item, exp.Alias)}
        return cls(
            text=text,
            tokens=tokens,
            tree=select,
            span=span,
            clauses=clauses,
            joined=Joined(block, fact, table, below),
            below=tuple(Joined(one, fact, table, below[number:]) for number, one in enumerate(below, 1)),
            aliases=aliases,
            items=tuple(_items(select, clauses)),
        )

    @property
    def names(self) -> Collection[str]:
        """The names of the columns that it reads, in lower case."""
        return self.joined.names

    def sql(self, span: Span) -> str:
        """Return a part of the text."""
        return span.of(self.text.parsed)

    def item_of(self, node: exp.Expr) -> int | None:
        """Return the position, from 1, of the first item of the SELECT list that is an expression."""
        found = self.same(node)
        return next((number for number, (item, _) in enumerate(self.items, 1) if self.same(item) == found), None)

    def same(self, node: exp.Expr) -> str:
        """Write an expression in the form that it shares with all that mean the same columns."""
        made = node.copy()
        for column in list(made.find_all(exp.Column)):
            owner = None if self.joined.alone else self.joined.owner(column)
            table = exp.to_identifier(owner.name, quoted=True) if owner is not None else None
            plain = exp.column(exp.to_identifier(column.name.lower(), quoted=True), table=table)
            made = plain if column is made else made
            if column.parent is not None:
                column.replace(plain)
        return made.sql("duckdb", comments=False)

    def check_columns(self, node: exp.Expr) -> None:
        """Raise ``Refused`` where a name in an expression is not certainly a column of what is read."""
        for column in node.find_all(exp.Column):
            if self.joined.owner(column) is None:
                raise Refused(
                    f"{column.sql('duckdb', comments=False)} is not certainly a column of the tables that it reads"
                )

    def qualified(self, node: exp.Expr, span: Span) -> str:
        """Write an expression so that no name in it means a result of the query."""
        prefixes: dict[int, str] = {}
        for column in node.find_all(exp.Column):
            owner = self.joined.owner(column)
            if not column.table and owner is not None and "start" in column.this.meta:
                prefixes[int(column.this.meta["start"])] = f"{identifier(owner.name)}."
        cuts = (Cut(span=Span(at, at), finish=None, whole=prefix) for at, prefix in prefixes.items())
        return over_rows(self.text.parsed, span, cuts)

    def start_of(self, node: exp.Expr) -> int | None:
        """Return where a call begins, where that is known."""
        return start_of(self.clauses, node)

    def span_of(self, node: exp.Expr) -> Span:
        """Return the text of a column or of a call. Raises ``Refused`` for others: where they end is not known."""
        if isinstance(node, exp.Column):
            first = node.args.get("table") or node.this
            return Span(int(first.meta["start"]), int(node.this.meta["end"]) + 1)
        if isinstance(node, exp.Cast) and isinstance(node.this, exp.Column):
            cast = self.clauses.cast(self.span_of(node.this).start)
            if cast is not None:
                return cast
        start = node.meta.get("start")
        found = self.clauses.call(int(start)) if start is not None else None
        if found is None:
            name = node.sql("duckdb", comments=False)
            raise Refused(f"{name} is a key inside of another expression", f"name it: {name} AS key … GROUP BY key")
        return found[0]


def start_of(clauses: Clauses, node: exp.Expr) -> int | None:
    """Return where a call begins. Of some calls the tree does not say; it then does of a column in it."""
    if "start" in node.meta:
        return int(node.meta["start"])
    inside = next((column.this for column in node.find_all(exp.Column) if "start" in column.this.meta), None)
    names = {type(node).__name__.lower()} | (TEXTS if isinstance(node, exp.GroupConcat) else frozenset())
    if isinstance(node, exp.Func):
        names |= {name.lower() for name in node.sql_names()}
    return None if inside is None else clauses.around(int(inside.meta["start"]), names)


def _checked(block: SelectBlock) -> exp.Select:
    """Return the SELECT of an aggregation. Raises ``Refused`` where a clause of it is not folded."""
    tree = block.node
    for key, value in tree.args.items():
        if value and key not in _CLAUSES:
            raise Refused(f"its {_SPELT.get(key, key.upper())} is not folded")
    distinct = tree.args.get("distinct")
    if distinct is not None and distinct.args.get("on"):
        raise Refused("its DISTINCT ON is not folded")
    refuse_uncertain(tree)
    return tree


def refuse_uncertain(tree: exp.Expr) -> None:
    """Raise ``Refused`` for what may mean something else in another query than in the author's."""
    for kind, reason, hint in _UNCERTAIN:
        if tree.find(kind):
            raise Refused(reason, hint)


def refuse_volatile(tokens: Tokens) -> None:
    """Raise ``Refused`` where a function gives other values, or another number of rows, each time it is called."""
    for name in tokens.calls():
        if name in _OF_SEVERAL_ROWS:
            raise Refused(f"{name}() makes several rows of one, which nothing tells apart")
        if reviewed().get(name) == "volatile":
            raise Refused(f"{name}() has another value at each call")


def _items(tree: exp.Select, clauses: Clauses) -> list[tuple[exp.Expr, Span]]:
    places = clauses.items("select")
    if len(places) != len(tree.expressions):
        raise Refused("its SELECT list is not understood")
    for item in tree.expressions:
        if any(not isinstance(star.parent, exp.Count) for star in item.find_all(exp.Star, exp.Columns)):
            raise Refused("its SELECT list has a star", "name its columns")
    return [
        (item.unalias(), clauses.item_span(place, alias=isinstance(item, exp.Alias)))
        for item, place in zip(tree.expressions, places, strict=True)
    ]

"""Splits an aggregation into what is computed of each partition (partial), and what is made of that (finish).

    SELECT carrier, avg(delay) AS mean FROM flights WHERE at >= $start GROUP BY carrier ORDER BY mean

becomes, in the author's own words,

    SELECT carrier AS k0, sum(delay) AS s0, count(delay) AS s1 FROM flights WHERE at >= $start GROUP BY 1
    SELECT k0 AS carrier, (CAST(sum(s0) AS DOUBLE) / sum(s1)) AS mean FROM partials GROUP BY k0 ORDER BY mean, 1

and, for when it is computed over all rows, with the same total order and the same division,

    SELECT carrier, (CAST(sum(delay) AS DOUBLE) / count(delay)) AS mean FROM flights WHERE … ORDER BY mean, 1

All are written by cutting the author's text, and those that do not only select states are compared with the syntax
trees that they must have: no SQL that a generator wrote is run.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlglot import exp

from gateway.model import Column
from gateway.plan.analysis.aggregation import is_aggregate
from gateway.plan.analysis.structure import Structure
from gateway.plan.analysis.text import Text
from gateway.plan.fold.aggregates import States
from gateway.plan.fold.aggregations import Aggregation
from gateway.plan.fold.algebra import SAME_BYTES, base
from gateway.plan.fold.around import Around, Describe
from gateway.plan.fold.block import Block, refuse_volatile
from gateway.plan.fold.cuts import Cut, finished, over_rows
from gateway.plan.fold.filters import filters
from gateway.plan.fold.keys import Grouping, grouping
from gateway.plan.fold.order import NO_TERMS, Terms, every_result, last_terms, terms_of_keys
from gateway.plan.fold.parts import Part, Refused, Split, key, of_each, parsed, partials
from gateway.plan.fold.place import Place, frame
from gateway.plan.fold.tokens import Span
from gateway.plan.fold.under import under_aggregation
from gateway.plan.fold.windows import ordering
from gateway.plan.rewrite import identifier
from gateway.query.lexer import SqlError

_AGGREGATED: Final = ("select", "having", "qualify", "order")
"""The clauses that may hold aggregates."""


def split(
    text: Text,
    found: Structure,
    made: Sequence[Aggregation],
    facts: Sequence[int],
    describe: Describe,
    floats: Sequence[Collection[str]] = (),
) -> Split:
    """Split a query, read from *text*, each of its aggregations by the rows of the scan of its number in *facts*.

    *describe* returns the columns of a text over the same tables. *floats* are the states of each aggregation, as a
    split without them wrote them, that are floating-point numbers. Raises ``Refused``.
    """
    try:
        whole = frame(text, found, made, facts)
        _refuse_names(text)
        refuse_volatile(whole.tokens)

        def made_of(number: int, where: Place, fact: int) -> tuple[Part, Cut]:
            block = Block.read(text, whole.tokens, found, fact, where)
            grouped = grouping(block)
            states = States(len(grouped.keys), floats[number] if floats else ())
            splitter = _Splitter(block, grouped, states, where, partials(number))
            return splitter.part(found, fact, describe), splitter.leaf()

        made_each = of_each(made_of, zip(range(len(facts)), whole.places, facts, strict=True))
        parts, leaves = [part for part, _ in made_each], [leaf for _, leaf in made_each]
        around = Around(text, whole, found, describe)
        finish, over_all = around.finish(leaves), around.whole(leaves)
        return Split(parts=tuple(parts), finish=text.executable(finish), whole=text.readable(over_all))
    except SqlError as error:
        raise Refused(error.message) from error


@dataclass(slots=True)
class _Splitter:
    block: Block
    grouping: Grouping
    states: States
    place: Place
    partials: str
    cuts: list[Cut] = field(default_factory=list)
    replaced: list[tuple[exp.Expr, Cut]] = field(default_factory=list)
    ordered: list[tuple[exp.Window, Terms]] = field(default_factory=list)
    arguments: list[Span] = field(default_factory=list)
    last: Terms = NO_TERMS
    names: Sequence[str] = ()

    def part(self, found: Structure, fact: int, describe: Describe) -> Part:
        """Split the aggregation, and describe its partials."""
        block, text = self.block, self.block.text
        for clause in _AGGREGATED:
            if block.clauses.has(clause):
                for node, span in self._nodes(clause):
                    self._check_names(node, clause)
                    if clause == "having":
                        self._check_keys_of_all(node)
                    self._visit(node, span, clause)
        for (node, span), number in self.grouping.sets:
            self._replace(node, Cut(span=span, finish=key(number), whole=None))
        self._order()
        self._name(describe(text.readable(self._alone())))
        under = under_aggregation(text, block.tokens, self.place, block.below)
        return Part(
            fact=fact,
            before=text.readable(under.before),
            select=text.readable(self._select()),
            source=text.readable(finished(text.parsed, block.clauses.span("from"), under.cuts)),
            filters=(*under.filters, *(each for _, each in filters(text, block.clauses, block.joined))),
            below=len(under.filters),
            scans=self.place.scans(found),
            keys=len(self.grouping.keys) + len(self.states.grains),
            states=tuple(self.states.algebras),
            written=tuple(self.states.names),
            types=None if not self.arguments else text.executable(self._types()),
        )

    def leaf(self) -> Cut:
        """Return what stands in place of the aggregation: its results come in an order of their own."""
        finish, whole = self._finish(), self._whole()
        if self.place.is_arm:
            finish, whole = f"({finish})", f"({whole})"
        return Cut(span=self.block.span, finish=finish, whole=whole)

    def _alone(self) -> str:
        """Return the text of the aggregation by itself."""
        needed = [self.block.sql(cte.span) for cte in self.place.needed]
        with_ = f"WITH {', '.join(needed)} " if needed else ""
        return f"{with_}{self.block.sql(self.block.span)}"

    def _nodes(self, clause: str) -> Iterator[tuple[exp.Expr, Span | None]]:
        """Walk the expressions of a clause with their text, where that is known."""
        block = self.block
        if clause == "select":
            yield from block.items
        elif clause != "order":
            yield block.tree.args[clause].this, None
        elif not block.clauses.is_all("order"):
            places, ordered = block.clauses.items("order"), block.tree.args["order"].expressions
            for item, place in zip(ordered, places, strict=True):
                yield item.this, block.clauses.item_span(place, ordered=True)

    def _visit(self, node: exp.Expr, span: Span | None, clause: str) -> None:
        """Replace the keys and the aggregates in an expression of the finish; *span* is its text where it is known."""
        if self._is_alias(node, clause, alone=span is not None):
            return
        for number, (grouped, _) in enumerate(self.grouping.keys):
            if type(node) is type(grouped) and self.block.same(node) == self.block.same(grouped):
                self._replace(node, Cut(span=span or self.block.span_of(node), finish=key(number), whole=None))
                return
        called = node.this if isinstance(node, exp.Filter) else node
        if is_aggregate(called) and not isinstance(called, exp.Grouping | exp.GroupingId):
            self._replace(node, self.states.add(self.block, called))
        elif isinstance(node, exp.Column):
            raise Refused(f"{node.sql('duckdb', comments=False)} stands outside of the aggregates and of GROUP BY")
        else:
            self._visit_inside(node, clause)

    def _visit_inside(self, node: exp.Expr, clause: str) -> None:
        if isinstance(node, exp.Window):
            self._window(node)
        for child in node.iter_expressions():
            self._visit(child, None, clause)

    def _is_alias(self, node: exp.Expr, clause: str, *, alone: bool) -> bool:
        """Return whether a name means an item of the SELECT list."""
        block = self.block
        if not isinstance(node, exp.Column) or node.table or node.name.lower() not in block.aliases:
            return False
        return node.name.lower() not in block.names or (clause == "order" and alone)

    def _check_names(self, node: exp.Expr, clause: str) -> None:
        """Raise ``Refused`` where DuckDB may take a name for a column or for a result.

        In the SELECT list and in an aggregate a column wins, and in ORDER BY a result that stands alone.
        """
        block, aliases = self.block, self.block.aliases
        for column in _outside_aggregates(node) if clause != "select" else ():
            name = column.name.lower()
            if column.table or name not in block.names or (clause == "order" and column is node):
                continue
            if name in aliases and block.same(aliases[name]) != block.same(column):
                raise Refused(f"{name} is the name of a column and of a result", "give the result another name")

    def _check_keys_of_all(self, having: exp.Expr) -> None:
        """Raise ``Refused`` where HAVING adds a key to GROUP BY ALL.

        DuckDB 1.5 groups by the columns that HAVING reads outside of aggregates, also where they stand in a key.
        """
        group, aliases = self.block.tree.args.get("group"), self.block.aliases
        if group is None or not group.args.get("all"):
            return
        keys = {self.block.same(node) for node, _ in self.grouping.keys if isinstance(node, exp.Column)}
        for column in _outside_aggregates(having):
            named = column if column.name.lower() in self.block.names else aliases.get(column.name.lower(), column)
            if not isinstance(named, exp.Column) or self.block.same(named) not in keys:
                raise Refused("its HAVING adds a key to GROUP BY ALL", "the keys in GROUP BY by their names")

    def _replace(self, node: exp.Expr, cut: Cut) -> None:
        self.cuts.append(cut)
        self.replaced.append((node, cut))

    def _window(self, node: exp.Window) -> None:
        if isinstance(node.this, exp.Filter):
            raise Refused("it has a window with a FILTER")
        found = ordering(self.block.clauses, node)
        if found.arguments is not None:
            self.arguments.append(found.arguments)
        if found.at is not None and self.grouping.keys:
            terms = terms_of_keys(self.block, self.grouping)
            self.cuts.append(terms.cut(found.at, ", " if found.ordered else " ORDER BY "))
            self.ordered.append((node, terms))

    def _order(self) -> None:
        """Give the answer a total order."""
        block = self.block
        self.last = last_terms(block, self.grouping)
        if not self.last.finish:
            return
        if block.clauses.has("order") and block.clauses.is_all("order"):
            self.last = every_result(block, self.last)
            self.cuts.append(Cut(span=block.clauses.span("order"), finish="", whole=""))
        at, more = block.clauses.end, block.clauses.has("order") and not block.clauses.is_all("order")
        self.cuts.append(self.last.cut(at, ", " if more else " ORDER BY "))

    def _name(self, columns: Sequence[Column]) -> None:
        """Call the results as those of the author's text are called. Raises ``Refused``."""
        names = [column.name for column in columns]
        if self.block.tree.args.get("distinct") and any(base(column.type) not in SAME_BYTES for column in columns):
            raise Refused("its DISTINCT is of values that are equal and may differ in bytes")
        if len({_label(item) for item in self.block.tree.expressions}) < len(names):
            raise Refused("two of its results have one name", "give each a name of its own")
        for (_, span), item, name in zip(self.block.items, self.block.tree.expressions, names, strict=True):
            if not isinstance(item, exp.Alias):
                named = f" AS {identifier(name)}"
                self.cuts.append(Cut(span=Span(span.end, span.end), finish=named, whole=named))
        self.names = names

    def _select(self) -> str:
        keys = (f"{self.block.sql(span)} AS {key(number)}" for number, (_, span) in enumerate(self.grouping.keys))
        grains = (f"{sql} AS {key(number)}" for number, sql in enumerate(self.states.grains, len(self.grouping.keys)))
        states = (f'{sql} AS "{name}"' for sql, name in self.states.names.items())
        made = [*keys, *grains, *states]
        if not made:
            raise Refused("it uses no column")
        return ", ".join(made)

    def _types(self) -> str:
        text = self.block.text.parsed
        made = ", ".join(finished(text, span, self.cuts) for span in self.arguments)
        return " ".join([f"SELECT {made}", *self._sources()])

    def _sources(self) -> list[str]:
        return [f'FROM "{self.partials}"', *([self._group()] if self.grouping.keys else [])]

    def _group(self) -> str:
        if self.grouping.sets:
            return finished(self.block.text.parsed, self.block.clauses.span("group"), self.cuts)
        return f"GROUP BY {', '.join(key(number) for number in range(len(self.grouping.keys)))}"

    def _finish(self) -> str:
        clauses, (from_, *group) = self.block.clauses, self._sources()
        new = {"from": from_, "where": ""} | ({} if self.grouping.sets else {"group": "".join(group)})
        cuts = [Cut(span=clauses.span(name), finish=sql, whole=None) for name, sql in new.items() if clauses.has(name)]
        finish = finished(self.block.text.parsed, self.block.span, [*self.cuts, *cuts])
        expected = self._expected([(node, cut.finish) for node, cut in self.replaced], finish=True)
        expected.set("from_", parsed(f"SELECT 1 {from_}").args["from_"])
        expected.set("joins", None)
        expected.set("where", None)
        if clauses.has("group"):
            expected.set("group", parsed(f"SELECT 1 {' '.join(group)}").args.get("group"))
        _compare(finish, expected)
        return finish

    def _whole(self) -> str:
        whole = over_rows(self.block.text.parsed, self.block.span, self.cuts)
        _compare(whole, self._expected([(node, cut.whole) for node, cut in self.replaced], finish=False))
        return whole

    def _expected(self, replaced: Iterable[tuple[exp.Expr, str | None]], *, finish: bool) -> exp.Expr:
        """Make the tree that the author's has become."""
        made = self.block.tree.copy()
        copies = dict(zip(map(id, self.block.tree.walk()), made.walk(), strict=True))
        made.set("with_", None)
        for window, terms in self.ordered:
            _add_terms(copies[id(window)], terms.finish if finish else terms.whole)
        for node, sql in replaced:
            if sql is not None:
                copies[id(node)].replace(parsed(sql))
        if self.block.clauses.has("order") and self.block.clauses.is_all("order") and self.last.finish:
            made.set("order", None)
        _add_terms(made, self.last.finish if finish else self.last.whole)
        named = zip(made.expressions, self.names, strict=True)
        items = (item if isinstance(item, exp.Alias) else exp.alias_(item, name, quoted=True) for item, name in named)
        made.set("expressions", list(items))
        return made


def _refuse_names(text: Text) -> None:
    """Raise ``Refused`` where a name may be one of a fold's own."""
    if "__gateway_" in text.parsed.lower():
        raise Refused("it has a name that begins with __gateway_", "another name")


def _outside_aggregates(node: exp.Expr) -> Iterator[exp.Column]:
    if isinstance(node, exp.Column):
        yield node
    elif not is_aggregate(node.this if isinstance(node, exp.Filter) else node):
        for child in node.iter_expressions():
            yield from _outside_aggregates(child)


def _label(item: exp.Expr) -> str:
    """Return what makes the name of a result, in lower case."""
    named = item.alias or (item.name if isinstance(item, exp.Column) else "")
    return (named or item.sql("duckdb", comments=False)).lower()


def _add_terms(node: exp.Expr, terms: Sequence[str]) -> None:
    """Add the last terms of an ORDER BY to a tree."""
    if terms:
        there = node.args.get("order")
        added = parsed(f"SELECT 1 ORDER BY {', '.join(terms)}").args["order"].expressions
        node.set("order", exp.Order(expressions=[*(there.expressions if there is not None else ()), *added]))


def _compare(made: str, expected: exp.Expr) -> None:
    """Raise ``Refused`` where a text is not the tree that it must be."""
    if parsed(made).sql("duckdb", comments=False) != expected.sql("duckdb", comments=False):
        raise Refused("its text cannot be cut")

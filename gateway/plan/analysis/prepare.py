"""Analyses a query text, from parsing it to the predicates of its scans."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from gateway.errors import Diagnostic, TemplateInvalid
from gateway.model import Column
from gateway.plan.analysis.computed import others_in
from gateway.plan.analysis.conditional import Conditional, PreparedWitness
from gateway.plan.analysis.constants import Constant, Constants
from gateway.plan.analysis.ctes import cte_of
from gateway.plan.analysis.cut import cut, until_where
from gateway.plan.analysis.dimensions import RULE
from gateway.plan.analysis.excluded import Excluded
from gateway.plan.analysis.facts import Fact, leaves, place_of, substitute
from gateway.plan.analysis.first_values import PreparedRank, Ranked, depending
from gateway.plan.analysis.guarantees import Guarantees
from gateway.plan.analysis.known import Known
from gateway.plan.analysis.prepared import PreparedQuery, PreparedScan, Unused, Used
from gateway.plan.analysis.ranked import Ranking
from gateway.plan.analysis.reasons import Reason
from gateway.plan.analysis.sources import folded
from gateway.plan.analysis.structure import scans_in, structure
from gateway.plan.analysis.text import Text, read
from gateway.plan.analysis.types import canonical
from gateway.plan.analysis.uncorrelated import PreparedSubquery, Subqueries, mark
from gateway.plan.analysis.unshielded import unshielded_names
from gateway.plan.analysis.used import used_names
from gateway.plan.analysis.walk import Walk
from gateway.plan.analysis.windowed import Windowed
from gateway.plan.shield import needs_whole
from gateway.predicate import TRUE, Elsewhere, Outside, Predicate, Term, all_of, terms_of

_WITH_UNIT = (exp.TimestampTrunc, exp.DateTrunc, exp.DateDiff, exp.DateBin)
_TEXT_FIRST = re.compile(r"\s*\(\s*'")


def prepare(
    sql: str,
    tables: Mapping[str, Sequence[Column]],
    partitioning: Mapping[str, Collection[str]],
    parameters: Mapping[str, str],
    given: Sequence[Known] = (),
) -> PreparedQuery:
    """Analyse *sql* over *tables*, whose columns in *partitioning* can prune, with *parameters* of those DuckDB types.

    *given* is what is known of the rows of scans. Raises ``TemplateInvalid`` where the text cannot be read.
    """
    known = {name.lower(): columns for name, columns in tables.items()}
    text = read(sql, {column.name.lower() for columns in known.values() for column in columns})
    tree = parsed(text)
    constants = Constants(text, dict(parameters))
    scans = scans_in(tree, known)
    names = [[column.name for column in known[node.name.lower()]] for node in scans]
    ranking = Ranking(constants=constants, names=names)
    types = [{folded(each.name): canonical(each.type) for each in known[node.name.lower()]} for node in scans]
    subqueries = Subqueries(constants=constants, ctes=mark(tree, scans), types=types)
    found = structure(tree, known, constants.kind, scans=scans, ranking=ranking, subqueries=subqueries)
    guarantees = Guarantees(constants=constants, names=names, known=given, subqueries=subqueries)
    conditional = Conditional(constants=constants, ranking=ranking)
    walk = Walk(
        guarantees=guarantees,
        ranking=ranking,
        conditional=conditional,
        excluded=Excluded(constants=constants, subqueries=subqueries),
        windowed=Windowed(constants=constants, ranking=ranking),
        references=_references(tree),
    )
    walk.query(found.block, [], [])
    prunable = {name.lower(): {column.lower() for column in columns} for name, columns in partitioning.items()}
    prepared = [
        _prepared_scan(node, text, known[node.name.lower()], prunable, walk.reached.get(index, []))
        for index, node in enumerate(scans)
    ]
    positions = [(scan.start, scan.end, bool(node.alias)) for scan, node in zip(prepared, scans, strict=True)]
    pieces, instant = cut(constants, tree, positions)
    return PreparedQuery(
        scans=tuple(prepared),
        constants=tuple(constants.slots),
        pieces=pieces,
        clock=bool(text.clocks),
        instant=instant,
        tables=tuple(dict.fromkeys(scan.table for scan in prepared)),
        shield=needs_whole(tree),
        names=used_names(tree),
        unshielded=unshielded_names(tree),
        asked=tuple(_asked(prepared)),
        witnesses=tuple(_asked_for(conditional.found, pieces)),
        ranked=tuple(_read_first(ranking.found, constants.slots, prepared, pieces)),
        subqueries=tuple(_of_use(subqueries.found, constants.slots, prepared)),
    )


def _of_use(
    found: Sequence[PreparedSubquery], constants: Sequence[Constant], scans: Sequence[PreparedScan]
) -> Iterator[PreparedSubquery]:
    """Take the subqueries whose values can prune."""
    for subquery in found:
        numbered = enumerate(scans)
        filters = tuple(number for number, scan in numbered if depending(constants, scan.predicate, subquery.name))
        if filters:
            yield replace(subquery, filters=filters)


def _read_first(
    found: Sequence[Ranked], constants: Sequence[Constant], scans: Sequence[PreparedScan], pieces: Sequence[str]
) -> Iterator[PreparedRank]:
    """Take the values that can prune, each with the text that follows its scan: an alias, and its WHERE."""
    for ranked in found:
        numbered = enumerate(scans)
        filters = tuple(number for number, scan in numbered if depending(constants, scan.predicate, ranked.name))
        tail = until_where(pieces[ranked.scan + 1]) if filters else None
        if tail is not None:
            yield PreparedRank(ranked=ranked, filters=filters, tail=tail)


def _asked_for(found: Sequence[PreparedWitness], pieces: Sequence[str]) -> Iterator[PreparedWitness]:
    for witness in found:
        tail = until_where(pieces[witness.scan + 1])
        if tail is not None:
            yield replace(witness, tail=tail)


def parsed(text: Text) -> exp.Expr:
    try:
        trees = [tree for tree in sqlglot.parse(text.parsed, read="duckdb") if tree is not None]
    except (SqlglotError, RecursionError) as error:
        raise TemplateInvalid([Diagnostic(path="query", message=f"the SQL cannot be read: {error}")]) from error
    if len(trees) != 1:
        raise TemplateInvalid([Diagnostic(path="query", message="one statement is expected")])
    _restore_columns(trees[0], text)
    _restore_matches(trees[0])
    return trees[0]


def _restore_columns(tree: exp.Expr, text: Text) -> None:
    """Make columns again of what sqlglot reads as the name of a unit: ``date_trunc(month, at)`` reads a column."""
    for call in tree.find_all(*_WITH_UNIT):
        unit = call.args.get("unit")
        after = int(call.meta["end"]) + 1 if "end" in call.meta else len(text.parsed)
        is_first = not isinstance(call, exp.DateBin)
        if isinstance(unit, exp.Var | exp.Literal) and not (is_first and _TEXT_FIRST.match(text.parsed, after)):
            call.set("unit", exp.paren(exp.column(unit.name.lower())))


def _restore_matches(tree: exp.Expr) -> None:
    """Make of ``text ~ pattern`` the match of the whole text that it is: sqlglot reads ``regexp_matches``, a call."""
    for match in list(tree.find_all(exp.RegexpLike)):
        if "end" not in match.meta:
            match.replace(exp.RegexpFullMatch(this=match.this, expression=match.expression))


def _references(tree: exp.Expr) -> Counter[int]:
    """Count the references to each common table expression."""
    found = (cte_of(node) for node in tree.find_all(exp.Table) if isinstance(node.this, exp.Identifier))
    return Counter(id(cte) for cte in found if cte is not None)


def _prepared_scan(
    node: exp.Table,
    text: Text,
    columns: Sequence[Column],
    prunable: Mapping[str, Collection[str]],
    facts: Sequence[Fact],
) -> PreparedScan:
    table = node.name.lower()
    names = [column.name for column in columns]
    used, unused = [], []
    for fact in facts:
        predicate = _of_table(fact.predicate, names, prunable.get(table, ()))
        if predicate != TRUE:
            used.append(Used(sql=fact.sql, rule=fact.rule, predicate=predicate))
        elif fact.blocked or (fact.predicate != TRUE and fact.rule != RULE):
            unused.append(Unused(sql=fact.sql, reason=fact.blocked or Reason.NOT_PRUNING))
    return PreparedScan(
        table=table,
        start=text.position(int(node.this.meta["start"])),
        end=text.position(int(node.this.meta["end"])) + 1,
        predicate=all_of(*(filter_.predicate for filter_ in used)),
        used=tuple(dict.fromkeys(used)),
        unused=tuple(note for note in dict.fromkeys(unused) if note.sql not in {filter_.sql for filter_ in used}),
    )


def _asked(scans: Sequence[PreparedScan]) -> Iterator[tuple[int, tuple[Term, ...], int]]:
    for number, scan in enumerate(scans):
        for leaf in dict.fromkeys(leaves(scan.predicate)):
            if isinstance(leaf, Outside | Elsewhere):
                yield number, terms_of(leaf), leaf.slot


def _of_table(predicate: Predicate, names: Sequence[str], prunable: Collection[str]) -> Predicate:
    """Name the columns as the table does, and drop those that cannot prune."""

    def named(term: Term) -> Term | None:
        name = names[place_of(term.column)]
        can_prune = name.lower() in prunable and not others_in(term)
        return Term(name, term.type, term.functions) if can_prune else None

    return substitute(predicate, named)

"""Which queries give, of each row of one table, the same rows wherever the others are read: scans, filters, joins.

    SELECT f.flight, c.name FROM flights f JOIN carriers c USING (carrier) WHERE f.delay > $least

gives over all files of ``flights`` what it gives over some of them and over the others, together. Such a query is read
in parallel file by file; any other is computed as a whole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from sqlglot import exp

from gateway.catalog.manifest import Snapshot
from gateway.model import Column, Plan
from gateway.plan.analysis.aggregation import is_aggregating
from gateway.plan.analysis.constants import Constants
from gateway.plan.analysis.prepare import parsed
from gateway.plan.analysis.sources import SelectBlock
from gateway.plan.analysis.structure import Structure, structure
from gateway.plan.analysis.text import Text, read
from gateway.plan.fold.block import refuse_uncertain, refuse_volatile
from gateway.plan.fold.clauses import Clauses
from gateway.plan.fold.filters import filters
from gateway.plan.fold.in_order import joins_values
from gateway.plan.fold.joined import Joined
from gateway.plan.fold.parts import Filter, Refused
from gateway.plan.fold.place import kept_path
from gateway.plan.fold.tokens import Span, Tokens
from gateway.query.lexer import SqlError

_KEPT = 1_000
_Tables = tuple[tuple[str, tuple[Column, ...]], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeping:
    """The scan whose rows a query keeps, by its number; *alone*: it joins nothing, so rows keep their order."""

    scan: int
    alone: bool
    conditions: tuple[Filter, ...] | None = None
    """What WHERE joins by AND: of a file in which all of it holds the query has each row once. None: not known."""


def keeping(plan: Plan, snapshots: Mapping[str, Snapshot]) -> Keeping | None:
    """Find the scan whose rows a planned query keeps: that of the most bytes. None: there is none."""
    query = plan.query
    tables = tuple((name, tuple(snapshots[name].columns)) for name in query.tables)
    types = tuple((name, value.type) for name, value in query.parameters.items())
    found = keepings(query.sql, tables, types)
    by_size = sorted(found, key=lambda each: (-plan.scans[each.scan].selection.size, each.scan))
    return by_size[0] if by_size else None


@lru_cache(maxsize=_KEPT)
def keepings(sql: str, tables: _Tables, types: tuple[tuple[str, str], ...]) -> tuple[Keeping, ...]:
    """Find all scans whose rows a text keeps, by the columns of its *tables* and the *types* of its parameters."""
    try:
        text = read(sql, {column.name.lower() for _, columns in tables for column in columns})
        tokens = Tokens.read(text.parsed)
        refuse_volatile(tokens)
        by_name = {name.lower(): columns for name, columns in tables}
        found = structure(parsed(text), by_name, Constants(text, dict(types)).kind)
    except (Refused, SqlError):
        return ()
    made = (_keeping(text, tokens, found, scan) for scan in range(len(found.scans)))
    return tuple(each for each in made if each is not None)


def _keeping(text: Text, tokens: Tokens, found: Structure, scan: int) -> Keeping | None:
    table = found.scans[scan].name
    try:
        if sum(each.name.lower() == table.lower() for each in found.scans) > 1:
            return None
        path = kept_path(found, scan)
        joined = [Joined(block, scan, table, path[number:]) for number, block in enumerate(path, 1)]
        for block in path:
            _check(block)
    except (Refused, SqlError):
        return None
    alone = all(each.alone and not block.children for each, block in zip(joined, path, strict=True))
    alone = alone and len(found.scans) == 1 and not joins_values(path[0].node.root())
    return Keeping(scan=scan, alone=alone, conditions=_conditions(text, tokens, joined) if alone else None)


def _conditions(text: Text, tokens: Tokens, joined: Sequence[Joined]) -> tuple[Filter, ...] | None:
    """List the conditions that leave rows out of one table; None where a row may be given more than once."""
    nodes = [each.block.node for each in joined]
    if any(node.find(exp.Anonymous, exp.UDTF, exp.Explode) for node in nodes):
        return None  # a function in SELECT may give several rows for one
    if not any(node.args.get("where") for node in nodes):
        return ()
    if len(nodes) > 1 or nodes[0].args.get("with_"):
        return None
    try:
        clauses = Clauses(tokens, Span(0, len(text.parsed)))
        return tuple(each for _, each in filters(text, clauses, joined[0]))
    except (Refused, SqlError):
        return None


def _check(block: SelectBlock) -> None:
    """Raise ``Refused`` where a query has another number of rows than it reads, or an order of them."""
    if is_aggregating(block.node) or block.node.args.get("order") or block.unnested:
        raise Refused("it does not keep the rows that it reads")
    if any(block.node.args.get(key) for key in ("laterals", "pivots", "into")) or block.node.find(exp.Unnest):
        raise Refused("it reads something other than tables")
    refuse_uncertain(block.node)

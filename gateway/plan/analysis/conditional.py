"""Aggregates that look at some rows only: ``count(*) FILTER (WHERE …)``, ``sum(CASE WHEN … THEN x END)``.

Where a SELECT without GROUP BY has no other aggregates, a row that none of them looks at changes nothing: it is not
needed. Nor is it with GROUP BY, where HAVING leaves out the groups that have no other rows (``having``).
``sum(CASE WHEN … THEN x ELSE 0 END)`` adds zeros for the others, which changes nothing either, as long as one row is
left that adds a number: the sum of no row, or of NULLs alone, is NULL. That there is one is read first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlglot import exp

from gateway.plan.analysis.aggregation import has_sets, is_aggregate, own
from gateway.plan.analysis.conjuncts import facts_of
from gateway.plan.analysis.constants import Absent, Constants
from gateway.plan.analysis.facts import Fact, keys
from gateway.plan.analysis.having import Compared, compared, compared_around
from gateway.plan.analysis.names import Aliases
from gateway.plan.analysis.predicate_sql import term_sql
from gateway.plan.analysis.ranked import Ranking
from gateway.plan.analysis.sources import SelectBlock
from gateway.plan.analysis.terms import Naming, Opaque, term
from gateway.plan.analysis.types import INTEGERS, canonical, decimal_scale
from gateway.predicate import FALSE, TRUE, Condition, Predicate, Term, all_of, any_of

RULE: Final = "aggregates"
_PREFIX: Final = "__witness_"

_WITHOUT: Final = ("qualify", "windows", "sample")
_COMPARISONS: Final = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE)
_PASSING_NULL: Final = (exp.Count, exp.Sum, exp.Avg, exp.Min, exp.Max)
"""Aggregates that pass over NULL."""
_NULL_OF_NOTHING: Final = (exp.Sum, exp.Avg, exp.Min, exp.Max, exp.LogicalOr)
"""Aggregates that are NULL of no rows; of rows for which its condition is never TRUE, ``bool_or`` passes as little."""


@dataclass(frozen=True, slots=True)
class Looked:
    """The condition of the rows that an aggregate looks at.

    ``zeros``: it adds 0 for the others, and for these one of the terms ``added``, or a number. ``node`` is the
    aggregate with its FILTER.
    """

    condition: exp.Expr | Predicate
    node: exp.Expr
    zeros: bool = False
    added: tuple[Term, ...] = ()

    @property
    def of_nothing(self) -> int | None:
        """What it is in a group in which it looks at no row: 0 (a sum of zeros: or NULL), or NULL."""
        call = self.node.this if isinstance(self.node, exp.Filter) else self.node
        return 0 if self.zeros or not isinstance(call, _NULL_OF_NOTHING) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedWitness:
    """A question whether a scan has a row in which no *added* expression is NULL.

    The parameter ``name`` is TRUE where it has one, and not known otherwise. ``tail`` is the text that follows the
    scan, an alias and its WHERE; ``filtered``: there is one.
    """

    name: str
    scan: int
    tail: str = ""
    filtered: bool = False
    added: tuple[str, ...] = ()

    @property
    def any_row_does(self) -> bool:
        """Whether each row of the scan is one that is looked for."""
        return not self.filtered and not self.added


@dataclass(slots=True, kw_only=True)
class Conditional:
    """Finds what the aggregates of a block look at."""

    constants: Constants
    ranking: Ranking
    found: list[PreparedWitness] = field(default_factory=list)

    def facts(self, block: SelectBlock, required: Sequence[Fact]) -> list[Fact]:
        """Return what every row of a block satisfies that its aggregates look at; *required* is what its rows do."""
        grouped = block.node.args.get("group") is not None
        asked = [*compared(block, self.constants), *compared_around(block, required)] if grouped else []
        looked = _conditions(block, self.constants, asked)
        empty = self._empty_groups(block, looked, asked) if grouped else FALSE
        if not looked or empty == TRUE:
            return []
        naming = Naming(block=block, aliases=Aliases.UNSEEN)
        made = [self._of_condition(one.condition, naming) for one in looked]
        predicate = any_of(*(all_of(*(fact.predicate for fact in facts)) for facts in made), empty)
        if predicate != TRUE and not grouped and any(one.zeros for one in looked):
            predicate = any_of(predicate, self._nothing_left(block, [term for one in looked for term in one.added]))
        mentions = frozenset[str]().union(*(fact.mentions for facts in made for fact in facts))
        sql = " OR ".join(dict.fromkeys(fact.sql for facts in made for fact in facts))
        return [Fact(predicate=predicate, sql=sql, rule=RULE, origin=0, mentions=mentions)]

    def _of_condition(self, condition: exp.Expr | Predicate, naming: Naming) -> list[Fact]:
        if isinstance(condition, exp.Expr):
            return facts_of(condition, naming, self.constants, RULE)
        return [Fact(predicate=condition, sql="", rule=RULE, origin=0, mentions=keys(condition))]

    def _empty_groups(self, block: SelectBlock, looked: Sequence[Looked], asked: Sequence[Compared]) -> Predicate:
        """Return where a group may be left of which no aggregate looks at a row; TRUE where that is not known."""
        if has_sets(block):
            return TRUE
        found = [(one, by) for one in looked for by in asked if by.aggregate == one.node and _is_known(one.node)]
        if any(one.added and not any(one is other for other, _ in found) for one in looked):
            return TRUE  # of NULLs alone a sum of zeros and these is 0, and NULL without the zeros
        passes = [by.passes(one.of_nothing, self.constants) for one, by in found]
        known = [each for each in passes if each is not None]
        return FALSE if FALSE in known else all_of(*known)

    def _nothing_left(self, block: SelectBlock, added: Sequence[Term]) -> Predicate:
        """Return the condition that no row may be left that adds a number, for which all rows have to be read."""
        scan = self.ranking.alone(block, ("group", "having", "qualify", "windows", "distinct", "sample"))
        if scan is None:
            return TRUE
        name = f"{_PREFIX}{len(self.found)}"
        filtered = block.node.args.get("where") is not None
        texts = dict.fromkeys(term_sql(self.ranking.named(scan, each), scan.name) for each in added)
        witness = PreparedWitness(name=name, scan=scan.scan or 0, filtered=filtered, added=tuple(texts))
        self.found.append(witness)
        self.constants.declare(name, "BOOLEAN")
        return Condition(self.constants.add(Absent(name)))


def witness_query(witness: PreparedWitness, source: str) -> str:
    """Write the query that asks whether *source* has a row that is looked for."""
    there = " AND ".join(f"{text} IS NOT NULL" for text in witness.added) or "TRUE"
    return f"SELECT (SELECT TRUE FROM (SELECT {there} AS there FROM {source}{witness.tail}\n) WHERE there LIMIT 1)"


def _conditions(block: SelectBlock, constants: Constants, asked: Sequence[Compared]) -> list[Looked]:
    """Return the conditions of the aggregates of a block, one of which every row that matters satisfies."""
    if block.closed or block.children or any(block.node.args.get(key) for key in _WITHOUT):
        return []
    if any(own(block.node, exp.Window)):
        return []  # which looks at the rows themselves where it takes no aggregate of them
    calls = [node for node in own(block.node, exp.Func, exp.Columns) if is_aggregate(node)]
    naming = Naming(block=block, aliases=Aliases.UNSEEN)
    found = [_looked(call, naming, constants) or _asked_for(call, asked, naming, constants) for call in calls]
    known = [one for one in found if one is not None]
    return known if len(known) == len(found) else []


def _looked(call: exp.Expr, naming: Naming, constants: Constants) -> Looked | None:
    if isinstance(call.parent, exp.Filter) and call.arg_key == "this":
        where = call.parent.expression
        return Looked(where.this, node=call.parent) if isinstance(where, exp.Where) else None
    if not isinstance(call, (*_PASSING_NULL, exp.CountIf)) or any(
        value and key not in ("this", "big_int") for key, value in call.args.items()
    ):
        return None
    if call.this is None:  # count(), of every row
        return None
    argument = call.this.unnest()
    if isinstance(call, exp.CountIf):
        return _counted(argument, call, naming, constants)
    if isinstance(call, exp.Sum) and isinstance(argument, exp.Cast) and _is_number(argument):
        return _counted(argument.this.unnest(), call, naming, constants)
    if isinstance(argument, exp.Distinct) and len(argument.expressions) == 1:
        argument = argument.expressions[0].unnest()
    return _case(argument, call, naming)


def _asked_for(call: exp.Expr, asked: Sequence[Compared], naming: Naming, constants: Constants) -> Looked | None:
    """Read ``max(x)`` where it is asked to be ``>= c``, and ``bool_or(c)``: they look at the rows that are so."""
    if isinstance(call.parent, exp.Filter) and call.arg_key == "this":
        return None
    found = (one.bound(naming) or one.holding(constants) for one in asked if one.aggregate == call)
    return next((Looked(one, node=call) for one in found if one is not None), None)


def _is_known(node: exp.Expr) -> bool:
    """Return whether it is known what an aggregate makes of no rows."""
    return isinstance(node.this if isinstance(node, exp.Filter) else node, (*_PASSING_NULL, exp.CountIf, exp.LogicalOr))


def _is_number(cast: exp.Cast) -> bool:
    return canonical(cast.to.sql(dialect="duckdb")) in INTEGERS and not cast.args.get("format")


def _counted(node: exp.Expr, call: exp.Expr, naming: Naming, constants: Constants) -> Looked | None:
    """Read ``count_if(t = c)``, ``sum((t = c)::INTEGER)``: a sum of ones and zeros, NULL where all terms are."""
    if not isinstance(node, _COMPARISONS):
        return None
    for one, other in ((node.left, node.right), (node.right, node.left)):
        found = term(one, naming)
        if isinstance(found, Term) and constants.kind(other) is not None:
            return Looked(node, node=call, zeros=True, added=(found,))
    return None


def _case(node: exp.Expr, call: exp.Expr, naming: Naming) -> Looked | None:
    """Read ``CASE WHEN c THEN x [WHEN …] [ELSE NULL | ELSE 0] END``, and ``if(c, x, 0)``."""
    branches = [node] if isinstance(node, exp.If) else node.args.get("ifs") if isinstance(node, exp.Case) else None
    if not branches or (isinstance(node, exp.Case) and node.this is not None):
        return None
    other = node.args.get("default") if isinstance(node, exp.Case) else node.args.get("false")
    condition = exp.or_(*(branch.this for branch in branches), copy=True) if len(branches) > 1 else branches[0].this
    if other is None or isinstance(other, exp.Null):
        return Looked(condition, node=call)
    zero = isinstance(other, exp.Literal) and not other.is_string and other.name == "0"
    added = [_added(branch.args.get("true"), naming) for branch in branches]
    known = [each for each in added if each is not None]
    if not isinstance(call, exp.Sum) or not zero or len(known) < len(added):
        return None
    return Looked(condition, node=call, zeros=True, added=tuple(each for each in known if isinstance(each, Term)))


def _added(node: exp.Expr | None, naming: Naming) -> Term | exp.Literal | None:
    """Return what is added, a term or a number; None for others: what zeros change, as -0.0, or may be NULL unseen."""
    if isinstance(node, exp.Literal):
        return None if node.is_string or not node.name.isdigit() else node
    found = Opaque("nothing") if node is None else term(node, naming)
    if isinstance(found, Opaque) or not (found.type in INTEGERS or decimal_scale(found.type) is not None):
        return None
    return found

"""From a condition to a predicate: negation goes to the leaves, and what is not understood becomes TRUE."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sqlglot import exp

from gateway.plan.analyse.constants import Constants, LikePrefix, Literal, Parameter
from gateway.plan.analyse.facts import MIRRORED
from gateway.plan.analyse.terms import Naming, Opaque, term
from gateway.plan.analyse.types import INTEGERS, NULL, STRING, resolve
from gateway.predicate import (
    FALSE,
    TRUE,
    Comparison,
    Condition,
    Function,
    Membership,
    NullCheck,
    Operator,
    Predicate,
    StartsWith,
    Term,
    all_of,
    any_of,
)

_NEGATED = {
    Operator.EQ: Operator.NE,
    Operator.NE: Operator.EQ,
    Operator.LT: Operator.GE,
    Operator.LE: Operator.GT,
    Operator.GT: Operator.LE,
    Operator.GE: Operator.LT,
}
OPERATORS: dict[type[exp.Expr], Operator] = {
    exp.EQ: Operator.EQ,
    exp.NEQ: Operator.NE,
    exp.LT: Operator.LT,
    exp.LTE: Operator.LE,
    exp.GT: Operator.GT,
    exp.GTE: Operator.GE,
}


@dataclass(slots=True, kw_only=True)
class Compiler:
    """Compiles the conditions of one clause; ``reasons`` says what could not be used."""

    naming: Naming
    constants: Constants
    reasons: list[str] = field(default_factory=list)

    def compile(self, node: exp.Expr, negated: bool = False) -> Predicate:
        """Return what holds wherever *node* (or, *negated*, its negation) is TRUE."""
        node = node.unnest()
        if isinstance(node, exp.Not):
            return self.compile(node.this, not negated)
        if isinstance(node, exp.And | exp.Or):
            joined = all_of if isinstance(node, exp.And) != negated else any_of
            return joined(self.compile(node.left, negated), self.compile(node.right, negated))
        condition = self.constants.condition(node, negated)
        if condition is not None:
            return _decided(self.constants, condition)
        for rule in RULES:
            made = rule(self, node, negated)
            if made is not None:
                return made
        return self.unused(f"not understood: {node.key}")

    def unused(self, reason: str) -> Predicate:
        """Note why a leaf is not used."""
        self.reasons.append(reason)
        return TRUE

    def term(self, node: exp.Expr) -> Term | Opaque:
        """Read *node* as a term."""
        return term(node, self.naming)

    def kinds(self, nodes: Sequence[exp.Expr]) -> list[str] | None:
        """Return the types of constants; None if one of them is not a constant."""
        kinds = [self.constants.kind(node) for node in nodes]
        return [kind for kind in kinds if kind is not None] if None not in kinds else None

    def compared(self, found: Term, kinds: Sequence[str]) -> Term | None:
        """Return *found* in the type in which it is compared with constants of types *kinds*."""
        resolved = resolve(found.type, kinds)
        if resolved is None:
            self.unused("type")
            return None
        if not resolved.cast:
            return found
        cast = Function("cast", (resolved.type,), resolved.type)
        return Term(found.column, resolved.type, (*found.functions, cast))

    def comparison(self, found: Term, operator: Operator, node: exp.Expr, kinds: Sequence[str]) -> Predicate:
        """Compare a term with a constant, one of several operands of types *kinds*."""
        if self.constants.kind(node) == NULL:
            return FALSE
        compared = self.compared(found, kinds)
        if compared is None:
            return TRUE
        slot = self.constants.slot(node, compared.type)
        if slot is None:
            return self.unused("type")
        return _keeping_null(Comparison(compared, operator, slot), operator is Operator.NE)


def _keeping_null(leaf: Comparison | Membership, unequal: bool) -> Predicate:
    """Keep NULL under a function that is compared by <>: DuckDB 1.5.5 folds ``date_trunc(…) <> …`` to TRUE there."""
    if not unequal or not leaf.term.functions:
        return leaf
    return any_of(leaf, NullCheck(_column_of(leaf.term)))


def _decided(constants: Constants, slot: int) -> Predicate:
    constant = constants.slots[slot]
    if isinstance(constant, Literal):
        return TRUE if constant.value is True else FALSE
    return Condition(slot)


def comparison(compiler: Compiler, node: exp.Expr, negated: bool) -> Predicate | None:
    """``column = constant`` and the other five operators, either way round."""
    operator = OPERATORS.get(type(node))
    if operator is None or isinstance(node.expression.unnest(), exp.Any):
        return None
    left, right = node.this.unnest(), node.expression.unnest()
    if isinstance(left, exp.Tuple) or isinstance(right, exp.Tuple):
        return _rows(compiler, left, right) if operator is Operator.EQ and not negated else compiler.unused("row value")
    operator = _NEGATED[operator] if negated else operator
    if compiler.constants.kind(left) is not None:
        left, right, operator = right, left, MIRRORED[operator]
    found = compiler.term(left)
    if isinstance(found, Opaque):
        return compiler.unused(found.reason)
    kinds = compiler.kinds([right])
    if kinds is None:
        return compiler.unused("subquery" if right.find(exp.Query) else "compared with no constant")
    return compiler.comparison(found, operator, right, kinds)


def between(compiler: Compiler, node: exp.Expr, negated: bool) -> Predicate | None:
    """``a BETWEEN b AND c``: all three operands are brought to one type before they are compared."""
    if not isinstance(node, exp.Between):
        return None
    if node.args.get("symmetric"):
        return compiler.unused("BETWEEN SYMMETRIC")
    middle, low, high = node.this, node.args["low"], node.args["high"]
    if compiler.constants.kind(middle) is not None:
        return _between_columns(compiler, node, negated)
    found = compiler.term(middle)
    if isinstance(found, Opaque):
        return compiler.unused(found.reason)
    kinds = compiler.kinds([low, high])
    if kinds is None:
        return compiler.unused("compared with no constant")
    lower, upper = (Operator.LT, Operator.GT) if negated else (Operator.GE, Operator.LE)
    joined = any_of if negated else all_of
    return joined(compiler.comparison(found, lower, low, kinds), compiler.comparison(found, upper, high, kinds))


def _between_columns(compiler: Compiler, node: exp.Between, negated: bool) -> Predicate:
    """``constant BETWEEN column AND column``."""
    constant, bounds = node.this, (node.args["low"], node.args["high"])
    found = [compiler.term(bound) for bound in bounds]
    terms = [one for one in found if isinstance(one, Term)]
    kind = compiler.constants.kind(constant)
    if negated or kind is None or len(terms) != 2 or terms[0].type != terms[1].type:
        return compiler.unused("BETWEEN columns")
    return all_of(
        compiler.comparison(terms[0], Operator.LE, constant, [kind]),
        compiler.comparison(terms[1], Operator.GE, constant, [kind]),
    )


def membership(compiler: Compiler, node: exp.Expr, negated: bool) -> Predicate | None:
    """``column [NOT] IN (constants)``: all are brought to one type."""
    if not isinstance(node, exp.In) or node.args.get("query") is not None or node.args.get("field") is not None:
        return None
    if isinstance(node.this.unnest(), exp.Tuple):
        rows = [_rows(compiler, node.this.unnest(), item.unnest()) for item in node.expressions]
        return compiler.unused("row value") if negated else any_of(*rows)
    return _members(compiler, node.this, node.expressions, negated)


def _members(compiler: Compiler, tested: exp.Expr, items: Sequence[exp.Expr], negated: bool) -> Predicate:
    found = compiler.term(tested)
    if isinstance(found, Opaque):
        return compiler.unused(found.reason)
    kinds = compiler.kinds(items)
    if kinds is None or not items:
        return compiler.unused("compared with no constant")
    if NULL in kinds and negated:
        return FALSE
    members = [item for item, kind in zip(items, kinds, strict=True) if kind != NULL]
    if not members:
        return FALSE
    compared = compiler.compared(found, kinds)
    if compared is None:
        return TRUE
    slots = [compiler.constants.slot(item, compared.type) for item in members]
    if None in slots:
        return compiler.unused("type")
    members_of = Membership(compared, tuple(slot for slot in slots if slot is not None), negated=negated)
    return _keeping_null(members_of, negated)


def list_membership(compiler: Compiler, node: exp.Expr, negated: bool) -> Predicate | None:
    """``column IN $list``, ``= ANY($list)``, ``IN (SELECT unnest($list))``, ``list_contains($list, column)``."""
    parts = _list_parts(node)
    if parts is None:
        return None
    tested, items = parts
    if negated:
        # An empty list is not IN anything, for NULL too, and `contains` sees NULL members as absent.
        return compiler.unused("NOT IN a list")
    if isinstance(items, exp.Array) and not items.find(exp.Query):
        return _members(compiler, tested, items.expressions, negated=False)
    found = compiler.term(tested)
    kind = compiler.constants.list_kind(items)
    if isinstance(found, Opaque) or kind is None:
        return compiler.unused(found.reason if isinstance(found, Opaque) else "compared with no constant")
    compared = compiler.compared(found, [STRING if kind == "VARCHAR" and found.type == "VARCHAR" else kind])
    if compared is None:
        return TRUE
    slot = compiler.constants.list_slot(items, compared.type)
    return compiler.unused("type") if slot is None else Membership(compared, (slot,), is_list=True)


def _list_parts(node: exp.Expr) -> tuple[exp.Expr, exp.Expr] | None:
    if isinstance(node, exp.In) and node.args.get("field") is not None:
        return node.this, node.args["field"].unnest()
    if isinstance(node, exp.In) and node.args.get("query") is not None:
        listed = _unnested(node.args["query"])
        return None if listed is None else (node.this, listed)
    if isinstance(node, exp.EQ) and isinstance(node.expression.unnest(), exp.Any):
        listed = node.expression.unnest().this.unnest()
        return None if isinstance(listed, exp.Query) else (node.this, listed)
    if isinstance(node, exp.ArrayContains):
        return node.expression, node.this.unnest()
    return None


def _unnested(query: exp.Expr) -> exp.Expr | None:
    """Return the list of ``(SELECT unnest(list))``."""
    select = query.unnest()
    if not isinstance(select, exp.Select) or len(select.expressions) != 1:
        return None
    if any(value and key != "expressions" for key, value in select.args.items()):
        return None
    item = select.expressions[0].unalias()
    return item.this.unnest() if isinstance(item, exp.Explode) else None


def null_check(compiler: Compiler, node: exp.Expr, negated: bool) -> Predicate | None:
    """``IS [NOT] NULL``, and ``IS [NOT] TRUE | FALSE``."""
    if not isinstance(node, exp.Is):
        return None
    if isinstance(node.expression, exp.Boolean):
        return _is_boolean(compiler, node.this, bool(node.expression.this), negated)
    if not isinstance(node.expression, exp.Null):
        return None
    found = compiler.term(node.this)
    if isinstance(found, Opaque):
        return compiler.unused(found.reason)
    if negated:
        return NullCheck(_column_of(found), negated=True)
    # year('infinity') is NULL though its argument is not, so only a bare column tells.
    return NullCheck(found) if not found.functions else compiler.unused("IS NULL of a function")


def _column_of(found: Term) -> Term:
    """Return the column under a term; its type is not needed where only NULL matters."""
    return Term(found.column, found.type) if not found.functions else Term(found.column, "")


def _is_boolean(compiler: Compiler, tested: exp.Expr, value: bool, negated: bool) -> Predicate:
    if not negated:
        return compiler.compile(tested, negated=not value)
    found = compiler.term(tested)
    if isinstance(found, Opaque) or found.functions or found.type != "BOOLEAN":
        return compiler.unused("IS NOT of a condition")
    return any_of(compiler.compile(tested, negated=value), NullCheck(found))


def distinct_from(compiler: Compiler, node: exp.Expr, negated: bool) -> Predicate | None:
    """``IS [NOT] DISTINCT FROM constant``."""
    if not isinstance(node, exp.NullSafeEQ | exp.NullSafeNEQ):
        return None
    left, right = node.this.unnest(), node.expression.unnest()
    if compiler.constants.kind(left) is not None:
        left, right = right, left
    found = compiler.term(left)
    kinds = compiler.kinds([right])
    if isinstance(found, Opaque) or kinds is None:
        return compiler.unused(found.reason if isinstance(found, Opaque) else "compared with no constant")
    if found.functions:
        return compiler.unused("IS DISTINCT FROM of a function")
    same = isinstance(node, exp.NullSafeEQ) != negated
    return _null_safe(compiler, found, right, kinds, same)


def _null_safe(compiler: Compiler, found: Term, constant: exp.Expr, kinds: Sequence[str], same: bool) -> Predicate:
    missing, present = _presence(compiler, constant)
    if same:
        equal = compiler.comparison(found, Operator.EQ, constant, kinds)
        return any_of(equal, all_of(missing, NullCheck(found)))
    differs = compiler.comparison(found, Operator.NE, constant, kinds)
    return any_of(differs, all_of(present, NullCheck(found)), all_of(missing, NullCheck(found, negated=True)))


def _presence(compiler: Compiler, constant: exp.Expr) -> tuple[Predicate, Predicate]:
    """Return when a constant is NULL, and when it is not."""
    constants = compiler.constants
    if constants.kind(constant) == NULL:
        return TRUE, FALSE
    if isinstance(constant.unnest(), exp.Literal):
        return FALSE, TRUE
    test = exp.Is(this=exp.Paren(this=constant.copy()), expression=exp.Null())
    missing, present = constants.condition(test), constants.condition(test, negated=True)
    return Condition(missing) if missing is not None else TRUE, Condition(present) if present is not None else TRUE


def _rows(compiler: Compiler, left: exp.Expr, right: exp.Expr) -> Predicate:
    """``(a, b) = (1, 2)``: rows compare NULLs as equal, and no member is converted but between integers."""
    if not isinstance(left, exp.Tuple) or not isinstance(right, exp.Tuple):
        return compiler.unused("row value")
    parts = [_row_part(compiler, a, b) for a, b in zip(left.expressions, right.expressions, strict=False)]
    return all_of(*parts)


def _row_part(compiler: Compiler, column: exp.Expr, constant: exp.Expr) -> Predicate:
    found = compiler.term(column)
    kind = compiler.constants.kind(constant)
    if isinstance(found, Opaque) or found.functions or kind is None:
        return compiler.unused("row value")
    same = kind == found.type or (kind == STRING and found.type == "VARCHAR")
    if not same and not (kind in INTEGERS and found.type in INTEGERS):
        return compiler.unused("type")
    return _null_safe(compiler, found, constant, [kind], same=True)


def prefix(compiler: Compiler, node: exp.Expr, negated: bool) -> Predicate | None:
    """``column LIKE 'prefix%'``, ``starts_with(column, prefix)``, ``column ^@ prefix``."""
    escape = None
    if isinstance(node, exp.Escape):
        node, escape = node.this, node.expression
    if not isinstance(node, exp.Like | exp.StartsWith):
        return None
    found = compiler.term(node.this)
    if isinstance(found, Opaque):
        return compiler.unused(found.reason)
    if found.type != "VARCHAR" or found.functions:
        return compiler.unused("prefix of a function")
    if compiler.constants.kind(node.expression) not in (STRING, "VARCHAR"):
        return compiler.unused("compared with no constant")
    if isinstance(node, exp.StartsWith):
        slot = compiler.constants.slot(node.expression, "VARCHAR")
        return TRUE if slot is None else StartsWith(found, slot, negated)
    return _like(compiler, found, node.expression.unnest(), escape, negated)


def _like(compiler: Compiler, found: Term, pattern: exp.Expr, escape: exp.Expr | None, negated: bool) -> Predicate:
    if not isinstance(pattern, exp.Literal):
        constant = compiler.constants.constant(pattern, "VARCHAR")
        if negated or escape is not None or not isinstance(constant, Parameter):
            return compiler.unused("pattern not constant")
        return StartsWith(found, compiler.constants.add(LikePrefix(constant)))
    text = like_prefix(pattern.name, escape.name if escape is not None else "")
    if text == pattern.name:
        operator = Operator.NE if negated else Operator.EQ
        return Comparison(found, operator, compiler.constants.add(Literal(text, "VARCHAR")))
    if not text or (negated and pattern.name != text + "%"):
        return compiler.unused("pattern without a prefix")
    return StartsWith(found, compiler.constants.add(Literal(text, "VARCHAR")), negated)


def like_prefix(pattern: str, escape: str = "") -> str:
    """Return the text before the first wildcard or escape of a LIKE pattern.

    >>> like_prefix("ab%c_")
    'ab'
    """
    return next((pattern[:at] for at, sign in enumerate(pattern) if sign in "%_" or sign == escape), pattern)


def boolean(compiler: Compiler, node: exp.Expr, negated: bool) -> Predicate | None:
    """A BOOLEAN column as a condition."""
    if not isinstance(node, exp.Column):
        return None
    found = compiler.term(node)
    if isinstance(found, Opaque) or found.type != "BOOLEAN":
        return compiler.unused(found.reason if isinstance(found, Opaque) else "type")
    return Comparison(found, Operator.EQ, compiler.constants.add(Literal(not negated, "BOOLEAN")))


Rule = Callable[[Compiler, exp.Expr, bool], Predicate | None]
RULES: tuple[Rule, ...] = (
    comparison,
    between,
    list_membership,
    membership,
    null_check,
    distinct_from,
    prefix,
    boolean,
)
"""Each reads one form of leaf, or returns None for what is not of its form."""

"""What an expression of DuckDB is in Spark, construct by construct: the same, rewritten, or refused.

Each rule is given the kinds of what an expression is made of, returns its own kind, and may replace the expression.
An operand whose kind is not known, or that the engines convert differently, is refused.
"""

from __future__ import annotations

from typing import Final

from sqlglot import exp

from gateway.plan.spark import means
from gateway.plan.spark.allowed import written
from gateway.plan.spark.kinds import NUMBERS, TIMES, Kind, kind_of, spark_type, together
from gateway.plan.spark.moments import PARTS, dated, extracted, interval, truncated
from gateway.plan.spark.operands import (
    DAY,
    MOMENT,
    KindOf,
    Rule,
    alike,
    call,
    cast,
    condition,
    natural,
    number,
    unlike,
)
from gateway.plan.spark.portability import refused
from gateway.plan.spark.rollups import grouped
from gateway.plan.spark.values import ESCAPE

_MOST_DECIMALS = 8
_EMPTY = exp.Literal.string("")


def _literal(node: exp.Expr, kind: KindOf) -> Kind:
    if node.is_string:
        return Kind.TEXT
    text = str(node.this).lower()
    return Kind.INTEGER if text.isdigit() else Kind.DOUBLE if "e" in text else Kind.DECIMAL


def _compared(node: exp.Expr, kind: KindOf) -> Kind:
    alike(node, [node.this, node.expression], kind)
    return Kind.BOOLEAN


def _between(node: exp.Expr, kind: KindOf) -> Kind:
    alike(node, [node.this, node.args["low"], node.args["high"]], kind)
    return Kind.BOOLEAN


def _within(node: exp.Expr, kind: KindOf) -> Kind:
    query = node.args.get("query")
    alike(node, [node.this, *([query] if query is not None else node.expressions)], kind)
    return Kind.BOOLEAN


def _logic(node: exp.Expr, kind: KindOf) -> Kind:
    operands = [node.this] if isinstance(node, exp.Not) else [node.this, node.expression]
    kinds = [kind(operand) for operand in operands]
    if not set(kinds) <= {Kind.BOOLEAN, Kind.NULL}:
        raise unlike(node, kinds)
    return Kind.BOOLEAN


def _is(node: exp.Expr, kind: KindOf) -> Kind:
    kind(node.this)
    if not isinstance(node.expression, exp.Null | exp.Boolean):
        raise refused("it has IS of something other than NULL, TRUE and FALSE")
    return Kind.BOOLEAN


def _like(node: exp.Expr, kind: KindOf) -> Kind:
    """Match a pattern in which nothing escapes, as in DuckDB: a backslash does in Spark where nothing else is named."""
    kinds = [kind(node.this), kind(node.expression)]
    if not set(kinds) <= {Kind.TEXT, Kind.NULL}:
        raise unlike(node, kinds)
    pattern = node.expression
    if isinstance(pattern, exp.Literal):
        if ESCAPE in str(pattern.this):
            raise refused("it has LIKE of a pattern with a control character")
    elif not (isinstance(pattern, exp.Cast) and isinstance(pattern.this, exp.Placeholder)):
        raise refused("it has LIKE of a pattern that is computed", "a pattern that is written, or a parameter")
    match: exp.Expr = exp.Escape(
        this=exp.Like(this=node.this.copy(), expression=pattern.copy()), expression=exp.Literal.string(ESCAPE)
    )
    node.replace(exp.paren(exp.Not(this=match) if node.args.get("negate") else match))
    return Kind.BOOLEAN


def _arithmetic(node: exp.Expr, kind: KindOf) -> Kind:
    left, right = node.this, node.expression
    kinds = [kind(left), kind(right)]
    found = together(kinds)
    if found in NUMBERS:
        return found
    if isinstance(node, exp.Add) and kinds[0] is Kind.INTERVAL and kinds[1] in TIMES:
        left, right, kinds = right, left, kinds[::-1]
    if isinstance(node, exp.Add | exp.Sub) and kinds[0] in TIMES and kinds[1] is Kind.INTERVAL:
        node.set("this", cast(left.copy(), "TIMESTAMP_NTZ"))
        node.set("expression", right.copy())
        return Kind.TIMESTAMP
    if isinstance(node, exp.Add | exp.Sub) and kinds == [Kind.DATE, Kind.INTEGER]:
        return Kind.DATE
    if isinstance(node, exp.Sub) and kinds == [Kind.DATE, Kind.DATE]:
        node.replace(exp.paren(cast(call("DATEDIFF", left.copy(), right.copy()), "BIGINT")))
        return Kind.INTEGER
    raise unlike(node, kinds)


def _divided(node: exp.Expr, kind: KindOf) -> Kind:
    if means.is_mean(node):
        return means.divided(node, kind)
    kinds = [kind(node.this), kind(node.expression)]
    if not set(kinds) <= {*NUMBERS, Kind.NULL}:
        raise unlike(node, kinds)
    left, right = cast(node.this.copy(), "DOUBLE"), cast(node.expression.copy(), "DOUBLE")
    node.replace(exp.paren(exp.Div(this=left, expression=right)))
    return Kind.DOUBLE


def _whole_division(node: exp.Expr, kind: KindOf) -> Kind:
    kinds = [kind(node.this), kind(node.expression)]
    if kinds != [Kind.INTEGER, Kind.INTEGER]:
        raise unlike(node, kinds)
    zero = exp.Nullif(this=node.expression.copy(), expression=exp.Literal.number(0))
    if isinstance(node, exp.Mod):
        node.replace(exp.paren(exp.Mod(this=exp.paren(node.this.copy()), expression=zero)))
    else:
        node.replace(exp.paren(exp.IntDiv(this=exp.paren(node.this.copy()), expression=zero)))
    return Kind.INTEGER


def _signed(node: exp.Expr, kind: KindOf) -> Kind:
    found = kind(node.this)
    if found not in NUMBERS:
        raise unlike(node, [found])
    return found


def _round(node: exp.Expr, kind: KindOf) -> Kind:
    """Round as DuckDB does: a DOUBLE times a power of ten, to the nearest integer, divided by it; zero has a sign."""
    found, decimals = kind(node.this), node.args.get("decimals")
    digits = 0 if decimals is None else natural(node, decimals)
    if found not in NUMBERS or digits > _MOST_DECIMALS:
        raise unlike(node, [found])
    if found is Kind.DOUBLE:
        value, power = exp.paren(node.this), number(f"1e{digits}")
        product = exp.Mul(this=value.copy(), expression=power)
        rounded = exp.Div(this=call("ROUND", product, exp.Literal.number(0)), expression=power.copy())
        zero, large = (
            exp.EQ(this=rounded, expression=number("0")),
            exp.GTE(this=exp.Abs(this=value), expression=number("1e290")),
        )
        cases = [
            exp.If(this=exp.or_(exp.EQ(this=value.copy(), expression=number("0")), large), true=value.copy()),
            exp.If(this=exp.and_(zero, exp.LT(this=value.copy(), expression=number("0"))), true=number("-0.0")),
        ]
        node.replace(exp.Case(ifs=cases, default=rounded.copy()))
    return found


def _chosen(node: exp.Expr, kind: KindOf) -> Kind:
    results = [branch.args["true"] for branch in node.args["ifs"]]
    default = node.args.get("default")
    if node.this is not None:
        alike(node, [node.this, *(branch.this for branch in node.args["ifs"])], kind)
    else:
        for branch in node.args["ifs"]:
            condition(branch.this, kind)
    return alike(node, [*results, *([] if default is None else [default])], kind)


def _if(node: exp.Expr, kind: KindOf) -> Kind:
    condition(node.this, kind)
    otherwise = node.args.get("false")
    return alike(node, [node.args["true"], *([] if otherwise is None else [otherwise])], kind)


def _first_present(node: exp.Expr, kind: KindOf) -> Kind:
    return alike(node, [node.this, *node.expressions], kind)


def _null_if(node: exp.Expr, kind: KindOf) -> Kind:
    alike(node, [node.this, node.expression], kind)
    return kind(node.this)


def _texts(node: exp.Expr, kind: KindOf) -> Kind:
    kinds = [kind(node.this), kind(node.expression)]
    if not set(kinds) <= {Kind.TEXT, Kind.NULL}:
        raise unlike(node, kinds)
    return Kind.BOOLEAN if isinstance(node, exp.StartsWith) else Kind.TEXT


def _concatenated(node: exp.Expr, kind: KindOf) -> Kind:
    """Put texts together: what is NULL is left out, as in DuckDB; in Spark all of it would be NULL."""
    kinds = [kind(each) for each in node.expressions]
    if not set(kinds) <= {Kind.TEXT, Kind.INTEGER, Kind.NULL}:
        raise unlike(node, kinds)
    parts = [exp.Coalesce(this=cast(each.copy(), "STRING"), expressions=[_EMPTY.copy()]) for each in node.expressions]
    node.replace(call("CONCAT", *parts))
    return Kind.TEXT


def _length(node: exp.Expr, kind: KindOf) -> Kind:
    if kind(node.this) is not Kind.TEXT:
        raise unlike(node, [kind(node.this)])
    return Kind.INTEGER


def _substring(node: exp.Expr, kind: KindOf) -> Kind:
    start, length = node.args.get("start"), node.args.get("length")
    if kind(node.this) is not Kind.TEXT:
        raise unlike(node, [kind(node.this)])
    if start is None or natural(node, start) < 1:
        raise refused("it has substring() that starts before the first letter")
    if length is not None:
        natural(node, length)
    return Kind.TEXT


def _converted(node: exp.Expr, kind: KindOf) -> Kind:
    target = node.args["to"].sql(dialect="duckdb")
    found, wanted, type_ = kind(node.this), kind_of(target), spark_type(target)
    if type_ is None:
        raise refused(f"it has CAST to {target}")
    pair = found, wanted
    if found is Kind.TEXT and wanted in TIMES and isinstance(node.this, exp.Literal):
        form = DAY if wanted is Kind.DATE else MOMENT
        if not form.fullmatch(str(node.this.this)):
            raise refused(f"it has {node.this.sql()} as {wanted}", "a time written as 2024-01-31 10:00:00")
    elif isinstance(node.this, exp.Placeholder | exp.Null):
        pass
    elif found is not wanted and pair not in _CONVERSIONS:
        raise refused(f"it has CAST of {found} to {target}, which the engines round or write differently")
    node.set("to", exp.DataType.build(type_, dialect="spark"))
    return wanted


_CONVERSIONS: Final = {
    (Kind.INTEGER, Kind.DECIMAL),
    (Kind.INTEGER, Kind.DOUBLE),
    (Kind.DECIMAL, Kind.DOUBLE),
    (Kind.INTEGER, Kind.TEXT),
    (Kind.DATE, Kind.TEXT),
    (Kind.DATE, Kind.TIMESTAMP),
    (Kind.TIMESTAMP, Kind.DATE),
    (Kind.BOOLEAN, Kind.INTEGER),
    (Kind.NULL, Kind.NULL),
}


def _counted(node: exp.Expr, kind: KindOf) -> Kind:
    if not isinstance(node.this, exp.Star):
        kind(node.this)
    return Kind.INTEGER


def _distinct(node: exp.Expr, kind: KindOf) -> Kind:
    if len(node.expressions) != 1:
        raise refused("it has DISTINCT of several values")
    return kind(node.expressions[0])


def _sum(node: exp.Expr, kind: KindOf) -> Kind:
    found = kind(node.this)
    if found is Kind.DOUBLE:
        raise refused(
            "it has sum() or avg() of a DOUBLE, whose last digits are those of an order of the rows", "a DECIMAL"
        )
    if found not in NUMBERS:
        raise unlike(node, [found])
    return found


def _extreme(node: exp.Expr, kind: KindOf) -> Kind:
    found = kind(node.this)
    if found in (Kind.OTHER, Kind.INTERVAL) or isinstance(node.this, exp.Distinct):
        raise unlike(node, [found])
    return found


def _every(node: exp.Expr, kind: KindOf) -> Kind:
    condition(node.this, kind)
    return Kind.BOOLEAN


def _filtered(node: exp.Expr, kind: KindOf) -> Kind:
    condition(node.expression.this, kind)
    if not isinstance(node.this, exp.AggFunc):
        raise refused(f"it has FILTER of {written(node.this)}")
    return kind(node.this)


def _windowed(node: exp.Expr, kind: KindOf) -> Kind:
    for part in node.args.get("partition_by") or ():
        kind(part)
    order = node.args.get("order")
    for ordered in order.expressions if order is not None else ():
        kind(ordered.this)
    if node.find(exp.Distinct):
        raise refused("it has DISTINCT in a window")
    return kind(node.this)


def _numbered(node: exp.Expr, kind: KindOf) -> Kind:
    return Kind.INTEGER


def _neighbour(node: exp.Expr, kind: KindOf) -> Kind:
    offset, default = node.args.get("offset"), node.args.get("default")
    if offset is not None:
        natural(node, offset)
    return alike(node, [node.this, *([] if default is None else [default])], kind)


def _of(kind_: Kind) -> Rule:
    return lambda node, kind: kind_


def _same(node: exp.Expr, kind: KindOf) -> Kind:
    return kind(node.this)


RULES: Final[dict[type[exp.Expr], Rule]] = {
    exp.Literal: _literal,
    exp.Boolean: _of(Kind.BOOLEAN),
    exp.Null: _of(Kind.NULL),
    exp.Placeholder: _of(Kind.NULL),
    exp.Paren: _same,
    exp.Alias: _same,
    exp.Cast: _converted,
    exp.Interval: interval,
    **dict.fromkeys((exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.NullSafeEQ, exp.NullSafeNEQ), _compared),
    **dict.fromkeys((exp.And, exp.Or, exp.Not), _logic),
    exp.Between: _between,
    exp.In: _within,
    exp.Is: _is,
    exp.Like: _like,
    exp.Exists: _of(Kind.BOOLEAN),
    **dict.fromkeys((exp.Add, exp.Sub, exp.Mul), _arithmetic),
    exp.Div: _divided,
    **dict.fromkeys((exp.IntDiv, exp.Mod), _whole_division),
    **dict.fromkeys((exp.Neg, exp.Abs), _signed),
    exp.Round: _round,
    exp.Case: _chosen,
    exp.If: _if,
    **dict.fromkeys((exp.Coalesce, exp.Greatest, exp.Least), _first_present),
    exp.Nullif: _null_if,
    **dict.fromkeys((exp.DPipe, exp.StartsWith), _texts),
    exp.Concat: _concatenated,
    exp.Length: _length,
    exp.Substring: _substring,
    **dict.fromkeys((exp.Extract, *PARTS), extracted),
    exp.Anonymous: dated,
    **dict.fromkeys((exp.TimestampTrunc, exp.DateTrunc), truncated),
    exp.Grouping: grouped,
    exp.Count: _counted,
    exp.Distinct: _distinct,
    exp.Sum: _sum,
    **dict.fromkeys((exp.Min, exp.Max), _extreme),
    **dict.fromkeys((exp.LogicalAnd, exp.LogicalOr), _every),
    exp.Filter: _filtered,
    exp.Window: _windowed,
    **dict.fromkeys((exp.RowNumber, exp.Rank, exp.DenseRank), _numbered),
    **dict.fromkeys((exp.Lag, exp.Lead), _neighbour),
}

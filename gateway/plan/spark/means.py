"""Means of exact numbers in Spark, to the last digit of DuckDB's.

DuckDB divides the sum, as the integer that is stored of it, by the count times the power of ten of its scale. It does
so in numbers of 64 bits, and rounds the quotient once more to the 53 bits of a DOUBLE. Spark has no such numbers. Its
quotient is another one where the first rounding ends in the middle between two DOUBLEs, of which DuckDB then takes the
even one: the remainder of the division tells. Sums and divisors that a DOUBLE does not hold exactly are errors there.
"""

from __future__ import annotations

from typing import Final

from sqlglot import exp, parse_one

from gateway.plan.spark.kinds import Kind
from gateway.plan.spark.operands import KindOf
from gateway.plan.spark.portability import refused

_MEAN: Final = "gateway_mean"
"""In the metadata of a division: it is that of a mean."""
_SPLIT, _UNITS, _BELOW_ONE = "134217729D", "4503599627370497D", "0.99999999999999988897769753748D"
"""2**27 + 1 and 2**52 + 1, which take a DOUBLE apart, and the greatest one below 1."""
_STEPS: Final = (
    ("total", "CAST(gateway_sum AS STRING)"),
    ("number", "CAST(gateway_count AS DOUBLE)"),
    ("u", "CAST(REPLACE(total, '.', '') AS DOUBLE)"),
    ("d", "number * POWER(10D, IF(INSTR(total, '.') = 0, 0, LENGTH(total) - INSTR(total, '.')))"),
    (
        "q",
        "IF(ABS(u) < 9007199254740992D AND d < 4398046511104D, u / d,"
        " IF(u IS NULL, NULL, RAISE_ERROR('a mean of numbers that are too large')))",
    ),
    ("v", f"({_SPLIT} * q) - (({_SPLIT} * q) - q)"),
    ("w", f"({_SPLIT} * d) - (({_SPLIT} * d) - d)"),
    ("r", "(u - (q * d)) - (((((v * w) - (q * d)) + (v * (d - w))) + ((q - v) * w)) + ((q - v) * (d - w)))"),
    ("s", f"ABS(({_UNITS} * q) - ({_BELOW_ONE} * ({_UNITS} * q))) * 2.220446049250313E-16D"),
    (
        "m",
        "IF(q = 0D, q, IF((ABS(r) * 4096D) >= ((2047D * s) * d) AND ((ABS(q) / s) % 2D) = 1D, q + (SIGN(r) * s), q))",
    ),
)
"""What is computed one after the other: *r* is the remainder, *s* the distance of DOUBLEs near the quotient."""


def without_means(tree: exp.Expr) -> None:
    """Write each mean as a sum by a count, to be divided as DuckDB does."""
    for mean in list(tree.find_all(exp.Avg)):
        if isinstance(mean.this, exp.Distinct):
            raise refused("it has avg() of DISTINCT values")
        whole: exp.Expr = mean
        while isinstance(whole.parent, exp.Filter | exp.Window) and whole.arg_key == "this":
            whole = whole.parent
        total, count = (_around(whole, made(this=mean.this.copy())) for made in (exp.Sum, exp.Count))
        division = exp.Div(this=total, expression=count)
        division.meta[_MEAN] = True
        whole.replace(exp.paren(division))


def _around(whole: exp.Expr, made: exp.Expr) -> exp.Expr:
    """Copy what is around a mean, with another aggregate in its place."""
    if isinstance(whole, exp.Avg):
        return made
    copy = whole.copy()
    copy.set("this", _around(whole.this, made))
    return copy


def is_mean(division: exp.Expr) -> bool:
    """Return whether a division is that of a mean."""
    return _MEAN in division.meta


def divided(node: exp.Expr, kind: KindOf) -> Kind:
    """Divide a sum by its count."""
    total, count = node.this, node.expression
    kind(total)
    kind(count)
    made = _TEMPLATE.copy()
    for column in list(made.find_all(exp.Column)):
        if column.name in ("gateway_sum", "gateway_count"):
            column.replace((total if column.name == "gateway_sum" else count).copy())
    node.replace(made)
    return Kind.DOUBLE


def _named(steps: tuple[tuple[str, str], ...]) -> str:
    """Write steps, each under a name that the next ones know: it is the variable of a function over a list of one."""
    (name, value), *others = steps
    return f"TRANSFORM(ARRAY({value}), {name} -> {_named(tuple(others)) if others else name})[0]"


_TEMPLATE: Final = parse_one(_named(_STEPS), read="spark")

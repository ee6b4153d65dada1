"""The exact sum of floating-point numbers, in SQL: it depends neither on the order of rows nor on how they are cut.

A number is a sum of digits, each of which is an integer in a unit of its own. Integers are added up exactly, and only
the sums of all rows are put together and rounded. Of a number *x*:

    head    x in units of 2^-9, rounded              any |x| < 2^54
    middle  what is left, in units of 2^-72          nothing is left of |x| >= 2^-20, nor of 0
    fine    what is left, in units of 2^-135         nothing is left of |x| >= 2^-83
    tiny    x itself where |x| < 2^-83               in units of 2^-1074, a BIGNUM: it holds any integer, and is slow
    large   x itself where |x| >= 2^54, an integer   a BIGNUM
    odd     x itself where it is infinite or NaN     a DOUBLE: no order of them gives another sum

Every difference and every product with a power of two is exact (Sterbenz), for a head is at most half a unit away. The
sum of head, middle and fine is rounded once. Where there are tiny or large digits, each of the three sums is rounded
once, and then they are added.
"""

from __future__ import annotations

from typing import Final

_HEAD: Final = "512::DOUBLE"
_DIGIT: Final = "9223372036854775808::DOUBLE"
"""How many units of a digit are one of the digit before: 2^63, so that what is left of one, at most a half, fits."""


def _power(exponent: int) -> str:
    return f"{2.0**exponent!r}::DOUBLE"


_NUMBER: Final = "CAST({argument} AS DOUBLE)"
_SCALED: Final = f"{_NUMBER} * {_HEAD}"
_HEADS: Final = f"TRY_CAST({_SCALED} AS BIGINT)"
_LEFT: Final = f"(({_SCALED}) - CAST({_HEADS} AS DOUBLE)) * {_DIGIT}"
_MIDDLE: Final = f"CAST({_LEFT} AS BIGINT)"
_IS_LEFT: Final = f"{_LEFT} <> CAST({_MIDDLE} AS DOUBLE)"
_REST: Final = f"(({_LEFT}) - CAST({_MIDDLE} AS DOUBLE)) * {_DIGIT}"
_FINE: Final = f"CAST({_REST} AS BIGINT)"
_IS_TINY: Final = f"abs({_NUMBER}) < {_power(-83)}"

STATES: Final = (
    f"sum({_HEADS}){{filter}}",
    f"sum({_MIDDLE}){{filter}}",
    f"sum(CASE WHEN {_IS_LEFT} AND NOT {_IS_TINY} THEN {_FINE} END){{filter}}",
    # 2^1074 is no DOUBLE.
    f"CAST(sum(CASE WHEN {_IS_LEFT} AND {_IS_TINY}"
    f" THEN CAST({_NUMBER} * {_power(537)} * {_power(537)} AS BIGNUM) END){{filter}} AS VARCHAR)",
    f"CAST(sum(CASE WHEN {_HEADS} IS NULL THEN TRY_CAST({_NUMBER} AS BIGNUM) END){{filter}} AS VARCHAR)",
    f"sum(CASE WHEN {_HEADS} IS NULL AND NOT isfinite({_NUMBER}) THEN {_NUMBER} END){{filter}}",
)
"""The sums of each kind of digit: head, middle, fine, tiny, large, odd. One of no digit is NULL."""
TYPES: Final = frozenset({"HUGEINT", "VARCHAR", "DOUBLE"})
"""The types of those sums."""
MERGED: Final = (
    *("sum({0})", "sum({1})", "sum({2})"),
    "CAST(sum(CAST({3} AS BIGNUM)) AS VARCHAR)",
    "CAST(sum(CAST({4} AS BIGNUM)) AS VARCHAR)",
    "sum({5})",
)
"""The sums of all partials."""
OVER_ROWS: Final = tuple(f"{{{number}}}" for number in range(len(STATES)))

_WORD: Final = "9007199254740992"


def _words(sum_: str, exponent: int) -> str:
    """Write a sum of digits, times a power of two, as a BIGNUM; each of its halves is a DOUBLE."""
    high = f"CAST(CAST({sum_} // {_WORD} AS DOUBLE) * {_power(exponent + 53)} AS BIGNUM)"
    return f"{high} + CAST(CAST({sum_} % {_WORD} AS DOUBLE) * {_power(exponent)} AS BIGNUM)"


_TEXT: Final = "CAST(CAST({} AS VARCHAR) AS DOUBLE)"
"""An integer of any width, rounded once, as a text is."""
_DIGITS: Final = "__gateway_digits"
"""The struct of the sums; no column has this name, for a column would hide the parameter of a lambda."""
_NAMES: Final = ("head", "middle", "fine", "tiny", "large", "odd")
_HEAD_SUM, _MIDDLE_SUM, _FINE_SUM, _TINY_SUM, _LARGE_SUM, _ODD_SUM = (f"{_DIGITS}.{name}" for name in _NAMES)
_SHORT: Final = f"{_TEXT.format(f'{_HEAD_SUM} * 9223372036854775808 + {_MIDDLE_SUM}')} * {_power(-72)}"
_LONG: Final = (
    _TEXT.format(f"{_words(_HEAD_SUM, 126)} + {_words(_MIDDLE_SUM, 63)} + CAST(coalesce({_FINE_SUM}, 0) AS BIGNUM)")
    + f" * {_power(-135)}"
)
_LARGE: Final = f"CAST({_LARGE_SUM} AS DOUBLE)"
_TINY: Final = f"CAST({_TINY_SUM} AS DOUBLE) * {_power(-1074)}"
_IS_SHORT: Final = (
    f"{_FINE_SUM} IS NULL AND {_TINY_SUM} IS NULL AND {_LARGE_SUM} IS NULL AND {_HEAD_SUM} BETWEEN -{2**62} AND {2**62}"
)
_ROUNDED: Final = (
    f"CASE WHEN isnan({_ODD_SUM}) THEN 'nan'::DOUBLE WHEN {_ODD_SUM} IS NOT NULL THEN {_ODD_SUM}"
    f" WHEN {_HEAD_SUM} IS NULL THEN {_LARGE}"
    f" WHEN {_IS_SHORT} THEN {_SHORT}"
    f" ELSE coalesce({_LARGE}, 0) + {_LONG} + coalesce({_TINY}, 0) END"
)


def rounded(sums: tuple[str, ...]) -> str:
    """Write the sum that digits stand for, in the order of ``STATES``, as a DOUBLE; NULL where there is none."""
    digits = ", ".join(f"'{name}': {sql}" for name, sql in zip(_NAMES, sums, strict=True))
    return f"list_transform([{{{{{digits}}}}}], lambda {_DIGITS}: {_ROUNDED})[1]"

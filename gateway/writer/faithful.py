"""Casts of values into their final types in SQL, and the conditions under which one has lost nothing.

They fail for no value: what cannot be cast is NULL, and a condition is true, false or NULL, which counts as true.

A text is compared as a text, by its digits: a type that could hold all digits of any text does not exist, and a value
that is compared in a type that cannot hold it ends the statement without saying which row it is in.
"""

from __future__ import annotations

import re

_INTEGER = re.compile(r"U?(TINYINT|SMALLINT|INTEGER|BIGINT|HUGEINT)")
_DECIMAL = re.compile(r"DECIMAL\(\d+,(\d+)\)")
_DIGITS = {
    "TIME": 6,
    "TIMESTAMP": 6,
    "TIMESTAMP WITH TIME ZONE": 6,
    "TIMESTAMP_NS": 9,
    "TIMESTAMP_MS": 3,
    "TIMESTAMP_S": 0,
}
"""Digits that types keep of a second."""
_FLOATS = ("FLOAT", "DOUBLE")
_MOMENTS = ("DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "TIMESTAMP_MS", "TIMESTAMP_S", "TIMESTAMP_NS")
_FINITE = ("TIME", "TIMESTAMP_NS", "TIMESTAMP_MS", "TIMESTAMP_S")
"""Types that have nothing infinite, or whose infinite values other types and Parquet do not have."""
_NANOSECONDS = ("1677-09-21 00:12:44", "2262-04-11 23:47:16")
"""The first and the last whole second of a TIMESTAMP_NS."""


def cast(given: str, given_type: str, final: str) -> str:
    """Return the SQL of *given* as the type *final*; NULL where that is not possible, which TRY_CAST alone fails at."""
    if given_type == "DATE" and final in _MOMENTS[2:]:
        return cast(f"TRY_CAST({given} AS TIMESTAMP)", "TIMESTAMP", final)
    value = f"TRY_CAST({given} AS {final})"
    if given_type not in _MOMENTS or final not in _FINITE:
        return value
    if final != "TIMESTAMP_NS":
        return f"CASE WHEN isfinite({given}) THEN {value} END"
    first, last = (f"CAST('{second}' AS {given_type})" for second in _NANOSECONDS)
    return f"CASE WHEN {given} BETWEEN {first} AND {last} THEN {value} END"


def faithful(given: str, given_type: str, value: str, final: str) -> str:
    """Return the condition that *value*, *given* as the type *final*, is all that was given. All are SQL."""
    if given_type == "VARCHAR":
        return _of_text(given, value, final)
    if given_type in _FLOATS and final in _FLOATS:
        return f"isinf({value}) = isinf({given})"
    if final == "VARCHAR" or (given_type in _FLOATS and _DECIMAL.fullmatch(final)):
        return "true"
    same = f"{cast(value, final, given_type)} = {given}"
    return same if given_type.endswith((")", "]")) else f"coalesce({same}, false)"


def _of_text(given: str, value: str, final: str) -> str:
    decimal = _DECIMAL.fullmatch(final)
    if _INTEGER.fullmatch(final) or decimal is not None:
        kept = int(decimal[1]) if decimal is not None else 0
        approximate = f"TRY_CAST({given} AS DOUBLE) = TRY_CAST({value} AS DOUBLE)"
        return f"CASE WHEN contains(lower({given}), 'e') THEN {approximate} ELSE {_no_digit_after(kept, given)} END"
    if final in _FLOATS:
        return f"{_not_infinite(given, value)} AND {_not_zero(given, value)}"
    if final == "DATE":
        return f"TRY_CAST({given} AS TIMESTAMP) = TRY_CAST({value} AS TIMESTAMP)"
    if final in _DIGITS:
        digits = _no_digit_after(_DIGITS[final], given)
        if final in _FINITE:
            digits = f"NOT contains(lower({given}), 'inf') AND {digits}"
        return digits if final in ("TIME", "TIMESTAMP WITH TIME ZONE") else f"{digits} AND {_in_utc(given, value)}"
    return "true"


def _no_digit_after(count: int, given: str) -> str:
    return rf"NOT regexp_matches({given}, '\.\d{{{count}}}\d*[1-9]')"


def _not_infinite(given: str, value: str) -> str:
    return f"(NOT isinf({value}) OR contains(lower({given}), 'inf'))"


def _not_zero(given: str, value: str) -> str:
    return f"({value} <> 0 OR NOT regexp_matches(split_part(lower({given}), 'e', 1), '[1-9]'))"


def _in_utc(given: str, value: str) -> str:
    """Return the condition that a text tells no other zone than UTC, so that its clock is that of the value."""
    moments = f"epoch_us(TRY_CAST({given} AS TIMESTAMPTZ)) - epoch_us(TRY_CAST({value} AS TIMESTAMPTZ))"
    return f"coalesce(abs({moments}) < 1000000, true)"

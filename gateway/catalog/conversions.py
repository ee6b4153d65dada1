"""Which types hold every value of another one, as DuckDB casts them."""

from __future__ import annotations

from gateway.catalog.transforms.keys import Kind, SqlType, sql_type

_DIGITS_OF_DOUBLE, _DIGITS_OF_FLOAT = 2**53, 2**24
"""Whole numbers up to these are all there."""


def lossless(stored: str, declared: str) -> bool:
    """Tell whether every value of the type *stored* has a value of its own in the type *declared*.

    >>> lossless("INTEGER", "BIGINT"), lossless("DOUBLE", "BIGINT"), lossless("DECIMAL(9,2)", "DECIMAL(18,4)")
    (True, False, True)
    """
    if stored == declared:
        return True
    if stored.endswith("[]") and declared.endswith("[]"):
        return lossless(stored[:-2], declared[:-2])
    have, want = sql_type(stored), sql_type(declared)
    if have is None or want is None:
        return stored == "JSON" and declared == "VARCHAR"
    match have.kind, want.kind:
        case Kind.INTEGER, Kind.INTEGER:
            return bool(want.lowest <= have.lowest and have.highest <= want.highest)
        case Kind.INTEGER, Kind.DECIMAL:
            return bool(want.highest // 10**want.scale >= max(have.highest, -have.lowest))
        case Kind.INTEGER, Kind.DOUBLE:
            exact = _DIGITS_OF_DOUBLE if want.arrow.bit_width == 64 else _DIGITS_OF_FLOAT
            return bool(max(have.highest, -have.lowest) <= exact)
        case Kind.DECIMAL, Kind.DECIMAL:
            return want.scale >= have.scale and want.highest // 10**want.scale >= have.highest // 10**have.scale
        case Kind.DOUBLE, Kind.DOUBLE:
            return bool(want.arrow.bit_width >= have.arrow.bit_width)
    return _among_others(have, want)


def _among_others(have: SqlType, want: SqlType) -> bool:
    if have.kind is Kind.UUID and want.kind is Kind.VARCHAR:
        return True
    # Of the timestamps without a zone only the finer ones of the same span hold the others.
    return have.kind is want.kind is Kind.TIMESTAMP and have.per_second <= want.per_second <= 10**6

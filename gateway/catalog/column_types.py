"""How the types of columns are spelled."""

from __future__ import annotations

import re

_TYPE_NAMES = {
    **dict.fromkeys(("BOOL", "BOOLEAN", "LOGICAL"), "BOOLEAN"),
    **dict.fromkeys(("TINYINT", "INT1"), "TINYINT"),
    **dict.fromkeys(("SMALLINT", "INT2", "SHORT"), "SMALLINT"),
    **dict.fromkeys(("INTEGER", "INT", "INT4", "SIGNED"), "INTEGER"),
    **dict.fromkeys(("BIGINT", "INT8", "LONG"), "BIGINT"),
    **dict.fromkeys(("REAL", "FLOAT", "FLOAT4"), "FLOAT"),
    **dict.fromkeys(("DOUBLE", "FLOAT8"), "DOUBLE"),
    **dict.fromkeys(("VARCHAR", "TEXT", "STRING", "CHAR", "BPCHAR"), "VARCHAR"),
    **dict.fromkeys(("BLOB", "BINARY", "BYTEA", "VARBINARY"), "BLOB"),
    **dict.fromkeys(("TIMESTAMP", "DATETIME", "TIMESTAMP_US", "TIMESTAMP WITHOUT TIME ZONE"), "TIMESTAMP"),
    **dict.fromkeys(("TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE"), "TIMESTAMP WITH TIME ZONE"),
    **dict.fromkeys(("DECIMAL", "NUMERIC", "DEC"), "DECIMAL(18,3)"),
    **{name: name for name in ("HUGEINT", "UHUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT")},
    **{name: name for name in ("DATE", "TIME", "INTERVAL", "UUID", "JSON")},
    **{name: name for name in ("TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS")},
}


def canonical_type(text: str) -> str:
    """Spell a type the way DuckDB reports it. Raises ``ValueError`` for a name that is no DuckDB type.

    >>> canonical_type("int[]"), canonical_type("numeric(10, 2)"), canonical_type("timestamptz")
    ('INTEGER[]', 'DECIMAL(10,2)', 'TIMESTAMP WITH TIME ZONE')
    """
    spelled = " ".join(text.split())
    array = re.fullmatch(r"(.+?)\s*(\[\d*\])", spelled)
    if array is not None:
        return canonical_type(array[1]) + array[2]
    decimal = re.fullmatch(r"(?:DECIMAL|NUMERIC|DEC)\s*\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\)", spelled, re.IGNORECASE)
    if decimal is not None:
        width, scale = int(decimal[1]), int(decimal[2] or 0)
        if not 1 <= width <= 38 or scale > width:
            raise ValueError(f"{text!r}: a DECIMAL has 1 to 38 digits, and no more of them after the point")
        return f"DECIMAL({width},{scale})"
    if re.fullmatch(r"(?:STRUCT|MAP|UNION|ENUM)\s*\(.+\)", spelled, re.IGNORECASE):
        return spelled
    name = _TYPE_NAMES.get(spelled.upper())
    if name is None:
        raise ValueError(f"{text!r} is not a DuckDB type such as BIGINT, DECIMAL(15,2), TIMESTAMP or VARCHAR[]")
    return name

"""Types of parameters, and the DuckDB types that they are bound as."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from gateway.suggestions import did_you_mean, near


class Kind(StrEnum):
    """What values of a type look like, whatever their width."""

    BOOLEAN = "boolean"
    INTEGER = "integer"
    DECIMAL = "decimal"
    DOUBLE = "double"
    DATE = "date"
    TIMESTAMP = "timestamp"
    TIMESTAMPTZ = "timestamptz"
    VARCHAR = "varchar"
    UUID = "uuid"
    INTERVAL = "interval"
    LIST = "list"


TIMES = frozenset({Kind.DATE, Kind.TIMESTAMP, Kind.TIMESTAMPTZ})


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterType:
    """A declared type. ``sql`` is DuckDB's name for it; ``low`` and ``high`` bound an integer, both inclusive."""

    name: str
    kind: Kind
    sql: str
    low: int = 0
    high: int = 0
    width: int = 0
    scale: int = 0
    item: ParameterType | None = None

    @property
    def scalar(self) -> ParameterType:
        """Return the type of one value: of an item where this is a list."""
        return self if self.item is None else self.item

    def __str__(self) -> str:
        return self.name


def _integer(name: str, bits: int, *, signed: bool = True) -> ParameterType:
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    return ParameterType(name=name, kind=Kind.INTEGER, sql=name.upper(), low=low, high=high)


_BITS = {"tinyint": 8, "smallint": 16, "integer": 32, "bigint": 64, "hugeint": 128}
_PLAIN = {
    **{name: _integer(name, bits) for name, bits in _BITS.items()},
    **{f"u{name}": _integer(f"u{name}", bits, signed=False) for name, bits in _BITS.items()},
    "timestamptz": ParameterType(name="timestamptz", kind=Kind.TIMESTAMPTZ, sql="TIMESTAMP WITH TIME ZONE"),
    **{
        name: ParameterType(name=name, kind=Kind(name), sql=name.upper())
        for name in ("boolean", "double", "date", "timestamp", "varchar", "uuid", "interval")
    },
}
_ALIASES = {"bool": "boolean", "int": "integer", "text": "varchar", "timestamp with time zone": "timestamptz"}
_OTHER_NAMES = {"string": "varchar", "str": "varchar", "datetime": "timestamp", "int64": "bigint", "long": "bigint"}
"""What other languages call the types; suggested only."""
_DECIMAL = re.compile(r"decimal(?:\s*\(\s*(\d{1,3})\s*(?:,\s*(\d{1,3})\s*)?\))?")
_LIST = re.compile(r"list\s*\[(.*)\]")
_UNPROTECTED = str.maketrans("<>;", "[],")
"""A template writes list<decimal(10;2)> where YAML would take the usual characters for its own."""
_MAX_WIDTH = 38
NAMES = (*_PLAIN, "decimal(p,s)", "list[…]")


def parse_type(text: object) -> ParameterType:
    """Read a declared type. Raises ``ValueError``.

    >>> parse_type("list[decimal(10, 2)]").sql
    'DECIMAL(10,2)[]'
    """
    if isinstance(text, ParameterType):
        return text
    text = str(text).translate(_UNPROTECTED)
    name = " ".join(text.lower().split())
    name = _ALIASES.get(name, name)
    if name in _PLAIN:
        return _PLAIN[name]
    if match := _DECIMAL.fullmatch(name):
        return _decimal(match[1], match[2])
    if match := _LIST.fullmatch(name):
        return _list(parse_type(match[1]))
    if name.endswith("[]"):
        return _list(parse_type(name[:-2]))
    raise ValueError(f"unknown type {text!r}: {_suggestion(name) or 'expected one of ' + ', '.join(NAMES)}")


def _suggestion(name: str) -> str | None:
    names = [*_PLAIN, *_ALIASES, "decimal"]
    nearest = next(iter(near(name, [*names, *_OTHER_NAMES])), name)
    return did_you_mean(_OTHER_NAMES.get(nearest, name), names)


def _decimal(width_text: str | None, scale_text: str | None) -> ParameterType:
    # DuckDB's own defaults: DECIMAL is DECIMAL(18,3), DECIMAL(p) is DECIMAL(p,0).
    width, scale = (18, 3) if width_text is None else (int(width_text), int(scale_text or 0))
    if not 1 <= width <= _MAX_WIDTH:
        raise ValueError(f"a decimal has 1 to {_MAX_WIDTH} digits, not {width}")
    if scale > width:
        raise ValueError(f"a decimal of {width} digits cannot have {scale} of them after the point")
    return ParameterType(
        name=f"decimal({width},{scale})", kind=Kind.DECIMAL, sql=f"DECIMAL({width},{scale})", width=width, scale=scale
    )


def _list(item: ParameterType) -> ParameterType:
    if item.kind is Kind.LIST:
        raise ValueError("a list of lists cannot be a parameter")
    return ParameterType(name=f"list[{item.name}]", kind=Kind.LIST, sql=f"{item.sql}[]", item=item)

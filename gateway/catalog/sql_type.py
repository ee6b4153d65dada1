"""DuckDB's types: the one parser of their names.

``SqlType.parse`` reads any spelling that DuckDB accepts, ``str`` gives the one that its DESCRIBE prints.

>>> str(SqlType.parse("numeric(10, 2)")), str(SqlType.parse("text[]")), str(SqlType.parse("struct(a int4, b bool)"))
('DECIMAL(10,2)', 'VARCHAR[]', 'STRUCT(a INTEGER, b BOOLEAN)')
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from gateway.catalog.stored import quoted
from gateway.suggestions import did_you_mean, suggested

_ALIASES = {
    "BOOLEAN": ("BOOL", "LOGICAL"),
    "TINYINT": ("INT1",),
    "SMALLINT": ("INT2", "INT16", "SHORT"),
    "INTEGER": ("INT", "INT4", "INT32", "INTEGRAL", "SIGNED"),
    "BIGINT": ("INT8", "INT64", "LONG", "OID"),
    "HUGEINT": ("INT128",),
    "UTINYINT": ("UINT8",),
    "USMALLINT": ("UINT16",),
    "UINTEGER": ("UINT32",),
    "UBIGINT": ("UINT64",),
    "UHUGEINT": ("UINT128",),
    "FLOAT": ("FLOAT4", "REAL"),
    "DOUBLE": ("FLOAT8", "DOUBLE PRECISION"),
    "DECIMAL": ("NUMERIC", "DEC"),
    "VARCHAR": ("TEXT", "STRING", "CHAR", "BPCHAR", "NVARCHAR"),
    "BLOB": ("BINARY", "BYTEA", "VARBINARY"),
    "DATE": (),
    "TIME": (),
    "TIMESTAMP": ("DATETIME", "TIMESTAMP_US", "TIMESTAMP WITHOUT TIME ZONE"),
    "TIMESTAMP_S": (),
    "TIMESTAMP_MS": (),
    "TIMESTAMP_NS": (),
    "TIMESTAMP WITH TIME ZONE": ("TIMESTAMPTZ",),
    "INTERVAL": (),
    "UUID": ("GUID",),
    "JSON": (),
}
_ELSEWHERE = {
    "BYTE": "TINYINT",
    "UINT": "UINTEGER",
    "FLOAT16": "FLOAT",
    "FLOAT32": "FLOAT",
    "FLOAT64": "DOUBLE",
    "OBJECT": "VARCHAR",
    "CATEGORY": "VARCHAR",
    "UTF8": "VARCHAR",
    "LARGE_STRING": "VARCHAR",
    "VARCHAR2": "VARCHAR",
    "LARGE_BINARY": "BLOB",
    "BYTES": "BLOB",
    "DATE32": "DATE",
    "DATE64": "DATE",
    "DATETIME64": "TIMESTAMP",
    "TIMESTAMP_NTZ": "TIMESTAMP",
    "TIMESTAMP_LTZ": "TIMESTAMPTZ",
    "TIMESTAMP_TZ": "TIMESTAMPTZ",
    "TIMEDELTA64": "INTERVAL",
    "DURATION": "INTERVAL",
}
"""Types by the names that they have in pandas, Arrow, Spark and other databases, and not in DuckDB."""
_NUMBERS = ("NUMBER", "BIGNUMERIC", "DECIMAL128", "DECIMAL256")
"""Other names of DECIMAL, which means nothing without its digits."""
_NAMES = {alias: name for name, aliases in _ALIASES.items() for alias in (name, *aliases)}
_EXAMPLES = "BIGINT, DECIMAL(15,2), TIMESTAMP or VARCHAR[]"
_MOST_DIGITS = 38
_ARRAY = re.compile(r"(.+?)\s*\[(\d*)\]", re.DOTALL)
_ARGUMENTS = re.compile(r"([\w ]+?)\s*\((.*)\)", re.DOTALL)
_DIGITS = re.compile(r"\s*(\d+)\s*(?:,\s*(\d+)\s*)?")
_MEMBER = re.compile(r'\s*(?:"((?:[^"]|"")*)"|(\S+))\s+(.+)', re.DOTALL)
_QUOTED = re.compile(r'"(?:[^"]|"")*"|\'(?:[^\']|\'\')*\'')
_TOKEN = re.compile(rf"{_QUOTED.pattern}|[(),]")


@dataclass(frozen=True, slots=True)
class SqlType:
    """A DuckDB type.

    ``name`` has no arguments (``DECIMAL``, ``LIST``, ``ARRAY``, ``STRUCT``, ``MAP``, ``BIGINT``). A type that is not
    known here, an ENUM and a UNION have their whole text as their name.
    """

    name: str
    width: int = 0
    """Digits of a DECIMAL; length of an ARRAY."""
    scale: int = 0
    """Digits of a DECIMAL after the point."""
    members: tuple[tuple[str, SqlType], ...] = ()
    """Element of a LIST or ARRAY, key and value of a MAP (without names), fields of a STRUCT."""

    @staticmethod
    def parse(text: str) -> SqlType:
        """Read the name of a type. A text that is no type of DuckDB's is kept as it is, and is not ``known``."""
        return _parse(text)

    @property
    def known(self) -> bool:
        """Whether DuckDB has such a type."""
        if self.members:
            return all(member.known for _, member in self.members)
        if self.name == "DECIMAL":
            return 1 <= self.width <= _MOST_DIGITS and self.scale <= self.width
        return self.name in _ALIASES or self.composite

    @property
    def composite(self) -> bool:
        """Whether the type is, or has in it, a STRUCT, MAP, UNION or ENUM."""
        if self.members:
            return self.name in ("STRUCT", "MAP") or any(member.composite for _, member in self.members)
        return self.name.startswith(("ENUM(", "UNION(")) and self.name.endswith(")")

    def leaves(self) -> Iterator[SqlType]:
        """Walk the types inside this one that have no members; itself where it has none."""
        if not self.members:
            yield self
        for _, member in self.members:
            yield from member.leaves()

    def __str__(self) -> str:
        if self.name == "DECIMAL":
            return f"DECIMAL({self.width},{self.scale})"
        if not self.members:
            return self.name
        match self.name:
            case "LIST":
                return f"{self.members[0][1]}[]"
            case "ARRAY":
                return f"{self.members[0][1]}[{self.width}]"
            case "MAP":
                return f"MAP({', '.join(str(member) for _, member in self.members)})"
            case "STRUCT":
                return f"STRUCT({', '.join(f'{quoted(name)} {member}' for name, member in self.members)})"
        return self.name


def canonical_type(text: str) -> str:
    """Return the canonical spelling of a declared type. Raises ``ValueError`` for a text that is no DuckDB type.

    A STRUCT, MAP, UNION or ENUM stays as it was written.

    >>> canonical_type("int[]"), canonical_type("numeric(10, 2)"), canonical_type("timestamptz")
    ('INTEGER[]', 'DECIMAL(10,2)', 'TIMESTAMP WITH TIME ZONE')
    """
    bare = _QUOTED.sub("", text)
    if any(bare.count(opening) > bare.count(closing) for opening, closing in ("()", "[]")):
        raise ValueError(f"{text!r} ends within brackets: in braces, a type with a comma stands in quotes")
    found = SqlType.parse(text)
    if found.composite:
        return _without_spaces(" ".join(text.split()))
    if not all(leaf.known for leaf in found.leaves() if leaf.name == "DECIMAL"):
        raise ValueError(f"{text!r}: a DECIMAL has 1 to {_MOST_DIGITS} digits, and no more of them after the point")
    unknown = next((leaf.name for leaf in found.leaves() if not leaf.known), None)
    if unknown is not None:
        hint = _meant(text) or did_you_mean(unknown.partition("(")[0], _NAMES)
        raise ValueError(f"{text!r} is not a DuckDB type: {hint or f'write one such as {_EXAMPLES}'}")
    return str(found)


def _meant(text: str) -> str | None:
    """Suggest the type that has another name elsewhere.

    >>> _meant("float64"), _meant("timestamp[us, tz=UTC]"), _meant("decimal128(10, 2)")
    ("did you mean 'DOUBLE'?", "did you mean 'TIMESTAMPTZ'?", "did you mean 'DECIMAL(10, 2)'?")
    """
    name = re.split(r"\W", text.strip().upper(), maxsplit=1)[0]
    arguments = text.strip()[len(name) :]
    if arguments.startswith("[") and name in ("TIMESTAMP", "DATETIME64"):
        return suggested(["TIMESTAMPTZ" if "," in arguments else "TIMESTAMP"])
    if name in _NUMBERS:
        return suggested([f"DECIMAL{arguments}"] if arguments.startswith("(") else [])
    kind = _ELSEWHERE.get(name)
    return suggested([kind] if kind else [])


def _without_spaces(text: str) -> str:
    """Write the brackets of an array next to its element."""
    array = _ARRAY.fullmatch(text)
    return text if array is None else f"{_without_spaces(array[1])}[{array[2]}]"


@lru_cache(maxsize=4096)
def _parse(text: str) -> SqlType:
    text = text.strip()
    array = _ARRAY.fullmatch(text)
    if array is not None:
        element = (("", _parse(array[1])),)
        return SqlType("ARRAY", width=int(array[2]), members=element) if array[2] else SqlType("LIST", members=element)
    arguments = _ARGUMENTS.fullmatch(text)
    if arguments is not None:
        return _with_arguments(text, arguments[1].upper(), arguments[2])
    name = _NAMES.get(" ".join(text.upper().split()))
    if name == "DECIMAL":
        return SqlType("DECIMAL", width=18, scale=3)  # DuckDB's default
    return SqlType(name or text)


def _with_arguments(text: str, name: str, arguments: str) -> SqlType:
    if name == "STRUCT":
        return SqlType("STRUCT", members=tuple(_field(part) for part in _split(arguments)))
    if name == "MAP":
        return SqlType("MAP", members=tuple(("", _parse(part)) for part in _split(arguments)))
    if name in ("ENUM", "UNION"):
        return SqlType(f"{name}({arguments})")
    digits, known = _DIGITS.fullmatch(arguments), _NAMES.get(name)
    if known == "DECIMAL" and digits is not None:
        return SqlType("DECIMAL", width=int(digits[1]), scale=int(digits[2] or 0))
    return SqlType("VARCHAR" if known == "VARCHAR" and digits is not None and digits[2] is None else text)


def _field(text: str) -> tuple[str, SqlType]:
    match = _MEMBER.fullmatch(text)
    if match is None:
        return "", SqlType(text)
    return match[2] or (match[1] or "").replace('""', '"'), _parse(match[3])


def _split(text: str) -> list[str]:
    """Split a list at its commas, except for those in parentheses and quotes."""
    parts, depth, start = [], 0, 0
    for match in _TOKEN.finditer(text):
        depth += {"(": 1, ")": -1}.get(match[0], 0)
        if match[0] == "," and depth == 0:
            parts.append(text[start : match.start()])
            start = match.end()
    return [*parts, text[start:]]

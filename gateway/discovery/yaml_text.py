"""Writes single values of YAML on one line, quoted where they would be read as something else."""

from __future__ import annotations

import re

_PLAIN = re.compile(r"/?[A-Za-z_][A-Za-z0-9_]*(?:://)?[A-Za-z0-9_./-]*(?: [A-Za-z0-9_./]+)*", re.ASCII)
_TYPE = re.compile(r"[A-Z][A-Z0-9_]*(?: [A-Z]+)*(?:\(\d+(?:,\d+)?\))?(?:\[\d*\])*")
_WORDS = frozenset(["true", "false", "null", "yes", "no", "on", "off", "y", "n"])


def scalar(text: str) -> str:
    """Write a text.

    >>> scalar("ordered_at"), scalar("s3://lake/a-b"), scalar("no"), scalar("a: b"), scalar("2024")
    ('ordered_at', 's3://lake/a-b', '"no"', '"a: b"', '"2024"')
    """
    return text if _PLAIN.fullmatch(text) and text.lower() not in _WORDS else quoted(text)


def type_scalar(text: str) -> str:
    """Write the name of a type, as the value of a mapping that is not on one line.

    >>> type_scalar("DECIMAL(10,2)"), type_scalar("STRUCT(a INTEGER)")
    ('DECIMAL(10,2)', '"STRUCT(a INTEGER)"')
    """
    return text if _TYPE.fullmatch(text) else quoted(text)


def quoted(text: str) -> str:
    """Write a text in double quotes."""
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    if character.isprintable():
        return character
    number = ord(character)
    return f"\\u{number:04x}" if number < 2**16 else f"\\U{number:08x}"


def comment(text: str) -> str:
    """Write a text so that it can stand in a comment.

    >>> comment("a\\nb")
    'a b'
    """
    return "".join(character if character.isprintable() else " " for character in text)

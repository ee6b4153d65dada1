"""Find characters that look like a quote or a space, and that YAML and TOML read as part of a text.

Word processors and web pages put them in: ``transform: “day”``, or a no-break space before a key.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

import yaml

_SPACES = "\u00a0\u00ad\u1680\u180e\u2000-\u200d\u202f\u205f\u2060\u3000\ufeff"
"""Characters that look like a space or like nothing, as a regular expression writes a set."""
_SPACE = re.compile(f"[{_SPACES}]")
_QUOTES = "“”„‟‘’‚‛«»‹›"
_AROUND = " \t\r\"'"
_QUOTED = re.compile(rf"[{_QUOTES}]([^{_QUOTES}\n]*)")
_KEY = re.compile(r"(?:- +)?[\w.-]+:")
_BEFORE = re.compile(rf"(?:^|[:=,\[{{]|- ) *(?=[{_QUOTES}{_SPACES}])|(?=[{_SPACES}] *:)")
PROSE = frozenset({"description", "summary", "title", "contact", "name"})
_FREE = PROSE | {"rows", "default", "choices", "examples", "sets", "parameters"}
"""Keys below which values are prose or data of the author, and may hold whatever he likes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OddCharacter:
    """A character at a place, which counts from 0: what is wrong with it, and what to write."""

    line: int
    column: int
    message: str
    hint: str


def plain_quotes(text: str) -> str | None:
    """Say what to write for a text that begins with a typographic quote; None: it does not.

    >>> plain_quotes("“day”"), plain_quotes("day")
    ('write "day"', None)
    """
    found = _QUOTED.match(text)
    return None if found is None else f"write {json.dumps(found[1].strip(_AROUND), ensure_ascii=False)}"


def odd_at(line: str, column: int, number: int) -> OddCharacter | None:
    """Explain the character in a column of a line, which has a *number*, if it is an odd one."""
    character, hint = line[column : column + 1], plain_quotes(line[column:])
    if hint is not None:
        message = f"{character} is no quote here, but part of the text"
        return OddCharacter(line=number, column=column, message=message, hint=hint)
    if not _SPACE.match(character):
        return None
    name = unicodedata.name(character, "an unusual space").lower()
    message = f"an unusual space stands here: {name} (U+{ord(character):04X})"
    return OddCharacter(line=number, column=column, message=message, hint="write a plain space, or remove it")


def odd_in_line(line: str, number: int) -> OddCharacter | None:
    """Find the first one of a line that cannot be read which stands in its indentation, or around a key or value."""
    found = _BEFORE.search(line)
    return None if found is None else odd_at(line, found.end(), number)


def odd_in_document(root: yaml.Node | None) -> OddCharacter | None:
    """Find the first one at an end of a key, or of an unquoted value that is neither prose nor data."""
    return None if root is None else next(_in_node(root), None)


def _in_node(node: yaml.Node, *, free: bool = False) -> Iterator[OddCharacter]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from _in_scalar(key)
            yield from _in_node(value, free=free or key.value in _FREE)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _in_node(item, free=free)
    elif not free:
        yield from _in_scalar(node)


def _in_scalar(node: yaml.Node) -> Iterator[OddCharacter]:
    if not isinstance(node, yaml.ScalarNode) or node.style in ("'", '"', "|", ">"):
        return
    text, start, end = node.value, node.start_mark, node.end_mark
    key = _KEY.match(text)
    for offset in (0, key.end() if key else 0):
        found = odd_at(text, offset, start.line)
        if found is not None:
            yield _moved(found, start.column)
    if _SPACE.match(text[-1:]):
        found = odd_at(text, len(text) - 1, end.line)
        assert found is not None, "an odd space is one"
        yield _moved(found, end.column - len(text))


def _moved(found: OddCharacter, columns: int) -> OddCharacter:
    return OddCharacter(line=found.line, column=found.column + columns, message=found.message, hint=found.hint)

"""Parse a TOML document, or say in plain words what is wrong with it and where."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from typing import Any

from gateway.odd_characters import odd_at

_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
_WORDS: Mapping[str, tuple[str, str | None]] = {
    r"Invalid value": ("this is no value", 'a text stands in quotes, name = "text"; numbers, true and false do not'),
    r"Expected '=' after a key.*": ("a setting lacks its =", "write name = value"),
    r"Invalid statement|Invalid initial character.*": ("this is no setting", "write name = value, or [section]"),
    r"Expected newline or end of document.*": (
        "something follows a complete value",
        "one setting stands in a line, and a text in quotes",
    ),
    r"Illegal character '\\n'|Unterminated string|Expected \"'+\".*": ("a quote is not closed", "close it in its line"),
    r"Unclosed array|Expected ']' at the end.*|Expected ']]'.*": ("a [ is not closed", "close it with ]"),
    r"Unclosed inline table": ("a { is not closed", "close it with }, in the same line"),
    r"Cannot overwrite a value|Duplicate inline table key.*": ("the setting stands twice", "remove one"),
    r"Cannot declare \((.*)\) twice|Cannot mutate.*": ("the section stands twice", "join what both hold"),
    r"Unescaped '\\' in a string": ("a backslash begins an escape", "use single quotes: 'C:\\data'"),
    r"Illegal character '\\t'.*": ("a tab stands in a text", r"write \t"),
}


class TomlMistake(Exception):
    """A text is no TOML: what is wrong, and what would be right. ``line`` and ``column`` count from 1."""

    def __init__(self, message: str, *, line: int, column: int | None, hint: str | None) -> None:
        super().__init__(message)
        self.message, self.line, self.column, self.hint = message, line, column, hint


def parse_toml(text: str) -> dict[str, Any]:
    """Return the document. Raises ``TomlMistake``."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _explained(str(error), text) from error
    except RecursionError as error:
        raise TomlMistake("nested too deep", line=1, column=None, hint=None) from error


def _explained(error: str, text: str) -> TomlMistake:
    place = _PLACE.search(error)
    problem = error[: place.start()] if place else error
    lines = text.rstrip().split("\n")
    line, column = (int(place[1]), int(place[2])) if place and place[1] else (_open_quote(lines), None)
    odd = None if column is None else odd_at(lines[line - 1], column - 1, line)
    if odd is not None:
        return TomlMistake(odd.message, line=line, column=column, hint=odd.hint)
    for pattern, (message, hint) in _WORDS.items():
        if re.fullmatch(pattern, problem):
            return TomlMistake(message, line=line, column=column, hint=hint)
    return TomlMistake(f"not valid TOML: {problem[:1].lower()}{problem[1:]}", line=line, column=column, hint=None)


def _open_quote(lines: list[str]) -> int:
    """Return the number of the first line with a quote that it does not close, else that of the last line."""
    odd = (number for number, line in enumerate(lines, start=1) if any(line.count(quote) % 2 for quote in "'\""))
    return next(odd, len(lines))

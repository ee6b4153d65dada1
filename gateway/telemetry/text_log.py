"""Log lines for people: what ``json_log`` and ``audit`` write as JSON, in plain words and colour."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson

from gateway.telemetry.events import Observer, unobserved
from gateway.telemetry.json_log import STANDARD_OUTPUT, LineWriter

_COLOURS: Final = {"info": "32", "warning": "33", "error": "31"}
_FIRST: Final = ("time", "level", "event")
_REQUEST: Final = ("method", "path", "status", "seconds")


def standard_output(form: str, stream: str, *, lost: Observer = unobserved) -> Callable[[bytes], object]:
    """Return what writes lines of JSON to standard output in a *form*: ``json``, ``text``, ``auto`` by the terminal.

    Text has colours on a terminal, unless ``NO_COLOR`` is set (no-color.org). *stream* and *lost* are ``LineWriter``'s.
    """
    write = LineWriter(stream, lost=lost)
    if is_json(form):
        return write
    return TextLines(write, colour=os.isatty(STANDARD_OUTPUT) and not os.environ.get("NO_COLOR"))


def is_json(form: str) -> bool:
    """Return whether standard output has lines of JSON in a *form* of the settings."""
    return form == "json" or (form == "auto" and not os.isatty(STANDARD_OUTPUT))


class TextLines:
    """Turns lines of JSON into lines of text for *write*, in *colour* or without. What is no JSON stays as it is.

    >>> write = TextLines(lambda lines: print(lines[9:].decode(), end=""))
    >>> write(b'{"time":0,"level":"info","event":"engine-started","role":"main","query":"a b"}\\n')
    info     engine-started  role=main query="a b"
    """

    def __init__(self, write: Callable[[bytes], object], *, colour: bool = False) -> None:
        self._write, self._colour = write, colour

    def __call__(self, lines: bytes) -> None:
        self._write(b"".join(map(self._line, lines.splitlines(keepends=True))))

    def _line(self, line: bytes) -> bytes:
        try:
            fields = orjson.loads(line)
            text = self._text(fields)
        except (ValueError, KeyError, TypeError):
            return line
        return f"{text}\n".encode()

    def _text(self, fields: Mapping[str, Any]) -> str:
        moment = time.strftime("%H:%M:%S", time.localtime(fields["time"]))
        level, event = f"{fields['level']:<8}", fields["event"]
        if self._colour:
            level, event = f"\x1b[{_COLOURS.get(fields['level'], '0')}m{level}\x1b[0m", f"\x1b[1m{event}\x1b[0m"
        told = [_member(name, value) for name, value in fields.items() if name not in (*_FIRST, *_REQUEST)]
        return f"{moment} {level} {'  '.join([event, *_request(fields), ' '.join(told)])}".rstrip()


def _request(fields: Mapping[str, Any]) -> list[str]:
    """Write which request it was and how it ended, as people say it: ``GET /docs 200 3.1 ms``."""
    found = [_plain(fields[name]) for name in _REQUEST[:3] if name in fields]
    if "seconds" in fields:
        found.append(f"{fields['seconds'] * 1000:.1f} ms")
    return [" ".join(found)] if found else []


def _member(name: str, value: Any) -> str:
    return f"{name}={_plain(value)}"


def _plain(value: Any) -> str:
    """Write a value as it is where it cannot be misread, else as JSON, which has no control characters."""
    if isinstance(value, str) and value.isprintable() and value and not set(value) & set(' "='):
        return value
    return json.dumps(value)

"""Write events as JSON log lines, one line per event."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import fields
from functools import cache
from operator import attrgetter
from typing import Any, NamedTuple

import orjson

from gateway.telemetry.events import (
    Event,
    LineLost,
    Observer,
    unobserved,
)

_ATOMIC = 4096
"""Bytes that a pipe takes in one piece, whoever else writes to it (POSIX ``PIPE_BUF`` on Linux)."""
_OWN = 2
"""How many fields of an event come before those that it may have in common with others."""
STANDARD_OUTPUT = 1


class LineWriter:
    """Writes lines to a file descriptor. A line that cannot be written is reported as ``LineLost`` and dropped.

    Each line is one system call: nothing is buffered, and lines of different workers do not mix.
    """

    def __init__(self, stream: str, *, descriptor: int = STANDARD_OUTPUT, lost: Observer = unobserved) -> None:
        self._descriptor, self._lost, self._event = descriptor, lost, LineLost(stream=stream)

    def __call__(self, line: bytes) -> None:
        try:
            os.write(self._descriptor, line)
        except OSError:  # a full disk, a pipe that nobody reads
            self._lost(self._event)


def write_batch(write: Callable[[bytes], object], lines: Iterable[bytes]) -> None:
    """Write several lines in few calls, each small enough that lines of different workers do not mix."""
    waiting, size = list[bytes](), 0
    for line in lines:
        if size + len(line) > _ATOMIC and waiting:
            write(b"".join(waiting))
            waiting, size = [], 0
        waiting.append(line)
        size += len(line)
    if waiting:
        write(b"".join(waiting))


class JsonLog:
    """Write each event as one line of JSON: ``time`` (seconds since the epoch), ``level``, ``event``, its fields.

    Lines go to standard output unless *write* takes them.
    """

    def __init__(
        self, write: Callable[[bytes], object] | None = None, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._write = write if write is not None else LineWriter("log")
        self._clock = clock

    def __call__(self, event: Event) -> None:
        self.many([event])

    def many(self, events: Sequence[Event]) -> None:
        """Write several events, in as few calls as keep lines of different workers from mixing."""
        write_batch(self._write, self._lines([event for event in events if event.level is not None]))

    def _lines(self, events: Sequence[Event]) -> Iterator[bytes]:
        # Hits are told of by the dozen, and mostly differ in their first fields only: the others are encoded once.
        last: tuple[Any, ...] = ()
        rest = b""
        for event in events:
            layout = _layout_of(type(event))  # type: ignore[arg-type]  # a class is hashable, whatever its objects are
            values = layout.values(event)
            if last != (layout, values[_OWN:]):
                last, rest = (layout, values[_OWN:]), _encoded(layout.told(values, slice(_OWN, None)))
            own = {"time": round(self._clock(), 3), "level": event.level, "event": layout.kind}
            head = _encoded(own | layout.told(values, slice(_OWN)))
            yield b"%b,%b\n" % (head[:-1], rest[1:]) if len(rest) > len(b"{}") else head + b"\n"


class _LineLayout(NamedTuple):
    """How a kind of event is written: what it is called, the fields shown, and which of them are fractions."""

    kind: str
    names: tuple[str, ...]
    values: Callable[[Event], tuple[Any, ...]]
    fractions: frozenset[str]

    def told(self, values: tuple[Any, ...], which: slice) -> dict[str, Any]:
        """Return some of the fields, those without a value left out."""
        named = zip(self.names[which], values[which], strict=True)
        return {
            name: round(value, 6) if name in self.fractions else value for name, value in named if value is not None
        }


@cache
def _layout_of(event: type[Event]) -> _LineLayout:
    shown = [field for field in fields(event) if field.metadata.get("line", True)]
    names = tuple(field.name for field in shown)
    return _LineLayout(
        kind=_kind(event),
        names=names,
        values=attrgetter(*names) if len(names) > 1 else lambda event: tuple(getattr(event, name) for name in names),
        fractions=frozenset(field.name for field in shown if "float" in str(field.type)),
    )


def _encoded(fields: dict[str, Any]) -> bytes:
    return orjson.dumps(fields, default=str)


def _kind(event: type[Event]) -> str:
    """Name an event in a log line: ``RefreshFailed`` is ``refresh-failed``."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", event.__name__).lower()

"""The audit log: one line per answered request, with who asked what, when, and which result they got."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from operator import attrgetter
from pathlib import Path
from typing import Any

import orjson

from gateway.errors import Diagnostic, SettingsInvalid
from gateway.telemetry.events import Event, RequestServed
from gateway.telemetry.json_log import write_batch

NO_FILE = ("off", "stdout")
"""Values of ``log.audit`` that name no file."""
_FIELDS = (
    "request",
    "principal",
    "credential",
    "client",
    "query",
    "version",
    "key",
    "cache",
    "status",
    "rows",
    "size",
    "format",
    "complete",
)
_VALUES = attrgetter(*_FIELDS)


class AuditLog:
    """Writes the audit line of each request that was answered with a result or with ``304``.

    With *digest*, parameters are written as a digest: equal questions can be found, values cannot be read.
    """

    def __init__(
        self, write: Callable[[bytes], object], *, digest: bool = False, clock: Callable[[], float] = time.time
    ) -> None:
        self._write, self._digest, self._clock = write, digest, clock

    def __call__(self, event: Event) -> None:
        self.many([event])

    def many(self, events: Sequence[Event]) -> None:
        """Write the lines of several events, in few calls."""
        answered = [event for event in events if isinstance(event, RequestServed) and event.key is not None]
        write_batch(self._write, [self._line(event) for event in answered])

    def _line(self, event: RequestServed) -> bytes:
        line: dict[str, Any] = {"time": round(self._clock(), 3), "level": "info", "event": "audit"}
        pairs = zip(_FIELDS, _VALUES(event), strict=True)
        line.update([pair for pair in pairs if pair[1] is not None])
        parameters = event.parameters or {}
        if self._digest:
            line["parameters_digest"] = digest_of(parameters)
        else:
            line["parameters"] = parameters
        return orjson.dumps(line, default=str, option=orjson.OPT_APPEND_NEWLINE)


def open_file(path: Path) -> int:
    """Open the audit file for appending; return its descriptor. Raises ``SettingsInvalid``."""
    try:
        return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
    except OSError as error:
        message = f"log.audit: cannot write to {path.name}: {error.strerror}"
        raise SettingsInvalid([Diagnostic(path="gateway.toml", message=message)]) from error


def digest_of(parameters: Mapping[str, Any]) -> str:
    """Digest parameters regardless of their order (hexadecimal).

    >>> digest_of({"a": 1, "b": 2}) == digest_of({"b": 2, "a": 1}) != digest_of({"a": "1", "b": 2})
    True
    """
    text = orjson.dumps(parameters, default=str, option=orjson.OPT_SORT_KEYS)
    return blake2b(text, digest_size=16, person=b"gateway audit").hexdigest()

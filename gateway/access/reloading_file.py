"""A small file that is reloaded when it changes; a broken version never replaces a valid one."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Generic, TypeVar

from gateway.telemetry.events import AccessFileFailed, AccessFileRead, Observer

Value = TypeVar("Value")
_LARGEST = 16 * 2**20
_UNSETTLED = 50_000_000
"""Nanoseconds for which a file that was just written may change again without its times telling."""


class ReloadingFile(Generic[Value]):
    """The value that *read* makes of the file at *path*; *nothing* before it was ever valid.

    A look costs one ``stat``. A file that cannot be read, or that *read* refuses with ``FileUnreadable``, leaves the
    last good value in place and is reported by an event and ``failure``. A missing file is *nothing*, and a failure
    as well where it is *expected*.
    """

    def __init__(
        self,
        path: Path,
        read: Callable[[str], Value],
        nothing: Value,
        *,
        name: str,
        observe: Observer,
        expected: bool = False,
    ) -> None:
        self._path, self._read, self._nothing = path, read, nothing
        self._name, self._observe, self._expected = name, observe, expected
        self._lock = Lock()
        self._seen: object = None
        self._text: str | None = None
        self._value = nothing
        self.generation = 0
        self.failure: str | None = None

    @property
    def value(self) -> Value:
        """Return the newest good value of the file."""
        seen = _signature(self._path)
        if seen != self._seen:
            self._look(seen)
        return self._value

    def _look(self, seen: object) -> None:
        with self._lock:
            if seen == self._seen:
                return
            try:
                self._take(_text(self._path))
            except FileUnreadable as error:
                self._fail(str(error))
            # Not remembered while the file may still change within the resolution of its times.
            self._seen = seen if _settled(seen) else None

    def _take(self, text: str | None) -> None:
        if text is None:
            if self._text is not None or self.failure is not None:
                self._replace(self._nothing, text)
            if self._expected:
                raise FileUnreadable("there is no such file")
        elif text != self._text or self.failure is not None:
            self._replace(self._read(text), text)
        self.failure = None

    def _replace(self, value: Value, text: str | None) -> None:
        self._value, self._text = value, text
        self.generation += 1
        self._observe(AccessFileRead(file=self._name))

    def _fail(self, failure: str) -> None:
        if failure != self.failure:
            self._observe(AccessFileFailed(file=self._name, error=failure))
        self.failure = failure


class FileUnreadable(Exception):
    """A file cannot be read, or does not hold what it should; the message names no secret."""


def _signature(path: Path) -> object:
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return "missing"
    except OSError as error:
        return error.errno
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino, found.st_dev


def _settled(signature: object) -> bool:
    return not isinstance(signature, tuple) or not 0 <= time.time_ns() - signature[1] < _UNSETTLED


def _text(path: Path) -> str | None:
    """Read the file; None where there is none. Raises ``FileUnreadable``."""
    try:
        with path.open("rb") as file:
            raw = file.read(_LARGEST + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise FileUnreadable(f"cannot be read: {error.strerror}") from error
    if len(raw) > _LARGEST:
        raise FileUnreadable(f"is larger than {_LARGEST} bytes")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileUnreadable("is not UTF-8 text") from error

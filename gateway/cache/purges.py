"""Purges by operators, for the memory of every worker of a machine: a file that each of them reads on in.

The epochs hold the number of the last purge: where it is new, there is something to read. Where a purge could not be
written to the file, since the disk is full or the folder gone, the reader drops everything.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from fcntl import LOCK_EX, LOCK_NB, LOCK_SH, LOCK_UN, flock
from pathlib import Path
from threading import Lock
from typing import Any

import orjson

from gateway.cache.epochs import Epochs, new_number
from gateway.cache.tier import Purge

_EVERYTHING = Purge()
_REMEMBERED = 100
"""Numbers of the last purges that are remembered."""
_PAUSES = (0.0,) * 10 + (0.001,) * 50 + (0.01,) * 100
"""Seconds between looks whether somebody still writes what he found before the purge."""


class PurgeLog:
    """Purges in the order of their announcement. Those before the log was opened are not read."""

    def __init__(self, path: Path, epochs: Epochs) -> None:
        self._path, self._epochs, self._lock = path, epochs, Lock()
        self._number, self._numbers = epochs.purges, dict[int, None]()
        self._read = _size(path)
        self._gate: int | None = None

    def announce(self, which: Purge) -> None:
        """Tell every process that has the log open, this one included; it never fails.

        Who writes something at this moment is waited for, a bounded time: what he writes next, he asks the log about.
        """
        number = new_number()
        with suppress(OSError):  # who cannot read which, drops everything
            self._append(orjson.dumps({**asdict(which), "word": number}, option=orjson.OPT_APPEND_NEWLINE))
        self._epochs.announce_purge(number)
        with suppress(OSError):
            _wait_for_writers(self._lock_file)

    @contextmanager
    def held_off(self) -> Iterator[None]:
        """Have who announces a purge wait while something is written that is not among those ``unseen`` by now."""
        with suppress(OSError):
            if self._gate is None:
                self._gate = _opened(self._lock_file)
            flock(self._gate, LOCK_SH)
        try:
            yield
        finally:
            if self._gate is not None:
                with suppress(OSError):
                    flock(self._gate, LOCK_UN)

    @property
    def _lock_file(self) -> Path:
        return self._path.with_suffix(".lock")

    def unseen(self) -> list[Purge]:
        """Return what was announced since the last call; each is returned once. Cheap where there is nothing."""
        if self._epochs.purges == self._number:
            return []
        with self._lock:
            number = self._epochs.purges
            if number == self._number:  # another thread is doing it, or has done it
                return []
            found = list(self._lines())
            self._numbers |= {line.pop("word", 0): None for line in found}
            known = number in self._numbers
            self._numbers = dict.fromkeys(list(self._numbers)[-_REMEMBERED:])
            purges = list(_parsed(found)) if known else [_EVERYTHING]
            self._number = number
        return purges

    def _append(self, line: bytes) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            os.write(descriptor, line)  # one call: lines of several processes do not mix
        finally:
            os.close(descriptor)

    def _lines(self) -> list[dict[str, Any]]:
        """Read on in the file; from its beginning where it was made anew."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._read if self._read <= _size(self._path) else 0)
                content = file.read()
                self._read = file.tell()
        except OSError:
            return []
        found: list[dict[str, Any]] = []
        for line in content.splitlines():
            with suppress(orjson.JSONDecodeError):  # cut off by a full disk
                found.append(orjson.loads(line))
        return found


def _opened(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _wait_for_writers(path: Path) -> None:
    descriptor = _opened(path)
    try:
        for pause in _PAUSES:
            try:
                flock(descriptor, LOCK_EX | LOCK_NB)
            except BlockingIOError:
                time.sleep(pause)
            else:
                return
    finally:
        os.close(descriptor)


def _parsed(lines: list[dict[str, Any]]) -> list[Purge]:
    found: list[Purge] = []
    for line in lines:
        try:
            found.append(Purge(**line))
        except TypeError:  # of another version
            found.append(_EVERYTHING)
    return found


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0

"""How an operator's drop reaches the memory of every worker of a machine: a file that all of them read on in."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from threading import Lock

import orjson

from gateway.cache.tier import Drop


class DropLog:
    """Drops in the order of their announcement. What was announced before the log was opened is not told."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        self._path, self._lock = path, Lock()
        self._read = path.stat().st_size

    def announce(self, which: Drop) -> None:
        """Tell every process that has the log open, this one included."""
        line = orjson.dumps(asdict(which), option=orjson.OPT_APPEND_NEWLINE)
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            os.write(descriptor, line)  # one call: lines of several processes do not mix
        finally:
            os.close(descriptor)

    def unseen(self) -> list[Drop]:
        """Return what was announced since the last call; each is returned once. Cheap where there is nothing."""
        try:
            if os.stat(self._path).st_size == self._read:
                return []
            with self._lock, self._path.open("rb") as file:
                file.seek(self._read)
                content = file.read()
                self._read += len(content)
        except OSError:
            return []
        found: list[Drop] = []
        for line in content.splitlines():
            with suppress(orjson.JSONDecodeError, TypeError):  # cut off by a full disk, or of another version
                found.append(Drop(**orjson.loads(line)))
        return found

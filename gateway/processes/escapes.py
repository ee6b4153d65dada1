"""Which texts of queries run apart, because they passed their limits in the engine; kept in a file."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson

MOST = 1_000
"""Texts that are remembered, the latest ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Escape:
    """Why a text was set apart (``deadline``, ``memory``, ``hang`` or ``crash``), and since when.

    ``since`` is in seconds since the epoch.
    """

    reason: str
    since: float


class Escapes:
    """The texts that run apart, by their name (``BoundQuery.origin``); one process writes, an operator may clear."""

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._path, self._clock = path, clock
        self._known: dict[str, Escape] = {}
        self._seen: tuple[int, int] | None = None
        self.look()

    @property
    def known(self) -> Mapping[str, Escape]:
        """What runs apart now."""
        return self._known

    def look(self) -> bool:
        """Read the file again if it has changed; tell whether it had."""
        seen = self._stamp()
        if seen == self._seen:
            return False
        self._seen, self._known = seen, _read(self._path)
        return True

    def add(self, text: str, reason: str) -> bool:
        """Set a text apart; tell whether it was not before."""
        self.look()  # an operator may have cleared some
        if not text or text in self._known:
            return False
        with suppress(OSError):  # a full disk: this process knows, the next one will find out
            self._write({**self._known, text: Escape(reason=reason, since=round(self._clock(), 3))})
        return True

    def clear(self, which: Callable[[str], bool]) -> list[str]:
        """Let texts run with the others again; return them. Raises ``OSError`` where the file cannot be written."""
        self.look()
        cleared = [text for text in self._known if which(text)]
        if cleared:
            self._write({text: known for text, known in self._known.items() if text not in cleared})
        return cleared

    def _write(self, known: Mapping[str, Escape]) -> None:
        self._known = dict(list(known.items())[-MOST:])
        partial = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            partial.write_bytes(orjson.dumps({text: asdict(one) for text, one in self._known.items()}))
            partial.replace(self._path)
        finally:
            self._seen = self._stamp()

    def _stamp(self) -> tuple[int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns


def _read(path: Path) -> dict[str, Escape]:
    try:
        written = orjson.loads(path.read_bytes())
        return {
            str(text): Escape(reason=str(one["reason"]), since=float(one["since"])) for text, one in written.items()
        }
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}

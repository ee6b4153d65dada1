"""How long the bodies are that were made of results."""

from __future__ import annotations

from threading import Lock

from cachetools import LRUCache

_REMEMBERED = 20_000
"""Bodies whose length is remembered: about 4 MB."""


class Lengths:
    """Lengths of bodies by their names, which outlive the bodies: a strong tag is of the same bytes for ever."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._known: LRUCache[str, int] = LRUCache(_REMEMBERED)

    def of(self, body: str) -> int | None:
        """Return the length of a body; None where it was not made by this process, or long ago."""
        with self._lock:
            return self._known.get(body)

    def note(self, body: str, length: int) -> None:
        """Remember the length of a body."""
        with self._lock:
            self._known[body] = length

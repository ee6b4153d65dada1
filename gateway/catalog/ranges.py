"""A file in a store as Python's readers take one: what is read is asked for, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from io import SEEK_CUR, SEEK_SET, RawIOBase


class Ranges(RawIOBase):
    """A file of *size* bytes, of which *ask* reads those from one position up to another."""

    def __init__(self, size: int, ask: Callable[[int, int], bytes]) -> None:
        self._size, self._ask, self._at = size, ask, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = SEEK_SET) -> int:
        self._at = offset + {SEEK_SET: 0, SEEK_CUR: self._at}.get(whence, self._size)
        return self._at

    def read(self, size: int = -1) -> bytes:
        """Read *size* bytes, or all that follow. Raises what *ask* raises."""
        end = self._size if size < 0 else min(self._at + size, self._size)
        found = self._ask(self._at, end) if end > self._at else b""
        self._at += len(found)
        return found

"""One process of a machine does a piece of background work: whoever holds the lock of a file."""

from __future__ import annotations

import fcntl
import os
from contextlib import ExitStack, suppress
from pathlib import Path


class Leadership:
    """The lock at *path* (``flock``); it falls to another process when its holder ends."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    @property
    def held(self) -> bool:
        """Whether this process holds the lock, without trying for it."""
        return self._descriptor is not None

    def take(self) -> bool:
        """Try to hold the lock; return whether this process holds it."""
        if self._descriptor is not None:
            return True
        with ExitStack() as stack, suppress(OSError):  # held by another, or no folder to write to: not this process
            self._path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            stack.callback(os.close, descriptor)
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            stack.pop_all()
            self._descriptor = descriptor
        return self._descriptor is not None

    def release(self) -> None:
        """Let another process hold the lock; idempotent."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

"""Leader election among the processes of a machine, by a file lock: the leader does the background work."""

from __future__ import annotations

import fcntl
import os
from contextlib import ExitStack, suppress
from pathlib import Path


class Leadership:
    """The lock file at *path* (``flock``). When its holder ends, another process can take it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    @property
    def held(self) -> bool:
        """Whether this process holds the lock; does not try to take it."""
        return self._descriptor is not None

    def take(self) -> bool:
        """Try to take the lock; return whether this process holds it."""
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
        """Give the lock up; idempotent."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

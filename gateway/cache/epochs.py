"""Epochs of questions and tables: numbers in a file that all processes of a machine map.

There is a number for every question (by its hash), one for every table, and one for all purges. Who gives another
answer to a question than before advances its number first, to a random one. Who trusts an answer remembers the
numbers that he read before he looked it up: as long as they are the same, nobody has given a newer one. To check that
takes no system call. Two questions may share a number, which costs a lookup and is never wrong.
"""

from __future__ import annotations

import mmap
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from fcntl import LOCK_EX, LOCK_NB, LOCK_UN, lockf
from pathlib import Path
from random import SystemRandom
from threading import Lock
from typing import Any
from zlib import crc32

_HEAD, _TABLES, _QUESTIONS = 16, 1_024, 65_536
_WORDS = _HEAD + _TABLES + _QUESTIONS
_SIZE = 8 * _WORDS
_MACHINE, _PURGES, _GONE = 0, 1, 2
_REPLACED = 0x9E3779B97F4A7C15
"""Stands at ``_GONE`` in a file that was replaced by another: no file has it by chance."""
_PAUSES = (0.0,) * 10 + (0.001,) * 50 + (0.01,) * 10
"""Seconds between attempts to be alone with a question."""
_STRIPES = 64
_RANDOM = SystemRandom()


@dataclass(frozen=True, slots=True)
class Epoch:
    """The numbers of a question and of the tables that it reads, as they were at one moment."""

    epochs: Epochs
    positions: tuple[int, ...]
    """Of the question, then of its tables."""
    number: int
    """That of the question."""
    tables: int
    """The sum of those of the tables."""

    def holds(self) -> bool:
        """Tell whether all numbers are still the same."""
        numbers = self.epochs.numbers
        if numbers is None or numbers[self.positions[0]] != self.number:
            return False
        now: int = sum([numbers[position] for position in self.positions[1:]])
        return now == self.tables


class Epochs:
    """The numbers of a machine, in the file at *path*; without one, those of this process alone.

    Where the file cannot be made, every read gives other numbers: nothing is trusted.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path, self._lock, self._inode, self._file = path, Lock(), -1, -1
        self._stripes = [Lock() for _ in range(_STRIPES)]
        self.numbers: Any = None
        self.files = 0
        """Counts the files that were mapped, one after the other."""
        if path is None:
            self.numbers = memoryview(bytearray(os.urandom(_SIZE))).cast("Q")
        self.renew()

    @property
    def machine(self) -> int:
        """A number that all processes of this machine share, and nobody else has."""
        return self._read(_MACHINE)

    @property
    def purges(self) -> int:
        """The number of the last purge."""
        return self._read(_PURGES)

    def renew(self) -> bool:
        """Make the file anew where it is gone, once for all processes; tell whether there is one."""
        if self._path is None or self._is_mapped(self._path):
            return True
        with self._lock:
            if self._is_mapped(self._path):  # another thread has made it
                return True
            self._void()
            try:
                descriptor = _opened(self._path)
                self._close()
                self._file, self._inode = descriptor, os.fstat(descriptor).st_ino
                self.numbers = memoryview(mmap.mmap(descriptor, _SIZE)).cast("Q")
                self.files += 1
            except (OSError, ValueError):  # no space, no folder, no permission
                self.numbers, self._inode = None, -1
        return self.numbers is not None

    @contextmanager
    def locked(self, epoch: Epoch) -> Iterator[None]:
        """Wait a while for others who publish an answer to the same question, so that they do not advance it at once.

        Only the number of lookups depends on it: after a while it goes on in any case.
        """
        position = epoch.positions[0]
        with self._stripes[position % _STRIPES]:
            held = self._file >= 0 and _locked(self._file, position)
            try:
                yield
            finally:
                if held:
                    with suppress(OSError):  # of a file that was made anew meanwhile
                        lockf(self._file, LOCK_UN, 1, position)

    def read_again(self, epoch: Epoch) -> Epoch:
        """Return an epoch with the number of the question as it is now."""
        return replace(epoch, number=self._read(epoch.positions[0]))

    def read(self, question: str, tables: tuple[str, ...] = ()) -> Epoch:
        """Read the numbers of a question and its tables."""
        if self.numbers is not None and self.numbers[_GONE] == _REPLACED:
            self.renew()
        positions = (_question(question), *map(_table, tables))
        total = sum([self._read(position) for position in positions[1:]])
        return Epoch(self, positions, self._read(positions[0]), total)

    def advance(self, epoch: Epoch) -> Epoch:
        """Tell everybody that the answer to a question is about to be another; return the epoch with the new number."""
        return replace(epoch, number=self._write(epoch.positions[0]))

    def is_current(self, epoch: Epoch) -> bool:
        """Tell whether the number of the question is still the same."""
        return self._read(epoch.positions[0]) == epoch.number

    def announce(self, table: str) -> None:
        """Tell everybody that a table changed: no answer that read it is trusted any more."""
        self.renew()
        self._write(_table(table))

    def announce_purge(self, number: int) -> None:
        """Tell everybody that something was dropped; *number* is in the log of purges."""
        self.renew()
        if self.numbers is not None:
            self.numbers[_PURGES] = number

    def _is_mapped(self, path: Path) -> bool:
        with suppress(OSError):
            return os.stat(path).st_ino == self._inode
        return False

    def _void(self) -> None:
        """Change all numbers of a file that is gone: other processes still map it, and trust it.

        They map the new one from their next look on.
        """
        if self.numbers is not None:
            self.numbers.cast("B")[:] = os.urandom(_SIZE)
            self.numbers[_GONE] = _REPLACED

    def _close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _read(self, position: int) -> int:
        numbers = self.numbers
        return new_number() if numbers is None else int(numbers[position])

    def _write(self, position: int) -> int:
        number = new_number()
        if self.numbers is not None:
            self.numbers[position] = number
        return number


def new_number() -> int:
    """Return a number that was never used, as good as certainly."""
    return _RANDOM.getrandbits(62)


def made_once(path: Path, content: bytes) -> None:
    """Make a file of this content unless it is there; of several processes, one does. Raises ``OSError``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.{new_number():x}")
    try:
        draft.touch(mode=0o600)
        draft.write_bytes(content)
        with suppress(FileExistsError):
            path.hardlink_to(draft)
    finally:
        draft.unlink(missing_ok=True)


def _opened(path: Path) -> int:
    """Open the file, after making it where there is none. Raises ``OSError``."""
    if not path.exists():
        made_once(path, os.urandom(_SIZE))  # written, not only sized: a page of a full disk cannot be mapped later
    return os.open(path, os.O_RDWR | os.O_CLOEXEC)


def _locked(descriptor: int, position: int) -> bool:
    """Lock one byte of a file, in a bounded time; tell whether it succeeded."""
    for pause in _PAUSES:
        try:
            lockf(descriptor, LOCK_EX | LOCK_NB, 1, position)
        except OSError:
            time.sleep(pause)
        else:
            return True
    return False


def _question(question: str) -> int:
    return _HEAD + _TABLES + crc32(question.encode()) % _QUESTIONS


def _table(table: str) -> int:
    return _HEAD + crc32(table.encode()) % _TABLES

"""What the processes of a machine tell each other of answers: words in a file that all of them map.

There is a word for every question (by its hash), one for every table, and one for all drops. Whoever gives another
answer than before to a question writes a new random word first; whoever remembers an answer remembers the words that
he saw before he looked for it. As long as these are the same, nobody has given a newer one: to know that takes no
system call. Two questions may share a word: that costs a look, and is never wrong.
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
_MACHINE, _DROPS = 0, 1
_PAUSES = (0.0,) * 10 + (0.001,) * 50 + (0.01,) * 10
"""Seconds between attempts to be alone with a question."""
_STRIPES = 64
_RANDOM = SystemRandom()


@dataclass(frozen=True, slots=True)
class Sight:
    """The words of a question and of the tables that it reads, as they were at one moment."""

    board: Board
    places: tuple[int, ...]
    """Of the question, then of its tables."""
    word: int
    """That of the question."""
    tables: int
    """The sum of those of the tables."""

    def holds(self) -> bool:
        """Tell whether all words are still the same."""
        words = self.board.words
        if words is None or words[self.places[0]] != self.word:
            return False
        now: int = sum([words[place] for place in self.places[1:]])
        return now == self.tables


class Board:
    """The words of a machine, in the file at *path*; without one, those of this process alone.

    Where the file cannot be made, every word is another at each look: nothing that is remembered is relied on.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path, self._lock, self._inode, self._file = path, Lock(), -1, -1
        self._stripes = [Lock() for _ in range(_STRIPES)]
        self.words: Any = None
        self.files = 0
        """Counts the files that were mapped, one after the other."""
        if path is None:
            self.words = memoryview(bytearray(os.urandom(_SIZE))).cast("Q")
        self.renew()

    @property
    def machine(self) -> int:
        """A number that all processes of this machine share, and nobody else has."""
        return self._read(_MACHINE)

    @property
    def drops(self) -> int:
        """The word of all drops."""
        return self._read(_DROPS)

    def renew(self) -> bool:
        """Make the file anew where it is gone, once for all processes; tell whether there is one."""
        if self._path is None or self._in_place(self._path):
            return True
        with self._lock:
            if self._in_place(self._path):  # another thread has made it
                return True
            self._void()
            try:
                descriptor = _opened(self._path)
                self._close()
                self._file, self._inode = descriptor, os.fstat(descriptor).st_ino
                self.words = memoryview(mmap.mmap(descriptor, _SIZE)).cast("Q")
                self.files += 1
            except (OSError, ValueError):  # no space, no folder, no permission
                self.words, self._inode = None, -1
        return self.words is not None

    @contextmanager
    def alone(self, sight: Sight) -> Iterator[None]:
        """Wait a while for others who give an answer to the same question, so that they do not turn it side by side.

        Nothing but the number of looks depends on it: after a while it goes on in any case.
        """
        place = sight.places[0]
        with self._stripes[place % _STRIPES]:
            held = self._file >= 0 and _locked(self._file, place)
            try:
                yield
            finally:
                if held:
                    with suppress(OSError):  # of a file that was made anew meanwhile
                        lockf(self._file, LOCK_UN, 1, place)

    def see_again(self, sight: Sight) -> Sight:
        """Return a sight with the word of the question as it is now."""
        return replace(sight, word=self._read(sight.places[0]))

    def see(self, question: str, tables: tuple[str, ...] = ()) -> Sight:
        """Look at the words of a question and its tables."""
        places = (_question(question), *map(_table, tables))
        total = sum([self._read(place) for place in places[1:]])
        return Sight(self, places, self._read(places[0]), total)

    def turn(self, sight: Sight) -> Sight:
        """Tell everybody that the answer to a question is about to be another; return the sight with the new word."""
        return replace(sight, word=self._write(sight.places[0]))

    def unturned(self, sight: Sight) -> bool:
        """Tell whether the word of the question is the one that was seen."""
        return self._read(sight.places[0]) == sight.word

    def announce(self, table: str) -> None:
        """Tell everybody that a table changed, so that what was answered from it is compared with it."""
        self.renew()
        self._write(_table(table))

    def drop(self, word: int) -> None:
        """Tell everybody that something was dropped."""
        self.renew()
        if self.words is not None:
            self.words[_DROPS] = word

    def _in_place(self, path: Path) -> bool:
        with suppress(OSError):
            return os.stat(path).st_ino == self._inode
        return False

    def _void(self) -> None:
        """Change all words of a file that is gone: other processes still map it, and rely on it."""
        if self.words is not None:
            self.words.cast("B")[:] = os.urandom(_SIZE)

    def _close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _read(self, place: int) -> int:
        words = self.words
        return new_word() if words is None else int(words[place])

    def _write(self, place: int) -> int:
        word = new_word()
        if self.words is not None:
            self.words[place] = word
        return word


def new_word() -> int:
    """Return a word that was never used, as good as certainly."""
    return _RANDOM.getrandbits(62)


def made_once(path: Path, content: bytes) -> None:
    """Make a file of this content unless it is there; of several processes, one does. Raises ``OSError``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.{new_word():x}")
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


def _locked(descriptor: int, place: int) -> bool:
    """Lock one byte of a file, in a bounded time; tell whether it succeeded."""
    for pause in _PAUSES:
        try:
            lockf(descriptor, LOCK_EX | LOCK_NB, 1, place)
        except OSError:
            time.sleep(pause)
        else:
            return True
    return False


def _question(question: str) -> int:
    return _HEAD + _TABLES + crc32(question.encode()) % _QUESTIONS


def _table(table: str) -> int:
    return _HEAD + crc32(table.encode()) % _TABLES

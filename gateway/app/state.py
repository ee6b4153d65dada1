"""The state folder: its layout, made at the start, watched and repaired while the server runs."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from tempfile import TemporaryFile
from threading import Lock

from gateway.cache.epochs import Epochs, made_once
from gateway.concurrency.ticker import Ticker, Wait
from gateway.errors import Diagnostic, SettingsInvalid
from gateway.settings import Settings
from gateway.telemetry.events import Observer, StateFailed, StateMade

_POLL = 0.5
"""Seconds between two looks."""
_PROBE = b"\0" * 4096
"""What is written to see whether there is room: a block of the disk."""
_STATE_FILES = (
    *("apart.json", "cursor.key", "drops.jsonl", "drops.lock", "flights.lock", "limits.db", "reload", "vitals.lock"),
    *("usage/questions.jsonl", "usage/questions.lock", "usage/warmer.lock", "tables/refresher.lock"),
)
_STATE_FOLDERS = ("calls", "jobs", "metrics", "spark", "tables", "tmp", "usage")
"""What a server cannot do without, where it needs it at all; the folders of the cache may be missing."""

_Stamp = tuple[int, int]
"""Inode of a file and time of its last change: another file, or another content, has another one."""


def make_state(folder: Path) -> None:
    """Make the state folder where it is missing.

    Raises ``SettingsInvalid`` where nothing can be written to it, or where something else stands in the place of one
    of its files and folders.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
        wrong = [*_misplaced(folder)]
    except OSError as error:
        message = f"the state folder cannot be written ({error.strerror})"
        hint = "set GATEWAY_STATE to a folder that can"
        raise SettingsInvalid([Diagnostic(path="state", message=message, hint=hint)]) from error
    if wrong:
        raise SettingsInvalid(wrong)


def _misplaced(folder: Path) -> Iterator[Diagnostic]:
    """Find what stands in the place of a file or folder of the state folder and is none, or cannot be written."""
    places = [(folder / name, False) for name in _STATE_FILES] + [(folder / name, True) for name in _STATE_FOLDERS]
    for place, is_folder in (*places, *((lock, False) for lock in folder.glob("tables/*/lock"))):
        if place.exists() and (place.is_dir() != is_folder or not os.access(place, os.W_OK)):
            name, kind = place.relative_to(folder), "folder" if is_folder else "file"
            message = f"{name} in the state folder is not a {kind} that the gateway can write"
            hint = "remove it, or set GATEWAY_STATE to another folder"
            yield Diagnostic(path="state", message=message, hint=hint)


def calls_folder(settings: Settings) -> Path:
    """Return the folder of the counts of who calls what."""
    return settings.state / "calls"


def deployment(settings: Settings) -> str:
    """Name the processes that serve one project, among all that use its state folder."""
    parts = f"{settings.project.resolve()}\0{settings.cache.namespace}"
    return blake2b(parts.encode(), digest_size=8).hexdigest()


def cursor_key(settings: Settings) -> CursorKey:
    """Open the key that signs cursors."""
    return CursorKey(settings.state / "cursor.key")


def reload_signal(settings: Settings) -> Path:
    """Return the file that asks all workers of a machine to reload when it is touched."""
    return settings.state / "reload"


class CursorKey:
    """The key that signs cursors, in a file: the same in all workers of a machine, also after the file was removed.

    Make it before the workers are forked: one that starts while the file is gone must put back the key of the others.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._lock = path, Lock()
        self._key = secrets.token_bytes(32)
        self._stamp: _Stamp | None = None
        self()

    def __call__(self) -> bytes:
        """Return the key of the file; where that is gone, the one at hand is put there by the first process."""
        with suppress(OSError):
            if not self._is_current():
                self._renew()
        return self._key

    def _renew(self) -> None:
        with self._lock:
            if not self._path.exists():
                made_once(self._path, self._key)
            with self._path.open("rb") as file:
                self._key, self._stamp = file.read(), _stamp(os.fstat(file.fileno()))

    def _is_current(self) -> bool:
        with suppress(FileNotFoundError):
            return _stamp(os.stat(self._path)) == self._stamp
        return False


def _stamp(status: os.stat_result) -> _Stamp:
    return status.st_ino, status.st_ctime_ns


class StateFolder:
    """Watches the state folder. ``tick`` is one look; ``start`` looks twice a second in a thread."""

    def __init__(self, folder: Path, *, epochs: Epochs, key: CursorKey, observe: Observer) -> None:
        self._folder, self._epochs, self._key, self._observe = folder, epochs, key, observe
        self._problem: str | None = None
        self._files = epochs.files
        self._ticker = Ticker("state", self.tick, lambda: _POLL)

    def problem(self) -> str | None:
        """Say why nothing can be written to the folder now, None where something can."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with TemporaryFile(dir=self._folder) as file:
                file.write(_PROBE)
        except OSError as error:
            return error.strerror or type(error).__name__
        return None

    def tick(self) -> None:
        """Make missing files again, and report when the folder became unwritable or was made again."""
        problem, before = self.problem(), self._problem
        self._problem = problem
        self._epochs.renew()
        self._key()
        if self._epochs.files != self._files:
            self._files = self._epochs.files
            self._observe(StateMade())
        if problem is not None and problem != before:
            self._observe(StateFailed(error=problem))

    def start(self, wait: Wait | None = None) -> None:
        """Look until closed; ``wait`` sleeps so many seconds and returns True to stop."""
        self._ticker.start(wait)

    def close(self) -> None:
        """Stop looking; idempotent."""
        self._ticker.close()

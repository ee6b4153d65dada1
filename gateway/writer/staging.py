"""Staging folders and the atomic publication of files into a local folder.

Each running write has a hidden folder, and holds a lock on it for as long as its process lives; a folder whose lock is
free was left by a killed write. If it has a journal, the write was killed while it published, with all of its files
ready: the next write completes it. Otherwise the folder is removed, and the write has had no effect.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import orjson

from gateway.writer.base import StagedFile

PREFIX = ".staging-"
_LOCK = "lock"
_TABLE_LOCK = ".write-lock"
_JOURNAL = "publish.json"


@contextmanager
def open_staging(base: Path, identity: str) -> Iterator[Path]:
    """Create a staging folder in *base* for this context, after cleaning up those of killed writes."""
    base.mkdir(parents=True, exist_ok=True)
    folder = base / f"{PREFIX}{identity}"
    with locked(base):
        sweep(base)
        folder.mkdir()
        held = _hold(folder / _LOCK, wait=False)
    try:
        yield folder
    finally:
        # With a journal in it the folder is still needed: the next write completes what this one could not.
        if not (folder / _JOURNAL).exists():
            shutil.rmtree(folder)
        if held is not None:
            os.close(held)


@contextmanager
def locked(base: Path) -> Iterator[None]:
    """Hold the lock of a table's folder; writers hold it while they clean up and publish."""
    held = _hold(base / _TABLE_LOCK, wait=True)
    try:
        yield
    finally:
        if held is not None:
            os.close(held)


def sweep(base: Path) -> None:
    """Complete or remove what killed writes left in *base*. The caller holds its lock."""
    for folder in sorted(base.glob(f"{PREFIX}*")):
        held = _hold(folder / _LOCK, wait=False)
        if held is None:
            continue
        try:
            if (folder / _JOURNAL).exists():
                _move(folder, base, [], lambda: None)
                _remove(folder, base)
            shutil.rmtree(folder)
        finally:
            os.close(held)


def publish(
    staging: Path, root: Path, files: Sequence[StagedFile], removed: Sequence[str], published: Callable[[], None]
) -> None:
    """Move staged files to their paths under *root*, then remove old files. The caller holds the lock of *root*.

    *published* is called after each file. If a move fails, those before it are undone, and the table is unchanged.
    """
    for file in files:
        flush(file.staged)
    journal = {"files": [[file.staged.name, file.path] for file in files], "removed": list(removed)}
    draft = staging / f"{_JOURNAL}.tmp"
    draft.write_bytes(orjson.dumps(journal))
    flush(draft)
    draft.rename(staging / _JOURNAL)
    moved: list[Path] = []
    try:
        _move(staging, root, moved, published)
    except BaseException:
        _take_back(staging, root, moved)
        raise
    _remove(staging, root)


def _move(staging: Path, root: Path, moved: list[Path], published: Callable[[], None]) -> None:
    """Do the moves of the journal that are not done yet, and append each target to *moved*."""
    for name, path in orjson.loads((staging / _JOURNAL).read_bytes())["files"]:
        if (staging / name).exists():
            target = root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            moved.append(target)
            (staging / name).rename(target)
        published()


def _take_back(staging: Path, root: Path, moved: Sequence[Path]) -> None:
    for target in moved:
        target.unlink(missing_ok=True)
    _prune(root, moved)
    (staging / _JOURNAL).unlink()


def _remove(staging: Path, root: Path) -> None:
    """Do the removals of the journal, then remove the journal."""
    old = [root / path for path in orjson.loads((staging / _JOURNAL).read_bytes())["removed"]]
    for path in old:
        path.unlink(missing_ok=True)
    _prune(root, old)
    (staging / _JOURNAL).unlink()


def _prune(root: Path, files: Sequence[Path]) -> None:
    """Remove the folders that are empty now."""
    for folder in {file.parent for file in files}:
        while folder != root and folder.is_relative_to(root):
            with suppress(OSError):
                folder.rmdir()
            if folder.exists():
                break
            folder = folder.parent


def _hold(path: Path, *, wait: bool) -> int | None:
    """Lock a file while the descriptor is open; None if another process has locked it and *wait* is False."""
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def flush(path: Path) -> None:
    """Have the content of a file on the disk, whatever happens to the machine."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

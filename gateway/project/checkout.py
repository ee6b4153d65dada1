"""The commit and the lock of a git checkout, read from its files: git need not be installed."""

from __future__ import annotations

import re
from pathlib import Path

_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_HOPS = 5
"""Symbolic references that are followed at most."""


def commit_of(folder: Path) -> str | None:
    """Return the id of the commit that is checked out around *folder*; None where none can be read."""
    repository = _repository(folder)
    name = "HEAD"
    for _ in range(_HOPS if repository is not None else 0):
        assert repository is not None
        found = _text(repository / name) or _text(_shared(repository) / name) or _packed(_shared(repository), name)
        if found is None or not found.startswith("ref: "):
            return found if found is not None and _COMMIT.fullmatch(found) else None
        name = found.removeprefix("ref: ").strip()
        if name.startswith("/") or ".." in name.split("/"):
            return None
    return None


def is_being_written(folder: Path, *, now: float) -> bool:
    """Return whether git is changing the checkout around *folder* at the instant *now*, as far as its lock says.

    *now* is in seconds since the epoch; a lock that is older than a minute was left behind.
    """
    repository = _repository(folder)
    if repository is None:
        return False
    try:
        return (repository / "index.lock").stat().st_mtime > now - 60.0
    except OSError:
        return False


def _repository(folder: Path) -> Path | None:
    """Find the folder that holds HEAD and the index: ``.git``, or what the file ``.git`` of a worktree points to."""
    for place in (folder, *folder.parents):
        found = place / ".git"
        if found.is_dir():
            return found
        pointer = _text(found)
        if pointer is not None:
            target = place / pointer.removeprefix("gitdir:").strip()
            return target if target.is_dir() else None
    return None


def _shared(repository: Path) -> Path:
    """Return the folder that holds the branches: a worktree has those of its main checkout."""
    common = _text(repository / "commondir")
    return repository if common is None else repository / common


def _packed(repository: Path, name: str) -> str | None:
    for line in (_text(repository / "packed-refs") or "").splitlines():
        commit, _, reference = line.partition(" ")
        if reference == name:
            return commit
    return None


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return None

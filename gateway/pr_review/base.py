"""The project at a git revision, checked out into a temporary folder."""

from __future__ import annotations

import io
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

_FOLDERS = ("catalog", "queries")


class NoBase(Exception):
    """There is no revision to compare with; the message says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """The project at *commit* (its full id), in *folder*: ``catalog/`` and ``queries/`` only."""

    commit: str
    folder: Path


@contextmanager
def base_project(project: Path, revision: str) -> Iterator[Base]:
    """Lay out the project as it was where this branch left *revision*, for as long as the context lasts.

    That is the merge base of *revision* and ``HEAD``, so that what others have published since is not taken for
    something that this branch removes. Raises ``NoBase``.
    """
    tip = _commit(project, revision)
    # A shallow clone may not hold the merge base; then the revision itself is the nearest there is.
    commit = _git(project, "merge-base", tip, "HEAD").decode().strip() or tip
    prefix = _git(project, "rev-parse", "--show-prefix").decode().strip()
    top = Path(_git(project, "rev-parse", "--show-toplevel").decode().strip())  # git archives below where it runs
    with TemporaryDirectory(prefix="gateway-base-") as folder:
        present = [name for name in _FOLDERS if _git(project, "cat-file", "-t", f"{commit}:{prefix}{name}").strip()]
        for name in present:
            archive = _git(top, "archive", "--format=tar", f"--prefix={name}/", f"{commit}:{prefix}{name}")
            if not archive:
                raise NoBase(f"git cannot read {prefix}{name} of {commit}: perhaps the clone is not complete.")
            with tarfile.open(fileobj=io.BytesIO(archive)) as files:
                files.extractall(folder, filter="data")
        yield Base(commit=commit, folder=Path(folder))


def _commit(project: Path, revision: str) -> str:
    if not _git(project, "rev-parse", "--git-dir").strip():
        raise NoBase(f"{project} is not in a git repository, so there is nothing to compare with.")
    found = _git(project, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    if not found.strip():
        remote, _, branch = revision.partition("/")
        fetch = f"git fetch {remote} {branch}" if branch else f"git fetch origin {revision}"
        raise NoBase(f"{revision!r} is not a revision of this repository. Perhaps it must be fetched: {fetch}")
    return found.decode().strip()


def _git(project: Path, *arguments: str) -> bytes:
    """Run git in the project; nothing where it fails. Raises ``NoBase`` where there is no git."""
    try:
        done = subprocess.run(["git", *arguments], cwd=project, capture_output=True, check=False)
    except FileNotFoundError as error:
        raise NoBase("git is not installed, so there is nothing to compare with.") from error
    return done.stdout if done.returncode == 0 else b""

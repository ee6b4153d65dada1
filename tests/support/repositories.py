"""Projects in git repositories of their own, for tests that compare revisions."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

_IDENTITY = {
    name: value
    for role in ("AUTHOR", "COMMITTER")
    for name, value in ((f"GIT_{role}_NAME", "Ana"), (f"GIT_{role}_EMAIL", "ana@example.com"))
}


def git(folder: Path, *arguments: str) -> str:
    """Run git in *folder* as nobody's configuration has it; return what it prints."""
    environment = {**os.environ, **_IDENTITY, "GIT_CONFIG_GLOBAL": os.devnull}
    command = ["git", "-c", "init.defaultBranch=main", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True, text=True).stdout


def commit(folder: Path) -> None:
    """Commit all that lies below *folder*."""
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "A change")


def repository_of(project: Path, top: Path, *, below: str = ".") -> Path:
    """Copy a project, with a link to its warehouse, into a new repository at *top*; return the folder of the copy.

    It is committed to ``main``; the branch ``change`` is checked out.
    """
    folder = top / below
    folder.mkdir(parents=True)
    for name in ("catalog", "queries"):
        shutil.copytree(project / name, folder / name)
    shutil.copy(project / "gateway.toml", folder)
    (folder / "demo").symlink_to(project / "demo")
    (folder / ".gitignore").write_text("/demo\n.gateway/\nsummary.md\nreport.md\n", encoding="utf-8")
    git(top, "init", "--quiet")
    commit(top)
    git(top, "checkout", "--quiet", "-b", "change")
    return folder

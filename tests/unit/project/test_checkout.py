"""The commit that is checked out, read from git's own files: against git itself."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from gateway.project.checkout import commit_of, is_being_written


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main"]
    done = subprocess.run(["git", *identity, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    folder = tmp_path / "checkout"
    folder.mkdir()
    git(folder, "init", "-q")
    (folder / "file").write_text("a")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "one")
    return folder


def test_a_folder_outside_of_any_checkout_has_no_commit(tmp_path: Path) -> None:
    assert commit_of(tmp_path) is None


def test_a_checkout_without_a_commit_has_none(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    assert commit_of(tmp_path) is None


def test_the_commit_of_a_branch_is_found(checkout: Path) -> None:
    assert commit_of(checkout) == git(checkout, "rev-parse", "HEAD")


def test_a_folder_inside_a_checkout_has_its_commit(checkout: Path) -> None:
    inner = checkout / "warehouse"
    inner.mkdir()
    assert commit_of(inner) == git(checkout, "rev-parse", "HEAD")


def test_a_commit_that_is_checked_out_without_a_branch_is_found(checkout: Path) -> None:
    git(checkout, "checkout", "-q", "--detach")
    assert commit_of(checkout) == git(checkout, "rev-parse", "HEAD")


def test_packed_references_are_read(checkout: Path) -> None:
    git(checkout, "pack-refs", "--all")
    assert commit_of(checkout) == git(checkout, "rev-parse", "HEAD")


def test_a_worktree_has_the_commit_of_its_own_branch(checkout: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    git(checkout, "worktree", "add", "-q", "-b", "topic", str(other))
    (other / "file").write_text("b")
    git(other, "commit", "-qam", "two")
    assert commit_of(other) == git(other, "rev-parse", "HEAD") != commit_of(checkout)
    git(checkout, "pack-refs", "--all")
    assert commit_of(other) == git(other, "rev-parse", "HEAD")


@pytest.mark.parametrize("head", ["", "ref: ../../secret", "ref: refs/heads/none", "nonsense", "ref: HEAD"])
def test_a_head_that_points_nowhere_gives_no_commit(checkout: Path, head: str) -> None:
    (checkout / ".git/HEAD").write_text(head)
    assert commit_of(checkout) is None


def test_a_checkout_is_being_written_while_git_holds_a_recent_lock(checkout: Path) -> None:
    assert not is_being_written(checkout, now=0.0)
    lock = checkout / ".git/index.lock"
    lock.touch()
    taken = lock.stat().st_mtime
    assert is_being_written(checkout, now=taken + 1)
    assert not is_being_written(checkout, now=taken + 100)

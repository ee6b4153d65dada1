"""What may not stand in the repository: places of one machine, names of registries, large files, open ends."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

# Written in parts, so that this file does not hold what it looks for.
_MACHINE = "|".join(("ro" + "ot", "wo" + "rk", "ho" + "me/[a-z]", "Use" + "rs/[A-Za-z]"))
_REGISTRIES = "|".join(("py" + "pi", "python" + "hosted", "npm" + "js", "deb" + r"\.debian", "crates" + r"\.io/api"))
_MARKERS = "|".join(("TO" + "DO", "FIX" + "ME", "XX" + "X", "NotImplemented" + "Error"))
FORBIDDEN = {
    "a path of one machine": re.compile(rf"(?<![\w.\-/])/(?:{_MACHINE})/"),
    "the host of a package registry": re.compile(rf"(?:{_REGISTRIES})\.(?:org|com)"),
    "an open end": re.compile(rf"\b(?:{_MARKERS})\b"),
}
_LOCK_FILES = {"poetry.lock", "uv.lock", "Pipfile.lock", "package-lock.json", "yarn.lock", "Cargo.lock"}


@pytest.fixture(scope="module")
def tracked(request: pytest.FixtureRequest) -> list[Path]:
    root = request.config.rootpath
    names = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, text=True, check=True).stdout
    return [root / name for name in names.split("\0") if name and (root / name).is_file()]


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_holds(what: str, tracked: list[Path]) -> None:
    found = [
        f"{path}:{number}: {line.strip()[:100]}"
        for path in tracked
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1)
        if FORBIDDEN[what].search(line)
    ]
    assert found == []


def test_no_file_is_over_a_megabyte(tracked: list[Path]) -> None:
    assert [path for path in tracked if path.stat().st_size > 1_000_000] == []


def test_no_lock_file_is_kept(tracked: list[Path]) -> None:
    assert [path for path in tracked if path.name in _LOCK_FILES] == []


def test_constraints_are_versions_without_addresses(request: pytest.FixtureRequest) -> None:
    lines = (request.config.rootpath / "constraints.txt").read_text().splitlines()
    assert [line for line in lines if not re.fullmatch(r"[A-Za-z0-9_.\-]+==[A-Za-z0-9_.+!\-]+", line)] == []


def test_the_top_level_holds_what_it_should_and_no_more(request: pytest.FixtureRequest, tracked: list[Path]) -> None:
    root = request.config.rootpath
    given = "gateway queries catalog tests deploy pyproject.toml README.md"
    customary = "docs Makefile LICENSE CHANGELOG.md CONTRIBUTING.md SECURITY.md constraints.txt gateway.toml"
    names = {path.relative_to(root).parts[0] for path in tracked}
    assert {name for name in names if not name.startswith(".")} <= set(f"{given} {customary}".split())

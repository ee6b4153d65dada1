"""What queries/README.md says to type is typed here in its order, and what it shows is what comes back."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sysconfig
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = (ROOT / "queries" / "README.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.DOTALL | re.MULTILINE)
PLACE = re.compile(r"`(queries/[\w/.]+)`[^`]*\Z", re.DOTALL)


def steps() -> Iterator[tuple[str, str, str]]:
    """List in order: a file to write (its place, its text), or a command (with what it prints)."""
    for block in BLOCK.finditer(README):
        if block[1] != "console":
            place = PLACE.search(README[: block.start()])
            assert place is not None, block[0]
            yield "file", place[1], block[2]
            continue
        for part in re.split(r"^\$ ", block[2], flags=re.MULTILINE)[1:]:
            command, _, shown = part.partition("\n")
            yield "command", command, shown


def masked(text: str) -> list[str]:
    """Hide what is another one each time: how long it took, and how large the files came out."""
    text = re.sub(r"in \d+ ms", "in … ms", text)
    return re.sub(r"[\d.]+ [KM]iB", "… KiB", text).splitlines()


def project_of(flights_project: Path, folder: Path) -> Path:
    """Make a git repository of the demo's project, before the query of the page."""
    for name in ("catalog", "queries"):
        shutil.copytree(ROOT / name, folder / name)
    shutil.copy(flights_project / "gateway.toml", folder)
    (folder / "demo").symlink_to(flights_project / "demo")
    (folder / ".gitignore").write_text("/demo\n.gateway/\n", encoding="utf-8")
    return folder


def test_the_page_can_be_followed_from_its_beginning_to_its_end(flights_project: Path, tmp_path: Path) -> None:
    project = project_of(flights_project, tmp_path)
    identity = {
        f"GIT_{role}_{what}": "ana@example.com" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
    }
    path = f"{sysconfig.get_path('scripts')}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, **identity, "GIT_CONFIG_GLOBAL": os.devnull, "PATH": path, "COLUMNS": "200"}

    def run(command: str) -> str:
        done = subprocess.run(
            ["sh", "-c", command], cwd=project, env=environment, capture_output=True, text=True, check=False
        )
        assert done.stderr == "", command
        return done.stdout

    run("git init --quiet --initial-branch main && git add --all && git commit --quiet --message 'The demo'")
    for kind, what, text in steps():
        if kind == "file":
            (project / what).write_text(text, encoding="utf-8")
        else:
            assert (what, masked(run(what))) == (what, masked(text))


def test_the_page_is_a_page() -> None:
    assert len(README.splitlines()) < 220


def test_every_command_of_an_author_is_on_the_page() -> None:
    commands = {what.split()[1] for kind, what, _ in steps() if kind == "command" and what.startswith("gateway ")}
    assert {"new", "check", "test"} <= commands
    assert all(f"`gateway {name}" in README for name in ("dev", "usage"))

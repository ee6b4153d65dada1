"""The folder of a project: what makes it one, and what is near where it is none."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from gateway.errors import Diagnostic, Rule, Severity
from gateway.suggestions import near, nearest

_SETTINGS = "gateway.toml"
_READ = {"catalog": "*.y*ml", "queries": "**/v[1-9]*.sql"}
"""The folders of a project, each with a pattern of what is read there."""
PARTS = (_SETTINGS, *_READ)
"""What a project may hold; a folder with none of it is no project."""
LEFTOVER = re.compile(r".*(?:~|\.bak|\.orig|\.rej|\.swp|\.tmp)", re.IGNORECASE)
"""Names of what editors and merges leave."""
_LOOKED_AT = 1_000
"""Entries of a folder that are looked at for something near."""


def parts_of(folder: Path) -> list[str]:
    """List what a folder has of a project."""
    return [name for name in PARTS if (folder / name).exists()]


def no_project(folder: Path) -> str | None:
    """Say that a folder is no project and what to do; None: it is one."""
    if parts_of(folder):
        return None
    advice = next(_near(folder), "'gateway init' starts one; in a container, see that the project is mounted there")
    return f"{folder.resolve()} is no project: it has neither gateway.toml nor catalog/ nor queries/; {advice}"


def misnamed_parts(folder: Path) -> Iterator[Diagnostic]:
    """Name what nothing reads of a project's folder, although its name is nearly that of a part."""
    for name in (each for each in _entries(folder) if not LEFTOVER.fullmatch(each)):
        entry = folder / name
        for part in _meant(entry):
            yield Diagnostic(
                path=name,
                message=f"nothing reads this {'folder' if entry.is_dir() else 'file'}",
                hint=f"is {part} meant?",
                rule=Rule.PLACE,
                severity=Severity.WARNING,
            )


def unread_declarations(catalog: Path) -> list[Path]:
    """List the files of the folder *catalog* that nothing reads, although their names are nearly those of tables."""
    return sorted(path for path in catalog.glob("[!.]*") if _nearly_yaml(path) and path.is_file())


def _nearly_yaml(path: Path) -> bool:
    if path.suffix in (".yaml", ".yml") or LEFTOVER.fullmatch(path.name):
        return False
    return any(near(ending, ["yaml", "yml"]) for ending in path.name.lower().split(".")[1:] if len(ending) > 2)


def _meant(entry: Path) -> list[str]:
    """Return the part of a project that an entry of its folder is meant to be, if any."""
    if not entry.is_dir():
        return [part for part in nearest(entry.name, [_SETTINGS]) if not _is_part(entry, part)]
    return [part for part in near(entry.name, _READ) if not _is_part(entry, part) and _stands_for(entry, part)]


def _is_part(entry: Path, part: str) -> bool:
    """Return whether an entry is a part itself, under its name or as what a link of that name leads to."""
    there = entry.with_name(part)
    return there.exists() and entry.exists() and there.samefile(entry)


def _stands_for(entry: Path, part: str) -> bool:
    """Return whether a folder with a name like a part's is one: there is no other, or it holds what is read there."""
    return not entry.with_name(part).exists() or any(entry.glob(_READ[part]))


def _near(folder: Path) -> Iterator[str]:
    """Say what may be meant: a part under another name, a project below this folder or around it."""
    entries = _entries(folder)
    for entry in entries:
        if meant := near(entry, PARTS):
            yield f"it has {entry}: is {meant[0]} meant?"
    for entry in entries:
        if _SETTINGS in _entries(folder / entry):
            yield f"did you mean --project {folder / entry}?"
    for around in folder.resolve().parents:
        if (around / _SETTINGS).exists():
            yield f"did you mean --project {around}?"


def _entries(folder: Path) -> list[str]:
    """List the first names in a folder, hidden ones left out; what cannot be read has none."""
    try:
        with os.scandir(folder) as found:
            names = [entry.name for entry, _ in zip(found, range(_LOOKED_AT), strict=False)]
    except OSError:
        return []
    return sorted(name for name in names if not name.startswith("."))

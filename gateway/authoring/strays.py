"""Files of a project that nothing reads, although their names are nearly those of files that are read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from gateway.errors import Diagnostic, Rule, Severity
from gateway.project.folder import LEFTOVER, misnamed_parts, unread_declarations

_READ = re.compile(r".*\.(?:sql|test\.yaml)")
_VERSION = re.compile(r"[vV]?\d+\b.*|.*\.sql\b.*", re.IGNORECASE)


def check_strays(project: Path) -> Iterator[Diagnostic]:
    """Name what is not read, and looks like a part of the project, or like a declaration in one of its folders."""
    yield from misnamed_parts(project)
    for path in unread_declarations(project / "catalog"):
        yield _stray(path, project, "a table is declared in a file <table>.yaml")
    for path in _files(project / "queries", "**/*"):
        if not _READ.fullmatch(path.name) and _VERSION.fullmatch(path.name):
            yield _stray(path, project, "a version is v1.sql, and its tests are v1.test.yaml")


def _files(folder: Path, pattern: str) -> list[Path]:
    return sorted(
        path
        for path in folder.glob(pattern)
        if path.is_file() and not path.name.startswith(".") and not LEFTOVER.fullmatch(path.name)
    )


def _stray(path: Path, project: Path, hint: str) -> Diagnostic:
    return Diagnostic(
        path=path.relative_to(project).as_posix(),
        message="nothing reads this file",
        hint=hint,
        rule=Rule.PLACE,
        severity=Severity.WARNING,
    )

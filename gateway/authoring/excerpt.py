"""The source line of a diagnostic, with a caret under its column."""

from __future__ import annotations

from pathlib import Path

from gateway.errors import Diagnostic

_TAB = "    "
_PLACES = 5
"""Other places of a diagnostic that are named."""


def advice(diagnostic: Diagnostic) -> list[str]:
    """Return what would be right: the hint, the lines to write, and where else the same cause shows."""
    lines = [diagnostic.hint] if diagnostic.hint is not None else []
    lines += (diagnostic.fix or "").splitlines()
    return [*lines, f"also at {elsewhere(diagnostic)}"] if diagnostic.also else lines


def elsewhere(diagnostic: Diagnostic) -> str:
    """List the first other places of the same cause."""
    more = len(diagnostic.also) - _PLACES
    return ", ".join(diagnostic.also[:_PLACES]) + (f" and {more} more" if more > 0 else "")


def excerpt(diagnostic: Diagnostic, project: Path) -> list[str]:
    """Return the line at fault and a caret below the column; nothing where there is no such line."""
    path = project / diagnostic.path
    if diagnostic.line is None or not path.is_file():
        return []
    text = path.read_text(encoding="utf-8-sig", errors="replace").split("\n")
    if diagnostic.line > len(text):
        return []
    line = text[diagnostic.line - 1].rstrip("\r")
    shown = [line.replace("\t", _TAB)]
    if diagnostic.column is not None:
        before = line[: diagnostic.column - 1].ljust(diagnostic.column - 1)
        shown.append(" " * len(before.replace("\t", _TAB)) + "^")
    return shown

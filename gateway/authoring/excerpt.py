"""The source line of a diagnostic, with a caret under its column."""

from __future__ import annotations

from pathlib import Path

from gateway.errors import Diagnostic

_TAB = "    "


def position(diagnostic: Diagnostic) -> str:
    """Format where a diagnostic is: ``path:line:column``, as far as it is known."""
    return ":".join(str(part) for part in (diagnostic.path, diagnostic.line, diagnostic.column) if part is not None)


def excerpt(diagnostic: Diagnostic, project: Path) -> list[str]:
    """Return the line at fault and a caret below the column; nothing where there is no such line."""
    path = project / diagnostic.path
    if diagnostic.line is None or not path.is_file():
        return []
    text = path.read_text(encoding="utf-8", errors="replace").split("\n")
    if diagnostic.line > len(text):
        return []
    line = text[diagnostic.line - 1].rstrip("\r")
    shown = [line.replace("\t", _TAB)]
    if diagnostic.column is not None:
        before = line[: diagnostic.column - 1].ljust(diagnostic.column - 1)
        shown.append(" " * len(before.replace("\t", _TAB)) + "^")
    return shown

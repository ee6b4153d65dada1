"""Where commands print their tables."""

from __future__ import annotations

from typing import Final

from rich.console import Console

_WIDEST: Final = 10_000_000
"""Characters of a line that goes into a pipe or a file."""


def grid_console(*, markup: bool = True, highlight: bool = True) -> Console:
    """Return a console for tables. Where it writes to no terminal, a row is one line, so that it can be cut by line."""
    console = Console(markup=markup, highlight=highlight)
    if not console.file.isatty():
        console.width = _WIDEST
    return console

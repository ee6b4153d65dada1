"""Print diagnostics: position, message, hint."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.text import Text

from gateway.authoring.excerpt import position
from gateway.errors import Diagnostic


def print_diagnostics(diagnostics: Iterable[Diagnostic]) -> None:
    """Print one paragraph a diagnostic to standard error."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    for diagnostic in diagnostics:
        console.print(Text.assemble((position(diagnostic), "bold"), ": ", diagnostic.message))
        if diagnostic.hint:
            console.print(Text(f"  {diagnostic.hint}", style="green"))

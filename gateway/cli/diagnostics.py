"""Print diagnostics: position, message, hint."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.text import Text

from gateway.authoring.excerpt import advice
from gateway.authoring.grouping import grouped
from gateway.errors import Diagnostic


def print_diagnostics(diagnostics: Iterable[Diagnostic]) -> None:
    """Print one paragraph a diagnostic to standard error."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    for diagnostic in grouped(diagnostics):
        console.print(Text.assemble((diagnostic.place, "bold"), ": ", diagnostic.message))
        for line in advice(diagnostic):
            console.print(Text(f"  {line}", style="green"))

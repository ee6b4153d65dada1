"""The bar that commands show while rows are written as files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from gateway.writer import OnProgress, Progress


@contextmanager
def write_bars() -> Iterator[OnProgress]:
    """Show one bar for the stage at hand, on a terminal."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description:<10}"),
        BarColumn(),
        TextColumn("{task.fields[text]}"),
        TimeElapsedColumn(),
    )
    with Bars(*columns, console=console, disable=not console.is_terminal, transient=True) as bars:
        task = bars.add_task("reading", total=None, text="")

        def show(progress: Progress) -> None:
            unit = "files" if progress.stage == "publishing" else "rows"
            of = "" if progress.total is None else f" of {progress.total:,}"
            text = f"{progress.done:,}{of} {unit} · {progress.partitions:,} partitions · {decimal(progress.size)}"
            bars.update(
                task, description=progress.stage.value, completed=progress.done, total=progress.total, text=text
            )

        yield show

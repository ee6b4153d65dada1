"""The check of a project's tables against their files."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from rich.console import Console
from rich.progress import Progress as Bars

from gateway.catalog.store import open_store
from gateway.catalog.verify import misplaced
from gateway.config import Settings
from gateway.errors import Diagnostic, Rule, StorageFailed, TableInvalid
from gateway.pipeline import Gateway


def check_files(gateway: Gateway, settings: Settings) -> Iterator[Diagnostic]:
    """List every table and read the partitioning columns of its files; yield what breaks its declaration."""
    with Bars(console=Console(stderr=True), transient=True) as bars:
        for name, table in gateway.catalog.tables.items():
            path = f"catalog/{name}.yaml"
            try:
                snapshot = gateway.catalog.refresh(name)
                task = bars.add_task(name, total=snapshot.files.num_rows)
                store = open_store(table.location, settings.storage, settings.project)
                strays = misplaced(snapshot, store, on_file=partial(bars.advance, task))
            except TableInvalid as error:
                yield from error.diagnostics
                continue
            except StorageFailed as error:
                yield Diagnostic(path=path, message=error.detail, rule=Rule.DATA)
                continue
            for problem in (*snapshot.problems, *strays):
                yield Diagnostic(path=path, message=str(problem), rule=Rule.DATA)
            if snapshot.problem_count > len(snapshot.problems):
                more = snapshot.problem_count - len(snapshot.problems)
                yield Diagnostic(path=path, message=f"{more} more files break the declaration", rule=Rule.DATA)

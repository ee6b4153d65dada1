"""The check of a project against its files: do they follow their declarations, do the queries run over them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import pyarrow.compute as pc
from rich.console import Console
from rich.progress import Progress as Bars

from gateway.authoring.checked import Checked
from gateway.authoring.examples import Ran, run_examples
from gateway.authoring.queries import check_meaning
from gateway.catalog.manifest import Snapshot
from gateway.catalog.store import open_store
from gateway.catalog.verify import misplaced
from gateway.config import Settings
from gateway.errors import Diagnostic, GatewayError, Rule, Severity, StorageFailed, TableInvalid
from gateway.model import Column
from gateway.pipeline import Gateway


def check_data(found: Checked, gateway: Gateway, settings: Settings, paths: Sequence[Path]) -> Checked:
    """Add what the files say: of the tables, and of the templates that lie in *paths* (none: of all).

    Examples are run where nothing is wrong.
    """
    project = settings.project
    found = found.plus(check_files(gateway, settings), project)
    wanted = [path.resolve() for path in paths]
    templates = [
        template
        for versions in gateway.registry.queries().values()
        for template in versions.values()
        if not wanted or any((project / template.path).is_relative_to(path) for path in wanted)
    ]
    unknown = {item.path for item in found.diagnostics if item.rule is Rule.UNKNOWN_SCHEMA}
    kept = tuple(item for item in found.diagnostics if item.rule is not Rule.UNKNOWN_SCHEMA)
    again = [template for template in templates if template.path in unknown]
    meant = check_meaning(again, gateway.catalog.tables, _schemas(gateway))
    found = replace(found, diagnostics=kept).plus(meant, project)
    if found.within(project, paths).of(Severity.ERROR):
        return found.sorted()
    ran = list(run_examples(templates, gateway, project))
    found = replace(found, examples=tuple(item for item in ran if isinstance(item, Ran)))
    return found.plus((item for item in ran if isinstance(item, Diagnostic)), project).sorted()


def _schemas(gateway: Gateway) -> Mapping[str, tuple[Column, ...]]:
    found = {}
    for name in gateway.catalog.tables:
        try:
            found[name] = gateway.catalog.pin([name])[name].columns
        except GatewayError:
            continue  # it was told when its files were listed
    return found


def check_files(gateway: Gateway, settings: Settings) -> Iterator[Diagnostic]:
    """List every table and read the partitioning columns of its files; yield what breaks its declaration."""
    console = Console(stderr=True)
    with Bars(console=console, transient=True, disable=not console.is_terminal) as bars:
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
            yield from _columns(gateway, snapshot, path)
            for problem in (*snapshot.problems, *strays):
                yield Diagnostic(path=path, message=str(problem), rule=Rule.DATA)
            if snapshot.problem_count > len(snapshot.problems):
                more = snapshot.problem_count - len(snapshot.problems)
                yield Diagnostic(path=path, message=f"{more} more files break the declaration", rule=Rule.DATA)


def _columns(gateway: Gateway, snapshot: Snapshot, path: str) -> Iterator[Diagnostic]:
    """Compare the declared columns with those of the newest file."""
    declared, files = snapshot.table.columns, snapshot.files
    if declared is None or files.num_rows == 0:
        return
    newest = pc.index(files["last_modified"], pc.max(files["last_modified"])).as_py()
    file = str(files["path"][newest].as_py())
    held = {one.name.lower(): one.type for one in gateway.engine.describe([snapshot.address(file)])}
    folders = {field.column.lower() for field in snapshot.table.partitioned_by}
    for name, kind in declared.items():
        there = held.get(name.lower())
        if there is None and name.lower() not in folders and not snapshot.table.union_by_name:
            yield Diagnostic(
                path=path, message=f"{file}: the column {name!r} is declared, but not there", rule=Rule.DATA
            )
        elif there is not None and there != kind:
            message = f"{file}: the column {name!r} is {there}, and declared {kind}"
            hint = "values are cast as they are read, which costs time and can fail"
            yield Diagnostic(path=path, message=message, hint=hint, rule=Rule.DATA, severity=Severity.WARNING)

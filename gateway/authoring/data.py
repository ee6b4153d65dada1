"""Check a project against its data: files follow their declarations, examples of queries run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.progress import Progress as Bars

from gateway.authoring.checked import Checked
from gateway.authoring.examples import Ran, run_examples
from gateway.authoring.files import file_errors
from gateway.authoring.folds import check_folds
from gateway.authoring.queries import check_meaning
from gateway.catalog.footers import UnreadFooter
from gateway.catalog.manifest import Snapshot
from gateway.catalog.store import open_store
from gateway.catalog.verify import verify
from gateway.errors import Diagnostic, GatewayError, Rule, Severity, StorageFailed, TableInvalid
from gateway.model import Column
from gateway.pipeline import Gateway
from gateway.query.template import Template
from gateway.settings import Settings


def check_data(
    found: Checked, gateway: Gateway, settings: Settings, paths: Sequence[Path], sources: Mapping[str, str]
) -> Checked:
    """Add what the data files show: of the tables, and of the templates that lie in *paths* (none: of all).

    Examples are run of templates without errors, over tables without errors; *sources* has the file of each table.
    """
    project = settings.project
    found = found.plus(check_files(gateway, settings, sources), project)
    templates = templates_in(gateway, project, paths)
    unknown = {item.path for item in found.diagnostics if item.rule is Rule.UNKNOWN_SCHEMA}
    kept = tuple(item for item in found.diagnostics if item.rule is not Rule.UNKNOWN_SCHEMA)
    again = [template for template in templates if template.path in unknown]
    meant = check_meaning(again, gateway.catalog.tables, _schemas(gateway))
    found = replace(found, diagnostics=kept).plus(meant, project)
    wrong = {item.path for item in found.of(Severity.ERROR)}
    sound = [
        template
        for template in templates
        if template.path not in wrong and not any(sources.get(name) in wrong for name in template.tables)
    ]
    ran = list(run_examples(sound, gateway, project))
    found = replace(found, examples=tuple(item for item in ran if isinstance(item, Ran)))
    found = found.plus(check_folds(sound, gateway, project), project)
    return found.plus((item for item in ran if isinstance(item, Diagnostic)), project).sorted()


def templates_in(gateway: Gateway, project: Path, paths: Sequence[Path]) -> list[Template]:
    """List the templates that lie in *paths*; none: all."""
    wanted = [path.resolve() for path in paths]
    return [
        template
        for template in gateway.registry.templates()
        if not wanted or any((project / template.path).is_relative_to(path) for path in wanted)
    ]


def _schemas(gateway: Gateway) -> Mapping[str, tuple[Column, ...]]:
    found = {}
    for name in gateway.catalog.tables:
        try:
            found[name] = gateway.catalog.pin([name])[name].columns
        except GatewayError:
            continue  # reported when its files were listed
    return found


def check_files(gateway: Gateway, settings: Settings, sources: Mapping[str, str]) -> Iterator[Diagnostic]:
    """List every table and look at all of its files; yield what breaks its declaration, which is in *sources*."""
    console = Console(stderr=True)
    with Bars(console=console, transient=True, disable=not console.is_terminal) as bars:
        for name in gateway.catalog.tables:
            path = sources[name]
            try:
                yield from file_errors(*_looked_at(gateway, settings, name, bars), path)
            except TableInvalid as error:
                yield from (replace(diagnostic, path=path) for diagnostic in error.diagnostics)
            except GatewayError as error:
                yield Diagnostic(path=path, message=error.detail, hint=_place(error), rule=Rule.DATA)


def _place(error: GatewayError) -> str | None:
    """Say where a store failed, where that is known: the declared location may be relative."""
    return f"at {error.path}" if isinstance(error, StorageFailed) and error.path is not None else None


def _looked_at(gateway: Gateway, settings: Settings, name: str, bars: Bars) -> tuple[Snapshot, list[UnreadFooter]]:
    """List a table, and read what is not known yet of its files: their footers, then the rows that need it."""
    catalog = gateway.catalog
    catalog.refresh(name)
    snapshot, unread = catalog.read_all_footers(name)
    store = open_store(snapshot.table.location, settings.storage, settings.project, observe=gateway.observe)
    task = bars.add_task(name, total=snapshot.files.num_rows)
    found = verify(snapshot, store, on_file=partial(bars.advance, task))
    return catalog.add_facts(snapshot, found), unread

"""Columns that the folders of a table have and its declaration lacks: told once a table, with the lines to write."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

from gateway.authoring.schemas import Schemas, listed_paths
from gateway.catalog.store import root_of
from gateway.catalog.table import Table
from gateway.errors import Diagnostic, Rule
from gateway.query.template import Template
from gateway.settings import Settings

_DEEPEST = 8
_TIMES = ("DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE")


def by_undeclared_levels(
    diagnostics: Iterable[Diagnostic],
    templates: Iterable[Template],
    tables: Mapping[str, Table],
    sources: Mapping[str, str],
    schemas: Schemas,
    settings: Settings,
) -> Iterator[Diagnostic]:
    """Put one diagnostic in place of those of columns that a table's folders have and its declaration does not."""
    found = list(diagnostics)
    reading = {template.path: template.tables for template in templates}
    names = {name for item in found if item.rule is Rule.UNKNOWN_COLUMN for name in reading.get(item.path, ())}
    for name in sorted(names & tables.keys()):
        levels = undeclared_levels(tables[name], settings)
        caused = [item for item in found if name in reading.get(item.path, ()) and _is_about(item, levels)]
        if caused:
            found = [item for item in found if item not in caused]
            yield _undeclared(tables[name], sources[name], levels, caused, schemas)
    yield from found


def undeclared_levels(table: Table, settings: Settings) -> Mapping[str, str]:
    """Return the folder levels that the files of a table have and its declaration does not, each with a value."""
    declared = {field.column.lower() for field in table.partitioned_by}
    path = next(iter(listed_paths(table, settings)), None) or _first_folder(table, settings)
    levels = (part.partition("=") for part in path.split("/")[:-1])
    return {name: value for name, equals, value in levels if equals and name.lower() not in declared}


def _first_folder(table: Table, settings: Settings) -> str:
    """Return the path of the first partition's folder of a local table, with a slash behind; empty: there is none."""
    root = root_of(table.location, settings.project)
    folder, found = Path(root), ""
    for _ in range(_DEEPEST if root.startswith("/") else 0):
        try:
            below = next((entry for entry in islice(folder.iterdir(), 1_000) if "=" in entry.name), None)
        except OSError:
            break
        if below is None:
            break
        folder, found = below, f"{found}{below.name}/"
    return found


def _is_about(item: Diagnostic, levels: Mapping[str, str]) -> bool:
    return item.rule is Rule.UNKNOWN_COLUMN and any(repr(name) in item.message for name in levels)


def _undeclared(
    table: Table, path: str, levels: Mapping[str, str], caused: Sequence[Diagnostic], schemas: Schemas
) -> Diagnostic:
    folders = "/".join(f"{name}={value}" for name, value in levels.items())
    times = [column.name for column in schemas.get(table.name, ()) if column.type in _TIMES]
    fields = [f"  - {{column: {name}, source: {name}}}" for name in levels]
    if times and len(levels) == 1:
        [name] = levels
        fields.append(f"# or, where the folder follows from it: {{column: {name}, transform: day, source: {times[0]}}}")
    queries = len({item.path for item in caused})
    return Diagnostic(
        path=path,
        line=1,
        message=f"the files lie in folders {folders}, which the table does not declare: {len(caused)} "
        f"{'mistake' if len(caused) == 1 else 'mistakes'} in {queries} {'query' if queries == 1 else 'queries'}",
        hint="declare the levels, outermost first; 'gateway check --data' compares them with the files",
        rule=Rule.TABLE,
        fix="\n".join(["partitioned_by:", *fields]),
        also=tuple(item.place for item in caused),
    )

"""``gateway check``: every mistake in the project's files, with its place and what would be right."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import click
import orjson
from rich.console import Console
from rich.progress import Progress as Bars
from rich.text import Text

from gateway.catalog.store import open_store
from gateway.catalog.table import load_tables
from gateway.catalog.verify import misplaced
from gateway.cli.project import opened, project_option
from gateway.config import FILE_NAME, load_settings
from gateway.errors import Diagnostic, SettingsInvalid, StorageFailed, TableInvalid
from gateway.query.registry import Registry

_TAB = "    "


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What a check has read and found; paths of diagnostics are relative to the project."""

    tables: int
    templates: int
    diagnostics: tuple[Diagnostic, ...]


@click.command("check")
@project_option
@click.argument("paths", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option("--data", is_flag=True, help="List the tables too, and check that every row lies in its partition.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(project: Path, paths: tuple[Path, ...], data: bool, form: str) -> None:
    """Check gateway.toml, the tables of catalog/ and the templates of queries/; only what lies in PATHS, if given.

    Ends with 0 if there is no mistake, with 1 if there are some.
    """
    if not any((project / name).exists() for name in ("catalog", "queries", FILE_NAME)):
        raise click.UsageError(f"{project} holds none of catalog/, queries/ and {FILE_NAME}")
    found = check_project(project)
    if data and not found.diagnostics:
        found = replace(found, diagnostics=tuple(check_data(project)))
    if paths:
        found = replace(found, diagnostics=tuple(_within(found.diagnostics, project, paths)))
    if form == "json":
        sys.stdout.buffer.write(orjson.dumps(asdict(found), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    else:
        _print(found, project)
    if found.diagnostics:
        raise click.exceptions.Exit(1)


def check_project(project: Path) -> Checked:
    """Read all declarations of the project folder and collect their mistakes."""
    mistakes: list[Diagnostic] = []
    try:
        load_settings(project)
    except SettingsInvalid as error:
        mistakes += error.diagnostics
    tables, wrong = load_tables(project / "catalog")
    mistakes += wrong
    # A query over a table whose declaration is wrong is not wrong for that.
    names = {*tables, *(path.stem for path in (project / "catalog").glob("*.y*ml"))}
    registry, wrong = Registry.load(project / "queries", names)
    mistakes += wrong
    templates = sum(map(len, registry.queries().values()))
    return Checked(
        tables=len(tables),
        templates=templates,
        diagnostics=tuple(replace(item, path=_relative(item.path, project)) for item in mistakes),
    )


def check_data(project: Path) -> Iterator[Diagnostic]:
    """List every table and read the partitioning columns of its files; yield what breaks its declaration."""
    settings = load_settings(project.resolve())
    with opened(project) as gateway, Bars(console=Console(stderr=True), transient=True) as bars:
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
                yield Diagnostic(path=path, message=error.detail)
                continue
            for problem in (*snapshot.problems, *strays):
                yield Diagnostic(path=path, message=str(problem))
            if snapshot.problem_count > len(snapshot.problems):
                more = snapshot.problem_count - len(snapshot.problems)
                yield Diagnostic(path=path, message=f"{more} more files break the declaration")


def _relative(path: str, project: Path) -> str:
    absolute = Path(path).absolute()
    return absolute.relative_to(project.absolute()).as_posix() if absolute.is_relative_to(project.absolute()) else path


def _within(diagnostics: Collection[Diagnostic], project: Path, paths: Sequence[Path]) -> Iterator[Diagnostic]:
    wanted = [path.resolve() for path in paths]
    for diagnostic in diagnostics:
        place = (project / diagnostic.path).resolve()
        if any(place.is_relative_to(path) for path in wanted):
            yield diagnostic


def _print(found: Checked, project: Path) -> None:
    console = Console(highlight=False, soft_wrap=True)
    for diagnostic in found.diagnostics:
        place = ":".join(
            str(part) for part in (diagnostic.path, diagnostic.line, diagnostic.column) if part is not None
        )
        console.print(Text.assemble((place, "bold"), ": ", diagnostic.message))
        for line in _excerpt(diagnostic, project):
            console.print(Text(f"    {line}", style="dim"))
        if diagnostic.hint:
            console.print(Text(f"    {diagnostic.hint}", style="green"))
    files = len({diagnostic.path for diagnostic in found.diagnostics})
    count = len(found.diagnostics)
    verdict = f"{_counted(count, 'mistake')} in {_counted(files, 'file')}" if count else "no mistakes"
    console.print(f"{_counted(found.tables, 'table')}, {_counted(found.templates, 'template')}: {verdict}")


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _excerpt(diagnostic: Diagnostic, project: Path) -> Iterator[str]:
    """Show the line at fault with a caret below the column."""
    path = project / diagnostic.path
    if diagnostic.line is None or not path.is_file():
        return
    text = path.read_text(encoding="utf-8", errors="replace").split("\n")
    if diagnostic.line > len(text):
        return
    line = text[diagnostic.line - 1].rstrip("\r")
    yield line.replace("\t", _TAB)
    if diagnostic.column is not None:
        before = line[: diagnostic.column - 1].ljust(diagnostic.column - 1)
        yield " " * len(before.replace("\t", _TAB)) + "^"

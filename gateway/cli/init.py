"""``gateway init``: a new project, with an example or over the tables of a location."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import gettempdir

import click
from pydantic_core import PydanticCustomError
from rich.console import Console
from rich.progress import Progress as Bars
from rich.progress import TaskID

from gateway.authoring.checked import check_project
from gateway.authoring.found_project import NOTHING, Declared, FoundFiles, found_files, table_around
from gateway.authoring.json_schemas import name_schemas, write_schemas
from gateway.authoring.new_files import put_in_place, staged
from gateway.authoring.starting import start_project
from gateway.catalog.location import checked_location, local_folder
from gateway.catalog.store import open_store
from gateway.config import load_settings
from gateway.discovery.discover import Tell, discover
from gateway.discovery.found import Discovery, FoundTable, Omission
from gateway.errors import Severity
from gateway.project.folder import parts_of
from gateway.project.loader import load_project

_DATA = re.compile(r"\.(?:parquet|parq|csv|tsv|orc|avro|json|ndjson|jsonl)(?:\.\w+)?$|^[^.=][^=]*=", re.IGNORECASE)
_LOOKED_AT = 20_000
"""Names that are looked at to tell a folder of data from one for a project."""
_SHOWN = 20
"""Folders that were not taken which are told one by one."""


def _refused(message: str, code: int = 2) -> click.exceptions.Exit:
    """Say why nothing is written, and return what ends the command."""
    click.echo(f"Error: {message}", err=True)
    return click.exceptions.Exit(code)


@click.command("init")
@click.argument("location", default=".")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), required=False)
@click.option("--add", is_flag=True, help="Add the tables that are new to the project in FOLDER; change nothing there.")
@click.option("--dry-run", is_flag=True, help="Print the files instead of writing them.")
def command(location: str, folder: Path | None, add: bool, dry_run: bool) -> None:
    """Start a project in FOLDER (by default here).

    LOCATION is where Parquet files lie: s3://bucket/prefix, or a folder. Its tables are found, and the project has a
    declaration, a first query and a test for each. Where LOCATION is a folder without data, an example project is
    started in it: a table with a few rows, a query with its tests.

    With --add, the project is there already. Where a table that it declares has other columns or levels by now, the
    lines to change are shown.
    """
    data = _data_folder(location)
    plain = data is not None and data == Path(location).resolve()
    if folder is None and not (dry_run or add) and plain and not _holds_data(Path(location)):
        _start_example(Path(location))
        return
    project = folder or Path()
    found = parts_of(project)
    if found and not add:
        raise click.UsageError(
            f"{project} has {', '.join(found)}: it is a project already, or a part of one. Write --add to add what is "
            f"new to it, or name another folder: gateway init {location} FOLDER"
        )
    if add and not found:
        raise click.UsageError(f"{project} is no project, so nothing can be added to it: leave out --add")
    if data is not None and not data.is_dir():
        raise _refused(f"there is no such folder: {data}", code=4)
    address = location if data is None else data.as_uri()
    _start_over_data(location, address, project, _declared(project) if add else NOTHING, dry_run=dry_run)


def _data_folder(location: str) -> Path | None:
    """Return the folder that a location is; None for one in a bucket. Raises ``UsageError`` for what is nearly one."""
    folder = local_folder(location, Path.cwd())
    if folder is not None and folder.is_file():
        raise click.UsageError(f"{location} is a file: name the folder that holds the files of a table, or of several")
    if ":" in location.partition("/")[0] and not (folder is not None and folder.is_dir()):
        try:
            checked_location(location)
        except PydanticCustomError as error:
            raise click.UsageError(_no_address(location, error)) from error
    return folder


def _no_address(location: str, error: PydanticCustomError) -> str:
    """Say what is meant, where the advice is the same place written otherwise; else what is wrong."""
    meant = str((error.context or {}).get("hint") or "").removeprefix("write ")
    place = location.partition(":")[2].strip("/")
    same_place = bool(place) and place in meant
    return f"there is no such folder: {location}; " + (f"did you mean {meant}?" if same_place else error.message())


def _declared(project: Path) -> Declared:
    loaded = load_project(project)
    names = [*loaded.query_names, *(path.name for path in (project / "queries").glob("*"))]
    return Declared(tables=loaded.tables, sources=loaded.sources, queries=frozenset(names))


def _start_example(folder: Path) -> None:
    if found := parts_of(folder):
        raise click.UsageError(f"{folder} has {', '.join(found)}: it is a project already, or a part of one.")
    start_project(folder)
    name_schemas(folder)
    write_schemas(folder)
    click.echo(f"The project is in {'this folder' if folder == Path() else folder}. From there:\n")
    click.echo("  gateway check        # every mistake, with file, line and column")
    click.echo("  gateway test         # the tests beside the queries")
    click.echo("  gateway serve        # http://127.0.0.1:8080/docs")
    click.echo("  gateway new NAME     # your first query")
    click.echo("\nTables are declared in catalog/, queries are written in queries/.")


def _holds_data(folder: Path) -> bool:
    """Return whether a folder has files of rows, by their names: the first thousands are looked at."""
    looked = 0
    for _, folders, files in os.walk(folder):
        if any(_DATA.search(name) for name in (*folders, *files)):
            return True
        folders[:] = [name for name in folders if not name.startswith((".", "_"))]
        looked += len(folders) + len(files)
        if looked > _LOOKED_AT:
            break
    return False


def _start_over_data(location: str, address: str, project: Path, declared: Declared, *, dry_run: bool) -> None:
    settings = load_settings(project.resolve())
    with _progress() as tell:
        found = discover(open_store(address, settings.storage, Path.cwd()), tell, declared.names)
    around = table_around(found, project)
    if around is not None:
        raise click.UsageError(
            f"{project} lies among the files of the table {around}: name another folder, gateway init {location} FOLDER"
        )
    files = found_files(found, project, settings.storage, declared)
    if declared is not NOTHING:
        files = replace(files, around={})
    try:
        with staged(Path(gettempdir()) if dry_run else project, files.all) as stage:
            files = _sound(files, stage)
            if not files.tables and declared is NOTHING:
                raise _refused(_nothing(location, files))
            name_schemas(stage)
            if dry_run:
                _print(stage)
            else:
                write_schemas(stage, unless=project)
                put_in_place(stage, project)
    except OSError as error:
        raise _refused(f"{error.filename or project} cannot be written: {error.strerror}") from error
    _report(found, files, project, added=declared is not NOTHING, dry_run=dry_run)


@contextmanager
def _progress() -> Iterator[Tell]:
    """Show on a terminal what is being done."""
    console = Console(stderr=True)
    with Bars(console=console, transient=True, disable=not console.is_terminal) as bars:
        tasks: dict[str, TaskID] = {}

        def tell(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what)
            bars.update(tasks[what], completed=done, total=total)

        yield tell


def _sound(files: FoundFiles, stage: Path) -> FoundFiles:
    """Leave out the tables whose files have errors, of which the paths are those in *stage*."""
    wrong = check_project(stage, load_project(stage)).of(Severity.ERROR)
    for name, own in files.tables.items():
        errors = [error for error in wrong if error.path in own]
        if errors:
            files = files.without(name, Omission(folder=name, reason=errors[0].message))
            for path in own:
                (stage / path).unlink()
    for path, text in files.around.items():  # the page of the project no longer names what was left out
        (stage / path).write_text(text, encoding="utf-8")
    return files


def _nothing(location: str, files: FoundFiles) -> str:
    """Say why there is no project to be written."""
    if not files.omitted:
        return f"There are no Parquet files in {location}: tables are found by files that end with .parquet."
    return "\n".join([f"There is no table in {location} that could be declared:", *_omitted(files)])


def _omitted(files: FoundFiles) -> Iterator[str]:
    for omission in files.omitted[:_SHOWN]:
        yield f"  {omission.folder or 'the location itself'}: {omission.reason}"
    if len(files.omitted) > _SHOWN:
        yield f"  and {len(files.omitted) - _SHOWN} more"


def _print(stage: Path) -> None:
    for path in sorted(path for path in stage.rglob("*") if path.is_file()):
        click.echo(f"--- {path.relative_to(stage).as_posix()}")
        click.echo(path.read_text(encoding="utf-8"))


def _report(found: Discovery, files: FoundFiles, project: Path, *, added: bool, dry_run: bool) -> None:
    """Tell what was found, what was not taken, and what to do next; on stderr where stdout has the files."""

    def say(title: str, lines: Sequence[str]) -> None:
        for line in [title, *lines] if lines else []:
            click.echo(line, err=dry_run)

    kind = "new table" if added else "table"
    counted = f"{len(files.tables)} {kind}{'' if len(files.tables) == 1 else 's'}"
    click.echo(f"{counted} in {found.files} file{'' if found.files == 1 else 's'} of {found.location}", err=dry_run)
    say("Found:", [f"  {table.name}: {_levels(table)}" for table in found.tables if table.name in files.tables])
    say("Not taken:", list(_omitted(files)))
    say("To be looked at:", [f"  {remark}" for remark in files.remarks])
    say("Declared otherwise than the files are now, which is to be changed by hand:", files.differences)
    if not dry_run and not added:
        _say_what_next(project)


def _say_what_next(project: Path) -> None:
    click.echo(f"\nThe project is in {'this folder' if project == Path() else project}. From there:\n")
    click.echo("  gateway check --data --fix   # every mistake, in the files of the tables too")
    click.echo("  gateway test                 # the tests beside the queries")
    click.echo("  gateway serve                # http://127.0.0.1:8080/docs")


def _levels(table: FoundTable) -> str:
    """Say what the folders of a table are."""
    columns = f"{len(table.columns)} column{'' if len(table.columns) == 1 else 's'}"
    if not table.levels:
        return f"{columns}, no levels"
    levels = ", ".join(
        level.column if level.evidence is None else f"{level.column} (guessed: {level.transform} of {level.source})"
        for level in table.levels
    )
    return f"{columns}, by {levels}"

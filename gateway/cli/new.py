"""``gateway new``: the first version of a query, or the next one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from getpass import getuser
from pathlib import Path
from shutil import copyfile

import click

from gateway.authoring.checked import check_project
from gateway.authoring.scaffold import (
    NotMade,
    asked,
    first_version,
    folder_of,
    likely_parameters,
    next_version,
    versions,
)
from gateway.authoring.schemas import Schemas, known_schemas, newest_values
from gateway.authoring.testfile import SUFFIX
from gateway.catalog.table import Table
from gateway.cli.formats import write
from gateway.cli.names import TableName
from gateway.cli.project import project_option
from gateway.config import load_settings
from gateway.declaration import DeclarationError
from gateway.errors import TemplateInvalid
from gateway.model import Column
from gateway.project.loader import load_project, read_text
from gateway.query.registry import Registry
from gateway.suggestions import did_you_mean

_HELP = "A column of the table; start and end for a range of its time. name:type gives a type, ? after it: optional."


@click.command("new")
@click.argument("name")
@project_option
@click.option("--version", "again", is_flag=True, help="Copy the newest version to the next number.")
@click.option("--table", type=TableName(), help="Table that it reads; asked for if not given.")
@click.option("--parameter", "-p", "parameters", multiple=True, metavar="NAME[:TYPE][?]", help=f"{_HELP} Repeatable.")
@click.option("--owner", help="Who answers for it; asked for if not given.")
@click.option("--summary", help="One line that says what it answers; asked for if not given.")
@click.option("--yes", "-y", is_flag=True, help="Ask nothing: take what is likely.")
def command(
    name: str,
    project: Path,
    again: bool,
    table: str | None,
    parameters: tuple[str, ...],
    owner: str | None,
    summary: str | None,
    yes: bool,
) -> None:
    """Write the first version of the query NAME, or with --version the next one, and check it.

    NAME is made of small letters, digits and _; dots make folders: finance.revenue is queries/finance/revenue.
    """
    try:
        made = _next(project, name) if again else _first(project, name, table, parameters, owner, summary, ask=not yes)
    except NotMade as error:
        raise click.UsageError(str(error)) from error
    _report(project, name, made)


def _next(project: Path, name: str) -> list[Path]:
    folder = folder_of(project, name)
    numbers = versions(folder)
    if not numbers:
        raise NotMade(f"{name} has no version yet: gateway new {name} writes the first one")
    old, new = numbers[-1], numbers[-1] + 1
    made = [folder / f"v{new}.sql"]
    made[0].write_text(next_version(_text(folder / f"v{old}.sql", project)), encoding="utf-8")
    tests = folder / f"v{old}.test.yaml"
    if tests.is_file():
        made.append(folder / f"v{new}.test.yaml")
        copyfile(tests, made[1])
    return made


def _text(path: Path, project: Path) -> str:
    """Read a template of the project. Raises ``TemplateInvalid``."""
    try:
        return read_text(path, path.relative_to(project).as_posix())
    except DeclarationError as error:
        raise TemplateInvalid(error.diagnostics) from error


def _first(
    project: Path,
    name: str,
    wanted: str | None,
    words: tuple[str, ...],
    owner: str | None,
    summary: str | None,
    *,
    ask: bool,
) -> list[Path]:
    folder = folder_of(project, name)
    if versions(folder):
        raise NotMade(f"{name} has a version already: gateway new {name} --version writes the next one")
    settings = load_settings(project.resolve())
    loaded = load_project(settings.project)
    table = _table(wanted, loaded.tables, ask=ask)
    columns = _columns(table, known_schemas(loaded.tables, settings))
    likely = likely_parameters(table, columns)
    if not words:
        words = tuple(_asked_for("Parameters, with spaces between", " ".join(likely), ask=ask).split())
    read = asked(words, table, columns)
    owner = owner or _asked_for("Owner", _likely_owner(loaded.registry), ask=ask)
    summary = summary or _asked_for("Summary", f"{name.split('.')[-1].replace('_', ' ').capitalize()}", ask=ask)
    newest, values = newest_values(table, settings)
    text = first_version(
        summary=summary,
        owner=owner,
        table=table,
        columns=columns,
        parameters=read,
        newest=newest or _yesterday(),
        values=values,
    )
    folder.mkdir(parents=True, exist_ok=True)
    made = folder / "v1.sql"
    made.write_text(text, encoding="utf-8")
    return [made]


def _table(wanted: str | None, known: Mapping[str, Table], *, ask: bool) -> Table:
    if not known:
        raise NotMade("no table is declared: write catalog/<table>.yaml first")
    name = wanted or _asked_for(f"Table ({', '.join(sorted(known))})", _likely_table(known), ask=ask)
    if name not in known:
        hint = did_you_mean(name, known) or f"declared: {', '.join(sorted(known))}"
        raise NotMade(f"there is no table {name!r}: {hint}")
    return known[name]


def _likely_table(tables: Mapping[str, Table]) -> str:
    """Guess the table of facts: the one with most folder levels."""
    return max(sorted(tables), key=lambda name: len(tables[name].partitioned_by))


def _columns(table: Table, schemas: Schemas) -> Sequence[Column]:
    if table.name not in schemas:
        raise NotMade(
            f"the columns of {table.name} are not known here: declare them in catalog/{table.name}.yaml, or list the "
            "table once with gateway check --data"
        )
    return schemas[table.name]


def _likely_owner(registry: Registry) -> str:
    owners = Counter(template.front.owner for template in registry.templates() if template.front.owner)
    return owners.most_common(1)[0][0] if owners else getuser()


def _asked_for(what: str, likely: str, *, ask: bool) -> str:
    return str(click.prompt(what, default=likely)) if ask else likely


def _yesterday() -> date:
    return datetime.now(UTC).date() - timedelta(days=1)


def _report(project: Path, name: str, made: list[Path]) -> None:
    for path in made:
        click.echo(f"wrote {path}")
    write("text", check_project(project, load_project(project)).within(project, made), project)
    version, *tests = made
    if tests:
        step = f"gateway test {name}/{version.stem} runs its tests"
    else:
        step = f"tests go beside it, into {version.stem}{SUFFIX}"
    click.echo(f"next: gateway dev shows it as you write; {step}")

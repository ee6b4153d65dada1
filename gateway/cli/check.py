"""``gateway check``: every error in the project's files, with its position and a hint."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import click

from gateway.authoring.checked import Checked, check_project
from gateway.authoring.data import check_data, templates_in
from gateway.authoring.guesses import verify_guesses
from gateway.authoring.spark_check import check_portability, compare_examples
from gateway.cli.formats import FORMATS, write
from gateway.cli.project import opened, project_option
from gateway.cluster.proofs import FILE as PROOFS
from gateway.cluster.proofs import Proofs
from gateway.config import load_settings
from gateway.engine.binder_process import one_after_another
from gateway.errors import Diagnostic, Rule, Severity
from gateway.execution.wholes import SPARK
from gateway.pr_review.base import NoBase
from gateway.pr_review.review import Review, review
from gateway.project.loader import Project, load_project


@click.command("check")
@project_option
@click.argument("paths", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--data",
    is_flag=True,
    help="List the tables too: do rows lie in their partitions, what do the examples answer and read.",
)
@click.option(
    "--fix",
    is_flag=True,
    help="With --data: compare the levels that gateway init has guessed with all files, and declare what holds.",
)
@click.option(
    "--against",
    "revision",
    metavar="REVISION",
    help="Compare with a git revision, such as origin/main: what is published there must keep its meaning.",
)
@click.option(
    "--engine",
    type=click.Choice([SPARK]),
    help="Tell which templates that engine may be asked for; with --data: compare their examples there with DuckDB, "
    "and record in engines/ those that are equal.",
)
@click.option("--strict", is_flag=True, help="End with 1 for warnings too.")
@click.option("--format", "form", type=click.Choice([*FORMATS]), default="text", show_default=True)
@one_after_another()
def command(
    project: Path,
    paths: tuple[Path, ...],
    data: bool,
    fix: bool,
    revision: str | None,
    engine: str | None,
    strict: bool,
    form: str,
) -> None:
    """Check gateway.toml, the tables of catalog/ and the templates of queries/; only what lies in PATHS, if given.

    Ends with 0 if there is no error, with 1 if there are some.
    """
    if fix and not data:
        raise click.UsageError("--fix looks at the files of the tables: write --data --fix")
    loaded = load_project(project)
    found = check_project(project, loaded)
    if fix and _can_look(found):
        _declare_what_holds(project, loaded.sources)
        loaded = load_project(project)
        found = check_project(project, loaded)
    if data and _can_look(found):
        found = with_data(found, project, paths, loaded.sources)
    if engine is not None and _can_look(found):
        found = in_spark(found, project, paths, data=data)
    changed = None if revision is None else review_since(revision, project, loaded, found, data=data)
    if changed is not None:
        found = found.plus(changed.errors, project)
    found = found.within(project, paths).grouped()
    write(form, found, project, changed)
    if found.of(Severity.ERROR) or (strict and found.of(Severity.WARNING)):
        raise click.exceptions.Exit(1)


def _can_look(found: Checked) -> bool:
    """Tell whether the files of the tables can be looked at: mistakes in some texts do not keep others from it."""
    return not any(item.rule is Rule.SETTINGS for item in found.of(Severity.ERROR))


def _declare_what_holds(project: Path, sources: Mapping[str, str]) -> None:
    try:
        with opened(project) as gateway:
            for verified in verify_guesses(gateway, load_settings(project.resolve()), sources):
                click.echo(str(verified), err=True)
    except OSError as error:
        raise click.ClickException(f"{error.filename or project} cannot be written: {error.strerror}") from error


def with_data(found: Checked, project: Path, paths: tuple[Path, ...], sources: Mapping[str, str]) -> Checked:
    """Add what the files of the tables say, and what the examples answer."""
    with opened(project) as gateway:
        return check_data(found, gateway, load_settings(project.resolve()), paths, sources)


def in_spark(found: Checked, project: Path, paths: tuple[Path, ...], *, data: bool) -> Checked:
    """Add what keeps templates from Spark; with *data* compare their examples, and record those that are equal."""
    wrong = {item.path for item in found.of(Severity.ERROR)}
    with opened(project) as gateway:
        templates = [
            template
            for template in templates_in(gateway, project.resolve(), paths)
            if str(project / template.path) not in wrong
        ]
        if not data:
            return found.plus(check_portability(templates, gateway, project), project).sorted()
        wholes = gateway.runner.wholes
        if wholes is None:
            raise click.UsageError("--engine spark --data needs a Spark: set cluster.spark")
        told = list(compare_examples(templates, gateway, wholes, project))
        equal = dict(item for item in told if isinstance(item, tuple))
        Proofs(project.resolve()).add(equal)
        count = sum(digest is not None for digest in equal.values())
        click.echo(f"{count} of {len(equal)} templates answer alike in Spark and DuckDB ({PROOFS})", err=True)
        return found.plus((item for item in told if isinstance(item, Diagnostic)), project).sorted()


def review_since(revision: str, project: Path, head: Project, found: Checked, *, data: bool) -> Review:
    """Compare with a git revision. Show what examples read where manifests are kept; *data* runs them too.

    Nothing is opened while a check has *found* errors: then only the texts are compared.
    """
    today = datetime.now(UTC).date()
    try:
        if found.of(Severity.ERROR) or not (data or manifests_kept(project)):
            return review(project, revision, head, today=today)
        with opened(project) as gateway:
            return review(project, revision, head, today=today, gateway=gateway, run=data)
    except NoBase as error:
        raise click.BadParameter(str(error), param_hint="--against") from error


def manifests_kept(project: Path) -> bool:
    """Return whether the tables were listed here before."""
    return (load_settings(project.resolve()).state / "tables").is_dir()

"""``gateway test``: the tests beside templates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

from gateway.authoring.checked import Checked
from gateway.authoring.expectations import rows_of
from gateway.authoring.testfile import TestFile, load_tests
from gateway.authoring.testing import Bench, CaseOutcome, without_rows
from gateway.authoring.update import updated
from gateway.cli.diagnostics import print_diagnostics
from gateway.cli.formats import FORMATS, write
from gateway.cli.names import QueryName
from gateway.cli.own_memory import bounded_memory
from gateway.cli.project import project_option
from gateway.config import load_settings
from gateway.counted import counted
from gateway.errors import DefinitionError, Diagnostic
from gateway.project.loader import load_project
from gateway.suggestions import did_you_mean

_SLOW = 1.0
"""Tests that take longer, in seconds, show their time."""


@click.command("test")
@click.argument("name", required=False, type=QueryName(versions=True))
@project_option
@click.option("--update", is_flag=True, help="Write the rows that are answered into the files, as what is expected.")
@click.option("--no-data", is_flag=True, help="Skip tests that need files of the project: inline tables only.")
@click.option("--format", "form", type=click.Choice([*FORMATS]), default="text", show_default=True)
def command(name: str | None, project: Path, update: bool, no_data: bool, form: str) -> None:
    """Run the tests beside templates, v1.test.yaml: those of the query NAME, of NAME/v2, or all.

    Ends with 0 if all pass, with 1 if some fail or a file of tests is wrong.
    """
    settings = load_settings(project.resolve())
    loaded = load_project(settings.project)
    files, errors = load_tests(settings.project, loaded.registry)
    chosen = [file for file in files if name is None or name in (file.template.name, _with_version(file))]
    errors = tuple(item for item in errors if name is None or _belongs(item, name))
    if not chosen and not errors:
        raise click.UsageError(_nothing(name, files, loaded.diagnostics))
    console = Console(highlight=False, soft_wrap=True)
    bench = Bench(settings=settings, tables=loaded.tables, data=not no_data)
    with bounded_memory(settings):
        outcomes = list(_run(bench, chosen, console if form == "text" else None))
    if update:
        outcomes = _update(outcomes, settings.project, console)
    failed = [item for item in outcomes if item.failures]
    if form == "text":
        print_diagnostics(errors)
        console.print(Text(_verdict(outcomes)))
    else:
        reported = (*errors, *(diagnostic for outcome in failed for diagnostic in _diagnostics(outcome)))
        write(form, Checked(tables=len(loaded.tables), templates=len(chosen), diagnostics=reported), project)
    if failed or errors:
        raise click.exceptions.Exit(1)


def _with_version(file: TestFile) -> str:
    return f"{file.template.name}/v{file.template.version}"


def _belongs(item: Diagnostic, name: str) -> bool:
    query, _, version = name.partition("/")
    return item.path.startswith(f"queries/{query.replace('.', '/')}/{version}")


def _nothing(name: str | None, files: Sequence[TestFile], wrong: Sequence[Diagnostic]) -> str:
    if wrong:
        raise DefinitionError(wrong)
    if name is None:
        return "there are no tests: write one beside its template, e.g. queries/<name>/v1.test.yaml"
    known = [file.template.name for file in files]
    return f"there are no tests of {name!r}" + (f": {hint}" if (hint := did_you_mean(name, known)) else "")


def _run(bench: Bench, files: Sequence[TestFile], console: Console | None) -> Iterator[CaseOutcome]:
    for outcome in bench.run(files):
        if console is not None:
            for line in _lines(outcome):
                console.print(line)
        yield outcome


def _lines(outcome: CaseOutcome) -> Iterator[Text]:
    took = f" ({outcome.seconds:.1f} s)" if outcome.seconds >= _SLOW else ""
    if outcome.skipped is not None:
        yield Text.assemble(("- ", "yellow"), outcome.title, (f" skipped: {outcome.skipped}", "dim"))
        return
    if not outcome.failures:
        yield Text.assemble(("✓ ", "green"), outcome.title, (took, "dim"))
        return
    yield Text.assemble(("✗ ", "bold red"), (outcome.title, "bold"), (took, "dim"))
    for failure in outcome.failures:
        yield Text(f"    {failure.message}")
        for line in failure.shown:
            yield Text(f"      {line}", style={"-": "red", "+": "green"}.get(line[:1], ""))


def _diagnostics(outcome: CaseOutcome) -> Iterator[Diagnostic]:
    for failure in outcome.failures:
        shown = "\n".join(failure.shown) or None
        yield outcome.file.diagnostic(outcome.number, f"{outcome.case.name}: {failure.message}", shown)


def _update(outcomes: Sequence[CaseOutcome], project: Path, console: Console) -> list[CaseOutcome]:
    """Write down the rows of the tests whose rows differ or that expect nothing; return what is left of failures."""
    left = {(item.file.path, item.number): item for item in outcomes}
    for path in dict.fromkeys(item.file.path for item in outcomes):
        stale = [item for item in outcomes if item.file.path == path and item.failures and _has_rows(item)]
        answers = {item.number: rows_of(item.result) for item in stale if item.result is not None}
        if not answers:
            continue
        file = project / path
        file.write_text(updated(file.read_text(encoding="utf-8-sig"), answers), encoding="utf-8")
        console.print(Text(f"{path}: wrote the rows of {counted(len(answers), 'test')}: read them"))
        left |= {(path, item.number): without_rows(item) for item in stale}
    return list(left.values())


def _has_rows(outcome: CaseOutcome) -> bool:
    return outcome.result is not None and (outcome.case.rows is not None or outcome.case.bare)


def _verdict(outcomes: Sequence[CaseOutcome]) -> str:
    failed = sum(bool(item.failures) for item in outcomes)
    skipped = sum(item.skipped is not None for item in outcomes)
    passed = len(outcomes) - failed - skipped
    others = [f"{count} {word}" for word, count in (("failed", failed), ("skipped", skipped)) if count]
    return f"{counted(len(outcomes), 'test')}: {', '.join([f'{passed} passed', *others])}"

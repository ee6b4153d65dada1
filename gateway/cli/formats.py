"""Output formats of a check: text for a terminal, JSON, GitHub's annotations, Markdown for a pull request."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path

import orjson
from rich.console import Console
from rich.text import Text

from gateway.authoring.checked import Checked, files_of
from gateway.authoring.excerpt import advice, elsewhere, excerpt
from gateway.counted import counted, noun
from gateway.errors import Diagnostic, Severity
from gateway.plan.explain import readable
from gateway.pr_review import report
from gateway.pr_review.review import Review

Render = Callable[[Checked, Path, Console, Review | None], str]
"""Write what was found in a project, and what it changes, as one text; the console says whether colours are wanted."""
_NOUNS = {Severity.ERROR: "mistake", Severity.WARNING: "warning", Severity.NOTE: "note"}
_LABELS = {
    Severity.ERROR: Text(),
    Severity.WARNING: Text("warning: ", "yellow"),
    Severity.NOTE: Text("note: ", "cyan"),
}
_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}
_MARKS = {Severity.ERROR: "❌", Severity.WARNING: "⚠️", Severity.NOTE: "ℹ️"}


def as_text(found: Checked, project: Path, console: Console, review: Review | None = None) -> str:
    """Write one paragraph a diagnostic, with the line at fault and a caret, and a verdict at the end."""
    with console.capture() as written:
        for item in found.diagnostics:
            console.print(Text.assemble((item.place, "bold"), ": ", _LABELS[item.severity], item.message))
            for line in excerpt(item, project):
                console.print(Text(f"    {line}", style="dim"))
            for line in advice(item):
                console.print(Text(f"    {line}", style="green"))
        for line in _ran(found):
            console.print(Text(line))
        for line in report.lines(review) if review is not None else ():
            console.print(Text(line))
        console.print(Text(f"{_read(found)}: {verdict(found)}"))
    return written.get()


def as_json(found: Checked, project: Path, console: Console, review: Review | None = None) -> str:
    """Write all that was found as one JSON document."""
    changes = {} if review is None else {"since": review.commit, "changes": report.documents(review)}
    return orjson.dumps(asdict(found) | changes, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()


def as_github(found: Checked, project: Path, console: Console, review: Review | None = None) -> str:
    """Write a workflow command for each diagnostic: GitHub shows it at the line of the pull request.

    Source: "Workflow commands for GitHub Actions". Paths are relative to the working folder, where that holds them.
    """
    return "".join(f"{_annotation(item, project)}\n" for item in found.diagnostics)


def as_markdown(found: Checked, project: Path, console: Console, review: Review | None = None) -> str:
    """Write a section for a comment or a job's summary: the verdict, then the diagnostics by file."""
    lines = [f"### Check: {verdict(found)}", "", f"{_read(found)}.", ""]
    for path in dict.fromkeys(item.path for item in found.diagnostics):
        lines += [f"**`{path}`**", ""]
        for item in found.diagnostics:
            if item.path == path:
                lines += _markdown(item, project)
        lines.append("")
    if found.examples and review is None:
        lines += ["**Examples**", "", *(f"- {escaped(line)}" for line in _ran(found)), ""]
    changes = "" if review is None else f"\n{report.markdown(review)}"
    return "\n".join(lines).rstrip("\n") + "\n" + changes


FORMATS: Mapping[str, Render] = {"text": as_text, "json": as_json, "github": as_github, "markdown": as_markdown}


def write(form: str, found: Checked, project: Path, review: Review | None = None) -> None:
    """Print what was found to standard output in one of ``FORMATS``."""
    console = Console(highlight=False, soft_wrap=True)
    console.file.write(FORMATS[form](found, project, console, review))


def _ran(found: Checked) -> list[str]:
    """Return what each example answered and read, a line each."""
    return [
        f"{example.query} v{example.version} example {example.number}: {example.rows} {noun(example.rows, 'row')} "
        f"in {example.seconds * 1000:.0f} ms, "
        f"{example.partitions} of {example.partitions_total} {noun(example.partitions_total, 'partition')}, "
        f"{readable(example.bytes)} of {readable(example.bytes_total)}"
        for example in found.examples
    ]


def verdict(found: Checked) -> str:
    """Say in a few words what a check has found.

    >>> verdict(Checked(tables=1, templates=1, diagnostics=()))
    'no mistakes'
    """
    counts = {severity: len(found.of(severity)) for severity in Severity}
    words = [counted(count, _NOUNS[severity]) for severity, count in counts.items() if count]
    if not counts[Severity.ERROR]:
        words.insert(0, "no mistakes")
    files = len({path for item in found.diagnostics for path in files_of(item)})
    return ", ".join(words) + (f" in {counted(files, 'file')}" if files else "")


def _read(found: Checked) -> str:
    return f"{counted(found.tables, 'table')}, {counted(found.templates, 'template')}"


def _annotation(item: Diagnostic, project: Path) -> str:
    where = {"file": _from_here(project / item.path), "line": item.line, "col": item.column, "title": item.rule.value}
    given = ",".join(f"{name}={_property(str(value))}" for name, value in where.items() if value is not None)
    message = "\n".join([item.message, *advice(item)])
    return f"::{_COMMANDS[item.severity]} {given}::{_data(message)}"


def _from_here(path: Path) -> str:
    here, absolute = Path.cwd(), path.absolute()
    return absolute.relative_to(here).as_posix() if absolute.is_relative_to(here) else path.as_posix()


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _markdown(item: Diagnostic, project: Path) -> Iterator[str]:
    where = f"line {item.line}: " if item.line is not None else ""
    hint = f" ({escaped(item.hint)})" if item.hint else ""
    also = f", also at {escaped(elsewhere(item))}" if item.also else ""
    yield f"- {_MARKS[item.severity]} {where}{escaped(item.message)}{hint}{also} `{item.rule}`"
    if item.fix is not None:
        yield from ["", "  ```yaml", *(f"  {line}" for line in item.fix.splitlines()), "  ```"]
    shown = excerpt(item, project)
    if shown:
        # A line of the file may hold a fence itself.
        fence = "`" * (3 + sum(line.count("`") for line in shown))
        yield from ["", f"  {fence}sql" if item.path.endswith(".sql") else f"  {fence}"]
        yield from (f"  {line}" for line in shown)
        yield f"  {fence}"


def escaped(text: str) -> str:
    r"""Write a text so that Markdown and HTML show it as it is.

    >>> escaped("a_b <c>")
    'a\\_b &lt;c>'
    """
    kept = text.replace("&", "&amp;").replace("<", "&lt;")
    return "".join(f"\\{character}" if character in "\\`*_[]|~#" else character for character in kept)

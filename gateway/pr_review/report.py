"""Write a review as Markdown, for a pull request and for the summary of a job."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any
from urllib.parse import urlencode

from gateway.counted import counted, noun
from gateway.model import Column
from gateway.plan.explain import readable
from gateway.pr_review.changes import Change, ChangeKind
from gateway.pr_review.measure import STRIP, Compared, Example, Read, Row, Side
from gateway.pr_review.review import Review, ReviewedChange
from gateway.query.compare import Effect
from gateway.query.parameters import Parameter
from gateway.query.template import Template

_SYMBOLS = {Effect.SAME: "🟢", Effect.WIDENED: "🟢", Effect.BREAKING: "🟠"}
MAX_LINES = 200
"""Lines of an SQL difference that are shown."""


def markdown(review: Review) -> str:
    """Write what changed since the base: a line a query, then a section each."""
    return "\n".join(_document(review)) + "\n"


def lines(review: Review) -> Iterator[str]:
    """Write one line a change, for a terminal."""
    for reviewed in review.changes:
        contract = None if reviewed.change.kind is ChangeKind.EDITED else reviewed.contract
        word = "" if contract is None else f", contract {contract.word}"
        yield f"{_title(reviewed.change)}: {reviewed.change.kind}{word}"
        yield from (f"    {difference.text} ({difference.effect.word})" for difference in reviewed.differences)


def documents(review: Review) -> list[dict[str, Any]]:
    """Return the changes as JSON values."""
    return [
        {
            "query": reviewed.change.name,
            "version": reviewed.change.version,
            "change": reviewed.change.kind.value,
            "contract": None if reviewed.contract is None else reviewed.contract.word,
            "differences": [{"text": each.text, "effect": each.effect.word} for each in reviewed.differences],
            "examples": [asdict(example) for example in reviewed.examples],
        }
        for reviewed in review.changes
    ]


def _document(review: Review) -> Iterator[str]:
    yield f"## Queries changed since `{review.revision}` ({review.commit[:12]})"
    yield ""
    if not review.changes:
        yield "None."
        return
    yield "| query | change | contract | reads, first example |"
    yield "| --- | --- | --- | --- |"
    for reviewed in review.changes:
        cells = (f"`{_title(reviewed.change)}`", _verdict(reviewed.change), _class(reviewed), _first_reads(reviewed))
        yield f"| {' | '.join(cells)} |"
    for reviewed in review.changes:
        yield ""
        yield from _section(reviewed)


def _title(change: Change) -> str:
    return f"{change.name} v{change.version}"


def _verdict(change: Change) -> str:
    return f"🔴 {change.kind}" if change.errors else str(change.kind)


def _class(reviewed: ReviewedChange) -> str:
    if reviewed.change.kind in (ChangeKind.EDITED, ChangeKind.REMOVED):
        return "same" if reviewed.change.kind is ChangeKind.EDITED else "gone"
    if reviewed.contract is None:
        return "first version"
    return f"{_SYMBOLS[reviewed.contract]} {reviewed.contract.word}"


def _first_reads(reviewed: ReviewedChange) -> str:
    if not reviewed.examples or not reviewed.examples[0].new.reads:
        return ""
    reads = reviewed.examples[0].new.reads
    partitions, total = sum(read.partitions for read in reads), sum(read.partitions_total for read in reads)
    return f"{partitions} of {total} {noun(total, 'partition')}, {readable(sum(read.size for read in reads))}"


def _section(reviewed: ReviewedChange) -> Iterator[str]:
    change = reviewed.change
    yield f"### `{_title(change)}`: {change.kind}"
    yield ""
    for error in change.errors:
        yield f"> 🔴 {_line(error.message)}"
        if error.hint:
            yield f"> {_line(error.hint)}"
        yield ""
    if change.kind is ChangeKind.EDITED:
        yield f"Changed: {', '.join(change.touched)}. Callers see the same contract and the same answers."
        return
    if change.new is None:
        yield _farewell(change.old)
        return
    yield f"{_line(change.new.front.summary)}." + (
        f" Owner: {_line(change.new.front.owner)}." if change.new.front.owner else ""
    )
    yield ""
    yield from _contract(reviewed, change.new)
    yield from _sql(reviewed)
    for number, example in enumerate(reviewed.examples, start=1):
        yield ""
        yield from _example(number, example)
    if not reviewed.examples:
        yield ""
        why = "it has no examples" if not change.new.examples else "the files of its tables are not known here"
        yield f"What it reads is not shown: {why}."


def _farewell(old: Template | None) -> str:
    sunset = old.front.sunset if old is not None else None
    return f"Its sunset was {sunset}." if sunset is not None else "It had no sunset."


def _contract(reviewed: ReviewedChange, new: Template) -> Iterator[str]:
    before = reviewed.change.before
    if before is not None:
        word = _class(reviewed)
        yield f"**Contract** against v{before.version}: {word}" + ("." if not reviewed.differences else ":")
        yield ""
        for difference in reviewed.differences:
            yield f"- {_SYMBOLS[difference.effect]} {_line(difference.text)} ({difference.effect.word})"
        if reviewed.differences:
            yield ""
    yield "| parameter | type | |"
    yield "| --- | --- | --- |"
    for name, parameter in new.parameters.items():
        yield f"| `{name}` | `{parameter.type}` | {_needed(parameter)} |"
    if not new.parameters:
        yield "| none | | |"
    yield ""
    yield f"Columns: {_columns(reviewed.columns)}"


def _needed(parameter: Parameter) -> str:
    need = "required" if parameter.required else "may be left out"
    return f"{need}. {_line(parameter.description)}" if parameter.description else need


def _columns(columns: Sequence[Column] | None) -> str:
    if columns is None:
        return "not known without the files of its tables."
    return ", ".join(f"`{column.name}` {column.type}" for column in columns)


def _sql(reviewed: ReviewedChange) -> Iterator[str]:
    before = reviewed.change.before
    if before is None:
        return
    yield ""
    if not reviewed.sql:
        yield f"**SQL**: the same as v{before.version}."
        return
    what = "what was published" if reviewed.change.kind is ChangeKind.ALTERED else f"v{before.version}"
    yield f"<details><summary>SQL against {what}: {_counted(reviewed.sql)}</summary>"
    yield ""
    more = [f"… {len(reviewed.sql) - MAX_LINES} more lines"] if len(reviewed.sql) > MAX_LINES else []
    yield from _fenced("diff", [*reviewed.sql[:MAX_LINES], *more])
    yield ""
    yield "</details>"


def _counted(lines: Iterable[str]) -> str:
    signs = [line[:1] for line in lines]
    added, removed = signs.count("+"), signs.count("-")
    return f"{added} {'line' if added == 1 else 'lines'} added, {removed} removed"


def _example(number: int, example: Example) -> Iterator[str]:
    yield f"**Example {number}** `{_question(example.parameters)}`"
    yield ""
    sides = [example.new] if example.old is None else [example.old, example.new]
    if example.new.folded is not None:
        yield from (f"The answer is {_line(example.new.folded)}.", "")
    for side in sides:
        if side.failure is not None:
            yield f"- {side.name}: {_line(side.failure)}"
    yield from _fenced("text", [_read(side.name, read) for side in sides for read in side.reads])
    yield ""
    yield "| | estimated | measured | rows | takes in the cache |"
    yield "| --- | --- | --- | --- | --- |"
    for side in sides:
        kept = "" if side.kept is None else readable(side.kept)
        rows = "" if side.rows is None else str(side.rows)
        yield f"| {side.name} | {_time(side.estimated)} | {_time(side.seconds)} | {rows} | {kept} |"
    if example.compared is not None:
        yield ""
        yield from _compared(example.compared, sides)


def _read(name: str, read: Read) -> str:
    share = f"{read.partitions} of {read.partitions_total} {noun(read.partitions_total, 'partition')}"
    share += f", {read.files} {noun(read.files, 'file')}"
    size = f"{readable(read.size)} of {readable(read.size_total)}"
    return f"{name:<4}{read.table:<16} {read.strip:<{STRIP}}  {share}, {size}"


def _time(seconds: float | None) -> str:
    if seconds is None:
        return ""
    return f"{seconds * 1000:.0f} ms" if seconds < 10 else f"{seconds:.1f} s"


def _compared(compared: Compared, sides: Sequence[Side]) -> Iterator[str]:
    if compared.skipped is not None:
        yield f"The answers were not compared: {compared.skipped}."
        return
    over = f"over {counted(len(compared.columns), 'column')} that both have"
    if compared.same:
        yield f"Both answer the same rows, {over}."
        return
    old, new = sides[0].name, sides[-1].name
    only = f"{counted(compared.only_old, 'row')} only in {old}, {compared.only_new} only in {new}"
    yield f"The answers differ, {over}: {only}."
    yield ""
    rows = [
        *_sample("-", compared.old_sample, compared.only_old),
        *_sample("+", compared.new_sample, compared.only_new),
    ]
    yield from _fenced("diff", [f"  {', '.join(compared.columns)}", *rows])


def _sample(sign: str, rows: Sequence[Row], count: int) -> Iterator[str]:
    yield from (f"{sign} {_row(row)}" for row in rows)
    if count > len(rows):
        yield f"{sign} … {count - len(rows)} more"


def _row(row: Row) -> str:
    return ", ".join("NULL" if value is None else " ".join(value.split()) for value in row)


def _question(parameters: Mapping[str, Any]) -> str:
    pairs = [
        (name, item)
        for name, value in parameters.items()
        for item in (value if isinstance(value, list) else [value])
        if item is not None
    ]
    return urlencode(pairs) or "no parameters"


def _fenced(language: str, lines: Sequence[str]) -> Iterator[str]:
    """Put lines into a code block whose fence none of them can close."""
    fence = "`" * max(3, 1 + max((len(run) for line in lines for run in re.findall("`+", line)), default=0))
    yield f"{fence}{language}"
    yield from lines
    yield fence


def _line(text: str) -> str:
    """Bring a text from outside to one line that ends no table cell and opens no tag or code."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;").replace("`", "'")

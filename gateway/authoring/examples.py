"""Run the examples of templates, and record what each answered and read."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from gateway.answer import Answer, Directives, Export, Unread
from gateway.errors import Diagnostic, GatewayError, Rule, Severity, ValueMisfit
from gateway.execution.work import StreamOptions
from gateway.model import Principal
from gateway.pipeline import Gateway
from gateway.query.front_matter import declared_front_matter
from gateway.query.template import Template

_FRESH = Directives(no_cache=True, no_store=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """One example that was answered: ``number`` counts from 1, ``seconds`` is what making the answer took.

    Partitions, files and bytes are those of all scans together, read and of all there are.
    """

    query: str
    version: int
    number: int
    rows: int
    seconds: float
    partitions: int
    partitions_total: int
    files: int
    files_total: int
    bytes: int
    bytes_total: int


def run_examples(templates: Iterable[Template], gateway: Gateway, project: Path) -> Iterator[Ran | Diagnostic]:
    """Answer every example; report one that fails, or that has no rows, at its position."""
    for template in templates:
        for number in range(len(template.examples)):
            yield from _example(template, number, gateway, project)


def _example(template: Template, number: int, gateway: Gateway, project: Path) -> Iterator[Ran | Diagnostic]:
    try:
        bound = template.bind(template.examples[number], now=gateway.clock())
        started = time.monotonic()
        answer = gateway.answer(bound, principal=Principal(), directives=_FRESH, stream=StreamOptions())
        rows, seconds = _taken(answer, started)
    except GatewayError as error:
        file = f" ({error.path})" if isinstance(error, ValueMisfit) and error.path is not None else ""
        yield _diagnostic(template, number, project, f"fails with {error.code}: {error.detail}{file}", Severity.ERROR)
        return
    if rows == 0:
        yield _diagnostic(template, number, project, "answers no rows", Severity.NOTE)
    readings = answer.result.readings
    yield Ran(
        query=template.name,
        version=template.version,
        number=number + 1,
        rows=rows,
        seconds=seconds,
        partitions=sum(reading.partitions for reading in readings),
        partitions_total=sum(reading.partitions_total for reading in readings),
        files=sum(reading.files for reading in readings),
        files_total=sum(reading.files_total for reading in readings),
        bytes=sum(reading.size for reading in readings),
        bytes_total=sum(reading.size_total for reading in readings),
    )


def _taken(answer: Answer | Export | Unread, started: float) -> tuple[int, float]:
    """Return the number of rows of an answer, and the seconds that making it took.

    Rows that are too large to be kept are read to their end, and dropped: what fails late is found, too.
    """
    if isinstance(answer, Answer):
        return answer.result.table.num_rows, answer.result.seconds
    assert isinstance(answer, Export)  # nobody said that a summary is enough
    with closing(answer.result):
        rows = sum(batch.num_rows for batch in answer.result.batches)
    return rows, time.monotonic() - started


def _diagnostic(template: Template, number: int, project: Path, what: str, severity: Severity) -> Diagnostic:
    text = (project / template.path).read_text(encoding="utf-8-sig")
    declared = declared_front_matter(text, template.path)
    message = f"example {number + 1} {what}"
    return declared.diagnostic(("examples", number), message, rule=Rule.EXAMPLE, severity=severity)

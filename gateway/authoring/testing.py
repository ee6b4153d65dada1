"""Run the tests beside templates."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field, replace

import orjson

from gateway.answer import Directives
from gateway.app.gateway import open_gateway
from gateway.authoring.expectations import Failure, failures
from gateway.authoring.inline import opened_with
from gateway.authoring.testfile import Case, InlineTable, TestFile
from gateway.catalog.table import Table
from gateway.errors import GatewayError
from gateway.model import Principal, Result
from gateway.pipeline import Gateway
from gateway.query.coerce import format_value
from gateway.query.lint import is_ordered
from gateway.settings import Settings
from gateway.telemetry.events import unobserved

_FRESH = Directives(no_cache=True, no_store=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseOutcome:
    """What became of one test: it passed where nothing failed and it was not ``skipped``. It took ``seconds``."""

    file: TestFile
    number: int
    failures: tuple[Failure, ...] = ()
    skipped: str | None = None
    result: Result | None = None
    seconds: float = 0.0

    @property
    def case(self) -> Case:
        """Return the test."""
        return self.file.cases[self.number]

    @property
    def title(self) -> str:
        """Name the test for people."""
        return f"{self.file.template.name} v{self.file.template.version}: {self.case.name}"


@dataclass(slots=True, kw_only=True)
class Bench:
    """Opens the gateways that tests are run with: one over the project's data, one for each set of inline tables.

    *data* False: a test that needs files of the project is skipped.
    """

    settings: Settings
    tables: Mapping[str, Table]
    data: bool
    _stack: ExitStack = field(default_factory=ExitStack)
    _real: Gateway | None = None

    def run(self, files: Iterable[TestFile]) -> Iterator[CaseOutcome]:
        """Run tests file by file."""
        with self._stack:
            for file in files:
                yield from self._file(file)

    def _file(self, file: TestFile) -> Iterator[CaseOutcome]:
        opened: tuple[bytes, Gateway] | None = None
        with ExitStack() as stack:
            for number, case in enumerate(file.cases):
                inline = file.tables_of(case)
                lacking = [name for name in file.template.tables if name not in inline]
                if lacking and not self.data:
                    yield CaseOutcome(file=file, number=number, skipped=f"it needs the files of {', '.join(lacking)}")
                    continue
                try:
                    if not inline:
                        gateway = self._project()
                    else:
                        key = _digest(inline)
                        if opened is None or opened[0] != key:
                            stack.close()
                            opened = key, stack.enter_context(self._inline(file, inline))
                        gateway = opened[1]
                except GatewayError as error:
                    yield CaseOutcome(file=file, number=number, failures=(Failure(error.detail),))
                    continue
                yield _outcome(gateway, file, number)

    def _project(self) -> Gateway:
        if self._real is None:
            opened = open_gateway(self.settings, observe=unobserved, background=False)
            self._real = self._stack.enter_context(opened)
        return self._real

    def _inline(self, file: TestFile, inline: Mapping[str, InlineTable]) -> AbstractContextManager[Gateway]:
        return opened_with(self.settings, self.tables, file, inline)


def _digest(inline: Mapping[str, InlineTable]) -> bytes:
    return orjson.dumps({name: table.model_dump() for name, table in inline.items()}, option=orjson.OPT_SORT_KEYS)


def _outcome(gateway: Gateway, file: TestFile, number: int) -> CaseOutcome:
    case, started = file.cases[number], time.perf_counter()
    try:
        result = _answer(gateway, file, case)
    except GatewayError as error:
        wrong = () if error.code == case.error else _errors(case, error)
        return CaseOutcome(file=file, number=number, failures=wrong, seconds=time.perf_counter() - started)
    found = failures(case, result, ordered=is_ordered(file.template.sql))
    if case.error is not None:
        found = [Failure(f"it answers, and {case.error} is expected")]
    elif case.bare:
        found = [Failure("nothing is expected yet: gateway test --update writes down the rows that it answers")]
    return CaseOutcome(
        file=file, number=number, failures=tuple(found), result=result, seconds=time.perf_counter() - started
    )


def without_rows(outcome: CaseOutcome) -> CaseOutcome:
    """Return the outcome of the same test where the rows that it expects are those that are answered."""
    if outcome.result is None:
        return outcome
    case = outcome.case.model_copy(update={"rows": None})
    return replace(outcome, failures=tuple(failures(case, outcome.result, ordered=False)))


def _answer(gateway: Gateway, file: TestFile, case: Case) -> Result:
    template = file.template
    parameters = {name: format_value(value) for name, value in case.parameters.items()}
    if case.now is not None:
        gateway = replace(gateway, clock=case.now.timestamp)
    query = gateway.registry.template(template.name, template.version).bind(parameters, now=gateway.clock())
    return gateway.answer(query, principal=Principal(), directives=_FRESH).result


def _errors(case: Case, error: GatewayError) -> tuple[Failure, ...]:
    expected = f", and {case.error} is expected" if case.error is not None else ""
    lines = tuple(f"{item['parameter']} {item['detail']}" for item in error.members.get("errors", ()))
    return (Failure(f"it fails with {error.code}{expected}: {error.detail}", lines),)

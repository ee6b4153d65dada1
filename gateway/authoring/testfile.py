"""The file of tests beside a template: ``v1.test.yaml``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from gateway.catalog.partition_field import ColumnName
from gateway.catalog.sql_type import canonical_type
from gateway.catalog.table import ColumnType
from gateway.declaration import DeclarationError, Declared, Size
from gateway.errors import Diagnostic, Rule
from gateway.project.loader import read_text
from gateway.query.refused import Refused
from gateway.query.registry import Registry
from gateway.query.template import Template
from gateway.query.times import read_time
from gateway.query.types import Kind

SUFFIX = ".test.yaml"
_FILE = re.compile(r"v([1-9][0-9]{0,8})\.test\.yaml")
_COUNT = re.compile(r"(?:(==?|<>|!=|<=|>=|<|>)\s*)?(\d+)")
Cell = None | bool | int | float | str | date | datetime | list[Any] | dict[str, Any]


def _count(value: object) -> str:
    text = str(value).strip()
    if isinstance(value, bool) or _COUNT.fullmatch(text) is None:
        raise ValueError(f'{value!r} is no number of rows: write 3, or a comparison such as ">= 1"')
    return text


def _instant(value: object) -> date | None:
    if value is None:
        return None
    try:
        return read_time(value, Kind.TIMESTAMPTZ)
    except Refused as error:
        raise ValueError(str(error)) from error


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class InlineTable(_Part):
    """Rows that stand in for a declared table: CSV with a header, or a list of mappings.

    Columns that are declared and not given are NULL.
    """

    columns: dict[ColumnName, ColumnType] | None = None
    rows: str | list[dict[str, Cell]]


class Reads(_Part):
    """What a test may read at most, over all scans."""

    files: Annotated[int, Field(ge=0)] | None = None
    partitions: Annotated[int, Field(ge=0)] | None = None
    bytes: Size | None = None


class Case(_Part):
    """One set of parameters, and what is expected of the answer."""

    name: str = Field(min_length=1, max_length=200)
    parameters: dict[str, Any] = {}
    now: Annotated[datetime | None, BeforeValidator(_instant)] = None
    tables: dict[str, InlineTable] | None = None
    rows: list[dict[str, Cell]] | None = None
    row_count: Annotated[Any, AfterValidator(_count)] = None
    columns: dict[str, Annotated[str, AfterValidator(canonical_type)]] | None = None
    invariants: list[str] = []
    reads: Reads | None = None
    error: str | None = None

    @model_validator(mode="after")
    def _expects(self) -> Case:
        of_answer = (self.rows, self.row_count, self.columns, self.invariants or None, self.reads)
        if self.error is not None and any(expected is not None for expected in of_answer):
            raise ValueError("an error is expected, so nothing can be expected of an answer")
        return self

    @property
    def bare(self) -> bool:
        """Return whether nothing is expected yet."""
        given = (self.rows, self.row_count, self.columns, self.invariants or None, self.reads, self.error)
        return all(expected is None for expected in given)

    def counts(self, rows: int) -> bool:
        """Return whether a number of rows is what is expected."""
        match = _COUNT.fullmatch(str(self.row_count))
        return self.row_count is None or (match is not None and _compare(rows, match[1] or "=", int(match[2])))


def _compare(left: int, operator: str, right: int) -> bool:
    match operator:
        case "<":
            return left < right
        case "<=":
            return left <= right
        case ">":
            return left > right
        case ">=":
            return left >= right
        case "<>" | "!=":
            return left != right
        case _:
            return left == right


class Document(_Part):
    tables: dict[str, InlineTable] = {}
    tests: list[Case] = Field(min_length=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class TestFile:
    """The tests of one template; ``path`` is relative to the project."""

    __test__ = False

    path: str
    template: Template
    declared: Declared
    tables: Mapping[str, InlineTable]
    cases: tuple[Case, ...]

    def tables_of(self, case: Case) -> Mapping[str, InlineTable]:
        """Return the tables that stand in for declared ones in a test: its own before those of the file."""
        return {**self.tables, **(case.tables or {})}

    def diagnostic(self, number: int, message: str, hint: str | None = None) -> Diagnostic:
        """Make a diagnostic at the test of that number, from 0."""
        return self.declared.diagnostic(("tests", number), message, hint, rule=Rule.TEST)


def load_tests(project: Path, registry: Registry) -> tuple[tuple[TestFile, ...], tuple[Diagnostic, ...]]:
    """Read every file of tests below ``queries/``; a template that is not valid has no tests to run."""
    files: list[TestFile] = []
    errors: list[Diagnostic] = []
    for path in sorted((project / "queries").rglob(f"*{SUFFIX}")):
        shown = path.relative_to(project).as_posix()
        try:
            found = _load(path, shown, project, registry)
        except DeclarationError as error:
            errors += (replace(item, rule=Rule.TEST) for item in error.diagnostics)
            continue
        if found is not None:
            files.append(found)
            errors += _errors(found)
    return tuple(files), tuple(errors)


def _load(path: Path, shown: str, project: Path, registry: Registry) -> TestFile | None:
    match = _FILE.fullmatch(path.name)
    if match is None:
        hint = "name it after its version, e.g. v1.test.yaml beside v1.sql"
        raise DeclarationError([Diagnostic(path=shown, message=f"{path.name} belongs to no version", hint=hint)])
    if not path.with_name(f"v{match[1]}.sql").is_file():
        raise DeclarationError([Diagnostic(path=shown, message=f"there is no v{match[1]}.sql beside these tests")])
    declared = Declared(read_text(path, shown), shown)
    document = declared.validate(Document)
    name = ".".join(path.parent.relative_to(project / "queries").parts)
    template = registry.queries().get(name, {}).get(int(match[1]))
    if template is None:
        return None
    return TestFile(
        path=shown, template=template, declared=declared, tables=document.tables, cases=tuple(document.tests)
    )


def _errors(file: TestFile) -> Iterator[Diagnostic]:
    """Find tables that the query does not read, and tests of one name."""
    positions = [(("tables", name), name) for name in file.tables]
    positions += [
        (("tests", number, "tables", name), name)  # type: ignore[misc]  # places of two lengths
        for number, case in enumerate(file.cases)
        for name in case.tables or {}
    ]
    for where, name in positions:
        if name not in file.template.tables:
            hint = f"it reads {', '.join(file.template.tables)}" if file.template.tables else "it reads no table"
            yield file.declared.diagnostic(where, f"the query does not read {name!r}", hint, rule=Rule.TEST)
    seen: dict[str, int] = {}
    for number, case in enumerate(file.cases):
        if seen.setdefault(case.name, number) != number:
            yield file.declared.diagnostic(("tests", number, "name"), f"{case.name!r} stands twice", rule=Rule.TEST)

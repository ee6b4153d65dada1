"""The result of a check, and the check of what can be read without data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from gateway.catalog.table import load_tables
from gateway.config import load_settings
from gateway.errors import Diagnostic, Rule, SettingsInvalid, Severity
from gateway.query.registry import Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What a check has read and found; paths of diagnostics are relative to the project."""

    tables: int
    templates: int
    diagnostics: tuple[Diagnostic, ...]

    def plus(self, found: Iterable[Diagnostic], project: Path) -> Checked:
        """Add what another check has found."""
        more = (replace(item, path=_relative(item.path, project)) for item in found)
        return replace(self, diagnostics=(*self.diagnostics, *more))

    def within(self, project: Path, paths: Sequence[Path]) -> Checked:
        """Keep only what lies in the files or folders *paths*; no path: all."""
        wanted = [path.resolve() for path in paths]
        if not wanted:
            return self
        kept = (
            item
            for item in self.diagnostics
            if any((project / item.path).resolve().is_relative_to(path) for path in wanted)
        )
        return replace(self, diagnostics=tuple(kept))

    def of(self, severity: Severity) -> list[Diagnostic]:
        """List the diagnostics of one severity."""
        return [item for item in self.diagnostics if item.severity is severity]


def check_project(project: Path) -> Checked:
    """Read all declarations of the project folder and collect their mistakes."""
    tables, wrong_tables = load_tables(project / "catalog")
    # A query over a table whose declaration is wrong is not wrong for that.
    names = {*tables, *(Path(item.path).stem for item in wrong_tables)}
    registry, wrong_queries = Registry.load(project / "queries", names)
    checked = Checked(
        tables=len(tables), templates=sum(map(len, registry.queries().values())), diagnostics=tuple(_settings(project))
    )
    return checked.plus((replace(item, rule=Rule.TABLE) for item in wrong_tables), project).plus(wrong_queries, project)


def _settings(project: Path) -> Iterator[Diagnostic]:
    try:
        load_settings(project)
    except SettingsInvalid as error:
        yield from error.diagnostics


def _relative(path: str, project: Path) -> str:
    absolute = Path(path).absolute()
    return absolute.relative_to(project.absolute()).as_posix() if absolute.is_relative_to(project.absolute()) else path

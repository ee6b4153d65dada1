"""The result of a check, and the check of everything that needs no data."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

from gateway.app.own_places import misplaced
from gateway.authoring.access import check_access
from gateway.authoring.causes import by_undeclared_levels
from gateway.authoring.examples import Ran
from gateway.authoring.grouping import grouped
from gateway.authoring.lifecycle import check_lifecycle
from gateway.authoring.owners import check_ownership
from gateway.authoring.queries import check_queries
from gateway.authoring.schemas import known_schemas
from gateway.authoring.strays import check_strays
from gateway.authoring.testfile import load_tests
from gateway.config import load_settings
from gateway.errors import Diagnostic, SettingsInvalid, Severity
from gateway.project.loader import Project
from gateway.query.registry import Registry
from gateway.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What a check has read and found; paths of diagnostics are relative to the project."""

    tables: int
    templates: int
    diagnostics: tuple[Diagnostic, ...]
    examples: tuple[Ran, ...] = ()
    """Examples that were answered, where data was looked at."""

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
            if any(_lies_in(project / place, path) for path in wanted for place in files_of(item))
        )
        return replace(self, diagnostics=tuple(kept))

    def sorted(self) -> Checked:
        """Order the diagnostics by file and place."""
        ordered = sorted(self.diagnostics, key=lambda item: (item.path, item.line or 0, item.column or 0))
        return replace(self, diagnostics=tuple(ordered))

    def grouped(self) -> Checked:
        """Tell once what has one cause."""
        return replace(self, diagnostics=grouped(self.diagnostics))

    def of(self, severity: Severity) -> list[Diagnostic]:
        """List the diagnostics of one severity."""
        return [item for item in self.diagnostics if item.severity is severity]


def check_project(folder: Path, project: Project) -> Checked:
    """Check *project*, as it was loaded from *folder*: its files, its settings, its tests, what its queries mean."""
    settings, wrong_settings = _settings(folder)
    templates = project.parsed
    registry = Registry.of(templates)
    checked = Checked(tables=len(project.tables), templates=len(templates), diagnostics=wrong_settings)
    schemas = known_schemas(project.tables, settings)
    meant = check_queries(templates, project.tables, schemas)
    broken = {file.path for file in project.broken}
    for found in (
        project.diagnostics,
        misplaced(settings, project.tables),
        (item for item in check_strays(folder) if item.path not in broken),
        by_undeclared_levels(meant, templates, project.tables, project.sources, schemas, settings),
        check_ownership(project, folder),
        check_lifecycle(registry, folder, _today()),
        load_tests(folder, registry)[1],
        # A grant on something whose own declaration is wrong is not wrong for that.
        check_access(folder, settings.access, project.query_names, project.table_names),
    ):
        checked = checked.plus(found, folder)
    return checked.sorted()


def files_of(item: Diagnostic) -> Iterable[str]:
    """List the files of a diagnostic."""
    return {item.path, *(place.partition(":")[0] for place in item.also)}


def _lies_in(place: Path, folder: Path) -> bool:
    return place.resolve().is_relative_to(folder)


def _today() -> date:
    return datetime.now(UTC).date()


def _settings(project: Path) -> tuple[Settings, tuple[Diagnostic, ...]]:
    """Read the settings; where they are wrong, those of a project without any stand for them."""
    try:
        return load_settings(project.resolve()), ()
    except SettingsInvalid as error:
        return Settings(project=project.resolve(), state=project.resolve() / ".gateway"), error.diagnostics


def _relative(path: str, project: Path) -> str:
    """Make an absolute path one of the project, where it lies there; others are relative to the project already."""
    folder = project.absolute()
    return Path(path).relative_to(folder).as_posix() if Path(path).is_relative_to(folder) else path

"""Watch the files of a project while an author writes: what changed, and its errors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from gateway.authoring.queries import check_queries
from gateway.authoring.schemas import known_schemas
from gateway.authoring.testfile import load_tests
from gateway.errors import Diagnostic, Severity
from gateway.project.loader import Project, ProjectLoader
from gateway.project.reload import look, versions
from gateway.query.template import Template
from gateway.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """What one save changed: paths relative to the project, their diagnostics, the queries that are right."""

    paths: tuple[str, ...]
    diagnostics: tuple[Diagnostic, ...]
    ready: tuple[Template, ...]

    @property
    def broken(self) -> bool:
        """Return whether an error was saved."""
        return any(item.severity is Severity.ERROR for item in self.diagnostics)


class Watcher:
    """Looks at the files of a project by their status; reads those that changed. Not thread-safe."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._loader = ProjectLoader(settings.project)
        self._stamps = self._look()
        self.project: Project = self._loader.read()

    def saved(self) -> Saved | None:
        """Return what was saved since the last call; None: nothing was."""
        stamps = self._look()
        paths = sorted({path for path, _ in set(stamps.items()) ^ set(self._stamps.items())})
        if not paths:
            return None
        self._stamps, before = stamps, self.project
        self.project = self._loader.read()
        shown = tuple(Path(path).relative_to(self._settings.project).as_posix() for path in paths)
        return self._saved(shown, before)

    def _look(self) -> Mapping[str, tuple[int, int, int]]:
        found, _ = look(self._settings.project, self._settings.state / "no-signal")
        return found

    def _saved(self, paths: tuple[str, ...], before: Project) -> Saved:
        # With what is no error of the file itself, such as a query's table that has errors.
        broken = [item for file in self.project.broken if file.path in paths for item in file.diagnostics]
        wrong = {item.path for item in self.project.diagnostics}
        touched = [
            template
            for template in versions(self.project).values()
            if template.path not in wrong and (template.path in paths or self._reads_changed(template, before))
        ]
        schemas = known_schemas(self.project.tables, self._settings)
        found = [*broken, *check_queries(touched, self.project.tables, schemas), *self._tests(paths)]
        refused = {item.path for item in found if item.severity is Severity.ERROR}
        ready = tuple(template for template in touched if template.path in paths and template.path not in refused)
        return Saved(paths=paths, diagnostics=tuple(found), ready=ready)

    def _reads_changed(self, template: Template, before: Project) -> bool:
        tables = self.project.tables
        return any(tables.get(name) != before.tables.get(name) for name in template.tables)

    def _tests(self, paths: tuple[str, ...]) -> Iterator[Diagnostic]:
        if any(path.endswith(".test.yaml") for path in paths):
            _, errors = load_tests(self._settings.project, self.project.registry)
            yield from (item for item in errors if item.path in paths)

"""Reload: build a gateway of the changed declarations aside, check it, swap it in while requests go on.

Each worker looks at the files of the project twice a second, by their status only, and reads them when they changed
and have been quiet for a moment. Whoever asks for a reload touches a file in the state folder, which every worker of
the machine looks at too.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

from gateway.catalog.catalog import Catalog
from gateway.concurrency.ticker import Ticker, Wait
from gateway.declaration import BrokenFile, FileKind, Serving
from gateway.errors import Diagnostic, GatewayError
from gateway.pipeline import Gateway
from gateway.project.binding import Runaways, SchemaBinder
from gateway.project.checkout import commit_of, is_being_written
from gateway.project.loader import Project, ProjectLoader
from gateway.query.template import Template
from gateway.telemetry.events import DeclarationBroken, Observer, ProjectLoaded, Unexpected

POLL = 0.4
"""Seconds between two looks at the files."""
QUIET = 0.15
"""Seconds for which nothing may have changed before changed files are read: an editor or git may still be writing."""
RETRY = 10.0
"""Seconds after which files that were refused are looked at again: the reason may lie in the data."""
_CHECKING = 1.0
"""Seconds that are spent on checking changed queries against the columns of their tables, but for those refused."""
_SUFFIXES = (".sql", ".yaml", ".yml")
_ROUNDS = 5

Stamp = tuple[Mapping[str, tuple[int, int, int]], str | None]
"""Modification time, size and inode of each file, and the commit that is checked out: another stamp, other files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Names that are there now and were not, that stand for something else, that are gone."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    @classmethod
    def between(cls, before: Mapping[str, object], after: Mapping[str, object]) -> Difference:
        """Compare by name.

        >>> Difference.between({"a": 1, "b": 1}, {"b": 2, "c": 1})
        Difference(added=('c',), changed=('b',), removed=('a',))
        """
        return cls(
            added=tuple(sorted(after.keys() - before.keys())),
            changed=tuple(sorted(name for name in after.keys() & before.keys() if after[name] != before[name])),
            removed=tuple(sorted(before.keys() - after.keys())),
        )

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed)

    def as_dict(self) -> dict[str, Any]:
        """Format it for JSON."""
        return {"added": list(self.added), "changed": list(self.changed), "removed": list(self.removed)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reloaded:
    """What a reload did. ``outcome`` is ``reloaded``, ``unchanged``, or ``failed``: all stays as it was."""

    outcome: str
    queries: Difference = field(default_factory=Difference)
    """Versions, written ``delays/v2``."""
    tables: Difference = field(default_factory=Difference)
    broken: tuple[BrokenFile, ...] = ()
    commit: str | None = None
    seconds: float = 0.0
    error: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Format it for JSON."""
        known = {
            "outcome": self.outcome,
            "commit": self.commit,
            "seconds": round(self.seconds, 3),
            "queries": self.queries.as_dict(),
            "tables": self.tables.as_dict(),
            "broken": [file.as_dict() for file in self.broken],
            "error": self.error,
        }
        return {name: value for name, value in known.items() if value is not None}


def versions(project: Project) -> dict[str, Template]:
    """Return every version in service by its written name."""
    return {f"{template.name}/v{template.version}": template for template in project.registry.templates()}


class Reloader:
    """Keeps what is in service as the files say. ``tick`` is one look; ``start`` looks in a thread.

    *signal* is the file that asks for a reload when it is touched. *build* makes a gateway for a project and puts
    nothing in service, *serve* puts it in service. *serving* and *project* are what is in service at first, and *seen*
    is a ``look`` from before *project* was read: files that changed since are read again.
    """

    def __init__(
        self,
        folder: Path,
        signal: Path,
        *,
        loader: ProjectLoader,
        project: Project,
        serving: Gateway,
        build: Callable[[Gateway, Project], Gateway],
        serve: Callable[[Gateway, Project], None],
        observe: Observer,
        seen: Stamp,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._folder, self._signal = folder, signal
        self._loader, self._project, self._gateway = loader, project, serving
        self._build, self._serve = build, serve
        self._observe, self._clock = observe, clock
        self._lock = Lock()
        self._runaways = Runaways()
        self._seen = seen
        self._pending: Stamp | None = None
        self._again_at: float | None = None
        self._ticker = Ticker("reload", self._safe_tick, lambda: POLL if self._pending is None else QUIET)
        self._report(Reloaded(outcome="started", broken=project.broken, commit=project.commit), ())

    def start(self, wait: Wait | None = None) -> None:
        """Look until closed; ``wait`` sleeps so many seconds and returns True to stop."""
        self._ticker.start(wait)

    def tick(self) -> None:
        """Reload where files changed and have been quiet since the last look."""
        stamp = look(self._folder, self._signal)
        if stamp == self._seen:
            self._pending = None
            if self._again_at is not None and self._clock() >= self._again_at:
                self.reload()
        elif stamp == self._pending and not is_being_written(self._folder, now=self._clock()):
            self.reload()
        else:
            self._pending = stamp

    def request(self) -> Reloaded:
        """Reload now, and have every other process of the machine do it; return when this one has."""
        touch(self._signal)
        return self.reload()

    def reload(self) -> Reloaded:
        """Read the files and put what changed in service; what is broken stays as it was."""
        with self._lock:
            # Looked at before they are read: what changes meanwhile is seen at the next look.
            self._seen, self._pending, self._again_at = look(self._folder, self._signal), None, None
            started, before = self._clock(), self._project
            try:
                done = self._reload()
            except GatewayError as error:
                self._again_at = started + RETRY
                done = Reloaded(outcome="failed", broken=before.broken, commit=before.commit, error=error.detail)
            self._report(done, before.broken, seconds=self._clock() - started)
            return done

    def close(self) -> None:
        """Stop looking; idempotent."""
        self._ticker.close()

    def _safe_tick(self) -> None:
        try:
            self.tick()
        except Exception as error:  # noqa: BLE001  # a bug met in one file must not end the looking at all others
            self._again_at = self._clock() + RETRY
            self._observe(Unexpected.of(error, request="reload"))

    def _reload(self) -> Reloaded:
        project = self._loader.read()
        gateway = self._gateway
        for _ in range(_ROUNDS):
            queries = Difference.between(versions(self._project), versions(project))
            tables = Difference.between(self._project.tables, project.tables)
            if not queries and not tables:
                gateway = self._gateway if project.broken == self._project.broken else self._build(gateway, project)
                break
            gateway = self._build(self._gateway, project)
            refused = list(errors_in(gateway, self._gateway, project, queries, tables, self._runaways))
            if not refused:
                break
            self._again_at = self._clock() + RETRY
            project = self._loader.refuse(refused)
        self._loader.accept(project)
        changed = bool(queries or tables) or project.broken != self._project.broken
        if changed or project.commit != self._project.commit:
            self._serve(gateway, project)
        self._gateway, self._project = gateway, project
        outcome = "reloaded" if changed else "unchanged"
        return Reloaded(outcome=outcome, queries=queries, tables=tables, broken=project.broken, commit=project.commit)

    def _report(self, done: Reloaded, before: tuple[BrokenFile, ...], seconds: float = 0.0) -> None:
        self._observe(
            ProjectLoaded(
                outcome=done.outcome,
                commit=done.commit,
                seconds=seconds,
                added=done.queries.added + done.tables.added,
                changed=done.queries.changed + done.tables.changed,
                removed=done.queries.removed + done.tables.removed,
                broken_tables=sum(1 for file in done.broken if file.kind is FileKind.TABLE),
                broken_queries=sum(1 for file in done.broken if file.kind is FileKind.QUERY),
                error=done.error,
            )
        )
        for file in done.broken:
            if file not in before:
                errors = "; ".join(map(str, file.diagnostics))
                kept = file.serving is not Serving.NOTHING
                self._observe(DeclarationBroken(path=file.path, kept=kept, mistakes=errors))


def errors_in(
    gateway: Gateway, before: Gateway, project: Project, queries: Difference, tables: Difference, runaways: Runaways
) -> Iterator[Diagnostic]:
    """Find what parsing does not show: files of a table that cannot be listed, columns that a query does not find.

    Queries are only bound to tables whose files are known, and only for a second in all; what is spent on those that
    are refused does not count.
    """
    left = _CHECKING
    unlisted = set()
    for name in tables.changed:
        try:
            gateway.catalog.pin([name])
        except GatewayError as error:
            unlisted.add(name)
            yield Diagnostic(path=project.sources[name], message=f"its files cannot be listed: {error.detail}")
    fresh = {*queries.added, *queries.changed}
    with closing(SchemaBinder(runaways)) as now, closing(SchemaBinder(runaways)) as then:
        for name, template in versions(project).items():
            moved = [table for table in template.tables if table in tables.changed]
            if not (moved or name in fresh) or not unlisted.isdisjoint(moved) or left < 0:
                continue
            started = time.monotonic()
            errors = _binding_errors(template, now, gateway.catalog)
            left -= 0.0 if errors else time.monotonic() - started
            if name in fresh:
                yield from errors
            elif errors and not _binding_errors(template, then, before.catalog):
                message = f"{name} would no longer run: {errors[0].message}"
                yield Diagnostic(path=project.sources[moved[0]], message=message, hint=errors[0].hint)


def _binding_errors(template: Template, binder: SchemaBinder, catalog: Catalog) -> tuple[Diagnostic, ...]:
    """Return what a query does not find in its tables; nothing where their files are not known now."""
    for name in template.tables:
        if name in catalog.tables and catalog.status(name).snapshot is not None:
            binder.declare(name, catalog.pin([name])[name].columns)
    return binder.bind(template).errors if binder.knows(template) else ()


def look(folder: Path, signal: Path) -> Stamp:
    """Look at the declarations below *folder* and at the file *signal*, by their status only."""
    found: dict[str, tuple[int, int, int]] = {}
    for name in ("catalog", "queries"):
        _look(os.fspath(folder / name), found)
    try:
        status = signal.stat()
        found[os.fspath(signal)] = (status.st_mtime_ns, status.st_size, status.st_ino)
    except OSError:
        pass  # nobody has asked yet
    return found, commit_of(folder)


def touch(signal: Path) -> None:
    """Ask every process that looks at *signal* to reload."""
    signal.parent.mkdir(parents=True, exist_ok=True)
    signal.touch()


def _look(folder: str, found: dict[str, tuple[int, int, int]]) -> None:
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    _look(entry.path, found)
                elif entry.name.endswith(_SUFFIXES):
                    status = entry.stat()
                    found[entry.path] = (status.st_mtime_ns, status.st_size, status.st_ino)
    except OSError:
        pass  # it went away while it was looked at: the next look sees what is there

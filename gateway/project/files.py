"""The files of a project, read again and again: what is broken keeps what it declared when it was last right.

Only files whose content changed are parsed again, so that looking at a large project is cheap. What a broken file
declared before stays in service, and so does a table whose file is gone while a query in service reads it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from hashlib import blake2b
from itertools import groupby
from pathlib import Path
from typing import Generic, TypeVar

from gateway.catalog.table import Table, declaration_files, parse_table
from gateway.declaration import BrokenFile, DeclarationError
from gateway.errors import Diagnostic, TemplateInvalid
from gateway.query.registry import Registry, identify, parse_template, template_files, today_utc
from gateway.query.template import Template

Kind = TypeVar("Kind", Table, Template)


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """What is in service of a project at one moment, and which of its files are broken.

    ``commit`` is the id of the git commit that is checked out, where the project is a checkout.
    """

    tables: Mapping[str, Table]
    registry: Registry
    sources: Mapping[str, str] = field(default_factory=dict)
    """The file of each table, relative to the project, also of one that was removed."""
    broken: tuple[BrokenFile, ...] = ()
    commit: str | None = None

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """List every mistake."""
        return tuple(mistake for one in self.broken for mistake in one.diagnostics)


@dataclass(slots=True, kw_only=True)
class _File(Generic[Kind]):
    """One file: what it declares as it is, and what it declared when it was last right.

    ``against`` are the names of the tables that it was read over.
    """

    digest: bytes
    fresh: Kind | None
    mistakes: tuple[Diagnostic, ...] = ()
    against: frozenset[str] = frozenset()
    good: Kind | None = None


class Declarations:
    """The declarations below the project *folder*; ``read`` looks at all of them, one thread at a time.

    *today* decides which versions are deprecated or retired, *commit* tells which git commit is checked out.
    """

    def __init__(
        self,
        folder: Path,
        *,
        today: Callable[[], date] = today_utc,
        commit: Callable[[Path], str | None] = lambda folder: None,
    ) -> None:
        self._folder, self._today, self._commit = folder, today, commit
        self._tables: dict[str, _File[Table]] = {}
        self._templates: dict[str, _File[Template]] = {}
        self._checked_out: str | None = None
        self._serving: Mapping[str, Table] = {}
        """The tables in service when ``accept`` was last called."""

    def read(self) -> Project:
        """Parse what changed, and return what is to be in service."""
        self._checked_out = self._commit(self._folder)
        self._read_tables()
        declared = _by_name(one.fresh or one.good for one in self._tables.values())
        self._read_templates(frozenset(declared) | {Path(path).stem for path in self._tables})
        return self._project()

    def refuse(self, mistakes: Iterable[Diagnostic]) -> Project:
        """Take the files of *mistakes* for broken, for reasons that parsing alone does not show; return what is left.

        They are parsed again at the next ``read``, for the reason may lie in another file.
        """
        for path, found in groupby(sorted(mistakes, key=lambda one: one.path), key=lambda one: one.path):
            one = self._tables.get(path) or self._templates.get(path)
            if one is not None:
                one.fresh, one.mistakes, one.digest = None, tuple(found), b""
        return self._project()

    def accept(self, project: Project) -> None:
        """Remember *project*, just read, as what was last right."""
        for table in self._tables.values():
            table.good = table.fresh or table.good
        for template in self._templates.values():
            template.good = template.fresh or template.good
        self._serving = project.tables

    def _project(self) -> Project:
        declared = _by_name(one.fresh or one.good for one in self._tables.values())
        known = {**self._serving, **declared}
        served, broken = self._choose(declared, known)
        needed = {name for template in served for name in template.tables}
        return Project(
            tables={name: table for name, table in known.items() if name in declared or name in needed},
            sources={name: f"catalog/{name}.yaml" for name in known} | {Path(path).stem: path for path in self._tables},
            registry=Registry.of(served, today=self._today, broken=broken),
            broken=(*self._vanished(), *self._broken_tables(), *broken),
            commit=self._checked_out,
        )

    def _read_tables(self) -> None:
        if self._tables and not (self._folder / "catalog").is_dir():
            return
        found: dict[str, _File[Table]] = {}
        for path in declaration_files(self._folder / "catalog"):
            shown = path.relative_to(self._folder).as_posix()
            content, known = _content(path), self._tables.get(shown)
            digest = _digest(content)
            if known is None or known.digest != digest:
                fresh, mistakes = _table(content, shown)
                known = _File(digest=digest, fresh=fresh, mistakes=mistakes, good=None if known is None else known.good)
            found[shown] = known
        self._tables = found

    def _read_templates(self, tables: frozenset[str]) -> None:
        folder = self._folder / "queries"
        if self._templates and not folder.is_dir():
            return
        found: dict[str, _File[Template]] = {}
        for path in template_files(folder):
            shown = path.relative_to(self._folder).as_posix()
            content, known = _content(path), self._templates.get(shown)
            digest = _digest(content)
            if known is None or known.digest != digest or not _holds(known, tables):
                fresh, mistakes = _template(content, path.relative_to(folder), shown, tables)
                known = _File(
                    digest=digest,
                    fresh=fresh,
                    mistakes=mistakes,
                    against=tables,
                    good=None if known is None else known.good,
                )
            found[shown] = known
        self._templates = found

    def _choose(
        self, declared: Mapping[str, Table], known: Mapping[str, Table]
    ) -> tuple[list[Template], tuple[BrokenFile, ...]]:
        """Choose for each template file what is served of it: what it declares, what it declared before, or nothing."""
        served, broken = [], []
        for path, one in self._templates.items():
            lost = [] if one.fresh is None else [name for name in one.fresh.tables if name not in declared]
            if one.fresh is not None and not lost:
                served.append(one.fresh)
                continue
            mistakes = one.mistakes or [
                Diagnostic(path=path, message=f"the table {name} has mistakes") for name in lost
            ]
            good = one.good if one.good is not None and known.keys() >= set(one.good.tables) else None
            broken.append(BrokenFile(path=path, diagnostics=tuple(mistakes), kept=good is not None))
            if good is not None:
                served.append(good)
        return served, tuple(broken)

    def _broken_tables(self) -> Iterator[BrokenFile]:
        for path, one in self._tables.items():
            if one.fresh is None:
                yield BrokenFile(path=path, diagnostics=one.mistakes, kept=one.good is not None)

    def _vanished(self) -> Iterator[BrokenFile]:
        """Tell where a whole folder is gone: that is hardly meant, and all that it held stays in service."""
        for name, files in (("catalog", self._tables), ("queries", self._templates)):
            if files and not (self._folder / name).is_dir():
                yield BrokenFile(
                    path=name, diagnostics=(Diagnostic(path=name, message="the folder is gone"),), kept=True
                )


def _by_name(tables: Iterable[Table | None]) -> dict[str, Table]:
    return {table.name: table for table in tables if table is not None}


def _holds(known: _File[Template], tables: frozenset[str]) -> bool:
    """Tell whether what was read over other tables is what would be read over *tables*."""
    return known.against == tables or (known.fresh is not None and tables.issuperset(known.fresh.tables))


def _content(path: Path) -> bytes | OSError:
    try:
        return path.read_bytes()
    except OSError as error:
        return error


def _digest(content: bytes | OSError) -> bytes:
    return b"" if isinstance(content, OSError) else blake2b(content, digest_size=16).digest()


def _table(content: bytes | OSError, path: str) -> tuple[Table | None, tuple[Diagnostic, ...]]:
    if isinstance(content, OSError):
        return None, (_unreadable(path, content),)
    try:
        return parse_table(content.decode("utf-8"), path), ()
    except UnicodeDecodeError:
        return None, (Diagnostic(path=path, message="is not UTF-8 text"),)
    except DeclarationError as error:
        return None, error.diagnostics


def _template(
    content: bytes | OSError, place: Path, path: str, tables: frozenset[str]
) -> tuple[Template | None, tuple[Diagnostic, ...]]:
    if isinstance(content, OSError):
        return None, (_unreadable(path, content),)
    try:
        name, version = identify(place, path)
        return parse_template(content, path=path, name=name, version=version, tables=tables), ()
    except TemplateInvalid as error:
        return None, error.diagnostics


def _unreadable(path: str, error: OSError) -> Diagnostic:
    return Diagnostic(path=path, message=f"cannot be read: {error.strerror}")

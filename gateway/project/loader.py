"""The one loader of a project: reads ``catalog/`` and ``queries/``, once or repeatedly.

A ``ProjectLoader`` parses only files whose content changed, so that reading a large project again is cheap. What a
broken file declared before stays in service, and so does a table whose file is gone while a query in service reads it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from hashlib import blake2b
from itertools import groupby
from pathlib import Path
from typing import Generic, TypeVar

from gateway.catalog.table import Table, declaration_files, given_name, parse_table
from gateway.declaration import BrokenFile, DeclarationError, FileKind, Serving, utf8_text
from gateway.errors import Diagnostic, Rule, Severity, TemplateInvalid
from gateway.project.built import misbuilt
from gateway.project.folder import unread_declarations
from gateway.query.registry import Registry, lost_successors, today_utc
from gateway.query.template import Template
from gateway.query.template_file import MAX_BYTES, identify, parse_template, template_files

Declaration = TypeVar("Declaration", Table, Template)


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """What is in service of a project at one moment, and which of its files have errors.

    ``commit`` is the id of the git commit that is checked out, where the project is a checkout.
    """

    tables: Mapping[str, Table]
    registry: Registry
    sources: Mapping[str, str]
    """The file of each table, relative to the project, also of one that was removed."""
    parsed: tuple[Template, ...] = ()
    """Every template as its file is now where that has no errors, also one that is not served for want of a table."""
    broken: tuple[BrokenFile, ...] = ()
    misnamed: frozenset[str] = frozenset()
    """Names by which queries may read tables whose files have other names."""
    commit: str | None = None

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """List every error; a query is not at fault for the declaration of its table."""
        found = (diagnostic for file in self.broken for diagnostic in file.diagnostics)
        return tuple(diagnostic for diagnostic in found if diagnostic.severity is Severity.ERROR)

    @property
    def table_names(self) -> frozenset[str]:
        """Name the tables in service and those whose files are broken."""
        return frozenset(self.tables) | self._broken(FileKind.TABLE) | self.misnamed

    @property
    def query_names(self) -> frozenset[str]:
        """Name the queries in service and those whose files are broken."""
        return frozenset(self.registry.queries()) | self._broken(FileKind.QUERY)

    def _broken(self, kind: FileKind) -> frozenset[str]:
        return frozenset(file.name for file in self.broken if file.kind is kind and file.name is not None)


def load_project(folder: Path, *, today: Callable[[], date] = today_utc) -> Project:
    """Read the project *folder* once: what is right of it, and every error."""
    return ProjectLoader(folder, today=today).read()


def load_tables(folder: Path) -> tuple[Mapping[str, Table], tuple[Diagnostic, ...]]:
    """Read the tables of the project *folder* without its queries: those that are right, and every error."""
    project = ProjectLoader(folder).read_tables()
    return project.tables, project.diagnostics


def read_text(path: Path, shown: str) -> str:
    """Read a text file of a project; *shown* names it in messages. Raises ``DeclarationError``."""
    content = _content(path)
    if isinstance(content, OSError):
        raise DeclarationError([_unreadable(shown, content)]) from content
    return utf8_text(content, shown)


@dataclass(slots=True, kw_only=True)
class _File(Generic[Declaration]):
    """One file: what it declares as it is, and what it declared when it was last right.

    ``parsed`` is None where ``errors`` say why; ``refused`` holds errors that parsing alone does not show.
    ``against`` are the names of the tables that it was parsed over, ``named`` is the name that a table with errors has
    in its text.
    """

    digest: bytes
    parsed: Declaration | None
    errors: tuple[Diagnostic, ...] = ()
    refused: tuple[Diagnostic, ...] = ()
    against: frozenset[str] = frozenset()
    named: str | None = None
    good: Declaration | None = None

    @property
    def current(self) -> Declaration | None:
        """Return what it declares as it is, where nothing is wrong with it."""
        return None if self.refused else self.parsed


class ProjectLoader:
    """Reads the project *folder* again and again, one thread at a time.

    *today* decides which versions are deprecated or retired, *commit* returns which git commit is checked out.
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
        self._unread: Mapping[str, str] = {}
        """Files that nothing reads, by the names of the tables that they would declare."""
        self._templates: dict[str, _File[Template]] = {}
        self._queries_read = False
        self._checked_out: str | None = None
        self._accepted: Project | None = None
        """The project in service when ``accept`` was last called."""

    def read(self) -> Project:
        """Parse what changed, and return what is to be in service."""
        self._checked_out = self._commit(self._folder)
        self._read_tables()
        names = frozenset(self._declared()) | {Path(path).stem for path in self._tables}
        self._read_templates(names | self._misnamed() | self._unread.keys())
        self._queries_read = True
        return self._project()

    def read_tables(self) -> Project:
        """Parse what changed of the tables, and leave the queries."""
        self._read_tables()
        return self._project()

    def refuse(self, errors: Iterable[Diagnostic]) -> Project:
        """Take the files of *errors* for broken, for reasons that parsing alone does not show; return what is left.

        They are parsed again at the next ``read``, for the reason may lie in another file.
        """
        for path, found in groupby(sorted(errors, key=lambda error: error.path), key=lambda error: error.path):
            file = self._tables.get(path) or self._templates.get(path)
            if file is not None:
                file.refused, file.digest = tuple(found), b""
        return self._project()

    def accept(self, project: Project) -> None:
        """Remember *project*, just read, as what was last right."""
        for table in self._tables.values():
            table.good = table.current or table.good
        for template in self._templates.values():
            template.good = template.current or template.good
        self._accepted = project

    def _project(self) -> Project:
        declared, accepted = self._declared(), self._accepted
        tables = {name: table for name, (_, table) in declared.items()}
        known = {**(accepted.tables if accepted is not None else {}), **tables}
        served, broken = self._choose(tables, known)
        needed = {name for template in served for name in template.tables}
        return Project(
            tables={name: table for name, table in known.items() if name in tables or name in needed},
            sources={**(accepted.sources if accepted is not None else {}), **self._sources(declared)},
            registry=Registry.of(served, today=self._today, broken=broken),
            parsed=tuple(file.current for file in self._templates.values() if file.current is not None),
            broken=(*self._vanished(), *self._broken_tables(declared), *self._needed_unread(known), *broken),
            misnamed=self._misnamed(),
            commit=self._checked_out,
        )

    def _declared(self) -> dict[str, tuple[str, Table]]:
        """Return each table with the path of its file; where several declare it, the first that is right."""
        found: dict[str, tuple[str, Table]] = {}
        for path, file in self._tables.items():
            table = file.current or file.good
            if table is not None:
                found.setdefault(table.name, (path, table))
        return found

    def _misnamed(self) -> frozenset[str]:
        return frozenset(file.named for file in self._tables.values() if file.named is not None)

    def _needed_unread(self, known: Mapping[str, Table]) -> Iterator[BrokenFile]:
        """Report the files that would declare a table that a query reads, had they the right name."""
        read = {name for file in self._templates.values() if file.parsed is not None for name in file.parsed.tables}
        for name, path in self._unread.items():
            if name in read and name not in known:
                hint = f"rename it to {name}.yaml: queries read the table {name!r}"
                error = Diagnostic(path=path, message="nothing reads this file", hint=hint, rule=Rule.PLACE)
                yield BrokenFile(
                    path=path, kind=FileKind.TABLE, name=name, diagnostics=(error,), serving=Serving.NOTHING
                )

    def _sources(self, declared: Mapping[str, tuple[str, Table]]) -> dict[str, str]:
        files = {Path(path).stem: path for path in reversed(self._tables)}
        return files | {name: path for name, (path, _) in declared.items()}

    def _read_tables(self) -> None:
        if self._tables and not (self._folder / "catalog").is_dir():
            return
        found: dict[str, _File[Table]] = {}
        for path in declaration_files(self._folder / "catalog"):
            shown = path.relative_to(self._folder).as_posix()
            content, known = _content(path), self._tables.get(shown)
            digest = _digest(content)
            if known is None or not digest or known.digest != digest:
                parsed, errors = _table(content, shown)
                good = None if known is None else known.good
                known = _File(digest=digest, parsed=parsed, errors=errors, named=_named(content, errors), good=good)
            found[shown] = known
        self._tables = found
        unread = unread_declarations(self._folder / "catalog")
        self._unread = {path.name.partition(".")[0].lower(): f"catalog/{path.name}" for path in unread}

    def _read_templates(self, tables: frozenset[str]) -> None:
        folder = self._folder / "queries"
        if self._templates and not folder.is_dir():
            return
        found: dict[str, _File[Template]] = {}
        for path in template_files(folder):
            shown = path.relative_to(self._folder).as_posix()
            content, known = _content(path, most=MAX_BYTES), self._templates.get(shown)
            digest = _digest(content)
            if known is None or not digest or known.digest != digest or not _holds(known, tables):
                parsed, errors = _template(content, path.relative_to(folder), shown, tables)
                good = None if known is None else known.good
                known = _File(digest=digest, parsed=parsed, errors=errors, against=tables, good=good)
            found[shown] = known
        self._templates = found

    def _choose(
        self, declared: Mapping[str, Table], known: Mapping[str, Table]
    ) -> tuple[list[Template], tuple[BrokenFile, ...]]:
        """Choose for each template file what is served of it: what it declares, what it declared before, or nothing."""
        served, broken, lost = [], [], self._lost_successors()
        for path, file in self._templates.items():
            template, serving = file.current, Serving.CURRENT
            missing = _without_table(path, template, declared)
            if template is None or missing:
                template, serving = file.good, Serving.LAST_GOOD
            if template is not None and known.keys() >= set(template.tables):
                served.append(template)
            else:
                serving = Serving.NOTHING
            errors = (*file.errors, *file.refused, *lost.get(path, ()), *missing)
            if errors:
                broken.append(_broken_query(path, errors, serving))
        return served, tuple(broken)

    def _lost_successors(self) -> dict[str, list[Diagnostic]]:
        """Find the templates whose successor is not there, by path: they are served all the same."""
        found: dict[str, list[Diagnostic]] = {}
        for error in lost_successors([file.parsed for file in self._templates.values() if file.parsed is not None]):
            found.setdefault(error.path, []).append(error)
        return found

    def _broken_tables(self, declared: Mapping[str, tuple[str, Table]]) -> Iterator[BrokenFile]:
        first: dict[str, str] = {}
        for path, file in self._tables.items():
            name = Path(path).stem
            errors = (*file.errors, *file.refused, *self._misbuilt(path, file))
            if first.setdefault(name, path) != path:
                errors = (*errors, _twice(name, path, first[name]))
            if errors:
                serving = Serving.LAST_GOOD if file.current is None else Serving.CURRENT
                if declared.get(name, ("", None))[0] != path:
                    serving = Serving.NOTHING
                yield BrokenFile(path=path, kind=FileKind.TABLE, name=name, diagnostics=errors, serving=serving)

    def _misbuilt(self, path: str, file: _File[Table]) -> list[Diagnostic]:
        """List what is wrong between a dataset and its query, where the queries were read."""
        table = file.current
        if table is None or table.query is None or not self._queries_read:
            return []
        content = _content(self._folder / path)
        text = content.decode("utf-8", "replace") if isinstance(content, bytes) else ""
        parsed = (file.current for file in self._templates.values())
        templates = {(each.name, each.version): each for each in parsed if each is not None}
        tables = {name: each for name, (_, each) in self._declared().items()}
        return misbuilt(table, text, path, templates, tables)

    def _vanished(self) -> Iterator[BrokenFile]:
        """Report where a whole folder is gone: that is hardly meant, and all that it held stays in service."""
        folders = (("catalog", FileKind.TABLE, self._tables), ("queries", FileKind.QUERY, self._templates))
        for name, kind, files in folders:
            if files and not (self._folder / name).is_dir():
                gone = (Diagnostic(path=name, message="the folder is gone"),)
                yield BrokenFile(path=name, kind=kind, diagnostics=gone, serving=Serving.LAST_GOOD)


def _without_table(path: str, template: Template | None, declared: Mapping[str, Table]) -> list[Diagnostic]:
    """Name the tables that a template lacks because their own declarations are broken: no error of the template."""
    return [
        Diagnostic(path=path, message=f"the table {name} has mistakes", rule=Rule.TABLE, severity=Severity.NOTE)
        for name in (template.tables if template is not None else ())
        if name not in declared
    ]


def _twice(name: str, path: str, first: str) -> Diagnostic:
    message = f"the table {name!r} is declared twice"
    return Diagnostic(path=path, message=message, hint=f"{first} declares it too: remove one", rule=Rule.TABLE)


def _broken_query(path: str, errors: tuple[Diagnostic, ...], serving: Serving) -> BrokenFile:
    place = Path(path).relative_to("queries")
    name, version = ".".join(place.parts[:-1]), None
    with suppress(TemplateInvalid):  # a file that stands for no version
        name, version = identify(place, path)
    return BrokenFile(path=path, kind=FileKind.QUERY, name=name, version=version, diagnostics=errors, serving=serving)


def _holds(known: _File[Template], tables: frozenset[str]) -> bool:
    """Return whether what was read over other tables is what would be read over *tables*."""
    return known.against == tables or (known.parsed is not None and tables.issuperset(known.parsed.tables))


def _content(path: Path, most: int | None = None) -> bytes | OSError:
    """Read a file; of one with more than *most* bytes, one byte more than these."""
    try:
        with path.open("rb") as file:
            return file.read() if most is None else file.read(most + 1)
    except OSError as error:
        return error


def _digest(content: bytes | OSError) -> bytes:
    return b"" if isinstance(content, OSError) else blake2b(content, digest_size=16).digest()


def _table(content: bytes | OSError, path: str) -> tuple[Table | None, tuple[Diagnostic, ...]]:
    if isinstance(content, OSError):
        return None, (replace(_unreadable(path, content), rule=Rule.TABLE),)
    try:
        return parse_table(utf8_text(content, path), path), ()
    except DeclarationError as error:
        return None, tuple(replace(diagnostic, rule=Rule.TABLE) for diagnostic in error.diagnostics)


def _named(content: bytes | OSError, errors: Sequence[Diagnostic]) -> str | None:
    """Return the name that a table with errors has in its text."""
    return given_name(content.decode(errors="replace")) if errors and isinstance(content, bytes) else None


def _template(
    content: bytes | OSError, place: Path, path: str, tables: frozenset[str]
) -> tuple[Template | None, tuple[Diagnostic, ...]]:
    try:
        name, version = identify(place, path)
        if isinstance(content, OSError):
            return None, (_unreadable(path, content),)
        return parse_template(content, path=path, name=name, version=version, tables=tables), ()
    except TemplateInvalid as error:
        return None, error.diagnostics


def _unreadable(path: str, error: OSError) -> Diagnostic:
    return Diagnostic(path=path, message=f"cannot be read: {error.strerror}")

"""All templates of a project: ``queries/<name>/v<N>.sql``, folders below folders joined by dots."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType

from gateway.declaration import BrokenFile
from gateway.errors import Diagnostic, QueryNotFound, Rule, TemplateInvalid, VersionNotFound, VersionRetired, quoted
from gateway.model import BoundQuery, Request
from gateway.query.template import NAME, Template

_FILE = re.compile(r"v([1-9][0-9]{0,8})\.sql")
_MAX_BYTES = 1_000_000


def today_utc() -> date:
    """Return the current day."""
    return datetime.now(UTC).date()


class State(StrEnum):
    """Where a version is in its life: current, going away, gone."""

    CURRENT = "current"
    DEPRECATED = "deprecated"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """The valid templates by name and version, both in order. ``today`` decides what is deprecated or retired."""

    _templates: Mapping[str, Mapping[int, Template]]
    broken: Mapping[tuple[str, int], BrokenFile] = field(default_factory=dict)
    """The files that are broken now, by the query and version that they stand for."""
    _today: Callable[[], date] = today_utc

    @classmethod
    def of(
        cls,
        templates: Collection[Template],
        *,
        today: Callable[[], date] = today_utc,
        broken: Iterable[BrokenFile] = (),
    ) -> Registry:
        """Register *templates*, and which files are *broken* beside them."""
        versions: dict[str, dict[int, Template]] = {}
        for template in sorted(templates, key=lambda item: (item.name, item.version)):
            versions.setdefault(template.name, {})[template.version] = template
        frozen = {name: MappingProxyType(found) for name, found in versions.items()}
        return cls(_templates=MappingProxyType(frozen), _today=today, broken=dict(_identified(broken)))

    @classmethod
    def load(
        cls, folder: Path, tables: Collection[str], *, today: Callable[[], date] = today_utc
    ) -> tuple[Registry, tuple[Diagnostic, ...]]:
        """Load every template below *folder*, over the declared *tables*, with all mistakes of the broken ones."""
        templates: list[Template] = []
        mistakes: list[Diagnostic] = []
        for path in template_files(folder):
            try:
                templates.append(_load(path, folder, tables))
            except TemplateInvalid as error:
                mistakes.extend(error.diagnostics)
        registry = cls.of(templates, today=today)
        return registry, (*mistakes, *registry._lost_successors())

    def queries(self) -> Mapping[str, Mapping[int, Template]]:
        """Return all templates, by name and version, oldest version first."""
        return self._templates

    def template(self, name: str, version: int | None = None) -> Template:
        """Return one version; None: the newest that is not deprecated, else not retired, else the newest.

        Raises ``QueryNotFound`` with suggestions, ``VersionNotFound`` with what is available.
        """
        versions = self._templates.get(name)
        if versions is None:
            raise unknown_query(name, self._templates)
        if version is None:
            return self._newest(versions)
        if version not in versions:
            available = [f"v{number}" for number in versions]
            raise VersionNotFound(
                f"The query {name} has no version {version}: {', '.join(available)}.", available=available
            )
        return versions[version]

    def bind(self, request: Request) -> BoundQuery:
        """Find the template of a request and bind its parameters.

        Raises what ``template`` does, ``VersionRetired`` after its sunset, ``InvalidParameters``.
        """
        template = self.template(request.query, request.version)
        if self.state(template) is State.RETIRED:
            successor = template.successor
            instead = f" Use {successor} instead." if successor else ""
            raise VersionRetired(
                f"{template.name} v{template.version} was retired on {template.sunset}.{instead}", successor=successor
            )
        return template.bind(request.parameters, textual=request.textual)

    def today(self) -> date:
        """Return the day that decides what is deprecated or retired."""
        return self._today()

    def state(self, template: Template) -> State:
        """Tell whether a version is current, deprecated or retired today."""
        if template.sunset is None and template.deprecated is None:
            return State.CURRENT
        today = self._today()
        if template.sunset is not None and template.sunset <= today:
            return State.RETIRED
        deprecated = template.deprecated is not None and template.deprecated <= today
        return State.DEPRECATED if deprecated else State.CURRENT

    def next_lifecycle_date(self, name: str) -> date | None:
        """Return the next day on which a version of a query is deprecated or retired, and so ``latest`` may be another.

        None: no such day is declared.
        """
        today = self._today()
        declared = [day for one in self._templates[name].values() for day in (one.deprecated, one.sunset)]
        return min((day for day in declared if day is not None and day > today), default=None)

    def _newest(self, versions: Mapping[int, Template]) -> Template:
        """Choose the newest current version, else the newest that is not retired, else the newest."""
        for accepted in ((State.CURRENT,), (State.CURRENT, State.DEPRECATED), State):
            for template in reversed(list(versions.values())):
                if self.state(template) in accepted:
                    return template
        raise AssertionError("a query has a version")

    def _lost_successors(self) -> Iterator[Diagnostic]:
        for versions in self._templates.values():
            for template in versions.values():
                name, _, version = (template.successor or "").rpartition("/")
                if version and int(version[1:]) not in self._templates.get(name or template.name, {}):
                    message = f"the successor {template.successor} does not exist, or has mistakes"
                    yield Diagnostic(path=template.path, message=message, rule=Rule.SUCCESSOR)


def unknown_query(name: str, known: Collection[str]) -> QueryNotFound:
    """Make the error for a name that is none of the *known* queries, with those of them that are like it."""
    suggestions = get_close_matches(name[:200], known, n=3)
    hint = f" Did you mean {suggestions[0]}?" if suggestions else ""
    return QueryNotFound(f"There is no query {quoted(name)}.{hint}", suggestions=suggestions)


def template_files(folder: Path) -> list[Path]:
    """List the template files below *folder* in order; hidden folders, as git and Kubernetes make them, are none."""
    found = folder.rglob("*.sql")
    return sorted(path for path in found if not any(part.startswith(".") for part in path.relative_to(folder).parts))


def _load(path: Path, folder: Path, tables: Collection[str]) -> Template:
    shown = path.relative_to(folder.parent).as_posix()
    name, version = identify(path.relative_to(folder), shown)
    try:
        content = path.read_bytes() if path.stat().st_size <= _MAX_BYTES else bytes(_MAX_BYTES + 1)
    except OSError as error:
        raise TemplateInvalid([Diagnostic(path=shown, message=f"cannot be read: {error.strerror}")]) from error
    return parse_template(content, path=shown, name=name, version=version, tables=tables)


def parse_template(content: bytes, *, path: str, name: str, version: int, tables: Collection[str]) -> Template:
    """Read the content of the file *path*, see ``Template.load``. Raises ``TemplateInvalid`` with every mistake."""
    if len(content) > _MAX_BYTES:
        raise TemplateInvalid([Diagnostic(path=path, message=f"is larger than {_MAX_BYTES} bytes")])
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - content.rfind(b"\n", 0, error.start)
        raise TemplateInvalid([Diagnostic(path=path, line=line, column=column, message="is not UTF-8 text")]) from error
    return Template.load(text, path=path, name=name, version=version, tables=tables)


def identify(path: Path, shown: str) -> tuple[str, int]:
    """Tell the name and the version of a query from its place. Raises ``TemplateInvalid``."""
    match = _FILE.fullmatch(path.name)
    wrong = [segment for segment in path.parts[:-1] if not NAME.fullmatch(segment)]
    message, hint = None, "a template is a file <name>/v<number>.sql, such as delays_by_carrier/v1.sql"
    if match is None:
        message = f"{path.name} is no version: expected v1.sql, v2.sql, …"
    elif len(path.parts) == 1:
        message = "a version stands in the folder of its query"
    elif wrong:
        message = f"the folder {wrong[0]!r} cannot name a query"
        hint = "write a small letter, then small letters, digits and underscores"
    if match is None or message is not None:
        raise TemplateInvalid([Diagnostic(path=shown, message=message or "", hint=hint, rule=Rule.PLACE)])
    return ".".join(path.parts[:-1]), int(match[1])


def _identified(broken: Iterable[BrokenFile]) -> Iterator[tuple[tuple[str, int], BrokenFile]]:
    for one in broken:
        with suppress(TemplateInvalid):  # a file that stands for no version
            yield identify(Path(one.path).relative_to("queries"), one.path), one

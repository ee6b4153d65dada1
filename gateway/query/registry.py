"""The registry: all templates of a project by name and version."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from difflib import get_close_matches
from enum import StrEnum
from types import MappingProxyType

from gateway.declaration import BrokenFile
from gateway.errors import Diagnostic, QueryNotFound, Rule, VersionNotFound, VersionRetired, quoted
from gateway.model import BoundQuery, Request
from gateway.query.template import Template
from gateway.suggestions import nearest


def today_utc() -> date:
    """Return the current day."""
    return datetime.now(UTC).date()


class Lifecycle(StrEnum):
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
        return cls(
            _templates=MappingProxyType(frozen),
            _today=today,
            broken={(file.name, file.version): file for file in broken if file.name and file.version},
        )

    def queries(self) -> Mapping[str, Mapping[int, Template]]:
        """Return all templates, by name and version, oldest version first."""
        return self._templates

    def templates(self) -> Iterator[Template]:
        """Yield all templates, by name and version, oldest version first."""
        return (template for versions in self._templates.values() for template in versions.values())

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

    def bind(self, request: Request, *, now: float | None = None) -> BoundQuery:
        """Find the template of a request and bind its parameters at an instant in seconds since the epoch; None: now.

        Raises what ``template`` does, ``VersionRetired`` after its sunset, ``InvalidParameters``.
        """
        template = self.template(request.query, request.version)
        if self.state(template) is Lifecycle.RETIRED:
            successor = template.front.successor
            instead = f" Use {successor} instead." if successor else ""
            raise VersionRetired(
                f"{template.name} v{template.version} was retired on {template.front.sunset}.{instead}",
                successor=successor,
            )
        bound = template.bind(request.parameters, textual=request.textual, now=now)
        return bound if request.snapshot is None else replace(bound, snapshot=request.snapshot)

    def today(self) -> date:
        """Return the day that decides what is deprecated or retired."""
        return self._today()

    def state(self, template: Template) -> Lifecycle:
        """Return whether a version is current, deprecated or retired today."""
        if template.front.sunset is None and template.front.deprecated is None:
            return Lifecycle.CURRENT
        today = self._today()
        if template.front.sunset is not None and template.front.sunset <= today:
            return Lifecycle.RETIRED
        deprecated = template.front.deprecated is not None and template.front.deprecated <= today
        return Lifecycle.DEPRECATED if deprecated else Lifecycle.CURRENT

    def next_lifecycle_date(self, name: str) -> date | None:
        """Return the next day on which a version of a query is deprecated or retired, and so ``latest`` may be another.

        None: no such day is declared.
        """
        today = self._today()
        declared = [
            day
            for template in self._templates[name].values()
            for day in (template.front.deprecated, template.front.sunset)
        ]
        return min((day for day in declared if day is not None and day > today), default=None)

    def _newest(self, versions: Mapping[int, Template]) -> Template:
        """Choose the newest current version, else the newest that is not retired, else the newest."""
        for accepted in ((Lifecycle.CURRENT,), (Lifecycle.CURRENT, Lifecycle.DEPRECATED), Lifecycle):
            for template in reversed(list(versions.values())):
                if self.state(template) in accepted:
                    return template
        raise AssertionError("a query has a version")


def lost_successors(templates: Collection[Template]) -> Iterator[Diagnostic]:
    """Find the templates whose successor is not among *templates*."""
    known = {(template.name, template.version) for template in templates}
    for template in templates:
        if template.successor is not None and template.successor not in known:
            message = f"the successor {template.front.successor} does not exist, or has mistakes"
            yield Diagnostic(path=template.path, message=message, rule=Rule.SUCCESSOR)


def unknown_query(name: str, known: Collection[str]) -> QueryNotFound:
    """Make the error for a name that is none of the *known* queries, with those of them that are like it."""
    suggestions = nearest(name, known) or get_close_matches(name[:200].lower(), known, n=3)
    hint = f" Did you mean {suggestions[0]}?" if suggestions else ""
    return QueryNotFound(f"There is no query {quoted(name)}.{hint}", suggestions=suggestions)

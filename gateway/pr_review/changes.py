"""Changes of queries between two states of a project: what kind, what they mean to callers, which are not allowed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum

from gateway.errors import Diagnostic, Rule
from gateway.query.compare import ContractDifference, parameter_differences, published_differences
from gateway.query.front_matter import FrontMatter
from gateway.query.registry import Registry
from gateway.query.template import Template

_FREE = tuple(name for name in FrontMatter.model_fields if name != "parameters")
"""What may change in a published version: nothing of it changes an answer or who may ask."""


class ChangeKind(StrEnum):
    """What a change does to one version of a query."""

    QUERY = "new query"
    VERSION = "new version"
    EDITED = "edited"
    ALTERED = "published version altered"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One version that a change touches.

    ``old`` is this version as it was, ``before`` the one that it follows (for an altered version, itself).
    ``parameters`` are the differences of what callers may send from ``before``; ``touched`` names the parts of the
    front matter that an edited version has changed.
    """

    kind: ChangeKind
    old: Template | None = None
    new: Template | None = None
    before: Template | None = None
    parameters: tuple[ContractDifference, ...] = ()
    touched: tuple[str, ...] = ()
    errors: tuple[Diagnostic, ...] = ()

    @property
    def name(self) -> str:
        """Return the name of the query."""
        return self._any.name

    @property
    def version(self) -> int:
        """Return the number of the version."""
        return self._any.version

    @property
    def order(self) -> tuple[str, int]:
        """Return what changes are ordered by."""
        return self.name, self.version

    @property
    def _any(self) -> Template:
        found = self.new if self.new is not None else self.old
        assert found is not None
        return found


def find_changes(base: Registry, head: Registry, *, exists: Callable[[str], bool], today: date) -> tuple[Change, ...]:
    """List what differs between two states of a project, by name and version.

    *exists* tells whether a file of the new state is there, though it may be too broken to be in *head*.
    """
    names = sorted({*base.queries(), *head.queries()})
    return tuple(
        change
        for name in names
        for change in _of_query(base.queries().get(name, {}), head.queries().get(name, {}), exists, today)
    )


def _of_query(
    old: Mapping[int, Template],
    new: Mapping[int, Template],
    exists: Callable[[str], bool],
    today: date,
) -> Iterator[Change]:
    for number in sorted({*old, *new}):
        was, now = old.get(number), new.get(number)
        if was is not None and now is not None:
            changed = _published(was, now, next_version=max({*old, *new}) + 1)
            if changed is not None:
                yield changed
        elif now is not None:
            yield _added(now, {**old, **new})
        elif was is not None and not exists(was.path):
            yield _removed(was, today)


def _added(new: Template, versions: Mapping[int, Template]) -> Change:
    earlier = [number for number in versions if number < new.version]
    before = versions[max(earlier)] if earlier else None
    found = () if before is None else tuple(parameter_differences(before.parameters, new.parameters))
    kind = ChangeKind.QUERY if before is None else ChangeKind.VERSION
    return Change(kind=kind, new=new, before=before, parameters=found)


def _published(old: Template, new: Template, *, next_version: int) -> Change | None:
    """Compare a version with itself; None: nothing of it changed that anybody could see."""
    altered = tuple(published_differences(old, new))
    if altered:
        hint = f"put the old text back, and write the new one as v{next_version}.sql beside it"
        differences = tuple(parameter_differences(old.parameters, new.parameters))
        return _altered(old, new, altered, hint, differences)
    touched = [name for name in _FREE if getattr(old.front, name) != getattr(new.front, name)]
    if old.parameters != new.parameters:
        touched.append("descriptions of parameters")
    if old.sql != new.sql:
        touched.append("layout")
    if not touched:
        return None
    return Change(kind=ChangeKind.EDITED, old=old, new=new, before=old, touched=tuple(dict.fromkeys(touched)))


def columns_changed(
    old: Template, new: Template, tables: Iterable[str], differences: Iterable[ContractDifference]
) -> Change:
    """Make the change of a version with the same text and other columns, for *tables* are declared otherwise."""
    hint = f"declare the columns of {', '.join(tables)} as they were, or cast in a new version of the query first"
    return _altered(old, new, [difference.text for difference in differences], hint, ())


def _altered(
    old: Template, new: Template, what: Iterable[str], hint: str, parameters: tuple[ContractDifference, ...]
) -> Change:
    leading = new.sql[: len(new.sql) - len(new.sql.lstrip())]
    error = Diagnostic(
        path=new.path,
        line=new.body_line + leading.count("\n"),
        message=f"{new.name} v{new.version} is published and has changed: {'; '.join(what)}",
        hint=hint,
        rule=Rule.PUBLISHED,
    )
    return Change(kind=ChangeKind.ALTERED, old=old, new=new, before=old, parameters=parameters, errors=(error,))


def _removed(old: Template, today: date) -> Change:
    change = Change(kind=ChangeKind.REMOVED, old=old)
    if old.front.sunset is not None and old.front.sunset <= today:
        return change
    when = f"its sunset is {old.front.sunset}" if old.front.sunset is not None else "it has no sunset"
    error = Diagnostic(
        path=old.path,
        message=f"{old.name} v{old.version} is published and cannot be removed yet: {when}",
        hint="put the file back with deprecated: and sunset: dates; remove it once the sunset has passed",
        rule=Rule.PUBLISHED,
    )
    return replace(change, errors=(error,))

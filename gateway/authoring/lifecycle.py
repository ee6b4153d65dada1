"""Check the lifecycle dates of versions: deprecated before sunset, enough notice, a successor that stays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from gateway.errors import Diagnostic, Rule, Severity
from gateway.query.front_matter import declared_front_matter
from gateway.query.registry import Registry
from gateway.query.template import Template

NOTICE = timedelta(days=30)
"""Time that callers should have between hearing of it and being refused."""


@dataclass(frozen=True, slots=True)
class _Remark:
    key: str
    message: str
    hint: str
    severity: Severity = Severity.WARNING


def check_lifecycle(registry: Registry, project: Path, today: date) -> Iterator[Diagnostic]:
    """Look at the dates and successors of all versions."""
    for versions in registry.queries().values():
        for template in versions.values():
            for remark in _remarks(template, versions, registry, today):
                text = (project / template.path).read_text(encoding="utf-8-sig")
                yield declared_front_matter(text, template.path).diagnostic(
                    (remark.key,), remark.message, remark.hint, rule=Rule.SUNSET, severity=remark.severity
                )


def _remarks(
    template: Template, versions: Mapping[int, Template], registry: Registry, today: date
) -> Iterator[_Remark]:
    going = template.front.deprecated is not None or template.front.sunset is not None
    if template.front.sunset is not None:
        yield from _sunset(template, template.front.sunset, today)
    if going and template.front.successor is None:
        newer = max(versions)
        hint = f"successor: v{newer}" if newer > template.version else "successor: v2, or <name>/v1 of another query"
        key = "deprecated" if template.front.deprecated is not None else "sunset"
        yield _Remark(key, "the version goes away, and callers are not told what to use instead", f"add {hint}")
    if template.front.successor is not None and not going:
        hint = "add deprecated: and a date, or remove successor"
        yield _Remark("successor", "a successor is named, but the version is not deprecated", hint)
    yield from _successor(template, registry, today)


def _sunset(template: Template, sunset: date, today: date) -> Iterator[_Remark]:
    if sunset <= today:
        hint = "the file may be removed"
        yield _Remark("sunset", f"the version is refused since {sunset}", hint, Severity.NOTE)
    elif template.front.deprecated is None:
        hint = "add deprecated: and a date, from which answers carry a warning"
        yield _Remark("sunset", f"the version is refused from {sunset} on without having been deprecated", hint)
    elif sunset - template.front.deprecated < NOTICE:
        days = (sunset - template.front.deprecated).days
        hint = f"leave {NOTICE.days} days or more between deprecated and sunset"
        yield _Remark("sunset", f"callers have {days} days to change over", hint)


def _successor(template: Template, registry: Registry, today: date) -> Iterator[_Remark]:
    if template.successor is None:
        return
    name, version = template.successor
    found = registry.queries().get(name, {}).get(version)
    if found is None:
        return
    if found is template:
        yield _Remark("successor", "the version is its own successor", "name a newer one", Severity.ERROR)
    elif found.front.sunset is not None and found.front.sunset <= (template.front.sunset or today):
        hint = "name one that stays"
        yield _Remark("successor", f"the successor is refused from {found.front.sunset} on", hint, Severity.ERROR)

"""The catalogue as a page shows it: each query with what it is found by, how fresh it is, and how often it is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from gateway.errors import GatewayError
from gateway.model import Column
from gateway.query.template import Template
from gateway.web.ago import ago
from gateway.web.context import gateway, site
from gateway.web.describe import result_columns, summarise
from gateway.web.guard import visible_queries, visible_tables
from gateway.web.table_documents import snapshot_of

DAYS = 30
"""Days whose calls are drawn."""
_BUDGET = 0.5
"""Seconds that one page may take to find out columns of results, to search them: the next page finds out more."""
_FRESH = 60.0
"""Seconds for which counts of calls are not read again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """How often a query was asked on each of the last days, the oldest first, and how high each day is drawn (0-20)."""

    counts: Sequence[int]

    @property
    def total(self) -> int:
        """Calls on all these days."""
        return sum(self.counts)

    @property
    def heights(self) -> list[int]:
        """Heights of the bars; a day with a call has one."""
        most = max(self.counts, default=0) or 1
        return [max(1, round(20 * count / most)) if count else 0 for count in self.counts]


def listed_queries(words: str) -> list[dict[str, Any]]:
    """Describe the newest version of each query that the caller may see, and that is found by all of some words."""
    registry, calls, columns = gateway().registry, _calls(), _Columns()
    found = []
    for name in visible_queries():
        template = registry.template(name, None)
        text = _text(template, columns.of(template))
        if _matches(words, text):
            described = summarise(template, registry.state(template))
            policy = template.unbound.cache
            fresh = ago(policy.ttl) if policy.enabled else "never kept"
            found.append(described | {"words": text, "fresh": fresh, "calls": calls.get(name)})
    return found


def listed_tables(words: str) -> list[dict[str, Any]]:
    """Describe the tables and datasets that the caller may see, and that are found by all of some words."""
    found = []
    for name, table in visible_tables().items():
        try:
            columns = [column.name for column in snapshot_of(name).columns]
        except GatewayError:
            columns = list(table.columns or ())
        described = {"name": name, "kind": "table" if table.query is None else "dataset", "owner": table.owner or ""}
        described["description"] = table.description
        text = " ".join([*described.values(), *columns, *table.column_descriptions.values()]).lower()
        if _matches(words, text):
            found.append(described | {"words": text})
    return found


def _text(template: Template, columns: Sequence[Column]) -> str:
    """Return what a query is found by."""
    front = template.front
    named = [template.name, front.summary, front.description or "", front.owner or "", *front.tags]
    known = [*template.tables, *template.parameters, *(column.name for column in columns)]
    return " ".join([*named, *known]).lower()


def _matches(words: str, text: str) -> bool:
    return all(word in text for word in words.lower().split())


class _Columns:
    """Columns of results, as far as they are known or found out within the budget of one page."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[Template, tuple[Column, ...]]] = site().made.setdefault("columns", {})
        self._until = site().monotonic() + _BUDGET

    def of(self, template: Template) -> tuple[Column, ...]:
        """Return the columns of a version; none where they are not known yet."""
        known = self._known.get(template.name)
        if known is not None and known[0] is template:
            return known[1]
        if site().monotonic() >= self._until:
            return ()
        found = result_columns(gateway(), template)
        if found is not None:
            self._known[template.name] = template, found
        return found or ()


def _calls() -> Mapping[str, Calls]:
    """Count the calls of each query by day; they are read again after a while."""
    now = site().clock()
    read_at, known = site().made.get("calls", (-_FRESH, {}))
    if not 0 <= now - read_at < _FRESH:
        today = datetime.fromtimestamp(now, UTC).date()
        days = [today - timedelta(days=before) for before in reversed(range(DAYS))]
        known = {name: _of_days(counts, days) for name, counts in site().calls(days[0]).items()}
        site().made["calls"] = now, known
    found: Mapping[str, Calls] = known
    return found


def _of_days(counts: Mapping[date, int], days: Sequence[date]) -> Calls:
    return Calls(counts=[counts.get(day, 0) for day in days])

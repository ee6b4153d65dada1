"""When a dataset is to be built without being asked to: after its sources changed and became quiet, and on a schedule.

Every host that serves a project decides alike and by itself. What it decides has a key that follows from what is known
to all, so that the hosts ask for one build.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b

from gateway.catalog.build_rule import BuildRule

_PATIENCE = 10
"""After so many times ``quiet`` changes that never end are built all the same."""
_MADE_UP = 86_400.0
"""An instant of a schedule that passed while no server ran is made up for within so many seconds."""
_AGAIN = 900.0
"""Seconds after which a build that failed is tried again over sources that stayed as they were."""
Inputs = Mapping[str, str]
"""The snapshot of each table that a query reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A build that is to be: why, the key under which all hosts ask for it, and a digest of its sources' state."""

    trigger: str
    key: str
    sources: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LastBuild:
    """The build that has ended last: its id, what it was to build (``Due.sources``), and when it ended."""

    id: str
    sources: str
    ended_at: float
    failed: bool


@dataclass(slots=True)
class Freshness:
    """What one server knows of one dataset. Times are in seconds since the epoch."""

    rule: BuildRule
    _seen: Inputs = field(default_factory=dict)
    _since: float = 0.0
    _first: float | None = None
    _asked: dict[str, str] = field(default_factory=dict)

    def due_by_schedule(self, at: float) -> Iterator[Due]:
        """Yield the builds that a schedule wants *at* an instant, until they are ``asked`` for."""
        for name, slot in self.rule.slots(at):
            key = f"{name}:{slot:.0f}"
            if self._asked.get(name) != key and at - slot <= _MADE_UP:
                yield Due(trigger=name, key=key)

    def asked(self, due: Due) -> None:
        """Note that a build was asked for."""
        self._asked[due.trigger] = due.key

    def settled(self, now: Inputs, built: Inputs | None, at: float) -> bool:
        """Return whether the sources are others than at the last build, and have been as they are for long enough.

        *now* is what they are *at* an instant, *built* what they were at the last build that is done, None before it.
        """
        if now == built:
            self._first = None
            return False
        if now != self._seen:
            self._seen, self._since = now, at
        if self._first is None:
            self._first = at
        quiet = self.rule.quiet
        return at - self._since >= quiet or at - self._first >= quiet * _PATIENCE


def due_by_change(now: Inputs, last: LastBuild | None, at: float) -> Due | None:
    """Return the build that changed sources want; None where the *last* one was of the same and is not tried again.

    One that failed is tried again after a while, one that was cancelled is not, and neither is one that is done: it
    has read the sources anew, and they are as it found them once the catalog knows that too.
    """
    sources = blake2b(repr(sorted(now.items())).encode(), digest_size=8).hexdigest()
    if last is not None and last.sources == sources and not (last.failed and at - last.ended_at >= _AGAIN):
        return None
    return Due(trigger="refresh", key=f"refresh:{'' if last is None else last.id}:{sources}", sources=sources)

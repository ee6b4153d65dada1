"""What describing a query came to, kept for a while where it was slow: no request does it again at once."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock

from gateway.errors import EngineFailed, GatewayError, StorageFailed
from gateway.model import Column
from gateway.query.template import Template

SLOW = 1.0
"""Seconds after which a description is slow; most take a few milliseconds."""
KEPT = 300.0
"""Seconds for which what was slow is not done again."""

Found = tuple[Column, ...] | GatewayError


class Described:
    """The columns of versions that are slow to describe, or the error instead; *clock* counts seconds.

    A version is described by one thread at a time: the others wait for what it finds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._locks: dict[tuple[str, int], Lock] = {}
        self._known: dict[tuple[str, int], tuple[Template, Found, float]] = {}

    def columns(self, template: Template, find: Callable[[], Found]) -> tuple[Column, ...] | None:
        """Return the columns of *template*, as *find* tells them or has told; None where it told an error."""
        key = (template.name, template.version)
        with self._locks.setdefault(key, Lock()):
            known = self._known.pop(key, None)
            if known is None or known[0] != template or self._clock() >= known[2]:
                known = self._found(template, find)
            if known[2] > self._clock():
                self._known[key] = known
        return None if isinstance(known[1], GatewayError) else known[1]

    def _found(self, template: Template, find: Callable[[], Found]) -> tuple[Template, Found, float]:
        started = self._clock()
        found = find()
        now = self._clock()
        slow = now - started > SLOW and not isinstance(found, StorageFailed)
        return template, found, now + KEPT if slow or isinstance(found, EngineFailed) else now

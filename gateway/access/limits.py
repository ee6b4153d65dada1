"""How much a principal may ask: requests, and bytes that were scanned for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from gateway.model import Principal

Charge = Callable[[Principal, int], None]
_NOTHING: Mapping[str, str] = {}


class CallerLimits(Protocol):
    """Count what principals ask, and refuse what is over their limits. Thread-safe."""

    def admit(self, principal: Principal) -> Mapping[str, str]:
        """Count one request; return the headers that say what is left. Raises ``QuotaExceeded``."""

    def admit_at_once(self, principal: Principal) -> Mapping[str, str] | None:
        """Do the same without waiting, as an event loop needs; None where only ``admit`` can tell."""

    def charge(self, principal: Principal, size: int) -> None:
        """Count *size* bytes that were scanned for *principal*. Never refuses: the next request is."""


class Unlimited:
    """Nothing is counted."""

    def admit(self, principal: Principal) -> Mapping[str, str]:
        return _NOTHING

    def admit_at_once(self, principal: Principal) -> Mapping[str, str] | None:
        return _NOTHING

    def charge(self, principal: Principal, size: int) -> None:
        return None


UNLIMITED: CallerLimits = Unlimited()

"""The interface of rate limits: requests of a principal, and bytes scanned for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from gateway.model import Principal

Charge = Callable[[Principal, int], None]
_NOTHING: Mapping[str, str] = {}


class CallerLimits(Protocol):
    """Counts requests and scanned bytes of principals against their limits. Thread-safe."""

    def admit(self, principal: Principal) -> Mapping[str, str]:
        """Count one request; return the ``RateLimit`` headers. Raises ``QuotaExceeded``."""

    def admit_at_once(self, principal: Principal) -> Mapping[str, str] | None:
        """Do the same without I/O, for the event loop; None where ``admit`` has to be called instead."""

    def charge(self, principal: Principal, size: int) -> None:
        """Count *size* bytes scanned for *principal*. Never refuses: the next request is refused instead."""


class Unlimited:
    """No limits."""

    def admit(self, principal: Principal) -> Mapping[str, str]:
        return _NOTHING

    def admit_at_once(self, principal: Principal) -> Mapping[str, str] | None:
        return _NOTHING

    def charge(self, principal: Principal, size: int) -> None:
        return None


UNLIMITED: CallerLimits = Unlimited()

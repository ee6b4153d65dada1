"""What callers do with jobs over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from waiting import wait_for


def ended(ask: Callable[..., Any], address: str) -> Any:
    """Wait until a job has ended, and return what is told of it at its *address*; *ask* sends a request."""
    told: list[Any] = []

    def look() -> bool:
        told[:] = [ask("GET", address).json()]
        return told[0]["state"] in ("done", "failed", "cancelled")

    wait_for(look, lambda: f"the end of {told}", pause=0.2)
    return told[0]

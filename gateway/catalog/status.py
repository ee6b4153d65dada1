"""The status of a table, and its last listing failure, which the processes of a machine share on disk."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson

from gateway.errors import DatasetNotBuilt, Diagnostic, GatewayError, Rule, StorageFailed, TableInvalid

MAX_BACKOFF = 300.0
"""Longest pause between attempts to list a table, in seconds."""
SKEW = 5.0
"""Seconds by which a time on disk may lie in the future; if it is more, the clock was set back, and it is ignored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshFailure:
    """Why, and how many times in a row, listing a table failed; times are in seconds since the epoch."""

    error: str
    failures: int
    failed_at: float
    retry_at: float
    mistakes: Sequence[dict[str, Any]] = ()
    """The errors of the declaration, if those were the reason."""
    unbuilt: bool = False
    """Whether it is a dataset that was not built yet."""

    @property
    def pause(self) -> float:
        """Seconds from the failure to the next attempt."""
        return round(self.retry_at - self.failed_at, 3)

    def refusal(self, now: float) -> GatewayError:
        """Return the error for a request that comes before the next attempt."""
        if self.mistakes:
            kind = DatasetNotBuilt if self.unbuilt else TableInvalid
            return kind(Diagnostic(**error | {"rule": Rule(error["rule"])}) for error in self.mistakes)
        return StorageFailed(self.error, retry_after=self.retry_at - now)

    def is_backing_off(self, now: float) -> bool:
        """Return whether the next attempt has to wait; not so if the clock was set back since the last one."""
        return self.failed_at - SKEW <= now < self.retry_at


@dataclass(frozen=True, slots=True, kw_only=True)
class TableStatus:
    """Age and health of the manifest of a table."""

    table: str
    snapshot: str | None
    listed_at: float | None
    """When its listing began, in seconds since the epoch."""
    age: float | None
    """The same, in seconds before now."""
    late: bool
    """Whether the manifest is older than the table allows."""
    problems: int
    failure: RefreshFailure | None
    """The last attempt to refresh it, if that failed."""


class FailureLog:
    """The last failure of a table, in a file at *path*; *clock* returns seconds since the epoch."""

    def __init__(self, path: Path, clock: Callable[[], float]) -> None:
        self._path = path
        self._clock = clock

    def last(self) -> RefreshFailure | None:
        """Return the last failure, of any process of this machine; None after a success."""
        try:
            return RefreshFailure(**orjson.loads(self._path.read_bytes()))
        except (OSError, orjson.JSONDecodeError, TypeError):
            return None

    def is_backing_off(self) -> bool:
        """Return whether the next attempt has to wait."""
        failure = self.last()
        return failure is not None and failure.is_backing_off(self._clock())

    def refuse_while_backing_off(self) -> None:
        """Raise the last failure again, if the next attempt has to wait."""
        failure, now = self.last(), self._clock()
        if failure is not None and failure.is_backing_off(now):
            raise failure.refusal(now)

    def add(self, error: GatewayError) -> RefreshFailure:
        """Write a failure; the pause before the next attempt doubles with each. Raises ``OSError``."""
        before, now = self.last(), self._clock()
        failures = before.failures + 1 if before is not None else 1
        failure = RefreshFailure(
            error=error.detail,
            failures=failures,
            failed_at=now,
            retry_at=now + min(2.0 ** min(failures, 16), MAX_BACKOFF),
            mistakes=[_as_dict(item) for item in error.diagnostics] if isinstance(error, TableInvalid) else (),
            unbuilt=isinstance(error, DatasetNotBuilt),
        )
        path = self._path.with_name(f"{self._path.name}.{os.getpid()}.tmp")
        path.write_bytes(orjson.dumps(asdict(failure)))
        path.replace(self._path)
        return failure

    def clear(self) -> None:
        """Remove the failure. Raises ``OSError``."""
        self._path.unlink(missing_ok=True)


def _as_dict(error: Diagnostic) -> dict[str, Any]:
    """Return what is kept of an error of a declaration: it is about the declaration as a whole."""
    return {"path": error.path, "message": error.message, "hint": error.hint, "rule": error.rule}

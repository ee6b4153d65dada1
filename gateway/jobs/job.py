"""What a job is: what was asked, how far it is, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from gateway.errors import DefinitionError, GatewayError


class JobState(StrEnum):
    """Where a job is on its way; the last three are ends."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


ENDS = frozenset({JobState.DONE, JobState.FAILED, JobState.CANCELLED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What was asked, and never changes. Times are in seconds since the epoch.

    ``resource`` is what the job is about, by name: jobs of one kind and resource run one after the other.
    """

    kind: str
    resource: str
    id: str
    question: Mapping[str, Any] = field(default_factory=dict)
    """What the handler of the kind needs to know, as JSON."""
    asked_by: str = ""
    """The name of the principal; empty: nobody said who asks."""
    trigger: str = "request"
    """What had it made: a ``request``, or something of the server itself."""
    created_at: float = 0.0
    digest: str = ""
    """Of what was asked: an idempotency key that comes again with another digest is refused."""

    @property
    def folder(self) -> str:
        """Where its records are."""
        return f"{self.kind}/{self.resource}/{self.id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One worker that has taken a job up. It alone writes the record, and again while it lives."""

    number: int
    worker: str
    machine: str
    """The state folder of the worker: who leads among its processes knows that the others of them do not work."""
    began_at: float
    seen_at: float
    """When the record was written last, by the clock of the store."""
    progress: Mapping[str, Any] = field(default_factory=dict)
    advanced: bool = False
    """It got somewhere: its progress has changed since it began."""
    futile: int = 0
    """How many attempts in a row ended before it without getting anywhere."""
    released: bool = False
    """The worker has given it up, as a server does that stops: it is free at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """How a job ended: with a result, as JSON, or with a problem."""

    state: JobState
    at: float
    result: Mapping[str, Any] = field(default_factory=dict)
    problem: Mapping[str, Any] | None = None
    """``code``, ``status``, ``title``, ``detail`` and the other members of a problem document."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A job, with all that is known of it now."""

    job: Job
    attempts: int = 0
    last: Attempt | None = None
    cancelling: bool = False
    end: End | None = None
    live: bool = False
    """The last attempt holds its lease."""

    @property
    def state(self) -> JobState:
        """Where the job is on its way."""
        if self.end is not None:
            return self.end.state
        return JobState.RUNNING if self.live else JobState.WAITING


def problem_of(error: GatewayError) -> Mapping[str, Any]:
    """Describe an error for the record of a job. Of files of the project it says what is wrong, and not where."""
    detail = error.detail
    if isinstance(error, DefinitionError):
        found = error.diagnostics
        detail = "; ".join(each.message + (f" ({each.hint})" if each.hint else "") for each in found)
    members = {name: value for name, value in error.members.items() if value is not None}
    return members | {"code": error.code, "status": error.status, "title": error.title, "detail": detail}


def reason_of(problem: Mapping[str, Any]) -> str:
    """Say in one text what a problem is."""
    errors = "; ".join(f"{each['parameter']} {each['detail']}" for each in problem.get("errors", ()))
    return f"{problem['detail']} {errors}".rstrip()

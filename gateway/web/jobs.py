"""Jobs as HTTP shows them: accepted for later (202), looked at, cancelled, and asked for once by an idempotency key."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any, Final

from flask import Response, request

from gateway.errors import JobHasEnded, JobNotFound, MalformedRequest, quoted
from gateway.jobs.job import ENDS, JobState, Record
from gateway.web.context import here
from gateway.web.documents import json_response

KEY: Final = "Idempotency-Key"
_AGAIN: Final = 2
"""Seconds after which it is worth looking at a job again."""
_STRING = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])*)"')
"""A string of RFC 9651, which the draft of Idempotency-Key asks for."""
_BARE = re.compile(r"[!#-~]+")
_LONGEST = 255


def read_key() -> str | None:
    """Read the idempotency key of the request; None: there is none. Raises ``MalformedRequest``."""
    lines = request.headers.getlist(KEY)
    if not lines:
        return None
    found = _STRING.fullmatch(lines[0].strip())
    key = found[1] if found is not None else lines[0].strip()
    if len(lines) > 1 or not key or len(key) > _LONGEST or (found is None and not _BARE.fullmatch(key)):
        raise MalformedRequest(f'{KEY} is a text in quotes of 1 to {_LONGEST} characters, such as "8e03978e-40d5".')
    return key


def accepted(record: Record, address: str) -> Response:
    """Answer that a job was accepted: it is looked at at its *address*, a path of the gateway."""
    response = shown(record, address, status=202)
    response.headers["Location"] = here(address)
    response.headers["Retry-After"] = str(_AGAIN)
    if _prefers_async():
        response.headers["Preference-Applied"] = "respond-async"
    return response


def shown(record: Record, address: str, *, status: int = 200) -> Response:
    """Answer what is known of a job."""
    response = json_response(described(record, address), status=status)
    response.headers["Cache-Control"] = "no-store"
    if record.state not in ENDS:
        response.headers["Retry-After"] = str(_AGAIN)
    return response


def cancelled(record: Record, address: str) -> Response:
    """Answer, for a job that somebody wanted cancelled, that it is or will be. Raises ``JobHasEnded``."""
    if record.state is JobState.CANCELLED:
        return Response(status=204)
    if record.state in ENDS:
        raise JobHasEnded(f"It is {record.state.value}, so there is nothing to cancel.", state=record.state.value)
    return shown(record, address, status=202)


def no_job(what: str, name: str) -> JobNotFound:
    """Make the error for an id that no job has; *what* is its kind."""
    return JobNotFound(f"There is no {what} {quoted(name)}, or its record is not kept any more.")


def described(record: Record, address: str) -> dict[str, Any]:
    """Describe a job: its state, how far it is, its times, its result or what went wrong."""
    job, last, end = record.job, record.last, record.end
    document: dict[str, Any] = {
        "id": job.id,
        "state": record.state.value,
        "trigger": job.trigger,
        "asked_by": job.asked_by or None,
        "created_at": _instant(job.created_at),
        "started_at": None if last is None else _instant(last.began_at),
        "ended_at": None if end is None else _instant(end.at),
        "attempts": record.attempts,
        "cancelling": record.cancelling and end is None,
        "progress": None if last is None else dict(last.progress) or None,
        "url": here(address),
    }
    if job.question:
        document["asked"] = dict(job.question)
    if end is not None and end.result:
        document["result"] = dict(end.result)
    if end is not None and end.problem is not None:
        code = end.problem["code"]
        document["problem"] = {"type": here(f"/errors/{code}")} | {
            name: value for name, value in end.problem.items() if name != "code"
        }
    return document


def _prefers_async() -> bool:
    preferences = ",".join(request.headers.getlist("Prefer")).split(",")
    return any(each.partition(";")[0].strip().lower() == "respond-async" for each in preferences)


def _instant(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

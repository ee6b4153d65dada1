"""Errors of HTTP as the client's exceptions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from query_gateway_client.errors import Busy, GatewayProblem, Gone, InvalidParameters, NotAllowed, NotFound

AGAIN = frozenset({408, 429, 502, 503})
"""Statuses of what may succeed when it is asked again."""
NEVER = frozenset({"value-misfit"})
"""Codes of what has such a status and stays as it is."""
_KINDS = {401: NotAllowed, 403: NotAllowed, 404: NotFound, 410: Gone, 429: Busy, 503: Busy}


def problem_of(status: int, headers: Mapping[str, str], body: bytes) -> GatewayProblem:
    """Make the exception of an answer that is none: of its problem document, or of its status where it has none."""
    members = _document(headers, body)
    code = str(members["type"]).rsplit("/", 1)[-1] if "type" in members else None
    title = str(members.get("title") or f"The server answered {status} without saying why")
    if 300 <= status < 400 and not members:
        title = f"The server sends elsewhere ({headers.get('location', 'without an address')}): use that address"
    if status < 300:
        title = f"No gateway answers here: {headers.get('content-type', 'something without a type')} came"
    kind = InvalidParameters if code == "invalid-parameters" else _KINDS.get(status, GatewayProblem)
    return kind(
        status=status,
        code=code,
        title=title,
        detail=members.get("detail"),
        errors=_errors(members.get("errors")),
        request_id=members.get("request_id") or headers.get("x-request-id"),
        retry_after=retry_after(headers.get("retry-after")),
        members=members,
    )


def may_be_asked_again(problem: GatewayProblem) -> bool:
    """Tell whether the same request may succeed later."""
    return problem.status in AGAIN and problem.code not in NEVER


def retry_after(value: str | None) -> float | None:
    """Read ``Retry-After``, a number of seconds or a date, as seconds from now; None where there is none.

    >>> retry_after("2"), retry_after("Thu, 01 Jan 1970 00:00:00 GMT"), retry_after("soon"), retry_after(None)
    (2.0, 0.0, None, None)
    """
    if value is None:
        return None
    if value.strip().isdecimal():
        return float(value)
    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, (at.replace(tzinfo=at.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


def _document(headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    if headers.get("content-type", "").partition(";")[0].strip() != "application/problem+json":
        return {}
    try:
        found = json.loads(body)
    except ValueError:  # cut off on its way
        return {}
    return found if isinstance(found, dict) else {}


def _errors(found: object) -> list[tuple[str, str]]:
    listed = found if isinstance(found, list) else []
    return [(str(each.get("parameter", "")), str(each.get("detail", ""))) for each in listed if isinstance(each, dict)]

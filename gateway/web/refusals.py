"""Responses to requests that cannot be parsed, written by the connection itself without a thread."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from email.utils import formatdate
from http import HTTPStatus
from uuid import uuid4

from gateway.errors import GatewayError, MalformedRequest
from gateway.telemetry.events import Observer
from gateway.web.documents import json_bytes
from gateway.web.problems import (
    MEDIA_TYPE,
    CodingUnknown,
    ExpectationFailed,
    HeadersTooLarge,
    InternalError,
    RequestTimeout,
    TargetTooLong,
    problem_document,
)
from gateway.web.records import Record, Sent, served
from gateway.web.responses import Header

_NOTHING = "-"
"""Stands for the method and the path of what is no request."""
_KINDS: Mapping[int, GatewayError] = {
    408: RequestTimeout("The request did not arrive in time."),
    414: TargetTooLong("The address is longer than 8,190 bytes: send the parameters as JSON, by POST."),
    417: ExpectationFailed("The only expectation that this server knows is 100-continue."),
    431: HeadersTooLarge("The header fields are too many, or one is longer than 8,190 bytes."),
    500: InternalError("Something went wrong; the log of the server tells what."),
    501: CodingUnknown("The only transfer coding that this server reads is chunked."),
}
_MALFORMED = MalformedRequest("What was received is not a request of HTTP/1.1.")


def refusal(
    status: int, observe: Observer, *, client: str | None, prefix: str = "", headers: Iterable[Header] = ()
) -> bytes:
    """Write the whole response with which a connection ends, and tell of it. *status* is what the reader would answer.

    Nothing of what was received is quoted. *prefix* is the path before the gateway's own addresses.
    """
    error, request = _KINDS.get(status, _MALFORMED), uuid4().hex
    body = json_bytes(problem_document(error, request_id=request, prefix=prefix))
    sent = Sent(method=_NOTHING, path=_NOTHING, client=client, status=error.status, seconds=0.0, size=len(body))
    observe(served(Record(request=request, started=0.0, error=error.code), sent))
    lines = (
        f"HTTP/1.1 {error.status} {HTTPStatus(error.status).phrase}",
        f"Content-Type: {MEDIA_TYPE}",
        f"Content-Length: {len(body)}",
        "Cache-Control: no-store",
        f"X-Request-Id: {request}",
        f"Date: {formatdate(usegmt=True)}",
        "Connection: close",
        *(f"{name}: {value}" for name, value in headers),
        "",
        "",
    )
    return "\r\n".join(lines).encode() + body

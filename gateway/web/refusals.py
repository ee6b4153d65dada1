"""Responses to requests that cannot be parsed, written by the connection itself without a thread."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from email.utils import formatdate
from html import escape
from http import HTTPStatus
from typing import Any
from uuid import uuid4

from gateway.errors import GatewayError, MalformedRequest
from gateway.telemetry.events import Observer
from gateway.web.accept import HTML, prefers_page
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


_POLICY = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'"
_PAGE = """<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <meta name="color-scheme" content="light dark">
  <title>{title}</title>
  <link rel="icon" href="{prefix}/static/icon.svg">
  <link rel="stylesheet" href="{prefix}/static/site.css">
</head>
<body>
  <main id="content">
    <h1>{title}</h1>
    <p class="lead">{detail}</p>
    <h2>What to do</h2>
    <ul><li>{advice}<a href="{type}">Read what this means.</a></li></ul>
    <p><a href="{prefix}/docs">All queries</a> · <a href="{prefix}/tables">All tables</a></p>
    <dl class="facts">
      <dt>Code</dt><dd><code>{code}</code></dd>
      <dt>HTTP status</dt><dd>{status}</dd>
      <dt>Request</dt><dd><code>{request_id}</code></dd>
    </dl>
  </main>
</body>
</html>
"""
_ADVICE = {
    408: "Try again. ",
    414: "Open the page of the query without what is asked, and fill in its form: it sends long values otherwise. ",
    431: "Delete the cookies that your browser keeps of this host, and try again. ",
    500: "Tell the people who run this server the request below. ",
}


def refusal(
    status: int,
    observe: Observer,
    *,
    client: str | None,
    prefix: str = "",
    headers: Iterable[Header] = (),
    accept: str | None = None,
) -> bytes:
    """Write the whole response with which a connection ends, and tell of it. *status* is what the reader would answer.

    Nothing of what was received is quoted. *prefix* is the path before the gateway's own addresses; *accept* says
    whether a page is read, or JSON.
    """
    error, request = _KINDS.get(status, _MALFORMED), uuid4().hex
    document = problem_document(error, request_id=request, prefix=prefix)
    paged = prefers_page(accept or "")
    body = _page(document, error.code, prefix) if paged else json_bytes(document)
    sent = Sent(method=_NOTHING, path=_NOTHING, client=client, status=error.status, seconds=0.0, size=len(body))
    observe(served(Record(request=request, started=0.0, error=error.code), sent))
    lines = (
        f"HTTP/1.1 {error.status} {HTTPStatus(error.status).phrase}",
        *([f"Content-Type: {HTML}; charset=utf-8", f"Content-Security-Policy: {_POLICY}"] if paged else []),
        *([] if paged else [f"Content-Type: {MEDIA_TYPE}"]),
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


def _page(document: Mapping[str, Any], code: str, prefix: str) -> bytes:
    """Write the page of a problem without what Flask knows of a request, of which there is none."""
    known = {name: escape(str(value)) for name, value in document.items()}
    told = known | {"code": code, "prefix": escape(prefix), "advice": _ADVICE.get(document["status"], "")}
    return _PAGE.format_map(told).encode()

"""Renders a ``ResultResponse`` as a Flask response."""

from __future__ import annotations

from collections.abc import Iterable

from flask import Response, request

from gateway.web.responses import RESPONSE, Header, ResultResponse


class RenderedResult(Response):
    """A response whose headers are complete but for those of every request: its id and what is left of its limits."""

    automatically_set_content_length = False  # none is that of an empty body, as one to HEAD has


def render(response: ResultResponse, volatile: Iterable[Header]) -> RenderedResult:
    """Write *response* for the current request, and leave it in the environment for who may keep it."""
    request.environ[RESPONSE] = response
    headers = [*response.headers, *volatile]
    if response.length is not None:
        headers.append(("Content-Length", str(response.length)))
    return RenderedResult(b"" if response.body is None else response.body, status=response.status, headers=headers)

"""JSON documents other than results: indented, with validators where they may be cached."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import orjson
from flask import Response, request

from gateway.access.base import VARY

_OPTIONS = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE | orjson.OPT_NON_STR_KEYS


def json_bytes(document: Any) -> bytes:
    """Write a JSON document of the gateway's own, indented."""
    return orjson.dumps(document, option=_OPTIONS)


def json_response(document: Any, *, status: int = 200) -> Response:
    """Answer a document that must be asked for again each time."""
    response = Response(json_bytes(document), status=status, content_type="application/json")
    response.headers["Cache-Control"] = "no-cache"
    return response


def cacheable(body: bytes, content_type: str, *, seconds: int = 60, shared: bool = True) -> Response:
    """Answer a document that changes with a deployment only: kept for *seconds*, then validated by its ETag.

    Where it is not *shared*, it depends on who asks.
    """
    response = Response(body, content_type=content_type)
    response.set_etag(blake2b(body, digest_size=12).hexdigest())
    response.headers["Cache-Control"] = f"{'public' if shared else 'private'}, max-age={seconds}"
    if not shared:
        response.headers["Vary"] = VARY
    response.make_conditional(request)
    return response

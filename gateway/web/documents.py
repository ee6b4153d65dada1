"""Documents other than results: JSON that is indented, validators where they may be cached, files of the pages."""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from mimetypes import guess_type
from pathlib import Path
from typing import Any

import orjson
from flask import Response, request

from gateway.access.base import VARY
from gateway.web.content_coding import compress
from gateway.web.preconditions import check_match, holds, range_of
from gateway.web.ranges import content_range, part_of

GZIP = "gzip"
_WORTH_PACKING = 2_000
"""Bytes from which a file is compressed."""
_OPTIONS = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE | orjson.OPT_NON_STR_KEYS


def json_bytes(document: Any) -> bytes:
    """Write a JSON document of the gateway's own, indented."""
    return orjson.dumps(document, option=_OPTIONS)


def json_response(document: Any, *, status: int = 200) -> Response:
    """Answer a document that must be asked for again each time."""
    response = Response(json_bytes(document), status=status, content_type="application/json")
    response.headers["Cache-Control"] = "no-cache"
    return gzipped(response)


def gzipped(response: Response) -> Response:
    """Compress the body of a document without validators, where that is worth it and the caller takes it."""
    response.vary.add("Accept-Encoding")
    body = response.get_data()
    if len(body) >= _WORTH_PACKING and request.accept_encodings.quality(GZIP) > 0:
        response.set_data(compress(body, GZIP))
        response.headers["Content-Encoding"] = GZIP
    return response


def cacheable(body: bytes, content_type: str, *, seconds: int = 60, shared: bool = True) -> Response:
    """Answer a document that changes with a deployment only: kept for *seconds*, then validated by its ETag.

    Where it is not *shared*, it depends on who asks.
    """
    response = Response(body, content_type=content_type)
    response.headers["Cache-Control"] = f"{'public' if shared else 'private'}, max-age={seconds}"
    if not shared:
        response.headers["Vary"] = VARY
    return _validated(response)


def file_response(path: Path, *, packed: bool = False) -> Response:
    """Answer a small file that changes with a deployment only, or the part of it that is asked for.

    *packed*: with gzip where that is worth it; then there are no parts.
    """
    packed = packed and path.stat().st_size >= _WORTH_PACKING
    body = _packed(path, path.stat().st_mtime_ns) if packed else path.read_bytes()
    response = Response(body, mimetype=guess_type(path.name)[0])
    response.headers["Cache-Control"] = "no-cache"
    response.vary.add("Accept-Encoding")
    if packed:
        response.headers["Content-Encoding"] = GZIP
    else:
        response.accept_ranges = "bytes"
    return _validated(response, ranges=not packed)


@lru_cache(maxsize=64)
def _packed(path: Path, changed: int) -> bytes:
    return compress(path.read_bytes(), GZIP)


def _validated(response: Response, *, ranges: bool = False) -> Response:
    """Answer by the preconditions of the request, and by its range where *response* has *ranges*.

    Raises ``PreconditionFailed`` and ``RangeNotSatisfiable``.
    """
    opaque = blake2b(response.get_data(), digest_size=12).hexdigest()
    tag = (opaque, f'"{opaque}"')
    check_match(tag)
    asked = range_of(tag) if ranges else None
    if holds(opaque):
        response.set_data(b"")
        response.status_code = 304
    elif asked is not None:
        _cut(response, asked)
    response.set_etag(opaque)
    return response


def _cut(response: Response, asked: str) -> None:
    body = response.get_data()
    part = part_of(asked, len(body))
    response.set_data(body[part])
    response.status_code = 206
    response.headers.extend([content_range(part, len(body))])

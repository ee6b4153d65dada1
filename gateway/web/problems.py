"""Maps errors to HTTP: ``application/problem+json`` (RFC 9457), each ``type`` a page of the gateway."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import Response
from werkzeug.exceptions import HTTPException

from gateway import errors
from gateway.errors import DatasetNotBuilt, DefinitionError, GatewayError, MalformedRequest, shortened
from gateway.web.documents import json_bytes

_LONGEST_DETAIL = 1_000
"""Characters of the longest detail; the words of a caller in it are bounded where they are quoted."""
MEDIA_TYPE = "application/problem+json"


class NotFound(GatewayError):
    code, status, title = "not-found", 404, "Nothing is here"


class MethodNotAllowed(GatewayError):
    code, status, title = "method-not-allowed", 405, "The method is not allowed here"


class RequestTimeout(GatewayError):
    code, status, title, retryable = "request-timeout", 408, "The request did not arrive in time", True


class TargetTooLong(GatewayError):
    code, status, title = "target-too-long", 414, "The address is too long"


class ExpectationFailed(GatewayError):
    code, status, title = "expectation-failed", 417, "The expectation is not known"


class HeadersTooLarge(GatewayError):
    code, status, title = "headers-too-large", 431, "The header fields are too large"


class CodingUnknown(GatewayError):
    code, status, title = "coding-unknown", 501, "The transfer coding is not known"


class ContentTooLarge(GatewayError):
    code, status, title = "content-too-large", 413, "The request body is too large"


class UnsupportedMediaType(GatewayError):
    code, status, title = "unsupported-media-type", 415, "The request body is of another type"


class InternalError(GatewayError):
    code, status, title = "internal-error", 500, "The gateway has a bug"


_HTTP_ONLY: tuple[type[GatewayError], ...] = (
    NotFound,
    MethodNotAllowed,
    RequestTimeout,
    ContentTooLarge,
    TargetTooLong,
    ExpectationFailed,
    HeadersTooLarge,
    CodingUnknown,
    UnsupportedMediaType,
    InternalError,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemKind:
    """What the gateway may answer instead of an answer: a public code with its status and title."""

    code: str
    status: int
    title: str
    retryable: bool
    meaning: str


def kinds() -> dict[str, ProblemKind]:
    """List every problem that the gateway may answer, by code, in order of status."""
    raised = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, GatewayError)]
    found = {
        kind.code: ProblemKind(
            code=kind.code,
            status=kind.status,
            title=kind.title,
            retryable=kind.retryable,
            meaning=MEANINGS.get(kind.code, ""),
        )
        for kind in (*raised, *_HTTP_ONLY)
        if hasattr(kind, "code")
    }
    return dict(sorted(found.items(), key=lambda item: (item[1].status, item[0])))


def problem(error: GatewayError, *, request_id: str, prefix: str) -> Response:
    """Make the response that tells *error* to the caller; nothing internal is in it.

    *prefix* is the path before the gateway's own addresses.
    """
    document = problem_document(error, request_id=request_id, prefix=prefix)
    response = Response(json_bytes(document), status=error.status, content_type=MEDIA_TYPE)
    response.headers["Cache-Control"] = "no-store"
    response.headers.update(error.headers)
    if error.retry_after is not None or error.status in (429, 503):
        response.headers["Retry-After"] = str(max(1, math.ceil(error.retry_after or 1)))
    return response


def problem_document(error: GatewayError, *, request_id: str, prefix: str) -> dict[str, Any]:
    """Make the problem document of *error*: the standard members, the request id, then its own members."""
    own = {name: _bounded(value) for name, value in error.members.items() if value is not None}
    return own | {
        "type": f"{prefix}/errors/{error.code}",
        "title": error.title,
        "status": error.status,
        "detail": shortened(public_detail(error), _LONGEST_DETAIL),
        "instance": f"urn:request:{request_id}",
        "request_id": request_id,
    }


def _bounded(value: Any) -> Any:
    """Shorten the texts of a member: what is answered must not grow with what was sent."""
    if isinstance(value, str):
        return shortened(value)
    if isinstance(value, list | tuple):
        return [_bounded(item) for item in value]
    if isinstance(value, Mapping):
        return {name: _bounded(item) for name, item in value.items()}
    return value


def public_detail(error: GatewayError) -> str:
    """Return what a caller may be told of *error*."""
    # The diagnostics of a definition name files of the server; they belong to the log and to `gateway check`.
    if isinstance(error, DatasetNotBuilt):
        return "A dataset that this reads has no version yet: it is there once it is built."
    return "The project's files are wrong." if isinstance(error, DefinitionError) else error.detail


def from_http(error: HTTPException, *, prefix: str, accepted: str = "") -> GatewayError:
    """Translate an error of the HTTP library, e.g. no such route, to one of the gateway's own."""
    match error.code:
        case 404:
            return NotFound(f"Nothing is at this address; {prefix}/docs and {prefix}/openapi.json list what is.")
        case 405:
            return MethodNotAllowed(f"Not allowed here; accepted: {accepted}." if accepted else "Not allowed here.")
        case 413:
            return ContentTooLarge("The request body is larger than this server reads.")
        case 415:
            return UnsupportedMediaType("Send the body as application/json.")
        case code if code is not None and 400 <= code < 500:
            return MalformedRequest("The request is not valid HTTP for this address.")
    return InternalError("Something went wrong; the request id finds it in the log.")


MEANINGS = {
    "malformed-request": "The query string or the body is not written in the form that this address reads, or what was "
    "received is no request of HTTP/1.1.",
    "unauthenticated": "The request does not say who asks, or what it says is not valid.",
    "forbidden": "Who asks may not do this.",
    "not-found": "The address is not one of this server.",
    "query-not-found": "No query has this name; similar names are in `suggestions`.",
    "version-not-found": "The query exists, this version does not; `available` lists those that do.",
    "table-not-found": "No table of this name is declared.",
    "dataset-version-not-found": "The dataset has no version of this number or tag, or it is not kept any more.",
    "tag-not-found": "The dataset has no tag of this name.",
    "tag-in-use": "A table is declared as the version of this tag, and could not be read without it: change its "
    "`version` first.",
    "tag-taken": "The tag is that of another version, which `version` names: send `move` to give it to this one.",
    "job-not-found": "No job has this id, or its record is not kept any more.",
    "job-has-ended": "The job is done, or has failed: there is nothing to cancel; `state` says which.",
    "idempotency-key-reused": "The key in `Idempotency-Key` was sent before with another body.",
    "job-cancelled": "Somebody has cancelled the job. Seen in the log only.",
    "job-abandoned": "The workers that took the job up ended before it got anywhere; told by the job itself.",
    "method-not-allowed": "The address exists, but not for this method; the header `Allow` lists those it takes.",
    "not-acceptable": "The result cannot be had in this format; `available` lists those that can.",
    "snapshot-gone": "The snapshot that `_snapshot` names is not kept, or a file of it that the question reads was "
    "changed or removed since: `table` and `file` name it.",
    "split-gone": "The result that the split is of was computed again to other rows, or the question reads other files "
    "for who asks: ask for a plan of its splits again.",
    "version-retired": "This version is no longer served; `successor` names the one to use.",
    "cursor-expired": "What the cursor points into is no longer kept: ask for the first page again.",
    "request-timeout": "The header fields or the body came too late or too slowly; the connection is closed.",
    "query-stopped": "Somebody who runs this server has stopped the query. Ask them before it is asked again.",
    "precondition-failed": "The result is not, or is no longer, the one that `If-Match` names; or its rows are sent "
    "while they are computed, and no tag of theirs can match.",
    "range-not-satisfiable": "The `Range` begins after the end of the body; `Content-Range` says how long it is.",
    "content-too-large": "The body is larger than this server reads.",
    "target-too-long": "The address is longer than 8,190 bytes: send the parameters as JSON, by POST.",
    "expectation-failed": "The only expectation that is known is `100-continue`.",
    "headers-too-large": "The header fields are more than 100, or one is longer than 8,190 bytes.",
    "coding-unknown": "The body has a transfer coding other than `chunked`.",
    "unsupported-media-type": "The body must be JSON, with `Content-Type: application/json`, and not compressed.",
    "invalid-parameters": "Some parameters are unknown, missing or out of bounds; `errors` lists the first 20 of them, "
    "`more` says how many others there are.",
    "query-failed": "The author's SQL failed on the data for these parameters, e.g. by a cast.",
    "result-too-large": "The result is larger than what is gathered of one, or than its format can hold: ask for CSV, "
    "NDJSON, Arrow or Parquet, without `_limit`. Of splits: it finds no room on disk; with `Retry-After`, until then.",
    "scan-too-large": "The query would read more than the table allows; the members say how much, the limit, and "
    "which filter would help.",
    "quota-exceeded": "Too many requests, or too many bytes scanned for them: wait for the time in `Retry-After`.",
    "internal-error": "A bug. The request id finds it in the server's log; nothing else is told.",
    "input-invalid": "Rows or files do not fit the table they are for. Shown by `gateway write` only.",
    "access-invalid": "The file of grants or of keys is wrong. Shown by `gateway keys` and `/readyz` only.",
    "settings-invalid": "The settings of the server are wrong. Shown by `gateway serve` and `gateway check` only.",
    "table-invalid": "A table declaration is wrong. Shown by `gateway check`, with file, line and column.",
    "dataset-not-built": "A dataset that the query reads, or the version of it that its declaration names, was not "
    "built yet: `gateway build`, or `POST /v1/datasets/{dataset}/builds`.",
    "template-invalid": "A query template is wrong. Shown by `gateway check`, with file, line and column.",
    "engine-failed": "The query took more memory than the engine may use, or the engine failed for another reason. "
    "It may work when tried again.",
    "storage-failed": "The object store did not answer, or refused. It may work when tried again.",
    "file-damaged": "A data file cannot be read as Parquet. The table's owner has to write it again; `gateway run` "
    "and the log name the file.",
    "value-misfit": "A data file stores a value that the declared type of its column cannot hold without loss. "
    "The table's owner has to mend the file or the declaration; `gateway run` names the file.",
    "cluster-unavailable": "More data has to be read than one machine may, and the cluster for that cannot be used: "
    "try again after `Retry-After`, or ask for less. `/readyz` tells its operators why.",
    "files-changed": "Files kept being replaced while the query ran, so no answer would have been of one version. "
    "`table` and `file` name one of them, where that is known; one that a dataset lost is there again after "
    "`gateway build`.",
    "queue-full": "As many queries wait as may, or this one waited as long as it may: try again after `Retry-After`.",
    "shutting-down": "This server is stopping; another one, or this one later, will answer.",
    "deadline-exceeded": "The query took longer than its timeout, waiting for its turn included.",
    "client-gone": "The client disconnected before it was answered. Seen in the log and in metrics only.",
    "not-cached": "The request allows no computing (`only-if-cached`), and no answer is kept that may be served.",
}
"""One sentence a code, for its page and for ``docs/errors.md``."""

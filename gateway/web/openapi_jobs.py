"""What the OpenAPI document says of jobs: how one is asked for, looked at and cancelled."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from gateway.web.openapi_parts import Operation, problems, references

_JOB = {"application/json": {"schema": {"$ref": "#/components/schemas/Job"}}}
_AGAIN = {"Retry-After": {"description": "Seconds after which to look again.", "schema": {"type": "integer"}}}
_WHERE = {"Location": {"description": "Where the job is looked at.", "schema": {"type": "string"}}}


def submitted(
    operation_id: str, summary: str, what: str, *, tag: str, parameters: list[dict[str, Any]], body: dict[str, Any]
) -> Operation:
    """Describe what asks for a job, which is called *what*."""
    return {
        "operationId": operation_id,
        "summary": summary,
        "description": f"The {what} is done behind the answer, which says where to look at it.",
        "tags": [tag],
        "parameters": parameters,
        "requestBody": body,
        "responses": {
            "202": {"description": f"The {what} waits for its turn.", "headers": _WHERE | _AGAIN, "content": _JOB},
            **problems((400, 401, 403, 404, 409, 410, 413, 415, 422, 502)),
        },
    }


def looking(operation_id: str, what: str, tag: str, parameters: Iterable[str]) -> Operation:
    """Describe what looks at a job."""
    return {
        "operationId": operation_id,
        "summary": f"One {what}: how far it is, or how it ended",
        "tags": [tag],
        "parameters": references(parameters),
        "responses": {
            "200": {"description": f"The {what}.", "headers": _AGAIN, "content": _JOB},
            **problems((400, 401, 403, 404, 410, 502)),
        },
    }


def cancelling(operation_id: str, what: str, tag: str, parameters: Iterable[str]) -> Operation:
    """Describe what cancels a job."""
    return {
        "operationId": operation_id,
        "summary": f"Cancel one {what}",
        "tags": [tag],
        "parameters": references(parameters),
        "responses": {
            "202": {"description": "It is running, and stops soon.", "headers": _AGAIN, "content": _JOB},
            "204": {"description": "It is cancelled."},
            **problems((400, 401, 403, 404, 409, 410, 502)),
        },
    }

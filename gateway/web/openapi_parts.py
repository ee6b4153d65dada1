"""Pieces that the operations of the OpenAPI document are put together of."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from gateway.web.schemas import Schema

Operation = dict[str, Any]
ANY: Schema = {"type": "object"}


def read(operation_id: str, summary: str, tag: str, *, parameters: Iterable[str] = ()) -> Operation:
    """Describe the reading of a JSON document."""
    return {
        "operationId": operation_id,
        "summary": summary,
        "tags": [tag],
        "parameters": references(parameters),
        "responses": {
            "200": {"description": summary, "content": {"application/json": {"schema": ANY}}},
            **problems((400, 404, 410, 503)),
        },
    }


def references(options: Iterable[str]) -> list[dict[str, Any]]:
    """Refer to parameters that several operations have."""
    return [{"$ref": f"#/components/parameters/{name}"} for name in options]


def problems(statuses: Iterable[int]) -> dict[str, Any]:
    """Refer to the problems that have these statuses."""
    return {str(status): {"$ref": f"#/components/responses/Problem{status}"} for status in statuses}

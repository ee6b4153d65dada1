"""What the OpenAPI document says of exports."""

from __future__ import annotations

from typing import Any

from gateway.web.openapi_jobs import cancelling, looking, submitted
from gateway.web.openapi_parts import Operation, problems, read, references
from gateway.web.schemas import Schema

_TEXTS: Schema = {"type": "array", "items": {"type": "string"}}


def export_paths(url: str, name: str, parameters: Schema) -> dict[str, Any]:
    """Describe the exports of one version of a query, which takes *parameters*."""
    exports = read(f"list_exports_{name}", "Your exports of its results, the newest first", "queries")
    exports["responses"] |= problems((401, 403, 502))
    return {
        f"{url}/exports": {"get": exports, "post": _export(f"export_{name}", parameters)},
        f"{url}/exports/{{job}}": {
            "get": looking(f"describe_export_{name}", "export", "queries", ("job",)),
            "delete": cancelling(f"cancel_export_{name}", "export", "queries", ("job",)),
        },
    }


def _export(operation_id: str, parameters: Schema) -> Operation:
    asked = {
        "type": "object",
        "properties": {
            "to": {"type": "string", "description": "A folder without files, below a prefix that is allowed."},
            "partition_by": _TEXTS | {"description": "Columns, and transforms of them, such as `day(time_hour)`."},
            "sort": _TEXTS | {"description": "The order in the files: columns, or `column desc`."},
            "parameters": parameters,
            "snapshot": {"type": "string", "description": "A snapshot or a date; else the state when it is begun."},
        },
        "required": ["to"],
        "additionalProperties": False,
    }
    return submitted(
        operation_id,
        "Write its result as Parquet files",
        "export",
        tag="queries",
        parameters=references(("idempotency_key", "prefer")),
        body={"required": True, "content": {"application/json": {"schema": asked}}},
    )

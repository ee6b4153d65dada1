"""Descriptions of tables as JSON has them, and as pages show them."""

from __future__ import annotations

from typing import Any

import pyarrow.compute as pc

from gateway.catalog.manifest import Snapshot
from gateway.catalog.table import Table
from gateway.errors import GatewayError
from gateway.web.context import gateway, here, site
from gateway.web.problems import public_detail

MAX_PROBLEMS = 100
"""Problems of a table that are shown; all of them are counted."""


def snapshot_of(name: str) -> Snapshot:
    """Return the newest snapshot of a table. Raises what ``Catalog.pin`` raises."""
    return gateway().catalog.pin([name])[name]


def listed(table: Table) -> dict[str, Any]:
    """Describe a table, or say that its files cannot be told: one broken table must not hide the others."""
    try:
        return summary(table, snapshot_of(table.name))
    except GatewayError as error:
        return declared(table) | {"error": {"code": error.code, "detail": public_detail(error)}}


def declared(table: Table) -> dict[str, Any]:
    """Describe what is known of a table without its files."""
    known = {
        "table": table.name,
        "description": table.description,
        "owner": table.owner,
        "url": here(f"/v1/tables/{table.name}"),
    }
    return {name: value for name, value in known.items() if value is not None}


def summary(table: Table, snapshot: Snapshot) -> dict[str, Any]:
    """Describe a table in one line, under one snapshot."""
    return {
        **declared(table),
        "snapshot": snapshot.id,
        "snapshot_age": round(max(0.0, site().clock() - snapshot.listed_at), 3),
        "partitions": snapshot.partitions.num_rows,
        "files": snapshot.files.num_rows,
        "bytes": snapshot.size,
        "rows": _rows(snapshot),
        "problems": snapshot.problem_count,
    }


def described(table: Table, snapshot: Snapshot) -> dict[str, Any]:
    """Describe a table under one snapshot."""
    limits, words = table.limits, {name.lower(): text for name, text in table.column_descriptions.items()}
    return summary(table, snapshot) | {
        "columns": [
            {"name": column.name, "type": column.type}
            | ({"description": words[column.name.lower()]} if column.name.lower() in words else {})
            for column in snapshot.columns
        ],
        "partitioned_by": [
            field.model_dump(exclude_defaults=True) | {"transform": field.transform} for field in table.partitioned_by
        ],
        "layouts": [[field.column for field in layout] for layout in table.layouts or (table.partitioned_by,)],
        "refresh": table.refresh,
        "limits": limits.model_dump(exclude_defaults=True),
        "broken": [{"path": problem.path, "reason": problem.reason} for problem in snapshot.problems[:MAX_PROBLEMS]],
        "failure": _failure(table.name),
        "partitions_url": here(f"/v1/tables/{table.name}/partitions"),
    }


def _rows(snapshot: Snapshot) -> int | None:
    """Count the rows of a table; None where a file's count is not known."""
    counts = snapshot.files["row_count"]
    if counts.null_count:
        return None
    return int(pc.sum(counts).as_py() or 0)


def _failure(table: str) -> dict[str, Any] | None:
    failure = gateway().catalog.status(table).failure
    if failure is None:
        return None
    return {"detail": failure.error, "failures": failure.failures, "since": failure.failed_at}

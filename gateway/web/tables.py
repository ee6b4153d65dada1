"""Table endpoints: declaration, files, age of the listing, refresh."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from flask import Blueprint, Response, request

from gateway.access.base import REFRESH
from gateway.catalog.manifest import Snapshot
from gateway.catalog.snapshot_ids import part_of
from gateway.catalog.table import Table
from gateway.errors import CursorExpired, GatewayError, InvalidParameters
from gateway.plan.explain import readable
from gateway.web.context import gateway, here, site
from gateway.web.cursor import Cursor, question_digest, same_question
from gateway.web.documents import json_response
from gateway.web.guard import require, visible_tables
from gateway.web.html import page, wants_page
from gateway.web.parsing import (
    PAGE_OPTIONS,
    QueryString,
    no_parameters,
    read_json_object,
    read_query_string,
)
from gateway.web.problems import public_detail

routes = Blueprint("tables", __name__)
PAGE = 1_000
"""Partitions of a page where ``_limit`` does not say."""
MAX_PAGE = 100_000
MAX_PROBLEMS = 100
"""Problems of a table that are shown; all of them are counted."""
MAX_NAMED_PARTITIONS = 10_000


@routes.get("/v1/tables")
def all_tables() -> Response:
    no_parameters(read_query_string(request.query_string, accepted=()))
    tables = [_listed(table) for table in visible_tables().values()]
    return _document_or_page("tables.html", {"tables": tables}, tables=tables)


@routes.get("/v1/tables/<table>")
def one_table(table: str) -> Response:
    no_parameters(read_query_string(request.query_string, accepted=()))
    described = _described(gateway().catalog.tables[table], _snapshot(table))
    return _document_or_page("table.html", described, table=described)


@routes.get("/v1/tables/<table>/partitions")
def partitions(table: str) -> Response:
    query = read_query_string(request.query_string, accepted=PAGE_OPTIONS)
    no_parameters(query)
    snapshot = _snapshot(table)
    offset, limit = _page(query, table, snapshot)
    rows = snapshot.partitions.slice(offset, limit)
    more = offset + rows.num_rows < snapshot.partitions.num_rows
    document: dict[str, Any] = {
        "table": table,
        "snapshot": snapshot.id,
        "partitions": _partitions(snapshot, rows),
        "total": snapshot.partitions.num_rows,
        "more": more,
    }
    links = {}
    if more:
        cursor = Cursor(key=snapshot.id, question=question_digest(table), offset=offset + limit, limit=limit)
        document["next"] = here(f"/v1/tables/{table}/partitions?_cursor={cursor.encode(site().secret())}")
        links["Link"] = f'<{document["next"]}>; rel="next"'
    response = json_response(document)
    response.headers.update(links)
    return response


@routes.get("/v1/tables/<table>/snapshots")
def snapshots(table: str) -> Response:
    no_parameters(read_query_string(request.query_string, accepted=()))
    kept = [kept.as_dict() for kept in gateway().catalog.kept(table)]
    return json_response({"table": table, "snapshot": part_of(_snapshot(table).id), "kept": kept})


@routes.post("/v1/tables/<table>/refresh")
def refresh(table: str) -> Response:
    no_parameters(read_query_string(request.query_string, accepted=()))
    require(REFRESH, table)
    declared = gateway().catalog.tables[table]
    named = _named_partitions(read_json_object(request))
    return json_response(_summary(declared, gateway().catalog.refresh(table, named, announced=True)))


def _document_or_page(name: str, document: dict[str, Any], **values: Any) -> Response:
    """Answer people in a browser with a page, and programs with the document."""
    response = page(name, readable=readable, **values) if wants_page() else json_response(document)
    response.vary.add("Accept")
    return response


def _snapshot(name: str) -> Snapshot:
    return gateway().catalog.pin([name])[name]


def _listed(table: Table) -> dict[str, Any]:
    """Describe a table, or say that its files cannot be told: one broken table must not hide the others."""
    try:
        return _summary(table, _snapshot(table.name))
    except GatewayError as error:
        return _declared(table) | {"error": {"code": error.code, "detail": public_detail(error)}}


def _declared(table: Table) -> dict[str, Any]:
    return {"table": table.name, "description": table.description, "url": here(f"/v1/tables/{table.name}")}


def _summary(table: Table, snapshot: Snapshot) -> dict[str, Any]:
    """Describe a table in one line, under one snapshot."""
    return {
        **_declared(table),
        "snapshot": snapshot.id,
        "snapshot_age": round(max(0.0, site().clock() - snapshot.listed_at), 3),
        "partitions": snapshot.partitions.num_rows,
        "files": snapshot.files.num_rows,
        "bytes": snapshot.size,
        "rows": _rows(snapshot),
        "problems": snapshot.problem_count,
    }


def _described(table: Table, snapshot: Snapshot) -> dict[str, Any]:
    limits = table.limits
    return _summary(table, snapshot) | {
        "columns": [{"name": column.name, "type": column.type} for column in snapshot.columns],
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


def _partitions(snapshot: Snapshot, rows: pa.Table) -> list[dict[str, Any]]:
    """Describe a page of partitions: the folder values, null for the NULL partition, and what is in it."""
    names = [field.column for field in snapshot.table.partitioned_by]
    columns = [rows.column(place).to_pylist() for place in range(len(names))]
    counts = zip(rows["file_count"].to_pylist(), rows["bytes"].to_pylist(), rows["known"].to_pylist(), strict=True)
    return [
        {"values": {name: column[row] for name, column in zip(names, columns, strict=True)}}
        | {"files": files, "bytes": size, "known": known}
        for row, (files, size, known) in enumerate(counts)
    ]


def _failure(table: str) -> dict[str, Any] | None:
    failure = gateway().catalog.status(table).failure
    if failure is None:
        return None
    return {"detail": failure.error, "failures": failure.failures, "since": failure.failed_at}


def _page(query: QueryString, table: str, snapshot: Snapshot) -> tuple[int, int]:
    """Find the page asked for, as (offset, limit)."""
    limit = min(query.limit() or PAGE, MAX_PAGE)
    text = query.options.get("_cursor")
    if text is None:
        return 0, limit
    cursor = same_question(Cursor.decode(text, site().secret()), question_digest(table))
    if cursor.key != snapshot.id:
        raise CursorExpired("The table has changed since the first page: ask for it again.")
    return cursor.offset, limit if "_limit" in query.options else cursor.limit


def _named_partitions(body: dict[str, Any]) -> Sequence[str] | None:
    """Read which partitions are to be refreshed; None for the whole table. Raises ``InvalidParameters``."""
    unknown = [name for name in body if name != "partitions"]
    if unknown:
        raise InvalidParameters([{"parameter": name, "detail": "not known; accepted: partitions"} for name in unknown])
    named = body.get("partitions")
    if named is None:
        return None
    if (
        not isinstance(named, list)
        or not 0 < len(named) <= MAX_NAMED_PARTITIONS
        or not all(isinstance(partition, str) and "=" in partition for partition in named)
    ):
        detail = f'a list of 1 to {MAX_NAMED_PARTITIONS} folders, e.g. ["day=2013-06-01"]'
        raise InvalidParameters([{"parameter": "partitions", "detail": detail}])
    return named

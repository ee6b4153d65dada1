"""Table endpoints: declaration, files, age of the listing, refresh."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
from flask import Blueprint, Response, request

from gateway.access.base import REFRESH
from gateway.catalog.manifest import Snapshot
from gateway.catalog.snapshot_ids import part_of
from gateway.errors import CursorExpired, InvalidParameters
from gateway.web.context import gateway, here, site
from gateway.web.cursor import Cursor, question_digest, same_question
from gateway.web.documents import json_response
from gateway.web.guard import require, visible_tables
from gateway.web.html import wants_page
from gateway.web.parsing import (
    PAGE_OPTIONS,
    QueryString,
    no_parameters,
    read_json_object,
    read_query_string,
)
from gateway.web.table_documents import described, listed, snapshot_of, summary
from gateway.web.table_pages import table_page, tables_page

routes = Blueprint("tables", __name__)
PAGE = 1_000
"""Partitions of a page where ``_limit`` does not say."""
MAX_PAGE = 100_000
MAX_NAMED_PARTITIONS = 10_000


@routes.get("/v1/tables")
def all_tables() -> Response:
    no_parameters(read_query_string(request.query_string, accepted=()))
    if wants_page():
        return _by_accept(tables_page())
    return _by_accept(json_response({"tables": [listed(table) for table in visible_tables().values()]}))


@routes.get("/v1/tables/<table>")
def one_table(table: str) -> Response:
    no_parameters(read_query_string(request.query_string, accepted=()))
    declared = gateway().catalog.tables[table]
    if wants_page():
        return _by_accept(table_page(declared))
    return _by_accept(json_response(described(declared, snapshot_of(table))))


@routes.get("/v1/tables/<table>/partitions")
def partitions(table: str) -> Response:
    query = read_query_string(request.query_string, accepted=PAGE_OPTIONS)
    no_parameters(query)
    snapshot = snapshot_of(table)
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
    return json_response({"table": table, "snapshot": part_of(snapshot_of(table).id), "kept": kept})


@routes.post("/v1/tables/<table>/refresh")
def refresh(table: str) -> Response:
    no_parameters(read_query_string(request.query_string, accepted=()))
    require(REFRESH, table)
    declared = gateway().catalog.tables[table]
    named = _named_partitions(read_json_object(request))
    return json_response(summary(declared, gateway().catalog.refresh(table, named, announced=True)))


def _by_accept(response: Response) -> Response:
    """Tell that people in a browser are answered with a page, and programs with the document."""
    response.vary.add("Accept")
    return response


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

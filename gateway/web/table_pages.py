"""Pages of tables: what there is, and of each its columns, its folders, its history, who reads it, what is wrong."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pyarrow.compute as pc
from flask import Blueprint, Response, request

from gateway.catalog import facts
from gateway.catalog.manifest import Snapshot
from gateway.catalog.table import Table
from gateway.errors import GatewayError, Unauthenticated
from gateway.plan.explain import readable
from gateway.query.template import Template
from gateway.web.ago import ago
from gateway.web.catalogue import listed_tables
from gateway.web.context import gateway, record
from gateway.web.guard import visible_queries, visible_tables
from gateway.web.html import page
from gateway.web.key_form import ask_for_key
from gateway.web.layout_words import in_words
from gateway.web.parsing import no_parameters, read_query_string
from gateway.web.partition_amounts import Amounts
from gateway.web.partition_map import drawn_bars, drawn_calendar
from gateway.web.problems import public_detail
from gateway.web.table_documents import MAX_PROBLEMS, declared, described, listed, snapshot_of

routes = Blueprint("table_pages", __name__)
routes.register_error_handler(Unauthenticated, ask_for_key)


@routes.get("/tables")
def all_tables() -> Response:
    options = read_query_string(request.query_string, accepted=("_q",))
    no_parameters(options)
    return tables_page(options.options.get("_q", ""))


@routes.get("/tables/<table>")
def one_table(table: str) -> Response:
    no_parameters(read_query_string(request.query_string, accepted=()))
    return table_page(gateway().catalog.tables[table])


def tables_page(words: str = "") -> Response:
    """Show the tables that are found by all of some words."""
    tables = visible_tables()
    found = [listed(tables[each["name"]]) | {"words": each["words"]} for each in listed_tables(words)]
    return page("tables.html", tables=found, words=words, readable=readable, ago=ago)


def table_page(table: Table) -> Response:
    """Show one table: what is declared of it also where its files cannot be told."""
    known: dict[str, Any] = {"levels": [(field, in_words(field)) for field in table.partitioned_by]}
    failed: GatewayError | None = None
    try:
        snapshot = snapshot_of(table.name)
        known |= _files(table, snapshot)
    except GatewayError as error:
        failed, record().error = error, error.code
        known["table"] = declared(table)
    response = page(
        "table.html",
        declared=table,
        failed=None
        if failed is None
        else {"code": failed.code, "title": failed.title, "detail": public_detail(failed)},
        readers=_readers(table.name),
        readable=readable,
        ago=ago,
        **known,
    )
    if failed is not None:
        response.status_code = failed.status
    return response


def _files(table: Table, snapshot: Snapshot) -> dict[str, Any]:
    """Describe what depends on the files that there are."""
    amounts, status = Amounts(snapshot), gateway().catalog.status(table.name)
    return {
        "table": described(table, snapshot),
        "calendar": drawn_calendar(amounts),
        "bars": [drawn_bars(level) for level in amounts.by_value()],
        "late": status.late,
        "written": _last_written(snapshot),
        "unreadable": _unreadable(snapshot),
        "nothing_read": snapshot.nothing_read,
        "history": _history(table.name),
    }


def _last_written(snapshot: Snapshot) -> datetime | None:
    """Return when the newest file was written."""
    last: datetime | None = pc.max(snapshot.files["last_modified"]).as_py()
    return last


def _unreadable(snapshot: Snapshot) -> list[tuple[str, str]]:
    """List the first files whose footers say that they cannot be read, and why."""
    problems = {
        code: found.problem for code, found in enumerate(facts.known(snapshot.files)) if found and found.problem
    }
    if not problems:
        return []
    codes = facts.codes(snapshot.files).tolist()
    places = [place for place, code in enumerate(codes) if code in problems][:MAX_PROBLEMS]
    paths = snapshot.files["path"]
    return [(str(paths[place].as_py()), str(problems[codes[place]])) for place in places]


def _history(name: str) -> dict[str, Any]:
    """List the snapshots that are kept, the newest first, or say why they cannot be told."""
    try:
        kept = sorted(gateway().catalog.kept(name), key=lambda each: each.named_at, reverse=True)
    except GatewayError as error:
        return {"kept": [], "error": public_detail(error)}
    return {"kept": kept, "error": None}


def _readers(table: str) -> list[tuple[Template, list[int]]]:
    """List the queries whose newest version reads a table, and the older versions that read it, or only those."""
    found = []
    for name, versions in visible_queries().items():
        numbers = [number for number in sorted(versions, reverse=True) if table in versions[number].tables]
        if numbers:
            found.append((gateway().registry.template(name, numbers[0]), numbers[1:]))
    return found

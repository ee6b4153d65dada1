"""Pages of datasets: their versions and tags, where they come from, who reads them, and their builds as they go on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from flask import Blueprint, Response, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from gateway.access.base import BUILD, CANCEL, QUERY, READ
from gateway.catalog.dataset import named_version
from gateway.catalog.table import Table
from gateway.datasets.build import KIND
from gateway.datasets.describe import described, summary
from gateway.errors import GatewayError, Unauthenticated
from gateway.jobs.job import ENDS
from gateway.plan.explain import readable
from gateway.web.ago import ago
from gateway.web.builds import cancel_build, submit_build
from gateway.web.context import gateway, here, record, site
from gateway.web.datasets import dataset, versions_of
from gateway.web.forms import refuse_foreign_pages
from gateway.web.guard import may, visible_queries, visible_tables
from gateway.web.html import page
from gateway.web.jobs import described as job_described
from gateway.web.key_form import ask_for_key
from gateway.web.lineage import Drawing, Node, drawn
from gateway.web.parsing import no_parameters, read_query_string
from gateway.web.problems import public_detail

routes = Blueprint("dataset_pages", __name__)
routes.register_error_handler(Unauthenticated, ask_for_key)
_SHOWN = 20
"""Versions and builds that a page shows."""


@routes.get("/datasets")
def all_datasets() -> Response:
    no_parameters(read_query_string(request.query_string, accepted=()))
    found = [_listed(table) for table in visible_tables().values() if table.query is not None]
    return page("datasets.html", datasets=found, readable=readable)


@routes.get("/datasets/<table>")
def one_dataset(table: str) -> Response:
    options = read_query_string(request.query_string, accepted=("_part",))
    no_parameters(options)
    declared = dataset(table)
    if options.options.get("_part") == "builds":
        return page("builds.html", builds=_builds(declared), declared=declared)
    known, failed = dict[str, Any](), None
    try:
        known = _known(declared)
    except GatewayError as error:
        failed, record().error = error, error.code
    response = page(
        "dataset.html",
        declared=declared,
        query=named_version(declared.query or ""),
        failed=None if failed is None else {"title": failed.title, "detail": public_detail(failed)},
        lineage=_lineage(declared),
        builds=_builds(declared),
        readable=readable,
        ago=ago,
        **known,
    )
    if failed is not None:
        response.status_code = failed.status
    return response


@routes.post("/datasets/<table>/builds")
def build(table: str) -> AnyResponse:
    """Have a dataset built, from its page. The key of the form makes two presses one build."""
    refuse_foreign_pages()
    submit_build(table, {}, request.form.get("key"))
    return _back(table)


@routes.post("/datasets/<table>/builds/<job>/cancel")
def cancel(table: str, job: str) -> AnyResponse:
    refuse_foreign_pages()
    cancel_build(table, job)
    return _back(table)


def _back(table: str) -> AnyResponse:
    return redirect(here(f"/datasets/{table}#builds"), 303)


def _listed(table: Table) -> dict[str, Any]:
    """Describe a dataset, or say why it cannot be told: one that fails must not hide the others."""
    try:
        return described(table, versions_of(table.name))
    except GatewayError as error:
        return {"dataset": table.name, "description": table.description, "error": public_detail(error)}


def _known(table: Table) -> dict[str, Any]:
    """Describe what lies at the location of a dataset: its newest versions, and the tags by version."""
    versions = versions_of(table.name)
    if versions is None:
        return {"numbers": [], "versions": [], "tags": {}}
    numbers = versions.numbers()[::-1]
    read = [versions.read(number) for number in numbers[:_SHOWN]]
    tags: dict[int, list[str]] = {}
    for name, number in sorted(versions.tags().items()):
        tags.setdefault(number, []).append(name)
    return {"numbers": numbers, "versions": [summary(each) for each in read if each is not None], "tags": tags}


def _builds(table: Table) -> dict[str, Any]:
    """Describe the builds that the caller may read of, and what they may do."""
    known: dict[str, Any] = {
        "may_build": may(BUILD, table.name) and table.version is None,
        "may_cancel": may(CANCEL, table.name),
        "jobs": [],
        "key": uuid4().hex,
    }
    if not may(READ, table.name):
        return known | {"hidden": True}
    try:
        found = site().jobs.all(KIND, table.name)[:_SHOWN]
    except GatewayError as error:
        return known | {"error": public_detail(error)}
    known["jobs"] = [job_described(each, f"/v1/datasets/{table.name}/builds/{each.job.id}") for each in found]
    return known | {"live": any(each.state not in ENDS for each in found)}


def _lineage(table: Table) -> Drawing:
    """Draw what a dataset is made of and what reads it, as far as the caller may see that."""
    source = named_version(table.query or "")
    queries, tables = visible_queries(), visible_tables()
    template = gateway().registry.queries().get(source.name, {}).get(source.version)
    reads = sorted(template.tables) if template is not None and may(QUERY, source.name) else []
    sources = [_table_node(name, tables) for name in reads]
    path = f"/docs/{source.name}/v{source.version}" if source.name in queries else None
    query = Node(kind="query", name=str(source), path=path)
    this = Node(kind="dataset", name=table.name)
    readers = [
        Node(kind="query", name=f"{name}/v{max(reading)}", path=f"/docs/{name}/v{max(reading)}")
        for name, numbers in queries.items()
        if (reading := [number for number, each in numbers.items() if table.name in each.tables])
    ]
    made_of = {each: [query] for each in sources}
    return drawn([sources, [query], [this], readers], made_of | {query: [this], this: readers})


def _table_node(name: str, visible: Mapping[str, Table]) -> Node:
    kind = "dataset" if name in visible and visible[name].query is not None else "table"
    return Node(kind=kind, name=name, path=f"/{kind}s/{name}" if name in visible else None)

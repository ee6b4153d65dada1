"""Dataset endpoints: what was built, from what, and under which names."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, request

from gateway.catalog.table import Table
from gateway.catalog.versions import Versions
from gateway.datasets.build import no_dataset
from gateway.datasets.describe import described, summary
from gateway.errors import GatewayError, StorageFailed
from gateway.web.context import gateway, here
from gateway.web.documents import json_response
from gateway.web.guard import visible_tables
from gateway.web.parsing import no_parameters, read_query_string
from gateway.web.problems import public_detail

routes = Blueprint("datasets", __name__)


@routes.get("/v1/datasets")
def all_datasets() -> Response:
    no_parameters(read_query_string(request.query_string, accepted=()))
    datasets = [name for name, table in visible_tables().items() if table.query is not None]
    return json_response({"datasets": [_listed(name) for name in datasets]})


@routes.get("/v1/datasets/<table>")
def one_dataset(table: str) -> Response:
    no_parameters(read_query_string(request.query_string, accepted=()))
    return json_response(_described(dataset(table).name, whole=True))


def dataset(name: str) -> Table:
    """Return the declaration of a dataset that the caller may see. Raises ``TableNotFound``."""
    table = gateway().catalog.tables[name]
    if table.query is None:
        raise no_dataset(name, [each for each, other in visible_tables().items() if other.query is not None])
    return table


def _listed(name: str) -> dict[str, Any]:
    """Describe a dataset, or say why it cannot be told: one that fails must not hide the others."""
    try:
        return _described(name, whole=False)
    except GatewayError as error:
        return {"dataset": name, "error": {"code": error.code, "detail": public_detail(error)}}


def _described(name: str, *, whole: bool) -> dict[str, Any]:
    """Describe a dataset; the *whole* of it has its versions, the newest first."""
    table, versions = gateway().catalog.tables[name], versions_of(name)
    urls = {"url": here(f"/v1/datasets/{name}"), "table_url": here(f"/v1/tables/{name}")}
    document = described(table, versions) | urls
    if whole:
        numbers = [] if versions is None else reversed(versions.numbers())
        found = [versions.read(number) for number in numbers] if versions is not None else []
        document["versions"] = [summary(version) for version in found if version is not None]
    return document


def versions_of(name: str) -> Versions | None:
    """Open the versions of a dataset; None where its folder is not there yet."""
    try:
        return Versions(gateway().catalog.store(name))
    except StorageFailed as error:
        if error.path is None:
            raise
        return None

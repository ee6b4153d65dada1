"""Datasets that a server keeps fresh by itself, and on whose behalf it does."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from built_tables import Sales, asked, held
from flask.testing import FlaskClient
from waiting import wait_for

from gateway.app.application import open_app
from gateway.errors import Forbidden

SUMS = "SELECT CAST(ts AS DATE) AS d, shop, sum(amount) AS s FROM sales GROUP BY ALL"
BY_D = "partitioned_by: [{column: d, source: d}]"
FRESH = f"{BY_D}\nbuild: {{on: refresh, quiet: 0s}}"
MONTHS = (
    "/*\nsummary: Months\nowner: tests\n*/\nSELECT date_trunc('month', d) AS m, sum(s) AS s FROM built GROUP BY ALL"
)


def version(client: FlaskClient, name: str = "built") -> int:
    newest = client.get(f"/v1/datasets/{name}").json["newest"]
    return 0 if newest is None else int(newest["version"])


def builds(client: FlaskClient, name: str = "built") -> list[Any]:
    found = client.get(f"/v1/datasets/{name}/builds").json["builds"]
    return [each for each in found if each["state"] not in ("waiting", "running")]


@pytest.fixture
def sales(tmp_path: Path) -> Sales:
    made = Sales(tmp_path)
    made.declare(SUMS, FRESH)
    made.put(0, [("a", 1)])
    made.put(1, [("b", 2)])
    return made


def test_a_dataset_and_one_that_is_built_of_it_follow_their_sources(sales: Sales) -> None:
    (sales.folder / "queries" / "months").mkdir()
    (sales.folder / "queries" / "months" / "v1.sql").write_text(MONTHS)
    (sales.folder / "catalog" / "monthly.yaml").write_text(
        "table: monthly\nlocation: monthly\nquery: months/v1\nbuild: {on: refresh, quiet: 0s}\n"
        "partitioned_by: [{column: month, transform: month, source: m}]\n"
    )
    with open_app(sales.settings) as app:
        client = app.test_client()
        wait_for(lambda: version(client) == 1 and version(client, "monthly") == 1)
        sales.put(1, [("b", 7)])
        assert version(client) == 1
        client.post("/v1/tables/sales/refresh", json={})
        wait_for(lambda: version(client) == 2 and version(client, "monthly") == 2)
        newest = builds(client)[0]
        assert (newest["trigger"], newest["asked_by"]) == ("refresh", None)
        assert (newest["result"]["unchanged"], newest["result"]["built"]) == (1, 1)
        client.post("/v1/tables/sales/refresh", json={})  # it finds what there was
    with sales.opened() as (gateway, _):
        assert held(gateway) == asked(gateway)
    with open_app(sales.settings) as app:  # a server that starts again builds nothing
        client = app.test_client()
        wait_for(lambda: client.get("/readyz").status_code == 200)
        before = len(builds(client))
        sales.put(0, [("a", 9)])
        client.post("/v1/tables/sales/refresh", json={})
        wait_for(lambda: len(builds(client)) > before)
        assert (version(client), len(builds(client))) == (3, before + 1)


def test_a_dataset_is_built_at_the_instants_of_its_schedule(sales: Sales) -> None:
    sales.declare(SUMS, f'{BY_D}\nbuild: {{every: 24h, schedule: "0 * * * *"}}')
    with open_app(sales.settings) as app:
        client = app.test_client()
        wait_for(lambda: len(builds(client)) >= 2)
        found = builds(client)
        assert {each["trigger"] for each in found} == {"every", "schedule"}
        assert {each["state"] for each in found} == {"done"}
        assert version(client) == 1


def test_a_build_that_failed_is_told_and_the_server_stays_ready(sales: Sales) -> None:
    sales.declare(SUMS, FRESH.replace("source: d}", "source: e}"))
    with open_app(sales.settings) as app:
        client = app.test_client()
        wait_for(lambda: builds(client) != [])
        [failed] = builds(client)
        assert failed["state"] == "failed"
        ready = client.get("/readyz")
        told = ready.json["builds"]["failed"]["built"]
        assert (ready.status_code, told["code"], told["job"]) == (200, "table-invalid", failed["id"])
        metrics = client.get("/metrics").text
        assert re.search(r'gateway_jobs_total\{kind="build",resource="built",state="failed"\} 1', metrics)
        # By hand it is not refused: it is known over HTTP only to those who are named.
        refused = client.post("/v1/datasets/built/builds")
        assert (refused.status_code, "access.required" in refused.json["detail"]) == (403, True)


def test_a_build_runs_on_behalf_of_the_declared_principal_who_is_granted_the_query(tmp_path: Path) -> None:
    sales = Sales(tmp_path)
    sales.declare(SUMS, f"{BY_D}\nbuild: {{principal: nightly}}", settings="[access]\nrequired = true\n")
    sales.put(0, [("a", 1)])
    (tmp_path / "keys.json").write_text("{}")
    access = tmp_path / "access.yaml"
    access.write_text("grants:\n  - {to: [other], queries: [q]}\n")
    with sales.opened() as (_, builder), pytest.raises(Forbidden, match="nightly, who is not granted the query q"):
        builder.build("built")
    access.write_text("grants:\n  - {to: [nightly], queries: [q]}\n")
    with sales.opened() as (_, builder):
        assert builder.build("built").version.version == 1

"""Tables over HTTP: what they are, their partitions in pages, their refresh."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from gateway.errors import StorageFailed

PARTITIONS = "/v1/tables/flights/partitions"


def test_a_table_tells_its_columns_its_layout_and_its_files(client: FlaskClient, gateway: Any) -> None:
    document = client.get("/v1/tables/flights").json
    assert [column["name"] for column in document["columns"]] == ["time_hour", "carrier", "day"]
    assert document["partitioned_by"] == [{"column": "day", "transform": "day", "source": "time_hour"}]
    assert document["layouts"] == [["day"]]
    assert document["snapshot"] == gateway.catalog.snapshots["flights"].id
    assert (document["snapshot_age"], document["partitions"], document["files"], document["bytes"]) == (30.0, 3, 3, 300)
    assert document["broken"] == []


def test_a_table_that_cannot_be_listed_does_not_hide_the_others(client: FlaskClient, gateway: Any) -> None:
    gateway.catalog.broken = StorageFailed("The store does not answer.")
    response = client.get("/v1/tables")
    assert response.status_code == 200
    assert response.json["tables"][0]["error"] == {"code": "storage-failed", "detail": "The store does not answer."}


def test_the_page_of_a_table_that_cannot_be_listed_tells_what_is_declared(client: FlaskClient, gateway: Any) -> None:
    gateway.catalog.broken = StorageFailed("The store does not answer.")
    page = client.get("/tables/flights")
    assert (page.status_code, page.mimetype) == (502, "text/html")
    assert "The store does not answer." in page.text
    assert "one folder for each day of time_hour" in page.text


def test_partitions_come_in_pages(client: FlaskClient) -> None:
    first = client.get(f"{PARTITIONS}?_limit=2").json
    assert [one["values"] for one in first["partitions"]] == [{"day": "2013-01-01"}, {"day": "2013-01-02"}]
    assert (first["total"], first["more"]) == (3, True)
    second = client.get(first["next"]).json
    assert [one["values"] for one in second["partitions"]] == [{"day": "2013-01-03"}]
    assert second["more"] is False
    assert "next" not in second


def test_the_pages_of_a_table_that_changed_start_again(client: FlaskClient, gateway: Any) -> None:
    following = client.get(f"{PARTITIONS}?_limit=2").json["next"]
    changed = gateway.catalog.snapshots["flights"]
    gateway.catalog.snapshots["flights"] = type(changed)(
        **{name: getattr(changed, name) for name in changed.__dataclass_fields__} | {"id": "0123"}
    )
    response = client.get(following)
    assert (response.status_code, response.json["type"]) == (410, "/errors/cursor-expired")


def test_a_cursor_of_another_table_is_refused(client: FlaskClient, gateway: Any) -> None:
    following = client.get(f"{PARTITIONS}?_limit=2").json["next"]
    gateway.catalog.tables = gateway.catalog.tables | {"other": gateway.catalog.tables["flights"]}
    gateway.catalog.snapshots["other"] = gateway.catalog.snapshots["flights"]
    assert client.get(following.replace("flights", "other")).status_code == 400


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (None, [("flights", None)]),
        ({}, [("flights", None)]),
        ({"partitions": None}, [("flights", None)]),
        ({"partitions": ["day=2013-01-02"]}, [("flights", ["day=2013-01-02"])]),
    ],
)
def test_a_table_is_listed_anew_whole_or_in_part(client: FlaskClient, gateway: Any, body: Any, expected: Any) -> None:
    arguments = {} if body is None else {"json": body}
    response = client.post("/v1/tables/flights/refresh", **arguments)
    assert (response.status_code, response.json["files"]) == (200, 3)
    assert gateway.catalog.refreshed == expected


@pytest.mark.parametrize(
    "body", [{"partitions": []}, {"partitions": "day=1"}, {"partitions": [1]}, {"partitions": ["x"]}, {"partition": []}]
)
def test_a_refresh_of_something_else_is_refused(client: FlaskClient, gateway: Any, body: Any) -> None:
    assert client.post("/v1/tables/flights/refresh", json=body).status_code == 422
    assert gateway.catalog.refreshed == []

"""Results too large to be kept, as the routes answer them."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from flask.testing import FlaskClient

from gateway.errors import EngineFailed, Fate, FilesChanged
from gateway.telemetry.events import Event, RequestServed

ASKED = "/v1/queries/delays/v2/result?start=2013-01-01"


@pytest.fixture(autouse=True)
def large(gateway: Any) -> None:
    gateway.large = True


def test_how_many_rows_there_are_is_said_last(client: FlaskClient) -> None:
    response = client.get(ASKED)
    assert "Gateway-Rows" not in response.headers
    assert response.headers["Gateway-More"] == "false"
    document = response.get_json()
    assert (list(document)[-1], document["rows"], document["more"]) == ("rows", 3, False)
    assert document["data"][0] == {"carrier": "UA", "flights": 3}


def test_no_shared_cache_keeps_it_and_why_is_said(client: FlaskClient) -> None:
    response = client.get(f"{ASKED}&_format=csv")
    assert response.headers["Cache-Control"] == "private, no-cache"
    assert response.headers["Cache-Status"] == 'query-gateway; fwd=miss; detail="too-large"'
    assert "X-Accel-Expires" not in response.headers


def test_who_has_it_is_told_so(client: FlaskClient) -> None:
    tag = client.get(f"{ASKED}&_format=csv").headers["ETag"]
    again = client.get(f"{ASKED}&_format=csv", headers={"If-None-Match": tag})
    assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", tag)
    assert client.get(f"{ASKED}&_format=ndjson", headers={"If-None-Match": tag}).status_code == 200


def test_its_validator_is_not_that_of_the_same_rows_kept(client: FlaskClient, gateway: Any) -> None:
    sent = client.get(ASKED).headers["ETag"]
    gateway.large = False
    assert client.get(ASKED).headers["ETag"] != sent


def test_a_page_is_its_first_rows(client: FlaskClient) -> None:
    response = client.get(f"{ASKED}&_limit=2")
    document = response.get_json()
    assert (document["rows"], document["more"], len(document["data"])) == (None, True, 2)
    assert "Link" not in response.headers
    assert response.headers["Gateway-More"] == "true"


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_its_query_is_ended_after_every_response(client: FlaskClient, gateway: Any, method: str) -> None:
    gateway.table = pa.table({"carrier": ["UA"] * 100_000, "flights": range(100_000)})
    address = ASKED if method != "POST" else ASKED.partition("?")[0]
    given = {"json": {"start": "2013-01-01"}} if method == "POST" else {}
    response = client.open(address, method=method, **given)  # type: ignore[arg-type]  # of one kind
    assert response.status_code == 200
    response.close()
    assert gateway.closed >= 1


def test_a_client_that_leaves_ends_its_query(client: FlaskClient, gateway: Any) -> None:
    gateway.table = pa.table({"carrier": ["UA"] * 100_000, "flights": range(100_000)})
    response = client.get(f"{ASKED}&_format=csv", buffered=False)
    next(iter(response.response))
    assert gateway.closed == 0
    response.close()
    assert gateway.closed >= 1


def test_an_error_before_the_first_byte_is_a_problem(client: FlaskClient, gateway: Any) -> None:
    gateway.breaks = FilesChanged("A data file was replaced.")
    response = client.get(f"{ASKED}&_format=csv")
    assert (response.status_code, response.get_json()["type"]) == (503, "/errors/files-changed")
    assert gateway.closed >= 1


def test_the_record_of_the_request_has_the_rows_that_were_sent(
    client: FlaskClient, gateway: Any, events: list[Event]
) -> None:
    client.get(ASKED).close()
    [served] = [event for event in events if isinstance(event, RequestServed)]
    assert (served.rows, served.detail, served.error) == (3, "too-large", None)


def test_the_record_of_a_broken_transfer_names_the_error(
    client: FlaskClient, gateway: Any, events: list[Event]
) -> None:
    gateway.table = pa.table({"carrier": ["UA" * 1_000] * 2_000, "flights": range(2_000)})
    gateway.breaks = FilesChanged("A data file was replaced.")
    response = client.get(f"{ASKED}&_format=csv", buffered=False)
    with pytest.raises(FilesChanged):
        list(response.response)
    response.close()
    [served] = [event for event in events if isinstance(event, RequestServed)]
    assert (served.rows, served.error, served.complete) == (1_000, "files-changed", False)


def test_rows_whose_engine_ends_before_the_first_byte_are_computed_again(client: FlaskClient, gateway: Any) -> None:
    gateway.losses = [EngineFailed("Gone.", lost=fate) for fate in (Fate.BYSTANDER, Fate.SUSPECT)]
    response = client.get(f"{ASKED}&_format=csv")
    assert response.status_code == 200
    assert response.data.count(b"\r\n") == 4
    assert gateway.closed == 3, "those that were lost, and the one whose rows are all written"


def test_rows_that_end_their_engine_are_not_computed_again(client: FlaskClient, gateway: Any) -> None:
    gateway.losses = [EngineFailed("It took more memory than it may.")]
    response = client.get(f"{ASKED}&_format=csv")
    assert response.status_code == 502
    assert len(gateway.asked) == 1

"""Results over HTTP from two real workers: validators, pages, large bodies, costs, logs and metrics."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Callable
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from waiting import wait_for

pytestmark = pytest.mark.gunicorn

DELAYS = "/v1/queries/delays_by_carrier/v2/result"
WEEK = {"start": "2013-01-01", "end": "2013-01-08"}
EVERYTHING = """/*
summary: Every flight
cache: {ttl: 5m}
*/
SELECT * FROM flights ORDER BY time_hour, carrier, flight, origin"""


@pytest.fixture(scope="module")
def large(serve_for_module: Callable[..., Any], flights_project: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Two workers over the flights, with a query that answers all 336,776 of them."""
    project = tmp_path_factory.mktemp("large") / "project"
    shutil.copytree(flights_project, project, ignore=shutil.ignore_patterns(".gateway"))
    (project / "queries" / "everything").mkdir()
    (project / "queries" / "everything" / "v1.sql").write_text(EVERYTHING)
    return serve_for_module(project)


def test_a_week_reads_the_partitions_of_that_week(local_gateway: Any) -> None:
    reply = local_gateway.get(DELAYS, WEEK)
    read, total = reply.headers["gateway-partitions"].split("/")
    assert (int(read), int(total)) == (7 * 3 + 1, 365 * 3 + 1)
    document = reply.json()
    assert document["rows"] == len(document["data"]) == int(reply.headers["gateway-rows"])
    assert list(document["data"][0]) == [column["name"] for column in document["columns"]]


def test_an_unchanged_answer_is_not_sent_again_by_either_worker(local_gateway: Any) -> None:
    tag = local_gateway.get(DELAYS, WEEK).headers["etag"]
    replies = [local_gateway.get(DELAYS, WEEK, If_None_Match=tag) for _ in range(8)]
    assert {(reply.status, reply.body, reply.headers["etag"]) for reply in replies} == {(304, b"", tag)}


def test_two_spellings_of_one_question_are_one_answer(local_gateway: Any) -> None:
    tag = local_gateway.get(DELAYS, WEEK).headers["etag"]
    other = {"end": "2013-01-08T00:00:00", "start": "2013-01-01T00:59"}
    assert local_gateway.get(DELAYS, other, If_None_Match=tag).status == 304


def test_get_and_post_ask_the_same_question(local_gateway: Any) -> None:
    asked = local_gateway.get(DELAYS, WEEK | {"carriers": ["UA", "DL"]})
    posted = local_gateway.post(DELAYS, json.dumps(WEEK | {"carriers": ["UA", "DL"]}).encode())
    assert posted.body == asked.body
    assert "hit" in posted.headers["cache-status"]


def test_pages_from_both_workers_make_up_the_whole(local_gateway: Any) -> None:
    whole = local_gateway.get(DELAYS, WEEK).json()["data"]
    found, url = [], f"{DELAYS}?start=2013-01-01&end=2013-01-08&_limit=4"
    while url:
        reply = local_gateway.get(url)
        found += reply.json()["data"]
        assert reply.json()["rows"] == len(whole)
        url = reply.json().get("next", "")
    assert found == whole


def test_a_cursor_goes_with_the_parameters_as_the_first_page_told_them(local_gateway: Any) -> None:
    first = local_gateway.get(DELAYS, WEEK | {"_limit": 4}).json()
    cursor = first["next"].partition("_cursor=")[2]
    told = {name: value for name, value in first["parameters"].items() if value is not None}
    other = {"end": "2013-01-08 00:00", "start": "2013-01-01T00:30:00.000"}
    second = local_gateway.get(first["next"]).json()["data"]
    assert told["start"] == "2013-01-01T00:00:00"
    for spelled in (told, other):
        assert local_gateway.get(DELAYS, spelled | {"_cursor": cursor}).json()["data"] == second
        posted = local_gateway.post(f"{DELAYS}?_cursor={cursor}", json.dumps(spelled).encode())
        assert posted.json()["data"] == second
    refused = local_gateway.get(DELAYS, told | {"end": "2013-01-09", "_cursor": cursor})
    assert (refused.status, refused.json()["type"]) == (400, "/errors/malformed-request")


def test_after_a_page_of_no_rows_comes_the_whole_result(local_gateway: Any) -> None:
    none = local_gateway.get(DELAYS, WEEK | {"_limit": 0}).json()
    rest = local_gateway.get(none["next"]).json()
    assert (none["data"], len(rest["data"]), rest["more"]) == ([], none["rows"], False)


@pytest.mark.parametrize("shape", ["objects", "arrays", "columns"])
def test_json_has_three_shapes_of_the_same_rows(local_gateway: Any, shape: str) -> None:
    document = local_gateway.get(DELAYS, WEEK | {"_shape": shape}).json()
    names = [column["name"] for column in document["columns"]]
    rows = {
        "objects": lambda data: [tuple(row[name] for name in names) for row in data],
        "arrays": lambda data: [tuple(row) for row in data],
        "columns": lambda data: list(zip(*(data[name] for name in names), strict=True)),
    }[shape](document["data"])
    expected = [tuple(row.values()) for row in local_gateway.get(DELAYS, WEEK).json()["data"]]
    assert rows == expected


def test_explain_reads_nothing_and_says_what_would_be_read(local_gateway: Any) -> None:
    week = {"start": "2013-02-04", "end": "2013-02-11"}
    reply = local_gateway.get("/v1/queries/weather_delay/v1/explain", week)
    scans = {scan["table"]: scan for scan in reply.json()["scans"]}
    assert len(scans["flights"]["files"]) == 7 * 3
    assert len(scans["weather"]["files"]) == 1
    text = local_gateway.get("/v1/queries/weather_delay/v1/explain", week, Accept="text/plain").body.decode()
    assert "21 of 1095 partitions" in text


def test_a_table_tells_its_files_and_lists_them_anew(local_gateway: Any) -> None:
    before = local_gateway.get("/v1/tables/flights").json()
    assert (before["partitions"], before["files"], before["problems"]) == (1095, 1095, 0)
    refreshed = local_gateway.post("/v1/tables/flights/refresh", b'{"partitions": ["day=2013-06-01"]}')
    assert (refreshed.status, refreshed.json()["snapshot"]) == (200, before["snapshot"])
    assert local_gateway.post("/v1/tables/flights/refresh", b"{}").json()["snapshot"] == before["snapshot"]


def test_the_partitions_of_a_table_come_in_pages(local_gateway: Any) -> None:
    found, url = [], "/v1/tables/flights/partitions?_limit=400"
    while url:
        page = local_gateway.get(url).json()
        found += [tuple(one["values"].values()) for one in page["partitions"]]
        url = page.get("next", "")
    assert len(found) == len(set(found)) == 1095


def test_a_large_answer_is_streamed_whole(large: Any) -> None:
    reply = large.get("/v1/queries/everything/v1/result.csv")
    assert reply.headers["transfer-encoding"] == "chunked"
    rows = list(csv.reader(io.StringIO(reply.body.decode())))
    assert len(rows) - 1 == 336_776
    stream = large.get("/v1/queries/everything/v1/result.arrow").body
    assert pa.ipc.open_stream(stream).read_all().num_rows == 336_776


def test_a_client_that_leaves_is_noted_and_holds_nothing_up(large: Any) -> None:
    for number in range(20):
        with closing(HTTPConnection(large.host, large.port, timeout=60)) as connection:
            target = "/v1/queries/everything/v1/result.ndjson"
            connection.request("GET", target, headers={"X-Request-Id": f"leaver-{number}"})
            connection.getresponse().read(1000)
    replies = [large.get(DELAYS, WEEK | {"start": f"2013-01-0{day}"}) for day in range(1, 7)]
    assert {reply.status for reply in replies} == {200}
    left = lines_of(large, {f"leaver-{number}" for number in range(20)})
    assert any(line["complete"] is False for line in left.values())


def test_every_request_leaves_a_line_of_json(local_gateway: Any) -> None:
    local_gateway.get(DELAYS, WEEK, X_Request_Id="line-1")
    local_gateway.get("/v1/queries/nothing", X_Request_Id="line-2")
    lines = lines_of(local_gateway, {"line-1", "line-2"})
    told = {name: lines["line-1"][name] for name in ("event", "status", "query", "version", "format", "rows")}
    assert told == {
        "event": "request-served",
        "status": 200,
        "query": "delays_by_carrier",
        "version": 2,
        "format": "json",
        "rows": 15,
    }
    assert lines["line-1"]["size"] > 500
    assert (lines["line-2"]["status"], lines["line-2"]["error"]) == (404, "query-not-found")


def test_metrics_are_those_of_both_workers(local_gateway: Any) -> None:
    def answers() -> float:
        text = local_gateway.get("/metrics").body.decode()
        return sum(
            float(line.rsplit(" ", 1)[1])
            for line in text.splitlines()
            if line.startswith("gateway_answers_total{") and 'query="hourly_traffic"' in line
        )

    before = answers()
    for day in range(10, 30):
        assert local_gateway.get("/v1/queries/hourly_traffic/v1/result", {"day": f"2013-04-{day}"}).status == 200
    assert {answers() - before for _ in range(6)} == {20.0}


def lines_of(gateway: Any, requests: set[str]) -> dict[str, dict[str, Any]]:
    """Read the lines of some requests, which are written just after their last bytes were sent."""

    def written() -> dict[str, dict[str, Any]]:
        lines = (json.loads(line) for line in gateway.log.read_text().splitlines() if line.startswith("{"))
        served = (line for line in lines if line["event"] == "request-served")
        found = {line["request"]: line for line in served if line["request"] in requests}
        return found if found.keys() == requests else {}

    return wait_for(written, f"the lines of {requests}")


def test_an_explanation_names_files_below_the_declared_location(local_gateway: Any) -> None:
    reply = local_gateway.get(
        "/v1/queries/weather_delay/v1/explain", {"start": "2013-02-04", "end": "2013-02-05", "_format": "json"}
    )
    files = [file for scan in reply.json()["scans"] for file in scan["files"]]
    assert files
    assert all(file.startswith("demo/warehouse/") for file in files)
    assert "'/" not in reply.json()["sql"].replace("'^.*/", "").replace("'/?", "")


def test_an_answer_says_how_its_parameters_were_rounded(local_gateway: Any) -> None:
    reply = local_gateway.get(DELAYS, {"start": "2013-01-01T00:59:59", "end": "2013-01-08"})
    told = reply.json()["parameters"]
    assert (told["start"], told["end"]) == ("2013-01-01T00:00:00", "2013-01-08T00:00:00")
    assert reply.headers["gateway-parameters"] == "start=2013-01-01T00%3A00%3A00&end=2013-01-08T00%3A00%3A00"

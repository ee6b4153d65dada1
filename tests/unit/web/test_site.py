"""What every address does alike: problems, request ids, log lines, metrics, methods."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Event as Flag
from typing import Any

import pytest
from flask.testing import FlaskClient

from gateway.errors import EngineFailed, QueueFull
from gateway.model import origin_of
from gateway.query.registry import Registry
from gateway.query.template import Template
from gateway.telemetry.events import Event, RequestServed, Unexpected
from gateway.web.context import Site

RESULT = "/v1/queries/delays/v2/result?start=2013-01-01"


def served(events: list[Event]) -> RequestServed:
    (only,) = [event for event in events if isinstance(event, RequestServed)]
    return only


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", "/nothing", "not-found"),
        ("GET", "/v1/queries/delays/v2/nothing", "not-found"),
        ("GET", "/v1/queries/delay", "query-not-found"),
        ("GET", "/v1/queries/delays/v9", "version-not-found"),
        ("GET", "/v1/queries/delays/v01", "version-not-found"),
        ("GET", "/v1/queries/delays/two/result", "version-not-found"),
        ("GET", "/v1/queries/delay/two/result", "query-not-found"),
        ("GET", "/v1/tables/flight", "table-not-found"),
        ("GET", "/v1/tables/flight/partitions", "table-not-found"),
        ("POST", "/v1/tables/flight/refresh", "table-not-found"),
        ("DELETE", "/v1/queries", "method-not-allowed"),
        ("GET", "/v1/tables/flights/refresh", "method-not-allowed"),
        ("PUT", RESULT, "method-not-allowed"),
        ("GET", "/v1/queries?x=1", "malformed-request"),
        ("GET", "/v1/queries?_x=1", "malformed-request"),
        ("GET", "/v1/queries/delays/v2/result?start=%ff", "malformed-request"),
        ("GET", "/v1/queries/delays/v2/result", "invalid-parameters"),
        ("GET", RESULT + "&_format=xml", "not-acceptable"),
        ("GET", "/errors/nothing", "not-found"),
    ],
)
def test_what_is_wrong_with_a_request_is_a_problem_document(
    client: FlaskClient, method: str, path: str, code: str
) -> None:
    response = client.open(path, method=method)
    assert response.content_type == "application/problem+json"
    document = response.get_json(force=True)
    assert (document["type"], document["status"]) == (f"/errors/{code}", response.status_code)
    assert document["request_id"] == response.headers["X-Request-Id"]


def test_a_method_that_is_not_allowed_says_which_are(client: FlaskClient) -> None:
    assert client.delete(RESULT).headers["Allow"] == "GET, HEAD, OPTIONS, POST"


def test_options_says_which_methods_there_are(client: FlaskClient) -> None:
    response = client.options(RESULT)
    assert (response.status_code, sorted(response.allow)) == (200, ["GET", "HEAD", "OPTIONS", "POST"])


def test_a_slash_at_the_end_makes_no_difference(client: FlaskClient) -> None:
    assert client.get("/v1/queries/").json == client.get("/v1/queries").json


def test_a_body_that_is_too_large_is_refused(make_site: Callable[..., FlaskClient]) -> None:
    response = make_site(max_body=10).post("/v1/queries/delays/v2/result", json={"start": "2013-01-01"})
    assert (response.status_code, response.json["type"]) == (413, "/errors/content-too-large")


def test_a_bug_is_told_by_its_request_id_alone(client: FlaskClient, gateway, events: list[Event]) -> None:
    gateway.failure = KeyError("/srv/secret")
    response = client.get(RESULT)
    assert response.status_code == 500
    assert response.json["type"] == "/errors/internal-error"
    assert "secret" not in response.text
    (bug,) = [event for event in events if isinstance(event, Unexpected)]
    assert bug.request == response.headers["X-Request-Id"]
    assert "secret" in bug.traceback


def test_who_is_refused_for_lack_of_room_is_told_when_to_come_back(client: FlaskClient, gateway) -> None:
    gateway.failure = QueueFull("64 queries wait.", retry_after=2)
    response = client.get(RESULT)
    assert (response.status_code, response.headers["Retry-After"]) == (503, "2")


@pytest.mark.parametrize("given", ["abc-123", "a" * 128, "0:1.2_3"])
def test_a_callers_request_id_is_kept(client: FlaskClient, given: str) -> None:
    assert client.get("/healthz", headers={"X-Request-Id": given}).headers["X-Request-Id"] == given


@pytest.mark.parametrize("given", ["", "a b", "a" * 129, "ü", "-x", 'a"b'])
def test_a_request_id_that_is_no_plain_word_is_replaced(client: FlaskClient, given: str) -> None:
    assert client.get("/healthz", headers={"X-Request-Id": given}).headers["X-Request-Id"] != given


def test_every_request_leaves_one_record(client: FlaskClient, events: list[Event]) -> None:
    response = client.get(RESULT, headers={"X-Request-Id": "r1"})
    body = response.data
    response.close()
    event = served(events)
    assert (event.request, event.method, event.path, event.status) == ("r1", "GET", "/v1/queries/delays/v2/result", 200)
    assert (event.query, event.version, event.cache, event.format) == ("delays", 2, "miss", "json")
    assert (event.rows, event.size, event.complete, event.error) == (3, len(body), True, None)


def test_the_record_of_a_refused_request_names_its_problem(client: FlaskClient, events: list[Event]) -> None:
    client.get("/nothing").close()
    assert (served(events).status, served(events).error) == (404, "not-found")


def test_an_error_of_the_engine_is_counted_as_a_problem(client: FlaskClient, gateway) -> None:
    gateway.failure = EngineFailed("It is broken.")
    client.get(RESULT).close()
    assert 'gateway_problems_total{code="engine-failed"} 1.0' in client.get("/metrics").text


def test_metrics_are_exported_while_workers_begin_and_end(
    client: FlaskClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file in which nothing is counted yet is empty for a moment; that of a worker that ends goes away."""
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    (tmp_path / "counter_1.db").touch()
    (tmp_path / "gauge_livesum_2.db").symlink_to(tmp_path / "gone")
    reply = client.get("/metrics")
    assert (reply.status_code, reply.text) == (200, "")


def test_metrics_tell_requests_by_query_version_status_and_fate(client: FlaskClient) -> None:
    client.get(RESULT).close()
    text = client.get("/metrics").text
    assert 'gateway_answers_total{cache="miss",query="delays",version="2"} 1.0' in text
    assert 'gateway_answer_rows_total{query="delays",version="2"} 3.0' in text
    labels = 'cache="miss",endpoint="results.result",method="GET",query="delays",status="200",version="2"'
    assert f"gateway_request_seconds_count{{{labels}}} 1.0" in text


def test_requests_about_no_query_are_timed_too(client: FlaskClient) -> None:
    client.get("/healthz").close()
    client.get("/nothing").close()
    client.open("/v1/queries", method="EVIL").close()
    text = client.get("/metrics").text
    for endpoint, method, status in (("operations.alive", "GET", 200), ("", "GET", 404), ("", "other", 405)):
        labels = f'cache="",endpoint="{endpoint}",method="{method}",query="",status="{status}",version=""'
        assert f"gateway_request_seconds_count{{{labels}}} 1.0" in text


def test_labels_take_no_value_from_a_caller(client: FlaskClient) -> None:
    client.get("/v1/queries/evil_name/v7/result?start=2013-01-01")
    client.get("/v1/queries/delays/v777/result")
    client.get("/evil_path")
    client.open("/v1/queries", method="EVIL")
    text = client.get("/metrics").text
    assert "evil" not in text.lower()
    assert 'version="777"' not in text


def test_thousands_of_inventions_add_no_series(client: FlaskClient) -> None:
    def ask(number: int) -> None:
        client.get(f"/path/{number}").close()
        client.get(f"/v1/queries/query_{number}/v1/result").close()
        client.get(f"/v1/queries/delays/v{number + 3}/result").close()
        client.get(f"{RESULT}&invented_{number}=1", headers={"X-Request-Id": f"id-{number}"}).close()
        client.get(f"/v1/queries/delays/v2/result.f{number}").close()
        client.open("/v1/queries", method=f"METHOD{number}").close()

    def series() -> set[str]:
        lines = client.get("/metrics").text.splitlines()
        return {line.rpartition(" ")[0] for line in lines if not line.startswith("#")}

    ask(0)
    client.get("/metrics").close()
    before = series()
    for number in range(1, 500):
        ask(number)
    assert series() == before


def test_the_process_is_alive(client: FlaskClient) -> None:
    assert client.get("/healthz").json == {"status": "ok"}


def test_a_ready_server_tells_the_age_of_every_table(client: FlaskClient) -> None:
    response = client.get("/readyz")
    assert response.status_code == 200
    assert response.json["checks"] == {"server": {"status": "ok"}, "tables": {"status": "ok"}}
    assert response.json["tables"]["flights"]["age"] == 30.0


def test_a_server_with_a_failing_part_is_not_ready(make_site: Callable[..., FlaskClient]) -> None:
    def broken() -> None:
        raise EngineFailed("It does not answer.")

    response = make_site(checks={"engine": broken}).get("/readyz")
    assert response.status_code == 503
    assert response.json["checks"]["engine"] == {
        "status": "failing",
        "code": "engine-failed",
        "detail": "It does not answer.",
    }


def test_a_server_that_stops_soon_is_not_ready_and_answers_all_the_same(make_site: Callable[..., FlaskClient]) -> None:
    stopping = Flag()
    client = make_site(stopping=stopping)
    stopping.set()
    response = client.get("/readyz")
    assert (response.status_code, response.json["checks"]["server"]["code"]) == (503, "shutting-down")
    assert client.get(RESULT).status_code == 200


def test_a_request_is_answered_by_one_gateway_while_a_reload_puts_another_in_service(
    make_site: Callable[..., FlaskClient], gateway: Any
) -> None:
    client = make_site()
    site: Site = client.application.extensions["gateway"]
    answer = gateway.answer

    def answer_while_it_is_replaced(*args: Any, **named: Any) -> Any:
        site.gateway = replace(gateway, registry=Registry.of([]))
        return answer(*args, **named)

    gateway.answer = answer_while_it_is_replaced
    assert client.get(RESULT).headers["Gateway-Version"] == "2"
    assert client.get(RESULT).status_code == 404


def test_what_the_engine_does_is_told(client: FlaskClient) -> None:
    assert client.get("/readyz").json["engine"] == {"running": 0, "waiting": 0, "slots": 2}


def test_queries_that_run_apart_are_told_as_long_as_their_text_is_in_service(
    make_site: Callable[..., FlaskClient], gateway: Any
) -> None:
    client, texts = make_site(), {each.version: each.unbound.origin for each in gateway.registry.templates()}
    apart = {
        texts[2]: {"reason": "memory", "since": 7.5},
        origin_of("delays", 1, "an older text"): {"reason": "deadline", "since": 6.5},
        origin_of("removed", 1, "SELECT 1"): {"reason": "crash", "since": 5.5},
    }
    gateway.admission.known = {"running": 3, "waiting": 1, "slots": 4, "apart": apart, "ended": {"memory": 2}}
    response = client.get("/readyz")
    told = {"query": "delays", "version": 2, "reason": "memory", "since": 7.5}
    assert response.status_code == 200
    assert response.json["engine"] == {"running": 3, "waiting": 1, "slots": 4, "apart": [told], "ended": {"memory": 2}}
    text = "/*\nsummary: Carriers\n*/\nSELECT carrier FROM flights ORDER BY carrier"
    path = "queries/delays/v2.sql"
    changed = Template.load(text, path=path, name="delays", version=2, tables={"flights"})
    site: Site = client.application.extensions["gateway"]
    site.gateway = replace(gateway, registry=Registry.of([changed]))
    assert client.get("/readyz").json["engine"]["apart"] == []


def test_an_engine_that_does_not_tell_keeps_the_rest_from_nobody(client: FlaskClient, gateway: Any) -> None:
    gateway.admission.failure = EngineFailed("The engine does not answer.")
    response = client.get("/readyz")
    assert "engine" not in response.json
    assert response.json["queries"] == 1


def test_a_store_that_is_left_alone_is_told_and_does_not_make_the_server_unready(
    client: FlaskClient, gateway: Any
) -> None:
    gateway.stores.known = {"s3://warehouse/flights": "open"}
    response = client.get("/readyz")
    assert response.status_code == 200
    assert response.json["stores"] == {"s3://warehouse/flights": "open"}

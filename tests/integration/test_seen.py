"""What a real gateway of two workers over S3 tells of itself: its metrics, and its lines of log."""

from __future__ import annotations

import json
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from waiting import wait_for

pytestmark = [pytest.mark.gunicorn, pytest.mark.s3]

PATH = "/v1/queries/hourly_traffic/v1/result"


def total(gateway: Any, name: str, **labels: str) -> float:
    """Add up the series of a metric that have these labels."""
    families = text_string_to_metric_families(gateway.get("/metrics").body.decode())
    samples = (sample for family in families for sample in family.samples if sample.name == name)
    return sum(sample.value for sample in samples if labels.items() <= sample.labels.items())


def lines(gateway: Any, event: str, request: str) -> list[dict[str, Any]]:
    found = (json.loads(line) for line in gateway.log.read_text().splitlines() if line.startswith("{"))
    return [line for line in found if line.get("event") == event and line.get("request") == request]


def test_requests_to_the_store_are_counted_by_who_sends_them(s3_gateway: Any) -> None:
    # Other tests of the session may have read the day: then the engine, which all workers share, asks for it no more.
    assert s3_gateway.get(PATH, {"day": "2013-11-01"}).status == 200
    assert total(s3_gateway, "gateway_storage_requests_total", client="engine", kind="get") > 0
    assert total(s3_gateway, "gateway_storage_requests_total", client="manifest", kind="list", status="200") >= 5


def test_sizes_are_those_of_all_workers_together(s3_gateway: Any) -> None:
    megabytes = 2**20
    wait_for(lambda: total(s3_gateway, "gateway_resident_bytes") > 2 * 60 * megabytes)
    assert s3_gateway.get(PATH, {"day": "2013-05-06"}).status == 200
    wait_for(lambda: total(s3_gateway, "gateway_cache_memory_bytes") > 2_000)


def test_a_hit_is_timed_as_one_in_whichever_worker(s3_gateway: Any) -> None:
    def hits() -> float:
        return total(s3_gateway, "gateway_request_seconds_count", query="hourly_traffic", status="200", cache="hit")

    assert s3_gateway.get(PATH, {"day": "2013-05-07"}).status == 200
    before = hits()
    for _ in range(10):
        assert s3_gateway.get(PATH, {"day": "2013-05-07"}).status == 200
    wait_for(lambda: hits() == before + 10)


def test_every_answer_leaves_a_line_and_an_audit_line_hits_and_unchanged_ones_too(s3_gateway: Any) -> None:
    first = s3_gateway.get(PATH, {"day": "2013-05-08"}, X_Request_Id="seen-1")
    s3_gateway.get(PATH, {"day": "2013-05-08"}, X_Request_Id="seen-2")
    s3_gateway.get(PATH, {"day": "2013-05-08"}, X_Request_Id="seen-3", If_None_Match=first.headers["etag"])
    audited = [wait_for(lambda name=name: lines(s3_gateway, "audit", name)) for name in ("seen-1", "seen-2", "seen-3")]
    assert [len(found) for found in audited] == [1, 1, 1]
    told = [found[0] for found in audited]
    assert [line["cache"] for line in told] == ["miss", "hit", "hit"]
    assert [line["status"] for line in told] == [200, 200, 304]
    assert {(line["principal"], line["query"], line["version"]) for line in told} == {
        ("anonymous", "hourly_traffic", 1)
    }
    assert len({line["key"] for line in told}) == 1
    assert [line["parameters"] for line in told] == [{"day": "2013-05-08", "origin": None}] * 3
    (served,) = wait_for(lambda: lines(s3_gateway, "request-served", "seen-2"))
    assert (served["rows"], served["partitions"], served["partitions_total"]) == (19, 3, 1095)
    assert "parameters" not in served


def test_what_is_refused_leaves_a_line_and_no_audit_line(s3_gateway: Any) -> None:
    assert s3_gateway.get(PATH, {"day": "yesterday"}, X_Request_Id="seen-4").status == 422
    (served,) = wait_for(lambda: lines(s3_gateway, "request-served", "seen-4"))
    assert (served["query"], served["status"], served["error"]) == ("hourly_traffic", 422, "invalid-parameters")
    assert lines(s3_gateway, "audit", "seen-4") == []

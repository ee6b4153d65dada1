"""The headers of a result say what the standards make of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pyarrow as pa
import pytest

from gateway.model import Answer, BoundQuery, CachePolicy, CacheStatus, Reading, Result
from gateway.web.headers import (
    cache_control,
    cache_status,
    deprecation_headers,
    entity_tag,
    outcome,
    proxy_headers,
    reading_headers,
    server_timing,
)


def reading(**given: int) -> Reading:
    counts = {"partitions": 7, "partitions_total": 365, "files": 7, "files_total": 400, "size": 10, "size_total": 900}
    return Reading(table="flights", snapshot="s", listed_at=0.0, **(counts | given))


@pytest.mark.parametrize(
    ("policy", "shared", "expected"),
    [
        (CachePolicy(ttl=300), True, "public, max-age=300"),
        (CachePolicy(ttl=300), False, "private, max-age=300"),
        (
            CachePolicy(ttl=300.9, stale_while_revalidate=60, stale_if_error=86_400),
            True,
            "public, max-age=300, stale-while-revalidate=60, stale-if-error=86400",
        ),
        (CachePolicy(ttl=0), True, "public, max-age=0"),
        (
            CachePolicy(ttl=1, stale_while_revalidate=60, stale_if_error=86_401),
            True,
            "public, max-age=1, stale-while-revalidate=60, stale-if-error=86400",
        ),
        (CachePolicy(ttl=1e18), True, "public, max-age=2147483648"),
        (CachePolicy(enabled=False), False, "private, no-cache"),
    ],
)
def test_freshness_follows_the_policy_of_the_template(policy: CachePolicy, shared: bool, expected: str) -> None:
    assert cache_control(policy, shared=shared, max_stale=86_400) == expected


def test_no_cache_on_the_way_is_told_of_stale_times_where_the_operator_allows_none() -> None:
    policy = CachePolicy(ttl=1, stale_while_revalidate=60, stale_if_error=86_401)
    assert cache_control(policy, shared=True, max_stale=0) == "public, max-age=1"


def answered(policy: CachePolicy) -> Answer:
    query = BoundQuery(name="q", version=1, sql="", normalised="", tables=(), parameters={}, cache=policy)
    result = Result(key="00", table=pa.table({}), columns=(), readings=(), created_at=0.0, seconds=0.0)
    return Answer(query=query, result=result, status=CacheStatus(hit=True), age=0.0, timings={})


def test_the_longest_freshness_is_the_last_instant_that_http_can_name() -> None:
    headers = dict(proxy_headers(answered(CachePolicy(ttl=1e18)), now=0.0))
    assert headers["Expires"] == "Fri, 31 Dec 9999 23:59:59 GMT"


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (CacheStatus(hit=True, ttl=41.7), "query-gateway; hit; ttl=41"),
        (CacheStatus(hit=True, ttl=-1.5), "query-gateway; hit; ttl=-2"),
        (CacheStatus(hit=False, fwd="miss", stored=True, ttl=60), "query-gateway; fwd=miss; stored; ttl=60"),
        (CacheStatus(hit=False, fwd="miss", collapsed=True), "query-gateway; fwd=miss; collapsed"),
        (CacheStatus(hit=False, fwd="bypass"), "query-gateway; fwd=bypass"),
        (CacheStatus(hit=True, detail='a "b" ü\n'), 'query-gateway; hit; detail="a \\"b\\" ??"'),
    ],
)
def test_the_fate_in_the_cache_is_told_in_the_words_of_rfc_9211(status: CacheStatus, expected: str) -> None:
    assert cache_status(status) == expected


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (CacheStatus(hit=True, ttl=5), "hit"),
        (CacheStatus(hit=True, ttl=-5), "stale"),
        (CacheStatus(hit=False, fwd="miss", collapsed=True), "collapsed"),
        (CacheStatus(hit=False, fwd="stale"), "stale"),
        (CacheStatus(hit=False, fwd="uri-miss"), "miss"),
        (CacheStatus(hit=False), "miss"),
    ],
)
def test_metrics_see_the_fate_as_one_of_a_few_words(status: CacheStatus, expected: str) -> None:
    assert outcome(status) == expected


def test_what_was_read_is_summed_over_the_scans() -> None:
    assert dict(reading_headers([reading(), reading(partitions=1)])) == {
        "Gateway-Partitions": "8/730",
        "Gateway-Files": "14/800",
        "Gateway-Bytes": "20/1800",
    }


def test_a_query_without_tables_has_read_nothing() -> None:
    assert dict(reading_headers([]))["Gateway-Files"] == "0/0"


def test_timings_are_in_milliseconds() -> None:
    assert server_timing({"bind": 0.00012, "execute": 1.5}) == "bind;dur=0.120, execute;dur=1500.000"


def test_a_validator_differs_by_key_and_by_everything_that_the_bytes_depend_on() -> None:
    tags = {
        entity_tag("k", "json", "objects", 0, 10),
        entity_tag("l", "json", "objects", 0, 10),
        entity_tag("k", "csv", "objects", 0, 10),
        entity_tag("k", "json", "arrays", 0, 10),
        entity_tag("k", "json", "objects", 10, 10),
        entity_tag("k", "json", "objects", 0, 11),
    }
    assert len(tags) == 6


def test_a_version_that_goes_away_says_since_when_and_until_when() -> None:
    deprecated = datetime(2026, 1, 1, tzinfo=UTC)
    sunset = datetime(2027, 1, 1, 1, tzinfo=timezone(timedelta(hours=1)))
    assert dict(deprecation_headers(deprecated, sunset)) == {
        "Deprecation": "@1767225600",
        "Sunset": "Fri, 01 Jan 2027 00:00:00 GMT",
    }
    assert dict(deprecation_headers(None, None)) == {}

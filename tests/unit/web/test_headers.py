"""The headers of a result say what the standards make of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from gateway.answer import CacheStatus, Outcome
from gateway.model import CachePolicy, Folded, Reading
from gateway.web.headers import (
    cache_control,
    cache_status,
    deprecation_headers,
    entity_tag,
    outcome,
    reading_headers,
    server_timing,
)
from gateway.web.responses import VolatileHeaders


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


@pytest.mark.parametrize(
    ("lifetime", "age", "expected"),
    [
        (None, 1.9, {"Age": "1"}),
        (60.0, 0.5, {"Age": "0", "Expires": "Thu, 01 Jan 1970 00:17:39 GMT", "X-Accel-Expires": "@1059"}),
        (60.0, -5.0, {"Age": "0", "Expires": "Thu, 01 Jan 1970 00:17:45 GMT", "X-Accel-Expires": "@1065"}),
        (1e12, 1e12, {"Age": "2147483648", "Expires": "Thu, 01 Jan 1970 00:16:40 GMT", "X-Accel-Expires": "@1000"}),
        (1e18, 0.0, {"Age": "0", "Expires": "Fri, 31 Dec 9999 23:59:59 GMT", "X-Accel-Expires": "@253402300799"}),
    ],
)
def test_what_changes_with_time_is_written_alike_as_headers_and_as_lines(
    lifetime: float | None, age: float, expected: dict[str, str]
) -> None:
    now = (age, "a", "b", 1000.0)
    volatile = VolatileHeaders(lifetime)
    told = dict(volatile.pairs(*now))
    assert told == expected | {"Cache-Status": "a", "Server-Timing": "b"}
    assert volatile.lines(*now) == "".join(f"{name}: {value}\r\n" for name, value in told.items())


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (CacheStatus(outcome=Outcome.HIT, ttl=41.7), "query-gateway; hit; ttl=41"),
        (CacheStatus(outcome=Outcome.HIT, ttl=-1.5), "query-gateway; hit; ttl=-2"),
        (CacheStatus(outcome=Outcome.MISS, stored=True, ttl=60), "query-gateway; fwd=miss; stored; ttl=60"),
        (CacheStatus(outcome=Outcome.MISS, collapsed=True), "query-gateway; fwd=miss; collapsed"),
        (
            CacheStatus(outcome=Outcome.MISS, stored=True, callers=3, folded=Folded(kept=4, computed=1)),
            'query-gateway; fwd=miss; stored; detail="5 partitions: 4 kept, 1 computed; for 3 requests or more"',
        ),
        (
            CacheStatus(outcome=Outcome.MISS, collapsed=True, callers=2),
            'query-gateway; fwd=miss; collapsed; detail="for 2 requests or more"',
        ),
        (CacheStatus(outcome=Outcome.BYPASS), "query-gateway; fwd=bypass"),
        (CacheStatus(outcome=Outcome.STREAMED, bypass=True), 'query-gateway; fwd=bypass; detail="streamed"'),
        (CacheStatus(outcome=Outcome.TOO_LARGE), 'query-gateway; fwd=miss; detail="too-large"'),
        (CacheStatus(outcome=Outcome.REVALIDATED, ttl=60), 'query-gateway; hit; ttl=60; detail="revalidated"'),
        (
            CacheStatus(outcome=Outcome.STALE_IF_ERROR, error="engine-failed", ttl=-5),
            'query-gateway; fwd=stale; ttl=-5; detail="stale-if-error; engine-failed"',
        ),
        (CacheStatus(outcome=Outcome.HIT, tier='a "b" ü\n'), 'query-gateway; hit; detail="a \\"b\\" ??"'),
    ],
)
def test_the_fate_in_the_cache_is_told_in_the_words_of_rfc_9211(status: CacheStatus, expected: str) -> None:
    assert cache_status(status) == expected


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (CacheStatus(outcome=Outcome.HIT, ttl=5), "hit"),
        (CacheStatus(outcome=Outcome.STALE_WHILE_REVALIDATE, ttl=-5), "stale"),
        (CacheStatus(outcome=Outcome.MISS, collapsed=True), "collapsed"),
        (CacheStatus(outcome=Outcome.STALE_IF_ERROR, error="engine-failed"), "stale"),
        (CacheStatus(outcome=Outcome.STREAMED), "miss"),
        (CacheStatus(outcome=Outcome.STREAMED, bypass=True), "bypass"),
        (CacheStatus(outcome=Outcome.DEFAULT, error="engine-failed"), "miss"),
        (CacheStatus(outcome=Outcome.MISS), "miss"),
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

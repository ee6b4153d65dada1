"""The catalogue as a page: what is found, how fresh it is, how often it is asked, what goes away."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest
from flask.testing import FlaskClient
from sites import OneKey

from gateway.web.catalogue import DAYS, Calls

MakeSite = Callable[..., FlaskClient]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("delays", True),
        ("DELAYS carrier", True),
        ("flights", True),  # the table, and a column of the result
        ("start", True),  # a parameter
        ("nowhere", False),
        ("delays nowhere", False),
    ],
)
def test_a_query_is_found_by_all_words_without_scripts(client: FlaskClient, words: str, found: bool) -> None:
    page = client.get("/docs", query_string={"_q": words})
    assert ("/docs/delays/v2" in page.text) == found


def test_a_table_is_found_by_its_columns(client: FlaskClient) -> None:
    assert "/tables/flights" in client.get("/docs?_q=time_hour").text
    assert "/tables/flights" not in client.get("/docs?_q=time_minute").text


def test_nobody_finds_what_they_may_not_see(make_site: MakeSite) -> None:
    client = make_site(access=OneKey())
    assert "/docs/delays/v2" not in client.get("/docs?_q=delays").text
    shown = client.get("/docs?_q=delays", headers={"X-Api-Key": "k"}).text
    assert ("/docs/delays/v2" in shown, "/tables/flights" in shown) == (True, False)


def test_calls_are_drawn_day_by_day(make_site: MakeSite) -> None:
    asked: list[date] = []

    def calls(since: date) -> dict[str, dict[date, int]]:
        asked.append(since)
        return {"delays": {since: 4, since + timedelta(days=DAYS - 1): 8, since - timedelta(days=1): 100}}

    now = datetime(2026, 6, 30, 12, tzinfo=UTC).timestamp()
    client = make_site(calls=calls, clock=lambda: now)
    shown = client.get("/docs").text
    assert "Calls by day, 8 today" in shown
    assert "</svg> 12</td>" in shown
    client.get("/docs")
    assert asked == [date(2026, 6, 1)]


def test_a_day_with_one_call_among_thousands_is_seen() -> None:
    assert Calls(counts=[0, 1, 5_000]).heights == [0, 1, 20]

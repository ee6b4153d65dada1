"""Relative times: what each means, and what a text that is none is told."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from gateway.query.refused import Refused
from gateway.query.relative import Now, parse

BERLIN, SAO_PAULO, HAVANA, LORD_HOWE, ST_JOHNS = map(
    ZoneInfo, ("Europe/Berlin", "America/Sao_Paulo", "America/Havana", "Australia/Lord_Howe", "America/St_Johns")
)
GREENWICH = ZoneInfo("UTC")


def meant(text: str, now: str, zone: ZoneInfo = GREENWICH, width: float = 1.0) -> str:
    """Say what *text* means at *now*, both with their offsets."""
    moment = datetime.fromisoformat(now)
    return parse(text).at(Now(seconds=moment.timestamp(), width=width), zone).astimezone(zone).isoformat()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("now", "2013-03-13T15:16:17+00:00"),
        ("now-7d", "2013-03-06T15:16:17+00:00"),
        ("now+1h", "2013-03-13T16:16:17+00:00"),
        ("now-90m", "2013-03-13T13:46:17+00:00"),
        ("now-1h-30m", "2013-03-13T13:46:17+00:00"),
        ("now-d", "2013-03-12T15:16:17+00:00"),
        ("now-H", "2013-03-13T14:16:17+00:00"),
        ("now/s", "2013-03-13T15:16:17+00:00"),
        ("now/m", "2013-03-13T15:16:00+00:00"),
        ("now/h", "2013-03-13T15:00:00+00:00"),
        ("now/d", "2013-03-13T00:00:00+00:00"),
        ("now/w", "2013-03-11T00:00:00+00:00"),
        ("now/M", "2013-03-01T00:00:00+00:00"),
        ("now/Q", "2013-01-01T00:00:00+00:00"),
        ("now/y", "2013-01-01T00:00:00+00:00"),
        ("now-7d/d", "2013-03-06T00:00:00+00:00"),
        ("now/d+1d", "2013-03-14T00:00:00+00:00"),
        ("now-1M/M", "2013-02-01T00:00:00+00:00"),
        ("now-1Q/Q", "2012-10-01T00:00:00+00:00"),
        ("now/y-1s", "2012-12-31T23:59:59+00:00"),
        ("now-2012y", "0001-03-13T15:16:17+00:00"),
    ],
)
def test_a_relative_time_is_counted_from_left_to_right(text: str, expected: str) -> None:
    assert meant(text, "2013-03-13T15:16:17.9+00:00") == expected


def test_now_is_rounded_down_to_its_width() -> None:
    assert meant("now-1h", "2013-03-13T15:16:17.9+00:00", width=300.0) == "2013-03-13T14:15:00+00:00"


def test_a_day_that_a_month_lacks_is_its_last() -> None:
    assert meant("now-1M", "2013-03-31T12:00:00+00:00") == "2013-02-28T12:00:00+00:00"
    assert meant("now-1y", "2012-02-29T12:00:00+00:00") == "2011-02-28T12:00:00+00:00"


@pytest.mark.parametrize(
    ("text", "now", "zone", "expected"),
    [
        # Clocks in Berlin go from 02:00 to 03:00 on 31 March, and from 03:00 to 02:00 on 27 October 2013.
        ("now-1d", "2013-03-31T12:00:00+02:00", BERLIN, "2013-03-30T12:00:00+01:00"),
        ("now-24h", "2013-03-31T12:00:00+02:00", BERLIN, "2013-03-30T11:00:00+01:00"),
        ("now-1d", "2013-04-01T02:30:00+02:00", BERLIN, "2013-03-31T03:30:00+02:00"),
        ("now-1d", "2013-10-28T02:30:00+01:00", BERLIN, "2013-10-27T02:30:00+02:00"),
        ("now-0d", "2013-10-27T02:30:00+01:00", BERLIN, "2013-10-27T02:30:00+01:00"),
        ("now/h", "2013-10-27T02:30:00+01:00", BERLIN, "2013-10-27T02:00:00+01:00"),
        ("now/d", "2013-10-27T02:30:00+01:00", BERLIN, "2013-10-27T00:00:00+02:00"),
        ("now/d+1d", "2013-10-27T12:00:00+01:00", BERLIN, "2013-10-28T00:00:00+01:00"),
        ("now/d", "2013-03-09T00:30:00+01:00", BERLIN, "2013-03-09T00:00:00+01:00"),
        # Days in São Paulo began at 01:00 where clocks went from 00:00 to 01:00.
        ("now/d", "2018-11-04T15:00:00-02:00", SAO_PAULO, "2018-11-04T01:00:00-02:00"),
        # Clocks in Havana go from 01:00 to 00:00: midnight comes twice, and the day begins at the first.
        ("now/d", "2018-11-04T00:30:00-05:00", HAVANA, "2018-11-04T00:00:00-04:00"),
        ("now/h", "2018-11-04T00:30:00-05:00", HAVANA, "2018-11-04T00:00:00-05:00"),
        # Clocks on Lord Howe go forward by half an hour, from 02:00 to 02:30.
        ("now/h", "2013-10-06T02:45:00+11:00", LORD_HOWE, "2013-10-06T02:30:00+11:00"),
        # Clocks in St John's went forward at 00:01 until 2011: the hour that then began at 01:01 ended at 02:00.
        ("now/h", "2011-03-13T01:31:00-02:30", ST_JOHNS, "2011-03-13T01:01:00-02:30"),
        ("now/h", "2011-03-13T02:00:00-02:30", ST_JOHNS, "2011-03-13T02:00:00-02:30"),
    ],
)
def test_days_are_those_of_the_zone(text: str, now: str, zone: ZoneInfo, expected: str) -> None:
    assert meant(text, now, zone) == expected


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("now-7x", "'x' is no unit of time: there are s, m, h, d, w, M, Q, y"),
        ("now-7D", "did you mean 'd'?"),
        ("now-7days", "did you mean 'd'?"),
        ("now-2Months", "did you mean 'M'?"),
        ("now/mins", "did you mean 'm'?"),
        ("now/2d", "not a relative time: write it as now-7d, now-1M/M or now+1d/d"),
        ("now/", "not a relative time"),
        ("now-", "not a relative time"),
        ("now - 7d", "did you mean 'now-7d'?"),
        ("NOW-7D", "did you mean 'now-7d'?"),
        ("now 1h", "a + is written %2B in a query string"),
        ("nowadays", "not a relative time"),
        ("now-1.5h", "not a relative time"),
        ("now||/d", "not a relative time"),
        ("now-1234567890d", "not a relative time"),
        ("now" + "-1d" * 9, "not a relative time"),
        ("now" + "-1d" * 99, "longer than the 100 characters"),
    ],
)
def test_a_text_that_is_none_is_told_what_would_be(text: str, told: str) -> None:
    with pytest.raises(Refused) as caught:
        parse(text)
    assert told in str(caught.value)


@pytest.mark.parametrize(
    "text", ["now-999999999y", "now+999999999d", "now-999999999h", "now+8000y/y", "now-2013y", "now+7986y/y+1y"]
)
def test_a_time_beyond_the_calendar_is_refused(text: str) -> None:
    with pytest.raises(Refused, match="outside the years 1 to 9999"):
        meant(text, "2013-03-13T15:16:17+00:00")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("now", "2013-03-13T15:16:18+00:00"),
        ("now-1h", "2013-03-13T15:16:18+00:00"),
        ("now/d", "2013-03-14T00:00:00+00:00"),
        ("now-7d/d", "2013-03-14T00:00:00+00:00"),
        ("now-90m/h", "2013-03-13T15:30:00+00:00"),
        ("now/h-1d", "2013-03-13T16:00:00+00:00"),
        ("now-1M/M", "2013-03-14T00:00:00+00:00"),
        ("now-1h-1d/d", "2013-03-13T15:16:18+00:00"),
    ],
)
def test_a_relative_time_tells_how_long_it_means_the_same(text: str, expected: str) -> None:
    now = Now(seconds=datetime.fromisoformat("2013-03-13T15:16:17.5+00:00").timestamp())
    assert datetime.fromtimestamp(parse(text).until(now, GREENWICH), UTC).isoformat() == expected


def test_an_hour_that_begins_when_clocks_are_put_forward_means_the_same_until_it_ends() -> None:
    now = Now(seconds=datetime.fromisoformat("2011-03-13T01:31:00-02:30").timestamp())
    assert datetime.fromtimestamp(parse("now/h").until(now, ST_JOHNS), UTC).isoformat() == "2011-03-13T04:30:00+00:00"

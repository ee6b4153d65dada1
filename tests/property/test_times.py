"""Times in zones: relative times are those of an independent oracle, and all spellings of a time are one value."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import assume, example, given
from hypothesis import strategies as st

from gateway.canonical import canonical_bytes
from gateway.model import TypedValue
from gateway.query.coerce import format_value
from gateway.query.parameters import Parameter
from gateway.query.refused import Refused
from gateway.query.relative import Now, parse

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
NAMES = """UTC Europe/Berlin America/New_York America/Sao_Paulo America/Havana America/St_Johns Asia/Kolkata
Asia/Kathmandu Australia/Sydney Africa/Cairo Asia/Beirut Pacific/Apia"""
ZONES = st.sampled_from(NAMES.split()).map(ZoneInfo)
ANY = st.datetimes(datetime(1971, 1, 1), datetime(2037, 1, 1), timezones=st.just(UTC))


@st.composite
def near_a_change(draw: st.DrawFn) -> tuple[datetime, ZoneInfo]:
    """Draw a zone and an instant within two days of a change of its clocks, where there is one that year."""
    zone, year = draw(ZONES), draw(st.integers(1971, 2036))
    hours = [datetime(year, 1, 1, tzinfo=UTC) + timedelta(hours=6 * number) for number in range(4 * 365)]
    offsets = [hour.astimezone(zone).utcoffset() for hour in hours]
    changes = [hour for hour, one, other in zip(hours, offsets, offsets[1:], strict=False) if one != other]
    assume(changes)
    return draw(st.sampled_from(changes)) + draw(st.timedeltas(-2 * DAY, 2 * DAY)), zone


MOMENTS = st.tuples(ANY, ZONES) | near_a_change()


def second_of(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)


def at(text: str, moment: datetime, zone: ZoneInfo) -> datetime:
    return parse(text).at(Now(seconds=moment.timestamp()), zone)


@given(MOMENTS, st.sampled_from("smhdw"), st.integers(-500, 500))
def test_a_count_of_fixed_units_is_that_of_aware_arithmetic(
    when: tuple[datetime, ZoneInfo], unit: str, count: int
) -> None:
    moment, zone = when
    found, now = at(f"now{count:+d}{unit}", moment, zone), second_of(moment)
    if unit in "dw" and count:
        # Python adds to what the clocks show.
        assert found == (now.astimezone(zone) + timedelta(days=count * (7 if unit == "w" else 1))).astimezone(UTC)
    elif unit in "smh":
        assert found - now == count * {"s": timedelta(seconds=1), "m": MINUTE, "h": timedelta(hours=1)}[unit]


@given(MOMENTS, st.sampled_from("MQy"), st.integers(-400, 400))
def test_a_count_of_months_keeps_the_day_or_takes_the_last(
    when: tuple[datetime, ZoneInfo], unit: str, count: int
) -> None:
    moment, zone = when
    assume(count != 0)
    before = second_of(moment).astimezone(zone)
    months = before.year * 12 + before.month - 1 + count * {"M": 1, "Q": 3, "y": 12}[unit]
    days = (valid(months // 12, months % 12 + 1, day) for day in range(before.day, 0, -1))
    day = next(found for found in days if found is not None)
    expected = datetime.combine(day, before.time().replace(fold=0), tzinfo=zone)
    assert at(f"now{count:+d}{unit}", moment, zone) == expected.astimezone(UTC)


def valid(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


UNIT_OF = {
    "d": lambda shows: shows.date(),
    "w": lambda shows: shows.isocalendar()[:2],
    "M": lambda shows: (shows.year, shows.month),
    "Q": lambda shows: (shows.year, (shows.month + 2) // 3),
    "y": lambda shows: shows.year,
}


@given(MOMENTS, st.sampled_from(sorted(UNIT_OF)))
@example((datetime(2018, 11, 4, 12, tzinfo=UTC), ZoneInfo("America/Sao_Paulo")), "d")
@example((datetime(2018, 11, 4, 5, 30, tzinfo=UTC), ZoneInfo("America/Havana")), "d")
def test_rounding_finds_the_first_instant_that_the_clocks_show_in_a_unit(
    when: tuple[datetime, ZoneInfo], unit: str
) -> None:
    moment, zone = when
    key = UNIT_OF[unit]
    wanted = key(second_of(moment).astimezone(zone))
    found = at(f"now/{unit}", moment, zone)
    assert found <= moment
    assert key(found.astimezone(zone)) == wanted
    # Clocks differ from one another by half a day, and changes by an hour: nothing before that shows the unit.
    earlier = (found - number * MINUTE for number in range(1, 4 * 60))
    assert all(key(before.astimezone(zone)) != wanted for before in earlier)
    assert key((found - 2 * DAY).astimezone(zone)) != wanted


@given(MOMENTS, st.sampled_from("hms"))
def test_rounding_by_the_clock_goes_back_while_it_shows_the_same(when: tuple[datetime, ZoneInfo], unit: str) -> None:
    moment, zone = when
    shows = second_of(moment).astimezone(zone)
    parts = {"s": {}, "m": {"second": 0}, "h": {"second": 0, "minute": 0}}[unit]
    expected = shows.replace(**parts)  # type: ignore[arg-type]  # keeps the fold, so the offset where it is shown twice
    assume(expected.utcoffset() == shows.utcoffset())
    assert at(f"now/{unit}", moment, zone) == expected.astimezone(UTC)


COUNTED = st.builds(
    lambda sign, count, unit: f"{sign}{count}{unit}",
    st.sampled_from("+-"),
    st.integers(0, 40),
    st.sampled_from("smhdwMQy"),
)
STEPS = st.one_of(COUNTED, st.sampled_from("smhdwMQy").map("/{}".format))
EXPRESSIONS = st.lists(STEPS, max_size=4).map(lambda steps: "now" + "".join(steps)) | st.tuples(
    st.just("") | COUNTED, st.sampled_from("hdwMQy"), st.just("") | COUNTED
).map(lambda parts: f"now{parts[0]}/{parts[1]}{parts[2]}")


@given(
    MOMENTS, EXPRESSIONS, st.sampled_from([1.0, 60.0, 3600.0]), st.lists(st.floats(0, 1, exclude_max=True), max_size=8)
)
def test_a_relative_time_means_the_same_until_it_says(
    when: tuple[datetime, ZoneInfo], text: str, width: float, parts: list[float]
) -> None:
    moment, zone = when
    relative, now = parse(text), Now(seconds=moment.timestamp(), width=width)
    until, value = relative.until(now, zone), relative.at(now, zone)
    assert until > now.seconds
    inside = [now.seconds + (until - now.seconds) * part for part in [*parts, 1 - 1e-9]]
    assert {relative.at(Now(seconds=each, width=width), zone) for each in inside if each < until} <= {value}


@given(MOMENTS)
def test_the_start_of_a_day_means_the_same_all_day(when: tuple[datetime, ZoneInfo]) -> None:
    moment, zone = when
    now = Now(seconds=moment.timestamp())
    until = datetime.fromtimestamp(parse("now/d").until(now, zone), UTC)
    tomorrow = at("now+1d/d", moment, zone)
    changes = moment.astimezone(zone).utcoffset() != tomorrow.astimezone(zone).utcoffset()
    assert until == tomorrow or changes


DECLARED = st.fixed_dictionaries(
    {"type": st.sampled_from(["date", "timestamp", "timestamptz"]), "epoch": st.sampled_from(["ms", "s"])},
    optional={
        "zone": ZONES.map(lambda zone: zone.key),
        "relative": st.sampled_from([True, "1m", "1h"]),
        "bucket": st.sampled_from(["1d", "7d"]),
    },
)


@given(DECLARED, MOMENTS, st.data())
def test_what_is_echoed_asks_the_same(
    declared: dict[str, Any], when: tuple[datetime, ZoneInfo], data: st.DataObject
) -> None:
    moment = when[0]
    declared = {**declared, **({"zone": when[1].key} if "zone" in declared else {})}
    if declared["type"] != "date" and "bucket" in declared:
        declared = {**declared, "bucket": data.draw(st.sampled_from(["1d", "7d", "1h", "5m", "7h", "36h", "45m"]))}
    parameter = Parameter.model_validate(declared)
    now = Now(seconds=moment.timestamp())
    numbers = st.integers(-(10**10), 10**10).map(lambda number: number * (1000 if declared["epoch"] == "ms" else 1))
    given = data.draw(EXPRESSIONS if "relative" in declared else numbers)
    try:
        value = parameter.read(given, now=now)
    except Refused:
        assert any(abs(int(count)) > 100 for count in re.findall("[0-9]+", str(given)))  # out of the calendar
        return
    echo = json.loads(json.dumps(format_value(value)))
    later = Now(seconds=now.seconds + 10**7)
    for again in (parameter.read(echo, now=later), parameter.read([echo], textual=True, now=later)):
        assert key(again, parameter) == key(value, parameter)
    if parameter.relative is not None:
        assert parameter.relative_times(given, now) is not None
        assert parameter.relative_times(echo, now) is None


def key(value: Any, parameter: Parameter) -> bytes:
    return canonical_bytes(TypedValue(value=value, type=parameter.sql_type))


OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(MOMENTS, st.sampled_from(["timestamp", "timestamptz"]), OFFSETS, st.integers(0, 10**8))
def test_every_spelling_of_a_time_is_one_value(
    when: tuple[datetime, ZoneInfo], kind: str, offset: timezone, ago: int
) -> None:
    moment, zone = second_of(when[0]), when[1]
    shared = {"type": kind, "zone": zone.key, "relative": True}
    milliseconds, seconds = (Parameter.model_validate({**shared, "epoch": epoch}) for epoch in ("ms", "s"))
    now = Now(seconds=moment.timestamp() + ago)
    stamp = int(moment.timestamp())
    spelled: list[Any] = [
        f"{moment.replace(tzinfo=None).isoformat()}Z",
        f"{moment.replace(tzinfo=None).isoformat(sep=' ')}.000Z",
        moment.astimezone(offset).isoformat(),
        moment.astimezone(zone).isoformat(timespec="milliseconds"),
        f"now-{ago}s",
        f"now-{ago}s/s",
    ]
    shows = moment.astimezone(zone).replace(tzinfo=None)
    once = shows.replace(tzinfo=zone, fold=0).astimezone(UTC) == shows.replace(tzinfo=zone, fold=1).astimezone(UTC)
    if once or kind == "timestamp":
        spelled.append(shows.isoformat())
    values = [milliseconds.read(text, now=now) for text in [*spelled, stamp * 1000, str(stamp * 1000)]]
    values += [seconds.read(text, now=now) for text in [*spelled, stamp, str(stamp)]]
    expected = shows if kind == "timestamp" else moment
    assert {key(value, seconds) for value in values} == {key(expected, seconds)}


@given(MOMENTS)
def test_a_day_begins_where_its_date_says(when: tuple[datetime, ZoneInfo]) -> None:
    moment, zone = when
    day, instant = (Parameter.model_validate({"type": kind, "zone": zone.key}) for kind in ("date", "timestamptz"))
    shown = moment.astimezone(zone).date()
    begins = instant.read(shown.isoformat())
    assert isinstance(begins, datetime)
    assert day.read(format_value(begins)) == shown
    assert (begins - timedelta(microseconds=1)).astimezone(zone).date() != shown

"""What a template declares of the times that it takes, and what callers are told who write others."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import InvalidParameters, TemplateInvalid
from gateway.query import samples
from gateway.query.compare import Effect, parameter_differences
from gateway.query.parameters import Parameter, bind_parameters
from gateway.query.relative import Now
from gateway.query.template import Template
from gateway.web.schemas import parameter_schema

DOCS = (Path(__file__).parents[3] / "docs" / "templates.md").read_text()
WEDNESDAY = datetime(2013, 3, 13, 15, 16, 17, tzinfo=UTC).timestamp()


def load(declared: str, *more: str) -> Template:
    lines = ["/*", "summary: x", "owner: o", "parameters:", f"  at: {declared}", *more, "*/"]
    text = "\n".join([*lines, "SELECT $at AS at FROM flights"])
    return Template.load(text, path="queries/q/v1.sql", name="q", version=1, tables={"flights"})


def told(declared: str, value: Any) -> str:
    with pytest.raises(InvalidParameters) as caught:
        load(declared).bind({"at": value}, now=WEDNESDAY)
    [error] = caught.value.errors
    assert error["parameter"] == "at"
    return str(error["detail"])


def bound(declared: str, value: Any) -> Any:
    return load(declared).bind({"at": value}, now=WEDNESDAY).parameters["at"].value


def test_the_documented_times_are_what_they_become() -> None:
    section = DOCS.partition("\n## Times")[2]
    declared = re.search("start: ({.*})", section)
    rows = re.findall(r"^\| (`.*`.*) \| `(\S+)` \|$", section, re.MULTILINE)
    assert declared is not None
    spelled = [(text, meant) for texts, meant in rows for text in re.findall("`([^`$]+)`", texts)]
    assert len(spelled) == 6
    for text, meant in spelled:
        assert bound(declared[1], text).isoformat() == meant, text
    assert load(declared[1]).bind({}, now=WEDNESDAY).parameters["at"].value == datetime(2013, 3, 6)


@pytest.mark.parametrize(
    ("declared", "mistake"),
    [
        (
            "{type: timestamp, zone: Europe/Berln}",
            "there is no time zone 'Europe/Berln': did you mean 'Europe/Berlin'?",
        ),
        ("{type: timestamp, zone: ../../etc/passwd}", "there is no time zone"),
        ("{type: timestamp, zone: localtime}", "there is no time zone 'localtime'"),
        ("{type: timestamp, zone: right/UTC}", "there is no time zone"),
        ("{type: timestamp, zone: 5}", "there is no time zone '5'"),
        ("{type: varchar, zone: UTC}", "is for date, timestamp, timestamptz only, not for varchar"),
        ("{type: integer, epoch: ms}", "is for date, timestamp, timestamptz only"),
        ("{type: interval, relative: true}", "is for date, timestamp, timestamptz only"),
        ("{type: timestamp, epoch: millis}", "'millis' is no unit of epoch time: write ms or s"),
        ("{type: timestamp, relative: 1x}", "'1x' is not a duration"),
        ("{type: timestamp, relative: 0s}", "must be true, or a duration above zero"),
        ("{type: timestamp, default: now-7d}", "this parameter takes no relative times"),
        ("{type: timestamp, relative: true, default: now-7x}", "'x' is no unit of time"),
        ("{type: timestamp, relative: true, min: now-7d}", "'now-7d' is not a timestamp"),
        ("{type: timestamptz, zone: Europe/Berlin, min: 2013-03-31T02:30:00}", "is never shown by the clocks"),
    ],
)
def test_a_declaration_that_means_nothing_is_told(declared: str, mistake: str) -> None:
    with pytest.raises(TemplateInvalid) as caught:
        load(declared)
    assert mistake in str(caught.value)


@pytest.mark.parametrize(
    ("declared", "value", "expected"),
    [
        ("{type: timestamp, epoch: ms}", 1363187777123, datetime(2013, 3, 13, 15, 16, 17, 123_000)),
        ("{type: timestamp, epoch: s}", "-1", datetime(1969, 12, 31, 23, 59, 59)),
        ("{type: timestamptz, epoch: ms}", "0", datetime(1970, 1, 1, tzinfo=UTC)),
        ("{type: date, epoch: ms}", 1363217777123, date(2013, 3, 13)),
        ("{type: date, epoch: ms, zone: Asia/Tokyo}", 1363217777123, date(2013, 3, 14)),
        ("{type: date, relative: true, zone: Asia/Tokyo}", "now", date(2013, 3, 14)),
        ("{type: date, zone: Europe/Berlin}", "2013-03-12T23:00:00.000Z", date(2013, 3, 13)),
        ("{type: date, zone: America/Sao_Paulo}", "2018-11-04T03:00:00Z", date(2018, 11, 4)),
        ("{type: date, bucket: 7d, relative: true}", "now", date(2013, 3, 11)),
        ("{type: timestamp, zone: Europe/Berlin}", "2013-10-27T00:30:00Z", datetime(2013, 10, 27, 2, 30)),
        ("{type: timestamp, zone: Europe/Berlin}", "2013-10-27T01:30:00Z", datetime(2013, 10, 27, 2, 30)),
        ("{type: timestamp, relative: 1h}", "now-30m", datetime(2013, 3, 13, 14, 30)),
        ("{type: timestamp, relative: true, bucket: 1h}", "now-30m", datetime(2013, 3, 13, 14)),
        ("{type: timestamptz, zone: Europe/Berlin}", "2013-03-13T16:00", datetime(2013, 3, 13, 15, tzinfo=UTC)),
        ("{type: timestamptz, zone: Europe/Berlin}", "2013-03-13", datetime(2013, 3, 12, 23, tzinfo=UTC)),
        ("{type: timestamptz, zone: America/Sao_Paulo}", "2018-11-04", datetime(2018, 11, 4, 3, tzinfo=UTC)),
        ("{type: timestamptz, zone: Europe/Berlin, bucket: 1d}", "2013-03-13", datetime(2013, 3, 12, 23, tzinfo=UTC)),
        ("{type: timestamptz, bucket: 1d}", "2013-03-13T01:00Z", datetime(2013, 3, 13, tzinfo=UTC)),
        # A bucket whose start the clocks skip starts when they are put forward: in Berlin from 02:00 to 03:00,
        # in St John's from 00:01 to 01:01, in Toronto from 23:30 to 00:30.
        (
            "{type: timestamptz, zone: Europe/Berlin, bucket: 40m}",
            "2013-03-31T03:05",
            datetime(2013, 3, 31, 1, tzinfo=UTC),
        ),
        (
            "{type: timestamptz, zone: Europe/Berlin, bucket: 40m}",
            "2013-03-31T03:00",
            datetime(2013, 3, 31, 1, tzinfo=UTC),
        ),
        (
            "{type: timestamptz, zone: America/St_Johns, bucket: 1h}",
            "2011-03-13T01:31",
            datetime(2011, 3, 13, 3, 31, tzinfo=UTC),
        ),
        (
            "{type: timestamptz, zone: America/Toronto, bucket: 1d}",
            "1919-03-31T00:40",
            datetime(1919, 3, 31, 4, 30, tzinfo=UTC),
        ),
        ("{type: timestamptz, zone: America/Toronto}", "1919-03-31", datetime(1919, 3, 31, 4, 30, tzinfo=UTC)),
        (
            '{type: "list[date]", relative: true}',
            ["now/d", "2013-01-01", "now-1d"],
            [date(2013, 3, 13), date(2013, 1, 1), date(2013, 3, 12)],
        ),
        ("{type: date, relative: true, optional: true}", None, None),
        ("{type: date, relative: true, choices: [2013-03-13]}", "now", date(2013, 3, 13)),
    ],
)
def test_a_declared_form_is_read(declared: str, value: Any, expected: Any) -> None:
    assert bound(declared, value) == expected


@pytest.mark.parametrize("width", ["7m", "40m", "50m", "1h", "2h", "1d", "7d"])
@pytest.mark.parametrize(
    ("zone", "change"),
    [
        ("Europe/Berlin", "2013-03-31T01:00:00+00:00"),
        ("Australia/Lord_Howe", "2013-10-05T15:30:00+00:00"),
        ("America/St_Johns", "2011-03-13T03:31:00+00:00"),
        ("America/Toronto", "1919-03-31T04:30:00+00:00"),
        ("Pacific/Apia", "2011-12-30T10:00:00+00:00"),
    ],
)
def test_where_clocks_are_put_forward_buckets_are_in_order_and_none_begins_after_what_is_in_it(
    zone: str, change: str, width: str
) -> None:
    template = load(f"{{type: timestamptz, zone: {zone}, bucket: {width}}}")

    def start(instant: datetime) -> Any:
        return template.bind({"at": instant.isoformat()}, now=WEDNESDAY).parameters["at"].value

    given = [datetime.fromisoformat(change) + timedelta(minutes=10 * step) for step in range(-200, 201)]
    starts = [start(instant) for instant in given]
    assert starts == sorted(starts)
    assert all(first <= instant for first, instant in zip(starts, given, strict=True))
    assert [start(first) for first in starts] == starts


@pytest.mark.parametrize(
    ("declared", "value", "mistake"),
    [
        (
            "{type: timestamp}",
            "now-7d",
            "'now-7d' is not a timestamp such as 2013-01-31T17:00:00; this parameter takes no",
        ),
        ("{type: date}", "today", "this parameter takes no relative times"),
        ("{type: timestamp, relative: true}", "today", "did you mean 'now/d'?"),
        ("{type: timestamp, relative: true}", "-7d", "did you mean 'now-7d'?"),
        ("{type: timestamp, relative: true}", "7 days", "did you mean 'now-7d'?"),
        ("{type: timestamp, relative: true}", "2013-01-01||-7d", "or a relative time such as now-7d/d"),
        ("{type: timestamp, relative: true}", "now 1h", "%2B"),
        ("{type: timestamp, relative: true}", "now-999999999y", "'now-999999999y' is outside the years 1 to 9999"),
        ("{type: timestamp, relative: true}", "now-7d/d/", "not a relative time"),
        ("{type: timestamp, relative: true}", 1363187777123, "or a relative time such as now-7d/d"),
        ("{type: timestamp, epoch: ms}", "now-7d", "or a whole number of milliseconds since 1970"),
        ("{type: timestamp, epoch: ms}", "1363187777123.5", "a whole number of milliseconds since 1970"),
        ("{type: timestamp, epoch: s}", 1e9, "a whole number of seconds since 1970"),
        ("{type: timestamp, epoch: s}", True, "a whole number of seconds since 1970"),
        ("{type: timestamp, epoch: s}", 10**17, "seconds since 1970 are outside the years 1 to 9999"),
        ("{type: timestamp, epoch: ms}", "9" * 19, "a whole number of milliseconds"),
        ("{type: timestamp, epoch: ms}", 10**400, "a number of many digits milliseconds since 1970"),
        ("{type: timestamp, zone: Asia/Tokyo}", "9999-12-31T23:59:59Z", "outside the years 1 to 9999 in Asia/Tokyo"),
        ("{type: date}", "2013-03-13T00:00:00Z", "has a time zone, but a date has none"),
        ("{type: date, zone: Europe/Berlin}", "2013-03-13T00:00:00Z", "not the start of a day in Europe/Berlin"),
        (
            "{type: timestamptz, zone: Europe/Berlin}",
            "2013-03-31T02:30",
            "is never shown by the clocks of Europe/Berlin",
        ),
        (
            "{type: timestamptz, zone: Europe/Berlin}",
            "2013-10-27T02:30",
            "is twice shown by the clocks of Europe/Berlin",
        ),
        ("{type: date, relative: true, max: 2013-03-12}", "now", "'now' is above the maximum, 2013-03-12"),
        ('{type: "list[date]", relative: true}', ["now/d", "now-7x"], "item 2: 'now-7x'"),
    ],
)
def test_a_form_that_is_not_declared_is_refused_with_those_that_are(declared: str, value: Any, mistake: str) -> None:
    assert mistake in told(declared, value)


def test_relative_times_count_from_one_instant_for_all_parameters() -> None:
    declared = {name: Parameter.model_validate({"type": "timestamp", "relative": True}) for name in "ab"}
    values = bind_parameters(declared, {"a": "now", "b": "now-1s"}, now=Now(seconds=1e9))
    assert [value.value for value in values.values()] == [
        datetime(2001, 9, 9, 1, 46, 40),
        datetime(2001, 9, 9, 1, 46, 39),
    ]


def test_now_is_that_of_the_query_where_it_reads_the_clock() -> None:
    lines = ["/*", "summary: x", "parameters: {at: {type: timestamp, relative: true}}", "cache: {clock: 1h}", "*/"]
    text = "\n".join([*lines, "SELECT now() AS n, $at AS at FROM flights"])
    template = Template.load(text, path="queries/q/v1.sql", name="q", version=1, tables={"flights"})
    query = template.bind({"at": "now-30m"}, now=WEDNESDAY)
    assert query.parameters["at"].value == datetime(2013, 3, 13, 14, 30)
    assert query.until == datetime(2013, 3, 13, 16, tzinfo=UTC).timestamp()


def test_a_question_is_relative_as_long_as_one_of_its_parameters_is() -> None:
    template = load("{type: date, relative: true, default: now-1d}", "examples: [{at: now-7d/d}]")
    assert set(template.bind({}, now=WEDNESDAY).relative) == {"at"}
    assert template.bind({"at": "2013-01-01"}, now=WEDNESDAY).relative == {}
    assert template.bind({"at": ["now/d"]}, textual=True, now=WEDNESDAY).relative["at"].written == ("now/d",)
    assert template.examples == ({"at": "now-7d/d"},)
    assert isinstance(samples.every(template)["at"].value, date)


def test_a_default_is_told_as_it_is_written() -> None:
    declared = load("{type: timestamp, epoch: ms, relative: true, zone: UTC, default: now-7d/d}").parameters["at"]
    schema = parameter_schema(declared, textual=True)
    assert schema["default"] == "now-7d/d"
    assert [form["type"] for form in schema["anyOf"]] == ["string", "integer", "string"]
    patterns = [form["pattern"] for form in schema["anyOf"] if "pattern" in form]
    for text in ("2013-01-01", "2013-01-01T00:00:00Z", "now-7d/d", "now"):
        assert any(re.search(pattern, text) for pattern in patterns), text
    assert not any(re.search(pattern, "now-7x") for pattern in patterns)


@pytest.mark.parametrize(
    ("old", "new", "effect"),
    [
        ("{type: timestamp}", "{type: timestamp, epoch: ms}", Effect.WIDENED),
        ("{type: timestamp, relative: true}", "{type: timestamp}", Effect.BREAKING),
        ("{type: timestamp, epoch: ms}", "{type: timestamp, epoch: s}", Effect.BREAKING),
        ("{type: timestamp}", "{type: timestamp, zone: UTC}", Effect.WIDENED),
        ("{type: timestamp, epoch: ms}", "{type: timestamp, epoch: ms, zone: Asia/Tokyo}", Effect.BREAKING),
        ("{type: timestamp, zone: UTC}", "{type: timestamp, zone: Asia/Tokyo}", Effect.BREAKING),
    ],
)
def test_a_change_of_the_forms_is_a_change_of_the_contract(old: str, new: str, effect: Effect) -> None:
    found = list(parameter_differences(load(old).parameters, load(new).parameters))
    assert [difference.effect for difference in found] == [effect]

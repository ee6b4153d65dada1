"""An interval that is given as a parameter is DuckDB's own INTERVAL of that text, field by field."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.cli import main
from gateway.engine.binding import bind
from gateway.engine.values import from_json, to_json
from gateway.interval import Interval
from gateway.model import TypedValue
from gateway.query.coerce import coerce, format_value
from gateway.query.types import parse_type

SHOWN = "CAST({0} AS VARCHAR), datepart('month', {0}), datepart('day', {0}), datepart('hour', {0}), datepart('us', {0})"
UNITS = ("week", "day", "hour", "minute", "second", "millisecond", "microsecond")
INTERVAL = parse_type("interval")


@st.composite
def texts(draw: st.DrawFn) -> str:
    """Write counts of units in any order, each with its sign, in words that DuckDB reads too."""
    parts = draw(st.lists(st.tuples(st.integers(-1_000, 1_000), st.sampled_from(UNITS)), min_size=1, max_size=7))
    return " ".join(f"{count} {unit}{draw(st.sampled_from(['', 's']))}" for count, unit in parts)


@given(texts())
@example("-1 hour")
@example("36 hours")
@example("1 day -1 hours")
@example("-1 day 25 hours")
@example("0 days")
def test_an_interval_in_words_has_the_fields_that_duckdb_gives_it(text: str) -> None:
    value = coerce(text, INTERVAL)
    assert seen(value) == of_duckdb(text)
    assert seen(from_json(to_json(value))) == seen(coerce(format_value(value), INTERVAL)) == seen(value)


@given(*[st.integers(-1_000, 1_000)] * 5, st.integers(0, 999_999), st.booleans())
def test_an_iso_duration_has_the_fields_of_its_parts(
    weeks: int, days: int, hours: int, minutes: int, seconds: int, micros: int, negative: bool
) -> None:
    text = f"P{weeks}W{days}DT{hours}H{minutes}M{seconds}.{micros:06d}S"
    fraction = -micros if seconds < 0 else micros
    words = [(weeks, "weeks"), (days, "days"), (hours, "hours"), (minutes, "minutes"), (seconds, "seconds")]
    words.append((fraction, "microseconds"))
    sign = -1 if negative else 1
    meant = " ".join(f"{sign * count} {unit}" for count, unit in words)
    assert seen(coerce(f"-{text}" if negative else text, INTERVAL)) == of_duckdb(meant)


def seen(value: object) -> object:
    assert isinstance(value, Interval)
    for given_value, sql in ((value, "$i"), ([value, None], "$i[1]")):
        type_ = "INTERVAL" if given_value is value else "INTERVAL[]"
        typed = {"i": TypedValue(value=given_value, type=type_)}
        text, values = bind(f"SELECT {SHOWN.format(sql)}", ["i"], typed)
        found = duckdb.execute(text, values).fetchone()
        if given_value is value:
            alone = found
    assert found == alone
    return found


def of_duckdb(text: str) -> object:
    literal = f"INTERVAL '{text}'"
    return duckdb.execute(f"SELECT {SHOWN.format(literal)}").fetchone()


@given(texts(), texts())
def test_intervals_are_ordered_as_duckdb_orders_them(one: str, other: str) -> None:
    left, right = coerce(one, INTERVAL), coerce(other, INTERVAL)
    sql = "SELECT a < b, a = b, a >= b FROM (SELECT INTERVAL '{}' AS a, INTERVAL '{}' AS b)"
    assert (left < right, left == right, left >= right) == duckdb.execute(sql.format(one, other)).fetchone()


@pytest.mark.parametrize(
    ("given_text", "answered"),
    [("-1 hour", "PT-1H"), ("36 hours", "PT36H"), ("PT-0.5S", "PT-0.5S"), ("-P1DT1H", "P-1DT-1H"), ("P2W", "P14D")],
)
def test_an_interval_is_answered_as_it_was_given(tmp_path: Path, given_text: str, answered: str) -> None:
    query = tmp_path / "queries" / "q" / "v1.sql"
    query.parent.mkdir(parents=True)
    query.write_text(
        "/*\nsummary: x\nowner: me\nparameters:\n  span: {type: interval, description: x}\n"
        "examples: [{span: P1D}]\n*/\nSELECT $span AS span\n"
    )
    words = ["run", "q", "--param", f"span={given_text}", "--format", "json", "--project", str(tmp_path)]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["data"] == [{"span": answered}]

"""The partials of a window: one identity for the days inside of it, whatever its ends are."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from days import Days, opened
from folders import Files
from folding import content

from gateway.cache.key import question_key
from gateway.model import Principal
from gateway.plan.fold.fold import Fold
from gateway.plan.fold.parts import Whole

FIRST = datetime(2024, 1, 1)
COUNT = "SELECT k, count(*) AS n, avg(i) AS mean FROM t WHERE ts >= $start AND ts < $end GROUP BY k ORDER BY n LIMIT 5"


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Days]:
    """Open a project of 20 days, two files each."""
    files = Files(write(tmp_path_factory.mktemp("days")))
    for day in range(20):
        for part in range(2):
            moments = [FIRST + timedelta(days=day, hours=hour) for hour in range(part, 24, 2)]
            columns = {"ts": moments, "k": [f"k{moment.hour % 5}" for moment in moments], "i": [day] * len(moments)}
            columns["f"] = [-0.0 if day % 2 else 0.0] * len(moments)
            files.put(f"day={moments[0].date()}/{part}.parquet", columns)
    with opened(files.folder) as days:
        yield days


def write(folder: Path) -> Path:
    Files(folder).declare("partitioned_by:\n  - {column: day, transform: day, source: ts}")
    (folder / "gateway.toml").write_text("")
    return folder


def fold(days: Days, sql: str, **given: object) -> Fold:
    _, _, made = days.plan(sql, given)
    assert isinstance(made, Fold), made
    return made


def identities(made: Fold) -> list[str]:
    return [question_key(piece.query, Principal()) + piece.selection.digest().hex() for piece in made.pieces]


def test_a_window_that_slides_by_a_day_shares_all_days_but_that_one(days: Days) -> None:
    one = fold(days, COUNT, start="2024-01-03", end="2024-01-13")
    next_one = fold(days, COUNT, start="2024-01-04", end="2024-01-14")
    assert len(one.pieces) == len(next_one.pieces) == 10
    assert identities(one)[1:] == identities(next_one)[:-1]


def test_a_day_at_the_edge_of_a_window_keeps_the_filter_and_its_parameter(days: Days) -> None:
    made = fold(days, COUNT, start="2024-01-03 06:00:00", end="2024-01-13 18:00:00")
    assert [sorted(piece.query.parameters) for piece in made.pieces] == [["start"], *[[]] * 9, ["end"]]
    inside = fold(days, COUNT, start="2024-01-02 01:00:00", end="2024-01-20")
    assert set(identities(made)[1:-1]) < set(identities(inside))


def test_windows_of_other_texts_around_the_same_partial_share_it(days: Days) -> None:
    one = fold(days, COUNT, start="2024-01-03", end="2024-01-13")
    other = fold(
        days, COUNT.replace("LIMIT 5", "LIMIT 2").replace(">= $start", "> $start"), start="2024-01-02", end="2024-01-13"
    )
    assert set(identities(one)) < set(identities(other))


def test_a_filter_on_a_day_is_left_out_within_it(days: Days) -> None:
    sql = "SELECT count(*) AS n FROM t WHERE ts::DATE BETWEEN $start AND $end AND ts >= $start - INTERVAL 1 DAY"
    made = fold(days, sql, start="2024-01-05", end="2024-01-09")
    assert [piece.query.parameters for piece in made.pieces] == [{}] * 5
    assert days.folded(made).to_pylist() == [{"n": 120}]


def test_a_filter_that_is_null_for_its_parameter_stays(days: Days) -> None:
    sql = "SELECT count(*) AS n FROM t WHERE NOT (ts < $start) OR ts < $end"
    made = fold(days, sql, start=None, end="2024-01-09")
    assert all("end" in piece.query.parameters and "start" in piece.query.parameters for piece in made.pieces)
    assert days.folded(made) == days.whole(made)


def test_the_answer_is_that_of_the_text_and_in_its_total_order(days: Days) -> None:
    given = {"start": "2024-01-03 06:00:00", "end": "2024-01-13 18:00:00"}
    made = fold(days, COUNT, **given)
    bound = COUNT.replace("$start", f"'{given['start']}'").replace("$end", f"'{given['end']}'")
    assert days.folded(made).equals(days.whole(made))
    assert days.folded(made, at_once=True).equals(days.scanned(bound.replace("ORDER BY n", "ORDER BY n, k")))


def test_a_clock_in_the_finish_is_that_of_the_request(days: Days) -> None:
    made = fold(days, "SELECT k, count(*) AS n, now() AS at FROM t GROUP BY k HAVING max(ts) < now()")
    assert days.folded(made).equals(days.whole(made))
    assert all(piece.query.parameters == {} for piece in made.pieces)


def test_partials_cover_the_files_that_were_selected(days: Days) -> None:
    _, plan, made = days.plan(COUNT, {"start": "2024-01-03 06:00:00", "end": "2024-01-13 18:00:00"})
    assert isinstance(made, Fold)
    found = [file for piece in made.pieces for file in piece.selection.versions()]
    assert found == list(plan.scans[0].selection.versions())


@pytest.mark.parametrize(("end", "partitions"), [("2024-01-03", 0), ("2024-01-06", 3)])
def test_few_partitions_are_computed_whole_in_the_same_order(days: Days, end: str, partitions: int) -> None:
    _, plan, made = days.plan(COUNT, {"start": "2024-01-03", "end": end})
    assert isinstance(made, Whole)
    assert plan.scans[0].selection.partitions == partitions
    assert made.statement is not None
    found = days.rows(made.statement(days.gateway.engine.address))
    assert found["k"].to_pylist() == [f"k{number}" for number in (4, 0, 1, 2, 3)][: 5 if partitions else 0]
    assert found.schema.field("mean").type == pa.float64()


@pytest.mark.parametrize(
    ("sql", "reason", "hint"),
    [
        (
            "SELECT variance(f) AS s FROM t",
            "variance() cannot be merged",
            "(sum(x * x) - sum(x) * avg(x)) / (count(x) - 1)",
        ),
        ("SELECT max([i]) AS s FROM t", "max([i]) is a BIGINT[], which is not merged", None),
        ("SELECT f, count(*) AS n FROM t GROUP BY f", "it groups by, counts or lists a DOUBLE", "CAST it AS DECIMAL"),
        ("SELECT list(k) AS l FROM t", "list() without ORDER BY depends on the order", "list(k ORDER BY …)"),
        ("SELECT k, sum(avg(i)) OVER () AS s FROM t GROUP BY k", "it has a window over a DOUBLE", None),
        ("SELECT DISTINCT avg(i) AS a FROM t GROUP BY k", "its DISTINCT is of values that are equal", None),
        ("SELECT avg(DISTINCT i) AS n FROM t", "avg(DISTINCT …) cannot be merged", None),
        ("SELECT any_value(k) AS k FROM t", "any_value() cannot be merged", "min() or max()"),
        ("SELECT k FROM t", "it does not aggregate", None),
    ],
)
def test_what_is_not_folded_says_why(days: Days, sql: str, reason: str, hint: str | None) -> None:
    _, _, made = days.plan(sql)
    assert isinstance(made, Whole)
    assert reason in made.reason
    assert made.hint is None if hint is None else hint in str(made.hint)
    assert made.statement is None


def test_the_least_of_floating_point_numbers_is_one_of_those_that_equal_it(days: Days) -> None:
    made = fold(days, "SELECT k, min(f) AS least, max(f) AS most FROM t GROUP BY k ORDER BY k")
    assert content(days.folded(made)) == content(days.whole(made))
    assert [str(row["least"]) for row in days.whole(made).to_pylist()] == ["0.0"] * 5

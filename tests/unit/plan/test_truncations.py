"""The calls of ``date_trunc`` that are left to the engine; test_engine_results.py has their answers."""

from __future__ import annotations

import pytest

from gateway.model import Column
from gateway.plan.analysis import prepare

TABLE = [Column(name="ts", type="TIMESTAMP"), Column(name="d", type="DATE")]
PARAMETERS = {"day": "DATE", "at": "TIMESTAMP WITH TIME ZONE", "text": "VARCHAR", "days": "DATE[]"}


def rendered(condition: str) -> str:
    sql = f"SELECT 'ä', date_trunc('month', ts) AS m FROM t WHERE {condition}"
    return "t".join(prepare(sql, {"t": TABLE}, {"t": []}, PARAMETERS).pieces)


@pytest.mark.parametrize(
    "condition",
    [
        "date_trunc('month', ts) = DATE '2024-02-01'",
        "(date_trunc ( 'MONTH' , t.ts)) >= ('2024-02-01')",
        "(date_trunc('week', ts) = $day OR d IS NULL) AND d > $day",
        "$day < datetrunc('day', d)",
        "date_trunc('quarter', ts) BETWEEN $day AND CAST($day AS TIMESTAMP)",
        "'2024-02-01 10:00:00.5' BETWEEN date_trunc('year', ts) AND $at",
        "date_trunc('month', ts) = date_trunc('month', $day)",
        "date_trunc('day', ts) = current_date",
        "EXISTS (SELECT 1 FROM t AS u WHERE date_trunc('month', u.ts) = $day)",
    ],
)
def test_a_filter_on_a_truncated_column_is_left_to_the_engine(condition: str) -> None:
    text = rendered(condition)
    assert text.count("system.main.date") == 1
    assert "SELECT 'ä', date_trunc('month', ts) AS m" in text


@pytest.mark.parametrize(
    "condition",
    [
        "date_trunc('month', ts) <> $day",
        "NOT date_trunc('month', ts) = $day",
        "date_trunc('month', ts) NOT BETWEEN $day AND $day",
        "date_trunc('month', ts) BETWEEN SYMMETRIC $day AND $day",
        "date_trunc('month', ts) IS DISTINCT FROM $day",
        "(date_trunc('month', ts) = $day) IS NULL",
        "date_trunc('month', ts) = $day = true",
        "CASE WHEN date_trunc('month', ts) = $day THEN true END",
        "date_trunc('month', ts) = $text",
        "date_trunc('month', ts) = $text::DATE",
        "date_trunc('month', ts) = 'infinity'",
        "date_trunc('month', ts) = TIMESTAMP '-infinity'",
        "date_trunc('month', ts) = DATE '0044-03-01 (BC)'",
        "date_trunc('month', ts) = d",
        "date_trunc('month', ts) = (SELECT max(d) FROM t AS u)",
        "date_trunc('month', ts)::DATE = $day",
        "date_trunc('month', ts + INTERVAL 1 DAY) = $day",
        "date_trunc('month', ts) IN ($day)",
        "date_trunc('month', ts) = ANY($days)",
        "date_trunc('hour', d) = $day",
        "date_trunc('century', d) = $day",
        "$day BETWEEN date_trunc('month', ts) AND date_trunc('month', d)",
        "d > (SELECT date_trunc('month', max(u.ts)) FROM t AS u)",
    ],
)
def test_a_truncation_that_the_engine_could_get_wrong_stays_behind_the_macro(condition: str) -> None:
    assert "system.main" not in rendered(condition)

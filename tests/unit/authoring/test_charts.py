"""What a check says of the chart that a query declares."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.authoring.checked import check_project
from gateway.errors import Rule
from gateway.project.loader import load_project

FLIGHTS = "table: flights\nlocation: data\ncolumns: {origin: VARCHAR, carrier: VARCHAR}\n"
QUERY = """/*
summary: x
owner: me
examples: [{}]
%s
*/
SELECT carrier, origin, count(*) AS flights FROM flights GROUP BY carrier, origin
"""


@pytest.mark.parametrize(
    ("chart", "told"),
    [
        ("chart: {x: carrier, y: flights}", []),
        ("chart: {x: origin, y: carrier, mark: heat}", []),
        ("chart: {x: flights, y: carrier}", []),
        ("chart: {x: carrier, y: flight}", [("5:21 chart: y is 'flight', which is no column of the answer",
                                             "did you mean 'flights'?")]),
        ("chart: {x: n, y: flights, color: 'no'}", [
            ("5:9 chart: x is 'n', which is no column of the answer", "the answer has carrier, origin, flights"),
            ("5:27 chart: color is 'no', which is no column of the answer", "the answer has carrier, origin, flights"),
        ]),
        ("chart:\n  x: Carrier\n  y: flights", [("6:3 chart: x is 'Carrier', which is no column of the answer",
                                                 "did you mean 'carrier'?")]),
        ("chart: {x: flights, y: origin, mark: bar}", [
            ("5:21 chart: y is 'origin', a VARCHAR, and bars are as long as they are: it has to be a number",
             "numbers are flights"),
        ]),
        ("chart: {x: carrier}", [("5:1 chart.y is missing", None)]),
        ("chart: {x: carrier, y: flights, colour: origin}", [("5:33 unknown key 'colour'", "did you mean 'color'?")]),
        ("chart:\n  x: carrier\n  y: flights\n  mark: pie",
         [("8:3 chart.mark: input should be 'line', 'bar', 'point' or 'heat'", None)]),
    ],
)  # fmt: skip
def test_a_mistake_of_a_chart_is_told_where_it_stands(
    tmp_path: Path, chart: str, told: list[tuple[str, str | None]]
) -> None:
    for place, text in (("catalog/flights.yaml", FLIGHTS), ("queries/q/v1.sql", QUERY % chart)):
        (tmp_path / place).parent.mkdir(parents=True)
        (tmp_path / place).write_text(text)
    found = check_project(tmp_path, load_project(tmp_path)).diagnostics
    assert [(f"{each.line}:{each.column} {each.message}", each.hint) for each in found] == told
    assert {each.rule for each in found} <= {Rule.FRONT_MATTER}

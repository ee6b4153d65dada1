"""Calls that the engine may refuse are no faults of the planner: it is asked first."""

from __future__ import annotations

import pytest

from gateway.errors import GatewayError
from gateway.model import Column
from gateway.plan.analysis import prepare
from gateway.query.functions import allowed
from gateway.query.validate import validate

COLUMNS = [Column(name="ts", type="TIMESTAMP"), Column(name="day", type="DATE")]
FORMS = (
    "SELECT {call} AS n FROM t WHERE ts >= $a",
    "SELECT count(*) FROM t WHERE {call} = $a AND ts >= $a",
    "SELECT ts, {call} FROM t GROUP BY ts HAVING {call} > 1 ORDER BY {call} DESC LIMIT 3",
    "SELECT * FROM t WHERE ts IN (SELECT {call} FROM t)",
    "SELECT max({call}) AS n FROM t WHERE ts >= $a",
)


@pytest.mark.parametrize("arguments", ["", "ts"])
@pytest.mark.parametrize("form", FORMS)
def test_a_call_of_too_few_arguments_is_planned_or_refused(form: str, arguments: str) -> None:
    planned = 0
    for name in (*allowed(), "date"):
        sql = form.format(call=f"{name}({arguments})")
        if validate(sql, ["t"], ["a"])[0] is None:
            continue
        try:
            prepare(sql, {"t": COLUMNS}, {"t": ["ts", "day"]}, {"a": "TIMESTAMP"})
        except GatewayError:
            continue
        planned += 1
    assert planned > 100

"""A value that a server takes, echoes or answers means the same to who sent it and who reads it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from events import make_project, put

pytestmark = pytest.mark.gunicorn

RESULT = "/v1/queries/values/v1/result"
QUERY = """/*
summary: What was sent, and a day long ago
parameters:
  f: {type: double, optional: true}
  d: {type: "decimal(18,4)", optional: true}
cache: {ttl: 1h}
*/
SELECT DISTINCT $f AS f, $d AS d, DATE '0044-03-15 (BC)' AS ides, TIMESTAMP '0044-03-15 (BC) 12:00:00' AS noon
FROM events"""


@pytest.fixture(scope="module")
def server(serve_for_module: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Any:
    project = make_project(tmp_path_factory.mktemp("values"), "cache: {ttl: 1h}")
    (project / "queries/values").mkdir()
    (project / "queries/values/v1.sql").write_text(QUERY)
    put(project, range(1), amount=1)
    return serve_for_module(project, workers=1)


@pytest.mark.parametrize(
    ("name", "numeral"),
    [("f", "1e-400"), ("f", "1e400"), ("f", "9007199254740993"), ("f", "0.1000000000000000000001"), ("d", "1e-400")],
)
def test_a_number_that_would_be_changed_is_refused_by_name(server: Any, name: str, numeral: str) -> None:
    replies = [server.get(RESULT, {name: numeral}), server.post(RESULT, f'{{"{name}": {numeral}}}'.encode())]
    for reply in replies:
        assert (reply.status, reply.json()["type"]) == (422, "/errors/invalid-parameters")
        [error] = reply.json()["errors"]
        assert error["parameter"] == name
        assert numeral[:15] in error["detail"]


@pytest.mark.parametrize("numeral", ["0.1", "5e-324", "4.9e-324", "1.7976931348623157e308", "0.10000000000000001"])
def test_a_number_that_is_kept_is_echoed_and_answered_as_itself(server: Any, numeral: str) -> None:
    documents = [server.get(RESULT, {"f": numeral}).json(), server.post(RESULT, f'{{"f": {numeral}}}'.encode()).json()]
    for document in documents:
        assert (document["parameters"]["f"], document["data"][0]["f"]) == (float(numeral), float(numeral))


def test_days_before_christ_have_a_year_that_no_reader_takes_for_another(server: Any) -> None:
    row = server.get(RESULT).json()["data"][0]
    assert (row["ides"], row["noon"]) == ("-000043-03-15", "-000043-03-15T12:00:00")
    text = server.get(RESULT.replace("result", "result.csv")).body.decode()
    assert "-000043-03-15,-000043-03-15T12:00:00" in text
    assert json.loads(server.get(f"{RESULT}.ndjson").body)["ides"] == "-000043-03-15"

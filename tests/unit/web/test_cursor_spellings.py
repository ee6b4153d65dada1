"""A cursor knows the question and not its spelling: generated questions in generated spellings."""

from __future__ import annotations

from datetime import date
from typing import Any
from urllib.parse import urlencode

import pyarrow as pa
import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from spellings import VALUES, documents, texts

from gateway.query.registry import Registry
from gateway.query.template import Template

RESULT = "/v1/queries/rows/v1/result"
KINDS = sorted(VALUES)
NAMES = {f"p{number}": kind for number, kind in enumerate(KINDS)}
TEMPLATE = "\n".join(
    [
        "/*",
        "summary: Rows",
        "parameters:",
        *(f'  {name}: {{type: "{kind}", optional: true}}' for name, kind in NAMES.items()),
        "*/",
        f"SELECT {', '.join(f'${name} AS {name}' for name in NAMES)}, carrier FROM flights",
    ]
)
VALUE_OF = {name: VALUES[kind] for name, kind in NAMES.items()}
QUESTIONS = st.fixed_dictionaries({}, optional=VALUE_OF)


@pytest.fixture
def rows(client: FlaskClient, gateway: Any) -> FlaskClient:
    path = "queries/rows/v1.sql"
    found = Template.load(TEMPLATE, path=path, name="rows", version=1, tables={"flights"})
    gateway.registry = Registry.of([found], today=lambda: date(2026, 1, 1))
    gateway.table = pa.table({"carrier": ["a", "b", "c"], "flights": [1, 2, 3]})
    return client


def ask(client: FlaskClient, data: st.DataObject, question: dict[str, Any], options: dict[str, str]) -> Any:
    """Ask in a drawn spelling: GET or POST, any way to write each value, any order."""
    names = data.draw(st.permutations(list(question)))
    if data.draw(st.booleans()):
        body = {name: data.draw(st.sampled_from(documents(NAMES[name], question[name]))) for name in names}
        return client.post(f"{RESULT}?{urlencode(options)}", json=body)
    given = {name: data.draw(st.sampled_from(texts(NAMES[name], question[name]))) for name in names}
    return client.get(f"{RESULT}?{urlencode({**given, **options}, doseq=True)}")


def cursor_of(response: Any) -> str:
    assert response.status_code == 200, response.json
    return str(response.json["next"].partition("_cursor=")[2])


@given(st.data(), QUESTIONS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)
def test_a_cursor_is_of_every_spelling_of_its_question(
    rows: FlaskClient, data: st.DataObject, question: dict[str, Any]
) -> None:
    cursor = cursor_of(ask(rows, data, question, {"_limit": "1"}))
    page = ask(rows, data, question, {"_cursor": cursor})
    assert (page.status_code, [row["carrier"] for row in page.json["data"]]) == (200, ["b"]), page.json


@given(st.data(), QUESTIONS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)
def test_a_cursor_is_of_the_parameters_as_the_answer_has_them(
    rows: FlaskClient, data: st.DataObject, question: dict[str, Any]
) -> None:
    first = ask(rows, data, question, {"_limit": "1"})
    options = {"_cursor": cursor_of(first)}
    assert rows.post(f"{RESULT}?{urlencode(options)}", json=first.json["parameters"]).status_code == 200
    told = first.headers.get("Gateway-Parameters", "")
    assert rows.get(f"{RESULT}?{told}&{urlencode(options)}").status_code == 200


@given(st.data(), QUESTIONS, st.sampled_from(sorted(NAMES)))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)
def test_a_cursor_is_of_no_other_question(
    rows: FlaskClient, data: st.DataObject, question: dict[str, Any], changed: str
) -> None:
    cursor = cursor_of(ask(rows, data, question, {"_limit": "1"}))
    other = {**question, changed: data.draw(VALUE_OF[changed].filter(lambda value: value != question.get(changed)))}
    page = ask(rows, data, other, {"_cursor": cursor})
    assert (page.status_code, "another question" in page.json["detail"]) == (400, True)

"""Versions that go away, over HTTP: what is said of them before and after, on every kind of answer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from flask.testing import FlaskClient

from gateway.query.registry import Registry
from gateway.query.template import Template
from gateway.telemetry.events import Event, RequestServed

FRONT = """/*
summary: Carriers
parameters: {{top: {{type: integer, default: 3}}}}
{more}
*/
SELECT carrier FROM flights LIMIT $top"""
GOING = "deprecated: 2026-03-01\nsunset: 2026-06-01\nsuccessor: v2"
DEPRECATION, SUNSET = "@1772323200", "Mon, 01 Jun 2026 00:00:00 GMT"
LINK = '</v1/queries/carriers/v2>; rel="successor-version"'
BEFORE, DURING, AFTER = date(2026, 2, 28), date(2026, 5, 31), date(2026, 6, 1)


def version(number: int, more: str = "") -> Template:
    text = FRONT.format(more=more)
    path = f"queries/carriers/v{number}.sql"
    return Template.load(text, path=path, name="carriers", version=number, tables={"flights"})


Open = Callable[..., FlaskClient]


@pytest.fixture
def on(make_site: Callable[..., FlaskClient], gateway: Any) -> Open:
    """Make a client of a site that serves some versions on a certain day."""

    def make(day: date, *versions: Template) -> FlaskClient:
        gateway.registry = Registry.of(versions or [version(1, GOING), version(2)], today=lambda: day)
        return make_site(gateway=gateway)

    return make


def said(headers: Any) -> tuple[str | None, str | None, list[str]]:
    return headers.get("Deprecation"), headers.get("Sunset"), headers.getlist("Link")


@pytest.mark.parametrize("path", ["result", "result.csv", "result.parquet", "explain", "explain?_format=text", ""])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_every_answer_of_a_deprecated_version_says_when_it_goes_and_what_replaces_it(
    on: Open, method: str, path: str
) -> None:
    response = on(DURING).open(f"/v1/queries/carriers/v1/{path}".rstrip("/"), method=method)
    assert (response.status_code, said(response.headers)) == (200, (DEPRECATION, SUNSET, [LINK]))


def test_a_version_says_ahead_when_it_will_be_deprecated(on: Open) -> None:
    assert said(on(BEFORE).get("/v1/queries/carriers/v1/result").headers) == (DEPRECATION, SUNSET, [LINK])


@pytest.mark.parametrize("path", ["result", "explain"])
def test_answers_to_a_post_say_it_too(on: Open, path: str) -> None:
    response = on(DURING).post(f"/v1/queries/carriers/v1/{path}", json={"top": 2})
    assert (response.status_code, said(response.headers)) == (200, (DEPRECATION, SUNSET, [LINK]))


def test_not_modified_says_it_too(on: Open) -> None:
    client = on(DURING)
    tag = client.get("/v1/queries/carriers/v1/result").headers["ETag"]
    response = client.get("/v1/queries/carriers/v1/result", headers={"If-None-Match": tag})
    assert (response.status_code, said(response.headers)) == (304, (DEPRECATION, SUNSET, [LINK]))


def test_a_page_has_the_link_to_the_next_one_beside_it(on: Open) -> None:
    links = on(DURING).get("/v1/queries/carriers/v1/result?_limit=1").headers.getlist("Link")
    assert len(links) == 2
    assert LINK in links


def test_problems_of_a_deprecated_version_say_it_too(on: Open) -> None:
    response = on(DURING).get("/v1/queries/carriers/v1/result?bottom=1")
    assert (response.status_code, said(response.headers)) == (422, (DEPRECATION, SUNSET, [LINK]))


def test_a_version_that_stays_says_nothing(on: Open) -> None:
    assert said(on(DURING).get("/v1/queries/carriers/v2/result").headers) == (None, None, [])


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
@pytest.mark.parametrize("path", ["result", "result.csv", "explain"])
def test_a_retired_version_is_gone_and_names_its_successor(on: Open, method: str, path: str) -> None:
    body = {"json": {}} if method == "POST" else {}
    response = on(AFTER).open(f"/v1/queries/carriers/v1/{path}", method=method, **body)
    assert (response.status_code, said(response.headers)) == (410, (DEPRECATION, SUNSET, [LINK]))
    if method != "HEAD":
        document = response.get_json(force=True)
        assert (document["type"], document["successor"]) == ("/errors/version-retired", "v2")
        assert document["detail"] == "carriers v1 was retired on 2026-06-01. Use v2 instead."


def test_a_retired_version_without_a_successor_names_none(on: Open) -> None:
    response = on(AFTER, version(1, "sunset: 2026-06-01")).get("/v1/queries/carriers/v1/result")
    assert (response.status_code, response.headers.getlist("Link")) == (410, [])
    assert "successor" not in response.get_json(force=True)


def test_the_successor_may_be_another_query(on: Open) -> None:
    response = on(DURING, version(1, "deprecated: 2026-01-01\nsuccessor: ops.carriers/v4")).get(
        "/v1/queries/carriers/v1/result"
    )
    assert response.headers.getlist("Link") == ['</v1/queries/ops.carriers/v4>; rel="successor-version"']


def test_latest_is_the_newest_that_is_not_deprecated(on: Open) -> None:
    versions = [version(1), version(2), version(3, "deprecated: 2026-01-01")]
    response = on(DURING, *versions).get("/v1/queries/carriers/latest/result")
    assert (response.headers["Gateway-Version"], said(response.headers)) == ("2", (None, None, []))


def test_latest_is_the_newest_that_still_answers_where_all_are_deprecated(on: Open) -> None:
    versions = [version(1, "deprecated: 2026-01-01"), version(2, "deprecated: 2026-01-01\nsunset: 2026-02-01")]
    assert on(DURING, *versions).get("/v1/queries/carriers/latest/result").headers["Gateway-Version"] == "1"


def test_latest_is_gone_where_every_version_is_past_its_sunset(on: Open) -> None:
    versions = [version(1, GOING), version(2, "deprecated: 2026-03-01\nsunset: 2026-04-01\nsuccessor: other/v1")]
    response = on(AFTER, *versions).get("/v1/queries/carriers/latest/result")
    assert (response.status_code, response.get_json(force=True)["successor"]) == (410, "other/v1")


@pytest.mark.parametrize(("day", "state"), [(BEFORE, "current"), (DURING, "deprecated"), (AFTER, "retired")])
def test_descriptions_say_in_which_state_a_version_is(on: Open, day: date, state: str) -> None:
    client = on(day)
    described = client.get("/v1/queries/carriers/v1").get_json()
    assert [described[name] for name in ("state", "deprecated", "sunset", "successor")] == [
        state,
        "2026-03-01",
        "2026-06-01",
        "v2",
    ]
    assert [one["state"] for one in client.get("/v1/queries/carriers").get_json()["versions"]] == [state, "current"]


@pytest.mark.parametrize(("day", "state"), [(BEFORE, "current"), (DURING, "deprecated"), (AFTER, "retired")])
def test_the_catalogue_says_in_which_state_the_newest_version_is(on: Open, day: date, state: str) -> None:
    (entry,) = on(day, version(1, GOING)).get("/v1/queries").get_json()["queries"]
    assert entry["state"] == state


@pytest.mark.parametrize(
    ("day", "deprecated", "words"),
    [
        (BEFORE, False, ""),
        (DURING, True, "Deprecated since 2026-03-01, and retired on 2026-06-01. Use v2 instead."),
        (AFTER, True, "Retired since 2026-06-01: answers 410. Use v2 instead."),
    ],
)
def test_the_openapi_document_marks_a_version_that_goes_away(on: Open, day: date, deprecated: bool, words: str) -> None:
    paths = on(day).get("/openapi.json").get_json()["paths"]
    for address in ("result", "explain"):
        assert paths[f"/v1/queries/carriers/v1/{address}"]["get"]["deprecated"] is deprecated
    assert paths["/v1/queries/carriers/v1/result"]["get"]["description"] == words
    assert paths["/v1/queries/carriers/v2/result"]["get"]["deprecated"] is False


def test_the_openapi_document_follows_the_day(on: Open, gateway: Any) -> None:
    client = on(BEFORE)
    client.get("/openapi.json")
    day = [DURING]
    gateway.registry = Registry.of([version(1, GOING)], today=lambda: day[0])
    address = "/v1/queries/carriers/v1/result"
    during = client.get("/openapi.json").get_json()["paths"][address]["get"]["description"]
    day[0] = AFTER
    after = client.get("/openapi.json").get_json()["paths"][address]["get"]["description"]
    assert (during[:10], after[:7]) == ("Deprecated", "Retired")


@pytest.mark.parametrize(
    ("day", "words"),
    [
        (BEFORE, "is deprecated from 2026-03-01 and goes away on 2026-06-01"),
        (DURING, "is deprecated since 2026-03-01 and goes away on 2026-06-01"),
        (AFTER, "is retired since 2026-06-01 and answers no more"),
    ],
)
def test_the_page_of_a_version_says_that_it_goes_away(on: Open, day: date, words: str) -> None:
    page = " ".join(on(day).get("/docs/carriers/v1").text.split())
    assert words in page
    assert '<a href="/docs/carriers/v2">Use v2</a>' in page


def test_the_list_of_queries_marks_those_of_which_no_version_is_current(on: Open) -> None:
    assert '<span class="tag state-failed">retired</span>' in on(AFTER, version(1, GOING)).get("/docs").text
    assert '<span class="tag state-failed">' not in on(AFTER).get("/docs").text


def test_who_still_asks_for_a_retired_version_is_known(on: Open, events: list[Event]) -> None:
    on(AFTER).get("/v1/queries/carriers/v1/result").close()
    (served,) = [event for event in events if isinstance(event, RequestServed)]
    assert (served.query, served.version, served.error) == ("carriers", 1, "version-retired")

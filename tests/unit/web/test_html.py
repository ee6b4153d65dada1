"""Who gets a page and who gets JSON at addresses that have both."""

from __future__ import annotations

from typing import Any

import pytest
from sites import OneKey

from gateway.errors import QueueFull, StorageFailed

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
READERS = ("text/html", "TEXT/HTML, */*;q=0.1", "application/json, text/html")
PROGRAMS = (
    "*/*",
    "application/json",
    "application/json, */*;q=0.1",
    "application/json,text/html;q=0.5",
    "text/*;q=0.1,*/*",
    "text/html;q=0.1,*/*",
    "text/html;q=0, */*",
    "application/json, text/html;q=0.9, text/*",
    None,
)
ADDRESSES = ("/v1/tables", "/v1/tables/flights", "/nowhere", "/v1/queries/nope/v1/result", "/v1/tables/nope")


def get(client: Any, path: str, accept: str | None) -> Any:
    return client.get(path, headers={} if accept is None else {"Accept": accept})


@pytest.mark.parametrize("path", ADDRESSES)
def test_a_browser_gets_a_page_and_a_program_what_it_always_got(path: str, client: Any) -> None:
    shown = get(client, path, BROWSER)
    assert (shown.mimetype, shown.headers["Content-Security-Policy"].startswith("default-src 'none'")) == (
        "text/html",
        True,
    )
    for accept in PROGRAMS:
        told = get(client, path, accept)
        assert told.mimetype in ("application/json", "application/problem+json"), accept
        assert (told.status_code, "Accept" in told.headers["Vary"]) == (shown.status_code, True)
    if shown.status_code >= 400:
        assert get(client, path, "*/*").json["detail"] in shown.text.replace("&#39;", "'").replace("&lt;", "<")


@pytest.mark.parametrize("accept", READERS)
def test_who_likes_html_no_less_than_json_gets_a_page(accept: str, client: Any) -> None:
    assert {get(client, path, accept).mimetype for path in ADDRESSES} == {"text/html"}


def test_a_post_of_a_browser_that_fails_is_told_as_to_a_program(client: Any) -> None:
    assert client.post("/nowhere", headers={"Accept": BROWSER}).mimetype == "application/problem+json"


@pytest.mark.parametrize(
    ("path", "failure", "status", "advice"),
    [
        ("/nowhere", None, 404, "Look for it in the"),
        ("/v1/queries/delays/v2/result?start=x", None, 422, "Correct the values above"),
        ("/v1/tables/flights/partitions", StorageFailed("It is down."), 502, "shows what fails"),
        ("/v1/tables/flights/partitions", QueueFull("Full.", retry_after=7.0), 503, "Wait 7 s, and"),
        ("/v1/tables/flights/partitions", ValueError("A bug."), 500, "Tell the people who run this server"),
    ],
)
def test_a_page_of_a_problem_says_what_to_do(
    client: Any, gateway: Any, path: str, failure: Exception | None, status: int, advice: str
) -> None:
    gateway.catalog.broken = failure
    shown = get(client, path, BROWSER)
    assert shown.status_code == status
    assert advice in shown.text
    retryable = status in (502, 503)
    assert (f'href="{path}">try again</a>' in shown.text) == retryable


def test_who_is_refused_is_told_whose_key_it_is_and_that_another_can_be_entered(make_site: Any) -> None:
    client = make_site(access=OneKey())
    refused = client.delete("/v1/running/1", headers={"X-Api-Key": "k", "Accept": BROWSER})
    assert (refused.status_code, refused.mimetype) == (403, "application/problem+json")
    form = {"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin"}
    shown = client.post("/status/stop", data="id=1", headers={"X-Api-Key": "k", "Accept": BROWSER} | form)
    assert (shown.status_code, shown.mimetype) == (403, "text/html")
    assert "the key of <strong>ana</strong>" in shown.text
    assert 'href="/docs/key"' in shown.text

"""Who gets a page and who gets JSON at addresses that have both."""

from __future__ import annotations

from typing import Any

import pytest

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

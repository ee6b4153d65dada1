"""People see the pages without a key, and with one what its owner may see."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from openapi_spec_validator import OpenAPIV31SpecValidator
from sites import OneKey

from gateway.web.proxies import Proxies, networks

MakeSite = Callable[..., FlaskClient]


@pytest.fixture
def access() -> OneKey:
    return OneKey()


@pytest.fixture
def guarded(make_site: MakeSite, access: OneKey) -> FlaskClient:
    return make_site(access=access)


def enter(client: FlaskClient, key: str, **more: str) -> None:
    assert client.post("/docs/key", data={"key": key, **more}).status_code == 303


def test_pages_are_seen_without_a_key_and_ask_for_one(guarded: FlaskClient) -> None:
    for path in ("/", "/docs", "/docs/key"):
        page = guarded.get(path)
        assert page.status_code == 200
        assert "delays" not in page.text
    assert 'action="/docs/key"' in guarded.get("/docs").text


def test_with_a_key_pages_show_what_its_owner_may_see(guarded: FlaskClient) -> None:
    enter(guarded, "k")
    assert "/docs/delays/v2" in guarded.get("/docs").text
    assert guarded.get("/docs/delays/v2").status_code == 200
    assert guarded.get("/v1/queries/delays/v2/result?start=2013-01-01").status_code == 200
    assert "Key of ana" in guarded.get("/docs").text


def test_the_cookie_is_out_of_reach_of_scripts_and_of_other_sites(make_site: MakeSite, access: OneKey) -> None:
    def cookie(trusted: str, **headers: str) -> set[str]:
        client = make_site(access=access, proxies=Proxies(trusted=networks([trusted])))
        response = client.post("/docs/key", data={"key": "k"}, headers=headers)
        return set(response.headers["Set-Cookie"].split("; "))

    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= cookie("127.0.0.1")
    assert "Secure" not in cookie("127.0.0.1")
    said = {"X-Forwarded-Proto": "https", "X-Forwarded-Prefix": "/data/gw"}
    assert {"Secure", "Path=/data/gw"} <= cookie("127.0.0.1", **said)
    assert {"Secure", "Path=/data/gw"} & cookie("10.0.0.0/8", **said) == set()


def test_a_page_that_needs_a_key_asks_for_it_and_comes_back(guarded: FlaskClient) -> None:
    page = guarded.get("/docs/delays/v2")
    assert (page.status_code, page.mimetype) == (401, "text/html")
    assert 'name="next" value="/docs/delays/v2"' in page.text
    done = guarded.post("/docs/key", data={"key": "k", "next": "/docs/delays/v2"})
    assert done.headers["Location"] == "/docs/delays/v2"


@pytest.mark.parametrize("target", ["https://evil/", "//evil/", "/docs/../v1", "/docs\r\nX: 1", "/v1/queries", ""])
def test_a_person_is_sent_nowhere_else(guarded: FlaskClient, target: str) -> None:
    assert guarded.post("/docs/key", data={"key": "k", "next": target}).headers["Location"] == "/docs"


@pytest.mark.parametrize("key", ["wrong", "x" * 4_000])
def test_a_key_that_is_not_valid_is_not_kept(guarded: FlaskClient, key: str) -> None:
    refused = guarded.post("/docs/key", data={"key": key})
    assert refused.status_code == 401
    assert "Set-Cookie" not in refused.headers
    assert key not in refused.text


def test_a_key_that_is_revoked_later_is_forgotten(guarded: FlaskClient, access: OneKey) -> None:
    enter(guarded, "k")
    access.valid.clear()
    page = guarded.get("/docs")
    assert page.status_code == 401
    assert "not valid" in page.text
    assert guarded.get("/docs").status_code == 200


def test_a_key_can_be_forgotten(guarded: FlaskClient) -> None:
    enter(guarded, "k")
    enter(guarded, "")
    assert "delays" not in guarded.get("/docs").text


def test_another_site_cannot_enter_a_key(guarded: FlaskClient) -> None:
    refused = guarded.post("/docs/key", data={"key": "k"}, headers={"Sec-Fetch-Site": "cross-site"})
    assert refused.status_code == 403


def test_pages_are_kept_for_nobody_else(guarded: FlaskClient) -> None:
    assert guarded.get("/docs").headers["Vary"] == "Accept-Encoding, Authorization, X-Api-Key, Cookie"
    openapi = guarded.get("/openapi.json")
    assert openapi.headers["Cache-Control"] == "private, max-age=60"
    assert "Authorization" in openapi.headers["Vary"]


def test_the_document_describes_only_what_the_caller_may_ask(guarded: FlaskClient) -> None:
    def paths(**headers: str) -> set[str]:
        found = guarded.get("/openapi.json", headers=headers).json
        OpenAPIV31SpecValidator(found).validate()
        return {path for path in found["paths"] if "delays" in path}

    assert paths() == set()
    assert "/v1/queries/delays/v2/result" in paths(**{"X-Api-Key": "k"})
    assert paths() == set()


def test_the_document_says_how_to_show_a_key(guarded: FlaskClient, client: FlaskClient) -> None:
    document = guarded.get("/openapi.json").json
    assert set(document["components"]["securitySchemes"]) == {"bearer", "key"}
    assert document["security"] == [{"bearer": []}, {"key": []}, {}]
    assert "401" in document["paths"]["/v1/queries"]["get"]["responses"]
    assert "securitySchemes" not in client.get("/openapi.json").json["components"]


def test_a_program_that_reads_the_document_with_a_wrong_key_gets_a_problem(guarded: FlaskClient) -> None:
    refused = guarded.get("/openapi.json", headers={"X-Api-Key": "wrong"})
    assert (refused.status_code, refused.mimetype) == (401, "application/problem+json")


def test_where_nobody_needs_a_key_none_is_asked_for(client: FlaskClient) -> None:
    assert client.get("/docs/key").status_code == 404
    assert client.post("/docs/key", data={"key": "k"}).status_code == 404
    assert "/docs/key" not in client.get("/docs").text


def test_a_person_without_a_key_is_told_of_it_on_a_page_at_every_address(guarded: FlaskClient) -> None:
    for path in ("/v1/tables", "/v1/tables/flights", "/v1/queries/delays/v1/result?start=2013-01-01", "/v1/reload"):
        shown = guarded.get(path, headers={"Accept": "text/html,*/*;q=0.8"})
        assert shown.mimetype == "text/html", path
        told = guarded.get(path)
        assert told.status_code == shown.status_code, path


def test_what_a_caller_sends_is_text_on_the_page_of_an_error(guarded: FlaskClient) -> None:
    shown = guarded.get("/docs/<script>alert(1)</script>/v1", headers={"Accept": "text/html"})
    assert "<script>alert" not in shown.text

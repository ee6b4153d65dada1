"""Pages on other origins: which may read answers, which may show pages of the gateway, and how settings say so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sites import OneKey

from gateway.config import load_settings
from gateway.errors import SettingsInvalid
from gateway.query.registry import Registry
from gateway.settings import Settings
from gateway.web.openapi import openapi_document
from gateway.web.origins import EXPOSED, Cors

MakeSite = Callable[..., FlaskClient]
DASH = "https://dash.example"
RESULT = "/v1/queries/delays/v2/result?start=2013-01-01"
PATHS = (
    "/", "/docs", "/docs/delays/v2", "/docs/key", "/errors/not-found", "/openapi.json", "/v1/queries", "/healthz",
    "/readyz", "/metrics", RESULT, RESULT.replace("?", ".csv?"), "/v1/queries/delays/v9",
    "/v1/queries/nobody", "/v1/queries/delays/v2/result", "/v1/queries/delays/v2/result?x=1", "/v1/tables/flights",
    "/v1//queries", "/nothing",
)  # fmt: skip


@pytest.fixture
def dash(make_site: MakeSite) -> FlaskClient:
    return make_site(cors=Cors(origins=frozenset({DASH, "http://localhost:3000"})))


def cross(headers: Any) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower().startswith("access-control-")}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "OPTIONS"])
def test_an_allowed_origin_may_read_whatever_is_answered(dash: FlaskClient, path: str, method: str) -> None:
    for origin in (DASH, "http://localhost:3000"):
        response = dash.open(path, method=method, headers={"Origin": origin})
        assert cross(response.headers) == {
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Allow-Credentials": "true",
            "Access-Control-Expose-Headers": ", ".join(EXPOSED),
        }
        assert "Origin" in response.vary


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "origin",
    [None, "https://evil.example", "http://dash.example", "https://dash.example:8443", "https://sub.dash.example",
     "null", "https://dash.example.evil.example", "HTTPS://DASH.EXAMPLE", "https://dash.example/", "*", "",
     "https://dash.example, https://dash.example"],
)  # fmt: skip
def test_a_refused_origin_gets_nothing(dash: FlaskClient, path: str, origin: str | None) -> None:
    for method in ("GET", "OPTIONS"):
        headers = {} if origin is None else {"Origin": origin, "Access-Control-Request-Method": "GET"}
        response = dash.open(path, method=method, headers=headers)
        assert cross(response.headers) == {}
        assert "Origin" in response.vary


@pytest.mark.parametrize("path", PATHS)
def test_without_origins_nothing_is_said_of_them(make_site: MakeSite, path: str) -> None:
    response = make_site().get(path, headers={"Origin": DASH})
    assert cross(response.headers) == {}
    assert "Origin" not in response.vary


@pytest.mark.parametrize("path", PATHS)
def test_every_origin_gets_the_same(make_site: MakeSite, path: str) -> None:
    client = make_site(cors=Cors(origins=frozenset({"*"})))
    for headers in ({}, {"Origin": DASH}, {"Origin": "null"}):
        response = client.get(path, headers=headers)
        assert cross(response.headers) == {
            "Access-Control-Allow-Origin": "*",
            "Access-Control-Expose-Headers": ", ".join(EXPOSED),
        }
        assert "Origin" not in response.vary


def test_a_304_may_be_read_too(dash: FlaskClient) -> None:
    for path in (RESULT, "/openapi.json"):
        tag = dash.get(path).headers["ETag"]
        response = dash.get(path, headers={"Origin": DASH, "If-None-Match": tag})
        assert (response.status_code, response.headers["Access-Control-Allow-Origin"]) == (304, DASH)


@pytest.mark.parametrize("path", ["/v1/queries/delays/v2/result", "/v1/queries/nobody", "/nothing", "/v1/cache"])
def test_a_preflight_shows_no_key(make_site: MakeSite, path: str) -> None:
    client = make_site(access=OneKey(), cors=Cors(origins=frozenset({DASH})))
    assert client.options(path, headers={"Origin": DASH}).status_code in (401, 404, 200)
    asked = {"Origin": DASH, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    response = client.options(path, headers=asked)
    assert (response.status_code, response.data) == (204, b"")
    allowed = {name.strip().lower() for name in response.headers["Access-Control-Allow-Headers"].split(",")}
    assert {"authorization", "x-api-key", "content-type", "if-none-match", "request-timeout", "range"} <= allowed
    assert response.headers["Access-Control-Allow-Methods"] == "GET, HEAD, POST"
    assert response.headers["Access-Control-Allow-Origin"] == DASH


def test_who_shows_no_key_can_read_that_one_is_wanted(make_site: MakeSite) -> None:
    client = make_site(access=OneKey(), cors=Cors(origins=frozenset({DASH})))
    response = client.get(RESULT, headers={"Origin": DASH})
    assert (response.status_code, response.headers["Access-Control-Allow-Origin"]) == (401, DASH)
    response = client.get(RESULT, headers={"Origin": DASH, "Authorization": "Bearer k"})
    assert (response.status_code, response.headers["Access-Control-Allow-Origin"]) == (200, DASH)


SAFELISTED = {"cache-control", "content-language", "content-length", "content-type", "expires", "last-modified"}
"""What scripts may read of any answer (Fetch standard)."""


@pytest.mark.parametrize("path", PATHS)
def test_scripts_may_read_all_that_is_said(dash: FlaskClient, path: str) -> None:
    exposed = {name.lower() for name in EXPOSED} | SAFELISTED
    hidden = {"content-security-policy", "referrer-policy", "x-content-type-options", "x-accel-expires", "location"}
    response = dash.get(path, headers={"Origin": DASH, "Accept-Encoding": "gzip"})
    told = {name.lower() for name in dict(response.headers)} - set(map(str.lower, cross(response.headers)))
    assert told - exposed - hidden == set()


def test_scripts_may_read_the_headers_that_the_document_lists() -> None:
    registry = Registry.of([])
    document = openapi_document(registry, [], title="", root="/", guarded=False)
    listed = {name.lower() for name in document["components"]["headers"]}
    assert listed - {name.lower() for name in EXPOSED} - SAFELISTED == set()


def test_pages_are_shown_in_frames_of_the_origins_that_are_named(make_site: MakeSite) -> None:
    for path in ("/", "/docs", "/docs/delays/v2", "/errors/not-found"):
        policy = make_site().get(path).headers["Content-Security-Policy"]
        assert policy.endswith("; frame-ancestors 'none'")
        policy = make_site(embed=("https://wiki.example", "http://b:1")).get(path).headers["Content-Security-Policy"]
        assert policy.endswith("; frame-ancestors https://wiki.example http://b:1")


# Settings


def load(folder: Path, text: str, **environment: str) -> Settings:
    (folder / "gateway.toml").write_text(text)
    return load_settings(folder, environment)


@pytest.mark.parametrize("setting", ["cors", "embed"])
@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("https://dash.example/", "write https://dash.example"),
        ("https://dash.example/app", "write https://dash.example"),
        ("https://dash.example:8443/a?b", "write https://dash.example:8443"),
        ("dash.example", "write https://dash.example"),
        ("localhost:3000", "write https://localhost:3000"),
        ("https://*.dash.example", "write each origin"),
        ("*.dash.example", "write each origin"),
        ("https://*", "write each origin"),
        ("null", "an address of its own"),
        ("ftp://dash.example", "write scheme, host"),
        ("https://user@dash.example", "write scheme, host"),
        ("https://dash.example:99999", "write scheme, host"),
        ("https://dash.example:", "write scheme, host"),
        ("https://", "write scheme, host"),
        ("https://d\u00e4sh.example", "in ASCII"),
        ("https://a.example;script-src", "write scheme, host"),
        ("", "write scheme, host"),
    ],
)
def test_what_is_no_origin_is_refused(tmp_path: Path, setting: str, written: str, told: str) -> None:
    with pytest.raises(SettingsInvalid) as refused:
        load(tmp_path, f'[server]\n{setting} = ["https://a.example", "{written}"]\n')
    [diagnostic] = refused.value.diagnostics
    assert (diagnostic.path, diagnostic.line) == ("gateway.toml", 2)
    assert f"server.{setting}" in diagnostic.message
    assert told in diagnostic.message


def test_all_that_are_no_origins_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid) as refused:
        load(tmp_path, '[server]\ncors = ["https://a.example", "https://b.example/", "c.example"]\n')
    [diagnostic] = refused.value.diagnostics
    assert "write https://b.example; 'c.example' is no origin" in diagnostic.message


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("https://Dash.Example", "https://dash.example"),
        ("https://dash.example:443", "https://dash.example"),
        ("http://dash.example:443", "http://dash.example:443"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_origins_are_read_as_browsers_write_them(tmp_path: Path, written: str, read: str) -> None:
    assert load(tmp_path, f'[server]\ncors = ["{written}"]\nembed = ["{written}"]\n').server.cors == (read,)


def test_the_environment_lists_origins_with_spaces_or_commas_between_them(tmp_path: Path) -> None:
    for text in ("https://a.example http://b:1", "https://a.example,http://b:1", " https://a.example , http://b:1 "):
        settings = load(tmp_path, "", GATEWAY_SERVER_CORS=text, GATEWAY_SERVER_EMBED=text)
        assert settings.server.cors == settings.server.embed == ("https://a.example", "http://b:1")
    assert load(tmp_path, "", GATEWAY_SERVER_CORS="").server.cors == ()


@pytest.mark.parametrize("text", ['cors = ["*", "https://a.example"]', 'embed = ["*"]'])
def test_every_origin_stands_alone_and_embeds_nothing(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsInvalid):
        load(tmp_path, f"[server]\n{text}\n")
    assert load(tmp_path, '[server]\ncors = ["*"]\n').server.cors == ("*",)


def test_every_origin_and_keys_exclude_each_other(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid) as refused:
        load(tmp_path, '[server]\ncors = ["*"]\n[access]\nrequired = true\n')
    [diagnostic] = refused.value.diagnostics
    assert (diagnostic.path, diagnostic.line) == ("gateway.toml", 2)
    assert diagnostic.message.startswith("server.cors: ")
    assert diagnostic.hint == 'list the origins: cors = ["https://dash.example"]'
    with pytest.raises(SettingsInvalid, match=r"environment GATEWAY_SERVER_CORS: server\.cors"):
        load(tmp_path, "[access]\nrequired = true\n", GATEWAY_SERVER_CORS="*")

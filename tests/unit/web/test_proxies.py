"""The prefix under which clients see the gateway, and who is believed to know it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

import gateway.web
from gateway.web.proxies import OWN, Proxies, below, clean_prefix, networks, read_networks, read_root_path

MakeSite = Callable[..., FlaskClient]
RESULT = "/v1/queries/delays/v2/result?start=2013-01-01&_limit=1"
PATHS = (
    "/", "/docs", "/docs/delays", "/docs/delays/v1", "/docs/delays/v2", "/errors/not-found", "/openapi.json",
    "/v1/queries", "/v1/queries/delays", "/v1/queries/delays/v1", "/v1/queries/delays/latest", "/v1/queries/delays/v9",
    RESULT,
    RESULT.replace("v2", "latest"), RESULT.replace("?", ".csv?"), "/v1/queries/delays/v1/result",
    "/v1/queries/delays/v2/result", "/v1/queries/delays/v2/exports", "/v1/queries/delays/v2/exports/1",
    "/v1/tables", "/v1/tables/flights", "/v1/tables/flights/partitions?_limit=1",
    "/v1/tables/flight", "/v1/datasets/flights", "/v1/datasets/flights/builds", "/v1/datasets/flights/builds/1",
    "/v1/datasets/flights/versions", "/v1/datasets/flights/versions/v1",
    "/v1//queries", "/nothing", "/learn", "/tables", "/tables/flights", "/datasets", "/status",
    "/datasets/flights",
)  # fmt: skip
TELL_NO_ADDRESSES = {
    "datasets.all_datasets",  # the project has none
    "explain.explain", "operations.alive", "operations.ready", "keys.key", "pages.static", "prometheus_metrics",
    "running.running", "splits.split", "tables.snapshots",
}  # fmt: skip
WEB = Path(gateway.web.__file__).parent
HEADERS = ("Link", "Location", "Content-Location")
ADDRESSES = {"url", "next", "result_url", "explain_url", "partitions_url", "table_url", "type"}
"""Members of documents that are addresses; ``type`` also names types of columns."""


def members(document: Any) -> Iterator[str]:
    if isinstance(document, dict):
        for name, value in document.items():
            if name in ADDRESSES and isinstance(value, str) and value.startswith("/"):
                yield value
            else:
                yield from members(value)
    elif isinstance(document, list):
        for value in document:
            yield from members(value)


def addresses(client: FlaskClient, path: str, **headers: str) -> list[str]:
    """Return every address of the gateway that an answer names."""
    response = client.get(path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    found = [value.strip("<").partition(">")[0] for name in HEADERS for value in response.headers.getlist(name)]
    if "json" in response.mimetype:
        document = json.loads(response.text)
        found += [server["url"].rstrip("/") for server in document.pop("servers", [])]
        found += members({} if "openapi" in document else document)
    elif response.mimetype == "text/html":
        found += re.findall(r'(?:href|src|action|data-result|data-explain)="([^"#]+)"', response.text)
    return found


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("asked", ["{}", "/data/gw{}"])
@pytest.mark.parametrize("accept", ["*/*", "text/html,*/*;q=0.8"])
def test_every_address_that_is_told_has_the_prefix(make_site: MakeSite, path: str, asked: str, accept: str) -> None:
    plain = addresses(make_site(), path, Accept=accept)
    assert plain or path.endswith("start=2013-01-01")
    expected = [f"/data/gw{address}" for address in plain]
    configured = make_site(proxies=Proxies(root_path="/data/gw"))
    found = addresses(configured, asked.format(path), Accept=accept)
    assert [unsigned(each) for each in found] == list(map(unsigned, expected))
    told = make_site(proxies=Proxies(trusted=networks(["127.0.0.0/8"])))
    for prefix in ("/data/gw", "/data/gw/", "/elsewhere, /data/gw"):
        found = addresses(told, asked.format(path), Accept=accept, X_Forwarded_Prefix=prefix)
        assert [unsigned(each) for each in found] == list(map(unsigned, expected))


def test_every_address_of_the_gateway_is_among_those_that_are_asked(client: FlaskClient) -> None:
    routes = client.application.url_map.bind("localhost", "/")
    asked = {routes.match(path.partition("?")[0])[0] for path in PATHS if path not in ("/v1//queries", "/nothing")}
    readable = {rule.endpoint for rule in client.application.url_map.iter_rules() if "GET" in (rule.methods or ())}
    assert readable - asked == TELL_NO_ADDRESSES


def test_no_address_is_written_into_a_page_or_a_script() -> None:
    written = re.compile(r"""(?:href|src|action)=["']/|(?:fetch|URL)\(["'`]/|url\(["']?/""")
    files = [path for folder in ("templates", "static") for path in (WEB / folder).iterdir()]
    assert len(files) > 8
    assert [path.name for path in files if written.search(path.read_text())] == []


def unsigned(address: str) -> str:
    """Leave out the cursor of an address."""
    return address.partition("_cursor=")[0]


@pytest.mark.parametrize("path", PATHS)
def test_nobody_else_is_believed(make_site: MakeSite, path: str) -> None:
    said = {"X_Forwarded_Prefix": "/evil", "X_Forwarded_Host": "evil.example", "X_Forwarded_Proto": "https"}
    plain = addresses(make_site(), path)
    for trusted in ((), networks(["10.0.0.0/8", "::1"])):
        client = make_site(proxies=Proxies(trusted=trusted))
        assert addresses(client, path, **said) == plain
        assert "evil" not in client.get(path, headers={"X-Forwarded-Host": "evil.example"}).text


@pytest.mark.parametrize(
    "prefix", ["//evil.example", "data/gw", "/a//b", "/a/../b", "/a/./b", "/a?b", "/a#b", "/a b", '/"><script>', "/é",
               "https://evil.example/", "/a/%2e%2e/b", "\\evil", "/" + "a" * 300, ""],
)  # fmt: skip
def test_what_is_no_prefix_is_not_taken_for_one(make_site: MakeSite, prefix: str) -> None:
    client = make_site(proxies=Proxies(root_path="/data/gw", trusted=networks(["127.0.0.1"])))
    said = client.get("/docs", headers={"X-Forwarded-Prefix": prefix.encode().decode("latin-1")})
    assert 'href="/data/gw/docs"' in said.text


def test_the_slash_alone_is_a_prefix_of_nothing(make_site: MakeSite) -> None:
    client = make_site(proxies=Proxies(root_path="/data/gw", trusted=networks(["127.0.0.1"])))
    assert 'href="/docs"' in client.get("/docs", headers={"X-Forwarded-Prefix": "/"}).text


def test_the_command_of_the_first_page_has_the_address_that_the_client_used(make_site: MakeSite) -> None:
    client = make_site(proxies=Proxies(trusted=networks(["127.0.0.1"])))
    said = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "data.example:8443", "X-Forwarded-Prefix": "/gw"}
    assert "https://data.example:8443/gw/v1/queries/delays/v2/result?" in client.get("/", headers=said).text
    odd = {"X-Forwarded-Proto": "javascript", "X-Forwarded-Host": "a b"}
    assert "http://localhost/v1/queries/delays/v2/result?" in client.get("/", headers=odd).text


def test_a_page_says_on_what_its_answer_depends(make_site: MakeSite) -> None:
    client = make_site(proxies=Proxies(trusted=networks(["10.0.0.1"])))
    for path in (RESULT, "/openapi.json", "/docs", "/nothing"):
        assert "X-Forwarded-Prefix" in client.get(path).headers["Vary"]
        assert "X-Forwarded-Prefix" not in make_site().get(path).headers.get("Vary", "")


def test_a_document_is_made_for_each_prefix(make_site: MakeSite) -> None:
    client = make_site(proxies=Proxies(trusted=networks(["127.0.0.1"])))
    for prefix in ("/a", "/b", "/a", None):
        headers = {} if prefix is None else {"X-Forwarded-Prefix": prefix}
        document = client.get("/openapi.json", headers=headers).json
        assert document["servers"] == [{"url": prefix or "/"}]


@pytest.mark.parametrize(
    ("peer", "believed"),
    [
        ("10.1.2.3", True),
        ("::ffff:10.1.2.3", True),
        ("fd00::7", True),
        ("fe80::1%eth0", True),
        ("11.1.2.3", False),
        ("::1", False),
        ("", False),
        ("nobody", False),
        (None, False),
    ],
)
def test_a_peer_is_believed_by_its_address(peer: str | None, believed: bool) -> None:
    proxies = Proxies(trusted=networks(["10.0.0.0/8", "fd00::/8", "fe80::/10"]))
    assert proxies.trusts(peer) is believed


@pytest.mark.parametrize("text", ["10.0.0.1/8", "proxy.example", "*", "10.0.0.0-10.0.0.9", "300.1.1.1", "10.0.0.1:80"])
def test_what_is_no_network_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no address and no network"):
        read_networks([text])


@pytest.mark.parametrize("text", ["data/gw", "//data", "/data/../gw", "/data gw", "https://data.example/gw", "/a%20b"])
def test_what_is_no_root_path_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write /data/gw"):
        read_root_path(text)


SEGMENTS = st.text("ab0._~-", min_size=1, max_size=5).filter(lambda text: text not in (".", ".."))
PREFIXES = st.lists(SEGMENTS, max_size=4).map(lambda parts: "".join(f"/{part}" for part in parts))
TARGETS = st.text("/ab?=._", max_size=12).map(lambda text: f"/{text}")


@given(prefix=PREFIXES, target=TARGETS)
def test_a_prefix_is_taken_off_where_it_stands(prefix: str, target: str) -> None:
    assert clean_prefix(prefix) == clean_prefix(f"{prefix}/") == prefix
    assert below(f"{prefix}{target}", prefix) == target
    assert below(target, prefix).startswith("/")
    if not target.startswith(prefix):
        assert below(target, prefix) == target


@pytest.mark.parametrize("segment", sorted(OWN))
@pytest.mark.parametrize("below_it", ["", "/gw"])
def test_a_prefix_that_begins_like_an_address_of_the_gateway_hides_none(
    make_site: MakeSite, segment: str, below_it: str
) -> None:
    prefix = f"/{segment}{below_it}"
    asked = ("/v1/queries", "/docs", "/tables", "/tables/flights", "/datasets", "/status", "/errors/not-found")
    client = make_site(proxies=Proxies(root_path=prefix))
    assert [client.get(path).status_code for path in asked] == [200] * len(asked)
    assert f'href="{prefix}/docs"' in client.get("/docs").text


def test_the_own_addresses_are_those_that_are_answered(make_site: MakeSite) -> None:
    rules = make_site(dev=True).application.url_map.iter_rules()
    assert {str(rule).split("/")[1] for rule in rules} - {""} == OWN

"""The pages: they load nothing from elsewhere, and nothing of a template can become markup."""

from __future__ import annotations

import gzip
import re
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from gateway.query.registry import Registry
from gateway.query.template import Template
from gateway.web import pages
from gateway.web.problems import kinds

PAGES = ["/", "/docs", "/docs/delays/v2", "/docs/delays/latest", "/docs/delays/v1", "/errors/not-found"]


@pytest.mark.parametrize("path", PAGES)
def test_a_page_loads_nothing_from_another_host(client: FlaskClient, path: str) -> None:
    response = client.get(path)
    assert (response.status_code, response.mimetype) == (200, "text/html")
    policy = response.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert "unsafe" not in policy
    assert re.findall(r"""(?:src|href|action)=["'](?!/|\#)""", response.text) == []
    assert re.search(r"<script(?![^>]*src=)|<style|\son\w+=|\sstyle=", response.text) is None


@pytest.mark.parametrize("path", PAGES)
def test_what_a_page_loads_is_there(client: FlaskClient, path: str) -> None:
    for found in re.findall(r'(?:src|href)="(/static/[^"]+)"', client.get(path).text):
        assert client.get(found).status_code == 200, found


@pytest.mark.parametrize("path", PAGES)
def test_what_a_page_loads_is_kept_for_good_at_its_address_and_asked_for_anew_at_others(
    client: FlaskClient, path: str
) -> None:
    named = set(re.findall(r'(?:src|href)="(/static/[^"]+)"', client.get(path).text))
    [build] = {address.split("/")[2] for address in named}
    for address in named:
        reply = client.get(address)
        assert reply.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        for other in (address.replace(f"/{build}", ""), address.replace(build, "0" * 16)):
            same = client.get(other)
            assert (same.data, same.headers["Cache-Control"]) == (reply.data, "no-cache")


def test_all_that_pages_load_is_small_and_unchanged(client: FlaskClient) -> None:
    """Libraries are the files of their npm packages: their digests are those of the versions in their names."""
    files = Path(pages.__file__).parent / "static"
    packed = [client.get(f"/static/{path.name}", headers={"Accept-Encoding": "gzip"}).data for path in files.iterdir()]
    assert sum(map(len, packed)) < 350_000
    digests = {path.name: sha256(path.read_bytes()).hexdigest()[:16] for path in files.glob("*.min.js")}
    assert digests == {"d3-7.9.2.min.js": "912111098ea99503", "plot-0.6.17.umd.min.js": "4358086467740777"}
    assert {path.name for path in files.glob("*-LICENSE.txt")} == {"d3-LICENSE.txt", "plot-LICENSE.txt"}


def test_a_packed_file_is_the_file(client: FlaskClient) -> None:
    plain = client.get("/static/site.css")
    packed = client.get("/static/site.css", headers={"Accept-Encoding": "gzip"})
    assert (packed.headers["Content-Encoding"], packed.headers["Vary"]) == ("gzip", "Accept-Encoding")
    assert gzip.decompress(packed.data) == plain.data
    assert packed.headers["ETag"] != plain.headers["ETag"]
    again = client.get("/static/site.css", headers={"Accept-Encoding": "gzip", "If-None-Match": packed.headers["ETag"]})
    assert again.status_code == 304


LARGE = ["/docs/delays/v2", "/learn", "/docs/delays/v9", "/v1/queries/delays/v2", "/v1/tables/flights"]


@pytest.mark.parametrize("accept", ["text/html", "application/json"])
@pytest.mark.parametrize("path", LARGE)
def test_a_page_or_a_document_is_packed_where_that_is_worth_it_and_the_caller_takes_it(
    client: FlaskClient, path: str, accept: str
) -> None:
    plain = client.get(path, headers={"Accept": accept})
    packed = client.get(path, headers={"Accept": accept, "Accept-Encoding": "gzip"})
    assert "Accept-Encoding" in plain.vary or plain.mimetype == "application/problem+json"
    assert "Content-Encoding" not in plain.headers
    assert packed.status_code == plain.status_code
    if len(plain.data) < 2_000 or plain.mimetype == "application/problem+json":
        assert "Content-Encoding" not in packed.headers
        return
    assert int(packed.headers["Content-Length"]) == len(packed.data) < len(plain.data)
    identifiers = re.compile(rb"[0-9a-f]{32}")
    assert identifiers.sub(b"", gzip.decompress(packed.data)) == identifiers.sub(b"", plain.data)


def test_every_problem_has_its_page(client: FlaskClient) -> None:
    for kind in kinds().values():
        assert kind.title in client.get(f"/errors/{kind.code}").text.replace("&#39;", "'")


def test_a_form_has_a_labelled_field_for_every_parameter(client: FlaskClient) -> None:
    text = client.get("/docs/delays/v2").text
    fields = dict(re.findall(r'<(?:input|textarea|select) id="p-(\w+)" name="(\w+)"', text))
    assert list(fields) == list(fields.values()) == ["start", "carriers", "top"]
    assert re.findall(r'<label for="p-(\w+)"', text) == list(fields)
    assert 'value="2013-01-01"' in text


def test_text_of_a_template_is_shown_as_text(client: FlaskClient, gateway: Any) -> None:
    evil = """/*
summary: <script>alert(1)</script>
description: "</pre><img src=x>"
parameters:
  p: {type: varchar, default: '"><script>', description: <b>}
*/
SELECT '<script>' AS "<i>" FROM flights WHERE carrier = $p"""
    loaded = Template.load(evil, path="queries/evil/v1.sql", name="evil", version=1, tables={"flights"})
    gateway.registry = Registry.of([loaded], today=lambda: date(2026, 6, 1))
    for path in ("/", "/docs", "/docs/evil/v1"):
        text = client.get(path).text
        assert not re.search(r"<script>|<img|<b>|<i>", text)


def test_a_project_without_queries_says_how_to_add_one(client: FlaskClient, gateway: Any) -> None:
    gateway.registry = Registry.of([])
    assert "No query is registered yet" in client.get("/").text
    assert client.get("/openapi.json").status_code == 200
    assert client.get("/docs").status_code == 200

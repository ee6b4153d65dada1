"""Hostile parameter values over HTTP: each is refused with its own 4xx, and nothing else happens."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

pytestmark = pytest.mark.gunicorn

RESULT = "/v1/queries/delays_by_carrier/v2/result"
RANGE = "start=2013-01-01&end=2013-01-08"

TEXTS = [
    "2013-01-01' or 1=1--",
    "2013-01-01'; DROP TABLE flights; --",
    "2013-01-01') UNION SELECT * FROM read_csv('/etc/passwd')--",
    "$start",
    "{{ 7*7 }}",
    "${jndi:ldap://127.0.0.1/a}",
    "../../../../etc/passwd",
    "..\\..\\windows\\win.ini",
    "file:///etc/passwd",
    "s3://other/secret",
    "\x00",
    "2013-01-01\x00",
    "2013-01-01\r\nX-Injected: 1",
    "２０１３-01-01",
    "2013-02-30",
    "0000-00-00",
    "99999-01-01",
    "-1",
    "NaN",
    "infinity",
    "null",
    "",
    " ",
    "<script>alert(1)</script>",
    "\u202e10-10-3102",
    "\U0001f4a9" * 1000,
    "A" * 7000,
    "[" * 2000,
]

TARGETS = [
    *(f"{RESULT}?start={quote(text)}&end=2013-01-08" for text in TEXTS if text != "-1"),  # a time since the epoch
    *(f"{RESULT}?{RANGE}&origin={quote(text)}" for text in TEXTS),
    *(f"/v1/queries/plane_history/v1/result?tailnum={quote(text)}" for text in TEXTS),
    *(f"/v1/queries/worst_routes/v1/result?start=2013-01-01&end=2013-01-08&top={quote(text)}" for text in TEXTS),
    *(f"/v1/queries/{quote(text, safe='')}/v1/result" for text in TEXTS if text.strip(". ")),
    *(f"/v1/tables/{quote(text, safe='')}/partitions" for text in TEXTS if text.strip(". ")),
    f"{RESULT}?start=%ff&end=2013-01-08",
    f"{RESULT}?start=%c0%af&end=2013-01-08",
    f"{RESULT}?start=%ed%a0%80&end=2013-01-08",
    f"{RESULT}?{RANGE}&start=2013-01-01",
    f"{RESULT}?{RANGE}&unknown=1",
    f"{RESULT}?{RANGE}&_unknown=1",
    f"{RESULT}?{RANGE}&_limit=-1",
    f"{RESULT}?{RANGE}&_limit=1e9",
    f"{RESULT}?{RANGE}&_limit={'9' * 500}",
    f"{RESULT}?{RANGE}&_cursor=AAAA",
    f"{RESULT}?{RANGE}&_format=exe",
    f"{RESULT}.exe?{RANGE}",
    f"{RESULT}?{RANGE}&_shape=tree",
    f"{RESULT}?{RANGE}&" + "&".join(f"carriers=C{number}" for number in range(17)),
    "/v1/queries/delays_by_carrier/v0/result",
    "/v1/queries/delays_by_carrier/v1%00/result",
    "/v1/queries/delays_by_carrier/v99999999999999999999/result",
    "/v1/queries/delays_by_carrier/../../../etc/passwd",
    "/v1/queries/..%2f..%2fetc%2fpasswd/v1/result",
    "/v1/queries/delays_by_carrier/v1.sql/result",
]

BODIES = [
    b"",
    b"{",
    b"[]",
    b"null",
    b'"text"',
    b"\xff\xfe",
    b'{"start": "2013-01-01", "start": "2013-01-02", "end": "2013-01-08"}',
    b'{"start": NaN, "end": "2013-01-08"}',
    b'{"start": 1e400, "end": "2013-01-08"}',
    b'{"start": ' + b"9" * 5000 + b', "end": "2013-01-08"}',
    b'{"start": {"$gt": ""}, "end": "2013-01-08"}',
    b'{"start": ["2013-01-01"], "end": "2013-01-08"}',
    b'{"start": true, "end": "2013-01-08"}',
    b'{"start": "2013-01-01", "end": "2013-01-08", "carriers": "UA"}',
    b'{"start": "2013-01-01", "end": "2013-01-08", "carriers": [["UA"]]}',
    b'{"start": "2013-01-01", "end": "2013-01-08", "carriers": [' + b",".join([b'"UA"'] * 100_000) + b"]}",
    b'{"start": "2013-01-01", "end": "2013-01-08", "origin": "\\ud800"}',
    b'{"start": "2013-01-01", "end": "2013-01-08", "__proto__": {}}',
    b"[" * 100_000 + b"]" * 100_000,
    b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
    b'{"start": "' + b"A" * 5_000_000 + b'"}',
]

SECRETS = (b"Traceback", b"read_parquet", b"/day=", b"duckdb", b"site-packages", b"root:")


@pytest.fixture(scope="module")
def untouched(local_gateway: Any, flights_project: Path) -> Any:
    """Everything in the project but the gateway's own state, to be found as it was."""

    def files() -> list[tuple[str, int, int]]:
        found = (path for path in flights_project.rglob("*") if path.is_file() and ".gateway" not in path.parts)
        return sorted((str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in found)

    before = files()
    return lambda: files() == before


@pytest.mark.parametrize("target", TARGETS, ids=range(len(TARGETS)))
def test_a_hostile_address_is_refused(target: str, local_gateway: Any, flights_project: Path) -> None:
    reply = local_gateway.get(target)
    assert 400 <= reply.status < 500, (target[:200], reply.body)
    assert "x-injected" not in reply.headers
    assert_tells_nothing(reply, flights_project)


@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
def test_a_hostile_body_is_refused(body: bytes, local_gateway: Any, flights_project: Path) -> None:
    reply = local_gateway.post(RESULT, body)
    assert 400 <= reply.status < 500, (body[:200], reply.body)
    assert_tells_nothing(reply, flights_project)


def test_all_mistakes_are_told_at_once(local_gateway: Any) -> None:
    reply = local_gateway.get(f"{RESULT}?start=yesterday&origin=BOS&carrier=UA")
    assert reply.status == 422
    assert reply.headers["content-type"] == "application/problem+json"
    assert {error["parameter"] for error in reply.json()["errors"]} == {"start", "end", "origin", "carrier"}


def test_nothing_else_has_happened(local_gateway: Any, untouched: Any) -> None:
    for target in TARGETS:
        local_gateway.get(target)
    assert untouched()
    assert local_gateway.get("/readyz").status == 200
    assert local_gateway.process.poll() is None
    assert "Traceback" not in local_gateway.log.read_text()


def test_values_that_look_hostile_but_are_allowed_are_only_values(local_gateway: Any) -> None:
    values = ["' OR 1=1 --", "UA'; DROP TABLE flights; --", "%", "\\", "\U0001f4a9"]
    reply = local_gateway.get(f"{RESULT}?{RANGE}&" + "&".join(f"carriers={quote(value)}" for value in values))
    assert (reply.status, reply.json()["data"]) == (200, [])


def assert_tells_nothing(reply: Any, project: Path) -> None:
    """The body is a problem document, or empty, and names nothing internal."""
    assert reply.headers["content-type"] in ("application/problem+json", "text/html", "text/plain")
    assert not any(secret in reply.body for secret in (*SECRETS, str(project).encode()))

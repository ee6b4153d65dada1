"""What proxies and browsers say around a request, on both kinds of workers: prefixes and origins, hits among them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from events import between, make_project, put
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wire import Response, Wire, request

pytestmark = pytest.mark.gunicorn

PROXY, OTHER = "127.0.0.2", "127.0.0.3"
"""The address that is believed, and one that is not."""
DASH, LOCAL = "https://dash.example", "http://localhost:3000"
DAYS = "&".join(f"{name}={value}" for name, value in between(0, 7).items())
ALL = "/v1/queries/rows/v1/result"
PAGE = f"{ALL}?_limit=3"
LATEST = f"/v1/queries/amount/latest/result?{DAYS}"
TARGETS = (
    PAGE, f"{ALL}.csv?_limit=3", LATEST, "/v1/queries/old/v1/result", "/v1/queries/nobody/v1/result", f"{LATEST}&x=1",
    "/openapi.json", "/docs", "/v1//queries", "/nothing",
)  # fmt: skip
FORWARDED = {
    None: "", "/data/gw": "/data/gw", "/data/gw/": "/data/gw", "/b": "/b", "/hits": "/hits", "/": "",
    "//evil.example": "", "/a/../b": "",
    "/evil, /data/gw": "/data/gw", "x": "",
}  # fmt: skip
"""What the proxy says, and the prefix that it is taken for."""
ORIGINS = (None, DASH, LOCAL, "https://evil.example", "null", "https://dash.example.evil.example")
ROWS = "/*\nsummary: All rows\ncache: {ttl: 1h}\n*/\nSELECT ts, amount FROM events ORDER BY ts\n"
NEW = "/*\nsummary: After\ncache: {ttl: 1h}\n*/\nSELECT 1 AS one\n"
OLD = NEW.replace("cache", "deprecated: 2020-01-01\nsuccessor: v2\ncache")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request and what is around it."""

    target: str
    peer: str = PROXY
    forwarded: str | None = None
    kept: bool = False
    """Whether the proxy has left the prefix before the target."""
    origin: str | None = None
    method: str = "GET"

    @property
    def prefix(self) -> str:
        return FORWARDED[self.forwarded] if self.peer == PROXY else ""

    def bytes(self) -> bytes:
        named = {"X_Forwarded_Prefix": self.forwarded, "Origin": self.origin}
        headers = {name: value for name, value in named.items() if value is not None}
        return request(self.method, (self.prefix if self.kept else "") + self.target, **headers)


ASKED = st.builds(
    Asked,
    target=st.sampled_from([*TARGETS, PAGE, LATEST]),
    peer=st.sampled_from([PROXY, PROXY, OTHER]),
    forwarded=st.sampled_from(list(FORWARDED)),
    kept=st.booleans(),
    origin=st.sampled_from(ORIGINS),
    method=st.sampled_from(["GET", "GET", "GET", "HEAD"]),
)


@pytest.fixture(scope="module")
def start(serve_for_module: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    project = make_project(tmp_path_factory.mktemp("surroundings"), "cache: {ttl: 1h}")
    for name, text in {"rows/v1": ROWS, "old/v1": OLD, "old/v2": NEW}.items():
        path = project / f"queries/{name}.sql"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    put(project, range(20), amount=1)

    def run(kind: str, **settings: str) -> Any:
        state = {"GATEWAY_STATE": str(tmp_path_factory.mktemp(kind)), "GATEWAY_SERVER_WORKER": kind}
        state["SCRIPT_NAME"] = "/elsewhere"  # as the environment of gunicorn's own prefixes
        named = {f"GATEWAY_SERVER_{name.upper()}": value for name, value in settings.items()}
        return serve_for_module(project, {**state, **named}, workers=1)

    return run


@pytest.fixture(scope="module")
def pair(start: Callable[..., Any]) -> dict[str, Any]:
    told = {"trusted_proxies": f"{PROXY}/32", "cors": f"{DASH},{LOCAL}", "embed": DASH}
    return {kind: start(kind, **told) for kind in ("asgi", "gthread")}


def ask(running: Any, *asked: Asked) -> list[Response]:
    """Ask on one kept connection for each peer."""
    with Wire(running.port, source=PROXY) as proxy, Wire(running.port, source=OTHER) as other:
        found = []
        for each in asked:
            wire = proxy if each.peer == PROXY else other
            wire.send(each.bytes())
            found += wire.take(each.method)
    return found


def addresses(response: Response) -> list[str]:
    """Return the addresses that an answer names."""
    named = [response.headers.get(name, "") for name in ("location", "content-location", "link")]
    found = [value.strip("<").partition(">")[0] for value in named if value]
    if "json" in response.headers.get("content-type", "") and response.body:
        document = json.loads(response.body)
        told = [
            document.get("next"),
            document.get("type"),
            *(each["url"].rstrip("/") for each in document.get("servers", ())),
        ]
        found += [value for value in told if value is not None]
    return found


def check(asked: Asked, response: Response, plain: list[str]) -> None:
    """Check one answer by what is around its request; *plain* are the addresses of the same without anything."""
    assert [each.partition("_cursor")[0] for each in addresses(response)] == [
        f"{asked.prefix}{each.partition('_cursor')[0]}" for each in plain
    ]
    allowed = asked.origin if asked.origin in (DASH, LOCAL) else None
    assert response.headers.get("access-control-allow-origin") == allowed
    assert ("access-control-expose-headers" in response.headers) == (allowed is not None)
    assert {"Origin", "X-Forwarded-Prefix"} <= set(response.headers["vary"].replace(" ", "").split(","))


@pytest.mark.parametrize("kind", ["asgi", "gthread"])
@pytest.mark.parametrize("target", TARGETS)
def test_what_is_around_a_request_is_in_its_own_answer(pair: dict[str, Any], kind: str, target: str) -> None:
    [bare] = ask(pair[kind], Asked(target=target))
    plain = addresses(bare)
    assert plain or target == "/docs"
    every = [
        Asked(target=target, peer=peer, forwarded=forwarded, kept=kept, origin=origin)
        for forwarded in FORWARDED
        for origin in (None, DASH, LOCAL, "https://evil.example")
        for peer in (PROXY, OTHER)
        for kept in (False, True)
    ]
    for _ in range(2):
        for asked, response in zip(every, ask(pair[kind], *every), strict=True):
            check(asked, response, plain)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(asked=st.lists(ASKED, min_size=1, max_size=12))
def test_both_kinds_of_workers_answer_alike_whatever_was_asked_before(pair: dict[str, Any], asked: list[Asked]) -> None:
    for first, second in zip(ask(pair["asgi"], *asked), ask(pair["gthread"], *asked), strict=True):
        assert first.status == second.status
        assert compared(first) == compared(second)
        assert UNLIKE.sub(b"", first.body) == UNLIKE.sub(b"", second.body)


UNLIKE = re.compile(rb'_cursor=[^"]+|urn:request:\w+|"request_id": "\w+"|<td class="asked">.*?</td>')
"""What two servers never write alike: each has its own secret, and its own count of calls."""


def compared(response: Response) -> dict[str, str]:
    changing = {"age", "date", "server", "server-timing", "cache-status", "expires", "x-accel-expires", "x-request-id",
                "etag", "connection", "content-length"}  # fmt: skip
    return {name: value.partition("_cursor")[0] for name, value in response.headers.items() if name not in changing}


def test_with_all_of_it_a_repeated_question_is_answered_by_the_event_loop(pair: dict[str, Any]) -> None:
    for asked in (
        Asked(target=PAGE, forwarded="/hits", origin=DASH),
        Asked(target=PAGE, peer=OTHER, origin=LOCAL),
        Asked(target=PAGE, peer=OTHER, origin="https://evil.example"),
    ):
        answers = ask(pair["asgi"], *[asked] * 4)
        assert [each.headers["server-timing"].startswith("cache;") for each in answers[1:]] == [True] * 3
        assert {each.body for each in answers} == {answers[0].body}
        assert {each.headers["etag"] for each in answers} == {answers[0].headers["etag"]}


def test_a_page_after_the_first_is_found_by_the_address_that_the_first_names(pair: dict[str, Any]) -> None:
    for running in pair.values():
        [first] = ask(running, Asked(target=PAGE, forwarded="/data/gw"))
        following = json.loads(first.body)["next"]
        assert following.startswith(f"/data/gw{ALL}?")
        for target in (following, following.removeprefix("/data/gw")):
            [second] = ask(running, Asked(target=target, forwarded="/data/gw"))
            assert (second.status, len(json.loads(second.body)["data"])) == (200, 3)
            assert second.body != first.body


@pytest.mark.parametrize("kind", ["asgi", "gthread"])
def test_a_fixed_prefix_needs_no_proxy(start: Callable[..., Any], kind: str) -> None:
    running = start(kind, root_path="/data/gw/")
    for target in (PAGE, f"/data/gw{PAGE}") * 2:
        for forwarded in (None, "/evil"):
            [answer] = ask(running, Asked(target=target, peer=OTHER, forwarded=forwarded))
            assert json.loads(answer.body)["next"].startswith(f"/data/gw{ALL}?")
    for target in ("/healthz", "/data/gw/healthz", "/data/gw", "/data/gw/", "/data/gw/docs", "/data/gw/metrics"):
        assert [each.status for each in ask(running, Asked(target=target))] == [200]
    assert [each.status for each in ask(running, Asked(target="/data/gwv1/queries"))] == [404]
    with Wire(running.port) as wire:
        wire.send(b"GET /v1/queries?a=1 2 HTTP/1.1\r\nHost: a\r\n\r\n")
        [refused] = wire.take("GET")
        assert json.loads(refused.body)["type"] == "/data/gw/errors/malformed-request"


@pytest.mark.parametrize("kind", ["asgi", "gthread"])
def test_a_preflight_is_answered_without_a_key_and_a_304_to_an_origin(pair: dict[str, Any], kind: str) -> None:
    ask_first = {"Access_Control_Request_Method": "POST", "Access_Control_Request_Headers": "authorization"}
    with Wire(pair[kind].port) as wire:
        for origin, status in ((DASH, 204), ("https://evil.example", 200)):
            wire.send(request("OPTIONS", ALL, Origin=origin, **ask_first))
            [answer] = wire.take("OPTIONS")
            assert (answer.status, answer.body) == (status, b"")
            assert ("access-control-allow-headers" in answer.headers) == (status == 204)
        wire.send(request("GET", LATEST))
        [answer] = wire.take("GET")
        for origin in (DASH, LOCAL, "https://evil.example") * 3:
            wire.send(request("GET", LATEST, Origin=origin, If_None_Match=answer.headers["etag"]))
            [again] = wire.take("GET")
            assert again.status == 304
            assert again.headers.get("access-control-allow-origin") == (origin if "evil" not in origin else None)


@pytest.mark.parametrize("kind", ["asgi", "gthread"])
@pytest.mark.parametrize(
    "bad", [b"GET /a b HTTP/1.1\r\n\r\n", b"GET /" + b"a" * 9000, b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n"]
)
def test_a_refusal_names_no_origin_of_a_request_before(pair: dict[str, Any], kind: str, bad: bytes) -> None:
    good = request("GET", LATEST, Origin=DASH)
    for pieces in ([good + bad], [good, bad], [good, good, bad], [good + good, bad]):
        with Wire(pair[kind].port) as wire:
            wire.send(*pieces)
            answers = wire.take(*["GET"] * 3)
        assert answers[0].headers["access-control-allow-origin"] == DASH
        assert answers[-1].status in (400, 414)
        assert "access-control-allow-origin" not in answers[-1].headers
        assert answers[-1].headers["vary"] == "Origin"


@pytest.mark.parametrize("kind", ["asgi", "gthread"])
def test_a_proxy_names_no_host_in_place_of_one_that_is_missing(pair: dict[str, Any], kind: str) -> None:
    for _ in range(3):
        with Wire(pair[kind].port, source=PROXY) as wire:
            wire.send(f"GET {LATEST} HTTP/1.1\r\nX-Forwarded-Host: a\r\n\r\n".encode())
            assert [each.status for each in wire.take("GET")] == [400]


@pytest.mark.parametrize("kind", ["asgi", "gthread"])
def test_a_script_can_read_why_its_body_was_refused(pair: dict[str, Any], kind: str) -> None:
    head = request("POST", ALL, Content_Type="application/json", Origin=DASH, Transfer_Encoding="chunked")
    declared = request("POST", ALL, Content_Type="application/json", Origin=DASH, Content_Length="9000000")
    for message, status in ((head + b"x\r\n", 400), (declared, 413)):
        with Wire(pair[kind].port) as wire:
            wire.send(message)
            [answer] = wire.take("POST")
        assert (answer.status, answer.headers.get("access-control-allow-origin")) == (status, DASH)
        assert "Origin" in answer.headers["vary"]

"""The shipped nginx configuration, run by a real nginx in front of real gunicorn gateways."""

from __future__ import annotations

import gzip
import json
import re
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from pathlib import Path
from threading import Event
from typing import Any
from urllib.parse import urlencode

import pytest
from events import between, make_project, put
from nginx import Box, Fake, Reply, find_nginx, running
from real_servers import server_missing
from waiting import wait_for

pytestmark = pytest.mark.gunicorn

FRONTS = {
    1: "cache: {ttl: 1h}",
    2: "cache: {ttl: 4s}",
    3: "cache: {ttl: 1s, stale_while_revalidate: 1h}",
    4: "cache: {ttl: 1s, stale_if_error: 3s}",
    5: "cache: off",
}
"""What each version of the query says about keeping its answers."""
RESULT = "/v1/queries/amount/v{}/result"
HIT, STALE = "nginx; hit", 'nginx; hit; detail="stale"'

Serve = Callable[..., Any]
Proxy = Callable[..., int]


def asked(version: int, day: int, suffix: str = "", **more: str) -> str:
    """Spell the address of one question; each test takes days of its own."""
    return f"{RESULT.format(version)}{suffix}?{urlencode({**between(day, day + 7), **more})}"


@pytest.fixture(scope="session")
def nginx(server_used: Callable[[str], None]) -> str:
    program = find_nginx()
    if program is None:
        server_missing("no nginx: `apt-get install nginx-light`")
    text = subprocess.run([program, "-v"], capture_output=True, text=True, check=True).stderr
    server_used(f"nginx {text.strip().rpartition('/')[2]}")
    return program


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of a row a day, and the same query under five cache policies."""
    folder = make_project(tmp_path_factory.mktemp("events"), FRONTS[1])
    text = (folder / "queries/amount/v1.sql").read_text()
    for version, front in FRONTS.items():
        (folder / f"queries/amount/v{version}.sql").write_text(text.replace(FRONTS[1], front))
    put(folder, range(365), amount=1)
    return folder


@pytest.fixture(scope="module")
def gateway(serve_for_module: Serve, project: Path) -> Any:
    return serve_for_module(project, workers=1)


@pytest.fixture
def proxy(nginx: str, tmp_path: Path, free_ports: Callable[[int], list[int]]) -> Iterator[Proxy]:
    """Start an nginx with an empty cache in front of the gateways at some ports; return its own port."""
    with ExitStack() as stack:

        def start(*gateways: int) -> int:
            [port] = free_ports(1)
            folder = tmp_path / "nginx"
            folder.mkdir()
            stack.enter_context(running(nginx, folder, port=port, gateways=gateways))
            return port

        yield start


@pytest.fixture
def port(proxy: Proxy, gateway: Any) -> int:
    """The port of an nginx in front of the gateway."""
    return proxy(gateway.port)


@pytest.fixture
def fake() -> Iterator[Fake]:
    found = Fake()
    yield found
    found.close()


@pytest.fixture
def box(project: Path, tmp_path: Path, free_ports: Callable[[int], list[int]]) -> Iterator[Callable[..., Box]]:
    """Start gateways that the test stops and starts again."""
    with ExitStack() as stack:

        def start() -> Box:
            [port] = free_ports(1)
            folder = tmp_path / f"box-{port}"
            folder.mkdir()
            found = Box(project, folder, port)
            stack.callback(found.kill)
            return found

        yield start


def fate(reply: Reply) -> str:
    """Return what nginx added to Cache-Status."""
    return next((line for line in reply.headers.get_all("Cache-Status", []) if line.startswith("nginx")), "")


def kept(port: int, target: str, **headers: str) -> Reply:
    """Ask until the answer comes from the proxy: it is stored a moment after it was sent."""

    def hit() -> Reply | None:
        reply = Reply(port, target, **headers)
        return reply if fate(reply) == HIT else None

    reply = wait_for(hit, f"a hit of nginx for {target}")
    assert reply is not None
    return reply


def test_a_public_answer_is_served_again_without_asking_the_gateway(port: int, gateway: Any) -> None:
    first = Reply(port, asked(1, 0))
    second = kept(port, asked(1, 0))
    assert (first.status, fate(first)) == (200, "nginx; fwd=miss")
    assert (second.status, second.body, second["ETag"]) == (200, first.body, first["ETag"])
    assert gateway.log.read_text().count(f'"request":"{second["X-Request-Id"]}"') == 0


def test_a_hit_repeats_nothing_that_belongs_to_the_request_that_was_forwarded(port: int) -> None:
    first = Reply(port, asked(1, 8), X_Request_Id="the-first")
    second = kept(port, asked(1, 8), X_Request_Id="the-second")
    assert (first["X-Request-Id"], second["X-Request-Id"]) == ("the-first", "the-second")
    assert (first["Server-Timing"] != "", second["Server-Timing"]) == (True, "")


def test_limits_are_told_to_the_caller_they_were_counted_for(proxy: Proxy, fake: Fake) -> None:
    port = proxy(fake.port)
    limits = {"RateLimit": '"requests";r=7;t=60', "RateLimit-Policy": '"requests";q=10;w=60'}
    fake.headers = {"Cache-Control": "public, max-age=3600", "Age": "7", **limits}
    told = [*limits, "Age"]
    first, second = Reply(port, asked(1, 0)), kept(port, asked(1, 0))
    assert [first[name] for name in told] == [*limits.values(), "7"]
    assert [second[name] for name in told] == ["", "", ""]


def test_no_address_can_pass_for_a_shorter_one_with_other_headers(proxy: Proxy, fake: Fake) -> None:
    port = proxy(fake.port)
    fake.headers = {"Cache-Control": "public, max-age=3600"}
    with socket.create_connection(("127.0.0.1", port), timeout=10) as plain:
        plain.sendall(f"GET {RESULT.format(1)}.csv?x=a text/csv HTTP/1.1\r\nHost: here\r\n\r\n".encode())
        assert plain.recv(4096).startswith(b"HTTP/1.1 400 ")
    assert fake.requests == 0


def test_the_fate_in_both_caches_is_told(port: int) -> None:
    assert re.fullmatch(
        r"query-gateway; fwd=miss; stored; ttl=\d+, nginx; fwd=miss", Reply(port, asked(1, 9))["Cache-Status"]
    )


def test_a_stored_answer_that_the_client_has_is_not_sent_again(port: int) -> None:
    tag = Reply(port, asked(1, 16))["ETag"]
    kept(port, asked(1, 16))
    again = Reply(port, asked(1, 16), If_None_Match=tag)
    assert (again.status, again.body, again["ETag"], fate(again)) == (304, b"", tag, HIT)


def test_lengths_parts_and_preconditions_are_told_as_by_the_gateway(port: int, gateway: Any) -> None:
    target = asked(1, 120, ".csv")
    whole = Reply(gateway.port, target)
    packed = Reply(gateway.port, target, Accept_Encoding="gzip")
    tag, size = whole["ETag"], len(whole.body)
    kept(port, target)
    kept(port, target, Accept_Encoding="gzip, deflate")
    for one in (port, gateway.port):
        head = Reply(one, target, "HEAD")
        assert (head.status, head["Content-Length"], head["Accept-Ranges"]) == (200, str(size), "bytes")
        for more in ({}, {"If_Range": tag}, {"Accept_Encoding": "gzip, deflate"}, {"If_Match": tag}):
            part = Reply(one, target, Range="bytes=2-5", **more)
            told = (part.status, part.body, part["Content-Range"], part["ETag"], part["Content-Encoding"])
            assert told == (206, whole.body[2:6], f"bytes 2-5/{size}", tag, "")
        resumed = {"Accept_Encoding": "gzip, deflate", "If_Range": packed["ETag"]}
        rest = Reply(one, target, Range="bytes=9-", **resumed)
        assert (rest.status, rest.body, rest["Content-Encoding"]) == (206, packed.body[9:], "gzip")
        for more in ({"If_Range": '"other"'}, {"Range": "bytes=0-1,3-4"}):
            ignored = Reply(one, target, **{"Range": "bytes=2-5", **more})
            assert (ignored.status, ignored.body) == (200, whole.body)
        beyond = Reply(one, target, Range=f"bytes={size}-")
        assert (beyond.status, beyond["Content-Range"]) == (416, f"bytes */{size}")
        other = Reply(one, target, If_Match='"other"', If_None_Match=tag, Range="bytes=0-1")
        assert [reply.headers.get_content_type() for reply in (beyond, other)] == ["application/problem+json"] * 2
        assert (other.status, other.json()["type"], beyond.json()["status"]) == (
            412,
            "/errors/precondition-failed",
            416,
        )
        assert Reply(one, target, If_Match=tag, If_None_Match=tag, Range="bytes=0-1").status == 304


def test_formats_asked_for_by_accept_do_not_mix(port: int, gateway: Any) -> None:
    wanted = {"application/json": "json", "text/csv": "csv", "application/vnd.apache.arrow.stream": "arrow"}
    direct = {accept: Reply(gateway.port, asked(1, 24), Accept=accept).body for accept in wanted}
    assert len(set(direct.values())) == 3
    for _ in range(3):
        assert {accept: Reply(port, asked(1, 24), Accept=accept).body for accept in wanted} == direct
    assert {accept: kept(port, asked(1, 24), Accept=accept).body for accept in wanted} == direct


def test_content_codings_do_not_mix(port: int) -> None:
    wanted = ("zstd", "gzip", "identity", "gzip, deflate, br, zstd")
    for _ in range(3):
        replies = {coding: Reply(port, asked(1, 32), Accept_Encoding=coding) for coding in wanted}
        assert [reply["Content-Encoding"] for reply in replies.values()] == ["zstd", "gzip", "", "zstd"]
    plain = kept(port, asked(1, 32), Accept_Encoding="identity").body
    assert gzip.decompress(kept(port, asked(1, 32), Accept_Encoding="gzip").body) == plain
    assert kept(port, asked(1, 32), Accept_Encoding="zstd").body.startswith(b"\x28\xb5\x2f\xfd")
    assert json.loads(plain)["rows"] == 1


def test_an_answer_that_was_old_when_it_was_stored_is_not_kept_beyond_its_time(port: int, gateway: Any) -> None:
    made = time.time()
    Reply(gateway.port, asked(2, 40))
    wait_for(lambda: int(Reply(gateway.port, asked(2, 40))["Age"]) >= 2)
    hits, pause = 0, Event()
    while time.time() < made + 7:  # counted from when it was stored, its four seconds would end after six
        reply = Reply(port, asked(2, 40))
        if fate(reply) == HIT:
            hits += 1
            assert parsedate_to_datetime(reply["Date"]) <= parsedate_to_datetime(reply["Expires"])
        pause.wait(0.05)
    assert hits


def test_those_behind_the_proxy_are_told_the_instant_at_which_an_answer_ends(port: int, gateway: Any) -> None:
    direct = Reply(gateway.port, asked(1, 48))
    assert (direct["Cache-Control"], direct["Age"]) == ("public, max-age=3600", "0")
    for reply in (Reply(port, asked(1, 48)), kept(port, asked(1, 48))):
        assert (reply["Cache-Control"], reply["Age"], reply["X-Accel-Expires"]) == ("public", "", "")
        assert reply["Expires"] == direct["Expires"]


def test_a_stale_answer_is_served_at_once_and_renewed_behind(port: int, project: Path, gateway: Any) -> None:
    old = Reply(port, asked(3, 56)).body
    kept_until_stale = wait_for(lambda: fate(found := Reply(port, asked(3, 56))).startswith(STALE) and found)
    assert kept_until_stale.body == old
    wait_for(lambda: fate(Reply(port, asked(3, 56))) == HIT)


def test_a_stored_answer_is_served_while_no_gateway_answers_for_as_long_as_its_template_says(
    proxy: Proxy, box: Callable[..., Box]
) -> None:
    only = box()
    port = proxy(only.port)
    first = kept(port, asked(4, 64))
    begin = time.time()
    only.kill()
    stale = wait_for(lambda: fate(found := Reply(port, asked(4, 64))) == STALE and found)
    assert (stale.status, stale.body) == (200, first.body)
    refused = wait_for(lambda: (found := Reply(port, asked(4, 64))).status != 200 and found)
    assert time.time() - begin < 6
    assert (refused.status, refused["Retry-After"], refused["Content-Type"]) == (503, "1", "application/problem+json")
    assert refused.json()["status"] == 503


def test_a_post_is_never_stored(port: int) -> None:
    body = json.dumps(between(72, 79)).encode()
    replies = [Reply(port, RESULT.format(1), "POST", body, Content_Type="application/json") for _ in range(3)]
    assert [(reply.status, fate(reply)) for reply in replies] == [(200, "")] * 3


@pytest.mark.parametrize(
    ("header", "value", "day"),
    [("Authorization", "Bearer x", 80), ("X-Api-Key", "x", 81), ("Cookie", "theme=dark; gateway-key=x", 82)],
)
def test_a_caller_who_says_who_it_is_gets_and_leaves_nothing_in_the_cache(
    port: int, header: str, value: str, day: int
) -> None:
    target = asked(1, day)
    assert [fate(Reply(port, target, **{header: value})) for _ in range(3)] == ["nginx; fwd=request"] * 3
    assert fate(Reply(port, target)) == "nginx; fwd=miss"
    kept(port, target)
    assert fate(Reply(port, target, **{header: value})) == "nginx; fwd=request"


def test_another_cookie_does_not_keep_a_browser_from_the_cache(port: int) -> None:
    kept(port, asked(1, 83), Cookie="theme=dark")


def test_a_template_that_keeps_nothing_is_asked_every_time(port: int) -> None:
    replies = [Reply(port, asked(5, 88)) for _ in range(3)]
    assert [fate(reply) for reply in replies] == ["nginx; fwd=miss"] * 3
    assert {reply["Cache-Control"] for reply in replies} == {"public, no-cache"}


def test_what_a_caller_asks_of_the_cache_is_for_the_gateway(port: int) -> None:
    kept(port, asked(1, 96))
    fresh = Reply(port, asked(1, 96), Cache_Control="no-cache")
    assert (fate(fresh), "revalidated" in fresh["Cache-Status"]) == ("nginx; fwd=request", True)
    assert Reply(port, asked(1, 97), Cache_Control="only-if-cached").status == 504


def test_an_error_is_not_stored(port: int) -> None:
    wrong = f"{RESULT.format(1)}?start=yesterday"
    assert [(Reply(port, wrong).status, fate(Reply(port, wrong))) for _ in range(2)] == [(422, "nginx; fwd=miss")] * 2


def test_pages_are_read_to_the_end_through_the_proxy(local_gateway: Any, proxy: Proxy) -> None:
    port = proxy(local_gateway.port)
    target = "/v1/queries/hourly_traffic/v1/result?day=2013-11-27&_limit=5"
    whole = Reply(local_gateway.port, "/v1/queries/hourly_traffic/v1/result?day=2013-11-27").json()
    for _ in range(2):
        rows, following = [], target
        while following is not None:
            page = Reply(port, following).json()
            rows, following = rows + page["data"], page.get("next")
        assert rows == whole["data"]


@pytest.mark.parametrize("path", ["/metrics", "/metrics/", "//metrics", "/%6Detrics", "/v1/../metrics", "/metrics?x"])
def test_metrics_are_not_for_the_outside(port: int, path: str) -> None:
    assert Reply(port, path).status == 404


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/docs", "/openapi.json", "/v1/queries", "/v1/tables"])
def test_everything_else_is_passed_on_and_not_stored(port: int, path: str) -> None:
    replies = [Reply(port, path) for _ in range(2)]
    assert [(reply.status, fate(reply)) for reply in replies] == [(200, "")] * 2


def test_a_body_larger_than_the_gateway_reads_goes_no_further(port: int, gateway: Any) -> None:
    target = f"{RESULT.format(1)}?_shape=arrays"
    assert Reply(port, target, "POST", b" " * (5 * 2**20), Content_Type="application/json").status == 413
    assert "_shape" not in gateway.log.read_text()


def test_identical_questions_at_once_are_one_execution(port: int, gateway: Any) -> None:
    with ThreadPoolExecutor(24) as pool:
        replies = list(pool.map(lambda _: Reply(port, asked(1, 104)), range(48)))
    assert {(reply.status, reply.body) for reply in replies} == {(200, replies[0].body)}
    forwarded = [reply["Cache-Status"] for reply in replies if fate(reply) == "nginx; fwd=miss"]
    assert sum("fwd=miss; stored" in told for told in forwarded) == 1


def test_connections_to_the_gateway_are_kept(proxy: Proxy, fake: Fake) -> None:
    port = proxy(fake.port)
    for _ in range(20):
        assert Reply(port, "/v1/queries").status == 200
    assert (fake.requests, fake.connections) == (20, 1)


def test_a_private_answer_is_never_stored(proxy: Proxy, fake: Fake) -> None:
    port = proxy(fake.port)
    fake.headers = {"Cache-Control": "private, max-age=3600", "Age": "7"}
    replies = [Reply(port, asked(1, 0)) for _ in range(3)]
    assert fake.requests == 3
    assert {(fate(reply), reply["Cache-Control"], reply["Age"]) for reply in replies} == {
        ("nginx; fwd=miss", "private, max-age=3600", "7")
    }


def test_a_body_that_breaks_off_is_not_stored_and_does_not_look_whole(proxy: Proxy, fake: Fake) -> None:
    port = proxy(fake.port)
    fake.headers, fake.cut = {"Cache-Control": "public, max-age=3600"}, True
    for _ in range(2):
        with pytest.raises((HTTPException, ConnectionError)):
            Reply(port, asked(1, 0))
    assert fake.requests == 2


@pytest.mark.parametrize("status", [404, 410, 422, 502, 503])
def test_an_error_of_the_gateway_is_passed_on_for_it_has_looked_for_a_stale_answer_itself(
    proxy: Proxy, fake: Fake, status: int
) -> None:
    port = proxy(fake.port)
    fake.headers = {"Cache-Control": "public, max-age=1, stale-if-error=3600"}
    assert Reply(port, asked(1, 0)).status == 200
    fake.status, fake.headers = status, {}
    wait_for(lambda: fate(Reply(port, asked(1, 0))) != HIT)
    assert Reply(port, asked(1, 0)).status == status


def test_a_gateway_that_is_stopping_is_passed_over(proxy: Proxy, fake: Fake, gateway: Any) -> None:
    port = proxy(fake.port, gateway.port)
    fake.status = 503
    replies = [Reply(port, asked(5, 112)) for _ in range(6)]
    assert {reply.status for reply in replies} == {200}
    assert fake.requests >= 2


def test_a_rolling_restart_of_two_gateways_loses_no_request(proxy: Proxy, box: Callable[..., Box]) -> None:
    first, second = box(), box()
    port = proxy(first.port, second.port)
    stop, seen = Event(), Counter[str]()

    def client(number: int) -> None:
        body = json.dumps(between(number, number + 7)).encode()
        while not stop.is_set():
            reply = Reply(port, RESULT.format(1), "POST", body, Content_Type="application/json")
            seen[str(reply.status)] += 1

    with ThreadPoolExecutor(4) as pool:
        clients = [pool.submit(client, 120 + 8 * number) for number in range(4)]
        try:
            for each in (first, second):
                each.stop()
                each.start()
                before = seen["200"]
                wait_for(lambda before=before: seen["200"] > before + 20)
        finally:
            stop.set()
        for done in clients:
            done.result()
    assert set(seen) == {"200"}

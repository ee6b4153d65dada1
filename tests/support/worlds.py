"""Two gateways over the same files under one clock: one with the short way in front of Flask, one without."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, Future
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from clocks import Clock
from prometheus_client import CollectorRegistry
from serving import served_from
from sites import bare_site

from gateway.access.base import ANONYMOUS, OPEN
from gateway.access.limits import UNLIMITED
from gateway.app.gateway import open_gateway
from gateway.cache.epochs import Epochs
from gateway.cache.memory import MemoryTier
from gateway.cache.purges import PurgeLog
from gateway.cache.results import ResultCache
from gateway.cache.summaries import Summaries
from gateway.config import load_settings
from gateway.errors import QuotaExceeded, Unauthenticated
from gateway.model import Principal
from gateway.pipeline import Gateway
from gateway.telemetry.events import Event, fan_out, unobserved
from gateway.telemetry.metrics import Metrics
from gateway.web.bodies import Bodies
from gateway.web.hit_cache import HitCache
from gateway.web.origins import Cors
from gateway.web.proxies import Proxies, below
from gateway.web.request_key import KEY, request_key
from gateway.web.site import build_site
from gateway.web.wsgi_adapter import WsgiAdapter

START = 1_700_000_000.0
DAYS = 4

EVENTS = "table: events\nlocation: data\npartitioned_by: [{column: dt, transform: day, source: ts}]\n"
QUERIES = {
    "totals/v1.sql": """/*
summary: Rows and their sum
owner: ops
parameters:
  until: {type: timestamp, default: 2024-01-03, bucket: 1h, description: first instant left out}
  names: {type: "list[varchar]", optional: true}
cache: {ttl: 60s, stale_while_revalidate: 2m, stale_if_error: 10m}
successor: v2
deprecated: 2020-01-01
sunset: 2099-01-01
*/
SELECT name, count(*) AS rows, sum(n) AS total FROM events
WHERE ts < $until AND ($names IS NULL OR name IN $names) GROUP BY name ORDER BY name""",
    "totals/v2.sql": """/*
summary: All rows
owner: ops
cache: {ttl: 30s}
*/
SELECT ts, n, name FROM events ORDER BY ts""",
    "recent/v1.sql": """/*
summary: Rows before now
owner: ops
cache: {ttl: 5m, clock: 1m}
*/
SELECT count(*) AS rows, max(n) AS most FROM events WHERE ts < now()""",
    "since/v1.sql": """/*
summary: Rows from an instant on
owner: ops
parameters:
  since: {type: timestamp, zone: Europe/Berlin, epoch: ms, relative: true, default: now/d, description: first instant}
  width: {type: timestamptz, relative: 1m, optional: true, description: another one}
cache: {ttl: 5m, stale_while_revalidate: 1m}
*/
SELECT ts, n FROM events WHERE ts >= $since AND ($width IS NULL OR ts >= $width) ORDER BY ts, n""",
    "uncached/v1.sql": """/*
summary: Counted each time
owner: ops
cache: off
*/
SELECT count(*) AS rows FROM events""",
    "broken/v1.sql": """/*
summary: Fails on the data
owner: ops
*/
SELECT CAST(name AS integer) AS number FROM events""",
}

_VARYING = {"server-timing", "x-request-id", "date"}


def write(project: Path, day: int, value: int) -> None:
    """Write the file of a day, in place of an older one."""
    target = project / f"data/dt=2024-01-{day:02}/a.parquet"
    target.parent.mkdir(parents=True, exist_ok=True)
    ts = pa.array([f"2024-01-{day:02}T12:00", f"2024-01-{day:02}T13:00"]).cast(pa.timestamp("us"))
    table = pa.table({"ts": ts, "n": pa.array([value, value + 1], pa.int64()), "name": ["a", "b"]})
    pq.write_table(table, target.with_suffix(".new"))
    target.with_suffix(".new").replace(target)


def make_project(folder: Path) -> Path:
    """Write a project of one table and six queries."""
    (folder / "catalog").mkdir()
    (folder / "catalog/events.yaml").write_text(EVENTS)
    for name, text in QUERIES.items():
        path = folder / "queries" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for day in range(1, DAYS + 1):
        write(folder, day, day)
    return folder


class AtOnce(Executor):
    """Runs what it is given before it returns, so that nothing happens at a time of its own."""

    def submit(self, work: Callable[..., Any], /, *args: Any, **named: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(work(*args, **named))
        except BaseException as error:  # noqa: BLE001  # handed to whoever asks for the result
            future.set_exception(error)
        return future


@dataclass
class Doors:
    """Keys ``a`` and ``b`` of two groups, and the queries that nobody may see."""

    closed: set[str] = field(default_factory=set)
    revoked: set[str] = field(default_factory=set)
    private: set[str] = field(default_factory=lambda: {"recent"})
    generation: int = 0

    def identify(self, headers: Mapping[str, str], *, wait: bool = True) -> Principal:
        key = headers.get("x-api-key")
        if key is None:
            return ANONYMOUS
        if key in self.revoked or key not in ("a", "b"):
            raise Unauthenticated("No such key.")
        return Principal(name=f"key {key}", scope="tenant" if key == "b" else "", credential=key)

    def may(self, principal: Principal, action: str, name: str) -> bool:
        return name not in self.closed

    def shared(self, action: str, name: str) -> bool:
        return name not in self.private

    def close_or_open(self, query: str) -> None:
        self.closed ^= {query}
        self.generation += 1

    def share_or_not(self, query: str) -> None:
        self.private ^= {query}
        self.generation += 1


@dataclass
class Ration:
    """So many requests, for everybody together."""

    left: int = 1_000_000
    at_once: bool = True

    def admit(self, principal: Principal) -> Mapping[str, str]:
        if self.left <= 0:
            raise QuotaExceeded("Too many requests.", retry_after=7)
        self.left -= 1
        return {"RateLimit": f'"all";r={self.left}', "RateLimit-Policy": '"all";q=1000000;w=60'}

    def admit_at_once(self, principal: Principal) -> Mapping[str, str] | None:
        return self.admit(principal) if self.at_once and self.left > 0 else None

    def charge(self, principal: Principal, size: int) -> None:
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    status: int
    headers: list[tuple[str, str]]
    """In order of their names, without those that differ from one answer to the next."""
    body: bytes
    short: bool
    """Whether Flask had nothing to do with it."""

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key == name), None)

    @property
    def told(self) -> tuple[int, list[tuple[str, str]], bytes]:
        return self.status, self.headers, self.body


@dataclass
class World:
    """One gateway with its caches, and the way in."""

    clock: Clock
    base: Gateway
    folder: Path
    use_hit_cache: bool
    memory: int = 64 * 2**20
    events: list[Event] = field(default_factory=list)
    doors: Any = None
    ration: Any = None
    cors: Cors = field(default_factory=Cors)
    proxies: Proxies = field(default_factory=Proxies)

    def __post_init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        """Begin anew, with empty caches."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.events.clear()
        tier = MemoryTier(self.memory, clock=self.clock)
        self.epochs = Epochs()
        self.tier = tier
        cache = ResultCache(
            [tier],
            clock=self.clock,
            epochs=self.epochs,
            purges=PurgeLog(self.folder / "drops.jsonl", self.epochs),
            encodings=tier,
            summaries=Summaries([MemoryTier(2**20, share=1.0, clock=self.clock)]),
        )
        self.gateway = served_from(self.base, cache, AtOnce(), clock=self.clock, monotonic=self.clock)
        self.metrics = Metrics(CollectorRegistry())
        self.site = bare_site(
            self.gateway,
            metrics=self.metrics,
            clock=self.clock,
            observe=fan_out(self.events.append, self.metrics),
            secret=lambda: b"the same in both",
            access=OPEN if self.doors is None else self.doors,
            limits=UNLIMITED if self.ration is None else self.ration,
            cors=self.cors,
            proxies=self.proxies,
        )
        self.flask = WsgiAdapter(
            build_site(self.site).wsgi_app, threads=1, send_timeout=30, bodies=Bodies(largest=2**20, timeout=30)
        )
        self.hit_cache = HitCache(self.site, self.flask)

    async def ask(self, method: str, target: str, headers: Mapping[str, str], body: bytes = b"") -> Reply:
        """Send one request; *target* is as it stands in the request line."""
        named = {"Host": "gateway", **headers}
        pairs = [(name.lower().encode(), value.encode("latin-1")) for name, value in named.items()]
        if body:
            pairs.append((b"content-length", str(len(body)).encode()))
        around = self.hit_cache.surroundings(pairs, trusted=self.hit_cache.trusts("127.0.0.1"))
        key = request_key(method, target, pairs, body=bool(body), around=around)
        if self.use_hit_cache and key is not None:
            hit = self.hit_cache.hit(key, pairs, "127.0.0.1")
            if hit is not None:
                return _reply(hit.status, _lines(hit.head), hit.body, short=True)
        path, _, query = target.partition("?")
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": below(path, around.prefix),
            "raw_path": path.encode(),
            "query_string": query.encode("latin-1"),
            "headers": pairs,
            "server": ("127.0.0.1", 80),
            "client": ("127.0.0.1", 1),
            KEY: key if self.use_hit_cache else None,
        }
        sent: list[Any] = []
        received = iter([{"type": "http.request", "body": body, "more_body": False}])

        async def receive() -> Any:
            message = next(received, None)
            return message if message is not None else await asyncio.Event().wait()

        async def send(message: Any) -> None:
            sent.append(message)

        await self.hit_cache(scope, receive, send)
        named = [(name.decode(), value.decode("latin-1")) for name, value in sent[0]["headers"]]
        return _reply(sent[0]["status"], named, b"".join(one["body"] for one in sent[1:]), short=False)

    def close(self) -> None:
        self.flask.close()


@dataclass
class Worlds:
    """The same in two ways."""

    clock: Clock
    project: Path
    short: World
    plain: World

    async def ask(self, target: str, method: str = "GET", body: bytes = b"", **headers: str) -> Reply:
        """Ask both; fail where they do not answer alike."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        short = await self.short.ask(method, target, named, body)
        plain = await self.plain.ask(method, target, named, body)
        assert plain.told == short.told, (method, target, named)
        return short

    def both(self, act: Callable[[World], object]) -> None:
        """Do the same to both."""
        for world in (self.short, self.plain):
            act(world)

    def change(self, day: int, value: int) -> None:
        """Write another file for a day, and have it listed."""
        write(self.project, day, value)
        self.both(lambda world: world.base.catalog.refresh("events"))

    def renew(self) -> None:
        self.clock.now = START
        self.both(lambda world: world.renew())


@contextmanager
def open_worlds(folder: Path) -> Iterator[Worlds]:
    """Open both over a project of their own."""
    project, clock = make_project(folder), Clock(START)
    with ExitStack() as stack:

        def world(name: str, use_hit_cache: bool) -> World:
            settings = load_settings(project, {"GATEWAY_STATE": str(folder / name)})
            base = stack.enter_context(open_gateway(settings, observe=unobserved, background=False))
            made = World(clock=clock, base=base, folder=folder / name / "more", use_hit_cache=use_hit_cache)
            stack.callback(lambda: made.close())
            return made

        yield Worlds(clock=clock, project=project, short=world("short", True), plain=world("plain", False))


def _lines(head: bytes) -> list[tuple[str, str]]:
    lines = head.decode("latin-1").split("\r\n")
    assert lines.pop() == ""
    return [(name, value) for name, _, value in (line.partition(": ") for line in lines)]


def _reply(status: int, headers: list[tuple[str, str]], body: bytes, *, short: bool) -> Reply:
    compared = sorted((name.lower(), value) for name, value in headers if name.lower() not in _VARYING)
    if compared and body.startswith(b"{") and dict(compared).get("content-type") == "application/problem+json":
        body = _without_request(body)
    return Reply(status=status, headers=compared, body=body, short=short)


def _without_request(problem: bytes) -> bytes:
    """Leave the id of the request out of a problem document."""
    kept = [line for line in problem.splitlines() if b'"instance"' not in line and b'"request_id"' not in line]
    return b"\n".join(kept)

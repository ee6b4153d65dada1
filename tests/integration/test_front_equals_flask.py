"""The short way answers as Flask would: every request is asked both ways, and status, headers and body compared."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from worlds import Doors, Ration, Worlds, open_worlds

from gateway.access.base import OPEN
from gateway.cache.tier import Purge
from gateway.encode import encode
from gateway.query.registry import Registry
from gateway.query.template import Template
from gateway.telemetry.events import RequestServed
from gateway.web.origins import Cors
from gateway.web.proxies import Proxies, networks
from gateway.web.responses import FIXED_HEADERS

TOTALS = "/v1/queries/totals/v1/result"
ROWS = "/v1/queries/totals/v2/result"
RECENT = "/v1/queries/recent/v1/result"
SINCE = "/v1/queries/since/v1/result"


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worlds]:
    with open_worlds(tmp_path_factory.mktemp("worlds")) as worlds:
        yield worlds


@pytest.fixture
def worlds(opened: Worlds) -> Worlds:
    opened.both(lambda world: setattr(world, "memory", 64 * 2**20))
    opened.both(lambda world: (setattr(world, "doors", None), setattr(world, "ration", None)))
    opened.both(lambda world: surround(world, False))
    opened.renew()
    return opened


JSON = {"Content_Type": "application/json"}


def surround(world: Any, known: bool) -> None:
    """Have a gateway know two origins and believe its proxy, or none and nobody."""
    world.cors = Cors(origins=frozenset({"https://dash.example", "https://wiki.example"} if known else ()))
    world.proxies = Proxies(trusted=networks(["127.0.0.1"] if known else []))


def with_front(template: Template, **changed: Any) -> Template:
    """Change the front matter of a template."""
    return replace(template, front=template.front.model_copy(update=changed))


def run(story: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(story())


TARGETS = [
    TOTALS,
    f"{TOTALS}?",
    f"{TOTALS}?until=2024-01-03",
    f"{TOTALS}?until=2024-01-03T00:30",
    f"{TOTALS}?until=2024-01-02&names=a",
    f"{TOTALS}?names=a&names=b",
    f"{TOTALS}?names=b&names=a",
    f"{TOTALS}?names=%61",
    f"{TOTALS}?names=nobody",
    f"{TOTALS}.csv",
    f"{TOTALS}.ndjson",
    f"{TOTALS}.parquet",
    f"{TOTALS}.arrow",
    f"{TOTALS}.xlsx",
    f"{TOTALS}.csv?_bom=true&_delimiter=;",
    f"{TOTALS}?_format=csv",
    f"{TOTALS}?_shape=columns",
    f"{TOTALS}?_shape=arrays",
    f"{ROWS}?_limit=3",
    f"{ROWS}?_limit=0",
    f"{ROWS}?_limit=1000",
    "/v1/queries/totals/latest/result",
    "/v1/queries/totals/latest/result.csv?_limit=2",
    RECENT,
    SINCE,
    f"{SINCE}?since=now-7d/d&_limit=2",
    f"{SINCE}?since=now-90m",
    f"{SINCE}?since=now-1M/M&width=now",
    f"{SINCE}.csv?since=1704063600000&_limit=1",
    f"{SINCE}?since=2024-01-01T00:00:00Z",
]
"""Requests whose second answer is short."""
ALWAYS_FLASK = [
    "/v1/queries/uncached/v1/result",
    "/v1/queries/broken/v1/result",
    "/v1/queries/nothing/v1/result",
    "/v1/queries/totals/v9/result",
    "/v1/queries/totals/v1",
    "/v1/queries/totals/v1/explain",
    "/v1/queries",
    "/v1/tables/events",
    "/nothing",
    f"{TOTALS}?unknown=1",
    f"{TOTALS}?_unknown=1",
    f"{TOTALS}?until=yesterday",
    f"{TOTALS}?until=now-7d",
    f"{SINCE}?since=now-7x",
    f"{SINCE}?since=now+1d",
    f"{SINCE}?since=now-9999y",
    f"{TOTALS}?_limit=-1",
    f"{TOTALS}.exe",
    f"{ROWS}?_cursor=AAAA",
    f"{TOTALS}?names=%ff",
]
HEADERS = [
    {},
    {"Accept": "text/csv"},
    {"Accept": "application/json;q=0.1, text/csv"},
    {"Accept-Encoding": "gzip"},
    {"Accept-Encoding": "gzip, zstd"},
    {"Accept-Encoding": "identity"},
    {"User-Agent": "somebody", "Accept-Language": "de", "X-Forwarded-For": "10.0.0.1"},
    {"X-Unheard-Of": "1"},
]
AROUND = [
    {"Origin": "https://dash.example"},
    {"Origin": "https://evil.example"},
    {"X-Forwarded-Prefix": "/data/gw"},
    {"X-Forwarded-Prefix": "/b", "Origin": "https://wiki.example"},
]
SPECIAL = [
    {"Cache-Control": "no-cache"},
    {"Cache-Control": "max-age=5"},
    {"Cache-Control": "only-if-cached"},
    {"Cache-Control": "no-store"},
    {"Range": "bytes=0-1"},
    {"Range": "bytes=-5", "Accept-Encoding": "gzip, deflate"},
    {"Range": "bytes=7-", "If-Range": '"other"'},
    {"Range": "bytes=100000-"},
    {"If-Match": '"x"'},
    {"If-Modified-Since": "Wed, 21 Oct 2015 07:28:00 GMT"},
    {"Request-Timeout": "5"},
    {"Request-Timeout": "never"},
    {"Accept": "image/png"},
    {"Accept": "???"},
]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("target", TARGETS)
def test_a_request_that_is_repeated_is_answered_the_short_way(worlds: Worlds, target: str, method: str) -> None:
    async def story() -> None:
        replies = [await worlds.ask(target, method) for _ in range(3)]
        assert [reply.short for reply in replies] == [False, True, True]

    run(story)


@pytest.mark.parametrize("headers", HEADERS, ids=str)
def test_headers_that_choose_a_form_choose_it_the_short_way_too(worlds: Worlds, headers: dict[str, str]) -> None:
    async def story() -> None:
        for _ in range(2):
            for target in (TOTALS, f"{ROWS}.csv", f"{ROWS}.parquet"):
                named = {name.replace("-", "_"): value for name, value in headers.items()}
                reply = await worlds.ask(target, **named)
        assert reply.short

    run(story)


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("target", TARGETS)
def test_what_is_around_a_request_is_answered_the_short_way_too(worlds: Worlds, target: str, known: bool) -> None:
    worlds.both(lambda world: surround(world, known))
    worlds.renew()

    async def story() -> None:
        for headers in (*AROUND, {}):
            named = {name.replace("-", "_"): value for name, value in headers.items()}
            for asked in {target, f"/data/gw{target}"} if known and "/data/gw" in headers.values() else {target}:
                replies = [await worlds.ask(asked, **named) for _ in range(2)]
                assert replies[-1].short

    run(story)


@pytest.mark.parametrize("headers", SPECIAL, ids=str)
def test_a_request_that_asks_for_something_of_its_own_goes_to_flask(worlds: Worlds, headers: dict[str, str]) -> None:
    async def story() -> None:
        named = {name.replace("-", "_"): value for name, value in headers.items()}
        for _ in range(2):
            await worlds.ask(TOTALS)
            assert not (await worlds.ask(TOTALS, **named)).short

    run(story)


@pytest.mark.parametrize("target", ALWAYS_FLASK)
def test_what_is_no_kept_answer_goes_to_flask(worlds: Worlds, target: str) -> None:
    async def story() -> None:
        for _ in range(3):
            assert not (await worlds.ask(target)).short

    run(story)


def test_a_header_that_is_new_is_sent_both_ways(worlds: Worlds, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.web.results.FIXED_HEADERS", (*FIXED_HEADERS, ("X-New", "of tomorrow")))

    async def story() -> None:
        for _ in range(2):
            for method in ("GET", "HEAD"):
                reply = await worlds.ask(TOTALS, method)
                assert reply.header("x-new") == "of tomorrow"
        assert reply.short

    run(story)


def test_an_error_in_place_of_a_result_is_not_kept(worlds: Worlds, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Any:
        raise RuntimeError("after the result was rendered")

    async def story() -> None:
        with monkeypatch.context() as patched:
            patched.setattr("gateway.web.guard.limit_headers", broken)
            assert (await worlds.ask(TOTALS)).status == 500
        replies = [await worlds.ask(TOTALS) for _ in range(2)]
        assert [(reply.status, reply.short) for reply in replies] == [(200, False), (200, True)]

    run(story)


def test_a_validator_is_answered_by_304_the_short_way(worlds: Worlds) -> None:
    async def story() -> None:
        tag = (await worlds.ask(TOTALS)).header("etag")
        assert tag is not None
        for value in (tag, f'"other", {tag}', f"W/{tag}", "*"):
            replies = [await worlds.ask(TOTALS, If_None_Match=value) for _ in range(2)]
            assert [(reply.status, reply.short) for reply in replies] == [(304, False), (304, True)]
        others = [await worlds.ask(TOTALS, If_None_Match='"other"') for _ in range(2)]
        assert [(reply.status, reply.short) for reply in others] == [(200, False), (200, True)]

    run(story)


def test_pages_are_read_on_by_flask(worlds: Worlds) -> None:
    async def story() -> None:
        first = [await worlds.ask(f"{ROWS}?_limit=3") for _ in range(2)][-1]
        link = first.header("link")
        assert first.short
        assert link is not None
        following = link.partition("<")[2].partition(">")[0]
        assert not any([(await worlds.ask(following)).short for _ in range(2)])

    run(story)


def test_an_answer_ages_and_is_asked_about_after_its_ttl(worlds: Worlds) -> None:
    async def story() -> None:
        await worlds.ask(TOTALS)
        worlds.clock.now += 59.5
        aged = await worlds.ask(TOTALS)
        assert (aged.short, aged.header("age"), aged.header("cache-status")) == (
            True,
            "59",
            "query-gateway; hit; ttl=0",
        )
        worlds.clock.now += 0.5
        assert not (await worlds.ask(TOTALS)).short
        again = await worlds.ask(TOTALS)
        assert (again.short, again.header("age")) == (True, "0")

    run(story)


def test_a_clock_that_jumps_back_makes_no_difference(worlds: Worlds) -> None:
    async def story() -> None:
        await worlds.ask(TOTALS)
        worlds.clock.now -= 1_000
        await worlds.ask(TOTALS)
        assert (await worlds.ask(TOTALS)).header("age") == "0"

    run(story)


def test_new_data_is_seen_after_the_ttl(worlds: Worlds) -> None:
    async def story() -> None:
        before = [await worlds.ask(ROWS) for _ in range(2)][-1]
        worlds.change(2, 500)
        assert (await worlds.ask(ROWS)).body == before.body
        worlds.clock.now += 31
        after = [await worlds.ask(ROWS) for _ in range(2)]
        assert [reply.short for reply in after] == [False, True]
        assert after[-1].body != before.body

    run(story)


@pytest.mark.parametrize("which", [Purge(query="totals"), Purge(table="events"), Purge(before=10**11)], ids=str)
def test_a_dropped_answer_is_gone(worlds: Worlds, which: Purge) -> None:
    async def story() -> None:
        await worlds.ask(TOTALS)
        worlds.both(lambda world: world.gateway.cache.drop(which))
        replies = [await worlds.ask(TOTALS) for _ in range(2)]
        assert [reply.short for reply in replies] == [False, True]

    run(story)


def test_an_answer_that_another_process_dropped_is_gone(worlds: Worlds) -> None:
    from gateway.cache.purges import PurgeLog

    async def story() -> None:
        await worlds.ask(TOTALS)
        worlds.both(lambda world: PurgeLog(world.folder / "drops.jsonl", world.epochs).announce(Purge(query="totals")))
        assert not (await worlds.ask(TOTALS)).short

    run(story)


def test_an_evicted_answer_is_gone(worlds: Worlds) -> None:
    async def story() -> None:
        worlds.both(lambda world: setattr(world, "memory", 20_000))
        worlds.renew()
        targets = [f"{TOTALS}?names={name}" for name in "abcdef"]
        for _ in range(2):
            for target in targets:
                await worlds.ask(target)
                await worlds.ask(target)

    run(story)


def at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def test_a_relative_time_is_answered_short_until_its_bucket_ends(worlds: Worlds) -> None:
    async def story() -> None:
        target, found = f"{SINCE}?since=now/d", []
        for moment in ("12:00:00", "12:00:00.5", "22:59:58", "22:59:59.9", "23:00:00", "23:00:00"):
            worlds.clock.now = at(f"2024-01-03T{moment}+00:00")
            reply = await worlds.ask(target)
            document = orjson.loads(reply.body)
            found.append((document["parameters"]["since"], document["rows"], reply.short))
        before, after = ("2024-01-03T00:00:00", 4), ("2024-01-04T00:00:00", 2)
        # The ttl of five minutes ended between the second and the third.
        expected = [(before, False), (before, True), (before, False), (before, True), (after, False), (after, True)]
        assert found == [(*told, short) for told, short in expected]

    run(story)


@pytest.mark.parametrize(
    ("asked", "width"), [("since=now-90m", 1), ("since=2024-01-01&width=now-90m", 60), ("since=now-90m/m", 60)]
)
def test_what_is_not_rounded_is_another_question_in_the_next_bucket(worlds: Worlds, asked: str, width: int) -> None:
    async def story() -> None:
        worlds.clock.now = at("2024-01-03T12:00:00+00:00") + 0.25
        first, second = await worlds.ask(f"{SINCE}?{asked}"), await worlds.ask(f"{SINCE}?{asked}")
        worlds.clock.now += width - 0.5
        last = await worlds.ask(f"{SINCE}?{asked}")
        worlds.clock.now += 0.25
        other = await worlds.ask(f"{SINCE}?{asked}")
        assert [reply.short for reply in (first, second, last, other)] == [False, True, True, False]
        assert first.body == second.body == last.body != other.body

    run(story)


def test_all_spellings_of_an_instant_share_one_answer_and_its_tag(worlds: Worlds) -> None:
    spelled = ["now/d", "now-0s/d", "2024-01-03", "2024-01-02T23:00:00Z", "1704236400000", "2024-01-03T05:00%2B06:00"]

    async def story() -> None:
        worlds.clock.now = at("2024-01-03T12:00:00+00:00")
        replies = [await worlds.ask(f"{SINCE}?since={text}") for text in spelled]
        posted = [
            await worlds.ask(SINCE, "POST", orjson.dumps({"since": value}), **JSON)
            for value in ("now/d", 1704236400000)
        ]
        assert {reply.status for reply in replies} == {200}
        assert len({reply.header("etag") for reply in replies}) == 1
        assert len({reply.body for reply in [*replies, *posted]}) == 1
        statuses = [str(reply.header("cache-status")) for reply in [*replies, *posted]]
        assert ["hit" in status for status in statuses] == [False, *[True] * (len(statuses) - 1)]

    run(story)


def test_caches_on_the_way_are_told_when_the_bucket_ends(worlds: Worlds) -> None:
    async def story() -> None:
        worlds.clock.now = at("2024-01-03T22:58:00+00:00")
        first = await worlds.ask(f"{SINCE}?since=now/d")
        worlds.clock.now += 60
        second = await worlds.ask(f"{SINCE}?since=now/d")
        absolute = await worlds.ask(f"{SINCE}?since=2024-01-03")
        assert [first.header("cache-control"), second.header("cache-control")] == ["public, max-age=120"] * 2
        assert (second.header("age"), second.header("x-accel-expires")) == ("60", "@1704322800")
        assert absolute.header("cache-control") == "public, max-age=300, stale-while-revalidate=60"

    run(story)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_pages_of_a_relative_time_go_on_in_the_next_bucket(worlds: Worlds, method: str) -> None:
    async def ask(options: str, since: str) -> dict[str, Any]:
        if method == "GET":
            reply = await worlds.ask(f"{SINCE}?since={since}&{options}")
        else:
            reply = await worlds.ask(f"{SINCE}?{options}", "POST", orjson.dumps({"since": since}), **JSON)
        found: dict[str, Any] = orjson.loads(reply.body) if reply.status == 200 else {"status": reply.status}
        return found

    async def story() -> None:
        worlds.clock.now = at("2024-01-03T22:59:59+00:00")
        whole = (await ask("", "now/d"))["data"]
        first = await ask("_limit=1", "now/d")
        cursor = first["next"].partition("_cursor=")[2]
        assert ("since=2024-01-03T00%3A00%3A00&" in first["next"]) == (method == "GET")
        worlds.clock.now += 2
        for since in ("now/d", "2024-01-03", "now-1d/d"):  # as it was, as it was told, as it is written now
            pages = [await ask(f"_cursor={cursor}", since)]
            while "next" in pages[-1]:
                pages.append(await ask(f"_cursor={pages[-1]['next'].partition('_cursor=')[2]}", since))
            assert [row for page in pages for row in page["data"]] == whole[1:]
            assert {page["parameters"]["since"] for page in pages} == {"2024-01-03T00:00:00"}
        for other in ("now-0d/d", "now-2d/d", "2024-01-04"):
            assert await ask(f"_cursor={cursor}", other) == {"status": 400}

    run(story)


def test_the_bucket_of_the_clock_ends_an_answer(worlds: Worlds) -> None:
    async def story() -> None:
        worlds.clock.now += 60 - worlds.clock.now % 60
        replies = [await worlds.ask(RECENT) for _ in range(2)]
        worlds.clock.now += 59.9
        replies.append(await worlds.ask(RECENT))
        worlds.clock.now += 0.1
        replies += [await worlds.ask(RECENT) for _ in range(2)]
        assert [reply.short for reply in replies] == [False, True, True, False, True]

    run(story)


def test_another_gateway_in_service_is_asked_anew(worlds: Worlds) -> None:
    async def story() -> None:
        await worlds.ask(TOTALS)
        worlds.both(lambda world: setattr(world.site, "gateway", replace(world.site.gateway)))
        replies = [await worlds.ask(TOTALS) for _ in range(2)]
        assert [reply.short for reply in replies] == [False, True]

    run(story)


def test_latest_is_another_version_from_the_day_on_which_the_newest_is_deprecated(worlds: Worlds) -> None:
    latest, day = "/v1/queries/totals/latest/result", 86_400
    worlds.clock.now += day - worlds.clock.now % day - 1
    tomorrow = datetime.fromtimestamp(worlds.clock.now + 1, UTC).date()

    def deprecate(world: Any) -> None:
        first, second = world.site.gateway.registry.queries()["totals"].values()
        registry = Registry.of(
            [with_front(first, deprecated=None, sunset=None), with_front(second, deprecated=tomorrow)],
            today=lambda: datetime.fromtimestamp(worlds.clock.now, UTC).date(),
        )
        world.site.gateway = replace(world.site.gateway, registry=registry)

    async def story() -> None:
        worlds.both(deprecate)
        replies = [await worlds.ask(latest) for _ in range(2)]
        worlds.clock.now += 1
        replies += [await worlds.ask(latest) for _ in range(2)]
        assert [reply.short for reply in replies] == [False, True, False, True]
        assert [reply.header("gateway-version") for reply in replies] == ["2", "2", "1", "1"]

    run(story)


def test_an_answer_that_was_made_over_midnight_is_not_kept_for_the_new_day(
    worlds: Worlds, monkeypatch: pytest.MonkeyPatch
) -> None:
    latest, day, world = "/v1/queries/totals/latest/result", 86_400, worlds.short
    worlds.clock.now += day - worlds.clock.now % day - 1
    tomorrow = datetime.fromtimestamp(worlds.clock.now + 1, UTC).date()
    first, second = world.site.gateway.registry.queries()["totals"].values()
    registry = Registry.of(
        [with_front(first, deprecated=None, sunset=None), with_front(second, deprecated=tomorrow)],
        today=lambda: datetime.fromtimestamp(worlds.clock.now, UTC).date(),
    )
    world.site.gateway = replace(world.site.gateway, registry=registry)

    def over_midnight(*given: Any, **options: Any) -> Iterator[bytes]:
        yield from encode(*given, **options)
        worlds.clock.now += 1

    async def story() -> None:
        with monkeypatch.context() as patched:
            patched.setattr("gateway.web.payload.encode", over_midnight)
            replies = [await world.ask("GET", latest, {})]
        replies += [await world.ask("GET", latest, {}) for _ in range(2)]
        assert [reply.header("gateway-version") for reply in replies] == ["2", "1", "1"]
        assert [reply.short for reply in replies] == [False, False, True]

    run(story)


@pytest.mark.parametrize(
    "text", ['names=a|b&names="', "names=a{b}&names=a[b]", "names=a%7Cb", "names=a^b&names=<c>", "names=`\\"]
)
def test_the_address_of_an_answer_is_written_alike_whatever_was_sent(worlds: Worlds, text: str) -> None:
    def keep_the_first(world: Any) -> None:
        first = world.site.gateway.registry.queries()["totals"][1]
        registry = Registry.of([with_front(first, deprecated=None, sunset=None)])
        world.site.gateway = replace(world.site.gateway, registry=registry)

    async def story() -> None:
        worlds.both(keep_the_first)
        replies = [await worlds.ask(f"/v1/queries/totals/latest/result?{text}") for _ in range(2)]
        assert [reply.short for reply in replies] == [False, True]
        assert str(replies[-1].header("content-location")).startswith(f"{TOTALS}?names=")

    run(story)


def test_who_asks_and_what_they_may_see_is_found_out_each_time(worlds: Worlds) -> None:
    worlds.both(lambda world: setattr(world, "doors", Doors()))
    worlds.renew()

    async def story() -> None:
        for _ in range(2):
            for target in (TOTALS, RECENT):
                for key in ("a", "b", "c", None):
                    named = {} if key is None else {"X_Api_Key": key}
                    reply = await worlds.ask(target, **named)
        assert reply.short
        assert (await worlds.ask(TOTALS, X_Api_Key="b")).short
        worlds.both(lambda world: world.doors.revoked.add("a"))
        assert (await worlds.ask(TOTALS, X_Api_Key="a")).status == 401
        worlds.both(lambda world: world.doors.close_or_open("totals"))
        assert (await worlds.ask(TOTALS, X_Api_Key="b")).status == 404
        worlds.both(lambda world: world.doors.close_or_open("totals"))
        assert (await worlds.ask(TOTALS, X_Api_Key="b")).status == 200

    run(story)


def test_an_answer_that_is_not_for_everybody_any_more_says_so(worlds: Worlds) -> None:
    worlds.both(lambda world: setattr(world, "doors", Doors()))
    worlds.renew()

    async def story() -> None:
        public = [await worlds.ask(TOTALS, X_Api_Key="a") for _ in range(2)][-1]
        worlds.both(lambda world: world.doors.share_or_not("totals"))
        private = [await worlds.ask(TOTALS, X_Api_Key="a") for _ in range(2)]
        assert str(public.header("cache-control")).startswith("public")
        assert [str(reply.header("cache-control"))[:7] for reply in private] == ["private", "private"]

    run(story)


def test_a_result_that_was_made_again_tells_what_was_read_for_it(worlds: Worlds) -> None:
    first_day = f"{TOTALS}?until=2024-01-02"

    async def story() -> None:
        heads = [await worlds.ask(first_day, "HEAD") for _ in range(2)]
        assert heads[-1].short
        worlds.change(9, 9)
        worlds.both(lambda world: world.gateway.cache.drop(Purge(query="totals")))
        await worlds.ask(first_day)
        after = await worlds.ask(first_day, "HEAD")
        assert after.header("gateway-partitions") != heads[-1].header("gateway-partitions")

    run(story)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_who_needs_no_rows_is_answered_the_short_way_when_they_are_gone(worlds: Worlds, method: str) -> None:
    async def story() -> None:
        tag = str((await worlds.ask(TOTALS)).header("etag"))
        replies = [await worlds.ask(TOTALS, method, If_None_Match=tag) for _ in range(2)]
        worlds.both(lambda world: world.tier.drop(Purge(query="totals")))
        replies += [await worlds.ask(TOTALS, method, If_None_Match=tag) for _ in range(2)]
        replies += [await worlds.ask(TOTALS, "HEAD") for _ in range(2)]
        assert [(reply.status, reply.short) for reply in replies] == [
            (304, False), (304, True), (304, True), (304, True), (200, False), (200, True)
        ]  # fmt: skip
        assert "fwd=miss" in str((await worlds.ask(TOTALS)).header("cache-status"))

    run(story)


def test_two_spellings_of_a_question_follow_its_data_together(worlds: Worlds) -> None:
    async def story() -> None:
        spellings = (ROWS, f"{ROWS}?")
        before = [await worlds.ask(target) for _ in range(2) for target in spellings]
        worlds.change(1, 77)
        worlds.clock.now += 31
        after = [await worlds.ask(target) for target in spellings]
        assert {reply.header("etag") for reply in after}.isdisjoint({reply.header("etag") for reply in before})

    run(story)


def test_who_asks_too_much_is_refused(worlds: Worlds) -> None:
    worlds.both(lambda world: setattr(world, "ration", Ration(left=3)))
    worlds.renew()

    async def story() -> None:
        replies = [await worlds.ask(TOTALS) for _ in range(5)]
        assert [(reply.status, reply.short) for reply in replies] == [
            (200, False), (200, True), (200, True), (429, False), (429, False)
        ]  # fmt: skip

    run(story)


def test_limits_that_are_kept_elsewhere_are_asked_about_by_flask(worlds: Worlds) -> None:
    worlds.both(lambda world: setattr(world, "ration", Ration(at_once=False)))
    worlds.renew()

    async def story() -> None:
        assert not any([(await worlds.ask(TOTALS)).short for _ in range(3)])

    run(story)


def test_requests_are_counted_and_told_of_alike(worlds: Worlds) -> None:
    async def story() -> None:
        for _ in range(40):
            for target in (TOTALS, f"{ROWS}.csv?_limit=2"):
                tag = (await worlds.ask(target, X_Request_Id="mine")).header("etag")
                await worlds.ask(target, "HEAD")
                await worlds.ask(target, If_None_Match=str(tag))

    run(story)
    worlds.short.hit_cache.flush()

    def told(world: Any) -> list[Any]:
        served = [event for event in world.events if isinstance(event, RequestServed)]
        return sorted(
            (one.path, one.method, one.status, one.cache, one.size, one.rows, one.format, one.client, one.principal,
             one.query, one.version, one.error, one.complete, one.detail, one.request == "mine")
            for one in served
        )  # fmt: skip

    def counted(world: Any) -> dict[Any, float]:
        return {
            (sample.name, *sorted(sample.labels.items())): sample.value
            for metric in world.metrics.registry.collect()
            for sample in metric.samples
            if not sample.name.endswith(("_created", "_sum", "_bucket"))
            and sample.name.startswith(("gateway_answer", "gateway_response", "gateway_request"))
        }

    assert told(worlds.plain) == told(worlds.short)
    assert counted(worlds.plain) == counted(worlds.short)
    endpoints = [
        dict(name[1:])["endpoint"] for name in counted(worlds.short) if name[0] == "gateway_request_seconds_count"
    ]
    assert set(endpoints) == {"results.result"}


REQUESTS = st.tuples(
    st.sampled_from([*TARGETS, *TARGETS, *ALWAYS_FLASK]),
    st.sampled_from(["GET", "GET", "GET", "HEAD", "POST"]),
    st.sampled_from(
        [*HEADERS, *HEADERS, *AROUND, *SPECIAL, {"If-None-Match": "last"}, {"X-Api-Key": "a"}, {"X-Api-Key": "b"}]
    ),
)
STEPS = st.one_of(
    REQUESTS.map(lambda request: ("ask", *request)),
    REQUESTS.map(lambda request: ("ask", *request)),
    REQUESTS.map(lambda request: ("ask", *request)),
    st.floats(0, 200).map(lambda seconds: ("wait", seconds)),
    st.tuples(st.just("change"), st.integers(1, 4), st.integers(0, 1_000)),
    st.sampled_from([Purge(query="totals"), Purge(table="events"), Purge(query="recent")]).map(
        lambda drop: ("drop", drop)
    ),
    st.sampled_from(["totals", "recent"]).map(lambda query: ("door", query)),
    st.just(("revoke",)),
)


@pytest.mark.parametrize("memory", [64 * 2**20, 30_000], ids=["room", "tight"])
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEPS, max_size=25), guarded=st.booleans(), surrounded=st.booleans())
def test_whatever_happens_both_ways_answer_alike(
    worlds: Worlds, memory: int, steps: list[tuple[Any, ...]], guarded: bool, surrounded: bool
) -> None:
    worlds.both(lambda world: setattr(world, "memory", memory))
    worlds.both(lambda world: surround(world, surrounded))
    worlds.both(lambda world: setattr(world, "doors", Doors() if guarded else OPEN))
    worlds.renew()

    async def story() -> None:
        tags: dict[str, str] = {}
        for kind, *rest in steps:
            match kind, rest:
                case "ask", [target, method, headers]:
                    named = {name.replace("-", "_"): value for name, value in headers.items()}
                    if named.get("If_None_Match") == "last":
                        named["If_None_Match"] = tags.get(target, '"none"')
                    for _ in range(2):
                        reply = await worlds.ask(target, method, **named)
                    tags[target] = reply.header("etag") or '"none"'
                case "wait", [seconds]:
                    worlds.clock.now += seconds
                case "change", [day, value]:
                    worlds.change(day, value)
                case "drop", [which]:
                    worlds.both(lambda world, which=which: world.gateway.cache.drop(which))
                case "door", [query] if guarded:
                    worlds.both(lambda world, query=query: world.doors.close_or_open(query))
                case "revoke", [] if guarded:
                    worlds.both(lambda world: world.doors.revoked.add("a"))

    run(story)

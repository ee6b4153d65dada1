"""A store that fails: requests lost, late, refused, cut short, objects replaced meanwhile. Never a wrong answer.

A proxy in front of the real S3 server injects the faults; every answer is compared with what the objects hold.
"""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import obstore
import pytest
from events import between, folder_of
from fault_proxy import BROKEN, PASSING, RESET, Asked, Fault, FaultProxy, Program, always, once, share, sound
from shop import Shop, ask, questions, row
from thorough import first
from waiting import wait_for

from gateway.errors import StorageFailed, UpstreamError
from gateway.execution.breaker import FAILURES
from gateway.telemetry.events import (
    BreakerChanged,
    QueryFailed,
    QueryRetried,
    ReplicaListed,
    ReplicaRead,
    ReplicaUnusable,
)

pytestmark = pytest.mark.s3
DAYS = 30
ENGINES_REQUESTS = 'gateway_storage_requests_total{client="engine"'
ANSWERS = 90


@pytest.fixture
def proxy(s3: Any, free_ports: Callable[[int], list[int]]) -> Iterator[FaultProxy]:
    [port] = free_ports(1)
    with FaultProxy(server=s3.endpoint, port=port) as running:
        yield running


@pytest.fixture
def shop(s3: Any, proxy: FaultProxy, request: pytest.FixtureRequest, tmp_path: Path) -> Shop:
    prefix = f"faults/{abs(hash(request.node.name)):x}"
    return Shop(server=s3, endpoint=proxy.endpoint, prefix=prefix, folder=tmp_path / "project")


def gone(prefix: str) -> Program:
    """Let what lies under a prefix be out of reach."""
    return lambda asked: RESET if asked.path.startswith(f"/warehouse/{prefix}/") else None


def until(attempt: Callable[[], Any]) -> Any:
    """Return what *attempt* returns, once it raises no failure of the store any more."""

    def tried() -> tuple[Any, ...]:
        with suppress(UpstreamError):
            return (attempt(),)
        return ()

    [answer] = wait_for(tried, "the store to be back")
    return answer


def data(asked: Asked) -> bool:
    return asked.kind in ("GET", "HEAD")


@pytest.mark.parametrize("fault", PASSING, ids=lambda fault: fault.name)
def test_a_fault_that_passes_is_not_seen_by_who_asks(shop: Shop, proxy: FaultProxy, fault: Fault) -> None:
    with shop.open(6).gateway() as gateway:
        ask(gateway, 0, 1)
        proxy.program = share(0.3, [fault], seed=1)
        answers = [row(ask(gateway, day, day + 1)) for day in range(6)]
    assert [shop.truth(day, day + 1) for day in range(6)] == answers
    assert proxy.faults[fault.name] > 0


@pytest.mark.parametrize("seed", first(1, range(3)))
def test_with_a_tenth_of_the_requests_failing_every_answer_is_right(shop: Shop, proxy: FaultProxy, seed: int) -> None:
    draw = questions(DAYS, seed)
    with shop.open(DAYS).gateway() as gateway:
        proxy.program = share(0.1, PASSING, seed)
        for _ in range(100):
            start, end = draw()
            assert shop.truth(start, end) == row(ask(gateway, start, end))
    assert sum(proxy.faults.values()) > 10


def test_a_query_whose_requests_keep_failing_is_run_again(shop: Shop, proxy: FaultProxy) -> None:
    left = [BROKEN] * 4  # one more than the engine sends a request by itself
    with shop.open(1).gateway() as gateway:
        gateway.catalog.pin()
        gateway.catalog.read_all_footers("events")  # so that the engine meets the faults
        proxy.program = lambda asked: left.pop() if left and data(asked) else None
        assert shop.truth(0, 1) == row(ask(gateway, 0, 1))
    assert shop.seen(QueryRetried) == 1


@pytest.mark.parametrize("partials_from", ["0B", "1GiB"])
def test_an_answer_tells_how_many_requests_it_took(shop: Shop, proxy: FaultProxy, partials_from: str) -> None:
    def asked() -> int:
        return proxy.requests["GET"] + proxy.requests["HEAD"]

    with shop.open(4, "cache: {ttl: 0s}").gateway(GATEWAY_CACHE_PARTIALS_FROM=partials_from) as gateway:
        gateway.catalog.pin()
        gateway.catalog.read_all_footers("events")
        proxy.program = share(0.2, [BROKEN], seed=1)
        for end in (2, 3, 4):
            before = asked()
            answer = ask(gateway, 0, end)
            assert (row(answer), answer.requests) == (shop.truth(0, end), asked() - before)
            assert answer.requests
        assert ask(gateway, 0, 4).requests is None  # its answer is kept
    assert proxy.faults


@pytest.mark.gunicorn
def test_the_header_of_an_answer_has_the_requests_that_it_took(serve: Any, shop: Shop, proxy: FaultProxy) -> None:
    shop.open(3, "cache: {ttl: 1h}")
    server = serve(shop.folder, shop.environment())

    def counted() -> int:
        lines = server.get("/metrics").body.decode().splitlines()
        return sum(int(float(line.split()[-1])) for line in lines if line.startswith(ENGINES_REQUESTS))

    first, again = (server.get("/v1/queries/amount/v1/result", between(0, 3)) for _ in range(2))
    wait_for(lambda: counted() == int(first.headers["gateway-requests"]))
    assert "gateway-requests" not in again.headers


def test_a_refusal_is_not_asked_again(shop: Shop, proxy: FaultProxy) -> None:
    with shop.open(1).gateway() as gateway:
        gateway.catalog.pin()
        proxy.program = always(Fault(name="403", status=403), "GET", "HEAD")
        with pytest.raises(StorageFailed, match="refused"):
            ask(gateway, 0, 1)
    assert shop.seen(QueryRetried) == 0


@pytest.mark.parametrize("moment", first(1, ["between", "early"]))
def test_an_object_replaced_during_a_read_is_answered_wholly_old_or_wholly_new(
    shop: Shop, proxy: FaultProxy, moment: str
) -> None:
    with shop.open(12).gateway() as gateway:
        gateway.catalog.pin()
        for day in range(12):
            before = shop.truth(day, day + 1)
            change: Any = {moment: lambda day=day: shop.put(day, 500 + day)}
            number = 1 + day % 3  # the footer, or one of the row groups
            seen = iter(range(100))
            proxy.program = once(
                Fault(name="replaced", **change), lambda asked, n=number, i=seen: asked.kind == "GET" and next(i) == n
            )
            found = row(ask(gateway, day, day + 1))
            assert found in (before, shop.truth(day, day + 1))
            proxy.program = sound
    assert proxy.faults["replaced"] == 12


def test_an_object_deleted_during_a_read_is_answered_wholly_or_not_at_all(shop: Shop, proxy: FaultProxy) -> None:
    with shop.open(4).gateway() as gateway:
        gateway.catalog.pin()
        before = shop.truth(0, 4)
        proxy.program = once(
            Fault(name="deleted", early=lambda: shop.remove(2)),
            lambda asked: asked.kind == "GET" and f"day={2013}-01-03" in asked.path,
        )
        found = row(ask(gateway, 0, 4))
    shop.amounts[2] = shop.rows[2] = 0
    assert found in (before, shop.truth(0, 4))


@pytest.mark.parametrize("etag", ['"another"', ""])
def test_answers_with_another_etag_or_none_are_never_used(shop: Shop, proxy: FaultProxy, etag: str) -> None:
    draw = questions(6, 1)
    with shop.open(6).gateway() as gateway:
        gateway.catalog.pin()
        proxy.program = share(0.3, [Fault(name="etag", etag=etag)], seed=3)
        outcomes = []
        for _ in range(12):
            start, end = draw()
            try:
                outcomes.append(row(ask(gateway, start, end)) == shop.truth(start, end))
            except UpstreamError as error:  # a refusal is right; an answer that is wrong is not
                outcomes.append(error.code in ("files-changed", "storage-failed"))
    assert all(outcomes)


def test_with_the_store_gone_cached_questions_are_answered_and_new_ones_fail(shop: Shop, proxy: FaultProxy) -> None:
    with shop.open(6, "cache: {ttl: 0s, stale_if_error: 1d}").gateway() as gateway:
        kept = [row(ask(gateway, day, day + 1)) for day in range(3)]
        shop.put(1, 777)  # what is kept of this day is no longer what the store holds
        gateway.catalog.refresh("events")
        proxy.stop()
        answers = [ask(gateway, day, day + 1) for day in range(3)]
        for day in range(3, 6):
            with pytest.raises(StorageFailed):
                ask(gateway, day, day + 1)
        assert [row(answer) for answer in answers] == kept
        details = [answer.status.detail for answer in answers]
        assert details == ["revalidated", "stale-if-error; storage-failed", "revalidated"]
        proxy.start()
        assert until(lambda: row(ask(gateway, 3, 4))) == shop.truth(3, 4)


def test_a_store_that_is_gone_is_left_alone_until_it_is_back(shop: Shop, proxy: FaultProxy) -> None:
    with shop.open(3).gateway() as gateway:
        gateway.catalog.pin()
        proxy.stop()
        for _ in range(FAILURES):
            with pytest.raises(StorageFailed):
                ask(gateway, 0, 1)
        executed = shop.seen(QueryFailed)
        with pytest.raises(StorageFailed, match="left alone"):
            ask(gateway, 0, 1)
        assert shop.seen(QueryFailed) == executed
        proxy.start()
        assert until(lambda: row(ask(gateway, 0, 1))) == shop.truth(0, 1)
        assert row(ask(gateway, 1, 3)) == shop.truth(1, 3)
    assert [event.state for event in shop.events if isinstance(event, BreakerChanged)][-1] == "closed"


@pytest.mark.gunicorn
def test_readiness_tells_which_location_is_left_alone(serve: Any, shop: Shop, proxy: FaultProxy) -> None:
    shop.open(2)
    server = serve(shop.folder, shop.environment(), workers=1)
    location = shop.server.url(shop.prefix)
    assert server.get("/readyz").json()["stores"] == {location: "closed"}
    proxy.stop()
    statuses = [server.get("/v1/queries/amount/v1/result", between(0, 1)).status for _ in range(FAILURES)]
    assert set(statuses) == {502}
    reply = server.get("/readyz")
    assert (reply.status, reply.json()["stores"]) == (200, {location: "open"})


def test_a_silent_store_is_left_alone_too(shop: Shop, proxy: FaultProxy) -> None:
    with shop.open(FAILURES).gateway(GATEWAY_STORAGE_TIMEOUT="1s", GATEWAY_ENGINE_SLOTS="8") as gateway:
        gateway.catalog.pin()
        proxy.program = always(Fault(name="silent", delay=60.0), "GET", "HEAD")
        with ThreadPoolExecutor(FAILURES) as pool:
            answers = [pool.submit(ask, gateway, day, day + 1) for day in range(FAILURES)]
            assert None not in [answer.exception() for answer in answers]
        with pytest.raises(StorageFailed, match="left alone"):
            ask(gateway, 0, 1)


def test_a_replica_answers_when_the_location_is_gone(shop: Shop, proxy: FaultProxy) -> None:
    copy = f"{shop.prefix}-copy"
    shop.open(6, replicas=(copy,)).copy_to(copy)
    with shop.gateway() as gateway:
        gateway.catalog.pin()
        proxy.program = gone(shop.prefix)
        assert [row(ask(gateway, day, day + 2)) for day in range(4)] == [shop.truth(day, day + 2) for day in range(4)]
    assert shop.seen(ReplicaRead) > 0
    assert shop.seen(ReplicaUnusable) == 0


def test_a_replica_of_another_version_is_refused(shop: Shop, proxy: FaultProxy) -> None:
    copy = f"{shop.prefix}-copy"
    shop.open(4, replicas=(copy,)).copy_to(copy)
    shop.put(2, 999, prefix=copy)
    with shop.gateway() as gateway:
        gateway.catalog.pin()
        proxy.program = gone(shop.prefix)
        assert row(ask(gateway, 0, 2)) == shop.truth(0, 2)
        with pytest.raises(StorageFailed):
            ask(gateway, 1, 3)
        proxy.program = sound
        assert until(lambda: row(ask(gateway, 1, 3))) == shop.truth(1, 3)
    assert shop.seen(ReplicaUnusable) > 0


def test_a_table_is_listed_at_a_replica_when_its_location_is_gone(shop: Shop, proxy: FaultProxy) -> None:
    copy = f"{shop.prefix}-copy"
    shop.open(3, replicas=(copy,)).copy_to(copy)
    proxy.program = gone(shop.prefix)
    with shop.gateway() as gateway:
        assert row(ask(gateway, 0, 3)) == shop.truth(0, 3)
        shop.put(3, 5)
        shop.copy_to(copy)
        gateway.catalog.refresh("events")
        assert row(ask(gateway, 0, 4)) == shop.truth(0, 4)
    assert shop.seen(ReplicaListed) == 2


def test_a_replica_that_lacks_what_is_known_does_not_take_it_back(shop: Shop, proxy: FaultProxy) -> None:
    copy = f"{shop.prefix}-copy"
    shop.open(3, replicas=(copy,)).copy_to(copy)
    with shop.gateway() as gateway:
        before = gateway.catalog.pin()["events"]
        obstore.delete(shop.server.store(copy), f"{folder_of(1)}/x.parquet")
        proxy.program = gone(shop.prefix)
        with pytest.raises(StorageFailed):
            gateway.catalog.refresh("events")
        assert gateway.catalog.pin()["events"] is before


def test_a_replica_that_is_empty_is_not_taken_for_an_empty_table(shop: Shop, proxy: FaultProxy) -> None:
    shop.open(2, replicas=(f"{shop.prefix}-nothing",))
    proxy.program = gone(shop.prefix)
    with shop.gateway() as gateway, pytest.raises(StorageFailed):
        ask(gateway, 0, 2)


def test_faults_replacements_and_a_replica_together_never_make_a_wrong_answer(shop: Shop, proxy: FaultProxy) -> None:
    copy = f"{shop.prefix}-copy"
    shop.open(10, replicas=(copy,)).copy_to(copy)
    choose, begun = random.Random(7), threading.Semaphore(0)

    def rewrite() -> None:
        for number in range(ANSWERS):  # one day for each question, at some moment of it
            begun.acquire()
            day = choose.randrange(10)
            shop.put(day, 100 + number)
            shop.put(day, 100 + number, prefix=copy)

    faults, absent = share(0.1, PASSING, 7), gone(shop.prefix)
    writer, outcomes = threading.Thread(target=rewrite, daemon=True), Counter[str]()
    with shop.gateway() as gateway:
        gateway.catalog.pin()
        writer.start()
        for number in range(ANSWERS):
            begun.release()
            away = number // 15 % 3 == 2
            proxy.program = lambda asked, away=away: (absent(asked) if away else None) or faults(asked)
            day = number % 10
            try:
                found = row(ask(gateway, day, day + 1))
            except UpstreamError as error:
                outcomes[error.code] += 1
            else:
                outcomes["whole" if found in shop.history[day] else "wrong"] += 1
        writer.join()
    assert outcomes["wrong"] == 0
    assert outcomes["whole"] > ANSWERS / 2

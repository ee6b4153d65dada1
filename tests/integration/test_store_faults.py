"""A store that fails: requests lost, late, refused, cut short, objects replaced meanwhile. Never a wrong answer.

A proxy in front of the real S3 server injects the faults; every answer is compared with what the objects hold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fault_proxy import BROKEN, PASSING, Asked, Fault, FaultProxy, always, once, share, sound
from shop import Shop, ask, questions, row

from gateway.errors import StorageFailed, UpstreamError
from gateway.observe import QueryRetried

pytestmark = pytest.mark.s3
DAYS = 30


@pytest.fixture
def proxy(s3: Any, free_ports: Callable[[int], list[int]]) -> Iterator[FaultProxy]:
    [port] = free_ports(1)
    with FaultProxy(server=s3.endpoint, port=port) as running:
        yield running


@pytest.fixture
def shop(s3: Any, proxy: FaultProxy, request: pytest.FixtureRequest, tmp_path: Path) -> Shop:
    prefix = f"faults/{abs(hash(request.node.name)):x}"
    return Shop(server=s3, endpoint=proxy.endpoint, prefix=prefix, folder=tmp_path / "project")


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


@pytest.mark.parametrize("seed", range(3))
def test_with_a_tenth_of_the_requests_failing_every_answer_is_right(shop: Shop, proxy: FaultProxy, seed: int) -> None:
    draw = questions(DAYS, seed)
    with shop.open(DAYS).gateway() as gateway:
        proxy.program = share(0.1, PASSING, seed)
        for _ in range(100):
            start, end = draw()
            assert shop.truth(start, end) == row(ask(gateway, start, end))
    assert sum(proxy.faults.values()) > 10


def test_a_query_whose_requests_keep_failing_is_run_again(shop: Shop, proxy: FaultProxy) -> None:
    left = [BROKEN] * 6  # more than the engine repeats a request by itself
    with shop.open(1).gateway() as gateway:
        gateway.catalog.pin()
        proxy.program = lambda asked: left.pop() if left and data(asked) else None
        assert shop.truth(0, 1) == row(ask(gateway, 0, 1))
    assert shop.seen(QueryRetried) == 1


def test_a_refusal_is_not_asked_again(shop: Shop, proxy: FaultProxy) -> None:
    with shop.open(1).gateway() as gateway:
        gateway.catalog.pin()
        proxy.program = always(Fault(name="403", status=403), "GET", "HEAD")
        with pytest.raises(StorageFailed, match="refused"):
            ask(gateway, 0, 1)
    assert shop.seen(QueryRetried) == 0


@pytest.mark.parametrize("moment", ["early", "between"])
def test_an_object_replaced_during_a_read_is_answered_wholly_old_or_wholly_new(
    shop: Shop, proxy: FaultProxy, moment: str
) -> None:
    with shop.open(12).gateway() as gateway:
        gateway.catalog.pin()
        for day in range(12):
            before = shop.truth(day, day + 1)
            change: Any = {moment: lambda day=day: shop.put(day, 500 + day)}
            number = 1 + day % 4  # the footer, or one of the row groups
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

"""Limits counted elsewhere: most requests ask nobody, and nobody gets more than the limit."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from limits.errors import StorageError
from limits.storage import MemoryStorage

from gateway.access.quota_batches import BatchedQuotas
from gateway.access.quotas import Quotas
from gateway.access.rates import Rate, Rates
from gateway.errors import QuotaExceeded
from gateway.model import Principal

ANA, BOB = Principal(name="ana"), Principal(name="bob")


class Elsewhere(MemoryStorage):
    """Counters in another place; it is counted how often they are asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.works = 0, True

    def acquire_sliding_window_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        self.asked += 1
        if not self.works:
            raise StorageError(ConnectionError("no"))
        return super().acquire_sliding_window_entry(key, limit, expiry, amount)


@pytest.fixture
def elsewhere() -> Elsewhere:
    return Elsewhere()


@pytest.fixture
def now() -> list[float]:
    return [0.0]


MakeWorker = Callable[[Rates], BatchedQuotas]


@pytest.fixture
def worker(elsewhere: Elsewhere, now: list[float]) -> MakeWorker:
    def make(rates: Rates) -> BatchedQuotas:
        quotas = Quotas(elsewhere, lambda who: rates, observe=lambda event: None, monotonic=lambda: now[0])
        return BatchedQuotas(quotas, lambda who: rates, monotonic=lambda: now[0])

    return make


def requests(amount: int) -> Rates:
    return Rates(requests=Rate(amount=amount, seconds=3600))


def admitted(workers: list[BatchedQuotas], times: int) -> int:
    count = 0
    for number in range(times):
        try:
            workers[number % len(workers)].admit(ANA)
        except QuotaExceeded:
            continue
        count += 1
    return count


def test_a_small_limit_is_exact_over_workers(worker: MakeWorker) -> None:
    assert admitted([worker(requests(150)) for _ in range(3)], 500) == 150


def test_a_large_limit_asks_once_for_many(worker: MakeWorker, elsewhere: Elsewhere) -> None:
    assert admitted([worker(requests(10_000)) for _ in range(2)], 9_000) == 9_000
    assert elsewhere.asked == 90


def test_a_large_limit_is_never_passed_and_nearly_reached(worker: MakeWorker) -> None:
    count = admitted([worker(requests(10_000)) for _ in range(3)], 20_000)
    assert 10_000 - 3 * 100 <= count <= 10_000


def test_threads_of_a_worker_do_not_pass_the_limit_together(worker: MakeWorker) -> None:
    one = worker(requests(1_000))
    with ThreadPoolExecutor(8) as pool:
        counts = list(pool.map(lambda _: admitted([one], 300), range(8)))
    assert 990 <= sum(counts) <= 1_000


def test_what_is_at_hand_is_given_at_once(worker: MakeWorker) -> None:
    one = worker(requests(10_000))
    assert one.admit_at_once(ANA) is None
    assert one.admit(ANA)["RateLimit"].startswith('"requests";r=9999;')
    assert "r=9998;" in str(one.admit_at_once(ANA))
    assert one.admit_at_once(BOB) is None


def test_a_portion_lasts_no_longer_than_its_window(worker: MakeWorker, now: list[float]) -> None:
    one = worker(requests(10_000))
    one.admit(ANA)
    now[0] = 3_600.0
    assert one.admit_at_once(ANA) is None


def test_bytes_that_another_worker_uses_up_are_seen_within_a_second(worker: MakeWorker, now: list[float]) -> None:
    rates = Rates(requests=Rate(amount=10_000, seconds=3600), bytes=Rate(amount=100, seconds=3600))
    here, there = worker(rates), worker(rates)
    here.admit(ANA)
    there.charge(ANA, 100)
    assert here.admit_at_once(ANA) is not None
    now[0] = 1.0
    assert here.admit_at_once(ANA) is None
    with pytest.raises(QuotaExceeded):
        here.admit(ANA)


def test_bytes_that_this_worker_uses_up_are_seen_at_once(worker: MakeWorker, elsewhere: Elsewhere) -> None:
    rates = Rates(requests=Rate(amount=10_000, seconds=3600), bytes=Rate(amount=100, seconds=3600))
    one = worker(rates)
    one.admit(ANA)
    one.charge(ANA, 40)
    assert '"bytes";r=60;' in one.admit(ANA)["RateLimit"]
    assert elsewhere.asked == 1  # the portion was kept
    one.charge(ANA, 60)
    with pytest.raises(QuotaExceeded):
        one.admit(ANA)


def test_while_nothing_can_be_counted_requests_are_let_through_at_once(
    worker: MakeWorker, elsewhere: Elsewhere
) -> None:
    one = worker(requests(10))
    elsewhere.works = False
    assert one.admit(ANA) == {}
    assert one.admit_at_once(ANA) == {}
    assert elsewhere.asked == 1


def test_without_limits_nobody_is_asked(worker: MakeWorker, elsewhere: Elsewhere) -> None:
    assert worker(Rates()).admit_at_once(ANA) == {}
    assert elsewhere.asked == 0

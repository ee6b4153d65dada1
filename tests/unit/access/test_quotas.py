"""Requests and bytes are counted for each principal, and refused past their limits."""

from __future__ import annotations

import pytest
from limits.errors import StorageError
from limits.storage import MemoryStorage, Storage

from gateway.access.quotas import Quotas, rates_for
from gateway.access.rates import NO_LIMIT, Rate, Rates
from gateway.errors import QuotaExceeded
from gateway.model import Principal
from gateway.telemetry.events import Event, LimitsFailed

ANA, BOB = Principal(name="ana"), Principal(name="bob")
REQUESTS = Rates(requests=Rate(amount=3, seconds=3600))
BYTES = Rates(bytes=Rate(amount=100, seconds=3600))


def quotas(rates: Rates, storage: Storage | None = None, events: list[Event] | None = None) -> Quotas:
    observe = (lambda event: None) if events is None else events.append
    return Quotas(storage or MemoryStorage(), lambda who: rates, observe=observe)


def refusal(counted: Quotas, who: Principal) -> QuotaExceeded:
    with pytest.raises(QuotaExceeded) as caught:
        counted.admit(who)
    return caught.value


def test_requests_past_the_limit_are_refused() -> None:
    counted = quotas(REQUESTS)
    for _ in range(3):
        counted.admit(ANA)
    error = refusal(counted, ANA)
    assert error.members == {"limit": "requests"}
    assert error.retry_after is not None
    assert 1 <= error.retry_after <= 3600
    assert error.headers["RateLimit"].startswith('"requests";r=0;t=')


def test_each_principal_has_a_limit_of_its_own() -> None:
    counted = quotas(REQUESTS)
    for _ in range(3):
        counted.admit(ANA)
    refusal(counted, ANA)
    counted.admit(BOB)


def test_what_is_left_is_told() -> None:
    headers = quotas(REQUESTS).admit(ANA)
    assert headers["RateLimit-Policy"] == '"requests";q=3;w=3600'
    assert headers["RateLimit"].startswith('"requests";r=2;t=')


def test_bytes_are_charged_and_the_next_request_is_refused() -> None:
    counted = quotas(BYTES)
    counted.charge(ANA, 60)
    assert counted.admit(ANA)["RateLimit"].startswith('"bytes";r=40;t=')
    counted.charge(ANA, 1_000)
    error = refusal(counted, ANA)
    assert error.members == {"limit": "bytes"}
    assert error.headers["RateLimit-Policy"] == '"bytes";q=100;w=3600;qu="scanned-bytes"'
    counted.admit(BOB)


def test_a_request_that_is_refused_for_its_bytes_is_not_counted() -> None:
    both = Rates(requests=Rate(amount=3, seconds=3600), bytes=Rate(amount=100, seconds=3600))
    counted = quotas(both)
    counted.charge(ANA, 100)
    for _ in range(5):
        assert '"requests";r=3;' in refusal(counted, ANA).headers["RateLimit"]


def test_what_the_gateway_does_by_itself_is_nobodys() -> None:
    storage = MemoryStorage()
    quotas(BYTES, storage).charge(Principal(name=""), 1_000)
    assert not storage.storage


def test_without_limits_nothing_is_counted() -> None:
    storage = MemoryStorage()
    counted = quotas(Rates(), storage)
    counted.charge(ANA, 1_000)
    assert counted.admit(ANA) == {}
    assert not storage.storage


class Broken(MemoryStorage):
    """Counters that cannot be reached."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.works = 0, False

    def get_sliding_window(self, key: str, expiry: int) -> tuple[int, float, int, float]:
        self._reach()
        return super().get_sliding_window(key, expiry)

    def acquire_sliding_window_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        self._reach()
        return super().acquire_sliding_window_entry(key, limit, expiry, amount)

    def _reach(self) -> None:
        self.asked += 1
        if not self.works:
            raise StorageError(ConnectionError("no"))


def test_requests_are_let_through_and_told_where_they_cannot_be_counted() -> None:
    storage, events = Broken(), list[Event]()
    counted = quotas(REQUESTS, storage, events)
    for _ in range(10):
        assert counted.admit(ANA) == {}
    assert events == [LimitsFailed(error="ConnectionError")]
    assert storage.asked == 1  # left alone for a while


def test_counting_goes_on_when_it_can() -> None:
    storage, now = Broken(), [0.0]
    counted = Quotas(storage, lambda who: REQUESTS, observe=lambda event: None, monotonic=lambda: now[0])
    counted.admit(ANA)
    storage.works, now[0] = True, 0.4
    assert counted.admit(ANA) == {}
    now[0] = 0.5
    assert "RateLimit" in counted.admit(ANA)


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        (Rates(), REQUESTS),
        (Rates(requests=NO_LIMIT), Rates()),
        (Rates(requests=Rate(amount=9, seconds=1)), Rates(requests=Rate(amount=9, seconds=1))),
        (BYTES, Rates(requests=REQUESTS.requests, bytes=BYTES.bytes)),
    ],
)
def test_what_is_said_of_a_principal_counts_before_the_settings(override: Rates, expected: Rates) -> None:
    assert rates_for(REQUESTS, override) == expected

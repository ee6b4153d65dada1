"""Claims on partials: one at a time, handed over in a process, tried again where they failed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st
from serving import NoLease

from gateway.execution.claims import Claims

ROWS = pa.table({"n": [1]})
KEYS = [f"{number:040x}" for number in range(6)]


class Held(NoLease):
    """Other processes hold the leases of some keys."""

    def __init__(self, *keys: str) -> None:
        self.keys = set(keys)

    def take(self, key: str) -> bool:
        return key not in self.keys


def test_what_is_claimed_is_not_claimed_again_until_it_is_released() -> None:
    claims = Claims(NoLease())
    assert claims.claim(KEYS[:2]) == set(KEYS[:2])
    assert claims.claim(KEYS[:3]) == {KEYS[2]}
    claims.release(KEYS[:1])
    assert claims.claim(KEYS[:3]) == {KEYS[0]}


def test_what_another_process_computes_is_not_claimed_and_can_be_once_it_has_ended() -> None:
    lease = Held(KEYS[1])
    claims = Claims(lease)
    assert claims.claim(KEYS[:2]) == {KEYS[0]}
    lease.keys.clear()
    assert claims.claim(KEYS[:2]) == {KEYS[1]}


def test_who_waits_is_given_what_was_computed() -> None:
    claims = Claims(NoLease())
    claims.claim(KEYS)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(claims.wait, KEYS[:2], 60.0)
        claims.hand_over(KEYS[1], ROWS)
        assert waiting.result() == {KEYS[1]: ROWS}


def test_who_waits_for_what_failed_is_told_at_once_and_may_try() -> None:
    claims = Claims(NoLease())
    claims.claim(KEYS[:1])
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(claims.wait, KEYS[:1], 60.0)
        claims.release(KEYS[:1])
        assert waiting.result() == {}
    assert claims.claim(KEYS[:1]) == {KEYS[0]}


def test_nobody_waits_longer_than_asked_for_another_process() -> None:
    assert Claims(Held(*KEYS)).wait(KEYS, 0.0) == {}


@given(st.lists(st.tuples(st.sampled_from(["claim", "release"]), st.sets(st.sampled_from(KEYS)))))
def test_of_any_order_of_claims_a_key_has_one_holder_at_most(steps: list[tuple[str, set[str]]]) -> None:
    claims, held = Claims(NoLease()), set[str]()
    for step, keys in steps:
        if step == "claim":
            assert claims.claim(keys) == keys - held
            held |= keys
        else:
            claims.release(list(keys & held))
            held -= keys

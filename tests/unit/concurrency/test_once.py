"""A thing that many ask for at once is made once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event

import pytest

from gateway.concurrency.once import Once


def test_what_many_ask_for_at_once_is_made_once_and_kept() -> None:
    once, together, begun = Once[str, list[str]](2), Barrier(8), list[str]()
    release = Event()

    def make() -> list[str]:
        begun.append("made")
        assert release.wait(60)
        return ["it"]

    def ask() -> list[str]:
        together.wait(60)
        return once.get("it", make)

    with ThreadPoolExecutor(9) as pool:
        asked = [pool.submit(ask) for _ in range(8)]
        other = pool.submit(once.get, "other", lambda: ["other"])
        assert other.result(60) == ["other"]
        release.set()
        found = [each.result(60) for each in asked]
    assert (begun, {id(each) for each in found}) == (["made"], {id(once.get("it", list))})


def test_who_waited_for_what_failed_makes_it_alone() -> None:
    once, begun, release = Once[int, int](2), Event(), Event()

    def fail() -> int:
        begun.set()
        assert release.wait(60)
        raise ValueError("no time")

    with ThreadPoolExecutor(2) as pool:
        failing = pool.submit(once.get, 1, fail)
        assert begun.wait(60)
        waiting = pool.submit(once.get, 1, lambda: 2)
        release.set()
        with pytest.raises(ValueError, match="no time"):
            failing.result(60)
        assert waiting.result(60) == 2
    assert once.get(1, lambda: 3) == 3


def test_what_was_asked_for_longest_ago_is_made_again() -> None:
    once = Once[int, str](2)
    assert [once.get(key, lambda text=text: text) for key, text in ((1, "a"), (2, "b"), (1, "c"), (3, "d"))] == [
        *("a", "b", "a", "d")
    ]
    assert (once.get(2, lambda: "e"), once.get(3, lambda: "f")) == ("e", "d")

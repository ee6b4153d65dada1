"""The address of a split says what it is of, and what is no address is refused."""

from __future__ import annotations

import base64
import zlib
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.datasets.splits import Split
from gateway.errors import MalformedRequest
from gateway.web.split_address import read_address, write_address

SAID: list[Any] = ["files", 2, [0, 5, 3, 0], "00ff", "11ee", 1_000_000, {"a": [1, None]}]


def packed(said: Any) -> str:
    return base64.urlsafe_b64encode(zlib.compress(orjson.dumps(said))).decode().rstrip("=")


def refused(text: str | None) -> None:
    with pytest.raises(MalformedRequest, match="take its address from the plan"):
        read_address(text, 2)


@given(
    by=st.sampled_from(["files", "rows"]),
    places=st.lists(st.integers(0, 2**53), min_size=4, max_size=4).map(sorted),
    now=st.none() | st.integers(0, 4_000_000_000).map(float),
    snapshot=st.none() | st.text(),
    parameters=st.dictionaries(st.text(max_size=5), st.none() | st.integers(-(2**53), 2**53) | st.text(max_size=5)),
)
def test_an_address_is_read_as_it_was_written(
    by: Any, places: list[int], now: float | None, snapshot: str | None, parameters: dict[str, Any]
) -> None:
    place = tuple(places if by == "files" else places[:2])
    split = Split(by=by, number=2, place=place, content="00ff", snapshot=snapshot, now=now)
    assert read_address(write_address(split, parameters), 2) == (split, parameters)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        *((0, value) for value in ("columns", None, 7, ["files"])),
        *((1, value) for value in (3, "2", None)),
        *((2, value) for value in ([0, 5], [0, 5, 3, -1], [0, 5, 3, 0.5], [0, 5, 3, True], [4, 0, 3, 0], "0530", None)),
        (3, 7),
        (4, 7),
        *((5, value) for value in (-1, 1e300, 2**60, "now", True)),
        *((6, value) for value in ([], None)),
    ],
)
def test_what_is_no_split_is_refused(place: int, value: Any) -> None:
    assert read_address(packed(SAID), 2)[1] == {"a": [1, None]}
    refused(packed([*SAID[:place], value, *SAID[place + 1 :]]))


def test_what_is_no_address_is_refused() -> None:
    deep: Any = 1
    for _ in range(100):
        deep = [deep]
    for text in (None, "", "x", "é", packed(SAID)[:-3], packed("files"), packed({}), packed([*SAID, 1])):
        refused(text)
    refused(packed([*SAID[:6], {"a": deep}]))
    refused(packed([*SAID[:6], {"a": "b" * 2**21}]))

"""Values that one process writes and another reads: the same, of the same types."""

from __future__ import annotations

import math
from datetime import UTC
from decimal import Decimal
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from gateway.engine.values import from_json, to_json

PLAIN = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.decimals(allow_nan=False) | st.just(Decimal("NaN")),
    st.text(),
    st.dates(),
    st.times(),
    st.datetimes(),
    st.datetimes(timezones=st.just(UTC)),
    st.timedeltas(),
    st.uuids(),
    st.binary(),
)
VALUES = st.recursive(PLAIN, st.lists)


def alike(one: Any, other: Any) -> bool:
    if isinstance(one, list):
        return len(one) == len(other) and all(map(alike, one, other))
    if isinstance(one, float | Decimal) and one != one:
        return type(one) is type(other) and other != other
    same_sign = not isinstance(one, float) or math.copysign(1, one) == math.copysign(1, other)
    return type(one) is type(other) and one == other and same_sign


@given(VALUES)
def test_a_value_comes_as_it_was_sent(value: Any) -> None:
    assert alike(value, from_json(orjson.loads(orjson.dumps(to_json(value)))))

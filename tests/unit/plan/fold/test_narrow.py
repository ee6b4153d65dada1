"""Partials are kept as narrow as their values allow, and put together without a change of any value."""

from __future__ import annotations

from decimal import Decimal

import pyarrow as pa
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.model import Column
from gateway.plan.fold.narrow import joined, narrowed

_STATES = (Column(name="k", type="VARCHAR"), Column(name="n", type="HUGEINT"), Column(name="d", type="DECIMAL(38,0)"))
_WIDE = pa.decimal128(38, 0)
_LARGEST = 2**63 - 1
_NUMBERS = st.none() | st.integers(-(2**65), 2**65) | st.sampled_from([_LARGEST, -_LARGEST - 1, 10**38 - 1])


def _partial(values: list[int | None]) -> pa.Table:
    numbers = pa.array([None if value is None else Decimal(value) for value in values], _WIDE)
    return pa.table({"k": pa.array(["a"] * len(values), pa.string()), "n": numbers, "d": numbers})


@given(partials=st.lists(st.lists(_NUMBERS, max_size=5), min_size=1, max_size=5))
@example(partials=[[_LARGEST], [_LARGEST + 1, None], []])
def test_narrow_and_wide_partials_are_put_together_with_their_values(partials: list[list[int | None]]) -> None:
    found = joined([narrowed(_partial(values), _STATES) for values in partials])
    assert found["n"].to_pylist() == [value for values in partials for value in values]
    assert found.drop_columns("n") == pa.concat_tables([_partial(values) for values in partials]).drop_columns("n")


def test_what_fits_into_a_bigint_is_kept_as_one_and_nothing_else() -> None:
    types = [narrowed(_partial([value, None]), _STATES).schema.types for value in (_LARGEST, _LARGEST + 1)]
    assert types == [[pa.string(), pa.int64(), _WIDE], [pa.string(), _WIDE, _WIDE]]

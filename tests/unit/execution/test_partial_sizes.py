"""What is remembered of the sizes of partials decides whether a query is folded."""

from __future__ import annotations

import pytest

from gateway.execution.partial_sizes import CROWDED, FEW, PartialSizes


@pytest.mark.parametrize(
    ("rows", "read", "few"),
    [
        (3 * FEW, 3 * FEW, True),
        (3 * FEW + 1, 3 * FEW + 1, False),
        (int(CROWDED * 10**6), 10**6, True),
        (int(CROWDED * 10**6) + 1, 10**6, False),
    ],
)
def test_partials_have_few_rows_or_a_small_part_of_those_they_are_made_of(rows: int, read: int, few: bool) -> None:
    sizes = PartialSizes()
    assert sizes.measured("text", 3, rows, read) is few
    assert sizes.fitting("text") == (None if few else 0)


def test_partials_that_may_pass_rows_over_tell_nothing_of_how_many_there_are() -> None:
    assert PartialSizes().measured("text", 0, 0, 0)


def test_what_was_measured_is_forgotten_in_time() -> None:
    now = [0.0]
    sizes = PartialSizes(lambda: now[0])
    sizes.measured("text", 1, 10**6, 10**6)
    assert sizes.fitting("text") == 0
    now[0] += 3_601
    assert sizes.fitting("text") is None

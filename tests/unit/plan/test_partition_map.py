"""The map of partitions: every partition stands in one cell, and no cell tells of others."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.plan.partition_map import partition_map


def folders(places: list[int]) -> list[dict[str, str]]:
    return [{"n": str(place)} for place in places]


@settings(max_examples=50)
@given(st.data(), st.integers(0, 40), st.integers(1, 12))
def test_cells_count_the_partitions_between_their_ends(data: st.DataObject, total: int, width: int) -> None:
    places = st.integers(0, max(total - 1, 0))
    read = sorted(data.draw(st.sets(places, max_size=total)))
    kept = [place for place in read if place % 3 == 0]
    cells = partition_map(read, kept, total, folders, cells=width)
    assert len(cells) == min(width, total)
    following = 0
    for cell in cells:
        first, last = int(cell["from"]["n"]), int(cell["to"]["n"])
        assert (first, last - first + 1) == (following, cell["partitions"])
        assert cell["read"] == len([place for place in read if first <= place <= last])
        assert cell["kept"] == len([place for place in kept if first <= place <= last])
        following = last + 1
    assert following == total

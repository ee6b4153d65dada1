"""The codes of facts are the same for all files at once and for any of them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from gateway.catalog import facts
from gateway.catalog.facts import FACTS, FileFacts, encoded, text_of

TEXTS = [None, *(text_of(FileFacts(problem=problem)) for problem in ("cut off", "empty"))]


@given(
    places=st.lists(st.integers(0, 2), max_size=40),
    start=st.integers(0, 20),
    asked=st.lists(st.integers(0, 39), max_size=5),
)
def test_the_codes_of_some_files_are_those_among_all_files(places: list[int], start: int, asked: list[int]) -> None:
    files = pa.table({FACTS: encoded([TEXTS[place] for place in places])}).slice(start)
    positions = np.array([position for position in asked if position < files.num_rows], np.int64)
    every = facts.codes(files)
    assert facts.codes(files, positions).tolist() == every[positions].tolist()
    found = facts.facts_of(files, range(files.num_rows))
    assert [None if each is None else text_of(each) for each in found] == [TEXTS[place] for place in places[start:]]

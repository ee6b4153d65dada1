"""The order of lists of files: one covers another only if it saw the table no earlier, or saw the same.

A table takes few contents, one after the other, and comes back to earlier ones. Machines list it whole, at any time;
each listing sees the content of one moment between its begin and its end. Of two machines that list at the same time,
what one had before counts as older.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.catalog.manifest import edition_after
from gateway.model import Edition

CONTENTS = st.lists(st.sampled_from("xyz"), min_size=20, max_size=20)
LISTINGS = st.lists(
    st.tuples(st.sampled_from("ab"), st.integers(0, 19), st.integers(0, 3), st.integers(0, 3)), min_size=2, max_size=12
)


@given(contents=CONTENTS, listings=LISTINGS)
def test_a_list_covers_another_only_if_it_saw_no_less(
    contents: list[str], listings: list[tuple[str, int, int, int]]
) -> None:
    newest: dict[str, Edition] = {}
    made: list[tuple[int, Edition]] = []
    free = {"a": 0, "b": 0}
    for machine, moment, before, after in sorted(listings, key=lambda listing: listing[1]):
        began = max(free[machine], moment - before)  # a machine lists once at a time
        if began > moment:
            continue
        free[machine] = ended = moment + after
        edition = edition_after(
            newest.get(machine),
            contents[moment],
            line=machine,
            began=float(began),
            ended=float(ended),
            whole=True,
        )
        newest[machine] = edition
        made.append((moment, edition))
    for seen, one in made:
        for other_seen, other in made:
            if one.covers(other):
                at_once = one.line != other.line and one.began <= other.ended and other.began <= one.ended
                assert seen >= other_seen or one.content == other.content or at_once, (one, other)

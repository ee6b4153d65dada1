"""Suggest the names that a misspelt one may stand for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher, get_close_matches

_MEANT = 3
"""Names that a suggestion has at most."""
_LONGEST_NAME = 200
"""Characters of a name that are compared with others."""
_TELLING = 2
"""Characters from which on names of one edit's difference are alike: every letter is one edit away from every other."""


def near(name: str, accepted: Iterable[str]) -> list[str]:
    """List the accepted names that a misspelt one may stand for, at most ``_MEANT``, the likeliest first.

    Those that ``nearest`` lists, else the most alike.

    >>> near("colour", ["color"]), near("amount_in_cents", ["amount_cents", "cents"])
    (['color'], ['amount_cents'])
    """
    names = list(accepted)
    if found := nearest(name, names):
        return found
    plain = {_plain(each): each for each in reversed(names)}
    return [plain[each] for each in get_close_matches(_word(name), plain, n=1)]


def nearest(name: str, accepted: Iterable[str]) -> list[str]:
    """List the accepted names, at most ``_MEANT``, that a name is but for case, hyphens and underscores.

    Where there are none, those of one edit: a character more, less, another, or two exchanged.

    >>> nearest("dat", ["day", "date", "hour"]), nearest("partitionedBy", ["partitioned_by"])
    (['date', 'day'], ['partitioned_by'])
    """
    plain = {each: _plain(each) for each in accepted}
    word = _word(name)
    same = [each for each, spelled in plain.items() if spelled == word]
    edited = same or [each for each, spelled in plain.items() if _one_edit(word, spelled)]
    return sorted(edited, key=lambda each: -SequenceMatcher(None, word, plain[each]).ratio())[:_MEANT]


def _word(name: str) -> str:
    return _plain(name[:_LONGEST_NAME])


def _plain(name: str) -> str:
    return re.sub(r"[-_ ]", "", name).lower()


def _one_edit(left: str, right: str) -> bool:
    """Return whether one edit makes *right* of *left*.

    >>> [_one_edit("abc", other) for other in ("ab", "abcd", "xbc", "acb", "cba")]
    [True, True, True, True, False]
    """
    if abs(len(left) - len(right)) > 1 or max(len(left), len(right)) < _TELLING:
        return False
    same = next(
        (place for place, pair in enumerate(zip(left, right, strict=False)) if pair[0] != pair[1]),
        min(len(left), len(right)),
    )
    one, other = left[same:], right[same:]
    exchanged = len(one) > 1 and len(other) > 1 and one[:2] == other[1::-1] and one[2:] == other[2:]
    return exchanged or one[1:] == other[1:] or one == other[1:] or one[1:] == other


def did_you_mean(name: str, accepted: Iterable[str]) -> str | None:
    """Suggest what a misspelt name may stand for.

    >>> did_you_mean("carier", ["carrier", "origin"])
    "did you mean 'carrier'?"
    """
    return suggested(near(name, accepted))


def suggested(names: Sequence[str]) -> str | None:
    """Suggest one of some names; None where there are none.

    >>> suggested(["day", "date"])
    "did you mean 'day' or 'date'?"
    """
    return f"did you mean {' or '.join(map(repr, names))}?" if names else None

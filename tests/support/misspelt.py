"""Words with one typing error."""

from __future__ import annotations

from collections.abc import Collection, Iterator

_OTHER = "qz"
"""Characters that stand in for wrong ones: hardly any name has them."""


def one_edit(word: str, accepted: Collection[str] = ()) -> Iterator[str]:
    """List what *word* becomes by one edit in each place, but for what is *accepted* itself or begins otherwise odd.

    Edits are a character left out, doubled, replaced, or exchanged with the next one.
    """
    found: dict[str, None] = {}
    for place in range(len(word)):
        before, rest = word[:place], word[place:]
        found[before + rest[1:]] = None
        found[before + rest[0] + rest] = None
        found[before + next(other for other in _OTHER if other != rest[0]) + rest[1:]] = None
        found[before + rest[1:2] + rest[:1] + rest[2:]] = None
    for edited in found:
        if edited and edited[0].isalnum() and edited != word and edited not in accepted:
            yield edited

"""Names for versions of datasets: a version that has one is kept."""

from __future__ import annotations

import re

from gateway.catalog.dataset import Keep
from gateway.catalog.versions import DatasetVersion, Versions
from gateway.datasets.retention import expired
from gateway.errors import MalformedRequest

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_NUMBER = re.compile(r"v[0-9]*")
"""What looks like the number of a version."""


def number_of(versions: Versions, text: str) -> int:
    """Return the number of the version that ``v7`` or a tag names. Raises ``MalformedRequest``."""
    found = versions.number(text)
    if found is None:
        tags = sorted(versions.tags())
        there = f"the tags are {', '.join(tags)}" if tags else "it has no tags"
        raise MalformedRequest(f"{text!r} is no version of the dataset: write v7; {there}.")
    return found


def version_of(versions: Versions, text: str | None) -> DatasetVersion:
    """Read the version that a number or a tag names; None: the newest. Raises ``MalformedRequest``."""
    found = versions.newest() if text is None else versions.read(number_of(versions, text))
    if found is None:
        numbers = versions.numbers()
        there = f"there are v{numbers[0]} to v{numbers[-1]}" if numbers else "it was not built yet"
        raise MalformedRequest(f"The dataset has no version {text or ''}: {there}.".replace(" :", ":"))
    return found


def tag(versions: Versions, keep: Keep, name: str, number: int, *, now: float, move: bool = False) -> None:
    """Give a version a name; one that another version has is moved where *move*. Raises ``MalformedRequest``.

    *now* is in seconds since the epoch.
    """
    check_name(name)
    there = versions.tags().get(name)
    if there not in (None, number) and not move:
        raise MalformedRequest(f"The tag {name} is that of v{there}: move it by --move, or take another name.")
    if number in expired(versions, keep, now=now):
        raise MalformedRequest(f"v{number} is about to be removed: it is kept no longer, see keep in the declaration.")
    version_of(versions, f"v{number}")
    versions.create(f"tags/{name}.json", {"version": number}, mode="overwrite")


def check_name(name: object) -> None:
    """Raise ``MalformedRequest`` where something cannot be the name of a tag."""
    if not isinstance(name, str) or not _NAME.fullmatch(name) or _NUMBER.fullmatch(name):
        raise MalformedRequest(f"{name!r} is no tag: write letters, digits, '.', '_' and '-', such as train-2026-11.")


def untag(versions: Versions, name: str) -> None:
    """Remove a tag. Raises ``MalformedRequest`` where there is none of that name."""
    if name not in versions.tags():
        raise MalformedRequest(f"The dataset has no tag {name!r}.")
    versions.remove([f"tags/{name}.json"])

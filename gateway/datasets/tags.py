"""Names for versions of datasets: a version that has one is kept."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from gateway.catalog.dataset import Keep
from gateway.catalog.table import Table
from gateway.catalog.versions import DatasetVersion, Versions
from gateway.datasets.retention import expired
from gateway.errors import DatasetVersionNotFound, MalformedRequest, TagInUse, TagNotFound, TagTaken

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_NUMBER = re.compile(r"v[0-9]*")
"""What looks like the number of a version."""


def number_of(versions: Versions, text: str) -> int:
    """Return the number of the version that ``v7`` or a tag names. Raises ``DatasetVersionNotFound``."""
    found = versions.number(text)
    if found is None:
        tags = sorted(versions.tags())
        there = f"the tags are {', '.join(tags)}" if tags else "it has no tags"
        raise DatasetVersionNotFound(f"{text!r} is no version of the dataset: write v7; {there}.")
    return found


def version_of(versions: Versions, text: str | None) -> DatasetVersion:
    """Read the version that a number or a tag names; None: the newest. Raises ``DatasetVersionNotFound``."""
    found = versions.newest() if text is None else versions.read(number_of(versions, text))
    if found is None:
        numbers = versions.numbers()
        there = f"there are v{numbers[0]} to v{numbers[-1]}" if numbers else "it was not built yet"
        raise DatasetVersionNotFound(f"The dataset has no version {text or ''}: {there}.".replace(" :", ":"))
    return found


def tag(versions: Versions, keep: Keep, name: str, number: int, *, now: float, move: bool = False) -> bool:
    """Give a version a name, and return whether the tag is new; that of another version is moved where *move*.

    *now* is in seconds since the epoch. Raises ``MalformedRequest``, ``DatasetVersionNotFound``, ``TagTaken``.
    """
    check_name(name)
    if number in expired(versions, keep, now=now):
        raise MalformedRequest(f"v{number} is about to be removed: it is kept no longer, see keep in the declaration.")
    version_of(versions, f"v{number}")
    path, document = f"tags/{name}.json", {"version": number}
    if versions.create(path, document):
        return True
    there = versions.tags().get(name)
    if there not in (None, number) and not move:
        raise TagTaken(
            f"The tag {name} is that of v{there}: move it (by --move; over HTTP, move), or take another name.",
            version=there,
        )
    versions.create(path, document, mode="overwrite")
    return False


def check_name(name: object) -> None:
    """Raise ``MalformedRequest`` where something cannot be the name of a tag."""
    if not isinstance(name, str) or not _NAME.fullmatch(name) or _NUMBER.fullmatch(name):
        raise MalformedRequest(f"{name!r} is no tag: write letters, digits, '.', '_' and '-', such as train-2026-11.")


def readers_of(tag: str, dataset: Table, tables: Iterable[Table], place: Callable[[str], str]) -> list[str]:
    """List the tables that are declared as the version of a tag; *place* tells what a location is."""
    there = place(dataset.location)
    return sorted(
        table.name
        for table in tables
        if table.query is not None and table.version == tag and place(table.location) == there
    )


def untag(versions: Versions, name: str, *, readers: Sequence[str] = ()) -> None:
    """Remove a tag that no *readers* have. Raises ``TagInUse``, ``TagNotFound``."""
    if name not in versions.tags():
        raise TagNotFound(f"The dataset has no tag {name!r}.")
    if readers:
        raise TagInUse(
            f"The tag {name} is the version of {' and '.join(readers)}, which could not be read without it: change "
            "the declaration first (by --force, the command removes it now)."
        )
    versions.remove([f"tags/{name}.json"])

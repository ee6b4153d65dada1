"""Removes versions of a dataset that are kept no longer, and files that no version needs."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from itertools import pairwise

from gateway.catalog.dataset import Keep
from gateway.catalog.versions import Versions

_MARGIN = 3600.0
"""Seconds that a version stays after it could be removed: a tag that was given just before counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retired:
    """What was removed: the numbers of versions, and how many files."""

    versions: tuple[int, ...]
    files: int


def retire(versions: Versions, keep: Keep, *, now: float) -> Retired:
    """Remove the versions that are kept no longer, then what none of the others names. Raises ``StorageFailed``.

    Kept are the newest, those with a tag, and each for ``keep.replaced`` seconds after the next one: reads that began
    before then are not cut off. A file that no version names is removed once it is as old: a build that runs may be
    about to name it. *now* is in seconds since the epoch.
    """
    gone = expired(versions, keep, now=now, margin=_MARGIN)
    if not gone:
        return Retired(versions=(), files=0)
    versions.remove([f"versions/v{number}.json" for number in gone])  # first, so that nobody finds half of it
    needed: set[str] = set()
    for number in versions.numbers():
        version = versions.read(number)
        if version is not None:
            needed |= {file.path for file in version.files}
            needed |= {f"partitions/{part.identity}.json" for part in version.partitions}
    oldest = now - keep.replaced
    # Answers before their files, so that no build takes over what is about to go.
    files = [
        path
        for folder in ("partitions", "data")
        for path, written in versions.listed(folder)
        if path not in needed and written.timestamp() < oldest and not _hidden(path)
    ]
    versions.remove(files)
    return Retired(versions=tuple(gone), files=len(files))


def expired(versions: Versions, keep: Keep, *, now: float, margin: float = 0.0) -> list[int]:
    """List the versions that are kept no longer: not among the newest, without a tag, and replaced long ago."""
    written = {path: at.timestamp() for path, at in versions.listed("versions")}
    numbers = versions.numbers()
    followed = dict(pairwise(numbers))
    tagged: Collection[int] = set(versions.tags().values())
    return [
        number
        for number in numbers[: -keep.versions]
        if number not in tagged
        and written.get(f"versions/v{followed[number]}.json", now) < now - keep.replaced - margin
    ]


def _hidden(path: str) -> bool:
    return any(name.startswith(".") for name in path.split("/"))

"""Keeps the folders of tables apart: a table is all that lies below its location."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.catalog.stored import folded
from gateway.discovery.found import Folder, Omission, Sample, Samples

_ALIKE = 0.5
"""Files with at least so many of all their columns in common are of one table."""
Looked = tuple[Folder, Samples]


def apart(folders: Sequence[Looked]) -> tuple[list[Looked], list[Omission]]:
    """Return those folders that are tables: none lies in another one, and the files of each are alike."""
    kept: list[Looked] = []
    omitted: list[Omission] = []
    for folder, samples in folders:
        inner = [other for other, _ in folders if other is not folder and _inside(other.path, folder.path)]
        reason = _beside(folder, inner) or _unlike(samples.read)
        if reason is None:
            kept.append((folder, samples))
        else:
            omitted.append(Omission(folder=folder.path, reason=reason))
    return kept, omitted


def _inside(path: str, folder: str) -> bool:
    return path.startswith(f"{folder}/") if folder else path != ""


def _beside(folder: Folder, inner: Sequence[Folder]) -> str | None:
    """Say why a folder is no table that has the folders of others in it."""
    if not inner:
        return None
    data = folder.data
    first = str(data["path"][0].as_py())
    more = f"{first} and {data.num_rows - 1} more files lie" if data.num_rows > 1 else f"{first} lies"
    return f"{more} beside the folder of another table ({inner[0].path}): move them into a folder of their own"


def _unlike(samples: Sequence[Sample]) -> str | None:
    """Say which files have columns that are too different for one table."""
    if not samples:
        return None
    first = samples[0]
    for other in samples[1:]:
        own, theirs = _names(first), _names(other)
        if len(own & theirs) < _ALIKE * min(len(own), len(theirs)):
            paths = f"{first.row['path']} and {other.row['path']}"
            return f"{paths} have other columns: a table is a folder, so put the files of each into one of its own"
    return None


def _names(sample: Sample) -> set[str]:
    return {folded(column.name) for column in sample.schema.columns}

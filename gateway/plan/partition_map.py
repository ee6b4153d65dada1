"""The map of a table's partitions: cells in the order of the manifest, each with what a scan does to its partitions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

CELLS = 366
"""Cells of a map at most: a year of days."""
Values = Callable[[Sequence[int]], Sequence[Mapping[str, str | None]]]
"""Returns the folder values of partitions by their places in the manifest."""


def partition_map(
    read: Sequence[int], kept: Sequence[int], total: int, values: Values, cells: int = CELLS
) -> list[dict[str, Any]]:
    """Divide *total* partitions among at most *cells*; *read* and *kept* are places in the manifest.

    A cell counts its ``partitions``, those of them that are ``read``, and those of these that are ``kept`` as partials;
    ``from`` and ``to`` are the folder values of its first and last one.

    >>> days = lambda places: [{"day": str(place)} for place in places]
    >>> partition_map([1, 2], [2], 4, days, cells=2)[1]
    {'partitions': 2, 'read': 1, 'kept': 1, 'from': {'day': '2'}, 'to': {'day': '3'}}
    """
    if total == 0:
        return []
    width = min(cells, total)
    edges = [-(-cell * total // width) for cell in range(width + 1)]
    ends = values([place for start, end in pairwise(edges) for place in (start, end - 1)])
    counts = zip(_counts(read, total, width), _counts(kept, total, width), strict=True)
    return [
        {"partitions": end - start, "read": of_read, "kept": of_kept, "from": ends[2 * cell], "to": ends[2 * cell + 1]}
        for cell, ((start, end), (of_read, of_kept)) in enumerate(zip(pairwise(edges), counts, strict=True))
    ]


def _counts(places: Sequence[int], total: int, width: int) -> list[int]:
    found: list[int] = np.bincount(np.asarray(places, dtype=np.int64) * width // total, minlength=width).tolist()
    return found

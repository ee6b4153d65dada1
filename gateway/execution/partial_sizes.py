"""How large partials may be, and what is known of those that were computed.

A partial that is large beside its partition, in bytes or in rows, saves nothing, and a query with one is computed as a
whole. That is measured, so it is asked only where the whole query gives the same bytes.
The size of a partial is a function of its values alone, so that this does not depend on how its rows came.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from threading import Lock
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
from cachetools import TTLCache

from gateway.execution.work import KeyedFold

LARGEST: Final = 32 * 2**20
"""Bytes of all partials of one answer, at most."""
SMALL: Final = 64 * 2**10
"""Bytes of a partial that is never too large."""
SHRUNK: Final = 4
"""So many times smaller than the files of its partition has a larger one to be."""
CROWDED: Final = 0.05
"""Part of the rows of its partition that a partial may have."""
FEW: Final = 1_000
"""Rows of a partial that are never too many."""
TOO_LARGE: Final = "a partial of it is large beside the files of its partition, or cannot be computed"
TOO_LARGE_TOGETHER: Final = f"its partials are larger than {LARGEST >> 20} MiB together"
_REMEMBERED, _FORGOTTEN = 10_000, 3_600.0
"""Texts and partials of which something is remembered, and for how many seconds."""


def weight(rows: pa.Table | pa.RecordBatch) -> int:
    """Return the bytes of the values of some rows: those of any two parts add up to those of the whole.

    >>> weight(pa.table({"carrier": ["AA", "United"], "flights": [1, 2]}))
    32
    """
    return sum(_weight(column, rows.num_rows) for column in rows.columns)


def largest(size: int) -> int:
    """Return the bytes that a partial may have whose partition has files of *size* bytes."""
    return max(SMALL, size // SHRUNK)


class PartialSizes:
    """What is known of the sizes of partials: by text, how many of them fit together; by key, that one is unfit."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._lock = Lock()
        self._reasons: TTLCache[str, str] = TTLCache(_REMEMBERED, _FORGOTTEN, timer=clock)
        self._fitting: TTLCache[str, float] = TTLCache(_REMEMBERED, _FORGOTTEN, timer=clock)
        self._unfit: TTLCache[str, None] = TTLCache(_REMEMBERED, _FORGOTTEN, timer=clock)

    def fitting(self, text: str) -> float | None:
        """Return how many partials of a text fit together; infinity: any number of them; None: not known."""
        with self._lock:
            return self._fitting.get(text)

    def fits(self, text: str) -> None:
        """Remember of a text that its partials are small."""
        with self._lock:
            self._fitting.setdefault(text, math.inf)

    def too_many(self, text: str, count: int, reason: str) -> None:
        """Remember of a text that so many of its partials are too large together, and why; of one: that it is alone."""
        with self._lock:
            self._fitting[text] = min(count - 1, self._fitting.get(text, math.inf))
            self._reasons[text] = reason

    def measured(self, text: str, partials: int, rows: int, read: int) -> bool:
        """Learn how many *rows* some partials of a text have, made of those that were *read*; tell whether few."""
        few = rows <= max(FEW * partials, CROWDED * read)
        if not few:
            share = f"{rows / read:.0%} of the rows of their partitions"
            self.too_many(text, 1, f"its partials have {share}, and up to {CROWDED:.0%} are kept")
        return few

    def unfit(self, keys: Iterable[str]) -> None:
        """Remember partials that are too large, or that cannot be computed."""
        with self._lock:
            self._unfit.update(dict.fromkeys(keys))

    def forbid(self, fold: KeyedFold) -> str | None:
        """Tell why an answer is known to be computed as a whole; None: nothing forbids it."""
        pieces = fold.pieces
        counts = [(fold.text, len(pieces)), *((branch.text, len(branch.pieces)) for branch in fold.branches)]
        for text, count in counts:
            fitting = self.fitting(text)
            if fitting is not None and count > fitting:
                with self._lock:
                    return self._reasons.get(text, TOO_LARGE)
        with self._lock:
            return TOO_LARGE if any(key in self._unfit for key in pieces) else None


def _weight(column: Any, rows: int) -> int:
    kind = column.type
    if pa.types.is_boolean(kind):
        return rows
    if pa.types.is_string(kind) or pa.types.is_binary(kind):
        return 4 * rows + int(pc.sum(pc.binary_length(column)).as_py() or 0)
    if pa.types.is_primitive(kind) or pa.types.is_decimal(kind) or pa.types.is_fixed_size_binary(kind):
        return rows * int(kind.bit_width // 8)
    return int(column.nbytes)

"""Portions of the files that a scan reads: runs of them, cut between files and, in large files, between row groups.

The cuts follow from the sizes of the files and from their row groups alone, so any host makes the same ones.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

RowGroups = Callable[[Sequence[int]], Mapping[int, Sequence[int]]]
"""Return the rows of each row group of some files, which are given by their places among those that are read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A place between two rows of the files that a scan reads, one after the other: before a row of a file."""

    file: int
    row: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """What is read of one file: all of it, or its rows from *start* up to *stop* (None: to its end)."""

    file: int
    start: int = 0
    stop: int | None = None

    @property
    def whole(self) -> bool:
        """Whether all rows of the file are read."""
        return self.start == 0 and self.stop is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Portion:
    """The rows between two places."""

    begin: Place
    end: Place

    def pieces(self) -> Iterator[Piece]:
        """Walk what is read of each file.

        >>> list(Portion(begin=Place(file=1, row=5), end=Place(file=2)).pieces())
        [Piece(file=1, start=5, stop=None)]
        """
        for file in range(self.begin.file, self.end.file + (self.end.row > 0)):
            start = self.begin.row if file == self.begin.file else 0
            stop = self.end.row if file == self.end.file else None
            if stop is None or start < stop:
                yield Piece(file=file, start=start, stop=stop)

    def size(self, sizes: Sequence[int], row_groups: RowGroups) -> int:
        """Return its bytes, as the part of the rows of each file that are read."""
        pieces = list(self.pieces())
        groups = row_groups([each.file for each in pieces if not each.whole])
        return sum(
            sizes[each.file] if each.whole else _part(each, sizes[each.file], sum(groups[each.file])) for each in pieces
        )


def portions(sizes: Sequence[int], count: int, row_groups: RowGroups) -> list[Portion]:
    """Cut files of these *sizes* into *count* portions of about the same bytes; some may be empty.

    >>> [(each.begin.file, each.end.file) for each in portions([10, 10, 20], 2, lambda files: {})]
    [(0, 2), (2, 3)]
    """
    before = [0, *accumulate(sizes)]
    wanted = [before[-1] * number / count for number in range(1, count)]
    files = [min(bisect_right(before, at) - 1, max(len(sizes) - 1, 0)) for at in wanted]
    inside = sorted({file for file in files if sizes and _is_large(sizes[file], before[-1] / count)})
    groups = row_groups(inside) if inside else {}
    places = [_place(file, at - before[file], sizes, groups) for file, at in zip(files, wanted, strict=True)]
    ends = [Place(file=0), *places, Place(file=len(sizes))]
    return [Portion(begin=begin, end=end) for begin, end in pairwise(ends)]


def _is_large(size: int, target: float) -> bool:
    return size > target / 2


def _place(file: int, at: float, sizes: Sequence[int], groups: Mapping[int, Sequence[int]]) -> Place:
    """Return the place that is nearest to the byte *at* of a file."""
    if not sizes or not sizes[file]:
        return Place(file=file)
    part = at / sizes[file]
    starts = [0, *accumulate(groups.get(file, ()))]
    if len(starts) < 3:
        return Place(file=file + (part >= 0.5))
    row = min(starts, key=lambda start: (abs(start - part * starts[-1]), start))
    return Place(file=file + 1) if row == starts[-1] else Place(file=file, row=row)


def _part(piece: Piece, size: int, rows: int) -> int:
    stop = rows if piece.stop is None else min(piece.stop, rows)
    return size * max(stop - piece.start, 0) // rows if rows else 0

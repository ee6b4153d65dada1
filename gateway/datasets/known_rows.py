"""How many rows the splits of files have, where their footers tell: of files of which a query gives each row once."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress
from typing import Final

from gateway.errors import SnapshotGone, StorageFailed
from gateway.execution.planning import Planning
from gateway.execution.work import Work
from gateway.plan.fold.keeping import Keeping
from gateway.plan.portions import Portion, RowGroups

_COUNTED: Final = 1_000
"""Files at most whose footers are read to count the rows of splits."""


def rows_of_files(
    planning: Planning, work: Work, kept: Keeping, files: int, row_groups: RowGroups
) -> Sequence[int | None]:
    """Return the rows of the selected files, None where not all of them are given, or nobody knows how many.

    They are all given where no filter is left: none of the policy, and in WHERE none that holds in a part of the file.
    """
    unknown: list[int | None] = [None] * files
    everything = planning.planner.shows_all(work.principal, work.plan.query.tables)
    if kept.conditions is None or files > _COUNTED or not everything:
        return unknown
    try:
        given = [True] * files
        if kept.conditions:
            given = list(planning.folds.in_full(work.plan, work.snapshots, kept.scan, kept.conditions))
        counted = row_groups(list(compress(range(files), given)))
    except (SnapshotGone, StorageFailed):  # whoever reads the splits is told
        return unknown
    return [sum(groups) if (groups := counted.get(file)) else None for file in range(files)]


def rows_of(portion: Portion, files: Sequence[int | None]) -> int | None:
    """Return the rows of a portion of these *files*; None where one is not known.

    >>> from gateway.plan.portions import Place
    >>> rows_of(Portion(begin=Place(file=0, row=4), end=Place(file=1, row=5)), [10, 20])
    11
    """
    rows = 0
    for piece in portion.pieces():
        known = files[piece.file]
        if known is None:
            return None
        rows += (known if piece.stop is None else piece.stop) - piece.start
    return rows

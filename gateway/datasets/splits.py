"""Splits: the parts of an answer that are read in parallel, each on its own, from one snapshot of the tables.

The plan of splits follows from the question, the snapshot and the number of splits: any host makes the same one. A
query that keeps the rows of a table is split by its files and their row groups, and each split is computed when it is
read. Any other is computed once, kept as answers are or on the disk, and split by its rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import blake2b
from itertools import pairwise
from typing import Final, Literal

import numpy as np

from gateway.answer import Answer, CacheStatus, Export, Outcome
from gateway.cache.spool import Spooled
from gateway.canonical import canonical_bytes
from gateway.datasets.computed_once import ComputedOnce
from gateway.datasets.known_rows import rows_of, rows_of_files
from gateway.errors import (
    EngineFailed,
    FilesChanged,
    InvalidParameters,
    MalformedRequest,
    QueryFailed,
    SplitGone,
)
from gateway.execution.single_flight import Gone
from gateway.execution.work import CacheRequest, StreamOptions, Work, unread
from gateway.model import UNREAD, BoundQuery, Column, Plan, Principal, Request, TypedValue
from gateway.pipeline import Gateway
from gateway.plan.analysis import NOW
from gateway.plan.fold.keeping import Keeping, keeping
from gateway.plan.fold.parts import Whole
from gateway.plan.portions import Place, Portion, RowGroups, portions
from gateway.plan.select import Chosen
from gateway.streaming import Streamed
from gateway.telemetry.timings import Timings

MOST: Final = 1_024
"""Splits that an answer is cut into at most."""
_DESCRIBING: Final = 30.0
"""Seconds in which the columns of a query are found."""
_ANOTHER: Final = "ask for a plan of its splits again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """What a split is of: its address names all of it.

    ``content`` is the digest of the selected files, or of the rows. ``place`` is where it begins and ends: by *files*
    the place of a file and a row in it, twice; by *rows* a row, twice. ``now`` is the instant, in seconds since the
    epoch, that the query takes for now; None: it reads no clock.
    """

    by: Literal["files", "rows"]
    number: int
    place: tuple[int, ...]
    content: str
    snapshot: str | None
    now: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sized:
    """A split, with the rows that it has and the bytes that it reads as far as they are known."""

    split: Split
    rows: int | None = None
    size: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitPlan:
    """The splits of an answer, in the order of its rows."""

    id: str
    query: BoundQuery
    columns: tuple[Column, ...]
    splits: tuple[Sized, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The rows of a split: of an answer that is kept those from *start* up to *stop*, or an answer of its own."""

    answer: Answer | Export
    start: int = 0
    stop: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Splits:
    """Plans and reads the splits of the answers of a *gateway*."""

    gateway: Gateway

    def plan(self, asked: Request, *, principal: Principal, count: int, deadline: float | None) -> SplitPlan:
        """Plan *count* splits. Raises ``InvalidParameters`` of *count*, and what answering the question raises."""
        if not 1 <= count <= MOST:
            raise InvalidParameters([{"parameter": "splits", "detail": f"is a whole number from 1 to {MOST:,}"}])
        query = self._bound(asked, self.gateway.clock(), pin=True)
        work = self._planned(query, principal)
        kept = keeping(work.plan, work.snapshots)
        made = self._by_rows(work, count, deadline) if kept is None else self._by_files(work, kept, count)
        return SplitPlan(id=_identity(query, principal, made[1]), query=query, columns=made[0], splits=tuple(made[1]))

    def read(
        self,
        asked: Request,
        split: Split,
        *,
        principal: Principal,
        skip: int,
        deadline: float | None,
        gone: Gone | None,
        has: Callable[[str], bool] = lambda key: False,
    ) -> Part:
        """Return the rows of a split but for its first *skip* ones. Raises ``SplitGone``, and what answering raises.

        *has* tells whether the caller has the rows of a key already: nothing is computed then.
        """
        query = self._bound(replace(asked, snapshot=split.snapshot), split.now or 0.0)
        work = self._planned(query, principal)
        if split.by == "rows":
            return self._rows_of(work, split, skip, deadline, gone)
        kept = keeping(work.plan, work.snapshots)
        if kept is None or _selected(work.plan) != split.content:
            raise SplitGone(f"Other files are read for this question by who asks now: {_ANOTHER}.")
        part = self._of_split(work, kept, split, skip)
        if has(part.key):
            return Part(answer=_had(part))
        if kept.alone:  # the others are read whole before their first row is sent
            self._check_files(part, kept)
        return Part(answer=self._computed(part, deadline, gone))

    def _check_files(self, part: Work, kept: Keeping) -> None:
        """Raise ``SnapshotGone`` where a file is not there any more that is read after the first rows are sent."""
        scan = part.plan.scans[kept.scan]
        assert isinstance(scan.selection, Chosen)
        files = scan.selection.file_positions()
        if len(files) > 1:
            self.gateway.catalog.check_there(part.snapshots[scan.table], files)

    def _bound(self, asked: Request, now: float, *, pin: bool = False) -> BoundQuery:
        """Bind a question at an instant, to the snapshot of now where none is asked for and it is to *pin* one."""
        query = replace(self.gateway.registry.bind(asked, now=now), default=None)
        if pin and query.snapshot is None and query.tables:
            query = replace(query, snapshot=self.gateway.catalog.pin_by_name(query.tables)[0])
        width = query.cache.clock
        if width is None:
            return query
        instant = TypedValue(value=datetime.fromtimestamp(now // width * width, UTC), type="TIMESTAMP WITH TIME ZONE")
        return replace(query, parameters={**query.parameters, NOW: instant})

    def _planned(self, query: BoundQuery, principal: Principal) -> Work:
        timings = Timings(self.gateway.monotonic)
        question = self.gateway.question(query, principal)
        work = self.gateway.planning.plan(query, question, principal, timings)
        self._check_lookups(work)
        return work

    def _check_lookups(self, work: Work) -> None:
        """Raise where a side of a join that prunes could not be read: other files than usual would be selected."""
        for lookup in (lookup for scan in work.plan.scans for lookup in scan.details().lookups):
            code = (lookup.skipped or "").partition(UNREAD)[2]
            if code == FilesChanged.code:
                raise self.gateway.planning.lost(work)
            if code not in ("", QueryFailed.code):
                raise EngineFailed(f"The table {lookup.table}, which says what of others is read, could not be read.")

    def _rows_of(self, work: Work, split: Split, skip: int, deadline: float | None, gone: Gone | None) -> Part:
        """Return rows of a kept result, if it is the one that the split is of. Raises ``SplitGone``."""
        once, (first, stop) = ComputedOnce(gateway=self.gateway), split.place
        found = once.found(work, split.content) or once.answer(work, deadline=deadline, gone=gone)
        start = min(first + skip, stop)
        if isinstance(found, Spooled):
            rows = once.read(found, work, min(start, found.rows), min(stop, found.rows))
            if found.digest == split.content:
                return Part(answer=rows)
            found.close()
        elif found.result.digest == split.content:
            return Part(answer=found, start=start, stop=stop)
        raise SplitGone(f"The result that it is of was computed again, to other rows: {_ANOTHER}.")

    def _by_rows(self, work: Work, count: int, deadline: float | None) -> tuple[tuple[Column, ...], list[Sized]]:
        kept = ComputedOnce(gateway=self.gateway).described(work, deadline=deadline)
        edges = [kept.rows * number // count for number in range(count + 1)]
        splits = []
        for number, place in enumerate(pairwise(edges)):
            split = _split(work.plan.query, "rows", number, place, kept.digest)
            splits.append(Sized(split=split, rows=place[1] - place[0]))
        return kept.columns, splits

    def _by_files(self, work: Work, kept: Keeping, count: int) -> tuple[tuple[Column, ...], list[Sized]]:
        sizes, row_groups = self._files(work, kept)
        content, query, splits = _selected(work.plan), work.plan.query, []
        rows = rows_of_files(self.gateway.planning, work, kept, len(sizes), row_groups)
        for number, each in enumerate(portions(sizes, count, row_groups)):
            place = (each.begin.file, each.begin.row, each.end.file, each.end.row)
            split = _split(query, "files", number, place, content)
            splits.append(Sized(split=split, rows=rows_of(each, rows), size=each.size(sizes, row_groups)))
        return self._columns(work), splits

    def _columns(self, work: Work) -> tuple[Column, ...]:
        deadline = self.gateway.monotonic() + _DESCRIBING
        return self.gateway.columns_of(work.plan.query, work.snapshots, deadline=deadline)

    def _files(self, work: Work, kept: Keeping) -> tuple[list[int], RowGroups]:
        """Return the sizes of the files whose rows are kept, and what tells the row groups of some of them."""
        scan = work.plan.scans[kept.scan]
        assert isinstance(scan.selection, Chosen)
        positions, snapshot = scan.selection.file_positions(), work.snapshots[scan.table]

        def row_groups(files: Sequence[int]) -> Mapping[int, Sequence[int]]:
            chosen = positions[np.asarray(files, dtype=np.int64)]
            return dict(zip(files, self.gateway.catalog.row_groups(snapshot, chosen), strict=True))

        sizes: list[int] = np.asarray(snapshot.files["size"])[positions].tolist()
        return sizes, row_groups

    def _of_split(self, work: Work, kept: Keeping, split: Split, skip: int) -> Work:
        """Return the work that computes one split."""
        sizes, row_groups = self._files(work, kept)
        begin, end = Place(file=split.place[0], row=split.place[1]), Place(file=split.place[2], row=split.place[3])
        if not begin.file <= end.file <= len(sizes) or (end.file == len(sizes) and end.row):
            raise MalformedRequest("The address of the split is not as it was in the plan.", option="_plan")
        portion = Portion(begin=begin, end=end)
        plan = self.gateway.planning.planner.portion(
            work.plan,
            work.snapshots,
            work.principal,
            scan=kept.scan,
            pieces=list(portion.pieces()),
            size=portion.size(sizes, row_groups),
            ordered=not kept.alone,
            columns=lambda: self._columns(work),
            skip=skip,
        )
        key = blake2b(repr((work.key, split.place, skip)).encode(), digest_size=20).hexdigest()
        return replace(work, plan=plan, key=key, fold=_whole, keeps=False)

    def _computed(self, work: Work, deadline: float | None, gone: Gone | None) -> Answer | Export:
        """Compute work for one caller, who takes its rows as they come."""
        gateway, query = self.gateway, work.plan.query
        latest = gateway.monotonic() + gateway.runner.allowed(query)
        request = CacheRequest(
            question=work.question,
            policy=query.cache,
            tables=query.tables,
            deadline=latest if deadline is None else min(latest, deadline),
            gone=gone,
            stream=StreamOptions(),
        )
        result, status = gateway.executor.alone(work, request, head=None)
        timings = dict(work.timings.seconds)
        if isinstance(result, Streamed):
            return Export(query=query, result=result, status=status, age=0.0, timings=timings)
        return Answer(query=query, result=result, status=status, age=0.0, timings=timings)


def _had(work: Work) -> Export:
    """Return an answer without rows for a caller who has them."""
    status = CacheStatus(outcome=Outcome.REVALIDATED)
    return Export(query=work.plan.query, result=unread(work), status=status, age=0.0, timings=work.timings.seconds)


def _whole() -> Whole:
    return Whole(reason="it is a part of a result", in_order=True)


def _split(query: BoundQuery, by: Literal["files", "rows"], number: int, place: tuple[int, ...], content: str) -> Split:
    now = query.parameters[NOW].value if NOW in query.parameters else None
    instant = now.timestamp() if isinstance(now, datetime) else None
    return Split(by=by, number=number, place=place, content=content, snapshot=query.snapshot, now=instant)


def _selected(plan: Plan) -> str:
    """Digest the files that a plan reads."""
    digest = blake2b(digest_size=16)
    for scan in plan.scans:
        digest.update(scan.table.encode() + b"\0" + scan.selection.digest())
    return digest.hexdigest()


def _identity(query: BoundQuery, principal: Principal, splits: Sequence[Sized]) -> str:
    """Digest what the plan of splits follows from, and the files or the rows that it is of."""
    content, count = splits[0].split.content, len(splits)
    bound = [(name, canonical_bytes(value).hex()) for name, value in sorted(query.parameters.items())]
    parts = (query.name, query.version, query.normalised, bound, principal.scope, query.snapshot, count, content)
    return blake2b(repr(parts).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def reading_order(count: int, *, seed: int, epoch: int) -> list[int]:
    """Return the numbers of the splits in the order in which an epoch of a seed reads them.

    It depends on nothing else, so whoever reads the same splits, with any number of workers, has the same order.

    >>> reading_order(5, seed=7, epoch=0), reading_order(5, seed=7, epoch=1)
    ([1, 2, 0, 3, 4], [3, 4, 1, 2, 0])
    """

    def place(number: int) -> bytes:
        return blake2b(f"{seed}/{epoch}/{number}".encode(), digest_size=16).digest()

    return sorted(range(count), key=place)

"""Puts answers together of partials: finds those that are kept, computes what nobody computes, waits for the rest.

    keys ── kept? ──┬── all ───────────────────────────────── rows, in manifest order
                    └── missing ── claim ── compute ── keep ──┤
                           └── wait for those of others ──────┘

Nothing is held while it waits: neither a slot nor a claim, except on what only waits to be written. The whole query
gives the same bytes, and is run instead where that is known to be cheaper, or nothing may be kept.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gateway.cache.partials import Partials
from gateway.errors import ClusterUnavailable, DeadlineExceeded, QueryFailed, ResultTooLarge
from gateway.execution.claims import Claims
from gateway.execution.elsewhere import Cluster, Elsewhere, Sent, divided
from gateway.execution.partial_sizes import LARGEST, TOO_LARGE, TOO_LARGE_TOGETHER, PartialSizes, largest, weight
from gateway.execution.run import Execution
from gateway.execution.stores import Move
from gateway.execution.work import KeyedBranch, KeyedFold, Limits, Part, Piece, Work, reading_of
from gateway.model import Folded, Reading, Result
from gateway.plan.explain import EngineChoice, KeptPartitions
from gateway.plan.fold.fold import NUMBER, together
from gateway.plan.fold.narrow import narrowed
from gateway.plan.fold.parts import COUNTED, Whole
from gateway.plan.select import Chosen
from gateway.telemetry.events import ClusterFailed, PartialsGathered

_TRIED, _TOGETHER = 2, 64
"""Partials that one statement computes: of a text of which nothing is known, and of others."""
_BESIDE = [NUMBER, COUNTED]
"""The columns that tell of partials, and are none of theirs."""
_POLL = (0.005, 0.1)
"""Shortest and longest pause, in seconds, between two attempts to claim what others have claimed."""


class _TooLarge(Exception):
    """The partials are too large for an answer to be put together of them, or there is no room for them now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gatherer:
    """Turns work into that of finishing an answer over its partials."""

    partials: Partials
    claims: Claims
    sizes: PartialSizes
    elsewhere: Elsewhere | None = None
    """Where partials may be computed instead of here."""

    def folded(self, execution: Execution, work: Work, fold: KeyedFold, move: Move, limits: Limits) -> Work | None:
        """Return the work that finishes an answer over its partials; None where it is computed as a whole.

        Raises what running a plan raises, and ``DeadlineExceeded`` where others took too long.
        """
        if not work.keeps or self.sizes.forbid(fold) is not None:
            return None
        try:
            return _Gathering(self, execution, work, fold, move, limits).finished()
        except (_TooLarge, ResultTooLarge):
            return None
        except QueryFailed:  # whether the whole query fails, and how, is its author's affair
            return None

    def known(self, fold: KeyedFold, *, keeps: bool) -> Folded | Whole:
        """Tell of what an answer would be put together now, or why it would be computed as a whole."""
        forbidden = self.sizes.forbid(fold) if keeps else "nothing of it may be kept"
        if forbidden is not None:
            return Whole(reason=forbidden)
        pieces = fold.pieces
        kept = len(self.partials.find(pieces))
        return Folded(kept=kept, computed=len(pieces) - kept)

    def kept(self, fold: KeyedFold) -> tuple[KeptPartitions, ...]:
        """Tell which partitions of each scan need not be read, since all partials of them are kept."""
        found = self.partials.find(fold.pieces)
        chosen: dict[int, dict[int, Chosen | None]] = {}
        for branch in fold.branches:
            of_scan = chosen.setdefault(branch.branch.fact, {})
            for key, piece in branch.pieces:
                (position,) = piece.selection.positions()
                lacking = key not in found or (position in of_scan and of_scan[position] is None)
                of_scan[position] = None if lacking else piece.selection
        return tuple(
            KeptPartitions(
                scan=scan,
                positions=tuple(position for position, each in of_scan.items() if each is not None),
                files=sum(each.files for each in of_scan.values() if each is not None),
                size=sum(each.size for each in of_scan.values() if each is not None),
            )
            for scan, of_scan in chosen.items()
        )

    def choice(self, fold: KeyedFold) -> EngineChoice | None:
        """Say where the partials that are not kept would be computed now; None: there is only one engine."""
        if self.elsewhere is None:
            return None
        return self.elsewhere.choice(fold.fold.query, self.missing(fold))

    def missing(self, fold: KeyedFold) -> int:
        """Return the bytes of the files whose partials are not kept."""
        pieces = fold.pieces
        kept = self.partials.find(pieces)
        return sum(piece.selection.size for key, piece in pieces.items() if key not in kept)


class _Gathering:
    """The partials of one answer, on their way together."""

    def __init__(
        self, gatherer: Gatherer, execution: Execution, work: Work, fold: KeyedFold, move: Move, limits: Limits
    ) -> None:
        self._partials, self._claims, self._sizes = gatherer.partials, gatherer.claims, gatherer.sizes
        self._execution, self._work, self._fold, self._move, self._limits = execution, work, fold, move, limits
        self._began = execution.clock()
        self._pieces = fold.pieces
        self._found: dict[str, pa.Table] = {}
        self._weight = 0
        self._computed: list[list[Piece]] = [[] for _ in fold.branches]
        self._elsewhere = gatherer.elsewhere
        self._cluster: Cluster | None = None
        self._used: str | None = None
        self._pause = _POLL[0]

    def finished(self) -> Work:
        """Gather all partials; return the work that finishes the answer over them."""
        self._add(self._partials.find(self._pieces))
        self._choose()
        while missing := [key for key in self._pieces if key not in self._found]:
            self._share(missing)
        rows = self._rows()
        computed = sum(map(len, self._computed))
        folded = Folded(kept=len(self._pieces) - computed, computed=computed, cluster=self._used)
        self._report(folded)
        plan = replace(self._work.plan, statement=lambda address: self._fold.fold.finish(rows))
        return replace(self._work, plan=plan, part=Part(folded=folded, began=self._began, whole=self._work.plan))

    def _share(self, missing: Sequence[str]) -> None:
        """Compute those partials that nobody else computes, or else wait until others have computed one."""
        claimed = self._claims.claim(missing)
        if claimed:
            with self._claimed(claimed) as held:
                self._take(self._partials.find(claimed), held)
                self._compute([key for key in missing if key in held], held)
            self._pause = _POLL[0]
            return
        self._add(self._claims.wait(missing, self._pause))
        self._pause = min(self._pause * 2, _POLL[1])
        self._check()
        if self._sizes.forbid(self._fold) is not None:  # as others have found meanwhile
            raise _TooLarge

    @contextmanager
    def _claimed(self, keys: set[str]) -> Iterator[set[str]]:
        """Release those claims on *keys* that are still held at the end."""
        held = set(keys)
        try:
            yield held
        finally:
            self._claims.release(list(held))

    def _take(self, found: Mapping[str, pa.Table], held: set[str]) -> None:
        """Release the claims on what others have computed just before."""
        for key, rows in found.items():
            self._claims.hand_over(key, rows)
        self._claims.release(list(found))
        held.difference_update(found)
        self._add(found)

    def _compute(self, keys: Collection[str], held: set[str]) -> None:
        """Compute partials, those of each aggregation by themselves; those that two have in common once."""
        left = set(keys)
        for number, branch in enumerate(self._fold.branches):
            pieces = {piece.key: piece for piece in branch.pieces if piece.key in left}
            self._compute_of(number, [*pieces.values()], held)
            left -= pieces.keys()

    def _compute_of(self, number: int, left: list[Piece], held: set[str]) -> None:
        """Compute partials, a few at first where nothing is known of their sizes; their claims end as they are kept."""
        branch = self._fold.branches[number]
        while left:
            batch = left if self._cluster is not None else left[: self._at_once(branch, left)]
            try:
                made = self._run(branch, batch)
            except ClusterUnavailable as error:
                self._return(error.detail)
                continue
            left = left[len(batch) :]
            for key, rows in made.items():
                self._claims.hand_over(key, rows)
            held.difference_update(made)
            kept = [self._kept(branch, piece, made[piece.key]) for piece in batch]
            self._partials.put(kept, self._claims.release)
            self._computed[number] += batch
            self._add(made)

    def _at_once(self, branch: KeyedBranch, left: Sequence[Piece]) -> int:
        """Return how many partials one statement of this machine computes.

        A few are tried first, but where what is read beside them is most of what all of them read.
        """
        tried = left[:_TRIED]
        if self._sizes.fitting(branch.text) is not None or len(tried) == len(left):
            return _TOGETHER
        own, every = (sum(piece.partial.selection.size for piece in pieces) for pieces in (tried, left))
        read = sum(scan.selection.size for scan in branch.scans(self._work.plan, tried))
        return _TOGETHER if read - own >= every else _TRIED

    def _choose(self) -> None:
        """Choose where to compute what is missing. Raises ``ClusterUnavailable`` where nobody may now."""
        missing = self._missing()
        if self._elsewhere is None or not missing:
            return
        query = self._work.plan.query
        choice = self._elsewhere.choice(query, missing)
        if choice.engine == self._elsewhere.cluster.name:
            self._cluster = self._elsewhere.cluster
        elif (problem := choice.passed_over) is not None:
            self._execution.observe(ClusterFailed(query=query.name, version=query.version, reason=problem))
            self._elsewhere.refuse_beyond(missing, problem)

    def _return(self, problem: str) -> None:
        """Compute the rest on this machine. Raises ``ClusterUnavailable`` where it may not."""
        assert self._elsewhere is not None
        self._cluster = None
        self._elsewhere.refuse_beyond(self._missing(), problem)

    def _missing(self) -> int:
        """Return the bytes of the files whose partials are missing."""
        return sum(piece.selection.size for key, piece in self._pieces.items() if key not in self._found)

    def _run(self, branch: KeyedBranch, batch: Sequence[Piece]) -> Mapping[str, pa.Table]:
        """Compute partials by one statement, or in a cluster. Raises ``_TooLarge``, as soon as one is."""
        work, sizes = self._work, _Sizes(batch)
        plan = replace(
            work.plan,
            scans=branch.scans(work.plan, batch),
            statement=partial(together, [piece.partial for piece in batch]),
        )
        computing = replace(work, plan=plan, part=Part(partials=True, sent=self._sent(batch)))
        try:
            rows = self._execution.partials(computing, self._move, self._limits, sizes.fit)
        except QueryFailed:
            self._sizes.unfit(piece.key for piece in batch)
            raise
        except ResultTooLarge as error:
            if error.retry_after is None:  # there will never be room for it
                self._sizes.too_many(branch.text, len(batch), TOO_LARGE_TOGETHER)
            raise
        if rows is None:
            self._sizes.unfit(sizes.too_large)
            self._sizes.too_many(branch.text, 1, TOO_LARGE)
            raise _TooLarge
        if computing.part.sent is not None:  # what they cost was paid elsewhere
            self._used = computing.part.sent.name
        elif not self._sizes.measured(branch.text, *sizes.measured):
            raise _TooLarge
        self._sizes.fits(branch.text)
        found, states = dict(_each(rows)), branch.branch.states
        nothing = rows.slice(0, 0)
        return {piece.key: narrowed(_own(found.get(number, nothing)), states) for number, piece in enumerate(batch)}

    def _sent(self, batch: Sequence[Piece]) -> Sent | None:
        """Divide partials into the tasks of the cluster; None: they are computed here."""
        if self._cluster is None:
            return None
        pieces = [piece.partial for piece in batch]
        runs = divided([piece.selection.size for piece in pieces], self._cluster.tasks)
        tasks = [partial(together, pieces[run], first=run.start) for run in runs]
        return Sent(cluster=self._cluster, tasks=tasks)

    def _add(self, found: Mapping[str, pa.Table]) -> None:
        """Add partials to those that were found before. Raises ``_TooLarge`` where they are too large together."""
        self._found.update(found)
        self._weight += sum(map(weight, found.values()))
        if self._weight > LARGEST:
            self._sizes.too_many(self._fold.text, len(self._found), TOO_LARGE_TOGETHER)
            raise _TooLarge

    def _rows(self) -> tuple[pa.Table, ...]:
        """Return the rows of the partials of each aggregation, in manifest order, within the budget of memory.

        The partials are those of the selected partitions, each once. Raises ``_TooLarge``.
        """
        assert self._found.keys() == self._pieces.keys()
        partials = [[self._found[piece.key] for piece in branch.pieces] for branch in self._fold.branches]
        rows = self._fold.fold.together(partials)
        if not all(map(self._execution.budget.hold, rows)):
            raise _TooLarge
        return rows

    def _kept(self, branch: KeyedBranch, piece: Piece, rows: pa.Table) -> Result:
        query, scans = self._work.plan.query, branch.scans(self._work.plan, [piece])
        return Result(
            key=piece.key,
            table=rows,
            columns=(),
            readings=tuple(map(reading_of, scans)),
            created_at=self._began,
            seconds=0.0,
            query=query.name,
            version=query.version,
        )

    def _check(self) -> None:
        self._limits.cancellation.check()
        if self._execution.monotonic() >= self._limits.deadline:
            raise DeadlineExceeded("What others compute for this answer was not ready in time.", retry_after=1.0)

    def _report(self, folded: Folded) -> None:
        plan, readings = self._work.plan, list[Reading]()
        for branch, computed in zip(self._fold.branches, self._computed, strict=True):
            if computed:
                readings += map(reading_of, branch.scans(plan, computed))
            else:
                unread = (reading_of(plan.scans[number]) for number in branch.branch.scans)
                readings += (replace(reading, partitions=0, files=0, size=0) for reading in unread)
        self._execution.observe(
            PartialsGathered(
                query=plan.query.name,
                version=plan.query.version,
                kept=folded.kept,
                computed=folded.computed,
                readings=tuple(readings),
            )
        )


class _Sizes:
    """The sizes of the partials of one statement, while their rows come."""

    def __init__(self, batch: Sequence[Piece]) -> None:
        self._batch = batch
        self._most = [largest(piece.partial.selection.size) for piece in batch]
        self._sizes, self._rows, self._read = ([0 for _ in batch] for _ in range(3))

    @property
    def measured(self) -> tuple[int, int, int]:
        """Those partials that passed no row over: how many there are, their rows, and the rows that they read."""
        every = [number for number, piece in enumerate(self._batch) if not piece.partial.filtered]
        return len(every), sum(self._rows[number] for number in every), sum(self._read[number] for number in every)

    @property
    def too_large(self) -> Iterable[str]:
        """The keys of those that are too large."""
        sizes = zip(self._batch, self._sizes, self._most, strict=True)
        return [piece.key for piece, size, most in sizes if size > most]

    def fit(self, rows: pa.RecordBatch) -> bool:
        """Count more rows; tell whether no partial is too large."""
        for number, some in _each(pa.table(rows)):
            self._sizes[number] += weight(some.drop_columns(_BESIDE))
            self._rows[number] += some.num_rows
            self._read[number] += pc.sum(some[COUNTED]).as_py()
        return not self.too_large


def _each(rows: pa.Table) -> Iterator[tuple[int, pa.Table]]:
    """Walk the numbers of partials of which there are rows, with these."""
    numbers = rows[NUMBER].to_numpy()
    if (numbers[1:] < numbers[:-1]).any():
        order = np.argsort(numbers, kind="stable")
        rows, numbers = rows.take(order), numbers[order]
    found, starts, counts = np.unique(numbers, return_index=True, return_counts=True)
    for number, start, count in zip(found.tolist(), starts, counts, strict=True):
        yield number, rows.slice(start, count)


def _own(rows: pa.Table) -> pa.Table:
    """Return the rows of one partial alone, in memory of their own."""
    copied = rows.drop_columns(_BESIDE).take(np.arange(rows.num_rows))
    return copied.combine_chunks()

"""Selects the partitions, and the files in them, that a scan can need under given values."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from hashlib import blake2b
from typing import Any

import numpy as np
import pyarrow as pa

from gateway.catalog.arrays import whole
from gateway.catalog.manifest import weak
from gateway.catalog.transforms.keys import Ordinals
from gateway.model import FileVersion, Value
from gateway.plan.index import Axes, SnapshotView
from gateway.plan.project import Choice, project
from gateway.plan.states import Mask, Positions
from gateway.plan.statistics import Bounds, FileAxes
from gateway.predicate import Predicate

Units = slice | Positions
_RUNS = 64
"""Runs of files that are digested one by one; more of them are gathered first."""
_VERSION_BYTES = 16
_NARROWED = 10_000
"""Selections of an index that are kept for further questions."""
EXAMINED = 250_000
"""Files of a selection that are looked at one by one by their bounds; of more, none is."""


class PartitionIndex:
    """The partitions of one snapshot, ready for selection. Immutable; make it by ``build``."""

    def __init__(self, snapshot: SnapshotView, axes: Axes) -> None:
        self.snapshot = snapshot
        self.axes = axes
        self.first_file: Ordinals = np.asarray(whole(snapshot.partitions, "first_file"), dtype=np.int64)
        self.file_count: Ordinals = np.asarray(whole(snapshot.partitions, "file_count"), dtype=np.int64)
        sizes = np.asarray(whole(snapshot.partitions, "bytes"), dtype=np.int64)
        # The value of an enforced partition column comes from the path, so the bounds in the files say nothing of it.
        enforced = {field.column.lower() for field in snapshot.table.partitioned_by if field.enforced}
        columns = [column for column in snapshot.file_columns if column.name.lower() not in enforced]
        self.bounds = Bounds(snapshot.files, columns)
        self._narrowed: dict[Hashable, Chosen] = {}
        self.bytes_before: Ordinals = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)

    @classmethod
    def build(cls, snapshot: SnapshotView) -> PartitionIndex:
        """Index the partitions of a snapshot."""
        return cls(snapshot, Axes(snapshot))

    @property
    def partitions(self) -> int:
        """Return the number of partitions."""
        return len(self.first_file)

    @property
    def files_total(self) -> int:
        """Return the number of files."""
        return int(self.snapshot.files.num_rows)

    @property
    def size_total(self) -> int:
        """Return the bytes of all files."""
        return int(self.bytes_before[-1])

    def select(self, predicate: Predicate, values: Sequence[Value]) -> Chosen:
        """Select every partition that may hold a row for which *predicate* is TRUE."""
        choice = project(predicate, values, self.axes)
        if choice is None:
            return Chosen(self, slice(0, 0))
        chosen = Chosen(self, units_of(choice, self.partitions))
        return self._examined(chosen, predicate, values) if self.bounds else chosen

    def _examined(self, chosen: Chosen, predicate: Predicate, values: Sequence[Value]) -> Chosen:
        """Leave out files that, by the bounds in their footers, hold no row for which *predicate* is TRUE."""
        if not 0 < chosen.files <= EXAMINED:
            return chosen
        files = chosen.file_positions()
        choice = project(predicate, values, FileAxes(self.bounds, files))
        if choice is not None and choice.unbounded:
            return chosen
        kept = files[:0] if choice is None else files[units_of(choice, len(files))]
        return chosen if len(kept) == len(files) else Chosen(self, self.partitions_of(kept), kept)

    def narrowed(self, question: Hashable, made: Callable[[], tuple[Predicate, Sequence[Value]]]) -> Chosen:
        """Select what a predicate needs that is *made* with its values; it is the same for one *question* each time."""
        found = self._narrowed.get(question)
        if found is None:
            if len(self._narrowed) >= _NARROWED:
                self._narrowed.clear()
            found = self._narrowed[question] = self.select(*made())
        return found

    def partitions_of(self, files: Ordinals) -> Positions:
        """List the partitions that hold these files (positions in the snapshot's order, ascending)."""
        found: Positions = np.unique(self.first_file.searchsorted(files, "right") - 1).astype(np.int32)
        return found

    def all(self) -> Chosen:
        """Select everything."""
        return Chosen(self, slice(0, self.partitions))

    @cached_property
    def digest_of_all(self) -> bytes:
        """Return the digest of a selection of all files."""
        return blake2b(self.versions, digest_size=_VERSION_BYTES).digest()

    @cached_property
    def versions(self) -> memoryview:
        """Return the 16-byte versions of all files, one after the other."""
        array = whole(self.snapshot.files, "version")
        start = array.offset * _VERSION_BYTES
        return (
            memoryview(array.buffers()[1])[start : start + len(array) * _VERSION_BYTES]
            if len(array)
            else memoryview(b"")
        )

    @cached_property
    def file_sizes(self) -> Ordinals:
        """Return the bytes of every file."""
        return np.asarray(whole(self.snapshot.files, "size"), dtype=np.int64)

    @cached_property
    def weak_files(self) -> Ordinals:
        """List the files without a strong version (positions in the snapshot's order, ascending)."""
        found: Ordinals = np.flatnonzero(np.asarray(weak(self.snapshot.files["etag"])))
        return found

    @cached_property
    def row_counts(self) -> Any:
        """Return the row counts of all files, as far as they are known."""
        return whole(self.snapshot.files, "row_count")


class Chosen:
    """The selected partitions of a snapshot; see ``model.Selection``. *index* is that of the snapshot."""

    def __init__(self, index: PartitionIndex, units: Units, files: Ordinals | None = None) -> None:
        """Take the partitions, and the positions of their files where not all of them are selected."""
        self.index = index
        self._units = units
        self._some = files
        if isinstance(units, slice):
            self.partitions = units.stop - units.start
        else:
            self.partitions = len(units)

    @cached_property
    def files(self) -> int:
        """Number of selected files."""
        if self._some is not None:
            return len(self._some)
        if isinstance(self._units, slice):
            start, stop = self._file_slice
            return stop - start
        return int(self.index.file_count[self._units].sum())

    @cached_property
    def size(self) -> int:
        """Bytes of all selected files together."""
        if self._some is not None:
            return int(self.index.file_sizes[self._some].sum())
        before = self.index.bytes_before
        if isinstance(self._units, slice):
            return int(before[self._units.stop] - before[self._units.start])
        return int((before[self._units + 1] - before[self._units]).sum())

    @cached_property
    def rows(self) -> int | None:
        """Rows of all selected files together; None if the manifest does not know them all."""
        counts = self.index.row_counts
        if counts.null_count == len(counts):
            return 0 if self.files == 0 else None
        found = [counts[start:stop] for start, stop in self._runs]
        if any(run.null_count for run in found):
            return None
        return sum(int(np.asarray(run, dtype=np.int64).sum()) for run in found)

    @cached_property
    def weak(self) -> bool:
        """Whether a selected file has no strong version."""
        unsure = self.index.weak_files
        if not len(unsure):
            return False
        begins, ends = self._run_edges
        return bool((unsure.searchsorted(ends) > unsure.searchsorted(begins)).any())

    def digest(self) -> bytes:
        """Digest the versions of the selected files."""
        whole_table = self._some is None and self.partitions == self.index.partitions
        return self.index.digest_of_all if whole_table else self._digest

    @cached_property
    def _digest(self) -> bytes:
        digest = blake2b(digest_size=16)
        versions, (begins, ends) = self.index.versions, self._run_edges
        if len(begins) <= _RUNS:
            for start, stop in zip(begins.tolist(), ends.tolist(), strict=True):
                digest.update(versions[start * _VERSION_BYTES : stop * _VERSION_BYTES])
        else:
            digest.update(np.frombuffer(versions, dtype=f"V{_VERSION_BYTES}")[self.file_positions()].tobytes())
        return digest.digest()

    def versions(self) -> list[FileVersion]:
        """List the selected files, in manifest order."""
        files, address = self.index.snapshot.files, self.index.snapshot.address
        found: list[FileVersion] = []
        for start, stop in self._runs:
            part = files.slice(start, stop - start)
            columns = (part[name].to_pylist() for name in ("path", "size", "etag"))
            found.extend(
                FileVersion(path=address(str(path)), size=size, etag=etag)
                for path, size, etag in zip(*columns, strict=True)
            )
        return self._with_times(found) if self.weak else found

    def _with_times(self, found: list[FileVersion]) -> list[FileVersion]:
        """Add the modification time to the files without a strong version."""
        chosen, unsure = self.file_positions(), frozenset(self.index.weak_files.tolist())
        times = whole(self.index.snapshot.files, "last_modified").cast("int64").take(chosen).to_pylist()
        return [
            replace(file, modified=time) if position in unsure else file
            for file, position, time in zip(found, chosen.tolist(), times, strict=True)
        ]

    def positions(self) -> Sequence[int]:
        """List the selected partitions as their positions in the snapshot's order, ascending."""
        if isinstance(self._units, slice):
            return range(self._units.start, self._units.stop)
        found: list[int] = self._units.tolist()
        return found

    def each(self) -> Iterator[Chosen]:
        """Walk the selected partitions one by one, each with those of its files that are selected."""
        some, index = self._some, self.index
        for position in self.positions():
            first = int(index.first_file[position])
            files = None
            if some is not None:
                begin, end = some.searchsorted([first, first + int(index.file_count[position])])
                files = some[begin:end]
            yield Chosen(index, slice(position, position + 1), files)

    def among(self, units: Ordinals) -> Chosen:
        """Select of this what is in some partitions of it, ascending."""
        files = None
        if self._some is not None:
            files = self._some[np.isin(self.index.first_file.searchsorted(self._some, "right") - 1, units)]
        return Chosen(self.index, units.astype(np.int32), files)

    def within(self, other: Chosen) -> Chosen:
        """Select the files of this that are in another selection of the same index too."""
        total = self.index.files_total
        if self.files == total or other.files == total:
            return self if other.files == total else other
        own, files = self.file_positions(), other.file_positions()
        found = files[own.searchsorted(files, "right") > own.searchsorted(files)]
        return other if len(found) == len(files) else self._of_files(found)

    def without(self, other: Chosen) -> Chosen:
        """Select the files of this that another selection of the same index does not have."""
        return self._of_files(np.setdiff1d(self.file_positions(), other.file_positions()))

    def and_files_of(self, other: Chosen) -> Chosen:
        """Select the files of this and of another selection of the same index."""
        return self._of_files(np.union1d(self.file_positions(), other.file_positions()))

    def _of_files(self, files: Ordinals) -> Chosen:
        return Chosen(self.index, self.index.partitions_of(files), files)

    def joined(self, others: Iterable[Chosen]) -> Chosen:
        """Select the partitions of this and of *others*, which are of the same index and apart."""
        every = sorted([self, *others], key=lambda chosen: chosen.positions()[0])
        positions = [position for each in every for position in each.positions()]
        files = np.concatenate([each.file_positions() for each in every])
        return Chosen(self.index, np.asarray(positions, dtype=np.int32), files)

    def portion(self, files: Ordinals, size: int) -> Chosen:
        """Select some of the files, by their positions in the snapshot's order, of which *size* bytes are read."""
        found = self._of_files(files)
        found.size = size
        return found

    def partition_values(self) -> list[dict[str, str | None]]:
        """List the selected partitions as their decoded folder texts."""
        if isinstance(self._units, slice) and self.index.axes.levels:
            return self._folders.slice(self._units.start, self.partitions).to_pylist()
        return self.values_at(self.positions())

    def values_at(self, positions: Sequence[int]) -> list[dict[str, str | None]]:
        """Return the folder texts of partitions of the snapshot, selected or not."""
        if not self.index.axes.levels:
            return [{} for _ in positions]
        return self._folders.take(pa.array(positions, pa.int64())).to_pylist()

    @property
    def _folders(self) -> pa.Table:
        return self.index.snapshot.partitions.select([level.field.column for level in self.index.axes.levels])

    @property
    def _file_slice(self) -> tuple[int, int]:
        assert isinstance(self._units, slice)
        if not self.partitions:
            return 0, 0
        first, count = self.index.first_file, self.index.file_count
        last = self._units.stop - 1
        return int(first[self._units.start]), int(first[last] + count[last])

    @property
    def _runs(self) -> list[tuple[int, int]]:
        """Ranges of consecutive files, in manifest order."""
        begins, ends = self._run_edges
        return list(zip(begins.tolist(), ends.tolist(), strict=True))

    @cached_property
    def _run_edges(self) -> tuple[Ordinals, Ordinals]:
        if self._some is not None:
            starts, stops = self._some, self._some + 1
        elif isinstance(self._units, slice):
            start, stop = self._file_slice
            edges = np.array([[start], [stop]], dtype=np.int64)[:, : self.partitions]
            return edges[0], edges[1]
        else:
            starts = self.index.first_file[self._units]
            stops = starts + self.index.file_count[self._units]
        breaks = np.flatnonzero(starts[1:] != stops[:-1])
        begins = np.concatenate([starts[:1], starts[1:][breaks]])
        return begins, np.concatenate([stops[:-1][breaks], stops[-1:]])

    def file_positions(self) -> Ordinals:
        """List the selected files as their positions in the snapshot's order."""
        return self._files

    @cached_property
    def _files(self) -> Ordinals:
        begins, ends = self._run_edges
        counts = ends - begins
        before = np.cumsum(counts) - counts
        found: Ordinals = np.arange(int(counts.sum())) + np.repeat(begins - before, counts)
        return found


def units_of(choice: Choice, count: int) -> Units:
    """List the units of a choice, starting from what leaves the fewest."""
    units: Units = slice(0, count)
    sets = sorted(choice.sets.values(), key=lambda item: item[0].count(item[1]))
    alternatives = list(choice.alternatives)
    if sets:
        rows, codes = sets.pop(0)
        units = rows.units(codes)
    elif alternatives:
        units = _united(alternatives.pop(0), count)
    for rows, codes in sets:
        units = _filtered(units, rows.holds(codes, units))
    for group in alternatives:
        units = _filtered(units, _holds_any(group, units))
    return units


def _united(choices: Sequence[Choice], count: int) -> Units:
    mask = np.zeros(count, dtype=np.bool_)
    for choice in choices:
        mask[units_of(choice, count)] = True
    return _filtered(slice(0, count), mask)


def _filtered(units: Units, keep: Mask) -> Units:
    if keep.all():
        return units
    if isinstance(units, slice):
        found: Positions = (np.flatnonzero(keep) + units.start).astype(np.int32)
        return found
    kept: Positions = units[keep]
    return kept


def _holds(choice: Choice, units: Units) -> Mask:
    length = units.stop - units.start if isinstance(units, slice) else len(units)
    mask = np.ones(length, dtype=np.bool_)
    for rows, codes in choice.sets.values():
        mask &= rows.holds(codes, units)
    for group in choice.alternatives:
        mask &= _holds_any(group, units)
    return mask


def _holds_any(choices: Sequence[Choice], units: Units) -> Mask:
    mask = _holds(choices[0], units)
    for choice in choices[1:]:
        mask |= _holds(choice, units)
    return mask

"""Explanations of a plan: what it would read and why, as text and as JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from gateway.catalog.manifest import Snapshot
from gateway.catalog.versions import DatasetVersion
from gateway.counted import noun
from gateway.model import FileVersion, Folded, Lookup, Plan, Scan, Statement, Value
from gateway.plan.partition_map import partition_map

_WIDTH = 60
_FIXED, _PER_FILE, _PER_BYTE = 0.01, 0.0005, 1 / 150e6
"""Seconds of an estimate: a query, a file opened, a byte of Parquet read and aggregated. Measured with two cores over
local files; they rank two plans, they do not promise a time."""
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def below_locations(snapshots: Iterable[Snapshot]) -> Callable[[FileVersion], str]:
    """Return what names files below the declared locations of their tables, not by full paths."""
    places = [(snapshot.root, f"{snapshot.table.location}/") for snapshot in snapshots]

    def address(file: FileVersion) -> str:
        root, location = max(place for place in places if file.path.startswith(place[0]))
        return location + file.path.removeprefix(root)

    return address


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineChoice:
    """The engine that would compute what an answer lacks (None: none may now), why, and what would change it."""

    engine: str | None
    why: str
    instead: str
    passed_over: str | None = None
    """Why the cluster is not used, where it would have been."""

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {"name": self.engine, "why": self.why, "instead": self.instead}

    def __str__(self) -> str:
        """Write it for people."""
        return f"{self.engine or 'no engine'}: {self.why}; to change it: {self.instead}"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptPartitions:
    """The partitions of one scan (its number) that need not be read, since what is made of them is kept."""

    scan: int
    positions: Sequence[int]
    """Their places in the snapshot's order."""
    files: int
    size: int
    """Bytes of their files."""


def estimated_seconds(files: int, size: int) -> float:
    """Estimate how long a query takes that reads *files* of *size* bytes together: to rank plans, no promise."""
    return _FIXED + files * _PER_FILE + size * _PER_BYTE


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """A plan that was not run: its statement, the key of its answer and whether that answer is kept.

    ``address`` names a file for the reader, in the statement too. ``now`` is in seconds since the epoch; the age of a
    snapshot is counted from it.
    """

    plan: Plan
    statement: Statement
    address: Callable[[FileVersion], str]
    key: str
    cached: bool
    now: float
    failing: Mapping[str, str] = field(default_factory=dict)
    """Tables whose manifest cannot be refreshed at the moment, and why."""
    unread: Mapping[str, str] = field(default_factory=dict)
    """Tables of whose files none is taken for data, and why."""
    datasets: Mapping[str, DatasetVersion | str] = field(default_factory=dict)
    """Of the tables that are built of queries, the version that is read; or why that is not known."""
    folded: Folded | None = None
    """The partials that are kept of its answer, and those that would be computed."""
    whole: str | None = None
    """Why the answer would be computed as a whole; None: it would not, or no answer is put together of partials."""
    choice: EngineChoice | None = None
    """Which engine would compute it; None: there is only one."""
    deterministic: str | None = None
    """How its bytes are the same each time, and what that costs; None: nobody asks for it."""

    kept: tuple[KeptPartitions, ...] = ()
    """What of it would be read from kept partials, not from files; of each scan once."""

    def as_dict(self, *, drawn: bool = False) -> dict[str, Any]:
        """Return the explanation as JSON values; *drawn*: with a map of each scan in place of what it reads."""
        query = self.plan.query
        return {
            "query": query.name,
            "version": query.version,
            "sql": self.statement.sql,
            "scans": [
                self._scan(scan) | (self._drawn(number, scan) if drawn else self._listed(scan))
                for number, scan in enumerate(self.plan.scans)
            ],
            "datasets": {name: _origin(found) for name, found in self.datasets.items()},
            "estimate": self._estimate(),
            "key": self.key,
            "cached": self.cached,
            "partials": None if self.folded is None else {"kept": self.folded.kept, "computed": self.folded.computed},
            "whole": self.whole,
            "engine": None if self.choice is None else self.choice.as_dict(),
            "deterministic": self.deterministic,
        }

    def as_text(self) -> str:
        """Return the explanation as lines for a terminal of 80 columns."""
        return "\n".join(self._lines())

    def _scan(self, scan: Scan) -> dict[str, Any]:
        selection, details = scan.selection, scan.details()
        return {
            "table": scan.table,
            "offset": scan.offset,
            "snapshot": scan.snapshot,
            "snapshot_age": round(max(0.0, self.now - scan.listed_at), 3),
            "refresh_error": self.failing.get(scan.table),
            "nothing_read": self.unread.get(scan.table),
            "bytes": selection.size,
            "total_partitions": scan.partitions_total,
            "total_files": scan.files_total,
            "total_bytes": scan.size_total,
            "values": {name: {"read": read, "total": total} for name, (read, total) in details.values.items()},
            "estimated_rows": selection.rows,
            "used": [{"sql": used.sql, "rule": used.rule, "projected": used.projected} for used in details.used],
            "unused": [{"sql": unused.sql, "reason": unused.reason} for unused in details.unused],
            "read_first": [_lookup(lookup) for lookup in details.lookups],
        }

    def _listed(self, scan: Scan) -> dict[str, Any]:
        selection = scan.selection
        files = [self.address(file) for file in selection.versions()]
        return {"partitions": selection.partition_values(), "files": files}

    def _drawn(self, number: int, scan: Scan) -> dict[str, Any]:
        selection = scan.selection
        kept = next((each.positions for each in self.kept if each.scan == number), ())
        cells = partition_map(selection.positions(), kept, scan.partitions_total, selection.values_at)
        return {"partitions": selection.partitions, "files": selection.files, "kept": len(kept), "map": cells}

    def _estimate(self) -> dict[str, Any]:
        """Tell what computing it now would read, beside what is kept of it, and about how long that takes."""
        selections = [scan.selection for scan in self.plan.scans]
        files, size = sum(each.files for each in selections), sum(each.size for each in selections)
        files, size = files - sum(each.files for each in self.kept), size - sum(each.size for each in self.kept)
        return {"files": files, "bytes": size, "seconds": round(estimated_seconds(files, size), 3)}

    def _warnings(self, table: str) -> Iterator[str]:
        if table in self.failing:
            yield f"it cannot be refreshed: {self.failing[table]}"
        if table in self.unread:
            yield self.unread[table]

    def _lines(self) -> Iterator[str]:
        query = self.plan.query
        yield f"{query.name} v{query.version}  key {self.key[:12]}  {'cached' if self.cached else 'not cached'}"
        for scan in self.plan.scans:
            yield ""
            yield from _scan_lines(scan, self.now, self._warnings(scan.table), self.datasets.get(scan.table))
        if self.folded is not None:
            yield f"\nput together of {self.folded}"
        if self.whole is not None:
            yield f"\ncomputed as a whole: {self.whole}"
        if self.choice is not None:
            yield f"\nengine: {self.choice}"
        if self.deterministic is not None:
            yield f"\ndeterministic: {self.deterministic}"


def strip(positions: Sequence[int], total: int, width: int = _WIDTH) -> str:
    """Draw which of *total* partitions are read: a full cell where all of them are, a half one where some are.

    >>> strip([2, 3], 8, width=4)
    '·█··'
    """
    if total == 0:
        return ""
    width = min(width, total)
    read = [0] * width
    for position in positions:
        read[position * width // total] += 1
    edges = [-(-cell * total // width) for cell in range(width + 1)]
    sizes = [end - start for start, end in pairwise(edges)]
    return "".join("█" if n == size else "▒" if n else "·" for n, size in zip(read, sizes, strict=True))


def _scan_lines(scan: Scan, now: float, warnings: Iterable[str], built: DatasetVersion | str | None) -> Iterator[str]:
    selection = scan.selection
    yield f"{scan.table}  (snapshot {scan.snapshot[:12]}, {max(0.0, now - scan.listed_at):.0f} s old)"
    if built is not None:
        yield from _origin_lines(built)
    for warning in warnings:
        yield f"  ! {warning}"
    yield f"  {strip(selection.positions(), scan.partitions_total)}"
    yield (
        f"  {selection.partitions} of {scan.partitions_total} {noun(scan.partitions_total, 'partition')}, "
        f"{selection.files} of {scan.files_total} {noun(scan.files_total, 'file')}, "
        f"{readable(selection.size)} of {readable(scan.size_total)}"
    )
    details = scan.details()
    if len(details.values) > 1:
        parts = (
            f"{read} of {total} {noun(total, 'value')} of {name}" for name, (read, total) in details.values.items()
        )
        yield f"  {', '.join(parts)}"
    for lookup in details.lookups:
        yield f"  > {_lookup_line(lookup)}"
    for used in details.used:
        yield f"  + {used.sql}  ->  {used.projected}  [{used.rule}]"
    for unused in details.unused:
        yield f"  - {unused.sql}  ({unused.reason})"


def _origin(found: DatasetVersion | str) -> dict[str, Any]:
    return {"version": None, "reason": found} if isinstance(found, str) else found.origin()


def _origin_lines(found: DatasetVersion | str) -> Iterator[str]:
    """Tell where a dataset came from."""
    if isinstance(found, str):
        yield f"  ! {found}"
        return
    given = ", ".join(f"{name} = {value}" for name, value in found.parameters.items())
    yield f"  v{found.version} of {found.query}" + (f" ({given})" if given else "")
    for name, state in found.origin()["inputs"].items():
        version = f"v{state['version']}, " if state.get("version") is not None else ""
        yield f"    from {name}  ({version}snapshot {state['snapshot'][:12]}, listed {state['listed_at'][:19]})"


def _lookup(lookup: Lookup) -> dict[str, Any]:
    """Return a side of a join that was read first as JSON values; its bounds as text."""
    found = {"table": lookup.table, "column": lookup.column, "files": lookup.files, "bytes": lookup.size}
    if lookup.skipped is not None:
        return {**found, "skipped": lookup.skipped}
    bounds = {"least": _text(lookup.least), "greatest": _text(lookup.greatest)}
    return {**found, "values": lookup.values, **bounds, "seconds": round(lookup.seconds, 6), "cached": lookup.cached}


def _lookup_line(lookup: Lookup) -> str:
    what = f"{lookup.table}.{lookup.column}, {lookup.files} {noun(lookup.files, 'file')}, {readable(lookup.size)}"
    if lookup.skipped is not None:
        return f"{what}: not read first, {lookup.skipped}"
    number = "many values" if lookup.values is None else f"{lookup.values} {noun(lookup.values, 'value')}"
    made = "kept from before" if lookup.cached else f"{lookup.seconds * 1000:.0f} ms"
    return f"{what}: read first, {number} from {_text(lookup.least)} to {_text(lookup.greatest)}, {made}"


def _text(value: Value) -> str | None:
    return None if value is None else str(value)


def readable(size: float) -> str:
    """Write a number of bytes for people.

    >>> readable(1536)
    '1.5 KiB'
    """
    unit = 0
    while size >= 1024 and unit < len(_UNITS) - 1:
        size, unit = size / 1024, unit + 1
    return f"{size:.0f} B" if unit == 0 else f"{size:.1f} {_UNITS[unit]}"

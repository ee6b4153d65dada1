"""Runs subqueries that depend on nothing around them before the files of a query are selected.

Their values are constants then, see ``analysis.uncorrelated``. They are read from the files that were selected for the
scans in them, and kept by the versions of these. It is done where it can pay off: what is read is small, and has fewer
files than the scans that it prunes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Final

from cachetools import LRUCache

from gateway.catalog.manifest import Snapshot
from gateway.errors import CapacityError, FilesChanged, QueryFailed, UpstreamError
from gateway.model import UNREAD, FileVersion, Lookup, Statement, TypedValue, Value
from gateway.plan.analysis import PreparedQuery, PreparedSubquery, is_read, subquery_query
from gateway.plan.dynamic import LARGEST, MOST_VALUES, DimensionReader
from gateway.plan.given import given_key
from gateway.plan.reading import reading
from gateway.plan.select import Chosen

_KEPT: Final = 1_000
_UNTOLD: Final = "it has too many values, or such as are not compared here"

Answer = TypedValue | str
"""The values of a subquery, or why they are not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubqueryReader:
    """Reads the subqueries by which the scans of a query are pruned; thread-safe. It reads as *dimensions* does."""

    dimensions: DimensionReader
    _kept: LRUCache[tuple[Any, ...], Answer] = field(default_factory=lambda: LRUCache(_KEPT))
    _lock: Lock = field(default_factory=Lock)

    def learn(
        self,
        prepared: PreparedQuery,
        chosen: Sequence[Chosen],
        snapshots: Mapping[str, Snapshot],
        parameters: Mapping[str, TypedValue],
    ) -> tuple[Mapping[str, TypedValue], Mapping[int, tuple[Lookup, ...]]]:
        """Return the parameters that were found, and what was looked up for each scan."""
        known: dict[str, TypedValue] = {}
        lookups: dict[int, tuple[Lookup, ...]] = {}
        for subquery in prepared.subqueries:
            filters = [chosen[number] for number in subquery.filters]
            if all(each.partitions <= 1 for each in filters) or not parameters.keys() >= set(subquery.parameters):
                continue
            lookup, found = self._look(prepared, subquery, filters, chosen, snapshots, parameters)
            if found is not None:
                known[subquery.name] = found
            for number in subquery.filters if subquery.scans else ():
                lookups[number] = (*lookups.get(number, ()), lookup)
        return known, lookups

    def _look(
        self,
        prepared: PreparedQuery,
        subquery: PreparedSubquery,
        filters: Sequence[Chosen],
        chosen: Sequence[Chosen],
        snapshots: Mapping[str, Snapshot],
        parameters: Mapping[str, TypedValue],
    ) -> tuple[Lookup, TypedValue | None]:
        """Read a subquery, or take its values from those that were read from the same files."""
        started, sides = self.dimensions.clock(), [chosen[number] for number in subquery.scans]
        table = ", ".join(dict.fromkeys(prepared.scans[number].table for number in subquery.scans))
        files, size = sum(side.files for side in sides), sum(side.size for side in sides)
        lookup = Lookup(table=table, column=f"({subquery.sql})", files=files, size=size)
        if files >= sum(each.files for each in filters):
            return lookup.because("it has as many files as it could spare"), None
        if size > LARGEST:
            return lookup.because("it is too large to be read first"), None
        used = {name: parameters[name] for name in subquery.parameters}
        digests = tuple(side.digest() for side in sides)
        key = (subquery.pieces, subquery.single, subquery.type, given_key(used), digests)
        with self._lock:
            kept = self._kept.get(key)
        try:
            found = self._read(prepared, subquery, sides, snapshots, used) if kept is None else kept
        except QueryFailed as error:  # of which it is for the query itself to tell
            found = f"{UNREAD}{error.code}"
        except (UpstreamError, CapacityError, FilesChanged) as error:
            return lookup.because(f"{UNREAD}{error.code}"), None
        with self._lock:
            self._kept[key] = found
        if isinstance(found, str):
            return lookup.because(found), None
        least, greatest, count = _extent(found.value)
        return lookup.answered(count, least, greatest, self.dimensions.clock() - started, kept is not None), found

    def _read(
        self,
        prepared: PreparedQuery,
        subquery: PreparedSubquery,
        sides: Sequence[Chosen],
        snapshots: Mapping[str, Snapshot],
        used: Mapping[str, TypedValue],
    ) -> Answer:
        sources: list[str] = []
        files: list[FileVersion] = []
        for number, side in zip(subquery.scans, sides, strict=True):
            positions, versions = side.file_positions(), side.versions()
            snapshot = self.dimensions.with_facts(snapshots[prepared.scans[number].table], positions)
            address, names = self.dimensions.address, prepared.names
            sources.append(reading(snapshot, positions, versions, address, shield=prepared.shield, names=names))
            files += versions
        sql = subquery_query(subquery, sources, MOST_VALUES)
        row = self.dimensions.read(Statement(sql=sql, parameters=used, files=tuple(dict.fromkeys(files))))
        kind = subquery.type if subquery.single else f"{subquery.type}[]"
        return TypedValue(value=row[1], type=kind) if is_read(subquery, row) else _UNTOLD


def _extent(value: Value) -> tuple[Value, Value, int]:
    """Return the least and the greatest of some values, and how many they are."""
    if not isinstance(value, list):
        return value, value, 1
    members: list[Any] = sorted(value)
    return (members[0], members[-1], len(members)) if members else (None, None, 0)

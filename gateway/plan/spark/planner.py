"""Plans a query for Spark: its text there, and what its scans read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from threading import Lock
from typing import Final

from cachetools import LRUCache

from gateway.catalog.manifest import Snapshot
from gateway.model import BoundQuery, Column, Plan, Principal, Statement, TypedValue
from gateway.plan.planner import Planner
from gateway.plan.select import Chosen
from gateway.plan.spark.portability import NotPortable, refused
from gateway.plan.spark.scans import SparkScan, spark_scan
from gateway.plan.spark.translate import SparkQuery, translate

VERSION: Final = 1
"""Version of the rules by which texts are translated: what was compared under another one has to be compared again."""
_KEPT = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class SparkPlan:
    """A planned query for Spark; ``nothing`` is its statement for DuckDB over no files, which tells its columns."""

    query: SparkQuery
    parameters: Mapping[str, TypedValue]
    scans: tuple[SparkScan, ...]
    nothing: Statement


def digest_of(query: BoundQuery, translated: SparkQuery) -> str:
    """Name a text as it is and as it is translated."""
    written = f"{VERSION}\0{query.normalised}\0{translated.sql}"
    return blake2b(written.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


class SparkPlanner:
    """Plans queries for Spark over what a *planner* selects; thread-safe."""

    def __init__(self, planner: Planner) -> None:
        self._planner = planner
        self._lock = Lock()
        self._translated: LRUCache[tuple[object, ...], SparkQuery | NotPortable] = LRUCache(_KEPT)

    def translated(self, query: BoundQuery, snapshots: Mapping[str, Snapshot]) -> SparkQuery:
        """Translate a query over the columns that its tables have now. Raises ``NotPortable``."""
        tables = {name: snapshots[name].columns for name in query.tables}
        types = {name: typed.type for name, typed in query.parameters.items()}
        key = query.sql, tuple(tables.values()), tuple(sorted(types.items()))
        with self._lock:
            found = self._translated.get(key)
        if found is None:
            found = _translate(query.sql, tables, types)
            with self._lock:
                self._translated[key] = found
        if isinstance(found, NotPortable):
            raise NotPortable(found.found)
        return found

    def plan(self, plan: Plan, snapshots: Mapping[str, Snapshot], principal: Principal) -> SparkPlan:
        """Plan what a plan selects for Spark. Raises ``NotPortable``, and what reading footers raises."""
        query = plan.query
        if query.deterministic:
            raise refused("it has to have the same bytes each time, which are those of DuckDB")
        if self._planner.filters_rows(principal, [scan.table for scan in plan.scans]):
            raise refused("who asks may see some rows only")
        translated = self.translated(query, snapshots)
        if tuple(scan.table.lower() for scan in plan.scans) != translated.scans:
            raise refused("its scans are not understood")
        scans = []
        for scan, used in zip(plan.scans, translated.columns, strict=True):
            assert isinstance(scan.selection, Chosen)
            snapshot = self._planner.with_facts(snapshots[scan.table], scan.selection.file_positions())
            scans.append(spark_scan(snapshot, scan.selection, used))
        nothing = self._planner.over_nothing(query, snapshots)
        return SparkPlan(query=translated, parameters=query.parameters, scans=tuple(scans), nothing=nothing)


def _translate(sql: str, tables: Mapping[str, Sequence[Column]], types: Mapping[str, str]) -> SparkQuery | NotPortable:
    try:
        return translate(sql, tables, types)
    except NotPortable as error:
        return error

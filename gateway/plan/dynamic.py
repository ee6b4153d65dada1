"""Dynamic partition pruning: reads the filtered side of a join first; its keys select the files of the other side.

It is done where it can pay off: the side that is read first is small, and has fewer files than the side that it
prunes. The keys are cached by the versions of the files that they were read from, like any result.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock

from cachetools import LRUCache

from gateway.catalog.manifest import Snapshot
from gateway.errors import CapacityError, FilesChanged, QueryFailed, UpstreamError
from gateway.model import UNREAD, Lookup, Statement, Value
from gateway.plan.analysis import Bound, Dimension, Learned, PreparedQuery, dimension_query, learn
from gateway.plan.given import given_key
from gateway.plan.reading import WithFacts, reading, with_known_facts
from gateway.plan.rewrite import Address
from gateway.plan.select import Chosen

MOST_VALUES = 10_000
"""Keys that are listed one by one; of more, only the least and the greatest are used."""
LARGEST = 64 * 2**20
"""Bytes of the files that are read first, at most: a fraction of a second of reading."""
_KEPT = 1_000

_Question = tuple[str, tuple[tuple[str, str, str], ...], bytes]
"""A query, the values that it is asked with, and the versions of what it reads."""

ReadRow = Callable[[Statement], Sequence[Value]]
"""Run a statement of one row and return its values. May raise any ``GatewayError``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DimensionReader:
    """Learns the keys of dimensions; thread-safe.

    *address* spells files for the engine behind *read*, *with_facts* is that of ``Planner``.
    """

    read: ReadRow
    address: Address
    with_facts: WithFacts = with_known_facts
    clock: Callable[[], float] = time.perf_counter
    _kept: LRUCache[_Question, Learned]
    _lock: Lock

    @classmethod
    def over(cls, read: ReadRow, address: Address, with_facts: WithFacts = with_known_facts) -> DimensionReader:
        """Learn through an engine."""
        return cls(read=read, address=address, with_facts=with_facts, _kept=LRUCache(_KEPT), _lock=Lock())

    def learn(
        self, prepared: PreparedQuery, bound: Bound, chosen: Sequence[Chosen], snapshots: Mapping[str, Snapshot]
    ) -> tuple[Bound, Mapping[int, tuple[Lookup, ...]]]:
        """Take in what the dimensions of a query say; return that, and what was looked up for each scan."""
        found: dict[Dimension, Learned] = {}
        lookups: dict[int, tuple[Lookup, ...]] = {}
        for position, fact in enumerate(chosen):
            made: list[Lookup] = []
            for dimension in prepared.dimensions(position):
                bound = self._look_through(dimension, prepared, bound, fact, chosen, snapshots, found, made)
            if made:
                lookups[position] = tuple(made)
        return bound, lookups

    def _look_through(
        self,
        dimension: Dimension,
        prepared: PreparedQuery,
        bound: Bound,
        fact: Chosen,
        chosen: Sequence[Chosen],
        snapshots: Mapping[str, Snapshot],
        found: dict[Dimension, Learned],
        made: list[Lookup],
    ) -> Bound:
        """Learn a dimension, and before it those that filter it; note what was looked up."""
        for further in prepared.dimensions_in(dimension.predicate):
            bound = self._look_through(further, prepared, bound, fact, chosen, snapshots, found, made)
        made.append(self._look(dimension, prepared, bound, fact, chosen[dimension.scan], snapshots, found))
        return learn(prepared, bound, found) if dimension in found else bound

    def _look(
        self,
        dimension: Dimension,
        prepared: PreparedQuery,
        bound: Bound,
        fact: Chosen,
        side: Chosen,
        snapshots: Mapping[str, Snapshot],
        found: dict[Dimension, Learned],
    ) -> Lookup:
        table = prepared.scans[dimension.scan].table
        known = Lookup(table=table, column=dimension.column, files=side.files, size=side.size)
        reason = _too_dear(fact, side)
        if reason is not None:
            return known.because(reason)
        started = self.clock()
        text, given = dimension_query(dimension, prepared, bound, "", MOST_VALUES)
        key = (text, given_key(given), side.digest())
        with self._lock:
            learned = self._kept.get(key)
        cached = learned is not None
        if learned is None:
            try:
                learned = self._read(dimension, prepared, bound, side, snapshots[table])
            except (UpstreamError, CapacityError, QueryFailed, FilesChanged) as error:
                return known.because(f"{UNREAD}{error.code}")
            with self._lock:
                self._kept[key] = learned
        found[dimension] = learned
        values = None if learned[0] is None else len(learned[0])
        return known.answered(values, learned[1], learned[2], self.clock() - started, cached)

    def _read(
        self, dimension: Dimension, prepared: PreparedQuery, bound: Bound, side: Chosen, snapshot: Snapshot
    ) -> Learned:
        files, positions = side.versions(), side.file_positions()
        text = reading(self.with_facts(snapshot, positions), positions, files, self.address)
        sql, given = dimension_query(dimension, prepared, bound, text, MOST_VALUES)
        listed, least, greatest = self.read(Statement(sql=sql, parameters=given, files=files))
        return (listed if isinstance(listed, list) else None), least, greatest


def _too_dear(fact: Chosen, side: Chosen) -> str | None:
    """Say why reading one side first cannot pay; None where it can."""
    if fact.partitions <= 1:
        return "there is one partition left to choose from"
    if side.files >= fact.files:
        return "it has as many files as it could spare"
    return "it is too large to be read first" if side.size > LARGEST else None

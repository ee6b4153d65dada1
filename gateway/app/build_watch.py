"""Asks for the builds of datasets that are due: after a change of their sources, and on a schedule."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path

from gateway.catalog.build_rule import BuildRule
from gateway.catalog.table import Table
from gateway.concurrency.leader import Leadership
from gateway.concurrency.ticker import Ticker, Wait
from gateway.datasets.build import KIND
from gateway.datasets.freshness import Due, Freshness, Inputs, LastBuild, due_by_change
from gateway.errors import GatewayError, StorageFailed
from gateway.jobs.job import JobState, Record
from gateway.jobs.store import JobStore
from gateway.pipeline import Gateway
from gateway.telemetry.events import JobsUnreachable, Observer, Unexpected

_LOOK, _RECORDS = 1.0, 5.0
"""Seconds between two looks at the sources, and between two at the records of a dataset that is to be built."""
_NEWEST = 5
"""Records of a dataset that are looked at: the last build is among them."""


class BuildWatch:
    """Asks for builds that are due, in one process of the machine. ``start`` looks in a thread until closed.

    *lock* decides which process it is; *wake* has the jobs looked at.
    """

    def __init__(
        self,
        serving: Callable[[], Gateway],
        jobs: JobStore,
        *,
        lock: Path,
        wake: Callable[[], None],
        observe: Observer,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._serving, self._jobs, self._wake, self._observe = serving, jobs, wake, observe
        self._clock = clock
        self._leadership = Leadership(lock)
        self._known: dict[str, Freshness] = {}
        self._built: dict[str, Inputs] = {}
        self._looked_at: dict[str, float] = {}
        self._ticker = Ticker("build-watch", self._safe_tick, lambda: _LOOK)

    def start(self, wait: Wait | None = None) -> None:
        """Look until closed; ``wait`` sleeps so many seconds and returns True to stop."""
        self._ticker.start(wait)

    def close(self) -> None:
        """Stop looking; idempotent."""
        self._ticker.close()
        self._leadership.release()

    def tick(self) -> None:
        """Ask for the builds that are due now, where this process is the one that does."""
        gateway = self._serving()
        declared = {name: table for name, table in gateway.catalog.tables.items() if _watched(table)}
        if not declared or not self._leadership.take():
            return
        for name, table in declared.items():
            if name not in self._known or self._known[name].rule != table.build:
                self._known[name] = Freshness(table.build)
            try:
                self._look(gateway, table, self._known[name])
            except StorageFailed as error:
                self._observe(JobsUnreachable(kind=KIND, error=error.detail))

    def _look(self, gateway: Gateway, table: Table, known: Freshness) -> None:
        at = self._clock()
        for due in known.due_by_schedule(at):
            self._ask(table.name, due)
            known.asked(due)
        now = _inputs(gateway, table) if table.build.on == "refresh" else None
        if now is None or not known.settled(now, self._built.get(table.name), at) or not self._may_look(table.name, at):
            return
        records = self._jobs.all(KIND, table.name, most=_NEWEST)
        self._built[table.name] = _built_of(records)
        if self._built[table.name] == now or any(record.end is None for record in records):
            return
        changed = due_by_change(now, _last_of(records), at)
        if changed is not None:
            self._ask(table.name, changed)

    def _may_look(self, name: str, at: float) -> bool:
        if at - self._looked_at.get(name, 0.0) < _RECORDS:
            return False
        self._looked_at[name] = at
        return True

    def _ask(self, name: str, due: Due) -> None:
        question = {"sources": due.sources} if due.sources else {}
        self._jobs.submit(KIND, name, question, trigger=due.trigger, key=due.key)
        self._wake()

    def _safe_tick(self) -> None:
        try:
            self.tick()
        except Exception as error:  # noqa: BLE001  # a bug met in one dataset must not end the watching of all others
            self._observe(Unexpected.of(error, request="build-watch"))


def _watched(table: Table) -> bool:
    by_itself = table.build != BuildRule(principal=table.build.principal)
    return table.query is not None and table.version is None and by_itself


def _inputs(gateway: Gateway, table: Table) -> Inputs | None:
    """Return the snapshots of what the query of a dataset reads; None where they are not known now."""
    assert table.query is not None
    query, _, version = table.query.rpartition("/v")
    try:
        tables = gateway.registry.template(query, int(version)).tables
        return {name: snapshot.id for name, snapshot in gateway.catalog.pin(tables).items()}
    except GatewayError:  # told by what serves them: the query is broken, or the files cannot be listed
        return None


def _built_of(records: list[Record]) -> Inputs:
    """Return what the sources were at the last build that is done; nothing before it."""
    done = [record.end for record in records if record.end is not None and record.end.state is JobState.DONE]
    inputs: Mapping[str, str] = done[0].result.get("inputs", {}) if done else {}
    return inputs


def _last_of(records: list[Record]) -> LastBuild | None:
    for record in records:
        if record.end is not None:
            return LastBuild(
                id=record.job.id,
                sources=record.job.question.get("sources", ""),
                ended_at=record.end.at,
                failed=record.end.state is JobState.FAILED,
            )
    return None

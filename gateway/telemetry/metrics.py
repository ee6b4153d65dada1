"""Prometheus metrics from events: those of ``docs/metrics.md``. Every label takes its values from a bounded set."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from operator import attrgetter
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, values
from prometheus_client.multiprocess import MultiProcessCollector

from gateway.answer import Outcome
from gateway.telemetry.events import (
    Event,
    PartialsGathered,
    ProjectLoaded,
    QueryExecuted,
    RefreshSucceeded,
    RequestServed,
    ResourcesMeasured,
)
from gateway.telemetry.histogram import BatchHistogram
from gateway.telemetry.metric_table import AMOUNTS, DEFINITIONS, EFFECTS, Definition, Value

MULTIPROCESS = "PROMETHEUS_MULTIPROC_DIR"
SECONDS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
"""Upper bounds of the buckets of all durations."""
METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})
"""Methods that a label may name; others are counted together, so that labels stay bounded."""
OTHER_METHOD = "other"
CALLERS = 100
"""Callers that metrics of one worker tell apart."""
OTHERS = "(others)"
"""Under which name callers are counted that are too many to be told apart."""
_REQUESTS = "request_seconds"
_NEAREST_TIER = "memory"
"""The tier of hits whose ``Cache-Status`` names none."""

Effect = Callable[[Any], None]


class _AllWorkers(MultiProcessCollector):
    """Add up what all workers have counted, but in files that one of them has just made, and that are empty yet."""

    def collect(self) -> Any:
        files = [str(file) for file in Path(self._path).glob("*.db") if not _is_empty(file)]
        return self.merge(files)  # type: ignore[no-untyped-call]  # it has no types


def _is_empty(file: Path) -> bool:
    try:
        return file.stat().st_size == 0
    except FileNotFoundError:  # of a worker that has ended; merging knows which of them may go
        return False


def counted(registry: CollectorRegistry) -> CollectorRegistry:
    """Return the registry of what is counted in all workers: *registry* itself where there is one alone."""
    if MULTIPROCESS not in os.environ:
        return registry
    together = CollectorRegistry()
    _AllWorkers(together)  # type: ignore[no-untyped-call]  # it has no types
    return together


class Metrics:
    """Count events in a Prometheus registry."""

    def __init__(self, registry: CollectorRegistry, *, clock: Callable[[], float] = time.time) -> None:
        self.registry = registry
        self._clock = clock
        self._callers: set[str] = set()
        defined = {definition.name: definition for definition in DEFINITIONS}
        requests = defined.pop(_REQUESTS)
        self._requests = BatchHistogram(_full(requests), requests.help, requests.labels, buckets=SECONDS)
        registry.register(self._requests)
        self._metrics: dict[str, Any] = {name: _made(definition, registry) for name, definition in defined.items()}
        self._effects: dict[type[Event], tuple[Effect, ...]] = {
            event: tuple(self._effect(defined[name], value) for name, value in changes.items())
            for event, changes in EFFECTS.items()
        }
        further: dict[type[Event], Effect] = {
            QueryExecuted: self._count_readings,
            PartialsGathered: self._count_readings,
            RefreshSucceeded: lambda event: (
                self._metrics["snapshot_listed_timestamp_seconds"].labels(event.table).set(self._clock())
            ),
            ResourcesMeasured: self._set_engine_memory,
            ProjectLoaded: self._count_project,
            RequestServed: lambda event: self._count_requests([event]),
        }
        for event, effect in further.items():
            self._effects[event] = (*self._effects.get(event, ()), effect)

    def answers(self) -> dict[str, int]:
        """Count the answers since the start of the server by their fate in the cache, in all workers together."""
        found = dict[str, int]()
        for sample in (each for metric in counted(self.registry).collect() for each in metric.samples):
            if sample.name == "gateway_answers_total":
                fate = sample.labels["cache"]
                found[fate] = found.get(fate, 0) + int(sample.value)
        return found

    def __call__(self, event: Event) -> None:
        for effect in self._effects.get(type(event), ()):
            effect(event)

    def many(self, events: Sequence[Event]) -> None:
        """Count several events: requests of the same labels by one addition each."""
        alike: dict[tuple[object, ...], list[RequestServed]] = {}
        for event in events:
            if isinstance(event, RequestServed):
                alike.setdefault(_labels_of(event), []).append(event)
            else:
                self(event)
        for requests in alike.values():
            self._count_requests(requests)

    def _effect(self, definition: Definition, value: Value) -> Effect:
        """Return what changes a metric by an event: the labels are the event's attributes of their names."""
        metric = self._metrics[definition.name]
        change = {"counter": "inc", "gauge": "set", "histogram": "observe"}[definition.kind]

        def effect(event: Event) -> None:
            amount = value(event)
            if amount is not None:
                labels = [getattr(event, name) for name in definition.labels]
                getattr(metric.labels(*labels) if labels else metric, change)(amount)

        return effect

    def _add(self, name: str, amount: float, *labels: object) -> None:
        self._metrics[name].labels(*labels).inc(amount)

    def _count_readings(self, event: QueryExecuted | PartialsGathered) -> None:
        for reading in event.readings:
            counts = (
                (reading.partitions, reading.partitions_total),
                (reading.files, reading.files_total),
                (reading.size, reading.size_total),
            )
            for what, (read, total) in zip(AMOUNTS, counts, strict=True):
                self._add(f"read_{what}", read, reading.table)
                self._add(f"pruned_{what}", max(total - read, 0), reading.table)

    def _set_engine_memory(self, event: ResourcesMeasured) -> None:
        for purpose, size in event.engine.items():
            self._metrics["engine_memory_bytes"].labels(purpose).set(size)

    def _count_project(self, event: ProjectLoaded) -> None:
        if event.outcome != "started":
            self._add("reloads", 1, event.outcome)
        self._metrics["declarations_broken"].labels("table").set(event.broken_tables)
        self._metrics["declarations_broken"].labels("query").set(event.broken_queries)

    def _count_requests(self, events: Sequence[RequestServed]) -> None:
        """Count requests that have the same labels."""
        event, times = events[0], len(events)
        query, version = event.query or "", event.version or ""
        method = event.method if event.method in METHODS else OTHER_METHOD
        labels = (method, event.endpoint, query, version, event.status, event.cache or "")
        self._requests.observe(labels, [request.seconds for request in events])
        if event.error is not None and event.complete:  # else it ended a body that had begun
            self._add("problems", times, event.error)
        if event.query is None or event.version is None:
            return
        if event.is_call:
            self._add("calls", times, query, version, self._caller(event.principal or ""))
        if event.cache is not None:
            self._add("answers", times, query, version, event.cache)
            self._add("answer_rows", sum(request.rows or 0 for request in events), query, version)
            self._count_outcome(event, times)
        if event.format is not None:
            self._add("response_bytes", sum(request.size for request in events), query, version, event.format)
        if not event.complete:
            self._add("responses_cut", times, query, version)

    def _count_outcome(self, event: RequestServed, times: int) -> None:
        """Count what became of requests at the cache."""
        match event.outcome:
            case Outcome.HIT:
                self._add("cache_hits", times, event.query, event.version, event.detail or _NEAREST_TIER)
            case Outcome.REVALIDATED:
                self._add("revalidations", times, event.query, event.version)
            case Outcome.STALE_WHILE_REVALIDATE:
                self._add("stale_answers", times, event.query, event.version, "revalidate")
            case Outcome.STALE_IF_ERROR:
                self._add("stale_answers", times, event.query, event.version, "error")
            case Outcome.DEFAULT:
                self._add("default_answers", times, event.query, event.version)

    def _caller(self, principal: str) -> str:
        """Name a caller in a label: the first so many by their names, the rest together."""
        if len(self._callers) < CALLERS:
            self._callers.add(principal)
        return principal if principal in self._callers else OTHERS


def share_metrics(folder: Path) -> None:
    """Keep metrics made from now on in files of *folder*, so that every worker of a machine reports those of all.

    Call it in the server process before it makes any metric; what an earlier run left in *folder* is removed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.glob("*.db"):
        left.unlink(missing_ok=True)
    os.environ[MULTIPROCESS] = str(folder)
    # prometheus_client chose its kind of value when it was imported, which may be before this call.
    values.ValueClass = values.get_value_class()  # type: ignore[no-untyped-call]  # the library leaves it bare


def _full(definition: Definition) -> str:
    return f"gateway_{definition.name}"


def _made(definition: Definition, registry: CollectorRegistry) -> Counter | Gauge | Histogram:
    name, labels = _full(definition), definition.labels
    if definition.kind == "counter":
        return Counter(name, definition.help, labels, registry=registry)
    if definition.kind == "histogram":
        return Histogram(name, definition.help, labels, buckets=SECONDS, registry=registry)
    assert definition.mode is not None, f"{name} does not say how workers are told together"
    return Gauge(name, definition.help, labels, multiprocess_mode=definition.mode, registry=registry)


_labels_of: Callable[[RequestServed], tuple[object, ...]] = attrgetter(
    "method", "endpoint", "query", "version", "principal", "is_call", "format", "status", "error", "cache", "detail",
    "complete",
)  # fmt: skip
"""All of a request that its labels depend on."""

"""Events as metrics: those of ``docs/metrics.md``. Every label takes its values from a bounded set."""

from __future__ import annotations

import os
import time
from bisect import bisect_left
from collections import Counter as Counts
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, values

from gateway.telemetry.events import (
    AccessFileFailed,
    AccessFileRead,
    AccessRefused,
    AdmissionChanged,
    AnswerPrepared,
    BreakerChanged,
    CacheValueRejected,
    ClockJumped,
    DescriptionFailed,
    Event,
    FilesUnreadable,
    FootersFailed,
    FootersRead,
    LimitsFailed,
    LineLost,
    ProjectLoaded,
    QueryCancelled,
    QueryExecuted,
    QueryFailed,
    QueryRefused,
    QueryReplanned,
    QueryRetried,
    QuerySlow,
    RefreshFailed,
    RefreshSucceeded,
    ReplicaListed,
    ReplicaRead,
    ReplicaUnusable,
    RequestServed,
    ResourcesMeasured,
    ResultEvicted,
    StateFailed,
    StateMade,
    StoreRequested,
    TierFailed,
    Unexpected,
)

MULTIPROCESS = "PROMETHEUS_MULTIPROC_DIR"
SECONDS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
"""Upper bounds of the buckets of all durations."""
_FAR_TIERS = ("disk", "redis")
"""Tiers that ``Cache-Status`` names: an answer that names none came from memory."""


CALLERS = 100
"""Callers that metrics of one worker tell apart."""
OTHERS = "(others)"
"""Under which name callers are counted that are too many to be told apart."""


class Metrics:
    """Count events in a Prometheus registry. Its metrics are those of ``docs/metrics.md``."""

    def __init__(self, registry: CollectorRegistry, *, clock: Callable[[], float] = time.time) -> None:
        self.registry = registry
        self._clock = clock
        self._callers: set[str] = set()
        self._handlers: dict[type[Event], Callable[[Any], None]] = {
            RefreshSucceeded: self._refreshed,
            RefreshFailed: self._refresh_failed,
            QueryExecuted: self._executed,
            QueryFailed: self._execution_failed,
            QueryCancelled: self._cancelled,
            QueryReplanned: self._replanned,
            AdmissionChanged: self._admission_changed,
            QueryRefused: self._refused,
            QueryRetried: self._retried,
            BreakerChanged: self._breaker_changed,
            ReplicaRead: self._replica_read,
            ReplicaUnusable: self._replica_unusable,
            ReplicaListed: self._replica_listed,
            ClockJumped: self._clock_jumped,
            TierFailed: self._tier_failed,
            CacheValueRejected: self._value_rejected,
            StateFailed: self._state_failed,
            StateMade: self._state_was_made,
            ResultEvicted: self._evicted,
            AnswerPrepared: self._prepared,
            RequestServed: self._served,
            QuerySlow: self._slow,
            LineLost: self._line_lost,
            StoreRequested: self._store_requested,
            ResourcesMeasured: self._measured,
            FootersRead: self._footers_read,
            FootersFailed: self._footers_failed,
            FilesUnreadable: self._files_unreadable,
            ProjectLoaded: self._loaded,
            AccessFileRead: self._access_read,
            AccessFileFailed: self._access_failed,
            AccessRefused: self._access_refused,
            LimitsFailed: self._limits_failed,
            DescriptionFailed: self._undescribed,
            Unexpected: self._unexpected,
        }
        self._define_queries()
        self._define_tables()
        self._define_project()
        self._define_resources()
        self._define_stores()
        self._define_access()

    def __call__(self, event: Event) -> None:
        handler = self._handlers.get(type(event))
        if handler is not None:
            handler(event)

    def many(self, events: Sequence[Event]) -> None:
        """Count several events: those of one kind and one fate by one addition each."""
        alike: dict[tuple[object, ...], list[RequestServed]] = {}
        for event in events:
            if isinstance(event, RequestServed):
                alike.setdefault(_alike(event), []).append(event)
            else:
                self(event)
        for served in alike.values():
            self._served_alike(served)

    def _define_queries(self) -> None:
        query = ("query", "version")
        self._requests = self._histogram(
            "request_seconds", "Time to the last byte of requests about a query", (*query, "status", "cache")
        )
        self._hits = self._counter("cache_hits", "Results answered from a tier", (*query, "tier"))
        self._confirmed = self._counter("revalidations", "Results found unchanged and served for another ttl", query)
        self._stale = self._counter("stale_answers", "Results served though their data had changed", (*query, "reason"))
        self._defaults = self._counter("default_answers", "Answers that were the rows declared for failure", query)
        self._slows = self._counter("slow_queries", "Queries that took longer than log.slow", query)
        self._answers = self._counter("answers", "Results answered, by their fate in the cache", (*query, "cache"))
        self._calls = self._counter("calls", "Results asked for, by caller", (*query, "principal"))
        self._rows = self._counter("answer_rows", "Rows of the results answered", query)
        self._bytes = self._counter("response_bytes", "Bytes of the response bodies sent", (*query, "format"))
        self._cut = self._counter("responses_cut", "Responses of which the client got only a part", query)
        self._execution = self._histogram("execution_seconds", "Time of queries in the engine", query)
        self._waiting = self._histogram("admission_seconds", "Time that queries waited for a slot", query)
        self._allowances = self._histogram("deadline_seconds", "Time that queries had until their deadline", query)
        self._running = self._level("queries_running", "Queries that hold a slot")
        self._depth = self._level("queries_waiting", "Queries that wait for a slot")
        self._refusals = self._counter("admission_refusals", "Queries that got no slot", ("reason", "cost"))
        self._failures = self._counter("execution_failures", "Queries that the engine did not answer", (*query, "code"))
        self._stops = self._counter("queries_cancelled", "Queries stopped for want of a caller", (*query, "reason"))
        self._replans = self._counter("replans", "Queries planned again because files changed under them", query)
        self._state_failures = self._counter(
            "state_failures", "Times that nothing could be written to the state folder", ()
        )
        self._state_made = self._counter("state_made", "Times that a worker found the state folder gone", ())
        self._tiers = self._counter("cache_tier_failures", "Failed operations of a cache tier", ("tier", "operation"))
        self._rejected = self._counter("cache_values_rejected", "Values of a tier not used", ("tier", "operation"))
        self._evictions = self._counter("cache_evictions", "Results and bodies removed to make room", ("tier", "query"))
        self._ahead = self._counter("answers_prepared", "Answers prepared ahead", (*query, "outcome"))
        self._problems = self._counter("problems", "Problem documents answered", ("code",))
        self._lost = self._counter("log_lines_lost", "Lines that could not be written", ("stream",))
        self._descriptions = self._counter(
            "descriptions_failed", "Times that a query was described without its columns", ("query", "version")
        )
        self._bugs = self._counter("unexpected_errors", "Errors that nobody raised on purpose", ())

    def _define_tables(self) -> None:
        self._read = {
            what: self._counter(f"read_{what}", f"{what.capitalize()} read by executed queries", ("table",))
            for what in ("partitions", "files", "bytes")
        }
        self._pruned = {
            what: self._counter(f"pruned_{what}", f"{what.capitalize()} that executed queries left unread", ("table",))
            for what in ("partitions", "files", "bytes")
        }
        self._listed = self._gauge("snapshot_listed_timestamp_seconds", "When the table was last listed")
        self._files = self._gauge("snapshot_files", "Files in the newest snapshot")
        self._partitions = self._gauge("snapshot_partitions", "Partitions in the newest snapshot")
        self._broken = self._gauge("snapshot_problems", "Files that break the table's declaration")
        self._failing = self._gauge("refresh_consecutive_failures", "Failed listings since the last good one")
        self._refresh = self._histogram("refresh_seconds", "Time that listing a table took", ("table",))
        self._footers = self._counter("footers_read", "Files whose footers were read", ("table",))
        self._footer_failures = self._counter("footer_failures", "Failed readings of footers", ("table",))
        self._unreadable = self._counter("files_unreadable", "Versions of files found to be unreadable", ("table",))
        self._refresh_failures = self._counter("refresh_failures", "Listings of a table that failed", ("table",))

    def _define_resources(self) -> None:
        labels = ("client", "kind", "status")
        self._store_requests = self._counter("storage_requests", "Requests sent to object stores", labels)
        self._resident = self._level("resident_bytes", "Memory of the workers")
        self._cached = self._level("cache_memory_bytes", "Results and bodies kept in the memory of the workers")
        self._engine = self._level("engine_memory_bytes", "Memory that DuckDB uses, by what for", ("purpose",))
        self._spilled = self._level("engine_spilled_bytes", "Temporary files of DuckDB")
        self._disk = Gauge(
            "gateway_cache_disk_bytes",
            "Results kept on the disk of the machine.",
            multiprocess_mode="mostrecent",
            registry=self.registry,
        )

    def _define_project(self) -> None:
        self._reloads = self._counter("reloads", "Times that a worker read the project's files again", ("outcome",))
        self._wrong = Gauge(
            "gateway_declarations_broken",
            "Files of the project that have mistakes.",
            ("kind",),
            multiprocess_mode="mostrecent",
            registry=self.registry,
        )

    def _define_stores(self) -> None:
        query, place = ("query", "version"), ("table", "location")
        self._retries = self._counter("storage_retries", "Queries run again because a store failed in passing", query)
        self._away = self._counter("replica_reads", "Queries that read a table at a replica", place)
        self._elsewhere = self._counter("replica_listings", "Times that a table was listed at a replica", place)
        self._useless = self._counter("replica_refusals", "Replicas that held other versions than asked for", place)
        self._jumps = self._counter("clock_jumps", "Times that a worker saw the machine's clock jump", ())
        # Of all workers the worst is told: each has breakers of its own.
        self._breakers = Gauge(
            "gateway_storage_breaker",
            "State of a location's breaker: 0 closed, 1 half open, 2 open.",
            ("location",),
            multiprocess_mode="livemax",
            registry=self.registry,
        )

    def _define_access(self) -> None:
        self._not_let_in = self._counter("access_refused", "Credentials that were not valid", ("reason",))
        self._uncounted = self._counter("limits_failures", "Failed attempts to count requests against limits", ())
        self._access_failing = Gauge(
            "gateway_access_failing",
            "1 while the keys, the grants or the key set cannot be read and older ones are in force.",
            ("file",),
            multiprocess_mode="livemax",
            registry=self.registry,
        )

    def _counter(self, name: str, text: str, labels: Sequence[str]) -> Counter:
        return Counter(f"gateway_{name}", f"{text}.", labels, registry=self.registry)

    def _histogram(self, name: str, text: str, labels: Sequence[str]) -> Histogram:
        return Histogram(f"gateway_{name}", f"{text}.", labels, buckets=SECONDS, registry=self.registry)

    def _gauge(self, name: str, text: str) -> Gauge:
        # The refresher of a machine may be any of its workers: the last one to speak is right.
        return Gauge(f"gateway_{name}", f"{text}.", ("table",), multiprocess_mode="mostrecent", registry=self.registry)

    def _level(self, name: str, text: str, labels: Sequence[str] = ()) -> Gauge:
        return Gauge(f"gateway_{name}", f"{text}.", labels, multiprocess_mode="livesum", registry=self.registry)

    def _refreshed(self, event: RefreshSucceeded) -> None:
        self._listed.labels(event.table).set(self._clock())
        self._files.labels(event.table).set(event.files)
        self._partitions.labels(event.table).set(event.partitions)
        self._broken.labels(event.table).set(event.problems)
        self._failing.labels(event.table).set(0)
        self._refresh.labels(event.table).observe(event.seconds)

    def _refresh_failed(self, event: RefreshFailed) -> None:
        self._failing.labels(event.table).set(event.failures)
        self._refresh_failures.labels(event.table).inc()

    def _executed(self, event: QueryExecuted) -> None:
        self._execution.labels(event.query, event.version).observe(event.seconds)
        self._waiting.labels(event.query, event.version).observe(event.waited)
        if event.allowed is not None:
            self._allowances.labels(event.query, event.version).observe(event.allowed)
        for reading in event.readings:
            amounts = {
                "partitions": (reading.partitions, reading.partitions_total),
                "files": (reading.files, reading.files_total),
                "bytes": (reading.size, reading.size_total),
            }
            for what, (read, total) in amounts.items():
                self._read[what].labels(reading.table).inc(read)
                self._pruned[what].labels(reading.table).inc(max(total - read, 0))

    def _execution_failed(self, event: QueryFailed) -> None:
        self._failures.labels(event.query, event.version, event.code).inc()

    def _admission_changed(self, event: AdmissionChanged) -> None:
        self._running.set(event.running)
        self._depth.set(event.waiting)

    def _refused(self, event: QueryRefused) -> None:
        self._refusals.labels(event.reason, event.cost).inc()

    def _cancelled(self, event: QueryCancelled) -> None:
        self._stops.labels(event.query, event.version, event.reason).inc()

    def _replanned(self, event: QueryReplanned) -> None:
        self._replans.labels(event.query, event.version).inc()

    def _retried(self, event: QueryRetried) -> None:
        self._retries.labels(event.query, event.version).inc()

    def _breaker_changed(self, event: BreakerChanged) -> None:
        self._breakers.labels(event.location).set({"closed": 0, "half-open": 1, "open": 2}[event.state])

    def _replica_read(self, event: ReplicaRead) -> None:
        self._away.labels(event.table, event.location).inc()

    def _clock_jumped(self, event: ClockJumped) -> None:
        self._jumps.inc()

    def _replica_listed(self, event: ReplicaListed) -> None:
        self._elsewhere.labels(event.table, event.location).inc()

    def _replica_unusable(self, event: ReplicaUnusable) -> None:
        self._useless.labels(event.table, event.location).inc()

    def _tier_failed(self, event: TierFailed) -> None:
        self._tiers.labels(event.tier, event.operation).inc()

    def _value_rejected(self, event: CacheValueRejected) -> None:
        self._rejected.labels(event.tier, event.operation).inc()

    def _state_failed(self, event: StateFailed) -> None:
        self._state_failures.inc()

    def _state_was_made(self, event: StateMade) -> None:
        self._state_made.inc()

    def _evicted(self, event: ResultEvicted) -> None:
        self._evictions.labels(event.tier, event.query).inc()

    def _prepared(self, event: AnswerPrepared) -> None:
        self._ahead.labels(event.query, event.version, event.outcome).inc()

    def _served(self, event: RequestServed) -> None:
        self._served_alike([event])

    def _served_alike(self, events: Sequence[RequestServed]) -> None:
        """Count requests that have the same labels."""
        event, times = events[0], len(events)
        if event.error is not None and event.complete:  # else it ended a body that had begun
            self._problems.labels(event.error).inc(times)
        if event.query is None or event.version is None:
            return
        timed = self._requests.labels(event.query, event.version, event.status, event.cache or "")
        observe_all(timed, [one.seconds for one in events])
        if event.is_call:
            self._calls.labels(event.query, event.version, self._caller(event.principal or "")).inc(times)
        if event.cache is not None:
            self._answers.labels(event.query, event.version, event.cache).inc(times)
            self._rows.labels(event.query, event.version).inc(sum(one.rows or 0 for one in events))
            self._fate(event.query, event.version, event.cache, event.detail or "", times)
        if event.format is not None:
            self._bytes.labels(event.query, event.version, event.format).inc(sum(one.size for one in events))
        if not event.complete:
            self._cut.labels(event.query, event.version).inc(times)

    def _fate(self, query: str, version: int, cache: str, detail: str, times: int) -> None:
        """Count what ``Cache-Status`` says beside the outcome."""
        if detail == "revalidated":
            self._confirmed.labels(query, version).inc(times)
        elif cache == "hit" and detail != "cursor":
            self._hits.labels(query, version, detail if detail in _FAR_TIERS else "memory").inc(times)
        elif detail.startswith("stale-"):
            reason = "error" if detail.startswith("stale-if-error") else "revalidate"
            self._stale.labels(query, version, reason).inc(times)
        elif detail.startswith("default"):
            self._defaults.labels(query, version).inc(times)

    def _slow(self, event: QuerySlow) -> None:
        self._slows.labels(event.query, event.version).inc()

    def _store_requested(self, event: StoreRequested) -> None:
        self._store_requests.labels(event.client, event.kind, event.status).inc(event.requests)

    def _measured(self, event: ResourcesMeasured) -> None:
        self._resident.set(event.resident)
        self._cached.set(event.cache)
        self._spilled.set(event.spilled)
        for purpose, size in event.engine.items():
            self._engine.labels(purpose).set(size)
        if event.disk is not None:
            self._disk.set(event.disk)

    def _footers_read(self, event: FootersRead) -> None:
        self._footers.labels(event.table).inc(event.files)

    def _footers_failed(self, event: FootersFailed) -> None:
        self._footer_failures.labels(event.table).inc()

    def _files_unreadable(self, event: FilesUnreadable) -> None:
        self._unreadable.labels(event.table).inc(event.count)

    def _line_lost(self, event: LineLost) -> None:
        self._lost.labels(event.stream).inc()

    def _loaded(self, event: ProjectLoaded) -> None:
        if event.outcome != "started":
            self._reloads.labels(event.outcome).inc()
        self._wrong.labels("table").set(event.broken_tables)
        self._wrong.labels("query").set(event.broken_queries)

    def _access_read(self, event: AccessFileRead) -> None:
        self._access_failing.labels(event.file).set(0)

    def _access_failed(self, event: AccessFileFailed) -> None:
        self._access_failing.labels(event.file).set(1)

    def _access_refused(self, event: AccessRefused) -> None:
        self._not_let_in.labels(event.reason).inc()

    def _limits_failed(self, event: LimitsFailed) -> None:
        self._uncounted.inc()

    def _caller(self, principal: str) -> str:
        """Name a caller in a label: the first so many by their names, the rest together."""
        if len(self._callers) < CALLERS:
            self._callers.add(principal)
        return principal if principal in self._callers else OTHERS

    def _undescribed(self, event: DescriptionFailed) -> None:
        self._descriptions.labels(event.query, event.version).inc()

    def _unexpected(self, event: Unexpected) -> None:
        self._bugs.inc()


def observe_all(histogram: Histogram, values: Sequence[float]) -> None:
    """Observe several values by one addition for each bucket that they fall into."""
    if len(values) == 1:
        histogram.observe(values[0])
        return
    # What ``observe`` does for one value; the library has nothing for several.
    counts: Counts[int] = Counts(bisect_left(histogram._upper_bounds, value) for value in values)
    histogram._sum.inc(sum(values))
    for place, times in counts.items():
        histogram._buckets[place].inc(times)


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


def _alike(event: RequestServed) -> tuple[object, ...]:
    """Return all of a request that its labels depend on."""
    asked = (event.query, event.version, event.principal, event.is_call, event.format)
    return (*asked, event.status, event.error, event.cache, event.detail, event.complete)

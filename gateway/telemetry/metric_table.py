"""The gateway's metrics, and which event changes which of them: ``docs/metrics.md`` as data.

Labels are attributes of the event, of the same names. What follows from an event otherwise is in ``metrics``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Literal

from gateway.telemetry.events import (
    AccessFileFailed,
    AccessFileRead,
    AccessRefused,
    AdmissionChanged,
    AnswerPrepared,
    BreakerChanged,
    CacheValueRejected,
    ClockJumped,
    ClusterFailed,
    ClusterGone,
    ClusterReached,
    CopyDropped,
    DescriptionFailed,
    EngineEnded,
    EngineMeasured,
    EngineRested,
    Event,
    FilesUnreadable,
    FootersFailed,
    FootersRead,
    JobEnded,
    JobFailed,
    JobsUnreachable,
    LimitsFailed,
    LineLost,
    PartialsComputed,
    PartialsGathered,
    QueriesApart,
    QueryCancelled,
    QueryExecuted,
    QueryFailed,
    QueryRefused,
    QueryReplanned,
    QueryRetried,
    QueryRunAgain,
    QuerySetApart,
    QuerySlow,
    RefreshFailed,
    RefreshSucceeded,
    ReplicaListed,
    ReplicaRead,
    ReplicaUnusable,
    ResourcesMeasured,
    ResultEvicted,
    SnapshotNotKept,
    SparkGone,
    SparkReached,
    StateFailed,
    StateMade,
    StoreRequested,
    TierFailed,
    Unexpected,
)

Kind = Literal["counter", "histogram", "gauge"]
Mode = Literal["mostrecent", "livesum", "livemax"]
"""How a gauge is told of several workers: by the last that set it, by their sum, by the worst of them."""
Value = Callable[[Any], float | None]
"""Takes an event; None where it changes nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """A metric: ``name`` is without the prefix ``gateway_`` and the suffix of its kind."""

    name: str
    kind: Kind
    text: str
    labels: tuple[str, ...] = ()
    mode: Mode | None = None

    @property
    def help(self) -> str:
        return f"{self.text}."


def _counter(name: str, text: str, *labels: str) -> Definition:
    return Definition(name=name, kind="counter", text=text, labels=labels)


def _histogram(name: str, text: str, *labels: str) -> Definition:
    return Definition(name=name, kind="histogram", text=text, labels=labels)


def _gauge(name: str, text: str, *labels: str, mode: Mode) -> Definition:
    return Definition(name=name, kind="gauge", text=text, labels=labels, mode=mode)


def _of_tables(name: str, text: str) -> Definition:
    # The refresher of a machine may be any of its workers: the last one to speak is right.
    return _gauge(name, text, "table", mode="mostrecent")


_QUERY = ("query", "version")
_PLACE = ("table", "location")
AMOUNTS = ("partitions", "files", "bytes")
"""What is counted of the tables that a query reads."""

DEFINITIONS = (
    _histogram(
        "request_seconds", "Time to the last byte of requests", "method", "endpoint", *_QUERY, "status", "cache"
    ),
    _counter("cache_hits", "Results answered from a tier", *_QUERY, "tier"),
    _counter("revalidations", "Results found unchanged and served for another ttl", *_QUERY),
    _counter("stale_answers", "Results served though their data had changed", *_QUERY, "reason"),
    _counter("default_answers", "Answers that were the rows declared for failure", *_QUERY),
    _counter("slow_queries", "Queries that took longer than log.slow", *_QUERY),
    _counter("answers", "Results answered, by their fate in the cache", *_QUERY, "cache"),
    _counter("calls", "Results asked for, by caller", *_QUERY, "principal"),
    _counter("answer_rows", "Rows of the results answered", *_QUERY),
    _counter("response_bytes", "Bytes of the response bodies sent", *_QUERY, "format"),
    _counter("responses_cut", "Responses of which the client got only a part", *_QUERY),
    _histogram("execution_seconds", "Time of queries in the engine", *_QUERY),
    _histogram("partials_seconds", "Time of partials in the engine", *_QUERY),
    _counter("partials_kept", "Partials of answers that were kept before", *_QUERY),
    _counter("partials_computed", "Partials of answers that were computed for them", *_QUERY),
    _gauge("cluster_workers", "Workers of the cluster that can be used; 0 while it is gone", mode="mostrecent"),
    _gauge("spark_reachable", "Whether Spark can be used: 1, or 0 while it is gone", mode="mostrecent"),
    _counter("cluster_failures", "Times that the cluster did not compute what it was chosen for", *_QUERY),
    _histogram("admission_seconds", "Time that queries waited for a slot", *_QUERY),
    _histogram("deadline_seconds", "Time that queries had until their deadline", *_QUERY),
    _gauge("queries_running", "Queries that hold a slot", mode="livesum"),
    _gauge("queries_waiting", "Queries that wait for a slot", mode="livesum"),
    _counter("admission_refusals", "Queries that got no slot", "reason", "cost"),
    _counter("execution_failures", "Queries that the engine did not answer", *_QUERY, "code"),
    _counter("queries_cancelled", "Queries stopped for want of a caller", *_QUERY, "reason"),
    _counter("replans", "Queries planned again because files changed under them", *_QUERY),
    _counter("state_failures", "Times that nothing could be written to the state folder"),
    _counter("state_made", "Times that a worker found the state folder gone"),
    _counter("cache_tier_failures", "Failed operations of a cache tier", "tier", "operation"),
    _counter("cache_values_rejected", "Values of a tier not used", "tier", "operation"),
    _counter("cache_evictions", "Results and bodies removed to make room", "tier", "query"),
    _counter("cache_copies_dropped", "Results not written to a tier, where too much waited already", "tier", "query"),
    _counter("answers_prepared", "Answers prepared ahead", *_QUERY, "outcome"),
    _counter("problems", "Problem documents answered", "code"),
    _counter("log_lines_lost", "Lines that could not be written", "stream"),
    _counter("descriptions_failed", "Times that a query was described without its columns", *_QUERY),
    _counter("unexpected_errors", "Errors that nobody raised on purpose"),
    *(_counter(f"read_{what}", f"{what.capitalize()} read by executed queries", "table") for what in AMOUNTS),
    *(
        _counter(f"pruned_{what}", f"{what.capitalize()} that executed queries left unread", "table")
        for what in AMOUNTS
    ),
    _of_tables("snapshot_listed_timestamp_seconds", "When the table was last listed"),
    _of_tables("snapshot_files", "Files in the newest snapshot"),
    _of_tables("snapshot_partitions", "Partitions in the newest snapshot"),
    _of_tables("snapshot_problems", "Files that break the table's declaration"),
    _of_tables("refresh_consecutive_failures", "Failed listings since the last good one"),
    _histogram("refresh_seconds", "Time that listing a table took", "table"),
    _counter("footers_read", "Files whose footers were read", "table"),
    _counter("footer_failures", "Failed readings of footers", "table"),
    _counter("snapshots_not_kept", "Named snapshots that could not be kept", "table"),
    _counter("files_unreadable", "Versions of files found to be unreadable", "table"),
    _counter("refresh_failures", "Listings of a table that failed", "table"),
    _counter("storage_requests", "Requests sent to object stores", "client", "kind", "status"),
    _gauge("resident_bytes", "Memory of the workers", mode="livesum"),
    _gauge("cache_memory_bytes", "Results and bodies kept in the memory of the workers", mode="livesum"),
    # One engine serves all workers, each of which tells of it.
    _gauge("engine_memory_bytes", "Memory that DuckDB uses, by what for", "purpose", mode="mostrecent"),
    _gauge("engine_spilled_bytes", "Temporary files of DuckDB", mode="mostrecent"),
    _gauge("engine_resident_bytes", "Memory of the engines' processes", "role", mode="mostrecent"),
    _counter("engine_processes_ended", "Engines' processes that have ended", "role", "reason"),
    _counter("queries_set_apart", "Queries that ended their engine's process", *_QUERY, "reason"),
    _gauge("queries_apart", "Texts of queries that run apart", mode="mostrecent"),
    _counter("engine_reruns", "Queries run again because their engine's process ended", *_QUERY, "reason"),
    _gauge("partials_memory_bytes", "Partials kept in the memory of the workers", mode="livesum"),
    _gauge("partials_disk_bytes", "Partials kept on the disk of the machine", mode="mostrecent"),
    _gauge("partials_redis_bytes", "Partials kept in Redis, by all hosts", mode="mostrecent"),
    _gauge("cache_disk_bytes", "Results and partials kept on the disk of the machine", mode="mostrecent"),
    _counter("reloads", "Times that a worker read the project's files again", "outcome"),
    _gauge("declarations_broken", "Files of the project that have mistakes", "kind", mode="mostrecent"),
    _counter("storage_retries", "Queries run again because a store failed in passing", *_QUERY),
    _counter("replica_reads", "Queries that read a table at a replica", *_PLACE),
    _counter("replica_listings", "Times that a table was listed at a replica", *_PLACE),
    _counter("replica_refusals", "Replicas that held other versions than asked for", *_PLACE),
    _counter("clock_jumps", "Times that a worker saw the machine's clock jump"),
    # Of all workers the worst is told: each has breakers of its own.
    _gauge(
        "storage_breaker", "State of a location's breaker: 0 closed, 1 half open, 2 open", "location", mode="livemax"
    ),
    _counter("jobs", "Jobs that have ended: builds of datasets", "kind", "resource", "state"),
    _counter("jobs_unreachable", "Times that the records of jobs could not be read or written", "kind"),
    _counter("access_refused", "Credentials that were not valid", "reason"),
    _counter("limits_failures", "Failed attempts to count requests against limits"),
    _gauge(
        "access_failing",
        "1 while the keys, the grants or the key set cannot be read and older ones are in force",
        "file",
        mode="livemax",
    ),
)
_BREAKER = {"closed": 0.0, "half-open": 1.0, "open": 2.0}


def _always(value: float) -> Value:
    return lambda event: value


_once = _always(1.0)

EFFECTS: Mapping[type[Event], Mapping[str, Value]] = {
    AccessFileFailed: {"access_failing": _once},
    AccessFileRead: {"access_failing": _always(0.0)},
    AccessRefused: {"access_refused": _once},
    AdmissionChanged: {"queries_running": attrgetter("running"), "queries_waiting": attrgetter("waiting")},
    AnswerPrepared: {"answers_prepared": _once},
    BreakerChanged: {"storage_breaker": lambda event: _BREAKER[event.state]},
    CacheValueRejected: {"cache_values_rejected": _once},
    ClockJumped: {"clock_jumps": _once},
    ClusterFailed: {"cluster_failures": _once},
    ClusterGone: {"cluster_workers": _always(0.0)},
    ClusterReached: {"cluster_workers": attrgetter("workers")},
    SparkGone: {"spark_reachable": _always(0.0)},
    SparkReached: {"spark_reachable": _always(1.0)},
    CopyDropped: {"cache_copies_dropped": _once},
    DescriptionFailed: {"descriptions_failed": _once},
    EngineEnded: {"engine_processes_ended": _once},
    EngineRested: {"engine_processes_ended": _once},
    EngineMeasured: {"engine_resident_bytes": attrgetter("resident")},
    FilesUnreadable: {"files_unreadable": attrgetter("count")},
    FootersFailed: {"footer_failures": _once},
    SnapshotNotKept: {"snapshots_not_kept": _once},
    FootersRead: {"footers_read": attrgetter("files")},
    JobEnded: {"jobs": _once},
    JobFailed: {"jobs": _once},
    JobsUnreachable: {"jobs_unreachable": _once},
    LimitsFailed: {"limits_failures": _once},
    LineLost: {"log_lines_lost": _once},
    QueriesApart: {"queries_apart": attrgetter("count")},
    QueryCancelled: {"queries_cancelled": _once},
    QueryExecuted: {
        "execution_seconds": attrgetter("seconds"),
        "admission_seconds": attrgetter("waited"),
        "deadline_seconds": attrgetter("allowed"),
    },
    PartialsComputed: {"partials_seconds": attrgetter("seconds"), "admission_seconds": attrgetter("waited")},
    PartialsGathered: {"partials_kept": attrgetter("kept"), "partials_computed": attrgetter("computed")},
    QueryFailed: {"execution_failures": _once},
    QueryRefused: {"admission_refusals": _once},
    QueryReplanned: {"replans": _once},
    QueryRetried: {"storage_retries": _once},
    QueryRunAgain: {"engine_reruns": _once},
    QuerySetApart: {"queries_set_apart": _once},
    QuerySlow: {"slow_queries": _once},
    RefreshFailed: {"refresh_failures": _once, "refresh_consecutive_failures": attrgetter("failures")},
    RefreshSucceeded: {
        "snapshot_files": attrgetter("files"),
        "snapshot_partitions": attrgetter("partitions"),
        "snapshot_problems": attrgetter("problems"),
        "refresh_consecutive_failures": _always(0.0),
        "refresh_seconds": attrgetter("seconds"),
    },
    ReplicaListed: {"replica_listings": _once},
    ReplicaRead: {"replica_reads": _once},
    ReplicaUnusable: {"replica_refusals": _once},
    ResourcesMeasured: {
        "resident_bytes": attrgetter("resident"),
        "cache_memory_bytes": attrgetter("cache"),
        "engine_spilled_bytes": attrgetter("spilled"),
        "cache_disk_bytes": attrgetter("disk"),
        "partials_memory_bytes": attrgetter("partials"),
        "partials_disk_bytes": attrgetter("partials_disk"),
        "partials_redis_bytes": attrgetter("partials_redis"),
    },
    ResultEvicted: {"cache_evictions": _once},
    StateFailed: {"state_failures": _once},
    StateMade: {"state_made": _once},
    StoreRequested: {"storage_requests": attrgetter("requests")},
    TierFailed: {"cache_tier_failures": _once},
    Unexpected: {"unexpected_errors": _once},
}
"""What each event adds to a counter, sets a gauge to, or observes in a histogram."""

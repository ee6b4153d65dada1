"""Typed events: what happened. The observers are ``metrics``, ``json_log``, ``audit`` and ``usage``.

An event is a frozen record; an observer is any callable that takes one. Observers must be quick and must not raise.
Metrics and their labels are listed in ``docs/metrics.md``; every label takes its values from a bounded set.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from traceback import format_exception
from typing import Any, ClassVar

from gateway.answer import Outcome
from gateway.model import Reading


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened; each kind is a subclass. ``level`` is that of its log line, None for no line."""

    level: ClassVar[str | None] = "info"


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshSucceeded(Event):
    """A table was listed. ``changed`` is False where nothing in it changed; ``seconds`` is the time that it took."""

    table: str
    snapshot: str
    seconds: float
    files: int
    partitions: int
    problems: int
    changed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshFailed(Event):
    """A table could not be listed; its last snapshot stays. ``retry_in`` is in seconds, None where nobody retries."""

    level: ClassVar[str | None] = "warning"
    table: str
    error: str
    failures: int
    """How many times in a row, this one included."""
    retry_in: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotLoaded(Event):
    """A snapshot was read from disk: at start, or because the refresher of this machine published it."""

    table: str
    snapshot: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FootersRead(Event):
    """The footers of some files of a table were read, to know their columns (and rows and bounds, where asked for)."""

    table: str
    files: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FootersFailed(Event):
    """Footers could not be read; less is known of the files until the table changes."""

    level: ClassVar[str | None] = "warning"
    table: str
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotNotKept(Event):
    """A snapshot that answers have named could not be kept: it can be asked for only as long as nothing changes."""

    level: ClassVar[str | None] = "warning"
    table: str
    snapshot: str
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobTakenUp(Event):
    """A worker began with a job, or goes on with one of a worker that ended: ``attempt`` is more than 1 then."""

    kind: str
    resource: str
    job: str
    trigger: str
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEnded(Event):
    """A job ended: ``state`` is ``done`` or ``cancelled``. ``seconds`` counts from when it was asked for."""

    kind: str
    resource: str
    job: str
    trigger: str
    state: str
    seconds: float
    result: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFailed(Event):
    """A job ended with a problem."""

    level: ClassVar[str | None] = "warning"
    kind: str
    resource: str
    job: str
    trigger: str
    code: str
    error: str
    state: str = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobsUnreachable(Event):
    """The records of jobs could not be read or written: what waits stays where it is."""

    level: ClassVar[str | None] = "warning"
    kind: str
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesUnreadable(Event):
    """Files of a table cannot be read: damaged, encrypted, not Parquet, or refused. Each version is told once."""

    level: ClassVar[str | None] = "warning"
    table: str
    count: int
    files: Sequence[str]
    """The first of them: path below the table's location, and what is wrong with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoFilesTaken(Event):
    """A table has files, and none of them is read, for no name is one of data. Told once by each process."""

    level: ClassVar[str | None] = "warning"
    table: str
    files: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryExecuted(Event):
    """An engine ran a query to its end: ``waited`` seconds for a slot, then ``seconds`` in the engine."""

    level: ClassVar[str | None] = None
    query: str
    version: int
    waited: float
    seconds: float
    allowed: float | None = None
    """Seconds that the query might have taken until its deadline, waiting included."""
    readings: Sequence[Reading] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PartialsComputed(Event):
    """An engine ran partials of a query to their end; the members are those of ``QueryExecuted``."""

    level: ClassVar[str | None] = None
    query: str
    version: int
    waited: float
    seconds: float
    allowed: float | None = None
    readings: Sequence[Reading] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PartialsGathered(Event):
    """The partials of an answer are together: so many were *kept*, and so many *computed*, by ``readings``."""

    level: ClassVar[str | None] = None
    query: str
    version: int
    kept: int
    computed: int
    readings: Sequence[Reading] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryFailed(Event):
    """An engine gave no answer. ``code`` is the public code of the error that the caller gets."""

    level: ClassVar[str | None] = "warning"
    query: str
    version: int
    code: str
    detail: str
    seconds: float
    file: str | None = None
    """The address of the data file at fault, where it is known; callers are not told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryCancelled(Event):
    """A query was stopped, waiting or running, because nobody waits for it any more.

    ``reason`` is the code of the error that its last caller got: ``deadline-exceeded`` or ``client-gone``.
    """

    query: str
    version: int
    reason: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryReplanned(Event):
    """Files of a snapshot changed under a query, which is planned again."""

    query: str
    version: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterReached(Event):
    """The cluster can be used, by so many workers with so many threads together; *refused* are those that do not fit.

    Told when any of these changed.
    """

    workers: int
    threads: int
    refused: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterGone(Event):
    """The cluster cannot be used, from now on; it is looked for again every second."""

    level: ClassVar[str | None] = "warning"
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SparkReached(Event):
    """Spark can be used: its server, of this version, has answered a query."""

    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SparkGone(Event):
    """Spark cannot be used, from now on; it is looked for again every five seconds."""

    level: ClassVar[str | None] = "warning"
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SparkSpoolFailed(Event):
    """What Spark has written below ``cluster.spark_spool`` could not be deleted; that is tried again every minute."""

    level: ClassVar[str | None] = "warning"
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterFailed(Event):
    """A cluster did not compute an answer, or its partials, for which it was chosen."""

    level: ClassVar[str | None] = "warning"
    query: str
    version: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AdmissionChanged(Event):
    """How many queries of this worker hold a slot now, and how many wait for one."""

    level: ClassVar[str | None] = None
    running: int
    waiting: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryRefused(Event):
    """A query got no slot: ``reason`` is ``full``, ``wait`` or ``deadline``, ``cost`` is ``cheap`` or ``heavy``."""

    level: ClassVar[str | None] = None
    reason: str
    cost: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryRetried(Event):
    """A store failed for a passing reason under a query, which is run again after *pause* seconds."""

    query: str
    version: int
    reason: str
    pause: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryDivided(Event):
    """A server that starts has divided its memory; *parts* says into what, for people."""

    parts: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerListening(Event):
    """A server listens on an address; its workers start."""

    address: str
    documentation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineStarted(Event):
    """An engine's process was started; ``role`` is ``main``, ``trial`` or ``apart``."""

    role: str
    process: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineEnded(Event):
    """An engine's process has ended while *queries* ran in it.

    ``reason``: a query ran on past its ``deadline``, the process passed its ``memory``, it did not answer (``hang``),
    it had a ``crash``, was ``killed`` by somebody else or made an ``exit``, or was not needed (``idle``, ``room``).
    """

    level: ClassVar[str | None] = "warning"
    role: str
    reason: str
    queries: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineRested(Event):
    """A process beside the main one was ended: it was ``idle``, or made ``room`` for another."""

    role: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineMeasured(Event):
    """The resident memory of an engine's process, in bytes."""

    level: ClassVar[str | None] = None
    role: str
    resident: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QuerySetApart(Event):
    """A query passed its limits and ended its engine's process: from now on it runs in a process apart.

    ``reason`` is ``deadline``, ``memory``, ``hang`` or ``crash``.
    """

    level: ClassVar[str | None] = "warning"
    query: str
    version: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QueriesApart(Event):
    """How many texts of queries run apart now."""

    level: ClassVar[str | None] = None
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryRunAgain(Event):
    """The engine's process ended under a query, which is run again; ``reason`` is its part in that (``Fate``)."""

    query: str
    version: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerChanged(Event):
    """The breaker of a location is ``open`` (it is left alone), ``half-open`` (one may try) or ``closed`` again."""

    level: ClassVar[str | None] = "warning"
    location: str
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaRead(Event):
    """A table is read at a replica, for its own location fails."""

    level: ClassVar[str | None] = None
    table: str
    location: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaListed(Event):
    """A table was listed at a replica, for its own location failed by *error*."""

    level: ClassVar[str | None] = "warning"
    table: str
    location: str
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaUnusable(Event):
    """A replica does not hold the files of a table in the same versions; it was not used."""

    level: ClassVar[str | None] = "warning"
    table: str
    location: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockJumped(Event):
    """The time of day moved by *seconds* against the time that went by; what is kept by it is looked at anew."""

    level: ClassVar[str | None] = "warning"
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheValueRejected(Event):
    """A cache tier kept a value that is damaged, of another key, or written by somebody else; it was not used."""

    level: ClassVar[str | None] = "warning"
    tier: str
    operation: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TierFailed(Event):
    """A cache tier failed and was skipped."""

    level: ClassVar[str | None] = "warning"
    tier: str
    operation: str
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyDropped(Event):
    """A result was not written to a tier, where too much waits to be written already. ``size`` is in bytes."""

    level: ClassVar[str | None] = None
    tier: str
    query: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StateFailed(Event):
    """Nothing can be written to the state folder."""

    level: ClassVar[str | None] = "warning"
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StateMade(Event):
    """The state folder was gone and was made anew."""

    level: ClassVar[str | None] = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultEvicted(Event):
    """A cache tier removed a result of a query, or an encoded body of one, to make room. ``size`` is in bytes."""

    level: ClassVar[str | None] = None
    tier: str
    query: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerPrepared(Event):
    """An answer was prepared ahead. ``outcome`` is ``computed``, ``kept`` (its data had not changed), or a code."""

    level: ClassVar[str | None] = None
    query: str
    version: int
    outcome: str


@dataclass(frozen=True, kw_only=True)
class RequestServed(Event):
    """An HTTP request was answered. ``size`` is the bytes of the body sent, ``seconds`` the time to its last byte.

    ``query``, ``version``, ``cache`` and ``rows`` are None where the request asked for no result.
    """

    request: str
    seconds: float
    method: str
    path: str
    status: int
    size: int
    endpoint: str = field(default="", metadata={"line": False})
    """Name of the route, of a bounded set; empty where the path is none of the gateway's."""
    client: str | None = None
    principal: str | None = None
    """Who asked; None where nobody was asked, or was not believed."""
    credential: str | None = None
    """The public part of what they showed: which key, or whose token."""
    query: str | None = None
    version: int | None = None
    cache: str | None = None
    detail: str | None = None
    """What ``Cache-Status`` says beside it, e.g. which error made a stale answer the best there is."""
    outcome: Outcome | None = field(default=None, metadata={"line": False})
    """What became of the request at the cache; ``cache`` and ``detail`` say it in words."""
    key: str | None = None
    """What identifies the result that was answered: the question and the data."""
    parameters: Mapping[str, Any] | None = field(default=None, metadata={"line": False})
    """The parameters as they were understood, as JSON values. They are for the audit, not for the line of a request."""
    rows: int | None = None
    partitions: int | None = None
    """Partitions read for the result, when it was made, of ``partitions_total``, over all scans."""
    partitions_total: int | None = None
    format: str | None = None
    error: str | None = None
    """Public code of the problem that was answered."""
    complete: bool = True
    """False where the client got only a part of the body."""

    def again(self, **changes: Any) -> RequestServed:
        """Return the event of another request that differs in *changes*.

        Hits in the event loop are made so: one update of a dictionary is some microseconds quicker than
        ``dataclasses.replace``, which sets every field. That is why this class alone has no slots.
        """
        event = object.__new__(RequestServed)
        event.__dict__.update(self.__dict__, **changes)
        return event

    @property
    def is_call(self) -> bool:
        """Whether a result of a known version was asked for, whatever was answered."""
        return self.version is not None and "/result" in self.path


@dataclass(frozen=True, slots=True, kw_only=True)
class CallsNotKept(Event):
    """The counts of who calls what could not be written; they are held, and lost if the process ends."""

    level: ClassVar[str | None] = "warning"
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectLoaded(Event):
    """The project's files were read. ``outcome`` is ``started``, ``reloaded``, ``unchanged``, or ``failed``.

    ``commit`` is what is checked out, where the project is a git checkout. ``error`` says why all stays as it was.
    """

    outcome: str
    seconds: float
    added: Sequence[str] = ()
    changed: Sequence[str] = ()
    removed: Sequence[str] = ()
    broken_tables: int = 0
    broken_queries: int = 0
    commit: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclarationBroken(Event):
    """A file of the project has mistakes; ``kept`` tells that what it declared before stays in service."""

    level: ClassVar[str | None] = "warning"
    path: str
    kept: bool
    mistakes: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessFileRead(Event):
    """The keys, the grants or the issuer's key set were read, because they are new or have changed."""

    file: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessFileFailed(Event):
    """The keys, the grants or the issuer's key set cannot be read; what was last right stays in force."""

    level: ClassVar[str | None] = "error"
    file: str
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessRefused(Event):
    """Somebody showed a credential that is not valid. ``reason`` is of a bounded set, ``detail`` is for the log."""

    level: ClassVar[str | None] = "warning"
    reason: str
    credential: str = ""
    """The public part of what was shown."""
    detail: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitsFailed(Event):
    """Requests could not be counted, so they are let through until they can be again."""

    level: ClassVar[str | None] = "error"
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QuerySlow(Event):
    """A query took longer than the operator finds normal. ``plan`` is what ``gateway explain`` says of it, in lines.

    ``engine_plan`` is the engine's own, where it was asked for; ``code`` is that of the error, where it failed.
    """

    level: ClassVar[str | None] = "warning"
    query: str
    version: int
    key: str
    waited: float
    seconds: float
    plan: Sequence[str]
    engine_plan: Sequence[str] | None = None
    code: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LineLost(Event):
    """A line could not be written to ``stream``: ``log`` or ``audit``."""

    level: ClassVar[str | None] = None
    stream: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreRequested(Event):
    """Requests were sent to a store: by the engine, or for a listing.

    ``kind`` is ``get``, ``head``, ``list`` or ``other``; ``status`` is HTTP's, ``none`` where no answer came.
    """

    level: ClassVar[str | None] = None
    client: str
    kind: str
    status: str
    requests: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourcesMeasured(Event):
    """What this worker holds, in bytes. ``engine`` maps the engine's own words for what it uses memory for to bytes.

    ``partials`` are those in memory. ``disk`` is the whole cache folder of the machine, ``partials_disk`` that of
    partials in it, and ``partials_redis`` what these take in Redis; None where another worker measures them.
    """

    level: ClassVar[str | None] = None
    resident: int
    cache: int
    engine: Mapping[str, int]
    spilled: int
    partials: int = 0
    disk: int | None = None
    partials_disk: int | None = None
    partials_redis: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DescriptionFailed(Event):
    """The columns of a query's result could not be found out: it is described without them."""

    level: ClassVar[str | None] = "warning"
    query: str
    version: int
    code: str
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unexpected(Event):
    """A bug: an error that nobody raised on purpose. The traceback is for the log only."""

    level: ClassVar[str | None] = "error"
    request: str
    error: str
    traceback: str

    @classmethod
    def of(cls, error: Exception, *, request: str) -> Unexpected:
        """Tell of an error that came up in a *request*, or in what goes on in the background under that name."""
        return cls(request=request, error=repr(error), traceback="".join(format_exception(error)))


Observer = Callable[[Event], None]


def unobserved(event: Event) -> None:
    """Ignore *event*."""


def fan_out(*observers: Observer) -> Observer:
    """Return an observer that passes each event to all *observers*, in order."""
    return _FanOut(observers)


class _FanOut:
    def __init__(self, observers: Sequence[Observer]) -> None:
        self._observers = observers

    def __call__(self, event: Event) -> None:
        for observer in self._observers:
            observer(event)

    def many(self, events: Sequence[Event]) -> None:
        for observer in self._observers:
            observe_all(observer, events)


def observe_all(observer: Observer, events: Sequence[Event]) -> None:
    """Pass several events to an observer, at once if it has a method ``many``."""
    many = getattr(observer, "many", None)
    if many is not None:
        many(events)
        return
    for event in events:
        observer(event)

"""The nouns of a request, in the order of its path: request, bound query, scan, plan, statement, result, answer.

All are frozen; a stage takes one and returns the next.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Final, Protocol
from uuid import UUID

import pyarrow as pa

from gateway.counted import counted
from gateway.interval import Interval

Value = None | bool | int | float | Decimal | str | date | datetime | timedelta | Interval | UUID | list["Value"]
"""A parameter or constant as Python holds it. TIMESTAMPTZ values are aware, in UTC; all others are naive."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of a table or of a result; ``type`` is DuckDB's name for it, e.g. ``DECIMAL(15,2)``."""

    name: str
    type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who asks. ``scope`` is what of them changes an answer (a policy, a tenant); it is part of the result's key."""

    name: str = "anonymous"
    scope: str = ""
    groups: frozenset[str] = frozenset()
    credential: str = field(default="", compare=False)
    """The public part of what they showed, for the log: which key, or whose token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One question as it arrived: a query, a version (None: the newest), raw parameters.

    ``parameters`` maps a name to what was given: JSON values, or a list of texts where ``textual`` (query string,
    command line: every value is text, and a repeated name is a list).
    """

    query: str
    version: int | None
    parameters: Mapping[str, Any]
    textual: bool = False
    snapshot: str | None = None
    """The name of the snapshot to answer from; None: the newest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TypedValue:
    """A value bound to an SQL parameter, with the DuckDB type it is bound as."""

    value: Value
    type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CachePolicy:
    """How long an answer may be served, in seconds (RFC 9111 freshness; RFC 5861 for the two stale ones)."""

    enabled: bool = True
    ttl: float = 60.0
    stale_while_revalidate: float = 0.0
    stale_if_error: float = 0.0
    clock: float | None = None
    """Width in seconds of the bucket that ``now()`` is rounded down to; None: the query reads no clock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RelativeTimes:
    """How a parameter was written in relative times: its texts in one spelling, and how long they mean its value.

    ``until`` is in seconds since the epoch: from then on they may mean another one.
    """

    written: tuple[str, ...]
    until: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundQuery:
    """One version of a query with its parameters typed, checked and rounded.

    ``sql`` is the author's text; ``normalised`` is the canonical text of its syntax tree, the same for two texts that
    differ only in comments, case of keywords and spacing.
    """

    name: str
    version: int
    sql: str
    normalised: str
    tables: tuple[str, ...]
    """Names of the tables it scans, sorted."""
    parameters: Mapping[str, TypedValue]
    cache: CachePolicy = field(default_factory=CachePolicy)
    timeout: float | None = None
    """Seconds the author allows the query to run; None: the operator's default."""
    default: tuple[Mapping[str, Any], ...] | None = None
    """Rows to answer with when there is nothing at all; None: the error is the answer."""
    relative: Mapping[str, RelativeTimes] = field(default_factory=dict)
    """The parameters that were asked for in relative times."""
    engine: str = "auto"
    """Where its partials are computed; ``auto``: where it is cheaper. Bytes are the same."""
    deterministic: bool = False
    """Whether its answer must have the same bytes each time that it is computed over the same files."""
    snapshot: str | None = None
    """The name of the snapshot of its tables; None: the newest."""

    @property
    def until(self) -> float:
        """Instant, in seconds since the epoch, before which the same request is bound to the same values."""
        return min((times.until for times in self.relative.values()), default=math.inf)

    @property
    def origin(self) -> str:
        """Name the text that asks; see ``origin_of``."""
        return origin_of(self.name, self.version, self.normalised)


@lru_cache(maxsize=4096)
def origin_of(name: str, version: int, normalised: str) -> str:
    """Name a text: its query, its version, and a digest of what they stand for now.

    >>> origin_of("finance.revenue", 3, "SELECT 1")
    'finance.revenue/v3/60e6b55ff57fdf38'
    """
    digest = blake2b(normalised.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
    return f"{name}/v{version}/{digest}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileVersion:
    """One data file in one version: the address the engine opens, its size in bytes, its ETag.

    Where the ETag is missing (empty) or weak, ``modified`` tells versions apart: µs since the epoch, else None.
    """

    path: str
    size: int
    etag: str
    modified: int | None = None


class Selection(Protocol):
    """The files chosen for one scan. Counting and digesting are cheap; the list itself is made only when asked for."""

    @property
    def partitions(self) -> int:
        """Number of selected partitions."""

    @property
    def files(self) -> int:
        """Number of selected files."""

    @property
    def size(self) -> int:
        """Bytes of all selected files together."""

    @property
    def rows(self) -> int | None:
        """Rows of all selected files together, where the manifest knows them."""

    @property
    def weak(self) -> bool:
        """Whether a selected file has no strong version, so that its size and modification time must do."""

    def digest(self) -> bytes:
        """Digest (16 bytes or more) of the sorted versions of the selected files."""

    def versions(self) -> list[FileVersion]:
        """List the selected files, in manifest order."""

    def positions(self) -> Sequence[int]:
        """List the selected partitions as their places in the snapshot's order, ascending."""

    def partition_values(self) -> list[dict[str, str | None]]:
        """List the selected partitions, each as its folder values (decoded text, None for the NULL partition)."""

    def values_at(self, positions: Sequence[int]) -> list[dict[str, str | None]]:
        """Return the folder values of partitions of the snapshot by their places, selected or not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UsedFilter:
    """A filter of the query that pruned: its SQL, the rule that allowed it, what it became on the partitions."""

    sql: str
    rule: str
    projected: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnusedFilter:
    """A filter of the query that could not prune this scan, and why."""

    sql: str
    reason: str


UNREAD: Final = "it could not be read: "
"""Begins the reason of a lookup that failed, before the code of the error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    """A side of a join that was read first, or was not, so that its keys prune another scan.

    ``values`` counts the keys, None where they were too many to list; ``skipped`` says why nothing was read.
    """

    table: str
    column: str
    files: int
    size: int
    """Bytes of the files that hold it."""
    values: int | None = None
    least: Value = None
    greatest: Value = None
    seconds: float = 0.0
    cached: bool = False
    skipped: str | None = None

    def because(self, reason: str) -> Lookup:
        """Return the lookup as one that was not made."""
        return replace(self, skipped=reason)

    def answered(self, values: int | None, least: Value, greatest: Value, seconds: float, cached: bool) -> Lookup:
        """Return the lookup with what it found."""
        return replace(self, values=values, least=least, greatest=greatest, seconds=seconds, cached=cached)


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """What an explanation says of one scan beyond its counts.

    ``values`` tells for each partition column how many of its values are read, of how many there are.
    """

    used: tuple[UsedFilter, ...] = ()
    unused: tuple[UnusedFilter, ...] = ()
    values: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    lookups: tuple[Lookup, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Edition:
    """The place of a list of files in the order in which a table was listed.

    The lists that the processes of one machine publish are numbered along one ``line``. Those of different machines
    are ordered by the time that their listing took, ``began`` and ``ended`` in seconds since the epoch.
    """

    line: str
    number: int
    began: float
    ended: float
    content: str
    """The id of the snapshot."""
    before: tuple[str, ...] = field(default=(), repr=False, compare=False)
    """Ids of the snapshots before it in its line, the last ones."""

    def covers(self, other: Edition) -> bool:
        """Tell whether everything that *other* may have seen was seen here too.

        A table may come back to what it was: files are put back, and the list has the content of an earlier one. Only
        where another machine lists at the same time, what was there before is taken for older.

        >>> first = Edition(line="a", number=1, began=10.0, ended=11.0, content="x")
        >>> meanwhile = Edition(line="b", number=7, began=10.5, ended=12.0, content="y")
        >>> later = Edition(line="b", number=8, began=13.0, ended=14.0, content="z")
        >>> later.covers(first), meanwhile.covers(first), first.covers(meanwhile)
        (True, False, False)
        """
        if other.content == self.content:
            return True
        if self.line == other.line != "":
            return self.number >= other.number
        return self.began >= other.ended or (other.content in self.before and self.ended >= other.ended)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """One place in a query that reads one table, with what was selected for it under one snapshot."""

    table: str
    offset: int
    """Where the table's name starts in the author's text, in characters."""
    snapshot: str
    listed_at: float
    """When the snapshot was listed, seconds since the epoch."""
    edition: Edition
    selection: Selection
    partitions_total: int
    files_total: int
    size_total: int
    """Bytes of all files of the table."""
    details: Callable[[], Details]
    """Tell which filters pruned, which could not, and what they left. Called only for an explanation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """Rows under the name by which the SQL of a statement reads them."""

    name: str
    rows: pa.Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What an engine runs: SQL text, the values bound to its parameters, the file versions that it reads."""

    sql: str
    parameters: Mapping[str, TypedValue]
    files: Sequence[FileVersion]
    relations: tuple[Relation, ...] = ()
    """Rows that it reads beside the files."""
    one_thread: bool = False
    """Whether it runs on one thread with memory of its own, so that it gives the same bytes each time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A bound query with the files selected for every scan, in text order."""

    query: BoundQuery
    scans: tuple[Scan, ...]
    statement: Callable[[Callable[[FileVersion], str]], Statement]
    """Render the SQL; takes the function that writes a file's address for the engine. Called only on a miss."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What one scan read, of what there was: kept with the result, so that a cached answer explains itself too."""

    table: str
    snapshot: str
    listed_at: float
    """When the snapshot was listed, seconds since the epoch."""
    partitions: int
    partitions_total: int
    files: int
    files_total: int
    size: int
    """Bytes of the selected files."""
    size_total: int
    weak: bool = False
    """A selected file had no strong version: it was compared by its size and modification time."""
    edition: Edition | None = field(default=None, compare=False)
    """The edition of the snapshot; None where the result was made elsewhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Folded:
    """What an answer was put together of: partials that were *kept*, and partials that were *computed* for it."""

    kept: int
    computed: int
    cluster: str | None = None
    """The cluster that computed some of them; None: all are from this machine."""

    def __str__(self) -> str:
        """Write it for people.

        >>> str(Folded(kept=30, computed=1))
        '31 partitions: 30 kept, 1 computed'
        """
        return f"{counted(self.kept + self.computed, 'partition')}: {self.kept} kept, {self.computed} computed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The rows of one answer, what they were read from, and what making them took.

    ``key`` identifies the question and the data (hexadecimal): two results of one key may stand for each other, and
    need not be equal bit by bit. ``digest`` (hexadecimal) is of the rows and columns themselves; it is empty for rows
    that are no answer to keep. ``columns`` are named in DuckDB's types, ``created_at`` is the start of its
    computation in seconds since the epoch, ``seconds`` its duration.
    """

    key: str
    table: pa.Table
    columns: tuple[Column, ...]
    readings: tuple[Reading, ...]
    created_at: float
    seconds: float
    query: str = ""
    """The query that was answered, and its version: what operators name results by."""
    version: int = 0
    digest: str = ""
    folded: Folded | None = field(default=None, compare=False)
    """What it was put together of when it was computed, in the process that did; None: computed as a whole."""
    cluster: str | None = field(default=None, compare=False)
    """What computed it as a whole, in the process that had it do so; None: the engine of this machine."""

    @property
    def rows(self) -> int:
        """Number of rows."""
        return self.table.num_rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What is known of a result without its rows; the members are those of ``Result``."""

    key: str
    digest: str
    rows: int
    readings: tuple[Reading, ...]
    created_at: float

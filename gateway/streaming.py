"""The nouns of rows that are sent while they are computed: a running query, its rows for one reader, their writing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import pyarrow as pa

from gateway.model import Column, Folded, Reading

Chunk = bytes | memoryview
"""Part of a body: mostly memory of Arrow, which is used again when nobody holds it. Large ``bytes`` would have new
memory each time, and to get it from the system takes longer than to fill it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvDialect:
    """How CSV is written: the character between two fields, and whether it is for a spreadsheet."""

    delimiter: str = ","
    spreadsheet: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """How rows are written: the name of the format; for JSON its shape and the members beside the rows; for CSV its
    dialect.
    """

    format: str
    shape: str = "objects"
    meta: Mapping[str, Any] = field(default_factory=dict)
    dialect: CsvDialect = CsvDialect()


class Writer(Protocol):
    """Writes rows where they are computed. All bytes that it gives, in order, are the body of a response."""

    rows: int
    """How many were written: known at the end."""

    def feed(self, batch: pa.RecordBatch) -> Iterator[Chunk]:
        """Write rows that come before those which are left in the stream."""

    def rest(self) -> Iterator[Chunk]:
        """Write the rows that are left in the stream, and the end. Raises what the stream raises."""

    def end(self) -> Iterator[Chunk]:
        """Write the end: nothing is left in the stream."""

    def close(self) -> None:
        """Release what it holds; idempotent."""


class ResultStream(Protocol):
    """A running query: Arrow batches of one schema. Iterating raises the errors of the gateway's own tree."""

    schema: pa.Schema
    columns: tuple[Column, ...]
    """The same columns in DuckDB's types."""
    writer: Callable[[Form], Writer] | None
    """Makes a writer for the rows; None where they are in this process, which may as well write them itself."""
    requests: int | None
    """Requests that were sent to buckets for all rows, once they have been iterated; None: none could be, or it is not
    known."""

    def __iter__(self) -> Iterator[pa.RecordBatch]: ...

    def cancel(self) -> None:
        """Interrupt the query from any thread; iteration then ends with an error."""

    def postpone(self, deadline: float) -> None:
        """Let the query run until another instant of ``time.monotonic``, in seconds."""

    def confirm(self) -> None:
        """Make sure that the rows so far came from the versions that were asked for. Raises ``FilesChanged``.

        The end of the iteration does it by itself; this is for who needs no more rows.
        """

    def close(self) -> None:
        """Release the cursor; idempotent."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Streamed:
    """The rows of one answer while they are computed: how many there are is known at their end, and it is not kept.

    ``batches`` are for one reader, which calls ``close`` when it has done with them. They are provisional until the
    iteration has ended without an error. The other members are those of ``Result``.
    """

    key: str
    schema: pa.Schema
    columns: tuple[Column, ...]
    readings: tuple[Reading, ...]
    created_at: float
    batches: Iterator[pa.RecordBatch]
    close: Callable[[], None]
    """End the work, from any thread; idempotent."""
    folded: Folded | None = None
    cluster: str | None = None
    more: bool = False
    """Rows follow after these, which are all that were asked for."""
    written: Callable[[Form, Callable[[int], None]], Iterator[Chunk]] | None = None
    """Writes all rows, in place of ``batches``, where they are computed; tells at the end how many. None: it cannot."""

"""The interface of a query engine: it runs a statement over explicit file versions and streams Arrow batches.

Deadlines and cancellation are part of the interface; admission and retries are not, they are the same for all engines.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from gateway.model import Column, FileVersion, Statement, TypedValue, Value
from gateway.streaming import ResultStream

Cancel = Callable[[], None]


class Runs(Protocol):
    """Runs statements; every error that leaves it is one of the gateway's own (``gateway.errors``)."""

    def execute(
        self,
        statement: Statement,
        *,
        deadline: float | None = None,
        started: Callable[[Cancel], None] | None = None,
    ) -> ResultStream:
        """Start *statement* and return its rows as they come.

        *deadline* is in seconds of ``time.monotonic``; past it the query is interrupted. *started* is handed the
        function that interrupts this query from any thread, before the query runs. Rows are provisional until the
        iteration has ended without an error: that is when it is known that they came from the versions in
        ``statement.files``. Raises ``DeadlineExceeded``, ``FilesChanged``, ``StorageFailed``, ``QueryFailed``,
        ``EngineFailed``.
        """
        ...


class Engine(Runs, Protocol):
    """Runs statements, and tells what is needed to make them."""

    name: str
    """Name and version in result keys and metrics, e.g. ``duckdb 1.5.5``."""

    def evaluate(
        self, expressions: Sequence[str], parameters: Mapping[str, TypedValue], *, deadline: float | None = None
    ) -> tuple[Value, ...]:
        """Compute constant *expressions*, all at the same instant, in the engine's own arithmetic and time zone (UTC).

        A value that Python cannot hold (a date beyond the year 9999) comes as the nearest that it can, or as text.
        """
        ...

    def describe(self, paths: Sequence[str]) -> tuple[Column, ...]:
        """Return the columns of the Parquet files at *paths* taken together, in the order of the first."""
        ...

    def columns(self, statement: Statement, *, deadline: float | None = None) -> tuple[Column, ...]:
        """Return the columns that *statement* would answer with, without reading a row.

        *deadline* is in seconds of ``time.monotonic``. Raises ``DeadlineExceeded`` past it: constants of the text are
        computed, which may take any time.
        """
        ...

    def explain(self, statement: Statement) -> str:
        """Return the engine's own plan of *statement* as text for people."""
        ...

    def address(self, file: FileVersion) -> str:
        """Return the address of *file* in this engine's SQL; two versions of one file have different addresses."""
        ...

    def ping(self) -> None:
        """Run a trivial statement. Raises ``EngineFailed`` if the engine does not answer."""
        ...

    def close(self) -> None:
        """Interrupt running queries and release everything; idempotent."""
        ...

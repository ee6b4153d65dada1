"""A query that runs in this process: its rows go over its own connection, until a writer is to have them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from threading import Condition
from typing import Any

import pyarrow as pa

from gateway.engine.stream import DuckDBStream
from gateway.errors import EngineFailed
from gateway.model import Statement
from gateway.processes.frames import Channel, Lost
from gateway.processes.wire import columns_to_json, serialized

LINGER = 10.0
"""Seconds past its deadline that rows wait for a reader who stands still: longer than the worker waits itself."""
ENDED = "The query has ended."


class LiveQuery:
    """A running query. One thread sends its rows; others cancel it, or divert its rows to a writer."""

    def __init__(self, statement: Statement, deadline: float | None) -> None:
        self.statement, self.deadline = statement, deadline
        self.stream: DuckDBStream | None = None
        self._rest: Iterator[pa.RecordBatch] | None = None
        self._wanted = self._over = False
        self._changed = Condition()

    def send(self, channel: Channel) -> None:
        """Send the schema with the first rows, the others as they come, and the end.

        Where the rest is diverted, wait until it has been taken.
        """
        assert self.stream is not None
        head = {"op": "schema", "columns": columns_to_json(self.stream.columns)}
        before: list[tuple[Mapping[str, Any], Any]] = [(head, self.stream.schema.serialize())]
        rows = iter(self.stream)
        for batch in rows:
            channel.send_all([*before, ({"op": "rows"}, serialized(batch))])
            before = []
            if self._wanted:
                channel.send({"op": "diverted"})
                self._hand_over(rows)
                break
        channel.send_all([*before, ({"op": "end", "requests": self.stream.requests}, None)])

    def divert(self) -> None:
        """Keep the rows that are not sent yet for a writer."""
        self._wanted = True

    def rest(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows that were diverted."""
        with self._changed:
            self._changed.wait_for(lambda: self._rest is not None or self._over)
            rest = self._rest
        if rest is None:
            raise EngineFailed(ENDED)
        try:
            yield from rest
        finally:
            self.end()

    def end(self) -> None:
        """Let the thread that sends go on: nobody takes more of the rest. Idempotent."""
        with self._changed:
            self._over = True
            self._changed.notify_all()

    def stalling(self, channel: Channel, report: Callable[[bool], None]) -> Callable[[], None]:
        """Return what waits until *channel* takes more of the rows, and reports that the query does not run meanwhile.

        It gives up past the deadline of the query.
        """

        def stalled() -> None:
            report(True)
            left = None if self.deadline is None else self.deadline + LINGER - time.monotonic()
            if not channel.writable(left):
                raise Lost
            report(False)

        return stalled

    def _hand_over(self, rows: Iterator[pa.RecordBatch]) -> None:
        with self._changed:
            self._rest = rows
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._over)

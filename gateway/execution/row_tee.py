"""Hand rows from the thread that gathers them to the one that sends them.

What is gathered for the cache can be sent at the same time. Until it is known whether the result is small enough to
be kept, the gathering thread reads on at its own speed; where it is not, the rest of the running query is handed to
the sender, who reads it as fast as its client does.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import closing
from threading import Condition

import pyarrow as pa

from gateway.errors import GatewayError
from gateway.streaming import Chunk, Form, Streamed, Writer


def _nothing() -> None:
    """There is nothing to close."""


def _end(writer: Writer) -> Iterator[Chunk]:
    return writer.end()


class RowTee:
    """A queue of batches for one writer and one reader. The writer bounds what is held.

    ``first_rows`` is what the reader waits for: set once there are so many that they are better sent than gathered.
    """

    def __init__(self) -> None:
        self.first_rows: Future[Streamed] = Future()
        self._changed = Condition()
        self._held: deque[pa.RecordBatch] = deque()
        self._ended = False
        self._abandoned = False
        self._failure: GatewayError | None = None
        self._rest: Iterator[pa.RecordBatch] = iter(())
        self._close: Callable[[], None] = _nothing
        self._drained: Callable[[], None] = _nothing
        self._write_rest: Callable[[Writer], Iterator[Chunk]] = _end

    def put(self, batch: pa.RecordBatch) -> None:
        """Give the reader one more batch."""
        with self._changed:
            if not self._abandoned:
                self._held.append(batch)
                self._changed.notify()

    def open(self, rows: Streamed) -> None:
        """Let the reader begin, unless it has begun."""
        if not self.first_rows.done():
            self.first_rows.set_result(rows)

    def end(self) -> None:
        """Tell the reader that it was given everything, and that it is right."""
        self._settle()

    def fail(self, error: GatewayError) -> bool:
        """Tell the reader that what it was given is not to be trusted, or not all; nothing happens after the end.

        Return False where it has not begun: then all is forgotten, and the writer may begin anew.
        """
        if self.first_rows.done():
            self._settle(failure=error)
            return True
        with self._changed:
            self._held.clear()
        return False

    @property
    def failed(self) -> bool:
        """Tell whether the reader was told of a failure."""
        return self._failure is not None

    def hand_over(
        self,
        rest: Iterator[pa.RecordBatch],
        close: Callable[[], None],
        drained: Callable[[], None] = _nothing,
        write_rest: Callable[[Writer], Iterator[Chunk]] = _end,
    ) -> bool:
        """Leave *rest* to the reader, who calls *close* when it has done with it; False where the reader has left.

        *drained* is called when the reader has taken all that was put, and begins with the rest; *write_rest* has the
        rest written.
        """
        return self._settle(rest=rest, close=close, drained=drained, write_rest=write_rest)

    def read(self) -> Iterator[pa.RecordBatch]:
        """Yield every batch as it comes. Raises what the writer failed with."""
        while (batch := self._next()) is not None:
            yield batch
        self._drained()
        yield from self._rest

    def write(self, writing: Callable[[Form], Writer], form: Form, count: Callable[[int], None]) -> Iterator[Chunk]:
        """Have every batch written, by a writer that *writing* makes. Raises what the writer of this failed with."""
        with closing(writing(form)) as writer:
            while (batch := self._next()) is not None:
                yield from writer.feed(batch)
            self._drained()
            yield from self._write_rest(writer)
            count(writer.rows)

    def close(self) -> None:
        """Leave: nothing is held any more, and what was handed over is closed. Idempotent, from any thread."""
        with self._changed:
            self._abandoned = self._ended = True
            self._held.clear()
            close, self._close = self._close, _nothing
            self._changed.notify()
        close()

    def _settle(
        self,
        *,
        failure: GatewayError | None = None,
        rest: Iterator[pa.RecordBatch] = iter(()),  # noqa: B008  # nothing to iterate, shared by all
        close: Callable[[], None] = _nothing,
        drained: Callable[[], None] = _nothing,
        write_rest: Callable[[Writer], Iterator[Chunk]] = _end,
    ) -> bool:
        with self._changed:
            if self._ended:
                return False
            self._ended, self._failure = True, failure
            self._rest, self._close, self._drained, self._write_rest = rest, close, drained, write_rest
            self._changed.notify()
            return True

    def _next(self) -> pa.RecordBatch | None:
        with self._changed:
            self._changed.wait_for(lambda: self._held or self._ended)
            if self._failure is not None:
                raise self._failure
            return self._held.popleft() if self._held else None

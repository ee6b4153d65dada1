"""Rows of a query in another process, and their writing there.

A query has a connection of its own, from its admission to its last row. Where the connection ends too early, the
engine's process has ended: what became of the query there (``Fate``) is asked of the next one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pyarrow as pa

from gateway.concurrency.origin import on_behalf_of, origin
from gateway.engine.base import Cancel
from gateway.errors import EngineFailed, Fate, GatewayError
from gateway.execution.lives import AGAIN
from gateway.model import Column, Statement
from gateway.processes.connections import Apart, Connections, admission, new_number, wait_until
from gateway.processes.frames import Channel, Lost, Message
from gateway.processes.roles import Role
from gateway.processes.wire import (
    columns_from_json,
    columns_to_json,
    relations_of,
    serialized,
    statement_to_json,
    unserialized,
)
from gateway.streaming import Chunk, Form, Writer

FIRST_BYTES = 0.1
"""Seconds at most that the first bytes of rows are waited for before the next rows are looked for: until the rows have
been taken, of which a format may need many for its first bytes."""
_TRIED = 30.0
"""Seconds at most that a query is tried for whose rows nobody waits for, and that it waits for that."""
_SETTLED = 2.0
"""Seconds past its deadline after which a query has ended, or its process has."""
_AHEAD = 10.0
"""Seconds at most before its deadline at which a query that was cancelled is given time to show what it does."""
_PAUSE = 1.0
"""Seconds before a query is tried again."""


class Seat:
    """A connection on which one query at a time runs."""

    def __init__(self, connections: Connections, channel: Channel, role: Role) -> None:
        self.connections, self.channel, self.role = connections, channel, role
        self.reusable, self.used = True, False

    def execute(
        self,
        statement: Statement,
        *,
        deadline: float | None = None,
        started: Callable[[Cancel], None] | None = None,
        alone: bool = False,
    ) -> RemoteStream:
        """Start *statement* and return its rows as they come; *alone*: the seat is left after them."""
        self.used = True
        stream = RemoteStream(self, new_number(), deadline, alone=alone)
        try:
            if started is not None:
                started(stream.cancel)
            stream.start(statement)
        except BaseException:
            stream.close()
            raise
        return stream

    def leave(self) -> None:
        """Give the connection back; it is kept only if what ran on it has ended by itself."""
        if self.reusable:
            self.connections.done(self.channel, self.role)
        else:
            self.channel.close()


class RemoteStream:
    """Rows of one query in another process; a ``ResultStream``."""

    columns: tuple[Column, ...]
    schema: pa.Schema
    requests: int | None = None

    def __init__(self, seat: Seat, number: str, deadline: float | None, *, alone: bool) -> None:
        self._seat, self._number, self._deadline, self._alone = seat, number, deadline, alone
        self._cancelled = self._ended = self._closed = False
        self._sent = self._told = False
        self._began = time.monotonic()
        self.writer: Callable[[Form], Writer] | None = partial(RemoteWriter, self)
        seat.reusable = False

    def start(self, statement: Statement) -> None:
        """Have the query run until its first rows are there."""
        until = self._deadline
        self._statement, self._text = statement, origin()
        if until is not None:
            wait_until(self._seat.channel, until)
        message = {
            "op": "execute",
            "id": self._number,
            "origin": self._text,
            "deadline": until,
            "statement": statement_to_json(statement),
        }
        try:
            self._seat.channel.send(message, relations_of(statement))
            head, body = self._received()
        except Lost as error:
            raise self.lost() from error
        self.columns = columns_from_json(head["columns"])
        self.schema = pa.ipc.read_schema(body)

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        """Yield the batches; after the last one they are known to be of the planned file versions."""
        try:
            while (message := self._received()).head["op"] == "rows":
                yield from unserialized(message.body, self.schema)
            self._ended, self.requests = True, message.head["requests"]
        except Lost as error:
            raise self.lost() from error
        finally:
            self.close()

    def diverted(self) -> Iterator[pa.RecordBatch]:
        """Have the rest of the rows kept where they are, for a writer; yield the batches that were sent before.

        They are all, where ``ended`` is True after them.
        """
        self._seat.connections.control("divert", self._number, self._seat.role)
        try:
            while (message := self._received()).head["op"] == "rows":
                yield from unserialized(message.body, self.schema)
        except Lost as error:
            raise self.lost() from error
        self._ended = message.head["op"] == "end"

    def finish(self) -> None:
        """Wait until rows that were diverted have ended. Raises what they ended with."""
        try:
            self._received()
        except Lost as error:
            raise self.lost() from error
        self._ended = True

    @property
    def ended(self) -> bool:
        """Whether all rows were received."""
        return self._ended

    @property
    def number(self) -> str:
        """How the process knows the query."""
        return self._number

    def beside(self) -> Channel:
        """Open another connection to the process in which the query runs."""
        return self._seat.connections.connect(self._seat.role, anew=True)

    def told(self, message: Message) -> Message:
        """Return *message*; raise the error that it tells of."""
        return self._seat.connections.checked(message)

    def cancel(self) -> None:
        """Interrupt the query from any thread; iteration then ends with an error."""
        self._cancelled = True
        self._seat.channel.abort()

    def postpone(self, deadline: float) -> None:
        """Replace the deadline, an instant of ``time.monotonic``."""
        self._deadline, self._sent = deadline, True
        self._seat.channel.silent_for(None)
        self._seat.connections.control("postpone", self._number, self._seat.role, deadline=deadline)

    def confirm(self) -> None:
        """Check that the rows so far came from the planned file versions. Raises ``FilesChanged``."""
        if not self._ended and self._seat.connections.control("confirm", self._number, self._seat.role) is None:
            raise self.lost()

    def close(self) -> None:
        """Release the connection; idempotent."""
        if not self._closed:
            self._closed = True
            self._seat.reusable = self._ended
            if not self._ended:
                self._seat.channel.abort()
            if self._alone:
                self._seat.leave()

    def _received(self) -> Message:
        try:
            return self._seat.connections.checked(self._seat.channel.receive())
        except (Apart, GatewayError):
            self._ended = True
            raise

    def lost(self) -> GatewayError:
        """Return the error of the query, whose process has ended."""
        if self._cancelled or self._seat.connections.closed:
            self._ask_after(max(0.0, min(_AHEAD, (self._deadline or 0.0) - time.monotonic())) + _SETTLED)
            return EngineFailed("The query was cancelled.")
        error = self._seat.connections.lost(self._number, self._seat.role)
        if self._sent:
            self._ask_after(0.0)
        return error

    def _ask_after(self, seconds: float) -> None:
        """Have it asked later what became of a query that is not run again: it may have ended the process."""
        connections = self._seat.connections
        if not self._told and not connections.closed and self._seat.role is Role.MAIN:
            self._told = True
            ran = min(_TRIED, time.monotonic() - self._began + AGAIN)
            suspect = Suspect(number=self._number, statement=self._statement, text=self._text, seconds=ran)
            connections.later.call(seconds, partial(ask_after, connections, suspect))


class RemoteWriter:
    """Has rows of a stream written in its process; a ``Writer``."""

    def __init__(self, stream: RemoteStream, form: Form) -> None:
        self.rows = 0
        self._stream, self._channel = stream, stream.beside()
        self._begun, self._untaken = False, 0
        schema = stream.schema.serialize()
        head = {"op": "write", "format": form.format, "shape": form.shape, "meta": dict(form.meta)}
        how = {"delimiter": form.dialect.delimiter, "spreadsheet": form.dialect.spreadsheet}
        self._send({**head, **how, "columns": columns_to_json(stream.columns)}, schema)

    def feed(self, batch: pa.RecordBatch) -> Iterator[Chunk]:
        """Write a batch; the bytes of earlier ones come meanwhile."""
        self._untaken += 1
        try:
            for message in self._channel.exchange({"op": "rows"}, serialized(batch)):
                yield from self._bytes(message)
            until = time.monotonic() + FIRST_BYTES
            while not self._begun and self._untaken and (left := until - time.monotonic()) > 0.0:
                for message in self._channel.waiting(left):
                    yield from self._bytes(message)
        except Lost as error:
            raise self._stream.lost() from error

    def rest(self) -> Iterator[Chunk]:
        """Write what is left in the stream, without receiving it."""
        for batch in self._stream.diverted():
            yield from self.feed(batch)
        if not self._stream.ended:
            self._send({"op": "splice", "id": self._stream.number})
        yield from self.end()
        if not self._stream.ended:
            self._stream.finish()
            self._stream.close()

    def end(self) -> Iterator[Chunk]:
        """Write the end."""
        self._send({"op": "end"})
        try:
            while (message := self._stream.told(self._channel.receive())).head["op"] != "written":
                yield from self._bytes(message)
        except Lost as error:
            raise self._stream.lost() from error
        self.rows = message.head["rows"]

    def close(self) -> None:
        """Close the connection; idempotent."""
        self._channel.close()

    def _bytes(self, message: Message) -> Iterator[Chunk]:
        head, body = self._stream.told(message)
        if head["op"] == "taken":
            self._untaken -= 1
        if body is not None:
            self._begun = True
            yield memoryview(body)

    def _send(self, head: Mapping[str, Any], body: Any = None) -> None:
        try:
            self._channel.send(head, body)
        except Lost as error:
            raise self._stream.lost() from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """A query that nobody waits for any more, though it may have ended the process it ran in.

    Its caller was sent rows, has had the time limit, or has gone. It is tried for so many *seconds*.
    """

    number: str
    statement: Statement
    text: str
    seconds: float
    attempts: int = 3
    """Times that it is tried where its trial ends early, for others wait for theirs."""


def ask_after(connections: Connections, suspect: Suspect) -> None:
    """Ask what became of a query, and run it where nothing else does if it may have ended the process.

    If it ends that process too, the supervisor sets its text apart, whoever asks for it.
    """
    with suppress(GatewayError, Lost, Apart), on_behalf_of(suspect.text):
        if _fate(connections.lost(suspect.number, Role.MAIN)) is Fate.SUSPECT and not _tried(connections, suspect):
            again = replace(suspect, attempts=suspect.attempts - 1)
            if again.attempts:
                connections.later.call(_PAUSE, partial(ask_after, connections, again))


def _tried(connections: Connections, suspect: Suspect) -> bool:
    """Run a query alone, for nobody; False: its trial ended early."""
    try:
        with closing(connections.connect(Role.TRIAL)) as channel:
            waited_for = time.monotonic() + _TRIED
            wait_until(channel, waited_for)
            connections.checked(channel.ask(admission(waited_for)))
            deadline = time.monotonic() + suspect.seconds
            with closing(Seat(connections, channel, Role.TRIAL).execute(suspect.statement, deadline=deadline)) as rows:
                for _ in rows:
                    pass
    except Lost:
        return False
    except EngineFailed as error:
        return _fate(error) is not Fate.BYSTANDER
    return True


def _fate(error: GatewayError) -> Fate | None:
    return error.lost if isinstance(error, EngineFailed) else None

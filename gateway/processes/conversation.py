"""One connection to an engine's process: what is asked over it, in a thread of its own."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from functools import partial
from threading import Thread
from typing import Any

import pyarrow as pa

from gateway.concurrency.cancellation import Cancellation
from gateway.encode import FORMATS, encode
from gateway.encode.rows import Rows
from gateway.engine.duckdb import DuckDBEngine
from gateway.engine.values import to_json
from gateway.engine.versions import in_buckets
from gateway.errors import ClientGone, EngineFailed, FilesChanged, GatewayError
from gateway.model import Statement
from gateway.processes.frames import Channel, Lost, Message, handed_in
from gateway.processes.host import Host
from gateway.processes.live import ENDED, LiveQuery
from gateway.processes.roles import Role
from gateway.processes.wire import (
    columns_from_json,
    columns_to_json,
    error_to_json,
    parameters_from_json,
    statement_from_json,
    unserialized,
)
from gateway.streaming import CsvDialect

Reply = dict[str, Any]
Asked = Mapping[str, Any]


def serve(host: Host, door: socket.socket) -> None:
    """Answer whoever connects at *door*, until nobody can any more."""
    host.start()
    while True:
        try:
            channel = handed_in(door)
        except Lost:
            return
        Thread(target=Conversation(host, channel).run, name="connection", daemon=True).start()


class Conversation:
    """One connection: its engine, its slot, and the answers to what is asked over it."""

    def __init__(self, host: Host, channel: Channel) -> None:
        self._host, self._channel = host, channel
        self._slot, self._admitted, self._holds = ExitStack(), False, False
        self._cancellation = Cancellation()
        self._locations: Sequence[str] = ()
        self._engine: DuckDBEngine | None = None
        self._short: Mapping[str, Callable[[DuckDBEngine, Asked], Reply]] = {
            "evaluate": _evaluate,
            "describe": lambda engine, asked: {"columns": columns_to_json(engine.describe(asked["paths"]))},
            "columns": _columns,
            "explain": lambda engine, asked: {"text": engine.explain(_statement(asked))},
            "ping": _ping,
            "memory": _memory,
        }
        self._about: Mapping[str, Callable[[Asked], Reply]] = {
            "postpone": self._postpone,
            "confirm": self._confirm,
            "divert": self._divert,
            "fate": self._fate,
            "status": lambda asked: {**host.admission.status(), **host.standing.told},
            "under_way": lambda asked: {"queries": host.admission.under_way()},
            "stop": lambda asked: {"stopped": host.admission.stop(asked["id"])},
        }

    def run(self) -> None:
        """Answer until the other end is closed."""
        try:
            while True:
                self._answer(self._channel.receive())
        except Lost:
            return
        finally:
            self._slot.close()
            self._channel.close()

    def _answer(self, message: Message) -> None:
        asked = {**message.head, "body": message.body}
        op = asked["op"]
        try:
            if op == "use":
                self._locations, self._engine = asked["locations"], None
            elif op == "release":
                self._release()
            elif op == "write":
                self._write(asked, pa.ipc.read_schema(message.body))
            elif op in self._about:
                self._channel.send({"op": op, **self._about[op](asked)})
            elif self._runs_apart(op, asked["origin"]):
                self._channel.send({"op": "apart"})
            elif op == "admit":
                self._admit(asked)
            elif op == "execute":
                try:
                    self._execute(asked)
                finally:
                    if not self._holds:
                        self._release()
            else:
                self._channel.send({"op": op, **self._shortly(op, asked)})
        except GatewayError as error:
            reason = self._cancellation.reason if op == "execute" else None
            self._channel.send({"op": "error", **error_to_json(reason or error), **self._editions(asked, error)})

    def _runs_apart(self, op: str, text: str) -> bool:
        """Tell whether a text runs elsewhere; one that has been admitted runs here, whatever was found out since."""
        here = self._host.role is not Role.MAIN or (op == "execute" and self._admitted)
        return not here and text in self._host.standing.apart

    def _shortly(self, op: str, asked: Asked) -> Reply:
        """Do something short: without a slot, except where only one thing may be done at a time."""
        with ExitStack() as held:
            if self._host.role is not Role.MAIN:
                held.enter_context(self._host.admission.slot(asked["deadline"]))
            engine = self._used()  # opened before the time of what runs counts
            held.enter_context(self._host.running(asked["id"], asked["origin"], asked["deadline"], brief=True))
            return self._short[op](engine, asked)

    def _admit(self, asked: Asked) -> None:
        cancellation = self._cancellation = Cancellation()
        with self._host.leavers.watching(self._channel, lambda: cancellation.cancel(ClientGone("The worker left."))):
            slot = self._host.admission.slot(
                asked["deadline"],
                principal=asked["principal"],
                cost=asked["cost"],
                text=asked["origin"],
                cancellation=cancellation,
            )
            self._slot.enter_context(slot)
            self._admitted, self._holds = True, asked["holds"]
        self._channel.send({"op": "admitted"})

    def _release(self) -> None:
        self._slot.close()
        self._admitted = False

    def _execute(self, asked: Asked) -> None:
        number, deadline, host = asked["id"], asked["deadline"], self._host
        query = LiveQuery(_statement(asked), deadline)
        with ExitStack() as held:

            def started(cancel: Callable[[], None]) -> None:
                def leave() -> None:
                    cancel()
                    query.end()

                held.enter_context(host.leavers.watching(self._channel, leave))
                held.enter_context(self._cancellation.stops(leave))

            remote, engine = bool(in_buckets(query.statement.files)), self._used()
            held.enter_context(host.running(number, asked["origin"], deadline, remote=remote))
            query.stream = engine.execute(query.statement, deadline=deadline, started=started)
            held.callback(query.stream.close)
            held.enter_context(host.known(number, query))
            self._channel.stalled = query.stalling(self._channel, partial(self._stands, number))
            held.callback(setattr, self._channel, "stalled", None)
            query.send(self._channel)

    def _write(self, asked: Asked, schema: pa.Schema) -> None:
        """Write rows that are fed over this connection, then those of a query, as one body."""
        rows = _Counted(self._fed(schema), taken=partial(self._channel.send, {"op": "taken"}))
        form, columns = FORMATS[asked["format"]], columns_from_json(asked["columns"])
        dialect = CsvDialect(delimiter=asked["delimiter"], spreadsheet=asked["spreadsheet"])
        how = {"shape": asked["shape"], "meta": asked["meta"], "dialect": dialect, "threads": os.cpu_count() or 1}
        try:
            with closing(encode(form, Rows(schema=schema, batches=rows), columns, **how)) as chunks:
                for chunk in chunks:
                    rows.written = True
                    self._channel.send({"op": "bytes"}, chunk)
            self._channel.send({"op": "written", "rows": rows.count})
        except GatewayError as error:
            self._channel.send({"op": "error", **error_to_json(error)})
            raise Lost from error  # what was fed may still be under way: nothing more is understood here

    def _fed(self, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        while (message := self._channel.receive()).head["op"] != "end":
            if message.head["op"] == "rows":
                yield from unserialized(message.body, schema)
                continue
            number: str = message.head["id"]
            query = self._host.queries.get(number)
            if query is None:  # cancelled meanwhile
                raise EngineFailed(ENDED)
            self._channel.stalled = query.stalling(self._channel, partial(self._stands, number))
            yield from query.rest()
            self._channel.stalled = None

    def _stands(self, number: str, stands: bool) -> None:
        self._host.report(stands=[number, stands])

    def _postpone(self, asked: Asked) -> Reply:
        query = self._host.queries.get(asked["id"])
        if query is not None and query.stream is not None:
            query.deadline = asked["deadline"]
            query.stream.postpone(asked["deadline"])
            self._host.report(postpone=[asked["id"], asked["deadline"]])
        return {}

    def _confirm(self, asked: Asked) -> Reply:
        query = self._host.queries.get(asked["id"])
        if query is not None and query.stream is not None:
            query.stream.confirm()
        return {}

    def _divert(self, asked: Asked) -> Reply:
        query = self._host.queries.get(asked["id"])
        if query is not None:
            query.divert()
        return {}

    def _fate(self, asked: Asked) -> Reply:
        fate, why = self._host.standing.fate(asked["id"], asked["of"])
        return {"fate": fate, "why": why}

    def _used(self) -> DuckDBEngine:
        if self._engine is None:
            self._engine = self._host.engines.reaching(self._locations)
        return self._engine

    def _editions(self, asked: Asked, error: GatewayError) -> Reply:
        """Tell the editions of the files of a query that found them changed."""
        if not isinstance(error, FilesChanged):
            return {}
        query = self._host.queries.get(asked.get("id", ""))
        files = _statement(asked).files if "statement" in asked else ()
        files = query.statement.files if query is not None else files
        known = [(file, self._used().edition(file)) for file in files]
        return {"editions": [[[f.path, f.size, f.etag, f.modified], edition] for f, edition in known if edition]}


class _Counted:
    """Batches, of which the rows are counted; until something of them is *written*, it is told when one is *taken*."""

    def __init__(self, batches: Iterator[pa.RecordBatch], taken: Callable[[], None]) -> None:
        self.count, self.written, self._batches, self._taken = 0, False, batches, taken

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        for batch in self._batches:
            self.count += batch.num_rows
            yield batch
            if not self.written:
                self._taken()


def _evaluate(engine: DuckDBEngine, asked: Asked) -> Reply:
    parameters = parameters_from_json(asked["parameters"])
    values = engine.evaluate(asked["expressions"], parameters, deadline=asked["deadline"])
    return {"values": to_json(list(values))}


def _columns(engine: DuckDBEngine, asked: Asked) -> Reply:
    return {"columns": columns_to_json(engine.columns(_statement(asked), deadline=asked["deadline"]))}


def _statement(asked: Asked) -> Statement:
    return statement_from_json(asked["statement"], asked["body"])


def _ping(engine: DuckDBEngine, asked: Asked) -> Reply:
    engine.ping()
    return {}


def _memory(engine: DuckDBEngine, asked: Asked) -> Reply:
    used, spilled = engine.memory()
    return {"used": dict(used), "spilled": spilled}

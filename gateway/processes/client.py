"""An engine in another process, as the workers see it: ``RemoteEngine``, and ``RemoteSlots`` of the whole machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from typing import Any

from gateway.concurrency.origin import origin
from gateway.engine import versions
from gateway.engine.base import Cancel, Engine, Runs
from gateway.engine.values import from_json
from gateway.errors import DeadlineExceeded, EngineFailed, Fate, GatewayError
from gateway.execution.admission import SlotRequest
from gateway.execution.lives import AGAIN, Lives
from gateway.model import Column, FileVersion, Statement, TypedValue, Value
from gateway.processes.connections import CONTROL, Apart, Connections, admission, new_number, wait_until
from gateway.processes.frames import Lost
from gateway.processes.roles import Doors, Role
from gateway.processes.streams import RemoteStream, Seat
from gateway.processes.wire import columns_from_json, parameters_to_json, relations_of, statement_to_json

_PAUSE = 0.02
"""Seconds between two attempts to be admitted where the engine's process has just ended."""


class RemoteEngine:
    """An ``Engine`` that can read *locations*, in the processes behind *doors*. Thread-safe."""

    def __init__(self, doors: Doors, locations: Sequence[str], *, name: str, use_ssl: bool, timeout: float) -> None:
        """*timeout* is the seconds of what is asked without a deadline; *use_ssl* is about buckets."""
        self.name, self.locations = name, tuple(locations)
        self.connections = Connections(doors, locations)
        self._use_ssl, self._timeout = use_ssl, timeout

    def execute(
        self,
        statement: Statement,
        *,
        deadline: float | None = None,
        started: Callable[[Cancel], None] | None = None,
    ) -> RemoteStream:
        """Start *statement* without a slot, e.g. to plan another; see ``Engine.execute``."""

        def execute(role: Role) -> RemoteStream:
            seat = Seat(self.connections, self.connections.connect(role), role)
            return seat.execute(statement, deadline=deadline, started=started, alone=True)

        try:
            return execute(Role.MAIN)
        except Apart:
            return execute(Role.APART)

    def evaluate(
        self, expressions: Sequence[str], parameters: Mapping[str, TypedValue], *, deadline: float | None = None
    ) -> tuple[Value, ...]:
        """Compute constant *expressions*; see ``Engine.evaluate``."""
        if not expressions:
            return ()
        asked = {"expressions": list(expressions), "parameters": parameters_to_json(parameters)}
        return tuple(from_json(self._ask("evaluate", asked, deadline)["values"]))

    def describe(self, paths: Sequence[str]) -> tuple[Column, ...]:
        """Return the columns of the Parquet files at *paths*; see ``Engine.describe``."""
        return columns_from_json(self._ask("describe", {"paths": list(paths)})["columns"])

    def columns(self, statement: Statement, *, deadline: float | None = None) -> tuple[Column, ...]:
        """Return the columns that *statement* would answer with."""
        asked = {"statement": statement_to_json(statement)}
        return columns_from_json(self._ask("columns", asked, deadline, relations_of(statement))["columns"])

    def explain(self, statement: Statement) -> str:
        """Return DuckDB's physical plan of *statement* as text."""
        asked = {"statement": statement_to_json(statement)}
        return str(self._ask("explain", asked, body=relations_of(statement))["text"])

    def address(self, file: FileVersion) -> str:
        """Return the address of this version of *file* for ``read_parquet``."""
        return versions.address(file, use_ssl=self._use_ssl, edition=self.connections.edition(file))

    def ping(self) -> None:
        """Let the process select a constant. Raises ``EngineFailed``."""
        self._ask("ping", {}, time.monotonic() + CONTROL)

    def memory(self) -> tuple[Mapping[str, int], int]:
        """Return the bytes in use, by DuckDB's word for what they are used for, and those of its temporary files."""
        found = self._ask("memory", {}, time.monotonic() + CONTROL)
        return found["used"], found["spilled"]

    def close(self) -> None:
        """Close the connections, also of what runs; idempotent. They are closed too when nothing refers to this."""
        self.connections.close()

    def _ask(
        self, op: str, asked: Mapping[str, Any], deadline: float | None = None, body: Any = None
    ) -> dict[str, Any]:
        """Ask for something short, again where the process ends under it."""
        until = time.monotonic() + self._timeout if deadline is None else deadline
        connections, role, lives = self.connections, Role.MAIN, Lives(deadline=until)
        while True:
            number = new_number()
            channel = connections.connect(role)
            try:
                wait_until(channel, until)
                message = {"op": op, "id": number, "origin": origin(), "deadline": until, **asked}
                head = connections.checked(channel.ask(message, body)).head
            except Apart:
                channel.close()
                role = Role.APART
                continue
            except Lost:
                channel.close()
                error = connections.lost(number, role)
                fate = error.lost if isinstance(error, EngineFailed) else None
                pause = None if fate is None else lives.next(fate)
                if pause is None:
                    raise error from None
                time.sleep(pause)
                role = Role.TRIAL if fate is Fate.SUSPECT else Role.MAIN
                until = max(until, time.monotonic() + AGAIN)
                continue
            except GatewayError:
                connections.done(channel, role)
                raise
            connections.done(channel, role)
            return head


class RemoteSlots:
    """The slots of the machine: admission is where the queries of all workers run."""

    def __init__(self, engine: RemoteEngine, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        """The state of the machine is asked through *engine*."""
        self._engine, self._monotonic = engine, monotonic

    @property
    def idle(self) -> bool:
        """Whether nobody waits on this machine and a slot is free."""
        with suppress(GatewayError):
            found = self.status()
            return not found["waiting"] and bool(found["running"] < found["slots"])
        return False

    def status(self) -> Mapping[str, Any]:
        """Tell how many queries run and wait on this machine, which texts run apart, and which processes have ended."""
        found = self._engine.connections.control("status", "", Role.MAIN)
        if found is None:
            raise EngineFailed("The engine does not answer.")
        return {name: value for name, value in found.items() if name not in ("op", "roles")}

    def under_way(self) -> list[dict[str, Any]]:
        """Tell of each query that runs or waits on this machine; see ``Slots.under_way``."""
        found = [self._engine.connections.control("under_way", "", role) for role in self._roles()]
        return [query for told in found if told is not None for query in told["queries"]]

    def stop(self, number: str) -> bool:
        """Stop the query of this id, whichever process has it; see ``Slots.stop``."""
        found = (self._engine.connections.control("stop", number, role) for role in self._roles())
        return any(told is not None and told["stopped"] for told in found)

    def _roles(self) -> list[Role]:
        """List the processes that there are now: asking for another one would start it."""
        found = self._engine.connections.control("status", "", Role.MAIN)
        if found is None:
            raise EngineFailed("The engine does not answer.")
        return [Role.MAIN, *(Role(role) for role in found.get("roles", ()) if role != Role.MAIN)]

    @contextmanager
    def lend(self, engine: Engine, request: SlotRequest) -> Iterator[Runs]:
        """Lend a seat in the process that has a slot for the query; see ``Slots.lend``."""
        assert isinstance(engine, RemoteEngine)
        seat = self._seated(engine.connections, request)
        try:
            yield seat
        finally:
            if seat.reusable and (request.holds or not seat.used):
                with suppress(Lost):
                    seat.channel.send({"op": "release"})
            seat.leave()

    def _seated(self, connections: Connections, request: SlotRequest) -> Seat:
        """Wait for a slot; where the process ends meanwhile, at its successor."""
        role, cancellation = Role.TRIAL if request.trial else Role.MAIN, request.cancellation
        asked = admission(request.deadline, principal=request.principal, cost=request.cost, holds=request.holds)
        while True:
            channel = connections.connect(role)
            try:
                with nullcontext() if cancellation is None else cancellation.stops(channel.abort):
                    wait_until(channel, request.deadline)
                    connections.checked(channel.ask(asked))
                return Seat(connections, channel, role)
            except Apart:
                channel.close()
                role = Role.APART
            except Lost as error:
                channel.close()
                if cancellation is not None:
                    cancellation.check()
                if self._monotonic() >= request.deadline:
                    raise DeadlineExceeded("No query slot came free before the deadline.", retry_after=1.0) from error
                time.sleep(_PAUSE)
            except GatewayError:
                connections.done(channel, role)
                raise

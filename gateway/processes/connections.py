"""The connections of one worker to the engines' processes: made, kept, and what it means where one ends too early."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import suppress
from itertools import count
from threading import Lock
from typing import Any
from weakref import WeakSet, finalize

from gateway.concurrency.later import Later
from gateway.concurrency.origin import origin
from gateway.errors import DeadlineExceeded, EngineFailed, Fate, GatewayError
from gateway.model import FileVersion
from gateway.processes.frames import Channel, Lost, Message
from gateway.processes.roles import Doors, Role
from gateway.processes.wire import error_from_json

_LATE = 4.0
"""Seconds after its deadline at which a query is given up that the process has not even been killed for."""
CONTROL = 5.0
"""Seconds that a process may take to say or do something beside its queries."""
_TOLD = 3
"""Times that the fate of a query is asked for where the process that would know it ends too."""
_IDLE = 16
"""Connections that are kept for the next queries."""
_ASKED_AFTER = 100
"""Queries that are asked after at a time; others are not blamed before they are asked for again."""
_ENDED = {
    "memory": "The query was stopped, together with its engine: it took more memory than the engine may use.",
    "hang": "The query was stopped, together with its engine, which did not answer any more.",
    "crash": "The query ended the process of its engine.",
}

_numbers = count(1)


class Apart(Exception):
    """The text of the query is known to pass its limits: it runs in the process for such."""


class Connections:
    """The connections through which engines that can read *locations* are asked, behind *doors*. Thread-safe."""

    def __init__(self, doors: Doors, locations: Sequence[str]) -> None:
        self._doors, self._locations = doors, tuple(locations)
        self._lock = Lock()
        self._idle: list[Channel] = []
        self._open: WeakSet[Channel] = WeakSet()
        self._editions: dict[FileVersion, int] = {}
        self.later = Later("trial", most=_ASKED_AFTER)
        """What is asked of the processes later, about queries that nobody waits for."""
        self._release = finalize(self, _close_all, self._idle)
        self._release.atexit = False

    def connect(self, role: Role, *, anew: bool = False) -> Channel:
        """Return a connection to the process of *role*, bound to the locations. Raises ``EngineFailed``."""
        if self.closed:
            raise EngineFailed("The engine is closed.")
        if role is Role.MAIN and not anew:
            while (kept := self._kept()) is not None:
                if kept.idle():
                    return kept
                kept.close()
        try:
            channel = self._doors.connect(role)
            channel.silent_for(None)
            channel.send({"op": "use", "locations": self._locations})
        except Lost as error:
            reason = f": {error.__cause__.strerror}" if isinstance(error.__cause__, OSError) else "."
            raise EngineFailed(f"The engine's process cannot be reached{reason}") from error
        with self._lock:
            self._open.add(channel)
        return channel

    def done(self, channel: Channel, role: Role) -> None:
        """Keep a connection over which nothing is under way for the next question, unless there are enough."""
        channel.silent_for(None)
        with self._lock:
            if role is Role.MAIN and self._release.alive and len(self._idle) < _IDLE:
                self._idle.append(channel)
                return
        channel.close()

    def control(self, op: str, number: str, role: Role, *, anew: bool = False, **members: Any) -> dict[str, Any] | None:
        """Ask something about a query; None where the process is gone. *anew*: over a new connection."""
        channel = self.connect(role, anew=anew)
        try:
            channel.silent_for(CONTROL)
            message = channel.ask({"op": op, "id": number, **members})
        except Lost:
            channel.close()
            return None
        self.done(channel, role)
        return self.checked(message).head

    def checked(self, message: Message) -> Message:
        """Return *message*; raise the error that it tells of."""
        head = message.head
        if head["op"] == "apart":
            raise Apart
        if head["op"] != "error":
            return message
        for file, edition in head.get("editions", ()):
            path, size, etag, modified = file
            self._editions[FileVersion(path=path, size=size, etag=etag, modified=modified)] = edition
        raise error_from_json(head)

    def lost(self, number: str, role: Role) -> GatewayError:
        """Return the error of a query under which the process of *role* has ended."""
        told = None
        with suppress(GatewayError):
            for _ in range(_TOLD):
                # A kept connection may still be open to a process that is about to end.
                told = self.control("fate", number, Role.MAIN, anew=True, of=role)
                if told is not None:
                    break
        fate = Fate(told["fate"]) if told is not None else Fate.BYSTANDER
        if fate is not Fate.CULPRIT or told is None:
            return EngineFailed("The engine was replaced while the query ran.", lost=fate)
        if told["why"] == "deadline":
            return DeadlineExceeded("The query was stopped at its time limit, together with its engine.")
        return EngineFailed(_ENDED[told["why"]])

    def edition(self, file: FileVersion) -> int:
        """Return the number of the address of *file*, as the processes told last."""
        return self._editions.get(file, 0)

    def close(self) -> None:
        """Close the connections, also of what runs; idempotent. They are closed too when nothing refers to this."""
        self._release()
        for channel in list(self._open):
            channel.abort()

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return not self._release.alive

    def _kept(self) -> Channel | None:
        with self._lock:
            return self._idle.pop() if self._idle else None


def admission(deadline: float, *, principal: str = "", cost: int = 0, holds: bool = False) -> dict[str, Any]:
    """Write the message that asks for a slot, for the text on whose behalf this thread works.

    The slot is free once a statement has ended, unless it *holds* it until it says so.
    """
    asked = {"principal": principal, "cost": cost, "holds": holds, "deadline": deadline}
    return {"op": "admit", "origin": origin(), **asked}


def wait_until(channel: Channel, deadline: float) -> None:
    """Wait for the next messages until *deadline*, an instant of ``time.monotonic``, and a little longer."""
    channel.silent_for(max(0.1, deadline - time.monotonic() + _LATE))


def new_number() -> str:
    """Name a query, as no other of this machine is."""
    return f"{os.getpid()}.{next(_numbers)}"


def _close_all(channels: list[Channel]) -> None:
    while channels:
        channels.pop().close()

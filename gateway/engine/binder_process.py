"""A process of its own for binding, as its parent sees it: asked with a time limit, killed at it, then replaced."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from io import BufferedReader
from threading import get_ident
from typing import Any

import orjson

from gateway.engine import binder_child
from gateway.engine.values import from_json, to_json
from gateway.errors import EngineFailed
from gateway.model import TypedValue

SECONDS = 5.0
"""Time that binding one text may take; most take a few milliseconds."""
MEMORY = 256 << 20
"""Bytes of data that the process may have; an idle one has 35 MiB."""
_STARTING = 60.0
"""Seconds in which it must have started, also on a machine that has much else to do."""


class BindingEnded(Exception):
    """The process was ended, or ended, over one text: what happened, in words that follow "binding it"."""


class BindingRefused(Exception):
    """DuckDB refuses a text. ``computing``: its types are right, but a constant in it cannot be computed."""

    def __init__(self, message: str, *, computing: bool) -> None:
        super().__init__(message)
        self.computing = computing


@dataclass(frozen=True, slots=True, kw_only=True)
class _Running:
    process: subprocess.Popen[bytes]
    channel: socket.socket
    lines: BufferedReader


class BinderProcess:
    """The process that binds, started at its first use and again after it ended. Close it; not thread-safe.

    What was ``prepare``d is done again in each process. The process ends with the thread that started it. Within
    ``one_after_another`` it is left to the next that needs one.
    """

    def __init__(self, *, seconds: float = SECONDS, memory: int = MEMORY) -> None:
        self._seconds, self._memory = seconds, memory
        self._left = seconds
        self._prepared: list[str] = []
        self._running: _Running | None = None

    def begin(self) -> None:
        """Start the time of another text: what is asked from now on takes ``seconds`` at most in all."""
        self._left = self._seconds

    def prepare(self, statement: str) -> None:
        """Run *statement* now, where the process has been started, and in each that is started later."""
        self._prepared.append(statement)
        if self._running is not None:
            self._answered(self._running, "compute", statement, {}, _STARTING)

    def ask(self, what: str, sql: str, parameters: Mapping[str, TypedValue]) -> list[list[Any]]:
        """Have *what* done with *sql*. Raises ``BindingRefused``, ``BindingEnded``, ``EngineFailed``: none starts."""
        running = self._started()
        before = time.monotonic()
        try:
            return self._answered(running, what, sql, parameters, self._left)
        finally:
            self._left = max(self._left - (time.monotonic() - before), 0.0)

    def close(self) -> None:
        """Leave the process to the next, or end it; idempotent."""
        spare = _SPARE.get()
        if self._running is not None and spare is not None:
            spare.put(self._running, self._memory)
            self._running = None
        self._end()

    def _end(self) -> None:
        if self._running is not None:
            _end(self._running)
            self._running = None

    def _started(self) -> _Running:
        if self._running is None:
            spare = _SPARE.get()
            self._running = (spare and spare.take(self._memory)) or _start(self._memory)
            try:
                for statement in self._prepared:
                    self._answered(self._running, "compute", statement, {}, _STARTING)
            except BindingEnded as error:
                raise EngineFailed("The process that binds queries ended before it was asked.") from error
        return self._running

    def _answered(
        self, running: _Running, what: str, sql: str, parameters: Mapping[str, TypedValue], seconds: float
    ) -> list[list[Any]]:
        given = {name: (to_json(typed.value), typed.type) for name, typed in parameters.items()}
        request = orjson.dumps({"do": what, "sql": sql, "parameters": given})
        try:
            reply = self._exchanged(running, request, seconds)
        except BindingEnded:
            self._end()
            raise
        if "error" in reply:
            raise BindingRefused(reply["error"], computing=reply["computing"])
        return [[from_json(value) for value in row] for row in reply["rows"]]

    def _exchanged(self, running: _Running, request: bytes, seconds: float) -> dict[str, Any]:
        try:
            running.channel.settimeout(max(seconds, 0.001))  # 0 would not wait at all
            running.channel.sendall(request + b"\n")
            line = running.lines.readline()
        except TimeoutError as error:
            raise BindingEnded(f"took longer than {self._seconds:g} s") from error
        except OSError as error:
            raise BindingEnded("ended the process that bound it") from error
        if not line:
            raise BindingEnded("ended the process that bound it")
        reply: dict[str, Any] = orjson.loads(line)
        if "memory" in reply:
            raise BindingEnded(f"took more than {self._memory >> 20} MiB of memory")
        if "fatal" in reply:
            raise BindingEnded(f"failed inside the engine: {reply['fatal'].splitlines()[0]}")
        return reply


@contextmanager
def one_after_another() -> Iterator[None]:
    """Have what binds in this thread, one after another, use one process until the block ends.

    Each finds a new instance of the engine in it: starting the process and importing the engine is what takes long.
    """
    if _SPARE.get() is not None:  # of a block around this one
        yield
        return
    spare = _Spare()
    before = _SPARE.set(spare)
    try:
        yield
    finally:
        _SPARE.reset(before)
        spare.close()


class _Spare:
    """The process that was closed last, for the next that needs one of the same memory."""

    def __init__(self) -> None:
        self._owner = _thread()
        self._idle: tuple[_Running, int] | None = None

    def put(self, running: _Running, memory: int) -> None:
        """Keep a process that is no longer used; where there is one already, end it."""
        if self._idle is None and self._owner == _thread():
            self._idle = running, memory
        else:
            _end(running)

    def take(self, memory: int) -> _Running | None:
        """Return the process with a new engine; None where there is none that is alive."""
        if self._idle is None or self._owner != _thread():
            return None
        (running, of), self._idle = self._idle, None
        if of == memory and _opened_anew(running):
            return running
        _end(running)
        return None

    def close(self) -> None:
        """End the process that is kept; idempotent."""
        if self._idle is not None and self._owner == _thread():
            _end(self._idle[0])
            self._idle = None


_SPARE: ContextVar[_Spare | None] = ContextVar("spare", default=None)


def _thread() -> tuple[int, int]:
    """Identify this thread: a process ends with the one that started it, and a fork shares its parent's channel."""
    return os.getpid(), get_ident()


def _opened_anew(running: _Running) -> bool:
    try:
        running.channel.settimeout(_STARTING)
        running.channel.sendall(orjson.dumps({"do": binder_child.OPEN}) + b"\n")
    except OSError:  # it has ended meanwhile
        return False
    return _ready(running)


def _start(memory: int) -> _Running:
    here, there = socket.socketpair()
    with there:
        # -P: a module of the same name in the current folder, which is an author's, is not imported.
        command = [sys.executable, "-P", "-m", binder_child.__name__, str(memory)]
        try:
            process = subprocess.Popen(command, stdin=there.fileno(), stdout=subprocess.DEVNULL)
        except OSError as error:
            here.close()
            raise EngineFailed("The process that binds queries cannot be started.") from error
    running = _Running(process=process, channel=here, lines=here.makefile("rb"))
    if not _ready(running):
        _end(running)
        raise EngineFailed("The process that binds queries did not start.")
    return running


def _ready(running: _Running) -> bool:
    running.channel.settimeout(_STARTING)
    try:
        return running.lines.readline() != b""
    except OSError:  # it was reset, or the time is over
        return False


def _end(running: _Running) -> None:
    running.lines.close()
    running.channel.close()
    running.process.kill()
    running.process.wait()

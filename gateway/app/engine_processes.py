"""Start the processes in which the engines of a server run, and the engines of its workers that reach them.

``python -m gateway.app.engine_processes`` is the supervisor: it reads what it is to run from its standard input, as
JSON, because a project's files may have changed when it is started again.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import orjson
from prometheus_client import CollectorRegistry
from prometheus_client.multiprocess import mark_process_dead
from pydantic import BaseModel, ConfigDict, SecretStr

from gateway.app.engines import access, open_engine
from gateway.app.memory_split import ASIDE, split_memory
from gateway.catalog.store import S3Settings
from gateway.concurrency.forked import die_quietly, last_words
from gateway.engine.current import Engines
from gateway.engine.duckdb import DuckDBEngine
from gateway.engine.instance import before_fork
from gateway.engine.priority import COMPUTING, give_way
from gateway.execution.admission import Admission
from gateway.processes.client import RemoteEngine, RemoteSlots
from gateway.processes.conversation import serve
from gateway.processes.escapes import Escapes
from gateway.processes.frames import Channel
from gateway.processes.host import Host, Standing
from gateway.processes.roles import Doors, Role
from gateway.processes.supervisor import Post, Supervisor
from gateway.settings import EngineSettings, Settings
from gateway.telemetry.events import AdmissionChanged, Event, Observer, fan_out
from gateway.telemetry.json_log import JsonLog
from gateway.telemetry.metrics import MULTIPROCESS, Metrics
from gateway.telemetry.text_log import standard_output

_STOP = 5.0
"""Seconds that the supervisor may take to end what it started."""
_PAUSE = 0.5
"""Seconds between two starts of the supervisor."""
_STREAMS = (0, 1, 2)
_KEYS_THAT_WRITE = "GATEWAY_BUILDER_"
"""How the variables begin that hold them."""


class _Orders(BaseModel):
    """What the supervisor is to run. ``limits`` are DuckDB's, ``bounds`` those of the processes, in bytes."""

    model_config = ConfigDict(frozen=True)

    engine: EngineSettings
    storage: S3Settings
    state: Path
    log: str
    """How lines of the log are written, see ``LogSettings.format``."""
    slots: int
    limits: Mapping[Role, int]
    bounds: Mapping[Role, int]
    doors: Mapping[Role, int]
    """Descriptors of the doors' inner ends."""
    life: int
    """Descriptor that can be read once the server has ended."""


class EngineProcesses:
    """The engines' processes of one server: ``tend`` them in the server, ``engine`` is for its workers."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.doors = Doors.make()
        self._life, self._ends = socket.socketpair()
        self._supervisor: _Child | None = None
        self._started = -_PAUSE

    def start(self) -> None:
        """Start the supervisor as a program of its own: in a process that has threads, which must not fork.

        Neither its orders nor its environment hold the keys of what writes.
        """
        command = [sys.executable, "-m", "gateway.app.engine_processes"]
        kept = [*self._inside().values(), self._ends.fileno()]
        given = {name: value for name, value in os.environ.items() if not name.startswith(_KEYS_THAT_WRITE)}
        self._started = time.monotonic()
        program = subprocess.Popen(command, stdin=subprocess.PIPE, pass_fds=kept, env=given)
        self._supervisor = _Child(program.pid, program)
        assert program.stdin is not None
        with suppress(BrokenPipeError), program.stdin as orders:
            orders.write(_written(self._orders()))

    def attend(self) -> None:
        """Start the supervisor as ``start`` does where it has ended."""
        if self._is_missing():
            self.start()

    def tend(self) -> None:
        """Fork the supervisor, and again where it has ended. The process must have no threads and no engine."""
        if not self._is_missing():
            return
        self._started = time.monotonic()
        orders = self._orders()
        number = os.fork()
        if number == 0:
            with last_words():
                _close_sockets_but({*_STREAMS, *orders.doors.values(), orders.life})
                _supervise(orders)
        self._supervisor = _Child(number)

    def _is_missing(self) -> bool:
        """Tell whether the supervisor is to be started now; what is left of the one before is collected."""
        running = self._supervisor is not None and not self._supervisor.ended
        if running or time.monotonic() < self._started + _PAUSE:
            return False
        if self._supervisor is not None:
            self._supervisor.end(0.0)
            self._supervisor = None
        return True

    def forked(self) -> None:
        """Leave to the server what is its own, in a worker."""
        self._life.close()
        self._ends.close()
        self.doors.stay_outside()

    def close(self) -> None:
        """End every process; idempotent."""
        supervisor, self._supervisor = self._supervisor, None
        if supervisor is not None:
            self._life.close()
            supervisor.end(_STOP)
        self._ends.close()
        self.doors.close()

    def _inside(self) -> dict[Role, int]:
        return {role: door.inside.fileno() for role, door in self.doors.doors.items()}

    def _orders(self) -> _Orders:
        settings, memory = self._settings, split_memory(self._settings)
        aside = (Role.TRIAL, Role.APART)
        return _Orders(
            engine=settings.engine,
            storage=settings.storage,
            state=settings.state,
            log=settings.log.format,
            slots=memory.slots,
            limits={Role.MAIN: memory.engine, **dict.fromkeys(aside, memory.aside)},
            bounds={Role.MAIN: memory.bound, **dict.fromkeys(aside, ASIDE)},
            doors=self._inside(),
            life=self._ends.fileno(),
        )

    def engine(self, locations: Sequence[str]) -> RemoteEngine:
        """Return an engine that can read *locations*."""
        settings = self._settings
        return RemoteEngine(
            self.doors,
            locations,
            name=DuckDBEngine.name,
            use_ssl=access(settings.storage).use_ssl,
            timeout=settings.engine.timeout,
        )

    def slots(self) -> RemoteSlots:
        """Return the slots of the machine."""
        return RemoteSlots(self.engine(()))


class _Child:
    """The supervisor, as its server sees it; *program* is None where it was forked."""

    def __init__(self, number: int, program: subprocess.Popen[bytes] | None = None) -> None:
        self._number, self._program = number, program
        self._watch = os.pidfd_open(number)

    @property
    def ended(self) -> bool:
        """Whether it has ended, whoever has taken note of that."""
        return bool(select.select([self._watch], [], [], 0.0)[0])

    def end(self, seconds: float) -> None:
        """Wait for its end, at most *seconds*; then kill it."""
        if not select.select([self._watch], [], [], seconds)[0]:
            signal.pidfd_send_signal(self._watch, signal.SIGKILL)
        with suppress(ChildProcessError):
            os.waitpid(self._number, 0)
        if self._program is not None:
            self._program.wait()
        os.close(self._watch)


def _close_sockets_but(kept: set[int]) -> None:
    """Close the sockets that a forked process has inherited and does not need, such as those that are listened on.

    Files are left to those who opened them: the files of the metrics are closed and opened again by their library.
    """
    for number in map(int, os.listdir("/proc/self/fd")):
        with suppress(OSError):
            if number not in kept and stat.S_ISSOCK(os.fstat(number).st_mode):
                os.close(number)


def _written(orders: _Orders) -> bytes:
    return orjson.dumps(orders.model_dump(), default=_plain, option=orjson.OPT_NON_STR_KEYS)


def _plain(value: Any) -> Any:
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)


def main() -> None:
    """Run the supervisor until the server ends."""
    die_quietly()
    orders = _Orders.model_validate(orjson.loads(sys.stdin.buffer.read()))
    before_fork()
    _supervise(orders)


def _supervise(orders: _Orders) -> None:
    die_quietly()
    observe = fan_out(Metrics(CollectorRegistry()), JsonLog(standard_output(orders.log, "log")))
    posts = {role: Post(door=socket.socket(fileno=orders.doors[role]), memory=orders.bounds[role]) for role in Role}
    Supervisor(
        posts,
        partial(_work, orders, observe),
        socket.socket(fileno=orders.life),
        escapes=Escapes(escapes_file(orders.state)),
        observe=observe,
        buried=_buried,
    ).run()


def escapes_file(state: Path) -> Path:
    """Return the file that names the texts that run apart."""
    return state / "apart.json"


def _buried(number: int) -> None:
    """Forget the gauges of a process that has ended."""
    if MULTIPROCESS in os.environ:
        mark_process_dead(number)  # type: ignore[no-untyped-call]  # the library leaves it bare


def _work(
    orders: _Orders, observe: Observer, role: Role, door: socket.socket, supervisor: Channel, known: Mapping[str, Any]
) -> None:
    """Be the engine's process of *role*: all its threads give way to those that answer requests."""
    give_way(COMPUTING)
    standing = Standing()
    standing.learn(known)
    settings, main = orders.engine, role is Role.MAIN
    opening = partial(
        open_engine,
        engine=settings,
        storage=orders.storage,
        state=orders.state,
        memory=orders.limits[role],
        observe=observe,
        first_edition=time.time_ns() // 1_000,  # no address of an earlier process is taken again
        broken=os.abort,  # a crash: what runs meanwhile is run again, and what did it is found
    )

    def noted(event: Event) -> None:
        observe(event)
        if isinstance(event, AdmissionChanged) and not main:
            host.report(waiting=event.waiting)

    admission = Admission(
        slots=orders.slots if main else 1,
        queue=settings.queue,
        wait=settings.wait,
        cheap=settings.cheap,
        observe=noted,
    )
    host = Host(role, Engines(opening), admission, supervisor, standing)
    serve(host, door)


if __name__ == "__main__":
    main()

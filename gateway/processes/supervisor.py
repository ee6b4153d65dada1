"""The supervisor: it starts the engines' processes, watches them from outside, and ends those that pass their limits.

It has no threads and no engine, so that it can fork at any time and is never busy. Each process reports what runs in
it before it begins, over a socket pair that the supervisor reads. A query that is still running ``GRACE`` seconds past
its deadline has ignored its interrupt, and a process that takes more memory than its bound has lost control of it:
such a process is killed, and the next is forked at once.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.concurrency.forked import die_with, last_words, named
from gateway.errors import Fate
from gateway.processes.escapes import Escapes
from gateway.processes.frames import Channel, Lost
from gateway.processes.roles import Role
from gateway.processes.watched import Watched, anonymous, last_moment
from gateway.telemetry.events import (
    EngineEnded,
    EngineMeasured,
    EngineRested,
    EngineStarted,
    Observer,
    QueriesApart,
    QuerySetApart,
)

TICK = 0.01
"""Seconds between two looks at what runs; while nothing does, nobody looks."""
TRIAL = 5.0
"""Seconds that a query may run alone, on trial, while others wait for that: one that takes memory shows it sooner."""
HANG = 10.0
"""Seconds without a report, which comes every second, after which a process hangs."""
_ATTEND = 0.05
"""Seconds between two looks at the doors while there is no room for another process."""
_SPARE = 0.5
"""Seconds without work after which a process makes room for another."""
_IDLE = 60.0
"""Seconds without work after which a process that is not the main one is ended."""
_LOOK = 1.0
"""Seconds between two looks at what an operator may have changed."""
_REMEMBERED = 1_000
"""Queries of ended processes whose fate is remembered."""
_PAUSES = (0.0, 0.1, 0.5, 1.0)
"""Seconds before a process is started again that ended by itself, by how often in a row that happened."""
_SETTLED = 5.0
"""Seconds that a process runs before its end is no failure of its start."""
_RESTS = {"idle", "room"}
_CRASHES = {signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGSYS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """How the process of a role runs: at which door, and with how many bytes of memory of its own at most."""

    door: socket.socket
    memory: int


class Supervisor:
    """Runs the processes of *posts*; *work* is what one does, *life* is a socket that closes with the server."""

    def __init__(
        self,
        posts: Mapping[Role, Post],
        work: Callable[[Role, socket.socket, Channel, Mapping[str, Any]], None],
        life: socket.socket,
        *,
        escapes: Escapes,
        observe: Observer,
        buried: Callable[[int], None] = lambda number: None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._posts, self._work, self._life = posts, work, life
        self._escapes, self._observe, self._monotonic = escapes, observe, monotonic
        self._buried = buried
        self._processes: dict[Role, Watched] = {}
        self._fates: dict[str, tuple[Fate, str]] = {}
        self._failures: dict[Role, int] = dict.fromkeys(Role, 0)
        self._due: dict[Role, float] = {}
        self._ended: dict[str, int] = {}
        self._looked = 0.0
        self._statm = os.open("/proc/self/statm", os.O_RDONLY)

    def run(self) -> None:
        """Supervise until the server ends; then nothing is left of the processes."""
        named("gateway-superv")
        self._start(Role.MAIN)
        try:
            while not self._over():
                for process in list(self._processes.values()):
                    self._listen(process)
                    self._judge(process)
                self._attend()
                self._start_due()
                self._look()
        finally:
            for process in list(self._processes.values()):
                os.kill(process.number, signal.SIGKILL)
                self._bury(process)

    def _over(self) -> bool:
        """Wait for what may have happened; tell whether the server has ended."""
        waits: list[Any] = [self._life, *(process.watch for process in self._processes.values())]
        pause = min([_LOOK, *(max(0.0, due - self._monotonic()) for due in self._due.values())])
        if any(process.running for process in self._processes.values()):
            time.sleep(TICK)
            pause = 0.0
        elif self._aside() is None:
            waits += [post.door for role, post in self._posts.items() if role is not Role.MAIN]
        else:
            pause = min(pause, _ATTEND)
        if pause:
            waits += [process.channel for process in self._processes.values()]
        return self._life in select.select(waits, [], [], pause)[0]

    def _aside(self) -> Watched | None:
        """Return the process that is not the main one: there is room for one."""
        return self._processes.get(Role.TRIAL) or self._processes.get(Role.APART)

    def _attend(self) -> None:
        """Start the process for what waits at a door. What is tried goes before what is known to pass its limits."""
        for role in (Role.TRIAL, Role.APART):
            aside = self._aside()
            if role in self._processes or not _readable(self._posts[role].door):
                continue
            if aside is not None and (role is Role.TRIAL or aside.idle(self._monotonic(), _SPARE)):
                self._kill(aside, "room", [], certain=True)
                aside = None
            if aside is None:
                self._start(role)
        aside = self._aside()
        if aside is not None and aside.idle(self._monotonic(), _IDLE):
            self._kill(aside, "idle", [], certain=True)

    def _listen(self, process: Watched) -> None:
        """Take in what a process reports; where it has ended, see what that means."""
        self._hear(process)
        if _readable(process.watch):
            _, status = os.waitpid(process.number, 0)
            self._end(process, os.waitstatus_to_exitcode(status))

    def _hear(self, process: Watched) -> None:
        with suppress(Lost):
            for message in process.channel.waiting():
                process.heard = self._monotonic()
                process.note(message.head)
        if process.running:
            process.busy = self._monotonic()

    def _judge(self, process: Watched) -> None:
        """Kill a process in which something passes its limits."""
        if self._processes.get(process.role) is not process:
            return
        now = self._monotonic()
        waits, starves = process.waits(now), {brief: process.starves(now, brief=brief) for brief in (False, True)}
        overdue = [
            number for number, one in process.running.items() if now > last_moment(one, waits, starves[one.brief])
        ]
        if overdue:
            self._kill(process, "deadline", overdue, certain=True)
        elif process.resident > self._posts[process.role].memory:
            self._kill(process, "memory", [], certain=False)
        elif now > process.heard + HANG:
            self._kill(process, "hang", [], certain=False)
        elif process.role is Role.TRIAL and self._acquits(process, now):
            self._kill(process, "room", [], certain=True)

    def _acquits(self, process: Watched, now: float) -> bool:
        """Tell whether what is tried has shown nothing for so long that it goes on elsewhere, for others wait."""
        wanted = process.waiting > 0 or _readable(self._posts[Role.APART].door)
        return wanted and any(now > one.began + TRIAL for one in process.running.values())

    def _kill(self, process: Watched, why: str, culprits: list[str], *, certain: bool) -> None:
        excused = process.excused(culprits, self._monotonic())
        os.kill(process.number, signal.SIGKILL)
        os.waitpid(process.number, 0)
        self._hear(process)
        self._sentence(process, why, culprits, certain=certain, excused=excused)
        self._replace(process, why)

    def _end(self, process: Watched, code: int) -> None:
        """A process has ended by itself, or was killed by somebody else."""
        crashed = -code in _CRASHES
        why = "crash" if crashed else "killed" if code < 0 else "exit"
        self._sentence(process, "crash", [], certain=not crashed)
        self._replace(process, why)

    def _sentence(
        self,
        process: Watched,
        why: str,
        culprits: list[str],
        *,
        certain: bool,
        excused: Collection[str] = (),
    ) -> None:
        """Say what each query of an ended process was. Where nobody is *certain*, each may have been the reason.

        The only one was, in a process for one query at a time, and where it took the memory. What belongs to no query,
        as a sign of life, is never the reason. The *excused* end, and stay where they are.
        """
        accused = [number for number, one in process.running.items() if one.text]
        alone = process.role is not Role.MAIN or (len(accused) == 1 and why == "memory")
        for number, one in process.running.items():
            fate = Fate.BYSTANDER
            if number in culprits:
                fate = Fate.CULPRIT
            elif not certain and number in accused:
                fate = Fate.CULPRIT if alone else Fate.SUSPECT
            self._fates[number] = fate, why
            if fate is Fate.CULPRIT and number not in excused and self._escapes.add(one.text, why):
                self._observe(_set_apart(one.text, why))
        while len(self._fates) > _REMEMBERED:
            del self._fates[next(iter(self._fates))]

    def _replace(self, process: Watched, why: str) -> None:
        self._ended[why] = self._ended.get(why, 0) + 1
        queries = len(process.running)
        self._bury(process)
        needed = why not in _RESTS
        self._observe(
            EngineEnded(role=process.role, reason=why, queries=queries)
            if needed
            else EngineRested(role=process.role, reason=why)
        )
        self._observe(EngineMeasured(role=process.role, resident=0))
        young = why in ("exit", "crash") and self._monotonic() - process.began < _SETTLED
        self._failures[process.role] = self._failures[process.role] + 1 if young else 0
        if process.role is Role.MAIN:
            pause = _PAUSES[min(self._failures[process.role], len(_PAUSES) - 1)]
            self._due[process.role] = self._monotonic() + pause
        self._start_due()
        self._tell()

    def _bury(self, process: Watched) -> None:
        del self._processes[process.role]
        process.release()
        self._buried(process.number)

    def _start_due(self) -> None:
        for role, due in list(self._due.items()):
            if due <= self._monotonic():
                del self._due[role]
                self._start(role)

    def _start(self, role: Role) -> None:
        own, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        parent = os.getpid()
        sys.stdout.flush()
        number = os.fork()
        if number == 0:
            self._become(role, own, other, parent)
        other.close()
        now = self._monotonic()
        channel = Channel(own)
        channel.stalled = _give_up
        self._processes[role] = Watched(
            role=role,
            number=number,
            watch=os.pidfd_open(number),
            channel=channel,
            statm=os.open(f"/proc/{number}/statm", os.O_RDONLY),
            inherited=anonymous(self._statm),
            began=now,
            heard=now,
            busy=now,
        )
        self._observe(EngineStarted(role=role, process=number))
        self._tell()

    def _become(self, role: Role, own: socket.socket, supervisor: socket.socket, parent: int) -> None:
        """Turn a forked child into the process of *role*."""
        with last_words():
            own.close()
            die_with(parent)
            named(f"gateway-{'engine' if role is Role.MAIN else role}")
            with suppress(OSError):
                Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
            for process in self._processes.values():
                os.close(process.channel.fileno())
            self._life.close()
            self._work(role, self._posts[role].door, Channel(supervisor), self._message())

    def _tell(self) -> None:
        """Tell every process what is known: the one of the main role is asked by those whose query was lost."""
        message = self._message()
        self._observe(QueriesApart(count=len(self._escapes.known)))
        for process in self._processes.values():
            try:
                process.channel.send(message)
            except Lost:  # it has ended, or has not listened for a long time
                process.heard = -HANG

    def _message(self) -> dict[str, Any]:
        known = self._escapes.known
        status = {
            "apart": {text: {"reason": one.reason, "since": one.since} for text, one in known.items()},
            "ended": dict(self._ended),
            "roles": list(self._processes),
        }
        return {"fates": self._fates, "apart": list(known), "status": status}

    def _look(self) -> None:
        now = self._monotonic()
        if now >= self._looked + _LOOK:
            self._looked = now
            if self._escapes.look():
                self._tell()
            for process in self._processes.values():
                self._observe(EngineMeasured(role=process.role, resident=process.resident))


def _give_up() -> None:
    raise Lost


def _set_apart(text: str, why: str) -> QuerySetApart:
    name, version, _ = text.split("/")
    return QuerySetApart(query=name, version=int(version.removeprefix("v")), reason=why)


def _readable(what: Any) -> bool:
    return bool(select.select([what], [], [], 0.0)[0])

"""An engine's process as the supervisor sees it: what runs in it, what memory it takes, what it waits for."""

from __future__ import annotations

import math
import os
import platform
from collections import deque
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from gateway.processes.frames import Channel
from gateway.processes.roles import Role

GRACE = 1.0
"""Seconds past its deadline after which a query has ignored its interrupt."""
SILENCE = 20.0
"""Seconds past its deadline that a query may wait for a silent bucket, whose requests are not interrupted: DuckDB sends
one three times, and waits for each as long as ``DuckDBSettings.http_timeout``."""
HUNGER = 5.0
"""The same for a process that other programs leave next to nothing of the processors: its queries cannot even look up
whether they are interrupted."""
_SHARE, _QUEUED = 0.1, 0.5
"""It is starved where it has run for less than this part of the time, and waited for a processor for more than that."""
_SHARE_OF_BRIEF = 0.2
"""What is brief starves where its threads have run for less than this part of the time, or of what they have waited,
all together: each of many has next to nothing, whatever they have together."""
_LOOKS = 5
"""Looks at the threads of a process in ``GRACE`` seconds."""
_WAITING = {"x86_64": {"7", "23", "270", "271"}, "aarch64": {"72", "73"}}.get(platform.machine(), set())
"""Numbers of the system calls that wait for a socket: poll, select and what came after them."""
_BETWEEN = 2.0
"""Seconds that a query may be busy between two requests to a bucket: it connects again, and reads what has come."""
_STAYS_SHARED = 0.75
"""Part of the memory that a process has by the fork and goes on sharing: 0.84 was measured after some queries."""
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(slots=True, kw_only=True)
class Running:
    """What runs in a process: for which text of a query (empty: for none), and until when."""

    text: str
    deadline: float | None
    remote: bool
    """It reads a bucket, which may be silent for a while."""
    began: float
    """When it was reported, which is late where the machine is busy."""
    brief: bool = False
    """It computes next to nothing: columns, or values of constants."""
    stands: bool = False
    """It waits for the reader of its rows, who does not take them."""


@dataclass(slots=True, kw_only=True)
class Watched:
    """One engine's process as it is seen from outside."""

    role: Role
    number: int
    watch: int
    """Descriptor that can be read once the process has ended."""
    channel: Channel
    statm: int
    inherited: int
    """Bytes of memory that it had from the supervisor by the fork."""
    began: float
    heard: float
    """When it last reported anything."""
    busy: float
    """When something last ran in it."""
    asking: deque[tuple[float, frozenset[str]]] = field(default_factory=partial(deque, maxlen=_LOOKS))
    """When which of its threads waited for a socket, while a query is late that reads a bucket."""
    asked: float = -math.inf
    """When it was last seen to wait for a bucket."""
    late: tuple[float, float, float] | None = None
    """When something in it was first seen to be late, and how long it had then run and waited for a processor."""
    waiting: int = 0
    """How many queries wait for a slot in it."""
    running: dict[str, Running] = field(default_factory=dict)

    def note(self, message: Mapping[str, Any]) -> None:
        """Take in what it reports."""
        if "start" in message:
            number, text, deadline, remote, brief = message["start"]
            self.running[number] = Running(text=text, deadline=deadline, remote=remote, brief=brief, began=self.heard)
        elif "waiting" in message:
            self.waiting = message["waiting"]
        elif "end" in message:
            self.running.pop(message["end"], None)
        elif "stands" in message:
            number, stands = message["stands"]
            if number in self.running:
                self.running[number].stands = stands
        elif "postpone" in message:
            number, deadline = message["postpone"]
            if number in self.running:
                self.running[number].deadline = deadline

    def idle(self, now: float, seconds: float) -> bool:
        """Tell whether nothing has run in it for so many *seconds*."""
        return not self.running and now > self.busy + seconds

    @property
    def resident(self) -> int:
        """Bytes in memory that are its own: not of files, nor shared since the fork."""
        return max(0, anonymous(self.statm) - int(self.inherited * _STAYS_SHARED))

    def waits(self, now: float) -> bool:
        """Tell whether it waits for a bucket: a thread of it has been asking for the same socket for a while."""
        if not any(one.remote and one.deadline is not None and one.deadline < now for one in self.running.values()):
            self.asking.clear()
            return False
        if not self.asking or now > self.asking[-1][0] + GRACE / _LOOKS:
            self.asking.append((now, _asking(self.number)))
        still = frozenset.intersection(*(threads for _, threads in self.asking))
        standing = sum(one.stands for one in self.running.values())  # they wait for their readers likewise
        if len(still) > standing:
            self.asked = now
        return now < self.asked + _BETWEEN

    def starves(self, now: float, *, brief: bool = False) -> bool:
        """Tell whether it has had next to nothing of the processors since something in it is late.

        *brief*: whether that is so for what is brief, of which a busy process may have much.
        """
        computing = (one.deadline for one in self.running.values() if not one.stands)
        if not any(deadline is not None and deadline < now for deadline in computing):
            self.late = None
            return False
        ran, waited = _scheduled(self.number)
        if self.late is None:
            self.late = now, ran, waited
        since, ran_before, waited_before = self.late
        span = now - since
        has, wants = ran - ran_before, waited - waited_before
        least = _SHARE_OF_BRIEF * max(span, wants) if brief else _SHARE * span
        return wants > _QUEUED * span and has < least

    def excused(self, numbers: Iterable[str], now: float) -> set[str]:
        """Return those of some late queries that only wait, for a bucket or for a processor."""
        return {number for number in numbers if self._excused(self.running[number], now)}

    def _excused(self, one: Running, now: float) -> bool:
        return self.starves(now, brief=one.brief) or (one.remote and self.waits(now))

    def release(self) -> None:
        """Close what it is watched by."""
        self.channel.close()
        os.close(self.watch)
        os.close(self.statm)


def anonymous(statm: int) -> int:
    """Return the bytes of a process that are in memory and not of a file, from its ``/proc/PID/statm``."""
    try:
        resident, shared = map(int, os.pread(statm, 128, 0).split()[1:3])
    except (OSError, ValueError):
        return 0
    return (resident - shared) * _PAGE


def last_moment(one: Running, waits: bool, starves: bool) -> float:
    """Return when a query must have ended.

    That is later where it may wait for a bucket or for a processor, and never while it waits for a reader.
    """
    if one.deadline is None or one.stands:
        return math.inf
    grace = HUNGER if starves else GRACE
    return max(one.deadline, one.began) + (SILENCE if one.remote and waits else grace)


def _scheduled(process: int) -> tuple[float, float]:
    """Return for how many seconds the threads of a process have run, and waited for a processor; else zeros.

    They are in ``/proc/PID/task/*/schedstat`` (proc(5), Documentation/scheduler/sched-stats.rst), in nanoseconds.
    """
    ran = waited = 0
    for task in Path(f"/proc/{process}/task").glob("*/schedstat"):
        with suppress(OSError, ValueError):
            on_processor, queued, _ = map(int, task.read_text(encoding="ascii").split())
            ran, waited = ran + on_processor, waited + queued
    return ran / 1e9, waited / 1e9


def _asking(process: int) -> frozenset[str]:
    """Return the threads of a process that wait for a socket now."""
    found = set()
    for task in Path(f"/proc/{process}/task").glob("*/syscall"):
        with suppress(OSError):
            if task.read_text(encoding="ascii").partition(" ")[0] in _WAITING:
                found.add(task.parent.name)
    return frozenset(found)

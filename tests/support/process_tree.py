"""The processes of a server: which there are, what they take together, and how one of a kind is ended.

``Memory`` samples resident memory without what is shared, and the largest shared part once (``statm``): 10 µs a
process, so a hundred looks a second cost the server nothing. It counts pages that a fork left in common twice, so it
never tells too little. ``usage`` adds proportional set sizes (``smaps_rollup``), which are exact, but take the kernel
23 ms for a process of 1.4 GB, and hold up its page faults meanwhile: they are for quiet moments.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from signal import SIGKILL, Signals
from threading import Event, Thread
from types import TracebackType
from typing import Self

from waiting import wait_for

SUPERVISING = b"gateway.app.engine_processes"
PROC = Path("/proc")
PAGE = os.sysconf("SC_PAGE_SIZE")


class Role(StrEnum):
    """What a process of a server is for."""

    ARBITER = "arbiter"
    WORKER = "worker"
    SUPERVISOR = "supervisor"
    ENGINE = "engine"
    TRIAL = "trial"
    APART = "apart"
    OTHER = "other"


NAMED = {
    "gateway-superv": Role.SUPERVISOR,
    "gateway-engine": Role.ENGINE,
    "gateway-trial": Role.TRIAL,
    "gateway-apart": Role.APART,
}
"""The names that processes give themselves; what is started by the arbiter and has none of them is a web worker."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """One process; ``started``, in ticks since the machine's start, tells it from a later one of the same number."""

    pid: int
    started: int
    role: Role

    @property
    def alive(self) -> bool:
        """Whether it has not ended; one that only waits to be collected has."""
        found = _stat(self.pid)
        return found is not None and found == ("alive", self.started)

    def signal(self, number: Signals) -> None:
        """Send it a signal, unless it has ended."""
        if self.alive:
            os.kill(self.pid, number)


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What some processes take together: bytes of memory, open file descriptors, threads."""

    memory: int
    descriptors: int
    threads: int
    by_role: Mapping[str, int]
    """Bytes of memory by role."""

    def __str__(self) -> str:
        return (
            f"{self.memory >> 20} MiB ({_said(self.by_role)}), {self.descriptors} descriptors, {self.threads} threads"
        )


def tree(root: int) -> list[Process]:
    """List a process and all that it started, directly or not."""
    return list(_found(root, Role.ARBITER))


def of_role(root: int, role: Role) -> list[Process]:
    """List the processes of one role below *root*."""
    return [process for process in tree(root) if process.role is role]


def workers_of(root: int) -> list[int]:
    """List the numbers of the web workers of a server."""
    return [process.pid for process in of_role(root, Role.WORKER)]


def the(root: int, role: Role) -> Process:
    """Wait until exactly one process has *role*; return it."""
    wait_for(lambda: len(of_role(root, role)) == 1, lambda: f"one process as {role} among {tree(root)}")
    return of_role(root, role)[0]


def end(root: int, role: Role, number: Signals = SIGKILL) -> Process:
    """Send *number* to one process of *role*; return that process."""
    [process, *_] = wait_for(lambda: of_role(root, role), lambda: f"a process as {role} among {tree(root)}")
    process.signal(number)
    return process


def marked(text: str) -> list[Process]:
    """List all processes of this user whose environment holds *text*: also those whose parent has ended."""
    numbers = (int(path.name) for path in PROC.iterdir() if path.name.isdigit() and int(path.name) != os.getpid())
    found = (_process(number, Role.OTHER) for number in numbers if text.encode() in _bytes(number, "environ"))
    return [process for process in found if process is not None]


def usage(root: int) -> Usage:
    """Measure a process and all that it started."""
    processes = tree(root)
    by_role: Counter[str] = Counter()
    for process in processes:
        by_role[process.role.value] += _proportional(process.pid)
    return Usage(
        memory=by_role.total(),
        descriptors=sum(_entries(process.pid, "fd") for process in processes),
        threads=sum(_entries(process.pid, "task") for process in processes),
        by_role=by_role,
    )


def cpu_seconds(pid: int) -> float:
    """Return the CPU time that a process has taken, without those that it started."""
    fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident(root: int) -> int:
    """Return what a process and all that it started take, in bytes, as ``Memory`` counts it."""
    own, shared = _taken(root)
    return own.total() + shared


class Memory:
    """The most that a process and all that it started were seen to take, in bytes; looked at every *pulse* seconds."""

    def __init__(self, root: int, *, pulse: float = 0.01) -> None:
        self.peak = self.anonymous = self.looks = 0
        self.parts: Mapping[str, int] = {}
        """Bytes by role at the peak, without what is shared. ``anonymous`` is their sum."""
        self._root, self._pulse, self._stop = root, pulse, Event()
        self._thread = Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._look()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def __str__(self) -> str:
        return f"{self.peak >> 20} MiB at most ({_said(self.parts)}) in {self.looks} looks"

    def _watch(self) -> None:
        while not self._stop.wait(self._pulse):
            self._look()

    def _look(self) -> None:
        self.looks += 1
        own, shared = _taken(self._root)
        if (total := own.total() + shared) > self.peak:
            self.peak, self.anonymous, self.parts = total, own.total(), own


def _found(pid: int, role: Role) -> Iterator[Process]:
    process = _process(pid, role)
    if process is None:
        return
    yield process
    below = Role.WORKER if role is Role.ARBITER else Role.OTHER
    for child in _children(pid):
        yield from _found(child, below)


def _process(pid: int, otherwise: Role) -> Process | None:
    found = _stat(pid)
    if found is None or found[0] != "alive":
        return None
    name = _bytes(pid, "comm").decode(errors="replace").strip()
    if otherwise is Role.WORKER and SUPERVISING in _bytes(pid, "cmdline"):
        otherwise = Role.SUPERVISOR  # it has not named itself yet
    return Process(pid=pid, started=found[1], role=NAMED.get(name, otherwise))


def _stat(pid: int) -> tuple[str, int] | None:
    """Tell whether a process is alive or waits to be collected, and when it started."""
    text = _bytes(pid, "stat").decode(errors="replace")
    if not text:
        return None
    fields = text.rpartition(")")[2].split()
    return ("ended" if fields[0] in "ZX" else "alive"), int(fields[19])


def _children(pid: int) -> list[int]:
    """List the processes that any thread of a process started."""
    try:
        threads = sorted((PROC / str(pid) / "task").iterdir())
    except OSError:
        return []
    return [int(word) for thread in threads for word in _read(thread / "children").split()]


def _taken(root: int) -> tuple[Counter[str], int]:
    """Return the bytes by role that are not shared, and the largest part that is."""
    own: Counter[str] = Counter()
    shared = 0
    for process in tree(root):
        all_of_it, common = _resident(process.pid)
        own[process.role.value] += all_of_it - common
        shared = max(shared, common)
    return own, shared


def _said(parts: Mapping[str, int]) -> str:
    return ", ".join(f"{role} {size >> 20}" for role, size in sorted(parts.items()))


def _resident(pid: int) -> tuple[int, int]:
    """Read the resident memory of a process, and the part of it that files or shared memory are behind."""
    fields = _bytes(pid, "statm").split()
    return (int(fields[1]) * PAGE, int(fields[2]) * PAGE) if fields else (0, 0)


def _proportional(pid: int) -> int:
    found = re.search(r"^Pss: +(\d+) kB", _bytes(pid, "smaps_rollup").decode(), re.MULTILINE)
    return int(found[1]) * 1024 if found else 0


def _entries(pid: int, folder: str) -> int:
    try:
        return len(os.listdir(PROC / str(pid) / folder))
    except OSError:
        return 0


def _bytes(pid: int, name: str) -> bytes:
    return _read(PROC / str(pid) / name)


def _read(path: Path) -> bytes:
    """Read a file of a process; nothing where it has ended meanwhile or is another user's."""
    try:
        return path.read_bytes()
    except OSError:
        return b""

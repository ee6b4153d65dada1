"""Divide the setting ``memory`` among the processes of a server, and what they need it for.

    memory                    the server; by default a part of what the control group or the machine has
      starter, supervisor     the processes that start the others
      engine                  the engine's process: the interpreter, DuckDB's limit, and what it takes beyond
      aside                   a process for one query at a time that may pass its limits, while there is one
      workers x
        interpreter           Python and the libraries
        cache                 results and bodies in the memory tier
        results               results being gathered, and being encoded

A setting for one part (``engine.memory``, ``cache.memory``, ``cache.max_result``) takes its place; the others share
what is left.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from gateway.config import FILE_NAME
from gateway.errors import Diagnostic, SettingsInvalid
from gateway.settings import Settings

MEBIBYTE = 2**20
STARTER = 96 * MEBIBYTE
"""What the process that starts the workers takes of its own."""
SUPERVISOR = 64 * MEBIBYTE
"""What the process that starts the engines' takes of its own."""
INTERPRETER = 160 * MEBIBYTE
"""What a worker takes that has answered nothing yet, and grows by in service, beside the parts below."""
HOST = 96 * MEBIBYTE
"""What an engine's process takes beside DuckDB's limit and what that takes beyond."""
ASIDE = 256 * MEBIBYTE
"""What the process for one query at a time may take in all."""
OVERSHOOT = 0.5
"""Part of its limit that DuckDB may take beyond it before its process is ended: 0.3 is usual, see docs/operating.md."""
_ENGINE, _CACHE, _RESULTS = 0.6, 0.15, 0.25
"""How the memory is divided where nothing is set; DuckDB's part includes the overshoot."""
_LARGEST = 64 * MEBIBYTE
"""Size of the largest result that is gathered, where there is memory for it."""
_ENCODED = 2
"""A result takes its size once more while it is encoded."""
_SLOT = 128 * MEBIBYTE
"""DuckDB's memory for each query that runs at once, at least, where the number of slots is not set."""
_LEAST = 128 * MEBIBYTE
"""What the parts of a worker together need at least."""
_FIXED = STARTER + SUPERVISOR + HOST + ASIDE
_OF_GROUP, _OF_MACHINE = 0.85, 0.5
"""Part of the memory of a control group, or of a whole machine, that is taken where nothing is set."""
_UNLIMITED = 2**60
"""A limit of a control group from which on there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemorySplit:
    """The memory of a server, divided; in bytes. ``memory`` is that of the whole server."""

    memory: int
    workers: int
    engine: int
    """DuckDB's limit in the process that runs the queries of all workers."""
    cache: int
    """For kept results, in each worker."""
    results: int
    """For results being gathered and encoded in each worker, of all queries that run together."""
    max_result: int
    slots: int
    """Queries that run at the same time on this machine."""

    @property
    def bound(self) -> int:
        """Resident bytes at which the engine's process is ended."""
        return HOST + self.engine + overshoot(self.engine)

    @property
    def aside(self) -> int:
        """DuckDB's limit in the process for one query at a time, which is ended at ``ASIDE`` resident bytes."""
        return int((ASIDE - HOST) / (1 + OVERSHOOT))

    @property
    def share(self) -> int:
        """Bytes that each of the results being gathered may take, whatever the others take: half of all, by slots."""
        return self.results // _ENCODED // 2 // self.slots

    @property
    def gathered(self) -> int:
        """Bytes that all gathered results may take beside those shares, for as long as anybody holds them."""
        return self.results // _ENCODED - self.share * self.slots + self.cache

    @property
    def parts(self) -> Mapping[str, int]:
        """Name what the memory is for; the sum is not over ``memory``."""
        return {
            "engine": self.engine,
            "beyond": overshoot(self.engine) + HOST,
            "aside": ASIDE,
            "cache": self.cache * self.workers,
            "results": self.results * self.workers,
            "interpreters": STARTER + SUPERVISOR + INTERPRETER * self.workers,
        }

    def __str__(self) -> str:
        parts = {name: _said(size) for name, size in self.parts.items()}
        return (
            f"{_said(self.memory)} for all processes: {parts['engine']} for DuckDB, {parts['beyond']} that its process "
            f"may take beyond, {parts['aside']} for queries that run apart, {parts['cache']} for kept results, "
            f"{parts['results']} for results in flight, {parts['interpreters']} for the interpreters (workers: "
            f"{self.workers}). Queries that run at once on this machine: {self.slots}. A result is kept up to "
            f"{_said(self.max_result)}."
        )


def overshoot(engine: int) -> int:
    """Return how many bytes DuckDB takes beyond a limit."""
    return int(engine * OVERSHOOT)


def split_memory(
    settings: Settings, *, cores: int | None = None, available: Callable[[], int] | None = None
) -> MemorySplit:
    """Divide the memory that *settings* give. Raises ``SettingsInvalid`` where it is too little for what they ask."""
    given, engine, cache = settings.memory, settings.engine, settings.cache
    memory = given if given is not None else (available or available_memory)()
    workers = settings.server.workers
    free = memory - _FIXED - workers * INTERPRETER
    engine_part = None if engine.memory is None else engine.memory + overshoot(engine.memory)
    cache_part = None if cache.memory is None else cache.memory * workers
    one_result = None if cache.max_result is None else cache.max_result * _ENCODED * workers
    taken = {"engine.memory": engine_part, "cache.memory": cache_part, "cache.max_result": one_result}
    _check(memory, workers, {name: size for name, size in taken.items() if size is not None})
    for_engine, for_cache, for_results = _divided(free, engine_part, cache_part, None)
    if one_result is not None and for_results < one_result:
        for_engine, for_cache, for_results = _divided(free, engine_part, cache_part, one_result)
    limit = engine.memory if engine.memory is not None else int(for_engine / (1 + OVERSHOOT))
    results = for_results // workers
    return MemorySplit(
        memory=memory,
        workers=workers,
        engine=limit,
        cache=for_cache // workers,
        results=results,
        max_result=cache.max_result if cache.max_result is not None else min(_LARGEST, results // _ENCODED),
        slots=engine.slots or _slots(limit, cores or os.cpu_count() or 1),
    )


def available_memory(root: Path = Path("/")) -> int:
    """Return how many bytes a server may take here: a part of its control group's limit, or of the machine's memory."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = group_limit(root)
    return int(machine * _OF_MACHINE) if limit is None or limit >= machine else int(limit * _OF_GROUP)


def group_limit(root: Path = Path("/")) -> int | None:
    """Read the memory limit of the control group of this process (version 2 or 1), the least of its ancestors'."""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return None
    limits = [limit for line in lines for limit in _limits(root / "sys/fs/cgroup", *line.split(":", 2)[1:])]
    return min(limits, default=None)


def _limits(root: Path, controllers: str, path: str) -> list[int]:
    if controllers and "memory" not in controllers.split(","):
        return []
    base, name = (root / "memory", "memory.limit_in_bytes") if controllers else (root, "memory.max")
    # Inside a container the path may be that of the host, where only the root is to be seen.
    places = [PurePosixPath(path.lstrip("/")), *PurePosixPath(path.lstrip("/")).parents, PurePosixPath()]
    found = [_number(base / place / name) for place in places]
    return [limit for limit in found if limit is not None and limit < _UNLIMITED]


def _number(path: Path) -> int | None:
    try:
        text = path.read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdecimal() else None


def _check(memory: int, workers: int, taken: Mapping[str, int]) -> None:
    """Raise ``SettingsInvalid`` where the parts that are set leave nothing for the rest, or are too much together."""
    fixed = _FIXED + workers * INTERPRETER
    needed = fixed + max(sum(taken.values()), workers * _LEAST)
    if needed <= memory:
        return
    parts = {"the processes themselves": fixed, **taken}
    listed = ", ".join(f"{_said(size)} for {name}" for name, size in parts.items())
    message = f"memory: {_said(memory)} is too little for {workers} workers: they need {_said(needed)} ({listed})"
    raise SettingsInvalid(
        [Diagnostic(path=FILE_NAME, message=message, hint=f"set memory to {_said(needed)} or more, or fewer workers")]
    )


def _divided(free: int, engine: int | None, cache: int | None, results: int | None) -> tuple[int, int, int]:
    """Divide *free* bytes by weight among the parts that are not set."""
    parts = ((engine, _ENGINE), (cache, _CACHE), (results, _RESULTS))
    left = free - sum(size for size, _ in parts if size is not None)
    weights = sum(weight for size, weight in parts if size is None)
    first, second, third = (size if size is not None else int(left * weight / weights) for size, weight in parts)
    return first, second, third


def _slots(engine: int, cores: int) -> int:
    """Choose how many queries run at once on *cores*, each with enough memory."""
    return max(1, min(max(2, cores), engine // _SLOT))


def _said(size: int) -> str:
    """Write a size for people, rounded up.

    >>> _said(3 * 2**30), _said(200 * 2**20)
    ('3GiB', '200MiB')
    """
    mebibytes = -(-size // MEBIBYTE)
    return f"{mebibytes // 1024}GiB" if mebibytes % 1024 == 0 else f"{mebibytes}MiB"

"""Divide the setting ``memory`` among everything that takes memory in the workers of a server.

    memory          the server; by default a part of what the control group or the machine has
      / workers     after the process that starts them
        interpreter     Python and the libraries
        engine          DuckDB's limit, and what it takes beyond
        cache           results and bodies in the memory tier
        results         results being gathered, and being encoded

A setting for one part (``engine.memory``, ``cache.memory``, ``cache.max_result``) takes its place; the others share
what is left.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from gateway.config import FILE_NAME, Settings
from gateway.errors import Diagnostic, SettingsInvalid

MEBIBYTE = 2**20
STARTER = 96 * MEBIBYTE
"""What the process that starts the workers takes of its own."""
INTERPRETER = 160 * MEBIBYTE
"""What a worker takes that has answered nothing yet, and grows by in service, beside the parts below."""
OVERSHOOT = 0.3
"""Part of its limit that DuckDB takes beyond it: measured, see docs/operating.md."""
_ENGINE, _CACHE, _RESULTS = 0.6, 0.15, 0.25
"""How a worker's memory is divided where nothing is set; DuckDB's part includes the overshoot."""
_LARGEST = 64 * MEBIBYTE
"""Size of the largest result that is gathered, where there is memory for it."""
_ENCODED = 2
"""A result takes its size once more while it is encoded."""
_SLOT = 128 * MEBIBYTE
"""DuckDB's memory for each query that runs at once, at least, where the number of slots is not set."""
_LEAST = 128 * MEBIBYTE
"""What the parts of a worker together need at least."""
_OF_GROUP, _OF_MACHINE = 0.85, 0.5
"""Part of the memory of a control group, or of a whole machine, that is taken where nothing is set."""
_UNLIMITED = 2**60
"""A limit of a control group from which on there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemorySplit:
    """The memory of one worker, divided; in bytes. ``memory`` is that of the whole server."""

    memory: int
    workers: int
    worker: int
    engine: int
    """DuckDB's limit."""
    cache: int
    results: int
    """For results being gathered and encoded, of all queries that run together."""
    max_result: int
    slots: int

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
        """Name what a worker's memory is for; the sum is not over ``worker``."""
        return {
            "interpreter": INTERPRETER,
            "engine": self.engine,
            "beyond": overshoot(self.engine),
            "cache": self.cache,
            "results": self.results,
        }

    def __str__(self) -> str:
        parts = {name: _said(size) for name, size in self.parts.items()}
        return (
            f"{_said(self.memory)} for {self.workers} workers of {_said(self.worker)}: {parts['engine']} for DuckDB, "
            f"{parts['beyond']} that it takes beyond, {parts['cache']} for kept results, {parts['results']} for "
            f"results in flight, {parts['interpreter']} for the interpreter. A worker runs {self.slots} at once; "
            f"a result is kept up to {_said(self.max_result)}."
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
    worker = max(0, memory - STARTER) // workers
    free = worker - INTERPRETER
    engine_part = None if engine.memory is None else engine.memory + overshoot(engine.memory)
    one_result = None if cache.max_result is None else cache.max_result * _ENCODED
    taken = {"engine.memory": engine_part, "cache.memory": cache.memory, "cache.max_result": one_result}
    _check(memory, worker, workers, {name: size for name, size in taken.items() if size is not None})
    for_engine, for_cache, for_results = _divided(free, engine_part, cache.memory, None)
    if one_result is not None and for_results < one_result:
        for_engine, for_cache, for_results = _divided(free, engine_part, cache.memory, one_result)
    limit = engine.memory if engine.memory is not None else int(for_engine / (1 + OVERSHOOT))
    slots = engine.slots or _slots(limit, -(-(cores or os.cpu_count() or 1) // workers))
    return MemorySplit(
        memory=memory,
        workers=workers,
        worker=worker,
        engine=limit,
        cache=for_cache,
        results=for_results,
        max_result=cache.max_result if cache.max_result is not None else min(_LARGEST, for_results // _ENCODED),
        slots=slots,
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


def _check(memory: int, worker: int, workers: int, taken: Mapping[str, int]) -> None:
    """Raise ``SettingsInvalid`` where the parts that are set leave nothing for the rest, or are too much together."""
    parts = {"the interpreter": INTERPRETER, **taken}
    needed = max(sum(parts.values()), INTERPRETER + _LEAST)
    if needed <= worker:
        return
    listed = ", ".join(f"{_said(size)} for {name}" for name, size in parts.items())
    least = needed * workers + STARTER
    message = (
        f"memory: {_said(memory)} is too little for {workers} workers: each has {_said(worker)} and needs "
        f"{_said(needed)} ({listed})"
    )
    raise SettingsInvalid(
        [Diagnostic(path=FILE_NAME, message=message, hint=f"set memory to {_said(least)} or more, or fewer workers")]
    )


def _divided(free: int, engine: int | None, cache: int | None, results: int | None) -> tuple[int, int, int]:
    """Divide *free* bytes by weight among the parts that are not set."""
    parts = ((engine, _ENGINE), (cache, _CACHE), (results, _RESULTS))
    left = free - sum(size for size, _ in parts if size is not None)
    weights = sum(weight for size, weight in parts if size is None)
    first, second, third = (size if size is not None else int(left * weight / weights) for size, weight in parts)
    return first, second, third


def _slots(engine: int, cores: int) -> int:
    """Choose how many queries run at once in a worker that has *cores*, each with enough memory."""
    return max(1, min(max(2, cores), engine // _SLOT))


def _said(size: int) -> str:
    """Write a size for people, rounded up.

    >>> _said(3 * 2**30), _said(200 * 2**20)
    ('3GiB', '200MiB')
    """
    mebibytes = -(-size // MEBIBYTE)
    return f"{mebibytes // 1024}GiB" if mebibytes % 1024 == 0 else f"{mebibytes}MiB"

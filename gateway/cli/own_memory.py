"""The bound on the memory of a command that runs queries in its own process."""

from __future__ import annotations

import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gateway.app.memory_split import split_memory
from gateway.settings import Settings

_DATA = 5
"""Place of the pages of private, writable memory in ``/proc/self/statm``."""


@contextmanager
def bounded_memory(settings: Settings) -> Iterator[None]:
    """Let allocations fail beyond what this process has now and ``memory`` of the settings; on Linux only.

    DuckDB's own limit does not bound what some functions make: a query of them is then told as one that is too large,
    where it took the memory of the machine.
    """
    if sys.platform != "linux":
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    bounds = [_data() + split_memory(settings).memory, *(one for one in (soft, hard) if one != resource.RLIM_INFINITY)]
    resource.setrlimit(resource.RLIMIT_DATA, (min(bounds), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def _data() -> int:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[_DATA]) * resource.getpagesize()

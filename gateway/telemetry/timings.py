"""Per-stage timings of a request, for ``Server-Timing``, and the requests to stores that it took."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(slots=True)
class Timings:
    """Seconds spent in each stage of one request, and the requests to buckets that its runs sent (None: none ran)."""

    clock: Callable[[], float]
    seconds: dict[str, float] = field(default_factory=dict)
    requests: int | None = None
    started: float = field(init=False)

    def __post_init__(self) -> None:
        self.started = self.clock()

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        begin = self.clock()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + self.clock() - begin

    def sent(self, requests: int) -> None:
        """Count requests to buckets."""
        self.requests = (self.requests or 0) + requests

    def rest(self, name: str) -> None:
        """Assign the time that no stage took to *name*."""
        self.seconds[name] = max(0.0, self.clock() - self.started - sum(self.seconds.values()))

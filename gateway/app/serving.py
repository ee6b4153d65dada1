"""What a process that answers and one that builds open alike: who may do what, and what questions are answered from."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import Protocol, TypeVar

from gateway.access.base import Access
from gateway.access.limits import CallerLimits
from gateway.access.opening import open_access, open_limits
from gateway.app.engine_processes import EngineProcesses
from gateway.app.gateway import Opened, open_pipeline
from gateway.app.result_tiers import redis_pool
from gateway.app.state import reload_signal
from gateway.project.reload import Stamp, look
from gateway.settings import Settings
from gateway.telemetry.events import Observer


class _InBackground(Protocol):
    def start(self) -> None: ...

    def close(self) -> None: ...


Part = TypeVar("Part", bound=_InBackground)


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """What was opened; ``seen`` is a look at the project's files from before they were read."""

    access: Access
    limits: CallerLimits
    opened: Opened
    seen: Stamp


def open_serving(settings: Settings, observe: Observer, processes: EngineProcesses | None, stack: ExitStack) -> Serving:
    """Open it; *stack* closes it. Raises ``SettingsInvalid``."""
    access = open_access(settings.project, settings.access, observe)
    limits = open_limits(
        settings.limits,
        access,
        observe,
        state=settings.state,
        redis=redis_pool(settings),
        namespace=settings.cache.namespace,
    )
    seen = look(settings.project, reload_signal(settings))
    pipeline = open_pipeline(settings, observe=observe, background=True, charge=limits.charge, processes=processes)
    return Serving(access=access, limits=limits, opened=stack.enter_context(pipeline), seen=seen)


def started(part: Part, stack: ExitStack) -> Part:
    """Start a part that works in the background; *stack* closes it."""
    part.start()
    stack.callback(part.close)
    return part

"""The process that does the builds and exports of a deployment, and answers nobody.

It alone needs keys that write. Its engines run in processes of their own, which are started as a program without the
settings ``builder.*``: they read with the keys of ``storage``, as those of a server do.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from threading import Event
from types import FrameType

from prometheus_client import CollectorRegistry

from gateway.app.engine_processes import EngineProcesses
from gateway.app.jobs import open_jobs
from gateway.app.reloading import reloader_of
from gateway.app.runners import start_runners
from gateway.app.serving import open_serving, started
from gateway.app.state import make_state
from gateway.pipeline import Gateway
from gateway.project.loader import Project
from gateway.settings import Settings
from gateway.telemetry.events import Observer, fan_out
from gateway.telemetry.json_log import JsonLog
from gateway.telemetry.metrics import Metrics
from gateway.telemetry.text_log import standard_output

_LOOK = 0.5
"""Seconds between two looks at the processes of the engines."""


def run_builder(settings: Settings) -> None:
    """Do the jobs that are asked for and that are due, until SIGTERM or SIGINT: one under way is then handed on."""
    stop = Event()

    def stopping(_: int, __: FrameType | None) -> None:
        stop.set()

    before = {number: signal.signal(number, stopping) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        with _open_builder(settings) as processes:
            while not stop.wait(_LOOK):
                processes.attend()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _open_builder(settings: Settings) -> Iterator[EngineProcesses]:
    make_state(settings.state)
    metrics = Metrics(CollectorRegistry())
    observe = fan_out(metrics, JsonLog(standard_output(settings.log.format, "log", lost=metrics)))
    with ExitStack() as stack:
        processes = EngineProcesses(settings)
        stack.callback(processes.close)
        processes.start()
        _start(settings, processes, observe, stack)
        yield processes


def _start(settings: Settings, processes: EngineProcesses, observe: Observer, stack: ExitStack) -> None:
    found = open_serving(settings, observe, processes, stack)
    opened = found.opened
    current = [opened.gateway]

    def serve(gateway: Gateway, _: Project) -> None:
        current[:] = [gateway]
        gateway.catalog.take_over()

    started(reloader_of(opened, settings, found.seen, serve, observe), stack)
    start_runners(settings, open_jobs(settings, observe), lambda: current[0], found.access, observe, stack)

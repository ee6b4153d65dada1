"""Opens the location of what names are given to: snapshots, and the records of jobs."""

from __future__ import annotations

import time

from gateway.catalog.named_snapshots import NamedSnapshots
from gateway.catalog.store import Store, open_store
from gateway.settings import Settings
from gateway.telemetry.events import Observer


def open_named_snapshots(settings: Settings, observe: Observer) -> NamedSnapshots | None:
    """Open the snapshots that are kept by their names; None where no location is set for them."""
    location, keep = settings.snapshots.location, settings.snapshots.keep_snapshots
    if location is None:
        return None

    def opened() -> Store:
        return open_store(location, settings.storage, settings.project, observe=observe, make=True)

    return NamedSnapshots(opened, keep=keep, clock=time.time, observe=observe)

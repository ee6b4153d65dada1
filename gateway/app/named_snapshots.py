"""Opens the location of what names are given to: snapshots, and the records of jobs. It is nobody else's."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping

from gateway.catalog.named_snapshots import NamedSnapshots
from gateway.catalog.store import Store, open_store, place_of
from gateway.catalog.table import Table
from gateway.config import FILE_NAME
from gateway.errors import Diagnostic, Rule, SettingsInvalid
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


def refuse_among_files(settings: Settings, tables: Mapping[str, Table]) -> None:
    """Raise ``SettingsInvalid`` where the location lies in that of a table, or one of a table lies in it."""
    found = [*among_files(settings, tables)]
    if found:
        raise SettingsInvalid(found)


def among_files(settings: Settings, tables: Mapping[str, Table]) -> Iterator[Diagnostic]:
    """Find the tables whose files and what is kept of snapshots would lie among each other."""
    location = settings.snapshots.location
    if location is None:
        return
    kept = place_of(location, settings.storage, settings.project)
    for name, table in tables.items():
        for theirs in (table.location, *table.replicas):
            place = place_of(theirs, settings.storage, settings.project)
            if not (kept.startswith(place) or place.startswith(kept)):
                continue
            where = "lies in" if kept.startswith(place) else "holds"
            message = f"snapshots.location: {location} {where} {theirs}, the location of the table {name}"
            hint = "give what is kept a folder of its own beside those of the tables, such as s3://warehouse/_snapshots"
            yield Diagnostic(path=FILE_NAME, message=message, hint=hint, rule=Rule.SETTINGS)

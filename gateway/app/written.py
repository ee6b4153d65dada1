"""Announces files that a command has written to those who read the same tables with the same state folder."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath

from gateway.app.gateway import open_catalog
from gateway.catalog.store import place_of
from gateway.catalog.table import Table
from gateway.settings import Settings
from gateway.telemetry.events import unobserved


def announce_written(settings: Settings, name: str, paths: Iterable[str] | None) -> None:
    """List again what was written to the table *name*, so that the next read of anybody here sees it.

    *paths* are the new files below its location; None: others were removed too. Other tables over the same files are
    listed whole. Without a state folder nobody has listed anything. Raises ``GatewayError``.
    """
    if not settings.state.is_dir():
        return
    with open_catalog(settings, observe=unobserved) as catalog:
        for other in sharing(settings, catalog.tables, name):
            catalog.refresh(other, None if other != name else _partitions(paths), announced=True)


def sharing(settings: Settings, tables: Mapping[str, Table], name: str) -> Iterator[str]:
    """List the tables whose location is that of table *name*, or lies in it, or holds it."""
    places = {each: place_of(table.location, settings.storage, settings.project) for each, table in tables.items()}
    for each, place in places.items():
        if place.startswith(places[name]) or places[name].startswith(place):
            yield each


def _partitions(paths: Iterable[str] | None) -> list[str] | None:
    """Return the folders of *paths*; None for the whole table, which it is where a file lies in the location itself."""
    folders = None if paths is None else sorted({str(PurePosixPath(path).parent) for path in paths})
    return None if folders is None or "." in folders else folders

"""The locations that the gateway writes to by itself: each is nobody else's, least of all that of a table."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from gateway.catalog.location import local_folder
from gateway.catalog.store import place_of, root_of
from gateway.catalog.table import Table
from gateway.config import FILE_NAME
from gateway.errors import Diagnostic, Rule, SettingsInvalid
from gateway.settings import Settings

_PLAIN = re.compile(r"[A-Za-z0-9_.=+@/-]*")
"""Paths in which Spark sees no escape."""


def refuse_misplaced(settings: Settings, tables: Mapping[str, Table]) -> None:
    """Raise ``SettingsInvalid`` where a location lies in that of a table, or one of a table in it, or is of no use."""
    found = [*misplaced(settings, tables)]
    if found:
        raise SettingsInvalid(found)


def misplaced(settings: Settings, tables: Mapping[str, Table]) -> Iterator[Diagnostic]:
    """Find the tables whose files and what the gateway writes would lie among each other, and what is no place."""
    kept = "what is kept", "s3://warehouse/_snapshots"
    spooled = "what Spark writes", "s3://warehouse/_spark"
    yield from _among_files("snapshots.location", settings.snapshots.location, kept, settings, tables)
    spool = settings.cluster.spark_spool
    yield from _among_files("cluster.spark_spool", spool, spooled, settings, tables)
    if spool is not None:
        yield from _unwritable(spool, settings)


def _among_files(
    setting: str, location: str | None, meant: tuple[str, str], settings: Settings, tables: Mapping[str, Table]
) -> Iterator[Diagnostic]:
    if location is None:
        return
    own, (what, example) = place_of(location, settings.storage, settings.project), meant
    for name, table in tables.items():
        for theirs in (table.location, *table.replicas):
            place = place_of(theirs, settings.storage, settings.project)
            if not (own.startswith(place) or place.startswith(own)):
                continue
            where = "lies in" if own.startswith(place) else "holds"
            message = f"{setting}: {location} {where} {theirs}, the location of the table {name}"
            hint = f"give {what} a folder of its own beside those of the tables, such as {example}"
            yield Diagnostic(path=FILE_NAME, message=message, hint=hint, rule=Rule.SETTINGS)


def _unwritable(location: str, settings: Settings) -> Iterator[Diagnostic]:
    """Find why Spark could not write to a location."""
    folder = local_folder(location, settings.project)
    message = None
    if folder is not None and not folder.is_dir():
        message = f"cluster.spark_spool: there is no folder {location}: make one that the gateway and Spark both see"
    elif not _PLAIN.fullmatch(root_of(location, settings.project).removeprefix("s3://")):
        message = "cluster.spark_spool: its path has a character that Spark reads as an escape"
    if message is not None:
        yield Diagnostic(path=FILE_NAME, message=message, rule=Rule.SETTINGS)

"""Names of snapshots: one for all tables of a query, made of the snapshots of each.

A snapshot of a table is named by its content, so every host gives the same name to the same files. The name for
several tables has that of each, in the order of the tables' names; nobody but this module reads it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from gateway.errors import MalformedRequest, shortened
from gateway.model import Reading

_DIGITS = 16
_PART = re.compile(rf"[0-9a-f]{{{_DIGITS}}}")
_DATE = re.compile(r"\d{4}-\d\d-\d\d.*", re.DOTALL)
OPTION = "_snapshot"


def part_of(snapshot: str) -> str:
    """Name the snapshot of one table.

    >>> part_of("00ff00ff00ff00ff11ee11ee11ee11ee")
    '00ff00ff00ff00ff'
    """
    return snapshot[:_DIGITS]


def name_of(snapshots: Mapping[str, str]) -> str:
    """Name the snapshots of several tables, which are given by their ids.

    >>> name_of({"b": "11ee" * 8, "a": "00ff" * 8})
    '00ff00ff00ff00ff-11ee11ee11ee11ee'
    """
    return "-".join(part_of(snapshots[table]) for table in sorted(snapshots))


def name_read(readings: Iterable[Reading]) -> str | None:
    """Name what an answer was read from; None where it has read no table."""
    snapshots = {reading.table: reading.snapshot for reading in readings}
    return name_of(snapshots) if snapshots else None


def parts_by_table(name: str, tables: Sequence[str], *, option: str = OPTION) -> dict[str, str]:
    """Take a name apart. Raises ``MalformedRequest`` of *option* where it is none for these *tables*.

    >>> parts_by_table("00ff00ff00ff00ff-11ee11ee11ee11ee", ["b", "a"])
    {'a': '00ff00ff00ff00ff', 'b': '11ee11ee11ee11ee'}
    """
    parts = name.split("-")
    if not tables:
        raise MalformedRequest(f"{option} names a snapshot of tables, and this query reads none.", option=option)
    if len(parts) != len(tables) or not all(_PART.fullmatch(part) for part in parts):
        said = f"{option} is not the name of a snapshot of the tables of this query ({', '.join(sorted(tables))}): "
        said += f"{shortened(name, 64)}. Take it from Gateway-Snapshot; a date means the last one before it."
        raise MalformedRequest(said, option=option)
    return dict(zip(sorted(tables), parts, strict=True))


def instant_of(text: str, *, option: str = OPTION) -> datetime | None:
    """Read a date or an instant, of UTC where it says no zone; None: it is neither. Raises ``MalformedRequest``.

    >>> instant_of("2026-11-28"), instant_of("00ff00ff00ff00ff")
    (datetime.datetime(2026, 11, 28, 0, 0, tzinfo=datetime.timezone.utc), None)
    """
    if _DATE.fullmatch(text) is None:
        return None
    try:
        found = datetime.fromisoformat(text)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        said = f"{option} is neither a snapshot nor a date such as 2026-11-28: {shortened(text, 64)}."
        raise MalformedRequest(said, option=option) from error

"""Read the partitions that a pipeline announces as written: ``day=2013-06-01/origin=JFK``."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import cast
from urllib.parse import quote, unquote

import pyarrow as pa
import pyarrow.compute as pc

from gateway.catalog.layout import HIVE_NULL
from gateway.catalog.manifest import Snapshot, levels
from gateway.catalog.transforms import TransformError
from gateway.errors import InvalidParameters, did_you_mean


def folders(snapshot: Snapshot, partitions: Iterable[str]) -> list[str]:
    """Return the folders to list again, relative to the location. Raises ``InvalidParameters`` with all mistakes.

    A value may be given as it is, or as its folder spells it; folders that are known by another spelling of the same
    value are listed as well.
    """
    orders = _orders(snapshot)
    found: dict[str, None] = {}
    mistakes: list[str] = []
    for text in partitions:
        wrong = [_wrong(snapshot, order, text) for order in orders]
        if None in wrong:
            found.update(dict.fromkeys((text.strip("/"), _encoded(text), *_known(snapshot, text))))
        else:
            mistakes.append(f"{text!r}: {wrong[-1]}")
    if mistakes:
        raise InvalidParameters([{"parameter": "partitions", "detail": mistake} for mistake in mistakes])
    return list(found)


def _wrong(snapshot: Snapshot, order: Sequence[str], text: str) -> str | None:
    """Say what is wrong with one announced partition."""
    parts = [part.partition("=") for part in text.strip("/").split("/")]
    if not order:
        return f"{snapshot.table.name} has no partition columns; refresh the whole table"
    for key, separator, _ in parts:
        if not separator:
            return f"write {order[0]}=value"
        if key not in order:
            return did_you_mean(key, order) or f"its partition columns are {', '.join(order)}"
    given = [key for key, _, _ in parts]
    if given != list(order[: len(given)]):
        return f"the folders are {'/'.join(order)}, outermost first"
    decoders = {level.column: level.decode for level in levels(snapshot.table, snapshot.file_columns)}
    for key, _, value in parts:
        try:
            if value != HIVE_NULL:
                decoders[key](pa.array([unquote(value, errors="strict")], pa.string()))
        except (TransformError, UnicodeDecodeError) as error:
            return f"{key}: {error}"
    return None


def _orders(snapshot: Snapshot) -> list[list[str]]:
    """Return the partition columns of each layout in the order of its folders."""
    layouts = snapshot.table.layouts
    return [[item.column for item in layout] for layout in layouts] or [_order(snapshot)]


def _order(snapshot: Snapshot) -> list[str]:
    """Return the partition columns in the order of the folders: as the first known file has them, else as declared."""
    declared = [item.column for item in snapshot.table.partitioned_by]
    if snapshot.files.num_rows:
        path = cast(str, snapshot.files["path"][0].as_py())
        seen = [unquote(name.partition("=")[0]) for name in path.split("/")[:-1] if "=" in name]
        if sorted(seen) == sorted(declared):
            return seen
    return declared


def _known(snapshot: Snapshot, text: str) -> set[str]:
    """Find the folders of the manifest that hold the announced values."""
    given = dict(_values(text))
    rows = snapshot.partitions
    for key, value in given.items():
        texts = rows.column(rows.column_names.index(key))
        rows = rows.filter(pc.is_null(texts) if value is None else pc.equal(texts, pa.scalar(value)))
    paths = cast(list[str], snapshot.files["path"].take(rows["first_file"].combine_chunks()).to_pylist())
    return {"/".join(path.split("/")[: _depth(path, given)]) for path in paths} - {""}


def _depth(path: str, keys: Collection[str]) -> int:
    """Count the folders of *path* down to the last one that belongs to one of *keys*; 0 where one is missing."""
    places = {unquote(name.partition("=")[0]): place for place, name in enumerate(path.split("/")[:-1], start=1)}
    return max((places.get(key, 0) for key in keys), default=0)


def _values(text: str) -> list[tuple[str, str | None]]:
    parts = (part.partition("=") for part in text.strip("/").split("/"))
    return [(key, None if value == HIVE_NULL else unquote(value)) for key, _, value in parts]


def _encoded(text: str) -> str:
    """Spell the values the way that writers of Hive folders escape them."""
    return "/".join(f"{key}={HIVE_NULL if value is None else quote(value, safe=' ')}" for key, value in _values(text))

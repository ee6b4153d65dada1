"""Where results may be written as files: below the prefixes that are allowed, away from what the gateway reads."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NoReturn

from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from gateway.catalog.location import checked_location
from gateway.catalog.partition_field import PartitionField
from gateway.catalog.table import Table
from gateway.datasets.written_columns import Unwritable, written_columns
from gateway.declaration import plain_words
from gateway.errors import InvalidParameters
from gateway.model import Column

TO, BY, SORT, COLUMNS = "to", "partition_by", "sort", "columns"
_FIELD: Final = re.compile(
    r"\s*(?:(?P<name>[^=()]+?)\s*=\s*)?(?:(?P<kind>[a-z]+\s*(?:[\[{].*[\]}])?)\s*\((?P<source>[^()]+)\)|(?P<plain>[^=()]+?))\s*",
    re.DOTALL,
)
_EXAMPLES: Final = "write a column of the result, day(COLUMN), or NAME=bucket[16](COLUMN)"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportTargets:
    """The prefixes that are allowed, and the places of the gateway's own files; *place* tells what a location is."""

    allow: tuple[str, ...]
    own: tuple[str, ...]
    """Locations of what the gateway keeps or is made of."""
    place: Callable[[str], str]

    def check(self, to: object, tables: Iterable[Table]) -> str:
        """Return the location that *to* names. Raises ``InvalidParameters`` where nothing may be written there."""
        if not self.allow:
            _refuse(TO, "nothing may be exported here: the operator names prefixes for it ([export] allow)")
        if not isinstance(to, str):
            _refuse(TO, "is the address of a folder, such as s3://bucket/folder")
        try:
            location = checked_location(to)
        except PydanticCustomError as error:
            hint = (error.context or {}).get("hint")
            _refuse(TO, error.message() + (f": {hint}" if hint else ""))
        place = self.place(location)
        if not any(place.startswith(self.place(each)) for each in self.allow):
            _refuse(TO, f"is below none of the prefixes that may be exported to: {', '.join(self.allow)}")
        read = [each for table in tables for each in (table.location, *table.replicas)]
        if any(_overlap(place, self.place(each)) for each in read):
            _refuse(TO, "lies in the location of a table, or around it: take another folder")
        if any(_overlap(place, self.place(each)) for each in self.own):
            _refuse(TO, "lies in a folder of the gateway's own, or around it: take another one")
        return location


def fields_of(texts: object) -> tuple[PartitionField, ...]:
    """Read by what is partitioned: columns, and transforms of them. Raises ``InvalidParameters``.

    >>> [(field.column, field.transform, field.source) for field in fields_of(["origin", "day(at)", "b=bucket[8](id)"])]
    [('origin', 'identity', 'origin'), ('at_day', 'day', 'at'), ('b', 'bucket[8]', 'id')]
    """
    if not isinstance(texts, list) or not all(isinstance(each, str) for each in texts):
        _refuse(BY, f"is a list of texts: {_EXAMPLES}")
    return tuple(_field(each) for each in texts)


def checked_columns(
    fields: Sequence[PartitionField], sort: Sequence[str], columns: Sequence[Column]
) -> tuple[Column, ...]:
    """Return the *columns* of a result as they are written. Raises ``InvalidParameters``."""
    try:
        written = written_columns(columns, fields, of="the query")
    except Unwritable as error:
        _refuse(BY if error.of_level else COLUMNS, error.message + (f": {error.hint}" if error.hint else ""))
    names, levels = {column.name.lower() for column in columns}, [field.column.lower() for field in fields]
    for field in fields:
        if levels.count(field.column.lower()) > 1:
            _refuse(BY, f"two levels are called {field.column!r}: write NAME={field.transform}({field.source})")
    for each in sort:
        name, _, direction = each.lower().rpartition(" ")
        if each.lower() not in names and (name.strip() not in names or direction not in ("asc", "desc")):
            _refuse(SORT, f"{each!r} is neither a column of the result nor `column desc`")
    return written


def _field(text: str) -> PartitionField:
    found = _FIELD.fullmatch(text)
    if found is None:
        _refuse(BY, f"{text!r} is not understood: {_EXAMPLES}")
    source = (found["source"] or found["plain"]).strip()
    kind = (found["kind"] or "identity").strip()
    unit = re.match(r"[a-z]+", kind)
    default = source if found["kind"] is None or unit is None else f"{source}_{unit[0]}"
    level: Mapping[str, str] = {"column": found["name"] or default, "transform": kind, "source": source}
    try:
        return PartitionField.model_validate(level)
    except ValidationError as error:
        _refuse(BY, f"{text!r}: " + "; ".join(plain_words(each) for each in error.errors()))


def _overlap(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)


def _refuse(parameter: str, detail: str) -> NoReturn:
    raise InvalidParameters([{"parameter": parameter, "detail": detail}])

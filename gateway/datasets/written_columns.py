"""The columns of a result as Parquet files have them, partitioned by some of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from gateway.catalog.partition_field import PartitionField
from gateway.model import Column

_AS_WRITTEN: Final = {"HUGEINT": "DECIMAL(38,0)"}
"""What Parquet holds in place of a type that it has not."""
_NOT_WRITTEN: Final = (
    "BIT",
    "INTERVAL",
    "TIME WITH TIME ZONE",
    "UHUGEINT",
    "BIGNUM",
    "VARIANT",
    "GEOMETRY",
    "UNION",
    "BLOB[]",
)


class Unwritable(Exception):
    """A result cannot be written as files partitioned so: the message says why, and ``hint`` what would help.

    ``of_level`` tells whether it is for the partitions, and not for the columns whatever the partitions are.
    """

    def __init__(self, message: str, hint: str | None = None, *, of_level: bool = True) -> None:
        super().__init__(message)
        self.message, self.hint, self.of_level = message, hint, of_level


def written_columns(columns: Sequence[Column], fields: Sequence[PartitionField], *, of: str) -> tuple[Column, ...]:
    """Return the columns in the types in which they are written; *of* names the result. Raises ``Unwritable``."""
    found: dict[str, Column] = {}
    for column in columns:
        kind = "VARCHAR" if column.type.startswith("ENUM(") else _AS_WRITTEN.get(column.type, column.type)
        if column.name.lower() in found:
            raise Unwritable(
                f"{of} answers with two columns {column.name!r}", "name one otherwise: AS …", of_level=False
            )
        if kind.startswith(_NOT_WRITTEN):
            hint = f"cast it in the query, to another type than {kind}"
            raise Unwritable(f"Parquet has no type for the column {column.name!r} of {of}", hint, of_level=False)
        found[column.name.lower()] = Column(name=column.name, type=kind)
    for field in fields:
        source = found.get(field.source.lower())
        if source is None:
            hint = f"it has {', '.join(column.name for column in columns)}"
            raise Unwritable(f"{of} answers with no column {field.source!r}, which decides folders", hint)
        if field.column.lower() != field.source.lower() and field.column.lower() in found:
            hint = "give the partition column another name"
            raise Unwritable(f"{of} answers with a column {field.column!r} too", hint)
        problem = field.function.problem(source.type)
        if problem is not None:
            raise Unwritable(f"{field.column}: {problem}", problem.hint)
    return tuple(found.values())

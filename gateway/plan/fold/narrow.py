"""The rows of partials as they are kept: HUGEINT as BIGINT, where all values of a partial fit.

Arrow has no HUGEINT. The engine hands it out as DECIMAL(38, 0), and takes 300 ns of a processor for each value that it
casts back, which is most of what it takes to put partials together; a BIGINT takes some 10, and half of the room.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from gateway.catalog.transforms.keys import Array
from gateway.model import Column

_VECTOR = 2_048
"""Rows that the engine handles at a time: it takes longer over smaller pieces than to copy them into one."""


def narrowed(rows: pa.Table, columns: Sequence[Column]) -> pa.Table:
    """Return the rows of one partial, whose states are *columns*, with numbers as narrow as they can be.

    >>> from decimal import Decimal
    >>> rows = pa.table({"n": pa.array([Decimal(7), None], pa.decimal128(38, 0))})
    >>> narrowed(rows, [Column(name="n", type="HUGEINT")])["n"].type
    DataType(int64)
    """
    for place, column in enumerate(columns):
        if column.type == "HUGEINT":
            try:
                values = _narrow(rows.column(place))
            except pa.ArrowInvalid:  # one does not fit
                continue
            rows = rows.set_column(place, rows.field(place).with_type(pa.int64()), values)
    return rows


def joined(partials: Sequence[pa.Table]) -> pa.Table:
    """Put the rows of partials one after the other; numbers are as wide as those of the widest partial."""
    rows = pa.concat_tables(partials, promote_options="permissive")
    return rows.combine_chunks() if rows.num_rows < _VECTOR * len(partials) else rows


def _narrow(values: Array) -> Array:
    """Make BIGINT of whole numbers. Raises ``ArrowInvalid`` where one does not fit."""
    return values.cast(pa.int64())

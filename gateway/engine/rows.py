"""Runs a statement that returns one row: what planning needs to know before a query runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence

import pyarrow as pa

from gateway.engine.base import Engine
from gateway.errors import EngineFailed, QueryFailed
from gateway.model import FileVersion, Statement, Value


def one_row(
    engine: Engine,
    *,
    seconds: float,
    check: Callable[[Iterable[FileVersion]], None] = lambda files: None,
    monotonic: Callable[[], float] = time.monotonic,
) -> Callable[[Statement], Sequence[Value]]:
    """Return a function that runs a statement of one row within *seconds* and returns its values as Python objects.

    That raises ``QueryFailed`` where Python has no such value, beside what running it raises.
    *check* is called with the files first, and raises where they must not be read.
    """

    def read(statement: Statement) -> Sequence[Value]:
        check(statement.files)
        stream = engine.execute(statement, deadline=monotonic() + seconds)
        try:
            row = pa.Table.from_batches(list(stream), schema=stream.schema)
        finally:
            stream.close()
        if row.num_rows != 1:
            raise EngineFailed("One row was expected.")
        try:
            return [column[0].as_py() for column in row.columns]
        except (ArithmeticError, ValueError) as error:  # e.g. a day after the year 9999, or infinity
            raise QueryFailed("A value is beyond what Python holds.") from error

    return read

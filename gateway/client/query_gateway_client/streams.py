"""Batches of rows that come while they are read, in either kind of loop."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator, Sequence
from types import TracebackType

import pyarrow as pa

from query_gateway_client.answer import About
from query_gateway_client.transfer import Transfer


class Stream(Iterator[pa.RecordBatch]):
    """The batches of an answer as they come; no more of them are in memory than are read.

    Close it, or use it in a ``with``, where it is not read to its end.
    """

    def __init__(self, transfers: Sequence[Transfer], batches: Generator[pa.RecordBatch, None, None]) -> None:
        self._transfers = transfers
        self._batches = batches
        self._first: list[pa.RecordBatch] = []

    def __next__(self) -> pa.RecordBatch:
        return self._first.pop() if self._first else next(self._batches)

    @property
    def about(self) -> About:
        """What the gateway said beside the rows, once they have begun to come; of splits, beside one of them."""
        return about_of(self._transfers)

    @property
    def schema(self) -> pa.Schema:
        """The columns; waits for the first rows."""
        if (known := known_schema(self._transfers)) is not None:
            return known
        self._first.extend(batch for batch in (next(self._batches, None),) if batch is not None)
        schema = known_schema(self._transfers)
        assert schema is not None
        return schema

    def reader(self) -> pa.RecordBatchReader:
        """Return what is left as a reader of Arrow, which DuckDB, Polars and pyarrow's writers take."""
        return pa.RecordBatchReader.from_batches(self.schema, self)

    def close(self) -> None:
        self._batches.close()

    def __enter__(self) -> Stream:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def known_schema(transfers: Sequence[Transfer]) -> pa.Schema | None:
    return next((each.schema for each in transfers if each.schema is not None), None)


def about_of(transfers: Sequence[Transfer]) -> About:
    return next((each.about for each in transfers if each.schema is not None), transfers[0].about)


class AsyncStream(AsyncIterator[pa.RecordBatch]):
    """The batches of an answer as they come, in an event loop. Close it where it is not read to its end."""

    def __init__(self, transfers: Sequence[Transfer], batches: AsyncGenerator[pa.RecordBatch, None]) -> None:
        self._transfers = transfers
        self._batches = batches

    async def __anext__(self) -> pa.RecordBatch:
        return await anext(self._batches)

    @property
    def about(self) -> About:
        """What the gateway said beside the rows, once they have begun to come."""
        return about_of(self._transfers)

    @property
    def schema(self) -> pa.Schema | None:
        """The columns, None until the first rows have come."""
        return known_schema(self._transfers)

    async def aclose(self) -> None:
        await self._batches.aclose()

    async def __aenter__(self) -> AsyncStream:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

"""Tasks of an event loop that read splits, and the few batches that wait between them and whoever takes these."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable

import pyarrow as pa

from query_gateway_client.errors import Busy
from query_gateway_client.progress import Progress
from query_gateway_client.transfer import SplitTransfer

_WAITING = 2
"""Batches that wait for each task."""

Read = Callable[[SplitTransfer], AsyncGenerator[pa.RecordBatch, None]]


class Tasks:
    """Up to *workers* tasks, which take splits in turn and hand over their batches as they come; as ``Crew``."""

    def __init__(self, splits: list[SplitTransfer], read: Read, workers: int, progress: Progress) -> None:
        self._read = read
        self._progress = progress
        self._todo = deque(splits)
        self._at_work = min(workers, len(splits))
        self._batches: asyncio.Queue[pa.RecordBatch | BaseException | None] = asyncio.Queue(_WAITING * self._at_work)

    async def batches(self) -> AsyncGenerator[pa.RecordBatch, None]:
        """Yield the batches of all splits, in the order in which they come. Raises what a task met."""
        tasks = [asyncio.create_task(self._work(), name="read-splits") for _ in range(self._at_work)]
        left = len(tasks)
        try:
            while left:
                batch = await self._batches.get()
                if isinstance(batch, BaseException):
                    raise batch
                if batch is None:
                    left -= 1
                else:
                    yield batch
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _work(self) -> None:
        try:
            while self._todo:
                await self._one(self._todo.popleft())
        except Busy as busy:
            if self._at_work == 1:
                await self._batches.put(busy)
        except Exception as error:  # noqa: BLE001 - raised where the batches are taken
            await self._batches.put(error)
        self._at_work -= 1
        await self._batches.put(None)

    async def _one(self, split: SplitTransfer) -> None:
        """Read one split; where the gateway is busy, leave the rest of it to the others."""
        try:
            async for batch in self._read(split):
                await self._batches.put(batch)
                self._progress.came(batch)
        except Busy:
            split.attempts.progressed()
            self._todo.append(split)
            raise
        self._progress.split_ended()

"""The client in an event loop of asyncio: many questions at once over few connections."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from dataclasses import replace
from datetime import date
from types import TracebackType
from typing import Any

import httpx
import pyarrow as pa

from query_gateway_client.answer import Answer
from query_gateway_client.errors import DeadlineExceeded, StreamCut
from query_gateway_client.pages import following, page
from query_gateway_client.progress import Progress, Report
from query_gateway_client.question import Question, Target, moment, question, whole
from query_gateway_client.retry import Attempts, Retry
from query_gateway_client.settings import Folder, Key, settings
from query_gateway_client.splits import Plan, Split, plan_of, plan_target
from query_gateway_client.streams import AsyncStream
from query_gateway_client.tasks import Tasks
from query_gateway_client.transfer import Asked, Next, Transfer


class AsyncClient:
    """Asks a gateway from one event loop of asyncio. What it is given means what it means to ``Client``.

    Any number of questions may be asked at once: ``connections`` of them are under way, the others wait in line.

        async with AsyncClient("https://gateway.example", key=key) as qg:
            answers = await asyncio.gather(*[qg.read("plane_history", tailnum=each) for each in planes])
    """

    def __init__(
        self,
        url: str,
        *,
        key: Key | None = None,
        retry: Retry | None = None,
        deadline: float | None = 600.0,
        silence: float = 120.0,
        connections: int = 16,
        cache: Folder = None,
        cache_bytes: int = 1 << 30,
        transport: httpx.AsyncBaseTransport | None = None,
        verify: Any = True,
    ) -> None:
        self._settings = settings(
            url,
            key=key,
            retry=retry,
            deadline=deadline,
            silence=silence,
            connections=connections,
            cache=cache,
            cache_bytes=cache_bytes,
        )
        limits = httpx.Limits(max_connections=connections)
        self._http = httpx.AsyncClient(transport=transport, verify=verify, limits=limits)
        self._turns = asyncio.Semaphore(connections)

    def __repr__(self) -> str:
        return f"AsyncClient({self._settings.base!r})"

    async def read(
        self,
        query: str,
        parameters: Mapping[str, Any] | None = None,
        /,
        *,
        limit: int | None = None,
        snapshot: str | date | None = None,
        deadline: float | None = None,
        **more: Any,
    ) -> Answer:
        """Return all rows of *query*, or its first *limit* ones; as ``Client.read``."""
        options = {"limit": limit, "snapshot": moment(snapshot)}
        return await self._answer(question(query, parameters, more, options), deadline)

    async def splits(
        self,
        query: str,
        parameters: Mapping[str, Any] | None = None,
        /,
        *,
        splits: int = 16,
        snapshot: str | date | None = None,
        **more: Any,
    ) -> Plan:
        """Return the plan of an answer in so many *splits*; as ``Client.splits``."""
        asked = question(query, parameters, more)
        return plan_of(await self._document(plan_target(asked, splits=splits, snapshot=moment(snapshot))))

    def split(self, split: Split, *, row: int = 0, deadline: float | None = None, keep: bool = False) -> AsyncStream:
        """Return the rows of one split in their order, from *row* on; as ``Client.split``."""
        transfer = self._settings.split(split, row, self._settings.attempts(deadline), keep=keep)
        return AsyncStream([transfer], self._batches(transfer))

    def read_splits(
        self, plan: Plan, *, workers: int = 4, deadline: float | None = None, progress: Report | bool = False
    ) -> AsyncStream:
        """Return the rows of all splits of a *plan*, the batches in no order; as ``Client.read_splits``."""
        workers, attempts = whole("workers", workers, least=1), self._settings.attempts(deadline)
        transfers = [self._settings.split(each, 0, replace(attempts), keep=False) for each in plan.splits]
        told = Progress.shown(progress, len(transfers))
        return AsyncStream(transfers, Tasks(transfers, self._batches, workers, told).batches())

    def stream(
        self,
        query: str,
        parameters: Mapping[str, Any] | None = None,
        /,
        *,
        snapshot: str | date | None = None,
        deadline: float | None = None,
        **more: Any,
    ) -> AsyncStream:
        """Return the rows of *query* in batches, as they come; as ``Client.stream``. It has a connection meanwhile."""
        asked = question(query, parameters, more, {"snapshot": moment(snapshot)})
        transfer = self._settings.transfer(asked, self._settings.attempts(deadline))
        return AsyncStream([transfer], self._batches(transfer))

    async def pages(
        self,
        query: str,
        parameters: Mapping[str, Any] | None = None,
        /,
        *,
        size: int,
        deadline: float | None = None,
        **more: Any,
    ) -> AsyncIterator[Answer]:
        """Yield the rows of *query* in pages of *size*; as ``Client.pages``."""
        asked: Question | None = question(query, parameters, more, {"limit": page(size)})
        while asked is not None:
            answer = await self._answer(asked, deadline)
            yield answer
            asked = following(asked, answer.about)

    async def queries(self) -> list[dict[str, Any]]:
        """Return the catalogue: every query that the caller may ask."""
        found: list[dict[str, Any]] = (await self._document(Target(method="GET", path="/v1/queries")))["queries"]
        return found

    async def describe(self, query: str) -> dict[str, Any]:
        """Return the parameters, columns, owner, freshness and SQL of a query."""
        found: dict[str, Any] = await self._document(question(query, None, {}).description())
        return found

    async def explain(self, query: str, parameters: Mapping[str, Any] | None = None, /, **more: Any) -> dict[str, Any]:
        """Return what would be read and why, without running it."""
        found: dict[str, Any] = await self._document(question(query, parameters, more).target("explain"))
        return found

    async def _answer(self, asked: Question, deadline: float | None) -> Answer:
        attempts = self._settings.attempts(self._settings.deadline if deadline is None else deadline)
        while True:
            transfer = self._settings.transfer(asked, replace(attempts, failed=0))
            try:
                batches = await self._gathered(transfer, attempts)
            except StreamCut as cut:  # nobody has seen its rows: they are asked for once more
                await asyncio.sleep(attempts.pause(cut))
                continue
            return Answer(table=pa.Table.from_batches(batches, schema=transfer.schema), about=transfer.about)

    async def _gathered(self, transfer: Transfer, attempts: Attempts) -> list[pa.RecordBatch]:
        try:
            async with asyncio.timeout(attempts.deadline.remaining()):
                return [batch async for batch in self._batches(transfer)]
        except TimeoutError as error:
            if isinstance(error, DeadlineExceeded):
                raise
            raise DeadlineExceeded("the time given for this call has passed") from error

    async def _batches(self, transfer: Transfer) -> AsyncGenerator[pa.RecordBatch, None]:
        try:
            while not transfer.done:
                async with self._turns:
                    pause = 0.0
                    try:
                        async with self._sent(transfer.request()) as response:
                            match await _opened(transfer, response):
                                case Next.BODY:
                                    async for piece in response.aiter_raw():
                                        for batch in transfer.received(piece):
                                            yield batch
                                    pause = transfer.finished()
                                case Next.KEPT:
                                    for batch in transfer.kept_batches():
                                        yield batch
                                case Next.PROBLEM:
                                    body = await response.aread()
                                    pause = transfer.refused(response.status_code, response.headers, body)
                                case Next.AGAIN:
                                    pass
                    except httpx.TransportError as error:
                        pause = transfer.cut(error)
                await asyncio.sleep(pause)  # while others have its turn
        finally:
            transfer.close()

    async def _document(self, target: Target) -> Any:
        inquiry = self._settings.inquiry(target, self._settings.deadline)
        while True:
            try:
                async with self._turns, self._sent(inquiry.request()) as response:
                    body = await response.aread()
            except httpx.TransportError as error:
                await asyncio.sleep(inquiry.cut(error))
                continue
            if response.status_code == 200:
                return json.loads(body)
            await asyncio.sleep(inquiry.refused(response.status_code, response.headers, body))

    def _sent(self, asked: Asked) -> Any:
        return self._http.stream(
            asked.method,
            asked.url,
            content=asked.body,
            headers=self._settings.headers(asked),
            timeout=httpx.Timeout(asked.timeout, pool=None),
        )

    async def aclose(self) -> None:
        """Close the connections. Idempotent."""
        await self._http.aclose()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


async def _opened(transfer: Transfer, response: httpx.Response) -> Next:
    """Take the head of an answer; what is kept is read through on a thread, for it may be large."""
    if response.status_code == 304:
        return await asyncio.to_thread(transfer.opened, response.status_code, response.headers)
    return transfer.opened(response.status_code, response.headers)

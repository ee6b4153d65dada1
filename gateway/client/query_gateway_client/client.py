"""The client: questions asked of a gateway, one after the other or from several threads."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Generator, Iterator, Mapping
from dataclasses import replace
from datetime import date
from importlib import import_module
from types import TracebackType
from typing import TYPE_CHECKING, Any

import httpx
import pyarrow as pa

from query_gateway_client.answer import Answer, library
from query_gateway_client.crew import Crew
from query_gateway_client.errors import StreamCut
from query_gateway_client.pages import following, page
from query_gateway_client.progress import Progress, Report
from query_gateway_client.question import Question, Target, moment, question, whole
from query_gateway_client.retry import Retry
from query_gateway_client.settings import Folder, Key, settings
from query_gateway_client.splits import Plan, Split, plan_of, plan_target
from query_gateway_client.streams import Stream
from query_gateway_client.training import Shuffle, TrainingRows
from query_gateway_client.transfer import Asked, Next, Transfer
from query_gateway_client.transport import transport_to

if TYPE_CHECKING:  # PyTorch need not be installed
    from query_gateway_client.torch_rows import TorchRows


class Client:
    """Asks a gateway. Threads may share it; a process that is forked or handed it opens connections of its own.

        qg = Client("https://gateway.example", key=os.environ["GATEWAY_KEY"])
        frame = qg.read("plane_history", tailnum="N328AA").polars()

    ``key`` is a key or token, or a function that returns one. ``deadline`` is the time of one ``read`` in seconds, all
    tries included, None for no end; ``silence`` is how long nothing may come on a connection before it is taken for
    broken. ``cache`` is the folder of kept answers (None the user's own, False none), ``cache_bytes`` its bound.
    ``transport`` and ``verify`` are httpx's.
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
        transport: httpx.BaseTransport | None = None,
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
        self._transport = transport
        self._verify = verify
        self._clients: dict[int, httpx.Client] = {}
        """By process: a child that was forked neither uses nor closes the connections of its parent."""

    def __repr__(self) -> str:
        return f"Client({self._settings.base!r})"

    def read(
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
        """Return all rows of *query*, or its first *limit* ones.

        *snapshot* is the state of the data to answer from: a name (``Answer.about.snapshot``), or a date. Parameters
        go into the mapping where their names are those of options.

        Raises GatewayProblem, ConnectionFailed, DeadlineExceeded, QuestionInvalid.
        """
        return self._answer(question(query, parameters, more, {"limit": limit, "snapshot": moment(snapshot)}), deadline)

    def stream(
        self,
        query: str,
        parameters: Mapping[str, Any] | None = None,
        /,
        *,
        splits: int | None = None,
        workers: int = 4,
        snapshot: str | date | None = None,
        deadline: float | None = None,
        progress: Report | bool = False,
        **more: Any,
    ) -> Stream:
        """Return the rows of *query* in batches, as they come. Without *deadline* it may take as long as it takes.

        With *splits* so many parts are read by *workers* threads: each row once, the batches in no order. A connection
        that breaks is taken up at the row where it broke. *progress* is told how far it has come, or True: shown.

        Without them the rows come in their order, and a broken connection is taken up at the byte where it broke, as
        long as the gateway keeps the answer. Raises StreamCut where it does not.
        """
        attempts = self._settings.attempts(deadline)
        if splits is None:
            asked = question(query, parameters, more, {"snapshot": moment(snapshot)})
            transfer = self._settings.transfer(asked, attempts)
            return Stream([transfer], self._batches(transfer))
        plan = self.splits(query, parameters, splits=splits, snapshot=snapshot, **more)
        return self.read_splits(plan, workers=workers, deadline=deadline, progress=progress)

    def splits(
        self,
        query: str,
        parameters: Mapping[str, Any] | None = None,
        /,
        *,
        splits: int = 16,
        snapshot: str | date | None = None,
        **more: Any,
    ) -> Plan:
        """Return the plan of an answer in so many *splits*, of the state of now or of *snapshot*, a name or a date."""
        asked = question(query, parameters, more)
        return plan_of(self._document(plan_target(asked, splits=splits, snapshot=moment(snapshot))))

    def split(self, split: Split, *, row: int = 0, deadline: float | None = None, keep: bool = False) -> Stream:
        """Return the rows of one split in their order, from *row* on. Raises Gone where its data were changed since.

        *keep* keeps them on disk, as answers are: for splits that are read again and again.
        """
        transfer = self._settings.split(split, row, self._settings.attempts(deadline), keep=keep)
        return Stream([transfer], self._batches(transfer))

    def read_splits(
        self, plan: Plan, *, workers: int = 4, deadline: float | None = None, progress: Report | bool = False
    ) -> Stream:
        """Return the rows of all splits of a *plan*; as ``stream`` does."""
        workers, attempts = whole("workers", workers, least=1), self._settings.attempts(deadline)
        transfers = [self._settings.split(each, 0, replace(attempts), keep=False) for each in plan.splits]
        told = Progress.shown(progress, len(transfers))
        return Stream(transfers, Crew(transfers, self._batches, workers, told).batches())

    def training(
        self,
        query: str,
        parameters: Mapping[str, Any] | None = None,
        /,
        *,
        snapshot: str | date | None = None,
        seed: int | None = None,
        batch_size: int | None = None,
        splits: int = 64,
        lanes: int = 8,
        shuffle: Shuffle = "rows",
        keep: bool = False,
        **more: Any,
    ) -> TrainingRows:
        """Return the rows of *query* to train with, in an order that follows from *seed* and epoch."""
        plan = self.splits(query, parameters, splits=splits, snapshot=snapshot, **more)
        return TrainingRows(self, plan, seed=seed, batch_size=batch_size, lanes=lanes, shuffle=shuffle, keep=keep)

    def torch(
        self,
        query: str,
        parameters: Mapping[str, Any] | None = None,
        /,
        *,
        snapshot: str | date | None = None,
        seed: int | None = None,
        batch_size: int | None = None,
        splits: int = 64,
        lanes: int = 8,
        shuffle: Shuffle = "rows",
        keep: bool = False,
        **more: Any,
    ) -> TorchRows:
        """Return the rows of *query* as a dataset of PyTorch; as ``training``. Raises MissingLibrary."""
        library("torch")
        kind: type[TorchRows] = import_module("query_gateway_client.torch_rows").TorchRows
        plan = self.splits(query, parameters, splits=splits, snapshot=snapshot, **more)
        return kind(self, plan, seed=seed, batch_size=batch_size, lanes=lanes, shuffle=shuffle, keep=keep)

    def pages(
        self,
        query: str,
        parameters: Mapping[str, Any] | None = None,
        /,
        *,
        size: int,
        deadline: float | None = None,
        **more: Any,
    ) -> Iterator[Answer]:
        """Yield the rows of *query* in pages of *size*: slices of one result, whatever happens to the data meanwhile.

        *deadline* is of each page. Raises Gone where the gateway has dropped that result in between.
        """
        asked: Question | None = question(query, parameters, more, {"limit": page(size)})
        while asked is not None:
            answer = self._answer(asked, deadline)
            yield answer
            asked = following(asked, answer.about)

    def queries(self) -> list[dict[str, Any]]:
        """Return the catalogue: every query that the caller may ask."""
        found: list[dict[str, Any]] = self._document(Target(method="GET", path="/v1/queries"))["queries"]
        return found

    def describe(self, query: str) -> dict[str, Any]:
        """Return the parameters, columns, owner, freshness and SQL of a query."""
        found: dict[str, Any] = self._document(question(query, None, {}).description())
        return found

    def explain(self, query: str, parameters: Mapping[str, Any] | None = None, /, **more: Any) -> dict[str, Any]:
        """Return what would be read and why, without running it."""
        found: dict[str, Any] = self._document(question(query, parameters, more).target("explain"))
        return found

    def _answer(self, asked: Question, deadline: float | None) -> Answer:
        attempts = self._settings.attempts(self._settings.deadline if deadline is None else deadline)
        while True:
            transfer = self._settings.transfer(asked, replace(attempts, failed=0))
            try:
                batches = list(self._batches(transfer))
            except StreamCut as cut:  # nobody has seen its rows: they are asked for once more
                time.sleep(attempts.pause(cut))
                continue
            return Answer(table=pa.Table.from_batches(batches, schema=transfer.schema), about=transfer.about)

    def _batches(self, transfer: Transfer) -> Generator[pa.RecordBatch, None, None]:
        try:
            while not transfer.done:
                asked, pause = transfer.request(), 0.0
                try:
                    with self._sent(asked) as response:
                        match transfer.opened(response.status_code, response.headers):
                            case Next.BODY:
                                for piece in response.iter_raw():
                                    yield from transfer.received(piece)
                                pause = transfer.finished()
                            case Next.KEPT:
                                yield from transfer.kept_batches()
                            case Next.PROBLEM:
                                pause = transfer.refused(response.status_code, response.headers, response.read())
                            case Next.AGAIN:
                                pass
                except httpx.TransportError as error:
                    pause = transfer.cut(error)
                time.sleep(pause)
        finally:
            transfer.close()

    def _document(self, target: Target) -> Any:
        inquiry = self._settings.inquiry(target, self._settings.deadline)
        while True:
            try:
                with self._sent(inquiry.request()) as response:
                    body = response.read()
            except httpx.TransportError as error:
                time.sleep(inquiry.cut(error))
                continue
            if response.status_code == 200:
                return json.loads(body)
            time.sleep(inquiry.refused(response.status_code, response.headers, body))

    def _sent(self, asked: Asked) -> Any:
        return self._connections().stream(
            asked.method,
            asked.url,
            content=asked.body,
            headers=self._settings.headers(asked),
            timeout=httpx.Timeout(asked.timeout, pool=None),
        )

    def _connections(self) -> httpx.Client:
        """Return this process's connections: two processes that share one would read each other's answers."""
        process = os.getpid()
        if (found := self._clients.get(process)) is not None:
            return found
        connections = self._settings.connections
        transport = self._transport or transport_to(self._settings.base, verify=self._verify, connections=connections)
        limits = httpx.Limits(max_connections=connections)
        made = httpx.Client(transport=transport, verify=self._verify, limits=limits)
        return self._clients.setdefault(process, made)  # one, where two threads came first

    def close(self) -> None:
        """Close the connections; the next question opens new ones. Idempotent."""
        if (found := self._clients.pop(os.getpid(), None)) is not None:
            found.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_clients": {}}

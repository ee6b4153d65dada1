"""A project over a bucket whose every answer is known: one object a day, rewritten in place, behind a fault proxy."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import obstore
import pyarrow as pa
import pyarrow.parquet as pq
from events import FIRST, between, folder_of, make_project

from gateway.answer import Answer
from gateway.app.gateway import open_gateway
from gateway.config import load_settings
from gateway.model import Principal, Request
from gateway.pipeline import Gateway
from gateway.settings import Settings
from gateway.telemetry.events import Event

ROWS = 4_000
"""Rows of a day in its first version; each version has one more."""


@dataclass(slots=True, kw_only=True)
class Shop:
    """The table ``events`` in a bucket. ``server`` is the test's S3 server, ``endpoint`` where the gateway finds it."""

    server: Any
    endpoint: str
    prefix: str
    folder: Path
    amounts: dict[int, int] = field(default_factory=dict)
    """The amount of every row of a day."""
    rows: dict[int, int] = field(default_factory=dict)
    history: dict[int, set[tuple[int, int]]] = field(default_factory=dict)
    """Count and sum of a day in each of its versions: no two agree, and no mixture of two does."""
    events: list[Event] = field(default_factory=list)

    def open(self, days: int, front: str = "cache: off", *, replicas: tuple[str, ...] = ()) -> Shop:
        """Write the project and the first version of so many days."""
        make_project(self.folder, front)
        declared = self.folder / "catalog" / "events.yaml"
        text = declared.read_text().replace("location: warehouse/events", f"location: {self.server.url(self.prefix)}")
        if replicas:
            text += f"replicas: [{', '.join(self.server.url(each) for each in replicas)}]\n"
        declared.write_text(text)
        for day in range(days):
            self.put(day, 1 + day)
        return self

    def put(self, day: int, amount: int, *, prefix: str | None = None) -> None:
        """Write a day anew, in place; at another *prefix*, the same bytes as at home if *amount* is that of home."""
        rows = ROWS + amount % 1_000
        start = datetime.combine(FIRST, time()) + timedelta(days=day)
        table = pa.table(
            {
                "ts": pa.array([start] * rows, pa.timestamp("us")),
                "amount": pa.array([amount] * rows, pa.int64()),
            }
        )
        self.history.setdefault(day, set()).add((rows, rows * amount))
        sink = BytesIO()
        pq.write_table(table, sink, compression="none", use_dictionary=False, row_group_size=1_000)
        obstore.put(self.server.store(prefix or self.prefix), f"{folder_of(day)}/x.parquet", sink.getvalue())
        if prefix is None:
            self.amounts[day], self.rows[day] = amount, rows

    def copy_to(self, prefix: str) -> None:
        """Put the same objects at another prefix."""
        for day, amount in self.amounts.items():
            self.put(day, amount, prefix=prefix)

    def remove(self, day: int) -> None:
        obstore.delete(self.server.store(self.prefix), f"{folder_of(day)}/x.parquet")

    def truth(self, start: int, end: int) -> tuple[int, int]:
        """Count and sum the days from *start* up to *end*."""
        days = range(start, end)
        return sum(self.rows[day] for day in days), sum(self.rows[day] * self.amounts[day] for day in days)

    def environment(self) -> Mapping[str, str]:
        return {**self.server.environment, "AWS_ENDPOINT_URL": self.endpoint, "GATEWAY_STORAGE_URL_STYLE": "path"}

    def settings(self, **changed: Any) -> Settings:
        found = load_settings(self.folder, {**self.environment(), **changed})
        keys = {"access_key_id": self.server.access_key, "secret_access_key": self.server.secret_key}
        storage = type(found.storage).model_validate({**found.storage.model_dump(), **keys})
        return found.model_copy(update={"storage": storage})

    @contextmanager
    def gateway(self, *, background: bool = False, **changed: Any) -> Iterator[Gateway]:
        with open_gateway(self.settings(**changed), observe=self.events.append, background=background) as opened:
            yield opened

    def seen(self, kind: type[Event]) -> int:
        return sum(isinstance(event, kind) for event in self.events)


def asking(start: int, end: int) -> Request:
    return Request(query="amount", version=1, parameters=between(start, end))


def ask(gateway: Gateway, start: int, end: int) -> Answer:
    return gateway.answer(asking(start, end), principal=Principal())


def row(answer: Answer) -> tuple[Any, ...]:
    [found] = answer.result.table.to_pylist()
    return tuple(found.values())


def questions(days: int, seed: int, longest: int = 5) -> Callable[[], tuple[int, int]]:
    """Draw one question after the other: a range of days."""
    choose = random.Random(seed)

    def draw() -> tuple[int, int]:
        start = choose.randrange(days)
        return start, min(days, start + choose.randint(1, longest))

    return draw

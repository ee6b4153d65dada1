"""A project whose data carries a number, one more at each change, and clients that read it over kept connections."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
from waiting import wait_for

TABLE = """\
table: numbers
location: {location}
partitioned_by: [{{column: day, transform: identity, source: day}}]
columns: {{n: BIGINT}}
refresh: 1h
"""
QUERY = "/*\nsummary: The number of the data\n{front}*/\nSELECT {what} FROM numbers"
KEPT = "/v1/queries/kept/v1/result"
STALE = "/v1/queries/stale/v1/result"
OFF = "/v1/queries/uncached/v1/result"
LARGE = "/v1/queries/large/v1/result?_limit=1"
WARM = "/v1/queries/warm/v1/result"
SHORT = "/v1/queries/short/v1/result"
_QUERIES = {
    "kept": ("cache: {ttl: 5m}\n", "max(n) AS n"),
    "stale": ("cache: {ttl: 1s, stale_while_revalidate: 1h, stale_if_error: 1h}\n", "min(n) AS n"),
    "uncached": ("cache: off\n", "sum(n) AS n"),
    "large": ("cache: {ttl: 5m}\n", "n, r.range AS i"),
    "warm": ("cache: {ttl: 5m}\nwarm: [{}]\n", "any_value(n) AS n"),
    "short": ("cache: {ttl: 200ms}\n", "avg(n)::BIGINT AS n"),
}


class Seen(NamedTuple):
    """What one request was answered: its status, the number of the data, and what was said of the cache."""

    status: int
    number: int | None
    cache: str
    etag: str


def make_project(folder: Path, location: Path | None = None) -> Path:
    """Declare the table, whose files are at *location* (by default in the project), and a query of each kind."""
    place = "data" if location is None else str(location)
    texts = {"catalog/numbers.yaml": TABLE.format(location=place)}
    for name, (front, what) in _QUERIES.items():
        texts[f"queries/{name}/v1.sql"] = QUERY.format(front=front, what=what)
    # In an order, so that a worker which no longer has the rows computes the very ones that a cursor is of.
    texts["queries/large/v1.sql"] += ", range(300000) AS r ORDER BY i"
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def write_number(location: Path, number: int) -> None:
    """Replace the one file of the table, in one step."""
    folder = location / "day=a"
    folder.mkdir(parents=True, exist_ok=True)
    draft = location.parent / f"draft-{number}.parquet"
    pq.write_table(pa.table({"n": pa.array([number], pa.int64())}), draft)
    draft.replace(folder / "rows.parquet")


def ask(connection: HTTPConnection, path: str, headers: Mapping[str, str] | None = None) -> Seen:
    """Ask over a connection, which stays with its worker; over a new one where the worker has closed it."""
    for attempt in range(3):
        try:
            connection.request("GET", path, headers=dict(headers or {}))
            reply = connection.getresponse()
            body = reply.read()
            break
        except (OSError, HTTPException):
            connection.close()
            if attempt == 2:
                raise
    number = json.loads(body)["data"][0]["n"] if reply.status == 200 else None
    return Seen(reply.status, number, reply.headers.get("Cache-Status", ""), reply.headers.get("ETag", ""))


def post(gateway: Any, path: str) -> None:
    reply = gateway.post(path, b"{}")
    assert reply.status == 200, reply.body


class Clients:
    """Connections to one gateway, so many that every worker has some."""

    def __init__(self, gateway: Any, count: int = 16) -> None:
        self.connections = [HTTPConnection(gateway.host, gateway.port, timeout=60) for _ in range(count)]

    def ask(self, path: str, headers: Mapping[str, str] | None = None) -> list[Seen]:
        """Ask over all connections at once."""
        with ThreadPoolExecutor(len(self.connections)) as pool:
            return list(pool.map(lambda one: ask(one, path, headers), self.connections))

    def numbers(self, path: str, headers: Mapping[str, str] | None = None) -> set[int | None]:
        return {seen.number for seen in self.ask(path, headers)}

    def catch_up(self, path: str, number: int) -> None:
        """Ask over one connection until it is given *number* or a newer one."""

        def caught_up() -> bool:
            return (ask(self.connections[0], path).number or 0) >= number

        wait_for(caught_up, f"{number} at {path}")

    def one_by_one(self, paths: Iterable[str]) -> list[Seen]:
        """Ask over one connection after the other."""
        return [ask(connection, path) for path in paths for connection in self.connections]

    def close(self) -> None:
        for connection in self.connections:
            with suppress(OSError):
                connection.close()

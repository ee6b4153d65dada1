"""What a gateway takes for one request of each kind, in processor time of all its processes, and in memory.

Run it as a script; it prints the table of docs/sizing.md. Processor time is that of the server alone, so a busy machine
changes it little; how many requests a machine answers in a second is its cores divided by it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlencode

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))
from process_tree import tree, usage
from processes import Server, gateway_server

FIRST, DAYS, ROWS = date(2026, 1, 1), 90, 100_000
"""Days of data, and rows of each: one file of 1.4 MB a day."""
TICKS = os.sysconf("SC_CLK_TCK")
TABLE = """\
table: sales
location: warehouse
partitioned_by: [{column: day, transform: day, source: sold_at}]
columns: {sold_at: TIMESTAMP, shop: VARCHAR, product: BIGINT, amount: DOUBLE}
refresh: 1h
"""
FRONT = """\
/*
summary: {summary}
owner: sales
parameters:
  start: {{type: date, description: first day}}
  end: {{type: date, description: first day left out}}
cache: {{ttl: 1h}}
examples: [{{start: 2026-01-01, end: 2026-01-02}}]
*/
"""
QUERIES = {
    "by_shop": "SELECT shop, count(*) AS sales, sum(amount) AS total FROM sales {} GROUP BY shop ORDER BY shop\n",
    "each": "SELECT sold_at, shop, product, amount FROM sales {}\n",
}
WHERE = "WHERE sold_at >= $start AND sold_at < $end"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of the table: what was asked how often, and the processor time of all of it in seconds."""

    what: str
    times: int
    seconds: float


def make_project(folder: Path) -> Path:
    """Write the declaration, the queries and the data."""
    texts = {"gateway.toml": "", "catalog/sales.yaml": TABLE}
    texts |= {
        f"queries/{name}/v1.sql": FRONT.format(summary=f"Sales {name}") + sql.format(WHERE)
        for name, sql in QUERIES.items()
    }
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    random = np.random.default_rng(1)
    for number in range(DAYS):
        _write_day(folder / "warehouse", FIRST + timedelta(days=number), random)
    return folder


def _write_day(folder: Path, day: date, random: np.random.Generator) -> None:
    start = np.datetime64(datetime.combine(day, datetime.min.time()), "us")
    seconds = np.sort(random.integers(0, 86_400, ROWS)).astype("timedelta64[s]")
    shops = pa.array([f"shop {number:02}" for number in range(40)])
    table = pa.table(
        {
            "sold_at": pa.array(start + seconds),
            "shop": shops.take(pa.array(random.integers(0, 40, ROWS))),
            "product": random.integers(0, 5_000, ROWS),
            "amount": np.round(random.exponential(20.0, ROWS), 2),
        }
    )
    (folder / f"day={day}").mkdir(parents=True)
    pq.write_table(table, folder / f"day={day}" / "sales.parquet")


def cpu(server: Server) -> float:
    """Add up the processor time that the processes of a server have taken."""
    total = 0.0
    for process in tree(server.process.pid):
        fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
        total += (int(fields[11]) + int(fields[12])) / TICKS
    return total


class Client:
    """Asks over one connection that stays open."""

    def __init__(self, server: Server) -> None:
        self._connection, self._server = HTTPConnection("127.0.0.1", server.port, timeout=300), server

    def ask(self, query: str, first: int, days: int, suffix: str = "", **headers: str) -> tuple[int, str]:
        """Return the status and the tag of an answer, after all of it was read."""
        start = FIRST + timedelta(days=first)
        asked = urlencode({"start": start, "end": start + timedelta(days=days)})
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self._connection.request("GET", f"/v1/queries/{query}/v1/result{suffix}?{asked}", headers=named)
        with closing(self._connection.getresponse()) as response:
            while response.read(1 << 20):
                pass
            return response.status, response.headers.get("ETag", "")

    def measure(self, what: str, times: int, ask: Callable[[int], tuple[int, str]], status: int = 200) -> Line:
        """Ask so many times; stop where an answer has another status."""
        before = cpu(self._server)
        for number in range(times):
            found = ask(number)[0]
            if found != status:
                sys.exit(f"{what}: answered {found}")
        return Line(what=what, times=times, seconds=cpu(self._server) - before)


def lines(server: Server) -> Iterator[Line]:
    """Measure one kind of request after the other."""
    client = Client(server)
    _, tag = client.ask("by_shop", 0, 7)
    yield client.measure("a hit: 40 rows, 2 kB of JSON", 5_000, lambda _: client.ask("by_shop", 0, 7))
    yield client.measure(
        "a hit that is answered 304", 5_000, lambda _: client.ask("by_shop", 0, 7, If_None_Match=tag), 304
    )
    for days in (1, 7, 30):
        rows = f"{days * ROWS:,} rows of {days} file{'s' if days > 1 else ''}"
        yield client.measure(
            f"a miss: {rows}, grouped", 40, lambda number, days=days: client.ask("by_shop", 1 + number, days)
        )
    for place, suffix in enumerate((".csv", ".ndjson", ".arrow", ".parquet")):
        first = 10 * place
        yield client.measure(
            f"an export of a million rows, {suffix[1:]}",
            1,
            lambda _, first=first, suffix=suffix: client.ask("each", first, 10, suffix),
        )


def written(line: Line) -> str:
    each = line.seconds / line.times
    return f"| {line.what} | {each * 1_000:,.2f} ms | {1 / each:,.1f} |" if each else f"| {line.what} | too little | |"


def main() -> None:
    settings: Mapping[str, object] = {"SERVER_WORKERS": 2, "MEMORY": "2GiB", "ENGINE_THREADS": 2}
    with TemporaryDirectory() as name, gateway_server(make_project(Path(name)), settings) as server:
        started = usage(server.process.pid)
        print("| request | processor time | a second and core |\n| --- | --- | --- |")
        for line in lines(server):
            print(written(line), flush=True)
        print(f"\nmemory after the start: {started}\nmemory in the end: {usage(server.process.pid)}")
        print(f"of 2 GiB: {server.announced}")


if __name__ == "__main__":
    main()

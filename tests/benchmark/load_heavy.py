"""Load a gateway with more heavy queries than there is memory for, and measure what all of its processes take.

Run it as a script; it ends with 1 where a question was neither answered nor refused with ``Retry-After``, where a
process ended, or where memory went over the budget by more than the goal.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread

import click
import duckdb

from gateway.declaration import parse_size

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))
from processes import Memory, gateway_server, tree

OVER = 0.15
"""Part of the budget that the memory may go beyond it."""
TABLE = """
table: events
location: warehouse/events
partitioned_by: [{column: day, transform: day, source: ts}]
"""
QUERY = """/*
summary: The largest of millions of groups, which are held and sorted
parameters:
  least: {type: integer}
*/
SELECT id, count(*) AS events, sum(amount) AS total
FROM events
WHERE amount >= $least
GROUP BY id
ORDER BY total DESC, id
LIMIT 1000
"""
CHEAP = """/*
summary: One day of it
parameters:
  least: {type: integer}
cache: off
*/
SELECT count(*) AS events FROM events WHERE ts < TIMESTAMP '2024-01-02' AND amount >= $least
"""


def make(project: Path, rows: int) -> None:
    """Write the project, and its table of ten days."""
    texts = {"catalog/events.yaml": TABLE, "queries/heavy/v1.sql": QUERY, "queries/cheap/v1.sql": CHEAP}
    for name, text in texts.items():
        (project / name).parent.mkdir(parents=True)
        (project / name).write_text(text)
    (project / "warehouse").mkdir()
    with closing(duckdb.connect(config={"threads": 2})) as connection:
        connection.execute(
            "COPY (SELECT TIMESTAMP '2024-01-01' + INTERVAL 1 SECOND * (i * 864000 // $rows) AS ts, "
            "md5(i::VARCHAR) AS id, (hash(i) % 1000000)::DOUBLE AS amount, strftime(ts, '%Y-%m-%d') AS day "
            "FROM range($rows) t(i)) "
            f"TO '{project / 'warehouse/events'}' (FORMAT parquet, PARTITION_BY (day))",
            {"rows": rows},
        )


@dataclass
class Seen:
    """What the clients of one query saw: seconds by status, and what was no answer."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    failures: Counter[str] = field(default_factory=Counter)

    def ask(self, port: int, query: str, least: int) -> None:
        started = time.monotonic()
        try:
            with closing(HTTPConnection("127.0.0.1", port, timeout=600)) as connection:
                connection.request("GET", f"/v1/queries/{query}/v1/result?least={least}")
                response = connection.getresponse()
                body = response.read()
        except (OSError, HTTPException) as error:
            self.failures[type(error).__name__] += 1
            return
        what = "answered" if response.status == 200 else json.loads(body)["type"].rpartition("/")[2]
        self.seconds.setdefault(what, []).append(time.monotonic() - started)
        if response.status == 503 and response.getheader("Retry-After") is None:
            self.failures["no Retry-After"] += 1
        if what not in ("answered", "queue-full"):
            self.failures[what] += 1

    def rows(self, name: str) -> Iterator[str]:
        for what, seconds in sorted(self.seconds.items()):
            yield f"| {name}: {what} | {len(seconds)} | {min(seconds):.1f} to {max(seconds):.1f} s |"
        for failure, count in self.failures.items():
            yield f"| {name}, not as it should be: {failure} | {count} | |"


def cheap_until(stop: Event, seen: Seen, port: int) -> None:
    """Ask a cheap question now and then."""
    for least in range(100_000):
        if stop.wait(0.5):
            return
        seen.ask(port, "cheap", least)


@click.command()
@click.option("--clients", default=50, show_default=True, help="Heavy questions asked at once, all different.")
@click.option("--rows", default=4_000_000, show_default=True, help="Rows of the table.")
@click.option("--memory", default="2560MiB", show_default=True, help="The budget, for about four of the queries.")
@click.option("--workers", default=1, show_default=True)
@click.option("--slots", default=5, show_default=True, help="Queries at once in a worker, one of them cheap.")
@click.option("--wait", default="60s", show_default=True, help="Longest wait for a slot.")
def main(clients: int, rows: int, memory: str, workers: int, slots: int, wait: str) -> None:
    settings = {"MEMORY": memory, "SERVER_WORKERS": workers, "ENGINE_SLOTS": slots, "ENGINE_WAIT": wait}
    settings |= {"ENGINE_TIMEOUT": "300s", "SERVER_THREADS": clients + 16}
    with TemporaryDirectory() as folder:
        project = Path(folder)
        make(project, rows)
        with gateway_server(project, settings) as server, Memory(server.process.pid) as used:
            before, heavy, cheap, stop = tree(server.process.pid), Seen(), Seen(), Event()
            idle = used.peak
            asker = Thread(target=cheap_until, args=(stop, cheap, server.port))
            asker.start()
            with ThreadPoolExecutor(clients) as pool:
                list(pool.map(lambda least: heavy.ask(server.port, "heavy", least), range(clients)))
            stop.set()
            asker.join()
            heavy.ask(server.port, "heavy", clients)
            died = set(before) - set(tree(server.process.pid))
            print(server.announced)
    budget = parse_size(memory)
    print("| what | count | |\n| --- | --- | --- |")
    print("\n".join([*heavy.rows("heavy"), *cheap.rows("cheap"), f"| processes that ended | {len(died)} | |"]))
    print("\n| memory of all processes, MiB | |\n| --- | --- |")
    sizes = {"idle": idle, "peak": used.peak, "of it anonymous": used.anonymous, "budget": budget}
    print("\n".join(f"| {name} | {size >> 20} |" for name, size in sizes.items()))
    if heavy.failures or cheap.failures or died or used.peak > budget * (1 + OVER):
        sys.exit(1)


if __name__ == "__main__":
    main()

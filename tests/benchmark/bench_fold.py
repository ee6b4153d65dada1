"""Measure answers put together of partials: a window of 30 days that slides by one day, and one that ends today.

Run it as a script; ``--rows`` is the number of rows of all days (the goals are for 9,000,000). The slides are measured
against the whole query, by the least of several times each. A thread of DuckDB that has no work left uses a processor
until the statement ends, which a busy machine draws out for the short statements of a slide: ``--threads 1`` leaves
that out.

Of today, a server is told of a file every ten seconds, and asked every second, for ``--seconds`` in all. The answers
that follow no file are measured against hits of a table that does not change.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from http.client import HTTPConnection
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, perf_counter, process_time, sleep

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table as Grid

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))
from processes import Server, gateway_server

from gateway.app.gateway import open_gateway
from gateway.config import load_settings
from gateway.model import Principal, Request
from gateway.pipeline import Gateway
from gateway.telemetry.events import Event, PartialsGathered, QueryExecuted

FIRST, WINDOW, SLIDES = date(2024, 1, 1), 30, 5
COLDS = 3
"""Times that the first answer and its slides are measured, each by a gateway that keeps nothing yet."""
GROUPS = {41: 15.0, 201: 15.0, 8_000: 7.0}
"""Numbers of groups, with how many times less than the whole query a slide is to take."""
EVERY = 10
"""Seconds between two files of today."""
COLD = 1.15
"""How many times as much as the whole query the first answer may take."""
TABLE = """\
table: sales
location: data
partitioned_by: [{column: day, transform: day, source: sold}]
columns: {sold: TIMESTAMP, item: BIGINT, units: INTEGER, amount: "DECIMAL(12,2)"}
refresh: 1h
"""
QUERY = """\
/*
summary: Sales of items
parameters:
  start: {type: date}
  end: {type: date}
cache: {ttl: 1h}
*/
SELECT item % GROUPS AS kind, count(*) AS sales, sum(units) AS units, sum(amount) AS amount, max(sold) AS last
FROM sales WHERE sold >= $start AND sold < $end
GROUP BY kind ORDER BY kind
"""


def make_project(folder: Path, rows: int) -> Path:
    """Write the days, one file each, and a query for each number of groups."""
    (folder / "catalog").mkdir()
    (folder / "catalog/sales.yaml").write_text(TABLE)
    for groups in GROUPS:
        (folder / f"queries/by_{groups}").mkdir(parents=True)
        (folder / f"queries/by_{groups}/v1.sql").write_text(QUERY.replace("GROUPS", str(groups)))
    (folder / "queries/fixed").mkdir()
    (folder / "queries/fixed/v1.sql").write_text(QUERY.replace("GROUPS", "41").replace("FROM sales", "FROM old"))
    (folder / "catalog/old.yaml").write_text(TABLE.replace("sales", "old").replace("data", "old"))
    random = np.random.default_rng(7)
    for day in range(WINDOW + SLIDES):
        midnight = np.datetime64(FIRST + timedelta(days=day), "us")
        count = rows // WINDOW
        table = pa.table(
            {
                "sold": midnight + random.integers(0, 86_400_000_000, count).astype("timedelta64[us]"),
                "item": random.integers(0, 1_000_000, count),
                "units": random.integers(0, 10, count).astype(np.int32),
                "amount": pa.array(random.integers(0, 10**6, count), pa.int32()).cast(pa.decimal128(12, 2)),
            }
        )
        place = folder / f"data/day={FIRST + timedelta(days=day)}"
        place.mkdir(parents=True)
        pq.write_table(table, place / "part.parquet")
    shutil.copytree(folder / "data", folder / "old", copy_function=os.link)
    return folder


def land(project: Path, day: int, name: str) -> None:
    """Write a file of a day; it is there at once."""
    place = project / f"data/day={FIRST + timedelta(days=day)}"
    copied = place / ".part"
    shutil.copy(place / "part.parquet", copied)
    copied.rename(place / name)


class Asked:
    """What a server answered: the seconds that each answer took, of those that follow a file and of the others."""

    def __init__(self, server: Server) -> None:
        self._connection = HTTPConnection("127.0.0.1", server.port, timeout=60)
        self.later: list[float] = []
        self.others: list[float] = []
        self.partials: Counter[str] = Counter()

    def ask(self, query: str, *, landed: bool = False) -> None:
        """Ask for the window of days until today."""
        start, end = FIRST, FIRST + timedelta(days=WINDOW)
        begun = perf_counter()
        self._connection.request("GET", f"/v1/queries/{query}/v1/result?start={start}&end={end}")
        response = self._connection.getresponse()
        body = response.read()
        spent = perf_counter() - begun
        assert response.status == 200, body
        made = re.search(r"(\d+) computed", response.headers["Cache-Status"])
        self.partials[made[1] if made is not None and "fwd=" in response.headers["Cache-Status"] else "none"] += 1
        (self.later if landed else self.others).append(spent)

    def announce(self, day: int) -> None:
        """Tell the server that a day has changed."""
        named = json.dumps({"partitions": [f"day={FIRST + timedelta(days=day)}"]})
        headers = {"Content-Type": "application/json"}
        self._connection.request("POST", "/v1/tables/sales/refresh", named, headers)
        response = self._connection.getresponse()
        assert response.read(), response.status
        assert response.status == 200


def measure_today(project: Path, seconds: int) -> Grid:
    """Ask a server for a window that ends today, in whose files another one lands every now and then."""
    settings = {"CACHE_PARTIALS_FROM": 0, "STATE": project / ".state-today"}
    query, fixed = f"by_{next(iter(GROUPS))}", "fixed"
    with gateway_server(project, settings) as server:
        today, hits = Asked(server), Asked(server)
        for asked, name in ((today, query), (hits, fixed)):
            asked.ask(name)  # nothing is kept yet
            asked.others.clear()
            asked.partials.clear()
        begun = monotonic()
        for second in range(seconds):
            landed = second % EVERY == 0
            if landed:
                land(project, WINDOW - 1, f"{second}.parquet")
                today.announce(WINDOW - 1)
            today.ask(query, landed=landed)
            hits.ask(fixed)
            sleep(max(0.0, begun + second + 1 - monotonic()))
    slowest, hit = (sorted(each)[-1 - len(each) // 100] for each in (today.others, hits.others))
    grid = Grid("files", "answers", "partials computed", "after a file, ms", "others p99, ms", "hits p99, ms", "ratio")
    made = ", ".join(f"{count} x {number}" for number, count in sorted(today.partials.items()))
    after = f"{sorted(today.later)[len(today.later) // 2] * 1e3:.1f}"
    told = [f"{value * 1e3:.2f}" for value in (slowest, hit)]
    grid.add_row(str(len(today.later)), str(seconds), made, after, *told, f"{slowest / hit:.2f} (goal 2)")
    return grid


class Measured:
    """A gateway in this process, and what its answers took."""

    def __init__(self, gateway: Gateway, events: list[Event]) -> None:
        self._gateway, self._events = gateway, events

    def ask(self, groups: int, first: int, days: int = WINDOW) -> tuple[float, int, bytes]:
        """Return the CPU seconds of the answer for *days* from the *first*, the files read, and its digest."""
        start, end = (str(FIRST + timedelta(days=day)) for day in (first, first + days))
        request = Request(query=f"by_{groups}", version=1, parameters={"start": start, "end": end})
        self._events.clear()
        begun = process_time()
        answer = self._gateway.answer(request, principal=Principal())
        spent = process_time() - begun
        read = sum(
            reading.files
            for event in self._events
            if isinstance(event, QueryExecuted | PartialsGathered)
            for reading in event.readings
        )
        return spent, read, answer.result.digest.encode()


@contextmanager
def gateway(project: Path, share: str, threads: int | None) -> Iterator[Measured]:
    events: list[Event] = []
    state = project / f".state-{share}"
    shutil.rmtree(state, ignore_errors=True)
    settings = load_settings(
        project,
        {
            "GATEWAY_CACHE_PARTIALS": share,
            "GATEWAY_CACHE_PARTIALS_FROM": "0",
            "GATEWAY_STATE": str(state),
        }
        | ({} if threads is None else {"GATEWAY_ENGINE_THREADS": str(threads)}),
    )
    with open_gateway(settings, observe=events.append, background=False) as opened:
        yield Measured(opened, events)


def measure(project: Path, threads: int | None) -> Grid:
    grid = Grid("groups", "whole, ms", "cold, ms", "cold/whole", "slide, ms", "whole/slide", "goal", "files read")
    for groups, goal in GROUPS.items():
        with gateway(project, "0", threads) as whole:
            whole.ask(groups, 0, days=3)  # what is done once for a text
            wholes = [whole.ask(groups, first) for first in range(SLIDES + 1)]
        colds, slides = [], []
        for _ in range(COLDS):
            with gateway(project, "0.5", threads) as folded:
                folded.ask(groups, 0, days=3)  # so few days are not folded
                cold, *slid = [folded.ask(groups, first) for first in range(SLIDES + 1)]
            assert [one[2] for one in wholes] == [one[2] for one in (cold, *slid)], "the bytes differ"
            colds.append(cold[0])
            slides += slid
        usual, first, slide = min(one[0] for one in wholes), min(colds), min(one[0] for one in slides)
        read = "/".join(sorted({str(one[1]) for one in slides}))
        cells = [usual * 1e3, first * 1e3, first / usual, slide * 1e3, usual / slide]
        written = [f"{cell:.2f}" if cell < 10 else f"{cell:.0f}" for cell in cells]
        grid.add_row(f"{groups:,}", *written, f">= {goal:.0f}, cold <= {COLD}", f"{read} of {WINDOW}")
    return grid


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=900_000)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--seconds", type=int, default=60, help="how long today is measured; 0: not at all")
    given = parser.parse_args()
    with TemporaryDirectory() as folder:
        project = make_project(Path(folder), given.rows)
        Console().print(measure(project, given.threads))
        if given.seconds:
            Console().print(measure_today(project, given.seconds))


if __name__ == "__main__":
    main()

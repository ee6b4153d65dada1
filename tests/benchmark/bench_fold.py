"""Measure answers put together of partials against the whole query: a window of 30 days that slides by one day.

Run it as a script; ``--rows`` is the number of rows of all days (the goals are for 9,000,000). A thread of DuckDB that
has no work left uses a processor until the statement ends, which a busy machine draws out for the short statements of a
slide: ``--threads 1`` leaves that out.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table as Grid

from gateway.app.gateway import open_gateway
from gateway.config import load_settings
from gateway.model import Principal, Request
from gateway.pipeline import Gateway
from gateway.telemetry.events import Event, PartialsGathered, QueryExecuted

FIRST, WINDOW, SLIDES = date(2024, 1, 1), 30, 5
GROUPS = {41: 15.0, 201: 15.0, 8_000: 7.0}
"""Numbers of groups, with how many times less than the whole query a slide is to take."""
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
    return folder


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
        with gateway(project, "0", threads) as whole, gateway(project, "0.5", threads) as folded:
            for prepared in (whole, folded):  # what is done once for a text: so few days are not folded
                prepared.ask(groups, 0, days=3)
            wholes = [whole.ask(groups, first) for first in range(SLIDES + 1)]
            cold, *slides = [folded.ask(groups, first) for first in range(SLIDES + 1)]
        assert [one[2] for one in wholes] == [one[2] for one in (cold, *slides)], "the bytes differ"
        usual, slide = min(one[0] for one in wholes), min(one[0] for one in slides)
        read = "/".join(sorted({str(one[1]) for one in slides}))
        cells = [usual * 1e3, cold[0] * 1e3, cold[0] / usual, slide * 1e3, usual / slide]
        written = [f"{cell:.2f}" if cell < 10 else f"{cell:.0f}" for cell in cells]
        grid.add_row(f"{groups:,}", *written, f">= {goal:.0f}, cold <= {COLD}", f"{read} of {WINDOW}")
    return grid


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=900_000)
    parser.add_argument("--threads", type=int)
    given = parser.parse_args()
    with TemporaryDirectory() as folder:
        Console().print(measure(make_project(Path(folder), given.rows), given.threads))


if __name__ == "__main__":
    main()

"""How soon the page of a query shows something, and its chart, beside Datasette over the same rows. A script.

Both are opened in turn in one browser, whose cache is emptied before every other time: the first contentful paint, and
the time until a chart of 50 days is drawn from 100,000 rows. Then a table of 100,000 rows is scrolled from its
beginning to its end, and the longest task of the page counts: the goal is that none is over 100 ms.

Datasette is no dependency: name its program (with the plugin ``datasette-vega`` beside it), or it is left out.
"""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from socket import socket
from statistics import median
from urllib.parse import urlencode
from urllib.request import urlopen

import click
import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table as Grid
from selenium import webdriver
from selenium.webdriver.support.ui import WebDriverWait

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))
from browsers import chromium
from processes import gateway_server
from waiting import wait_for

DAYS, ROWS = 50, 2_000
"""Days of the table, and rows of a day."""
GOAL = 100
"""Milliseconds of the longest task while a table is scrolled."""
SECONDS = 60
TABLE = "table: sales\nlocation: data\npartitioned_by: [{column: dt, transform: day, source: ts}]\n"
QUERIES = {
    "by_day": """/*
summary: Sales by day
parameters:
  start: {type: date, description: first day}
  end: {type: date, description: first day left out}
chart: {x: day, y: amount, mark: bar}
*/
SELECT ts::DATE AS day, count(*) AS sales, sum(amount) AS amount FROM sales
WHERE ts >= $start AND ts < $end GROUP BY ts::DATE ORDER BY day
""",
    "all_sales": "/*\nsummary: All sales\n*/\nSELECT id, ts, region, amount FROM sales ORDER BY id\n",
}
PERIOD = {"start": "2024-01-01", "end": "2024-02-20"}
BY_DAY = """SELECT date(ts) AS day, count(*) AS sales, sum(amount) AS amount FROM sales
WHERE ts >= :start AND ts < :end GROUP BY date(ts) ORDER BY day"""
VEGA = "g.mark=bar&g.x_column=day&g.x_type=ordinal&g.y_column=amount&g.y_type=quantitative"
WATCH = """
window.longestTask = 0;
new PerformanceObserver((list) => {
  for (const task of list.getEntries()) window.longestTask = Math.max(window.longestTask, task.duration);
}).observe({ entryTypes: ["longtask"] });
const look = () => {
  const chart = document.querySelector("#picture svg, .vega-embed canvas, .vega-embed svg");
  if (chart) window.chartDrawn = performance.now();
  else requestAnimationFrame(look);
};
if (window === top) look();
"""
"""Runs before the scripts of a page: notes when a chart is there, and the longest task."""
PAINTED = "return performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
SCROLLED = """
const done = arguments[0], box = document.getElementById("rows"), steps = 200;
window.longestTask = 0;
let step = 0;
const scroll = () => {
  box.scrollTop = (box.scrollHeight - box.clientHeight) * step / steps;
  if (step++ < steps) requestAnimationFrame(scroll); else setTimeout(() => done(window.longestTask), 300);
};
scroll();
"""


@dataclass(frozen=True)
class Opened:
    """Milliseconds from the beginning of a visit to the first paint, and to the chart."""

    painted: float
    drawn: float


def write(folder: Path) -> None:
    """Write the project, and the same rows as a database of SQLite."""
    for name, text in {"catalog/sales.yaml": TABLE, **{f"queries/{n}/v1.sql": t for n, t in QUERIES.items()}}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    with closing(sqlite3.connect(folder / "sales.db")) as database, database:
        database.execute("CREATE TABLE sales (id INTEGER PRIMARY KEY, ts TEXT, region TEXT, amount REAL)")
        for day in range(DAYS):
            begin = datetime(2024, 1, 1) + timedelta(days=day)
            ids = range(day * ROWS, (day + 1) * ROWS)
            times = [begin + timedelta(seconds=40 * (number % ROWS)) for number in ids]
            regions, amounts = [("north", "south")[number % 2] for number in ids], [number * 0.25 for number in ids]
            target = folder / f"data/dt={begin:%Y-%m-%d}"
            target.mkdir(parents=True)
            columns = {"id": ids, "ts": pa.array(times, pa.timestamp("us")), "region": regions, "amount": amounts}
            pq.write_table(pa.table(columns), target / "0.parquet")
            rows = zip(ids, (time.isoformat(" ") for time in times), regions, amounts, strict=True)
            database.executemany("INSERT INTO sales VALUES (?, ?, ?, ?)", rows)
        database.execute("CREATE INDEX by_time ON sales (ts)")


@contextmanager
def datasette(program: str, database: Path) -> Iterator[str]:
    """Serve a database by Datasette; yield the address of the question by day, with its chart."""
    with closing(socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    process = subprocess.Popen(
        [program, "serve", database, "--port", str(port), "--setting", "sql_time_limit_ms", "60000"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        base = f"http://127.0.0.1:{port}"
        wait_for(lambda: _answers(f"{base}/-/versions.json"), lambda: "Datasette does not answer", pause=0.1)
        yield f"{base}/sales?{urlencode({'sql': BY_DAY, **PERIOD})}#{VEGA}"
    finally:
        process.terminate()
        process.wait()


def _answers(address: str) -> bool:
    try:
        with urlopen(address, timeout=5):
            return True
    except OSError:
        return False


def visit(browser: webdriver.Chrome, address: str) -> Opened:
    """Open a page, and wait for its chart."""
    browser.get("about:blank")
    browser.get(address)
    WebDriverWait(browser, SECONDS, 0.05).until(lambda _: browser.execute_script("return window.chartDrawn"))
    return Opened(
        painted=WebDriverWait(browser, SECONDS, 0.05).until(lambda _: browser.execute_script(PAINTED)),
        drawn=browser.execute_script("return window.chartDrawn"),
    )


def scrolled(browser: webdriver.Chrome, base: str) -> float:
    """Return the milliseconds of the longest task while a table of all rows is scrolled from end to end."""
    browser.get(f"{base}/docs/all_sales/v1?_view=table")
    ready = "return document.getElementById('sight')?.textContent.includes('100,000')"
    WebDriverWait(browser, SECONDS).until(lambda _: browser.execute_script(ready))
    browser.set_script_timeout(SECONDS)
    return float(browser.execute_async_script(SCROLLED))


@click.command()
@click.option("--datasette", "program", default=shutil.which("datasette"), help="The program of Datasette.")
@click.option("--times", default=9)
def main(program: str | None, times: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        project = folder / "project"
        write(project)
        with gateway_server(project, {"ENGINE_CHEAP": 2**30}) as served, chromium(folder / "profile", print) as browser:
            browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": WATCH})
            base = f"http://127.0.0.1:{served.port}"
            addresses = {"Query Gateway": f"{base}/docs/by_day/v1?{urlencode(PERIOD)}&_view=chart"}
            if program is None:
                compare(browser, addresses, times)
            else:
                with datasette(program, project / "sales.db") as other:
                    compare(browser, {**addresses, "Datasette": other}, times)
            longest = scrolled(browser, base)
    print(f"longest task while 100,000 rows are scrolled: {longest:.0f} ms    goal: none over {GOAL} ms")
    sys.exit(0 if longest <= GOAL else 1)


def compare(browser: webdriver.Chrome, addresses: dict[str, str], times: int) -> None:
    """Print how soon each page is there, with an empty and with a filled cache of the browser."""
    grid = Grid("page", "cache of the browser", "first paint", "chart drawn", box=None)
    for cache in ("empty", "filled"):
        visits: dict[str, list[Opened]] = {name: [] for name in addresses}
        for _ in range(times):
            for name, address in addresses.items():
                if cache == "empty":
                    browser.execute_cdp_cmd("Network.clearBrowserCache", {})
                visits[name].append(visit(browser, address))
        for name, found in visits.items():
            painted, drawn = median(one.painted for one in found), median(one.drawn for one in found)
            grid.add_row(name, cache, f"{painted:.0f} ms", f"{drawn:.0f} ms")
    Console(width=100).print(grid)


if __name__ == "__main__":
    main()

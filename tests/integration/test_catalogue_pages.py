"""The pages of tables in a real browser, at every width and in the dark."""

from __future__ import annotations

import os
import subprocess
import sysconfig
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from pathlib import Path
from shutil import rmtree
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import Request, urlopen

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from browsers import chromium, element, violations
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from waiting import wait_for

from gateway.access.keys import KeyFile

pytestmark = [pytest.mark.browser, pytest.mark.gunicorn]
DAYS, MISSING = 40, 7
SALES = """\
table: sales
description: Sales, one row each
owner: shop
location: data/sales
column_descriptions: {amount: in euros, region: where it was sold}
partitioned_by: [{column: dt, transform: day, source: ts}, {column: part, transform: "bucket[4]", source: id}]
statistics: true
limits: {require_filter: true}
"""
RETURNS = "table: returns\nlocation: data/returns\nstatistics: true\n"
LOST = "table: lost\nlocation: data/lost\nrefresh: 1s\ndescription: Its folder goes away\n"
BY_DAY = """/*
summary: Sales by day
owner: analysts
tags: [weekly]
parameters:
  start: {type: date, description: first day}
  end: {type: date, description: first day left out}
examples: [{start: 2024-01-01, end: 2024-01-08}]
*/
SELECT CAST(ts AS DATE) AS day, sum(amount) AS total FROM sales
WHERE ts >= $start AND ts < $end GROUP BY CAST(ts AS DATE) ORDER BY day
"""


TOTALS = """\
table: totals
description: Sales of each day, built ahead
query: by_day/v2
parameters: {start: 2024-01-01, end: 2024-03-01}
location: built/totals
partitioned_by: [{column: month, transform: month, source: day}]
"""
ENDLESS = "table: endless\nquery: endless/v1\nlocation: built/endless\n"
OF_TOTALS = "/*\nsummary: The best day\n*/\nSELECT max(amount) AS best FROM totals\n"
HOURS = """/*
summary: It takes hours
*/
SELECT count(*) AS n FROM range(4000000000) AS a(x), range(99) AS b(y) WHERE x % 7 = y
"""
GRANTS = """\
grants:
  - {to: ["*"], queries: ["*"], tables: ["*"]}
  - {to: [ana], queries: ["*"], tables: ["*"], actions: [build, cancel, read, stop]}
"""
SETTINGS = '[access]\nrequired = true\n[snapshots]\nlocation = "kept"\n'


def write_project(folder: Path) -> None:
    texts = {"catalog/sales.yaml": SALES, "catalog/returns.yaml": RETURNS, "catalog/lost.yaml": LOST}
    texts |= {"queries/by_day/v1.sql": BY_DAY, "queries/by_day/v2.sql": BY_DAY.replace("total", "amount")}
    texts |= {"catalog/totals.yaml": TOTALS, "catalog/endless.yaml": ENDLESS, "gateway.toml": SETTINGS}
    texts |= {"queries/best/v1.sql": OF_TOTALS, "queries/endless/v1.sql": HOURS, "access.yaml": GRANTS}
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    for day in range(DAYS):
        if day != MISSING:
            for part in range(2):
                _write(folder / f"data/sales/dt={date(2024, 1, 1) + timedelta(days=day)}/part={part}/a.parquet", day)
    for table in ("returns", "lost"):
        _write(folder / f"data/{table}/a.parquet", 3)
    (folder / "data/returns/torn.parquet").write_bytes(b"PAR1 torn")
    (folder / "data/returns/notes.txt").write_text("no data")


def _write(path: Path, day: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = {
        "id": pa.array(range(day + 1), pa.int64()),
        "ts": pa.array([datetime(2024, 1, 1) + timedelta(days=day)] * (day + 1), pa.timestamp("us")),
        "region": pa.array(["north"] * (day + 1)),
        "amount": pa.array([1.5] * (day + 1)),
    }
    pq.write_table(pa.table(columns), path)


def state_of_build(page: Page) -> str:
    """Return how the newest build is, as the page shows it now."""
    lines = page.table("Builds")
    return lines[0][1] if lines else "none"


class Page:
    """Pages in the browser, looked at as a person would."""

    def __init__(self, browser: webdriver.Chrome, base: str) -> None:
        self.browser, self.base = browser, base

    def open(self, path: str) -> None:
        self.browser.get(self.base + path)

    def enter(self, key: str) -> None:
        """Enter a key, as its owner would."""
        self.open("/docs/key")
        self.at("#key").send_keys(key, Keys.ENTER)
        wait_for(lambda: self.browser.current_url.endswith("/docs"))

    def forget(self) -> None:
        """Look at pages as somebody without a key."""
        self.browser.delete_all_cookies()

    def at(self, selector: str) -> WebElement:
        return element(self.browser, By.CSS_SELECTOR, selector)

    def texts(self, selector: str) -> list[str]:
        """Return the texts of elements as they are seen, all of one moment; of those that are hidden nothing."""
        script = """const words = (one) => one.innerText
                ?? [...one.querySelectorAll("text")].map((part) => part.textContent).join("\\n");
            return [...document.querySelectorAll(arguments[0])]
                .map((one) => one.checkVisibility() ? words(one).trim() : "")"""
        found: list[str] = self.browser.execute_script(script, selector)
        return found

    def table(self, name: str) -> list[list[str]]:
        """Return the cells of the table in the region of a name, line by line."""
        script = """return [...document.querySelectorAll(`[aria-label="${arguments[0]}"] tbody tr`)]
            .map((row) => [...row.cells].map((cell) => cell.textContent.trim()))"""
        found: list[list[str]] = self.browser.execute_script(script, name)
        return found

    def names(self, selector: str) -> list[str]:
        """Return what elements are called to those who do not see them."""
        return [one.accessible_name for one in self.browser.find_elements(By.CSS_SELECTOR, selector)]

    def facts(self) -> dict[str, str]:
        return dict(zip(self.texts("#content dt"), self.texts("#content dd"), strict=True))

    def look(self, *, width: int, dark: bool) -> None:
        """Look at pages in a window of so many pixels, in the light or in the dark."""
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})

    def complaints(self) -> list[str]:
        return [entry["message"] for entry in self.browser.get_log("browser") if entry["level"] == "SEVERE"]

    def strangers(self) -> list[str]:
        """List what was loaded from elsewhere."""
        script = "return performance.getEntriesByType('resource').map((entry) => entry.name)"
        return [name for name in self.browser.execute_script(script) if not name.startswith(self.base)]

    def check(self) -> None:
        """What holds of every page in every state."""
        assert violations(self.browser) == []
        assert self.browser.execute_script("return document.documentElement.scrollWidth - innerWidth") <= 0
        assert self.strangers() == []


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    write_project(folder)
    return folder


@pytest.fixture(scope="module")
def key(project: Path) -> str:
    """A key of ana's, who may have datasets built."""
    return KeyFile(project / "keys.json").add("ana")


@pytest.fixture
def page(opened: Page) -> Page:
    opened.complaints()
    return opened


@pytest.fixture(scope="module")
def opened(
    project: Path,
    serve_for_module: Any,
    tmp_path_factory: pytest.TempPathFactory,
    server_used: Callable[[str], None],
) -> Iterator[Page]:
    served = serve_for_module(project, {"GATEWAY_STATE": str(project / "state")})
    with chromium(tmp_path_factory.mktemp("profile"), server_used) as chrome:
        yield Page(chrome, f"http://127.0.0.1:{served.port}")


def counted(page: Page) -> bool:
    """Open the page of the sales; tell whether the footers of all files have been read."""
    page.open("/tables/sales")
    return page.facts()["Rows"] != "not counted"


def test_a_table_tells_what_it_holds_and_who_reads_it(page: Page) -> None:
    page.open("/")
    page.at("nav a[href='/tables']").click()
    page.at("tbody a[href='/tables/sales']").click()
    wait_for(lambda: counted(page))
    facts = page.facts()
    rows = 2 * (sum(range(1, DAYS + 1)) - (MISSING + 1))
    assert (facts["Rows"], facts["Partitions"], facts["Owner"]) == (f"{rows:,}", f"{2 * (DAYS - 1)}", "shop")
    assert "needs a filter that leaves folders out" in facts["Limits"]
    assert ["amount", "DOUBLE", "in euros"] in page.table("Columns")
    page.check()
    assert [words for _, words, _ in page.table("Layout")] == [
        "one folder for each day of ts",
        "4 folders, chosen by a hash of id: all rows of one id lie in the same",
    ]
    [[query, summary, owner]] = page.table("Queries that read it")
    assert (query.split(), summary.split()[:3], owner) == (["by_day", "v2"], ["Sales", "by", "day"], "analysts")
    assert page.at("#content a[href='/docs/by_day/v1']").text == "v1"
    assert page.complaints() == []


def test_the_catalogue_is_searched_by_columns_and_tables_while_one_types(page: Page) -> None:
    def found(words: str) -> list[str]:
        field = page.at("#filter")
        field.clear()
        field.send_keys(words)
        return [text.split()[0] for text in page.texts(".searched tbody th") if text]

    def columns_known() -> bool:
        page.open("/docs")
        return found("amount") != []

    wait_for(columns_known)
    assert found("amount day") == ["by_day"]
    assert found("euros") == ["sales"]
    assert found("sales weekly analysts") == ["by_day"]
    assert found("nowhere") == []
    assert page.at("#none").is_displayed()
    assert page.browser.current_url.endswith("/docs?_q=nowhere")
    page.check()
    page.at("#filter").clear()
    page.at("#filter").send_keys("x", Keys.BACKSPACE)
    assert page.browser.current_url.endswith("/docs")
    page.open("/docs")
    page.at("a.label").click()
    wait_for(lambda: page.browser.current_url.endswith("_q=weekly"))
    assert page.texts("#queries tbody a")[0] == "by_day"
    assert page.complaints() == []


def test_tables_are_searched_while_one_types_and_by_a_link(page: Page) -> None:
    def found(words: str) -> list[str]:
        field = page.at("#filter")
        field.clear()
        field.send_keys(words)
        return [text for text in page.texts(".searched tbody th") if text]

    page.open("/tables")
    assert {"sales", "returns", "totals"} <= set(found(""))
    assert found("euros SHOP") == ["sales"]
    assert found("nowhere") == []
    assert page.at("#none").is_displayed()
    page.check()
    page.open("/tables?_q=ahead")
    assert page.texts(".searched tbody th") == ["totals"]
    page.open("/tables?_q=nowhere")
    assert page.texts("#none") == ["Nothing matches. Show all"]
    assert page.complaints() == []


def test_the_status_shows_how_full_the_tiers_of_the_cache_are(page: Page, key: str) -> None:
    page.open("/status")
    rows = {(kind, where): (bound, state) for kind, where, _, _, bound, state in page.table("Cache")}
    assert ("answers", "memory of this worker") in rows
    bound, state = rows[("answers", "disk of this machine")]
    assert (bound.endswith("GiB"), state) == (True, "ok")
    page.check()
    assert "answers disk" in " ".join(top(page.base, key, "--once").split())


def test_the_catalogue_shows_how_often_a_query_is_asked(page: Page) -> None:
    urlopen(f"{page.base}/v1/queries/by_day/v2/result?start=2024-01-01&end=2024-01-03").read()

    def told() -> bool:
        page.open("/docs")
        return any(label.startswith("Calls by day, ") for label in page.names(".spark"))

    wait_for(told)
    page.check()


def test_the_calendar_has_a_square_a_day_and_a_table_behind_it(page: Page) -> None:
    wait_for(lambda: counted(page))
    squares = page.browser.execute_script(
        "return [...document.querySelectorAll('.calendar-grid rect')].map((one) => [one.classList[0], one.textContent])"
    )
    assert len(squares) == DAYS
    assert [words for shade, words in squares if shade == "shade-0"] == ["2024-01-08: nothing"]
    assert squares[-1][0] == "shade-4"
    assert "missing between them: 1" in str(page.at(".calendar-grid").get_attribute("aria-label"))
    page.at("summary").click()
    newest = page.table("Day")[0]
    assert (newest[0], newest[1], newest[3]) == ("2024-02-09", "80", "2")
    assert [line[0] for line in page.table("part")] == ["0", "1"]
    page.check()


def test_what_is_wrong_with_a_table_is_on_its_page(page: Page) -> None:
    def told() -> bool:
        page.open("/tables/returns")
        return any("torn.parquet" in text for text in page.texts("main li"))

    wait_for(told)
    assert "Files that cannot be read" in page.texts("h3")
    assert any("notes.txt" in text for text in page.texts("main li"))
    page.check()


def test_a_table_that_cannot_be_listed_any_more_says_so(page: Page, project: Path) -> None:
    rmtree(project / "data/lost")

    def told() -> bool:
        page.open("/tables/lost")
        return any("listing them fails" in text for text in page.texts("[role=note]"))

    wait_for(told)
    page.check()


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/learn",
        "/docs",
        "/docs?_q=nowhere",
        "/docs/key",
        "/docs/by_day/v2",
        "/docs/by_day/v9",
        "/errors/not-found",
        "/tables",
        "/tables?_q=nowhere",
        "/tables/sales",
        "/tables/nothing",
        "/datasets",
        "/datasets/totals",
        "/datasets/nothing",
        "/status",
        "/nowhere",
        "/v1/queries/by_day/v2/result?start=x",
        "/v1/datasets/totals/builds/0",
    ],
)
@pytest.mark.parametrize(("width", "dark"), [(1200, False), (390, False), (390, True)])
def test_every_page_can_be_read_by_everybody(page: Page, path: str, width: int, dark: bool) -> None:
    page.look(width=width, dark=dark)
    page.open(path)
    page.check()
    page.look(width=1200, dark=False)


def test_a_dataset_is_built_on_its_page_and_tells_where_it_comes_from(page: Page, key: str) -> None:
    page.open("/datasets/totals")
    assert "not built yet" in page.at("[role=note]").text
    assert page.texts("main button") == []
    page.enter(key)
    page.open("/datasets/totals")
    page.at("form[action$='/builds'] button").click()
    wait_for(lambda: state_of_build(page) == "done")
    assert page.table("Builds")[0][3] == "ana"
    assert page.at("#said").get_attribute("textContent") == "The newest build is done."
    wait_for(lambda: page.texts("#versions tbody tr") != [])
    page.open("/datasets")
    page.at("tbody a[href='/datasets/totals']").click()
    assert page.at("h1").text == "totals v1"
    [[version, _, rows, _, partitions, new]] = page.table("Versions")
    assert (version, rows, partitions, new) == ("v1", f"{DAYS - 1}", "2", "2")
    assert page.texts(".lineage a") == ["table\nsales", "query\nby_day/v2", "query\nbest/v1"]
    page.check()
    page.at(".lineage a[href='/tables/sales']").click()
    assert page.at("h1").text == "sales"
    assert page.complaints() == []


def test_a_build_that_goes_on_is_cancelled_on_the_page(page: Page, key: str) -> None:
    page.enter(key)
    page.open("/datasets/endless")
    page.at("form[action$='/builds'] button").click()
    wait_for(lambda: state_of_build(page) == "running")
    page.check()
    page.at("form[action$='/cancel'] button").send_keys(Keys.ENTER)
    wait_for(lambda: state_of_build(page) == "cancelled")
    assert page.texts("form[action$='/cancel'] button") == []


def test_no_page_of_another_origin_has_a_dataset_built(page: Page, key: str) -> None:
    page.enter(key)
    page.open("/tables")
    form = f"<form method=post action='{page.base}/datasets/totals/builds'><button>Win</button></form>"
    page.browser.get(f"data:text/html,{quote(form)}")
    page.at("button").click()
    wait_for(lambda: "This is done on a page of this server." in page.at("main").text)
    page.open("/datasets/totals")
    assert len(page.table("Builds")) == 1


def test_what_runs_is_shown_to_who_may_see_it_and_is_stopped_on_the_page(page: Page, key: str) -> None:
    page.forget()
    asked = Request(f"{page.base}/v1/queries/endless/v1/result", headers={"Authorization": f"Bearer {key}"})
    with ThreadPoolExecutor() as pool:
        answer = pool.submit(urlopen, asked, timeout=60)
        wait_for(lambda: running(page) == "1")
        assert page.table("Queries that run and wait") == []
        page.check()
        terminal = top(page.base, key, "--once")
        assert "endless v1" in terminal
        page.enter(key)
        wait_for(lambda: running(page) == "1")
        [[query, state, _, _, who, _]] = page.table("Queries that run and wait")
        assert (query.split(), state, who) == (["endless", "v1"], "running", "ana")
        page.check()
        page.at("form[action$='/stop'] button").send_keys(Keys.ENTER)
        with pytest.raises(HTTPError) as refused:
            answer.result(timeout=60)
    with refused.value:
        assert refused.value.code == 409
    wait_for(lambda: page.texts("form[action$='/stop'] button") == [])
    assert '"running": 0' in top(page.base, key, "--format", "json")
    assert "Nothing runs." in page.at("main").text
    page.check()


def running(page: Page) -> str:
    page.open("/status")
    return page.facts()["Running"].split()[0]


def top(base: str, key: str, *options: str) -> str:
    command = [str(Path(sysconfig.get_path("scripts")) / "gateway"), "top", "--url", base, *options]
    folder = Path(__file__).parents[2]
    done = subprocess.run(
        [*command, "--project", str(folder)],
        env=os.environ | {"GATEWAY_KEY": key, "COLUMNS": "120"},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout

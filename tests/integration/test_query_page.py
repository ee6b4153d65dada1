"""The page of a query in a real browser: its address, its rows, what it says of the cost, without and with scripts."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen
from xml.etree import ElementTree

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from browsers import chromium, element, violations
from packaged_httpfs import client_duckdb
from real_servers import server_missing
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import Select, WebDriverWait

from gateway.web.parsing import read_query_string

pytestmark = [pytest.mark.browser, pytest.mark.gunicorn]
DAYS, ROWS = 50, 2_000
"""Days of the table, and rows of a day."""
EVERYTHING = "start=2024-01-01&end=2024-02-20"
TABLE = "table: sales\nlocation: data\npartitioned_by: [{column: dt, transform: day, source: ts}]\n"
SALES = """/*
summary: Sales, one row each
parameters:
  start: {type: timestamp, zone: Europe/Berlin, description: first hour}
  end: {type: timestamp, zone: Europe/Berlin, description: first hour left out}
  regions: {type: "list[varchar]", optional: true, description: only these}
examples: [{start: 2024-01-01, end: 2024-01-02}]
*/
SELECT id, ts, region, amount, share FROM sales
WHERE ts >= $start AND ts < $end AND ($regions IS NULL OR region IN $regions)
ORDER BY id
"""


BY_DAY = """/*
summary: Sales by day
parameters:
  start: {type: date, description: first day}
  end: {type: date, description: first day left out}
  regions: {type: "list[varchar]", optional: true, choices: [north, south], description: only these}
examples: [{start: 2024-01-01, end: 2024-01-08}]
chart: {x: day, y: amount, mark: bar}
*/
SELECT CAST(ts AS DATE) AS day, count(*) AS sales, sum(amount) AS amount FROM sales
WHERE ts >= $start AND ts < $end AND ($regions IS NULL OR region IN $regions) GROUP BY CAST(ts AS DATE) ORDER BY day
"""


NUMBERS = "/*\nsummary: Many rows\n*/\nSELECT range AS n, range % 7 AS k FROM range(100300)\n"


SHAPES = """/*
summary: Values of many shapes
*/
SELECT {'z': range, 'a': '<&>é'} AS st, MAP {'z': range, 'a': 2} AS mp, ['é', '<'] AS list, range % 2 = 0 AS even,
'1234567890123' || range || '.WWWWWWWWWWWWWWWWWWWW' || repeat('W', range * 9) AS name, range + 1 AS n FROM range(5)
"""


WORDS = """/*
summary: Words
parameters:
  word: {type: varchar, optional: true}
  n: {type: integer, default: 10, min: 0}
  tags: {type: "list[varchar]", optional: true}
*/
SELECT coalesce('<' || $word || '>', 'not given') AS word, $n AS n, array_to_string($tags, '|') AS tags
"""


def write_project(folder: Path) -> int:
    """Write a project of one table and its queries; return the bytes of the table."""
    texts = {"catalog/sales.yaml": TABLE, "queries/sales/v1.sql": SALES, "queries/by_day/v1.sql": BY_DAY}
    texts["queries/numbers/v1.sql"] = NUMBERS
    texts["queries/shapes/v1.sql"] = SHAPES
    texts["queries/words/v1.sql"] = WORDS
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return sum(_write_day(folder, day) for day in range(DAYS))


def _write_day(folder: Path, day: int) -> int:
    begin = datetime(2024, 1, 1) + timedelta(days=day)
    ids = range(day * ROWS, (day + 1) * ROWS)
    columns = {
        "id": pa.array(ids, pa.int64()),
        "ts": pa.array([begin + timedelta(seconds=40 * (number % ROWS)) for number in ids], pa.timestamp("us")),
        "region": pa.array([("north", "south", None, "")[number % 4] for number in ids]),
        "amount": pa.array([str(number * 7919 % 100_000) for number in ids]).cast(pa.decimal128(12, 2)),
        "share": pa.array([number % 8 / 8 for number in ids], pa.float64()),
    }
    path = folder / f"data/dt={begin:%Y-%m-%d}/a.parquet"
    path.parent.mkdir(parents=True)
    pq.write_table(pa.table(columns), path)
    return path.stat().st_size


class Page:
    """The page of a query in the browser, spoken to as a person would."""

    def __init__(self, browser: webdriver.Chrome, base: str) -> None:
        self.browser, self.base = browser, base

    def open(self, path: str) -> None:
        self.browser.get("about:blank")  # what stood there before is not taken for what is asked now
        self.browser.get(f"{self.base}{path}")
        self.at("#form[data-ready]")
        self.settle()

    def settle(self) -> None:
        """Wait until nothing is being asked."""
        self.wait(lambda: self.all("#form[aria-busy]") == [])

    def squares(self) -> Counter[str]:
        """Count the squares of the maps by what they are of."""
        script = "return [...document.querySelectorAll('.map rect')].map((one) => one.getAttribute('class'))"
        return Counter(self.script(script))

    def at(self, selector: str) -> WebElement:
        return element(self.browser, By.CSS_SELECTOR, selector)

    def all(self, selector: str) -> list[WebElement]:
        return self.browser.find_elements(By.CSS_SELECTOR, selector)

    def text(self, selector: str) -> str:
        return self.at(selector).text

    def wait(self, condition: Callable[[], Any]) -> None:
        WebDriverWait(self.browser, 20, ignored_exceptions=[StaleElementReferenceException]).until(
            lambda _: condition()
        )

    def fill(self, name: str, text: str) -> None:
        control = self.at(f"#p-{name}")
        control.clear()
        if control.get_attribute("type") == "date":  # typed in the order of the browser's language
            script = (
                "arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('input', {bubbles: true}))"
            )
            self.script(script, control, text)
        else:
            control.send_keys(text)

    def value(self, name: str) -> str:
        return str(self.at(f"#p-{name}").get_attribute("value"))

    def items(self, name: str) -> list[str]:
        """Return the items of a list that are chips."""
        script = "return [...document.querySelectorAll(arguments[0])].map((chip) => chip.textContent)"
        return list(self.script(script, f"ul[aria-label='Items of {name}'] .chip span"))

    def paste(self, name: str, text: str) -> None:
        """Paste a text into a field, as Ctrl+V does."""
        script = """const clipboardData = new DataTransfer();
            clipboardData.setData("text", arguments[1]);
            const pasted = new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true });
            arguments[0].dispatchEvent(pasted);"""
        self.script(script, self.at(f"#p-{name}"), text)

    def press(self, name: str) -> None:
        [button] = [one for one in self.all("button") if one.text == name and one.is_displayed()]
        button.click()
        self.settle()

    @property
    def address(self) -> str:
        return self.browser.current_url.removeprefix(self.base)

    def script(self, text: str, *arguments: object) -> Any:
        return self.browser.execute_script(text, *arguments)

    def code(self, language: str) -> str:
        """Return the code that the page has for a language, with the address of this machine."""
        Select(self.at("#language")).select_by_visible_text(language)
        return self.text("#snippet").replace("gateway.test", "127.0.0.1")  # which only the browser knows

    def sight(self, words: str) -> None:
        """Wait until the page says so of the rows in sight."""
        self.wait(lambda: self.text("#sight").startswith(words))

    def column(self, place: int) -> list[str]:
        cells = f"#rows td:nth-child({place})"
        return list(self.script(f"return [...document.querySelectorAll('{cells}')].map((cell) => cell.innerText)"))

    def complaints(self) -> list[str]:
        return [entry["message"] for entry in self.browser.get_log("browser") if entry["level"] == "SEVERE"]


@pytest.fixture(scope="module")
def page(
    serve_for_module: Any, tmp_path_factory: pytest.TempPathFactory, server_used: Callable[[str], None]
) -> Iterator[Page]:
    """A browser before a server to which half of the table is not cheap."""
    folder = tmp_path_factory.mktemp("sales")
    size = write_project(folder)
    settings = {"GATEWAY_STATE": str(folder / "state"), "GATEWAY_ENGINE_CHEAP": str(size // 2)}
    settings["GATEWAY_CACHE_PARTIALS_FROM"] = "0"
    served = serve_for_module(folder, settings)
    with chromium(tmp_path_factory.mktemp("profile"), server_used) as chrome:
        opened = Page(chrome, f"http://gateway.test:{served.port}")
        opened.open("/docs/sales/v1")
        yield opened


def test_the_address_is_what_is_asked_and_is_followed_back_and_forward(page: Page) -> None:
    page.open("/docs/sales/v1?start=2024-01-05&end=2024-01-06&regions=north")
    assert page.text("#state") == "Done."
    assert (page.value("end"), page.items("regions")) == ("2024-01-06", ["north"])
    page.fill("end", "2024-01-07")
    page.press("Run")
    asked = "/docs/sales/v1?start=2024-01-05&end=2024-01-07&regions=north"
    assert page.address == asked
    page.browser.back()
    page.wait(lambda: page.value("end") == "2024-01-06" and page.text("#state") == "Done.")
    page.browser.forward()
    page.wait(lambda: page.value("end") == "2024-01-07" and page.text("#state") == "Done.")
    assert page.address == asked
    page.press("Copy link")
    page.wait(lambda: page.text("#state") == "Copied the address of this page.")
    page.at("#p-regions").clear()
    page.at("#p-regions").send_keys(Keys.CONTROL, "v")
    assert page.value("regions") == page.base + asked
    assert page.complaints() == []


def test_what_is_not_cheap_is_not_run_before_it_is_told_to(page: Page) -> None:
    page.open(f"/docs/sales/v1?{EVERYTHING}")
    assert page.text("#state") == "Not run."
    assert f"{DAYS} of {DAYS} partitions" in page.text("#estimate")
    assert not page.at("#rows").is_displayed()
    page.press("Run")
    assert page.text("#state") == "Done."
    page.open(f"/docs/sales/v1?{EVERYTHING}")
    assert page.text("#state") == "Done."  # it is kept


def test_what_is_too_long_for_an_address_stays_out_of_it_and_is_asked_all_the_same(page: Page) -> None:
    page.open("/docs/sales/v1")
    assert page.text("#state") == ""
    many = "\n".join(f"region {number}" for number in range(800))
    page.paste("regions", f"north\n{many}")
    page.press("Run")
    assert page.text("#state") == "Done."
    short = "/docs/sales/v1?start=2024-01-01&end=2024-01-02&_without=regions"
    assert page.address == short
    assert page.text("#long").startswith("Too long for an address: regions.")
    assert {"north"} == set(page.column(3))
    page.at("#downloads summary").click()
    assert [one.text for one in page.all("#files button")][:2] == ["CSV", "CSV for Excel"]
    assert page.text("#files li") == "A file holds all rows and columns, whatever the table shows of them."
    page.script("for (const one of document.querySelectorAll('.chips button')) one.click()")
    page.fill("regions", "south")
    page.press("Run")
    assert not page.at("#long").is_displayed()
    page.browser.back()
    page.wait(lambda: page.items("regions")[0] == "north" and page.at("#long").is_displayed())
    page.open(short)  # elsewhere it would be another question, and is not asked
    assert (page.text("#state"), page.value("end"), page.items("regions")) == ("", "2024-01-02", [])
    assert page.text("#without").endswith("and has not asked anything: regions.")
    page.press("Run")
    assert (page.address, page.all("#without")) == ("/docs/sales/v1?start=2024-01-01&end=2024-01-02", [])
    assert page.complaints() == []


def test_what_is_longest_stays_out_of_an_address_first(page: Page) -> None:
    page.open("/docs/sales/v1?start=2024-01-05&end=2024-01-06&regions=north&_sort=-id")
    page.at("#columns summary").click()
    field = page.at("#column-list input[aria-label='Filter region']")
    page.script("arguments[0].value = arguments[1]", field, " ".join(["north"] * 900))
    field.send_keys(" ")
    page.wait(lambda: page.at("#long").is_displayed())
    assert page.text("#long").startswith("Too long for an address: the filters of columns.")
    assert page.address == "/docs/sales/v1?start=2024-01-05&end=2024-01-06&regions=north&_sort=-id"
    page.browser.refresh()
    page.wait(lambda: page.text("#sight").endswith("of 500 found"))
    chooser = Random(5)
    names = ["start", "tags", "_where", "_sort", "_filter"]
    cases = []
    for _ in range(200):
        pairs = [(chooser.choice(names), "x" * int(chooser.expovariate(0.001))) for _ in range(chooser.randint(0, 8))]
        cases.append(pairs)
    script = """const [cases, done] = arguments;
        import("/static/address.js").then(({ shortened }) => done(cases.map((pairs) => shortened(pairs))));"""
    for pairs, found in zip(cases, page.browser.execute_async_script(script, cases), strict=True):
        sizes = {name: len(urlencode([pair for pair in pairs if pair[0] == name])) for name, _ in pairs}
        kept = [pair for pair in pairs if pair[0] not in found["left"]]
        lacking = [name for name in found["left"] if not name.startswith("_")]
        assert found["written"] == urlencode([*kept, *([("_without", ",".join(lacking))] if lacking else [])])
        assert len(found["written"]) <= 4096
        assert all(sizes[left] >= sizes[name] for left in found["left"] for name, _ in kept)
        assert found["left"] == [] or len(urlencode(pairs)) > 4096
    assert page.complaints() == []


def test_a_hundred_thousand_rows_are_scrolled_sorted_filtered_and_copied(page: Page) -> None:
    page.open(f"/docs/sales/v1?{EVERYTHING}")
    page.press("Run")
    page.sight("Rows 1 to 1")
    assert page.text("#sight").endswith("of 100,000")
    assert page.column(3)[:4] == ["north", "south", "NULL", "empty text"]
    assert page.column(4)[1] == "7919.00"
    assert page.column(5)[:2] == ["0.000", "0.125"]
    page.press("→")
    page.wait(lambda: not page.text("#sight").startswith("Rows 1 "))
    page.press("←")
    page.sight("Rows 1 to 1")
    page.at("#rows table").send_keys(Keys.CONTROL, Keys.END)
    page.at("#rows table").send_keys(Keys.CONTROL, Keys.END)
    page.wait(lambda: page.text("#rows #here") == "0.875" and "99999" in page.column(1))
    assert len(page.all("#rows tr")) < 100
    page.all("#rows .head")[3].click()  # amount
    page.wait(lambda: page.column(4)[:2] == ["0.00", "1.00"])
    page.all("#rows .head")[3].click()
    page.wait(lambda: page.column(4)[:2] == ["99999.00", "99998.00"])
    assert page.address.endswith("&_sort=-amount")
    page.at("#filter").send_keys("south 2024-02-10")
    page.wait(lambda: page.text("#sight").endswith("of 500 found"))
    assert page.address.endswith("&_sort=-amount&_filter=south+2024-02-10")
    page.press("Copy table")
    page.wait(lambda: page.text("#state") == "Copied 500 rows.")
    page.all("#rows td:nth-child(3)")[1].click()
    page.at("#rows table").send_keys(Keys.SHIFT, Keys.ARROW_RIGHT)
    page.at("#rows table").send_keys(Keys.CONTROL, "c")
    page.wait(lambda: page.text("#state") == "Copied 2 cells.")
    page.at("#p-regions").clear()
    page.at("#p-regions").send_keys(Keys.CONTROL, "v")
    assert page.value("regions") == f"south\t{page.column(4)[1]}"
    page.open(page.address)
    page.wait(lambda: page.text("#sight").endswith("of 500 found"))  # the link shows the same
    assert page.complaints() == []


def test_a_result_of_more_rows_than_a_page_has_at_a_time_is_gone_through(page: Page) -> None:
    bottom = "document.getElementById('rows').scrollTop = 1e9"
    page.open("/docs/numbers/v1?_view=table")
    page.sight("Rows 1 to 1")
    page.script(bottom)
    page.wait(lambda: "to 100,000 of 100,300" in page.text("#sight") and "99999" in page.column(1))
    page.press("→")
    page.sight("Rows 100,001 to ")
    page.wait(lambda: "100000" in page.column(1))
    page.script(bottom)
    page.wait(lambda: "to 100,300 of 100,300" in page.text("#sight") and "100299" in page.column(1))
    assert not page.at("#next").is_enabled()
    page.all("#rows .head")[1].click()
    page.wait(lambda: page.text("#sight").endswith("of 100,300, among rows 100,001 to 100,300"))
    page.all("#rows .head")[1].click()
    page.all("#rows .head")[1].click()
    page.sight("Rows 100,001 to ")
    page.press("←")
    page.wait(lambda: "to 100,000 of 100,300" in page.text("#sight") and "99999" in page.column(1))
    assert page.complaints() == []


@pytest.mark.parametrize(
    ("kind", "values", "sorted_"),
    [
        ("HUGEINT", [5, None, "9007199254740993", "9007199254740992"], [5, "9007199254740992", "9007199254740993"]),
        ("DECIMAL(20,2)", ["10.00", "9.00", None, "-0.01", "12345678901234567.02", "12345678901234567.01"],
         ["-0.01", "9.00", "10.00", "12345678901234567.01", "12345678901234567.02"]),
        ("DOUBLE", [2, 10, None, -1.5], [-1.5, 2, 10]),
        ("VARCHAR", ["b", "", None, "Z", "a"], ["", "Z", "a", "b"]),
    ],
)  # fmt: skip
def test_values_are_sorted_exactly_and_null_comes_last(
    page: Page, kind: str, values: list[Any], sorted_: list[Any]
) -> None:
    script = """const [kind, values, done] = arguments;
        const rows = { columns: [{ name: "x", type: kind }], rows: values.map((x) => [x]) };
        import("/static/arranging.js").then(({ arrange }) => Promise.all(
            [false, true].map((descending) => arrange(rows, { place: 0, descending }, ""))
        )).then((orders) => done(orders.map((order) => order.map((place) => values[place]))));"""
    upwards, downwards = page.browser.execute_async_script(script, kind, values)
    assert (upwards, downwards) == ([*sorted_, None], [*reversed(sorted_), None])


@pytest.mark.parametrize(
    ("kind", "values", "found"),
    [
        ("BIGINT", [5, -7, None, "9007199254740993", "9007199254740992"],
         {">=9007199254740993": ["9007199254740993"], "<0": [-7], "=NULL": [None], "!=5.0": [-7, "9007199254740993",
          "9007199254740992"], "9007": ["9007199254740993", "9007199254740992"], ">": "all", ">many": []}),
        ("DECIMAL(20,2)", ["10.00", "-0.01", None, "12345678901234567.02"],
         {"=10": ["10.00"], "<-0.001": ["-0.01"], "> 12345678901234567.01": ["12345678901234567.02"],
          "<=.5": ["-0.01"]}),
        ("DOUBLE", [2, None, -1.5, "Infinity", "NaN"],
         {"<2": [-1.5], "=Infinity": ["Infinity"], ">=2e0": [2, "Infinity", "NaN"]}),
        ("TIMESTAMP", ["2024-02-09T23:59:59", "2024-02-10T00:00:00", "2024-03-01T12:00:00", None],
         {"=2024-02": ["2024-02-09T23:59:59", "2024-02-10T00:00:00"], ">2024-02-10": ["2024-03-01T12:00:00"],
          "<=2024-02-10 00:00": ["2024-02-09T23:59:59", "2024-02-10T00:00:00"], "<now": []}),
        ("VARCHAR", ["b", "", None, "B b", "NULL", "50% a,b:c"],
         {"=b": ["b"], "B": ["b", "B b", "50% a,b:c"], "b B": ["b", "B b", "50% a,b:c"], "=''": [""], "!=NULL": ["b",
          "", "B b", "NULL", "50% a,b:c"], '="NULL"': ["NULL"], "<b": ["", "B b", "NULL", "50% a,b:c"],
          "% a,b:": ["50% a,b:c"]}),
        ("BOOLEAN", [True, False, None], {"=true": [True], "fal": [False]}),
        ("INTEGER[]", [[1, 2], None, []], {"1,2": [[1, 2]], "=[]": [[]]}),
    ],
)  # fmt: skip
def test_a_filter_of_a_column_compares_exactly_and_survives_the_address(
    page: Page, kind: str, values: list[Any], found: dict[str, Any]
) -> None:
    script = """const [type, values, filters, done] = arguments;
        const modules = ["arranging", "columns"].map((name) => import(`/static/${name}.js`));
        Promise.all(modules).then(([{ arrange }, kept]) => {
            const columns = [{ name: "a,b:c%2C", type }, { name: "%", type }];
            const orders = filters.map(async (filter) => {
                const { searchParams } = new URL("x:/");
                searchParams.set("_where", kept.writeFilters(new Map([[0, filter]]), columns));
                const read = kept.readFilters(new URLSearchParams(String(searchParams)).get("_where"), columns);
                const order = await arrange({ columns, rows: values.map((x) => [x, null]) }, null, "", read);
                return order === null ? "all" : order.map((place) => values[place]);
            });
            Promise.all(orders).then(done);
        });"""
    assert dict(zip(found, page.browser.execute_async_script(script, kind, values, list(found)), strict=True)) == found


NAMES = ("neg", "-neg", "neg#2", "a", "-a", "--a", "id,x", "a:b", "100%")


def test_each_column_has_a_name_of_its_own_in_the_address_whatever_the_columns_are_named(page: Page) -> None:
    chooser = Random(7)
    results = [[chooser.choice(NAMES) for _ in range(chooser.randint(1, 7))] for _ in range(2_000)]
    script = """const [results, done] = arguments;
        const modules = ["arranging", "columns"].map((name) => import(`/static/${name}.js`));
        Promise.all(modules).then(([{ pressed, readSort }, { readFilters, readHidden, writeFilters, writeHidden }]) =>
            done(results.map((names) => {
                const columns = names.map((name) => ({ name, type: "BIGINT" }));
                return names.map((_, place) => {
                    const up = readSort(pressed(null, place, columns), columns);
                    const down = readSort(pressed(up, place, columns), columns);
                    const filters = readFilters(writeFilters([[place, ">5,:%"]], columns), columns);
                    return [up.place, up.descending, down.place, down.descending, pressed(down, place, columns),
                        [...readHidden(writeHidden([place], columns), columns)], [...filters].flat()];
                });
            })), (error) => done(String(error.stack)));"""
    page.open("/docs/sales/v1")
    for names, found in zip(results, page.browser.execute_async_script(script, results), strict=True):
        for place, read in enumerate(found):
            hidden = [place] if len(names) > 1 else []  # the last one that is shown cannot be hidden
            assert read == [place, False, place, True, "", hidden, [place, ">5,:%"]], names


def test_what_an_address_asks_of_columns_and_cannot_be_done_is_told(page: Page) -> None:
    day = "/docs/sales/v1?start=2024-01-05&end=2024-01-06"
    page.open(f"{day}&_sort=-gone&_hide=nothing&_where=nme:%3E5,id:%3Eabc,amount:%3E")
    page.wait(lambda: page.text("#sight").endswith("of 0 found"))
    assert page.text("#unheeded").split(". ") == [
        "The address names a column nme, and the result has none",
        "The address names a column nothing, and the result has none",
        "The address names a column gone, and the result has none",
        "The filter of id finds nothing: abc is no BIGINT",
        "The filter of amount has no value.",
    ]
    assert page.text("#columns-shown") == "Columns: 1 filtered"
    page.open(f"{day}&_sort=-id&_hide=share&_where=id:%3E5")
    page.wait(lambda: page.text("#sight").endswith("found"))
    assert not page.at("#unheeded").is_displayed()


def test_columns_are_hidden_and_filtered_and_a_link_shows_the_same(page: Page) -> None:
    def heads() -> list[str]:
        return [head.text.strip() for head in page.all("#rows .head")]

    page.open("/docs/sales/v1?start=2024-01-05&end=2024-01-06")
    page.sight("Rows 1 to ")
    page.at("#columns summary").send_keys(Keys.ENTER)
    boxes, fields = page.all("#column-list [type=checkbox]"), page.all("#column-list [type=search]")
    assert [field.accessible_name for field in fields] == [f"Filter {name}" for name in heads()]
    boxes[0].send_keys(Keys.SPACE)
    page.wait(lambda: heads() == ["ts", "region", "amount", "share"])
    boxes[2].click()
    fields[3].send_keys(">= 50000")
    fields[2].send_keys("=NULL")
    page.wait(lambda: page.text("#sight").endswith(" found") and page.address.endswith("&_hide=id%2Cregion"))
    page.wait(lambda: page.text("#columns-shown") == "Columns: 3 of 5, 2 filtered")
    assert "_where=region%3A%3DNULL%2Camount%3A%3E%3D+50000" in page.address
    amounts = [float(text) for text in page.column(2)]
    assert (len(amounts) > 10, min(amounts) >= 50_000) == (True, True)
    fields[4].send_keys("< much")
    page.wait(lambda: page.text("#sight").endswith("of 0 found"))
    assert [each.text for each in page.all("#column-list .wrong") if each.is_displayed()] == ["much is no DOUBLE."]
    for number, width in enumerate((1200, 400)):
        page.browser.set_window_size(width, 900)
        features = [{"name": "prefers-color-scheme", "value": ("light", "dark")[number]}]
        page.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        assert violations(page.browser) == []
        assert page.script("return document.documentElement.scrollWidth - innerWidth") <= 0
        panel = "const box = document.querySelector('.panel').getBoundingClientRect(); return [box.left, box.right]"
        left, right = page.script(panel)
        assert 0 <= left < right <= page.script("return innerWidth")
    page.browser.set_window_size(1200, 1000)
    fields[4].send_keys(Keys.CONTROL, "a")
    fields[4].send_keys(Keys.DELETE)
    page.wait(lambda: page.column(2)[:1] == [f"{amounts[0]:.2f}"])
    fields[4].send_keys(Keys.ESCAPE)
    assert not page.at("#column-list").is_displayed()
    found = page.text("#sight")
    page.at("#rows tbody:not(.space) td").click()
    page.at("#rows table").send_keys(Keys.CONTROL, "a")
    page.at("#rows table").send_keys(Keys.CONTROL, "c")
    page.wait(lambda: page.text("#state").startswith(f"Copied {3 * int(found.split()[-2])} cells"))

    page.open(page.address)
    page.wait(lambda: page.text("#sight") == found)
    assert heads() == ["ts", "amount", "share"]
    page.at("#columns summary").click()
    page.press("All columns, no filter")
    page.wait(lambda: page.text("#sight").endswith("of 2,000"))
    assert (len(heads()), page.address) == (5, "/docs/sales/v1?start=2024-01-05&end=2024-01-06")
    for box in page.all("#column-list [type=checkbox]")[:4]:
        box.click()
    assert (heads(), page.all("#column-list [type=checkbox]")[4].is_enabled()) == (["share"], False)
    page.open("/docs/sales/v1?start=2024-01-05&end=2024-01-06&_hide=id,ts,region,amount,share,gone&_where=gone:5")
    page.sight("Rows 1 to ")
    assert len(heads()) == 5
    assert page.complaints() == []


def test_what_a_question_reads_is_told_and_drawn_before_and_after_it_is_run(page: Page) -> None:
    page.open("/docs/by_day/v1?start=2024-01-01&end=2024-01-11&_view=read")
    page.fill("end", "2024-01-21")
    page.wait(lambda: "20 of 50 partitions; 10 of them are kept as partials" in page.text("#estimate"))
    page.press("Explain")
    assert page.squares() == Counter(kept=10, read=10, skipped=30)
    assert [one.text for one in page.all(".legend li")] == ["not read", "read", "kept as partials"]
    assert page.at(".map rect title").get_attribute("textContent") == "dt=2024-01-01: kept as partials"
    assert "10 are kept, 10 would be computed now" in page.text("#explanation")
    assert "ts >= $start" in str(page.at("#explanation details").get_attribute("textContent"))
    page.fill("start", "2023-12-01")
    page.fill("end", "2024-03-01")
    page.wait(lambda: page.text("#warning") == "This reads all of sales: no parameter leaves a partition out.")
    page.press("Run")
    assert not page.at("#warning").is_displayed()
    facts = page.text("#explanation .facts")
    assert "computed for this request, and kept now" in facts
    assert "run the query" in facts
    page.press("Run")
    assert "kept since" in page.text("#explanation .facts")
    assert "Data\nas of" in page.text("#explanation .facts")
    assert page.complaints() == []


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("fwd=miss; stored; ttl=60", "computed for this request, and kept now"),
        (
            'fwd=miss; stored; detail="5 partitions: 4 kept, 1 computed; for 3 requests or more"',
            "computed for this request, by a run for 3 requests or more that came at the same time, and kept now",
        ),
        (
            'fwd=miss; collapsed; detail="for 12 requests or more"',
            "computed for this request, by a run for 12 requests or more that came at the same time",
        ),
        ("fwd=miss; collapsed", "computed for this request, by a run shared with requests that came at the same time"),
    ],
)
def test_with_whom_a_run_is_shared_is_told_in_words(page: Page, header: str, words: str) -> None:
    script = """const [told, done] = arguments; import("/static/cost.js").then(({ outcome }) =>
        done(outcome(new Response("", { headers: { "Cache-Status": `query-gateway; ${told}` } })).words));"""
    assert page.browser.execute_async_script(script, header) == words


def test_a_chart_is_declared_chosen_and_taken_away(page: Page, tmp_path: Path) -> None:
    def drawn(words: str) -> None:
        page.wait(lambda: page.at("#picture svg").get_attribute("aria-label") == words)

    page.browser.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)})
    page.open("/docs/by_day/v1?start=2024-01-01&end=2024-01-11&_view=chart")
    drawn("Bars: amount by day")
    Select(page.at("#chart-mark")).select_by_visible_text("Line")
    drawn("Line: amount by day")
    assert page.address.endswith("&_view=chart&_mark=line&_x=day&_y=amount")
    page.press("SVG")
    page.press("PNG")
    name = "by_day_v1_2024-01-01_2024-01-11"
    page.wait(lambda: {one.name for one in tmp_path.iterdir()} == {f"{name}.svg", f"{name}.png"})
    assert ElementTree.parse(tmp_path / f"{name}.svg").getroot().tag.endswith("}svg")
    assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    page.open("/docs/sales/v1?start=2024-01-05&end=2024-01-06&_view=chart&_mark=point&_x=ts&_y=share&_color=region")
    drawn("Points: share by ts, region as colour")
    assert "NULL" in page.text("#picture svg")
    page.open(f"/docs/sales/v1?{EVERYTHING}&_view=chart")
    page.press("Run")
    page.wait(lambda: page.text("#chart-note") == "Drawn are the first 20,000 rows of 100,000.")
    assert page.complaints() == []


@pytest.mark.parametrize(
    ("columns", "rows", "best"),
    [
        ({"day": "DATE", "n": "BIGINT"}, [["2024-01-01", 1], ["2024-01-02", 2]], ("line", "day", "n", "")),
        ({"day": "DATE", "n": "BIGINT", "c": "VARCHAR"}, [["2024-01-01", 1, "a"], ["2024-01-01", 2, "b"]],
         ("line", "day", "n", "c")),
        ({"c": "VARCHAR", "n": "DOUBLE"}, [["a", 1], ["b", 2]], ("bar", "c", "n", "")),
        ({"x": "DOUBLE", "y": "DOUBLE"}, [[1, 2], [3, 4]], ("point", "x", "y", "")),
        ({"a": "VARCHAR", "b": "VARCHAR", "n": "BIGINT"}, [["a", "b", 1], ["a", "c", 2]], ("heat", "b", "a", "n")),
        ({"a": "VARCHAR", "b": "VARCHAR"}, [["a", "b"]], ("heat", "b", "a", "")),
        ({"name": "VARCHAR", "lat": "DOUBLE", "lon": "DOUBLE"}, [["a", 1, 2]], ("point", "lon", "lat", "name")),
        ({"a": "VARCHAR"}, [["a"]], None),
    ],
)  # fmt: skip
def test_a_chart_fits_the_types_of_its_columns(
    page: Page, columns: dict[str, str], rows: list[list[Any]], best: tuple[str, ...] | None
) -> None:
    named = [{"name": name, "type": kind} for name, kind in columns.items()]
    script = """const [columns, rows, done] = arguments;
        import("/static/chart_choice.js").then(({ best }) => done(best({ columns, rows })));"""
    found = page.browser.execute_async_script(script, named, rows)
    assert best == (found and tuple(found[part] for part in ("mark", "x", "y", "color")))


def test_a_chart_has_the_rows_that_the_filters_of_the_table_find(page: Page) -> None:
    drawn = "return document.querySelectorAll('#picture [data-part=bar] rect').length"
    shown = "/docs/shapes/v1?_view=chart&_mark=bar&_x=name&_y=n"
    for where, count, note in (("", 5, ""), ("&_where=n:%3E3", 2, "2 of 5 rows"), ("&_filter=nowhere", 0, "no rows")):
        page.open(shown + where)
        page.wait(lambda note=note: note in page.text("#chart-note"))
        assert page.script(drawn) == count, where
    assert page.complaints() == []


@pytest.mark.parametrize("width", [1200, 400])
@pytest.mark.parametrize("chart", ["bar&_x=name&_y=n", "heat&_x=n&_y=name", "point&_x=n&_y=name"])
def test_labels_of_a_chart_stand_within_it(page: Page, chart: str, width: int) -> None:
    page.browser.set_window_size(width, 1000)
    page.open(f"/docs/shapes/v1?_view=chart&_mark={chart}")
    page.wait(lambda: page.all("#picture svg") != [])
    lost = """const left = document.querySelector("#picture svg").getBoundingClientRect().left;
        return [...document.querySelectorAll("#picture text")].filter((one) => one.getBoundingClientRect().left < left)
            .map((one) => one.textContent)"""
    assert page.script(lost) == []
    page.browser.set_window_size(1200, 1000)


def test_times_are_picked_and_told_where_they_are_the_wrong_way_round(page: Page) -> None:
    page.open("/docs/by_day/v1?start=2024-01-05&end=2024-01-03&regions=south")
    assert page.text("#e-end") == "is before start: no time lies between them"
    assert [box.is_selected() for box in page.all("#p-regions input")] == [False, True]
    Select(page.at("#range")).select_by_visible_text("Last 7 days")
    assert not page.at("#e-end").is_displayed()
    start, end = date.fromisoformat(page.value("start")), date.fromisoformat(page.value("end"))
    assert end - start == timedelta(days=7)
    page.at("#p-regions label").click()
    page.press("Run")
    assert page.address == f"/docs/by_day/v1?start={start}&end={end}&regions=north&regions=south"
    page.open("/docs/sales/v1")
    assert page.text("label[for=p-start]") == "start timestamp, Europe/Berlin"
    page.at("[aria-label='Calendar for start']").click()
    script = "arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('input', {bubbles: true}))"
    page.script(script, page.at(".calendar"), "2024-01-01T05:00:00")
    assert page.value("start") == "2024-01-01T05:00"
    page.press("Run")
    assert page.text("#state") == "Done."
    assert page.complaints() == []


def test_what_is_typed_is_what_is_asked(page: Page) -> None:
    """Also an empty text, lists of JSON as the text of an item, and nothing at all."""
    page.open("/docs/words/v1")
    assert (page.value("n"), page.at("#p-n").get_attribute("placeholder")) == ("", "10")
    page.press("Run")

    def row() -> list[str]:
        return [cell.text for cell in page.all("#rows tbody:not(.space) td")]

    page.wait(lambda: row() == ["not given", "10", "NULL"])
    for item in ("[a", '["b"]', "[1]"):
        page.at("#p-tags").send_keys(item, Keys.ENTER)
    page.at("input[name=word][data-empty]").click()
    page.press("Run")
    page.wait(lambda: row() == ["<>", "10", '[a|["b"]|[1]'])
    asked = page.address
    page.open("/docs/shapes/v1")
    page.open(asked)
    assert (page.items("tags"), row()) == (["[a", '["b"]', "[1]"], ["<>", "10", '[a|["b"]|[1]'])
    page.press("Run")
    assert page.address == asked
    page.at("#p-word").send_keys("[w")
    assert not page.at("input[name=word][data-empty]").is_selected()
    page.press("Run")
    page.wait(lambda: row()[0] == "<[w>")
    body = 'import("/static/fields.js").then(({ body, given }) => arguments[0](body(given())))'
    assert json.loads(page.browser.execute_async_script(body)) == {"word": "[w", "tags": ["[a", '["b"]', "[1]"]}
    assert page.complaints() == []


def test_a_parameter_that_an_address_gives_twice_is_told_at_its_field(page: Page) -> None:
    page.browser.get_log("browser")
    page.open("/docs/words/v1?n=250&n=1")
    page.wait(lambda: page.at("#e-n").is_displayed())
    assert (page.text("#e-n"), page.value("n")) == ("is given 2 times, but is one value", "250")
    told = [entry["message"] for entry in page.browser.get_log("browser")]
    assert [message for message in told if "422" not in message] == []


def test_what_a_form_without_scripts_sent_is_read_by_them_as_by_the_server(page: Page) -> None:
    chooser = Random(3)
    texts = ("", "a", " a ", "[", "[a", '["a"]', "x\r\n\r\n[y\r\n", "é")
    forms = []
    for _ in range(500):
        named = [(chooser.choice("ab"), chooser.choice(texts)) for _ in range(chooser.randint(0, 4))]
        forms.append([("_form", chooser.choice(["1", "a", "a,b"])), *named])
    script = """const [forms, done] = arguments;
        import("/static/items.js").then(({ filled }) => done(forms.map(filled)));"""
    for form, pairs in zip(forms, page.browser.execute_async_script(script, forms), strict=True):
        read = read_query_string(urlencode(form).encode(), accepted=("_form",)).parameters
        assert [(name, text) for name, items in read.items() for text in items] == [tuple(pair) for pair in pairs], form


def test_items_of_a_list_are_chips_that_are_added_and_removed_by_keyboard_and_mouse(page: Page) -> None:
    def focused() -> str:
        return page.browser.switch_to.active_element.accessible_name

    page.open("/docs/sales/v1?start=2024-01-05&end=2024-01-06&regions=north&regions=a%2C+b")
    assert page.items("regions") == ["north", "a, b"]
    field = page.at("#p-regions")
    field.send_keys("west,", ", east", Keys.ENTER, " ")
    assert page.items("regions") == ["north", "a, b", "west", "east"]
    assert violations(page.browser) == []
    field.send_keys(Keys.BACKSPACE, Keys.BACKSPACE)
    assert page.items("regions") == ["north", "a, b", "west"]
    field.send_keys(Keys.ARROW_LEFT, Keys.NULL)
    assert focused() == "Remove west"
    page.browser.switch_to.active_element.send_keys(Keys.ARROW_LEFT)
    page.browser.switch_to.active_element.send_keys(Keys.DELETE)
    assert (page.items("regions"), focused()) == (["north", "west"], "Remove west")
    page.at("button[aria-label='Remove west']").click()
    assert page.items("regions") == ["north"]
    page.paste("regions", "one\r\ntwo, and more\n\n")
    assert page.items("regions") == ["north", "one", "two, and more"]
    field.send_keys("sou")
    page.wait(lambda: page.text("#estimate") != "")
    field.send_keys("th", Keys.TAB)
    page.press("Run")  # what is typed and no chip yet is asked too
    asked = "regions=north&regions=one&regions=two%2C+and+more&regions=south"
    assert page.address == f"/docs/sales/v1?start=2024-01-05&end=2024-01-06&{asked}"
    assert set(page.column(3)) == {"north", "south"}
    page.browser.back()
    page.wait(lambda: page.items("regions") == ["north", "a, b"] and page.text("#state") == "Done.")
    field.send_keys(Keys.ENTER)  # nothing is typed: it asks
    page.settle()
    assert page.text("#state") == "Done."
    assert page.complaints() == []


def test_a_page_remembers_what_was_asked_and_asks_again_by_itself(page: Page) -> None:
    for day in ("2024-01-08", "2024-01-09"):
        page.open(f"/docs/by_day/v1?start=2024-01-01&end={day}")
    page.at("#asked summary").click()
    assert [link.text.split(" end ")[1][:10] for link in page.all("#asked a")][:2] == ["2024-01-09", "2024-01-08"]
    page.all("#asked a")[1].click()
    page.wait(lambda: page.value("end") == "2024-01-08")
    assert page.address == "/docs/by_day/v1?start=2024-01-01&end=2024-01-08"
    Select(page.at("#refresh")).select_by_visible_text("every 10 s")
    assert page.address.endswith("&_refresh=10")
    often = "const all = document.getElementById('refresh'); all.add(new Option('often', '0.2')); all.value = '0.2';"
    page.script(f"{often} all.dispatchEvent(new Event('change'))")
    page.wait(lambda: page.text("#refreshed").startswith("Unchanged at "))
    assert page.complaints() == []


def test_a_page_is_embedded_as_its_answer(page: Page) -> None:
    page.open("/docs/sales/v1?start=2024-01-05&end=2024-01-06&_embed")
    assert page.all(".bar") == page.all("#try") == []
    assert not page.at("#form").is_displayed()
    assert "8000" in page.column(1)
    assert violations(page.browser) == []
    page.at("#tab-chart").click()
    page.wait(lambda: page.all("#picture svg") != [])
    assert page.address.endswith("&_view=chart&_embed=1")
    whole = str(page.at("#whole").get_attribute("href"))
    assert whole == f"{page.base}/docs/sales/v1?start=2024-01-05&end=2024-01-06"
    page.open("/docs/sales/v1?start=2023-01-01&end=2025-01-01&_embed")
    assert "Its page has a button" in page.text("#no-rows")
    assert page.complaints() == []


def frame_of(code: str) -> int:
    """Run code of a page as a person would; return the rows of its frame."""
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102  # as a person would
    if "qg" in names:
        names["qg"].close()
    return len(names["frame"])


def test_a_result_is_had_as_files_and_as_code(page: Page) -> None:
    page.open("/docs/sales/v1?start=2024-01-05&end=2024-01-06&regions=north&_view=code")
    for name in ("pandas", "Polars", "Python client"):
        assert frame_of(page.code(name)) == 500, name
    with client_duckdb() as duckdb:
        assert len(duckdb.sql(page.code("DuckDB").rstrip().removesuffix(";")).fetchall()) == 500
    for name, program in (("JavaScript", ["node", "--input-type=module", "-e"]), ("curl", ["bash", "-c"])):
        if shutil.which(program[0]) is None:
            server_missing(f"no {program[0]}")
        text = page.code(name) + ("console.log(data.length);" if name == "JavaScript" else "")
        done = subprocess.run([*program, text], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == "500" if name == "JavaScript" else '"rows":500' in done.stdout, name
    page.at("#downloads summary").click()
    for link in page.all("#files a"):
        with urlopen(str(link.get_attribute("href")).replace("gateway.test", "127.0.0.1")) as file:
            assert "sales_v1_2024-01-05_2024-01-06_north." in file.headers["Content-Disposition"]
    assert page.complaints() == []


def test_a_question_that_no_address_holds_is_asked_by_the_client_too(page: Page) -> None:
    page.open("/docs/sales/v1?_view=code")
    many = "\n".join(f'"region" {number}' for number in range(800))
    page.paste("regions", f"north\n{many}")
    page.press("Run")
    assert frame_of(page.code("Python client")) == 500
    assert [option.text for option in Select(page.at("#language")).options] == ["curl", "Python client", "PyTorch"]
    assert page.complaints() == []


def test_a_page_names_all_scripts_that_it_needs_so_that_they_come_at_once(page: Page) -> None:
    day = "start=2024-01-05&end=2024-01-06"
    for state in (day, f"{day}&_view=chart"):
        page.open(f"/docs/by_day/v1?{state}")
        text = page.browser.execute_async_script("fetch(location).then((page) => page.text()).then(arguments[0])")
        named = set(re.findall(r'(?:href|src)="([^"]*\.js)"', text))
        page.wait(lambda: page.at("#tab-table").get_attribute("aria-selected") == "true" or page.all("#picture svg"))
        loaded = page.script("return performance.getEntriesByType('resource').map((entry) => entry.name)")
        assert named == {name.removeprefix(page.base) for name in loaded if name.endswith(".js")}
    assert (sum(name.endswith("/grid.js") for name in named), sum(".min." in name for name in named)) == (1, 2)
    assert page.complaints() == []


def test_nothing_keeps_people_from_using_any_state(page: Page) -> None:
    day = "start=2024-01-05&end=2024-01-06"
    chart = f"{day}&_view=chart&_mark=point&_x=ts&_y=share&_color=region"
    wrong = "start=soon&end=2024-01-06"
    states = (day, f"{day}&_view=read", chart, f"{day}&_view=code", wrong, EVERYTHING, "")
    for number, state in enumerate(states):
        features = [{"name": "prefers-color-scheme", "value": ("light", "dark")[number % 2]}]
        page.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        page.open(f"/docs/sales/v1?{state}")
        assert violations(page.browser) == [], state
        loaded = page.script("return performance.getEntriesByType('resource').map((entry) => entry.name)")
        assert all(name.startswith(page.base) for name in loaded)
        page.browser.set_window_size(400, 900)
        assert page.script("return document.documentElement.scrollWidth - innerWidth") <= 0, state
        page.browser.set_window_size(1200, 1000)
    page.complaints()  # that one was refused


def test_values_are_the_same_texts_without_scripts(page: Page) -> None:
    page.open("/docs/shapes/v1?_view=table")
    page.sight("Rows 1 to 5")
    scripted = [cell.text for cell in page.all("#rows tbody:not(.space) td")]
    page.browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        page.browser.get(f"{page.base}/docs/shapes/v1?_form=1")
        cells = [cell.text for cell in page.all(".plain td")]
    finally:
        page.browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    assert (len(cells), scripted) == (30, cells)


def test_a_form_without_scripts_answers_with_a_table(page: Page) -> None:
    page.browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        page.browser.get(f"{page.base}/docs/sales/v1")
        page.fill("regions", "north\nsouth")
        page.at("form button[type=submit]").click()
        page.wait(lambda: page.text(".plain p") == "Rows 1 to 100 of 1,000. Next rows")
        assert page.value("regions") == "north\nsouth"
        page.at("#p-regions").clear()
        page.at("form button[type=submit]").click()
        page.wait(lambda: page.text(".plain p") == "Rows 1 to 100 of 2,000. Next rows")
        page.at(".plain a").click()
        page.wait(lambda: page.text(".plain p").startswith("Rows 101 to 200"))
        assert page.text(".plain tbody td") == "100"
        assert {cell.text for cell in page.all(".plain td.null")} == {"NULL"}
        page.fill("end", "soon")
        page.at("form button[type=submit]").click()
        page.wait(lambda: page.at("#e-end").is_displayed())
        assert "'soon' is not a timestamp" in page.text("#e-end")
        assert page.value("end") == "soon"
    finally:
        page.browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    page.complaints()  # that it was refused


def test_a_shared_address_is_opened_without_scripts_as_with_them(page: Page) -> None:
    page.browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        page.browser.get(f"{page.base}/docs/sales/v1?start=2024-01-05&end=2024-01-06&regions=north")
        page.wait(lambda: page.text(".plain p") == "Rows 1 to 100 of 500. Next rows")
        assert [link.text for link in page.all(".plain p:last-child a")] == ["Ask something else", "All queries"]
        page.browser.get(
            f"{page.base}/docs/sales/v1?start=2024-01-01T00:00:07&end=2024-02-20"
        )  # which nobody asked yet
        page.wait(lambda: "50 of 50 partitions" in page.text("#estimate"))
        assert page.text("#warning") == "This reads all of sales: no parameter leaves a partition out."
        assert (page.all(".plain"), page.value("end")) == ([], "2024-02-20")
    finally:
        page.browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    assert page.complaints() == []


def test_what_else_the_browser_kept_of_earlier_questions_is_left_alone(page: Page) -> None:
    page.open("/docs/sales/v1?start=2024-01-05&end=2024-01-06")
    odd = 'localStorage.setItem("gateway asked " + location.pathname, \'[null, 5, {"a": 1}, {"asked": "x=1"}, []]\')'
    page.script(odd)
    page.open("/docs/sales/v1?start=2024-01-05&end=2024-01-06")
    assert page.text("#state") == "Done."
    assert page.script("return document.querySelectorAll('#questions a').length") == 1
    assert page.complaints() == []

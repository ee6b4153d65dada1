"""The page of a query in a real browser: its address, its rows, what it says of the cost, without and with scripts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from browsers import chromium, element
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

pytestmark = [pytest.mark.browser, pytest.mark.gunicorn]
DAYS, ROWS = 50, 2_000
"""Days of the table, and rows of a day."""
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


def write_project(folder: Path) -> int:
    """Write a project of one table and its queries; return the bytes of the table."""
    texts = {"catalog/sales.yaml": TABLE, "queries/sales/v1.sql": SALES}
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
        self.settle()

    def settle(self) -> None:
        """Wait until nothing is being asked."""
        self.wait(lambda: self.all("#form[aria-busy]") == [])

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
        self.at(f"#p-{name}").clear()
        self.at(f"#p-{name}").send_keys(text)

    def value(self, name: str) -> str:
        return str(self.at(f"#p-{name}").get_attribute("value"))

    def press(self, name: str) -> None:
        [button] = [one for one in self.all("button") if one.text == name and one.is_displayed()]
        button.click()
        self.settle()

    @property
    def address(self) -> str:
        return self.browser.current_url.removeprefix(self.base)

    def script(self, text: str, *arguments: object) -> Any:
        return self.browser.execute_script(text, *arguments)

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
    served = serve_for_module(folder, settings)
    with chromium(tmp_path_factory.mktemp("profile"), server_used) as chrome:
        yield Page(chrome, f"http://gateway.test:{served.port}")


def test_the_address_is_what_is_asked_and_is_followed_back_and_forward(page: Page) -> None:
    page.open("/docs/sales/v1?start=2024-01-05&end=2024-01-06&regions=north")
    assert page.text("#state") == "Done."
    assert (page.value("end"), page.value("regions")) == ("2024-01-06", "north")
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
    page.open("/docs/sales/v1?start=2024-01-01&end=2024-02-20")
    assert page.text("#state") == "Not run."
    assert f"{DAYS} partitions" in page.text("#estimate")
    assert not page.at("#rows").is_displayed()
    page.press("Run")
    assert page.text("#state") == "Done."
    page.open("/docs/sales/v1?start=2024-01-01&end=2024-02-20")
    assert page.text("#state") == "Done."  # it is kept


def test_what_is_too_long_for_an_address_stays_out_of_it_and_is_asked_all_the_same(page: Page) -> None:
    page.open("/docs/sales/v1")
    assert page.text("#state") == ""
    many = "\n".join(f"region {number}" for number in range(800))
    page.script("arguments[0].value = arguments[1]", page.at("#p-regions"), f"north\n{many}")
    page.press("Run")
    assert page.text("#state") == "Done."
    assert page.address == "/docs/sales/v1?_view=table"
    assert page.at("#long").is_displayed()
    assert page.all("#rows tbody tr") != []
    page.fill("regions", "south")
    page.press("Run")
    assert not page.at("#long").is_displayed()
    page.browser.back()
    page.wait(lambda: page.value("regions").startswith("north") and page.at("#long").is_displayed())
    assert page.complaints() == []


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

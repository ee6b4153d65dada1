"""The pages in a real browser: a query is found, tried, refused, paged and explained."""

from __future__ import annotations

import subprocess
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from browsers import chromium, element
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import Select, WebDriverWait

from gateway.access.keys import KeyFile

pytestmark = [pytest.mark.browser, pytest.mark.gunicorn]


@pytest.fixture(scope="module")
def browser(
    tmp_path_factory: pytest.TempPathFactory,
    server_used: Callable[[str], None],
) -> Iterator[webdriver.Chrome]:
    """A browser of its own, with an empty profile."""
    with chromium(tmp_path_factory.mktemp("profile"), server_used) as chrome:
        yield chrome


class Page:
    """One page in the browser, spoken to as a person would."""

    def __init__(self, browser: webdriver.Chrome, base: str) -> None:
        self.browser, self.base = browser, base

    def open(self, path: str) -> None:
        self.browser.get(self.base + path)

    def at(self, selector: str) -> WebElement:
        return element(self.browser, By.CSS_SELECTOR, selector)

    def all(self, selector: str) -> list[WebElement]:
        return self.browser.find_elements(By.CSS_SELECTOR, selector)

    def field(self, label: str) -> WebElement:
        """Find a control by its label."""
        for found in self.all("label"):
            if found.text.split(" ")[0] == label:
                return self.at(f"#{found.get_attribute('for')}")
        pytest.fail(f"no field is labelled {label}")

    def fill(self, label: str, text: str) -> None:
        control = self.field(label)
        control.clear()
        control.send_keys(text)

    def press(self, name: str) -> None:
        """Press a button by what stands on it, and wait for the answer."""
        [button] = [one for one in self.all("button") if one.text == name]
        self.browser.execute_script("document.getElementById('state').textContent = ''")
        button.click()
        self.wait(lambda: self.at("#state").text in ("Done.", "Not run.", "Refused.", "Failed."))

    def wait(self, condition: Callable[[], Any]) -> None:
        WebDriverWait(self.browser, 20, ignored_exceptions=[StaleElementReferenceException]).until(
            lambda _: condition()
        )

    def costs(self) -> dict[str, str]:
        names, values = self.all("#cost dt"), self.all("#cost dd")
        return {name.text: value.text for name, value in zip(names, values, strict=True)}

    def rows(self) -> list[list[str]]:
        return [
            [cell.text for cell in row.find_elements(By.CSS_SELECTOR, "td")]
            for row in self.all("#rows tbody:not(.space) tr")
        ]

    def complaints(self) -> list[str]:
        return [entry["message"] for entry in self.browser.get_log("browser") if entry["level"] == "SEVERE"]


@pytest.fixture
def page(browser: webdriver.Chrome, local_gateway: Any) -> Page:
    opened = Page(browser, f"http://{local_gateway.host}:{local_gateway.port}")
    opened.complaints()
    return opened


def test_a_query_is_found_from_the_first_page(page: Page) -> None:
    page.open("/")
    page.at("nav a[href='/docs']").click()
    page.at("#filter").send_keys("carrier nowhere")
    assert page.at("#none").is_displayed()
    page.at("#filter").clear()
    page.at("#filter").send_keys("slow tail")
    [link] = [one for one in page.all("#queries tbody a") if one.is_displayed()]
    link.click()
    assert page.at("h1").text == "delays_by_carrier v2"
    assert page.complaints() == []


def test_a_query_is_run_and_says_what_it_cost(page: Page) -> None:
    page.open("/docs/delays_by_carrier/v2")
    page.fill("start", "2013-05-06")
    page.fill("end", "2013-05-13")
    page.fill("carriers", "UA\nDL")
    Select(page.field("origin")).select_by_visible_text("EWR")
    page.press("Run")
    assert sorted(row[0] for row in page.rows()) == ["DL", "UA"]
    costs = page.costs()
    assert (costs["Rows"], costs["Partitions read"]) == ("2", "8 of 1,096")
    assert costs["Cache"] in ("miss", "hit")
    page.at("#tab-code").click()
    command = page.at("#snippet").text
    assert command.startswith("curl -i 'http://127.0.0.1:")
    assert command.endswith("result?start=2013-05-06&end=2013-05-13&carriers=UA&carriers=DL&origin=EWR'")
    page.press("Run")
    assert page.costs()["Cache"] == "hit"
    assert page.complaints() == []


def test_what_is_wrong_is_shown_beside_its_field(page: Page) -> None:
    page.open("/docs/delays_by_carrier/v2")
    page.fill("start", "yesterday")
    page.fill("carriers", "\n".join(f"C{number}" for number in range(17)))
    page.press("Run")
    assert page.at("#state").text == "Refused."
    for label in ("start", "carriers"):
        control = page.field(label)
        assert control.get_attribute("aria-invalid") == "true"
        described = (control.get_attribute("aria-describedby") or "").split()
        assert page.at(f"#{described[-1]}").is_displayed()
    assert page.at("#problem a").get_attribute("href") == f"{page.base}/errors/invalid-parameters"
    page.fill("start", "2013-01-01")
    for button in reversed(page.all(".chips button")):
        button.click()
    page.press("Run")
    assert page.all("[aria-invalid]") == []
    assert not page.at("#problem").is_displayed()


def test_a_query_is_explained_without_being_run(page: Page) -> None:
    page.open("/docs/weather_delay/v1")
    page.press("Explain")
    plan = page.at("#explanation").text
    assert "flights" in plan
    assert "of 1,095 partitions" in plan
    assert not page.at("#rows").is_displayed()


def test_what_cannot_be_copied_is_not_said_to_be(page: Page) -> None:
    page.open("/docs/hourly_traffic/v1")
    page.press("Run")
    page.at("#tab-code").click()
    page.browser.execute_script(
        "document.execCommand = () => false; navigator.clipboard.writeText = () => Promise.reject(new Error('no'))"
    )
    page.at("#copy").click()
    page.wait(lambda: "does not copy" in page.at("#state").text)
    assert page.browser.execute_script("return String(getSelection())") == page.at("#snippet").text


def test_tables_are_found_and_read_about(page: Page) -> None:
    page.open("/")
    page.at("nav a[href='/tables']").click()
    page.at("tbody a[href='/tables/flights']").click()
    assert page.at("h1").text == "flights"
    assert "time_hour" in page.at("main").text
    assert page.complaints() == []


@pytest.mark.parametrize(
    ("path", "title"),
    [
        ("/nowhere", "Nothing is here"),
        ("/docs/delays_by_carier/v1", "No such query"),
        ("/v1/queries/delays_by_carrier/v2/result?start=x", "Some parameters are not valid"),
    ],
)
def test_what_goes_wrong_is_told_on_a_page(path: str, title: str, page: Page) -> None:
    page.open(path)
    assert page.at("h1").text == title
    assert page.at("main a[href='/docs']").is_displayed()


def test_a_form_works_by_keyboard_alone(page: Page) -> None:
    page.open("/docs/hourly_traffic/v1")
    page.field("day").send_keys("\ue007")  # Enter
    page.wait(lambda: page.at("#state").text == "Done.")
    assert len(page.rows()) > 0


def test_nothing_is_loaded_from_another_host(page: Page) -> None:
    for path in ("/", "/docs", "/docs/delays_by_carrier/v2", "/errors/not-found", "/tables", "/tables/flights"):
        page.open(path)
        script = "return performance.getEntriesByType('resource').map((entry) => entry.name)"
        assert all(name.startswith(page.base) for name in page.browser.execute_script(script))
        assert page.complaints() == []


def test_every_control_has_a_name(page: Page) -> None:
    page.open("/docs/delays_by_carrier/v2")
    nameless = [
        one for one in page.all("input, select, textarea, button, a") if one.is_displayed() and not one.accessible_name
    ]
    assert nameless == []
    assert page.at("html").get_attribute("lang") == "en"
    assert len(page.all("h1")) == len(page.all("main")) == 1


@pytest.mark.parametrize("width", [1200, 400])
def test_a_page_is_no_wider_than_its_window(page: Page, width: int) -> None:
    page.browser.set_window_size(width, 900)
    for path in (
        "/",
        "/docs",
        "/docs/delays_by_carrier/v2",
        "/errors/scan-too-large",
        "/tables/flights",
        "/nowhere",
    ):
        page.open(path)
        assert page.browser.execute_script("return document.documentElement.scrollWidth - innerWidth") <= 0, path
    page.browser.set_window_size(1200, 1000)


def test_a_key_is_entered_once_and_the_pages_show_what_its_owner_may_ask(
    browser: webdriver.Chrome, serve: Any, flights_project: Path, tmp_path: Path
) -> None:
    (tmp_path / "access.yaml").write_text("grants:\n  - to: [ana]\n    queries: [delays_by_carrier]\n")
    key = KeyFile(tmp_path / "keys.json").add("ana")
    settings = {"REQUIRED": "true", "GRANTS": str(tmp_path / "access.yaml"), "KEYS": str(tmp_path / "keys.json")}
    state = {"GATEWAY_STATE": str(tmp_path / "state")}
    guarded = serve(flights_project, state | {f"GATEWAY_ACCESS_{name}": value for name, value in settings.items()})
    page = Page(browser, f"http://{guarded.host}:{guarded.port}")
    page.open("/docs")
    assert page.all("#queries tbody tr") == []
    page.open("/docs/delays_by_carrier/v2")
    page.at("#key").send_keys(key, "\ue007")  # Enter
    page.wait(lambda: page.at("h1").text == "delays_by_carrier v2")
    page.complaints()  # that the page was refused before
    page.press("Run")
    assert len(page.rows()) > 0
    assert "Status" not in page.costs()
    page.at("#tab-code").click()
    assert "Authorization: Bearer $GATEWAY_KEY" in page.at("#snippet").text
    assert key not in str(page.browser.execute_script("return document.cookie + document.documentElement.outerHTML"))
    page.open("/docs")
    assert [row.text.split()[0] for row in page.all("#queries tbody tr")] == ["delays_by_carrier"]
    page.at("nav a[href='/docs/key']").click()
    [forget] = [one for one in page.all("button") if one.text == "Forget this key"]
    forget.click()
    page.wait(lambda: page.all("#queries tbody tr") == [] and page.all("#key") != [])
    assert page.complaints() == []


def test_a_page_follows_what_is_saved(browser: webdriver.Chrome, tmp_path: Path) -> None:
    (tmp_path / "queries" / "q").mkdir(parents=True)
    query = tmp_path / "queries" / "q" / "v1.sql"
    text = "/*\nsummary: First summary\nowner: me\nexamples: [{}]\n*/\nSELECT 1 AS one\n"
    query.write_text(text)
    command = [str(Path(sysconfig.get_path("scripts")) / "gateway"), "dev", "--port", "0", "--project", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            page = Page(browser, process.stdout.readline().split("/docs")[0])
            page.open("/docs/q/v1")
            query.write_text(text.replace("SELECT 1", "SELCT 1"))
            page.wait(lambda: page.at("#saved").is_displayed())
            assert "queries/q/v1.sql:6:1" in page.at("#saved pre").text
            query.write_text(text.replace("First", "Second"))
            page.wait(lambda: "Second summary" in page.at("#content").text)
            assert not page.at("#saved").is_displayed()
        finally:
            process.terminate()

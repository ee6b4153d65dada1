"""docs/guide.md: what it says to type is typed here, and what it shows is what comes back; ``/learn`` asks it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from browsers import chromium, element, violations
from selenium.webdriver.common.by import By
from waiting import wait_for

pytestmark = pytest.mark.gunicorn

GUIDE = (Path(__file__).parents[2] / "docs" / "guide.md").read_text(encoding="utf-8")
ADDRESS = "http://127.0.0.1:8080"
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", GUIDE, re.DOTALL | re.MULTILINE)


def shown(language: str) -> Iterator[tuple[str, str]]:
    """List the blocks of a language, each with the ``text`` that follows it."""
    for (kind, code), (after, text) in pairwise(BLOCKS):
        if kind == language:
            assert after == "text", f"no answer is shown after {code}"
            yield code, text


QUESTIONS = [(code.strip().removeprefix("GET "), text) for code, text in shown("http")]


def masked(text: str) -> set[str]:
    """Take lines apart; hide digests and ages, and the sizes of files, which differ between releases of Arrow."""
    text = re.sub(r"snapshot [0-9a-f]{12}, \d+ s old", "snapshot …", text)
    return {re.sub(r"[\d.]+ [KM]iB", "… KiB", line).strip() for line in text.splitlines()}


def test_the_python_prints_what_is_shown(local_gateway: Any, flights_project: Path) -> None:
    program = "\n".join(code for code, _ in shown("python")).replace(ADDRESS, f"http://127.0.0.1:{local_gateway.port}")
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=flights_project,
        env={**os.environ, "PYTHONSAFEPATH": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "".join(text for _, text in shown("python"))


@pytest.mark.parametrize(("path", "text"), QUESTIONS, ids=[path.split("?")[0] for path, _ in QUESTIONS])
def test_a_question_gets_what_is_shown(path: str, text: str, local_gateway: Any) -> None:
    reply = local_gateway.get(path)
    assert reply.status == 200
    if "explain" in path:  # an excerpt
        assert masked(text) <= masked(reply.body.decode())
    else:
        assert reply.body.decode().splitlines() == text.splitlines()


def test_both_ways_to_write_a_filter_find_the_same_rows(local_gateway: Any) -> None:
    def rows(version: str) -> Any:
        asked = {"start": "2013-02-09", "end": "2013-02-10"}
        return local_gateway.get(f"/v1/queries/guide.departed/{version}/result", asked).json()["data"]

    assert rows("v1") == rows("v2") != []


def test_the_guide_is_served_without_buttons_where_its_queries_are_not(serve: Any, tmp_path: Path) -> None:
    (tmp_path / "queries" / "one").mkdir(parents=True)
    (tmp_path / "queries" / "one" / "v1.sql").write_text("/*\nsummary: One row\n*/\nSELECT 1 AS n")
    reply = serve(tmp_path, workers=1).get("/learn")
    page = reply.body.decode()
    assert (reply.status, "learn.js" in page) == (200, False)
    for title in re.findall(r"^## (.*)$", GUIDE, re.MULTILINE):
        assert f">{title}</h2>" in page


@pytest.mark.browser
def test_a_question_of_the_page_is_a_miss_then_a_hit_and_can_be_changed(
    local_gateway: Any, tmp_path: Path, server_used: Any
) -> None:
    with chromium(tmp_path / "profile", server_used) as browser:
        browser.get(f"http://127.0.0.1:{local_gateway.port}/learn")
        element(browser, By.CSS_SELECTOR, ".question")
        places = browser.find_elements(By.CSS_SELECTOR, ".ask")
        assert len(places) == len(QUESTIONS)
        first, second = places[:2]
        answered(first, "Ask", 1)
        answered(first, "Ask", 2)
        answered(first, "Ask again with its ETag", 3)
        outcomes = [one.text.split(" (")[0] for one in first.find_elements(By.TAG_NAME, "li")]
        assert outcomes[1:] == ["hit: it lay on the desk", "revalidated: still the same, no rows were sent"]

        address = second.find_element(By.TAG_NAME, "input")
        asked = str(address.get_attribute("value")).replace("end=2013-02-11", "end=2013-02-05")
        address.clear()
        address.send_keys(asked)
        answered(second, "Ask", 1)
        answers = browser.find_elements(By.CSS_SELECTOR, ".ask ~ pre")
        assert any("3 of 1095 partitions" in answer.text for answer in answers)
        for width in (1200, 390):
            size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
            browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
            assert violations(browser) == []
            assert browser.execute_script("return document.documentElement.scrollWidth - innerWidth") <= 0
        assert [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []


def answered(place: Any, button: str, count: int) -> None:
    """Press a button of a question; wait for its outcome."""
    [found] = [one for one in place.find_elements(By.TAG_NAME, "button") if one.text == button]
    found.click()
    wait_for(lambda: len(place.find_elements(By.TAG_NAME, "li")) == count, lambda: place.text)

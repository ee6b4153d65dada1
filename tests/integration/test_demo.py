"""``gateway demo`` from the first start to Ctrl-C, as a newcomer meets it."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sysconfig
from collections.abc import Callable
from contextlib import closing, suppress
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from browsers import chromium, element, violations
from selenium.webdriver.common.by import By
from waiting import wait_for

pytestmark = pytest.mark.gunicorn

PROGRAM = str(Path(sysconfig.get_path("scripts")) / "gateway")


@pytest.fixture
def project(request: pytest.FixtureRequest, flights_source: Path, tmp_path: Path) -> Path:
    """The repository's project as a fresh clone has it."""
    for name in ("catalog", "queries"):
        shutil.copytree(request.config.rootpath / name, tmp_path / name)
    shutil.copy(request.config.rootpath / "gateway.toml", tmp_path)
    return tmp_path


class Demo:
    """A running ``gateway demo``, its output in a file."""

    def __init__(self, project: Path, port: int, *options: str) -> None:
        self.port = port
        self.log = project / f"log-{port}"
        command = [PROGRAM, "demo", "--project", str(project), "--port", str(port), *options]
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("GATEWAY_", "AWS_"))}
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(command, stdout=output, stderr=output, env=clean, start_new_session=True)

    def wait(self) -> None:
        wait_for(lambda: self.process.poll() is not None or self.is_ready(), self.log.read_text, pause=0.05)
        if self.process.poll() is not None:
            pytest.fail(f"the demo ended:\n{self.log.read_text(errors='replace')[-4000:]}")

    def is_ready(self) -> bool:
        with suppress(OSError):
            return self.get("/readyz")[0] == 200
        return False

    def get(self, target: str) -> tuple[int, bytes]:
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=60)) as connection:
            connection.request("GET", target)
            response = connection.getresponse()
            return response.status, response.read()

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=40)

    def interrupt(self) -> int:
        """Do what Ctrl-C does: interrupt every process of the group."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self.process.wait(timeout=40)


@pytest.fixture
def start(project: Path, free_ports: Callable[[int], list[int]], request: pytest.FixtureRequest) -> Callable[..., Demo]:
    def started(*options: str) -> Demo:
        demo = Demo(project, free_ports(1)[0], *options)
        request.addfinalizer(demo.stop)
        demo.wait()
        return demo

    return started


def test_the_printed_commands_are_answered_and_ctrl_c_stops_cleanly(start: Callable[..., Demo]) -> None:
    demo = start()
    commands = re.findall(r"curl '([^']+)'", demo.log.read_text())
    assert len(commands) == 3
    for command in commands:
        address = urlsplit(command)
        assert (address.hostname, address.port) == ("127.0.0.1", demo.port)
        status, body = demo.get(f"{address.path}?{address.query}")
        assert (status, len(body) > 100) == (200, True), (command, body)
    assert demo.interrupt() == 0
    assert not re.search("Traceback|SIGABRT|terminate called", demo.log.read_text())


@pytest.mark.thorough
def test_a_second_start_builds_nothing(start: Callable[..., Demo], flights_project: Path, project: Path) -> None:
    shutil.copytree(flights_project / "demo", project / "demo")
    start().interrupt()
    before = sorted((path, path.stat().st_mtime_ns) for path in (project / "demo/warehouse").rglob("*.parquet"))
    start().interrupt()
    assert sorted((path, path.stat().st_mtime_ns) for path in (project / "demo/warehouse").rglob("*.parquet")) == before


@pytest.mark.browser
def test_the_dataset_of_the_demo_is_built_once_and_the_guide_leads_to_it(
    start: Callable[..., Demo], flights_project: Path, project: Path, tmp_path: Path, server_used: Callable[[str], None]
) -> None:
    shutil.copytree(flights_project / "demo", project / "demo")
    demo = start()

    def builds() -> list[tuple[str, str]]:
        listed = json.loads(demo.get("/v1/datasets/delay_trend/builds")[1])["builds"]
        return [(each["trigger"], each["state"]) for each in listed]

    wait_for(lambda: builds() == [("refresh", "done")])
    with chromium(tmp_path / "profile", server_used) as browser:
        browser.get(f"http://127.0.0.1:{demo.port}/learn")
        element(browser, By.CSS_SELECTOR, "a[href='/datasets/delay_trend']").click()
        text = element(browser, By.CSS_SELECTOR, "main:has(.lineage)").text
        assert [part for part in ("v1", "365", "ops.delay_trend", "flights", "done") if part not in text] == []
        for width in (1200, 390):
            size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
            browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
            assert violations(browser) == []
            assert browser.execute_script("return document.documentElement.scrollWidth - innerWidth") <= 0
    demo.interrupt()

    demo = start()
    versions = json.loads(demo.get("/v1/datasets/delay_trend/versions")[1])["versions"]
    assert [(each["version"], each["rows"]) for each in versions] == [(1, 365)]
    assert (
        demo.get("/v1/queries/ops.delay_trend/v1/result?start=2013-01-01&end=2014-01-01")[0] == 200
    )  # flights are listed
    assert builds() == [("refresh", "done")]


def test_tpch_is_served_too(start: Callable[..., Demo]) -> None:
    demo = start("--tpch", "0.01")
    for command in re.findall(r"curl '([^']+)'", demo.log.read_text()):
        address = urlsplit(command)
        assert demo.get(f"{address.path}?{address.query}")[0] == 200, command
    assert demo.interrupt() == 0

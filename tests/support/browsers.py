"""A real browser without a window, and small sites for it to show."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from npm import PACKAGES
from real_servers import server_missing
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1200,1000",
    "--host-resolver-rules=MAP gateway.test 127.0.0.1",
)


@contextmanager
def chromium(profile: Path, server_used: Callable[[str], None]) -> Iterator[webdriver.Chrome]:
    """Open a browser of its own, with an empty profile."""
    program, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if program is None or driver is None:
        server_missing("chromium and chromedriver are not installed (Debian: chromium, chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = str(program)
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    with webdriver.Chrome(options=options, service=Service(str(driver))) as chrome:
        server_used(f"chromium {chrome.capabilities['browserVersion']}")
        yield chrome


def element(browser: webdriver.Chrome, by: str, what: str) -> WebElement:
    """Return an element as soon as it is there: the page that a click leads to may still be on its way."""
    return WebDriverWait(browser, 20).until(lambda _: browser.find_element(by, what))


def violations(browser: webdriver.Chrome) -> list[str]:
    """Return what axe finds that keeps people from using the page as it is now. Skips where axe is not installed."""
    axe = PACKAGES / "axe-core" / "axe.min.js"
    if not axe.exists():
        server_missing("no axe-core: `make web` installs it where npm is (Debian: npm)")
    browser.execute_script(axe.read_text())
    run = "axe.run({resultTypes: ['violations']})"
    script = f"const done = arguments[0]; {run}.then((all) => done(all.violations.map(describe)));"
    describe = "const describe = ({id, nodes}) => `${id}: ${nodes.map(({html}) => html.slice(0, 120)).join(' | ')}`;"
    found: list[str] = browser.execute_async_script(describe + script)
    return found


@contextmanager
def site(port: int, pages: Mapping[str, str]) -> Iterator[None]:
    """Serve pages of HTML by their paths."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = pages.get(self.path, "").encode()
            self.send_response(200 if self.path in pages else 404)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()

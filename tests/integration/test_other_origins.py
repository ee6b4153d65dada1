"""Pages on other origins, and the gateway below a path of another site: a real browser, a real nginx, Node's fetch."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from browsers import chromium, element, site
from events import between, make_project, put
from nginx import DEPLOY, Reply, find_nginx, running
from real_servers import server_missing
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait
from waiting import wait_for

from gateway.access.keys import KeyFile

pytestmark = [pytest.mark.browser, pytest.mark.gunicorn]

QUERY = "/v1/queries/amount/v1/result"
RESULT = f"{QUERY}?" + "&".join(f"{name}={value}" for name, value in between(0, 7).items())
ROWS = "/v1/queries/rows/v1/result"
EVERY_ROW = "/*\nsummary: All rows\ncache: {ttl: 1h}\nexamples: [{}]\n*/\nSELECT ts, amount FROM events ORDER BY ts\n"
FETCH = """
const [url, options, done] = arguments;
fetch(url, options).then(async (response) => done({
  status: response.status, headers: Object.fromEntries(response.headers), body: await response.text(),
})).catch((error) => done({ error: String(error) }));
"""
FRAME = '<!doctype html><title>Wiki</title><iframe src="{}/docs"></iframe>'


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """Two origins that may, one that may not, and the gateways that they ask."""

    first: str
    second: str
    refused: str
    open: str
    guarded: str
    proxied: str
    below: str
    """The open one below a path of nginx."""
    key: str


@pytest.fixture(scope="module")
def nginx(server_used: Callable[[str], None]) -> str:
    program = find_nginx()
    if program is None:
        server_missing("no nginx: `apt-get install nginx-light`")
    server_used("nginx")
    return program


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_project(tmp_path_factory.mktemp("origins"), "cache: {ttl: 1h}")
    (folder / "queries/rows").mkdir()
    (folder / "queries/rows/v1.sql").write_text(EVERY_ROW)
    put(folder, range(300), amount=1)
    return folder


@pytest.fixture(scope="module")
def around(
    serve_for_module: Callable[..., Any],
    project: Path,
    nginx: str,
    tmp_path_factory: pytest.TempPathFactory,
    free_ports: Callable[[int], list[int]],
) -> Iterator[Around]:
    ports = free_ports(5)
    first, second, refused = (f"http://localhost:{port}" for port in ports[:3])  # other sites than 127.0.0.1
    folder = tmp_path_factory.mktemp("access")
    (folder / "access.yaml").write_text("grants:\n  - to: [ana]\n    queries: [amount]\n")
    key = KeyFile(folder / "keys.json").add("ana")
    may = {"GATEWAY_SERVER_CORS": f"{first} {second}", "GATEWAY_SERVER_EMBED": first}
    locked = {"REQUIRED": "true", "GRANTS": str(folder / "access.yaml"), "KEYS": str(folder / "keys.json")}
    locked = {f"GATEWAY_ACCESS_{name}": value for name, value in locked.items()}

    def serve(name: str, **more: str) -> Any:
        state = str(tmp_path_factory.mktemp(name))
        return serve_for_module(project, {"GATEWAY_STATE": state, **may, **more}, workers=1)

    opened = serve("open", GATEWAY_SERVER_TRUSTED_PROXIES="127.0.0.1")
    guarded = serve("guarded", **locked)
    server = f"server {{ listen 127.0.0.1:{ports[4]}; include {DEPLOY}/under-a-prefix.conf; }}"
    with ExitStack() as stack:
        stack.enter_context(
            running(nginx, tmp_path_factory.mktemp("nginx"), port=ports[3], gateways=[opened.port], more=server)
        )
        found = Around(
            first=first,
            second=second,
            refused=refused,
            open=f"http://127.0.0.1:{opened.port}",
            guarded=f"http://127.0.0.1:{guarded.port}",
            proxied=f"http://127.0.0.1:{ports[3]}",
            below=f"http://127.0.0.1:{ports[4]}/data/gw",
            key=key,
        )
        for port in ports[:3]:
            pages = {"/": "<!doctype html><title>Page</title>", "/frame": FRAME.format(found.open)}
            stack.enter_context(site(port, pages | {"/below": FRAME.format(found.below)}))
        yield found


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory, server_used: Callable[[str], None]) -> Iterator[webdriver.Chrome]:
    with chromium(tmp_path_factory.mktemp("profile"), server_used) as chrome:
        yield chrome


Fetch = Callable[..., Any]


@pytest.fixture
def fetch(browser: webdriver.Chrome) -> Fetch:
    """Have a page of an origin fetch an address."""

    def ask(origin: str, url: str, **options: Any) -> Any:
        if not browser.current_url.startswith(f"{origin}/"):
            browser.get(f"{origin}/")
        return browser.execute_async_script(FETCH, url, {"cache": "no-store", **options})

    return ask


@pytest.mark.parametrize("credentials", ["omit", "same-origin", "include"])
def test_a_page_reads_an_answer_and_what_is_told_of_it(fetch: Fetch, around: Around, credentials: str) -> None:
    for origin in (around.first, around.second) * 2:
        for gateway in (around.open, around.proxied):
            answer = fetch(origin, f"{gateway}{ROWS}?_limit=5", credentials=credentials)
            assert (answer["status"], len(json.loads(answer["body"])["data"])) == (200, 5)
            told = {
                "etag",
                "link",
                "cache-status",
                "gateway-rows",
                "gateway-partitions",
                "gateway-more",
                "x-request-id",
            }
            assert told <= set(answer["headers"])
            assert answer["headers"]["gateway-rows"] == "300"


def test_an_origin_that_is_not_named_reads_nothing(fetch: Fetch, around: Around) -> None:
    for gateway in (around.open, around.proxied, around.guarded, around.below):
        for _ in range(3):
            assert "Failed to fetch" in fetch(around.refused, f"{gateway}{RESULT}")["error"]
    headers = {"Authorization": f"Bearer {around.key}"}
    assert "Failed to fetch" in fetch(around.refused, f"{around.guarded}{RESULT}", headers=headers)["error"]


def test_a_question_by_post_with_a_key_is_asked_first_and_answered(fetch: Fetch, around: Around) -> None:
    headers = {"Authorization": f"Bearer {around.key}", "Content-Type": "application/json", "Request-Timeout": "30"}
    body = json.dumps(between(0, 7))
    for credentials in ("omit", "include"):
        asked = {"method": "POST", "headers": headers, "body": body, "credentials": credentials}
        answer = fetch(around.first, f"{around.guarded}{QUERY}", **asked)
        assert (answer["status"], json.loads(answer["body"])["data"]) == (200, [{"events": 7, "amount": 7}])
        assert answer["headers"]["gateway-version"] == "1"


def test_a_page_reads_why_it_was_refused(fetch: Fetch, around: Around) -> None:
    unknown = fetch(around.first, f"{around.guarded}{RESULT}")
    assert (unknown["status"], json.loads(unknown["body"])["type"]) == (401, "/errors/unauthenticated")
    wrong = fetch(around.first, f"{around.guarded}{RESULT}", headers={"X-Api-Key": "qg_nothing"})
    assert (wrong["status"], wrong["headers"]["www-authenticate"][:6]) == (401, "Bearer")
    for gateway in (around.open, around.proxied, around.below):
        mistaken = fetch(around.first, f"{gateway}{QUERY}?start=yesterday")
        assert (mistaken["status"], len(json.loads(mistaken["body"])["errors"])) == (422, 2)


def test_a_page_asks_whether_what_it_has_is_right(fetch: Fetch, around: Around) -> None:
    for gateway in (around.open, around.proxied):
        tag = fetch(around.first, f"{gateway}{RESULT}")["headers"]["etag"]
        again = fetch(around.first, f"{gateway}{RESULT}", headers={"If-None-Match": tag})
        assert (again["status"], again["headers"]["etag"]) == (304, tag)


def test_what_a_proxy_keeps_for_one_origin_is_given_to_no_other(around: Around) -> None:
    port = int(around.proxied.rpartition(":")[2])
    target = f"{QUERY}?" + "&".join(f"{name}={value}" for name, value in between(8, 15).items())

    def kept(origin: str | None) -> Reply | None:
        reply = Reply(port, target, **({} if origin is None else {"Origin": origin}))
        return reply if "nginx; hit" in reply["Cache-Status"] else None

    for origin in (around.first, around.second, around.refused, None) * 2:
        reply = wait_for(lambda origin=origin: kept(origin), f"a hit for {origin}")
        assert reply is not None
        allowed = origin if origin in (around.first, around.second) else ""
        assert (reply["Access-Control-Allow-Origin"], "Origin" in reply["Vary"]) == (allowed, True)


@pytest.mark.parametrize("path", ["/frame", "/below"])
def test_pages_are_shown_in_frames_of_the_origins_that_are_named(
    browser: webdriver.Chrome, around: Around, path: str
) -> None:
    for origin, shown in ((around.first, True), (around.second, False), (around.refused, False)):
        browser.get_log("browser")
        browser.get(f"{origin}{path}")
        frame = element(browser, By.TAG_NAME, "iframe")
        browser.switch_to.frame(frame)
        assert ("Queries" in [each.text for each in browser.find_elements(By.TAG_NAME, "h1")]) is shown
        browser.switch_to.default_content()
        refused = [each for each in browser.get_log("browser") if "frame-ancestors" in each["message"]]
        assert bool(refused) is not shown


def test_the_pages_work_below_a_path_of_another_site(browser: webdriver.Chrome, around: Around) -> None:
    browser.get_log("browser")
    browser.get(around.below)
    element(browser, By.LINK_TEXT, "Queries").click()
    element(browser, By.LINK_TEXT, "rows").click()
    assert browser.current_url == f"{around.below}/docs/rows/v1"
    element(browser, By.CSS_SELECTOR, "button[type=submit]").click()
    state = element(browser, By.ID, "state")
    WebDriverWait(browser, 20).until(lambda _: state.text == "Done.")
    element(browser, By.ID, "tab-code").click()
    assert f"{around.below}{ROWS}" in element(browser, By.ID, "snippet").text
    element(browser, By.ID, "tab-table").click()
    element(browser, By.ID, "filter").send_keys("0")  # of all rows, which come in pages
    sight = element(browser, By.ID, "sight")
    WebDriverWait(browser, 20).until(lambda _: sight.text.endswith("of 300 found"))
    loaded = browser.execute_script("return performance.getEntriesByType('resource').map((entry) => entry.name)")
    assert {each.startswith(f"{around.below}/") for each in loaded} == {True}
    assert [each["message"] for each in browser.get_log("browser") if each["level"] == "SEVERE"] == []
    for name in ("Tables", "Datasets", "OpenAPI", "Status"):
        browser.get(f"{around.below}/docs")
        element(browser, By.LINK_TEXT, name).click()
        assert browser.current_url.startswith(f"{around.below}/")
        assert '"status": 404' not in browser.page_source


def test_every_address_that_is_told_below_a_path_answers(around: Around) -> None:
    base, _, prefix = around.below.partition("//")[2].partition("/")
    port = int(base.partition(":")[2])
    document = Reply(port, f"/{prefix}/openapi.json").json()
    assert document["servers"] == [{"url": f"/{prefix}"}]
    known = Reply(port, f"/{prefix}/v1/queries/rows/v1").json()
    named = [known[name] for name in ("url", "result_url", "explain_url")]
    [table] = Reply(port, f"/{prefix}/v1/tables").json()["tables"]
    named += [table["url"], Reply(port, table["url"]).json()["partitions_url"]]
    named.append(Reply(port, f"/{prefix}/nothing").json()["type"])
    for address in named:
        assert address.startswith(f"/{prefix}/")
        assert Reply(port, address).status == 200


def test_the_path_without_its_slash_leads_to_the_pages(around: Around) -> None:
    base, _, prefix = around.below.partition("//")[2].partition("/")
    moved = Reply(int(base.partition(":")[2]), f"/{prefix}", Host="data.example")
    assert (moved.status, moved["Location"]) == (308, f"/{prefix}/")


def test_a_client_is_not_believed_through_the_proxy(around: Around) -> None:
    port = int(around.proxied.rpartition(":")[2])
    said = {"X_Forwarded_Prefix": "/evil", "X_Forwarded_Host": "evil.example"}
    for _ in range(3):
        assert Reply(port, f"{ROWS}?_limit=7", **said).json()["next"].startswith(ROWS)
    assert "evil" not in Reply(port, "/", **said).body.decode()


NODE = """
let url = process.argv[1], rows = 0, pages = 0;
while (url) {
  const response = await fetch(url, { headers: { "Accept-Encoding": "gzip" } });
  const page = await response.json();
  rows += page.data.length; pages += 1;
  url = page.next ? new URL(page.next, response.url).href : null;
}
console.log(JSON.stringify({ rows, pages }));
"""


def test_node_reads_all_pages_below_a_path(around: Around, server_used: Callable[[str], None]) -> None:
    program = shutil.which("node")
    if program is None:
        server_missing("no node: `apt-get install nodejs`")
    for base in (around.below, around.open, around.proxied):
        command = [program, "--input-type=module", "--eval", NODE, f"{base}{ROWS}?_limit=40"]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
        assert json.loads(done.stdout) == {"rows": 300, "pages": 8}
    server_used("node")

"""The pages of docs/recipes: what they say to type is typed here, and what they show is what comes back."""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from browsers import chromium, site
from npm import Npm
from packaged_httpfs import client_duckdb
from selenium.webdriver.common.by import By
from waiting import wait_for

RECIPES = Path(__file__).parents[3] / "docs" / "recipes"
ADDRESS = "http://127.0.0.1:8080"
PAGES = sorted(path.name for path in RECIPES.glob("*.md"))


def blocks(page: str, *languages: str) -> list[tuple[str, str]]:
    """List the blocks of code of these languages, each with its language, in their order."""
    text = (RECIPES / page).read_text(encoding="utf-8")
    found = re.findall(r"^```(\w+)\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    return [(language, code) for language, code in found if language in languages]


WITH_PYTHON, WITH_JAVASCRIPT = ([page for page in PAGES if blocks(page, language)] for language in ("python", "js"))


@pytest.mark.gunicorn
@pytest.mark.parametrize("page", WITH_PYTHON)
def test_the_python_of_a_page_prints_what_the_page_shows(page: str, local_gateway: Any, tmp_path: Path) -> None:
    shown = "".join(code for _, code in blocks(page, "text"))
    program = "\n".join(code for _, code in blocks(page, "python"))
    assert printed(program, local_gateway, tmp_path) == shown


@pytest.mark.gunicorn
def test_training_with_pytorch_prints_what_the_page_shows(
    local_gateway: Any, tmp_path: Path, torch_python: Path
) -> None:
    program, shown = training_with("torch")
    assert printed(program, local_gateway, tmp_path, python=torch_python) == shown


@pytest.mark.gunicorn
def test_training_with_datasets_prints_what_the_page_shows(local_gateway: Any, tmp_path: Path) -> None:
    program, shown = training_with("datasets")
    assert printed(program, local_gateway, tmp_path) == shown


def training_with(library: str) -> tuple[str, str]:
    """Return the program of the page that trains with a library, and what it prints."""
    text = (RECIPES / "training.md").read_text(encoding="utf-8")
    code, shown = (
        re.findall(rf"^```{kind} {library}\n(.*?)^```", text, re.DOTALL | re.MULTILINE) for kind in ("python", "text")
    )
    [(_, plan), *_] = blocks("training.md", "python")
    [(_, planned), *_] = blocks("training.md", "text")
    return "\n".join([plan, *code]), "".join([planned, *shown])


def printed(program: str, gateway: Any, folder: Path, *, python: Path = Path(sys.executable)) -> str:
    """Run a program of a page against a gateway; return what it printed."""
    program = program.replace(ADDRESS, f"http://127.0.0.1:{gateway.port}")
    client = str(RECIPES.parents[1] / "gateway" / "client")
    paths = os.pathsep.join([client, *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**os.environ, "PYTHONPATH": paths, "XDG_CACHE_HOME": str(folder)}
    done = subprocess.run(
        [python, "-c", program], env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_recipe_is_in_the_table_of_contents() -> None:
    contents = (RECIPES.parent / "README.md").read_text(encoding="utf-8")
    assert [page for page in PAGES if f"](recipes/{page})" not in contents] == []


def test_some_pages_are_run() -> None:
    assert "notebooks.md" in WITH_PYTHON


# The page of another origin.


@pytest.fixture(scope="module")
def origins(free_ports: Callable[[int], list[int]]) -> list[int]:
    """Ports of an origin that may read answers, and of one that may not."""
    return free_ports(2)


@pytest.fixture(scope="module")
def shared(
    serve_for_module: Any, flights_project: Path, origins: list[int], tmp_path_factory: pytest.TempPathFactory
) -> Any:
    """A gateway that lets pages of the first origin read its answers."""
    settings = {
        "GATEWAY_SERVER_CORS": f"http://localhost:{origins[0]}",
        "GATEWAY_STATE": str(tmp_path_factory.mktemp("state")),
    }
    return serve_for_module(flights_project, settings, workers=1)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory, server_used: Callable[[str], None]) -> Iterator[Any]:
    with chromium(tmp_path_factory.mktemp("profile"), server_used) as chrome:
        yield chrome


@pytest.mark.browser
@pytest.mark.gunicorn
def test_the_dashboard_shows_all_rows_of_an_answer_in_pages(shared: Any, origins: list[int], browser: Any) -> None:
    [(_, page)] = blocks("web-page.md", "html")
    here = page.replace(ADDRESS, f"http://127.0.0.1:{shared.port}")
    asked = {"start": "2013-01-01", "end": "2013-01-08"}
    answer = shared.get("/v1/queries/delays_by_carrier/v2/result", asked).json()
    expected = [[row["airline"], str(row["flights"]), f"{row['mean_delay']:g}"] for row in answer["data"]]
    with site(origins[0], {"/dashboard.html": here}), site(origins[1], {"/dashboard.html": here}):
        browser.get(f"http://localhost:{origins[0]}/dashboard.html")
        wait_for(lambda: text_of(browser, "#state") == "Up to date.", lambda: text_of(browser, "#state"))
        shown = [
            [cell.text for cell in row.find_elements(By.TAG_NAME, "td")]
            for row in browser.find_elements(By.CSS_SELECTOR, "#rows tr")
        ]
        browser.get(f"http://localhost:{origins[1]}/dashboard.html")
        wait_for(lambda: text_of(browser, "#state").startswith("Not answered"), lambda: text_of(browser, "#state"))
        assert browser.find_elements(By.CSS_SELECTOR, "#rows tr") == []
    assert (len(shown) > 10, shown) == (True, expected)


def text_of(browser: Any, selector: str) -> str:
    return str(browser.find_element(By.CSS_SELECTOR, selector).text)


@pytest.mark.gunicorn
def test_the_typed_client_of_a_page_compiles_and_prints_airlines(local_gateway: Any, npm: Npm, tmp_path: Path) -> None:
    [(_, code)] = blocks("web-page.md", "ts")
    (npm.folder / "client.ts").write_text(code.replace(ADDRESS, f"http://127.0.0.1:{local_gateway.port}"))
    (npm.folder / "package.json").write_text('{"type": "module"}')
    (npm.folder / "openapi.json").write_bytes(local_gateway.get("/openapi.json").body)
    npm.run("openapi-typescript/bin/cli.js", "openapi.json", "-o", "api.d.ts")
    npm.compile("client.ts")
    assert npm.node("client.js") == "United Air Lines Inc., Delta Air Lines Inc.\n"


@pytest.mark.parametrize("page", WITH_JAVASCRIPT)
def test_the_scripts_of_a_page_are_javascript(page: str, npm: Npm) -> None:
    for number, (_, code) in enumerate(blocks(page, "js")):
        (npm.folder / f"{number}.js").write_text(code)
        npm.node("--check", f"{number}.js")


@pytest.mark.gunicorn
def test_a_chart_of_superset_is_answered(local_gateway: Any) -> None:
    [(_, dataset)] = blocks("superset.md", "sql")
    dataset = dataset.replace(ADDRESS, f"http://127.0.0.1:{local_gateway.port}")
    chart = f"SELECT airline AS airline, SUM(flights) AS n FROM ({dataset}) AS virtual_table GROUP BY airline"
    with client_duckdb() as connection:
        shown = connection.sql(f"{chart} ORDER BY n DESC LIMIT 2").fetchall()
    assert shown == [("JetBlue Airways", 1107), ("United Air Lines Inc.", 1067)]


# Addresses.


def addresses() -> list[str]:
    """List every address of a result in the code of the pages, without those that a program puts together."""
    codes = [code for page in PAGES for _, code in blocks(page, "sh", "text", "js", "console")]
    found = re.findall(r"https?://(?:127\.0\.0\.1:8080|gateway\.example)(/v1/[^\s\"'`]*)", "\n".join(codes))
    return sorted({address for address in found if "{{" not in address and address[-1] != "="})


@pytest.mark.gunicorn
@pytest.mark.parametrize("address", addresses())
def test_an_address_of_a_page_is_answered(address: str, local_gateway: Any) -> None:
    reply = local_gateway.get(address)
    assert (reply.status, int(reply.headers["gateway-rows"])) == (200, 15)


@pytest.mark.gunicorn
def test_power_query_asks_what_the_page_writes(local_gateway: Any) -> None:
    [(_, code)] = blocks("spreadsheets.md", "powerquery")
    [path] = re.findall(r'RelativePath = "([^"]*)"', code)
    [query] = re.findall(r"Query = \[([^\]]*)\]", code)
    asked = [
        (name, value)
        for name, values in re.findall(r'(\w+) = (\{[^}]*\}|"[^"]*")', query)
        for value in re.findall(r'"([^"]*)"', values)
    ]
    # What Mashup sends, and the way that it writes a list: its name repeated.
    headers = {"Accept": "*/*", "Cache-Control": "no-cache", "User-Agent": "Microsoft.Data.Mashup"}
    reply = local_gateway.get(f"/{path}?{urlencode(asked)}", **headers)
    rows = list(csv.DictReader(reply.body.decode().splitlines()))
    assert [row["carrier"] for row in rows] == ["UA", "DL"]
    columns = re.findall(r'\{"(\w+)", (?:type|Int64)', code)
    assert columns
    assert set(columns) <= set(rows[0])

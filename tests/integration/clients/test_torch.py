"""The client's dataset of PyTorch, in a Python that has it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from browsers import chromium, element
from numbers_table import SOME, make_project
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select, WebDriverWait

pytestmark = pytest.mark.gunicorn

CLIENT = Path(__file__).parents[3] / "gateway/client"
ORDERS = """\
import itertools, sys
from query_gateway_client import Client


def made():
    return qg.torch("numbers", below=int(sys.argv[2]), seed=7, batch_size=500, splits=12)


def taken(rows, workers, most=None):
    return [batch["id"].tolist() for batch in itertools.islice(rows.loader(workers), most)]


if __name__ == "__main__":
    qg = Client(sys.argv[1], cache=False)
    orders = []
    for workers in (0, 1, 2, 4):
        orders.append(taken(made(), workers))
    print(orders[0] == orders[1] == orders[2] == orders[3], sum(map(len, orders[0])))
    stopped, again = made(), made()
    first = taken(stopped, 4, 20)
    again.load_state_dict(stopped.state_dict())
    print(first + taken(again, 2) == orders[0])
    print(sorted(itertools.chain(*orders[0])) == sorted(n for b in qg.stream("numbers", below=int(sys.argv[2]))
                                                         for n in b["id"].to_pylist()))
"""


def test_loaders_of_pytorch_have_one_order_and_go_on_where_they_were(
    torch_python: Path, serve: Any, tmp_path: Path
) -> None:
    server = serve(make_project(tmp_path), {}, workers=1)
    environment = {**os.environ, "PYTHONPATH": str(CLIENT)}
    command = [torch_python, "-c", ORDERS, f"http://127.0.0.1:{server.port}", str(SOME)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert done.stdout == "True 30000\nTrue\nTrue\n", done.stderr


@pytest.mark.browser
def test_the_code_that_a_page_has_for_pytorch_reads_every_row(
    torch_python: Path, serve: Any, tmp_path: Path, server_used: Callable[[str], None]
) -> None:
    server = serve(make_project(tmp_path), {}, workers=1)
    with chromium(tmp_path / "profile", server_used) as browser:
        browser.get(f"http://127.0.0.1:{server.port}/docs/numbers/v1?below={SOME}&_view=code")
        WebDriverWait(browser, 20).until(lambda _: element(browser, By.ID, "state").text == "Done.")
        Select(element(browser, By.ID, "language")).select_by_visible_text("PyTorch")
        code = element(browser, By.ID, "snippet").text
    counted = code.replace("    ...", "    print(batch['id'].dtype, len(batch['id']))")
    environment = {**os.environ, "PYTHONPATH": str(CLIENT)}
    command = [torch_python, "-c", counted]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)
    read = [line.split() for line in done.stdout.splitlines()]
    assert {kind for kind, _ in read} == {"torch.int64"}, done.stderr
    assert sum(int(rows) for _, rows in read) == 30_000

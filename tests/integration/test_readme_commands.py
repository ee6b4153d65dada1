"""What the README says to type is typed here, and what it shows is what comes back."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

pytestmark = pytest.mark.gunicorn

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
ADDRESS = "http://127.0.0.1:8080"


def blocks(language: str) -> Iterator[str]:
    for found in re.finditer(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE):
        yield found[1]


def curls() -> Iterator[tuple[str, str]]:
    """List each curl of the README: its URL, and the output that is shown."""
    for block in blocks("console"):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            yield shlex.split(command)[-1], output


def lines(language: str, program: str) -> list[str]:
    """List the commands of one program in the blocks of one language, without their comments."""
    found = (line.split("  #")[0].strip() for block in blocks(language) for line in block.splitlines())
    return [line for line in found if line.split()[:1] == [program]]


def masked(text: str) -> str:
    """Hide what is another one each time: digests, ages, sizes of files, whether it is cached."""
    text = re.sub(r"(key|snapshot) [0-9a-f]{12}", r"\1 …", text)
    text = re.sub(r"\d+ s old", "… s old", text)
    text = re.sub(r"[\d.]+ [KM]iB", "… KiB", text)
    return re.sub(r"(not )?cached$", "cached", text, flags=re.MULTILINE).strip()


@pytest.mark.parametrize(("url", "shown"), list(curls()))
def test_curl_gets_what_is_shown(url: str, shown: str, local_gateway: Any) -> None:
    assert url.startswith(ADDRESS)
    parts = urlsplit(url)
    reply = local_gateway.get(f"{parts.path}?{parts.query}")
    assert reply.status == 200
    if "explain" in url:  # an excerpt
        assert set(masked(shown).splitlines()) <= set(masked(reply.body.decode()).splitlines())
    else:
        assert reply.body.decode().splitlines() == shown.strip().splitlines()


BUCKET = "s3://bucket/prefix"
SERVING = ("demo", "serve")
"""Commands that run until they are stopped: ``test_demo.py`` and ``test_wheel.py`` start them."""
TYPED = [line for line in lines("sh", "gateway") if line.split()[1] not in SERVING]


@pytest.mark.parametrize("command", [line for line in TYPED if BUCKET in line])
def test_a_gateway_command_over_a_bucket_works(command: str, s3: Any, flights_project: Path, tmp_path: Path) -> None:
    s3.upload(flights_project / "demo" / "warehouse" / "airlines", "readme/airlines")
    environment = {**os.environ, **s3.environment, "GATEWAY_STORAGE_URL_STYLE": "path"}
    program = Path(sysconfig.get_path("scripts")) / "gateway"
    typed = shlex.split(command.replace(BUCKET, s3.url("readme")))[1:]
    done = subprocess.run([program, *typed], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, "  airlines: 2 columns" in done.stdout) == (0, True), done.stdout + done.stderr


@pytest.mark.parametrize("command", [line for line in TYPED if BUCKET not in line])
def test_a_gateway_command_works(command: str, flights_project: Path, tmp_path: Path) -> None:
    project = shutil.copytree(
        flights_project, tmp_path / "project", ignore=shutil.ignore_patterns("flights", ".gateway")
    )
    shutil.copytree(flights_project / "demo" / "warehouse" / "flights", project / "demo" / "warehouse" / "flights")
    (project / "new_planes.csv").write_text(
        "tailnum,year,type,manufacturer,model,engines,seats,speed,engine\nN1,2013,,BOEING,787,2,250,,Turbo-fan\n"
    )
    program = Path(sysconfig.get_path("scripts")) / "gateway"
    done = subprocess.run(
        [program, *shlex.split(command)[1:]], cwd=project, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_notebook_gets_a_table(local_gateway: Any) -> None:
    [block] = blocks("python")
    program = block.replace(ADDRESS, f"http://127.0.0.1:{local_gateway.port}") + "\nprint(table.num_rows)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert int(done.stdout) > 100


def test_the_body_of_the_post_is_taken(local_gateway: Any) -> None:
    body = re.search(r"--json '(\{.*?\})'", README)
    assert body is not None
    reply = local_gateway.post("/v1/queries/delays_by_carrier/v1/result", body[1].encode())
    assert (reply.status, json.loads(reply.body)["rows"]) == (200, 15)

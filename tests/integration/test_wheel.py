"""The wheel alone, outside the checkout: everything that ``gateway init`` and ``gateway demo`` write is in it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[2]
BUILD = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"
SOURCES = ("gateway", "catalog", "queries", "gateway.toml", "pyproject.toml", "README.md", "LICENSE")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from the tracked files, and unpack it where no checkout is."""
    sources, wheels, target = (tmp_path_factory.mktemp(name) for name in ("sources", "wheels", "installed"))
    tracked = subprocess.run(["git", "ls-files", "-z", *SOURCES], cwd=ROOT, capture_output=True, check=True).stdout
    archive = ["tar", "--create", "--null", "--files-from=-"]
    packed = subprocess.run(archive, cwd=ROOT, input=tracked, capture_output=True, check=True).stdout
    subprocess.run(["tar", "--extract"], cwd=sources, input=packed, check=True)
    built = subprocess.run([sys.executable, "-c", BUILD, wheels], cwd=sources, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    [wheel] = wheels.glob("*.whl")
    ZipFile(wheel).extractall(target)
    return target


def gateway(installed: Path, folder: Path, *arguments: str) -> str:
    """Run the installed command in a folder; return what it printed."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("GATEWAY_", "AWS_"))}
    environment = {**clean, "PYTHONPATH": str(installed)}
    command = [sys.executable, "-P", "-c", "from gateway.cli import main; main()", *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_command_that_runs_is_the_one_of_the_wheel(installed: Path, tmp_path: Path) -> None:
    where = "import gateway; print(gateway.__file__)"
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    command = [sys.executable, "-P", "-c", where]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert Path(done.stdout.strip()).is_relative_to(installed)


def test_a_new_project_passes_its_check_and_its_tests_and_answers(installed: Path, tmp_path: Path) -> None:
    project = tmp_path / "shop"
    assert "gateway serve" in gateway(installed, tmp_path, "init", str(project))
    assert "no mistakes" in gateway(installed, project, "check", "--data")
    assert "2 passed" in gateway(installed, project, "test")
    question = ("--param", "start=2026-01-01", "--param", "end=2026-01-03", "--format", "csv")
    answer = gateway(installed, project, "run", "orders_by_day", *question)
    assert answer.split() == ["day,orders,revenue", "2026-01-01,3,67.40", "2026-01-02,2,19.25"]


def test_the_demo_makes_its_own_project_beside_another(installed: Path, flights_source: Path, tmp_path: Path) -> None:
    (tmp_path / "catalog").mkdir()
    gateway(installed, tmp_path, "demo", "--no-serve")
    assert {path.name for path in tmp_path.iterdir()} == {"catalog", "demo"}
    made = tmp_path / "demo" / "flights"
    assert "no mistakes" in gateway(installed, made, "check")
    question = ("--param", "start=2013-02-04", "--param", "end=2013-02-11", "--format", "csv")
    answer = gateway(installed, made, "run", "weather_delay", *question)
    assert answer.splitlines()[1] == "1 sight under a mile,25,25,,0.7"

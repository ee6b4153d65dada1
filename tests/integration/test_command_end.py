"""A command ends with its exit code, whatever its threads are doing then."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path
from signal import SIGINT

import pytest
from process_tree import cpu_seconds
from waiting import wait_for

BUSY = """
import sys
from importlib.metadata import entry_points
from threading import Event, Thread
import duckdb

started = Event()

def count() -> None:
    with duckdb.connect() as connection:
        started.set()
        while True:
            connection.execute("SELECT count(*) FROM range(100000)").fetchall()

Thread(target=count, daemon=True).start()
started.wait()
sys.argv[0] = "gateway"
[program] = entry_points(group="console_scripts", name="gateway")
sys.exit(program.load()())
"""
"""The ``gateway`` program, as it is installed, with a thread in the engine when it ends."""


@pytest.mark.parametrize(
    ("arguments", "code", "shown", "told"),
    [
        (["--version"], 0, r"gateway, version .*\n", ""),
        (["test", "--help"], 0, r"Usage: gateway test (.|\n)*", ""),
        (["tset"], 2, "", r"(.|\n)*No such command 'tset'(.|\n)*"),
    ],
)
def test_a_command_ends_with_its_code_while_a_thread_is_in_the_engine(
    arguments: list[str], code: int, shown: str, told: str
) -> None:
    done = subprocess.run([sys.executable, "-c", BUSY, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    assert re.fullmatch(shown, done.stdout)
    assert re.fullmatch(told, done.stderr)


LIST = """\
/*
summary: A long list
parameters: {n: {type: bigint}}
cache: off
*/
SELECT len(range($n)) AS n
"""
PARTS = {"run": ["long_list", "--param", "n=400000000"], "test": ["long_list"]}
"""Arguments of commands that make a list of 3.2 GB."""


@pytest.mark.skipif(sys.platform != "linux", reason="the bound on data is Linux's")
@pytest.mark.parametrize("command", PARTS)
def test_a_query_cannot_take_more_than_the_memory_of_its_command(command: str, tmp_path: Path) -> None:
    (tmp_path / "catalog").mkdir()
    (tmp_path / "queries/long_list").mkdir(parents=True)
    (tmp_path / "queries/long_list/v1.sql").write_text(LIST)
    cases = "tests: [{name: all, parameters: {n: 400000000}, rows: [{n: 400000000}]}]\n"
    (tmp_path / "queries/long_list/v1.test.yaml").write_text(cases)
    program = Path(sysconfig.get_path("scripts")) / "gateway"
    arguments = [program, command, *PARTS[command], "--project", tmp_path]
    environment = {**os.environ, "GATEWAY_MEMORY": "1088MiB"}
    done = subprocess.run(arguments, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == {"run": 4, "test": 1}[command], done.stderr
    assert "needs more memory" in done.stdout + done.stderr


DEAF = """\
/*
summary: A distance
parameters: {n: {type: bigint}}
timeout: 1s
cache: off
*/
SELECT levenshtein(repeat('a', $n), repeat('b', $n)) AS n
"""
"""What takes hours and cannot be interrupted."""


@pytest.fixture
def deaf(tmp_path: Path) -> list[str | Path]:
    """The command that runs such a query."""
    (tmp_path / "catalog").mkdir()
    (tmp_path / "queries/deaf").mkdir(parents=True)
    (tmp_path / "queries/deaf/v1.sql").write_text(DEAF)
    program = Path(sysconfig.get_path("scripts")) / "gateway"
    return [program, "run", "deaf", "--param", "n=4000000", "--project", tmp_path]


def test_a_command_ends_at_its_time_limit_though_its_query_goes_on(deaf: list[str | Path]) -> None:
    done = subprocess.run(deaf, capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, "time" in done.stderr, "Traceback" in done.stderr) == (4, True, False), done.stderr


def test_a_command_ends_by_an_interrupt_though_its_query_goes_on(deaf: list[str | Path], tmp_path: Path) -> None:
    template = tmp_path / "queries/deaf/v1.sql"
    template.write_text(DEAF.replace("timeout: 1s", "timeout: 1h"))
    with subprocess.Popen(deaf, stderr=subprocess.PIPE, text=True) as running:
        wait_for(lambda: cpu_seconds(running.pid) > 4, "the query to run")
        running.send_signal(SIGINT)
        _, told = running.communicate(timeout=120)
    assert (running.returncode, "Traceback" in told) == (1, False), told

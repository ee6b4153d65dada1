from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

BUSY = """
import duckdb, threading

started = threading.Event()

def count() -> None:
    with duckdb.connect() as connection:
        started.set()
        while True:
            connection.execute("SELECT count(*) FROM range(100000)").fetchall()

threading.Thread(target=count, daemon=True).start()
started.wait()
"""
"""A thread that is in DuckDB most of the time, as the last query of a process may be."""
BUFFERED = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
LEAVING = "import atexit, sys, threading\nfrom gateway.concurrency.process_end import leaving\n"


def run(body: str, output: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run a program whose body is within ``leaving()``."""
    indented = "".join(f"    {line}\n" for line in body.strip().splitlines())
    command = [sys.executable, "-c", f"{LEAVING}with leaving():\n{indented}"]
    with ExitStack() as stack:
        shown = subprocess.PIPE if output is None else stack.enter_context(output.open("w"))
        return subprocess.run(command, env=BUFFERED, stdout=shown, stderr=subprocess.PIPE, text=True, check=False)


@pytest.mark.parametrize(
    "end", ["", "sys.exit()", "sys.exit(0)", "sys.exit(3)", "sys.exit('no')", "1 / 0", "sys.exit(-1)"]
)
def test_a_process_ends_as_python_ends_it_without_the_abort_of_a_thread_in_a_native_library(end: str) -> None:
    plain = subprocess.run([sys.executable, "-c", f"import sys\n{end}"], capture_output=True, text=True, check=False)
    left = run(f"{BUSY}\n{end}")
    assert left.returncode == plain.returncode
    assert left.stderr.splitlines()[-1:] == plain.stderr.splitlines()[-1:]


def test_what_was_printed_is_written_and_functions_of_atexit_are_called() -> None:
    left = run("atexit.register(print, 'last')\nprint('first')\nsys.exit(4)")
    assert (left.returncode, left.stdout, left.stderr) == (4, "first\nlast\n", "")


def test_a_thread_that_is_no_daemon_ends_first() -> None:
    left = run("threading.Thread(target=lambda: (threading.main_thread().join(), print('done'))).start()")
    assert (left.returncode, left.stdout, left.stderr) == (0, "done\n", "")


def test_output_that_cannot_be_written_is_no_success(tmp_path: Path) -> None:
    none = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))"
    left = run(f"{none}\nprint('lost')", tmp_path / "output")
    assert (left.returncode, left.stderr) == (120, "the output could not be written: File too large\n")


def test_a_process_without_an_output_ends_too() -> None:
    left = run("sys.stdout.close()")
    assert (left.returncode, left.stderr) == (0, "")

"""Many threads ask an engine for the first time at once, in the process that a server is: after a fork."""

import subprocess
import sys

PROGRAM = """
import os, sys
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from gateway.engine.duckdb import DuckDBEngine
from gateway.engine.instance import DuckDBSettings, before_fork
from gateway.model import TypedValue

before_fork()
if os.fork():
    sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))

engine = DuckDBEngine.open(DuckDBSettings(locations=[], temp_directory=sys.argv[1], threads=2))

def ask(number):
    types = {"t": "TIMESTAMP", "d": f"DECIMAL({1 + number % 38},0)"}
    values = {"t": datetime(2024, 1, 1), "d": 1}
    parameters = {name: TypedValue(value=values[name], type=kind) for name, kind in types.items()}
    return engine.evaluate(["$t + INTERVAL 1 DAY", "$d + 1"], parameters)[0]

with ThreadPoolExecutor(12) as pool:
    answers = set(pool.map(ask, range(400)))
engine.close()
assert answers == {datetime(2024, 1, 2)}
"""


def test_threads_that_are_the_first_to_ask_do_not_wait_for_each_other(tmp_path: object) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROGRAM, str(tmp_path)], capture_output=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")

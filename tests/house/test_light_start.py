"""What starts often loads little: the command line before its command is known, and the processes of the engines."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("gateway.cli", {"pyarrow", "pydantic", "duckdb", "sqlglot", "flask"}),
        ("gateway.config", {"sqlglot", "duckdb", "flask"}),
        ("gateway.app.engine_processes", {"sqlglot", "flask"}),
    ],
)
def test_a_module_that_is_loaded_often_does_not_load_what_it_need_not(module: str, heavy: set[str]) -> None:
    script = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120)
    assert heavy & set(done.stdout.split()) == set()


def test_a_command_is_loaded_without_looking_for_garbage_and_looks_for_it_afterwards() -> None:
    script = "import gc; from gateway.cli import main; main.get_command(None, 'completion'); " + (
        "print(gc.isenabled(), gc.get_freeze_count() > 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.split() == ["True", "True"]

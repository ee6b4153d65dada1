"""The rooms of the house: who may import whom."""

from __future__ import annotations

import subprocess
import sysconfig
from pathlib import Path

import pytest


def test_the_import_contract_is_kept(request: pytest.FixtureRequest) -> None:
    program = Path(sysconfig.get_path("scripts")) / "lint-imports"
    done = subprocess.run([program, "--no-cache"], cwd=request.config.rootpath, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout

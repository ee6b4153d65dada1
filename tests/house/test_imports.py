"""The rooms of the house: who may import whom."""

from __future__ import annotations

import subprocess
import sysconfig
from pathlib import Path

import pytest


@pytest.mark.parametrize("distribution", [".", "gateway/client"])
def test_the_import_contract_is_kept(distribution: str, request: pytest.FixtureRequest) -> None:
    program = Path(sysconfig.get_path("scripts")) / "lint-imports"
    folder = request.config.rootpath / distribution
    done = subprocess.run([program, "--no-cache"], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout

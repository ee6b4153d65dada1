"""Benchmarks of time run where they are asked for (``make bench``): on a busy machine they prove nothing."""

from __future__ import annotations

from pathlib import Path

import pytest


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    asked_for = any("benchmark" in argument for argument in config.args)
    return True if collection_path.name == "test_speed.py" and not asked_for else None

"""What a test does without a program that it needs."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def server_missing(reason: str) -> NoReturn:
    """Fail in CI, which promises every program; elsewhere skip with the reason."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)

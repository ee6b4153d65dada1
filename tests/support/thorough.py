"""Which cases of a matrix `make test` runs, and which are left to `make thorough`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest


def first(count: int, cases: Iterable[Any]) -> list[Any]:
    """Return the *cases* of a parametrized test, of which `make test` runs the first *count*."""
    return [_left(case) if at >= count else case for at, case in enumerate(cases)]


def _left(case: Any) -> Any:
    values = case if isinstance(case, tuple) else (case,)
    return pytest.param(*values, marks=pytest.mark.thorough)

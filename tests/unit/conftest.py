"""The unit tests of a module start one process that binds queries, and not one for each project that they check."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gateway.engine.binder_process import one_after_another


@pytest.fixture(scope="module", autouse=True)
def _one_process_binds() -> Iterator[None]:
    with one_after_another():
        yield

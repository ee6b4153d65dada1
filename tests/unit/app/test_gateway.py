"""What is opened is closed, also where opening a gateway fails halfway."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from gateway.app.gateway import open_gateway
from gateway.config import load_settings
from gateway.engine.duckdb import DuckDBEngine
from gateway.errors import EngineFailed
from gateway.telemetry.events import unobserved


def held_open(folder: Path) -> set[str]:
    """Return the files below *folder* that this process holds open."""
    open_files = Path("/proc/self/fd")
    targets = {os.readlink(entry) for entry in open_files.iterdir() if entry.is_symlink()}
    return {target for target in targets if Path(target).is_relative_to(folder)}


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="open files are listed on Linux only")
def test_a_gateway_without_an_engine_holds_no_lease_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*given: Any, **named: Any) -> DuckDBEngine:
        raise EngineFailed("There is no engine.")

    monkeypatch.setattr(DuckDBEngine, "open", refuse)
    gateway = open_gateway(load_settings(tmp_path, {}), observe=unobserved, background=False)
    with pytest.raises(EngineFailed) as failed:
        gateway.__enter__()
    assert failed.value.detail == "There is no engine."
    assert not any(file.endswith("flights.lock") for file in held_open(tmp_path))

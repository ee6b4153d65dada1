"""Folders for what engines spill."""

from __future__ import annotations

import os
from pathlib import Path

from gateway.engine.spill import spill_folder


def test_an_engine_has_a_folder_of_its_own_whose_parent_is_there(tmp_path: Path) -> None:
    parent = tmp_path / "state" / "tmp"
    assert spill_folder(parent) == parent / str(os.getpid())
    assert spill_folder(parent, 2) == parent / f"{os.getpid()}.2"
    assert parent.is_dir()


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    gone, running = tmp_path / f"{2**22 + 1}.3", tmp_path / str(os.getpid())
    for folder in (gone, running):
        folder.mkdir()
        (folder / "duckdb_temp_storage_0.tmp").write_bytes(b"spilled")
    spill_folder(tmp_path)
    assert not gone.exists()
    assert running.exists()

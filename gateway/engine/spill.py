"""Temporary folders for what does not fit into memory: one per engine, named after its process."""

from __future__ import annotations

import os
from pathlib import Path
from shutil import rmtree


def spill_folder(parent: Path, number: int = 0) -> Path:
    """Return the folder below *parent* for engine *number* of this process; remove those of killed processes.

    DuckDB creates the folder when it first needs it and removes it again; it does not create parents.
    """
    parent.mkdir(parents=True, exist_ok=True)
    for left in parent.glob("[1-9]*"):
        if not _runs(left.name.partition(".")[0]):
            rmtree(left, ignore_errors=True)
    return parent / (f"{os.getpid()}.{number}" if number else str(os.getpid()))


def _runs(process: str) -> bool:
    try:
        os.kill(int(process), 0)
    except (ProcessLookupError, ValueError, OverflowError):
        return False
    except PermissionError:
        return True
    return True

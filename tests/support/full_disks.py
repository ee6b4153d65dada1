"""File systems of a test's own, which it may fill."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[Path]:
    """A file system of the test's own, where this user may mount one."""
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True, check=False
    )
    if done.returncode != 0:
        pytest.skip("a file system that is full or read-only needs the right to mount one")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path) -> None:
    """Write until there is no room left, to a file that no sweep takes for a result that has expired."""
    with (folder / "full").open("wb", buffering=0) as file:
        with suppress(OSError):
            for _ in range(20_000):
                file.write(bytes(4096))
            pytest.fail("the disk does not get full")
        os.utime(file.fileno(), (2**32, 2**32))

"""What the scripts that soak a gateway share: their options, and how they begin and end."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import click

SEED = click.option("--seed", type=int, help="Of the choices; another one each time where it is not given.")
AT_MOST = click.option(
    "--minutes", type=float, help="How long it goes on at most; as long as it takes where it is not given."
)


def chosen(seed: int | None) -> int:
    """Return the seed, or one of now where none is given, and print it."""
    found = seed if seed is not None else time.time_ns() % 10**6
    print(f"seed {found}", flush=True)
    return found


def end_of(minutes: float | None) -> float:
    """Return when so many minutes are over, by the monotonic clock; never, where none are given."""
    return float("inf") if minutes is None else time.monotonic() + minutes * 60


def made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def conclude(faults: Sequence[str]) -> NoReturn:
    """Print what was not as it should be, and end the script by that."""
    for fault in faults:
        print(f"NOT AS IT SHOULD BE: {fault}")
    sys.exit(1 if faults else 0)

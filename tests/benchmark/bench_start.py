"""How long ``gateway serve`` takes to be ready over the built demo, and to stop; the goal: a start under 3 s."""

from __future__ import annotations

import signal
import statistics
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

PROGRAM = str(Path(sysconfig.get_path("scripts")) / "gateway")
RUNS = 5


def measure() -> tuple[float, float]:
    """Start a server, wait for its announcement, interrupt it; return both times in seconds."""
    begun = time.monotonic()
    process = subprocess.Popen([PROGRAM, "serve", "--port", "0"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    next(line for line in process.stdout if " serves " in line)
    ready = time.monotonic()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    return ready - begun, time.monotonic() - ready


def main() -> None:
    """Print the median and the longest of some starts and stops."""
    subprocess.run([PROGRAM, "demo", "--no-serve"], check=True)
    times = [measure() for _ in range(RUNS)]
    for name, found in zip(("start", "stop"), zip(*times, strict=True), strict=True):
        print(f"{name:<6} median {statistics.median(found):.2f} s, longest {max(found):.2f} s")


if __name__ == "__main__":
    sys.exit(main())

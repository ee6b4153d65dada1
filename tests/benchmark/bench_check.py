"""How long `gateway check` takes over 500 templates without data, and how long it takes to read them again.

The limits are 3 seconds, and 0.3 for a loader that has read them before, of which one file has changed.

    .venv/bin/python tests/benchmark/bench_check.py [templates]

The templates are copies of the demo's, under names of their own; the tables are the demo's declarations.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

from gateway.project.loader import ProjectLoader

ROOT = Path(__file__).parents[2]
PROGRAM = Path(sysconfig.get_path("scripts")) / "gateway"
LIMIT, AGAIN = 3.0, 0.3


def project(folder: Path, templates: int) -> None:
    """Write a project of so many templates."""
    shutil.copytree(ROOT / "catalog", folder / "catalog")
    sources = sorted((ROOT / "queries").rglob("v*.sql"))
    for number in range(templates):
        text = sources[number % len(sources)].read_text(encoding="utf-8")
        kept = (line for line in text.splitlines() if not line.startswith(("deprecated:", "successor:")))
        target = folder / "queries" / f"team{number % 20}" / f"query{number}" / "v1.sql"
        target.parent.mkdir(parents=True)
        # No two are alike, so that nothing is kept from one to the next.
        target.write_text("\n".join(kept).rstrip() + f"\n-- copy {number}\n", encoding="utf-8")


def main() -> None:
    templates = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    with tempfile.TemporaryDirectory() as folder:
        project(Path(folder), templates)
        started = time.perf_counter()
        done = subprocess.run([PROGRAM, "check", "--project", folder], capture_output=True, text=True, check=True)
        seconds = time.perf_counter() - started
        read = reading(Path(folder))
    print(done.stdout.splitlines()[-1])
    told(f"check of {templates} templates", seconds, LIMIT)
    print(f"reading {templates} templates for the first time: {read[0]:.2f} s")
    told("reading them again after a change of one", read[1], AGAIN)


def reading(folder: Path) -> tuple[float, float]:
    """Return the seconds in which a project is read at first, and again after a change of one file."""
    loader, times = ProjectLoader(folder), list[float]()
    for _ in range(2):
        started = time.perf_counter()
        loader.accept(loader.read())
        times.append(time.perf_counter() - started)
        with (folder / "queries/team0/query0/v1.sql").open("a", encoding="utf-8") as changed:
            changed.write("-- changed\n")
    return times[0], times[1]


def told(what: str, seconds: float, limit: float) -> None:
    print(f"{what}: {seconds:.2f} s, limit {limit:g} s{'' if seconds < limit else '  OVER'}")


if __name__ == "__main__":
    main()

"""How long `gateway check` takes over 500 templates without data: the limit is 6 seconds.

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

ROOT = Path(__file__).parents[2]
PROGRAM = Path(sysconfig.get_path("scripts")) / "gateway"
LIMIT = 6.0


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
    print(done.stdout.splitlines()[-1])
    print(f"check of {templates} templates: {seconds:.2f} s, limit {LIMIT:.0f} s{'' if seconds < LIMIT else '  OVER'}")


if __name__ == "__main__":
    main()

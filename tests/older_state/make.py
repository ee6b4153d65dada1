"""Make ``tests/older_state/state``: what a server of an older release leaves. Run it from the root of a full checkout.

    PYTHONPATH=tests/support python tests/older_state/make.py <commit>

The state holds kept results, lists of files, and the record of calls; not locks, metrics, keys, nor the board of half
a megabyte that a server makes anew.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.request import urlopen

from processes import gateway_server
from readings import END, START, make_project

HERE = Path(__file__).parent
LEFT_OUT = shutil.ignore_patterns("metrics", "tmp", "cursor.key", "board.1", "lock", "*.lock", "*-wal", "*-shm")


def make(commit: str) -> None:
    with TemporaryDirectory() as folder:
        older, project, state = (Path(folder) / name for name in ("older", "project", "state"))
        older.mkdir()
        packed = subprocess.run(["git", "archive", commit, "gateway"], capture_output=True, check=True).stdout
        subprocess.run(["tar", "--extract"], cwd=older, input=packed, check=True)
        make_project(project)
        with gateway_server(project, {"STATE": state, "SERVER_WORKERS": 1}, {"PYTHONPATH": str(older)}) as server:
            for limit in ("", "&_limit=5"):
                path = f"/v1/queries/readings/v1/result?start={START}&end={END}{limit}"
                with urlopen(f"http://127.0.0.1:{server.port}{path}", timeout=60):
                    pass
        shutil.rmtree(HERE / "state", ignore_errors=True)
        shutil.copytree(state, HERE / "state", ignore=LEFT_OUT)


if __name__ == "__main__":
    make(sys.argv[1])

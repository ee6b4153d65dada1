"""The page of the Python client: its blocks are run, and print what the page shows."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

CLIENT = Path(__file__).parents[3] / "gateway" / "client"


@pytest.mark.gunicorn
def test_the_python_of_the_page_prints_what_the_page_shows(local_gateway: Any, tmp_path: Path) -> None:
    text = (CLIENT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```(\w+)\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    program = "\n".join(code for language, code in blocks if language == "python")
    program = program.replace("http://127.0.0.1:8080", f"http://127.0.0.1:{local_gateway.port}")
    environment = {**os.environ, "PYTHONPATH": str(CLIENT), "XDG_CACHE_HOME": str(tmp_path)}
    command = [sys.executable, "-W", "error", "-c", program]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "".join(code for language, code in blocks if language == "text")

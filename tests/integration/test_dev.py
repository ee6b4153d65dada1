"""``gateway dev``: what a save did is told in the terminal, and for the pages that are open."""

from __future__ import annotations

import os
import pty
import subprocess
import sysconfig
import time
from collections.abc import Iterator
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from typing import Any
from urllib.request import urlopen

import orjson
import pytest

pytestmark = pytest.mark.gunicorn

PROGRAM = str(Path(sysconfig.get_path("scripts")) / "gateway")
TABLE = "table: events\nlocation: data\ncolumns: {user: BIGINT, day: DATE}\n"
QUERY = """/*
summary: The users
owner: me
examples: [{}]
*/
SELECT "user" FROM events ORDER BY "user"
"""


class Terminal:
    """A running ``gateway dev``, its output line by line."""

    def __init__(self, project: Path) -> None:
        command = [PROGRAM, "dev", "--port", "0", "--project", str(project)]
        self.project = project
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self._lines: Queue[str] = Queue()
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()
        self.address = self.until("shows the queries")[-1].split("/docs")[0]

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as output:
            for line in output:
                self._lines.put(line.rstrip("\n"))

    def until(self, words: str) -> list[str]:
        """Return the lines up to the first that holds *words*."""
        found: list[str] = []
        until = time.monotonic() + 60
        while time.monotonic() < until:
            try:
                found.append(self._lines.get(timeout=1))
            except Empty:
                continue
            if words in found[-1]:
                return found
        pytest.fail(f"{words!r} did not come:\n" + "\n".join(found))

    def save(self, text: str, place: str = "queries/q/v1.sql") -> None:
        path = self.project / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def told(self) -> Any:
        with urlopen(f"{self.address}/dev/saved", timeout=10) as response:
            return orjson.loads(response.read())

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=20)
        self._reader.join()


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    (tmp_path / "catalog").mkdir()
    (tmp_path / "catalog" / "events.yaml").write_text(TABLE)
    (tmp_path / "queries" / "q").mkdir(parents=True)
    (tmp_path / "queries" / "q" / "v1.sql").write_text(QUERY)
    (tmp_path / "rows.csv").write_text("user,day\n7,2024-01-01\n3,2024-01-01\n")
    write = [PROGRAM, "write", "events", "rows.csv"]
    subprocess.run(write, cwd=tmp_path, check=True, capture_output=True)
    opened = Terminal(tmp_path)
    yield opened
    opened.close()


def test_a_save_shows_the_rows_or_the_mistake_and_the_last_good_version_stays(terminal: Terminal) -> None:
    terminal.save(QUERY.replace("ORDER BY", "WHERE day IS NOT NULL ORDER BY"))
    lines = terminal.until("/docs/q/v1")
    assert [line.strip() for line in lines[2:-1]] == ["user", "3", "7", "q v1: 2 rows, 1 of 1 partition read"]
    assert terminal.told()["broken"] is False

    terminal.save(QUERY.replace('SELECT "user"', "SELECT usr"))
    lines = terminal.until("did you mean")
    assert lines[2:] == [
        "  queries/q/v1.sql:6:8: there is no column 'usr' here",
        '      SELECT usr FROM events ORDER BY "user"',
        "             ^",
        "      did you mean 'user'?",
    ]
    told = terminal.told()
    assert (told["broken"], "queries/q/v1.sql:6:8: there is no column 'usr' here" in told["text"]) == (True, True)
    with urlopen(f"{terminal.address}/v1/queries/q/v1/result.csv", timeout=10) as response:
        assert response.read().decode().split() == ["user", "3", "7"]


def test_a_query_that_was_not_there_before_is_served(terminal: Terminal) -> None:
    terminal.save(QUERY.replace('SELECT "user"', 'SELECT "user" + 1 AS next'), "queries/p/v1.sql")
    terminal.until("/docs/p/v1")
    with urlopen(f"{terminal.address}/v1/queries/p/v1/result.csv", timeout=10) as response:
        assert response.read().decode().split() == ["next", "4", "8"]


def test_the_server_ends_with_the_terminal(terminal: Terminal) -> None:
    terminal.close()
    with pytest.raises(OSError, match="refused"):
        urlopen(f"{terminal.address}/healthz", timeout=5)


def test_the_pages_get_plain_text_where_the_terminal_shows_colours(tmp_path: Path) -> None:
    (tmp_path / "queries" / "q").mkdir(parents=True)
    (tmp_path / "queries" / "q" / "v1.sql").write_text(QUERY.replace("SELECT", "SELCT"))
    leader, follower = pty.openpty()
    command = [PROGRAM, "dev", "--port", "0", "--project", str(tmp_path)]
    environment = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", "FORCE_COLOR": "1"}
    process = subprocess.Popen(command, stdin=follower, stdout=follower, stderr=follower, env=environment)
    os.close(follower)
    try:
        shown = b""
        while b"mistake" not in shown and b"SELCT" not in shown:
            shown += os.read(leader, 4096)
        told = orjson.loads((tmp_path / ".gateway" / "dev.json").read_bytes())
    finally:
        process.terminate()
        process.wait(timeout=20)
        os.close(leader)
    assert b"\x1b[" in shown
    assert "queries/q/v1.sql:6:1" in told["text"]
    assert "\x1b" not in told["text"]

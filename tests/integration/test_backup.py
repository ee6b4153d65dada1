"""Backup, restore and upgrade: what of the state folder may be lost, and what another release left there."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sysconfig
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from readings import END, START, make_project, rows
from thorough import first
from waiting import wait_for

pytestmark = pytest.mark.gunicorn

ROOT = Path(__file__).parents[2]
OLDER = "da64fd7"
"""The last commit before tags came of the content: its kept results, lists of files and cursors are of other forms."""
RESULT = "/v1/queries/readings/v1/result"
QUESTION = {"start": START, "end": END}
MAY_BE_LOST = (
    *("apart.json", "board.1", "calls", "cursor.key", "drops.jsonl", "jobs", "limits.db", "partials"),
    *("reload", "results", "summaries", "tables", "usage"),
)
"""What lies in a state folder, locks, metrics and spilled rows aside."""
LEFT = [name for name in reversed(MAY_BE_LOST) if name != "apart.json"]
"""What lies there where no query was set apart."""
BESIDE = (".lock", "-shm", "-wal")
"""Ends of the names of locks, and of what SQLite keeps beside a database."""
GRANTS = """\
grants:
  - {to: [ana], queries: ['*'], tables: ['*'], actions: [cache, reload]}
limits:
  - {to: [ana], requests: 1000/minute}
"""


class Host:
    """A folder with a project and a state folder, as it lies on one machine."""

    def __init__(self, folder: Path, serve: Callable[..., Any]) -> None:
        self.project, self.state, self._serve = folder / "project", folder / "state", serve
        self.key = ""

    def environment(self, code: Path | None = None) -> dict[str, str]:
        """Set the state folder, and the checkout whose ``gateway`` is imported where it is not this one."""
        return {"GATEWAY_STATE": str(self.state), **({} if code is None else {"PYTHONPATH": str(code)})}

    def command(self, *arguments: str) -> str:
        """Run a ``gateway`` command over the project; return what it printed."""
        program = Path(sysconfig.get_path("scripts")) / "gateway"
        environment = {**os.environ, **self.environment()}
        command = [program, *arguments, "--project", self.project]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    @contextmanager
    def serving(self, code: Path | None = None, **settings: str) -> Iterator[Any]:
        """Serve until the block ends, by this checkout or by another."""
        running = self._serve(self.project, self.environment(code) | settings, workers=1)
        yield running
        running.process.terminate()
        running.process.wait(60)

    def ask(self, running: Any, **options: Any) -> Any:
        return running.get(f"{RESULT}?{urlencode(QUESTION | options)}", **self.shown())

    def shown(self) -> dict[str, str]:
        """Return the header that shows the key, if there is one."""
        return {"Authorization": f"Bearer {self.key}"} if self.key else {}

    def save(self, backup: Path) -> None:
        """Copy the project and the state to a backup, as docs/backup.md says, while the server runs."""
        shutil.copytree(self.project, backup / "project")
        shutil.copytree(self.state, backup / "state", ignore=shutil.ignore_patterns("calls", "tmp", "metrics"))
        (backup / "state" / "calls").mkdir()
        _copy_database(self.state / "calls" / "calls.sqlite", backup / "state" / "calls" / "calls.sqlite")

    def restore(self, backup: Path, *, state: bool) -> None:
        """Put a backup in place of all that there is."""
        for folder in (self.project, self.state):
            shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(backup / "project", self.project)
        if state:
            shutil.copytree(backup / "state", self.state)


def _copy_database(source: Path, target: Path) -> None:
    """Copy a database that is written meanwhile, as ``sqlite3 … '.backup …'`` does."""
    with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(target)) as new:
        old.backup(new)


def ids(reply: Any) -> list[int]:
    assert reply.status == 200, reply.body
    return [int(row["id"]) for row in reply.json()["data"]]


EVERY = [row["id"] for row in rows()]


def calls(host: Host) -> int:
    """Count the results of the query that the host has on record."""
    told = json.loads(host.command("usage", "readings", "--format", "json"))
    return sum(int(each["requests"]) for each in told)


@pytest.fixture
def host(serve: Callable[..., Any], tmp_path: Path) -> Host:
    made = Host(tmp_path / "one", serve)
    make_project(made.project)
    return made


def guard(host: Host) -> None:
    """Require a key, and make one."""
    (host.project / "gateway.toml").write_text("[access]\nrequired = true\n")
    (host.project / "access.yaml").write_text(GRANTS)
    host.key = host.command("keys", "add", "ana").split()[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """A host, its backup, a cursor of a second page, and what its server left in the state folder."""

    host: Host
    backup: Path
    cursor: str
    left: frozenset[str]


@pytest.fixture(scope="module")
def saved(serve_for_module: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Saved:
    """Have a server drop, answer, page, count and limit; back it up while it runs, and end it."""
    folder = tmp_path_factory.mktemp("saved")
    host, backup = Host(folder / "one", serve_for_module), folder / "backup"
    make_project(host.project)
    guard(host)
    with host.serving() as running:
        assert ids(host.ask(running)) == EVERY
        for method, path in (("DELETE", "/v1/cache?query=readings"), ("POST", "/v1/reload")):
            assert running.request(method, path, headers=host.shown()).status == 200
        assert ids(host.ask(running)) == EVERY
        cursor = host.ask(running, _limit=5).json()["next"].split("_cursor=")[1]
        wait_for(lambda: calls(host) == 3)
        host.save(backup)
    left = {path.name for path in host.state.iterdir() if not path.name.endswith(BESIDE)} - {"tmp", "metrics"}
    return Saved(host=host, backup=backup, cursor=cursor, left=frozenset(left))


def test_a_restored_host_knows_keys_counts_and_cursors(saved: Saved) -> None:
    host = saved.host
    host.restore(saved.backup, state=True)
    assert calls(host) == 3
    with host.serving() as running:
        assert running.get(f"{RESULT}?{urlencode(QUESTION)}").status == 401
        assert ids(host.ask(running, _limit=5, _cursor=saved.cursor)) == EVERY[5:10]
        assert ids(host.ask(running)) == EVERY


def test_a_host_restored_without_its_state_answers_the_same(saved: Saved) -> None:
    saved.host.restore(saved.backup, state=False)
    with saved.host.serving() as running:
        assert ids(saved.host.ask(running)) == EVERY


def test_a_backup_works_on_a_machine_with_other_folders(
    saved: Saved, serve: Callable[..., Any], tmp_path: Path
) -> None:
    shutil.rmtree(saved.host.project, ignore_errors=True)
    elsewhere = Host(tmp_path / "elsewhere", serve)
    elsewhere.key = saved.host.key
    elsewhere.restore(saved.backup, state=True)
    with elsewhere.serving() as running:
        assert ids(elsewhere.ask(running)) == EVERY


def test_what_may_be_lost_is_all_that_a_server_leaves(saved: Saved) -> None:
    assert saved.left == set(LEFT)
    documented = (ROOT / "docs" / "backup.md").read_text(encoding="utf-8")
    assert [name for name in MAY_BE_LOST if f"`{name}`" not in documented] == []


@pytest.mark.parametrize("lost", first(4, LEFT))
def test_a_part_of_the_state_that_is_lost_changes_no_answer(lost: str, saved: Saved) -> None:
    host = saved.host
    host.restore(saved.backup, state=True)
    place = host.state / lost
    if place.is_dir():
        shutil.rmtree(place)
    else:
        place.unlink()
    with host.serving() as running:
        assert ids(host.ask(running)) == EVERY
        assert ids(host.ask(running, _limit=5)) == EVERY[:5]


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package as an older commit had it."""
    folder = tmp_path_factory.mktemp("older")
    packed = subprocess.run(["git", "archive", OLDER, "gateway"], cwd=ROOT, capture_output=True, check=False)
    if packed.returncode:
        # A shallow checkout. What such a release left is tried all the same, by tests/older_state.
        pytest.skip(f"the history of this checkout does not reach {OLDER}")
    subprocess.run(["tar", "--extract"], cwd=folder, input=packed.stdout, check=True)
    return folder


def leave_state(host: Host, code: Path | None) -> str:
    """Have a server answer, page and count, then end; return the cursor of a second page."""
    with host.serving(code) as running:
        assert ids(host.ask(running)) == EVERY
        cursor = host.ask(running, _limit=5).json()["next"].split("_cursor=")[1]
    return str(cursor)


def test_an_older_release_is_what_is_run(host: Host, older: Path) -> None:
    environment = {**os.environ, **host.environment(older)}
    found = subprocess.run(
        [Path(sysconfig.get_path("scripts")) / "python", "-P", "-c", "import gateway; print(gateway.__file__)"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert Path(found.stdout.strip()).is_relative_to(older)


def test_the_state_of_an_older_release_is_taken_over(host: Host, older: Path) -> None:
    cursor = leave_state(host, older)
    asked = calls(host)
    with host.serving() as running:
        assert ids(host.ask(running)) == EVERY
        assert host.ask(running, _limit=5, _cursor=cursor).status in (200, 410)
        assert running.get("/readyz").status == 200
        wait_for(lambda: calls(host) > asked)
        assert '"level":"error"' not in running.log.read_text()
    assert asked >= 2


def test_the_state_that_an_older_release_left_is_taken_over_without_that_release(host: Host) -> None:
    shutil.copytree(ROOT / "tests" / "older_state" / "state", host.state)
    with closing(sqlite3.connect(host.state / "calls" / "calls.sqlite")) as record, record:
        record.execute("UPDATE calls SET day = date('now')")  # what is older than a month is not told
    asked = calls(host)
    with host.serving() as running:
        assert ids(host.ask(running)) == EVERY
        assert ids(host.ask(running, _limit=5)) == EVERY[:5]
        assert running.get("/readyz").status == 200
        wait_for(lambda: calls(host) > asked)
        assert '"level":"error"' not in running.log.read_text()
    assert asked == 2


def test_an_older_release_that_is_put_back_answers_over_the_newer_state(host: Host, older: Path) -> None:
    leave_state(host, None)
    with host.serving(older) as running:
        assert ids(host.ask(running)) == EVERY
        assert ids(host.ask(running, _limit=5)) == EVERY[:5]
        assert '"level":"error"' not in running.log.read_text()


def test_data_that_changed_between_the_releases_is_seen(host: Host, older: Path) -> None:
    leave_state(host, older)
    shutil.rmtree(host.project / "warehouse" / "readings" / "taken_day=2026-03-04")
    kept = [row["id"] for row in rows() if row["taken"].day != 4]
    with host.serving() as running:
        reply = running.request("POST", "/v1/tables/readings/refresh", headers={})
        assert (reply.status, ids(host.ask(running))) == (200, kept)

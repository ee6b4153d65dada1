"""A state folder that is removed or gets full under real workers: noticed, made anew once, and no older answer."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from numbered import KEPT, SHORT, STALE, Clients, ask, make_project, post, write_number
from process_tree import workers_of
from thorough import first
from waiting import wait_for

pytestmark = pytest.mark.gunicorn

REFRESH = "/v1/tables/numbers/refresh"
NO_CACHE = {"Cache-Control": "no-cache"}
TRIES = 200


class World:
    """A server of three workers over numbered data, with its state in a folder that can be taken away."""

    def __init__(self, folder: Path, state: Path, serve: Callable[..., Any], kind: str) -> None:
        self.folder, self.state, self.number = make_project(folder), state, 0
        self.write()
        settings = {"GATEWAY_SERVER_WORKER": kind, "GATEWAY_STATE": str(state)}
        self.gateway = serve(folder, settings, workers=3)
        self.clients = Clients(self.gateway, 12)

    def write(self) -> None:
        self.number += 1
        write_number(self.folder / "data", self.number)

    def remove_state(self) -> None:
        """Take the folder away in one step: workers write to it meanwhile."""
        gone = self.state.with_name(f"gone-{self.number}")
        self.state.rename(gone)
        shutil.rmtree(gone, ignore_errors=True)

    def told(self) -> Any:
        return self.gateway.get("/readyz").json()["state"]

    def drop(self) -> int:
        return int(self.gateway.request("DELETE", "/v1/cache?query=kept", headers={}).status)


@pytest.fixture(scope="module", params=first(1, ["asgi", "gthread"]))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def world(kind: str, serve: Callable[..., Any], tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path / "project", tmp_path / "state", serve, kind)
    yield world
    world.clients.close()


@contextmanager
def small(folder: Path) -> Iterator[Path]:
    """Mount a file system that a megabyte fills, where this user may."""
    folder.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("a file system that is full needs the right to mount one")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path) -> None:
    with (folder / "full").open("wb", buffering=0) as file, suppress(OSError):
        for _ in range(20_000):
            file.write(bytes(4096))
    os.utime(folder / "full", (2**32, 2**32))  # no sweep takes it for a result that has expired


def test_a_removed_state_folder_is_made_anew_and_no_older_answer_is_given(world: World) -> None:
    for _ in range(2):
        assert world.clients.numbers(KEPT) == {world.number}
        world.remove_state()
        world.write()
        post(world.gateway, REFRESH)
        assert world.clients.numbers(KEPT) == {world.number}
        wait_for(lambda: (world.state / "board.1").exists() and (world.state / "cursor.key").exists())
        world.write()
        post(world.gateway, REFRESH)
        assert ask(world.clients.connections[0], KEPT, NO_CACHE).number == world.number
        assert world.clients.numbers(KEPT) == {world.number}
    assert world.told() == {"status": "ok"}
    assert '"state-made"' in world.gateway.log.read_text()


@pytest.mark.parametrize("partial", [False, True], ids=["whole", "partition"])
def test_a_folder_that_is_removed_after_a_refresh_takes_no_worker_back(world: World, partial: bool) -> None:
    """What one worker has listed is gone before the others have taken it up."""
    body = b'{"partitions": ["day=a"]}' if partial else b"{}"
    for _ in range(8):
        assert world.clients.numbers(KEPT) == {world.number}
        world.write()
        assert world.gateway.post(REFRESH, body).status == 200
        world.remove_state()
        assert world.clients.numbers(KEPT) == {world.number}


def test_a_drop_reaches_all_workers_after_the_state_folder_was_removed(world: World) -> None:
    world.clients.numbers(KEPT)
    world.clients.numbers(KEPT)
    world.remove_state()
    assert world.drop() == 200
    first = ask(world.clients.connections[0], KEPT)
    assert "fwd=miss" in first.cache
    for seen in world.clients.ask(KEPT):
        assert "hit" in seen.cache


def can_be_had(world: World, pages: Iterable[str]) -> bool:
    """Wait until every worker has *pages*: one that has not seen the new folder knows of no result written there."""
    return wait_for(lambda: {seen.status for page in pages for seen in world.clients.ask(page)} == {200})


def test_cursors_stay_those_of_all_workers_when_the_folder_and_a_worker_are_gone(world: World) -> None:
    page = "/v1/queries/large/v1/result?_limit=2"
    before = world.gateway.get(page).json()["next"]
    world.remove_state()
    wait_for(lambda: (world.state / "cursor.key").exists())
    os.kill(workers_of(world.gateway.process.pid)[0], signal.SIGKILL)
    wait_for(lambda: world.gateway.get("/readyz").status == 200)
    world.clients.close()
    pages = (before, world.gateway.get(page).json()["next"])
    assert can_be_had(world, pages)


def test_a_worker_that_starts_while_the_state_folder_is_gone_signs_cursors_as_the_others_do(world: World) -> None:
    page = "/v1/queries/large/v1/result?_limit=2"
    before = world.gateway.get(page).json()["next"]
    server = world.gateway.process.pid
    world.clients.close()
    first, *others = workers_of(server)
    for worker in others:
        os.kill(worker, signal.SIGSTOP)  # so that the new worker is the first to see that the folder is gone
    try:
        os.kill(first, signal.SIGSTOP)
        world.remove_state()
        os.kill(first, signal.SIGKILL)
        wait_for(lambda: (world.state / "cursor.key").exists())
    finally:
        for worker in others:
            os.kill(worker, signal.SIGCONT)
    wait_for(lambda: world.gateway.get("/readyz").status == 200)
    assert can_be_had(world, (before, world.gateway.get(page).json()["next"]))


def test_a_full_disk_is_told_and_nothing_older_is_given_nor_what_was_dropped(
    kind: str, serve: Callable[..., Any], tmp_path: Path
) -> None:
    with small(tmp_path / "small") as folder:
        world = World(tmp_path / "project", folder / "state", serve, kind)
        for path in (KEPT, STALE, SHORT):
            world.clients.numbers(path)
        world.write()
        post(world.gateway, REFRESH)
        fill(folder)
        assert world.told() == {"status": "failing", "detail": "No space left on device"}
        assert ask(world.clients.connections[0], KEPT, NO_CACHE).number == world.number
        for path in (KEPT, STALE, SHORT):
            assert world.clients.numbers(path) == {world.number}
        assert world.drop() == 200
        first = ask(world.clients.connections[0], KEPT)
        assert "fwd=miss" in first.cache
        assert world.clients.numbers(KEPT) == {world.number}
        (folder / "full").unlink()
        wait_for(lambda: world.told() == {"status": "ok"})
        world.write()
        post(world.gateway, REFRESH)
        assert world.clients.numbers(KEPT) == {world.number}
        world.clients.close()

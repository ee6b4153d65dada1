"""Answers that the client keeps on disk: whole or not there, within their bound, whoever else writes."""

from __future__ import annotations

import hashlib
import os
from multiprocessing import get_context
from pathlib import Path

import pytest
from query_gateway_client.kept import Kept

LIMIT = 40_000


def opened(folder: Path) -> Kept:
    kept = Kept.opened(folder, LIMIT)
    assert kept is not None
    return kept


def put(kept: Kept, name: str, body: bytes) -> bool:
    writer = kept.begin(name, f'"{hashlib.sha256(body).hexdigest()}"', {"gateway-rows": "1"})
    assert writer is not None
    if not writer.write(body):
        return False
    writer.commit()
    return True


def body_of(kept: Kept, name: str) -> bytes | None:
    if (entry := kept.find(name)) is None:
        return None
    assert entry.whole()
    body = b"".join(entry.pieces())
    assert entry.etag == f'"{hashlib.sha256(body).hexdigest()}"'
    entry.close()
    return body


def test_a_body_comes_back_with_what_was_said_of_it(tmp_path: Path) -> None:
    kept = opened(tmp_path / "new")
    assert put(kept, "a", b"x" * 1_000)
    entry = kept.find("a")
    assert entry is not None
    assert (entry.headers, entry.length, body_of(kept, "a")) == ({"gateway-rows": "1"}, 1_000, b"x" * 1_000)
    entry.close()


def test_an_open_entry_stays_as_it_is_when_its_name_has_another(tmp_path: Path) -> None:
    kept = opened(tmp_path / "new")
    put(kept, "a", b"old")
    entry = kept.find("a")
    put(kept, "a", b"new")
    assert entry is not None
    assert (b"".join(entry.pieces()), body_of(kept, "a")) == (b"old", b"new")
    entry.close()


def test_a_body_that_would_fill_the_folder_is_not_kept(tmp_path: Path) -> None:
    kept = opened(tmp_path / "new")
    assert not put(kept, "a", b"x" * (LIMIT // 4 + 1))
    assert list(kept.folder.iterdir()) == []


def test_what_was_used_longest_ago_makes_room(tmp_path: Path) -> None:
    kept = opened(tmp_path / "new")
    for number in range(4):
        put(kept, str(number), b"x" * 9_000)
        os.utime(kept.folder / str(number), (number, number))
    assert body_of(kept, "0") is not None
    put(kept, "4", b"x" * 9_000)
    assert {path.name for path in kept.folder.iterdir()} == {"0", "2", "3", "4"}


@pytest.mark.parametrize("length", [0, 1, 500, 1_100])
def test_an_entry_that_was_cut_off_is_not_there(length: int, tmp_path: Path) -> None:
    kept = opened(tmp_path / "new")
    put(kept, "a", b"x" * 1_000)
    os.truncate(kept.folder / "a", length)
    assert (kept.find("a"), list(kept.folder.iterdir())) == (None, [])


def test_a_folder_that_others_may_read_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir(mode=0o755)
    assert Kept.opened(tmp_path / "open", LIMIT) is None


def test_a_folder_that_cannot_be_made_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert Kept.opened(tmp_path / "file" / "new", LIMIT) is None


def write_and_read(folder: Path, seed: int) -> None:
    kept = opened(folder)
    for step in range(150):
        name = str((seed * 7 + step * 5) % 11)
        body_of(kept, name)
        put(kept, name, name.encode() * (500 + 900 * ((seed + step) % 10)))


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_several_processes_share_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    context = get_context("fork")
    processes = [context.Process(target=write_and_read, args=(folder, seed)) for seed in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert sum(path.stat().st_size for path in folder.iterdir()) <= LIMIT
    assert not [path for path in folder.iterdir() if path.name.startswith(".new-")]

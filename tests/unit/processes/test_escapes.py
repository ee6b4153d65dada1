"""Which texts run apart: kept in a file that survives the process and that an operator may clear."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gateway.processes.escapes import Escape, Escapes


def test_what_is_set_apart_is_known_to_the_next_process(tmp_path: Path) -> None:
    path = tmp_path / "state" / "apart.json"
    first = Escapes(path, clock=lambda: 7.0)
    assert first.add("a/v1/x", "memory")
    assert not first.add("a/v1/x", "deadline"), "it is known"
    assert not first.add("", "deadline"), "it is nobody's"
    assert Escapes(path).known == {"a/v1/x": Escape(reason="memory", since=7.0)}


def test_what_an_operator_clears_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "apart.json"
    server, operator = Escapes(path), Escapes(path)
    server.add("a/v1/x", "memory")
    server.add("a/v2/y", "memory")
    assert not server.look(), "it wrote that itself"
    assert operator.clear(lambda text: text.startswith("a/v1")) == ["a/v1/x"]
    assert server.look()
    assert list(server.known) == ["a/v2/y"]


@pytest.mark.parametrize("text", [b"", b"[]", b'{"a": 1}', b'{"a": {"reason": 1}}', b"\xff"])
def test_a_file_that_cannot_be_read_sets_nothing_apart(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "apart.json"
    path.write_bytes(text)
    assert Escapes(path).known == {}


def test_a_folder_that_cannot_be_written_is_no_failure(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    escapes = Escapes(tmp_path / "file" / "apart.json")
    assert escapes.add("a/v1/x", "memory")
    assert list(escapes.known) == ["a/v1/x"]


def test_a_file_that_cannot_be_written_is_told_to_who_clears(tmp_path: Path) -> None:
    path = tmp_path / "state" / "apart.json"
    escapes = Escapes(path)
    escapes.add("a/v1/x", "memory")
    (tmp_path / "state" / f"apart.json.{os.getpid()}").mkdir()
    with pytest.raises(IsADirectoryError):
        escapes.clear(lambda text: True)
    assert list(Escapes(path).known) == ["a/v1/x"]

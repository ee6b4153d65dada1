"""A file that is read again when it changes, and keeps its last good value when it breaks."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gateway.access.reloading_file import FileUnreadable, ReloadingFile
from gateway.telemetry.events import AccessFileFailed, AccessFileRead, Event


def number(text: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise FileUnreadable("is no number") from error


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "file"


@pytest.fixture
def events() -> list[Event]:
    return []


def watch(path: Path, events: list[Event], *, expected: bool = False) -> ReloadingFile[int]:
    return ReloadingFile(path, number, 0, name="keys", observe=events.append, expected=expected)


def replace(path: Path, text: str) -> None:
    draft = path.with_suffix(".draft")
    draft.write_text(text)
    draft.replace(path)


def test_a_change_is_seen_at_the_next_look(path: Path, events: list[Event]) -> None:
    replace(path, "1")
    watched = watch(path, events)
    assert watched.value == 1
    replace(path, "2")
    assert watched.value == 2
    assert events == [AccessFileRead(file="keys")] * 2


def test_a_change_in_place_right_after_another_is_seen(path: Path, events: list[Event]) -> None:
    watched = watch(path, events)
    for value in range(1, 10):
        path.write_text(str(value))
        assert watched.value == value


def test_the_generation_grows_with_every_change_and_only_then(path: Path, events: list[Event]) -> None:
    replace(path, "1")
    watched = watch(path, events)
    first = (watched.value, watched.generation)
    os.utime(path)
    assert (watched.value, watched.generation) == first
    replace(path, "2")
    assert (watched.value, watched.generation) == (2, first[1] + 1)


def test_a_broken_file_leaves_the_last_good_value_and_is_told_once(path: Path, events: list[Event]) -> None:
    replace(path, "1")
    watched = watch(path, events)
    assert watched.value == 1
    replace(path, "x")
    assert [watched.value, watched.value] == [1, 1]
    assert watched.failure == "is no number"
    assert events[1:] == [AccessFileFailed(file="keys", error="is no number")]


def test_a_repaired_file_is_read_even_where_it_is_what_it_was(path: Path, events: list[Event]) -> None:
    replace(path, "1")
    watched = watch(path, events)
    assert watched.value == 1
    for text in ("x", "1"):
        replace(path, text)
        assert watched.value == 1
    assert watched.failure is None
    assert events[-1] == AccessFileRead(file="keys")


def test_a_file_that_was_never_right_is_nothing(path: Path, events: list[Event]) -> None:
    replace(path, "x")
    watched = watch(path, events)
    assert (watched.value, watched.generation, watched.failure) == (0, 0, "is no number")


def test_a_folder_in_its_place_is_no_file(path: Path, events: list[Event]) -> None:
    path.mkdir()
    watched = watch(path, events)
    assert watched.value == 0
    assert watched.failure is not None
    assert "cannot be read" in watched.failure


def test_bytes_that_are_no_text_are_refused(path: Path, events: list[Event]) -> None:
    path.write_bytes(b"\xff")
    watched = watch(path, events)
    assert (watched.value, watched.failure) == (0, "is not UTF-8 text")


def test_a_file_that_is_taken_away_counts_no_more(path: Path, events: list[Event]) -> None:
    replace(path, "1")
    watched = watch(path, events)
    assert watched.value == 1
    path.unlink()
    assert (watched.value, watched.failure) == (0, None)


def test_a_file_that_must_be_there_is_missed(path: Path, events: list[Event]) -> None:
    watched = watch(path, events, expected=True)
    assert (watched.value, watched.failure) == (0, "there is no such file")
    assert events == [AccessFileFailed(file="keys", error="there is no such file")]

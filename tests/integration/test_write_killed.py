"""A write that is killed, wherever it is, leaves a table that reads as before or as after; the next write tidies up."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from gateway.catalog.layout import data_files
from gateway.catalog.listing import list_files
from gateway.catalog.store import S3Settings, open_store
from gateway.catalog.table import Table
from gateway.errors import StorageFailed
from gateway.writer import Mode, Options, Progress, Stage, WriteSummary, write

TABLE = Table.model_validate({"table": "t", "location": "t", "partitioned_by": [{"column": "p", "source": "p"}]})
OLD = pa.table({"p": [1, 2], "x": ["old", "old"]})
NEW = pa.table({"p": [2, 3, 4], "x": ["new", "new", "new"]})

# Writes in a process of its own, says when it has come to a stage and so many steps, and waits there to be killed.
CHILD = """
import json, sys
from pathlib import Path
import pyarrow as pa
from gateway.catalog.table import Table
from gateway.writer import Mode, Options, write

stage, done, mode = sys.argv[2], int(sys.argv[3]), Mode(sys.argv[4])

def wait(progress):
    if progress.stage == stage and progress.done >= done:
        print("here", flush=True)
        sys.stdin.read()

table = Table.model_validate(json.loads(sys.argv[5]))
rows = pa.Table.from_pydict(json.loads(sys.argv[6]))
write(table, rows, root=Path(sys.argv[1]), options=Options(mode=mode), on_progress=wait)
"""


def start(root: Path, stage: Stage, done: int, mode: Mode) -> subprocess.Popen[str]:
    """Start a write that waits at *stage* after *done* steps."""
    arguments = [str(root), stage.value, str(done), mode.value, TABLE.model_dump_json(), json.dumps(NEW.to_pydict())]
    process = subprocess.Popen(
        [sys.executable, "-c", CHILD, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "here\n"
    return process


def kill(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)


def write_old(root: Path) -> WriteSummary:
    return write(TABLE, OLD, root=root)


def rows(root: Path) -> list[tuple[int, str]]:
    """Read the table as the gateway lists it."""
    store = open_store("t", S3Settings(), root)
    files, others = data_files(list_files(store))
    assert others.num_rows == 0
    paths = [store.address(str(path)) for path in files["path"].to_pylist()]
    return sorted(duckdb.connect().read_parquet(paths).fetchall())


def hidden(root: Path) -> list[str]:
    return [path.name for path in (root / "t").glob(".staging-*")]


@pytest.mark.parametrize("stage", [Stage.READING, Stage.WRITING])
def test_a_write_killed_before_it_publishes_changes_nothing(tmp_path: Path, stage: Stage) -> None:
    write_old(tmp_path)
    kill(start(tmp_path, stage, 1, Mode.REPLACE))
    assert rows(tmp_path) == [(1, "old"), (2, "old")]
    assert len(hidden(tmp_path)) == 1


def test_the_next_write_sweeps_what_a_killed_one_left(tmp_path: Path) -> None:
    kill(start(tmp_path, Stage.WRITING, 2, Mode.APPEND))
    write_old(tmp_path)
    assert hidden(tmp_path) == []
    assert rows(tmp_path) == [(1, "old"), (2, "old")]


def test_a_new_table_does_not_appear_from_a_killed_write(tmp_path: Path) -> None:
    kill(start(tmp_path, Stage.WRITING, 2, Mode.APPEND))
    assert [path.name for path in (tmp_path / "t").iterdir() if not path.name.startswith(".")] == []


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        (Mode.APPEND, [(1, "old"), (2, "new"), (2, "old"), (3, "new"), (4, "new")]),
        (Mode.OVERWRITE_PARTITIONS, [(1, "old"), (2, "new"), (3, "new"), (4, "new")]),
        (Mode.REPLACE, [(2, "new"), (3, "new"), (4, "new")]),
    ],
)
@pytest.mark.parametrize("done", [1, 3])
def test_a_write_killed_while_it_publishes_is_completed_by_the_next(
    tmp_path: Path, mode: Mode, expected: list[tuple[int, str]], done: int
) -> None:
    write_old(tmp_path)
    kill(start(tmp_path, Stage.PUBLISHING, done, mode))
    assert {(1, "old"), (2, "old")} <= set(rows(tmp_path))
    write(TABLE, pa.table({"p": [9], "x": ["next"]}), root=tmp_path)
    assert rows(tmp_path) == [*expected, (9, "next")]
    assert hidden(tmp_path) == []


def test_a_running_write_is_not_swept(tmp_path: Path) -> None:
    process = start(tmp_path, Stage.WRITING, 1, Mode.APPEND)
    write_old(tmp_path)
    assert len(hidden(tmp_path)) == 1
    process.communicate(input="", timeout=60)
    assert process.returncode == 0
    assert rows(tmp_path) == [(1, "old"), (2, "new"), (2, "old"), (3, "new"), (4, "new")]


def test_an_interrupted_write_leaves_nothing_behind(tmp_path: Path) -> None:
    def interrupt(progress: Progress) -> None:
        if progress.stage is Stage.PUBLISHING and progress.done == 2:
            raise KeyboardInterrupt

    write_old(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        write(TABLE, NEW, root=tmp_path, options=Options(mode=Mode.REPLACE), on_progress=interrupt)
    assert rows(tmp_path) == [(1, "old"), (2, "old")]
    assert hidden(tmp_path) == []
    assert sorted(path.name for path in (tmp_path / "t").glob("p=*")) == ["p=1", "p=2"]


def test_a_write_that_cannot_move_a_file_takes_back_the_others(tmp_path: Path) -> None:
    write_old(tmp_path)
    (tmp_path / "t/p=4").write_text("a file where a folder should be")
    with pytest.raises(StorageFailed, match="the write failed"):
        write(TABLE, NEW, root=tmp_path)
    (tmp_path / "t/p=4").unlink()
    assert rows(tmp_path) == [(1, "old"), (2, "old")]
    assert hidden(tmp_path) == []

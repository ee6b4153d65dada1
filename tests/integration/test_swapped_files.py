"""Files of the state folder that are damaged or copied over one another while no server runs: the same answers."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from thorough import first

pytestmark = pytest.mark.gunicorn

DAYS = ("a", "b", "c")
TABLE = """
table: numbers
location: data
partitioned_by: [{column: day, transform: identity, source: day}]
columns: {n: BIGINT, day: VARCHAR}
refresh: 1h
"""
QUERY = """/*
summary: The number of a day
parameters: {day: {type: varchar}}
cache: {ttl: 1h, stale_while_revalidate: 1h}
*/
SELECT max(n) AS n FROM numbers WHERE day = $day"""
ADDRESSES = [f"/v1/queries/number/v1/result?day={day}" for day in DAYS]
Contents = list[bytes]


def rotated(contents: Contents) -> Contents:
    return [*contents[1:], *contents[:1]]


def flipped(contents: Contents) -> Contents:
    return [_flip(content, random.Random(seed)) for seed, content in enumerate(contents)]


def _flip(content: bytes, chance: random.Random) -> bytes:
    changed = bytearray(content)
    for place in chance.sample(range(len(changed)), min(len(changed), 40)):
        changed[place] ^= 1 << chance.randrange(8)
    return bytes(changed)


def in_the_rows(contents: Contents) -> Contents:
    """Change each number where it stands, so that every reader takes the file for whole."""
    numbers = [(index + 1) * 100 for index in range(len(DAYS))]
    return [_replaced(content, numbers) for content in contents]


def _replaced(content: bytes, numbers: list[int]) -> bytes:
    for number in numbers:
        content = content.replace(number.to_bytes(8, "little"), (number + 7).to_bytes(8, "little"))
    return content


SPOIL: dict[str, Callable[[Contents], Contents]] = {
    "swapped": rotated,
    "flipped": flipped,
    "another number": in_the_rows,
    "cut off": lambda contents: [content[: len(content) // 2] for content in contents],
    "empty": lambda contents: [b"" for _ in contents],
    "foreign": lambda contents: [random.Random(3).randbytes(len(content)) for content in contents],
}


def stop(gateway: Any) -> None:
    gateway.process.terminate()
    gateway.process.wait(timeout=40)


@pytest.fixture(scope="module")
def kept(serve_for_module: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that was served, with its state: an answer to each question is kept."""
    project = tmp_path_factory.mktemp("swapped")
    for name, text in {"catalog/numbers.yaml": TABLE, "queries/number/v1.sql": QUERY}.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(text)
    for index, day in enumerate(DAYS):
        (project / "data" / f"day={day}").mkdir(parents=True)
        rows = pa.table({"n": pa.array([(index + 1) * 100], pa.int64())})
        pq.write_table(rows, project / "data" / f"day={day}" / "rows.parquet")
    gateway = serve_for_module(project, {"GATEWAY_STATE": str(project / "kept")})
    for address in ADDRESSES:
        assert gateway.get(address).status == 200
    stop(gateway)
    return project


@pytest.mark.parametrize(
    ("folder", "kind"), first(1, [("results", "arrow"), ("results", "mark"), ("summaries", "arrow")])
)
@pytest.mark.parametrize("spoil", SPOIL.values(), ids=SPOIL)
def test_answers_are_right_whatever_became_of_the_files_of_the_disk_tier(
    kept: Path, serve: Callable[..., Any], tmp_path: Path, spoil: Callable[[Contents], Contents], folder: str, kind: str
) -> None:
    state = shutil.copytree(kept / "kept", tmp_path / "state")
    files = sorted((state / folder).rglob(f"*.{kind}"))
    assert len(files) == len(DAYS)
    expiries = [file.stat().st_mtime for file in files]
    for file, content, expires in zip(files, spoil([file.read_bytes() for file in files]), expiries, strict=True):
        file.write_bytes(content)
        os.utime(file, (expires, expires))
    gateway = serve(kept, {"GATEWAY_STATE": str(state)})
    for headers in ({}, {"If-None-Match": '"none"'}, {}, {"Cache-Control": "no-cache"}):
        replies = [gateway.request("GET", address, headers=headers) for address in ADDRESSES]
        assert [json.loads(reply.body)["data"] for reply in replies] == [[{"n": 100}], [{"n": 200}], [{"n": 300}]]
        assert [reply.headers["gateway-rows"] for reply in replies] == ["1"] * len(DAYS)
    assert "Traceback" not in gateway.log.read_text()
    stop(gateway)


@pytest.mark.parametrize("left", [0, 100])
def test_a_file_that_is_cut_off_in_its_place_after_it_was_read_ends_no_worker(
    kept: Path, serve: Callable[..., Any], tmp_path: Path, left: int
) -> None:
    state = shutil.copytree(kept / "kept", tmp_path / "state")
    gateway = serve(kept, {"GATEWAY_STATE": str(state)}, workers=1)
    for address in ADDRESSES:
        assert gateway.get(address).status == 200  # from the files: this worker has computed nothing
    for file in state.rglob("*.arrow"):
        if file.parent.parent.name in ("results", "summaries"):
            os.truncate(file, min(left, file.stat().st_size))
    for form in ("csv", "ndjson", "json"):  # each is made of the rows anew
        replies = [gateway.get(f"{address}&_format={form}") for address in ADDRESSES]
        assert [reply.status for reply in replies] == [200] * len(DAYS)
        assert [re.findall(rb"[123]00\b", reply.body) for reply in replies] == [[b"100"], [b"200"], [b"300"]]
    assert "SIGBUS" not in gateway.log.read_text()
    stop(gateway)

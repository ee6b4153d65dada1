"""Results too large to be kept are computed once for their splits, stay on disk while they are read, and no longer."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from fcntl import LOCK_EX, flock
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from split_tables import DataFile, make_project, planned, read

from gateway.app.gateway import open_gateway
from gateway.cache.spool import Spool
from gateway.cache.tier import Purge
from gateway.config import load_settings
from gateway.errors import ResultTooLarge, SplitGone, StorageFailed
from gateway.model import Principal, Request
from gateway.pipeline import Gateway
from gateway.telemetry.events import Event, QueryExecuted

FILES = [DataFile(rows=rows, group=1_000, partition=part) for rows, part in ((30_000, "a"), (24_991, "b"), (9, None))]
ROWS = sum(each.rows for each in FILES)
ONLY = {"ordered": "ORDER BY x, t.id, v", "backward": "ORDER BY x DESC, t.id DESC, v", "unlike": "ORDER BY random()"}
SMALL = {"GATEWAY_CACHE_MAX_RESULT": "128KiB", "GATEWAY_ENGINE_THREADS": "2"}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_project(tmp_path_factory.mktemp("spool"), FILES)
    for name, order in ONLY.items():
        (folder / f"queries/{name}").mkdir()
        clock = "cache: {clock: 1h}\n" if "random" in order else ""
        text = f"/*\nsummary: {name}\nowner: tests\n{clock}*/\nSELECT t.id, v, x FROM t {order}\n"
        (folder / f"queries/{name}/v1.sql").write_text(text)
    return folder


Opened = Callable[..., AbstractContextManager[tuple[Gateway, Counter[str]]]]


@pytest.fixture
def opened(project: Path, tmp_path: Path) -> Opened:
    """Open a gateway as a worker of one machine does, and count the queries that it runs."""

    @contextmanager
    def opened(**settings: str) -> Iterator[tuple[Gateway, Counter[str]]]:
        ran = Counter[str]()

        def observe(event: Event) -> None:
            if isinstance(event, QueryExecuted):
                ran[event.query] += 1

        given = {f"GATEWAY_{name}": value for name, value in settings.items()}
        environment = {"GATEWAY_STATE": str(tmp_path / "state"), **SMALL, **given}
        with open_gateway(load_settings(project, environment), observe=observe, background=False) as gateway:
            yield gateway, ran

    return opened


def asked(name: str = "ordered") -> Request:
    return Request(query=name, version=1, parameters={})


def spooled(folder: Path) -> list[Path]:
    return sorted((folder / "state/spool").iterdir())


def ids(gateway: Gateway, splits: Any, name: str = "ordered") -> list[int]:
    tables = [read(gateway, asked(name), each.split) for each in splits]
    return [number for table in tables for number in table["id"].to_pylist()]


def test_a_result_is_computed_once_for_all_its_splits_by_all_workers(opened: Opened, tmp_path: Path) -> None:
    with opened() as (gateway, ran), opened() as (other, ran_there):
        plan = planned(gateway, asked(), 7)
        assert planned(other, asked(), 7) == plan
        assert [each.rows for each in plan.splits] == [ROWS * (n + 1) // 7 - ROWS * n // 7 for n in range(7)]
        assert sorted(ids(gateway, plan.splits[:3]) + ids(other, plan.splits[3:])) == sorted(
            n // 2 for n in range(ROWS)
        )
        first = read(other, asked(), plan.splits[1].split)
        assert read(gateway, asked(), plan.splits[1].split, skip=7_000).equals(first.slice(7_000))
        assert read(gateway, asked(), plan.splits[1].split, skip=10**6).num_rows == 0
        assert (ran["ordered"], ran_there["ordered"]) == (1, 0)
    assert len(spooled(tmp_path)) == 1


def test_the_rows_are_those_of_a_result_that_is_kept(opened: Opened, tmp_path: Path) -> None:
    with opened() as (gateway, _):
        plan = planned(gateway, asked(), 3)
        rows = pa.concat_tables(read(gateway, asked(), each.split) for each in plan.splits)
    with opened(STATE=str(tmp_path / "roomy"), CACHE_MAX_RESULT="64MiB") as (gateway, _):
        kept = planned(gateway, asked(), 3)
        assert replace(kept, query=plan.query) == plan  # the digest is one, so the addresses are
        assert repr(gateway.answer(asked(), principal=Principal()).result.table.to_pydict()) == repr(rows.to_pydict())


def test_those_who_ask_at_once_wait_for_the_one_who_computes(opened: Opened) -> None:
    with opened() as (gateway, ran), opened() as (other, ran_there), ThreadPoolExecutor(6) as pool:
        plans = list(pool.map(lambda each: planned(each, asked(), 4), [gateway, other] * 3))
        assert [plan == plans[0] for plan in plans] == [True] * 6
        assert ran["ordered"] + ran_there["ordered"] == 1


def test_a_lost_result_is_computed_again_and_is_gone_where_its_rows_are_others(opened: Opened, tmp_path: Path) -> None:
    with opened() as (gateway, ran):
        for name, same in (("ordered", True), ("unlike", False)):
            plan = planned(gateway, asked(name), 2)
            assert len(ids(gateway, plan.splits, name)) == ROWS
            for file in spooled(tmp_path):
                file.unlink()
            if same:
                assert len(ids(gateway, plan.splits, name)) == ROWS
            else:
                with pytest.raises(
                    SplitGone, match="computed again, to other rows: ask for a plan of its splits again"
                ):
                    ids(gateway, plan.splits, name)
            assert ran[name] == 2


def test_what_finds_no_room_is_refused_and_leaves_nothing(opened: Opened, tmp_path: Path) -> None:
    with opened(SPLITS_SPOOL="100KiB") as (gateway, _):
        with pytest.raises(
            ResultTooLarge, match=r"larger than the 102,400 bytes .*\[splits\] spool\): narrow the question"
        ):
            planned(gateway, asked(), 2)
        assert spooled(tmp_path) == []
    with opened(SPLITS_SPOOL="0") as (gateway, _), pytest.raises(ResultTooLarge, match=r"room \(\[splits\] spool\)"):
        planned(gateway, asked(), 2)


def test_what_others_take_is_not_given_to_the_next(opened: Opened, tmp_path: Path) -> None:
    with opened() as (gateway, _):
        plan = planned(gateway, asked(), 2)
    [file] = spooled(tmp_path)
    with opened(SPLITS_SPOOL=str(file.stat().st_size * 9 // 5)) as (gateway, _):
        with pytest.raises(ResultTooLarge, match="ask again later") as caught:
            planned(gateway, asked("backward"), 2)
        assert 3_000 < (caught.value.retry_after or 0) <= 3_600
        assert len(ids(gateway, plan.splits)) == ROWS
        os.utime(file, (1, 1))
        assert len(planned(gateway, asked("backward"), 2).splits) == 2
    assert file not in spooled(tmp_path)


def test_damaged_rows_are_not_given_and_computed_again(opened: Opened, tmp_path: Path) -> None:
    with opened() as (gateway, ran):
        plan = planned(gateway, asked(), 2)
        rows = ids(gateway, plan.splits)
        for place, error in ((1_000, StorageFailed), (-100, None)):
            [file] = spooled(tmp_path)
            content = bytearray(file.read_bytes())
            content[place] ^= 1
            file.write_bytes(content)
            if error is not None:
                with pytest.raises(error, match="damaged"):
                    ids(gateway, plan.splits)
            assert ids(gateway, plan.splits) == rows
        assert ran["ordered"] == 3


def test_what_nobody_reads_goes_and_what_a_killed_process_left(opened: Opened, tmp_path: Path) -> None:
    with opened() as (gateway, _):
        plan = planned(gateway, asked(), 2)
        [file] = spooled(tmp_path)
        left, written = (file.with_name(f"{name}.draft") for name in ("00", "11"))
        left.write_bytes(b"half")
        with written.open("wb") as held:
            flock(held, LOCK_EX)
            now = [time.time()]
            spool = Spool(file.parent, size=10**9, ttl=100.0, clock=lambda: now[0])
            spool.sweep()
            assert spooled(tmp_path) == [*sorted([written, file])]
            now[0] += 90
            assert spool.find(file.name.split(".")[0]) is not None
            now[0] += 90
            spool.sweep()
            assert file in spooled(tmp_path)
            now[0] += 20
            spool.sweep()
        assert spooled(tmp_path) == [written]
        assert len(ids(gateway, plan.splits)) == ROWS
    left.write_bytes(b"half")
    with opened():
        assert [path.suffix for path in spooled(tmp_path)] == [".rows"]


def test_dropping_results_drops_these(opened: Opened, tmp_path: Path) -> None:
    with opened() as (gateway, _):
        planned(gateway, asked(), 2)
        assert gateway.spool is not None
        assert [gateway.spool.drop(Purge(query=name)) for name in ("unlike", "ordered")] == [0, 1]
    assert spooled(tmp_path) == []

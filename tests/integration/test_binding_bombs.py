"""A text whose constants are too large to compute: ``gateway check`` names it, and neither hangs nor grows over it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import sysconfig
import textwrap
from contextlib import closing
from datetime import date
from pathlib import Path
from threading import Thread
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from clocks import Clock
from process_tree import Memory, cpu_seconds, tree
from thorough import first
from waiting import becomes, everywhere, wait_for

from gateway.engine.binder import Binder, Runaway
from gateway.model import Column
from gateway.project.binding import Binding, Runaways, SchemaBinder
from gateway.query.template import Template

PROGRAM = str(Path(sysconfig.get_path("scripts")) / "gateway")
MOST = 700 << 20
"""Bytes that a check may take with all it starts: 200 MiB of its own, 256 of the process that binds, and room."""
SHORTER = 60
"""Seconds in which a check of one project must have ended, also on a machine that is busy."""
TABLE = "table: t\nlocation: data\ncolumns: {s: VARCHAR, n: BIGINT, day: DATE}\n"
FRONT = "/*\nsummary: x\nowner: me\nexamples: [{}]\n*/\n"
ENDLESS = "generate_series(DATE '0001-01-01', DATE '9999-01-01', INTERVAL 1 SECOND)"

MAKERS = {
    "lpad": "lpad('x', 2000000000, 'y')",
    "repeat": "repeat('x', 3000000000)",
    "range": "range(2000000000)",
    "list_resize": "list_resize([1], 2000000000, 2)",
    "printf": "printf('%2000000000d', 1)",
    "array_to_string": "array_to_string(range(300000000), ',')",
}
PLACES = {
    "limit": "SELECT n FROM t ORDER BY n LIMIT len({made})",
    "from": "SELECT a.i FROM range(len({made})) a(i)",
    "pattern": "SELECT n FROM t WHERE regexp_matches(s, CAST({made} AS VARCHAR))",
    "format": "SELECT strftime(day, CAST({made} AS VARCHAR)) AS a FROM t",
    "share": "SELECT quantile_cont(n, CAST(len({made}) AS DOUBLE)) AS a FROM t",
}
MATRIX = {f"{maker}-{place}": PLACES[place].format(made=MAKERS[maker]) for maker in MAKERS for place in PLACES}
BOMBS = {
    "text-as-pattern": MATRIX["lpad-pattern"],
    "list-in-limit": MATRIX["range-limit"],
    "seconds-of-all-time": PLACES["limit"].format(made=ENDLESS),
    "distance-of-long-texts": PLACES["pattern"].format(
        made="levenshtein(repeat('x', 300000), repeat('y', 300000))"
    ),
}  # fmt: skip


def folder_of(name: str) -> str:
    return name.replace("-", "_")


def add(folder: Path, queries: dict[str, str]) -> None:
    for name, sql in queries.items():
        target = folder / "queries" / folder_of(name) / "v1.sql"
        target.parent.mkdir(parents=True)
        target.write_text(FRONT + sql)


def project(folder: Path, queries: dict[str, str]) -> Path:
    add(folder, queries)
    (folder / "catalog").mkdir()
    (folder / "catalog" / "t.yaml").write_text(TABLE)
    return folder


def put_row(folder: Path) -> Path:
    (folder / "data").mkdir()
    rows = pa.table({"s": ["a"], "n": pa.array([1], pa.int64()), "day": [date(2024, 1, 1)]})
    pq.write_table(rows, folder / "data" / "rows.parquet")
    return folder


def checked(folder: Path, seconds: float) -> tuple[int, dict[str, list[dict[str, Any]]]]:
    """Check a project, in memory that is measured; return the exit status, and what is found in each query."""
    command = [PROGRAM, "check", "--project", str(folder), "--format", "json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        with Memory(process.pid) as memory:
            output, _ = process.communicate(timeout=seconds)
    finally:
        process.kill()
    assert memory.peak < MOST, f"{memory.peak >> 20} MiB"
    found: dict[str, list[dict[str, Any]]] = {}
    for diagnostic in json.loads(output)["diagnostics"]:
        if diagnostic["severity"] == "error":
            for path in (diagnostic["path"], *diagnostic.get("also", ())):
                found.setdefault(path.split("/")[1], []).append(diagnostic)
    return process.returncode, found


@pytest.mark.parametrize("name", first(2, BOMBS))
def test_a_text_that_cannot_be_bound_is_named_and_the_others_are_checked(tmp_path: Path, name: str) -> None:
    texts = {"a_good": "SELECT n FROM t", "bomb": BOMBS[name], "wrong": "SELECT nn FROM t", "z_good": "SELECT s FROM t"}
    status, found = checked(project(tmp_path, texts), SHORTER)
    assert status == 1
    assert found.keys() == {"bomb", "wrong"}
    assert [error["rule"] for error in found["bomb"] + found["wrong"]] == ["binding", "unknown-column"]
    assert found["bomb"][0]["message"].startswith("binding it took ")
    assert "too large to compute" in found["bomb"][0]["hint"]
    assert found["bomb"][0]["line"] == FRONT.count("\n") + 1


def test_whatever_makes_the_constant_and_wherever_it_stands_each_is_named(tmp_path: Path) -> None:
    status, found = checked(project(tmp_path, MATRIX), 5 * len(MATRIX) + SHORTER)
    assert status == 1
    assert sorted(found) == sorted(map(folder_of, MATRIX))
    assert {error["rule"] for errors in found.values() for error in errors} == {"binding"}


@pytest.mark.gunicorn
def test_a_reload_refuses_what_cannot_be_bound_and_serves_the_rest(tmp_path: Path, serve: Any) -> None:
    folder = put_row(project(tmp_path, {"first": "SELECT n FROM t"}))
    server = serve(folder, workers=2)
    assert server.get("/v1/queries/first/v1/result").status == 200

    def broken() -> tuple[str, ...]:
        return tuple(sorted(one["path"] for one in server.get("/readyz").json()["project"]["broken"]))

    def total() -> int:
        return int(server.get("/v1/queries/z_good/v1/result").status)

    with Memory(server.process.pid) as memory:
        before = memory.peak
        add(folder, {**BOMBS, "z_good": "SELECT n FROM t", "wrong": "SELECT nn FROM t"})
        refused = tuple(sorted(f"queries/{folder_of(name)}/v1.sql" for name in [*BOMBS, "wrong"]))
        assert becomes(refused, broken)
        assert becomes(200, total)
    assert memory.peak - before < 2 * (MOST - (200 << 20)), f"{memory.peak >> 20} MiB"
    mistakes = server.get("/readyz").json()["project"]["broken"]
    assert sum("binding it took" in str(one) for one in mistakes) == len(BOMBS)
    assert everywhere(total) == [200] * 16
    for name in BOMBS:
        (folder / "queries" / folder_of(name) / "v1.sql").unlink()
    assert becomes(("queries/wrong/v1.sql",), broken)


@pytest.mark.gunicorn
def test_what_is_slow_to_describe_is_described_once_for_all_documents(tmp_path: Path, serve: Any) -> None:
    slow = "SELECT levenshtein(repeat('x', 400000), repeat('y', 400000)) AS far"
    folder = put_row(project(tmp_path, {"slow": slow, "good": "SELECT 1 AS one"}))
    server = serve(folder, workers=1)
    for address in ("/v1/queries/slow/v1", "/openapi.json", "/docs/slow/v1") * 2:
        assert server.get(address).status == 200, address
    assert server.get("/v1/queries/slow/v1").json()["columns"] is None
    assert server.get("/v1/queries/good/v1").json()["columns"] == [{"name": "one", "type": "INTEGER"}]
    told = [line for line in server.log.read_text().splitlines() if '"description-failed"' in line]
    assert len(told) == 1
    assert json.loads(told[0])["query"] == "slow"


def test_what_was_ended_is_not_bound_again_until_it_changes_or_a_while_has_passed() -> None:
    clock = Clock()
    runaways = Runaways(clock)
    bomb, changed = template(MATRIX["range-limit"]), template(MATRIX["range-limit"] + " + 1")
    ended = bound(bomb, runaways)
    assert [error.message for error in ended.errors] == ["binding it took more than 256 MiB of memory"]
    assert bound(bomb, runaways) is ended
    assert bound(changed, runaways) is not ended
    again = bound(bomb, runaways)
    assert again is not ended  # the last text of a file is the one that is remembered
    clock.now += Runaways.AGAIN
    assert bound(bomb, runaways) is not again


def template(sql: str) -> Template:
    return Template.load(FRONT + sql, path="queries/q/v1.sql", name="q", version=1, tables=["t"])


@pytest.fixture(scope="module", autouse=True)
def one_process_binds() -> None:
    """Let each binder have a process of its own, as these tests look at them."""


def bound(template: Template, runaways: Runaways) -> Binding:
    with closing(SchemaBinder(runaways)) as binder:
        binder.declare("t", [Column(name="n", type="BIGINT")])
        return binder.bind(template)


def started() -> Binder:
    binder = Binder()
    binder.declare("t", [Column(name="n", type="BIGINT")])
    binder.columns("SELECT n FROM t", {})
    return binder


def child() -> int:
    return next(
        process.pid
        for process in tree(os.getpid())
        if "binder_child" in Path(f"/proc/{process.pid}/cmdline").read_text()
    )


def test_a_process_that_is_killed_is_replaced_and_the_tables_are_known_to_the_next() -> None:
    binder = started()
    killed = child()
    os.kill(killed, signal.SIGKILL)
    with pytest.raises(Runaway, match="ended the process"):
        binder.columns("SELECT n FROM t", {})
    assert binder.columns("SELECT n FROM t", {}) == (Column(name="n", type="BIGINT"),)
    assert child() != killed
    binder.close()


def test_a_process_that_ends_over_a_text_is_told_of_that_text() -> None:
    binder = started()
    working = child()
    before = cpu_seconds(working)

    def kill() -> None:
        wait_for(lambda: cpu_seconds(working) > before + 0.2, str, pause=0.01)
        os.kill(working, signal.SIGSEGV)

    killer = Thread(target=kill)
    killer.start()
    with pytest.raises(Runaway, match="ended the process"):
        binder.columns(f"SELECT n FROM t LIMIT len({ENDLESS})", {})
    killer.join()
    binder.close()


def test_a_closed_binder_leaves_no_process() -> None:
    binder = started()
    process = child()
    binder.close()
    assert not Path(f"/proc/{process}").exists()


def test_the_process_ends_with_one_that_is_killed_while_it_computes(tmp_path: Path) -> None:
    program = f"""
        from gateway.engine.binder import Binder
        Binder(seconds=600).columns("SELECT 1 AS a LIMIT len({ENDLESS})", {{}})
    """
    parent = subprocess.Popen([sys.executable, "-c", textwrap.dedent(program)])
    wait_for(lambda: any(cpu_seconds(process.pid) > 0.5 for process in tree(parent.pid)[1:]), str, pause=0.02)
    (process,) = tree(parent.pid)[1:]
    parent.kill()
    parent.wait()
    wait_for(lambda: not process.alive, lambda: f"{process} is still there", pause=0.02)

"""When changed files are put in service: once they are quiet, all of them or none, broken ones as they were."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from gateway.app.gateway import Opened, open_pipeline
from gateway.cli.check import command as check
from gateway.config import load_settings
from gateway.errors import EngineFailed, QueryNotFound
from gateway.model import Principal, Request
from gateway.pipeline import Gateway
from gateway.project.loader import Project
from gateway.project.reload import Reloader, Stamp, look
from gateway.telemetry.events import DeclarationBroken, Event, ProjectLoaded, Unexpected

TABLE = "table: events\nlocation: {location}\npartitioned_by: [{{column: dt, transform: identity, source: dt}}]\n{more}"
SIGNAL = "state/reload"
QUERY = "/*\nsummary: {summary}\n*/\nSELECT {what} AS total FROM events"


@dataclass
class World:
    """A project of one table and one query, what is in service of it, and a clock."""

    folder: Path
    opened: Opened
    events: list[Event]
    seen: Stamp
    now: float = 1_000_000.0
    serving: list[Gateway] = field(default_factory=list)
    projects: list[Project] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.build = self.opened.build
        self.serving, self.projects = [self.opened.gateway], [self.opened.project]
        self.reloader = Reloader(
            self.folder,
            self.folder / SIGNAL,
            loader=self.opened.loader,
            project=self.opened.project,
            serving=self.opened.gateway,
            build=lambda gateway, project: self.build(gateway, project),
            serve=self.serve,
            observe=self.events.append,
            seen=self.seen,
            clock=lambda: self.now,
        )

    def serve(self, gateway: Gateway, project: Project) -> None:
        self.serving.append(gateway)
        self.projects.append(project)
        gateway.catalog.take_over()

    def write(self, name: str, text: str) -> None:
        target = self.folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)

    def query(self, what: str = "sum(n)", *, name: str = "totals", version: int = 1, summary: str = "x") -> None:
        self.write(f"queries/{name}/v{version}.sql", QUERY.format(what=what, summary=summary))

    def table(self, location: str = "data", more: str = "") -> None:
        self.write("catalog/events.yaml", TABLE.format(location=location, more=more))

    def ask(self, name: str = "totals", version: int | None = None) -> Any:
        request = Request(query=name, version=version, parameters={})
        answer = self.serving[-1].answer(request, principal=Principal())
        return answer.result.table.to_pylist()[0]["total"]

    def told(self) -> ProjectLoaded:
        return [event for event in self.events if isinstance(event, ProjectLoaded)][-1]


def put(folder: Path, values: list[int]) -> None:
    folder = folder / "dt=a"
    folder.mkdir(parents=True)
    pq.write_table(pa.table({"n": pa.array(values, pa.int64())}), folder / "rows.parquet")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    put(tmp_path / "data", [1, 2])
    put(tmp_path / "other", [30])
    events: list[Event] = []
    (tmp_path / "catalog").mkdir()
    (tmp_path / "catalog/events.yaml").write_text(TABLE.format(location="data", more=""))
    (tmp_path / "queries/totals").mkdir(parents=True)
    (tmp_path / "queries/totals/v1.sql").write_text(QUERY.format(what="sum(n)", summary="x"))
    settings = load_settings(tmp_path, {})
    seen = look(tmp_path, tmp_path / SIGNAL)
    with open_pipeline(settings, observe=events.append, background=False) as opened:
        world = World(tmp_path, opened, events, seen)
        assert world.ask() == 3
        yield world


def test_nothing_happens_while_no_file_changes(world: World) -> None:
    for _ in range(3):
        world.reloader.tick()
    assert len(world.serving) == 1


def test_a_file_that_changes_while_the_gateway_opens_is_read_again(world: World) -> None:
    world.query("count(*)")
    late = World(world.folder, world.opened, world.events, world.seen)
    late.reloader.tick()
    late.reloader.tick()
    assert late.ask() == 2


def test_a_changed_file_is_read_once_it_has_been_quiet_for_a_look(world: World) -> None:
    world.query("count(*)", version=2)
    world.reloader.tick()
    assert len(world.serving) == 1
    world.query("max(n)", version=2, summary="longer")
    world.reloader.tick()
    assert len(world.serving) == 1
    world.reloader.tick()
    assert (len(world.serving), world.ask()) == (2, 2)
    world.reloader.tick()
    assert len(world.serving) == 2


def test_files_are_not_read_while_git_is_writing_them(world: World) -> None:
    (world.folder / ".git").mkdir()
    lock = world.folder / ".git/index.lock"
    lock.touch()
    os.utime(lock, (world.now, world.now))
    world.query("count(*)", version=2)
    for _ in range(3):
        world.reloader.tick()
    assert len(world.serving) == 1
    lock.unlink()
    world.reloader.tick()
    assert len(world.serving) == 2


def test_a_touched_signal_has_the_files_read(world: World) -> None:
    path = world.folder / "queries/totals/v1.sql"
    before = path.stat()
    path.write_text(path.read_text().replace("sum(n)", "min(n)"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    world.reloader.tick()
    world.reloader.tick()
    assert len(world.serving) == 1  # the status of the file says nothing of the change
    (world.folder / "state").mkdir()
    (world.folder / "state/reload").touch()
    world.reloader.tick()
    world.reloader.tick()
    assert world.ask() == 1


def test_a_reload_tells_what_it_changed(world: World) -> None:
    world.query("count(*)", version=2)
    world.query("max(n)")
    world.query(name="other")
    done = world.reloader.request()
    assert (done.outcome, done.queries.as_dict()) == (
        "reloaded",
        {"added": ["other/v1", "totals/v2"], "changed": ["totals/v1"], "removed": []},
    )
    (world.folder / "queries/other/v1.sql").unlink()
    assert world.reloader.request().queries.removed == ("other/v1",)
    assert world.reloader.request().outcome == "unchanged"


def test_a_removed_file_is_a_query_less(world: World) -> None:
    (world.folder / "queries/totals/v1.sql").unlink()
    world.reloader.request()
    with pytest.raises(QueryNotFound):
        world.ask()


def test_a_broken_file_leaves_the_last_good_version_in_service_and_is_told_once(world: World) -> None:
    world.write("queries/totals/v1.sql", "/*\nsummary: y\n*/\nSELEC 1")
    world.reloader.request()
    world.reloader.request()
    assert world.ask() == 3
    assert [event.path for event in world.events if isinstance(event, DeclarationBroken)] == ["queries/totals/v1.sql"]
    assert world.told().broken_queries == 1
    world.query("max(n)")
    world.reloader.request()
    assert (world.ask(), world.told().broken_queries) == (2, 0)


def test_a_changed_query_over_a_column_that_its_table_has_not_is_refused(world: World) -> None:
    world.query("sum(m)")
    done = world.reloader.request()
    assert world.ask() == 3
    assert [(file.path, file.serving) for file in done.broken] == [("queries/totals/v1.sql", "last-good")]
    assert [str(one) for one in done.broken[0].diagnostics] == [
        "queries/totals/v1.sql:4:12: there is no column 'm' here (columns here with a similar name: dt)"
    ]


def test_a_new_version_over_a_column_that_its_table_has_not_is_not_served(world: World) -> None:
    world.query("sum(m)", version=2)
    world.reloader.request()
    assert list(world.projects[-1].registry.queries()["totals"]) == [1]


@pytest.mark.parametrize(
    ("parameters", "what"),
    [
        ("", "sum(m)"),
        ("", "sum(m) + max(k)"),
        ("", "sum(n, n)"),
        ("", "n"),
        ("", "count(*) FILTER (WHERE dt < CAST('now' AS TIMESTAMP)::VARCHAR)"),
        ("", "regexp_matches(max(dt), '(')"),
        ("share: {type: double}", "quantile_cont(n, $share)"),
        ("share: {type: double, default: 0.5}", "quantile_cont(n, $share)"),
        ("share: {type: double}", "quantile_cont(m, $share)"),
        ("sep: {type: varchar}", "string_agg(n, $sep)"),
        ("form: {type: varchar}", "strftime(max(n), $form)"),
        ("many: {type: integer}", "list_slice(list(n), 1, $many)"),
        ("days: {type: list[date]}", "sum(n) FILTER (WHERE dt IN $days)"),
    ],
)
def test_a_reload_refuses_what_a_check_refuses(world: World, parameters: str, what: str) -> None:
    front = f"summary: x\nparameters:\n  {parameters}" if parameters else "summary: x"
    world.write("queries/totals/v2.sql", f"/*\n{front}\n*/\nSELECT {what} AS total FROM events")
    refused = [error for file in world.reloader.request().broken for error in file.diagnostics]
    result = CliRunner().invoke(check, ["--project", str(world.folder), "--format", "json"])
    told = [error for error in json.loads(result.stdout)["diagnostics"] if error["severity"] == "error"]
    assert [(error.path, error.line, error.column, error.message) for error in refused] == [
        (error["path"], error["line"], error["column"], error["message"]) for error in told
    ]


def test_a_table_at_another_place_is_read_there_and_the_request_under_way_where_it_began(world: World) -> None:
    old = world.serving[-1]
    world.table("other")
    done = world.reloader.request()
    assert done.tables.changed == ("events",)
    assert world.ask() == 30
    request = Request(query="totals", version=1, parameters={})
    assert old.answer(request, principal=Principal()).result.table.to_pylist() == [{"total": 3}]


def test_a_table_at_a_place_that_cannot_be_listed_stays_where_it_was_and_is_tried_again(world: World) -> None:
    world.table("nowhere")
    done = world.reloader.request()
    assert world.ask() == 3
    assert [one.path for one in done.broken] == ["catalog/events.yaml"]
    assert done.broken[0].diagnostics[0].message.startswith("its files cannot be listed")
    put(world.folder / "nowhere", [7])
    world.reloader.tick()
    assert world.ask() == 3
    # A place that could not be listed is left alone for a moment, which is of the catalog's own clock.
    for _ in range(100):
        world.now += 60
        world.reloader.tick()
        if world.ask() == 7 or threading.Event().wait(0.1):
            break
    assert (world.ask(), world.projects[-1].broken) == (7, ())


def test_a_table_that_would_break_a_query_in_service_stays_as_it_was(world: World) -> None:
    world.table(more="columns: {m: BIGINT}\n")
    done = world.reloader.request()
    assert world.ask() == 3
    (mistake,) = done.broken[0].diagnostics
    assert mistake.path == "catalog/events.yaml"
    assert mistake.message == "totals/v1 would no longer run: there is no column 'n' here"


def test_a_reload_that_cannot_be_made_leaves_everything_as_it_was_and_is_tried_again(world: World) -> None:
    def refuse(gateway: Gateway, project: Project) -> Gateway:
        raise EngineFailed("The engine could not be started.")

    world.build = refuse
    world.query("max(n)")
    done = world.reloader.request()
    assert (done.outcome, done.error) == ("failed", "The engine could not be started.")
    assert (world.ask(), world.told().outcome) == (3, "failed")
    world.build = world.opened.build
    world.now += 60
    world.reloader.tick()
    assert world.ask() == 2


def test_a_bug_met_while_looking_is_told_and_does_not_end_the_looking(world: World) -> None:
    looks, looked = iter([False, False, True]), threading.Event()

    def wait(seconds: float) -> bool:
        done = next(looks)
        if done:
            looked.set()
        return done

    def build(gateway: Gateway, project: Project) -> Gateway:
        raise RuntimeError("a bug")

    world.build = build
    world.query("max(n)")
    world.reloader.start(wait)
    assert looked.wait(60)
    world.reloader.close()
    assert [event.error for event in world.events if isinstance(event, Unexpected)] == ["RuntimeError('a bug')"]


def test_tables_that_did_not_change_keep_their_snapshots(world: World) -> None:
    before = world.serving[-1].catalog.pin(["events"])["events"]
    world.write("catalog/more.yaml", "table: more\nlocation: other\n")
    world.reloader.request()
    assert world.serving[-1].catalog.pin(["events"])["events"] is before


def test_other_limits_of_a_table_list_nothing_anew(world: World) -> None:
    before = world.serving[-1].catalog.pin(["events"])["events"]
    world.table(more="limits: {max_files: 7}\n")
    world.reloader.request()
    after = world.serving[-1].catalog.pin(["events"])["events"]
    assert after.files is before.files
    assert after.table.limits.max_files == 7


def test_an_answer_that_was_kept_survives_a_reload(world: World) -> None:
    world.query("count(*)", version=2)
    world.reloader.request()
    request = Request(query="totals", version=1, parameters={})
    assert world.serving[-1].answer(request, principal=Principal()).status.hit

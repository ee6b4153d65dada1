"""Datasets as they are run: built by commands, killed, read by others meanwhile, in a folder and in a bucket."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

import obstore
import pytest
from built_tables import Sales, asked, held, objects, versions
from waiting import wait_for

from gateway.app.application import open_app
from gateway.catalog.dataset import Keep
from gateway.datasets.build import Builder
from gateway.datasets.retention import retire
from gateway.errors import FilesChanged, MalformedRequest, StorageFailed, TableInvalid
from gateway.model import Principal

ROWS = "SELECT ts, shop, amount FROM sales"
SUMS = "SELECT CAST(ts AS DATE) AS d, shop, sum(amount) AS s FROM sales GROUP BY ALL"
BY_DAY = "partitioned_by: [{column: built_day, transform: day, source: ts}]"
BY_D = "partitioned_by: [{column: d, source: d}]"
DAYS = 40
COMMAND = "from gateway.cli import main; main()"


def command(sales: Sales, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", COMMAND, *arguments, "--project", str(sales.folder)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def year(sales: Sales, days: int = DAYS) -> None:
    for day in range(days):
        sales.put(day, [("a", day), ("b", 1), (None, None)])


@pytest.fixture(params=["folder", pytest.param("bucket", marks=pytest.mark.s3)])
def sales(request: pytest.FixtureRequest, tmp_path: Path) -> Sales:
    """A project whose dataset is in a folder, or in a bucket."""
    sales, location, settings = Sales(tmp_path), "built", ""
    if request.param == "bucket":
        s3 = request.getfixturevalue("s3")
        location = s3.url(f"datasets-{uuid4().hex}/built")
        settings = (
            f'[storage]\nendpoint = "{s3.endpoint}"\nregion = "{s3.region}"\nurl_style = "path"\n'
            f'access_key_id = "{s3.access_key}"\nsecret_access_key = "{s3.secret_key}"\n'
        )
    sales.declare(SUMS, BY_D, location=location, settings=settings)
    return sales


def test_a_dataset_is_built_read_and_built_again_where_its_sources_changed(sales: Sales) -> None:
    year(sales)
    unbuilt = command(sales, "tables")
    assert (unbuilt.returncode, "gateway build built" in unbuilt.stderr, "sales" in unbuilt.stdout) == (0, True, True)
    checked = command(sales, "check", "--data")
    assert "catalog/built.yaml: note: the dataset has no version yet" in checked.stdout, checked
    first = command(sales, "build", "built")
    assert (first.returncode, f"{DAYS} partitions: 0 unchanged, {DAYS} built" in first.stdout) == (0, True), first
    for day in (3, 30, 31):
        sales.put(day, [("a", 1000)])
    sales.remove(7)
    sales.put(200, [("z", 5)])
    again = command(sales, "build", "built")
    assert f"{DAYS} partitions: {DAYS - 4} unchanged, 4 built, 1 removed" in again.stdout, again
    idle = json.loads(command(sales, "build", "built", "--json").stdout)
    assert (idle["version"], idle["published"], idle["unchanged"], idle["built"]) == (2, False, DAYS, 0)
    with sales.opened() as (gateway, builder):
        assert asked(gateway) == held(gateway)
        store = versions(builder)
        old, new = store.read(1), store.read(2)
        assert old is not None
        assert new is not None
        before, after = objects(old), objects(new)
        assert {key: files for key, files in before.items() if key in after and after[key] != files}.keys() == {
            (str(sales.path(day).parent.name[4:]),) for day in (3, 30, 31)
        }
        assert {part.since for part in new.partitions} == {1, 2}
        assert (new.query, new.rows, [*new.inputs]) == ("q/v1", sum(part.rows for part in new.partitions), ["sales"])
    refused = command(sales, "write", "built", "x.csv")
    assert (refused.returncode, "gateway build built" in refused.stderr) == (3, True)


def test_of_a_year_of_days_only_those_restated_are_built_and_the_others_are_the_same_objects(tmp_path: Path) -> None:
    sales = Sales(tmp_path)
    sales.declare(SUMS, BY_D)
    for day in range(365):
        sales.put(day, [("a", day)])
    with sales.opened() as (_, builder):
        before = builder.build("built").version
        restated = (10, 200, 364)
        for day in restated:
            sales.put(day, [("a", 1000)])
        built = builder.build("built")
        assert str(built) == "365 partitions: 362 unchanged, 3 built"
        old, new = objects(before), objects(built.version)
        changed = {(sales.path(day).parent.name.removeprefix("day="),) for day in restated}
        assert {key for key in new if new[key] != old[key]} == changed
        assert all((tmp_path / "built" / path).is_file() for files in old.values() for path, _ in files)


KILLED = """
import sys
from pathlib import Path
from built_tables import Sales
sales = Sales(Path(sys.argv[1]))
with sales.opened() as (gateway, builder):
    print("open", flush=True)
    builder.build("built")
    print("built", flush=True)
"""


@pytest.mark.parametrize("count", [1, 5, 34, 45, 80])
def test_a_build_that_is_killed_leaves_the_old_version_and_its_finished_partitions(tmp_path: Path, count: int) -> None:
    sales = Sales(tmp_path)
    sales.declare(ROWS, BY_DAY)
    year(sales, 10)
    first = sales.build().version
    year(sales)  # every day is another file now
    made = tmp_path / "built"
    existing = len(files(made))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    wait_for(lambda: len(files(made)) >= existing + count or process.poll() is not None)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    with sales.opened() as (gateway, builder):
        store = versions(builder)
        newest = store.newest()
        assert newest is not None
        if newest.version == 1:
            assert objects(newest) == objects(first)
            assert sum(held(gateway).values()) == first.rows
        finished = {path.name for path in (made / "partitions").iterdir()}
        built = builder.build("built")
        assert asked(gateway) == held(gateway)
        assert (built.version.version, len(built.version.partitions)) == (2, DAYS)
        parts = {f"{part.identity}.json" for part in built.version.partitions}
        if newest.version == 1:
            assert built.resumed == len(parts & finished)
    assert list(made.glob(".staging-*")) == []


def files(folder: Path) -> list[Path]:
    return [
        path for name in ("data", "partitions", "versions") for path in (folder / name).rglob("*") if path.is_file()
    ]


ODD = [
    "a/b",
    "100%",
    "a=b",
    "%2F",
    "",
    "é 日本",
    "#1",
    "?x",
    None,
    "__HIVE_DEFAULT_PARTITION__",
    "..",
    "it's",
    "a b*[1]",
]


def test_any_text_is_a_partition_of_its_own(sales: Sales) -> None:
    declaration = sales.folder / "catalog" / "built.yaml"
    declaration.write_text(declaration.read_text().replace(BY_D, "partitioned_by: [{column: shop, source: shop}]"))
    sales.put(0, [(shop, number) for number, shop in enumerate(ODD)])
    with sales.opened() as (gateway, builder):
        assert {part.key for part in builder.build("built").version.partitions} == {(shop,) for shop in ODD}
        assert asked(gateway) == held(gateway)
        assert not builder.build("built").published


def test_a_file_that_is_lost_is_named_by_queries_and_computed_again_by_the_next_build(sales: Sales) -> None:
    year(sales, 5)
    with sales.opened() as (gateway, builder):
        store, first = versions(builder), builder.build("built").version
        lost = first.partitions[2].files[0]
        obstore.delete(store.store.objects, lost.path)
        with pytest.raises(FilesChanged) as raised:
            held(gateway)
        assert f"A file of the table built was replaced or removed: {lost.path}." in raised.value.detail
        assert "gateway build built" in raised.value.detail
        again = builder.build("built")
        assert (again.version.version, again.unchanged, again.built, again.lost) == (2, 4, 1, 1)
        assert "1 built (1 of them again, as files were lost)" in str(again)
        assert [part.since for part in again.version.partitions] == [1, 1, 2, 1, 1]
        assert asked(gateway) == held(gateway)
        # Answers that builds before had finished are looked at too, and noted anew.
        obstore.put(store.store.objects, again.version.partitions[0].files[0].path, b"x")
        for number in (1, 2):
            obstore.delete(store.store.objects, f"versions/v{number}.json")
        built = builder.build("built")
        assert (built.version.version, built.built, built.resumed, built.lost) == (1, 5, 4, 1)
        assert asked(gateway) == held(gateway)
        obstore.delete(store.store.objects, "versions/v1.json")
        assert builder.build("built").resumed == 5


@pytest.mark.parametrize("name", ["versions", "data", "partitions"])
def test_a_file_in_the_way_of_a_folder_is_named(tmp_path: Path, name: str) -> None:
    sales = Sales(tmp_path)
    sales.declare(SUMS, BY_D)
    sales.put(0, [("a", 1)])
    (tmp_path / "built").mkdir()
    (tmp_path / "built" / name).write_text("x")
    with pytest.raises(StorageFailed) as raised:
        sales.build()
    assert raised.value.detail == f"built: {name} is a file, where a folder has to be: move it away."
    assert not raised.value.passing


def test_two_builders_on_two_machines_publish_versions_that_are_whole(sales: Sales, tmp_path: Path) -> None:
    year(sales, 12)
    with sales.opened() as (gateway, builder):
        others = [replace(builder, locks=tmp_path / f"machine{number}") for number in range(3)]
        with ThreadPoolExecutor(3) as pool:
            built = list(pool.map(lambda each: each.build("built"), others))
        assert {each.version.version for each in built} == {1}
        assert sum(each.published for each in built) == 1
        for each in built:
            assert objects(each.version) == objects(built[0].version)
        assert asked(gateway) == held(gateway)


def test_versions_go_that_are_not_kept_and_files_that_none_needs(sales: Sales) -> None:
    year(sales, 3)
    with sales.opened() as (gateway, builder):
        store = versions(builder)
        for number in range(1, 5):
            sales.put(0, [("a", number)])
            assert builder.build("built").version.version == number
        store.create("tags/train.json", {"version": 1})
        now, keep = builder.clock(), Keep(versions=1, replaced=7200)
        assert retire(store, keep, now=now + 7200).versions == ()
        gone = retire(store, keep, now=now + 20_000)
        assert (gone.versions, gone.files, store.numbers()) == ((2, 3), 8, [1, 4])
        assert asked(gateway) == held(gateway)
        tagged = store.read(1)
        assert tagged is not None
        there = {path for path, _ in store.listed("data")}
        newest = store.newest()
        assert newest is not None
        assert there == {file.path for version in (tagged, newest) for file in version.files}
        # What was removed is not taken over by a later build, though its sources come back.
        sales.put(0, [("a", 2)])
        later = replace(builder, clock=lambda: now + 20_000).build("built")
        assert asked(gateway) == held(gateway)
        assert (later.version.version, later.built) == (5, 1)


def test_a_tag_names_a_version_which_is_kept_and_read_by_it(tmp_path: Path) -> None:
    sales = Sales(tmp_path)
    sales.declare(SUMS, BY_D)
    year(sales, 3)
    with sales.opened() as (gateway, builder):
        builder.build("built")
        first = held(gateway)
        sales.put(0, [("a", 77)])
        builder.build("built")
    tagged = command(sales, "datasets", "tag", "built", "v1", "train-1")
    assert (tagged.returncode, tagged.stdout) == (0, "built v1 is train-1\n")
    for wrong, said in (
        (("tag", "built", "v2", "train-1"), "The tag train-1 is that of v1: move it (by --move"),
        (("tag", "built", "v3", "x"), "The dataset has no version v3"),
        (("tag", "built", "v1", "v9"), "'v9' is no tag"),
        (("lineage", "built", "train-2"), "the tags are train-1"),
        (("untag", "built", "train-2"), "no tag 'train-2'"),
        (("versions", "bilt"), "did you mean 'built'?"),
    ):
        found = command(sales, "datasets", *wrong)
        assert (found.returncode, said in found.stderr) == (3, True), found
    pinned = (tmp_path / "catalog" / "built.yaml").read_text().replace("table: built", "table: pinned")
    (tmp_path / "catalog" / "pinned.yaml").write_text(f"{pinned}version: train-1\n")
    with sales.opened() as (gateway, builder):
        assert (held(gateway, "pinned"), held(gateway) == first) == (first, False)
        with pytest.raises(MalformedRequest, match="pinned reads the version train-1"):
            builder.build("pinned")
    kept = command(sales, "datasets", "untag", "built", "train-1")
    assert (kept.returncode, "The tag train-1 is the version of pinned" in kept.stderr) == (3, True)
    assert command(sales, "datasets", "tag", "built", "v2", "train-1", "--move").returncode == 0
    with sales.opened() as (gateway, _):
        assert held(gateway, "pinned") == held(gateway) == asked(gateway)
    listed = json.loads(command(sales, "datasets", "--json").stdout)
    assert [(each["dataset"], each["newest"]["version"], each["tags"]) for each in listed] == [
        ("built", 2, {"train-1": 2}),
        ("pinned", 2, {"train-1": 2}),
    ]
    lineage = json.loads(command(sales, "datasets", "lineage", "built", "v1").stdout)
    assert (lineage["query"], lineage["rows"], len(lineage["of_partitions"])) == ("q/v1", 9, 3)
    assert command(sales, "datasets", "untag", "built", "train-1", "--force").returncode == 0
    assert "train-1" not in command(sales, "datasets", "versions", "built").stdout


def test_a_server_tells_of_datasets_and_is_ready_before_they_are_built(tmp_path: Path) -> None:
    sales = Sales(tmp_path)
    sales.declare(SUMS, BY_D)
    year(sales, 2)
    with open_app(sales.settings) as app:
        client = app.test_client()
        assert client.get("/readyz").status_code == 200
        [listed] = client.get("/v1/datasets").json["datasets"]
        assert (listed["dataset"], listed["query"], listed["newest"], listed["tags"]) == ("built", "q/v1", None, {})
        for _ in range(2):  # the second one hears of it from the file of failures
            refused = client.get("/v1/tables/built")
            assert (refused.status_code, refused.json["type"]) == (503, "/errors/dataset-not-built")
            assert refused.json["detail"].startswith("A dataset that this reads has no version yet")
        built = command(sales, "build", "built")
        assert built.returncode == 0, built
        found = client.get("/v1/datasets/built").json
        assert ([each["version"] for each in found["versions"]], found["newest"]["rows"]) == ([1], 6)
        assert client.get("/v1/tables/built").json["files"] == 2
        for name in ("sales", "nothing"):
            refused = client.get(f"/v1/datasets/{name}")
            assert (refused.status_code, refused.json["type"].endswith("/table-not-found")) == (404, True)
        assert str(tmp_path) not in json.dumps([listed, found])


@dataclass(frozen=True)
class Partly:
    """Shows some principals a part of the sales, and of other tables that are named."""

    tables: tuple[str, ...] = ("sales",)

    def rows(self, principal: Principal, table: str) -> str | None:
        return "amount > 1" if principal.scope else None

    def restricts(self, table: str) -> bool:
        return table in self.tables


def under(builder: Builder, policy: Partly | None = None) -> Builder:
    """Return the builder of a gateway with a policy."""
    gateway = builder.gateway
    planner = gateway.planning.planner
    partly = type(planner)(planner._evaluate, planner._dimensions, policy or Partly(), planner._with_facts)
    planning = replace(gateway.planning, folds=gateway.planning.folds.over(partly))
    return replace(
        builder, gateway=replace(gateway, executor=gateway.executor.over(replace(gateway.runner, planning=planning)))
    )


def test_sources_whose_rows_a_policy_filters_are_built_only_where_the_dataset_says_so(tmp_path: Path) -> None:
    sales = Sales(tmp_path)
    sales.declare(ROWS, BY_DAY)
    year(sales, 3)
    with (
        sales.opened() as (_, builder),
        pytest.raises(TableInvalid, match="a policy shows some principals a part of sales"),
    ):
        under(builder).build("built")
    with sales.opened() as (_, builder):  # the policy filters the dataset itself
        assert under(builder, Partly(("sales", "built"))).build("built").version.rows == 9
    pinned = (tmp_path / "catalog" / "built.yaml").read_text().replace("table: built", "table: pinned")
    (tmp_path / "catalog" / "pinned.yaml").write_text(f"{pinned}version: v1\n")
    with sales.opened() as (_, builder), pytest.raises(TableInvalid, match="and everybody all of pinned"):
        under(builder, Partly(("sales", "built"))).build("built")
    (tmp_path / "catalog" / "pinned.yaml").unlink()
    sales.declare(ROWS, f"{BY_DAY}\nunfiltered: true")
    with sales.opened() as (_, builder):
        assert under(builder).build("built").version.rows == 9


REFUSED: list[tuple[str, str, str]] = [
    ("SELECT ts, random() AS r FROM sales", BY_DAY, "gives another answer each time"),
    ("SELECT ts, now() AS r FROM sales", BY_DAY, "reads the clock"),
    ("SELECT shop FROM sales", BY_DAY, "answers with no column 'ts', which decides folders (it has shop)"),
    ("SELECT ts, shop AS built_day FROM sales", BY_DAY, "answers with a column 'built_day' too"),
    ("SELECT shop AS ts FROM sales", BY_DAY, "day needs a date or a timestamp, not VARCHAR"),
    ("SELECT ts, ts - ts AS i FROM sales", BY_DAY, "Parquet has no type for the column 'i'"),
    ("SELECT ts FROM built", BY_DAY, "would be built of itself"),
]


def test_what_cannot_be_built_is_refused_with_its_reason(tmp_path: Path) -> None:
    sales = Sales(tmp_path)
    for sql, declared, reason in REFUSED:
        off = "cache: off\n" if "()" in sql else ""
        sales.declare(sql, declared)
        template = tmp_path / "queries" / "q" / "v1.sql"
        template.write_text(template.read_text().replace("owner: tests\n", f"owner: tests\n{off}"))
        sales.put(0, [("a", 1)])
        refused = ""
        with sales.opened() as (_, builder):
            try:
                builder.build("built")
            except TableInvalid as error:
                refused = str(error)
        assert reason in refused, sql
    with sales.opened() as (_, builder), pytest.raises(MalformedRequest):
        builder.build("sales")
    for location in ("sales", "sales/built", "."):
        sales.declare(ROWS, BY_DAY, location=location)
        with sales.opened() as (_, builder), pytest.raises(TableInvalid, match="that of the table sales, or one of"):
            builder.build("built")


def test_datasets_of_datasets_and_views_of_the_clock_follow_their_sources(tmp_path: Path) -> None:
    sales = Sales(tmp_path)
    sales.declare(SUMS, BY_D)
    (tmp_path / "queries" / "months").mkdir()
    (tmp_path / "queries" / "months" / "v2.sql").write_text(
        "/*\nsummary: Months\nowner: tests\nparameters: {least: {type: bigint}}\n*/\n"
        "SELECT date_trunc('month', d) AS m, sum(s) AS s FROM built WHERE s >= $least GROUP BY ALL"
    )
    (tmp_path / "catalog" / "monthly.yaml").write_text(
        "table: monthly\nlocation: monthly\nquery: months/v2\nparameters: {least: 0}\n"
        "partitioned_by: [{column: month, transform: month, source: m}]\n"
    )
    year(sales, 40)
    with sales.opened() as (_, builder):
        builder.build("built")
        first = builder.build("monthly")
        assert (len(first.version.partitions), first.version.parameters) == (3, {"least": 0})
        sales.put(3, [("a", 7)])
        assert builder.build("monthly").built == 0
        builder.build("built")
        assert (builder.build("monthly").built, builder.build("monthly").published) == (1, False)

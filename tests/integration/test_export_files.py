"""Results are exported as partitioned Parquet files: where it is allowed, by who may, whole or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from signal import SIGKILL
from typing import Any

import duckdb
import obstore
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result
from jobs_over_http import ended
from process_tree import workers_of
from seaweed import S3Server
from split_tables import DataFile, make_project, under_policy
from waiting import wait_for

from gateway.access.keys import KeyFile
from gateway.app.exports import open_exporter
from gateway.app.gateway import open_gateway
from gateway.cli import main
from gateway.concurrency.cancellation import Cancellation
from gateway.config import load_settings
from gateway.datasets.export import MANIFEST, Exported, ExportQuestion
from gateway.datasets.export_target import fields_of
from gateway.errors import InvalidParameters, JobCancelled
from gateway.model import Principal, Request
from gateway.telemetry.events import unobserved
from gateway.writer.base import silent

FILES = [DataFile(rows=rows, group=50, partition=part) for rows, part in ((90, "a"), (40, "b"), (7, None))]
SETTINGS = """\
[export]
allow = ["exports", "far/../lake"]
[snapshots]
location = "kept"
[access]
required = true
"""
GRANTS = """\
grants:
  - {to: [ana, ada], queries: [scan, grouped, below], actions: [export]}
  - {to: [bob], queries: ["*"]}
  - {to: [eve], queries: [ends], actions: [export]}
"""
EXPORTS = "/v1/queries/scan/v1/exports"
ODD = {
    "odd": f"""sum(v) / count(*), 1 AS "a=b", 2 AS "tab\tand %41", 3 AS "{"x" * 300}" FROM t""",
    "none": "v FROM t WHERE v < -1",
    "twice": "v, v FROM t",
    "span": "INTERVAL 1 DAY AS gone",
}
"""What queries of odd results select."""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_project(tmp_path_factory.mktemp("exports"), FILES)
    (folder / "gateway.toml").write_text(SETTINGS)
    (folder / "access.yaml").write_text(GRANTS)
    (folder / "catalog/far.yaml").write_text("table: far\nlocation: lake/far\n")
    (folder / "lake/far").mkdir(parents=True)
    pq.write_table(pa.table({"n": [1]}), folder / "lake/far/0.parquet")
    for name, columns in ODD.items():
        (folder / "queries" / name).mkdir()
        (folder / "queries" / name / "v1.sql").write_text(f"/*\nsummary: Odd\n*/\nSELECT {columns}\n")
    return folder


def export(
    project: Path,
    to: str,
    *,
    query: str = "scan",
    by: tuple[str, ...] = (),
    name: str = "aa",
    environment: Mapping[str, str] | None = None,
    policy: Any = None,
    on_progress: Callable[[Any], None] = silent,
    cancellation: Cancellation | None = None,
) -> Exported:
    settings = load_settings(project, environment or {})
    with open_gateway(settings, observe=unobserved, background=False) as opened:
        gateway = opened if policy is None else under_policy(opened, policy)
        parameters = {"n": 9} if query == "below" else {}
        bound = gateway.registry.bind(Request(query=query, version=1, parameters=parameters), now=0.0)
        asked = ExportQuestion(query=bound, to=to, partition_by=fields_of([*by]), name=name)
        who = Principal(name="ana", scope="odd")
        stopping = cancellation or Cancellation()
        exporter = open_exporter(settings, gateway)
        return exporter.export(asked, principal=who, cancellation=stopping, on_progress=on_progress)


def rows_at(folder: Path) -> list[tuple[Any, ...]]:
    found = f"read_parquet('{folder}/**/*.parquet', hive_partitioning=true)"
    return duckdb.sql(f"SELECT id, v, x::VARCHAR, s::VARCHAR, p FROM {found} ORDER BY ALL").fetchall()


def rows_of(project: Path, where: str = "true") -> list[tuple[Any, ...]]:
    text = (
        f"SELECT id, v, x::VARCHAR, s::VARCHAR, p FROM read_parquet('{project}/t/*/*.parquet', hive_partitioning=true)"
    )
    return duckdb.sql(f"{text} WHERE {where} ORDER BY ALL").fetchall()


def files_in(folder: Path) -> list[str]:
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(str(path) for path in found if not path.name.startswith("."))


# What is written.


def test_a_result_is_written_in_folders_that_its_rows_decide(project: Path) -> None:
    done = export(project, "exports/parted", by=("p", "b=bucket[4](v)"))
    folder = project / "exports/parted"
    assert rows_at(folder) == rows_of(project)
    assert {path.split("/")[0] for path in files_in(folder)} == {
        "p=a", "p=b", "p=__HIVE_DEFAULT_PARTITION__", MANIFEST
    }  # fmt: skip
    said = json.loads((folder / MANIFEST).read_text())
    assert sorted([*said["files"], MANIFEST]) == files_in(folder)
    assert (said["rows"], done.rows, done.files) == (137, 137, len(said["files"]))
    assert (said["query"], said["version"], said["snapshot"]) == ("scan", 1, done.snapshot)
    assert said["partitioned_by"][1] == {"column": "b", "transform": "bucket[4]", "source": "v"}


def test_a_sum_that_parquet_cannot_hold_is_written_as_a_decimal(project: Path) -> None:
    export(project, "exports/sums", query="grouped")
    [file] = [path for path in files_in(project / "exports/sums") if path != MANIFEST]
    assert str(pq.read_schema(project / "exports/sums" / file).field("ids").type) == "decimal128(38, 0)"


def test_columns_are_called_as_in_the_result(project: Path) -> None:
    exported = export(project, "exports/named", query="odd")
    [file] = (project / exported.location).glob("*.parquet")
    assert pq.read_schema(file).names == ["(sum(v) / count_star())", "a=b", "tab\tand %41", "x" * 300]


def test_an_export_of_no_rows_has_no_partitions(project: Path) -> None:
    exported = export(project, "exports/none", query="none")
    assert (exported.rows, exported.partitions, exported.files) == (0, 0, 0)


def test_a_result_that_parquet_cannot_hold_is_refused_by_its_columns(project: Path) -> None:
    for query, said in (("twice", "two columns 'v'"), ("span", "no type for the column 'gone'")):
        with pytest.raises(InvalidParameters) as caught:
            export(project, "exports/never", query=query)
        [error] = caught.value.errors
        assert (error["parameter"], said in error["detail"]) == ("columns", True), error


def test_who_asks_gets_the_rows_that_they_may_see(project: Path) -> None:
    class OddOnly:
        def rows(self, principal: Principal, table: str) -> str | None:
            return "id % 2 = 1" if table == "t" and principal.scope == "odd" else None

    export(project, "exports/odd", policy=OddOnly())
    assert rows_at(project / "exports/odd") == rows_of(project, "id % 2 = 1")


# Where it may be written.


@pytest.mark.parametrize(
    ("to", "reason"),
    [
        ("elsewhere", "is below none of the prefixes that may be exported to: exports, far/../lake"),
        ("exports/../t/x", "is below none"),
        ("exports2", "is below none"),
        ("exports/link/x", "is below none"),
        ("s3://bucket/x", "is below none"),
        ("lake/far", "lies in the location of a table, or around it"),
        ("lake/far/below", "lies in the location of a table, or around it"),
        ("lake", "lies in the location of a table, or around it"),
        ("exports/*", "no wildcard"),
    ],
)
def test_nothing_is_written_where_it_may_not(project: Path, to: str, reason: str) -> None:
    (project / "exports").mkdir(exist_ok=True)
    link = project / "exports/link"
    if not link.is_symlink():
        link.symlink_to(project / "t")
    with pytest.raises(InvalidParameters) as caught:
        export(project, to)
    assert reason in caught.value.errors[0]["detail"]
    assert (
        files_in(project / "t")
        == [f"p={part}/{n}.parquet" for n, part in enumerate("ab")] + ["p=__HIVE_DEFAULT_PARTITION__/2.parquet"]
        or len(files_in(project / "t")) == 3
    )


def test_what_the_gateway_keeps_is_no_place_for_it(project: Path) -> None:
    for allow, to in ((".", ".gateway/x"), (".", "kept"), (".", "queries/scan"), (".", "catalog"), (".", ".")):
        with pytest.raises(InvalidParameters, match="to"):
            export(project, to, environment={"GATEWAY_EXPORT_ALLOW": allow})
    with pytest.raises(InvalidParameters) as caught:
        export(project, "exports/x", environment={"GATEWAY_EXPORT_ALLOW": ""})
    assert "nothing may be exported here" in caught.value.errors[0]["detail"]


@pytest.mark.parametrize(
    ("by", "reason"),
    [
        ("nothing", "answers with no column 'nothing'"),
        ("day(id)", "day"),
        ("v=bucket[4](id)", "answers with a column 'v' too"),
        ("bucket(id", "is not understood"),
        ("weekly(id)", "unknown transform 'weekly'"),
    ],
)
def test_what_does_not_partition_is_told(project: Path, by: str, reason: str) -> None:
    with pytest.raises(InvalidParameters) as caught:
        export(project, "exports/wrong", by=(by,))
    assert reason in caught.value.errors[0]["detail"]
    assert not (project / "exports/wrong").exists()


# Whole, or not at all.


def test_no_file_is_written_over_or_beside_another(project: Path) -> None:
    folder = project / "exports/taken"
    folder.mkdir(parents=True)
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(InvalidParameters) as caught:
        export(project, "exports/taken")
    assert "has files already" in caught.value.errors[0]["detail"]
    assert files_in(folder) == ["notes.txt"]
    export(project, "exports/once", name="aa")
    before = files_in(project / "exports/once")
    for name in ("aa", "bb"):  # what was finished stays
        with pytest.raises(InvalidParameters):
            export(project, "exports/once", name=name)
    assert files_in(project / "exports/once") == before


def test_what_an_attempt_before_left_is_no_part_of_it(project: Path) -> None:
    left = project / "exports/again/p=a/aa-1234-00001.parquet"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"PAR1")
    export(project, "exports/again", by=("p",), name="aa")
    assert rows_at(project / "exports/again") == rows_of(project)
    assert not left.exists()


def test_others_who_write_there_meanwhile_keep_what_is_theirs(project: Path) -> None:
    theirs = project / "exports/both/p=a/theirs.parquet"

    def meanwhile(_: Any) -> None:
        theirs.parent.mkdir(parents=True, exist_ok=True)
        theirs.write_bytes(b"theirs")

    with pytest.raises(InvalidParameters) as caught:
        export(project, "exports/both", by=("p",), on_progress=meanwhile)
    assert "was written to by others meanwhile" in caught.value.errors[0]["detail"]
    assert files_in(project / "exports/both") == ["p=a/theirs.parquet"]


def test_a_cancelled_export_leaves_nothing(project: Path) -> None:
    cancellation = Cancellation()

    def cancel(progress: Any) -> None:
        if progress.stage == "publishing":
            cancellation.cancel(JobCancelled("The job was cancelled."))

    with pytest.raises(JobCancelled):
        export(project, "exports/cancelled", by=("p",), cancellation=cancellation, on_progress=cancel)
    assert files_in(project / "exports/cancelled") == []


def test_a_bucket_is_written_to_as_a_folder_is(project: Path, s3: S3Server) -> None:
    allowed, written = s3.url("exports/allowed"), s3.store("exports/allowed/scan")
    environment = {
        "GATEWAY_STORAGE_ENDPOINT": s3.endpoint,
        "GATEWAY_STORAGE_REGION": s3.region,
        "GATEWAY_STORAGE_ACCESS_KEY_ID": s3.access_key,
        "GATEWAY_STORAGE_SECRET_ACCESS_KEY": s3.secret_key,
        "GATEWAY_EXPORT_ALLOW": allowed,
    }
    for _ in range(2):
        export(project, f"{allowed}/scan", by=("p",), environment=environment, name="cc")
        paths = [str(each["path"]) for page in obstore.list(written) for each in page]
        assert (len(paths), MANIFEST in paths) == (4, True)
        obstore.delete(written, MANIFEST)  # so that they are what an attempt left that was killed at its end
    with pytest.raises(InvalidParameters):
        export(project, f"{allowed}/scan", environment=environment, name="dd")


# Over HTTP, and by the command.


@pytest.fixture(scope="module")
def server(project: Path, serve_for_module: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return serve_for_module(project, {"GATEWAY_STATE": str(tmp_path_factory.mktemp("state"))})


@pytest.fixture(scope="module")
def ask(server: Any, project: Path) -> Callable[..., Any]:
    file = KeyFile(project / "keys.json")
    keys = {name: file.add(name, groups=()) for name in ("ana", "ada", "bob", "eve")}

    def asking(method: str, path: str, body: Any = None, *, who: str = "ana", **headers: str) -> Any:
        sent = {"Content-Type": "application/json"} if body is not None else {}
        given = {"Authorization": f"Bearer {keys[who]}"} | sent | headers
        return server.request(method, path, body=None if body is None else json.dumps(body).encode(), headers=given)

    wait_for(lambda: asking("GET", "/v1/queries").status == 200, "the keys to be known")
    return asking


def test_an_export_is_a_job_of_who_asks(ask: Callable[..., Any], project: Path) -> None:
    asked = {"to": "exports/job", "partition_by": ["p"], "parameters": {}}
    first, again = (ask("POST", EXPORTS, asked, **{"Idempotency-Key": '"k"'}) for _ in range(2))
    assert (first.status, again.headers["location"]) == (202, first.headers["location"]), first.body
    done = ended(ask, first.headers["location"])
    assert (done["state"], done["result"]["rows"], done["result"]["manifest"]) == (
        "done", 137, f"exports/job/{MANIFEST}"
    ), done  # fmt: skip
    assert set(done["asked"]) == {"version", "parameters", "snapshot", "to", "partition_by", "sort"}
    assert rows_at(project / "exports/job") == rows_of(project)
    assert [each["id"] for each in ask("GET", EXPORTS).json()["exports"]] == [done["id"]]
    for who, method, path, status in (
        ("ada", "GET", done["url"], 404),
        ("ada", "DELETE", done["url"], 404),
        ("ana", "DELETE", done["url"], 409),
        ("bob", "POST", EXPORTS, 403),
        ("bob", "GET", done["url"], 403),
        ("eve", "POST", EXPORTS, 404),
    ):
        assert ask(method, path, {} if method == "POST" else None, who=who).status == status, (who, path)
    assert ask("GET", EXPORTS, who="ada").json()["exports"] == []


@pytest.mark.parametrize(
    "body",
    [{}, {"to": 7}, {"to": "t/x"}, {"to": "exports/y", "by": []}, {"to": "exports/y", "partition_by": "p"},
     {"to": "exports/y", "sort": [1]}, {"to": "exports/y", "parameters": {"what": 1}},
     {"to": "exports/y", "partition_by": ["q"]}, {"to": "exports/y", "sort": ["q desc"]}],
)  # fmt: skip
def test_what_cannot_be_exported_is_refused_at_once(body: Any, ask: Callable[..., Any]) -> None:
    assert ask("POST", EXPORTS, body).status == 422


def test_an_export_that_fails_says_why(ask: Callable[..., Any], project: Path) -> None:
    (project / "exports/full").mkdir(parents=True, exist_ok=True)
    (project / "exports/full/there").write_text("x")
    for asked, parameter, said in (
        ({"to": "exports/full"}, "to", "has files already"),
        ({"to": "exports/full/there"}, "to", "is a file"),
        ({"to": f"exports/{'y' * 300}"}, "to", "too long"),
    ):
        failed = ended(ask, ask("POST", EXPORTS, asked).headers["location"])
        problem = failed["problem"]
        assert (failed["state"], problem["type"]) == ("failed", "/errors/invalid-parameters"), problem
        assert (problem["status"], problem["errors"][0]["parameter"]) == (422, parameter)
        assert said in problem["errors"][0]["detail"]
    assert files_in(project / "exports/full") == ["there"]
    assert not (project / "exports/full/.write-lock").exists()


def test_an_export_is_whole_though_the_workers_are_killed(ask: Callable[..., Any], server: Any, project: Path) -> None:
    address = ask("POST", EXPORTS, {"to": "exports/killed", "partition_by": ["p", "v"]}).headers["location"]
    for worker in workers_of(server.process.pid):
        os.kill(worker, SIGKILL)
    wait_for(lambda: _answers(ask, address), "workers that answer again")
    assert ended(ask, address)["state"] == "done"
    assert rows_at(project / "exports/killed") == rows_of(project)


def _answers(ask: Callable[..., Any], address: str) -> bool:
    try:
        return int(ask("GET", address).status) == 200
    except OSError:
        return False


def test_the_command_exports_and_says_what_is_wrong(project: Path) -> None:
    def run(*arguments: str) -> Result:
        given = ["export", "below", "-p", "n=9", "--project", str(project), "--json", *arguments]
        return CliRunner().invoke(main, given)

    done = run("--to", "exports/command", "--partition-by", "bucket[2](id),v", "--sort", "id desc")
    said = json.loads(done.stdout)
    assert (said["location"], said["rows"] > 0, said["files"] > 2) == ("exports/command", True, True)
    assert json.loads((project / said["manifest"]).read_text())["parameters"] == {"n": "9"}
    refused = run("--to", "t/x")
    assert (refused.exit_code, "is below none of the prefixes" in refused.stderr) == (3, True), refused.stderr

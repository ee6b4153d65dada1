"""Named snapshots: an answer says which it is of, and gives the same rows again while their files are there."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from events import between, folder_of, make_project, put
from seaweed import S3Server
from waiting import wait_for

from gateway.cli import main
from tests.integration.conftest import Reply, RunningGateway, Serve

AMOUNT = "/v1/queries/amount/v1/result"
WHOLE_YEAR = between(0, 400)
DAYS = count(100, 10)
"""The first days of three that a test may use up."""
EVERY = """\
/*
summary: Events as they are
parameters: {start: {type: date}, end: {type: date}}
cache: off
*/
SELECT * FROM events JOINED WHERE ts >= $start AND ts < $end
"""
EVENTS_AND_NAMES = """\
/*
summary: Events by the name of their amount
*/
SELECT name, count(*) AS events FROM events JOIN names USING (amount) GROUP BY name ORDER BY name
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_project(tmp_path_factory.mktemp("named"), "cache: {ttl: 1h}", refresh="1h")
    put(folder, range(20), 1)
    for name, joined in (("every", ""), ("labelled", "JOIN labels USING (amount)")):
        (folder / "queries" / name).mkdir()
        (folder / "queries" / name / "v1.sql").write_text(EVERY.replace("JOINED", joined))
    (folder / "labels").mkdir()
    pq.write_table(pa.table({"amount": range(9), "label": list("abcdefghi")}), folder / "labels/all.parquet")
    (folder / "catalog/labels.yaml").write_text("table: labels\nlocation: labels\n")
    (folder / "gateway.toml").write_text('[snapshots]\nlocation = "kept"\n')
    return folder


@pytest.fixture(scope="module")
def hosts(project: Path, serve_for_module: Serve, tmp_path_factory: pytest.TempPathFactory) -> list[RunningGateway]:
    """Two hosts with state folders of their own, one of each kind of worker."""
    state = {"GATEWAY_STATE": str(tmp_path_factory.mktemp("state"))}
    other = {"GATEWAY_STATE": str(tmp_path_factory.mktemp("state")), "GATEWAY_SERVER_WORKER": "gthread"}
    return [serve_for_module(project, state, workers=1), serve_for_module(project, other, workers=1)]


def asked(host: RunningGateway, **options: str) -> Reply:
    return host.get(AMOUNT, {**WHOLE_YEAR, **options})


def rows(reply: Reply) -> list[dict[str, Any]]:
    assert reply.status == 200, reply.body
    found: list[dict[str, Any]] = reply.json()["data"]
    return found


def refreshed(*hosts: RunningGateway) -> None:
    for host in hosts:
        assert host.post("/v1/tables/events/refresh", b"{}").status == 200


def kept(host: RunningGateway, table: str = "events") -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = host.get(f"/v1/tables/{table}/snapshots").json()["kept"]
    return found


def test_an_answer_names_its_snapshot_and_can_be_had_again(project: Path, hosts: list[RunningGateway]) -> None:
    one, other = hosts
    before = [asked(host) for host in hosts for _ in range(2)]  # computed, then a hit
    [name] = {reply.headers["gateway-snapshot"] for reply in before}  # the same on all hosts, of the same content
    wait_for(lambda: [each["snapshot"] for each in kept(other)] == [name])

    later = datetime.now(UTC) + timedelta(milliseconds=1)
    put(project, range(20, 21), 50)
    refreshed(*hosts)
    [after] = {asked(host).headers["gateway-snapshot"] for host in hosts}
    assert after != name
    wait_for(lambda: [each["snapshot"] for each in kept(one)] == [name, after])
    assert [each["whole"] for each in kept(one)] == [True, False]
    command = ["tables", "--snapshots", "--format", "json", "--project", str(project)]
    told = json.loads(CliRunner().invoke(main, command).output)
    assert [(each["table"], each["snapshot"]) for each in told] == [("events", name), ("events", after)]
    question = ["amount", "--params", json.dumps(WHOLE_YEAR), "--project", str(project), "--format", "json"]
    said = [CliRunner().invoke(main, ["run", *question, "--snapshot", which]).output for which in (name, "2999-01-01")]
    assert [json.loads(text)["data"] for text in said] == [rows(before[0]), [{"events": 21, "amount": 70}]]

    for host in hosts:
        for _ in range(2):
            again = asked(host, _snapshot=name)
            assert (rows(again), again.headers["gateway-snapshot"]) == (rows(before[0]), name)
            assert asked(host, _snapshot=later.isoformat()).headers["gateway-snapshot"] == name
        explained = host.get("/v1/queries/amount/v1/explain", {**WHOLE_YEAR, "_snapshot": name}).json()
        assert explained["scans"][0]["total_files"] == 20
        assert rows(asked(host)) == rows(asked(host, _snapshot=after)) == [{"events": 21, "amount": 70}]

    shutil.rmtree(project / "warehouse/events" / folder_of(20))  # rolled back
    refreshed(*hosts)
    assert {asked(host).headers["gateway-snapshot"] for host in hosts} == {name}  # kept answers, over it again
    wait_for(lambda: [each["snapshot"] for each in kept(one)] == [name, after, name])
    for host in hosts:
        assert rows(asked(host, _snapshot="2999-01-01")) == rows(before[0])


def test_the_same_rows_or_the_file_that_is_not_what_it_was(project: Path, hosts: list[RunningGateway]) -> None:
    put(project, range(30, 33), 3)
    refreshed(*hosts)
    name = asked(hosts[0]).headers["gateway-snapshot"]
    wait_for(lambda: kept(hosts[0])[-1]["snapshot"] == name)
    put(project, [30], 4)  # another file in the place of the one
    refreshed(hosts[0])  # the other host has not even seen it
    parameters = between(29, 40)
    for host in hosts:
        reply = host.get(AMOUNT, {**parameters, "_snapshot": name})
        assert (reply.status, reply.json()["type"].rpartition("/")[2]) == (410, "snapshot-gone"), reply.body
        assert reply.json()["file"].startswith(f"{folder_of(30)}/")
        assert str(project) not in reply.body.decode()
        # What does not read that file is answered.
        assert rows(host.get(AMOUNT, {**between(31, 40), "_snapshot": name})) == [{"events": 2, "amount": 6}]
    # So is what was computed before.
    assert rows(asked(hosts[0], _snapshot=name))[0]["events"] == rows(asked(hosts[0]))[0]["events"]


@pytest.mark.parametrize("gone", ["removed", "replaced"])
@pytest.mark.parametrize("read", [False, True])
@pytest.mark.parametrize("query", ["every", "labelled"])
@pytest.mark.parametrize("form", ["csv", "arrow"])
@pytest.mark.parametrize("by", ["splits", "result"])
def test_a_snapshot_that_is_gone_is_told_as_gone_from_the_first_request_on(
    by: str, form: str, query: str, gone: str, read: bool, project: Path, hosts: list[RunningGateway]
) -> None:
    """Hosts that have not seen the change plan over a file that is not there: that is no failure that passes."""
    day = next(DAYS)
    put(project, range(day, day + 3), 1)
    refreshed(*hosts)
    parameters = between(day, day + 3)
    plan = hosts[0].post(f"/v1/queries/{query}/v1/splits", json.dumps({"parameters": parameters, "splits": 1}).encode())
    address = f"{plan.json()['splits'][0]['url']}&_format={form}"
    if by == "result":
        address = (
            f"/v1/queries/{query}/v1/result.{form}?{urlencode({**parameters, '_snapshot': plan.json()['snapshot']})}"
        )
    if read:
        assert {host.get(address).status for host in hosts} == {200}
    [file] = (project / "warehouse/events" / folder_of(day + 1)).iterdir()
    if gone == "removed":
        file.unlink()
    else:
        pq.write_table(pq.read_table(file).slice(1), file)
    for host in hosts:
        reply = host.get(address)
        assert (reply.status, reply.json()["type"]) == (410, "/errors/snapshot-gone"), reply.body


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [
        ("00ff00ff00ff00ff", 410, "snapshot-gone"),
        ("2013-01-01", 410, "snapshot-gone"),
        ("2013-01-41", 400, "malformed-request"),
        ("yesterday", 400, "malformed-request"),
        ("00ff00ff00ff00ff-00ff00ff00ff00ff", 400, "malformed-request"),
    ],
)
def test_what_is_no_snapshot_is_refused(name: str, status: int, code: str, hosts: list[RunningGateway]) -> None:
    for host in hosts:
        reply = asked(host, _snapshot=name)
        assert (reply.status, reply.json()["type"].rpartition("/")[2]) == (status, code)


def test_snapshots_outlive_the_state_in_a_bucket(
    tmp_path: Path, serve: Serve, s3: S3Server, hosts: list[RunningGateway], project: Path
) -> None:
    folder = make_project(tmp_path, "cache: {ttl: 1h}", refresh="1h")
    put(folder, range(3), 7)
    (folder / "queries/named").mkdir()
    (folder / "queries/named/v1.sql").write_text(EVENTS_AND_NAMES)
    (folder / "catalog/names.yaml").write_text(f"table: names\nlocation: {s3.url('named/names')}\n")
    table = folder / "catalog/events.yaml"
    table.write_text(table.read_text().replace("warehouse/events", s3.url("named/events")))
    s3.upload(folder / "warehouse/events", "named/events")
    s3.upload(_names(folder / "first", {7: "seven"}), "named/names")
    environment = {
        **s3.environment,
        "GATEWAY_STORAGE_URL_STYLE": "path",
        "GATEWAY_SNAPSHOTS_LOCATION": s3.url("named/kept"),
        "GATEWAY_SNAPSHOTS_KEEP_SNAPSHOTS": "1h",
    }
    server = serve(folder, environment | {"GATEWAY_STATE": str(tmp_path / "lost")}, workers=1)
    first = server.get("/v1/queries/named/v1/result")
    assert rows(first) == [{"name": "seven", "events": 3}]
    name = first.headers["gateway-snapshot"]
    wait_for(lambda: len(kept(server)) == len(kept(server, "names")) == 1)
    s3.upload(_names(folder / "second", {8: "eight"}), "named/names")
    assert server.post("/v1/tables/names/refresh", b"{}").status == 200
    assert server.get("/v1/queries/named/v1/result").headers["gateway-snapshot"].split("-")[0] == name.split("-")[0]
    another = serve(folder, environment | {"GATEWAY_STATE": str(tmp_path / "new")}, workers=1)
    again = another.get("/v1/queries/named/v1/result", {"_snapshot": name})
    assert (rows(again), again.headers["gateway-snapshot"]) == (rows(first), name)


def _names(folder: Path, names: Mapping[int, str]) -> Path:
    folder.mkdir()
    table = pa.table({"amount": pa.array(list(names), pa.int64()), "name": list(names.values())})
    pq.write_table(table, folder / f"{min(names)}.parquet")
    return folder

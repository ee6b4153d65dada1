"""Splits over HTTP: planned once, read in parallel from any host, in every format, and refused where they must be."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from seaweed import S3Server
from split_tables import DataFile, counted, make_project

from gateway.access.keys import KeyFile
from tests.integration.conftest import Reply, RunningGateway, Serve

FILES = [DataFile(rows=rows, group=10, partition=part) for rows, part in ((90, "a"), (3, "b"), (40, "b"), (50, None))]
GRANTS = """\
grants:
  - {to: [ana, bob], queries: ["*"], tables: ["*"], actions: [refresh]}
  - {to: [eve], queries: [ends]}
limits:
  - {to: [bob], requests: 3/hour}
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, s3: S3Server) -> Path:
    """A project whose table is in a bucket, and so are the snapshots that are named."""
    folder = make_project(tmp_path_factory.mktemp("splits"), FILES)
    s3.upload(folder / "t", "splits/t")
    declared = folder / "catalog/t.yaml"
    declared.write_text(declared.read_text().replace("location: t", f"location: {s3.url('splits/t')}"))
    (folder / "access.yaml").write_text(GRANTS)
    return folder


@pytest.fixture(scope="module")
def keys(project: Path) -> Mapping[str, str]:
    file = KeyFile(project / "keys.json")
    return {name: file.add(name) for name in ("ana", "bob", "eve")}


@pytest.fixture(scope="module")
def hosts(
    project: Path,
    keys: Mapping[str, str],
    s3: S3Server,
    serve_for_module: Serve,
    tmp_path_factory: pytest.TempPathFactory,
) -> list[RunningGateway]:
    """Two hosts with state folders of their own, one of each kind of worker."""
    shared = {
        **s3.environment,
        "GATEWAY_STORAGE_URL_STYLE": "path",
        "GATEWAY_ACCESS_REQUIRED": "true",
        "GATEWAY_SNAPSHOTS_LOCATION": s3.url("splits/kept"),
    }
    states = [{"GATEWAY_STATE": str(tmp_path_factory.mktemp("state"))} for _ in range(2)]
    states[1]["GATEWAY_SERVER_WORKER"] = "gthread"
    return [serve_for_module(project, shared | state, workers=1) for state in states]


@pytest.fixture
def ask(keys: Mapping[str, str]) -> Any:
    def asked(host: RunningGateway, target: str, body: bytes | None = None, who: str = "ana", **headers: str) -> Reply:
        said = {"Authorization": f"Bearer {keys[who]}", **headers}
        if body is not None:
            said["Content_Type"] = "application/json"
        return host.request("GET" if body is None else "POST", target, body=body, headers=said)

    return asked


def planned(reply: Reply) -> Any:
    assert reply.status == 200, reply.body
    return reply.json()


def arrow(reply: Reply) -> pa.Table:
    assert reply.status == 200, reply.body
    return pa.ipc.open_stream(reply.body).read_all()


def code(reply: Reply) -> tuple[int, str]:
    return reply.status, reply.json()["type"].rpartition("/")[2]


SCAN, OUTER, GROUPED = (f"/v1/queries/{name}/v1" for name in ("scan", "outer", "grouped"))


def test_two_hosts_make_one_plan_and_read_each_others_splits(hosts: list[RunningGateway], ask: Any) -> None:
    for query in (SCAN, OUTER, GROUPED):
        one, other = (planned(ask(host, f"{query}/splits", b'{"splits": 7, "seed": 3, "epoch": 2}')) for host in hosts)
        assert one == other
        assert (
            sorted(each["number"] for each in one["splits"])
            == list(range(7))
            != [each["number"] for each in one["splits"]]
        )
        rows = [arrow(ask(hosts[number % 2], each["url"])) for number, each in enumerate(one["splits"])]
        whole = arrow(ask(hosts[0], f"{query}/result.arrow"))
        assert counted(*rows) == counted(whole)
        assert [(column["name"]) for column in one["columns"]] == whole.column_names
        for host in hosts:
            assert arrow(ask(host, f"{one['splits'][0]['url']}&_from=2")) == rows[0].slice(2)
    assert one["rows"] == whole.num_rows
    later = planned(ask(hosts[0], f"{GROUPED}/splits", b'{"splits": 7, "seed": 3, "epoch": 3}'))
    assert later["id"] == one["id"]
    assert {each["url"] for each in later["splits"]} == {each["url"] for each in one["splits"]}
    assert later["splits"] != one["splits"]


def test_a_split_comes_in_each_format_that_is_written_row_by_row(hosts: list[RunningGateway], ask: Any) -> None:
    [address] = [each["url"] for each in planned(ask(hosts[0], f"{SCAN}/splits", b'{"splits": 1}'))["splits"]]
    rows = arrow(ask(hosts[0], address))
    parquet = ask(hosts[0], address, Accept="application/vnd.apache.parquet")
    assert pq.read_table(io.BytesIO(parquet.body)).to_pydict() == rows.to_pydict()
    for form in ("csv", "ndjson"):
        lines = ask(hosts[0], f"{address}&_format={form}").body.decode().splitlines()
        assert len(lines) == rows.num_rows + (form == "csv")
    assert code(ask(hosts[0], f"{address}&_format=json")) == (406, "not-acceptable")
    tag = ask(hosts[0], address).headers["etag"]
    assert ask(hosts[0], address, If_None_Match=tag).status == 304


def test_splits_are_for_those_who_may_ask_and_count_as_requests(hosts: list[RunningGateway], ask: Any) -> None:
    address = planned(ask(hosts[0], f"{SCAN}/splits", b"{}"))["splits"][0]["url"]
    for host in hosts:
        assert code(ask(host, address, who="eve")) == (404, "query-not-found")
        assert code(ask(host, f"{SCAN}/splits", b"{}", who="eve")) == (404, "query-not-found")
        assert code(host.get(address)) == (401, "unauthenticated")
        assert [ask(host, address, who="bob").status for _ in range(4)] == [200, 200, 200, 429]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"splits": 0}', 422),
        (b'{"splits": 1025}', 422),
        (b'{"splits": true}', 422),
        (b'{"seed": -1}', 422),
        (b'{"parameters": {"what": 1}}', 422),
        (b'{"parameters": [1]}', 422),
        (b'{"snapshot": 7}', 422),
        (b'{"snapshot": "last"}', 400),
        (b'{"split": 4}', 400),
        (b"[]", 400),
    ],
)
def test_a_plan_that_cannot_be_made_is_refused(body: bytes, status: int, hosts: list[RunningGateway], ask: Any) -> None:
    assert ask(hosts[0], f"{SCAN}/splits", body).status == status


def test_what_is_refused_is_named_as_it_was_given(hosts: list[RunningGateway], ask: Any) -> None:
    plans = {
        b'{"splits": -1}': "is a whole number from 1 to 1,024",
        b'{"seed": -1}': "is a whole number from 0 to 9,007,199,254,740,991",
        b'{"snapshot": "xx"}': "snapshot is not the name of a snapshot",
        b'{"snapshot": "2026-13-01"}': "snapshot is neither a snapshot nor a date",
        b'{"snapshot": "0001-01-01T00:00+01:00"}': "snapshot is neither a snapshot nor a date",
        b'{"snapshot": "0001-01-01"}': "before 0001-01-01 00:00 UTC",
    }
    for body, said in plans.items():
        text = ask(hosts[0], f"{SCAN}/splits", body).body.decode()
        assert said in text
        assert "_snapshot" not in text
    address = planned(ask(hosts[0], f"{SCAN}/splits", b"{}"))["splits"][0]["url"]
    options = {
        "_from=9007199254740993": "from 0 to 9007199254740992",
        "_limit=3": "'_limit'; accepted: _plan, _from, _format, _bom, _delimiter.",
        "_fro=3": "did you mean '_from'?",
    }
    for option, said in options.items():
        assert said in ask(hosts[0], f"{address}&{option}").json()["detail"]


def test_an_address_that_was_changed_is_refused(hosts: list[RunningGateway], ask: Any) -> None:
    first, second = (each["url"] for each in planned(ask(hosts[0], f"{SCAN}/splits", b'{"splits": 2}'))["splits"])
    plan = first.partition("_plan=")[2]
    changed = [
        first.replace("/splits/0", "/splits/1"),
        first.partition("?")[0],
        f"{first[:-4]}",
        f"{first.partition('?')[0]}?_plan=é{plan}",
        f"{first}&_from=-1",
        f"{first}&n=3",
        first.replace("/scan/", "/grouped/"),
    ]
    replies = [ask(hosts[0], address.replace("é", "%C3%A9")) for address in changed]
    assert [reply.status for reply in replies] == [400, 400, 400, 400, 400, 400, 410]
    assert arrow(ask(hosts[0], f"{second}&_from=1000000")).num_rows == 0


def test_splits_stay_those_of_their_snapshot_until_its_files_are_gone(
    hosts: list[RunningGateway], ask: Any, s3: S3Server, project: Path
) -> None:
    """Comes last in this module: it changes the table."""
    before = planned(ask(hosts[0], f"{SCAN}/splits", b'{"splits": 3}'))
    kept = planned(ask(hosts[0], f"{GROUPED}/splits", b'{"splits": 2}'))
    addresses = [each["url"] for plan in (before, kept) for each in plan["splits"]]
    rows = [arrow(ask(hosts[0], address)) for address in addresses]
    added = make_project(project / "more", [DataFile(rows=30, group=10, partition="c")])
    s3.upload(added / "t", "splits/t")
    for host in hosts:
        assert ask(host, "/v1/tables/t/refresh", b"{}").status == 200
        after = planned(ask(host, f"{SCAN}/splits", b'{"splits": 3}'))
        assert (after["id"] == before["id"], after["bytes"] > before["bytes"]) == (False, True)
        asked_again = b'{"splits": 3, "snapshot": "%b"}' % before["snapshot"].encode()
        assert planned(ask(host, f"{SCAN}/splits", asked_again)) == before
        assert [arrow(ask(host, address)) for address in addresses] == rows
    changed = make_project(project / "other", [DataFile(rows=2, group=10, partition="c")])
    s3.upload(changed / "t", "splits/t")  # in the place of the file that nobody has read yet
    for host in hosts:
        replies = [ask(host, each["url"]) for each in after["splits"]]
        gone = [reply.json() for reply in replies if reply.status != 200]
        assert {(each["status"], each["type"].rpartition("/")[2], each["file"]) for each in gone} == {
            (410, "snapshot-gone", "p=c/0.parquet")
        }
        assert len(gone) < 3
        assert [arrow(ask(host, address)) for address in addresses] == rows  # they are of other files


def test_a_split_is_refused_before_its_first_row_where_a_later_file_was_changed(
    hosts: list[RunningGateway], ask: Any, s3: S3Server, project: Path
) -> None:
    """Comes after the last one: it changes the table again, to one that is too large to be read at once."""
    many = [DataFile(rows=300_000, group=100_000, partition="a"), *(DataFile(rows=9, group=9, partition="z"),) * 2]
    s3.upload(make_project(project / "many", many) / "t", "splits/t")
    assert ask(hosts[0], "/v1/tables/t/refresh", b"{}").status == 200
    [only] = planned(ask(hosts[0], f"{SCAN}/splits", b'{"splits": 1}'))["splits"]
    s3.upload(make_project(project / "less", [*many[:2], DataFile(rows=8, group=9, partition="z")]) / "t", "splits/t")
    for start in ("", "&_from=200000"):
        reply = ask(hosts[0], only["url"] + start)
        assert (*code(reply), reply.json()["file"]) == (410, "snapshot-gone", "p=z/2.parquet")

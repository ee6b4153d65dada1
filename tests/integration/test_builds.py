"""Builds that are asked for over HTTP: done behind the answer by real workers, which are killed while they build."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from built_tables import Sales, asked, held, objects, versions
from jobs_over_http import ended
from waiting import wait_for

from gateway.access.keys import KeyFile

pytestmark = pytest.mark.gunicorn

SUMS = "SELECT CAST(ts AS DATE) AS d, shop, sum(amount) AS s FROM sales GROUP BY ALL"
BY_D = "partitioned_by: [{column: d, source: d}]"
SETTINGS = '[snapshots]\nlocation = "kept"\n[access]\nrequired = true\n'
BUILDS = "/v1/datasets/built/builds"
GRANTS = """
grants:
  - {to: [ana], queries: ["*"], tables: [built, broken], actions: [build, cancel, read, tag]}
  - {to: [bob], tables: [built, sales]}
  - {to: [eve], queries: [shops]}
  - {to: [ada], tables: [built], actions: [read]}
"""
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def sales(tmp_path_factory: pytest.TempPathFactory) -> Sales:
    """A project with one dataset, keys and grants; its sources change from test to test."""
    made = Sales(tmp_path_factory.mktemp("builds"))
    made.declare(SUMS, BY_D, settings=SETTINGS)
    (made.folder / "catalog" / "broken.yaml").write_text(
        "table: broken\nlocation: broken\nquery: q/v1\npartitioned_by: [{column: day, source: e}]\n"
    )
    pinned = (made.folder / "catalog" / "built.yaml").read_text().replace("table: built", "table: pinned")
    (made.folder / "catalog" / "pinned.yaml").write_text(f"{pinned}\nversion: pin\n")
    (made.folder / "queries" / "shops").mkdir()
    (made.folder / "queries" / "shops" / "v1.sql").write_text(
        "/*\nsummary: Shops\nowner: tests\n*/\nSELECT shop, sum(s) AS s FROM built GROUP BY ALL ORDER BY ALL"
    )
    (made.folder / "access.yaml").write_text(GRANTS)
    year(made, 1)
    return made


@pytest.fixture(scope="module")
def keys(sales: Sales) -> Mapping[str, str]:
    file = KeyFile(sales.folder / "keys.json")
    return {name: file.add(name, groups=()) for name in ("ana", "bob", "ada", "eve")}


@pytest.fixture(scope="module")
def ask(serve_for_module: Any, sales: Sales, keys: Mapping[str, str]) -> Callable[..., Any]:
    """What asks two workers, on behalf of somebody."""
    server = serve_for_module(sales.folder)

    def asking(method: str, path: str, body: Any = None, *, who: str = "ana", **headers: str) -> Any:
        sent = JSON if body is not None else {}
        given = {"Authorization": f"Bearer {keys[who]}"} | sent | headers
        return server.request(method, path, body=None if body is None else json.dumps(body).encode(), headers=given)

    return asking


def year(sales: Sales, days: int, *, shift: int = 0) -> None:
    for day in range(days):
        sales.put(day, [("a", day + shift), ("b", 1), (None, None)])


def test_a_build_is_accepted_done_behind_the_answer_and_served(sales: Sales, ask: Callable[..., Any]) -> None:
    year(sales, 3)
    reply = ask("POST", BUILDS, {"tag": "first"}, Prefer="respond-async, wait=1")
    assert (reply.status, reply.headers["preference-applied"]) == (202, "respond-async")
    assert int(reply.headers["retry-after"]) > 0
    address = reply.headers["location"]
    assert reply.json()["url"] == address
    done = ended(ask, address)
    assert (done["state"], done["asked_by"], done["trigger"]) == ("done", "ana", "request"), done
    assert done["progress"] == {"partitions": 3, "unchanged": 0, "built": 3, "rows": 9}
    assert (done["result"]["version"], done["result"]["published"], done["result"]["rows"]) == (1, True, 9)
    assert done["created_at"] <= done["started_at"] <= done["ended_at"]
    assert "retry-after" not in ask("GET", address).headers
    assert ask("GET", "/v1/tables/built").json()["files"] == 3
    assert ask("GET", "/v1/datasets/built").json()["tags"] == {"first": 1}
    assert [each["id"] for each in ask("GET", BUILDS).json()["builds"]] == [done["id"]]
    assert "preference-applied" not in ask("POST", BUILDS).headers
    assert (sales.folder / "kept" / "_jobs" / "jobs" / "build" / "built").is_dir()


def test_a_key_that_is_sent_again_names_the_same_build(ask: Callable[..., Any]) -> None:
    first = ask("POST", BUILDS, {}, **{"Idempotency-Key": '"once"'})
    again = ask("POST", BUILDS, {}, **{"Idempotency-Key": '"once"'})
    assert (first.status, again.status) == (202, 202)
    assert first.headers["location"] == again.headers["location"]
    ended(ask, first.headers["location"])
    assert ask("POST", BUILDS, {}, **{"Idempotency-Key": "once"}).json()["state"] == "done"
    other = ask("POST", BUILDS, {"tag": "x"}, **{"Idempotency-Key": '"once"'})
    assert (other.status, other.json()["type"]) == (422, "/errors/idempotency-key-reused")
    for wrong in ('""', '"a', "a b", '"' + "x" * 300 + '"'):
        assert ask("POST", BUILDS, {}, **{"Idempotency-Key": wrong}).status == 400


def test_who_is_not_granted_it_is_told(ask: Callable[..., Any]) -> None:
    for who, method, path, status in (
        ("bob", "POST", BUILDS, 403),
        ("bob", "GET", BUILDS, 403),
        ("bob", "GET", "/v1/datasets/built", 200),
        ("ada", "POST", BUILDS, 403),
        ("ada", "GET", BUILDS, 200),
        ("ada", "DELETE", f"{BUILDS}/{'0' * 32}", 403),
        ("ana", "DELETE", f"{BUILDS}/{'0' * 32}", 404),
        ("ana", "GET", f"{BUILDS}/nothing", 404),
        ("ana", "POST", "/v1/datasets/other/builds", 404),
        ("bob", "POST", "/v1/datasets/sales/builds", 404),
    ):
        reply = ask(method, path, who=who)
        assert reply.status == status, (who, method, path, reply.body)
    assert ask("POST", BUILDS, {"tag": "v1"}).status == 400
    assert ask("POST", BUILDS, {"colour": "red"}).status == 422


def test_versions_are_named_and_told_of(sales: Sales, ask: Callable[..., Any]) -> None:
    sales.put(0, [("a", 12345)])
    newest = ended(ask, ask("POST", BUILDS).headers["location"])["result"]["version"]
    versions = "/v1/datasets/built/versions"
    assert [each["version"] for each in ask("GET", versions, who="bob").json()["versions"]][:1] == [newest]
    tag = "/v1/datasets/built/tags/train"
    assert (ask("PUT", tag, {"version": "v1"}).status, ask("PUT", tag, {"version": "v1"}).status) == (201, 200)
    taken = ask("PUT", tag, {"version": f"v{newest}"})
    assert (taken.status, taken.json()["type"], taken.json()["version"]) == (409, "/errors/tag-taken", 1)
    lineage = ask("GET", f"{versions}/train").json()
    assert (lineage["version"], lineage["query"], [*lineage["inputs"]]) == (1, "q/v1", ["sales"])
    assert ask("PUT", tag, {"version": f"v{newest}", "move": True}).json()["version"] == newest
    assert ask("GET", "/v1/datasets/built").json()["tags"]["train"] == newest
    assert [ask("DELETE", tag).status for _ in range(2)] == [204, 404]
    assert ask("PUT", "/v1/datasets/built/tags/pin", {"version": "v1"}).status == 201
    kept = ask("DELETE", "/v1/datasets/built/tags/pin")
    assert (kept.status, kept.json()["type"]) == (409, "/errors/tag-in-use")
    assert "is the version of another table" in kept.json()["detail"]
    for who, method, path, body, status in (
        ("bob", "GET", f"{versions}/v1", None, 403),
        ("ada", "PUT", tag, {"version": "v1"}, 403),
        ("ada", "DELETE", tag, None, 403),
        ("ana", "GET", f"{versions}/v999", None, 404),
        ("ana", "PUT", tag, {"version": "v999"}, 404),
        ("ana", "PUT", tag, {"version": 1}, 422),
        ("ana", "PUT", tag, {}, 422),
        ("ana", "PUT", "/v1/datasets/built/tags/v9", {"version": "v1"}, 400),
        ("ana", "GET", "/v1/datasets/broken/versions/v1", None, 404),
    ):
        assert ask(method, path, body, who=who).status == status, (who, method, path)


def test_an_explanation_tells_where_a_dataset_came_from(sales: Sales, ask: Callable[..., Any]) -> None:
    ended(ask, ask("POST", BUILDS).headers["location"])
    newest = ask("GET", "/v1/datasets/built").json()["newest"]["version"]
    told = ask("GET", "/v1/queries/shops/v1/explain").json()["datasets"]["built"]
    assert (told["version"], told["query"], [*told["inputs"]]) == (newest, "q/v1", ["sales"])
    text = ask("GET", "/v1/queries/shops/v1/explain", Accept="text/plain").body.decode()
    snapshot = told["inputs"]["sales"]["snapshot"]
    assert f"  v{newest} of q/v1\n    from sales  (snapshot {snapshot[:12]}, listed " in text
    # Who may ask the query, and does not see the table, is not told the name of another query.
    assert ask("GET", "/v1/queries/shops/v1/explain", who="eve").json()["datasets"] == {}
    assert ask("GET", "/v1/queries/q/v1/explain").json()["datasets"] == {}


def test_a_build_that_fails_says_why(ask: Callable[..., Any]) -> None:
    failed = ended(ask, ask("POST", "/v1/datasets/broken/builds").headers["location"])
    assert (failed["state"], failed["problem"]["type"]) == ("failed", "/errors/table-invalid")
    assert "answers with no column 'e'" in failed["problem"]["detail"]
    refused = ask("DELETE", failed["url"])
    assert (refused.status, refused.json()["state"]) == (409, "failed")


def test_a_build_that_waits_is_cancelled_at_once_and_again(sales: Sales, ask: Callable[..., Any]) -> None:
    year(sales, 40, shift=7)
    running = ask("POST", BUILDS).headers["location"]
    waiting = ask("POST", BUILDS).headers["location"]
    assert [ask("DELETE", waiting).status for _ in range(2)] == [204, 204]
    assert ask("GET", waiting).json()["state"] == "cancelled"
    status = ask("DELETE", running).status
    told = ended(ask, running)
    assert (status, told["state"]) in ((202, "cancelled"), (202, "done"), (204, "cancelled"), (409, "done"))


@pytest.mark.parametrize("count", [1, 20, 33, 45, 70])
def test_a_build_whose_worker_is_killed_is_gone_on_with_by_another(
    sales: Sales, ask: Callable[..., Any], count: int
) -> None:
    made = sales.folder / "built"
    with sales.opened() as (gateway, builder):
        before = versions(builder).newest()
        assert before is not None
        old = held(gateway)
    year(sales, 40, shift=100 * count)
    existing = len(files(made))
    address = ask("POST", BUILDS).headers["location"]
    wait_for(lambda: len(files(made)) >= existing + count or ask("GET", address).json()["state"] == "done", pause=0.01)
    with sales.opened() as (gateway, builder):
        killed = kill(sales, address)
        newest = versions(builder).newest()
        assert newest is not None
        if newest.version == before.version:
            assert held(gateway) == old
        finished = {path.stem for path in (made / "partitions").iterdir()}
        done = ended(ask, address)
        built = versions(builder).read(before.version + 1)
        assert built is not None
        assert (done["state"], done["attempts"]) == ("done", 1 + killed), done
        assert held(gateway) == asked(gateway)
        fresh = {part.identity for part in built.partitions if part.since == built.version}
        if killed and newest.version == before.version:
            assert done["result"]["resumed"] == len(fresh & finished)
            assert objects(built).keys() == {part.key for part in built.partitions}
    assert list(made.glob(".staging-*")) == []


def kill(sales: Sales, address: str) -> bool:
    """Kill the worker that builds; return whether there was one."""
    folder = sales.folder / "kept" / "_jobs" / "jobs" / "build" / "built" / address.rpartition("/")[2]
    attempts = sorted(folder.glob("attempt-*"))
    if not attempts or (folder / "end.json").exists():
        return False
    os.kill(int(json.loads(attempts[-1].read_text())["worker"].rpartition(":")[2]), signal.SIGKILL)
    return True


def files(folder: Path) -> list[Path]:
    return [path for name in ("data", "partitions", "versions") for path in (folder / name).rglob("*.*")]

"""A strong ETag is of exactly the bytes of a body: over several hosts, several runs of a query, every format."""

from __future__ import annotations

import itertools
import shutil
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from waiting import wait_for

from gateway.cache.redis import connect

pytestmark = pytest.mark.gunicorn

TABLE = """\
table: numbers
location: data
partitioned_by: [{column: part, transform: identity, source: part}]
columns: {part: VARCHAR, g: VARCHAR, n: BIGINT, x: DOUBLE}
"""
SUMS = "SELECT g, sum(x) AS total, avg(x) AS mean FROM numbers GROUP BY g ORDER BY g"
QUERIES = {
    "uncached": ("cache: off", SUMS),
    "sums": ("cache: {ttl: 1h}", SUMS),
    "counts": ("cache: {ttl: 1h}", "SELECT g, count(*) AS n, sum(n) AS total FROM numbers GROUP BY g ORDER BY g"),
    "every": ("cache: {ttl: 1h}", "SELECT part, g, n, x FROM numbers, range(4)"),
}
PARTS, PART = 8, 40_000
FORMS = [{"_format": name} for name in ("json", "csv", "ndjson", "arrow", "parquet")]
FORMS += [{"_shape": "arrays"}, {"_shape": "columns"}, {"_limit": "2"}, {"_format": "csv", "_limit": "2"}]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tags")
    (folder / "catalog").mkdir()
    (folder / "catalog/numbers.yaml").write_text(TABLE)
    for name, (front, sql) in QUERIES.items():
        (folder / f"queries/{name}").mkdir(parents=True)
        (folder / f"queries/{name}/v1.sql").write_text(f"/*\nsummary: {name}\n{front}\n*/\n{sql}\n")
    for part in range(PARTS):
        (folder / f"data/part={part}").mkdir(parents=True)
        numbers = range(part * PART, (part + 1) * PART)
        rows = {"part": [str(part)] * PART, "g": [f"g{n % 5}" for n in numbers], "n": list(numbers)}
        rows["x"] = [1 / (n % 9973 + 1) for n in numbers]
        pq.write_table(pa.table(rows), folder / f"data/part={part}/a.parquet")
    return folder


@pytest.fixture(scope="module")
def hosts(serve_for_module: Any, project: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """Two hosts over one project, each with a state of its own."""
    states = [tmp_path_factory.mktemp(name) for name in ("first", "second")]
    return [
        serve_for_module(project, {"GATEWAY_STATE": str(state), "GATEWAY_ENGINE_THREADS": "2"}, 1) for state in states
    ]


def ask(host: Any, query: str, form: dict[str, str] | None = None, **headers: str) -> Any:
    return host.get(f"/v1/queries/{query}/v1/result?{urlencode(form or {})}", **headers)


def test_where_bytes_differ_tags_differ(hosts: list[Any]) -> None:
    """Sums of fractions in the order in which threads come to them: nearly every run has other last digits."""
    bodies = defaultdict[str, set[bytes]](set)
    runs = 0
    for form, _ in itertools.product(FORMS, range(6)):
        for host in hosts:
            reply = ask(host, "uncached", form)
            assert (reply.status, reply.headers["etag"][0]) == (200, '"')
            bodies[reply.headers["etag"]].add(reply.body)
            runs += 1
    assert [tag for tag, found in bodies.items() if len(found) > 1] == []
    assert len(FORMS) < len(bodies) <= runs


def test_every_hit_of_a_host_has_the_tag_of_its_bytes(hosts: list[Any]) -> None:
    bodies = defaultdict[str, set[bytes]](set)
    for host, form, _ in itertools.product(hosts, FORMS, range(4)):
        for coding in ("identity", "gzip", "zstd"):
            reply = ask(host, "sums", form, Accept_Encoding=coding)
            bodies[reply.headers["etag"]].add(reply.body)
            assert ask(host, "sums", form, Accept_Encoding=coding, If_None_Match=reply.headers["etag"]).status == 304
    assert [tag for tag, found in bodies.items() if len(found) > 1] == []


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_an_answer_computed_again_to_the_same_rows_is_not_sent_again(hosts: list[Any], form: dict[str, str]) -> None:
    tags = [ask(hosts[0], "counts", form).headers["etag"]]
    assert hosts[0].request("DELETE", "/v1/cache?query=counts", headers={}).status == 200
    again = ask(hosts[0], "counts", form, If_None_Match=f'"other", {tags[0]}')
    assert (again.status, again.body, "fwd=miss" in again.headers["cache-status"]) == (304, b"", True)


def test_two_hosts_share_the_tags_of_equal_bytes(hosts: list[Any]) -> None:
    for form in ({"_format": name} for name in ("json", "csv", "ndjson", "arrow", "parquet")):
        first, second = (ask(host, "counts", form) for host in hosts)
        assert (first.body, first.headers["etag"]) == (second.body, second.headers["etag"])


def test_rows_that_are_sent_while_they_are_computed_have_a_strong_tag_once_they_are_kept(hosts: list[Any]) -> None:
    first = ask(hosts[1], "every", {"_format": "csv"})
    assert ("streamed" in first.headers["cache-status"], first.headers["etag"][:3]) == (True, 'W/"')
    replies = pages_of(hosts[1])
    kept = next(reply for reply in replies if "hit" in reply.headers["cache-status"])
    assert kept.headers["etag"].startswith('"')
    assert sorted(kept.body.splitlines()) == sorted(first.body.splitlines())
    assert ask(hosts[1], "every", {"_format": "csv"}, If_None_Match=kept.headers["etag"]).status == 304


def pages_of(host: Any) -> Iterator[Any]:
    for _ in range(20):
        yield ask(host, "every", {"_format": "csv"})


def executed(host: Any) -> float:
    """Count the queries that a host ran."""
    lines = host.get("/metrics").body.decode().splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith("gateway_execution_seconds_count"))


def test_tags_outlive_rows(serve: Any, project: Path, tmp_path: Path) -> None:
    """Rows go from memory with the worker and from the disk by hand; what is known of them answers who has them."""
    settings = {"GATEWAY_STATE": str(tmp_path / "state")}
    first = serve(project, settings, 1)
    had = {str(form): ask(first, "counts", form) for form in FORMS}
    following = had["{'_limit': '2'}"].json()["next"]
    page = first.get(following)
    first.process.terminate()
    assert first.process.wait(60) == 0
    shutil.rmtree(tmp_path / "state/results")

    again = serve(project, settings, 1)
    for form in FORMS:
        reply = ask(again, "counts", form, If_None_Match=had[str(form)].headers["etag"])
        assert (reply.status, reply.body, reply.headers["etag"]) == (304, b"", had[str(form)].headers["etag"])
        assert "hit" in reply.headers["cache-status"]
        assert reply.headers["gateway-rows"] == "5"
    assert again.get(following, If_None_Match=page.headers["etag"]).status == 304
    assert again.get(following).status == 410
    assert ask(again, "counts", If_Match='"other"').status == 412
    assert executed(again) == 0

    head = again.request("HEAD", "/v1/queries/counts/v1/result.csv", headers={})
    assert (head.status, head.headers["etag"]) == (200, had["{'_format': 'csv'}"].headers["etag"])
    assert int(head.headers["content-length"]) == len(had["{'_format': 'csv'}"].body)
    other = ask(again, "counts", If_None_Match='"other"')
    assert (other.status, executed(again)) == (200, 1)
    before = had["{'_format': 'json'}"]
    assert (other.body, other.headers["etag"]) == (before.body, before.headers["etag"])


def test_what_is_dropped_is_computed_again_by_every_worker(serve: Any, project: Path, tmp_path: Path) -> None:
    host = serve(project, {"GATEWAY_STATE": str(tmp_path / "state")}, 2)
    tag = ask(host, "counts").headers["etag"]
    for _ in range(8):  # connections go to either worker
        assert ask(host, "counts", If_None_Match=tag).status == 304
    runs = executed(host)
    assert host.request("DELETE", "/v1/cache?table=numbers", headers={}).status == 200
    replies = [ask(host, "counts", If_None_Match=tag) for _ in range(8)]
    assert {reply.status for reply in replies} == {304}
    assert executed(host) == runs + 1


def test_tags_outlive_rows_among_hosts(serve: Any, project: Path, tmp_path: Path, redis_server: Any) -> None:
    settings = {"GATEWAY_CACHE_REDIS": redis_server.url}
    first = serve(project, settings | {"GATEWAY_STATE": str(tmp_path / "first")}, 1)
    tag = ask(first, "counts").headers["etag"]
    client = connect(redis_server.url)  # the rows are written behind the answer
    wait_for(lambda: sum(client.delete(key) for key in client.scan_iter("*:result:*")) == 1, "a result")
    client.close()
    second = serve(project, settings | {"GATEWAY_STATE": str(tmp_path / "second")}, 1)
    assert (ask(second, "counts", If_None_Match=tag).status, executed(second)) == (304, 0)
    assert (ask(second, "counts", If_None_Match='"other"').headers["etag"], executed(second)) == (tag, 1)


def test_a_tag_is_of_one_body_while_answers_are_dropped_and_computed_again(
    serve: Any, project: Path, tmp_path: Path
) -> None:
    host = serve(project, {"GATEWAY_STATE": str(tmp_path / "state"), "GATEWAY_ENGINE_THREADS": "2"}, 2)

    def asker(number: int) -> list[tuple[str, bytes]]:
        found, tag = [], '"none"'
        for turn in range(25):
            if number == 0 and turn % 3 == 0:
                host.request("DELETE", "/v1/cache?query=sums", headers={})
            reply = ask(host, "sums", FORMS[(number + turn // 5) % len(FORMS)], If_None_Match=tag)
            if reply.status == 200:
                tag = reply.headers["etag"]
                found.append((tag, reply.body))
            else:
                assert (reply.status, reply.headers["etag"]) == (304, tag)
        return found

    with ThreadPoolExecutor(6) as pool:
        pairs = list(itertools.chain.from_iterable(pool.map(asker, range(6))))
    bodies = defaultdict[str, set[bytes]](set)
    for tag, body in pairs:
        bodies[tag].add(body)
    assert [tag for tag, found in bodies.items() if len(found) > 1] == []
    assert len(bodies) > len(FORMS)  # they were computed again to other bytes

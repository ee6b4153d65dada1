"""Python's HTTP clients: httpx, with and without a cache of RFC 9111, requests, and urllib."""

from __future__ import annotations

import asyncio
import json
from http.client import HTTPResponse
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import httpx
import pytest
import requests
from hishel import SqliteStorage
from hishel.httpx import CacheClient
from readings import END, EXPORTED, START, rows

pytestmark = pytest.mark.gunicorn

PARAMETERS = {"start": START, "end": END, "stations": ["007", "x"]}
CHOSEN = [row["id"] for row in rows() if row["station"] in ("007", "x")]


def identities(document: Any) -> list[int]:
    return [int(row["id"]) for row in document["data"]]


@pytest.mark.parametrize("library", [httpx, requests])
def test_a_library_writes_parameters_as_they_are_read(library: Any, address: Any) -> None:
    found = library.get(f"{address.base}/v1/queries/readings/v1/result", params=PARAMETERS, timeout=60)
    assert (found.status_code, identities(found.json())) == (200, CHOSEN)


@pytest.mark.parametrize("library", [httpx, requests])
def test_a_post_takes_what_a_library_sends_as_json(library: Any, address: Any) -> None:
    found = library.post(f"{address.base}/v1/queries/readings/v1/result", json=PARAMETERS, timeout=60)
    assert (found.status_code, identities(found.json())) == (200, CHOSEN)


@pytest.mark.parametrize("library", [httpx, requests])
def test_a_head_has_the_length_of_the_body(library: Any, address: Any) -> None:
    plain = {"Accept-Encoding": "identity"}
    body = library.get(address.readings(".csv"), headers=plain).content
    head = library.head(address.readings(".csv"), headers=plain)
    assert (head.status_code, int(head.headers["Content-Length"]), head.content) == (200, len(body), b"")


@pytest.mark.parametrize("library", [httpx, requests])
def test_an_error_is_a_problem_that_names_the_parameter(library: Any, address: Any) -> None:
    found = library.get(address.of("readings", ".csv", start="yesterday"))
    kinds = found.headers["Content-Type"].split(";")[0], [each["parameter"] for each in found.json()["errors"]]
    assert (found.status_code, kinds) == (422, ("application/problem+json", ["start", "end"]))


def test_many_connections_at_once_get_the_same_answer(address: Any) -> None:
    async def ask() -> list[httpx.Response]:
        async with httpx.AsyncClient(timeout=60) as client:
            return list(await asyncio.gather(*[client.get(address.readings(".ndjson")) for _ in range(40)]))

    bodies = {response.content for response in asyncio.run(ask()) if response.status_code == 200}
    [body] = bodies
    assert [int(json.loads(line)["id"]) for line in body.splitlines()] == [row["id"] for row in rows()]


def test_a_long_answer_is_read_while_it_is_sent(address: Any) -> None:
    async def count() -> int:
        async with (
            httpx.AsyncClient(timeout=60) as client,
            client.stream("GET", address.of("export", ".ndjson", rows=EXPORTED)) as response,
        ):
            return sum([1 async for _ in response.aiter_lines()])

    assert asyncio.run(count()) == EXPORTED


def test_a_cache_serves_what_is_fresh_and_revalidates_what_is_asked_for_anew(address: Any, tmp_path: Path) -> None:
    with CacheClient(storage=SqliteStorage(database_path=str(tmp_path / "cache")), rfc=True) as client:
        asked: list[dict[str, str]] = [{}, {}, {"Cache-Control": "no-cache"}]
        answers = [client.get(address.readings(".csv"), headers=each) for each in asked]
    fates = [(each.extensions["caching"]["from_cache"], each.extensions["caching"]["revalidated"]) for each in answers]
    assert fates == [(False, False), (True, False), (True, True)]
    assert len({each.content for each in answers}) == 1


@pytest.mark.parametrize("library", [httpx, requests])
@pytest.mark.parametrize("suffix", ["", ".csv", ".ndjson", ".arrow", ".parquet"])
def test_a_tag_that_is_sent_back_gets_304(library: Any, suffix: str, address: Any) -> None:
    tag = library.get(address.readings(suffix), timeout=60).headers["ETag"]
    again = library.get(address.readings(suffix), headers={"If-None-Match": tag}, timeout=60)
    assert (again.status_code, again.headers["ETag"]) == (304, tag)


def test_urllib_has_the_whole_body(address: Any) -> None:
    response: HTTPResponse
    with urlopen(Request(address.readings(".csv"))) as response:
        assert int(response.headers["Content-Length"]) == len(response.read())

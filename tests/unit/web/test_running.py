"""Who sees which queries run and wait, and who stops them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from flask.testing import FlaskClient
from sites import OneKey

from gateway.model import Principal

MakeSite = Callable[..., FlaskClient]
ANA = {"X-Api-Key": "k"}


@dataclass
class Granting(OneKey):
    """Ana may also stop queries, where she is granted it."""

    stop: bool = False

    def may(self, principal: Principal, action: str, name: str) -> bool:
        return (action == "stop" and self.stop and principal.name == "ana") or super().may(principal, action, name)


@pytest.fixture(autouse=True)
def under_way(gateway: Any) -> None:
    """Two queries run: one of ana's, and one of bob's."""
    text = gateway.registry.template("delays", 2).unbound.origin
    gateway.admission.queries += [
        {"id": f"7.{number}", "text": text, "principal": who, "bytes": 5, "state": "running", "seconds": 1.5}
        for number, who in enumerate(("ana", "bob"))
    ]
    of_nobody = {"id": "7.9", "text": "", "principal": "", "bytes": 0, "state": "running", "seconds": 0}
    gateway.admission.queries.append(of_nobody)


def seen(client: FlaskClient, **headers: str) -> list[str]:
    return [query["principal"] for query in client.get("/v1/running", headers=headers).json["queries"]]


def test_how_full_the_cache_is_stands_beside_the_queries(make_site: MakeSite) -> None:
    assert make_site().get("/v1/running").json["cache"] == [
        {"tier": "memory", "kind": "answers", "used": 5_000, "bound": 10_000, "status": "ok"},
        {"tier": "redis", "kind": "answers", "used": None, "bound": None, "status": "failing"},
    ]
    text = make_site().get("/status").text
    assert ("memory of this worker" in text, "Redis, shared by hosts" in text, "failing" in text) == (True, True, True)


def test_how_full_the_cache_is_is_told_to_those_who_may_see_details(make_site: MakeSite) -> None:
    client = make_site(access=Granting())
    assert "cache" not in client.get("/v1/running", headers=ANA).json
    assert "memory of this worker" not in client.get("/status", headers=ANA).text


def test_a_caller_sees_their_own_queries_and_with_the_grant_all(make_site: MakeSite) -> None:
    assert seen(make_site(access=Granting()), **ANA) == ["ana"]
    assert seen(make_site(access=Granting(stop=True)), **ANA) == ["ana", "bob"]
    assert seen(make_site(access=Granting(stop=True))) == []


def test_a_query_is_told_with_its_name_and_what_it_reads(make_site: MakeSite) -> None:
    [query] = make_site(access=Granting()).get("/v1/running", headers=ANA).json["queries"]
    expected = {"query": "delays", "version": 2, "id": "7.0", "principal": "ana", "bytes": 5, "state": "running"}
    assert query == expected | {"seconds": 1.5}


def test_stopping_needs_the_grant_also_for_ones_own(make_site: MakeSite, gateway: Any) -> None:
    refused = make_site(access=Granting()).delete("/v1/running/7.0", headers=ANA)
    assert (refused.status_code, gateway.admission.stopped) == (403, [])
    granted = make_site(access=Granting(stop=True))
    assert granted.delete("/v1/running/7.1", headers=ANA).status_code == 202
    assert granted.delete("/v1/running/8.1", headers=ANA).status_code == 404
    assert gateway.admission.stopped == ["7.1", "8.1"]
    assert granted.delete("/v1/running/7.1").status_code == 401


@pytest.mark.parametrize(
    ("peer", "headers", "status"),
    [
        ("127.0.0.1", {}, 202),
        ("::1", {"Host": "[::1]:8080"}, 202),
        ("127.0.0.1", {"Host": "127.0.0.1:8080", "Sec-Fetch-Site": "same-origin"}, 202),
        ("10.0.0.7", {}, 403),
        ("127.0.0.1", {"Host": "data.example"}, 403),
        ("127.0.0.1", {"X-Forwarded-For": "10.0.0.7"}, 403),
        ("127.0.0.1", {"Via": "1.1 proxy"}, 403),
        ("127.0.0.1", {"Sec-Fetch-Site": "cross-site"}, 403),
        ("127.0.0.1", {"Origin": "http://evil.example"}, 403),
    ],
)
def test_without_access_control_queries_are_stopped_from_the_machine_itself_alone(
    client: FlaskClient, gateway: Any, peer: str, headers: dict[str, str], status: int
) -> None:
    assert seen(client) == ["ana", "bob"]
    place = {"REMOTE_ADDR": peer}
    assert client.delete("/v1/running/7.0", headers=headers, environ_base=place).status_code == status
    form = client.post("/status/stop", data={"id": "7.0"}, headers=headers, environ_base=place)
    assert form.status_code == (303 if status == 202 else status)
    assert gateway.admission.stopped == (["7.0"] * 2 if status == 202 else [])
    shown = client.get("/status", headers=headers, environ_base=place).text
    assert (">Stop</button>" in shown) == (status == 202)

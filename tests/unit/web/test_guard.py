"""Who may not see something learns nothing of it; who may, notices nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from flask.testing import FlaskClient
from sites import Lenient
from werkzeug.test import TestResponse

from gateway.access.base import ANONYMOUS
from gateway.errors import QuotaExceeded, Unauthenticated
from gateway.model import Principal
from gateway.telemetry.events import Event, RequestServed

MakeSite = Callable[..., FlaskClient]
ANA = {"X-Api-Key": "ana"}
HIDDEN = [
    ("GET", "/v1/queries/{}"),
    ("GET", "/v1/queries/{}/v2"),
    ("GET", "/v1/queries/{}/latest"),
    ("GET", "/v1/queries/{}/newest"),
    ("GET", "/v1/queries/{}/v2/result?start=2013-01-01"),
    ("GET", "/v1/queries/{}/v2/result?_nothing=1"),
    ("GET", "/v1/queries/{}/v9/result.csv"),
    ("POST", "/v1/queries/{}/v2/result"),
    ("GET", "/v1/queries/{}/v2/explain"),
    ("OPTIONS", "/v1/queries/{}/v2/result"),
    ("DELETE", "/v1/queries/{}/v2/result"),
    ("GET", "/docs/{}/v2"),
    ("GET", "/v1/tables/{}"),
    ("GET", "/v1/tables/{}/partitions?_cursor=x"),
    ("POST", "/v1/tables/{}/refresh"),
]


@dataclass
class FakeAccess(Lenient):
    """Knows ``ana``, and lets callers do what *grants* says: (who, action, name), ``*`` for everybody."""

    grants: set[tuple[str, str, str]] = field(default_factory=set)
    scope: str = ""

    def identify(self, headers: Mapping[str, str], *, wait: bool = True) -> Principal:
        key = headers.get("x-api-key")
        if key is None:
            return ANONYMOUS
        if key != "ana":
            raise Unauthenticated("The key is not valid.")
        return Principal(name="ana", scope=self.scope, credential="key 1")

    def may(self, principal: Principal, action: str, name: str) -> bool:
        return (principal.name, action, name) in self.grants or self.shared(action, name)

    def shared(self, action: str, name: str) -> bool:
        return ("*", action, name) in self.grants


class OneRequest:
    """Admits one request of each principal."""

    def __init__(self) -> None:
        self.seen: set[str] = set()

    def admit(self, principal: Principal) -> Mapping[str, str]:
        if principal.name in self.seen:
            raise QuotaExceeded("Too many.", retry_after=7, headers={"RateLimit": '"requests";r=0;t=7'})
        self.seen.add(principal.name)
        return {"RateLimit": '"requests";r=0;t=7'}

    def admit_at_once(self, principal: Principal) -> Mapping[str, str] | None:
        return None

    def charge(self, principal: Principal, size: int) -> None:
        pass


def told(response: TestResponse, name: str) -> tuple[Any, ...]:
    """Return all that a caller learns, but for the name that it gave itself and the id of its request."""
    headers = {key: value for key, value in response.headers if key not in ("X-Request-Id", "Content-Length")}
    body = response.text.replace(response.headers["X-Request-Id"], "ID").replace(name, "NAME")
    return response.status_code, headers, body


@pytest.mark.parametrize(("method", "address"), HIDDEN)
@pytest.mark.parametrize("who", [{}, ANA])
def test_a_hidden_name_and_a_missing_one_are_answered_alike(
    make_site: MakeSite, method: str, address: str, who: dict[str, str]
) -> None:
    client = make_site(access=FakeAccess())
    there = "flights" if "tables" in address else "delays"
    hidden, missing = (client.open(address.format(name), method=method, headers=who) for name in (there, "nowhere"))
    assert told(hidden, there) == told(missing, "nowhere")
    assert hidden.status_code in ((401, 405) if who == {} else (404, 405))


def test_what_may_be_seen_is_answered(make_site: MakeSite) -> None:
    client = make_site(access=FakeAccess({("ana", "query", "delays")}))
    assert client.get("/v1/queries/delays/v2/result?start=2013-01-01", headers=ANA).status_code == 200


def test_suggestions_name_only_what_may_be_seen(make_site: MakeSite) -> None:
    client = make_site(access=FakeAccess({("ana", "query", "delay")}))
    assert client.get("/v1/queries/delay", headers=ANA).json["suggestions"] == []


def test_lists_hold_only_what_may_be_seen(make_site: MakeSite) -> None:
    client = make_site(access=FakeAccess({("ana", "table", "flights")}))
    assert client.get("/v1/queries", headers=ANA).json == {"queries": []}
    assert [one["table"] for one in client.get("/v1/tables", headers=ANA).json["tables"]] == ["flights"]
    assert client.get("/v1/tables").json == {"tables": []}
    assert "delays" not in client.get("/docs", headers=ANA).text


def test_who_is_not_known_is_asked_to_say(make_site: MakeSite) -> None:
    response = make_site(access=FakeAccess()).get("/v1/queries/delays")
    assert response.json["type"] == "/errors/unauthenticated"
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="query-gateway"'


def test_credentials_that_are_wrong_are_refused_even_where_nobody_needs_any(make_site: MakeSite) -> None:
    client = make_site(access=FakeAccess({("*", "query", "delays")}))
    assert client.get("/v1/queries/delays", headers={"X-Api-Key": "bob"}).status_code == 401
    assert client.get("/v1/queries/delays").status_code == 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/errors/forbidden", "/static/site.css"])
def test_what_is_for_everybody_asks_nobody(make_site: MakeSite, path: str) -> None:
    access = FakeAccess({("*", "metrics", "")})
    assert make_site(access=access).get(path, headers={"X-Api-Key": "bob"}).status_code == 200


def test_metrics_and_details_can_be_kept_from_strangers(make_site: MakeSite) -> None:
    client = make_site(access=FakeAccess({("ana", "metrics", "")}))
    assert client.get("/metrics").status_code == 401
    assert client.get("/metrics", headers=ANA).status_code == 200
    assert client.get("/readyz").json == {"status": "ok"}
    assert client.get("/readyz", headers={"X-Api-Key": "bob"}).json == {"status": "ok"}
    assert "flights" in client.get("/readyz", headers=ANA).json["tables"]
    assert client.get("/healthz").status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "action", "name"),
    [("POST", "/v1/tables/flights/refresh", "refresh", "flights"), ("DELETE", "/v1/cache?older=1h", "cache", "")],
)
def test_an_action_needs_its_grant(make_site: MakeSite, method: str, path: str, action: str, name: str) -> None:
    access = FakeAccess({("ana", "table", "flights")})
    client = make_site(access=access)
    refused = client.open(path, method=method, headers=ANA)
    assert (refused.status_code, refused.json["type"]) == (403, "/errors/forbidden")
    access.grants.add(("ana", action, name))
    assert client.open(path, method=method, headers=ANA).status_code == 200


def test_an_answer_for_some_is_kept_by_no_shared_cache(make_site: MakeSite) -> None:
    access = FakeAccess({("ana", "query", "delays")})
    client = make_site(access=access)
    answer = client.get("/v1/queries/delays/v2/result?start=2013-01-01", headers=ANA)
    assert answer.headers["Cache-Control"].startswith("private,")
    assert answer.headers["Vary"] == "Accept, Accept-Encoding, Authorization, X-Api-Key, Cookie"
    access.grants.add(("*", "query", "delays"))
    answer = client.get("/v1/queries/delays/v2/result?start=2013-01-01", headers=ANA)
    assert answer.headers["Cache-Control"].startswith("public,")
    assert answer.headers["Vary"] == "Accept, Accept-Encoding"


@pytest.mark.parametrize("path", ["/v1/queries", "/v1/queries/delays/v2", "/v1/queries/delays/v2/explain", "/docs"])
def test_a_document_is_kept_for_who_asked_for_it(make_site: MakeSite, path: str) -> None:
    access = FakeAccess({("ana", "query", "delays")})
    answer = make_site(access=access).get(f"{path}?start=2013-01-01" if "explain" in path else path, headers=ANA)
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert {"Authorization", "X-Api-Key", "Cookie"} <= set(answer.headers["Vary"].split(", "))


def test_an_answer_that_depends_on_who_asks_is_private_whoever_may_ask(make_site: MakeSite) -> None:
    client = make_site(access=FakeAccess({("*", "query", "delays")}, scope="emea"))
    answer = client.get("/v1/queries/delays/v2/result?start=2013-01-01", headers=ANA)
    assert answer.headers["Cache-Control"].startswith("private,")


def test_a_cursor_is_of_no_use_to_who_sees_other_rows(make_site: MakeSite) -> None:
    access = FakeAccess({("ana", "query", "delays")}, scope="emea")
    client = make_site(access=access)
    following = client.get("/v1/queries/delays/v2/result?start=2013-01-01&_limit=1", headers=ANA).json["next"]
    assert client.get(following, headers=ANA).status_code == 200
    access.scope = "apac"
    assert client.get(following, headers=ANA).status_code == 400


def test_the_log_names_who_asked(make_site: MakeSite, events: list[Event]) -> None:
    make_site(access=FakeAccess()).get("/v1/queries", headers=ANA).close()
    [served] = [event for event in events if isinstance(event, RequestServed)]
    assert (served.principal, served.credential) == ("ana", "key 1")


def test_every_answer_says_what_may_still_be_asked(make_site: MakeSite) -> None:
    client = make_site(limits=OneRequest())
    assert client.get("/v1/queries").headers["RateLimit"] == '"requests";r=0;t=7'
    refused = client.get("/v1/queries")
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "7")
    assert refused.headers["RateLimit"] == '"requests";r=0;t=7'
    assert client.get("/healthz").status_code == 200

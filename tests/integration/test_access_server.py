"""Who may ask, and how much, over real workers: keys, tokens, grants and limits that change under a running server."""

from __future__ import annotations

import json
import re
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.access.keys import KeyFile

pytestmark = pytest.mark.gunicorn

WEEK = {"start": "2013-01-01", "end": "2013-01-08"}
DELAYS = "/v1/queries/delays_by_carrier/v2/result"
HIDDEN = "/v1/queries/worst_routes/v1/result"
SIGNER = ec.generate_private_key(ec.SECP256R1())
GRANTS = """
grants:
  - to: [group:analysts]
    queries: [delays_by_carrier, hourly_traffic]
    tables: [flights]
  - to: ["*"]
    queries: [weather_delay]
  - to: [pipeline]
    tables: [flights]
    actions: [refresh, cache]
"""
TOKENS = {
    "GATEWAY_ACCESS_JWKS": "jwks.json",
    "GATEWAY_ACCESS_ISSUER": "https://issuer/",
    "GATEWAY_ACCESS_AUDIENCE": "gateway",
}


@pytest.fixture(scope="module")
def make_project(flights_project: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    """Make a project over the flights, with grants and the public key of an issuer; each has a state of its own."""

    def make() -> Path:
        project = tmp_path_factory.mktemp("guarded")
        for name in ("catalog", "queries"):
            shutil.copytree(flights_project / name, project / name)
        shutil.copy(flights_project / "gateway.toml", project)
        for path in (project / "catalog").glob("*.yaml"):
            path.write_text(path.read_text().replace("location: demo/", f"location: file://{flights_project}/demo/"))
        (project / "access.yaml").write_text(GRANTS)
        public = jwt.get_algorithm_by_name("ES256").to_jwk(SIGNER.public_key(), as_dict=True)
        (project / "jwks.json").write_text(json.dumps({"keys": [public | {"kid": "e1"}]}))
        return project

    return make


@pytest.fixture(scope="module")
def project(make_project: Callable[[], Path]) -> Path:
    return make_project()


@pytest.fixture(scope="module")
def keys(project: Path) -> KeyFile:
    return KeyFile(project / "keys.json")


@pytest.fixture(scope="module")
def ana(keys: KeyFile) -> str:
    return keys.add("ana", groups=("analysts",))


@pytest.fixture(scope="module")
def guarded(serve_for_module: Any, project: Path, ana: str) -> Any:
    """Two workers that let in who shows a key or a token."""
    return serve_for_module(project, {"GATEWAY_ACCESS_REQUIRED": "true", **TOKENS})


def bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


def token(**claims: Any) -> str:
    given = {"iss": "https://issuer/", "aud": "gateway", "exp": 4_000_000_000, "sub": "tom", "groups": ["analysts"]}
    return jwt.encode(given | claims, SIGNER, algorithm="ES256", headers={"kid": "e1"})


def metric(running: Any, pattern: str) -> float:
    text = running.get("/metrics").body.decode()
    return sum(float(found[1]) for found in re.finditer(rf"^{pattern} (\S+)$", text, re.MULTILINE))


def executions(running: Any) -> float:
    return metric(running, r"gateway_execution_seconds_count\{query=\"delays_by_carrier\",version=\"2\"\}")


@pytest.mark.parametrize("header", ["Authorization", "X-Api-Key"])
def test_a_key_opens_what_is_granted(guarded: Any, ana: str, header: str) -> None:
    shown = f"Bearer {ana}" if header == "Authorization" else ana
    answer = guarded.get(DELAYS, WEEK, **{header: shown})
    assert (answer.status, answer.headers["cache-control"].split(",")[0]) == (200, "private")


def test_a_token_opens_what_is_granted(guarded: Any) -> None:
    assert guarded.get(DELAYS, WEEK, **bearer(token())).status == 200
    for wrong in (token(exp=1), token(aud="others"), token(iss="https://other/"), "e30.e30.", token()[:-2]):
        assert guarded.get(DELAYS, WEEK, **bearer(wrong)).status == 401


def test_two_principals_of_the_same_rights_share_one_execution(guarded: Any, keys: KeyFile, ana: str) -> None:
    question = {"start": "2013-02-01", "end": "2013-02-08"}
    before = executions(guarded)
    first = guarded.get(DELAYS, question, **bearer(ana))
    second = guarded.get(DELAYS, question, **bearer(keys.add("bob", groups=("analysts",))))
    third = guarded.get(DELAYS, question, **bearer(token()))
    assert first.body == second.body == third.body
    assert first.headers["etag"] == second.headers["etag"] == third.headers["etag"]
    assert executions(guarded) == before + 1


def test_without_a_key_only_what_is_for_everybody_is_answered(guarded: Any) -> None:
    answer = guarded.get("/v1/queries/weather_delay/v1/result", WEEK)
    assert (answer.status, answer.headers["cache-control"].split(",")[0]) == (200, "public")
    for path in (DELAYS, HIDDEN, "/v1/queries/nothing/v1/result", "/v1/tables/flights"):
        refused = guarded.get(path)
        assert (refused.status, refused.headers["www-authenticate"]) == (401, 'Bearer realm="query-gateway"')
    assert [one["query"] for one in guarded.get("/v1/queries").json()["queries"]] == ["weather_delay"]


@pytest.mark.parametrize("ending", ["", "/v1", "/v1/result", "/v1/result.csv?x=1&_y=2", "/latest/explain", "/v9", "/x"])
def test_a_hidden_query_is_answered_byte_for_byte_like_a_missing_one(guarded: Any, ana: str, ending: str) -> None:
    replies = []
    for name in ("worst_routes", "wrong_routes"):  # one exists
        reply = guarded.get(f"/v1/queries/{name}{ending}", **bearer(ana), X_Request_Id="one")
        headers = {key: value for key, value in reply.headers.items() if key != "date"}
        replies.append((reply.status, headers, reply.body.replace(name.encode(), b"NAME")))
    assert replies[0] == replies[1]
    assert replies[0][0] == 404
    assert b"worst" not in replies[1][2]


def test_an_action_needs_its_grant(guarded: Any, keys: KeyFile, ana: str) -> None:
    refresh = "/v1/tables/flights/refresh"
    assert guarded.request("POST", refresh, headers=bearer(ana)).status == 403
    assert guarded.request("POST", refresh, headers=bearer(keys.add("pipeline"))).status == 200
    assert guarded.request("DELETE", "/v1/cache?older=100d", headers=bearer(ana)).status == 403


@pytest.mark.parametrize(("method", "path"), [("POST", "/v1/tables/flights/refresh"), ("DELETE", "/v1/cache?older=9d")])
def test_a_page_of_another_origin_changes_nothing_with_the_cookie_of_its_reader(
    guarded: Any, keys: KeyFile, method: str, path: str
) -> None:
    cookie = {"Cookie": f"gateway-key={keys.add('pipeline')}", "Host": "gateway.example:8080"}
    for other in ("http://gateway.example:3000", "http://app.gateway.example:8080", "null"):
        for site in ({}, {"Sec-Fetch-Site": "same-site"}):
            refused = guarded.request(method, path, headers=cookie | {"Origin": other} | site)
            assert (refused.status, "access-control-allow-origin" in refused.headers) == (401, False), (other, site)
    for page in ({"Origin": "http://gateway.example:8080"}, {"Sec-Fetch-Site": "same-origin"}, {}):
        assert guarded.request(method, path, headers=cookie | page).status == 200
    asked = {"Origin": "http://gateway.example:3000", "Access-Control-Request-Method": method}
    assert "access-control-allow-methods" not in guarded.request("OPTIONS", path, headers=cookie | asked).headers


def test_a_key_that_is_revoked_stops_working_in_every_worker(guarded: Any, keys: KeyFile) -> None:
    key = keys.add("gone", groups=("analysts",))
    for path in ("/v1/queries", DELAYS):
        assert {guarded.get(path, WEEK if path is DELAYS else None, **bearer(key)).status for _ in range(20)} == {200}
    keys.revoke(key)
    for path in ("/v1/queries", DELAYS):  # a hit as well
        assert {guarded.get(path, WEEK if path is DELAYS else None, **bearer(key)).status for _ in range(20)} == {401}


def test_grants_count_as_soon_as_they_are_written(guarded: Any, project: Path, ana: str) -> None:
    more = GRANTS.replace("hourly_traffic]", "worst_routes]")
    try:
        draft = project / "draft.yaml"
        draft.write_text(more)
        draft.replace(project / "access.yaml")
        assert {guarded.get(HIDDEN, WEEK, **bearer(ana)).status for _ in range(10)} == {200}
    finally:
        (project / "access.yaml").write_text(GRANTS)
    assert {guarded.get(HIDDEN, WEEK, **bearer(ana)).status for _ in range(10)} == {404}


def test_a_broken_file_opens_nothing_and_is_seen(guarded: Any, project: Path, keys: KeyFile, ana: str) -> None:
    path = project / "keys.json"
    good = path.read_text()
    try:
        path.write_text(good[:-20])
        assert {guarded.get("/v1/queries", **bearer(ana)).status for _ in range(20)} == {200}
        assert guarded.get("/v1/queries", **bearer("qg_aaaaaaaaaa_x")).status == 401
        assert guarded.get("/readyz").json()["access"] == {"unreadable": ["keys"]}
        assert metric(guarded, r"gateway_access_failing\{file=\"keys\"\}") == 1
        assert b'"event":"access-file-failed"' in guarded.log.read_bytes()
    finally:
        path.write_text(good)
    assert "access" not in guarded.get("/readyz").json()


@pytest.mark.parametrize("shown", ["x" * 8_100, "x" * 100_000, "é", "qg_" + "_" * 500, "Bearer Bearer"])
def test_a_strange_credential_is_refused(guarded: Any, shown: str) -> None:
    try:
        status = guarded.request("GET", "/v1/queries", headers={"Authorization": f"Bearer {shown}"}).status
    except ConnectionError:
        return  # closed before all of an over-long header was read
    assert status in (400, 401, 431)


def test_the_log_names_who_asked_and_no_secret(guarded: Any, ana: str) -> None:
    guarded.get("/v1/queries?marked", **bearer(ana))
    lines = [json.loads(line) for line in guarded.log.read_bytes().splitlines() if line.startswith(b"{")]
    served = [line for line in lines if line["event"] == "request-served" and line.get("principal") == "ana"]
    assert served[-1]["credential"] == ana.rpartition("_")[0]
    assert ana.rpartition("_")[2].encode() not in guarded.log.read_bytes()


def test_limits_are_counted_over_all_hosts(serve: Any, make_project: Callable[[], Path], redis_server: Any) -> None:
    settings = {
        "GATEWAY_CACHE_REDIS": redis_server.url,
        "GATEWAY_LIMITS_REQUESTS": "30/hour",
        "GATEWAY_ACCESS_REQUIRED": "true",
    }
    hosts, key = [], None
    for _ in range(2):
        project = make_project()
        file = KeyFile(project / "keys.json")
        if key is None:
            key, text = file.add("ana", groups=("analysts",)), (project / "keys.json").read_text()
        (project / "keys.json").write_text(text)
        hosts.append(serve(project, settings))
    assert key is not None
    replies = [hosts[number % 2].get("/v1/queries", **bearer(key)) for number in range(40)]
    assert [reply.status for reply in replies] == [200] * 30 + [429] * 10
    assert replies[0].headers["ratelimit-policy"] == '"requests";q=30;w=3600'
    assert re.fullmatch(r'"requests";r=29;t=\d+', replies[0].headers["ratelimit"])
    assert int(replies[-1].headers["retry-after"]) >= 1
    assert replies[-1].json()["type"] == "/errors/quota-exceeded"

    redis_server.signal(signal.SIGSTOP)
    try:
        assert {hosts[0].get("/v1/queries", **bearer(key)).status for _ in range(5)} == {200}
    finally:
        redis_server.signal(signal.SIGCONT)
    assert metric(hosts[0], "gateway_limits_failures_total") >= 1


def test_bytes_are_charged_for_what_is_run_and_hits_are_free(
    serve: Any, make_project: Callable[[], Path], redis_server: Any
) -> None:
    project = make_project()
    key = KeyFile(project / "keys.json").add("ana", groups=("analysts",))
    other = KeyFile(project / "keys.json").add("bob", groups=("analysts",))
    settings = {
        "GATEWAY_CACHE_REDIS": redis_server.url,
        "GATEWAY_LIMITS_BYTES": "1GB/hour",
        "GATEWAY_ACCESS_REQUIRED": "true",
    }
    running = serve(project, settings)
    first = running.get(DELAYS, WEEK, **bearer(key))
    size = int(first.headers["gateway-bytes"].partition("/")[0])
    for who, expected in ((key, 10**9 - size), (other, 10**9)):
        reply = running.get(DELAYS, WEEK, **bearer(who))
        assert reply.status == 200
        assert reply.headers["ratelimit"].startswith(f'"bytes";r={expected};')
    limited = "limits:\n  - to: [ana]\n    bytes: 1kB/hour\n"
    (project / "access.yaml").write_text(GRANTS + limited)
    assert running.get(DELAYS, {"start": "2013-03-01", "end": "2013-03-08"}, **bearer(key)).status == 200
    refused = running.get(DELAYS, WEEK, **bearer(key))
    assert (refused.status, refused.json()["limit"]) == (429, "bytes")
    assert running.get(DELAYS, WEEK, **bearer(other)).status == 200


def test_limits_are_counted_over_the_workers_of_a_machine(serve: Any, make_project: Callable[[], Path]) -> None:
    project = make_project()
    running = serve(project, {"GATEWAY_LIMITS_REQUESTS": "30/day"})
    replies = [running.get(DELAYS, WEEK) for _ in range(60)]  # the first is computed, the others are hits
    assert [reply.status for reply in replies] == [200] * 30 + [429] * 30
    left = [re.match(r'"requests";r=(\d+);', reply.headers["ratelimit"]) for reply in replies[:30]]
    assert [int(found[1]) for found in left if found is not None] == [*range(29, -1, -1)]
    assert running.get("/healthz").status == 200

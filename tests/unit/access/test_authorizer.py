"""Who is let in, by what they show, and what is told where they are not."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.access.authorizer import Authorizer
from gateway.access.base import ANONYMOUS
from gateway.access.grants import NOTHING, read_grants
from gateway.access.keys import NO_KEYS, KeyFile, read_keys
from gateway.access.reloading_file import ReloadingFile
from gateway.errors import AccessInvalid, Unauthenticated
from gateway.model import Principal
from gateway.telemetry.events import AccessFileFailed, AccessRefused, Event

GRANTS = "grants:\n  - to: [ana]\n    queries: [delays]\n  - to: ['*']\n    queries: [public]\n"
ANA = Principal(name="ana")


@pytest.fixture
def events() -> list[Event]:
    return []


@pytest.fixture
def file(tmp_path: Path) -> KeyFile:
    return KeyFile(tmp_path / "keys.json")


@pytest.fixture
def gatekeeper(tmp_path: Path, events: list[Event]) -> Authorizer:
    (tmp_path / "access.yaml").write_text(GRANTS)
    return opened(tmp_path, events)


def opened(folder: Path, events: list[Event], *, public_metrics: bool = True) -> Authorizer:
    keys = ReloadingFile(folder / "keys.json", read_keys, NO_KEYS, name="keys", observe=events.append)
    grants = ReloadingFile(
        folder / "access.yaml",
        lambda text: read_grants(text, path="access.yaml"),
        NOTHING,
        name="grants",
        observe=events.append,
        expected=True,
    )
    return Authorizer(keys, grants, None, observe=events.append, public_metrics=public_metrics)


@pytest.mark.parametrize(
    ("header", "form"),
    [
        ("authorization", "Bearer {}"),
        ("authorization", "bearer  {} "),
        ("x-api-key", "{}"),
        ("cookie", "gateway-key={}"),
        ("cookie", "theme=dark; gateway-key={}; x=y"),
    ],
)
def test_a_key_is_shown_in_a_header(gatekeeper: Authorizer, file: KeyFile, header: str, form: str) -> None:
    assert gatekeeper.identify({header: form.format(file.add("ana"))}) == ANA


@pytest.mark.parametrize("headers", [{}, {"cookie": "theme=dark"}, {"cookie": "gateway-key="}])
def test_who_shows_nothing_is_anonymous(gatekeeper: Authorizer, headers: dict[str, str]) -> None:
    assert gatekeeper.identify(headers) == ANONYMOUS


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "Bearer qg_aaaaaaaaaa_wrong"},
        {"authorization": "Bearer"},
        {"authorization": "Basic YW5hOmFuYQ=="},
        {"authorization": ""},
        {"x-api-key": ""},
        {"x-api-key": "eyJhbGciOiJub25lIn0.e30."},
        {"cookie": "gateway-key=qg_aaaaaaaaaa_wrong"},
    ],
)
def test_what_is_not_valid_is_refused(gatekeeper: Authorizer, headers: dict[str, str]) -> None:
    with pytest.raises(Unauthenticated) as caught:
        gatekeeper.identify(headers)
    assert caught.value.headers == {"WWW-Authenticate": 'Bearer realm="query-gateway", error="invalid_token"'}


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_cookie_counts_for_nothing_in_a_request_from_another_site(
    gatekeeper: Authorizer, file: KeyFile, site: str
) -> None:
    headers = {"cookie": f"gateway-key={file.add('ana')}", "sec-fetch-site": site}
    assert gatekeeper.identify(headers) == ANONYMOUS


@pytest.mark.parametrize(
    ("origin", "counts"),
    [
        (None, True),
        ("http://gateway.example:8080", True),
        ("http://GATEWAY.example:8080", True),
        ("http://gateway.example", False),
        ("http://gateway.example:9090", False),
        ("http://app.gateway.example:8080", False),
        ("https://elsewhere.example", False),
        ("null", False),
        ("", False),
    ],
)
def test_over_plain_http_a_cookie_counts_for_nothing_in_a_request_of_another_origin(
    gatekeeper: Authorizer, file: KeyFile, origin: str | None, counts: bool
) -> None:
    headers = {"cookie": f"gateway-key={file.add('ana')}", "host": "gateway.example:8080"}
    headers |= {} if origin is None else {"origin": origin}
    assert (gatekeeper.identify(headers) == ANA) is counts
    key = {"x-api-key": headers["cookie"].partition("=")[2]}
    assert gatekeeper.identify(headers | key) == ANA


def test_a_key_that_was_revoked_is_refused_at_once(gatekeeper: Authorizer, file: KeyFile) -> None:
    key = file.add("ana")
    assert gatekeeper.identify({"x-api-key": key}) == ANA
    before = gatekeeper.generation
    file.revoke(key)
    assert gatekeeper.generation > before
    with pytest.raises(Unauthenticated):
        gatekeeper.identify({"x-api-key": key})


def test_the_log_names_the_key_that_was_refused_without_its_secret(
    gatekeeper: Authorizer, file: KeyFile, events: list[Event]
) -> None:
    key = file.add("ana")
    file.revoke(key)
    with pytest.raises(Unauthenticated):
        gatekeeper.identify({"x-api-key": key})
    assert events[-1] == AccessRefused(reason="revoked-key", credential=key.rpartition("_")[0])


def test_an_expired_key_is_told_so(gatekeeper: Authorizer, file: KeyFile) -> None:
    key = file.add("ana", lifetime=0)
    with pytest.raises(Unauthenticated, match="expired"):
        gatekeeper.identify({"x-api-key": key})


def test_broken_keys_let_in_whom_the_last_good_ones_let_in_and_nobody_else(
    gatekeeper: Authorizer, file: KeyFile, tmp_path: Path, events: list[Event]
) -> None:
    key = file.add("ana")
    assert gatekeeper.identify({"x-api-key": key}) == ANA
    (tmp_path / "keys.json").write_text("{")
    assert gatekeeper.identify({"x-api-key": key}) == ANA
    with pytest.raises(Unauthenticated):
        gatekeeper.identify({"x-api-key": "qg_aaaaaaaaaa_wrong"})
    assert any(isinstance(event, AccessFileFailed) for event in events)
    assert list(gatekeeper.failures()) == ["keys"]


def test_broken_grants_stay_as_they_were(gatekeeper: Authorizer, tmp_path: Path) -> None:
    assert gatekeeper.may(ANA, "query", "delays")
    (tmp_path / "access.yaml").write_text("grants: [")
    assert gatekeeper.may(ANA, "query", "delays")
    assert not gatekeeper.may(ANA, "query", "other")
    gatekeeper.ready()


@pytest.mark.parametrize("text", ["grants: [", None])
def test_without_good_grants_nobody_may_do_anything(tmp_path: Path, events: list[Event], text: str | None) -> None:
    if text is not None:
        (tmp_path / "access.yaml").write_text(text)
    gatekeeper = opened(tmp_path, events)
    assert not gatekeeper.may(ANA, "query", "delays")
    assert not gatekeeper.shared("query", "public")
    with pytest.raises(AccessInvalid):
        gatekeeper.ready()


def test_changed_grants_count_at_once(gatekeeper: Authorizer, tmp_path: Path) -> None:
    before = gatekeeper.generation
    (tmp_path / "access.yaml").write_text(GRANTS.replace("[ana]", "[bob]"))
    assert gatekeeper.generation > before
    assert not gatekeeper.may(ANA, "query", "delays")


def test_what_everybody_may_see_may_be_shared(gatekeeper: Authorizer) -> None:
    assert gatekeeper.shared("query", "public")
    assert not gatekeeper.shared("query", "delays")


def test_metrics_are_for_everybody_unless_the_operator_says_otherwise(tmp_path: Path, events: list[Event]) -> None:
    (tmp_path / "access.yaml").write_text(GRANTS)
    assert opened(tmp_path, events).shared("metrics", "")
    assert not opened(tmp_path, events, public_metrics=False).shared("metrics", "")

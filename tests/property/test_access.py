"""No set of grants lets a hidden name be told from one that does not exist."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from sites import Lenient, bare_site

from gateway.access.base import ANONYMOUS
from gateway.access.grants import Declaration, Grants
from gateway.model import Principal
from gateway.query.registry import Registry
from gateway.query.template import Template
from gateway.web.context import Site
from gateway.web.site import build_site

NAMES = ("a", "ab", "abc", "fin.a", "fin.ab", "fin.eu.a", "ops_a", "ops_b")
TARGET = "fin.abx"
PATHS = ["", "/v1", "/v2", "/latest", "/nonsense", "/v1/result", "/v1/result.csv?x=1", "/v1/explain?_format=text"]
PATTERNS = ["*", "fin.*", "fin.a*", "*a", "*x", "ops_*", TARGET, *NAMES]
WHO = {"ana": {"g1"}, "bob": {"g1", "g2"}, "eve": set[str]()}

recipients = st.lists(st.sampled_from(["*", "authenticated", "group:g1", "group:g2", *WHO]), min_size=1, max_size=3)
grants = st.lists(
    st.fixed_dictionaries(
        {"to": recipients, "queries": st.lists(st.sampled_from(PATTERNS), min_size=1, max_size=3, unique=True)}
    ),
    max_size=4,
)


class GrantedAccess(Lenient):
    """Takes the name in ``X-Api-Key`` for who asks."""

    def __init__(self, declaration: list[dict[str, Any]]) -> None:
        self._grants = Grants(Declaration.model_validate({"grants": declaration}))

    def identify(self, headers: Mapping[str, str], *, wait: bool = True) -> Principal:
        name = headers.get("x-api-key")
        return ANONYMOUS if name is None else Principal(name=name, groups=frozenset(WHO[name]))

    def may(self, principal: Principal, action: str, name: str) -> bool:
        return self._grants.may(principal, action, name)

    def shared(self, action: str, name: str) -> bool:
        return self.may(ANONYMOUS, action, name)


class OnlyRegistry:
    """A gateway of which nothing but the registry is asked."""

    def __init__(self, names: list[str]) -> None:
        self.registry = Registry.of([template(name) for name in names])
        self.catalog = None


@cache
def template(name: str) -> Template:
    text = "/*\nsummary: x\n*/\nSELECT 1 AS a FROM t"
    return Template.load(text, path=f"queries/{name}/v1.sql", name=name, version=1, tables={"t"})


@cache
def site_of(names: tuple[str, ...]) -> tuple[Site, FlaskClient]:
    site = bare_site(OnlyRegistry([*names]))
    return site, build_site(site).test_client()


def client(access: GrantedAccess, names: tuple[str, ...]) -> FlaskClient:
    site, found = site_of(names)
    site.access = access
    return found


@given(
    declaration=grants,
    names=st.sampled_from([(), NAMES, NAMES[:3], NAMES[3:6]]),
    who=st.sampled_from([None, *WHO]),
    path=st.sampled_from(PATHS),
    method=st.sampled_from(["GET", "POST", "HEAD", "OPTIONS", "DELETE"]),
)
def test_whether_a_name_that_may_not_be_seen_exists_changes_nothing(
    declaration: list[dict[str, Any]], names: tuple[str, ...], who: str | None, path: str, method: str
) -> None:
    access = GrantedAccess(declaration)
    headers = {"X-Request-Id": "one"} | ({} if who is None else {"X-Api-Key": who})
    if access.may(access.identify({} if who is None else {"x-api-key": who}), "query", TARGET):
        return
    answers = []
    for registered in (names, (*names, TARGET)):
        asked = client(access, registered)
        answers.append(
            [
                (reply.status, sorted(reply.headers), reply.get_data())
                for target in (f"/v1/queries/{TARGET}{path}", f"/docs/{TARGET}/v1", "/v1/queries", "/docs", "/")
                for reply in [asked.open(target, method=method, headers=headers)]
            ]
        )
    assert answers[0] == answers[1]
    assert answers[0][0][0].split()[0] in ("401", "404", "405")


@given(
    declaration=grants,
    asked=st.text(st.characters(exclude_characters="/?#%", exclude_categories=["Cs"]), min_size=1, max_size=20),
)
def test_suggestions_are_of_what_may_be_seen(declaration: list[dict[str, Any]], asked: str) -> None:
    access = GrantedAccess(declaration)
    visible = {name for name in NAMES if access.may(access.identify({"x-api-key": "ana"}), "query", name)}
    reply = client(access, NAMES).get(f"/v1/queries/{asked}", headers={"X-Api-Key": "ana"})
    if reply.status_code == 404:
        assert set(reply.json.get("suggestions", [])) <= visible
        for name in set(NAMES) - visible - {asked}:
            assert f"Did you mean {name}?" not in reply.text

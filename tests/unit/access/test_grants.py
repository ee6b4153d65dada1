"""What is granted may be done, by whom it is granted to, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.access.base import ANONYMOUS, OPEN
from gateway.access.grants import Grants, check_grants, read_grants
from gateway.access.rates import NO_LIMIT, Rate
from gateway.access.reloading_file import FileUnreadable
from gateway.model import Principal

ANA = Principal(name="ana", groups=frozenset({"analysts"}))
BOB = Principal(name="bob")
TEXT = """
grants:
  - to: ["*"]
    queries: [public.*]
  - to: [authenticated]
    queries: [delays]
  - to: [group:analysts]
    queries: [finance.*, "*_daily"]
    tables: [flights]
  - to: [bob]
    tables: [planes, "weather*"]
    actions: [refresh, cache]
limits:
  - to: [bob]
    requests: 5/second
    bytes: unlimited
  - to: [group:analysts, "*"]
    bytes: 1GiB/hour
"""


@pytest.fixture
def grants() -> Grants:
    return read_grants(TEXT, path="access.yaml")


@pytest.mark.parametrize(
    ("who", "action", "name", "expected"),
    [
        (ANONYMOUS, "query", "public.totals", True),
        (BOB, "query", "public.totals", True),
        (ANONYMOUS, "query", "public", False),
        (ANONYMOUS, "query", "delays", False),
        (BOB, "query", "delays", True),
        (BOB, "query", "delays2", False),
        (ANA, "query", "finance.revenue", True),
        (ANA, "query", "finance.eu.revenue", True),
        (ANA, "query", "financeXrevenue", False),
        (ANA, "query", "finance.revenue\n", True),
        (ANA, "query", "sales_daily", True),
        (ANA, "query", "sales_daily_old", False),
        (BOB, "query", "finance.revenue", False),
        (ANA, "table", "flights", True),
        (ANA, "refresh", "flights", False),
        (BOB, "table", "flights", False),
        (BOB, "table", "planes", True),
        (BOB, "refresh", "planes", True),
        (BOB, "refresh", "weather_2013", True),
        (BOB, "refresh", "flights", False),
        (BOB, "cache", "", True),
        (BOB, "reload", "", False),
        (ANA, "cache", "", False),
        (ANA, "query", "", False),
        (ANA, "nonsense", "flights", False),
    ],
)
def test_a_principal_may_do_what_is_granted(
    grants: Grants, who: Principal, action: str, name: str, expected: bool
) -> None:
    assert grants.may(who, action, name) is expected


@pytest.mark.parametrize("name", ["*", "authenticated", "group:analysts", "anonymous"])
def test_a_name_claims_nothing_that_it_does_not_have(grants: Grants, name: str) -> None:
    impostor = Principal(name=name)
    assert not grants.may(impostor, "query", "sales_daily")


def test_a_group_of_the_name_of_a_user_is_not_the_user(grants: Grants) -> None:
    assert not grants.may(Principal(name="eve", groups=frozenset({"bob", "*", "authenticated"})), "cache", "")


@pytest.mark.parametrize(
    ("who", "requests", "scanned"),
    [
        (BOB, Rate(amount=5, seconds=1), NO_LIMIT),
        (ANA, None, Rate(amount=2**30, seconds=3600)),
        (ANONYMOUS, None, Rate(amount=2**30, seconds=3600)),
    ],
)
def test_the_first_limit_that_is_for_a_principal_counts(
    grants: Grants, who: Principal, requests: Rate | None, scanned: Rate | None
) -> None:
    found = grants.limit(who)
    assert found is not None
    assert (found.requests, found.bytes) == (requests, scanned)


def test_each_action_is_granted_by_itself_and_on_what_its_grant_names() -> None:
    on_tables = ("refresh", "build", "tag", "cancel", "read")
    for granted in (*on_tables, "export", "cache", "reload", "metrics"):
        text = f"grants:\n  - {{to: [ana], queries: [q], tables: [t], actions: [{granted}]}}\n"
        grants = read_grants(text, path="access.yaml")
        for action in (*on_tables, "export", "cache", "reload", "metrics"):
            named = {"t"} if action in on_tables else {"q"} if action == "export" else {"t", "q"}
            for name in ("t", "q"):
                assert grants.may(ANA, action, name) == (action == granted and name in named), (granted, action, name)


def test_without_access_control_nobody_has_anything_written() -> None:
    may = {action: OPEN.may(ANONYMOUS, action, "x") for action in ("query", "table", "refresh", "read", "cache")}
    assert all(may.values())
    for action in ("build", "tag", "cancel", "export"):
        assert not OPEN.may(ANONYMOUS, action, "x")


def test_an_empty_file_grants_nothing() -> None:
    assert not read_grants("", path="access.yaml").may(ANA, "query", "delays")


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("grants:\n  - to: [ana]\n", 2, "grants nothing"),
        ("grants:\n  - to: [ana]\n    actions: [refresh]\n", 2, "refresh needs tables"),
        ("grants:\n  - to: [ana]\n    queries: [a]\n    actions: [build]\n", 2, "build needs tables"),
        ("grants:\n  - to: [ana]\n    tables: [a]\n    actions: [export]\n", 2, "export needs queries"),
        ("grants:\n  - to: []\n    queries: [a]\n", 2, "names nobody"),
        ("grants:\n  - to: ['group:']\n    queries: [a]\n", 2, "names nobody"),
        ("grants:\n  - to: [ana]\n    queries: [A]\n", 3, "names nothing"),
        ("grants:\n  - to: [ana]\n    queries: [nothere]\n", 3, "there is no query 'nothere'"),
        ("grants:\n  - to: [ana]\n    tables: [b*, nothere]\n", 3, "there is no table 'nothere'"),
        ("grants:\n  - to: [ana]\n    actions: [drop]\n", 3, "refresh"),
        ("grants:\n  - to: [ana]\n    query: [a]\n", 3, "unknown key 'query'"),
        ("limits:\n  - to: [ana]\n", 2, "limits nothing"),
        ("limits:\n  - to: [ana]\n    requests: 5\n", 3, "is not a rate"),
        ("grants: [\n", 1, "the [ that opens here is not closed"),
    ],
)
def test_a_mistake_is_told_with_its_line(text: str, line: int, message: str) -> None:
    [found] = check_grants(text, path="access.yaml", queries={"a"}, tables={"b"})
    assert (found.path, found.line) == ("access.yaml", line)
    assert message in found.message


@pytest.mark.parametrize("document", ["[]", "3", "grants: 3", "grants: [3]", "{grants: {to: [a]}}"])
def test_another_document_is_refused(document: Any) -> None:
    with pytest.raises(FileUnreadable):
        read_grants(document, path="access.yaml")


def test_a_pattern_is_not_blamed_for_what_does_not_exist_yet() -> None:
    text = "grants:\n  - to: [ana]\n    queries: [finance.*]\n"
    assert check_grants(text, path="access.yaml", queries=(), tables=()) == ()

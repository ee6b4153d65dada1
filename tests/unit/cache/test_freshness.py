"""What becomes of a request at the cache: one outcome for what is kept, the policy, the caller and the time."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from gateway.answer import Directives, Outcome
from gateway.cache.freshness import Stored, decide, prepared
from gateway.cache.tier import Ready, Validation
from gateway.model import CachePolicy, Result

POLICY = CachePolicy(ttl=60, stale_while_revalidate=600, stale_if_error=1_200)
CHECKED = 1_000_000.0
OLD, NEW = "aa", "bb"
RESULT = Result(key=OLD, table=pa.table({}), columns=(), readings=(), created_at=CHECKED, seconds=0.1)
VALIDATION = Validation(key=OLD, checked_at=CHECKED)


def outcome(
    age: float,
    key: str | None = None,
    *,
    policy: CachePolicy = POLICY,
    directives: Directives | None = None,
    newest: bool = True,
    ceiling: float = 86_400.0,
    failed: bool = False,
) -> Outcome:
    stored = Stored(validation=VALIDATION, result=RESULT, newest=newest)
    given = directives or Directives()
    return decide(stored, key, policy, given, CHECKED + age, ceiling=ceiling, failed=failed)


@pytest.mark.parametrize(
    ("age", "circumstances", "expected"),
    [
        (59, {}, Outcome.HIT),
        (60, {}, Outcome.MISS),
        (59, {"newest": False}, Outcome.MISS),
        (59, {"directives": Directives(no_cache=True)}, Outcome.MISS),
        (10, {"directives": Directives(max_age=10)}, Outcome.HIT),
        (11, {"directives": Directives(max_age=10)}, Outcome.MISS),
        (-5, {}, Outcome.HIT),
        (-6, {}, Outcome.MISS),
        (10**6, {"key": OLD}, Outcome.REVALIDATED),
        (10**6, {"key": OLD, "directives": Directives(no_cache=True)}, Outcome.REVALIDATED),
        (60, {"key": NEW}, Outcome.STALE_WHILE_REVALIDATE),
        (659, {"key": NEW}, Outcome.STALE_WHILE_REVALIDATE),
        (660, {"key": NEW}, Outcome.MISS),
        (100, {"key": NEW, "newest": False}, Outcome.MISS),
        (100, {"key": NEW, "directives": Directives(no_cache=True)}, Outcome.MISS),
        (100, {"key": NEW, "ceiling": 40.0}, Outcome.MISS),
        (1_259, {"failed": True}, Outcome.STALE_IF_ERROR),
        (1_260, {"failed": True}, Outcome.MISS),
        (100, {"failed": True, "newest": False}, Outcome.STALE_IF_ERROR),
        (100, {"failed": True, "directives": Directives(max_age=99)}, Outcome.MISS),
        (100, {"failed": True, "ceiling": 40.0}, Outcome.MISS),
        (0, {"key": OLD, "policy": CachePolicy(enabled=False)}, Outcome.BYPASS),
    ],
)
def test_a_kept_answer_has_one_outcome(age: float, circumstances: dict[str, Any], expected: Outcome) -> None:
    assert expected is outcome(age, **circumstances)


@pytest.mark.parametrize(("enabled", "expected"), [(True, Outcome.MISS), (False, Outcome.BYPASS)])
def test_nothing_kept_is_computed(enabled: bool, expected: Outcome) -> None:
    policy = CachePolicy(enabled=enabled, stale_if_error=600)
    assert expected is decide(None, NEW, policy, Directives(), CHECKED, ceiling=86_400.0, failed=True)


def test_a_ready_answer_is_sent_within_its_ttl_only() -> None:
    ready = Ready(VALIDATION, RESULT, b"body")
    fresh = prepared(ready, RESULT, POLICY, CHECKED + 59)
    assert fresh is not None
    assert (fresh.body, fresh.age, fresh.left) == (b"body", 59, 1)
    assert prepared(ready, RESULT, POLICY, CHECKED + 60) is None

"""Every rule of ``gateway check`` has its line in docs/checks.md, and no other has one."""

from __future__ import annotations

import re
from pathlib import Path

from gateway.errors import Rule, Severity

PAGE = (Path(__file__).parents[2] / "docs" / "checks.md").read_text(encoding="utf-8")


def test_every_rule_is_documented() -> None:
    section = PAGE.split("## The rules")[1]
    assert sorted(rule.value for rule in Rule) == sorted(re.findall(r"^\| `([a-z-]+)` \|", section, re.MULTILINE))


def test_every_severity_is_documented() -> None:
    section = PAGE.split("## The rules")[0]
    assert [each.value for each in Severity] == re.findall(r"^\| `([a-z]+)` \|", section, re.MULTILINE)

"""The example of docs/templates.md is a valid template, and its tables name every key and type."""

from __future__ import annotations

import re
from pathlib import Path

from gateway.query.front_matter import CacheRules, FrontMatter
from gateway.query.parameters import Parameter
from gateway.query.template import Template
from gateway.query.types import NAMES

README = (Path(__file__).parents[3] / "docs" / "templates.md").read_text(encoding="utf-8")


def test_the_example_is_a_valid_template() -> None:
    found = re.search(r"```sql\n(.*?)```", README, re.DOTALL)
    assert found is not None
    template = Template.load(found[1], path="example", name="example", version=1, tables=["flights"])
    assert template.tables == ("flights",)


def test_every_key_is_documented() -> None:
    keys = {*FrontMatter.model_fields, *CacheRules.model_fields, *Parameter.model_fields} - {"enabled"}
    assert {key for key in keys if f"`{key}`" not in README and f"{{{key}:" not in README} == set()


def test_every_type_is_documented() -> None:
    signed = {name.removeprefix("u") if name.endswith(("int", "integer")) else name for name in NAMES}
    assert {name for name in signed if f"`{name}`" not in README} == set()

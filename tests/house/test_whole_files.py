"""The texts that are damaged, misspelt and held against the schemas have every key that is accepted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from whole_files import kinds

from gateway.authoring.json_schemas import NAMES, schema

WHOLE = [name for name in NAMES if name != "settings"]
"""Kinds whose text has all keys; that of settings has those with a default."""
LEFT_OUT = {"now"}
"""Of tests: one edit makes it ``no``, which YAML reads as false, not as a name."""


def properties(value: Any) -> Iterator[str]:
    """List the names of all properties in a schema."""
    if isinstance(value, dict):
        yield from value.get("properties", {})
    for below in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from properties(below)


@pytest.mark.parametrize("name", WHOLE)
def test_the_whole_text_of_a_kind_has_every_key_of_its_schema(name: str, tmp_path: Path) -> None:
    [kind] = [each for each in kinds(tmp_path) if each.name == name]
    accepted = set(properties(schema(name)))
    assert accepted
    assert {key for key in accepted - LEFT_OUT if not re.search(rf"\b{key}:", kind.text + kind.beside)} == set()

"""The page for people who declare tables says what the models and transforms do."""

from __future__ import annotations

import re
from pathlib import Path

import pyarrow as pa
import pytest
from pydantic import AliasPath, BaseModel

from gateway.catalog.partition_field import PartitionField
from gateway.catalog.table import ScanLimits, Table, parse_table
from gateway.catalog.transforms import KINDS, parse_transform

PAGE = (Path(__file__).parents[2] / "catalog" / "README.md").read_text(encoding="utf-8")
SOURCE_TYPES = {"34": "INTEGER", "-1": "INTEGER", "50": "INTEGER", "2013-06-01 09:30:00": "TIMESTAMP"}
TRANSFORMS = re.findall(r"^\| `([^`]+)` \| `([^`]+)` \| `([^`]+)` \| ([^|]+) \|$", PAGE, re.MULTILINE)


def keys_after(text: str) -> list[str]:
    """List the keys of the first table after *text*."""
    table = PAGE[PAGE.index(text) :].split("| --- |", 1)[1].split("\n\n", 1)[0]
    return re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)


@pytest.mark.parametrize(
    ("text", "model"),
    [("## The keys", Table), ("A key of `partitioned_by`", PartitionField), ("A key of `limits`", ScanLimits)],
)
def test_every_key_is_documented(text: str, model: type[BaseModel]) -> None:
    views = {name for name, field in model.model_fields.items() if isinstance(field.validation_alias, AliasPath)}
    assert sorted(keys_after(text)) == sorted(model.model_fields.keys() - views)


def test_every_transform_is_documented() -> None:
    assert {re.split(r"[\[{]", written)[0] for written, *_ in TRANSFORMS} == set(KINDS)


@pytest.mark.parametrize(("written", "value", "folder", "result"), TRANSFORMS)
def test_every_example_of_a_transform_is_true(written: str, value: str, folder: str, result: str) -> None:
    transform = parse_transform(written)
    source = SOURCE_TYPES.get(value, "VARCHAR")
    assert transform.apply(pa.array([value]), source).to_pylist() == [folder]
    assert transform.result_type(source) == (source if result == "that of the source" else result)


def test_the_example_is_a_declaration() -> None:
    example = re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert example is not None
    assert parse_table(example[1], "flights.yaml").limits.require_filter == ("day",)

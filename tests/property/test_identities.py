"""What names data in a shared place: the same for the same data, another for anything else."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.catalog.store import S3Settings, place_of
from gateway.catalog.table import Table

BASE = Path("/srv/project")
PLAIN: Mapping[str, Any] = {"table": "t", "location": "data", "columns": {"a": "BIGINT", "b": "VARCHAR", "c": "DATE"}}
OTHER: Mapping[str, Any] = {
    "files": "part-*",
    "table": "u",
    "columns": {"a": "BIGINT", "b": "VARCHAR"},
    "partitioned_by": [{"column": "day", "transform": "day", "source": "c"}],
    "union_by_name": True,
    "query": "q/v1",
    "version": "v7",
}
"""Another value of each part of a declaration that means something."""
MEANINGLESS: Mapping[str, Any] = {
    "location": "elsewhere",
    "description": "Text",
    "replicas": ["s3://b/t"],
    "refresh": "5m",
    "sorted_by": ["a"],
    "limits": {"max_files": 3},
    "statistics": True,
    "ignore_table_format": True,
    "parameters": {"n": 1},
    "keep": {"versions": 3},
    "owner": "shop",
    "column_descriptions": {"a": "Text"},
    "build": {"on": "refresh", "every": "1h"},
    "unfiltered": True,
}


def identity(more: Mapping[str, Any] | None = None, place: str = "here") -> str:
    return Table.model_validate({**PLAIN, **(more or {})}).identity(place)


def test_every_part_of_a_declaration_is_known_to_mean_something_or_not() -> None:
    assert {*OTHER, *MEANINGLESS, "layouts"} == set(Table.model_fields)  # layouts are declared as partitioned_by


def test_layouts_mean_something() -> None:
    day = {"column": "day", "transform": "day", "source": "c"}
    month = {"column": "month", "transform": "month", "source": "c"}
    written = ([[month], [day]], [[day], [month]], [month, day], [day])
    assert len({identity({"partitioned_by": one}) for one in written}) == len(written)


@pytest.mark.parametrize("part", OTHER)
def test_a_part_that_means_something_makes_another_table(part: str) -> None:
    assert identity({part: OTHER[part]}) != identity()


@pytest.mark.parametrize("part", MEANINGLESS)
def test_a_part_that_cannot_change_an_answer_does_not(part: str) -> None:
    assert identity({part: MEANINGLESS[part]}) == identity()


def test_the_order_of_the_columns_means_something() -> None:
    assert identity({"columns": {"b": "VARCHAR", "a": "BIGINT", "c": "DATE"}}) != identity()


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("transform", "month"),
        ("source", "b"),
        ("column", "d"),
        ("enforced", False),
        ("format", "%Y%m%d"),
    ],
)
def test_every_part_of_a_folder_level_means_something(part: str, value: object) -> None:
    level = {"column": "day", "transform": "identity" if part == "source" else "day", "source": "c"}
    assert identity({"partitioned_by": [{**level, part: value}]}) != identity({"partitioned_by": [level]})


def test_what_is_written_as_it_is_by_default_is_the_same_table() -> None:
    assert identity({"union_by_name": False, "partitioned_by": []}) == identity()


buckets = st.sampled_from(["s3://a", "s3://b", "s3://a/b", "s3://ab", "gs://a", "az://a", "az://a/b", "file:///a", "a"])
servers = st.sampled_from(
    [None, "http://one", "http://one:9000", "http://two:9000", "https://one", "https://one:9000", "http://[::1]:9000"]
)
regions = st.sampled_from(["eu-west-1", "us-east-1"])
accounts = st.sampled_from(["", "blue", "green"])
Place = tuple[str, str | None, str, str]
places = st.tuples(buckets, servers, regions, accounts)


def place(given: Place) -> str:
    location, endpoint, region, account = given
    environment = {"AZURE_STORAGE_ACCOUNT_NAME": account}
    return place_of(location, S3Settings(endpoint=endpoint, region=region), BASE, environment)


def meant(given: Place) -> tuple[object, ...]:
    location, endpoint, region, account = given
    if location.startswith("s3:"):
        return location, endpoint, region
    return (location, account) if location.startswith("az:") else (location,)


@given(places, places)
def test_two_places_have_one_text_exactly_where_they_hold_the_same_data(one: Place, other: Place) -> None:
    assert (place(one) == place(other)) == (meant(one) == meant(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("http://one", "http://one:80"),
        ("https://one/", "https://one:443"),
        ("http://ONE:9000", "http://one:9000/"),
    ],
)
def test_an_endpoint_has_one_text_however_it_is_spelled(one: str, other: str) -> None:
    assert place(("s3://a", one, "r", "")) == place(("s3://a", other, "r", ""))


@pytest.mark.parametrize("location", ["data", "data/", "file:///srv/project/data", "file:///srv/project/%64ata"])
def test_a_folder_has_one_text_however_it_is_spelled(location: str) -> None:
    assert place_of(location, S3Settings(), BASE) == "file:/srv/project/data/"


@given(places, places)
def test_tables_in_two_places_are_two_tables(one: Place, other: Place) -> None:
    assert (identity(place=place(one)) == identity(place=place(other))) == (meant(one) == meant(other))

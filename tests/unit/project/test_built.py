"""Declarations of datasets: each mistake has its line, its column and what is right."""

from __future__ import annotations

from pathlib import Path

import pytest
from built_tables import Sales
from whole_files import DATASET

from gateway.catalog.table import parse_table
from gateway.declaration import DeclarationError
from gateway.project.loader import ProjectLoader, load_project

TOP = "table: built\nlocation: built\n"
MISTAKES = [
    ("query: q", "3:1: query: 'q' names no version of a query: a dataset holds what one published version answers "
     "(name the version: q/v1)"),
    ("querry: q/v1", "3:1: unknown key 'querry' (did you mean"),
    ("parameters: {a: 1}", "3:1: parameters is for datasets, and this declaration has no query "
     "(add query: NAME/v1, or remove it)"),
    ("query: q/v1\ncolumns: {a: BIGINT}", "4:1: columns says nothing in the declaration of a dataset "
     "(the columns of a dataset are those of its query: remove it)"),
    ("query: q/v1\nreplicas: [s3://a/b]", "4:1: replicas says nothing in the declaration of a dataset "
     "(a copy may have older versions than the location: remove it)"),
    ("query: q/v1\npartitioned_by: [{column: d, source: d, enforced: false}]", "4:41: the build puts each row into the "
     "folder of its source, so enforced: false says nothing (remove it)"),
    ("query: q/v1\npartitioned_by: [[], [{column: d, source: d}]]", "4:18: a dataset has one layout: each of its "
     "versions is written whole (write one list of levels)"),
    ("query: q/v1\nkeep: {versions: 0}", "4:8: keep.versions: input should be greater than or equal to 1"),
    ("query: q/v1\nkeep: {replaced: 1m}", "4:8: keep.replaced: input should be greater than or equal to 3600"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), MISTAKES)
def test_a_mistake_is_told_with_its_place_and_what_is_right(text: str, expected: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        parse_table(f"{TOP}{text}\n", "catalog/built.yaml")
    assert f"catalog/built.yaml:{expected}" in str(caught.value)


def test_a_declaration_with_every_key_of_datasets_is_right_and_a_misspelt_one_is_told_once() -> None:
    parse_table(DATASET, "catalog/events_by_day.yaml")
    for key in ("query", "parameters", "keep", "unfiltered", "replaced", "versions", "version"):
        with pytest.raises(DeclarationError) as caught:
            parse_table(DATASET.replace(f"{key}:", f"{key}x:"), "catalog/events_by_day.yaml")
        assert [each.message for each in caught.value.diagnostics] == [f"unknown key {f'{key}x'!r}"]


def told(sales: Sales) -> list[str]:
    return [str(each) for each in load_project(sales.folder).diagnostics]


def test_the_query_of_a_dataset_is_one_that_there_is_with_parameters_that_it_has(tmp_path: Path) -> None:
    sales = Sales(tmp_path)
    sales.declare("SELECT ts FROM sales", "partitioned_by: [{column: d, transform: day, source: ts}]")
    assert told(sales) == []
    declaration, text = tmp_path / "catalog" / "built.yaml", "table: built\nlocation: built\n"
    declaration.write_text(f"{text}query: q/v2\n")
    assert told(sales) == ["catalog/built.yaml:3:1: q/v2 does not exist, or has mistakes (there is q/v1)"]
    declaration.write_text(f"{text}query: q/v1\nparameters:\n  day: 2024-01-01\n")
    [error] = told(sales)
    assert error.startswith("catalog/built.yaml:5:3: the parameter day of q/v1 is not a parameter of this query")
    sales.declare("SELECT ts FROM built", "")
    assert told(sales) == ["catalog/built.yaml:3:1: q/v1 reads built, which would be built of itself"]


def test_what_was_built_is_served_though_its_query_is_gone(tmp_path: Path) -> None:
    sales = Sales(tmp_path)
    sales.declare("SELECT ts FROM sales", "")
    loader = ProjectLoader(tmp_path)
    loader.accept(loader.read())
    (tmp_path / "queries" / "q" / "v1.sql").unlink()
    project = loader.read()
    assert (len(project.diagnostics), "built" in project.tables) == (1, True)

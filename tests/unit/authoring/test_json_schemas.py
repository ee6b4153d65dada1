"""JSON Schemas for editors: they accept every file of this repository, and refuse misspelt keys as the gateway does."""

from __future__ import annotations

import json
import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from misspelt import one_edit
from whole_files import Kind, kinds

from gateway.authoring.json_schemas import NAMES, schema, schema_line
from gateway.catalog.transforms import KINDS, TransformError, parse_transform
from gateway.cli import main
from gateway.declaration import Declared
from gateway.query.front_matter import declared_front_matter

ROOT = Path(__file__).parents[3]
STARTER = ROOT / "gateway" / "authoring" / "starter"
TABLE = {"table": "t", "location": "x"}
FILES = [
    *(("table", path) for path in (*ROOT.glob("catalog/*.yaml"), *STARTER.glob("catalog/*.yaml"))),
    *(("query", path) for folder in (ROOT, STARTER) for path in folder.glob("queries/**/*.sql")),
    *(("tests", path) for folder in (ROOT, STARTER) for path in folder.glob("queries/**/*.test.yaml")),
    *(("settings", path) for path in (ROOT / "gateway.toml", STARTER / "gateway.toml")),
]


def document(kind: str, text: str) -> Any:
    """Read a text as an editor does, by YAML 1.2: dates are texts, and so is the key ``on``."""
    if kind == "settings":
        return tomllib.loads(text)
    value = declared_front_matter(text, "v1.sql").value if kind == "query" else Declared(text, "file").value
    return json.loads(json.dumps(value, default=date.isoformat), object_pairs_hook=_with_on)


def _with_on(members: list[tuple[str, Any]]) -> dict[str, Any]:
    return {"on" if name == "true" else name: value for name, value in members}


def errors(kind: str, value: Any) -> list[str]:
    validator = Draft202012Validator(schema(kind))
    return [error.message for error in validator.iter_errors(value)]


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_is_one(name: str) -> None:
    Draft202012Validator.check_schema(schema(name))


@pytest.mark.parametrize(
    ("kind", "path"), FILES, ids=lambda value: value if isinstance(value, str) else value.parent.name
)
def test_the_files_of_the_repository_are_valid(kind: str, path: Path) -> None:
    assert errors(kind, document(kind, path.read_text(encoding="utf-8"))) == []


@pytest.fixture
def kind(request: pytest.FixtureRequest, tmp_path: Path) -> Kind:
    [found] = [each for each in kinds(tmp_path) if each.name == request.param]
    return found


@pytest.mark.parametrize("kind", NAMES, indirect=True)
def test_a_text_with_every_key_is_valid_and_each_misspelt_key_is_not(kind: Kind) -> None:
    whole = document(kind.name, kind.text)
    assert errors(kind.name, whole) == []
    tried = 0
    for place, key in keys(whole):
        if key in kind.free:
            continue
        for wrong in list(one_edit(key))[::5]:
            tried += 1
            assert errors(kind.name, renamed(whole, place, key, wrong)), (place, wrong)
    assert tried > 10


FREE = ("examples", "sets", "rows", "default", "parameters", "columns")
"""Keys below which an author names what he likes."""


def keys(value: Any, place: tuple[Any, ...] = ()) -> list[tuple[tuple[Any, ...], str]]:
    """List the keys of a document, but for those below what an author names as he likes."""
    below = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    if (
        place
        and place[-1] in ("examples", "sets", "rows", "default", "parameters", "columns")
        and not is_declared(value)
    ):
        return []
    own = [(place, key) for key in value] if isinstance(value, dict) else []
    return own + [found for key, each in below for found in keys(each, (*place, key))]


def is_declared(value: Any) -> bool:
    return isinstance(value, dict) and any(isinstance(each, dict) and "type" in each for each in value.values())


def renamed(value: Any, place: tuple[Any, ...], key: str, wrong: str) -> Any:
    if not place:
        return {wrong if name == key else name: each for name, each in value.items()}
    if isinstance(value, dict):
        return {
            name: renamed(each, place[1:], key, wrong) if name == place[0] else each for name, each in value.items()
        }
    return [renamed(each, place[1:], key, wrong) if at == place[0] else each for at, each in enumerate(value)]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("table", {"table": "t", "location": "x", "refresh": "5 potatoes"}),
        ("table", {"table": "t", "location": "x", "limits": {"max_bytes": "many"}}),
        ("query", {"summary": "x", "cache": "on"}),
        ("query", {"summary": "x", "parameters": {"a": {"description": "no type"}}}),
        ("settings", {"server": {"port": "http"}}),
    ],
)
def test_values_that_are_refused_are_no_valid_ones(kind: str, value: Any) -> None:
    assert errors(kind, value) != []


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("table", TABLE | {"partitioned_by": [[{"column": "d", "source": "d"}], []]}),
        (
            "table",
            {
                "table": "t",
                "location": "x",
                "partitioned_by": [{"column": "d", "source": "d", "transform": {"bucket": 4}}],
            },
        ),
        ("query", {"summary": "x", "cache": "off"}),
        ("query", {"summary": "x", "cache": False, "warm": True}),
        ("settings", {"memory": "2GiB", "server": {"drain": "2s"}, "state": ".x"}),
    ],
)
def test_every_way_to_write_a_value_is_valid(kind: str, value: Any) -> None:
    assert errors(kind, value) == []


WRITTEN = (
    *(
        "identity",
        "year",
        "month",
        "day",
        "hour",
        "month_of_year",
        "day_of_month",
        "hour_of_day",
        " day ",
        "bucket[16]",
    ),
    *("truncate [ 4 ]", "range[0, 'a, b']", "lookup{US: america, '*': x}", {"bucket": 4}, {"truncate": "4"}),
    *({"range": [0, 100]}, {"lookup": {"US": "america"}}, {"identity": None}),
)


@given(
    st.sampled_from(WRITTEN)
    | st.sampled_from([each for each in WRITTEN if isinstance(each, str)]).flatmap(
        lambda text: st.sampled_from(list(one_edit(text.strip())))
    )
    | st.dictionaries(
        st.sampled_from([*KINDS, "dayy"]), st.sampled_from([4, "x", [1, 2], {"a": "b"}, None]), max_size=2
    )
)
def test_a_transform_that_the_schema_refuses_is_refused_by_the_loader(written: object) -> None:
    found = errors("table", TABLE | {"partitioned_by": [{"column": "p", "source": "s", "transform": written}]})
    try:
        parse_transform(written)
    except TransformError:
        return
    assert found == [], written


@pytest.mark.parametrize("wrong", ["dayy", "Day", "bucket", "day[2]", "lookup[a]", "", {"day": 1}, {}, 4])
def test_a_transform_that_is_none_is_no_valid_one(wrong: object) -> None:
    with pytest.raises(TransformError):
        parse_transform(wrong)
    assert errors("table", TABLE | {"partitioned_by": [{"column": "p", "source": "s", "transform": wrong}]}) != []


def test_a_new_project_names_its_schemas_which_are_there(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["init", str(tmp_path / "shop")])
    assert result.exit_code == 0, result.output
    project = tmp_path / "shop"
    for place in ("gateway.toml", "catalog/orders.yaml", "queries/orders_by_day/v1.test.yaml"):
        path = project / place
        line = path.read_text(encoding="utf-8").split("\n")[0]
        assert line == schema_line(place)
        named = path.parent / line.split("schema=" if "schema=" in line else "schema ")[1]
        assert json.loads(named.read_text(encoding="utf-8"))["$schema"].startswith("https://json-schema.org/")
    assert CliRunner().invoke(main, ["check", "--strict", "--project", str(project)]).exit_code == 0


def test_the_command_prints_a_schema_or_writes_all(tmp_path: Path) -> None:
    (tmp_path / "gateway.toml").touch()
    printed = CliRunner().invoke(main, ["schema", "table", "--project", str(tmp_path)])
    assert json.loads(printed.stdout) == schema("table")
    (tmp_path / ".schemas").mkdir()
    (tmp_path / ".schemas" / "table.json").write_text("of an older release")
    assert CliRunner().invoke(main, ["schema", "--project", str(tmp_path)]).exit_code == 0
    assert {path.stem for path in (tmp_path / ".schemas").iterdir()} == set(NAMES)
    assert json.loads((tmp_path / ".schemas" / "table.json").read_text()) == schema("table")

"""JSON Schemas of the files of a project, for editors: generated from the models that validate these files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

import orjson
from pydantic import BaseModel

from gateway.access.grants import Declaration
from gateway.authoring.owners import FILE as OWNERS
from gateway.authoring.owners import Owners
from gateway.authoring.testfile import SUFFIX, Document
from gateway.catalog.table import Table
from gateway.config import FILE_NAME
from gateway.query.front_matter import FrontMatter
from gateway.settings import Settings

FOLDER = ".schemas"
"""Folder of a project in which its editors find the schemas."""
_MODELS: Mapping[str, tuple[type[BaseModel], str]] = {
    "table": (Table, "a table: catalog/<table>.yaml"),
    "query": (FrontMatter, "the front matter of a query: queries/<name>/v<number>.sql"),
    "tests": (Document, "the tests of a query: queries/<name>/v<number>.test.yaml"),
    "owners": (Owners, "the owners of queries: catalog/owners.yaml"),
    "access": (Declaration, "grants and limits: access.yaml"),
    "settings": (Settings, "the settings: gateway.toml"),
}
NAMES = tuple(_MODELS)
_OPTIONS = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_NOT_IN_FILE = ("project", "layouts")
"""Fields of the models that no file holds: the place of the project, and another view of ``partitioned_by``."""


@cache
def schema(name: str) -> Mapping[str, Any]:
    """Return the schema of one of ``NAMES``."""
    model, title = _MODELS[name]
    document = model.model_json_schema()
    document["properties"] = {key: each for key, each in document["properties"].items() if key not in _NOT_IN_FILE}
    if name == "settings":
        document.pop("required", None)  # every setting has a default
    return {"$schema": _DIALECT, **document, "title": title, "description": f"Query Gateway: {title}."}


def text(name: str) -> str:
    """Write the schema of one of ``NAMES``."""
    return orjson.dumps(schema(name), option=_OPTIONS).decode()


def schema_line(path: str) -> str | None:
    """Return the first line by which the file at *path* of a project names its schema; None: such a file has none.

    >>> schema_line("catalog/orders.yaml")
    '# yaml-language-server: $schema=../.schemas/table.json'
    """
    kind = _kind_of(path)
    if kind is None:
        return None
    place = f"{'../' * (len(PurePosixPath(path).parts) - 1) or './'}{FOLDER}/{kind}.json"
    return f"#:schema {place}" if kind == "settings" else f"# yaml-language-server: $schema={place}"


def _kind_of(path: str) -> str | None:
    if path == FILE_NAME:
        return "settings"
    if path == OWNERS.as_posix():
        return "owners"
    if path.startswith("catalog/") and path.endswith((".yaml", ".yml")):
        return "table"
    return "tests" if path.startswith("queries/") and path.endswith(SUFFIX) else None


def write_schemas(project: Path, *, unless: Path | None = None) -> list[Path]:
    """Write the schemas into a project, but for those that the project *unless* has; return the files written."""
    made = list(_missing(project, unless))
    for path in made:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text(path.stem), encoding="utf-8")
    return made


def _missing(project: Path, unless: Path | None) -> Iterator[Path]:
    for name in NAMES:
        if unless is None or not (unless / FOLDER / f"{name}.json").exists():
            yield project / FOLDER / f"{name}.json"


def name_schemas(project: Path) -> None:
    """Let each file of a new project begin with the line that names its schema."""
    for path in sorted(project.rglob("*")):
        line = schema_line(path.relative_to(project).as_posix())
        if line is not None and path.is_file():
            path.write_text(f"{line}\n{path.read_text(encoding='utf-8')}", encoding="utf-8")

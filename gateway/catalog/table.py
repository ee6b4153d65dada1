"""Table declarations: ``catalog/<table>.yaml`` as frozen values.

A declaration says where the Parquet files of a table are, how its folders derive from its columns, how old its
manifest may be, and what one scan may read at most. ``catalog/README.md`` is the page for the people who write them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Self

import orjson
from pydantic import (
    AfterValidator,
    AliasPath,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    ValidationInfo,
    model_serializer,
    model_validator,
)
from pydantic_core import PydanticCustomError

from gateway.catalog.build_rule import BuildRule
from gateway.catalog.contradictions import Contradiction, contradictions, fields_of
from gateway.catalog.dataset import CheckedQuery, Keep, dataset_contradictions
from gateway.catalog.file_names import PARQUET, name_pattern
from gateway.catalog.location import checked_location
from gateway.catalog.partition_field import ColumnName, PartitionField, field_of, is_list, layouts_of
from gateway.catalog.sql_type import canonical_type
from gateway.declaration import DeclarationError, Declared, Duration, Size
from gateway.errors import Diagnostic
from gateway.suggestions import near

NOT_TABLES = frozenset({"owners"})
"""Files of the catalog folder that declare something else."""


_NAME = re.compile(r"[a-z][a-z0-9_]*")
_GIVEN = re.compile(r"^table\s*:\s*['\"“‘]?([A-Za-z][\w -]*)", re.MULTILINE)


def _small(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def _table_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        right = _small(name)
        hint = f"write {right}, in a file {right}.yaml" if _NAME.fullmatch(right) else None
        message = f"{name!r} cannot name a table: write small letters, digits and _, a letter first"
        raise PydanticCustomError("table_name", "{message}", {"message": message, "hint": hint})
    return name


TableName = Annotated[
    str, Field(max_length=128, json_schema_extra={"pattern": f"^{_NAME.pattern}$"}), AfterValidator(_table_name)
]
Location = Annotated[str, AfterValidator(checked_location)]
ColumnType = Annotated[str, AfterValidator(canonical_type)]


def _listed(value: object) -> object:
    """Let one pattern stand for a list of it."""
    return (value,) if isinstance(value, str) else value


FilePatterns = Annotated[tuple[Annotated[str, AfterValidator(name_pattern)], ...], BeforeValidator(_listed)]


class ScanLimits(BaseModel):
    """What one scan of the table may read; a larger one is refused before it runs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_files: Annotated[int, Field(gt=0)] | None = None
    max_bytes: Annotated[Size, Field(gt=0)] | None = None
    require_filter: bool | tuple[ColumnName, ...] = False
    """True: some filter must prune; names: one of these columns must be filtered in a way that prunes."""

    @property
    def required_columns(self) -> tuple[str, ...]:
        """Return the columns of which one must be filtered; none where any filter does."""
        return self.require_filter if isinstance(self.require_filter, tuple) else ()


_Fields = tuple[PartitionField, ...]
_Layouts = tuple[_Fields, ...]


def _writable(layouts: _Layouts) -> _Layouts:
    if layouts and not layouts[-1]:
        raise ValueError("the last layout is that of new files, and has no field")
    return layouts


def _union(entries: object) -> object:
    """Return each field of several layouts once; those that are wrong in themselves are reported by ``layouts``."""
    layouts = layouts_of(entries)
    if not layouts:
        return entries
    fields = [field_of(entry) for layout in layouts if is_list(layout) for entry in layout]
    return tuple({field.column.lower(): field for field in reversed(fields) if field}.values())[::-1]


_WITHOUT_MEANING = frozenset(
    {"location", "description", "owner", "column_descriptions", "replicas", "refresh", "sorted_by", "limits"}
    | {"statistics", "ignore_table_format", "query", "parameters", "keep", "build", "unfiltered"}
)
"""What of a declaration cannot change an answer; every other part can. The location counts by what it stands for."""


_NAMING = ("partitioned_by", "columns")
"""Parts of a declaration that name columns."""
_CHECKED = {"contradictions": "checked"}
"""Context of a validation before which the contradictions of the document were looked for."""


class Table(BaseModel):
    """A declared set of Parquet files under one location."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    table: TableName
    description: str = ""
    owner: str | None = None
    """Who answers for the table, as the front matter of queries names owners."""
    location: Location
    """Where the files are, as ``gateway.catalog.location`` has it; no last slash."""
    replicas: tuple[Location, ...] = ()
    """Locations that hold the same files under the same keys."""
    files: Annotated[FilePatterns, Field(min_length=1)] = PARQUET
    """Patterns of the names of data files; one that begins with ``.`` or ``_`` is hidden whatever they are."""
    columns: Mapping[ColumnName, ColumnType] | None = None
    """Columns of the files with their DuckDB types, in order; None: read from the newest file."""
    column_descriptions: Mapping[ColumnName, str] = {}
    """What columns mean, for the people who read the page of the table."""
    layouts: Annotated[_Layouts, BeforeValidator(layouts_of), AfterValidator(_writable)] = Field(
        default=(), validation_alias=AliasPath("partitioned_by")
    )
    """The levels that a path may have, where the declaration names several layouts; the last is that of new files."""
    partitioned_by: Annotated[
        tuple[PartitionField, ...], BeforeValidator(_union, json_schema_input_type=_Fields | tuple[_Fields, ...])
    ] = ()
    """Folder levels, outermost first; of several layouts, each level once."""
    refresh: Annotated[Duration, Field(gt=0, allow_inf_nan=False)] = 60.0
    """How old the manifest may be, in seconds."""
    sorted_by: tuple[ColumnName, ...] = ()
    """Order of the rows within a file, as ``gateway write`` makes it, after the sources of the partition columns."""
    limits: ScanLimits = ScanLimits()
    statistics: bool = False
    """Read the footer of every file once, in the background, to know its rows and the bounds of its columns."""
    union_by_name: bool = False
    """Files may differ in columns: match them by name and fill the missing ones with NULL."""
    query: CheckedQuery | None = None
    """The version of a query whose result is built into the table, which is then a dataset: ``name/v1``."""
    parameters: Mapping[str, Any] = {}
    """What the query is asked with, as the document has it."""
    version: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")] | None = None
    """The version of a dataset that is read, ``v7`` or a tag; None: the newest."""
    keep: Keep = Keep()
    """Which versions of a dataset are kept."""
    build: BuildRule = BuildRule()
    """When a dataset is built without being asked to, and on whose behalf."""
    unfiltered: bool = False
    """A dataset may hold all rows of tables of which a policy shows some principals a part."""
    ignore_table_format: bool = False
    """The location may be a table of Delta Lake, Iceberg, Hudi or Spark streaming: read all its data files anyhow."""

    @property
    def name(self) -> str:
        """Return the name by which SQL reads the table."""
        return self.table

    @property
    def written_by(self) -> tuple[PartitionField, ...]:
        """Return the folder levels of new files."""
        return self.layouts[-1] if self.layouts else self.partitioned_by

    def identity(self, place: str) -> str:
        """Digest what can change an answer: the *place* of the files (``store.place_of``), and how they are read."""
        meaning = self.model_dump(mode="json", exclude=set(_WITHOUT_MEANING), exclude_defaults=True)
        if self.query is not None:  # which one it is changes nothing until it is built
            meaning["built"] = True
        return blake2b(orjson.dumps([place, meaning]), digest_size=16).hexdigest()

    @model_validator(mode="after")
    def _consistent(self, info: ValidationInfo) -> Self:
        if info.context != _CHECKED:
            layouts = fields_of(self.layouts or self.partitioned_by)
            required, described = self.limits.required_columns, tuple(self.column_descriptions)
            found = list(contradictions(layouts, self.columns, required=required, described=described))
            if found:
                raise ValueError("; ".join(contradiction.message for contradiction in found))
        return self

    @model_serializer(mode="wrap")
    def _as_declared(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        document: dict[str, Any] = dump(self)
        layouts = document.pop("layouts", ())
        return document | {"partitioned_by": layouts} if layouts else document


def parse_table(text: str, path: str) -> Table:
    """Read one declaration; *path* names it in messages. Raises ``DeclarationError`` with every error."""
    declared = Declared(text, path)
    found: list[Diagnostic] = []
    expected = PurePosixPath(path).stem
    raw = declared.value if isinstance(declared.value, dict) else {}
    if isinstance(raw.get("table"), str) and raw["table"] != expected and _NAME.fullmatch(raw["table"]):
        message = f"the table {raw['table']!r} stands in a file named {expected!r}"
        found.append(declared.diagnostic(("table",), message, _one_name(raw["table"], PurePosixPath(path))))
    table, wrong = None, set[str]()
    try:
        table = declared.validate(Table, context=_CHECKED)
    except DeclarationError as error:
        found += error.diagnostics
        wrong = {str(place[0]) for place in error.where if place}
    # What is required of columns says nothing while those are misspelt or cannot be read.
    sound = not any(near(name, _NAMING) for name in wrong)
    meant = any(near(name, ("query",)) for name in wrong)
    contradicting = [*_contradictions_of(raw, required=sound), *(() if meant else dataset_contradictions(raw))]
    found += [declared.diagnostic(*contradiction) for contradiction in contradicting]
    if found or table is None:
        raise DeclarationError(sorted(found, key=lambda item: (item.line or 0, item.column or 0)))
    return table


def _one_name(name: str, file: PurePosixPath) -> str:
    """Say how a table and its file get one name."""
    other = f", or write table: {file.stem}" if _NAME.fullmatch(file.stem) else ""
    return f"rename the file to {name}{file.suffix}{other}"


def given_name(text: str) -> str | None:
    """Return the name by which queries may read a table whose declaration has mistakes."""
    found = _GIVEN.search(text)
    return None if found is None else found[1] if _NAME.fullmatch(found[1]) else _small(found[1])


def _contradictions_of(raw: Mapping[str, Any], *, required: bool) -> Iterator[Contradiction]:
    """Find the contradictions between those parts of a document that are right in themselves."""
    try:
        limits = ScanLimits.model_validate(raw.get("limits", {}))
    except ValidationError:
        limits = ScanLimits()
    layouts, columns = fields_of(raw.get("partitioned_by")), _columns_of(raw.get("columns"))
    described = raw.get("column_descriptions")
    return contradictions(
        layouts,
        columns,
        required=limits.required_columns if required else (),
        described=tuple(map(str, described)) if required and isinstance(described, dict) else (),
    )


def _columns_of(raw: object) -> Mapping[str, str] | None:
    """Read those declared columns that are right in themselves."""
    if not isinstance(raw, dict):
        return None
    columns = {}
    for name, kind in raw.items():
        try:
            columns[str(name)] = canonical_type(str(kind))
        except ValueError:
            columns[str(name)] = ""
    return columns


def declaration_files(folder: Path) -> list[Path]:
    """List the files of *folder* that declare tables, in order of their names; not the hidden files of editors."""
    found = [path for path in folder.glob("[!.]*") if path.suffix in (".yaml", ".yml")]
    return sorted(path for path in found if path.stem not in NOT_TABLES)

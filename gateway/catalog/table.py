"""Table declarations: ``catalog/<table>.yaml`` as frozen values.

A declaration says where the Parquet files of a table are, how its folders derive from its columns, how old its
manifest may be, and what one scan may read at most. ``catalog/README.md`` is the page for the people who write them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from hashlib import blake2b
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, NamedTuple, Self, TypeGuard
from urllib.parse import urlsplit

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
    field_validator,
    model_serializer,
    model_validator,
)
from pydantic_core import PydanticCustomError

from gateway.catalog.column_types import canonical_type
from gateway.catalog.transforms import Calendar, Transform, TransformError, parse_transform
from gateway.declaration import DeclarationError, Declared, Duration, Size
from gateway.errors import Diagnostic

SCHEMES = ("s3", "gs", "az", "file")
NOT_TABLES = frozenset({"owners"})
"""Files of the catalog folder that declare something else."""


def _location(text: str) -> str:
    """Check a location and drop its trailing slash."""
    if not text or any(ord(character) < 32 or character in "*?[]{}\\" for character in text):
        raise ValueError("a location is one plain folder: no wildcard, backslash or control character")
    scheme, separator, rest = text.partition("://")
    if separator and scheme not in SCHEMES:
        raise ValueError(f"{scheme}:// is not supported; accepted: s3://, gs://, az://, file://, or a relative folder")
    path = rest if separator else text
    if any(part in ("..", ".") or part.startswith("~") for part in path.split("/")):
        raise ValueError("a location may not contain '.', '..' or '~'")
    if not separator and PurePosixPath(path).is_absolute():
        raise ValueError(f"a plain location is relative to the project; write file://{path} for an absolute folder")
    if scheme == "file" and separator and not path.startswith("/"):
        raise ValueError("a file:// location is absolute: file:///data/flights")
    if separator and scheme != "file":
        parts = urlsplit(text)
        if not parts.netloc or parts.query or parts.fragment or "@" in parts.netloc:
            raise ValueError(f"write {scheme}://bucket/folder, without credentials or options")
    return text.rstrip("/")


def _transform(spec: object) -> str:
    """Spell a transform canonically; one with arguments may also be a mapping, e.g. ``{bucket: 16}``."""
    try:
        return parse_transform(spec).name
    except TransformError as error:
        raise _hinted(error) from error


def _hinted(error: TransformError) -> PydanticCustomError:
    return PydanticCustomError("transform", "{message}", {"message": error.message, "hint": error.hint})


TableName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=128)]
ColumnName = Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[^\x00-\x1f/=%]+$")]
Location = Annotated[str, AfterValidator(_location)]
ColumnType = Annotated[str, AfterValidator(canonical_type)]


class _Declaration(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PartitionField(_Declaration):
    """One ``column=value`` folder level, and how its value derives from a source column."""

    column: ColumnName
    """Name of the folder level; SQL sees it as a column of the table."""
    transform: Annotated[str, BeforeValidator(_transform)] = "identity"
    """Canonical text of the transform, e.g. ``day`` or ``bucket[16]``."""
    source: ColumnName
    """The column of the files whose value decides the folder."""
    zone: str | None = None
    """Time zone whose calendar cuts a TIMESTAMP WITH TIME ZONE source into days, months, hours; None: UTC."""
    format: str | None = None
    """strftime format of the folder text where it is not the usual one."""
    enforced: bool = True
    """False: rows may lie in a folder that the source column does not imply, so nothing is derived from it."""

    @field_validator("zone", "format")
    @classmethod
    def _fits_the_transform(cls, given: str | None, info: ValidationInfo) -> str | None:
        if given is not None and info.field_name is not None and "transform" in info.data:
            try:
                parse_transform(info.data["transform"], **{info.field_name: given})
            except TransformError as error:
                raise _hinted(error) from error
        return given

    @cached_property
    def function(self) -> Transform:
        """The transform itself."""
        return parse_transform(self.transform, format=self.format, zone=self.zone)


class Limits(_Declaration):
    """What one scan of the table may read; a larger one is refused before it runs."""

    max_files: Annotated[int, Field(gt=0)] | None = None
    max_bytes: Annotated[Size, Field(gt=0)] | None = None
    require_filter: bool | tuple[ColumnName, ...] = False
    """True: some filter must prune; names: one of these columns must be filtered in a way that prunes."""


def _is_list(value: object) -> TypeGuard[Sequence[object]]:
    return isinstance(value, (list, tuple))


def _several(entries: object) -> Sequence[object]:
    """Return the layouts of a ``partitioned_by`` that has several; none where it is one list of fields."""
    if not (_is_list(entries) and any(_is_list(entry) for entry in entries)):
        return ()
    return entries


_Layouts = tuple[tuple[PartitionField, ...], ...]


def _writable(layouts: _Layouts) -> _Layouts:
    if layouts and not layouts[-1]:
        raise ValueError("the last layout is that of new files, and has no field")
    return layouts


def _union(entries: object) -> object:
    """Return each field of several layouts once; those that are wrong in themselves are told by ``layouts``."""
    layouts = _several(entries)
    if not layouts:
        return entries
    fields = [_field(entry) for layout in layouts if _is_list(layout) for entry in layout]
    return tuple({field.column.lower(): field for field in reversed(fields) if field}.values())[::-1]


def _field(entry: object) -> PartitionField | None:
    try:
        return PartitionField.model_validate(entry)
    except ValidationError:
        return None


_WITHOUT_MEANING = frozenset(
    {"location", "description", "replicas", "refresh", "sorted_by", "limits", "statistics", "ignore_table_format"}
)
"""What of a declaration cannot change an answer; every other part can. The location counts by what it stands for."""


class Table(_Declaration):
    """A declared set of Parquet files under one location."""

    table: TableName
    description: str = ""
    location: Location
    """``s3://``, ``gs://``, ``az://``, ``file://`` address, or a folder relative to the project; no last slash."""
    replicas: tuple[Location, ...] = ()
    """Locations that hold the same files under the same keys."""
    columns: Mapping[ColumnName, ColumnType] | None = None
    """Columns of the files with their DuckDB types, in order; None: read from the newest file."""
    layouts: Annotated[tuple[tuple[PartitionField, ...], ...], BeforeValidator(_several), AfterValidator(_writable)] = (
        Field(default=(), validation_alias=AliasPath("partitioned_by"))
    )
    """The levels that a path may have, where the declaration names several layouts; the last is that of new files."""
    partitioned_by: Annotated[tuple[PartitionField, ...], BeforeValidator(_union)] = ()
    """Folder levels, outermost first; of several layouts, each level once."""
    refresh: Annotated[Duration, Field(gt=0, allow_inf_nan=False)] = 60.0
    """How old the manifest may be, in seconds."""
    sorted_by: tuple[ColumnName, ...] = ()
    """Order of the rows within a file, as ``gateway write`` makes it, after the sources of the partition columns."""
    limits: Limits = Limits()
    statistics: bool = False
    """Read the footer of every file once, in the background, to know its rows and the bounds of its columns."""
    union_by_name: bool = False
    """Files may differ in columns: match them by name and fill the missing ones with NULL."""
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
        return blake2b(orjson.dumps([place, meaning]), digest_size=16).hexdigest()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        mistakes = list(_mistakes(_placed(self.layouts or self.partitioned_by), self.columns, self.limits))
        if mistakes:
            raise ValueError("; ".join(mistake.message for mistake in mistakes))
        return self

    @model_serializer(mode="wrap")
    def _as_declared(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        document: dict[str, Any] = dump(self)
        layouts = document.pop("layouts", ())
        return document | {"partitioned_by": layouts} if layouts else document


_Where = tuple[str | int, ...]


class _Mistake(NamedTuple):
    where: _Where
    message: str
    hint: str | None = None


_Fields = Mapping[tuple[int, ...], PartitionField]
"""Fields of one layout by where they stand in ``partitioned_by``."""


def _placed(entries: object) -> list[_Fields]:
    """List the layouts of ``partitioned_by`` with those fields that are right in themselves."""
    nested = _several(entries)
    layouts = [((number,), layout) for number, layout in enumerate(nested)] if nested else [((), entries)]
    return [
        {
            (*place, index): field
            for index, entry in enumerate(layout if _is_list(layout) else ())
            if (field := _field(entry)) is not None
        }
        for place, layout in layouts
    ]


def _mistakes(layouts: Sequence[_Fields], columns: Mapping[str, str] | None, limits: Limits) -> Iterator[_Mistake]:
    """Find what is wrong between the parts of a declaration, each part being right in itself."""
    for fields in layouts:
        yield from _clashes(fields)
        yield from _lone_parts(fields)
        yield from _unknown_sources(fields, columns)
        yield from _unfit_sources(fields, columns or {})
    yield from _unlike(layouts)
    yield from _unknown_filters([field for fields in layouts for field in fields.values()], columns, limits)


def _clashes(fields: _Fields) -> Iterator[_Mistake]:
    """Find columns that stand twice in one layout, or have the name of their source."""
    seen: dict[str, tuple[int, ...]] = {}
    for place, field in fields.items():
        where: _Where = ("partitioned_by", *place, "column")
        if seen.setdefault(field.column.lower(), place) != place:
            yield _Mistake(where, f"the partition column {field.column!r} stands twice")
        if field.column.lower() == field.source.lower() and field.transform != "identity":
            message = f"{field.column!r} would be both the source and its {field.transform}"
            yield _Mistake(where, message, "give the partition column a name of its own")


def _unlike(layouts: Sequence[_Fields]) -> Iterator[_Mistake]:
    """Find columns that another layout, before theirs, declares otherwise."""
    seen: dict[str, PartitionField] = {}
    for fields in layouts:
        before = dict(seen)
        for place, field in fields.items():
            seen.setdefault(field.column.lower(), field)
            if before.get(field.column.lower(), field) != field:
                message = f"the partition column {field.column!r} is declared otherwise in another layout"
                yield _Mistake(("partitioned_by", *place), message, "declare it alike, or name it otherwise")


def _lone_parts(fields: _Fields) -> Iterator[_Mistake]:
    """Find parts such as a month's number without the next coarser unit of the same source: they say nothing."""
    calendars = {place: field.function for place, field in fields.items() if isinstance(field.function, Calendar)}
    have = {(fields[place].source.lower(), calendar.zone, calendar.part) for place, calendar in calendars.items()}
    for place, calendar in calendars.items():
        coarser = {"month": "year", "day": "month", "hour": "day"}.get(calendar.part)
        if calendar.repeats and (fields[place].source.lower(), calendar.zone, coarser) not in have:
            message = (
                f"{calendar.unit} needs a partition column for the {coarser} of {fields[place].source!r} beside it"
            )
            hint = f"e.g. {{column: {coarser}, transform: {coarser}, source: …}}"
            yield _Mistake(("partitioned_by", *place, "transform"), message, hint)


def _unknown_sources(fields: _Fields, columns: Mapping[str, str] | None) -> Iterator[_Mistake]:
    """Find sources that the declaration does not have. Without declared columns, they are not known."""
    for place, field in fields.items() if columns is not None else ():
        # An identity partition's source may be in the folder names only.
        if field.source.lower() not in _lower(columns or ()) | {field.column.lower()}:
            where: _Where = ("partitioned_by", *place, "source")
            message = f"the source {field.source!r} is not among the columns"
            yield _Mistake(where, message, _accepted(columns or ()))


def _unknown_filters(
    fields: Sequence[PartitionField], columns: Mapping[str, str] | None, limits: Limits
) -> Iterator[_Mistake]:
    """Find required filters on columns that the declaration does not have."""
    if columns is None:
        return
    everything = dict.fromkeys([*columns, *(field.column for field in fields)])
    for number, name in enumerate(limits.require_filter if isinstance(limits.require_filter, tuple) else ()):
        if name.lower() not in _lower(everything):
            where: _Where = ("limits", "require_filter", number)
            yield _Mistake(where, f"there is no column {name!r}", _accepted(everything))


def _unfit_sources(fields: _Fields, columns: Mapping[str, str]) -> Iterator[_Mistake]:
    """Find transforms that are not defined for the declared type of their source."""
    types = {name.lower(): kind for name, kind in columns.items()}
    for place, field in fields.items():
        kind = types.get(field.source.lower())
        problem = field.function.problem(kind) if kind else None
        if problem is not None:
            where: _Where = ("partitioned_by", *place, "transform")
            yield _Mistake(where, problem.message, problem.hint)


def _lower(names: Iterable[str]) -> set[str]:
    return {name.lower() for name in names}


def _accepted(names: Iterable[str]) -> str:
    return f"accepted: {', '.join(names)}"


def load_tables(folder: Path) -> tuple[Mapping[str, Table], tuple[Diagnostic, ...]]:
    """Load every declaration of *folder* by table name, with every mistake of those that could not be loaded."""
    tables: dict[str, Table] = {}
    diagnostics: list[Diagnostic] = []
    for path in declaration_files(folder):
        try:
            table = parse_table(path.read_text(encoding="utf-8"), str(path))
        except DeclarationError as error:
            diagnostics.extend(error.diagnostics)
            continue
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            diagnostics.append(Diagnostic(path=str(path), message=f"cannot be read: {reason}"))
            continue
        if table.name in tables:
            diagnostics.append(Diagnostic(path=str(path), message=f"the table {table.name!r} is declared twice"))
        tables.setdefault(table.name, table)
    return tables, tuple(diagnostics)


def parse_table(text: str, path: str) -> Table:
    """Read one declaration; *path* names it in messages. Raises ``DeclarationError`` with every mistake."""
    declared = Declared(text, path)
    found: list[Diagnostic] = []
    expected = PurePosixPath(path).stem
    raw = declared.value if isinstance(declared.value, dict) else {}
    if isinstance(raw.get("table"), str) and raw["table"] != expected:
        found.append(
            declared.diagnostic(
                ("table",), f"the table {raw['table']!r} stands in a file named {expected!r}", "give both the same name"
            )
        )
    table = None
    relations = list(_mistakes_of(raw))
    try:
        table = declared.validate(Table)
    except DeclarationError as error:
        # The model reports relations as one mistake of the document; here each has its place.
        found.extend(item for item in error.diagnostics if not (relations and item.message.startswith("the document:")))
    found.extend(declared.diagnostic(*mistake) for mistake in relations)
    if found or table is None:
        raise DeclarationError(sorted(found, key=lambda item: (item.line or 0, item.column or 0)))
    return table


def _mistakes_of(raw: Mapping[str, Any]) -> Iterator[_Mistake]:
    """Find the mistakes between those parts of a document that are right in themselves."""
    try:
        limits = Limits.model_validate(raw.get("limits", {}))
    except ValidationError:
        limits = Limits()
    return _mistakes(_placed(raw.get("partitioned_by")), _columns_of(raw.get("columns")), limits)


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
    """List the files of *folder* that declare tables, in order of their names."""
    found = [path for path in folder.glob("*") if path.suffix in (".yaml", ".yml")]
    return sorted(path for path in found if path.stem not in NOT_TABLES)

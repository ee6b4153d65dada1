"""Table declarations: ``catalog/<table>.yaml`` as frozen values.

A declaration says where the Parquet files of a table are, how its folders derive from its columns, how old its
manifest may be, and what one scan may read at most. ``catalog/README.md`` is the page for the people who write them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from hashlib import blake2b
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, NamedTuple, Self
from urllib.parse import urlsplit

import orjson
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from gateway.catalog.transforms import Calendar, Transform, TransformError, parse_transform
from gateway.declaration import DeclarationError, Declared, Duration, Size
from gateway.errors import Diagnostic

SCHEMES = ("s3", "gs", "az", "file")
NOT_TABLES = frozenset({"owners"})
"""Files of the catalog folder that declare something else."""

_TYPE_NAMES = {
    **dict.fromkeys(("BOOL", "BOOLEAN", "LOGICAL"), "BOOLEAN"),
    **dict.fromkeys(("TINYINT", "INT1"), "TINYINT"),
    **dict.fromkeys(("SMALLINT", "INT2", "SHORT"), "SMALLINT"),
    **dict.fromkeys(("INTEGER", "INT", "INT4", "SIGNED"), "INTEGER"),
    **dict.fromkeys(("BIGINT", "INT8", "LONG"), "BIGINT"),
    **dict.fromkeys(("REAL", "FLOAT", "FLOAT4"), "FLOAT"),
    **dict.fromkeys(("DOUBLE", "FLOAT8"), "DOUBLE"),
    **dict.fromkeys(("VARCHAR", "TEXT", "STRING", "CHAR", "BPCHAR"), "VARCHAR"),
    **dict.fromkeys(("BLOB", "BINARY", "BYTEA", "VARBINARY"), "BLOB"),
    **dict.fromkeys(("TIMESTAMP", "DATETIME", "TIMESTAMP_US", "TIMESTAMP WITHOUT TIME ZONE"), "TIMESTAMP"),
    **dict.fromkeys(("TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE"), "TIMESTAMP WITH TIME ZONE"),
    **dict.fromkeys(("DECIMAL", "NUMERIC", "DEC"), "DECIMAL(18,3)"),
    **{name: name for name in ("HUGEINT", "UHUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT")},
    **{name: name for name in ("DATE", "TIME", "INTERVAL", "UUID", "JSON")},
    **{name: name for name in ("TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS")},
}


def canonical_type(text: str) -> str:
    """Spell a type the way DuckDB reports it. Raises ``ValueError`` for a name that is no DuckDB type.

    >>> canonical_type("int[]"), canonical_type("numeric(10, 2)"), canonical_type("timestamptz")
    ('INTEGER[]', 'DECIMAL(10,2)', 'TIMESTAMP WITH TIME ZONE')
    """
    spelled = " ".join(text.split())
    array = re.fullmatch(r"(.+?)\s*(\[\d*\])", spelled)
    if array is not None:
        return canonical_type(array[1]) + array[2]
    decimal = re.fullmatch(r"(?:DECIMAL|NUMERIC|DEC)\s*\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\)", spelled, re.IGNORECASE)
    if decimal is not None:
        width, scale = int(decimal[1]), int(decimal[2] or 0)
        if not 1 <= width <= 38 or scale > width:
            raise ValueError(f"{text!r}: a DECIMAL has 1 to 38 digits, and no more of them after the point")
        return f"DECIMAL({width},{scale})"
    if re.fullmatch(r"(?:STRUCT|MAP|UNION|ENUM)\s*\(.+\)", spelled, re.IGNORECASE):
        return spelled
    name = _TYPE_NAMES.get(spelled.upper())
    if name is None:
        raise ValueError(f"{text!r} is not a DuckDB type such as BIGINT, DECIMAL(15,2), TIMESTAMP or VARCHAR[]")
    return name


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
    partitioned_by: tuple[PartitionField, ...] = ()
    """Folder levels, outermost first."""
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

    def identity(self, place: str) -> str:
        """Digest what can change an answer: the *place* of the files (``store.place_of``), and how they are read."""
        meaning = self.model_dump(mode="json", exclude=set(_WITHOUT_MEANING), exclude_defaults=True)
        return blake2b(orjson.dumps([place, meaning]), digest_size=16).hexdigest()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        mistakes = list(_mistakes(dict(enumerate(self.partitioned_by)), self.columns, self.limits))
        if mistakes:
            raise ValueError("; ".join(mistake.message for mistake in mistakes))
        return self


class _Mistake(NamedTuple):
    where: tuple[str | int, ...]
    message: str
    hint: str | None = None


def _mistakes(
    fields: Mapping[int, PartitionField], columns: Mapping[str, str] | None, limits: Limits
) -> Iterator[_Mistake]:
    """Find what is wrong between the parts of a declaration, each part being right in itself."""
    seen: dict[str, int] = {}
    for index, field in fields.items():
        first = seen.setdefault(field.column.lower(), index)
        if first != index:
            where = ("partitioned_by", index, "column")
            yield _Mistake(where, f"the partition column {field.column!r} stands twice")
        if field.column.lower() == field.source.lower() and field.transform != "identity":
            where = ("partitioned_by", index, "column")
            message = f"{field.column!r} would be both the source and its {field.transform}"
            yield _Mistake(where, message, "give the partition column a name of its own")
    yield from _lone_parts(fields)
    yield from _unknown_names(fields, columns, limits)
    yield from _unfit_sources(fields, columns or {})


def _lone_parts(fields: Mapping[int, PartitionField]) -> Iterator[_Mistake]:
    """Find parts such as a month's number without the next coarser unit of the same source: they say nothing."""
    calendars = {index: field.function for index, field in fields.items() if isinstance(field.function, Calendar)}
    have = {(fields[index].source.lower(), calendar.zone, calendar.part) for index, calendar in calendars.items()}
    for index, calendar in calendars.items():
        coarser = {"month": "year", "day": "month", "hour": "day"}.get(calendar.part)
        if calendar.repeats and (fields[index].source.lower(), calendar.zone, coarser) not in have:
            where = ("partitioned_by", index, "transform")
            message = (
                f"{calendar.unit} needs a partition column for the {coarser} of {fields[index].source!r} beside it"
            )
            yield _Mistake(where, message, f"e.g. {{column: {coarser}, transform: {coarser}, source: …}}")


def _unknown_names(
    fields: Mapping[int, PartitionField], columns: Mapping[str, str] | None, limits: Limits
) -> Iterator[_Mistake]:
    """Find names of columns that the declaration does not have. Without declared columns, sources are not known."""
    if columns is None:
        return
    for index, field in fields.items():
        # An identity partition's source may be in the folder names only.
        if field.source.lower() not in _lower(columns) | {field.column.lower()}:
            where: tuple[str | int, ...] = ("partitioned_by", index, "source")
            yield _Mistake(where, f"the source {field.source!r} is not among the columns", _accepted(columns))
    everything = [*columns, *(field.column for field in fields.values())]
    for number, name in enumerate(limits.require_filter if isinstance(limits.require_filter, tuple) else ()):
        if name.lower() not in _lower(everything):
            where = ("limits", "require_filter", number)
            yield _Mistake(where, f"there is no column {name!r}", _accepted(everything))


def _unfit_sources(fields: Mapping[int, PartitionField], columns: Mapping[str, str]) -> Iterator[_Mistake]:
    """Find transforms that are not defined for the declared type of their source."""
    types = {name.lower(): kind for name, kind in columns.items()}
    for index, field in fields.items():
        kind = types.get(field.source.lower())
        problem = field.function.problem(kind) if kind else None
        if problem is not None:
            yield _Mistake(("partitioned_by", index, "transform"), problem.message, problem.hint)


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
    fields = {}
    entries = raw.get("partitioned_by")
    for index, entry in enumerate(entries if isinstance(entries, Sequence) else ()):
        try:
            fields[index] = PartitionField.model_validate(entry)
        except ValidationError:
            continue
    try:
        limits = Limits.model_validate(raw.get("limits", {}))
    except ValidationError:
        limits = Limits()
    return _mistakes(fields, _columns_of(raw.get("columns")), limits)


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

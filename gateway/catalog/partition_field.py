"""The declaration of one folder level of a table, ``column=value``, and of layouts of such levels."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Annotated, Any, Literal, LiteralString, TypeGuard

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticCustomError

from gateway.catalog.transforms import CALENDAR, Transform, TransformError, parse_transform
from gateway.declaration import DEPENDENT

ColumnName = Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[^\x00-\x1f/=%]+$")]

MEASURES = ("first_file", "file_count", "bytes", "known", "levels")
"""What the manifest keeps of each partition beside the texts of its levels, by columns of these names."""


def _level(name: str) -> str:
    if name in MEASURES:
        message = f"the gateway keeps something else by the name {name!r}, so no folder level can have it"
        raise PydanticCustomError("level", "{message}", {"message": message, "hint": "rename the folders"})
    return name


def _transform(spec: object) -> str:
    """Return the canonical text of a transform; one with arguments may also be a mapping, e.g. ``{bucket: 16}``."""
    try:
        return parse_transform(spec).name
    except TransformError as error:
        raise _hinted(error) from error


def _hinted(error: TransformError, kind: LiteralString = "transform") -> PydanticCustomError:
    return PydanticCustomError(kind, "{message}", {"message": error.message, "hint": error.hint})


_PLAIN = "|".join(("identity", *CALENDAR))
_TEXT = rf"^\s*(?:{_PLAIN}|(?:bucket|truncate|range)\s*\[[\s\S]*\]|lookup\s*\{{[\s\S]*\}})\s*$"
_ONE = Field(min_length=1, max_length=1)
_Written = (
    Annotated[str, Field(pattern=_TEXT)]
    | Annotated[dict[Literal["bucket", "truncate", "range", "lookup"], Any], _ONE]
    | Annotated[dict[Annotated[str, Field(pattern=f"^(?:{_PLAIN})$")], None], _ONE]
)
"""How a transform may be written, for editors."""


class PartitionField(BaseModel):
    """One ``column=value`` folder level, and how its value derives from a source column."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    column: Annotated[ColumnName, AfterValidator(_level)]
    """Name of the folder level; SQL sees it as a column of the table."""
    transform: Annotated[str, BeforeValidator(_transform, json_schema_input_type=_Written)] = "identity"
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
                raise _hinted(error, DEPENDENT) from error
        return given

    @cached_property
    def function(self) -> Transform:
        """The transform itself."""
        return parse_transform(self.transform, format=self.format, zone=self.zone)


def is_list(value: object) -> TypeGuard[Sequence[object]]:
    """Return whether a value of a document is a list."""
    return isinstance(value, (list, tuple))


def layouts_of(entries: object) -> Sequence[object]:
    """Return the layouts of a ``partitioned_by`` that has several; none where it is one list of fields."""
    if not (is_list(entries) and any(is_list(entry) for entry in entries)):
        return ()
    return entries


def field_of(entry: object) -> PartitionField | None:
    """Read one entry of ``partitioned_by``; None where it is wrong in itself."""
    try:
        return PartitionField.model_validate(entry)
    except ValidationError:
        return None

"""What a declaration says of a dataset: the query whose result it holds, and which of its versions are kept."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, NamedTuple

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from gateway.catalog.contradictions import Contradiction
from gateway.declaration import Duration

_QUERY = re.compile(r"(?P<name>[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)*)/v(?P<version>[1-9][0-9]{0,8})")
_ONLY_WITH_A_QUERY = ("parameters", "version", "keep", "build", "unfiltered")
_NOT_WITH_A_QUERY = {
    "columns": "the columns of a dataset are those of its query: remove it",
    "replicas": "a copy may have older versions than the location: remove it",
    "files": "a dataset has the files that its build writes: remove it",
    "union_by_name": "all files of a dataset have the columns of its query: remove it",
    "ignore_table_format": "a dataset has the files that its build writes: remove it",
}


class NamedVersion(NamedTuple):
    """One version of a query."""

    name: str
    version: int

    def __str__(self) -> str:
        """Write it as declarations do.

        >>> str(named_version("finance.revenue/v3"))
        'finance.revenue/v3'
        """
        return f"{self.name}/v{self.version}"


def named_version(text: str) -> NamedVersion:
    """Read ``name/v2``. Raises ``ValueError``."""
    found = _QUERY.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} names no version of a query")
    return NamedVersion(found["name"], int(found["version"]))


def _query(text: str) -> str:
    try:
        return str(named_version(text))
    except ValueError as error:
        name = re.match(r"[a-z][a-z0-9_.]*", text)
        hint = (
            f"name the version: {name[0].rstrip('.')}/v1" if name else "write a query and its version: sales_by_day/v1"
        )
        message = f"{error}: a dataset holds what one published version answers"
        raise PydanticCustomError("query", "{message}", {"message": message, "hint": hint}) from error


QueryVersion = Annotated[
    str, Field(json_schema_extra={"pattern": f"^{_QUERY.pattern.replace('?P<name>', '').replace('?P<version>', '')}$"})
]
CheckedQuery = Annotated[QueryVersion, AfterValidator(_query)]


class Keep(BaseModel):
    """Which versions of a dataset are kept beside the newest, those with a tag, and those just replaced."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    versions: Annotated[int, Field(ge=1)] = 10
    """The newest so many."""
    replaced: Annotated[Duration, Field(ge=3600, allow_inf_nan=False)] = 86_400.0
    """Each version for so many seconds after the next one: reads that began before are not cut off."""


def dataset_contradictions(raw: Mapping[str, Any]) -> Iterator[Contradiction]:
    """Find, in the document of a declaration, what a dataset has not, and what a table of others' files has not."""
    if raw.get("query") is None:
        for key in _ONLY_WITH_A_QUERY:
            if key in raw:
                hint = "add query: NAME/v1, or remove it"
                yield Contradiction((key,), f"{key} is for datasets, and this declaration has no query", hint)
        return
    for key, hint in _NOT_WITH_A_QUERY.items():
        if key in raw:
            yield Contradiction((key,), f"{key} says nothing in the declaration of a dataset", hint)
    levels = raw.get("partitioned_by")
    if not isinstance(levels, list):
        return
    for number, level in enumerate(levels):
        if isinstance(level, list):
            message = "a dataset has one layout: each of its versions is written whole"
            yield Contradiction(("partitioned_by", number), message, "write one list of levels")
        elif isinstance(level, dict) and level.get("enforced") is False:
            message = "the build puts each row into the folder of its source, so enforced: false says nothing"
            yield Contradiction(("partitioned_by", number, "enforced"), message, "remove it")

"""What a declaration says of the builds of a dataset: when the server begins one by itself, and on whose behalf."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from gateway.catalog.transforms.base import TransformError
from gateway.catalog.transforms.calendar import check_zone
from gateway.declaration import Duration

BUILDER = "gateway build"
"""The name of the principal of builds whose declaration names none."""
_FIELDS = 5
_EXAMPLE = 'five fields, minute hour day month weekday, such as "30 3 * * *"'


def _cron(text: str) -> str:
    try:
        if len(text.split()) != _FIELDS:
            raise CronSimError("Wrong number of fields")
        next(CronSim(text, datetime(2001, 1, 1, tzinfo=UTC)))
    except (CronSimError, StopIteration) as error:
        said = {"message": f"{text!r} is no cron schedule: {error or 'it never comes'}", "hint": f"write {_EXAMPLE}"}
        raise PydanticCustomError("cron", "{message}", said) from error
    return text


def _zone(name: str) -> str:
    try:
        check_zone(name)
    except TransformError as error:
        raise PydanticCustomError("zone", "{message}", {"message": str(error), "hint": error.hint}) from error
    return name


class BuildRule(BaseModel):
    """When a dataset is built without being asked to: at each of these that is declared. By default never."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    on: Literal["refresh"] | None = None
    """``refresh``: once a refresh finds another state of a table that the query reads."""
    quiet: Annotated[Duration, Field(ge=0, le=86_400)] = 30.0
    """Seconds that these tables are to stay as they are before, so that many changes are one build."""
    every: Annotated[Duration, Field(ge=60, allow_inf_nan=False)] | None = None
    """At each multiple of so many seconds since 1970."""
    schedule: Annotated[str, AfterValidator(_cron)] | None = None
    """At the instants of a cron schedule."""
    zone: Annotated[str, AfterValidator(_zone)] = "UTC"
    """Whose clocks the schedule is of."""
    principal: Annotated[str, Field(min_length=1, max_length=200)] = BUILDER
    """On whose behalf it is built; one that is declared has to be granted the query."""

    @model_validator(mode="before")
    @classmethod
    def _on(cls, value: Any) -> Any:
        # YAML reads a bare `on` as true, as a key too.
        return (
            {"on" if key is True else str(key): each for key, each in value.items()}
            if isinstance(value, dict)
            else value
        )

    def slots(self, now: float) -> Iterator[tuple[str, float]]:
        """Yield the last instant until *now* of each of ``every`` and ``schedule``, in seconds since the epoch."""
        if self.every is not None:
            yield "every", now // self.every * self.every
        if self.schedule is not None:
            # The library leaves the instant itself out, and microseconds with it.
            after = datetime.fromtimestamp(now // 1 + 1, ZoneInfo(self.zone))
            yield "schedule", next(CronSim(self.schedule, after, reverse=True)).timestamp()

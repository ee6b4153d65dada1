"""A query that another engine computes has a slot of this machine meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from gateway.execution.stores import stay
from gateway.execution.wholes import SentWhole


@dataclass
class Told:
    """What an engine of this machine and another one are asked, in order."""

    steps: list[str] = field(default_factory=list)
    schema: pa.Schema = field(default_factory=lambda: pa.schema([("n", pa.int64())]))
    columns: tuple[Any, ...] = ()
    nothing: str = "SELECT 1"

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        yield from ()
        self.steps.append("read to its end")

    def close(self) -> None:
        self.steps.append("closed")


@dataclass
class Here:
    told: Told

    def execute(self, *given: Any, **named: Any) -> Any:
        return self.told


@dataclass
class There(Here):
    def execute(self, *given: Any, **named: Any) -> Any:
        self.told.steps.append("sent")
        return self.told


def test_what_tells_the_columns_is_read_to_its_end_for_a_query_that_is_left_gives_its_slot_up() -> None:
    told = Told()
    here: Any = Here(told)
    there: Any = There(told)
    plan: Any = told
    SentWhole(cluster=there, plan=plan).start(plan, stay, here, deadline=None, started=lambda cancel: None)
    assert told.steps == ["read to its end", "closed", "sent"]

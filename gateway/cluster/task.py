"""What a worker of a cluster is given, and what it gives back: bytes, in which nothing is pickled.

A task is JSON: a statement over file versions, where it may read, how the buckets are reached. The keys of the buckets
are not in it: they are those of the worker's own environment. Rows that a statement reads beside its files go with it
as an Arrow stream. What comes back is an Arrow stream, behind it a head of JSON, and the length of that in 4 bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import orjson
import pyarrow as pa

from gateway.engine.duckdb import DuckDBEngine
from gateway.engine.instance import S3Access
from gateway.errors import GatewayError
from gateway.model import Column, Statement
from gateway.plan.fold.algebra import VERSION
from gateway.processes.wire import (
    columns_from_json,
    columns_to_json,
    error_from_json,
    error_to_json,
    statement_from_json,
    statement_to_json,
)

IDENTITY: Final[Mapping[str, str]] = {"engine": DuckDBEngine.name, "algebra": str(VERSION), "tasks": "2"}
"""What a worker must be equal in to the gateway: the engine, the algebra of folds, the layout of tasks."""
_LENGTH = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A statement for a worker, which may take *seconds* from its start. ``job`` names what is cancelled together."""

    job: str
    statement: Statement
    locations: Sequence[str]
    access: S3Access | None
    """How the buckets are reached; None: every location is a folder."""
    http_timeout: int
    seconds: float | None
    identity: Mapping[str, str]

    def written(self) -> bytes:
        """Write all but the relations of the statement."""
        return orjson.dumps(
            {
                "job": self.job,
                "statement": statement_to_json(self.statement),
                "locations": list(self.locations),
                "access": None if self.access is None else asdict(self.access),
                "http_timeout": self.http_timeout,
                "seconds": self.seconds,
                "identity": dict(self.identity),
            }
        )

    @classmethod
    def read(cls, written: bytes, relations: bytes | None) -> Task:
        """Read what ``written`` wrote, with the *relations* beside it."""
        read = orjson.loads(written)
        access = read.pop("access")
        statement = statement_from_json(read.pop("statement"), relations)
        return cls(**read, statement=statement, access=None if access is None else S3Access(**access))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a worker answers: *rows*, or the error of the statement. ``cut``: there were more than a partial may have.

    ``unlike`` says in what the worker differs from what it must be.
    """

    rows: pa.Table | None = None
    columns: tuple[Column, ...] = ()
    cut: bool = False
    error: GatewayError | None = None
    unlike: str | None = None

    def written(self) -> bytes:
        """Write it."""
        sink = pa.BufferOutputStream()
        if self.rows is not None:
            with pa.ipc.new_stream(sink, self.rows.schema) as writer:
                writer.write_table(self.rows)
        head: dict[str, Any] = {
            "columns": columns_to_json(self.columns),
            "cut": self.cut,
            "error": None if self.error is None else error_to_json(self.error),
            "unlike": self.unlike,
        }
        told = orjson.dumps(head)
        sink.write(told)
        sink.write(len(told).to_bytes(_LENGTH, "big"))
        return sink.getvalue().to_pybytes()

    @classmethod
    def read(cls, written: bytes) -> Reply:
        """Read what ``written`` wrote."""
        end = len(written) - _LENGTH
        start = end - int.from_bytes(written[end:], "big")
        head = orjson.loads(written[start:end])
        rows = pa.ipc.open_stream(pa.py_buffer(written).slice(0, start)).read_all() if start else None
        error = None if head["error"] is None else error_from_json(head["error"])
        columns = columns_from_json(head["columns"])
        return cls(rows=rows, columns=columns, cut=head["cut"], error=error, unlike=head["unlike"])


def identity_of(written: bytes) -> Mapping[str, str]:
    """Return the identity that a task asks for, whatever the rest of it is like."""
    return dict(orjson.loads(written)["identity"])


def difference(theirs: Mapping[str, str], ours: Mapping[str, str] = IDENTITY) -> str | None:
    """Say in what two identities differ; None: in nothing.

    >>> difference({"engine": "duckdb 1.4.0", "algebra": "1"}, {"engine": "duckdb 1.5.5", "algebra": "1"})
    "engine 'duckdb 1.4.0' in place of 'duckdb 1.5.5'"
    """
    unlike = [name for name in ours if theirs.get(name) != ours[name]]
    return ", ".join(f"{name} {theirs.get(name)!r} in place of {ours[name]!r}" for name in unlike) or None

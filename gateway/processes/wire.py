"""What the messages between processes say, as JSON: statements, values, files, columns and errors."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from gateway.engine.values import from_json, to_json
from gateway.errors import EngineFailed, GatewayError
from gateway.model import Column, FileVersion, Relation, Statement, TypedValue

_OF_ERRORS = ("path", "passing", "lost", "memory")
"""Members of some errors that are sent beside those that all have."""


def parameters_to_json(parameters: Mapping[str, TypedValue]) -> dict[str, Any]:
    """Write the values of a statement with their types."""
    return {name: [typed.type, to_json(typed.value)] for name, typed in parameters.items()}


def parameters_from_json(written: Mapping[str, Any]) -> dict[str, TypedValue]:
    """Return what ``parameters_to_json`` wrote."""
    return {name: TypedValue(type=kind, value=from_json(value)) for name, (kind, value) in written.items()}


def statement_to_json(statement: Statement) -> dict[str, Any]:
    """Write a statement."""
    return {
        "sql": statement.sql,
        "parameters": parameters_to_json(statement.parameters),
        "relations": [relation.name for relation in statement.relations],
        "files": [[file.path, file.size, file.etag, file.modified] for file in statement.files],
        "one_thread": statement.one_thread,
    }


def relations_of(statement: Statement) -> pa.Buffer | None:
    """Write the rows that a statement reads beside its files, as Arrow IPC streams, one after the other."""
    if not statement.relations:
        return None
    return _streams(relation.rows for relation in statement.relations)


def statement_from_json(written: Mapping[str, Any], relations: Any = None) -> Statement:
    """Return what ``statement_to_json`` wrote, with the *relations* that ``relations_of`` wrote."""
    source = pa.BufferReader(b"" if relations is None else relations)
    return Statement(
        relations=tuple(
            Relation(name=name, rows=pa.ipc.open_stream(source).read_all()) for name in written["relations"]
        ),
        sql=written["sql"],
        parameters=parameters_from_json(written["parameters"]),
        one_thread=written["one_thread"],
        files=[
            FileVersion(path=path, size=size, etag=etag, modified=modified)
            for path, size, etag, modified in written["files"]
        ],
    )


def columns_to_json(columns: Sequence[Column]) -> list[list[str]]:
    """Write the names and types of columns."""
    return [[column.name, column.type] for column in columns]


def columns_from_json(written: Sequence[Sequence[str]]) -> tuple[Column, ...]:
    """Return what ``columns_to_json`` wrote."""
    return tuple(Column(name=name, type=kind) for name, kind in written)


def error_to_json(error: GatewayError) -> dict[str, Any]:
    """Write an error of the gateway's own."""
    members = {name: getattr(error, name) for name in _OF_ERRORS if getattr(error, name, None) is not None}
    told = {name: value for name, value in error.members.items() if value is not None}
    return {
        "code": error.code,
        "detail": error.detail,
        "retry_after": error.retry_after,
        "members": told,
        "beside": members,
    }


def error_from_json(written: Mapping[str, Any]) -> GatewayError:
    """Return the error that ``error_to_json`` wrote, of the same class."""
    kind = next((kind for kind in _kinds(GatewayError) if getattr(kind, "code", None) == written["code"]), EngineFailed)
    return kind(written["detail"], retry_after=written["retry_after"], **written["members"], **written["beside"])


def _kinds(kind: type[GatewayError]) -> Iterator[type[GatewayError]]:
    yield kind
    for below in kind.__subclasses__():
        yield from _kinds(below)


def serialized(batch: pa.RecordBatch) -> pa.Buffer:
    """Write a batch as an Arrow IPC message; as a whole stream where it has dictionaries, which come before it."""
    if not any(map(has_dictionary, batch.schema.types)):
        return batch.serialize()
    return _streams([batch])


def _streams(every: Iterable[pa.Table | pa.RecordBatch]) -> pa.Buffer:
    sink = pa.BufferOutputStream()
    for rows in every:
        with pa.ipc.new_stream(sink, rows.schema) as writer:
            writer.write(rows)
    return sink.getvalue()


def unserialized(body: Any, schema: pa.Schema) -> Iterable[pa.RecordBatch]:
    """Return the batch that ``serialized`` wrote."""
    if any(map(has_dictionary, schema.types)):
        return pa.ipc.open_stream(body)
    return (pa.ipc.read_record_batch(body, schema),)


def has_dictionary(kind: pa.DataType) -> bool:
    """Tell whether a type has a dictionary, or contains one that has."""
    if pa.types.is_dictionary(kind):
        return True
    return any(has_dictionary(kind.field(index).type) for index in range(kind.num_fields))

"""The process that binds queries: a DuckDB without files or rows that answers requests on a socket, its descriptor 0.

Started by ``gateway.engine.binder_process``. A constant that is computed while a text is bound may take any time and
memory, and heeds no interrupt: this process has a limit of memory of its own, and can be killed. One line of JSON a
request, ``{"do", "sql", "parameters"}``, and one a reply: ``rows`` of values, or ``error``, ``memory`` or ``fatal``.
``{"do": "open"}`` replaces the instance by a new one. It imports little, so that it starts fast.
"""

from __future__ import annotations

import os
import resource
import signal
import socket
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import duckdb
import orjson

from gateway.concurrency.forked import die_with
from gateway.engine.binding import bind
from gateway.engine.values import from_json, to_json
from gateway.errors import QueryFailed
from gateway.query.functions import SESSION_WORDS

OPEN = "open"
"""What is asked for to have a new instance."""
DESCRIBE = "DESCRIBE "
"""What stands before a text that is bound: positions in it are counted from here."""
SESSION = "query_gateway_session"
"""Table that a name of the session would be read from; there is none."""
SCHEMA = "query_gateway_tables"
"""Schema of the declared tables, which are views: as in a query that runs, they are in no schema that an author knows,
and have no ``rowid``."""
LARGEST = 16 << 20
"""Bytes of a reply: a constant that is larger counts as one that cannot be computed."""
_COMPUTING = (duckdb.DataError, duckdb.InvalidInputException, duckdb.NotSupportedError)
"""Errors of a constant that is of the right types and yet cannot be computed."""
_DAMAGED = (duckdb.FatalException, duckdb.InternalException)
"""Errors after which an instance may not be used again."""

Reply = dict[str, Any]


class Given(NamedTuple):
    """A value bound to a parameter, with its type in SQL."""

    value: Any
    type: str


def main(memory: int) -> None:
    """Answer requests until the other end is closed, with *memory* bytes of data at most."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that started this one
    die_with(os.getppid())
    with socket.socket(fileno=0) as channel:
        lines = channel.makefile("rb")
        again = True
        while again:
            with opened() as connection:
                limit_memory(memory)
                channel.sendall(b"{}\n")
                again = _answered(connection, channel, lines)


def _answered(connection: duckdb.DuckDBPyConnection, channel: socket.socket, lines: Iterable[bytes]) -> bool:
    """Answer requests until the other end is closed or asks for a new instance; return whether it does."""
    for line in lines:
        request = orjson.loads(line)
        if request["do"] == OPEN:
            return True
        channel.sendall(_written(replied(connection, request)) + b"\n")
    return False


def limit_memory(memory: int) -> None:
    """Let allocations fail beyond *memory* bytes of data in all; Linux counts all that is private and writable."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))


def opened() -> duckdb.DuckDBPyConnection:
    """Open an instance that reaches no file and knows no function that tells about the session."""
    connection = duckdb.connect(":memory:", config={"threads": 1})
    for statement in (
        "SET errors_as_json = true",
        "SET GLOBAL TimeZone = 'UTC'",
        "SET GLOBAL temp_directory = ''",
        "SET GLOBAL enable_external_access = false",
        "SET GLOBAL python_enable_replacements = false",
        "SET explain_output = 'all'",
        "PRAGMA disable_optimizer",
        f"CREATE SCHEMA {SCHEMA}",
        f"SET search_path = '{SCHEMA},main'",
        "SET GLOBAL lock_configuration = true",
    ):
        connection.execute(statement)
    _forbid(connection, SESSION_WORDS)
    return connection


def _forbid(connection: duckdb.DuckDBPyConnection, words: Iterable[str]) -> None:
    """Make functions of these names, which the engine prefers to its own, over a table that is gone."""
    connection.execute(f"CREATE TABLE {SESSION} (told INTEGER)")
    for word in words:
        connection.execute(f'CREATE MACRO "{word}"() AS (SELECT told FROM {SESSION})')
    connection.execute(f"DROP TABLE {SESSION}")


def replied(connection: duckdb.DuckDBPyConnection, request: Mapping[str, Any]) -> Reply:
    """Do what is asked and say what came of it."""
    given = {name: Given(from_json(value), type_) for name, (value, type_) in request["parameters"].items()}
    try:
        return {"rows": _ACTIONS[request["do"]](connection, request["sql"], given)}
    except (duckdb.OutOfMemoryException, MemoryError, RuntimeError):  # RuntimeError: no object of Python could be made
        return {"memory": True}
    except _DAMAGED as error:
        return {"fatal": str(error)}
    except (duckdb.Error, QueryFailed) as error:
        return {"error": str(error), "computing": isinstance(error, _COMPUTING)}


def _described(connection: duckdb.DuckDBPyConnection, sql: str, given: Mapping[str, Given]) -> list[list[Any]]:
    return _all(connection, DESCRIBE, sql, given)


def _explained(connection: duckdb.DuckDBPyConnection, sql: str, given: Mapping[str, Given]) -> list[list[Any]]:
    return _all(connection, "EXPLAIN (FORMAT json) ", sql, given)


def _all(connection: duckdb.DuckDBPyConnection, prefix: str, sql: str, given: Mapping[str, Given]) -> list[list[Any]]:
    text, values = bind(sql, connection.extract_statements(sql)[0].named_parameters, given)
    return [[to_json(value) for value in row] for row in connection.execute(prefix + text, values).fetchall()]


def _computed(connection: duckdb.DuckDBPyConnection, sql: str, given: Mapping[str, Given]) -> list[list[Any]]:
    text, values = bind(sql, connection.extract_statements(sql)[0].named_parameters, given)
    row = connection.execute(text, values).fetchone()
    return [] if row is None else [[to_json(value) for value in row]]


def _read(connection: duckdb.DuckDBPyConnection, sql: str, given: Mapping[str, Given]) -> list[list[Any]]:
    connection.extract_statements(DESCRIBE + sql)
    return []


_ACTIONS: Mapping[str, Callable[[duckdb.DuckDBPyConnection, str, Mapping[str, Given]], list[list[Any]]]] = {
    "describe": _described,
    "explain": _explained,
    "compute": _computed,
    "read": _read,
}


def _written(reply: Reply) -> bytes:
    body = orjson.dumps(reply)
    return body if len(body) < LARGEST else orjson.dumps({"memory": True})


if __name__ == "__main__":
    main(int(sys.argv[1]))

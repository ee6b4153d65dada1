"""Binds a query with DuckDB against tables of known columns, without opening a file or reading a row."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import duckdb

from gateway.engine.binding import bind
from gateway.errors import QueryFailed, Rule, did_you_mean
from gateway.model import Column, TypedValue, Value
from gateway.query.functions import SESSION_WORDS

_DESCRIBE = "DESCRIBE "
_CANDIDATES = re.compile(r'"((?:[^"]|"")+)"')
_SHOWN = 8
_REFERENCE = re.compile(r'(?:"(?:[^"]|"")+"|\w+)(?:\s*\.\s*(?:"(?:[^"]|"")+"|\w+))*')
_CAST = re.compile(r"(?<!TRY_)CAST\('((?:[^']|'')*)' AS ([A-Z][A-Z0-9_ ]*(?:\(\d+,\d+\))?)\)")
_OF_TABLE = re.compile(r"(?P<table>.+) has no column '(?P<name>.+)'")
_SESSION = "query_gateway_session"
"""Table that a name of the session would be read from; there is none."""
_SCHEMA = "query_gateway_tables"
"""Schema of the declared tables, which are views: as in a query that runs, they are in no schema that an author knows,
and have no ``rowid``."""
_MOST = 20
"""Unknown columns of one query that are reported at once."""


class Unbindable(Exception):
    """DuckDB refuses a text: why, at which character (None: unknown), and what would be right.

    ``certain`` is False where the values that stand for parameters may be at fault.
    """

    def __init__(
        self, message: str, *, hint: str | None, offset: int | None, rule: Rule = Rule.BINDING, certain: bool = True
    ) -> None:
        super().__init__(message)
        self.message, self.hint, self.offset, self.rule, self.certain = message, hint, offset, rule, certain


class Binder:
    """An instance that holds the declared tables without a row. Close it after use; not thread-safe."""

    def __init__(self) -> None:
        self._connection = duckdb.connect(":memory:", config={"threads": 1})
        for statement in (
            "SET errors_as_json = true",
            "SET GLOBAL TimeZone = 'UTC'",
            "SET GLOBAL enable_external_access = false",
            "SET GLOBAL python_enable_replacements = false",
            "SET explain_output = 'all'",
            "PRAGMA disable_optimizer",
            f"CREATE SCHEMA {_SCHEMA}",
            f"SET search_path = '{_SCHEMA},main'",
            "SET GLOBAL lock_configuration = true",
        ):
            self._connection.execute(statement)
        self._forbid(SESSION_WORDS)
        self._names: dict[str, Sequence[str]] = {}

    def _forbid(self, words: Iterable[str]) -> None:
        """Make functions of these names, which the engine prefers to its own, over a table that is gone."""
        self._connection.execute(f"CREATE TABLE {_SESSION} (told INTEGER)")
        for word in words:
            self._connection.execute(f'CREATE MACRO "{word}"() AS (SELECT told FROM {_SESSION})')
        self._connection.execute(f"DROP TABLE {_SESSION}")

    def declare(self, table: str, columns: Sequence[Column]) -> None:
        """Make a table of those columns known."""
        self._names[table.lower()] = [column.name for column in columns]
        nulls = ", ".join(f"CAST(NULL AS {column.type}) AS {_identifier(column.name)}" for column in columns)
        self._connection.execute(f"CREATE VIEW {_identifier(table)} AS SELECT {nulls} WHERE false")

    def columns(self, sql: str, parameters: Mapping[str, TypedValue]) -> tuple[Column, ...]:
        """Return the columns that *sql* would answer with. Raises ``Unbindable``, with its position."""
        try:
            # A NULL is written into the text, which is far faster to bind, but moves what follows it.
            return self._described(sql, _nulls(parameters))
        except duckdb.Error:
            pass
        try:
            return self._described(sql, parameters)
        except duckdb.Error as error:
            raise self._hinted(explained(error, sql), sql) from error

    def planned_casts(self, sql: str, parameters: Mapping[str, TypedValue]) -> list[tuple[str, str]]:
        """Return the texts that *sql* casts to a type once it is bound, with the types; none where it has no plan."""
        try:
            text, _ = self._bound(sql, _nulls(parameters))
            plans = self._connection.execute(f"EXPLAIN (FORMAT json) {text}").fetchall()
        except duckdb.Error:
            return []
        found = [cast for text in _strings(json.loads(plans[0][1])) for cast in _CAST.findall(text)]
        return [(text.replace("''", "'"), type_) for text, type_ in found]

    def fails(self, constant: str) -> bool:
        """Return whether a constant is of the right types and yet cannot be computed."""
        try:
            self._connection.execute(f"SELECT {constant}").fetchall()
        except (duckdb.DataError, duckdb.InvalidInputException, duckdb.NotSupportedError):
            return True
        except duckdb.Error:
            return False  # it is not understood alone, as a type that only the query knows
        return False

    def _hinted(self, refusal: Unbindable, sql: str) -> Unbindable:
        """Add the nearest column of the tables that *sql* names: for views, the engine names none."""
        found = _OF_TABLE.fullmatch(refusal.message)
        if refusal.hint is None and found is not None:
            words = {word.lower() for word in re.findall(r"\w+", sql)}
            names = [name for table in sorted(words & self._names.keys()) for name in self._names[table]]
            refusal.hint = _nearest(found["name"], self._names.get(found["table"].lower(), names))
        return refusal

    def _described(self, sql: str, parameters: Mapping[str, TypedValue]) -> tuple[Column, ...]:
        text, values = self._bound(sql, parameters)
        rows = self._connection.execute(_DESCRIBE + text, values).fetchall()
        return tuple(Column(name=row[0], type=row[1]) for row in rows)

    def _bound(self, sql: str, parameters: Mapping[str, TypedValue]) -> tuple[str, dict[str, duckdb.Value]]:
        return bind(sql, self._connection.extract_statements(sql)[0].named_parameters, parameters)

    def errors(self, sql: str, parameters: Mapping[str, TypedValue]) -> list[Unbindable]:
        """Return what DuckDB refuses in *sql*: every unknown column, or else the first error."""
        found: list[Unbindable] = []
        for _ in range(_MOST):
            try:
                self.columns(sql, parameters)
            except Unbindable as refusal:
                if found and refusal.rule is not Rule.UNKNOWN_COLUMN:
                    return found
                found.append(refusal)
                blanked = _blanked(sql, refusal)
                if blanked is None:
                    return found
                sql = blanked
            else:
                return found
        return found

    def read(self, sql: str) -> Unbindable | None:
        """Return what is wrong with the grammar of *sql*, whatever its tables hold."""
        try:
            self._connection.extract_statements(_DESCRIBE + sql)
        except duckdb.Error as error:
            return explained(error, sql)
        return None

    def evaluate(self, expressions: Sequence[str], parameters: Mapping[str, TypedValue]) -> tuple[Value, ...]:
        """Compute constant *expressions*. Raises ``QueryFailed``."""
        sql = f"SELECT {', '.join(expressions)}"
        try:
            statement = self._connection.extract_statements(sql)[0]
            text, values = bind(sql, statement.named_parameters, parameters)
            row = self._connection.execute(text, values).fetchone()
        except duckdb.Error as error:
            raise QueryFailed("The constants cannot be computed.") from error
        return tuple(_aware(value) for value in row or ())

    def close(self) -> None:
        """Release the instance; idempotent."""
        self._connection.close()


def _nulls(parameters: Mapping[str, TypedValue]) -> dict[str, TypedValue]:
    return {name: TypedValue(value=None, type=value.type) for name, value in parameters.items()}


def _strings(node: object) -> Iterator[str]:
    """List the texts in a document of JSON."""
    if isinstance(node, str):
        yield node
    elif isinstance(node, dict | list):
        for item in node.values() if isinstance(node, dict) else node:
            yield from _strings(item)


def explained(error: duckdb.Error, sql: str) -> Unbindable:
    """Translate an error of DuckDB, which comes as JSON, with its position in *sql*."""
    kind, _, document = str(error).partition(" Error: ")
    try:
        details: dict[str, Any] = json.loads(document)
    except json.JSONDecodeError:
        details = {"exception_message": document or str(error)}
    text = str(details["exception_message"])
    if _SESSION in text:
        return _of_session(sql)
    offset = _offset(details, text, sql)
    message, hint, rule = _words(details, text)
    return Unbindable(message, hint=hint, offset=offset, rule=rule, certain=kind in ("Binder", "Parser", "Catalog"))


def _of_session(sql: str) -> Unbindable:
    """Refuse a name that no column has and that is about the session instead."""
    found = re.search(rf"\b({'|'.join(SESSION_WORDS)})\b", sql, re.IGNORECASE)
    word = found[1].lower() if found else "a name"
    message = f"{word} is not allowed: it tells about the server, not about the data"
    hint = f"no table here has a column {word!r}"
    return Unbindable(message, hint=hint, offset=found.start() if found else None, rule=Rule.NOT_ALLOWED)


def _offset(details: Mapping[str, Any], text: str, sql: str) -> int | None:
    """Return the position in characters: DuckDB counts bytes, and includes the prefix."""
    if "position" in details:
        before = sql.encode()[: int(details["position"]) - len(_DESCRIBE)]
        return len(before.decode(errors="ignore"))
    named = _CANDIDATES.search(text)
    found = re.search(rf"\b{re.escape(named[1])}\b", sql, re.IGNORECASE) if named else None
    return found.start() if found else None


def _words(details: Mapping[str, Any], text: str) -> tuple[str, str | None, Rule]:
    first, _, rest = text.partition("\n")
    names = _CANDIDATES.findall(rest) or [name for name in str(details.get("candidates", "")).split(",") if name]
    if details.get("error_subtype") == "COLUMN_NOT_FOUND":
        return (
            f"there is no column {details['name']!r} here",
            _nearest(str(details["name"]), names),
            Rule.UNKNOWN_COLUMN,
        )
    if match := re.match(r'(?:Table|Values list) "(.+)" does not have a column named "(.+)"', first):
        return f"{match[1]} has no column {match[2]!r}", _nearest(match[2], names), Rule.UNKNOWN_COLUMN
    if match := re.match(r'Referenced table "(.+)" not found', first):
        message = f"there is no table or alias {match[1]!r} here"
        names = [name.removeprefix(f"{_SCHEMA}.") for name in names]
        return message, _nearest(match[1], names, "tables here"), Rule.UNKNOWN_COLUMN
    if match := re.match(r'Ambiguous reference to column name "(.+?)" \(use: (.+)\)', first):
        several = _CANDIDATES.findall(match[2])
        return f"the column {match[1]!r} is in several tables", f"write {' or '.join(several)}", Rule.BINDING
    if details.get("error_subtype") == "NO_MATCHING_FUNCTION":
        return _no_function(str(details["call"]), str(details["name"]), str(details.get("candidates", "")))
    if match := re.match(r'column "(.+)" must appear in the GROUP BY clause', first, re.IGNORECASE):
        hint = f"add it to GROUP BY, or write any_value({match[1]}) where its exact value does not matter"
        return f"the column {match[1]!r} is neither grouped nor aggregated", hint, Rule.BINDING
    if match := re.match(r'Column "(.+)" does not exist on (left|right) side of join', first):
        return f"the {match[2]} side of the join has no column {match[1]!r}", None, Rule.UNKNOWN_COLUMN
    if match := re.match(r'Column "(.+)" in (\w+) list not found', first):
        return f"there is no column {match[1]!r} to {match[2].lower()}", None, Rule.UNKNOWN_COLUMN
    if match := re.match(r'syntax error at (?:or near "(.+)"|end of input)', first):
        found = f"{match[1]} is not expected here" if match[1] else "the query ends where something must follow"
        return f"not valid SQL: {found}", None, Rule.SYNTAX
    message = first.strip().rstrip(".!")
    return message if message[:2].isupper() else message[:1].lower() + message[1:], None, Rule.BINDING


def _nearest(name: str, names: Sequence[str], what: str = "columns here") -> str | None:
    shown = ", ".join(names[:_SHOWN])
    return did_you_mean(name, names) or (f"{what} with a similar name: {shown}" if shown else None)


def _no_function(call: str, name: str, candidates: str) -> tuple[str, str | None, Rule]:
    arguments = call.partition("(")[2].removesuffix(")").replace("_LITERAL", "")
    if not re.fullmatch(r"\w+", name):
        return f"{name} cannot be applied to {arguments}", "cast one side, e.g. CAST(… AS INTEGER)", Rule.BINDING
    taken = list(dict.fromkeys(re.findall(rf"{re.escape(name)}(\(.*?\)) ->", candidates)))
    hint = f"it takes {', '.join(taken[:_SHOWN])}" if taken else None
    return f"{name} cannot be called with ({arguments})", hint, Rule.BINDING


def _blanked(sql: str, refusal: Unbindable) -> str | None:
    """Replace an unknown column by NULL, so that positions after it do not change; None if it is too short."""
    if refusal.rule is not Rule.UNKNOWN_COLUMN or refusal.offset is None:
        return None
    match = _REFERENCE.match(sql, refusal.offset)
    if match is None or len(match[0]) < len("NULL"):
        return None
    return sql[: match.start()] + "NULL".ljust(len(match[0])) + sql[match.end() :]


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _aware(value: Any) -> Value:
    return value.astimezone(UTC) if isinstance(value, datetime) and value.tzinfo is not None else value

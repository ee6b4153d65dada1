"""What DuckDB refuses in a text, in the words of this gateway, with its place and what would be right."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from gateway.engine.binder_child import DESCRIBE, SCHEMA, SESSION
from gateway.errors import Rule
from gateway.query.functions import SESSION_WORDS
from gateway.suggestions import did_you_mean

_CANDIDATES = re.compile(r'"((?:[^"]|"")+)"')
_SHOWN = 8


class Unbindable(Exception):
    """DuckDB refuses a text: why, at which character (None: unknown), and what would be right.

    ``certain`` is False where the values that stand for parameters may be at fault.
    """

    def __init__(
        self, message: str, *, hint: str | None, offset: int | None, rule: Rule = Rule.BINDING, certain: bool = True
    ) -> None:
        super().__init__(message)
        self.message, self.hint, self.offset, self.rule, self.certain = message, hint, offset, rule, certain


def explained(error: str, sql: str) -> Unbindable:
    """Translate an error of DuckDB, which is JSON after its kind, with its position in *sql*."""
    kind, _, document = error.partition(" Error: ")
    try:
        details: dict[str, Any] = json.loads(document)
    except json.JSONDecodeError:
        details = {"exception_message": document or error}
    text = str(details["exception_message"])
    if SESSION in text:
        return _of_session(sql)
    offset = _offset(details, text, sql)
    message, hint, rule = _words(details, text)
    return Unbindable(message, hint=hint, offset=offset, rule=rule, certain=kind in ("Binder", "Parser", "Catalog"))


def quotes_hint(sql: str, offset: int) -> str | None:
    """Say how a text is written, where a name in double quotes stands at *offset*."""
    quoted = re.compile(r'"((?:[^"]|"")*)"').match(sql, offset)
    if quoted is None:
        return None
    text = quoted[1].replace('""', '"').replace("'", "''")
    return f"write '{text}' for a text: double quotes name a column"


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
        before = sql.encode()[: int(details["position"]) - len(DESCRIBE)]
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
            nearest(str(details["name"]), names),
            Rule.UNKNOWN_COLUMN,
        )
    if match := re.match(r'(?:Table|Values list) "(.+)" does not have a column named "(.+)"', first):
        return f"{match[1]} has no column {match[2]!r}", nearest(match[2], names), Rule.UNKNOWN_COLUMN
    if match := re.match(r'Referenced table "(.+)" not found', first):
        message = f"there is no table or alias {match[1]!r} here"
        names = [name.removeprefix(f"{SCHEMA}.") for name in names]
        return message, nearest(match[1], names, "tables here"), Rule.UNKNOWN_COLUMN
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


def nearest(name: str, names: Sequence[str], what: str = "columns here") -> str | None:
    shown = ", ".join(names[:_SHOWN])
    return did_you_mean(name, names) or (f"{what} with a similar name: {shown}" if shown else None)


def _no_function(call: str, name: str, candidates: str) -> tuple[str, str | None, Rule]:
    arguments = call.partition("(")[2].removesuffix(")").replace("_LITERAL", "")
    if not re.fullmatch(r"\w+", name):
        return f"{name} cannot be applied to {arguments}", "cast one side, e.g. CAST(… AS INTEGER)", Rule.BINDING
    taken = list(dict.fromkeys(re.findall(rf"{re.escape(name)}(\(.*?\)) ->", candidates)))
    hint = f"it takes {', '.join(taken[:_SHOWN])}" if taken else None
    return f"{name} cannot be called with ({arguments})", hint, Rule.BINDING

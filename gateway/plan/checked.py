"""SQL that casts a stored value to its declared type, and fails the query if the value would change."""

from __future__ import annotations

import orjson

from gateway.catalog.casting import Fit, common, fit
from gateway.catalog.transforms.keys import KeyKind, key_type
from gateway.errors import MISFIT
from gateway.model import Column


def checked(value: str, stored: str, column: Column, file: str) -> str:
    """Write the *value* of a column that a file stores as *stored*; *file* is SQL for the name of its file."""
    details = orjson.dumps({"column": column.name, "stored": stored, "declared": column.type}).decode()
    quoted = details.replace("'", "''")
    ending = f"error(concat('{MISFIT}{quoted}', {file}))"
    if fit(stored, column.type) is Fit.NEVER:
        return f"CASE WHEN {value} IS NULL THEN NULL ELSE {ending} END"
    cast, kept = _cast(value, stored, column.type)
    return f"CASE WHEN {value} IS NULL THEN NULL WHEN {cast} IS NOT NULL AND {kept} THEN {cast} ELSE {ending} END"


def _cast(value: str, stored: str, declared: str) -> tuple[str, str]:
    """Write a cast that is NULL where it fails, and the condition under which it kept what the value says."""
    if (stored, declared) == ("BLOB", "VARCHAR"):
        return f"TRY(decode({value}))", "true"
    if (stored, declared) == ("VARCHAR", "BLOB"):
        return f"encode({value})", "true"
    cast = f"TRY_CAST({value} AS {declared})"
    if stored == "VARCHAR":
        return cast, _said(value, cast, declared)
    narrow = common(stored, declared)
    given = value if narrow == stored else f"CAST({value} AS {narrow})"
    return cast, f"TRY_CAST({cast} AS {narrow}) IS NOT DISTINCT FROM {given}"


def _said(value: str, cast: str, declared: str) -> str:
    """Write the condition that a text is how its value is written."""
    kind, written = key_type(declared), f"CAST({cast} AS VARCHAR)"
    match kind.kind if kind is not None else None:
        case KeyKind.DECIMAL:
            fraction = rf"(\.[0-9]{{1,{kind.scale}}})?" if kind is not None and kind.scale else ""
            return f"regexp_full_match({value}, '-?(0|[1-9][0-9]*){fraction}')"
        case KeyKind.DOUBLE:
            return f"{written} IN ({value}, {value} || '.0')"
        case KeyKind.TIMESTAMP | KeyKind.TIMESTAMPTZ:
            return f"{written} = replace({value}, 'T', ' ')"
        case KeyKind.UUID:
            return f"{written} = lower({value})"
        case _:
            return f"{written} = {value}"

"""Translates the exceptions of DuckDB and its Arrow reader into the gateway's errors, without paths or credentials.

DuckDB's exception classes are too coarse, and its reader raises plain ``OSError``. But every message starts with the
kind of error (``Conversion Error: …``), so the translation goes by the message.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from gateway.errors import (
    MISFIT,
    EngineFailed,
    FileDamaged,
    FilesChanged,
    GatewayError,
    QueryFailed,
    StorageFailed,
    ValueMisfit,
)

RAISED = (duckdb.Error, OSError, pa.ArrowException, UnicodeDecodeError)
"""What DuckDB's cursor and its Arrow reader raise; the last, for a message that quotes bytes of a file."""

_REFUSED = {"Binder", "Catalog", "Constraint", "Conversion", "Decimal", "Divide by Zero", "Invalid Input"}
_REFUSED |= {"Invalid type", "Invalid", "Mismatch Type", "Not implemented", "Out of Range", "Parameter Not Resolved"}
_REFUSED |= {"Parser", "Sequence", "Syntax", "TypeMismatch", "Invalid Configuration"}

_KIND = re.compile(r"^(?:\w+Error: )?(?P<kind>[A-Za-z ]+?) Error: (?P<text>.*)$", re.DOTALL)
_GONE = re.compile(
    r"No such file or directory|No files found that match|\(HTTP (?:404|412|416)|HTTP code (?:404|412|416)"
    r"|ETag on reading file|remote file has changed",
)
_UNREADABLE = re.compile(
    r"Failed to read file|magic bytes|Footer length error|too small to be a Parquet|Snappy|ZSTD|decompress"
    r"|TProtocolException|Invalid Parquet|Parquet file .* (?:corrupt|truncated)|end of file|Thrift|parquet metadata"
    r"|is encrypted, but|don't know what type"  # the latter is all that Thrift says of a damaged footer
    r"|at least one non-root column"
    r"|Server sent back more data than expected|Could not read (?:all|enough)|page header|dictionary size",
    re.IGNORECASE,
)
_CONNECTION = re.compile(r"\b(?:error|Error) for HTTP [A-Z]+ to\b|Could not establish connection")
"""What the HTTP client of DuckDB says of a connection that failed, broke or stalled, or of a body cut short."""
_SPILL = re.compile(r"No space left on device|duckdb_temp|create directory|Disk quota exceeded|File too large")
_PASSING = {"408", "425", "429"}
_MEMORY = "Out of Memory"
_STORAGE = {"IO", "HTTP", "Permission"}
_INTERNAL = {"INTERNAL", "FATAL"}
"""Faults of DuckDB itself, and what it answers to every query after one that made its database invalid."""
_PLACE = re.compile(r"\s*\n\s*\n?LINE \d+:.*", re.DOTALL)
_ADVICE = re.compile(r"\n\s*\n.*|\nPossible solutions.*|\nDid you mean to use.*", re.DOTALL)
_PATH = re.compile(r"""(["'])(?:/|\w+://)[^"']*\1|\w+://\S+|(?<![\w.])/(?:[\w.=%+@-]+/)+[\w.=%+@-]*""")


@dataclass(frozen=True, slots=True)
class Suspicion:
    """A file was not as expected: either it was replaced, or it is damaged; ``damaged`` is the error for the latter."""

    damaged: GatewayError


def is_internal(error: BaseException) -> bool:
    """Tell whether DuckDB reports a fault of its own, after which its database may be invalid.

    >>> is_internal(duckdb.FatalException("FATAL Error: Failed: database has been invalidated")), is_internal(OSError())
    (True, False)
    """
    match = _KIND.match(str(error))
    return match is not None and match["kind"].strip() in _INTERNAL


def translate(error: BaseException, *, memory_limit: str) -> GatewayError | Suspicion:
    """Return the error for the caller; a ``Suspicion`` where it depends on whether the files have changed."""
    if isinstance(error, UnicodeDecodeError):
        return Suspicion(FileDamaged("A data file could not be read."))
    match = _KIND.match(str(error))
    kind, text = (match["kind"].strip(), match["text"]) if match else ("", str(error))
    if text.startswith(MISFIT):
        return _misfit(text.removeprefix(MISFIT))
    if _GONE.search(text):
        return FilesChanged("A data file was replaced or removed while the query ran.")
    if kind == _MEMORY:
        return EngineFailed(
            f"The query needs more memory or temporary space than the engine may use ({memory_limit} of memory).",
            memory=True,
        )
    if "schema mismatch" in text:
        return EngineFailed(f"The data files of a table do not have the same columns: {_schema(text)}")
    if _UNREADABLE.search(text):
        return Suspicion(FileDamaged("A data file is damaged: it cannot be read as Parquet."))
    if _SPILL.search(text):
        return EngineFailed("The query needs temporary space, and the engine's temporary folder cannot take it.")
    if kind in _STORAGE:
        return _storage(text)
    if kind in _REFUSED or isinstance(error, pa.ArrowInvalid):
        return QueryFailed(cleaned(text))
    return EngineFailed("The engine failed while it ran the query.")


def _misfit(text: str) -> GatewayError:
    """Read the message that the SQL of ``gateway.plan.checked`` raises: a JSON object, then the path of the file."""
    try:
        details, length = json.JSONDecoder().raw_decode(text)
        column, stored, declared = (str(details[name]) for name in ("column", "stored", "declared"))
    except (ValueError, TypeError, KeyError):  # an author's own error()
        return QueryFailed(cleaned(text))
    detail = (
        f"A data file stores the column {column!r} as {stored}, and not every value of it is a {declared}, as declared."
    )
    return ValueMisfit(detail, path=text[length:].strip() or None)


def cleaned(text: str) -> str:
    """Keep the sentence of a DuckDB message: no excerpt of the SQL, no advice about settings, no paths.

    >>> cleaned('Could not convert string "x" to INT32\\n\\nLINE 1: select …')
    'Could not convert string "x" to INT32.'
    >>> cleaned("Failed to open '/data/a.parquet'")
    'Failed to open a data file.'
    """
    sentence = _PATH.sub("a data file", _ADVICE.sub("", _PLACE.sub("", text))).strip()
    return sentence if sentence.endswith((".", "!", "?")) else sentence + "."


def _schema(text: str) -> str:
    return cleaned(text.partition("schema mismatch in glob:")[2].partition("\n")[0].strip() or "they differ")


def _storage(text: str) -> StorageFailed:
    status = re.search(r"HTTP (?:code )?(\d{3})", text)
    if status is None:
        message = "The object store could not be reached or read."
        return StorageFailed(message, passing=_CONNECTION.search(text) is not None)
    if status[1] in {"400", "401", "403"}:
        return StorageFailed(f"The object store refused the gateway (HTTP {status[1]}).")
    message = f"The object store answered with HTTP {status[1]}."
    return StorageFailed(message, passing=status[1] in _PASSING or status[1].startswith("5"))

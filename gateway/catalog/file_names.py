"""Patterns that say which files of a table's folders are its data, by their names.

A pattern is that of a shell, for the name of a file in whatever folder: ``*`` stands for any text, ``?`` for any
character, ``[0-9]`` for one of some, ``[!0-9]`` for any other. Capital and small letters are the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache

import pyarrow as pa

from gateway.counted import counted

PARQUET = ("*.parquet", "*.parq")
"""The names of data files where the declaration has no pattern."""

_PART = re.compile(r"\[(!?)(\]?[^\]]*)\]|.", re.DOTALL)
_OTHER_FORMATS = re.compile(r"\.(csv|tsv|txt|json|ndjson|jsonl|orc|avro|xml|xlsx?|md|html|ya?ml|sql|log|crc|zip)\b")
_SHOWN = 100
"""Files of which the names are looked at to suggest a pattern."""
_HIVE = re.compile(r"\d+_\d+")


def name_pattern(text: str) -> str:
    """Check one pattern. Raises ``ValueError``."""
    if "/" in text:
        name = text.rpartition("/")[2] or "*"
        raise ValueError(f"{text!r} has a '/', and a pattern is for names, in whatever folder: write {name!r}")
    if not text or any(ord(character) < 32 or character in "{}\\" for character in text):
        raise ValueError("a pattern has '*', '?' and '[…]'; for several names write a list: ['*.parquet', 'part-*']")
    if text[0] in "._":
        raise ValueError("files whose names begin with '.' or '_' are hidden, and never read")
    return text


@cache
def path_regex(patterns: Sequence[str]) -> str:
    """Return the RE2 expression that finds the paths of which the last part matches one of *patterns*.

    >>> path_regex(("*.pq", "[!a]_?"))
    '(?:^|/)(?i:[^/]*\\\\.pq|[^/a]_[^/])$'
    """
    names = "|".join("".join(_regex(part) for part in _PART.finditer(pattern)) for pattern in patterns)
    return f"(?:^|/)(?i:{names})$"


def _regex(part: re.Match[str]) -> str:
    if part[2] is not None:
        some = part[2].replace("[", "\\[").replace("]", "\\]").replace("^", "\\^").replace("&", "\\&")
        return f"[^/{some}]" if part[1] else f"[{some}]"
    return {"*": "[^/]*", "?": "[^/]"}.get(part[0], re.escape(part[0]))


def takes(patterns: Sequence[str], path: str) -> bool:
    """Return whether the name at the end of *path* matches one of *patterns*.

    >>> takes(PARQUET, "day=1/A.PARQUET"), takes(PARQUET, "day=1/000000_0")
    (True, False)
    """
    return re.search(path_regex(tuple(patterns)), path) is not None


def mismatch(patterns: Sequence[str]) -> str:
    """Say of a file why it is not read."""
    if tuple(patterns) == PARQUET:
        return "not read: its name does not end in .parquet or .parq"
    return f"not read: its name matches none of the declared files, {', '.join(patterns)}"


def first_paths(files: pa.Table) -> list[str]:
    """List the first paths of a listing."""
    return [str(path) for path in files["path"][:_SHOWN].to_pylist()]


def none_taken(paths: Sequence[str], count: int, patterns: Sequence[str]) -> str:
    """Say that none of *count* files is read, of which *paths* are the first."""
    names = ", ".join(patterns)
    return f"none of its {counted(count, 'file')} is read, for no name matches {names}; e.g. {paths[0]}"


def advice(paths: Sequence[str]) -> str:
    """Say what to do about files that no pattern takes."""
    pattern = suggested(paths)
    if pattern is None:
        return "only Parquet is read; gateway write takes rows from CSV and JSON"
    return f"if they are Parquet, declare the names of the table's files, such as files: '{pattern}'"


def suggested(paths: Iterable[str]) -> str | None:
    """Suggest a pattern for names that none matches; None where they are those of files of other formats.

    >>> suggested(["day=1/000000_0", "day=2/000001_0_copy_1"]), suggested(["part-0", "part-1"]), suggested(["a.csv"])
    ('[0-9]*_[0-9]*', 'part-*', None)
    """
    names = [name for path in paths if not _OTHER_FORMATS.search((name := path.rpartition("/")[2]).lower())]
    if not names:
        return None
    if all(_HIVE.match(name) for name in names):
        return "[0-9]*_[0-9]*"
    endings = {name.rpartition(".")[2] for name in names if "." in name.lstrip(".")}
    if len(endings) == 1 and all(name.endswith(f".{next(iter(endings))}") for name in names):
        return f"*.{endings.pop()}"
    words = {found[0] for name in names if (found := re.match(r"[A-Za-z]+[-_.]", name)) is not None}
    if len(words) == 1 and all(name.startswith(tuple(words)) for name in names):
        return f"{words.pop()}*"
    return "*"

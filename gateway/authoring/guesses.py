"""Verifies, over all files of a table, the levels that ``gateway init`` has guessed, and declares those that hold."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console
from rich.progress import Progress as Bars

from gateway.catalog import facts
from gateway.catalog.facts import VERDICT
from gateway.catalog.manifest import Snapshot
from gateway.catalog.store import open_store
from gateway.catalog.stored import folded
from gateway.catalog.table import Table
from gateway.catalog.verify import findings, stray_kind, verify
from gateway.discovery.declaration_text import GUESSED
from gateway.errors import GatewayError
from gateway.pipeline import Gateway
from gateway.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What became of one guess: it holds for all *files*, or *reason* says why it stays a guess."""

    path: str
    """The file of the declaration, relative to the project."""
    column: str
    files: int
    reason: str | None = None

    def __str__(self) -> str:
        if self.reason is not None:
            return f"{self.path}: {self.column} stays enforced: false, for {self.reason}"
        return f"{self.path}: {self.column} is enforced from now on: all {self.files} files agree"


def verify_guesses(gateway: Gateway, settings: Settings, sources: Mapping[str, str]) -> Iterator[Verified]:
    """Look at all files of the tables that have guesses, and write into their declarations what holds.

    *sources* has the file of each table.
    """
    console = Console(stderr=True)
    with Bars(console=console, transient=True, disable=not console.is_terminal) as bars:
        for name, table in gateway.catalog.tables.items():
            path = settings.project / sources[name]
            text = path.read_bytes().decode()  # with the ends of lines that it has
            guessed = [entry.column for entry in _guesses(text)]
            if not guessed:
                continue
            task = bars.add_task(name, total=None)
            try:
                found = list(_verified(gateway, settings, table, guessed, sources[name]))
            except GatewayError as error:
                found = [Verified(path=sources[name], column=each, files=0, reason=error.detail) for each in guessed]
            bars.remove_task(task)
            hold = {folded(each.column): each.files for each in found if each.reason is None}
            if hold:
                _replace(path, enforced(text, hold))
            yield from found


def _verified(
    gateway: Gateway, settings: Settings, table: Table, guessed: Sequence[str], path: str
) -> Iterator[Verified]:
    catalog, names = gateway.catalog, set(map(folded, guessed))
    catalog.refresh(table.name)
    snapshot, _ = catalog.read_all_footers(table.name)
    fields = tuple(
        field.model_copy(update={"enforced": folded(field.column) in names}) for field in table.partitioned_by
    )
    strict = replace(snapshot, table=table.model_copy(update={"partitioned_by": fields}), files=_unseen(snapshot.files))
    store = open_store(table.location, settings.storage, settings.project, observe=gateway.observe)
    seen = verify(strict, store)
    wrong = dict(_wrong(strict, seen))
    total = snapshot.files.num_rows
    for field in fields:
        if field.enforced:
            reason = wrong.get(stray_kind(field.column)) or wrong.get("")
            yield Verified(path=path, column=field.column, files=total, reason=reason)


def _unseen(files: Any) -> Any:
    return files.drop_columns([VERDICT]) if VERDICT in files.column_names else files


def _wrong(snapshot: Snapshot, seen: Any) -> Iterator[tuple[str, str]]:
    """Yield the kinds of what is wrong, each with an example; ``""`` for a file that says nothing of its rows."""
    verdicts = dict(zip(seen["version"].to_pylist(), facts.verdicts(seen), strict=True))
    strays = {stray_kind(field.column) for field in snapshot.table.partitioned_by}
    rows = zip(snapshot.files["path"].to_pylist(), snapshot.files["version"].to_pylist(), strict=True)
    for path, version in reversed(list(rows)):  # of several examples the first one stays
        found = findings(verdicts.get(version))
        if found is None:
            yield "", f"{path} cannot be read"
        for finding in found or ():
            yield finding.kind if finding.kind in strays else "", f"{path}: {finding.reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Guess:
    """An entry of ``partitioned_by`` below a comment that says that it is guessed, by places in the text."""

    column: str
    comment: tuple[int, int]
    enforced: tuple[int, int]


def enforced(text: str, hold: Mapping[str, int]) -> str:
    """Declare those levels of a declaration that *hold*, by folded names, in so many files.

    >>> entry = "partitioned_by:\\n  # guessed: 2 of 9 files agree\\n  - {column: day, source: ts, enforced: false}\\n"
    >>> print(enforced(entry, {"day": 9}), end="")
    partitioned_by:
      # verified: all 9 files agree
      - {column: day, source: ts}
    """
    for guess in reversed(_guesses(text)):
        files = hold.get(folded(guess.column))
        if files is not None:
            (start, end), (first, last) = guess.comment, guess.enforced
            text = f"{text[:start]}verified: all {files} files agree{text[end:first]}{text[last:]}"
    return text


def _guesses(text: str) -> list[_Guess]:
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    found = []
    for entry in _entries(_member(root, "partitioned_by")):
        comment, enforced_at = _comment(text, entry), _enforced(text, entry)
        column = _member(entry, "column")
        if comment is not None and enforced_at is not None and column is not None:
            found.append(_Guess(column=column.value, comment=comment, enforced=enforced_at))
    return found


def _entries(node: Any) -> Iterator[Any]:
    """Walk the fields of all layouts."""
    for item in node.value if isinstance(node, yaml.SequenceNode) else ():
        if isinstance(item, yaml.SequenceNode):
            yield from _entries(item)
        elif isinstance(item, yaml.MappingNode):
            yield item


def _member(node: Any, name: str) -> Any:
    pairs = node.value if isinstance(node, yaml.MappingNode) else ()
    return next((value for key, value in pairs if key.value == name), None)


def _comment(text: str, entry: Any) -> tuple[int, int] | None:
    """Find the words of the comment above an entry, if it says that the entry is guessed."""
    end = text.rfind("\n", 0, entry.start_mark.index)
    while end > 0:
        start = text.rfind("\n", 0, end) + 1
        line = text[start:end].strip()
        if not line.startswith("#"):
            return None
        if line.lstrip("# ").startswith(GUESSED):
            return text.index(GUESSED, start), end
        end = start - 1
    return None


def _enforced(text: str, entry: Any) -> tuple[int, int] | None:
    """Find what is to be taken out so that an entry is enforced: the key with what parts it from the one before."""
    for number, (key, value) in enumerate(entry.value):
        if key.value == "enforced" and value.value.lower() == "false" and number:
            return entry.value[number - 1][1].end_mark.index, value.end_mark.index
    return None


def _replace(path: Path, text: str) -> None:
    beside = path.with_name(f".{path.name}.new")
    beside.write_bytes(text.encode())
    os.replace(beside, path)

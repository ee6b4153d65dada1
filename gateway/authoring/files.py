"""Errors in the data files of a table, grouped by kind, each with a count and an example."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote

from gateway.catalog import facts
from gateway.catalog.casting import Fit, fit
from gateway.catalog.facts import FileFacts
from gateway.catalog.file_names import advice, mismatch, none_taken
from gateway.catalog.footers import UnreadFooter
from gateway.catalog.manifest import Snapshot
from gateway.catalog.stored import folded
from gateway.catalog.verify import findings
from gateway.errors import Diagnostic, Rule, Severity

_UNDECLARED = re.compile(r"'(.+)' is not a declared partition column$")
_NAMED = 20
"""Files that one error names, where it is theirs alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    """One kind of error: what to say of several files, and how much it matters."""

    text: str
    severity: Severity = Severity.ERROR
    hint: str | None = None


@dataclass(slots=True)
class _Kinds:
    """The errors that were found, in the order in which their kinds were met, each with its files."""

    found: dict[_Kind, list[tuple[str, str]]] = field(default_factory=lambda: defaultdict(list))

    def add(self, kind: _Kind, path: str, reason: str) -> None:
        self.found[kind].append((path, reason))

    def diagnostics(self, path: str) -> Iterator[Diagnostic]:
        for kind, files in self.found.items():
            first, reason = files[0]
            message = f"{first}: {reason}"
            if len(files) > 1:
                message = f"{len(files)} files: {kind.text}; e.g. {message}"
            yield Diagnostic(path=path, message=message, hint=kind.hint, rule=Rule.DATA, severity=kind.severity)


def file_errors(snapshot: Snapshot, unread: Sequence[UnreadFooter], path: str) -> Iterator[Diagnostic]:
    """Return what is wrong with the files of a table whose footers and rows were looked at."""
    yield from _unreadable(snapshot, unread, path)
    kinds = _Kinds()
    paths = [str(path) for path in snapshot.files["path"].to_pylist()]
    _addresses(snapshot, paths, kinds)
    _columns(snapshot, paths, kinds)
    yield from _nothing_read(snapshot, path)
    _folders(snapshot, kinds)
    for file, text in zip(paths, facts.verdicts(snapshot.files), strict=True):
        for finding in findings(text) or ():
            kinds.add(_Kind(text=finding.kind), file, finding.reason)
    yield from kinds.diagnostics(path)
    if snapshot.problem_count > len(snapshot.problems) and snapshot.nothing_read is None:
        more = snapshot.problem_count - len(snapshot.problems)
        yield Diagnostic(path=path, message=f"{more} more files break the declaration", rule=Rule.DATA)


def _unreadable(snapshot: Snapshot, unread: Sequence[UnreadFooter], path: str) -> Iterator[Diagnostic]:
    """Name the files that cannot be read, by what is wrong with them."""
    named: dict[str, list[str]] = defaultdict(list)
    distinct = facts.known(snapshot.files)
    broken = {
        number: footer.problem
        for number, footer in enumerate(distinct)
        if footer is not None and footer.problem is not None
    }
    if broken:
        for file, code in zip(snapshot.files["path"].to_pylist(), facts.codes(snapshot.files), strict=True):
            if code in broken:
                named[str(broken[code])].append(str(file))
    for footer in unread:
        named[footer.reason].append(footer.path)
    for reason, files in named.items():
        names = ", ".join(files[:_NAMED]) + (f" and {len(files) - _NAMED} more" if len(files) > _NAMED else "")
        message = f"{names}: {reason}" if len(files) == 1 else f"{len(files)} files cannot be read: {names}: {reason}"
        yield Diagnostic(path=path, message=message, hint="replace or remove what cannot be read", rule=Rule.DATA)


def _nothing_read(snapshot: Snapshot, path: str) -> Iterator[Diagnostic]:
    if snapshot.nothing_read is not None:
        files = snapshot.ignored_names
        message = none_taken(files, snapshot.ignored.num_rows, snapshot.table.files)
        yield Diagnostic(path=path, message=message, hint=advice(files), rule=Rule.DATA)


def _addresses(snapshot: Snapshot, paths: Sequence[str], kinds: _Kinds) -> None:
    """Return the objects of a bucket that DuckDB cannot address: what follows a ``?`` is no part of a key to it."""
    if snapshot.root.startswith("/"):
        return
    reason = "its key has a '?', and every query that selects it fails"
    for path in paths:
        if "?" in path:
            kinds.add(_Kind(text=reason, hint="rename the object"), path, reason)


def _columns(snapshot: Snapshot, paths: Sequence[str], kinds: _Kinds) -> None:
    """Compare the columns of the files with those of the table."""
    distinct, codes = facts.known(snapshot.files), facts.codes(snapshot.files)
    held = [{} if footer is None else _held(footer) for footer in distinct]
    sound = [number for number, footer in enumerate(distinct) if footer is not None and footer.problem is None]
    anywhere = {name for number in sound for name in held[number]}
    lists = [list(_of_schema(distinct[number], held[number], anywhere, snapshot)) for number in range(len(distinct))]
    for file, code in zip(paths, codes, strict=True):
        for kind, reason in lists[code] if code >= 0 else ():
            kinds.add(kind, file, reason)


def _held(footer: FileFacts) -> Mapping[str, str | None]:
    """Return the types of a file's columns by their folded names: of two the first one, as the engine does."""
    found: dict[str, str | None] = {}
    for column in footer.columns:
        found.setdefault(folded(column.name), None if column.untyped else column.type)
    return found


def _of_schema(
    footer: FileFacts | None, held: Mapping[str, str | None], anywhere: set[str], snapshot: Snapshot
) -> Iterator[tuple[_Kind, str]]:
    """List the errors that all files of one schema have."""
    if footer is None or footer.problem is not None:
        return
    yield from _unsupported(footer)
    yield from _ambiguous(footer, {folded(column.name) for column in snapshot.columns})
    yield from _missing(held, anywhere, snapshot)
    enforced = {folded(item.column) for item in snapshot.table.partitioned_by if item.enforced}
    for column in snapshot.file_columns:
        stored = held.get(folded(column.name))
        how = fit(stored, column.type) if stored is not None and folded(column.name) not in enforced else Fit.SAME
        reason = f"the column {column.name!r} is {stored}, and {_said(snapshot)} {column.type}"
        if how is Fit.NEVER:
            yield _Kind(text=reason, hint="no cast keeps what the values mean: queries that use it fail"), reason
        elif how is Fit.CHECKED:
            hint = "each value is compared as it is read, which costs time; one that would be lost ends the query"
            yield _Kind(text=reason, severity=Severity.WARNING, hint=hint), reason


def _said(snapshot: Snapshot) -> str:
    return "declared" if snapshot.table.columns is not None else "in the table"


def _unsupported(footer: FileFacts) -> Iterator[tuple[_Kind, str]]:
    for column in footer.columns:
        if column.type is None:
            reason = f"the column {column.name!r} has a type that DuckDB does not read, and so the file is not read"
            yield _Kind(text=reason), reason


def _ambiguous(footer: FileFacts, wanted: set[str]) -> Iterator[tuple[_Kind, str]]:
    spellings: dict[str, list[str]] = defaultdict(list)
    for column in footer.columns:
        spellings[folded(column.name)].append(column.name)
    for folded_name, names in spellings.items():
        if len(names) > 1 and folded_name in wanted:
            listed = " and ".join(map(repr, names))
            reason = f"the columns {listed} are one name to SQL, and the first of them is read"
            yield _Kind(text=reason, severity=Severity.WARNING, hint="rename them where the files are written"), reason


def _missing(held: Mapping[str, str | None], anywhere: set[str], snapshot: Snapshot) -> Iterator[tuple[_Kind, str]]:
    folders = {folded(item.column) for item in snapshot.table.partitioned_by}
    for column in snapshot.file_columns:
        name = folded(column.name)
        if name in held or name in folders:
            continue
        if name not in anywhere:
            reason = f"the column {column.name!r} is declared, but not there"
            if _in_folders(column.name, snapshot) is None:  # else the folders are told, which is the cause
                yield _Kind(text=reason, hint="no file holds it"), reason
        elif not snapshot.table.union_by_name:
            reason = f"the column {column.name!r} is not there, and in other files it is"
            yield _Kind(text=reason, severity=Severity.WARNING, hint="it is NULL where it is not there"), reason


def _in_folders(name: str, snapshot: Snapshot) -> str | None:
    """Say how to declare a column that folders name, and that is not declared as one of them."""
    first = next((problem.path for problem in snapshot.problems if re.search(_level(name), problem.path)), None)
    if first is None:
        return None
    levels = [key for key, separator, _ in (part.partition("=") for part in first.split("/")[:-1]) if separator]
    fields = ", ".join(f"{{column: {unquote(key)}, source: {unquote(key)}}}" for key in levels)
    return f"folders name it: if the files lie in them by its values, declare partitioned_by: [{fields}]"


def _level(name: str) -> str:
    return f"(?i)(?:^|/){re.escape(name)}=[^/]*/"


def _folders(snapshot: Snapshot, kinds: _Kinds) -> None:
    """Group what is wrong with paths: the same but for values, such as the text of a folder, is one kind."""
    not_read, hint = mismatch(snapshot.table.files), advice(snapshot.ignored_names)
    for problem in snapshot.problems:
        if snapshot.table.ignore_table_format and "metadata" in problem.path.split("/")[:-1]:
            continue  # Iceberg's own files, the only ones of such a table that are not hidden
        if problem.reason != not_read:
            stranger = _UNDECLARED.match(problem.reason)
            declare = _in_folders(stranger[1], snapshot) if stranger is not None else None
            kinds.add(_Kind(text=_without_values(problem.reason), hint=declare), problem.path, problem.reason)
        elif snapshot.files.num_rows:  # else that none is read says it all
            kinds.add(_Kind(text=not_read, hint=hint), problem.path, problem.reason)


def _without_values(reason: str) -> str:
    """Leave out all but the first quoted name of a reason.

    >>> _without_values("the folder of 'dt': 'yesterday' is not a day")
    "the folder of 'dt': … is not a day"
    """
    head, *parts = re.split(r"('[^']*')", reason)
    return head + "".join("…" if number > 0 and part.startswith("'") else part for number, part in enumerate(parts))

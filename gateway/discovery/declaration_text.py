"""Writes the declaration of a table that was found: the text of ``catalog/<table>.yaml``."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.catalog.file_names import PARQUET
from gateway.discovery.found import FoundLevel, FoundTable
from gateway.discovery.yaml_text import comment, quoted, scalar, type_scalar

GUESSED = "guessed:"
"""How the comment starts that stands above a level whose derivation was inferred and not verified yet."""


def declaration_text(table: FoundTable, location: str) -> str:
    """Write the declaration of a *table* at *location*, as the project spells it."""
    lines = [
        f"table: {scalar(table.name)}",
        f"description: {quoted(f'Files of {location}; say here what one row is')}",
        f"location: {scalar(location)}",
        *([f"files: {quoted(table.folder.patterns[0])}"] if table.folder.patterns != PARQUET else []),
        *columns_lines(table),
        *levels_lines(table),
        "refresh: 60s  # how old the list of files may be",
    ]
    return "\n".join(lines) + "\n"


def columns_lines(table: FoundTable) -> Iterator[str]:
    """Write the key ``columns``."""
    yield "columns:"
    for column in table.columns:
        note = "  # of the folders" if column.name in table.of_folders else ""
        yield f"  {scalar(column.name)}: {type_scalar(column.type)}{note}"


def levels_lines(table: FoundTable) -> Iterator[str]:
    """Write the key ``partitioned_by``; nothing where there are no levels."""
    if not table.levels:
        return
    yield "partitioned_by:"
    levels = {level.column: level for level in table.levels}
    layouts = table.folder.layouts
    for layout in layouts:
        if len(layouts) == 1:
            yield from (line for name in layout for line in _level_lines(levels[name], "  "))
        elif not layout:
            yield "  - []  # files in the location itself"
        else:
            yield "  -"
            yield from (line for name in layout for line in _level_lines(levels[name], "    "))


def _level_lines(level: FoundLevel, indent: str) -> Iterator[str]:
    if level.remark is not None:
        yield f"{indent}# {comment(level.remark)}"
    if level.evidence is not None:
        yield f"{indent}# {GUESSED} {comment(level.evidence)}"
    parts = [f"column: {scalar(level.column)}"]
    if level.transform != "identity":
        parts.append(f"transform: {scalar(level.transform)}")
    parts.append(f"source: {scalar(level.source)}")
    if level.format is not None:
        parts.append(f"format: {quoted(level.format)}")
    if not level.enforced:
        parts.append("enforced: false")
    yield f"{indent}- {{{', '.join(parts)}}}"

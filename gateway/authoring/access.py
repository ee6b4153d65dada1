"""Check the file of grants."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path

from gateway.access.grants import check_grants
from gateway.access.settings import AccessSettings
from gateway.errors import Diagnostic, Rule


def check_access(
    project: Path, settings: AccessSettings, queries: Collection[str], tables: Collection[str]
) -> Iterator[Diagnostic]:
    """Find the errors in the file of grants; where callers must be granted something, there has to be one."""
    path = project.absolute() / settings.grants
    try:
        found = check_grants(path.read_text(encoding="utf-8-sig"), path=str(path), queries=queries, tables=tables)
    except FileNotFoundError:
        missing = "there is no such file, and access.required is set: nobody may ask anything"
        found = (Diagnostic(path=str(path), message=missing),) if settings.required else ()
    except (OSError, UnicodeDecodeError) as error:
        found = (Diagnostic(path=str(path), message=f"cannot be read: {error}"),)
    yield from (replace(item, rule=Rule.ACCESS) for item in found)

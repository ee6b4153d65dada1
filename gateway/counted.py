"""Numbers of things in words."""

from __future__ import annotations


def counted(number: int, thing: str, things: str | None = None) -> str:
    """Write how many things there are.

    >>> counted(1, "file"), counted(0, "file"), counted(1200, "query", "queries")
    ('1 file', '0 files', '1,200 queries')
    """
    return f"{number:,} {thing if number == 1 else things or f'{thing}s'}"

"""Numbers of things in words."""

from __future__ import annotations


def noun(number: int, thing: str, things: str | None = None) -> str:
    """Write what there are so many of.

    >>> noun(1, "file"), noun(0, "file"), noun(2, "query", "queries")
    ('file', 'files', 'queries')
    """
    return thing if number == 1 else things or f"{thing}s"


def counted(number: int, thing: str, things: str | None = None) -> str:
    """Write how many things there are.

    >>> counted(1, "file"), counted(1200, "query", "queries")
    ('1 file', '1,200 queries')
    """
    return f"{number:,} {noun(number, thing, things)}"

"""Row-level policies: which rows of a table a principal may see. This is the extension point; no policy exists yet.

A policy is asked for every scan of a query. What it says is put around the selected files, below whatever the author
wrote, so no SQL of a template can see past it. Two duties go with it:

- who sees other rows has another ``Principal.scope``, which is part of the result's key: otherwise results would be
  shared between them. A filter for a principal without a scope is refused;
- keys of one side of a join are not learned for the other, and not told in an explanation, where rows are filtered.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from gateway.model import Principal


class Policy(Protocol):
    """Say which rows are whose."""

    def rows(self, principal: Principal, table: str) -> str | None:
        """Return the SQL predicate, over the columns of *table*, of the rows that *principal* may see; None: all."""

    def restricts(self, table: str) -> bool:
        """Return whether there may be a principal who sees only some rows of *table*."""


class EveryRow:
    """Everybody sees every row of what they may ask about."""

    def rows(self, principal: Principal, table: str) -> str | None:
        return None

    def restricts(self, table: str) -> bool:
        return False


EVERY_ROW: Policy = EveryRow()


def filters(policy: Policy, principal: Principal, tables: Sequence[str]) -> tuple[str | None, ...]:
    """Return the filter of each of *tables*. Raises ``ValueError`` where results would be shared that differ."""
    found = tuple(policy.rows(principal, table) for table in tables)
    if principal.scope == "" and any(each is not None for each in found):
        raise ValueError("a policy filters rows for a principal without a scope")
    return found


def filtered(source: str, predicate: str | None) -> str:
    """Put a filter around what a scan reads.

    >>> filtered("(SELECT 1 AS a)", "a > 1")
    '(SELECT * FROM (SELECT 1 AS a) WHERE (a > 1))'
    """
    return source if predicate is None else f"(SELECT * FROM {source} WHERE ({predicate}))"

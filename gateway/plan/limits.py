"""Enforces the limits of a table on one scan: files, bytes and required filters."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from gateway.catalog.table import Table
from gateway.errors import ScanTooLarge
from gateway.plan.explain import readable
from gateway.plan.select import Chosen
from gateway.predicate import (
    FALSE,
    And,
    Comparison,
    Elsewhere,
    Membership,
    NullCheck,
    Or,
    Outside,
    Predicate,
    StartsWith,
)


def check_limits(table: Table, chosen: Chosen, predicate: Predicate) -> None:
    """Refuse a scan that reads more than its table allows, *predicate* being all that filters it.

    Raises ``ScanTooLarge`` with what it would read, the limit, and what to filter on.
    """
    limits, filtered = table.limits, sorted({field.source for field in table.partitioned_by})
    if limits.require_filter:
        required = sorted(limits.require_filter) if isinstance(limits.require_filter, tuple) else filtered
        if not constrains(predicate, {name.lower() for name in required}):
            raise _too_large(table, chosen, None, "it has no filter that prunes", required)
    if limits.max_files is not None and chosen.files > limits.max_files:
        raise _too_large(
            table, chosen, limits.max_files, f"{chosen.files} of at most {limits.max_files} files", filtered
        )
    if limits.max_bytes is not None and chosen.size > limits.max_bytes:
        what = f"{readable(chosen.size)} of at most {readable(limits.max_bytes)}"
        raise _too_large(table, chosen, limits.max_bytes, what, filtered)


def constrains(predicate: Predicate, columns: Collection[str]) -> bool:
    """Return whether every row for which *predicate* holds is filtered on one of *columns* (lower case)."""
    match predicate:
        case And(parts):
            return any(constrains(part, columns) for part in parts)
        case Or(parts):
            return all(constrains(part, columns) for part in parts)
        case Comparison() | Membership() | NullCheck() | StartsWith() | Outside():
            return predicate.term.column.lower() in columns
        case Elsewhere(terms):
            return any(term.column.lower() in columns for term in terms)
        case _:
            return predicate == FALSE


def _too_large(table: Table, chosen: Chosen, limit: int | None, what: str, sources: Sequence[str]) -> ScanTooLarge:
    advice = f" A filter on {' or '.join(sources)} would help." if sources else ""
    return ScanTooLarge(
        f"The scan of {table.name} would read too much: {what}.{advice}",
        table=table.name,
        planned={"partitions": chosen.partitions, "files": chosen.files, "bytes": chosen.size},
        limit=limit,
        filter_on=list(sources),
    )

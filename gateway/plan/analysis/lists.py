"""Rows that are the members of a constant list: ``unnest($list)``, ``generate_series(…)`` and ``range(…)``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlglot import exp

from gateway.plan.analysis.types import INTEGERS, TIMESTAMPTZ

_SERIES = {
    **dict.fromkeys(INTEGERS, "BIGINT"),
    **dict.fromkeys(("DATE", "TIMESTAMP"), "TIMESTAMP"),
    TIMESTAMPTZ: TIMESTAMPTZ,
}
"""The type of the members of a series, by that of its ends."""
MOST = 100_000
"""Members that are looked through for the greatest."""
Kind = Callable[[exp.Expr], str | None]
"""Returns the type of a constant; see ``Constants.kind``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A list of values of type ``type``: ``values`` is a parameter that holds them, None for a series.

    No value is below ``least`` or above ``greatest``; ``open``: nor is any equal to the latter.
    """

    type: str
    name: str
    values: exp.Expr | None
    least: exp.Expr
    greatest: exp.Expr
    open: bool = False


def listed(node: exp.Expr, kind: Kind) -> Listed | None:
    """Read what makes rows; None where it is no constant list of plain values."""
    if isinstance(node, exp.Explode) or (isinstance(node, exp.Unnest) and _is_plain(node)):
        items = node.expressions if isinstance(node, exp.Unnest) else [node.this]
        return _of_list(items[0].unnest(), kind, "unnest") if len(items) == 1 else None
    if isinstance(node, exp.Table) and isinstance(node.this, exp.GenerateSeries) and _is_plain(node):
        return _of_series(node.this, kind)
    return None


def _is_plain(node: exp.Expr) -> bool:
    return all(not value or key in ("this", "expressions", "alias", "joins") for key, value in node.args.items())


def _of_list(node: exp.Expr, kind: Kind, name: str) -> Listed | None:
    if isinstance(node, exp.GenerateSeries):
        return _of_series(node, kind, name)
    member = (kind(node) or "").removesuffix("[]") if isinstance(node, exp.Placeholder | exp.Split | exp.Array) else ""
    if not member or f"{member}[]" != kind(node) or member.endswith("]"):
        return None
    ends = [exp.Anonymous(this=call, expressions=[node.copy()]) for call in ("list_min", "list_max")]
    return Listed(type=member, name=name, values=node, least=ends[0], greatest=ends[1])


def _of_series(node: exp.GenerateSeries, kind: Kind, name: str = "") -> Listed | None:
    start, end, step = (node.args.get(key) for key in ("start", "end", "step"))
    if start is None or end is None:
        return None
    kinds = {_SERIES.get(kind(bound) or "") for bound in (start, end)}
    member = next(iter(kinds))
    if len(kinds) > 1 or member is None or (step is not None and kind(step) is None):
        return None
    exclusive = bool(node.args.get("is_end_exclusive"))
    ends = [call(this=start.copy(), expressions=[end.copy()]) for call in (exp.Least, exp.Greatest)]
    is_time = member in ("TIMESTAMP", TIMESTAMPTZ)
    return Listed(
        type=member,
        name=name or ("range" if exclusive else "generate_series"),
        values=None,
        least=ends[0],
        greatest=_last(node, ends[1], member) if is_time else ends[1],
        open=exclusive and _ascends(step) and not is_time,
    )


def _last(node: exp.GenerateSeries, end: exp.Expr, member: str) -> exp.Expr:
    """Return the greatest member of a series of times, which may lie before its end; of very long ones, the end."""
    listed, row = node.copy(), exp.column("n", "r")
    series = exp.Table(this=listed, alias=exp.TableAlias(this=exp.to_identifier("r"), columns=[exp.to_identifier("n")]))
    few = exp.select(row).from_(series).limit(MOST + 1).subquery("s")
    counted = exp.LTE(this=exp.Count(this=exp.Star()), expression=exp.Literal.number(MOST))
    last = exp.Case(ifs=[exp.If(this=counted, true=exp.Max(this=exp.column("n")))], default=end)
    return exp.cast(exp.select(last).from_(few).subquery(), member, dialect="duckdb")


def _ascends(step: exp.Expr | None) -> bool:
    """Return whether a step is certainly upwards, so that the end of a range is its greater one."""
    if step is None:
        return True
    amount = step.this if isinstance(step, exp.Interval) else step
    return isinstance(amount, exp.Literal) and amount.name.isdecimal()

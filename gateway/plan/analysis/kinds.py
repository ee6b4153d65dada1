"""The types of constant expressions: one rule for each kind of node, and no type where it is not certain."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import reduce
from typing import Final, Protocol

from sqlglot import exp

from gateway.plan.analysis.deterministic import is_constant, is_deterministic
from gateway.plan.analysis.text import Text
from gateway.plan.analysis.types import INTEGERS, NULL, STRING, TIMESTAMPTZ, canonical, decimal_scale

_CASTS = {"DATE", "TIMESTAMP", TIMESTAMPTZ, "VARCHAR", "BOOLEAN", "DOUBLE", "UUID", "INTERVAL", "TIME", *INTEGERS}
_MOMENTS = ("DATE", "TIMESTAMP", TIMESTAMPTZ)
_TRUNCATIONS = {"DATE": "TIMESTAMP", "TIMESTAMP": "TIMESTAMP", TIMESTAMPTZ: TIMESTAMPTZ}


class Typed(Protocol):
    """Knows the types of parameters and of the clock; see ``Constants``."""

    @property
    def text(self) -> Text: ...
    @property
    def parameters(self) -> dict[str, str]: ...
    def kind(self, node: exp.Expr) -> str | None:
        """Return the DuckDB type of a constant expression, STRING or NULL for those two, None for anything else."""


def _kind_of_literal(_: Typed, node: exp.Expr) -> str | None:
    text = node.name
    if node.args.get("is_string"):
        return STRING
    if "e" in text.lower():
        return "DOUBLE"
    match = re.fullmatch(r"(\d*)\.?(\d*)", text)
    if match is None:
        return None
    # 24.00 is the number 24, and 0.050 has two decimals: trailing zeros change no comparison.
    whole, fraction = match[1].lstrip("0"), match[2].rstrip("0")
    if len(match[1]) + len(match[2]) > 38:
        return None
    if fraction:
        return f"DECIMAL({len(whole) + len(fraction)},{len(fraction)})"
    value = int(whole or 0)
    return "INTEGER" if value < 2**31 else "BIGINT" if value < 2**63 else "HUGEINT" if value < 2**127 else None


def _kind_of_placeholder(constants: Typed, node: exp.Expr) -> str | None:
    clock = constants.text.clock(node.name)
    if clock is not None:
        return clock.type
    declared = canonical(constants.parameters.get(node.name, ""))
    return STRING if declared == "VARCHAR" else declared or None


def _kind_of_cast(constants: Typed, node: exp.Expr) -> str | None:
    to = canonical(node.args["to"].sql(dialect="duckdb"))
    known = to in _CASTS or decimal_scale(to) is not None
    return to if known and constants.kind(node.this) is not None and not node.args.get("format") else None


def _kind_of_interval(constants: Typed, node: exp.Expr) -> str | None:
    unit = node.args.get("unit")
    amount = node.args.get("this")
    if amount is None or not isinstance(unit, exp.Var):
        return None
    return "INTERVAL" if constants.kind(amount) in (STRING, *INTEGERS) else None


def _kind_of_sum(constants: Typed, node: exp.Expr) -> str | None:
    left, right = constants.kind(node.left), constants.kind(node.right)  # type: ignore[attr-defined]  # Binary
    if left is None or right is None:
        return None
    moved = {"DATE": "TIMESTAMP", "TIMESTAMP": "TIMESTAMP", TIMESTAMPTZ: TIMESTAMPTZ}
    if right == "INTERVAL" and left in moved:
        return moved[left]
    if left == "INTERVAL" and right in moved and isinstance(node, exp.Add):
        return moved[right]
    if {left, right} == {"DATE", "TIME"} and isinstance(node, exp.Add):
        return "TIMESTAMP"
    if left == "DATE" and right in INTEGERS:
        return "DATE"
    if left == right == "DATE" and isinstance(node, exp.Sub):
        return "BIGINT"
    return _widest(left, right)


def _kind_of_product(constants: Typed, node: exp.Expr) -> str | None:
    kinds = [constants.kind(node.left), constants.kind(node.right)]  # type: ignore[attr-defined]  # Binary
    return "BIGINT" if all(kind in INTEGERS for kind in kinds) else None


def _kind_of_truncation(constants: Typed, node: exp.Expr) -> str | None:
    unit = node.args.get("unit")
    if unit is None or unit.find(exp.Column) is not None:
        return None
    return _TRUNCATIONS.get(constants.kind(node.this) or "")


def _kind_of_split(constants: Typed, node: exp.Expr) -> str | None:
    parts = [constants.kind(part) for part in (node.this, node.expression)]
    return "VARCHAR[]" if all(part in (STRING, "VARCHAR") for part in parts) else None


def _kind_of_case(constants: Typed, node: exp.Expr) -> str | None:
    """Read a CASE, or an if, that parameters decide: the common type of its results."""
    is_case = isinstance(node, exp.Case)
    branches = node.args["ifs"] if is_case else [node]
    last = node.args.get("default" if is_case else "false")
    results = [*(branch.args["true"] for branch in branches), *([] if last is None else [last])]
    if is_case and node.args.get("this") is not None:
        return None
    if not all(is_constant(branch.this) and is_deterministic(branch.this) for branch in branches):
        return None
    return _common([constants.kind(result) for result in results])


def _kind_of_date(constants: Typed, node: exp.Expr) -> str | None:
    parts = [constants.kind(part) for part in node.iter_expressions()]
    return "DATE" if len(parts) == 3 and all(part in INTEGERS for part in parts) else None


def _kind_of_local(constants: Typed, node: exp.Expr) -> str | None:
    """Read ``AT TIME ZONE``: a local time becomes an instant, an instant a local time."""
    if constants.kind(node.args["zone"]) not in (STRING, "VARCHAR"):
        return None
    return {"TIMESTAMP": TIMESTAMPTZ, TIMESTAMPTZ: "TIMESTAMP"}.get(constants.kind(node.this) or "")


def _kind_of_choice(constants: Typed, node: exp.Expr) -> str | None:
    return _common([constants.kind(part) for part in (node.this, *node.expressions)])


def _common(kinds: Sequence[str | None]) -> str | None:
    """Return the type of one of several constants."""
    if any(kind is None for kind in kinds):
        return None
    typed = {kind for kind in kinds if kind not in (STRING, NULL)}
    if not typed:
        return "VARCHAR"
    return reduce(lambda a, b: _widest(a, b) if a and b else None, sorted(typed, key=str))


def _widest(left: str | None, right: str | None) -> str | None:
    if left == right:
        return left
    if left in INTEGERS and right in INTEGERS:
        return "HUGEINT"
    scales = [(19, 0) if kind in INTEGERS else decimal_scale(kind or "") for kind in (left, right)]
    exact = [scale for scale in scales if scale is not None]
    if len(exact) != 2:
        return None
    scale = max(scale for _, scale in exact)
    width = max(width - scale for width, scale in exact) + scale + 1
    return f"DECIMAL({width},{scale})" if width <= 38 else None


def _kind_of_quotient(constants: Typed, node: exp.Expr) -> str | None:
    kinds = [constants.kind(node.left), constants.kind(node.right)]  # type: ignore[attr-defined]  # Binary
    return "DOUBLE" if all(kind in ("DOUBLE", *INTEGERS) for kind in kinds) else None


def _kind_of_array(constants: Typed, node: exp.Expr) -> str | None:
    kinds = {constants.kind(item) for item in node.expressions}
    member = kinds.pop() if len(kinds) == 1 else None
    if member is None or member == NULL or member.endswith("]"):
        return None
    return f"{'VARCHAR' if member == STRING else member}[]"


def _kind_of_parsed_time(constants: Typed, node: exp.Expr) -> str | None:
    """Read ``strptime(text, format)`` without a zone."""
    pattern = node.args.get("format")
    plain = isinstance(pattern, exp.Literal) and "%z" not in pattern.name.lower()
    return "TIMESTAMP" if plain and constants.kind(node.this) in (STRING, "VARCHAR") else None


def _kind_of_counted_time(constants: Typed, node: exp.Expr) -> str | None:
    """Read ``to_timestamp(seconds)``, ``epoch_ms(milliseconds)`` and ``make_timestamp(microseconds)``."""
    if constants.kind(node.this) not in INTEGERS:
        return None
    return TIMESTAMPTZ if node.args.get("scale") is None else "TIMESTAMP"


def _kind_of_part(constants: Typed, node: exp.Expr) -> str | None:
    """Read a whole number that is taken from a date or time."""
    moment = node.expression if isinstance(node, exp.Extract) else node.this
    whole = not isinstance(node, exp.Extract) or node.this.name.lower() not in ("epoch", "julian")
    return "BIGINT" if whole and constants.kind(moment) in _MOMENTS else None


def _kind_of_moved(constants: Typed, node: exp.Expr) -> str | None:
    """Read ``date_add(time, interval)``."""
    return _TRUNCATIONS.get(constants.kind(node.this) or "") if _kind_of_known(constants, node.expression) else None


def _kind_of_known(constants: Typed, node: exp.Expr | None) -> str | None:
    return None if node is None else constants.kind(node)


def _kind_of_call(constants: Typed, node: exp.Expr) -> str | None:
    """Return what a function returns whatever it is given, if that is constant, and no list."""
    name = node.name.lower() if isinstance(node, exp.Anonymous) else type(node)
    operands = [part for part in node.iter_expressions() if not isinstance(part, exp.Var)]
    kinds = [constants.kind(part) for part in operands]
    plain = bool(kinds) and all(kind is not None and not kind.endswith("]") for kind in kinds)
    return RETURNED.get(name) if plain else None


def _kind_of_condition(constants: Typed, node: exp.Expr) -> str | None:
    parts = list(node.iter_expressions())
    return "BOOLEAN" if parts and all(constants.kind(part) is not None for part in parts) else None


def _kind_of_inner(constants: Typed, node: exp.Expr) -> str | None:
    return constants.kind(node.this)


_CONDITIONS: tuple[type[exp.Expr], ...] = (
    exp.EQ,
    exp.NEQ,
    exp.LT,
    exp.LTE,
    exp.GT,
    exp.GTE,
    exp.Is,
    exp.And,
    exp.Or,
    exp.Not,
    exp.Between,
    exp.NullSafeEQ,
    exp.NullSafeNEQ,
)
_PARTS: tuple[type[exp.Expr], ...] = (
    *(exp.Year, exp.Quarter, exp.Month, exp.Week, exp.Day, exp.DayOfMonth, exp.DayOfYear, exp.DayOfWeek),
    *(exp.DayOfWeekIso, exp.Hour, exp.Minute, exp.Extract),
)
_TEXTS: tuple[type[exp.Expr], ...] = (
    *(exp.Lower, exp.Upper, exp.Trim, exp.Substring, exp.Left, exp.Right, exp.Concat, exp.DPipe, exp.Replace),
    *(exp.SplitPart, exp.Pad, exp.Reverse, exp.ConcatWs, exp.Format, exp.TimeToStr, exp.RegexpReplace),
    *(exp.Dayname, exp.Monthname, exp.Translate),
)
_LENGTHS = ("to_hours", "to_minutes", "to_seconds", "to_weeks", "to_months", "to_years")
RETURNED: Final[dict[type[exp.Expr] | str, str]] = {
    **dict.fromkeys(_TEXTS, "VARCHAR"),
    **dict.fromkeys(_LENGTHS, "INTERVAL"),
    exp.ToDays: "INTERVAL",
    exp.TimeToUnix: "DOUBLE",
    exp.DateDiff: "BIGINT",
    exp.Length: "BIGINT",
    exp.LastDay: "DATE",
    exp.TimestampFromParts: "TIMESTAMP",
}
"""What functions return, by their nodes or names."""


def _kind_of_transform(constants: Typed, node: exp.Expr) -> str | None:
    """Read ``list_transform(list, x -> CAST(… AS type))``: the type of a member is written out."""
    function = node.expression
    made = function.this.unnest() if isinstance(function, exp.Lambda) else None
    known = constants.kind(node.this) is not None and isinstance(made, exp.Cast | exp.TryCast)
    if not known or made is None or made.args.get("format") or len(function.expressions) != 1:
        return None
    to = canonical(made.args["to"].sql(dialect="duckdb"))
    return f"{to}[]" if to in _CASTS and is_constant(made) and is_deterministic(made) else None


KINDS: dict[type[exp.Expr], Callable[[Typed, exp.Expr], str | None]] = {
    exp.Literal: _kind_of_literal,
    exp.Null: lambda _, node: NULL,
    exp.Boolean: lambda _, node: "BOOLEAN",
    exp.Placeholder: _kind_of_placeholder,
    exp.Paren: _kind_of_inner,
    exp.Neg: _kind_of_inner,
    exp.Cast: _kind_of_cast,
    exp.TryCast: _kind_of_cast,
    exp.Interval: _kind_of_interval,
    exp.Add: _kind_of_sum,
    exp.Sub: _kind_of_sum,
    exp.Mul: _kind_of_product,
    exp.TimestampTrunc: _kind_of_truncation,
    exp.DateTrunc: _kind_of_truncation,
    exp.AtTimeZone: _kind_of_local,
    exp.Greatest: _kind_of_choice,
    exp.Least: _kind_of_choice,
    exp.Abs: _kind_of_inner,
    exp.Case: _kind_of_case,
    exp.If: _kind_of_case,
    exp.DateFromParts: _kind_of_date,
    exp.Split: _kind_of_split,
    exp.Coalesce: _kind_of_choice,
    exp.Nullif: _kind_of_inner,
    exp.IntDiv: _kind_of_product,
    exp.Mod: _kind_of_product,
    exp.Div: _kind_of_quotient,
    exp.Array: _kind_of_array,
    exp.Transform: _kind_of_transform,
    exp.StrToTime: _kind_of_parsed_time,
    exp.UnixToTime: _kind_of_counted_time,
    exp.DateAdd: _kind_of_moved,
    exp.Anonymous: _kind_of_call,
    **dict.fromkeys(_PARTS, _kind_of_part),
    **{node: _kind_of_call for node in RETURNED if not isinstance(node, str)},
    exp.Date: lambda constants, node: "DATE" if constants.kind(node.this) in ("DATE", "TIMESTAMP", STRING) else None,
    **dict.fromkeys(_CONDITIONS, _kind_of_condition),
}

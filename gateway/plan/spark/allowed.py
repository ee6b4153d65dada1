"""The constructs of a text that Spark may be asked for: each with the parts that it may have. All others are refused.

A parser of another project names the constructs; a part that a later version of it adds is refused until it is here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from sqlglot import exp

from gateway.plan.analysis.aggregation import is_aggregating
from gateway.plan.spark.portability import Unportable

_BINARY = ("this", "expression")
_CALL = ("this",)
_QUERY = ("with_", "order", "limit", "offset")
_SET = ("this", "expression", "distinct", *_QUERY)
_PARTS: Final[dict[type[exp.Expr], tuple[str, ...]]] = {
    # Clauses
    exp.Select: ("expressions", "from_", "joins", "where", "group", "having", "distinct", *_QUERY),
    exp.Union: _SET,
    exp.Intersect: _SET,
    exp.Except: _SET,
    exp.With: ("expressions",),
    exp.CTE: ("this", "alias", "materialized"),
    exp.From: _CALL,
    exp.Join: ("this", "on", "using", "side", "kind"),
    exp.Where: _CALL,
    exp.Group: ("expressions",),
    exp.Rollup: ("expressions",),
    exp.Grouping: ("expressions",),
    exp.Having: _CALL,
    exp.Order: ("expressions",),
    exp.Ordered: ("this", "desc", "nulls_first"),
    exp.Limit: ("expression",),
    exp.Offset: ("expression",),
    exp.Distinct: ("expressions",),
    exp.Subquery: ("this", "alias"),
    exp.Table: ("this", "alias"),
    exp.TableAlias: ("this", "columns"),
    exp.Alias: ("this", "alias"),
    exp.Column: ("this", "table"),
    exp.Identifier: ("this", "quoted"),
    exp.Star: (),
    exp.Paren: _CALL,
    # Values
    exp.Literal: ("this", "is_string"),
    exp.Boolean: _CALL,
    exp.Null: (),
    exp.Placeholder: _CALL,
    exp.Interval: ("this", "unit"),
    exp.Var: _CALL,
    exp.DataType: ("this", "expressions"),
    exp.DataTypeParam: _CALL,
    exp.Cast: ("this", "to"),
    # Conditions
    **dict.fromkeys((exp.And, exp.Or, exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Is), _BINARY),
    **dict.fromkeys((exp.NullSafeEQ, exp.NullSafeNEQ), _BINARY),
    exp.Like: (*_BINARY, "negate"),
    exp.Not: _CALL,
    exp.Between: ("this", "low", "high"),
    exp.In: ("this", "expressions", "query", "field"),
    exp.Exists: _CALL,
    # Arithmetic
    exp.Add: _BINARY,
    exp.Sub: _BINARY,
    exp.Mul: _BINARY,
    exp.Div: (*_BINARY, "typed", "safe"),
    exp.IntDiv: (*_BINARY, "typed", "safe"),
    exp.Mod: _BINARY,
    exp.Neg: _CALL,
    exp.Abs: _CALL,
    exp.Round: ("this", "decimals"),
    # Choices
    exp.Case: ("this", "ifs", "default"),
    exp.If: ("this", "true", "false"),
    exp.Coalesce: ("this", "expressions"),
    exp.Nullif: _BINARY,
    exp.Greatest: ("this", "expressions", "ignore_nulls"),
    exp.Least: ("this", "expressions", "ignore_nulls"),
    # Texts
    exp.DPipe: (*_BINARY, "safe"),
    exp.Concat: ("expressions", "safe", "coalesce"),
    exp.Length: _CALL,
    exp.Substring: ("this", "start", "length"),
    exp.StartsWith: _BINARY,
    # Times
    exp.Extract: _BINARY,
    **dict.fromkeys((exp.Year, exp.Month, exp.Day, exp.Quarter, exp.DayOfWeek, exp.DayOfWeekIso), _CALL),
    exp.TimestampTrunc: ("this", "unit"),
    exp.DateTrunc: ("this", "unit"),
    # Aggregates
    exp.Count: ("this", "big_int"),
    **dict.fromkeys((exp.Sum, exp.Avg, exp.Min, exp.Max, exp.LogicalAnd, exp.LogicalOr), _CALL),
    exp.Filter: _BINARY,
    # Windows
    exp.Window: ("this", "partition_by", "order", "spec", "over"),
    exp.WindowSpec: ("kind", "start", "start_side", "end", "end_side"),
    **dict.fromkeys((exp.RowNumber, exp.Rank, exp.DenseRank), ()),
    exp.Lag: ("this", "offset", "default"),
    exp.Lead: ("this", "offset", "default"),
}
NODES: Final = {kind: frozenset(parts) for kind, parts in _PARTS.items()}
_JOINS: Final = {("", ""), ("", "INNER"), ("", "CROSS"), ("", "SEMI"), ("", "ANTI")} | {
    (side, kind) for side in ("LEFT", "RIGHT", "FULL") for kind in ("", "OUTER")
}
_NAMED_PARTS: Final = {"date_part": ("this", "expressions")}
_INSTEAD: Final[dict[type[exp.Expr], str]] = {
    exp.Lower: "store the text as it is compared: the engines differ in letters outside of ASCII",
    exp.Upper: "store the text as it is compared: the engines differ in letters outside of ASCII",
    exp.ILike: "LIKE, which minds case",
    exp.Qualify: "a subquery with the window, and WHERE around it",
    exp.ArrayAgg: "one row for each value: the order of a list is not the same",
    exp.GroupConcat: "one row for each value: their order is not the same",
    exp.AnyValue: "min() or max(), which do not depend on the order of rows",
    exp.First: "min() or max(), which do not depend on the order of rows",
    exp.Last: "min() or max(), which do not depend on the order of rows",
    exp.ArgMax: "a window with row_number(), and WHERE around it",
    exp.ArgMin: "a window with row_number(), and WHERE around it",
    exp.TryCast: "CAST, of values that can be converted",
    exp.Lateral: "a join",
    exp.Monthname: "month(), and the names where they are shown",
    exp.Dayname: "isodow(), and the names where they are shown",
}


def refusals(tree: exp.Expr) -> Iterator[Unportable]:
    """Yield the constructs that are not allowed, the outermost ones; their starts are those in the parsed text."""
    yield from _below(tree)


def named_call(node: exp.Expr) -> str | None:
    """Return the name of a function that the parser does not know by a class of its own."""
    return str(node.this).lower() if isinstance(node, exp.Anonymous) else None


def start_of(node: exp.Expr) -> int | None:
    """Return where a construct starts in the parsed text, as far as the parser tells."""
    starts = (int(found.meta["start"]) for found in node.walk() if "start" in found.meta)
    return min(starts, default=None)


def _below(node: exp.Expr) -> Iterator[Unportable]:
    found = _refusal(node)
    if found is not None:
        yield found
        return
    for child in node.iter_expressions():
        yield from _below(child)


def _refusal(node: exp.Expr) -> Unportable | None:
    if isinstance(node, exp.IgnoreNulls):  # the parser puts it around any_value()
        return _refusal(node.this)
    allowed = _NAMED_PARTS.get(named_call(node) or "", NODES.get(type(node)))
    if allowed is None:
        return Unportable(reason=f"it has {written(node)}", start=start_of(node), instead=_INSTEAD.get(type(node)))
    for name, part in node.args.items():
        if name not in allowed and part is not None and part is not False and part != []:
            instead = _INSTEAD.get(type(part)) if isinstance(part, exp.Expr) else None
            clause = isinstance(part, exp.Expr) and not isinstance(part, exp.Tuple)
            shown = written(part) if clause else f"{_name(node)} with {name.upper()}"
            return Unportable(reason=f"it has {shown}", start=start_of(node), instead=instead)
    check = _PARTICULAR.get(type(node))
    wrong = None if check is None else check(node)
    return None if wrong is None else Unportable(reason=wrong, start=start_of(node))


def written(node: exp.Expr) -> str:
    """Name a construct as people call it.

    >>> import sqlglot
    >>> written(sqlglot.parse_one("lower(a)", read="duckdb")), written(exp.Qualify())
    ('lower()', 'QUALIFY')
    """
    if isinstance(node, exp.Func):
        return f"{(named_call(node) or node.sql_name()).lower()}()"
    return _name(node)


def _name(node: exp.Expr) -> str:
    return type(node).__name__.upper()


def _join(node: exp.Expr) -> str | None:
    kind = str(node.args.get("side") or "").upper(), str(node.args.get("kind") or "").upper()
    if kind not in _JOINS:
        return f"it has {' '.join(filter(None, kind))} JOIN"
    return None


def _limited(node: exp.Expr) -> str | None:
    cut = node.args.get("limit") or node.args.get("offset")
    if cut and not node.args.get("order") and not _of_one_row(node):
        return "it has LIMIT without ORDER BY, whose rows are any"
    for name in ("limit", "offset"):
        part = node.args.get(name)
        if part is not None and not (isinstance(part.expression, exp.Literal) and part.expression.is_int):
            return f"it has {name.upper()} of something other than a number"
    return None


def _of_one_row(node: exp.Expr) -> bool:
    """Return whether a query gives one row at most, of which a limit leaves all or none."""
    query = node.unnest() if isinstance(node, exp.Subquery) else node
    if not isinstance(query, exp.Select) or query.args.get("group") is not None:
        return False
    joins = query.args.get("joins") or []
    if is_aggregating(query):
        return True
    plain = all(str(join.args.get("side") or "").upper() in ("", "LEFT") for join in joins)
    sources = [part.this for part in (query.args.get("from_"), *joins) if part is not None]
    return plain and all(_of_one_row(source) for source in sources)


def _window(node: exp.Expr) -> str | None:
    ordered = node.args.get("order") is not None
    if not ordered and isinstance(node.this, exp.RowNumber | exp.Rank | exp.DenseRank | exp.Lag | exp.Lead):
        return f"it has {written(node.this)} without ORDER BY, whose order is any"
    return None


def _spec(node: exp.Expr) -> str | None:
    rows = str(node.args.get("kind") or "").upper() == "ROWS"
    for name in ("start", "end"):
        bound = node.args.get(name)
        if bound is not None and not isinstance(bound, str) and not (rows and isinstance(bound, exp.Literal)):
            return "it has a frame of a window that is bounded by values"
    return None


def _distinct(node: exp.Expr) -> str | None:
    if len(node.expressions) > 1:
        return "it has DISTINCT of several values"
    return "it has DISTINCT ON" if node.expressions and isinstance(node.parent, exp.Select) else None


def _grouped(node: exp.Expr) -> str | None:
    rollups = [each for each in node.expressions if isinstance(each, exp.Rollup)]
    if not rollups:
        return None
    keys = rollups[0].expressions
    if len(node.expressions) > 1 or len(set(keys)) < len(keys) or not all(isinstance(key, exp.Column) for key in keys):
        return "it has ROLLUP beside other keys, or of something other than columns"
    return None


def _grouping(node: exp.Expr) -> str | None:
    return None if len(node.expressions) == 1 else "it has grouping() of several keys"


def _star(node: exp.Expr) -> str | None:
    parent = node.parent
    return None if isinstance(parent, exp.Count | exp.Select | exp.Column) else "it has * in an expression"


_PARTICULAR: Final[dict[type[exp.Expr], Callable[[exp.Expr], str | None]]] = {
    exp.Join: _join,
    exp.Select: _limited,
    exp.Union: _limited,
    exp.Intersect: _limited,
    exp.Except: _limited,
    exp.Window: _window,
    exp.WindowSpec: _spec,
    exp.Distinct: _distinct,
    exp.Group: _grouped,
    exp.Grouping: _grouping,
    exp.Star: _star,
}

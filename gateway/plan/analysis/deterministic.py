"""Expressions that the engine can be asked about single values: deterministic ones over one row.

What is not listed here is not evaluated: it may be volatile, an aggregate, or look at other rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sqlglot import exp

_NODES: Final[frozenset[type[exp.Expr]]] = frozenset(
    {
        # Values and syntax.
        *(exp.Column, exp.Identifier, exp.Literal, exp.Null, exp.Boolean, exp.Placeholder, exp.Paren, exp.Var),
        *(exp.DataType, exp.DataTypeParam, exp.Interval, exp.Neg),
        # Conditions.
        *(exp.And, exp.Or, exp.Not, exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.Between, exp.In, exp.Is),
        *(exp.NullSafeEQ, exp.NullSafeNEQ, exp.Like, exp.ILike, exp.SimilarTo, exp.Escape, exp.RegexpLike),
        *(exp.StartsWith, exp.EndsWith, exp.Contains, exp.ArrayContains, exp.Array),
        # Choices.
        *(exp.Case, exp.If, exp.Coalesce, exp.Greatest, exp.Least, exp.Nullif),
        # Numbers and casts.
        *(exp.Cast, exp.TryCast, exp.Add, exp.Sub, exp.Mul, exp.Div, exp.IntDiv, exp.Mod, exp.Abs),
        *(exp.Floor, exp.Ceil, exp.Round, exp.Pow, exp.Sqrt, exp.Sign, exp.BitwiseAnd, exp.BitwiseOr, exp.BitwiseXor),
        # Texts.
        *(exp.Lower, exp.Upper, exp.Trim, exp.Length, exp.Substring, exp.Left, exp.Right, exp.Concat, exp.DPipe),
        *(exp.Replace, exp.StrPosition, exp.SplitPart, exp.Pad, exp.Reverse, exp.ConcatWs, exp.Format, exp.Ascii),
        *(exp.RegexpExtract, exp.RegexpReplace, exp.RegexpFullMatch, exp.ArraySize, exp.Split, exp.Collate, exp.Glob),
        *(exp.Bracket, exp.Slice, exp.Translate, exp.Repeat, exp.Chr, exp.Unicode, exp.Levenshtein, exp.MD5, exp.SHA2),
        # Dates and times.
        *(exp.Year, exp.Quarter, exp.Month, exp.Week, exp.Day, exp.DayOfMonth, exp.DayOfYear, exp.DayOfWeek),
        *(exp.DayOfWeekIso, exp.Hour, exp.Minute, exp.Dayname, exp.Monthname, exp.Extract, exp.TimestampTrunc),
        *(exp.DateTrunc, exp.DateBin, exp.DateDiff, exp.LastDay, exp.DateFromParts, exp.TimestampFromParts),
        *(exp.TimeToStr, exp.StrToTime, exp.UnixToTime, exp.TimeToUnix, exp.ToDays),
        *(exp.Date, exp.DateAdd, exp.DateSub, exp.AtTimeZone),
    }
)
_NAMES: Final = frozenset(
    {
        *("date_part", "datepart", "weekday", "isoyear", "yearweek", "era", "century", "decade", "millennium"),
        *("epoch_us", "epoch_ns", "prefix", "suffix", "ends_with", "second", "millisecond", "microsecond"),
        *(
            "datesub",
            "date_sub",
            "timezone",
            "to_hours",
            "to_minutes",
            "to_seconds",
            "to_weeks",
            "to_months",
            "to_years",
        ),
        *("printf", "bit_count", "isfinite", "isinf", "isnan", "gcd", "lcm", "ord", "to_base", "jaccard", "hamming"),
        *("jaro_similarity", "jaro_winkler_similarity", "damerau_levenshtein", "strip_accents", "nfc_normalize"),
        *("url_encode", "url_decode", "try_strptime"),
    }
)
"""Functions that sqlglot has no class for, NULL for NULL."""
_NEVER_NULL: Final = frozenset({"hash"})


def is_deterministic(node: exp.Expr, *others: type[exp.Expr]) -> bool:
    """Return whether *node* depends on nothing but its columns and parameters, all of them of one row.

    Nodes of *others* are allowed beside those that the engine can be asked about.
    """
    return all(type(part) in _NODES or isinstance(part, others) or _is_named(part) for part in node.walk())


def _is_named(node: exp.Expr) -> bool:
    if not isinstance(node, exp.Anonymous):
        return False
    # That of one argument alone is the age today.
    is_age = node.name.lower() == "age" and len(node.expressions) == 2
    return is_age or node.name.lower() in _NAMES or node.name.lower() in _NEVER_NULL


def columns_in(node: exp.Expr) -> Iterator[exp.Column]:
    """Walk the columns of an expression."""
    return node.find_all(exp.Column)


def is_constant(node: exp.Expr) -> bool:
    """Return whether an expression has no column."""
    return node.find(exp.Column) is None


_STRICT: Final = (
    *(exp.Identifier, exp.Paren, exp.Var, exp.DataType, exp.DataTypeParam, exp.Column, exp.Neg, exp.Not, exp.EQ),
    *(exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.Like, exp.ILike, exp.SimilarTo, exp.Escape, exp.RegexpLike),
    *(
        exp.RegexpFullMatch,
        exp.DPipe,
        exp.StartsWith,
        exp.EndsWith,
        exp.Contains,
        exp.Cast,
        exp.TryCast,
        exp.Add,
        exp.Sub,
        exp.Mul,
        exp.Mod,
    ),
    *(exp.Lower, exp.Upper, exp.Length, exp.Substring, exp.Left, exp.Right, exp.Year, exp.Quarter, exp.Month),
    *(exp.Week, exp.Day, exp.DayOfMonth, exp.DayOfYear, exp.DayOfWeek, exp.DayOfWeekIso, exp.Hour, exp.Minute),
    *(exp.Dayname, exp.Monthname, exp.Extract, exp.TimestampTrunc, exp.DateBin, exp.DateDiff, exp.LastDay),
    *(exp.DateFromParts, exp.TimeToStr, exp.UnixToTime, exp.TimeToUnix, exp.Anonymous),
    *(exp.Collate, exp.Glob, exp.Bracket, exp.Slice, exp.Translate, exp.Repeat, exp.Unicode, exp.Levenshtein, exp.MD5),
    *(exp.Trim, exp.Replace, exp.SplitPart, exp.RegexpReplace, exp.RegexpExtract, exp.StrToTime, exp.Abs, exp.IntDiv),
    *(exp.Date, exp.AtTimeZone, exp.Pad, exp.Reverse, exp.Floor, exp.Ceil, exp.Round, exp.Sign),
)
"""Nodes that are NULL where one of their operands is."""


def is_strict(node: exp.Expr) -> bool:
    """Return whether an expression is NULL wherever its column is; a condition, of any kind, not TRUE."""
    if isinstance(node, exp.In | exp.Between):
        rest = [part for part in node.iter_expressions() if part is not node.this]
        return is_strict(node.this) and all(is_constant(part) for part in rest)
    if is_constant(node):
        return True
    if isinstance(node, exp.Anonymous) and node.name.lower() in _NEVER_NULL:
        return False
    return isinstance(node, _STRICT) and all(is_strict(part) for part in node.iter_expressions())

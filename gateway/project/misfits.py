"""String literals that fail as the type the engine takes them for, such as ``'now'`` for a TIMESTAMP.

The engine's plan has the casts that it adds (``ts < 'now'`` becomes ``ts < CAST('now' AS TIMESTAMP)``); those that are
written are in the text. Each is tried by itself: no expression of the query is computed, which could take any time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from gateway.engine.binder import Binder, Unbindable
from gateway.model import TypedValue
from gateway.query.literals import has_texts, parts_of_dates, patterns, positions, written_casts

_CLOCK = {
    "now": "write now(), or CAST(now() AS …)",
    "today": "write current_date",
    "tomorrow": "write current_date + 1",
    "yesterday": "write current_date - 1",
}
_OTHERWISE = "write a value of that type, or TRY_CAST(… AS …), which makes NULL of it"


def misfits(binder: Binder, sql: str, parameters: Mapping[str, TypedValue]) -> Iterator[Unbindable]:
    """List the texts in *sql* that fail as what they are taken for, with the place of each."""
    if not has_texts(sql):
        return
    for text, type_ in dict.fromkeys([*binder.planned_casts(sql, parameters), *written_casts(sql)]):
        if binder.fails(f"CAST({_literal(text)} AS {type_})"):
            yield from _refusals(sql, text, f"is no {type_}", _CLOCK.get(text.strip().lower(), _OTHERWISE))
    for text in dict.fromkeys(parts_of_dates(sql)):
        if binder.fails(f"date_part({_literal(text)}, TIMESTAMP '2000-01-01')"):
            yield from _refusals(
                sql, text, "is no part of a date", "write 'year', 'month', 'day', 'hour' or another part"
            )
    for text in dict.fromkeys(patterns(sql)):
        if binder.fails(f"regexp_matches('', {_literal(text)})"):
            yield from _refusals(sql, text, "is no regular expression", "put a backslash before what stands for itself")


def _refusals(sql: str, text: str, what: str, hint: str) -> Iterator[Unbindable]:
    for position in positions(sql, text):
        yield Unbindable(f"{_literal(text[:60])} {what}", hint=hint, offset=position)


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
